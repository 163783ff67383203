// SPDX-License-Identifier: Apache-2.0
// Where the engine's errors stand in a node's text; what its own words give away.
#include "deploy/error_place.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kinglet::deploy {
namespace {

std::string at(std::string_view text, std::string_view name, bool call = false) {
  const auto place = place_of(text, name, call);
  return place ? fmt::format("{}:{}", place->line, place->column) : "none";
}

TEST(PlaceOf, FindsWordsNotParts) {
  EXPECT_EQ(at("SELECT idx, id FROM t", "id"), "1:13");
  EXPECT_EQ(at("SELECT idx\nFROM t\n  WHERE id", "id"), "3:9");
  EXPECT_EQ(at("SELECT idx", "id"), "none");
  EXPECT_EQ(at("SELECT ñandú, 'ñ', id", "id"), "1:20");
  EXPECT_EQ(at("", "id"), "none");
  EXPECT_EQ(at("SELECT 1", ""), "none");
}

TEST(PlaceOf, StringsAndCommentsHoldNoNames) {
  EXPECT_EQ(at("SELECT 'id', id", "id"), "1:14");
  EXPECT_EQ(at("SELECT 'it\\'s id', id", "id"), "1:20");
  EXPECT_EQ(at("SELECT -- id\n id", "id"), "2:2");
  EXPECT_EQ(at("SELECT /* id */ id", "id"), "1:17");
  EXPECT_EQ(at("SELECT `a b`, `id`", "id"), "1:15");
  EXPECT_EQ(at("SELECT 'id", "id"), "none");
  EXPECT_EQ(at("SELECT /* id", "id"), "none");
}

TEST(PlaceOf, DottedNames) {
  EXPECT_EQ(at("SELECT id, e.id FROM t e", "e.id"), "1:12");
  EXPECT_EQ(at("SELECT id, `e` . `id` FROM t e", "e.id"), "1:12");
  EXPECT_EQ(at("SELECT x, id FROM t", "events.id"), "1:11");  // printed with another alias
  EXPECT_EQ(at("SELECT e, id FROM t", "e.id"), "1:11");
  EXPECT_EQ(at("SELECT `a.b`", "`a`.`c`"), "none");
}

TEST(PlaceOf, CallsAreFollowedByAParenthesis) {
  EXPECT_EQ(at("SELECT sum, sum(x)", "sum", true), "1:13");
  EXPECT_EQ(at("SELECT sum, sum (x)", "sum", true), "1:13");
  EXPECT_EQ(at("SELECT sum", "sum", true), "none");
}

TEST(PlaceOf, TheNameBehindAsIsTheColumns) {
  EXPECT_EQ(place_of_alias("SELECT n, count() AS n FROM t", "n"), (TextPlace{1, 22}));
  EXPECT_EQ(place_of_alias("SELECT n, count() as `n` FROM t", "n"), (TextPlace{1, 22}));
  EXPECT_EQ(place_of_alias("SELECT e.n FROM t", "n"), (TextPlace{1, 10}));
  EXPECT_EQ(place_of_alias("SELECT * FROM t", "n"), std::nullopt);
}

RC_GTEST_PROP(PlaceOf, APlaceIsInTheText, (std::string text, std::string name)) {
  const auto place = place_of(text, name);
  if (place) {
    RC_ASSERT(place->line >= 1 && place->column >= 1);
    RC_ASSERT(place->line <= 1 + static_cast<std::uint32_t>(std::ranges::count(text, '\n')));
  }
  (void)place_of_alias(text, name);
  (void)read_engine_error(text, name);
}

struct Case {
  std::string message, name;
  bool function;
  std::string hint;
};

TEST(EngineError, NamesAndGuesses) {
  // Texts as ClickHouse 26.7 gives them.
  for (const auto& c : std::vector<Case>{
           {"Unknown expression identifier `knd` in scope SELECT knd FROM ws.t AS events. Maybe you meant: ['kind'].",
            "knd", false, "did you mean `kind`?"},
           {"Identifier 'e.knd' cannot be resolved from table with name e. In scope SELECT e.knd FROM ws.t AS e. Maybe "
            "you meant: ['e.kind'].",
            "e.knd", false, "did you mean `e.kind`?"},
           {"Unknown expression or function identifier `xx` in scope SELECT 1.", "xx", false, ""},
           {"Unknown expression or function identifier `b` in scope SELECT 1. Maybe you meant: ['b'].", "b", false, ""},
           {"Unknown expression identifier `a` in scope x. Maybe you meant: ['ws_1.t.a','ab'].", "a", false,
            "did you mean `ab`?"},
           {"Column 'events.kind' is not under aggregate function and not in GROUP BY keys. In query SELECT 1",
            "events.kind", false, ""},
           {"JOIN  INNER JOIN ... USING (idx) using identifier 'idx' cannot be resolved from left table expression. In "
            "scope SELECT 1",
            "idx", false, ""},
           {"Function with name `FROM_BASE` does not exist. In scope SELECT FROM_BASE(id). Maybe you meant: "
            "['FROM_BASE64','FROM_DAYS'].",
            "FROM_BASE", true, "did you mean `FROM_BASE64` or `FROM_DAYS`?"},
           {"Illegal type String of argument for aggregate function sum. (ILLEGAL_TYPE_OF_ARGUMENT)", "sum", true, ""},
           {"An incorrect number of arguments was specified for function 'toDate'. Expected 1", "toDate", true, ""},
           {"Storage MergeTree doesn't support FINAL.", "", false, ""},
           {"", "", false, ""},
           {"Unknown expression identifier `open in scope x Maybe you meant: ['a", "", false, ""},
       }) {
    const auto found = read_engine_error(c.message, "ws_1");
    EXPECT_EQ(found.name, c.name) << c.message;
    EXPECT_EQ(found.function, c.function) << c.message;
    EXPECT_EQ(found.hint, c.hint) << c.message;
  }
}

}  // namespace
}  // namespace kinglet::deploy
