// SPDX-License-Identifier: Apache-2.0
// S9: what a caller sees of the engine's errors: no physical name, no scope, no guess, no place of the host.
#include "query/runner.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kinglet::query {
namespace {

constexpr std::string_view database = "ws_0123456789ab";

const catalog::Resources& resources() {
  static const catalog::Resources made = [] {
    catalog::Resources out;
    for (const char* name : {"events", "users"}) {
      auto source = std::make_shared<catalog::DataSource>();
      source->id = fmt::format("t_{:032x}", name[0]);
      source->name = name;
      source->table = source->id;
      source->quarantine_table = source->id + "_quarantine";
      out.data_sources.put(source);
    }
    return out;
  }();
  return made;
}
std::string table_of(std::string_view name) {
  return resources().data_sources.find(name)->table;
}

std::string shown(int code, std::string text) {
  return presentable({.code = Code::engine_refused, .message = std::move(text), .engine_code = code}, resources(),
                     database)
      .message;
}

TEST(Presentable, S9SomeErrorsAreToldInOurWordsOnly) {
  const auto leak =
      fmt::format("Table {}.{} does not exist. Maybe you meant ws_other.secret?", database, table_of("events"));
  for (const int code : {60, 81, 164, 497, 159, 241}) {
    const auto text = shown(code, leak);
    EXPECT_EQ(text.find("ws_"), std::string::npos) << code;
    EXPECT_EQ(text.find("secret"), std::string::npos) << code;
    EXPECT_EQ(text.find("t_"), std::string::npos) << code;
  }
}

TEST(Presentable, S9ScopesGuessesAndWhilesAreCutOff) {
  const auto scope = fmt::format("SELECT x FROM {}.{} WHERE site = 's7'", database, table_of("events"));
  for (const std::string& text :
       {"Unknown expression identifier `x` in scope " + scope, "Unknown expression identifier `x`. In scope " + scope,
        "Unknown expression identifier `x`: In scope " + scope,
        std::string("Unknown expression identifier `x`. Maybe you meant: ['secret']"),
        std::string("Unknown expression identifier `x`, maybe you meant: 'secret'"),
        "Unknown expression identifier `x`: while executing 'FUNCTION f' " + scope,
        "Unknown expression identifier `x`: While processing " + scope,
        "Unknown expression identifier `x` while processing query: '" + scope + "'",
        std::string("Unknown expression identifier `x`. (UNKNOWN_IDENTIFIER) (version 26.7.1.1)"),
        std::string("Unknown expression identifier `x`. (UNKNOWN_IDENTIFIER)"),
        std::string("Code: 47. DB::Exception: Unknown expression identifier `x`. (UNKNOWN_IDENTIFIER)"),
        std::string("Code: 47. DB::Exception: Code: 47. DB::Exception: Unknown expression identifier `x`.")})
    EXPECT_EQ(shown(47, text), "[Error] Unknown expression identifier `x`") << text;
}

TEST(Presentable, S9PhysicalNamesBecomeTheNamesThatUsersKnow) {
  EXPECT_EQ(shown(43, fmt::format("Cannot compare {}.{} and `{}`.`{}`", database, table_of("events"), database,
                                  table_of("users"))),
            "[Error] Cannot compare events and `users`");
  EXPECT_EQ(shown(43, fmt::format("wrong in {}.{}_quarantine", database, table_of("events"))),
            "[Error] wrong in events_quarantine");
}

TEST(Presentable, S9TableIdsOfTheEngineAreCutOff) {
  EXPECT_EQ(shown(43, fmt::format("Cannot read {}.{} (0d2f0b5e-5f0c-4b1e-9a3d-0123456789ab) here", database,
                                  table_of("events"))),
            "[Error] Cannot read events here");
}

TEST(Presentable, S9TroublesOfTheHostNameNoPath) {
  for (const int code : {33, 40, 74, 75, 76, 107, 226, 243, 1000, 1001, 1002}) {
    const auto text = shown(code, "Cannot open file /srv/rows/store/0d2/data.bin, errno: 2");
    EXPECT_EQ(text.find('/'), std::string::npos) << code;
    EXPECT_NE(text, "");
  }
}

TEST(Presentable, R7WhatTheHostLacksIsSaid) {
  EXPECT_EQ(shown(76, "Cannot open file /srv/rows/store/0d2/log.txt, errno: 24, strerror: Too many open files"),
            "the engine has no file descriptor left: it needs two for each data source; raise the limit of open files");
  EXPECT_EQ(
      shown(75, "Cannot write to file /srv/rows/store/0d2/data.bin, errno: 28, strerror: No space left on device"),
      "the disk of the engine is full");
  EXPECT_EQ(shown(243, "Cannot reserve 1.00 MiB, not enough space"), "the disk of the engine is full");
}

TEST(Presentable, ErrorsThatAreNotTheEnginesStayAsTheyAre) {
  const auto error =
      presentable({.code = Code::too_large, .message = "in scope of (A)", .hint = "h"}, resources(), database);
  EXPECT_EQ(error.message, "in scope of (A)");
  EXPECT_EQ(error.hint, "h");
}

TEST(Presentable, WhatTheAuthorSaidIsKept) {
  EXPECT_EQ(shown(395, "Value passed to 'throwIf' function is non-zero: too many rows (7 of 5)"),
            "[Error] Value passed to 'throwIf' function is non-zero: too many rows (7 of 5)");
  EXPECT_EQ(shown(6, "Cannot parse string 'a/b' as UInt8: syntax error at begin of string"),
            "[Error] Cannot parse string 'a/b' as UInt8: syntax error at begin of string");
  EXPECT_EQ(shown(43, ""), "[Error] ");
}

RC_GTEST_PROP(Presentable, S9NoTextBringsAPhysicalNameThrough, ()) {
  // Pieces of engine texts in any order.
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element(
      std::string(database), std::string(database) + ".", table_of("events"), table_of("users") + "_quarantine",
      std::string("`"), std::string("."), std::string(" "), std::string("("), std::string(")"), std::string("x"),
      std::string("Code: "), std::string("DB::Exception: "), std::string("UNKNOWN")));
  std::string text;
  for (const auto& piece : pieces) text += piece;
  const auto out = shown(47, text);
  RC_ASSERT(out.find(table_of("events")) == std::string::npos);
  RC_ASSERT(out.find(table_of("users")) == std::string::npos);
  RC_ASSERT(out.find(database) == std::string::npos);
}

}  // namespace
}  // namespace kinglet::query
