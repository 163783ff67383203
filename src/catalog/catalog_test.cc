// SPDX-License-Identifier: Apache-2.0
#include "catalog/catalog.h"

#include <gtest/gtest.h>
#include <boost/asio.hpp>

#include <fstream>
#include <thread>

#include "catalog/testing.h"

namespace kinglet::catalog {
namespace {

using testing::data_source;
using testing::deploy;
using testing::pipe;
using testing::TempFolder;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class CatalogTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    catalog_.reset();
    catalog_ = testing::open(folder_.path());
    ASSERT_NE(catalog_, nullptr);
    workspace_ = catalog_->snapshot()->default_workspace_id;
  }
  template <class F>
  auto update(F f) {
    return catalog_->update_blocking(std::move(f));
  }
  SnapshotPtr now() const { return catalog_->snapshot(); }
  std::shared_ptr<const Workspace> workspace() const { return now()->default_workspace(); }

  TempFolder folder_;
  std::unique_ptr<Catalog> catalog_;
  std::string workspace_;
};

// ---- first start ------------------------------------------------------------------------------------------------

TEST_F(CatalogTest, FirstStartMakesTheDefaultWorkspaceAndItsTokens) {
  const auto snapshot = now();
  ASSERT_EQ(snapshot->workspaces.size(), 1U);
  EXPECT_EQ(workspace()->name, "Tinybird_Local_Testing");
  EXPECT_EQ(workspace()->database.size(), 15U);
  EXPECT_TRUE(workspace()->database.starts_with("ws_"));
  for (const char* name : {"workspace admin token", "admin local@kinglet.local", "create datasource token"})
    EXPECT_NE(workspace()->tokens->find_name(name), nullptr) << name;
  EXPECT_EQ(workspace()->tokens->by_id().size(), 3U);
  ASSERT_NE(snapshot->account->user_token, nullptr);
  ASSERT_NE(snapshot->account->admin_token, nullptr);
  EXPECT_EQ(snapshot->find_token(workspace()->admin_token->value)->workspace_id, workspace_);
  EXPECT_EQ(snapshot->find_token(snapshot->account->user_token->value)->workspace_id, "");
  EXPECT_EQ(snapshot->find_token("p.unknown.token"), nullptr);
  EXPECT_EQ(snapshot->find_token(""), nullptr);
}

TEST_F(CatalogTest, EverythingIsTheSameAfterARestart) {
  deploy(*catalog_, workspace_,
         {.files = {{"datasources/events.datasource", "text\nwith lines"}, {"pipes/top.pipe", ""}},
          .data_sources = {data_source("events", "TOKEN writer APPEND")},
          .pipes = {pipe("top", "TOKEN reader READ")},
          .feedback = {{"Datasource events.datasource", "WARNING", "a \"quoted\" word"}}});
  ASSERT_TRUE(update([&](Transaction& t) {
    return t.insert_job(workspace_, {.kind = "import",
                                     .status = JobStatus::working,
                                     .errors = {"a", "b"},
                                     .row_count = 7,
                                     .progress_percentage = 12.5});
  }));
  ASSERT_TRUE(update(
      [&](Transaction& t) { return t.write_variable(workspace_, "key", "value", VariableWrite::create, "me"); }));
  const auto before = now();
  const auto old = workspace();
  reopen();
  const auto same = workspace();
  EXPECT_EQ(same->id, old->id);
  EXPECT_EQ(same->database, old->database);
  EXPECT_EQ(same->created_at, old->created_at);
  EXPECT_EQ(same->admin_token->value, old->admin_token->value);
  EXPECT_EQ(now()->account->user_id, before->account->user_id);
  EXPECT_EQ(now()->account->email, before->account->email);
  EXPECT_EQ(now()->account->organization_id, before->account->organization_id);
  EXPECT_EQ(now()->account->user_token->value, before->account->user_token->value);
  EXPECT_EQ(now()->account->admin_token->value, before->account->admin_token->value);
  EXPECT_EQ(now()->token_index->size(), before->token_index->size());

  ASSERT_NE(same->data_source("events"), nullptr);
  const auto& source = *same->data_source("events");
  EXPECT_EQ(source.id, old->data_source("events")->id);
  EXPECT_EQ(source.text, old->data_source("events")->text);
  EXPECT_EQ(source.table, "table_events");
  EXPECT_EQ(source.quarantine_table, "table_events_quarantine");
  EXPECT_EQ(source.created_at, old->data_source("events")->created_at);
  ASSERT_EQ(source.definition.columns.size(), 2U);
  EXPECT_EQ(source.definition.columns[1].type, "String");
  ASSERT_NE(same->pipe("top"), nullptr);
  EXPECT_EQ(same->pipe("top")->node_ids, old->pipe("top")->node_ids);
  EXPECT_EQ(same->pipe("top")->definition.type, datafile::PipeType::endpoint);
  EXPECT_EQ(same->pipe("top")->definition.output_node, 1U);

  ASSERT_NE(same->live_deployment(), nullptr);
  EXPECT_EQ(same->live_deployment()->id, "1");
  EXPECT_EQ(same->live_deployment()->data_sources.created, std::vector<std::string>{"events"});
  EXPECT_EQ(same->live_deployment()->feedback.at(0).message, "a \"quoted\" word");
  const auto files = update([&](Transaction& t) { return t.deployment_files(workspace_, "1"); });
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[0].text, "text\nwith lines");
  EXPECT_EQ((*files)[1].text, "");
  ASSERT_EQ(same->jobs->size(), 1U);
  EXPECT_EQ(same->jobs->front()->status, JobStatus::working);
  EXPECT_EQ(same->jobs->front()->row_count, 7U);
  EXPECT_EQ(same->jobs->front()->progress_percentage, 12.5);
  EXPECT_EQ(same->jobs->front()->errors, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(same->jobs->front()->quarantine_rows, std::nullopt);
  EXPECT_EQ(catalog_->secret(*same, "key"), "value");
}

TEST(Catalog, ConfigurationCanFixTokenValues) {
  TempFolder folder;
  Options options{.folder = folder.path()};
  options.user_token = "user-token-fixed-0001";
  options.workspace_token = "workspace-token-fixed-0001";
  std::string former_id;
  {
    auto catalog = Catalog::open(options);
    ASSERT_TRUE(catalog) << catalog.error().message;
    EXPECT_EQ((*catalog)->snapshot()->account->user_token->value, "user-token-fixed-0001");
    former_id = (*catalog)->snapshot()->default_workspace()->admin_token->id;
  }
  options.workspace_token = "workspace-token-fixed-0002";
  auto catalog = Catalog::open(options);
  ASSERT_TRUE(catalog) << catalog.error().message;
  const auto snapshot = (*catalog)->snapshot();
  EXPECT_EQ(snapshot->find_token("workspace-token-fixed-0001"), nullptr) << "the value of the former start is dead";
  ASSERT_NE(snapshot->find_token("workspace-token-fixed-0002"), nullptr);
  EXPECT_EQ(snapshot->default_workspace()->admin_token->id, former_id);
}

TEST(Catalog, RefusesFixedTokensThatAreShortOrTaken) {
  TempFolder folder;
  Options options{.folder = folder.path()};
  options.user_token = "short";
  EXPECT_EQ(Catalog::open(options).error().code, Code::invalid);
  options.user_token = "the-same-token-twice";
  options.workspace_token = "the-same-token-twice";
  EXPECT_EQ(Catalog::open(options).error().code, Code::invalid);
  options.workspace_token = "with a\nline break inside";
  EXPECT_EQ(Catalog::open(options).error().code, Code::invalid);
}

// ---- the folder -------------------------------------------------------------------------------------------------

TEST_F(CatalogTest, R25SecondOpenerOfAFolderIsRefused) {
  auto second = Catalog::open({.folder = folder_.path()});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_EQ(second.error().message.find(folder_.path().string()), std::string::npos) << "no host path in a message";
  catalog_->stop();
  catalog_.reset();
  EXPECT_TRUE(Catalog::open({.folder = folder_.path()}));
}

TEST_F(CatalogTest, FilesAreReadableByTheirOwnerAlone) {
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
    EXPECT_EQ(entry.status().permissions() & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
              std::filesystem::perms::none)
        << entry.path();
}

TEST_F(CatalogTest, RefusesAFileThatIsNotACatalog) {
  catalog_.reset();
  std::ofstream(folder_.path() / "catalog.sqlite", std::ios::trunc) << std::string(4096, 'x');
  const std::string before = read_file(folder_.path() / "catalog.sqlite");
  auto opened = Catalog::open({.folder = folder_.path()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unavailable);
  EXPECT_EQ(read_file(folder_.path() / "catalog.sqlite"), before);
}

TEST_F(CatalogTest, FindsDamageInsideTheFile) {
  ASSERT_TRUE(update([&](Transaction& t) { return t.create_workspace("another"); }));
  catalog_.reset();
  const auto path = folder_.path() / "catalog.sqlite";
  std::string bytes = read_file(path);
  ASSERT_GT(bytes.size(), 8192U);
  for (std::size_t i = 4096; i < bytes.size(); i += 7) bytes[i] = static_cast<char>(bytes[i] ^ 0x5a);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  auto opened = Catalog::open({.folder = folder_.path()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unavailable);
}

// ---- workspaces -------------------------------------------------------------------------------------------------

TEST_F(CatalogTest, WorkspacesHaveTheirOwnDatabaseTokensAndName) {
  const auto made = update([](Transaction& t) { return t.create_workspace("other"); });
  ASSERT_TRUE(made);
  EXPECT_NE((*made)->database, workspace()->database);
  EXPECT_NE((*made)->admin_token->value, workspace()->admin_token->value);
  EXPECT_EQ(now()->workspace("other")->id, (*made)->id);
  EXPECT_EQ(now()->workspace((*made)->id)->name, "other");

  const std::string dead = (*made)->admin_token->value;
  const auto gone = update([&](Transaction& t) { return t.delete_workspace((*made)->id); });
  ASSERT_TRUE(gone);
  EXPECT_EQ((*gone)->database, (*made)->database);
  EXPECT_EQ(now()->find_token(dead), nullptr);
  EXPECT_EQ(now()->workspace("other"), nullptr);
  EXPECT_EQ(update([&](Transaction& t) { return t.delete_workspace((*made)->id); }).error().code, Code::not_found);
  const auto again = update([](Transaction& t) { return t.create_workspace("other"); });
  ASSERT_TRUE(again) << "the name is free at once";
  EXPECT_NE((*again)->database, (*made)->database);
  reopen();
  EXPECT_EQ(now()->workspaces.size(), 2U);
}

TEST_F(CatalogTest, BadWorkspaceNamesAreRefused) {
  const std::string longest(Limits::workspace_name_size_max, 'a');
  for (const std::string& name :
       {std::string(), std::string("main"), std::string("a b"), std::string("a/b"), std::string("a'b"),
        std::string("é"), longest + "a", std::string("Tinybird_Local_Testing")})
    EXPECT_EQ(update([&](Transaction& t) { return t.create_workspace(name); }).error().code, Code::invalid) << name;
  EXPECT_TRUE(update([&](Transaction& t) { return t.create_workspace(longest); }));
  EXPECT_EQ(update([&](Transaction& t) { return t.delete_workspace(workspace_); }).error().code, Code::invalid);
}

// ---- transactions -----------------------------------------------------------------------------------------------

TEST_F(CatalogTest, AFailedMutationChangesNothing) {
  const auto before = now();
  const auto failed = update([&](Transaction& t) -> Result<int> {
    TRY(const auto made, t.create_workspace("half"));
    TRY(const auto token, t.create_token(made->id, {.name = "half"}));
    EXPECT_NE(t.snapshot().find_token(token->value), nullptr);
    return fail(Code::invalid, "stop here");
  });
  EXPECT_EQ(failed.error().message, "stop here");
  EXPECT_EQ(now(), before);
  reopen();
  EXPECT_EQ(now()->workspaces.size(), 1U);
}

TEST_F(CatalogTest, SnapshotsNeverChangeOnceLoaded) {
  const auto before = now();
  const auto old = before->default_workspace();
  deploy(*catalog_, workspace_, {.data_sources = {data_source("events", "TOKEN t READ")}});
  ASSERT_TRUE(update([&](Transaction& t) { return t.create_workspace("other"); }));
  EXPECT_EQ(before->workspaces.size(), 1U);
  EXPECT_EQ(old->data_source("events"), nullptr);
  EXPECT_EQ(old->tokens->by_id().size(), 3U);
  EXPECT_EQ(old->deployments->size(), 0U);
  EXPECT_EQ(before->token_index->size(), 5U);
  EXPECT_GT(now()->version, before->version);
  EXPECT_NE(workspace()->data_source("events"), nullptr);
}

TEST_F(CatalogTest, CoroutinesResumeOnTheirOwnThreadAfterTheCommit) {
  asio::io_context io;
  const auto here = std::this_thread::get_id();
  int finished = 0;
  auto caller = [&](std::string name) -> Task<void> {
    auto change = [name](Transaction& t) { return t.create_workspace(name); };
    const auto made = co_await catalog_->update(std::move(change));
    EXPECT_TRUE(made);
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_NE(catalog_->snapshot()->workspace(name), nullptr) << "the caller reads its own write";
    ++finished;
  };
  for (int i = 0; i < 20; ++i) asio::co_spawn(io, caller(fmt::format("w{}", i)), asio::detached);
  io.run();
  EXPECT_EQ(finished, 20);
}

TEST_F(CatalogTest, AfterStopUpdatesAnswerUnavailable) {
  catalog_->stop();
  catalog_->stop();
  EXPECT_EQ(update([](Transaction& t) { return t.create_workspace("late"); }).error().code, Code::unavailable);
  EXPECT_NE(now()->default_workspace(), nullptr) << "reading still works";
}

TEST_F(CatalogTest, SnapshotsAreWholeUnderConcurrentReaders) {
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> reads = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop) {
        const auto snapshot = now();
        ASSERT_GE(snapshot->version, last);
        last = snapshot->version;
        const auto one = snapshot->default_workspace();
        // Both data sources come and go together.
        ASSERT_EQ(one->data_source("left") == nullptr, one->data_source("right") == nullptr);
        std::size_t tokens = snapshot->account->user_token != nullptr ? 2 : 0;
        for (const auto& [id, workspace] : snapshot->workspaces) tokens += workspace->tokens->by_id().size();
        ASSERT_EQ(tokens, snapshot->token_index->size());
        ++reads;
      }
    });
  for (int i = 0; i < 60; ++i) {
    if (i % 2 == 0)
      deploy(*catalog_, workspace_,
             {.data_sources = {data_source("left", "TOKEN a READ"), data_source("right", "TOKEN b READ")}});
    else
      deploy(*catalog_, workspace_, {.removed_data_sources = {"left", "right"}});
    ASSERT_TRUE(update([&](Transaction& t) { return t.refresh_token(workspace_, workspace_admin_token_name); }));
  }
  while (reads < 100) std::this_thread::yield();
  stop = true;
  for (auto& one : readers) one.join();
}

}  // namespace
}  // namespace kinglet::catalog
