// SPDX-License-Identifier: Apache-2.0
// The tables of the specification on table positions, scopes, names, functions and settings, row by row.
#include <gtest/gtest.h>

#include "sql/functions.h"
#include "sql/printer.h"
#include "sql/testing/workspace.h"

namespace kinglet::sql {
namespace {

using testing::sent;
using testing::verdict;

struct Row {
  std::string_view sql;
  std::string_view expected;  // the verdict, or its beginning when refused
};

void check(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    const std::string found = verdict(row.sql);
    if (row.expected.starts_with("refused"))
      EXPECT_TRUE(found.starts_with("refused: ") &&
                  found.find(row.expected.substr(7 + (row.expected.size() > 7 ? 2 : 0))) != std::string::npos)
          << row.sql << "\n"
          << found;
    else
      EXPECT_EQ(found, row.expected) << row.sql;
    const auto resolved = testing::resolve_text(row.sql);
    if (resolved) EXPECT_TRUE(check_round_trip(resolved->query)) << resolved->query.text;
  }
}

// Where a table can be named.

TEST(TablePositions, NamesInFrom) {
  check({{"SELECT 1 FROM events", "T events"},
         {"SELECT 1 FROM `events`", "T events"},
         {"SELECT 1 FROM \"events\"", "T events"},
         {"SELECT 1 FROM tinybird . pipe_stats", "T tinybird.pipe_stats"},
         {"SELECT 1 FROM events, users", "T events users"},
         {"SELECT 1 FROM a.b.c", "refused: at most two parts"},
         {"SELECT 1 FROM 'events'", "T events"},
         {"SELECT 1 FROM 'events' (a)", "refused: a list of columns follows an alias"},
         {"SELECT 1 FROM 'events' AS e (a)", "T events"},
         {"SELECT 1 FROM $$events$$", "refused"},
         {"SELECT 1 FROM x'6576656e7473'", "refused"},
         {"SELECT 1 FROM final", "refused: Resource 'final' not found"},
         {"SELECT 1 FROM select", "refused: Resource 'select' not found"}});
}

TEST(TablePositions, Aliases) {
  check({{"SELECT 1 FROM events e", "T events"},
         {"SELECT 1 FROM events AS e", "T events"},
         {"SELECT 1 FROM events e (a, b)", "T events"},
         {"SELECT 1 FROM events e FINAL", "T events"},
         {"SELECT 1 FROM events FINAL e", "refused"},
         {"SELECT 1 FROM events AS final FINAL", "T events"},
         {"SELECT 1 FROM events AS select", "T events"}});
  for (const std::string_view word :
       {"ALL",       "ANTI",     "ANY",    "ARRAY",    "AS",     "ASOF",     "BETWEEN", "CROSS",  "ELSE",
        "EXCEPT",    "FORMAT",   "FROM",   "FULL",     "GLOBAL", "GROUP",    "HAVING",  "ILIKE",  "INNER",
        "INTERSECT", "INTO",     "JOIN",   "LEFT",     "LIKE",   "LIMIT",    "NATURAL", "NOT",    "OFFSET",
        "ON",        "ONLY",     "ORDER",  "PARALLEL", "PASTE",  "PREWHERE", "QUALIFY", "RIGHT",  "SAMPLE",
        "SEMI",      "SETTINGS", "STREAM", "UNION",    "USING",  "UUID",     "WHERE",   "WINDOW", "WITH"}) {
    EXPECT_TRUE(verdict(fmt::format("SELECT 1 FROM events {}", word)).starts_with("refused: ")) << word;
    EXPECT_EQ(verdict(fmt::format("SELECT 1 FROM events AS {}", word)), "T events") << word;
  }
  EXPECT_EQ(sent("SELECT 1 FROM events FINAL"), "SELECT 1 FROM `ws`.`t_events` AS `events` FINAL");
  for (const std::string_view word : {"AND", "DIV", "IN", "MOD", "OR", "REGEXP"}) {
    EXPECT_EQ(verdict(fmt::format("SELECT 1 FROM events {}", word)), "T events") << word;
    EXPECT_TRUE(verdict(fmt::format("SELECT a {} FROM events", word)).starts_with("refused: ")) << word;
    EXPECT_EQ(verdict(fmt::format("SELECT a AS {} FROM events", word)), "T events") << word;
  }
  EXPECT_EQ(verdict("SELECT a uuid FROM events"), "T events");
}

TEST(TablePositions, Joins) {
  check({{"SELECT 1 FROM events LOCAL ANY LEFT JOIN users USING a", "T events users"},
         {"SELECT 1 FROM events GLOBAL ANY LEFT JOIN users USING a", "T events users"},
         {"SELECT 1 FROM events NATURAL JOIN users", "T events users"},
         {"SELECT 1 FROM events NATURAL CROSS JOIN users", "refused: NATURAL"},
         {"SELECT 1 FROM events NATURAL ANY JOIN users", "refused: NATURAL"},
         {"SELECT 1 FROM events ALL INNER JOIN users ON 1", "T events users"},
         {"SELECT 1 FROM events INNER ALL JOIN users ON 1", "T events users"},
         {"SELECT 1 FROM events ASOF JOIN users ON 1", "T events users"},
         {"SELECT 1 FROM events SEMI LEFT JOIN users ON 1", "T events users"},
         {"SELECT 1 FROM events ANTI RIGHT JOIN users ON 1", "T events users"},
         {"SELECT 1 FROM events SEMI INNER JOIN users ON 1", "refused: LEFT or RIGHT"},
         {"SELECT 1 FROM events ANTI FULL JOIN users ON 1", "refused: LEFT or RIGHT"},
         {"SELECT 1 FROM events ANY CROSS JOIN users", "refused: CROSS"},
         {"SELECT 1 FROM events PASTE ALL JOIN users", "refused: PASTE"},
         {"SELECT 1 FROM events FULL OUTER JOIN users ON 1", "T events users"},
         {"SELECT 1 FROM events LEFT OUTER JOIN users USING (a, b)", "T events users"},
         {"SELECT 1 FROM events CROSS JOIN users", "T events users"},
         {"SELECT 1 FROM events PASTE JOIN users", "T events users"},
         {"SELECT 1 FROM events JOIN users", "refused: ON or USING"},
         {"SELECT 1 FROM events JOIN users ON 1 AS x", "refused"},
         {"SELECT 1 FROM events, LATERAL", "refused: Resource 'LATERAL' not found"},
         {"SELECT 1 FROM (events JOIN users USING a)", "T events users"},
         {"SELECT 1 FROM (events, users)", "T events users"},
         {"SELECT 1 FROM (events)", "refused: a JOIN or a sub-query"}});
  EXPECT_EQ(sent("SELECT 1 FROM events SEMI JOIN users ON 1"),
            "SELECT 1 FROM `ws`.`t_events` AS `events` SEMI LEFT JOIN `ws`.`t_users` AS `users` ON 1");
}

TEST(TablePositions, Modifiers) {
  check({{"SELECT 1 FROM events FINAL", "T events"},
         {"SELECT 1 FROM events SAMPLE 1/10", "T events"},
         {"SELECT 1 FROM events SAMPLE 0.1 OFFSET 0.5", "T events"},
         {"SELECT 1 FROM events FINAL SAMPLE 1000", "T events"},
         {"SELECT 1 FROM events STREAM", "refused: STREAM"},
         {"SELECT 1 FROM events STREAM CURSOR {}", "refused: STREAM"},
         {"SELECT 1 FROM events UUID '00000000-0000-0000-0000-000000000001'", "refused: UUID"}});
}

TEST(TablePositions, FromFirst) {
  check({{"FROM events SELECT a", "T events"},
         {"FROM events JOIN users USING a SELECT a WHERE b", "T events users"},
         {"FROM events", "refused: expected SELECT"},
         {"FROM events |> WHERE a", "refused"}});
  // Behind FROM the OFFSET of the query would belong to the sample.
  EXPECT_EQ(sent("FROM events SAMPLE 0.1 SELECT a OFFSET 100"),
            "SELECT `a` FROM `ws`.`t_events` AS `events` SAMPLE 0.1 OFFSET 0 OFFSET 100");
}

TEST(TablePositions, SubQueries) {
  for (const std::string_view sql : {"SELECT 1 FROM (SELECT a FROM users)",
                                     "SELECT (SELECT a FROM users)",
                                     "SELECT 1 IN (SELECT a FROM users)",
                                     "SELECT EXISTS (SELECT a FROM users)",
                                     "SELECT 1 = ANY (SELECT a FROM users)",
                                     "SELECT 1 < ALL (SELECT a FROM users)",
                                     "SELECT 1 = SOME (SELECT a FROM users)",
                                     "SELECT 1 = ANY ((SELECT a FROM users))",
                                     "SELECT 1 FROM numbers(1) AS n JOIN numbers(2) AS m ON (SELECT a FROM users)",
                                     "SELECT 1 FROM numbers(1) ARRAY JOIN (SELECT a FROM users) AS x",
                                     "SELECT 1 GROUP BY (SELECT a FROM users)",
                                     "SELECT sum(1) OVER (PARTITION BY (SELECT a FROM users))",
                                     "SELECT sum(1) OVER (ORDER BY (SELECT a FROM users))",
                                     "SELECT sum(1) OVER (ROWS (SELECT a FROM users) PRECEDING)",
                                     "SELECT 1 WINDOW w AS (ORDER BY (SELECT a FROM users))",
                                     "SELECT 1 LIMIT (SELECT a FROM users)",
                                     "SELECT 1 OFFSET (SELECT a FROM users)",
                                     "SELECT 1 LIMIT (SELECT a FROM users) BY 1",
                                     "SELECT 1 ORDER BY (SELECT a FROM users)",
                                     "SELECT 1 ORDER BY 1 WITH FILL FROM (SELECT a FROM users)",
                                     "SELECT 1 ORDER BY 1 WITH FILL TO (SELECT a FROM users)",
                                     "SELECT 1 ORDER BY 1 WITH FILL STEP (SELECT a FROM users)",
                                     "SELECT 1 ORDER BY 1 WITH FILL STALENESS (SELECT a FROM users)",
                                     "SELECT 1 ORDER BY 1 WITH FILL INTERPOLATE (a AS (SELECT a FROM users))",
                                     "SELECT 1 FROM numbers((SELECT a FROM users))",
                                     "SELECT 1 PREWHERE (SELECT a FROM users)",
                                     "SELECT 1 WHERE (SELECT a FROM users)",
                                     "SELECT 1 HAVING (SELECT a FROM users)",
                                     "SELECT 1 QUALIFY (SELECT a FROM users)",
                                     "WITH (SELECT a FROM users) AS x SELECT x",
                                     "SELECT * REPLACE ((SELECT a FROM users) AS a)",
                                     "SELECT * APPLY (x -> (SELECT a FROM users))",
                                     "SELECT CASE WHEN (SELECT a FROM users) THEN 1 END",
                                     "SELECT [(SELECT a FROM users)]",
                                     "SELECT ((SELECT a FROM users), 1)",
                                     "SELECT a[(SELECT a FROM users)]",
                                     "SELECT (SELECT a FROM users).1",
                                     "SELECT (SELECT a FROM users)::Int8",
                                     "SELECT 1 BETWEEN (SELECT a FROM users) AND 2",
                                     "SELECT INTERVAL (SELECT a FROM users) DAY",
                                     "SELECT DISTINCT ON ((SELECT a FROM users)) 1",
                                     "SELECT 1 GROUP BY GROUPING SETS (((SELECT a FROM users)))",
                                     "SELECT quantile((SELECT a FROM users))(1)",
                                     "SELECT sum(1) FILTER (WHERE (SELECT a FROM users))",
                                     "SELECT 1 UNION ALL (SELECT a FROM users)",
                                     "(SELECT a FROM users)",
                                     "((SELECT a FROM users))"})
    EXPECT_TRUE(verdict(sql).starts_with("T users")) << sql << "\n" << verdict(sql);
}

TEST(TablePositions, ValuesAndExplain) {
  check({{"SELECT * FROM (VALUES (1, 2), (3, 4))", "X SQLStandardValues"},
         {"SELECT * FROM (VALUES (1), events AS e)", "refused"},
         {"VALUES (1, 2)", "refused: SELECT or WITH"},
         {"SELECT * FROM (EXPLAIN SELECT 1)", "refused: EXPLAIN"},
         {"SELECT * FROM (DESCRIBE events)", "refused: DESCRIBE"},
         {"SELECT * FROM (SHOW TABLES)", "refused"}});
}

TEST(TablePositions, RightOfIn) {
  for (const std::string_view in : {"IN", "NOT IN", "GLOBAL IN", "GLOBAL NOT IN"})
    EXPECT_TRUE(verdict(fmt::format("SELECT a {} users FROM events", in)).starts_with("T events users")) << in;
  for (const std::string_view right : {"users", "(users)", "(((users)))", "(users AS u)", "`users`", "\"users\""})
    EXPECT_EQ(verdict(fmt::format("SELECT a IN {} FROM events", right)),
              right.find(" AS ") == std::string_view::npos ? "T events users; F in" : "T events users; F in")
        << right;
  for (const std::string_view right :
       {"(users, u)", "[users]", "lower(users)", "users.1", "-users", "(users).1", "users[1]"})
    EXPECT_FALSE(verdict(fmt::format("SELECT a IN {} FROM events", right)).starts_with("T events users")) << right;
  check({{"SELECT a IN users = 1 FROM events", "T events users; F equals in"},
         {"SELECT a IN nobody FROM events", "T events; F in"},
         {"SELECT a IN system.one FROM events", "refused: Resource 'system.one' not found"},
         {"SELECT a IN ws.t_users FROM events", "refused: Resource 'ws.t_users' not found"},
         {"SELECT a IN e.tags FROM events AS e", "T events; F in"},
         {"SELECT a IN events.tags FROM events", "T events; F in"},
         {"SELECT a IN e.tags FROM events AS e, (SELECT 1 IN e.tags)", "refused: Resource 'e.tags' not found"},
         {"SELECT a IN x.y.z FROM events", "T events; F in"}});
  EXPECT_EQ(sent("SELECT a IN users = 1 FROM events"),
            "SELECT `a` IN (SELECT * FROM `ws`.`t_users` AS `users`) = 1 FROM `ws`.`t_events` AS `events`");
}

TEST(TablePositions, InAsAFunction) {
  for (const std::string_view in :
       {"in", "notIn", "globalIn", "globalNotIn", "nullIn", "notNullIn", "globalNullIn", "globalNotNullIn",
        "inIgnoreSet", "notInIgnoreSet", "globalInIgnoreSet", "globalNotInIgnoreSet", "nullInIgnoreSet",
        "notNullInIgnoreSet", "globalNullInIgnoreSet", "globalNotNullInIgnoreSet"}) {
    EXPECT_TRUE(verdict(fmt::format("SELECT {}(a, users)", in)).starts_with("T users")) << in;
    EXPECT_TRUE(verdict(fmt::format("SELECT `{}`(a, (users))", in)).starts_with("T users")) << in;
    EXPECT_TRUE(verdict(fmt::format("SELECT {}(a, system.one)", in)).starts_with("refused: ")) << in;
  }
}

TEST(TablePositions, TableFunctions) {
  check({{"SELECT * FROM numbers(10)", "X numbers"},
         {"SELECT * FROM `numbers`(10)", "X numbers"},
         {"SELECT * FROM NUMBERS(10)", "refused: table function NUMBERS() is not available"},
         {"SELECT * FROM tinybird.stats(p = 1)", "refused: parameterised views"},
         {"SELECT * FROM view(SELECT 1)", "refused: view()"},
         {"SELECT * FROM eval(SELECT 1)", "refused: eval()"},
         {"SELECT * FROM numbers(1, SETTINGS a = 1)", "refused: SETTINGS"},
         {"SELECT * FROM numbers(SETTINGS a = 1)", "refused: SETTINGS"}});
}

TEST(TablePositions, NamesAsArguments) {
  for (const std::string_view call :
       {"dictGet('db.d', 'v', 1)", "dictGet(db.d, 'v', 1)", "dictGet(concat('db', '.d'), 'v', 1)",
        "dictGetString('d', 'v', 1)", "dictGetOrDefault('d', 'v', 1, 2)", "dictHas('d', 1)", "dictIsIn('d', 1, 2)",
        "dictGetKeys('d', 'a', 1)", "joinGet('events', 'v', 1)", "joinGetOrNull('events', 'v', 1)",
        "hasColumnInTable('ws', 't_users', 'a')", "naiveBayesClassifier('m', 'x')",
        "getMaxTableNameLengthForDatabase('ws')", "catboostEvaluate('/x', 1)"})
    EXPECT_NE(verdict(fmt::format("SELECT {}", call)).find("not available"), std::string::npos) << call;
  for (const std::string_view call :
       {"merge('ws', '.*')", "remote('127.0.0.1', ws.t_users)", "cluster('c', ws.t_users)", "loop(ws.t_users)",
        "dictionary('d')", "mergeTreeIndex('ws', 't_users')", "timeSeriesData('ws', 't_users')"})
    EXPECT_NE(verdict(fmt::format("SELECT * FROM {}", call)).find("not available"), std::string::npos) << call;
}

TEST(TablePositions, NoTableHere) {
  check({{"SELECT extract(year FROM users)", "F toYear"},
         {"SELECT substring(users FROM 1)", "F substring"},
         {"SELECT trim(BOTH users FROM users)", "F trimBoth"},
         {"SELECT overlay(users PLACING users FROM 1)", "F overlay"},
         {"SELECT position(a IN users)", "F position"},
         {"SELECT a IS NOT DISTINCT FROM users", "F isNotDistinctFrom"},
         {"SELECT 1 ORDER BY 1 WITH FILL FROM users TO users", ""},
         {"SELECT a AT TIME ZONE users", "F toTimeZone"},
         {"SELECT `extract`(year FROM users)", "F toYear"},
         {"SELECT `position`(a IN users)", "F position"}});
}

TEST(TablePositions, StarsAndTransformers) {
  check({{"SELECT events.* FROM events", "T events"},
         {"SELECT tinybird.pipe_stats.* FROM tinybird.pipe_stats", "T tinybird.pipe_stats"},
         {"SELECT COLUMNS('^a'), COLUMNS(a, b) FROM events", "T events"},
         {"SELECT COLUMNS(a, events.*) FROM events", "refused: COLUMNS takes"},
         {"SELECT * EXCEPT STRICT (a, b), * EXCEPT ('^a'), * EXCEPT a FROM events", "T events"},
         {"SELECT * REPLACE (upper(a) AS a) FROM events", "T events; F upper"},
         {"SELECT * APPLY (sum), * APPLY max, * APPLY (x -> lower(x)), * APPLY (quantile(0.5)) FROM events",
          "T events; F lower max quantile sum"},
         {"SELECT * LIKE 'a%', events.* ILIKE 'b' EXCEPT (bb) FROM events", "T events"},
         {"SELECT * NOT LIKE 'a' FROM events", "T events; F notLike"},
         {"SELECT * LIKE a FROM events", "refused: a string"},
         {"SELECT * AS x FROM events", "refused: it has no alias"},
         {"SELECT * x FROM events", "refused: expected the end of the query, found x"},
         {"SELECT * EXCEPT (SELECT 1) FROM events", "refused"},
         {"SELECT * FROM events EXCEPT SELECT * FROM users", "T events users"}});
  EXPECT_EQ(sent("SELECT (*) LIKE 'x', (*) EXCEPT SELECT 1"), "SELECT (*) LIKE 'x', (*) EXCEPT SELECT 1");
}

TEST(TablePositions, ClausesInOrder) {
  check(
      {{"WITH 1 AS x, SELECT x", ""},
       {"SELECT DISTINCT ON (a, b) c FROM events", "T events"},
       {"SELECT TOP 5 WITH TIES a FROM events ORDER BY a", "T events"},
       {"SELECT a FROM events PREWHERE b WHERE c GROUP BY d HAVING e WINDOW w AS () QUALIFY f ORDER BY g LIMIT 1 BY h "
        "LIMIT 2 OFFSET 3",
        "T events"},
       {"SELECT a FROM events GROUP BY ALL ORDER BY ALL DESC NULLS LAST", "T events"},
       {"SELECT a FROM events GROUP BY a WITH ROLLUP WITH TOTALS", "T events"},
       {"SELECT a FROM events GROUP BY CUBE (a, b)", "T events"},
       {"SELECT a FROM events GROUP BY GROUPING SETS ((a), ())", "T events"},
       {"SELECT a FROM events ORDER BY a COLLATE 'en' WITH FILL STALENESS 1 INTERPOLATE (b)", "T events"},
       {"SELECT a FROM events ORDER BY a INTERPOLATE (b)", "refused: INTERPOLATE needs WITH FILL"},
       {"SELECT a FROM events LIMIT 1 WITH TIES", "refused: WITH TIES needs ORDER BY"},
       {"SELECT a FROM events ORDER BY a LIMIT 1 BY b LIMIT 1 WITH TIES", "refused: WITH TIES cannot stand"},
       {"SELECT a FROM events LIMIT 1 BY a OFFSET 2", "refused: OFFSET needs a LIMIT"},
       {"SELECT a FROM events OFFSET 1 ROW FETCH FIRST 2 ROWS ONLY", "T events"},
       {"SELECT a FROM events WHERE b FROM users", "refused"},
       {"SELECT a FROM events ORDER BY a WHERE b", "refused"},
       {"SELECT 1 UNION ALL SELECT 2 UNION DISTINCT SELECT 3 INTERSECT SELECT 4 EXCEPT SELECT 5", ""},
       {"SELECT 1 UNION SELECT 2", "refused: needs ALL or DISTINCT"},
       {"SELECT 1 INTO OUTFILE 'x'", "refused: INTO OUTFILE"},
       {"SELECT 1 PARALLEL WITH SELECT 2", "refused: PARALLEL WITH"}});
  EXPECT_EQ(sent("SELECT 1 UNION SELECT 2 SETTINGS union_default_mode = 'DISTINCT'"),
            "SELECT 1 UNION DISTINCT SELECT 2");
}

// attacks.md S4: what a statement may begin with.
TEST(TablePositions, StartOfAStatement) {
  for (const std::string_view sql : {"INSERT INTO events VALUES (1)",
                                     "WITH c AS (SELECT 1) INSERT INTO events SELECT 1",
                                     "SHOW TABLES",
                                     "DESCRIBE events",
                                     "EXPLAIN SELECT 1",
                                     "KILL QUERY WHERE 1",
                                     "SET readonly = 0",
                                     "USE ws",
                                     "DROP TABLE events",
                                     "CREATE TABLE x (a Int8)",
                                     "ALTER TABLE events DELETE WHERE 1",
                                     "SYSTEM FLUSH LOGS",
                                     "GRANT ALL TO x",
                                     "BACKUP TABLE x TO File('x')",
                                     "ATTACH TABLE x",
                                     "EXISTS events",
                                     "CHECK TABLE events",
                                     "OPTIMIZE TABLE events",
                                     "TRUNCATE events",
                                     "exit",
                                     "quit",
                                     "q",
                                     ":q",
                                     "\\i /etc/passwd",
                                     "?? x",
                                     "1 + 1",
                                     "(1)",
                                     "",
                                     ";"})
    EXPECT_TRUE(verdict(sql).starts_with("refused: ")) << sql;
}

TEST(TablePositions, FunctionNamesOfOperators) {
  check({{"SELECT a + b - c * d / e % f", "F divide minus modulo multiply plus"},
         {"SELECT -a", ""},
         {"SELECT a DIV b, a MOD b", "F intDiv modulo"},
         {"SELECT a = b, a == b", "F equals"},
         {"SELECT a != b, a <> b", "F notEquals"},
         {"SELECT a <=> b, a IS NOT DISTINCT FROM b", "F isNotDistinctFrom"},
         {"SELECT a IS DISTINCT FROM b", "F isDistinctFrom"},
         {"SELECT a < b, a <= b, a > b, a >= b", "F greater greaterOrEquals less lessOrEquals"},
         {"SELECT a AND b OR NOT c", "F and not or"},
         {"SELECT a || b", "F concat"},
         {"SELECT a LIKE b, a NOT LIKE b, a ILIKE b, a NOT ILIKE b", "F ilike like notILike notLike"},
         {"SELECT a REGEXP b", "F match"},
         {"SELECT a IS NULL, a IS NOT NULL", "F isNotNull isNull"},
         {"SELECT a BETWEEN b AND c", "F and greaterOrEquals lessOrEquals"},
         {"SELECT a NOT BETWEEN b AND c", "F greater less or"},
         {"SELECT a ? b : c", "F if"},
         {"SELECT CASE WHEN a THEN b END", "F multiIf"},
         {"SELECT CASE a WHEN b THEN c END", "F caseWithExpression"},
         {"SELECT a[1], a.1", "F arrayElement tupleElement"},
         {"SELECT (a, b), [a]", ""},
         {"SELECT a::Int8, CAST(a AS Int8)", "F CAST"},
         {"SELECT DATE '2024-01-01', TIMESTAMP '2024-01-01'", "F toDate toDateTime"},
         {"SELECT INTERVAL 1 DAY", "F toIntervalDay"},
         {"SELECT EXTRACT(YEAR FROM a)", "F toYear"},
         {"SELECT TRIM(LEADING 'x' FROM a), TRIM(TRAILING 'x' FROM a), TRIM(BOTH 'x' FROM a)",
          "F trimBoth trimLeft trimRight"},
         {"SELECT trim(a), LTRIM(a), rtrim(a)", "F trimBoth trimLeft trimRight"},
         {"SELECT date_add(DAY, 1, a), date_sub(DAY, 1, a)", "F minus plus toIntervalDay"},
         {"SELECT a AT TIME ZONE 'UTC'", "F toTimeZone"},
         {"SELECT a = ANY (SELECT 1)", "F in"},
         {"SELECT a != ALL (SELECT 1)", "F notIn"},
         {"SELECT a > ANY (SELECT 1)", "F greater min"},
         {"SELECT a > ALL (SELECT 1)", "F greater max"},
         {"SELECT count(DISTINCT a), sum(a) FILTER (WHERE b)", "F countDistinct sumIf"},
         {"SELECT @@x", "refused: server variables"}});
  EXPECT_EQ(sent("SELECT a <=> b = c, a IS NOT DISTINCT FROM b = c"),
            "SELECT (`a` IS NOT DISTINCT FROM `b`) = `c`, `a` IS NOT DISTINCT FROM `b` = `c`");
}

// Names and scopes, by the number of the specification.

TEST(Scopes, WhatTheEngineDoes) {
  check({// 1: forward, below, hidden, twice
         {"WITH b AS (SELECT * FROM a), a AS (SELECT * FROM users) SELECT * FROM b", "T users; C a b"},
         {"WITH c AS (SELECT * FROM users) SELECT * FROM (SELECT * FROM (SELECT * FROM c))", "T users; C c"},
         {"WITH c AS (SELECT * FROM users) SELECT * FROM (WITH c AS (SELECT * FROM events) SELECT * FROM c)",
          "T events users; C c"},
         {"WITH c AS (SELECT 1), c AS (SELECT 2) SELECT 1", "refused: defined twice"},
         // 2: its own name
         {"WITH users AS (SELECT * FROM users) SELECT * FROM users", "T users; C users"},
         {"WITH events AS (SELECT * FROM users) SELECT * FROM (WITH events AS (SELECT * FROM events) SELECT * FROM "
          "events)",
          "T users; C events"},
         {"WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r) SELECT * FROM r", "C r"},
         {"WITH RECURSIVE users AS (SELECT 1 UNION DISTINCT SELECT 1 FROM users) SELECT * FROM users",
          "T users; C users"},
         {"WITH r AS (SELECT * FROM r) SELECT * FROM r", "refused: Resource 'r' not found"},
         // 3: the first branch lends its WITH
         {"WITH u AS (SELECT 1) SELECT 1 UNION ALL SELECT * FROM u", "C u"},
         {"(WITH u AS (SELECT 1) SELECT 1) EXCEPT SELECT * FROM u", "C u"},
         {"SELECT 1 UNION ALL (WITH u AS (SELECT 1) SELECT 1) UNION ALL SELECT * FROM u",
          "refused: Resource 'u' not found"},
         // 4: dots, a CTE before a table, table functions
         {"WITH `ws.t_users` AS (SELECT 1) SELECT 1", "refused: may not hold dots"},
         {"WITH users AS (SELECT 1) SELECT * FROM users", "C users"},
         {"WITH numbers AS (SELECT 1) SELECT * FROM numbers(1)", "X numbers"},
         // 5: expressions are no tables
         {"WITH users AS x SELECT * FROM users", "T users"},
         {"WITH 1 AS users SELECT * FROM users", "T users"},
         // 6: right of IN
         {"SELECT [1] AS users, 1 IN users", "C users; F in"},
         {"SELECT 1 IN users FROM events AS users", "T events; F in"},
         {"WITH users AS (SELECT 1) SELECT 1 IN users", "C users; F in"},
         {"SELECT 1 IN users", "T users; F in"},
         // 10: aliases
         {"SELECT 1 FROM events, events", "T events"}});
}

TEST(Scopes, OurResolver) {
  check({{"SELECT 1 FROM tinybird.pipe_stats", "T tinybird.pipe_stats"},
         {"SELECT 1 FROM organization.nothing", "refused: Resource 'organization.nothing' not found"},
         {"SELECT 1 FROM ws.t_users", "refused: Resource 'ws.t_users' not found"},
         {"SELECT 1 FROM n1", "T n1"},
         {"SELECT 1 FROM secret", "refused: Resource 'secret' not found"},
         {"SELECT arrayMap(users -> 1 IN users, [1])", "F arrayMap in"}});
}

TEST(Scopes, Aliases) {
  EXPECT_EQ(sent("SELECT events.a FROM events"), "SELECT `events`.`a` FROM `ws`.`t_events` AS `events`");
  EXPECT_EQ(sent("SELECT events.a, e.a FROM events AS e"), "SELECT `e`.`a`, `e`.`a` FROM `ws`.`t_events` AS `e`");
  EXPECT_EQ(sent("SELECT 1 FROM events, events"),
            "SELECT 1 FROM `ws`.`t_events` AS `events`, `ws`.`t_events` AS `events_2`");
}

// attacks.md S10: names that could replace functions of nodes and filters, or capture tables.
TEST(Scopes, RefusedNames) {
  check({{"WITH (x, y) -> 1 AS equals SELECT * FROM n1", "refused: a lambda may not have an alias"},
         {"WITH x -> 1 AS EQUALS SELECT 1", "refused: a lambda may not have an alias"},
         {"SELECT arrayMap((x -> 1) AS lower, [1]), a FROM n1", "refused: a lambda may not have an alias"},
         {"WITH `a.b` AS (SELECT 1) SELECT 1", "refused: dots"},
         {"WITH `a``b` AS (SELECT 1) SELECT 1", "refused: quotes"},
         {"WITH `a\\\\b` AS (SELECT 1) SELECT 1", "refused: backslashes"},
         {"WITH `a\tb` AS (SELECT 1) SELECT 1", "refused: control characters"},
         {"WITH __x AS (SELECT 1) SELECT 1", "refused: may not start with"},
         {"WITH system AS (SELECT 1) SELECT 1", "refused: may not be 'system'"},
         {"SELECT 1 FROM events AS `a.b`", "refused: dots"},
         {"SELECT 1 FROM events AS System", "refused: may not be 'system'"},
         {"SELECT 1 FROM events AS __t", "refused: may not start with"},
         {"SELECT 1 FROM (SELECT 1) AS `a.b`", "refused: dots"},
         {"SELECT _part, _partition_id, _part_offset FROM events", "T events"},
         {"SELECT _table FROM events", "refused: column '_table' is not available"},
         {"SELECT events._database FROM events", "refused: column '_database' is not available"},
         {"SELECT _part_uuid FROM events", "refused: column '_part_uuid' is not available"}});
}

// What may be called.

TEST(Calls, TableFunctionVerdicts) {
  for (const std::string_view call :
       {"numbers(1)", "numbers_mt(1)", "generateSeries(1, 2)", "generate_series(1, 2)", "primes(3)",
        "values('a UInt8', 1)", "null('a UInt8')", "generateRandom('a UInt8')"})
    EXPECT_TRUE(verdict(fmt::format("SELECT * FROM {}", call)).starts_with("X ")) << call;
  for (const std::string_view name : {"s3", "gcs", "url", "azureBlobStorage", "postgresql", "mysql", "mongodb",
                                      "iceberg", "icebergS3", "deltaLake", "deltaLakeS3"}) {
    const std::string sql = fmt::format("SELECT * FROM {}('x')", name);
    EXPECT_NE(verdict(sql).find("is not available"), std::string::npos) << name;
    EXPECT_EQ(verdict(sql, {.external_tables = true}), fmt::format("X {}", name));
  }
  for (const std::string_view name : {"zeros",
                                      "zeros_mt",
                                      "merge",
                                      "loop",
                                      "view",
                                      "viewIfPermitted",
                                      "viewExplain",
                                      "eval",
                                      "remote",
                                      "remoteSecure",
                                      "cluster",
                                      "clusterAllReplicas",
                                      "dictionary",
                                      "mergeTreeIndex",
                                      "mergeTreeAnalyzeIndexes",
                                      "mergeTreeProjection",
                                      "mergeTreeTextIndex",
                                      "timeSeriesData",
                                      "timeSeriesTags",
                                      "prometheusQuery",
                                      "prometheusQueryRange",
                                      "file",
                                      "fileCluster",
                                      "filesystem",
                                      "sqlite",
                                      "executable",
                                      "jdbc",
                                      "odbc",
                                      "redis",
                                      "hdfs",
                                      "hdfsCluster",
                                      "hudi",
                                      "paimonS3",
                                      "ytsaurus",
                                      "cosn",
                                      "oss",
                                      "icebergLocal",
                                      "deltaLakeLocal",
                                      "urlCluster",
                                      "s3Cluster",
                                      "arrowstream",
                                      "input",
                                      "format",
                                      "fuzzJSON",
                                      "fuzzQuery",
                                      "nosuch"})
    for (const bool job : {false, true})
      EXPECT_NE(verdict(fmt::format("SELECT * FROM {}('x')", name), {.external_tables = job}).find("is not available"),
                std::string::npos)
          << name;
}

TEST(Calls, FunctionLookUp) {
  for (const std::string_view name : {"toString",     "SUM",
                                      "Sum",          "sumIf",
                                      "SUMIf",        "sumIfArray",
                                      "sumOrNull",    "sumForEach",
                                      "uniqState",    "uniqMerge",
                                      "sumMap",       "quantileResample",
                                      "sumDistinct",  "sumSimpleState",
                                      "argMinArgMax", "sumOrDefaultIf",
                                      "sumTuple",     "COUNT",
                                      "ifNull",       "IFNULL"})
    EXPECT_NE(find_function(name), nullptr) << name;
  for (const std::string_view name : {"FILE", "tostring", "sumIF", "sumif", "toStringIf", "nosuch", "", "sumX", "a.f"})
    EXPECT_EQ(find_function(name), nullptr) << name;
  EXPECT_NE(verdict("SELECT a.f(1)").find("a function name has no dots"), std::string::npos);
  EXPECT_NE(verdict("SELECT FILE('x')").find("unknown function FILE()"), std::string::npos);
}

// attacks.md S8 S9 S12: each row of the deny list, called in each way.
TEST(Calls, DeniedFunctions) {
  for (const std::string_view name : {"file",
                                      "joinGet",
                                      "joinGetOrNull",
                                      "hasColumnInTable",
                                      "naiveBayesClassifier",
                                      "getMaxTableNameLengthForDatabase",
                                      "dictGet",
                                      "dictGetOrNull",
                                      "dictHas",
                                      "dictIsIn",
                                      "catboostEvaluate",
                                      "regionToName",
                                      "aiGenerate",
                                      "aiClassify",
                                      "aiExtract",
                                      "aiTranslate",
                                      "aiEmbed",
                                      "getSetting",
                                      "getSettingOrDefault",
                                      "getServerSetting",
                                      "getMergeTreeSetting",
                                      "getMacro",
                                      "getServerPort",
                                      "tcpPort",
                                      "getClientHTTPHeader",
                                      "globalVariable",
                                      "showCertificate",
                                      "hostName",
                                      "hostname",
                                      "FQDN",
                                      "fullHostName",
                                      "displayName",
                                      "serverUUID",
                                      "buildId",
                                      "getOSKernelVersion",
                                      "uptime",
                                      "zookeeperSessionUptime",
                                      "filesystemAvailable",
                                      "filesystemCapacity",
                                      "revision",
                                      "connectionId",
                                      "tid",
                                      "hasThreadFuzzer",
                                      "currentUser",
                                      "user",
                                      "authenticatedUser",
                                      "currentRoles",
                                      "enabledRoles",
                                      "defaultRoles",
                                      "currentProfiles",
                                      "enabledProfiles",
                                      "defaultProfiles",
                                      "currentDatabase",
                                      "database",
                                      "DATABASE",
                                      "SCHEMA",
                                      "currentSchemas",
                                      "initialQueryID",
                                      "queryID",
                                      "query_id",
                                      "transactionID",
                                      "sleep",
                                      "sleepEachRow",
                                      "addressToLine",
                                      "addressToSymbol",
                                      "demangle",
                                      "logTrace",
                                      "dumpColumnStructure",
                                      "blockSerializedSize",
                                      "getTypeSerializationStreams",
                                      "__getScalar",
                                      "__bitSwapLastTwo",
                                      "_CAST",
                                      "nested",
                                      "generateSerialID",
                                      "fuzzQuery",
                                      "fuzzBits",
                                      "obfuscateQuery",
                                      "structureToCapnProtoSchema",
                                      "structureToProtobufSchema",
                                      "generateRandomStructure"}) {
    if (find_function(name) == nullptr) continue;  // absent from this engine: unknown, and so refused as well
    for (const std::string_view form :
         {"SELECT {}('x')", "SELECT `{}`('x')", "SELECT \"{}\"('x')", "SELECT arrayMap({}, ['x'])",
          "SELECT arrayMap(`{}`, ['x'])", "SELECT arrayFold({}, ['x'], 1)", "SELECT arrayMap(x -> {}(x), ['x'])",
          "SELECT * APPLY({}) FROM events", "SELECT * APPLY {} FROM events", "SELECT * APPLY(x -> {}(x)) FROM events",
          "SELECT 1 WHERE {}('x')", "WITH {}('x') AS y SELECT y", "SELECT 1 FROM numbers({}('x'))"}) {
      const std::string sql = fmt::format(fmt::runtime(form), name);
      EXPECT_TRUE(verdict(sql).starts_with("refused: ")) << sql << "\n" << verdict(sql);
    }
  }
}

TEST(Calls, FineFunctions) {
  for (const std::string_view call : {"version()",
                                      "levenshteinDistance('a', 'b')",
                                      "throwIf(0)",
                                      "ignore(1)",
                                      "rand()",
                                      "rand64()",
                                      "generateUUIDv4()",
                                      "generateUUIDv7()",
                                      "randomString(3)",
                                      "repeat('a', 3)",
                                      "range(3)",
                                      "formatQuery('SELECT 1')",
                                      "arrayReduce('sum', [1])",
                                      "finalizeAggregation(a)",
                                      "now()",
                                      "now64()",
                                      "rowNumberInAllBlocks()",
                                      "timezone()",
                                      "match('a', 'b')",
                                      "replaceRegexpAll('a', 'b', 'c')",
                                      "uniqMerge(a)",
                                      "encrypt('aes-128-ecb', 'a', 'b')"})
    EXPECT_TRUE(verdict(fmt::format("SELECT {} FROM events", call)).starts_with("T events"))
        << call << verdict(fmt::format("SELECT {} FROM events", call));
}

TEST(Calls, AggregatesByName) {
  EXPECT_FALSE(verdict("SELECT arrayReduce('quantile(0.5)', [1])").starts_with("refused"));
  for (const std::string_view call : {"arrayReduce('file', [1])", "arrayReduce('nosuch', [1])", "arrayReduce(a, [1])",
                                      "arrayReduceInRanges('getSetting', [], [])", "initializeAggregation('hostName')",
                                      "arrayReduce(concat('s', 'um'), [1])"})
    EXPECT_TRUE(verdict(fmt::format("SELECT {}", call)).starts_with("refused: ")) << call;
}

// attacks.md S5: settings and formats.

TEST(Tail, Settings) {
  for (const std::string_view name : {"max_threads",
                                      "join_algorithm",
                                      "join_use_nulls",
                                      "any_join_distinct_right_table_keys",
                                      "transform_null_in",
                                      "group_by_use_nulls",
                                      "aggregate_functions_null_for_empty",
                                      "union_default_mode",
                                      "totals_mode",
                                      "final",
                                      "do_not_merge_across_partitions_select_final",
                                      "use_skip_indexes",
                                      "optimize_read_in_order",
                                      "optimize_aggregation_in_order",
                                      "optimize_move_to_prewhere",
                                      "short_circuit_function_evaluation",
                                      "session_timezone",
                                      "output_format_json_quote_64bit_integers",
                                      "output_format_json_quote_denormals",
                                      "date_time_output_format"})
    EXPECT_EQ(setting_rule(name), SettingRule::allowed) << name;
  for (const std::string_view name :
       {"max_execution_time", "max_memory_usage", "max_rows_to_read", "max_bytes_to_read", "max_result_rows"})
    EXPECT_EQ(setting_rule(name), SettingRule::lower_only) << name;
  for (const std::string_view name :
       {"readonly", "allow_ddl", "allow_introspection_functions", "additional_table_filters", "max_ast_depth",
        "implicit_select", "allow_experimental_analyzer", "max_query_size", "timeout_overflow_mode", "MAX_THREADS", "",
        "nosuch"})
    EXPECT_EQ(setting_rule(name), SettingRule::refused) << name;
  check({{"SELECT 1 SETTINGS max_threads = 1, final = true", ""},
         {"SELECT 1 SETTINGS readonly = 0", "refused: setting 'readonly' is not available"},
         {"SELECT 1 FORMAT JSON SETTINGS max_threads = 1", ""},
         {"SELECT 1 SETTINGS max_threads = 1 FORMAT JSON", ""},
         {"SELECT 1 SETTINGS max_threads = 1 UNION ALL SELECT 2", "refused: only at the end of the outermost query"},
         {"SELECT * FROM (SELECT 1 SETTINGS max_threads = 1)", "refused: only at the end of the outermost query"},
         {"WITH c AS (SELECT 1 SETTINGS readonly = 0) SELECT * FROM c",
          "refused: only at the end of the outermost query"},
         {"SELECT (SELECT 1 SETTINGS readonly = 0)", "refused: only at the end of the outermost query"},
         {"SELECT 1 IN (SELECT 1 SETTINGS readonly = 0)", "refused: only at the end of the outermost query"},
         {"SELECT 1 SETTINGS max_execution_time = '1x'", "refused: needs a number"}});
}

TEST(Tail, Formats) {
  for (const auto& [written, name] :
       {std::pair("JSON", "JSON"), std::pair("json", "JSON"), std::pair("`csvwithnames`", "CSVWithNames"),
        std::pair("PARQUET", "Parquet"), std::pair("ndjson", "JSONEachRow")}) {
    const auto resolved = testing::resolve_text(fmt::format("SELECT 1 FORMAT {}", written));
    ASSERT_TRUE(resolved) << written;
    EXPECT_EQ(resolved->format, name);
    EXPECT_EQ(resolved->query.text, "SELECT 1");
  }
  for (const std::string_view name : {"Template", "CustomSeparated", "Protobuf", "ProtobufSingle", "MySQLWire",
                                      "PostgreSQLWire", "ODBCDriver2", "Null", "SQLInsert", "PNG", "Hash", "nosuch"})
    EXPECT_NE(verdict(fmt::format("SELECT 1 FORMAT {}", name)).find("not available"), std::string::npos) << name;
  EXPECT_TRUE(verdict("SELECT 1 FORMAT JSON UNION ALL SELECT 2").starts_with("refused: "));
}

}  // namespace
}  // namespace kinglet::sql
