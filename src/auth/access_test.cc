// SPDX-License-Identifier: Apache-2.0
// A3: every scope against every check; what authenticate() lets in.
#include "auth/access.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "auth/jwt.h"
#include "auth/scope_text.h"
#include "catalog/testing.h"

namespace kinglet::auth {
namespace {

using catalog::Scope;
using catalog::ScopeKind;
using catalog::testing::data_source;
using catalog::testing::deploy;
using catalog::testing::pipe;

class AccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    catalog_ = catalog::testing::open(folder_.path());
    ASSERT_NE(catalog_, nullptr);
    id_ = catalog_->snapshot()->default_workspace_id;
    deploy(*catalog_, id_,
           {.data_sources = {data_source("mine"), data_source("other")}, .pipes = {pipe("top"), pipe("low")}});
  }
  std::shared_ptr<const catalog::Workspace> workspace() const { return catalog_->snapshot()->default_workspace(); }
  /// A token with these scopes, authenticated from its text.
  Access access(std::vector<Scope> scopes) {
    const std::string name = catalog::new_uuid();
    auto made = catalog_->update_blocking(
        [&](catalog::Transaction& t) { return t.create_token(id_, {.name = name, .scopes = std::move(scopes)}); });
    EXPECT_TRUE(made);
    auto out = authenticate(*catalog_->snapshot(), (*made)->value, now_);
    EXPECT_TRUE(out);
    EXPECT_EQ(out->identity().token_id, (*made)->id);
    EXPECT_EQ(out->identity().token_name, name);
    return *out;
  }

  catalog::testing::TempFolder folder_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::string id_;
  catalog::Time now_ = *catalog::parse_time("2026-03-02 10:00:00");
};

/// What a caller can do, one letter each, in this order; '-' where refused.
/// a append mine, A append other, r read mine, R read other, q quarantine of mine, p read pipe top, P read pipe low,
/// d drop mine, c create data sources, C create pipes, t manage tokens, g hand out ADMIN, y deploy, w see the
/// workspace, s service data sources, o organization, v variables, W manage workspaces, l list workspaces
std::string rights(const Access& access, const catalog::Workspace& workspace) {
  const auto& mine = *workspace.data_source("mine");
  const auto& other = *workspace.data_source("other");
  const auto& top = *workspace.pipe("top");
  const auto& low = *workspace.pipe("low");
  std::string out;
  const auto add = [&](char letter, const Status& status) {
    EXPECT_TRUE(status || status.error().code == Code::forbidden);
    out += status ? letter : '-';
  };
  add('a', access.may_append(mine));
  add('A', access.may_append(other));
  add('r', access.may_read_data_source(mine));
  add('R', access.may_read_data_source(other));
  add('q', access.may_read_quarantine(mine));
  add('p', access.may_read_pipe(top));
  add('P', access.may_read_pipe(low));
  add('d', access.may_drop_data_source(mine));
  add('c', access.may_create_data_sources());
  add('C', access.may_create_pipes());
  add('t', access.may_manage_tokens());
  add('g', access.may_grant({.kind = ScopeKind::admin}));
  add('y', access.may_deploy());
  add('w', access.may_read_workspace());
  add('s', access.may_read_service_data_sources());
  add('o', access.may_read_organization());
  add('v', access.may_manage_variables());
  add('W', access.may_manage_workspaces());
  add('l', access.may_list_workspaces());
  return out;
}

TEST_F(AccessTest, A3EveryScopeAgainstEveryCheck) {
  struct Row {
    std::string_view scope;
    std::string_view allowed;
  };
  const Row table[] = {
      //                            aArRqpPdcCtgywsovWl
      {"ADMIN", "aArRqpPdcCtgyws-v-l"},
      {"TOKENS", "----------t--w-----"},
      {"WORKSPACE:READ_ALL", "--rRqpP------ws----"},
      {"WORKSPACE:DEPLOY", "------------yw-----"},
      {"ORG_DATASOURCES:READ", "-------------w-o---"},
      {"DATASOURCES:CREATE", "aA------c----w-----"},
      {"DATASOURCES:APPEND:mine", "a------------w-----"},
      {"DATASOURCES:READ:mine", "--r-q--------w-----"},
      {"DATASOURCES:DROP:mine", "-------d-----w-----"},
      {"PIPES:CREATE", "---------C---w-----"},
      {"PIPES:READ:top", "-----p-------w-----"},
      {"PIPES:DROP:top", "-------------w-----"},
  };
  std::set<ScopeKind> covered;
  for (const Row& row : table) {
    const auto scope = parse_scope(row.scope);
    ASSERT_TRUE(scope) << row.scope;
    covered.insert(scope->kind);
    EXPECT_EQ(rights(access({*scope}), *workspace()), row.allowed) << row.scope;
  }
  EXPECT_EQ(covered.size(), std::size(catalog::all_scope_kinds)) << "a scope is missing in the table";
  EXPECT_EQ(rights(access({}), *workspace()), "-------------w-----");
}

TEST_F(AccessTest, A3AccountTokensReachNoData) {
  const auto snapshot = catalog_->snapshot();
  const auto user = authenticate(*snapshot, snapshot->account->user_token->value, now_);
  ASSERT_TRUE(user);
  EXPECT_EQ(user->identity().kind, TokenKind::user);
  EXPECT_EQ(rights(*user, *workspace()), "-----------------Wl");
  EXPECT_EQ(user->require_workspace().error().code, Code::forbidden);
  EXPECT_EQ(user->readable_pipe("top").error().code, Code::forbidden);
  const auto admin = authenticate(*snapshot, snapshot->account->admin_token->value, now_);
  ASSERT_TRUE(admin);
  EXPECT_EQ(admin->identity().kind, TokenKind::admin);
  EXPECT_EQ(rights(*admin, *workspace()), "------------------l");
}

TEST_F(AccessTest, ScopesMayNameResourcesById) {
  const auto& mine = *workspace()->data_source("mine");
  const auto& top = *workspace()->pipe("top");
  EXPECT_EQ(rights(access({{.kind = ScopeKind::data_sources_append, .resource = mine.id},
                           {.kind = ScopeKind::pipes_read, .resource = top.id}}),
                   *workspace()),
            "a----p-------w-----");
}

TEST_F(AccessTest, AScopeForAPipeIsNoneForADataSourceOfThatName) {
  EXPECT_EQ(rights(access({{.kind = ScopeKind::pipes_read, .resource = "mine"},
                           {.kind = ScopeKind::data_sources_read, .resource = "top"}}),
                   *workspace()),
            "-------------w-----");
}

TEST_F(AccessTest, A3TokensScopeCannotRaiseItself) {
  const Access tokens = access({{.kind = ScopeKind::tokens}});
  for (const ScopeKind kind : catalog::all_scope_kinds) {
    const bool strong = kind == ScopeKind::admin || kind == ScopeKind::tokens || kind == ScopeKind::workspace_deploy ||
                        kind == ScopeKind::org_data_sources_read;
    EXPECT_EQ(tokens.may_grant({.kind = kind, .resource = "x"}).has_value(), !strong) << catalog::scope_kind_name(kind);
  }
}

TEST_F(AccessTest, A5UnknownAndNotGrantedReadAlike) {
  const Access one = access({{.kind = ScopeKind::pipes_read, .resource = "top"},
                             {.kind = ScopeKind::data_sources_read, .resource = "mine"},
                             {.kind = ScopeKind::data_sources_append, .resource = "mine"}});
  const auto same = [](const Error& there, std::string_view there_name, const Error& absent,
                       std::string_view absent_name) {
    EXPECT_EQ(there.code, absent.code);
    std::string text = there.message;
    for (std::size_t at; (at = text.find(there_name)) != text.npos;) text.replace(at, there_name.size(), absent_name);
    EXPECT_EQ(text, absent.message);
  };
  same(one.readable_pipe("low").error(), "low", one.readable_pipe("zzz").error(), "zzz");
  same(one.readable_data_source("other").error(), "other", one.readable_data_source("zzz").error(), "zzz");
  same(one.appendable_data_source("other").error(), "other", one.appendable_data_source("zzz").error(), "zzz");
  EXPECT_EQ(one.readable_pipe("low").error().code, Code::forbidden);
  EXPECT_EQ((*one.readable_pipe("top"))->name, "top");
  EXPECT_EQ((*one.readable_pipe(workspace()->pipe("top")->id))->name, "top");
  EXPECT_EQ((*one.appendable_data_source("mine"))->name, "mine");
}

TEST_F(AccessTest, WhoMayReadAllLearnsThatSomethingIsMissing) {
  const Access all = access({{.kind = ScopeKind::workspace_read_all}});
  EXPECT_EQ(all.readable_pipe("zzz").error().code, Code::not_found);
  EXPECT_EQ(all.readable_data_source("zzz").error().code, Code::not_found);
  EXPECT_EQ(all.appendable_data_source("zzz").error().code, Code::forbidden);
  const Access stale = access({{.kind = ScopeKind::pipes_read, .resource = "dropped"}});
  EXPECT_EQ(stale.readable_pipe("dropped").error().code, Code::not_found) << "its own scope names it";
}

TEST_F(AccessTest, A11ATokenOfAnotherWorkspaceSeesNothingHere) {
  const auto made = catalog_->update_blocking([](catalog::Transaction& t) { return t.create_workspace("foreign"); });
  ASSERT_TRUE(made);
  const auto admin = authenticate(*catalog_->snapshot(), (*made)->admin_token->value, now_);
  ASSERT_TRUE(admin);
  EXPECT_EQ(admin->workspace().name, "foreign");
  EXPECT_EQ(admin->readable_pipe("top").error().code, Code::not_found);
  EXPECT_EQ(admin->readable_pipe(workspace()->pipe("top")->id).error().code, Code::not_found);
  EXPECT_EQ(admin->appendable_data_source(workspace()->data_source("mine")->id).error().code, Code::not_found);
}

TEST_F(AccessTest, A5OneTextForEveryTokenThatIsNotKnown) {
  const std::string good = workspace()->admin_token->value;
  std::set<std::string> texts;
  for (const std::string& token :
       {good.substr(0, good.size() - 1), good + "x", std::string("p.x.y"), std::string("x"), std::string("a.b.c"),
        std::string(100'000, 'p'), std::string("p.\0.x", 5), good + " "}) {
    const auto out = authenticate(*catalog_->snapshot(), token, now_);
    ASSERT_FALSE(out) << token;
    EXPECT_EQ(out.error().code, Code::unauthenticated);
    texts.insert(out.error().message);
  }
  EXPECT_EQ(texts.size(), 1U);
  EXPECT_EQ(authenticate(*catalog_->snapshot(), "", now_).error().code, Code::unauthenticated);
}

TEST_F(AccessTest, A2ARefreshedTokenIsDeadInTheNextSnapshot) {
  const std::string value = workspace()->admin_token->value;
  ASSERT_TRUE(authenticate(*catalog_->snapshot(), value, now_));
  ASSERT_TRUE(catalog_->update_blocking(
      [&](catalog::Transaction& t) { return t.refresh_token(id_, catalog::workspace_admin_token_name); }));
  EXPECT_FALSE(authenticate(*catalog_->snapshot(), value, now_));
}

// ---- scope texts ------------------------------------------------------------------------------------------------

TEST(ScopeText, ReadsEveryForm) {
  EXPECT_EQ(parse_scope("ADMIN"), (Scope{.kind = ScopeKind::admin}));
  EXPECT_EQ(parse_scope("DATASOURCES:CREATE"), (Scope{.kind = ScopeKind::data_sources_create}));
  EXPECT_EQ(parse_scope("DATASOURCES:READ:events"),
            (Scope{.kind = ScopeKind::data_sources_read, .resource = "events"}));
  EXPECT_EQ(parse_scope("WORKSPACE:READ_ALL"), (Scope{.kind = ScopeKind::workspace_read_all}));
}

TEST(ScopeText, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "admin", "ADMIN ", "ADMINS", "DATASOURCES", "DATASOURCES:", "DATASOURCES:WRITE:x",
                           "PIPES:READ_ALL", "ADMIN:x", "WORKSPACE:READ_ALL:x", "TOKENS:"}) {
    const auto out = parse_scope(text);
    ASSERT_FALSE(out) << text;
    EXPECT_EQ(out.error().code, Code::invalid);
    EXPECT_TRUE(out.error().message.starts_with("Invalid scope type")) << text;
  }
  for (const char* text : {"PIPES:READ", "PIPES:READ:", "DATASOURCES:APPEND"}) EXPECT_FALSE(parse_scope(text)) << text;
}

TEST(ScopeText, FiltersOfStaticTokensAreRefused) {
  const auto out = parse_scope("DATASOURCES:READ:events:tenant = 1");
  ASSERT_FALSE(out);
  EXPECT_NE(out.error().message.find("JWT"), std::string::npos);
  EXPECT_FALSE(parse_scope("PIPES:READ:top:"));
}

TEST(ScopeText, EqualScopesCountOnce) {
  const std::vector<std::string> texts{"PIPES:READ:a", "ADMIN", "PIPES:READ:a"};
  EXPECT_EQ(parse_scopes(texts)->size(), 2U);
}

RC_GTEST_PROP(ScopeText, PrintsWhatItReads, ()) {
  const ScopeKind kind = *rc::gen::elementOf(
      std::vector<ScopeKind>(std::begin(catalog::all_scope_kinds), std::end(catalog::all_scope_kinds)));
  Scope scope{.kind = kind};
  if (catalog::has_resource(kind))
    scope.resource =
        *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::distinctFrom(rc::gen::inRange<char>(1, 127), ':')));
  const auto read = parse_scope(print_scope(scope));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == scope);
}

}  // namespace
}  // namespace kinglet::auth
