// SPDX-License-Identifier: Apache-2.0
// The resolver against the cases of the specification, and what inlining must keep.
#include "sql/resolve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "sql/functions.h"
#include "sql/printer.h"
#include "sql/testing/workspace.h"

namespace kinglet::sql {
namespace {

using testing::summary;

/// Data sources `events` and `users`, node `n1`; other names on demand.
class TestScope final : public Scope {
 public:
  Result<Target> table(std::string_view name, Position where) override {
    asked.emplace_back(name);
    if (const auto node = nodes.find(std::string(name)); node != nodes.end()) {
      TRY(Query query, parse_query(node->second));
      TRY(Resolved resolved, resolve(std::move(query), *this));
      return Inlined{std::make_shared<const Query>(std::move(resolved.query))};
    }
    if (name == "hidden") return fail(Code::forbidden, "no right to read it");
    if (name == "broken") return fail(Code::unavailable, "the catalog is away");
    if (!sources.contains(std::string(name))) return fail(Code::not_found, "no {} at {}", name, where.line);
    std::string table(name);
    std::replace(table.begin(), table.end(), '.', '_');
    return PhysicalTable{"ws", "t_" + table};
  }

  std::set<std::string> sources = {"events", "users", "tinybird.pipe_stats"};
  std::map<std::string, std::string> nodes = {{"n1", "SELECT a FROM events WHERE a = 7"}};
  std::vector<std::string> asked;
};

constexpr ResolveOptions outermost = {.settings = true, .format = true};

Result<Resolved> resolve_text(std::string_view sql, TestScope& scope, const ResolveOptions& options = outermost) {
  TRY(Query query, parse_query(sql));
  return resolve(std::move(query), scope, options);
}

Result<std::string> resolved_text(std::string_view sql) {
  TestScope scope;
  TRY(Resolved resolved, resolve_text(sql, scope));
  return resolved.query.text;
}

std::string error_of(std::string_view sql, const ResolveOptions& options = outermost) {
  TestScope scope;
  const auto resolved = resolve_text(sql, scope, options);
  return resolved ? "no error: " + resolved->query.text : resolved.error().message;
}

void expect_round_trip(const Resolved& resolved) {
  const Status same = check_round_trip(resolved.query);
  EXPECT_TRUE(same) << same.error().message << "\n" << resolved.query.text;
}

struct Case {
  int number;
  std::string sql;
  std::string expected;
};

std::string unescape_case(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("<NUL>")) {
      out += '\0';
      i += 4;
    } else if (text.substr(i).starts_with("\\n")) {
      out += '\n';
      ++i;
    } else if (text.substr(i).starts_with("U+2018")) {
      out += "‘";
      i += 5;
    } else if (text.substr(i).starts_with("U+2019")) {
      out += "’";
      i += 5;
    } else if (text[i] == '{' && i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '9') {
      const auto colon = text.find(':', i);
      const auto close = text.find('}', i);
      const int times = std::stoi(std::string(text.substr(i + 1, colon - i - 1)));
      for (int k = 0; k < times; ++k) out += text.substr(colon + 1, close - colon - 1);
      i = close;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<Case> cases() {
  std::ifstream file("src/sql/testdata/resolution.tsv");
  std::vector<Case> out;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    out.push_back({std::stoi(line.substr(0, first)), unescape_case(line.substr(first + 1, second - first - 1)),
                   line.substr(second + 1)});
  }
  return out;
}

// attacks.md S4 S5 S6 S8 S9 S12 S13 S17: what the engine would read, and what must be refused.
TEST(Resolve, CasesOfTheSpecification) {
  const auto all = cases();
  ASSERT_EQ(all.size(), 97u);
  for (const Case& one : all) {
    SCOPED_TRACE(std::to_string(one.number) + ": " + one.sql);
    TestScope scope;
    const auto resolved = resolve_text(one.sql, scope);
    if (one.expected.starts_with("refused: ")) {
      ASSERT_FALSE(resolved) << resolved->query.text;
      EXPECT_NE(resolved.error().message.find(one.expected.substr(9)), std::string::npos) << resolved.error().message;
    } else {
      ASSERT_TRUE(resolved) << resolved.error().message;
      EXPECT_EQ(summary(*resolved), one.expected);
      expect_round_trip(*resolved);
    }
  }
}

/// The same tokens with something else between them.
std::string respaced(std::string_view sql, std::string_view blank) {
  const auto tokens = tokenize(sql);
  std::string out;
  for (const Token& token : *tokens) {
    out += sql.substr(token.where.offset, token.size);
    // `-` and `/` may not meet a comment's first character.
    if (token.type != Token::Type::end) out += blank;
  }
  return out;
}

// attacks.md S4 S9: comments, blanks and wrapping change nothing about what is found.
TEST(Resolve, CasesInOtherClothes) {
  for (const Case& one : cases()) {
    if (one.expected.starts_with("refused: ")) continue;
    SCOPED_TRACE(std::to_string(one.number) + ": " + one.sql);
    for (const std::string_view blank : {"\n", " /* FROM users */ ", "\xC2\xA0", " -- x\n", "\xEF\xBB\xBF\t"}) {
      TestScope scope;
      const std::string sql = respaced(one.sql, blank);
      const auto resolved = resolve_text(sql, scope);
      ASSERT_TRUE(resolved) << sql << "\n" << resolved.error().message;
      EXPECT_EQ(summary(*resolved), one.expected) << sql;
    }
    const bool has_tail = one.number == 43 || one.number == 74;
    if (has_tail) continue;
    for (const auto& [before, after] : std::vector<std::pair<std::string, std::string>>{
             {"SELECT * FROM (", "\n) AS z"}, {"WITH z AS (", "\n) SELECT * FROM z"}, {"SELECT 1 IN (", "\n)"}}) {
      TestScope scope;
      const auto resolved = resolve_text(before + one.sql + after, scope);
      ASSERT_TRUE(resolved) << before << resolved.error().message;
      EXPECT_EQ(std::set(resolved->tables.begin(), resolved->tables.end()), [&] {
        TestScope plain;
        const auto alone = resolve_text(one.sql, plain);
        return std::set(alone->tables.begin(), alone->tables.end());
      }());
      expect_round_trip(*resolved);
    }
  }
}

// attacks.md S4 S5 S6 S8: what is refused stays refused inside other queries and in other spacing.
TEST(Resolve, RefusedCasesStayRefused) {
  for (const Case& one : cases()) {
    if (!one.expected.starts_with("refused: ")) continue;
    if (one.number == 84 || one.number == 85) continue;  // expressions: harmless in parentheses
    SCOPED_TRACE(std::to_string(one.number) + ": " + one.sql);
    for (const auto& [before, after] :
         std::vector<std::pair<std::string, std::string>>{{"SELECT * FROM (", "\n) AS z"},
                                                          {"WITH z AS (", "\n) SELECT * FROM z"},
                                                          {"SELECT 1 IN (", "\n)"},
                                                          {"SELECT 1 UNION ALL ", ""},
                                                          {"SELECT * FROM events WHERE a = (", ")"}}) {
      TestScope scope;
      EXPECT_FALSE(resolve_text(before + one.sql + after, scope)) << before;
    }
    if (!tokenize(one.sql)) continue;
    for (const std::string_view blank : {"\n", " /* x */ ", "\xC2\xA0"}) {
      TestScope scope;
      EXPECT_FALSE(resolve_text(respaced(one.sql, blank), scope));
    }
  }
}

// attacks.md S16: no cut of a text crashes, and what is accepted reads back.
TEST(Resolve, CasesCutAtEveryByte) {
  for (const Case& one : cases()) {
    for (std::size_t size = 0; size < one.sql.size(); ++size) {
      TestScope scope;
      const auto resolved = resolve_text(std::string_view(one.sql).substr(0, size), scope);
      if (resolved) expect_round_trip(*resolved);
    }
  }
}

TEST(Resolve, PrintsPhysicalNamesUnderTheirOwnName) {
  EXPECT_EQ(*resolved_text("SELECT events.a, e.b FROM events, users AS e WHERE users.c = 1"),
            "SELECT `events`.`a`, `e`.`b` FROM `ws`.`t_events` AS `events`, `ws`.`t_users` AS `e` WHERE `e`.`c` = 1");
  EXPECT_EQ(*resolved_text("SELECT events.* FROM events AS e"), "SELECT `e`.* FROM `ws`.`t_events` AS `e`");
  EXPECT_EQ(*resolved_text("SELECT 1 FROM events, events JOIN events AS events_2 ON 1"),
            "SELECT 1 FROM `ws`.`t_events` AS `events`, `ws`.`t_events` AS `events_3` INNER JOIN `ws`.`t_events` AS "
            "`events_2` ON 1");
  EXPECT_EQ(*resolved_text("SELECT tinybird.pipe_stats.x FROM tinybird.pipe_stats"),
            "SELECT `pipe_stats`.`x` FROM `ws`.`t_tinybird_pipe_stats` AS `pipe_stats`");
  EXPECT_EQ(*resolved_text("SELECT (SELECT max(events.a) FROM users) FROM events AS e"),
            "SELECT (SELECT max(`e`.`a`) FROM `ws`.`t_users` AS `users`) FROM `ws`.`t_events` AS `e`");
}

TEST(Resolve, InlinesNodesWithTheirAlias) {
  EXPECT_EQ(
      *resolved_text("SELECT n1.a FROM n1 AS x JOIN n1 AS y USING a"),
      "SELECT `x`.`a` FROM (SELECT `a` FROM `ws`.`t_events` AS `events` WHERE `a` = 7) AS `x` INNER JOIN (SELECT `a` "
      "FROM `ws`.`t_events` AS `events` WHERE `a` = 7) AS `y` USING (`a`)");
  EXPECT_EQ(*resolved_text("SELECT a IN n1 FROM events"),
            "SELECT `a` IN (SELECT * FROM (SELECT `a` FROM `ws`.`t_events` AS `events` WHERE `a` = 7) AS `n1`) FROM "
            "`ws`.`t_events` AS `events`");
}

TEST(Resolve, FinalBelongsToDataSources) {
  EXPECT_TRUE(resolved_text("SELECT a FROM events FINAL"));
  EXPECT_EQ(error_of("SELECT a FROM n1 FINAL"), "line 1, column 15: FINAL can be used on data sources only");
  EXPECT_EQ(error_of("WITH c AS (SELECT 1) SELECT 1 FROM c FINAL"),
            "line 1, column 36: FINAL can be used on data sources only");
  EXPECT_FALSE(resolved_text("SELECT a FROM n1 SAMPLE 0.1"));
}

// attacks.md S9: one text for what is not there and what is not granted; nothing is guessed.
TEST(Resolve, HiddenAndMissingLookTheSame) {
  EXPECT_EQ(error_of("SELECT 1 FROM hidden"), "line 1, column 15: Resource 'hidden' not found");
  EXPECT_EQ(error_of("SELECT 1 FROM absent"), "line 1, column 15: Resource 'absent' not found");
  EXPECT_EQ(error_of("SELECT 1 FROM broken"), "the catalog is away");
  // A name that is quoted as a whole is one part, and no resource has a dot.
  EXPECT_EQ(error_of("SELECT 1 FROM `tinybird.pipe_stats`"),
            "line 1, column 15: Resource 'tinybird.pipe_stats' not found");
  // Right of IN an unknown or hidden name is a column; it cannot reach a table.
  EXPECT_EQ(*resolved_text("SELECT a IN hidden FROM events"),
            "SELECT `a` IN `hidden` FROM `ws`.`t_events` AS `events`");
}

TEST(Resolve, InTakesAliasesBeforeResources) {
  EXPECT_EQ(*resolved_text("SELECT [1] AS users, 1 IN users"), "SELECT [1] AS `users`, 1 IN `users`");
  EXPECT_EQ(*resolved_text("SELECT 1 IN users.id FROM events AS users"),
            "SELECT 1 IN `users`.`id` FROM `ws`.`t_events` AS `users`");
  EXPECT_EQ(*resolved_text("WITH users AS (SELECT 1) SELECT 1 IN users"),
            "WITH `users` AS (SELECT 1) SELECT 1 IN `users`");
  EXPECT_EQ(*resolved_text("SELECT 1 IN (((users)))"), "SELECT 1 IN (SELECT * FROM `ws`.`t_users` AS `users`)");
  EXPECT_EQ(*resolved_text("SELECT 1 IN (users AS u)"),
            "SELECT 1 IN ((SELECT * FROM `ws`.`t_users` AS `users`) AS `u`)");
  for (const std::string_view in : {"notIn", "globalIn", "nullIn", "`in`", "inIgnoreSet"})
    EXPECT_NE(resolved_text(fmt::format("SELECT {}(1, users)", in))->find("t_users"), std::string::npos) << in;
  EXPECT_EQ(error_of("SELECT 1 IN system.one FROM events AS e"), "line 1, column 13: Resource 'system.one' not found");
  // Not tables: a list, an array, a function's argument, an element.
  EXPECT_EQ(*resolved_text("SELECT 1 IN (users, 2), 1 IN [users], 1 IN lower(users), 1 IN users.1"),
            "SELECT 1 IN (`users`, 2), 1 IN [`users`], 1 IN lower(`users`), 1 IN `users`.1");
}

TEST(Resolve, CteScopes) {
  const auto tables = [](std::string_view sql) {
    TestScope scope;
    const auto resolved = resolve_text(sql, scope);
    return resolved ? summary(*resolved) : resolved.error().message;
  };
  EXPECT_EQ(tables("WITH users AS (WITH users AS (SELECT * FROM users) SELECT * FROM users) SELECT * FROM users"),
            "T users; C users");
  EXPECT_EQ(tables("WITH users AS (SELECT * FROM (SELECT * FROM users)) SELECT 1"), "T users");
  EXPECT_EQ(tables("WITH a AS (SELECT * FROM users), users AS (SELECT 1) SELECT * FROM a"), "C a users");
  EXPECT_EQ(tables("SELECT * FROM (WITH u AS (SELECT 1) SELECT * FROM u) AS x, users"), "T users; C u");
  EXPECT_EQ(tables("(WITH u AS (SELECT 1) SELECT * FROM u) UNION ALL SELECT * FROM u"), "C u");
  EXPECT_EQ(tables("SELECT 1 UNION ALL (WITH users AS (SELECT 1) SELECT 1) UNION ALL SELECT * FROM users"), "T users");
  EXPECT_EQ(tables("WITH RECURSIVE users AS (SELECT * FROM users) SELECT * FROM users"), "T users; C users");
  EXPECT_EQ(tables("WITH c AS (SELECT 1), c AS (SELECT 2) SELECT 1"),
            "line 1, column 23: the CTE 'c' is defined twice");
  EXPECT_EQ(tables("WITH users AS x SELECT * FROM users"), "T users");
  EXPECT_EQ(tables("WITH c (p) AS MATERIALIZED (SELECT 1) SELECT p FROM c"), "C c");
}

// attacks.md S10: a caller's SQL cannot replace functions that nodes and filters use.
TEST(Resolve, LambdaAliasesAreRefused) {
  for (const std::string_view sql :
       {"WITH x -> 1 AS f SELECT 1", "WITH (x -> 1) AS equals SELECT 1",
        "SELECT arrayMap(x -> (y -> 1 AS equals), [1])", "SELECT * APPLY (x -> 1 AS equals) FROM events",
        "SELECT 1 ORDER BY (x -> 1 AS less)", "SELECT lambda(tuple(x), 1) AS equals", "SELECT `lambda`(x, 1)"})
    EXPECT_FALSE(resolved_text(sql)) << sql;
}

// attacks.md S12 S8: denied functions in every place where a function can be named.
TEST(Resolve, DeniedFunctionsAreFoundEverywhere) {
  for (const std::string_view sql : {"SELECT FILE('/x')",
                                     "SELECT arraySort(file, ['x'])",
                                     "SELECT mapFilter(file, map())",
                                     "SELECT arrayReduce('file', [1])",
                                     "SELECT 1 GROUP BY hostName()",
                                     "SELECT 1 LIMIT tcpPort()",
                                     "SELECT 1 ORDER BY sleep(3) WITH FILL TO uptime()",
                                     "SELECT sum(1) OVER (PARTITION BY currentUser())",
                                     "SELECT sum(1) OVER w WINDOW w AS (ORDER BY hostname())",
                                     "SELECT * REPLACE (file('x') AS a) FROM events",
                                     "SELECT * APPLY (x -> file(x)) FROM events",
                                     "SELECT quantile(getSetting('x'))(a) FROM events",
                                     "SELECT 1 FROM events ARRAY JOIN [file('x')] AS a",
                                     "SELECT 1 FROM events JOIN users ON file('x') = 1",
                                     "WITH file('x') AS a SELECT a",
                                     "SELECT 1 FROM numbers(length(file('x')))",
                                     "SELECT 1 ORDER BY 1 INTERPOLATE (a AS file('x'))",
                                     "SELECT current_user()",
                                     "SELECT Database()",
                                     "SELECT user()",
                                     "SELECT dictGetString('d', 'a', 1)",
                                     "SELECT AIGenerate('x')",
                                     "SELECT aiEmbed('x')",
                                     "SELECT __getScalar('x')",
                                     "SELECT _CAST(1, 'UInt8')",
                                     "SELECT showCertificate()",
                                     "SELECT initializeAggregation(concat('u', 'niq'), 1)",
                                     "SELECT arrayReduce(x, [1])",
                                     "SELECT sumX(1)",
                                     "SELECT a.file('x')",
                                     "SELECT sum(file('x')) FILTER (WHERE 1)",
                                     "SELECT CASE WHEN file('x') THEN 1 END",
                                     "SELECT * APPLY (arrayReduce('x')) FROM events",
                                     "SELECT * APPLY (CAST('UInt8')) FROM events",
                                     "SELECT * APPLY arrayMap FROM events",
                                     "SELECT 1 SETTINGS max_threads = 1, readonly = 0"})
    EXPECT_FALSE(resolved_text(sql)) << sql;
  for (const std::string_view sql :
       {"SELECT SUM(1), sumIf(1, 1), uniqStateArray([1]), COUNTIf(1), Date_Trunc('day', now())",
        "SELECT version(), throwIf(0), rand(), toInt64OrNull('1'), arrayReduce('quantile(0.5)', [1])"})
    EXPECT_TRUE(resolved_text(sql)) << error_of(sql);
}

// attacks.md S12: bytes of a user never become an aggregate state.
TEST(Resolve, StatesCannotBeMadeFromBytes) {
  for (const std::string_view type :
       {"AggregateFunction(uniq, UInt8)", "SimpleAggregateFunction(sum, UInt8)",
        "Array(AggregateFunction(uniq, UInt8))", "Tuple(a AggregateFunction(uniq, UInt8))",
        "Nullable( /* x */ AggregateFunction(uniq, UInt8))"}) {
    EXPECT_FALSE(resolved_text(fmt::format("SELECT unhex('00')::{}", type))) << type;
    EXPECT_FALSE(resolved_text(fmt::format("SELECT CAST(unhex('00') AS {})", type))) << type;
    for (const std::string_view call :
         {"CAST('', '{}')", "accurateCast('', '{}')", "accurateCastOrNull('', '{}')", "reinterpret('', '{}')",
          "JSONExtract('', 'a', '{}')", "defaultValueOfTypeName('{}')"})
      EXPECT_FALSE(resolved_text("SELECT " + fmt::format(fmt::runtime(call), type))) << call << type;
    EXPECT_FALSE(resolved_text(fmt::format("SELECT * FROM values('a {}', '')", type))) << type;
    EXPECT_FALSE(resolved_text(fmt::format("SELECT * FROM generateRandom('a {}')", type))) << type;
  }
  EXPECT_FALSE(resolved_text("SELECT CAST('', concat('Aggregate', 'Function(uniq, UInt8)'))"));
  EXPECT_FALSE(resolved_text("WITH 'x' AS t SELECT CAST('', t)"));
}

TEST(Resolve, StructureStringsHoldColumnsOnly) {
  EXPECT_TRUE(resolved_text("SELECT * FROM null('a UInt8, `b c` Array(Tuple(x String, y DateTime64(3, \\'UTC\\')))')"));
  EXPECT_TRUE(resolved_text("SELECT * FROM values((1, 2), (3, 4))"));
  for (const std::string_view structure :
       {"a String DEFAULT 1", "a String ALIAS file(1)", "a String MATERIALIZED 1", "a String CODEC(LZ4)",
        "a String TTL now()", "a String COMMENT 1", "a", "", "a Nothingness", "a String,"})
    EXPECT_FALSE(resolved_text(fmt::format("SELECT * FROM values('{}', 1)", structure))) << structure;
  EXPECT_FALSE(resolved_text("SELECT * FROM generateRandom()"));
  EXPECT_FALSE(resolved_text("SELECT * FROM values(concat('a ', 'String'), 1)"));
}

// attacks.md S6: outside tables only where a job allows them, and their arguments read nothing.
TEST(Resolve, ExternalTablesNeedAJob) {
  const std::string sql = "SELECT * FROM s3('https://bucket/x.csv', format = 'CSV')";
  EXPECT_NE(error_of(sql).find("s3() is not available"), std::string::npos);
  EXPECT_EQ(error_of(sql, {.external_tables = true}),
            "no error: SELECT * FROM s3('https://bucket/x.csv', `format` = 'CSV')");
  EXPECT_FALSE(error_of("SELECT * FROM s3((SELECT 1))", {.external_tables = true}).starts_with("no error"));
  EXPECT_FALSE(error_of("SELECT * FROM file('x')", {.external_tables = true}).starts_with("no error"));
}

TEST(Resolve, VirtualColumns) {
  EXPECT_TRUE(resolved_text("SELECT _part, _partition_id, _part_offset, _id FROM events"));
  for (const std::string_view name : {"_table", "_database", "events._table", "`_table`", "_part_uuid"})
    EXPECT_FALSE(resolved_text(fmt::format("SELECT {} FROM events", name))) << name;
}

// attacks.md S5: settings and formats are taken off, only at the end, only from the list.
TEST(Resolve, SettingsAndFormat) {
  TestScope scope;
  const auto resolved = resolve_text(
      "SELECT 1 UNION ALL SELECT 2 SETTINGS max_threads = 4, join_algorithm = 'hash' FORMAT csvWithNames", scope);
  ASSERT_TRUE(resolved) << resolved.error().message;
  EXPECT_EQ(resolved->query.text, "SELECT 1 UNION ALL SELECT 2");
  EXPECT_EQ(resolved->format, "CSVWithNames");
  ASSERT_EQ(resolved->settings.size(), 2u);
  EXPECT_EQ(resolved->settings[1], std::make_pair(std::string("join_algorithm"), std::string("hash")));
  EXPECT_NE(error_of("SELECT 1 FORMAT Template").find("not available"), std::string::npos);
  EXPECT_NE(error_of("SELECT 1 FORMAT JSON", {}).find("FORMAT is not allowed"), std::string::npos);
  EXPECT_NE(error_of("SELECT 1 SETTINGS max_threads = 1", {}).find("SETTINGS is not allowed"), std::string::npos);
  EXPECT_FALSE(resolved_text("SELECT 1 SETTINGS max_memory_usage = -1"));
  EXPECT_FALSE(resolved_text("SELECT 1 SETTINGS MAX_THREADS = 1"));
  EXPECT_FALSE(resolved_text("(SELECT 1 SETTINGS max_threads = 1)"));
  EXPECT_FALSE(resolved_text("SELECT 1 FORMAT JSON FORMAT CSV"));
  EXPECT_FALSE(resolved_text("SELECT (SELECT 1 FORMAT JSON)"));
}

// attacks.md S13: limits count what is inlined.
TEST(Resolve, LimitsCountAfterInlining) {
  const auto repeat = [](int times) {
    std::string sql = "SELECT 1 FROM n1 AS x0";
    for (int i = 1; i < times; ++i) sql += fmt::format(" UNION ALL SELECT 1 FROM n1 AS x{}", i);
    return sql;
  };
  EXPECT_TRUE(resolved_text(repeat(150)));
  EXPECT_NE(error_of(repeat(151)).find("more than 300 sub-queries"), std::string::npos);

  TestScope scope;
  for (int i = 1; i <= 40; ++i)
    scope.nodes[fmt::format("d{}", i)] = i == 1 ? "SELECT 1" : fmt::format("SELECT * FROM d{}", i - 1);
  EXPECT_TRUE(resolve_text("SELECT * FROM d39", scope));
  const auto deep = resolve_text("SELECT * FROM d40", scope);
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().message.find("nested deeper than 40"), std::string::npos) << deep.error().message;

  scope.nodes["big"] = "SELECT '" + std::string(200'000, 'x') + "' FROM events";
  EXPECT_TRUE(resolve_text("SELECT 1 FROM big AS a, big AS b, big AS c, big AS d, big AS e", scope));
  EXPECT_FALSE(resolve_text("SELECT 1 FROM big AS a, big AS b, big AS c, big AS d, big AS e, big AS f", scope));

  scope.nodes["b2"] = "SELECT 1 BETWEEN 0 AND 1 BETWEEN 0 AND 1 AS x";
  EXPECT_TRUE(resolve_text("SELECT (SELECT x FROM b2) FROM events", scope));
  EXPECT_FALSE(resolve_text("SELECT (SELECT x FROM b2) BETWEEN 0 AND 1 FROM events", scope));
}

TEST(Resolve, AsksOnceForEachUseInOrder) {
  TestScope scope;
  ASSERT_TRUE(resolve_text("SELECT a IN users FROM events WHERE b IN (SELECT 1 FROM users)", scope));
  EXPECT_EQ(scope.asked, (std::vector<std::string>{"events", "users", "users"}));
}

TEST(Expressions, SubqueriesAreRefusedEvenWhenParsed) {
  const auto expression = parse_expression("a IN (SELECT 1 FROM users)", {.subqueries = true});
  ASSERT_TRUE(expression);
  EXPECT_FALSE(check_expression(*expression));
}

TEST(NamesRead, FindsTablesBeforeAnythingCanBeResolved) {
  const auto query = parse_query(
      "WITH c AS (SELECT * FROM a), x AS (SELECT nosuchfunction(1) FROM c) SELECT p IN q, r IN c, s IN t.u FROM x JOIN "
      "b FINAL "
      "USING (k), tinybird.stats, numbers(1) WHERE v IN (SELECT w FROM a)");
  ASSERT_TRUE(query);
  const Reads reads = names_read(*query);
  EXPECT_EQ(reads.tables, (std::vector<std::string>{"a", "b", "tinybird.stats"}));
  EXPECT_EQ(reads.maybe_tables, (std::vector<std::string>{"q", "t.u"}));
  EXPECT_EQ(reads.table_functions, (std::vector<std::string>{"numbers"}));
}

// attacks.md S10: row filters and delete conditions are one expression without tables.
TEST(Expressions, FiltersAreCheckedAndPrinted) {
  EXPECT_EQ(*checked_expression(" org = 'o3' and not x in ('a', 'b') "), "`org` = 'o3' AND NOT `x` IN ('a', 'b')");
  for (const std::string_view text :
       {"", "a = 1; DROP TABLE x", "a = 1)", "(a = 1", "a IN (SELECT 1)", "EXISTS (SELECT 1)", "file('x')",
        "a = 1 AS b", "a = 1 -- x\n OR", "arrayMap(file, [1])", "a = 1 FORMAT JSON", "a, b", "x -> 1 AS equals",
        "_table = 'x'", "a IN system.one", "t.*", "count(*)", "COLUMNS('a')", "(a)._table"})
    EXPECT_FALSE(checked_expression(text)) << text;
  EXPECT_EQ(*checked_expression("toYYYYMM(ts)"), "toYYYYMM(`ts`)");
  EXPECT_EQ(*checked_expression("toDateTime(ts) + INTERVAL 30 DAY"), "toDateTime(`ts`) + toIntervalDay(30)");
  EXPECT_EQ(columns_read(*parse_expression("a + arraySum(x -> x * b.c, d) > a")),
            (std::vector<std::string>{"a", "b", "d"}));
}

}  // namespace
}  // namespace kinglet::sql
