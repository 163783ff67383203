// SPDX-License-Identifier: Apache-2.0
// A1: everything that is not a JWT signed with the workspace admin token is refused, with one text.
#include "auth/jwt.h"

#include <gtest/gtest.h>
#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/unique_keys.h"
#include "catalog/testing.h"

namespace kinglet::auth {
namespace {

using catalog::ScopeKind;

std::string hmac(const EVP_MD* digest, std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned int size = 0;
  HMAC(digest, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), out.data(), &size);
  return std::string(reinterpret_cast<const char*>(out.data()), size);
}

class JwtTest : public ::testing::Test {
 protected:
  void SetUp() override {
    catalog_ = catalog::testing::open(folder_.path());
    ASSERT_NE(catalog_, nullptr);
    id_ = catalog_->snapshot()->default_workspace_id;
    catalog::testing::deploy(
        *catalog_, id_,
        {.data_sources = {catalog::testing::data_source("events"), catalog::testing::data_source("other")},
         .pipes = {catalog::testing::pipe("top"), catalog::testing::pipe("low")}});
  }
  std::string key() const { return catalog_->snapshot()->default_workspace()->admin_token->value; }
  std::int64_t unix_now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(now_.time_since_epoch()).count();
  }
  json::object claims() const {
    return {{"workspace_id", id_},
            {"name", "session"},
            {"exp", unix_now() + 60},
            {"scopes", {{{"type", "PIPES:READ"}, {"resource", "top"}, {"fixed_params", {{"tenant", 42}}}}}}};
  }
  std::string sign_text(std::string_view header, std::string_view payload, std::string_view with) const {
    const std::string text = catalog::base64url_encode(header) + "." + catalog::base64url_encode(payload);
    return text + "." + catalog::base64url_encode(hmac(EVP_sha256(), with, text));
  }
  std::string sign(const json::object& payload, std::string_view header = R"({"alg":"HS256","typ":"JWT"})") const {
    return sign_text(header, json::write(payload), key());
  }
  Result<Access> check(std::string_view token) const { return authenticate(*catalog_->snapshot(), token, now_); }
  void expect_refused(std::string_view token, std::string_view what) const {
    const auto out = check(token);
    ASSERT_FALSE(out) << what;
    EXPECT_EQ(out.error().code, Code::unauthenticated) << what;
    EXPECT_EQ(out.error().message, "Invalid or expired token") << what;
  }

  catalog::testing::TempFolder folder_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::string id_;
  catalog::Time now_ = *catalog::parse_time("2026-03-02 10:00:00.5");
};

TEST_F(JwtTest, AGoodTokenBringsItsScopesAndFixedParameters) {
  auto payload = claims();
  payload["limits"] = {{"rps", 10}};
  payload["iat"] = unix_now() + 1000;  // ignored, and so are claims nobody knows
  payload["colour"] = "green";
  const auto access = check(sign(payload));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->identity().kind, TokenKind::jwt);
  EXPECT_EQ(access->identity().token_name, "session");
  EXPECT_EQ(access->identity().requests_per_second, 10);
  const auto top = access->readable_pipe("top");
  ASSERT_TRUE(top);
  EXPECT_EQ(access->fixed_params(**top).at("tenant"), 42);
  EXPECT_EQ(access->readable_pipe("low").error().code, Code::forbidden);
  for (const Status& status :
       {access->may_manage_tokens(), access->may_deploy(), access->may_manage_variables(), access->may_read_workspace(),
        access->may_list_workspaces(), access->may_manage_workspaces(), access->may_create_data_sources(),
        access->may_read_service_data_sources()})
    EXPECT_FALSE(status);
}

TEST_F(JwtTest, TheAlgHeaderMayBeMissingOrHs256) {
  EXPECT_TRUE(check(sign(claims(), "{}")));
  EXPECT_TRUE(check(sign(claims(), R"({"typ":"JWT"})")));
  EXPECT_TRUE(check(sign(claims(), R"({"alg":"HS256","kid":"../../etc/passwd"})"))) << "kid is not followed";
}

TEST_F(JwtTest, A1OtherAlgorithmsAreRefused) {
  for (const char* alg : {"none", "None", "NONE", "", "HS384", "HS512", "RS256", "ES256", "hs256", "HS256 "})
    expect_refused(sign(claims(), fmt::format(R"({{"alg":"{}"}})", alg)), alg);
  for (const char* header : {R"({"alg":null})", R"({"alg":["HS256"]})", R"({"alg":256})",
                             R"({"alg":"HS256","crit":["exp"]})", "[]", "", "null", R"("HS256")", R"({"alg":"HS256")"})
    expect_refused(sign_text(header, json::write(claims()), key()), header);
}

TEST_F(JwtTest, A1UnsignedAndWronglySignedTokensAreRefused) {
  const std::string good = sign(claims());
  const std::string head = good.substr(0, good.rfind('.'));
  expect_refused(head + ".", "empty signature");
  expect_refused(head, "two parts");
  expect_refused(catalog::base64url_encode(R"({"alg":"none"})") + head.substr(head.find('.')) + ".", "alg none");
  for (const std::string& other :
       {std::string(), key() + "x", key().substr(1), std::string("secret"),
        catalog_->snapshot()->account->user_token->value,
        catalog_->snapshot()->default_workspace()->tokens->find_name("admin local@kinglet.local")->value})
    expect_refused(sign_text(R"({"alg":"HS256"})", json::write(claims()), other), "another key");
  expect_refused(head + "." + catalog::base64url_encode(hmac(EVP_sha512(), key(), head)),
                 "SHA-512 under an HS256 header");
  expect_refused(head + "." + catalog::base64url_encode(hmac(EVP_sha256(), key(), head).substr(0, 31)),
                 "cut signature");
  expect_refused(head + "." + catalog::base64url_encode(hmac(EVP_sha256(), key(), head) + "x"), "longer signature");
  // Every bit of the signature counts, and every character of the signed text.
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bent = good;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    if (bent[i] != good[i]) EXPECT_FALSE(check(bent)) << i;
  }
}

TEST_F(JwtTest, A1AnEmbeddedKeyIsNotUsed) {
  const std::string header =
      fmt::format(R"({{"alg":"HS256","jwk":{{"kty":"oct","k":"{}"}},"jku":"http://127.0.0.1/k"}})",
                  catalog::base64url_encode("attacker"));
  expect_refused(sign_text(header, json::write(claims()), "attacker"), "jwk");
}

TEST_F(JwtTest, A1TimesAreChecked) {
  const auto with = [&](std::string_view claim, json::value value) {
    auto payload = claims();
    payload[claim] = std::move(value);
    return sign(payload);
  };
  expect_refused(with("exp", unix_now()), "expires now");
  expect_refused(with("exp", unix_now() - 1), "expired");
  EXPECT_TRUE(check(with("exp", unix_now() + 1))) << "no leeway in either direction";
  EXPECT_TRUE(check(with("exp", static_cast<double>(unix_now()) + 1.5))) << "some libraries sign fractions";
  for (const json::value& bad : {json::value("2099-01-01"), json::value(nullptr), json::value(true), json::value(-1),
                                 json::value(json::array{1})})
    expect_refused(with("exp", bad), json::write(bad));
  auto without = claims();
  without.erase("exp");
  expect_refused(sign(without), "no exp");
  expect_refused(with("nbf", unix_now() + 10), "not valid yet");
  EXPECT_TRUE(check(with("nbf", unix_now() - 10)));
  expect_refused(with("nbf", "soon"), "nbf is text");
}

TEST_F(JwtTest, A1RequiredClaimsMustBeThereAndWellFormed) {
  for (const char* claim : {"workspace_id", "name", "scopes"}) {
    auto payload = claims();
    payload.erase(claim);
    expect_refused(sign(payload), claim);
    payload[claim] = 7;
    expect_refused(sign(payload), claim);
    payload[claim] = "";
    expect_refused(sign(payload), claim);
  }
  auto payload = claims();
  payload["workspace_id"] = catalog::new_uuid();
  expect_refused(sign(payload), "unknown workspace");
  payload = claims();
  payload["name"] = std::string(JwtLimits::name_size_max + 1, 'a');
  expect_refused(sign(payload), "long name");
  payload = claims();
  payload["limits"] = {{"rps", "many"}};
  expect_refused(sign(payload), "rps is text");
  payload["limits"] = {{"rps", -5}};
  ASSERT_TRUE(check(sign(payload)));
  EXPECT_EQ(check(sign(payload))->identity().requests_per_second, 0) << "zero or less: no limit";
}

TEST_F(JwtTest, A1DuplicatedClaimsAreRefused) {
  const std::string body = json::write(claims());
  const std::string twice = R"({"workspace_id":"x",)" + body.substr(1);
  expect_refused(sign_text("{}", twice, key()), "workspace_id twice");
  std::string deep = body;
  deep.insert(deep.find(R"("type")"), R"("resource":"low",)");
  expect_refused(sign_text("{}", deep, key()), "resource twice");
  expect_refused(sign_text(R"({"alg":"HS256","alg":"HS256"})", body, key()), "alg twice");
  std::string escaped = body;
  escaped.insert(1, R"("\u0065xp":99999999999,)");
  expect_refused(sign_text("{}", escaped, key()), "exp twice, once escaped");
}

TEST_F(JwtTest, A1SizesAreBounded) {
  auto payload = claims();
  payload["padding"] = std::string(JwtLimits::token_size_max, 'x');
  expect_refused(sign(payload), "too long");
  expect_refused(std::string(100, '.'), "100 parts");
  expect_refused("a.b.c.d", "four parts");
  std::string nested(5000, '[');
  nested.append(5000, ']');
  expect_refused(sign_text("{}", nested, key()), "deep");
  const auto many = [&](std::size_t count) {
    auto with = claims();
    json::array scopes;
    for (std::size_t i = 0; i < count; ++i) scopes.push_back({{"type", "PIPES:READ"}, {"resource", "p"}});
    with["scopes"] = std::move(scopes);
    return sign(with);
  };
  EXPECT_TRUE(check(many(JwtLimits::scopes_max)));
  expect_refused(many(JwtLimits::scopes_max + 1), "too many scopes");
}

TEST_F(JwtTest, OnlyReadAndAppendScopesAndNothingMisplaced) {
  const auto with = [&](json::value scope) {
    auto payload = claims();
    payload["scopes"] = json::array{std::move(scope)};
    return sign(payload);
  };
  for (const ScopeKind kind : catalog::all_scope_kinds) {
    const bool allowed =
        kind == ScopeKind::pipes_read || kind == ScopeKind::data_sources_read || kind == ScopeKind::data_sources_append;
    const std::string token = with({{"type", catalog::scope_kind_name(kind)}, {"resource", "events"}});
    EXPECT_EQ(check(token).has_value(), allowed) << catalog::scope_kind_name(kind);
  }
  const json::value wrong[] = {
      {{"type", "PIPES:READ"}},
      {{"type", "PIPES:READ"}, {"resource", ""}},
      {{"type", "PIPES:READ"}, {"resource", {"top"}}},
      {{"type", "PIPES:READ"}, {"resource", "top"}, {"filter", "a = 1"}},
      {{"type", "PIPES:READ"}, {"resource", "top"}, {"fixed_params", json::array{1}}},
      {{"type", "PIPES:READ"}, {"resource", "top"}, {"fixed_params", {{"a", {{"b", 1}}}}}},
      {{"type", "DATASOURCES:READ"}, {"resource", "events"}, {"fixed_params", {{"a", 1}}}},
      {{"type", "DATASOURCES:READ"}, {"resource", "events"}, {"filter", ""}},
      {{"type", "DATASOURCES:READ"}, {"resource", "events"}, {"filter", 1}},
      {{"type", "DATASOURCES:APPEND"}, {"resource", "events"}, {"filter", "a = 1"}},
      "PIPES:READ:top",
  };
  for (const json::value& scope : wrong) expect_refused(with(scope), json::write(scope));
}

TEST_F(JwtTest, FiltersNarrowUnlessAScopeOfTheSameSourceHasNone) {
  const auto with = [&](json::array scopes) {
    auto payload = claims();
    payload["scopes"] = std::move(scopes);
    return *check(sign(payload));
  };
  const auto workspace = catalog_->snapshot()->default_workspace();
  const auto& events = *workspace->data_source("events");
  const json::object one{{"type", "DATASOURCES:READ"}, {"resource", "events"}, {"filter", "a = 1"}};
  const json::object two{{"type", "DATASOURCES:READ"}, {"resource", events.id}, {"filter", "a = 2"}};
  const json::object open{{"type", "DATASOURCES:READ"}, {"resource", "events"}};
  EXPECT_EQ(with({one}).filters(events), std::vector<std::string>{"a = 1"});
  EXPECT_EQ(with({one, two}).filters(events), (std::vector<std::string>{"a = 1", "a = 2"}));
  EXPECT_EQ(with({one, open}).filters(events), std::vector<std::string>{});
  EXPECT_TRUE(with({one}).may_read_data_source(events));
  EXPECT_FALSE(with({one}).may_read_quarantine(events)) << "the filter could not be kept there";
  EXPECT_FALSE(with({one}).may_append(events));
  EXPECT_FALSE(with({one}).may_read_data_source(*workspace->data_source("other")));
}

TEST_F(JwtTest, A2RefreshingTheAdminTokenEndsAllJwts) {
  const std::string token = sign(claims());
  ASSERT_TRUE(check(token));
  ASSERT_TRUE(catalog_->update_blocking(
      [&](catalog::Transaction& t) { return t.refresh_token(id_, catalog::workspace_admin_token_name); }));
  expect_refused(token, "old key");
  EXPECT_TRUE(check(sign(claims())));
}

TEST_F(JwtTest, A11AJwtOfOneWorkspaceIsNoneOfAnother) {
  const auto made = catalog_->update_blocking([](catalog::Transaction& t) { return t.create_workspace("foreign"); });
  ASSERT_TRUE(made);
  auto payload = claims();
  payload["workspace_id"] = (*made)->id;
  expect_refused(sign(payload), "signed with the key of another workspace");
  ASSERT_TRUE(catalog_->update_blocking([&](catalog::Transaction& t) { return t.delete_workspace((*made)->id); }));
  expect_refused(sign_text("{}", json::write(payload), (*made)->admin_token->value), "deleted workspace");
}

// ---- made by the server -----------------------------------------------------------------------------------------

TEST_F(JwtTest, WhatTheServerMakesItAccepts) {
  const auto scopes = json::parse(
      R"([{"type":"PIPES:READ","resource":"top","fixed_params":{"tenant":"a\"b","n":1.5,"on":true,"list":[1,2]}},
          {"type":"DATASOURCES:READ","resource":"events","filter":"tenant = 'é'"}])");
  ASSERT_TRUE(scopes);
  auto grants = parse_jwt_scopes(*scopes);
  ASSERT_TRUE(grants) << grants.error().message;
  const auto workspace = catalog_->snapshot()->default_workspace();
  const JwtClaims claims{.workspace_id = id_,
                         .name = "session_42",
                         .expires_at = unix_now() + 5,
                         .grants = *grants,
                         .requests_per_second = 7};
  const auto token = create_jwt(*workspace, claims, now_);
  ASSERT_TRUE(token) << token.error().message;
  const auto access = check(*token);
  ASSERT_TRUE(access);
  EXPECT_EQ(access->identity().token_name, "session_42");
  EXPECT_EQ(access->identity().requests_per_second, 7);
  const auto fixed = access->fixed_params(*workspace->pipe("top"));
  EXPECT_EQ(fixed.at("tenant"), "a\"b");
  EXPECT_EQ(fixed.at("n"), 1.5);
  EXPECT_EQ(fixed.at("list"), (json::array{1, 2}));
  EXPECT_EQ(access->filters(*workspace->data_source("events")), std::vector<std::string>{"tenant = 'é'"});

  // Another implementation reads it too.
  jwt_t* raw = nullptr;
  const std::string secret = key();
  ASSERT_EQ(jwt_decode(&raw, token->c_str(), reinterpret_cast<const unsigned char*>(secret.data()),
                       static_cast<int>(secret.size())),
            0);
  EXPECT_EQ(jwt_get_alg(raw), JWT_ALG_HS256);
  EXPECT_STREQ(jwt_get_grant(raw, "workspace_id"), id_.c_str());
  jwt_free(raw);
}

TEST_F(JwtTest, BadRequestsForAJwtAreExplained) {
  const auto workspace = catalog_->snapshot()->default_workspace();
  const Grant read{.scope = {.kind = ScopeKind::pipes_read, .resource = "top"}};
  const JwtClaims good{.workspace_id = id_, .name = "n", .expires_at = unix_now() + 5, .grants = {read}};
  ASSERT_TRUE(create_jwt(*workspace, good, now_));
  const auto refused = [&](auto change) {
    JwtClaims claims = good;
    change(claims);
    const auto out = create_jwt(*workspace, claims, now_);
    EXPECT_FALSE(out);
    return out ? Code::internal : out.error().code;
  };
  EXPECT_EQ(refused([](JwtClaims& c) { c.name = ""; }), Code::invalid);
  EXPECT_EQ(refused([&](JwtClaims& c) { c.expires_at = unix_now(); }), Code::invalid);
  EXPECT_EQ(refused([](JwtClaims& c) { c.expires_at = -1; }), Code::invalid);
  EXPECT_EQ(refused([](JwtClaims& c) { c.grants.clear(); }), Code::invalid);
  EXPECT_EQ(refused([&](JwtClaims& c) { c.grants.assign(JwtLimits::scopes_max + 1, read); }), Code::invalid);
  EXPECT_EQ(refused([](JwtClaims& c) {
              c.grants[0].fixed_params.emplace_back("x", std::string(JwtLimits::token_size_max, 'x'));
            }),
            Code::invalid);
  EXPECT_EQ(refused([](JwtClaims& c) {
              c.grants[0].fixed_params.emplace_back("x", std::numeric_limits<std::uint64_t>::max());
            }),
            Code::invalid);
  const auto wrong =
      parse_jwt_scopes(*json::parse(R"([{"type":"PIPES:READ","resource":"a"},{"type":"ADMIN","resource":"a"}])"));
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().message.starts_with("scopes[1]: Invalid scope type")) << wrong.error().message;
}

TEST(UniqueKeys, LooksAtEveryLevel) {
  EXPECT_TRUE(has_unique_keys(R"({"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]})"));
  EXPECT_FALSE(has_unique_keys(R"({"a":1,"b":2,"a":3})"));
  EXPECT_FALSE(has_unique_keys(R"({"b":{"x":1,"x":1}})"));
  EXPECT_FALSE(has_unique_keys(R"([{"x":1,"\u0078":1}])"));
  EXPECT_TRUE(has_unique_keys(R"({"":1,"a":"b","b":"a"})"));
  for (const char* text : {"", "{", R"({"a")", "{}x", "nul"}) EXPECT_FALSE(has_unique_keys(text)) << text;
}

}  // namespace
}  // namespace kinglet::auth
