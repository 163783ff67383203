// SPDX-License-Identifier: Apache-2.0
// Deployments, jobs and secrets.
#include <gtest/gtest.h>

#include <fstream>

#include "catalog/secret_box.h"
#include "catalog/testing.h"

namespace kinglet::catalog {
namespace {

using testing::data_source;
using testing::deploy;
using testing::pipe;

class RecordTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    catalog_.reset();
    Options options{.folder = folder_.path()};
    options.now = [this] { return clock_; };
    auto opened = Catalog::open(std::move(options));
    ASSERT_TRUE(opened) << opened.error().message;
    catalog_ = std::move(*opened);
    workspace_ = catalog_->snapshot()->default_workspace_id;
  }
  template <class F>
  auto update(F f) {
    return catalog_->update_blocking(std::move(f));
  }
  std::shared_ptr<const Workspace> workspace() const { return catalog_->snapshot()->default_workspace(); }

  testing::TempFolder folder_;
  std::unique_ptr<Catalog> catalog_;
  std::string workspace_;
  Time clock_ = *parse_time("2026-03-02 10:00:00");
};

// ---- deployments ------------------------------------------------------------------------------------------------

TEST_F(RecordTest, ADeploymentReplacesTheLiveOne) {
  const auto first = deploy(*catalog_, workspace_, {.data_sources = {data_source("a")}, .pipes = {pipe("top")}});
  const auto kept = workspace()->data_source("a");
  const auto former_pipe = workspace()->pipe("top");
  clock_ += std::chrono::minutes(1);
  const auto second =
      deploy(*catalog_, workspace_,
             {.is_build = true, .data_sources = {data_source("b")}, .pipes = {pipe("top", "", "SELECT 2")}});
  EXPECT_EQ(first->id, "1");
  EXPECT_EQ(second->id, "2");
  EXPECT_TRUE(second->is_build);
  EXPECT_TRUE(second->live);
  EXPECT_EQ(second->data_sources.created, std::vector<std::string>{"b"});
  EXPECT_EQ(second->pipes.changed, std::vector<std::string>{"top"});
  EXPECT_EQ(workspace()->live_deployment()->id, "2");
  EXPECT_EQ(workspace()->deployment("1")->status, DeploymentStatus::deleted);
  EXPECT_FALSE(workspace()->deployment("1")->live);
  EXPECT_EQ(workspace()->data_source("a"), kept) << "what a deployment does not name stays the same object";
  const auto changed = workspace()->pipe("top");
  EXPECT_EQ(changed->id, former_pipe->id);
  EXPECT_EQ(changed->node_ids, former_pipe->node_ids);
  EXPECT_EQ(changed->created_at, former_pipe->created_at);
  EXPECT_EQ(changed->updated_at, clock_);
  EXPECT_EQ(workspace()->resources->version, catalog_->snapshot()->version);
}

TEST_F(RecordTest, ResourcesAreFoundByNameAndById) {
  deploy(*catalog_, workspace_, {.data_sources = {data_source("a")}, .pipes = {pipe("top")}});
  const auto now = workspace();
  EXPECT_EQ(now->data_source(now->data_source("a")->id), now->data_source("a"));
  EXPECT_EQ(now->pipe(now->pipe("top")->id), now->pipe("top"));
  EXPECT_EQ(now->data_source("top"), nullptr);
  EXPECT_EQ(now->pipe("A"), nullptr) << "names are case sensitive";
  const std::string gone = now->data_source("a")->id;
  deploy(*catalog_, workspace_, {.removed_data_sources = {"a"}});
  EXPECT_EQ(workspace()->data_source(gone), nullptr);
  EXPECT_EQ(workspace()->data_source("a"), nullptr);
}

TEST_F(RecordTest, A11IdsOfAnotherWorkspaceAreNotFound) {
  const auto other = update([](Transaction& t) { return t.create_workspace("other"); });
  ASSERT_TRUE(other);
  const std::string other_id = (*other)->id;
  deploy(*catalog_, other_id, {.data_sources = {data_source("a")}, .pipes = {pipe("top")}});
  const auto job = update([&](Transaction& t) { return t.insert_job(other_id, {.kind = "import"}); });
  ASSERT_TRUE(job);
  const auto foreign = catalog_->snapshot()->workspace("other");
  EXPECT_EQ(workspace()->data_source(foreign->data_source("a")->id), nullptr);
  EXPECT_EQ(workspace()->pipe(foreign->pipe("top")->id), nullptr);
  EXPECT_EQ(workspace()->deployment("1"), nullptr);
  EXPECT_EQ(workspace()->job((*job)->id), nullptr);
  EXPECT_EQ(update([&](Transaction& t) { return t.update_job(workspace_, **job); }).error().code, Code::not_found);
  EXPECT_EQ(update([&](Transaction& t) { return t.deployment_files(workspace_, "1"); }).error().code, Code::not_found);
  EXPECT_EQ(update([&](Transaction& t) { return t.set_deployment_status(workspace_, "1", DeploymentStatus::deleted); })
                .error()
                .code,
            Code::not_found);
}

TEST_F(RecordTest, NamesAreSharedBetweenDataSourcesAndPipes) {
  deploy(*catalog_, workspace_, {.data_sources = {data_source("a")}});
  const auto clash = update([&](Transaction& t) { return t.apply_deployment(workspace_, {.pipes = {pipe("a")}}); });
  EXPECT_EQ(clash.error().code, Code::conflict);
  EXPECT_EQ(workspace()->pipe("a"), nullptr);
  EXPECT_EQ(workspace()->deployments->size(), 1U) << "a failed deployment leaves no record of its own";
  const auto moved = deploy(*catalog_, workspace_, {.pipes = {pipe("a")}, .removed_data_sources = {"a"}});
  ASSERT_NE(moved, nullptr);
  EXPECT_EQ(workspace()->data_source("a"), nullptr);
  EXPECT_NE(workspace()->pipe("a"), nullptr);
}

TEST_F(RecordTest, AResourceMayNotTakeTheIdOfAnother) {
  deploy(*catalog_, workspace_, {.data_sources = {data_source("a")}});
  auto thief = data_source("b");
  thief.id = workspace()->data_source("a")->id;
  EXPECT_EQ(
      update([&](Transaction& t) { return t.apply_deployment(workspace_, {.data_sources = {thief}}); }).error().code,
      Code::conflict);
  EXPECT_EQ(
      update([&](Transaction& t) { return t.apply_deployment(workspace_, {.removed_data_sources = {"never there"}}); })
          .error()
          .code,
      Code::conflict);
}

TEST_F(RecordTest, ARecordedDeploymentCanBecomeLiveOnce) {
  const auto staged = update([&](Transaction& t) {
    return t.record_deployment(workspace_,
                               {.id = "",
                                .status = DeploymentStatus::data_ready,
                                .data_sources = {},
                                .pipes = {},
                                .connections = {},
                                .feedback = {}},
                               {{"a.datasource", "text"}});
  });
  ASSERT_TRUE(staged);
  EXPECT_FALSE((*staged)->live);
  EXPECT_EQ(workspace()->live_deployment(), nullptr);
  const auto live = deploy(*catalog_, workspace_, {.deployment_id = (*staged)->id, .data_sources = {data_source("a")}});
  EXPECT_EQ(live->id, (*staged)->id);
  EXPECT_EQ(workspace()->live_deployment()->id, (*staged)->id);
  const auto files = update([&](Transaction& t) { return t.deployment_files(workspace_, live->id); });
  ASSERT_TRUE(files);
  EXPECT_EQ(files->at(0).text, "text");
  EXPECT_EQ(
      update([&](Transaction& t) { return t.apply_deployment(workspace_, {.deployment_id = live->id}); }).error().code,
      Code::conflict);
  EXPECT_EQ(
      update([&](Transaction& t) { return t.set_deployment_status(workspace_, live->id, DeploymentStatus::deleted); })
          .error()
          .code,
      Code::conflict)
      << "the live deployment cannot be deleted";
}

TEST_F(RecordTest, FailedDeploymentsStayReadableWithTheirFeedback) {
  const auto made = update([&](Transaction& t) { return t.record_deployment(workspace_, {}, {}); });
  ASSERT_TRUE(made);
  ASSERT_TRUE(update([&](Transaction& t) {
    return t.set_deployment_status(workspace_, (*made)->id, DeploymentStatus::deleted,
                                   {{"Datasource a.datasource", "ERROR", "needs a FORWARD_QUERY"}});
  }));
  reopen();
  ASSERT_NE(workspace()->deployment("1"), nullptr);
  EXPECT_EQ(workspace()->deployment("1")->status, DeploymentStatus::deleted);
  EXPECT_EQ(workspace()->deployment("1")->feedback.at(0).message, "needs a FORWARD_QUERY");
}

TEST_F(RecordTest, OldDeploymentsAreForgottenButIdsNeverRepeat) {
  const std::size_t count = Limits::deployments_kept_max + 5;
  ASSERT_TRUE(update([&](Transaction& t) -> Result<int> {
    for (std::size_t i = 0; i < count; ++i) {
      TRY(const auto made, t.apply_deployment(workspace_, {.files = {{"f", "x"}}}));
      (void)made;
    }
    return 0;
  }));
  EXPECT_EQ(workspace()->deployments->size(), Limits::deployments_kept_max + 1) << "the live one counts extra";
  EXPECT_EQ(workspace()->live_deployment()->id, std::to_string(count));
  EXPECT_EQ(workspace()->deployment("1"), nullptr);
  reopen();
  EXPECT_EQ(workspace()->deployments->size(), Limits::deployments_kept_max + 1);
  EXPECT_EQ(deploy(*catalog_, workspace_, {})->id, std::to_string(count + 1));
}

// ---- jobs -------------------------------------------------------------------------------------------------------

TEST_F(RecordTest, JobsAreListedNewestFirstForTwoDaysAtMostAHundred) {
  const auto insert = [&](Job job) {
    auto made = update([&](Transaction& t) { return t.insert_job(workspace_, std::move(job)); });
    EXPECT_TRUE(made);
    return *made;
  };
  const auto old = insert({.kind = "import", .status = JobStatus::done});
  clock_ += std::chrono::hours(40);
  const auto copy = insert({.kind = "copy", .status = JobStatus::working, .pipe_name = "p"});
  EXPECT_EQ(workspace()->list_jobs({}, clock_), (JobList{copy, old}));
  EXPECT_EQ(workspace()->list_jobs({.kind = "import"}, clock_), (JobList{old}));
  EXPECT_EQ(workspace()->list_jobs({.status = "working"}, clock_), (JobList{copy}));
  EXPECT_EQ(workspace()->list_jobs({.pipe_name = "q"}, clock_), (JobList{}));
  EXPECT_EQ(workspace()->list_jobs({.created_before = clock_ - std::chrono::hours(1)}, clock_), (JobList{old}));
  clock_ += std::chrono::hours(9);
  EXPECT_EQ(workspace()->list_jobs({}, clock_), (JobList{copy}));
  EXPECT_EQ(workspace()->job(old->id), old) << "still there for one that knows its id";
  ASSERT_TRUE(update([&](Transaction& t) -> Result<int> {
    for (int i = 0; i < 120; ++i) {
      TRY(const auto made, t.insert_job(workspace_, {.kind = "import"}));
      (void)made;
    }
    return 0;
  }));
  EXPECT_EQ(workspace()->list_jobs({}, clock_).size(), Limits::jobs_listed_max);
}

TEST_F(RecordTest, AJobKeepsWhatAnUpdateMayNotChange) {
  const auto made = update([&](Transaction& t) { return t.insert_job(workspace_, {.kind = "import"}); });
  ASSERT_TRUE(made);
  Job next = **made;
  clock_ += std::chrono::seconds(3);
  next.status = JobStatus::done;
  next.created_at = clock_;
  next.row_count = std::numeric_limits<std::uint64_t>::max();
  const auto done = update([&](Transaction& t) { return t.update_job(workspace_, next); });
  ASSERT_TRUE(done);
  EXPECT_EQ((*done)->created_at, (*made)->created_at);
  EXPECT_EQ((*done)->updated_at, clock_);
  reopen();
  EXPECT_EQ(workspace()->job((*made)->id)->row_count, std::numeric_limits<std::uint64_t>::max());
}

TEST_F(RecordTest, OnlyFinishedJobsAreForgotten) {
  const auto running = update(
      [&](Transaction& t) { return t.insert_job(workspace_, {.kind = "import", .status = JobStatus::working}); });
  ASSERT_TRUE(running);
  clock_ += std::chrono::seconds(1);
  ASSERT_TRUE(update([&](Transaction& t) -> Result<int> {
    for (std::size_t i = 0; i < Limits::jobs_kept_max + 3; ++i) {
      TRY(const auto made, t.insert_job(workspace_, {.kind = "copy", .status = JobStatus::done}));
      (void)made;
    }
    return 0;
  }));
  EXPECT_EQ(workspace()->jobs->size(), Limits::jobs_kept_max + 1);
  EXPECT_NE(workspace()->job((*running)->id), nullptr);
  reopen();
  EXPECT_EQ(workspace()->jobs->size(), Limits::jobs_kept_max + 1);
}

// ---- secrets ----------------------------------------------------------------------------------------------------

TEST_F(RecordTest, A8SecretsAreEncryptedAtRestAndReadableOnlyHere) {
  const std::string value = "correct horse battery staple";
  ASSERT_TRUE(update([&](Transaction& t) {
    return t.write_variable(workspace_, "pg_password", value, VariableWrite::create, "ana");
  }));
  EXPECT_EQ(catalog_->secret(*workspace(), "pg_password"), value);
  EXPECT_EQ(catalog_->secret(*workspace(), "PG_PASSWORD").error().code, Code::not_found);
  EXPECT_EQ(workspace()->variables->at("pg_password").sealed_value.find("horse"), std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    EXPECT_EQ(bytes.find("horse"), std::string::npos) << entry.path();
  }
  reopen();
  EXPECT_EQ(catalog_->secret(*workspace(), "pg_password"), value);
}

TEST_F(RecordTest, A8ASealedValueFitsOnlyItsOwnPlace) {
  const auto other = update([](Transaction& t) { return t.create_workspace("other"); });
  ASSERT_TRUE(other);
  ASSERT_TRUE(
      update([&](Transaction& t) { return t.write_variable(workspace_, "key", "secret", VariableWrite::create, ""); }));
  Workspace thief = **other;
  thief.variables = workspace()->variables;
  EXPECT_EQ(catalog_->secret(thief, "key").error().code, Code::internal);
}

TEST_F(RecordTest, VariablesKeepTheirRules) {
  const auto write = [&](std::string name, std::string value, VariableWrite mode) {
    return update([&](Transaction& t) { return t.write_variable(workspace_, name, value, mode, ""); });
  };
  EXPECT_EQ(write("key", "1", VariableWrite::replace).error().code, Code::not_found);
  ASSERT_TRUE(write("key", "1", VariableWrite::create));
  EXPECT_EQ(write("key", "2", VariableWrite::create).error().code, Code::conflict);
  ASSERT_TRUE(write("key", "3", VariableWrite::replace));
  EXPECT_EQ(catalog_->secret(*workspace(), "key"), "3");
  for (const char* name : {"", "a b", "a-b", "a'b", "ä"})
    EXPECT_EQ(write(name, "1", VariableWrite::create).error().code, Code::invalid) << name;
  EXPECT_TRUE(write("empty", "", VariableWrite::create));
  EXPECT_EQ(catalog_->secret(*workspace(), "empty"), "");
  EXPECT_TRUE(write("longest", std::string(Limits::variable_value_size_max, '\0'), VariableWrite::create));
  EXPECT_EQ(catalog_->secret(*workspace(), "longest")->size(), Limits::variable_value_size_max);
  EXPECT_EQ(write("longer", std::string(Limits::variable_value_size_max + 1, 'a'), VariableWrite::create).error().code,
            Code::invalid);
  EXPECT_TRUE(update([&](Transaction& t) { return t.delete_variable(workspace_, "key"); }));
  EXPECT_EQ(update([&](Transaction& t) { return t.delete_variable(workspace_, "key"); }).error().code, Code::not_found);
  for (std::size_t i = workspace()->variables->size(); i < Limits::variables_max; ++i)
    ASSERT_TRUE(write(fmt::format("v{}", i), "", VariableWrite::create));
  EXPECT_EQ(write("one_more", "", VariableWrite::create).error().code, Code::invalid);
  EXPECT_TRUE(write("v50", "changed", VariableWrite::replace)) << "the limit counts names, not writes";
}

TEST_F(RecordTest, AMissingKeyFileIsSaidAtOnceAndNeverReplaced) {
  ASSERT_TRUE(
      update([&](Transaction& t) { return t.write_variable(workspace_, "key", "1", VariableWrite::create, ""); }));
  catalog_.reset();
  const auto key = folder_.path() / "secrets.key";
  std::filesystem::rename(key, folder_.path() / "kept");
  auto opened = Catalog::open({.folder = folder_.path()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unavailable);
  EXPECT_FALSE(std::filesystem::exists(key));
  std::ofstream(key) << "short";
  EXPECT_FALSE(Catalog::open({.folder = folder_.path()}));
  std::filesystem::rename(folder_.path() / "kept", key);
  reopen();
  EXPECT_EQ(catalog_->secret(*workspace(), "key"), "1");
}

TEST(SecretBox, DamageIsNoticed) {
  testing::TempFolder folder;
  const auto box = internal::SecretBox::create(folder.path() / "key");
  ASSERT_TRUE(box);
  const std::string sealed = box->seal("place", "value");
  EXPECT_NE(sealed, box->seal("place", "value")) << "a new nonce each time";
  EXPECT_EQ(box->unseal("place", sealed), "value");
  std::string raw = *base64url_decode(sealed);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    std::string bent = raw;
    bent[i] = static_cast<char>(bent[i] ^ 1);
    EXPECT_FALSE(box->unseal("place", base64url_encode(bent))) << i;
  }
  for (const std::string& text : {std::string(), std::string("!"), sealed.substr(0, 20), sealed + "AA"})
    EXPECT_FALSE(box->unseal("place", text)) << text;
  const auto other = internal::SecretBox::create(folder.path() / "other");
  ASSERT_TRUE(other);
  EXPECT_FALSE(other->unseal("place", sealed));
}

}  // namespace
}  // namespace kinglet::catalog
