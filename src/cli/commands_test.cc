// SPDX-License-Identifier: Apache-2.0
// The command line: misspelt subcommands, and global flags before and behind a subcommand.
#include "cli/commands.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>

namespace kinglet::cli {
namespace {

/// What `unknown_subcommand` says to `kinglet WORDS…`, or "".
std::string said(std::vector<const char*> words) {
  CLI::App app("", "kinglet");
  app.add_subcommand("serve");
  std::function<int()> command;
  add_commands(app, command);
  return unknown_subcommand(app, words).value_or("");
}

TEST(UnknownSubcommand, NamesTheNearest) {
  EXPECT_EQ(said({"bild"}), "kinglet has no subcommand 'bild' (did you mean build?); kinglet --help tells more");
  EXPECT_EQ(
      said({"datasource", "appendd", "x"}),
      "kinglet datasource has no subcommand 'appendd' (did you mean append?); kinglet datasource --help tells more");
}

TEST(UnknownSubcommand, ListsThemWhenNoneIsNear) {
  EXPECT_EQ(
      said({"--host", "http://x", "endpoint", "publish"}),
      "kinglet endpoint has no subcommand 'publish' (there are ls, data, url); kinglet endpoint --help tells more");
}

TEST(UnknownSubcommand, HasNothingToSayAboutWordsOfASubcommand) {
  EXPECT_EQ(said({"build", "bild"}), "");
  EXPECT_EQ(said({"--output", "json", "endpoint", "data", "top", "--limit", "3"}), "");
  EXPECT_EQ(said({}), "");
  EXPECT_EQ(said({"--host"}), "");  // its value is missing: the parser says so
  EXPECT_EQ(said({"datasource"}), "");
}

/// The exit status of the parser; 0 is good.
int parsed(std::vector<std::string> words) {
  CLI::App app("", "kinglet");
  app.require_subcommand(1);
  std::function<int()> command;
  add_commands(app, command);
  std::ranges::reverse(words);  // as CLI11 takes them
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code();
  }
  return 0;
}

TEST(GlobalFlags, StandBeforeOrBehindASubcommand) {
  EXPECT_EQ(parsed({"--host", "http://x", "--token", "t", "build"}), 0);
  EXPECT_EQ(parsed({"build", "folder", "--host", "http://x", "--token", "t", "--output", "json"}), 0);
  EXPECT_EQ(parsed({"datasource", "ls", "--host=http://x"}), 0);
  EXPECT_NE(parsed({"build", "--output", "xml"}), 0);
  EXPECT_NE(parsed({"build", "--hots", "http://x"}), 0);
}

TEST(GlobalFlags, DoNotTakeAnEndpointsParameters) {
  EXPECT_EQ(parsed({"endpoint", "data", "top", "--host", "a", "--token", "b", "--limit", "3"}), 0);
}

}  // namespace
}  // namespace kinglet::cli
