// SPDX-License-Identifier: Apache-2.0
// modules: auth
// JWTs from outside: no input crashes, none gets in without the key, and what a signed one says is read within limits.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/jwt.h"
#include "auth/scope_text.h"
#include "base/check.h"

namespace {

using namespace kinglet;

constexpr std::string_view workspace_id = "5a70f2f5-0000-4000-8000-7b50362d4e2f";
constexpr std::string_view key = "p.key.of-the-workspace-admin-token";

std::shared_ptr<catalog::Snapshot> make_snapshot() {
  const auto token = [](std::string value) {
    auto out = std::make_shared<catalog::Token>();
    out->id = value;
    out->value = std::move(value);
    return out;
  };
  auto workspace = std::make_shared<catalog::Workspace>();
  workspace->id = workspace_id;
  workspace->admin_token = token(std::string(key));
  workspace->resources = std::make_shared<catalog::Resources>();
  auto account = std::make_shared<catalog::Account>();
  account->user_token = token("user");
  account->admin_token = token("admin");
  auto snapshot = std::make_shared<catalog::Snapshot>();
  snapshot->account = std::move(account);
  snapshot->workspaces.emplace(workspace_id, std::move(workspace));
  snapshot->token_index = std::make_shared<catalog::TokenIndex>();
  return snapshot;
}

std::string sign(std::string_view header, std::string_view payload) {
  const std::string text = catalog::base64url_encode(header) + "." + catalog::base64url_encode(payload);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest, &size);
  return text + "." + catalog::base64url_encode(std::string_view(reinterpret_cast<char*>(digest), size));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto snapshot = make_snapshot();
  const catalog::Time now{std::chrono::seconds(1'700'000'000)};
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  // As it came: the key is not in the input, so nothing gets in.
  CHECK(!auth::authenticate(*snapshot, text, now), "a token that nobody signed is refused");

  // As header and payload, signed: may get in, and then says nothing beyond what the rules allow.
  const std::size_t line = text.find('\n');
  const std::string_view header = line == text.npos ? "{}" : text.substr(0, line);
  const std::string_view payload = line == text.npos ? text : text.substr(line + 1);
  if (const auto access = auth::authenticate(*snapshot, sign(header, payload), now)) {
    CHECK(access->identity().kind == auth::TokenKind::jwt, "a signed text is a JWT");
    CHECK(access->identity().grants.size() <= auth::JwtLimits::scopes_max, "scopes are bounded");
    CHECK(!access->is_admin() && !access->reads_all() && !access->may_manage_tokens() && !access->may_deploy(),
          "a JWT holds no scope beyond its resources");
    // Made again by us, it says the same.
    const auth::Identity& who = access->identity();
    const auto again = auth::create_jwt(*who.workspace,
                                        {.workspace_id = who.workspace->id,
                                         .name = who.token_name,
                                         .expires_at = 4'000'000'000,
                                         .grants = who.grants,
                                         .requests_per_second = who.requests_per_second},
                                        now);
    if (again) {
      const auto same = auth::authenticate(*snapshot, *again, now);
      CHECK(same && same->identity().grants.size() == who.grants.size(), "what we make, we accept");
      for (std::size_t i = 0; i < who.grants.size(); ++i)
        CHECK(same->identity().grants[i].scope == who.grants[i].scope, "scopes survive the round trip");
    }
  }

  if (const auto scope = auth::parse_scope(text)) {
    const auto again = auth::parse_scope(auth::print_scope(*scope));
    CHECK(again && *again == *scope, "print and parse are inverse");
  }
  return 0;
}
