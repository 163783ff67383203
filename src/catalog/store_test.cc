// SPDX-License-Identifier: Apache-2.0
// The file itself: migrations, refusing what is newer, and kill -9.
#include "catalog/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "catalog/testing.h"

namespace kinglet::catalog {
namespace {

using internal::Migration;
using internal::Store;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::vector<Migration> with_next(std::vector<std::string_view> statements) {
  std::vector<Migration> steps(internal::migrations().begin(), internal::migrations().end());
  steps.emplace_back(std::move(statements));
  return steps;
}

TEST(Migrations, R26AnOlderFileIsBroughtUpToDate) {
  testing::TempFolder folder;
  std::string workspace;
  {
    auto catalog = testing::open(folder.path());
    ASSERT_NE(catalog, nullptr);
    workspace = catalog->snapshot()->default_workspace_id;
    testing::deploy(*catalog, workspace, {.data_sources = {testing::data_source("events")}});
  }
  const auto steps = with_next({"ALTER TABLE workspaces ADD COLUMN colour TEXT NOT NULL DEFAULT 'green'",
                                "UPDATE settings SET value = value || '!' WHERE key = 'email'"});
  const auto store = Store::open(folder.path() / "catalog.sqlite", steps);
  ASSERT_TRUE(store) << store.error().message;
  const auto settings = (*store)->settings();
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->at("email"), "local@kinglet.local!");
  ASSERT_EQ((*store)->resources(workspace)->size(), 1U);
}

TEST(Migrations, R26ANewerFileIsRefusedBeforeItIsTouched) {
  testing::TempFolder folder;
  const auto file = folder.path() / "catalog.sqlite";
  {
    ASSERT_NE(testing::open(folder.path()), nullptr);
  }
  {
    ASSERT_TRUE(Store::open(file, with_next({"CREATE TABLE later (x INTEGER)"})));
  }
  const std::string before = read_file(file);
  const auto opened = Catalog::open({.folder = folder.path()});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::unavailable);
  EXPECT_NE(opened.error().message.find("newer"), std::string::npos) << opened.error().message;
  EXPECT_EQ(read_file(file), before);
}

TEST(Migrations, AFailingStepLeavesTheFileAsItWas) {
  testing::TempFolder folder;
  const auto file = folder.path() / "catalog.sqlite";
  {
    ASSERT_NE(testing::open(folder.path()), nullptr);
  }
  {
    const auto failed =
        Store::open(file, with_next({"CREATE TABLE half (x INTEGER)", "CREATE TABLE nonsense syntax error"}));
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, Code::unavailable);
  }
  EXPECT_NE(testing::open(folder.path()), nullptr) << "this version still reads it";
  EXPECT_TRUE(Store::open(file, with_next({"CREATE TABLE half (x INTEGER)"}))) << "no table was left behind";
}

/// A child process writes deployments until it is killed; it reports each one that was committed through a pipe.
int write_until_killed(const std::filesystem::path& folder, int report) {
  auto opened = Catalog::open({.folder = folder});
  if (!opened) return 2;
  Catalog& catalog = **opened;
  const std::string workspace = catalog.snapshot()->default_workspace_id;
  for (std::uint64_t i = 0;; ++i) {
    // Four changes that are one: two resources, a token scope, a job.
    const auto source_a = testing::data_source("a", fmt::format("TOKEN t{} READ", i % 3));
    const auto source_b = testing::data_source("b", fmt::format("TOKEN t{} READ", i % 3));
    const auto done = catalog.update_blocking([&](Transaction& t) -> Result<std::string> {
      TRY(const auto deployment, t.apply_deployment(workspace, {.data_sources = {source_a, source_b}}));
      TRY(const auto job, t.insert_job(workspace, {.kind = "deployment " + deployment->id, .status = JobStatus::done}));
      return deployment->id;
    });
    if (!done) return 3;
    const std::uint64_t number = std::stoull(*done);
    if (::write(report, &number, sizeof number) != static_cast<ssize_t>(sizeof number)) return 4;
  }
}

TEST(CrashSafety, Kill9LeavesACommittedAndWholeCatalog) {
  testing::TempFolder folder;
  std::uint64_t committed = 0;
  for (int round = 0; round < 12; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(pipe_ends[0]);
      ::_exit(write_until_killed(folder.path(), pipe_ends[1]));
    }
    ::close(pipe_ends[1]);
    // A different number of commits each round, then death at whatever it is doing.
    const int commits = 1 + round % 4;
    for (int i = 0; i < commits; ++i) {
      std::uint64_t number = 0;
      ASSERT_EQ(::read(pipe_ends[0], &number, sizeof number), static_cast<ssize_t>(sizeof number))
          << "the child failed";
      committed = number;
    }
    ::usleep(static_cast<useconds_t>(round * 370));  // sleep: the moment of death varies
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    std::uint64_t number = 0;
    while (::read(pipe_ends[0], &number, sizeof number) == static_cast<ssize_t>(sizeof number)) committed = number;
    ::close(pipe_ends[0]);

    const auto catalog = testing::open(folder.path());
    ASSERT_NE(catalog, nullptr);
    const auto workspace = catalog->snapshot()->default_workspace();
    const auto live = workspace->live_deployment();
    ASSERT_NE(live, nullptr);
    EXPECT_GE(std::stoull(live->id), committed) << "what was reported is there";
    const auto a = workspace->data_source("a"), b = workspace->data_source("b");
    ASSERT_TRUE(a && b);
    ASSERT_EQ(a->definition.tokens.size(), 1U);
    EXPECT_EQ(a->definition.tokens[0].name, b->definition.tokens[0].name) << "both or neither";
    const auto token = workspace->tokens->find_name(a->definition.tokens[0].name);
    ASSERT_NE(token, nullptr);
    EXPECT_EQ(token->all_scopes().size(), 2U);
    EXPECT_EQ(workspace->tokens->by_id().size(), 4U) << "three default tokens and one of the files";
    EXPECT_EQ(workspace->jobs->front()->kind, "deployment " + live->id);
    committed = std::stoull(live->id);
  }
}

}  // namespace
}  // namespace kinglet::catalog
