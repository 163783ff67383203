// SPDX-License-Identifier: Apache-2.0
// The life of a token, and how tokens of datafiles follow deployments.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "catalog/testing.h"

namespace kinglet::catalog {
namespace {

using testing::data_source;
using testing::deploy;
using testing::pipe;

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    catalog_ = testing::open(folder_.path());
    ASSERT_NE(catalog_, nullptr);
    workspace_ = catalog_->snapshot()->default_workspace_id;
  }
  void reopen() {
    catalog_.reset();
    SetUp();
  }
  template <class F>
  auto update(F f) {
    return catalog_->update_blocking(std::move(f));
  }
  Result<std::shared_ptr<const Token>> create(NewToken token) {
    return update([&](Transaction& t) { return t.create_token(workspace_, std::move(token)); });
  }
  std::shared_ptr<const Token> token(std::string_view name) const {
    return catalog_->snapshot()->default_workspace()->tokens->find_name(name);
  }
  const TokenPlace* place(std::string_view value) { return catalog_->snapshot()->find_token(value); }

  testing::TempFolder folder_;
  std::unique_ptr<Catalog> catalog_;
  std::string workspace_;
};

const Scope read_a{.kind = ScopeKind::data_sources_read, .resource = "a"};
const Scope append_a{.kind = ScopeKind::data_sources_append, .resource = "a"};
const Scope read_b{.kind = ScopeKind::data_sources_read, .resource = "b"};
const Scope read_top{.kind = ScopeKind::pipes_read, .resource = "top"};

TEST_F(TokenTest, IsFoundByIdNameAndValue) {
  const auto made = create({.name = "tracker", .description = "browser events", .scopes = {append_a}});
  ASSERT_TRUE(made);
  const auto snapshot = catalog_->snapshot();
  const auto& workspace = *snapshot->default_workspace();
  for (const std::string& reference : {(*made)->id, (*made)->name, (*made)->value})
    EXPECT_EQ(snapshot->token(workspace, reference), *made) << reference;
  EXPECT_EQ(snapshot->token(workspace, "trackers"), nullptr);
  EXPECT_EQ(place((*made)->value)->token, *made);
}

TEST_F(TokenTest, A2RefreshKillsTheOldValueAtOnceAndKeepsTheRest) {
  const auto made = create({.name = "tracker", .scopes = {append_a}});
  ASSERT_TRUE(made);
  const auto next = update([&](Transaction& t) { return t.refresh_token(workspace_, "tracker"); });
  ASSERT_TRUE(next);
  EXPECT_NE((*next)->value, (*made)->value);
  EXPECT_EQ((*next)->id, (*made)->id);
  EXPECT_EQ((*next)->scopes, (*made)->scopes);
  EXPECT_EQ(place((*made)->value), nullptr);
  EXPECT_NE(place((*next)->value), nullptr);
  reopen();
  EXPECT_EQ(place((*made)->value), nullptr);
  EXPECT_NE(place((*next)->value), nullptr);
}

TEST_F(TokenTest, A2DeleteAndFewerScopesWorkAtOnce) {
  const auto made = create({.name = "tracker", .scopes = {append_a, read_a}});
  ASSERT_TRUE(made);
  const auto fewer = update(
      [&](Transaction& t) { return t.update_token(workspace_, (*made)->id, {.scopes = std::vector<Scope>{read_a}}); });
  ASSERT_TRUE(fewer);
  EXPECT_EQ((*fewer)->value, (*made)->value);
  EXPECT_EQ(place((*made)->value)->token->scopes, std::vector<Scope>{read_a});
  EXPECT_TRUE(update([&](Transaction& t) { return t.delete_token(workspace_, (*made)->value); }));
  EXPECT_EQ(place((*made)->value), nullptr);
  EXPECT_EQ(update([&](Transaction& t) { return t.delete_token(workspace_, (*made)->id); }).error().code,
            Code::not_found);
  EXPECT_TRUE(create({.name = "tracker"})) << "the name is free again";
}

TEST_F(TokenTest, RenamesKeepNamesUnique) {
  ASSERT_TRUE(create({.name = "one"}));
  ASSERT_TRUE(create({.name = "two"}));
  const auto rename = [&](std::string from, std::string to) {
    return update([&](Transaction& t) { return t.update_token(workspace_, from, {.name = to}); });
  };
  EXPECT_EQ(rename("one", "two").error().code, Code::conflict);
  ASSERT_TRUE(rename("one", "three"));
  EXPECT_EQ(token("one"), nullptr);
  EXPECT_NE(token("three"), nullptr);
  EXPECT_TRUE(create({.name = "one"}));
  EXPECT_EQ(rename("workspace admin token", "x").error().code, Code::invalid);
}

TEST_F(TokenTest, WrongInputIsRefused) {
  EXPECT_EQ(create({.name = ""}).error().code, Code::invalid);
  EXPECT_EQ(create({.name = std::string(Limits::name_size_max + 1, 'a')}).error().code, Code::invalid);
  EXPECT_TRUE(create({.name = std::string(Limits::name_size_max, 'a')}));
  EXPECT_EQ(create({.name = "a\nb"}).error().code, Code::invalid);
  EXPECT_EQ(create({.name = "t", .description = std::string(Limits::description_size_max + 1, 'a')}).error().code,
            Code::invalid);
  EXPECT_EQ(create({.name = "t", .scopes = std::vector<Scope>(Limits::token_scopes_max + 1, read_a)}).error().code,
            Code::invalid);
  EXPECT_EQ(create({.name = "t", .scopes = {{.kind = ScopeKind::data_sources_read}}}).error().code, Code::invalid);
  EXPECT_EQ(create({.name = "t", .scopes = {{.kind = ScopeKind::admin, .resource = "x"}}}).error().code, Code::invalid);
  EXPECT_EQ(create({.name = "t", .scopes = {{.kind = ScopeKind::data_sources_read, .resource = "a", .filter = "1"}}})
                .error()
                .code,
            Code::invalid);
  EXPECT_EQ(create({.name = "workspace admin token"}).error().code, Code::conflict);
  EXPECT_EQ(update([&](Transaction& t) { return t.create_token("no-such-workspace", {.name = "t"}); }).error().code,
            Code::not_found);
}

TEST_F(TokenTest, TheWorkspaceAdminTokenStays) {
  const std::string name(workspace_admin_token_name);
  EXPECT_EQ(update([&](Transaction& t) { return t.delete_token(workspace_, name); }).error().code, Code::invalid);
  EXPECT_EQ(update([&](Transaction& t) { return t.update_token(workspace_, name, {.scopes = std::vector<Scope>{}}); })
                .error()
                .code,
            Code::invalid);
  const auto next = update([&](Transaction& t) { return t.refresh_token(workspace_, name); });
  ASSERT_TRUE(next);
  EXPECT_EQ(catalog_->snapshot()->default_workspace()->admin_token, *next) << "JWTs are checked with the new value";
}

TEST_F(TokenTest, A11TokensOfAnotherWorkspaceAreNotFound) {
  const auto other = update([](Transaction& t) { return t.create_workspace("other"); });
  ASSERT_TRUE(other);
  const auto foreign = (*other)->admin_token;
  for (const std::string& reference : {foreign->id, foreign->value}) {
    EXPECT_EQ(catalog_->snapshot()->token(*catalog_->snapshot()->default_workspace(), reference), nullptr);
    EXPECT_EQ(update([&](Transaction& t) { return t.refresh_token(workspace_, reference); }).error().code,
              Code::not_found);
    EXPECT_EQ(update([&](Transaction& t) { return t.delete_token(workspace_, reference); }).error().code,
              Code::not_found);
    EXPECT_EQ(update([&](Transaction& t) { return t.update_token(workspace_, reference, {.description = "x"}); })
                  .error()
                  .code,
              Code::not_found);
  }
  EXPECT_NE(place(foreign->value), nullptr);
}

// ---- tokens of datafiles ----------------------------------------------------------------------------------------

TEST_F(TokenTest, FileTokensGatherScopesAcrossFilesAndKeepTheirValue) {
  deploy(*catalog_, workspace_,
         {.data_sources = {data_source("a", "TOKEN app READ\nTOKEN app APPEND"), data_source("b", "TOKEN app READ")},
          .pipes = {pipe("top", "TOKEN \"app\" READ\nTOKEN \"other one\" READ")}});
  ASSERT_NE(token("app"), nullptr);
  EXPECT_EQ(token("app")->origin, TokenOrigin::datafile);
  EXPECT_EQ(token("app")->all_scopes(), (std::vector<Scope>{append_a, read_a, read_b, read_top}));
  ASSERT_NE(token("other one"), nullptr);
  const std::string value = token("app")->value;

  deploy(*catalog_, workspace_, {.data_sources = {data_source("a", "TOKEN app READ")}, .removed_data_sources = {"b"}});
  ASSERT_NE(token("app"), nullptr);
  EXPECT_EQ(token("app")->value, value) << "applications hold it";
  EXPECT_EQ(token("app")->all_scopes(), (std::vector<Scope>{read_a, read_top}));
  reopen();
  EXPECT_EQ(token("app")->all_scopes(), (std::vector<Scope>{read_a, read_top}));

  deploy(*catalog_, workspace_, {.removed_data_sources = {"a"}, .removed_pipes = {"top"}});
  EXPECT_EQ(token("app"), nullptr);
  EXPECT_EQ(token("other one"), nullptr);
  EXPECT_EQ(place(value), nullptr);
}

TEST_F(TokenTest, ApiTokensStayWhenFilesNoLongerNameThem) {
  const auto made = create({.name = "app", .scopes = {read_b}});
  ASSERT_TRUE(made);
  deploy(*catalog_, workspace_, {.data_sources = {data_source("a", "TOKEN app READ")}});
  EXPECT_EQ(token("app")->id, (*made)->id);
  EXPECT_EQ(token("app")->all_scopes(), (std::vector<Scope>{read_a, read_b}));
  deploy(*catalog_, workspace_, {.removed_data_sources = {"a"}});
  ASSERT_NE(token("app"), nullptr);
  EXPECT_EQ(token("app")->all_scopes(), std::vector<Scope>{read_b});
}

TEST_F(TokenTest, ApiChangesOfAFileTokenKeepWhatTheFilesSay) {
  deploy(*catalog_, workspace_, {.data_sources = {data_source("a", "TOKEN app READ")}});
  ASSERT_TRUE(update([&](Transaction& t) {
    return t.update_token(workspace_, "app", {.scopes = std::vector<Scope>{read_top, read_a}});
  }));
  EXPECT_EQ(token("app")->all_scopes(), (std::vector<Scope>{read_a, read_top}));
  deploy(*catalog_, workspace_, {.removed_data_sources = {"a"}});
  ASSERT_NE(token("app"), nullptr) << "it has a scope of its own now";
  EXPECT_EQ(token("app")->all_scopes(), std::vector<Scope>{read_top});
}

TEST_F(TokenTest, ADeletedFileTokenComesBackWithANewValue) {
  deploy(*catalog_, workspace_, {.data_sources = {data_source("a", "TOKEN app READ")}});
  const std::string value = token("app")->value;
  ASSERT_TRUE(update([&](Transaction& t) { return t.delete_token(workspace_, "app"); }));
  deploy(*catalog_, workspace_, {.pipes = {pipe("top")}});
  ASSERT_NE(token("app"), nullptr);
  EXPECT_NE(token("app")->value, value);
}

/// Whatever sequence of deployments: file tokens are exactly what the live files say.
TEST_F(TokenTest, FileTokensFollowTheLiveFiles) {
  // For each step and data source: 0 and 1 not in the project, 2 to 5 there, with or without r1 and r2.
  using Step = std::array<int, 3>;
  const auto wanted_after = [](const std::vector<Step>& steps, std::size_t count) {
    std::map<std::string, std::vector<Scope>> out;
    for (std::size_t source = 0; count > 0 && source < 3; ++source) {
      const int choice = steps[count - 1][source];
      if (choice < 2) continue;
      const Scope scope{.kind = ScopeKind::data_sources_read,
                        .resource = std::string(1, static_cast<char>('a' + source))};
      if ((choice - 2) & 1) out["r1"].push_back(scope);
      if ((choice - 2) & 2) out["r2"].push_back(scope);
    }
    return out;
  };
  // Returns what is wrong, or nothing. One transaction for all steps: a commit is slow, and the rules hold inside it
  // too.
  const auto wrong = [&](Transaction& t, const std::vector<Step>& steps) -> Result<std::string> {
    TRY(const auto made, t.create_workspace(new_uuid()));
    for (std::size_t step = 0; step < steps.size(); ++step) {
      DeploymentChange change;
      for (std::size_t source = 0; source < 3; ++source) {
        const std::string name(1, static_cast<char>('a' + source));
        const int choice = steps[step][source];
        if (choice < 2) {
          if (step > 0 && steps[step - 1][source] >= 2) change.removed_data_sources.push_back(name);
          continue;
        }
        const int readers = choice - 2;
        const std::string first = readers & 1 ? "TOKEN r1 READ" : "", second = readers & 2 ? "TOKEN r2 READ" : "";
        change.data_sources.push_back(data_source(name, first + (readers == 3 ? "\n" : "") + second));
      }
      TRY(const auto deployment, t.apply_deployment(made->id, std::move(change)));
      (void)deployment;
      const auto wanted = wanted_after(steps, step + 1);
      const auto now = t.snapshot().workspace(made->id);
      if (now->tokens->by_id().size() != 3 + wanted.size()) return "another number of tokens";
      for (const auto& [name, scopes] : wanted) {
        const auto found = now->tokens->find_name(name);
        if (!found || found->all_scopes() != scopes) return "other scopes for " + name;
        const TokenPlace* place = t.snapshot().find_token(found->value);
        if (place == nullptr || place->token != found) return "another token behind the value of " + name;
      }
    }
    return "";
  };
  EXPECT_TRUE(rc::check([&] {
    const auto steps = *rc::gen::container<std::vector<Step>>(rc::gen::container<Step>(rc::gen::inRange(0, 6)));
    const auto found = update([&](Transaction& t) -> Result<std::string> { return wrong(t, steps); });
    RC_ASSERT(found.has_value());
    RC_ASSERT(*found == "");
  }));
}

}  // namespace
}  // namespace kinglet::catalog
