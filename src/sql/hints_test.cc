// SPDX-License-Identifier: Apache-2.0
// What is suggested for a mistake, and that nothing is suggested that the caller may not know.
#include "sql/hints.h"

#include <gtest/gtest.h>

#include "sql/testing/workspace.h"

namespace kinglet::sql {
namespace {

std::string hint_of(std::string_view sql) {
  const auto resolved = testing::resolve_text(sql);
  return resolved ? "no error" : resolved.error().hint;
}

TEST(Hints, Functions) {
  EXPECT_EQ(hint_of("SELECT lowr(a)"), "did you mean lower()?");
  EXPECT_EQ(hint_of("SELECT tostring(a)"), "did you mean toString()?");
  EXPECT_EQ(hint_of("SELECT toYYYMM(a)"), "did you mean toYYYYMM()?");
  EXPECT_EQ(hint_of("SELECT to_char(a)"), "here that is formatDateTime()");
  EXPECT_EQ(hint_of("SELECT NVL(a, 1)"), "here that is ifNull()");
  EXPECT_EQ(hint_of("SELECT completelyDifferent(a)"), "");
  // attacks.md S12: what is never available is never suggested.
  for (const std::string_view near : {"fil", "hostNam", "getSettin", "sleepp", "currentUse", "joinGe"})
    EXPECT_EQ(hint_of(fmt::format("SELECT {}('x')", near)).find(near), std::string::npos) << near;
  EXPECT_EQ(hint_of("SELECT hostNam()"), "");
}

TEST(Hints, Keywords) {
  EXPECT_EQ(hint_of("SELECT a FORM events"), "did you mean FROM?");
  EXPECT_EQ(hint_of("SELCT a FROM events"), "did you mean SELECT?");
  EXPECT_EQ(hint_of("SELECT a FROM events WHRE a = 1"), "did you mean WHERE?");
  EXPECT_EQ(hint_of("SELECT a FROM events GRUOP BY a"), "did you mean GROUP?");
  EXPECT_EQ(hint_of("SELECT a FROM events ORDR BY a"), "did you mean ORDER?");
  EXPECT_EQ(hint_of("SELECT a FROM events LIMT 5"), "did you mean LIMIT?");
  EXPECT_EQ(hint_of("SELECT a FROM events LEFT JION users USING a"), "did you mean JOIN?");
  EXPECT_EQ(hint_of("SELECT a b c FROM events"), "");
}

TEST(Hints, ClausesOutOfPlace) {
  EXPECT_EQ(hint_of("SELECT a FROM events ORDER a"), "write ORDER BY");
  EXPECT_EQ(hint_of("SELECT a FROM events group a"), "write GROUP BY");
  EXPECT_EQ(hint_of("SELECT a FROM events LIMIT 10 ORDER BY a"), "ORDER BY stands once, before LIMIT");
  EXPECT_EQ(hint_of("SELECT a FROM events HAVING a > 1 GROUP BY a"),
            "GROUP BY stands once, before HAVING, ORDER BY and LIMIT");
  EXPECT_EQ(hint_of("SELECT a FROM events WHERE a = 1 WHERE a = 2"),
            "WHERE stands once, before GROUP BY, ORDER BY and LIMIT; AND joins conditions");
  EXPECT_EQ(hint_of("SELECT a FROM events ORDER BY a HAVING a > 1"),
            "HAVING stands once, after GROUP BY and before ORDER BY");
  EXPECT_EQ(hint_of("SELECT a FROM events FETCH FIRST 5 ROWS ONLY"), "write LIMIT");
  EXPECT_EQ(hint_of("SELECT a FROM events WHERE ORDER BY a"), "");
  // Names of tables that look like words of clauses.
  EXPECT_EQ(hint_of("SELECT a FROM events JOIN orders"), "");
  EXPECT_EQ(hint_of("SELECT a AS FROM orders"), "");
  EXPECT_EQ(hint_of("SELECT a FROM orders 5"), "");
}

TEST(Hints, Forms) {
  EXPECT_EQ(hint_of("SELECT now() - 7 days"), "no error");  // an alias, as in the engine
  EXPECT_EQ(hint_of("SELECT 1 FROM events WHERE ts > now() - 7 days"), "write INTERVAL 7 DAY");
  EXPECT_EQ(hint_of("SELECT 1 FROM events WHERE a IN 0, 1"), "a list after IN stands in parentheses: IN (a, b)");
  EXPECT_EQ(hint_of("SELECT {{Int32(x)}}"), "a template starts with a line that holds only %");
  EXPECT_EQ(hint_of("SELECT 1 FROM {{table}}"), "a template starts with a line that holds only %");
  EXPECT_EQ(hint_of("SELECT 1 FROM events {% if x %}"), "a template starts with a line that holds only %");
}

TEST(Hints, CommasAndParenthesesBeforeAClause) {
  EXPECT_EQ(hint_of("SELECT a, FROM events"), "no error");  // as in the engine
  EXPECT_EQ(hint_of("SELECT a,, b FROM events"), "take out the comma before it");
  EXPECT_EQ(hint_of("SELECT a FROM events GROUP BY a,"), "take out the comma before it");
  EXPECT_EQ(hint_of("SELECT f(a, ) FROM events"), "take out the comma before it");
  EXPECT_EQ(hint_of("SELECT count( AS c FROM events"), "close the parenthesis before it");
  EXPECT_EQ(hint_of("SELECT a + FROM events"), "");
}

TEST(Hints, UnitsOfAnInterval) {
  EXPECT_EQ(hint_of("SELECT now() - INTERVAL 1 DAYY"), "did you mean DAY?");
  EXPECT_EQ(hint_of("SELECT now() - INTERVAL 5 minuets"), "did you mean MINUTE?");
  EXPECT_EQ(hint_of("SELECT now() - INTERVAL 5 MIN"), "write MINUTE");
  EXPECT_EQ(hint_of("SELECT now() - INTERVAL 5 hrs"), "write HOUR");
  EXPECT_EQ(hint_of("SELECT now() - INTERVAL 1 FORTNIGHT"), "");
}

TEST(Hints, TypesSettingsFormats) {
  EXPECT_EQ(hint_of("SELECT a::Strng"), "did you mean String?");
  EXPECT_EQ(hint_of("SELECT a::Array(Unit8)"), "did you mean UInt8?");
  EXPECT_EQ(hint_of("SELECT a::Foo"), "");
  EXPECT_EQ(hint_of("SELECT 1 SETTINGS max_thread = 1"), "did you mean max_threads?");
  EXPECT_EQ(hint_of("SELECT 1 SETTINGS readonly = 0"), "");
  EXPECT_EQ(hint_of("SELECT 1 FORMAT CVS"), "did you mean CSV?");
  EXPECT_EQ(hint_of("SELECT dictGet('d', 'v', 1)"),
            "a workspace has no dictionaries: join the data source that holds the values");
}

TEST(Hints, TemplateTags) {
  EXPECT_EQ(testing::sent("SELECT {{Int32(x)}}"), "refused: line 1, column 8: '{{' in SQL that is no template");
  EXPECT_EQ(testing::sent("SELECT 1 FROM events {% if x %}"),
            "refused: line 1, column 22: '{%' in SQL that is no template");
}

// attacks.md S9: the hint of a table comes from the Scope alone.
TEST(Hints, Tables) {
  EXPECT_EQ(hint_of("SELECT 1 FROM dub.events"), "there are no databases here: write events");
  EXPECT_EQ(hint_of("SELECT 1 FROM dub.secret"), "there are no databases here: write secret");
  EXPECT_EQ(hint_of("SELECT 1 FROM system.tables"), "system tables cannot be read");
  EXPECT_EQ(hint_of("SELECT 1 IN system.one"), "system tables cannot be read");
  EXPECT_EQ(hint_of("SELECT 1 FROM event"), "");

  class Suggesting final : public Scope {
   public:
    Result<Target> table(std::string_view, Position) override {
      return fail(Error{.code = Code::not_found, .message = "", .hint = "did you mean 'events'?"});
    }
  } scope;
  const auto resolved = resolve(std::move(*parse_query("SELECT 1 FROM event")), scope);
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().message, "line 1, column 15: Resource 'event' not found");
  EXPECT_EQ(resolved.error().hint, "did you mean 'events'?");
}

}  // namespace
}  // namespace kinglet::sql
