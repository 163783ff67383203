// SPDX-License-Identifier: Apache-2.0
// The grammar, its limits, and that printed text reads back as the same tree.
#include "sql/parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "sql/printer.h"

namespace kinglet::sql {
namespace {

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

/// The printed form; the error's message when the text is refused.
std::string printed(std::string_view sql) {
  const auto query = parse_query(sql);
  if (!query) return query.error().message;
  const std::string text = print(*query);
  const auto again = parse_query(text);
  EXPECT_TRUE(again) << text << "\n" << again.error().message;
  if (again) {
    EXPECT_EQ(print(*again), text);
    EXPECT_EQ(dump(*again), dump(*query)) << text;
  }
  return text;
}

std::string expression(std::string_view sql) {
  const std::string text = printed("SELECT " + std::string(sql));
  return text.starts_with("SELECT ") ? text.substr(7) : text;
}

TEST(Parser, Precedence) {
  EXPECT_EQ(expression("a or b and not c = d + e * -f"), "`a` OR `b` AND NOT `c` = `d` + `e` * -`f`");
  EXPECT_EQ(expression("(a or b) and c"), "(`a` OR `b`) AND `c`");
  EXPECT_EQ(expression("a - (b - c) - d"), "`a` - (`b` - `c`) - `d`");
  EXPECT_EQ(expression("(a and b) and c"), "(`a` AND `b`) AND `c`");
  EXPECT_EQ(expression("a and b and c"), "`a` AND `b` AND `c`");
  EXPECT_EQ(expression("a = b in c"), "`a` = `b` IN `c`");
  EXPECT_EQ(expression("a = (b in c)"), "`a` = (`b` IN `c`)");
  EXPECT_EQ(expression("a is null = b"), "isNull(`a`) = `b`");
  EXPECT_EQ(expression("a = b is not null"), "isNotNull(`a` = `b`)");
  EXPECT_EQ(expression("not a is null"), "NOT isNull(`a`)");
  EXPECT_EQ(expression("a is distinct from b = c"), "`a` IS DISTINCT FROM `b` = `c`");
  EXPECT_EQ(expression("a is not distinct from b"), "`a` IS NOT DISTINCT FROM `b`");
  EXPECT_EQ(expression("a between 1 and 2 and b"), "`a` BETWEEN 1 AND 2 AND `b`");
  EXPECT_EQ(expression("a between 1 and 2 = 3"), "`a` BETWEEN 1 AND (2 = 3)");
  EXPECT_EQ(expression("a || b + c || d"), "`a` || `b` + `c` || `d`");
  EXPECT_EQ(expression("-1, - 1, -(1), - -1, -a, +a, a -1, -inf, -a.1"),
            "-1, -1, -(1), -(-1), -`a`, `a`, `a` - 1, -inf, -`a`.1");
  EXPECT_EQ(expression("-a::Int8 + b[1][2].c::String"), "-CAST(`a`, 'Int8') + CAST(`b`[1][2].`c`, 'String')");
  EXPECT_EQ(expression("a ? b : c + d"), "if(`a`, `b`, `c` + `d`)");
  EXPECT_EQ(expression("ts AT TIME ZONE 'UTC' + 1"), "toTimeZone(`ts`, 'UTC') + 1");
}

TEST(Parser, SpecialForms) {
  EXPECT_EQ(expression("CASE WHEN a THEN 1 END, case x when 1 then 2 else 3 end"),
            "multiIf(`a`, 1, NULL), caseWithExpression(`x`, 1, 2, 3)");
  EXPECT_EQ(expression("INTERVAL 1 DAY, interval '2' hours, INTERVAL '1 week 2 d', INTERVAL a + 1 MONTH + b"),
            "toIntervalDay(1), toIntervalHour('2'), tuple(toIntervalWeek(1), toIntervalDay(2)), toIntervalMonth(`a` + "
            "1) + `b`");
  EXPECT_EQ(expression("extract(year from a), extract(a, 'x'), extract(dow from a)"),
            "toYear(`a`), extract(`a`, 'x'), toDayOfWeek(`a`, 2)");
  EXPECT_EQ(
      expression("substring(a from 1 for 2), trim(both 'x' from a), trim(a), position('x' in a), position(a, 'x')"),
      "substring(`a`, 1, 2), trimBoth(`a`, 'x'), trimBoth(`a`), position(`a`, 'x'), position(`a`, 'x')");
  EXPECT_EQ(expression("position((a in b), c)"), "position((`a` IN `b`), `c`)");
  // As in the engine: what stands before a bare lambda is its parameters, so it must be names.
  EXPECT_EQ(expression("f(a, b -> a + b, c), f(7, (x -> y)), position(7, (x -> y)), f(a, (x -> y)), f(x -> y, 7)"),
            "f((`a`, `b`) -> `a` + `b`, `c`), f(7, (`x` -> `y`)), position(7, (`x` -> `y`)), f(`a`, (`x` -> `y`)), "
            "f(`x` -> `y`, 7)");
  EXPECT_EQ(expression("[a, (x -> y)], (1, (x -> y))"), "[`a`, (`x` -> `y`)], (1, (`x` -> `y`))");
  EXPECT_EQ(expression("f(7, (x -> y) AS z)"), "f(7, (`x` -> `y` AS `z`))");
  for (const char* text :
       {"f(7, x -> y)", "position(7, x -> y)", "f(g(a), x -> y)", "f(a, b -> c, d -> e)", "f(a.b, x -> y)",
        "f(a AS z, x -> y)", "f(a, (x, y) -> z)", "trim([a], x -> y)", "[a, x -> y]", "(1, x -> y)"}) {
    const auto parsed = parse_query("SELECT " + std::string(text));
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_NE(parsed.error().message.find("a lambda behind other expressions needs parentheses: (x -> …)"),
              std::string::npos)
        << parsed.error().message;
  }
  EXPECT_EQ(expression("overlay(a placing b from 1 for 2), date '2020-01-01', timestamp 'x', date(a)"),
            "overlay(`a`, `b`, 1, 2), toDate('2020-01-01'), toDateTime('x'), date(`a`)");
  EXPECT_EQ(expression("date_add(day, 1, x), DATE_SUB(x, INTERVAL 1 DAY), dateDiff(day, a, b), dateDiff('day', a, b)"),
            "`x` + toIntervalDay(1), `x` - toIntervalDay(1), dateDiff('day', `a`, `b`), dateDiff('day', `a`, `b`)");
  EXPECT_EQ(
      expression(
          "CAST(a AS Nullable( String )), CAST(a, 'String'), CAST(a AS b, 'String'), 0.10::Decimal(10,5), [1,'a']::T"),
      "line 1, column 112: unknown type 'T'");
  EXPECT_EQ(expression("CAST(a AS Nullable( String )), CAST(a AS b, 'String'), 0.10::decimal( 10,5 ), "
                       "[1,'a']::Array(String), x::INT unsigned"),
            "CAST(`a`, 'Nullable(String)'), CAST(`a` AS `b`, 'String'), CAST('0.10', 'decimal(10, 5)'), "
            "CAST('[1, \\'a\\']', 'Array(String)'), CAST(`x`, 'INT unsigned')");
  EXPECT_EQ(expression("exists(select 1), not exists (select 1)"), "exists(SELECT 1), NOT exists(SELECT 1)");
  EXPECT_EQ(expression("count(distinct a), count(all a), sum(a) filter (where b), quantile(0.5)(distinct a)"),
            "countDistinct(`a`), count(`a`), sumIf(`a`, `b`), quantileDistinct(0.5)(`a`)");
  EXPECT_EQ(expression("a = any (select 1), a > all (select 2), a = any(b)"),
            "`a` = ANY (SELECT 1), `a` > ALL (SELECT 2), `a` = `any`(`b`)");
  EXPECT_EQ(expression("a IS TRUE, a IS NOT UNKNOWN"), "`a` IS NOT DISTINCT FROM true, isNotNull(`a`)");
  EXPECT_EQ(expression("any(x) respect nulls, first_value(x) ignore nulls over w"),
            "`any`(`x`) RESPECT NULLS, first_value(`x`) IGNORE NULLS OVER `w`");
}

// attacks.md S17: read in two ways by people and engines, so by nobody.
TEST(Parser, IntervalsThatMayBeColumnsAreRefused) {
  for (const std::string_view sql :
       {"SELECT interval IN (a, b) month", "SELECT -interval in(a) month", "SELECT interval NOT (SELECT 1) month",
        "SELECT interval NOT IN (1) month", "SELECT interval AND (a) + 1 month", "SELECT interval WHERE (a) month",
        "SELECT interval IN (1)[1] day FROM t"})
    EXPECT_NE(printed(sql).find("may be a column or an INTERVAL here"), std::string::npos) << sql << printed(sql);
  for (const std::string_view sql :
       {"SELECT interval IN (a) AS month", "SELECT interval IN (SELECT 1) month", "SELECT `interval` IN (a) month",
        "SELECT interval IN (a), b month", "SELECT interval IN (1) + interval 1 month",
        "SELECT interval FROM (SELECT 1) month", "SELECT (interval IN (a)) month", "SELECT interval AND day",
        "SELECT 1 FROM t WHERE interval IN (1, 2) AND day > 3",
        "SELECT 1 FROM t WHERE interval IN (1) AND a = 5 GROUP BY day",
        "SELECT 1 FROM t WHERE interval IN (1) ORDER BY month"})
    EXPECT_TRUE(printed(sql).starts_with("SELECT ")) << sql << printed(sql);
}

TEST(Parser, WordsMayBeNames) {
  EXPECT_EQ(expression("date, timestamp, interval, case, key, left, end, format, columns, cast, exists FROM final"),
            "`date`, `timestamp`, `interval`, `case`, `key`, `left`, `end`, `format`, `columns`, `cast`, `exists` FROM "
            "`final`");
  EXPECT_EQ(expression("interval - 1, interval(1), interval + 2 AS x"),
            "`interval` - 1, `interval`(1), `interval` + 2 AS `x`");
  EXPECT_EQ(expression("a b, c AS select FROM t u"), "`a` AS `b`, `c` AS `select` FROM `t` AS `u`");
  EXPECT_EQ(expression("order, group, offset FROM t ORDER BY order, offset LIMIT 1"),
            "`order`, `group`, `offset` FROM `t` ORDER BY `order`, `offset` LIMIT 1");
  EXPECT_EQ(expression("and(a, b), `not`(c), in(a, b)"), "`and`(`a`, `b`), `not`(`c`), `in`(`a`, `b`)");
}

TEST(Parser, Clauses) {
  EXPECT_EQ(printed("from t select a, b,from"), "line 1, column 20: expected the end of the query, found from");
  EXPECT_EQ(printed("select a, from t"), "SELECT `a` FROM `t`");
  EXPECT_EQ(printed("select top 5 a from t"), "SELECT `a` FROM `t` LIMIT 5");
  EXPECT_EQ(printed("select a from t limit 2, 3"), "SELECT `a` FROM `t` LIMIT 3 OFFSET 2");
  EXPECT_EQ(printed("select a from t limit 1 offset 2 by b, c limit 3"),
            "SELECT `a` FROM `t` LIMIT 1 OFFSET 2 BY `b`, `c` LIMIT 3");
  EXPECT_EQ(printed("select a from t order by a offset 1 row fetch next 2 rows with ties"),
            "SELECT `a` FROM `t` ORDER BY `a` LIMIT 2 OFFSET 1 WITH TIES");
  EXPECT_EQ(printed("select distinct on (a) b from t offset 2"), "SELECT DISTINCT ON (`a`) `b` FROM `t` OFFSET 2");
  EXPECT_EQ(printed("select a from t group by rollup(a, b)"), "SELECT `a` FROM `t` GROUP BY `a`, `b` WITH ROLLUP");
  EXPECT_EQ(printed("select a from t where b group by grouping sets ((a), (a, b), (), c) with totals having d qualify "
                    "e order by all desc"),
            "SELECT `a` FROM `t` WHERE `b` GROUP BY GROUPING SETS ((`a`), (`a`, `b`), (), (`c`)) WITH TOTALS HAVING "
            "`d` QUALIFY `e` ORDER BY ALL DESC");
  EXPECT_EQ(printed("select a from t order by a desc nulls first collate 'en' with fill from 1 to 2 step 3 staleness 4 "
                    "interpolate (b as b + 1, c)"),
            "SELECT `a` FROM `t` ORDER BY `a` DESC NULLS FIRST COLLATE 'en' WITH FILL FROM 1 TO 2 STEP 3 STALENESS 4 "
            "INTERPOLATE (`b` AS `b` + 1, `c` AS `c`)");
  EXPECT_EQ(printed("select a from (b join c using k) as x, (values (1, 2)) as v (p, q)"),
            "SELECT `a` FROM (SELECT * FROM `b` INNER JOIN `c` USING (`k`)) AS `x`, (SELECT * FROM "
            "SQLStandardValues((1, 2))) AS `v` (`p`, `q`)");
  EXPECT_EQ(printed("select a from ((select 1)) x left any join d on 1 asof left outer join e using f"),
            "SELECT `a` FROM (SELECT 1) AS `x` ANY LEFT JOIN `d` ON 1 ASOF LEFT JOIN `e` USING (`f`)");
  EXPECT_EQ(printed("with x as ((select 1)), 2 as y, select x from t final sample 1/10 offset 0.5"),
            "WITH `x` AS (SELECT 1), 2 AS `y` SELECT `x` FROM `t` FINAL SAMPLE 1 / 10 OFFSET 0.5");
  EXPECT_EQ(printed("((select 1) union all (select 2 intersect select 3))"),
            "((SELECT 1) UNION ALL (SELECT 2 INTERSECT SELECT 3))");
  EXPECT_EQ(printed("select * except a replace (b as c) apply(sum, 'p_') apply quantiles(0.5) apply(x -> x + 1), "
                    "t.columns('a') except ('b') from t"),
            "SELECT * EXCEPT (`a`) REPLACE (`b` AS `c`) APPLY (sum, 'p_') APPLY (quantiles(0.5)) APPLY (`x` -> `x` + "
            "1), `t`.COLUMNS('a') EXCEPT ('b') FROM `t`");
  EXPECT_EQ(printed("select j.a[].b, j.^c, j.d.:Int64, (j).e, f(x).g, t.1.2"),
            "SELECT `j`.`a`.:`Array(JSON)`.`b`, `j`.^`c`, `j`.`d`.:`Int64`, (`j`).`e`, f(`x`).`g`, `t`.1.2");
  EXPECT_EQ(printed("select a; ;"), "SELECT `a`");
}

TEST(Parser, StringsArePrintedAfresh) {
  EXPECT_EQ(expression(R"('it''s \q \\ "x" `y` \x00')"), R"('it\'s \\q \\ "x" `y` \x00')");
  EXPECT_EQ(expression("x'ff41', 'é'"), R"('\xFFA', 'é')");
  EXPECT_EQ(expression("`a``b\\\\c`"), "`a\\`b\\\\c`");
  EXPECT_EQ(expression("$$a'b$$"), R"('a\'b')");
}

TEST(Parser, SaysWhereAndWhatWasExpected) {
  EXPECT_EQ(printed("SELECT a\n  FROM"),
            "line 2, column 7: expected a table, a sub-query or a table function, found the end of the text");
  EXPECT_EQ(printed("SELECT count( FROM t"), "line 1, column 15: expected an expression, found FROM");
  EXPECT_EQ(printed("SELECT a FROM t WHERE"), "line 1, column 22: expected an expression, found the end of the text");
  EXPECT_EQ(printed("SELECT a FROM t WHERE a AND WHERE b"), "line 1, column 29: expected an expression, found WHERE");
  EXPECT_EQ(printed("SELECT (a, b FROM t"), "line 1, column 14: expected ')', found FROM");
  EXPECT_EQ(printed("SELECT a FROM t JOIN u"), "line 1, column 23: expected ON or USING, found the end of the text");
  EXPECT_EQ(printed("SELECT a b c"), "line 1, column 12: expected the end of the query, found c");
  EXPECT_EQ(printed("SELECT 'é' 'b'"), "line 1, column 12: expected the end of the query, found 'b'");
  EXPECT_EQ(printed("INSERT INTO t VALUES (1)"),
            "line 1, column 1: expected SELECT or WITH (other statements are not available), found INSERT");
  EXPECT_EQ(
      printed(""),
      "line 1, column 1: expected SELECT or WITH (other statements are not available), found the end of the text");
  EXPECT_EQ(printed("SELECT CASE WHEN a THEN b"),
            "line 1, column 26: expected WHEN, ELSE or END, found the end of the text");
  EXPECT_EQ(printed("SELECT INTERVAL 1 FORTNIGHT"),
            "line 1, column 19: expected the unit of an INTERVAL (SECOND … YEAR), found FORTNIGHT");
  EXPECT_EQ(printed("SELECT a FROM b.c.d"), "line 1, column 15: a table's name has at most two parts");
}

// attacks.md S13: what grows beyond measure in the engine is refused here, at the limit and not before.
TEST(Limits, NestingIsCountedBeforeItRecurses) {
  EXPECT_TRUE(parse_query("SELECT " + repeat("(", 64) + "1" + repeat(")", 64)));
  EXPECT_FALSE(parse_query("SELECT " + repeat("(", 65) + "1" + repeat(")", 65)));
  for (const std::string_view open :
       {"(", "[", "f(", "CASE WHEN ", "NOT ", "- ", "(SELECT ", "a[", "f(x -> ", "INTERVAL ", "* APPLY(f(", "x IN (",
        "(SELECT * FROM (", "EXISTS(SELECT ", "CAST(", "position(", "sum(1) OVER (PARTITION BY "}) {
    const auto refused = parse_query("SELECT " + repeat(open, 10'000) + "1");
    EXPECT_FALSE(refused) << open;
  }
  EXPECT_FALSE(parse_query(repeat("(", 60'000) + "SELECT 1"));
  EXPECT_FALSE(parse_query("SELECT 1::" + repeat("Array(", 60) + "UInt8" + repeat(")", 60)));
  EXPECT_TRUE(parse_query("SELECT 1::" + repeat("Array(", 50) + "UInt8" + repeat(")", 50)));
  EXPECT_TRUE(parse_query("SELECT " + repeat("f(x -> ", 16) + "1" + repeat(")", 16)));
  EXPECT_FALSE(parse_query("SELECT " + repeat("f(x -> ", 17) + "1" + repeat(")", 17)));
}

TEST(Limits, ChainsAndLists) {
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(" + 1", 256)));
  EXPECT_FALSE(parse_query("SELECT 1" + repeat(" + 1", 257)));
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(" AND 1", 10'000)));
  EXPECT_TRUE(parse_query("SELECT 1 IN (1" + repeat(", 1", 19'999) + ")"));
  EXPECT_FALSE(parse_query("SELECT 1 IN (1" + repeat(", 1", 20'000) + ")"));
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(", 1", 1'999)));
  EXPECT_FALSE(parse_query("SELECT 1" + repeat(", 1", 2'000)));
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(" UNION ALL SELECT 1", 499)));
  EXPECT_FALSE(parse_query("SELECT 1" + repeat(" UNION ALL SELECT 1", 500)));
  EXPECT_TRUE(parse_query("SELECT 1 FROM t" + repeat(", t", 31)));
  EXPECT_FALSE(parse_query("SELECT 1 FROM t" + repeat(", t", 32)));
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(", sum(1) OVER ()", 64)));
  EXPECT_FALSE(parse_query("SELECT 1" + repeat(", sum(1) OVER ()", 65)));
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(" BETWEEN 0 AND 1", 2)));
  EXPECT_FALSE(parse_query("SELECT 1" + repeat(" BETWEEN 0 AND 1", 3)));
  EXPECT_FALSE(parse_query("SELECT f((1 BETWEEN 0 AND 1) BETWEEN 0 AND 1) BETWEEN 0 AND 1"));
  EXPECT_TRUE(parse_query("SELECT 1" + repeat(", 1 BETWEEN 0 AND 1", 100)));
  EXPECT_EQ(parse_query(std::string(300'000, ' ')).error().code, Code::too_large);
}

TEST(Limits, RefusingIsFast) {
  for (const std::string_view text :
       {"(", "interval(", "position(", "case(", "((", "INTERVAL ", "x->(", "[(", "a IN ("}) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(parse_query("SELECT " + repeat(text, 250'000 / text.size())));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2)) << text;
  }
}

std::vector<std::string> realistic_queries() {
  std::ifstream file("src/sql/testdata/queries.sql");
  std::vector<std::string> out;
  for (std::string line; std::getline(file, line);)
    if (!line.empty() && !line.starts_with("-- Queries")) out.push_back(line.substr(0, line.size() - 1));
  return out;
}

TEST(Parser, RealisticQueriesReadBack) {
  const auto queries = realistic_queries();
  ASSERT_GE(queries.size(), 60u);
  for (const auto& sql : queries) {
    SCOPED_TRACE(sql);
    const auto query = parse_query(sql);
    ASSERT_TRUE(query) << query.error().message;
    printed(sql);
  }
}

/// Writes source and printed text, one pair a line, for tools/compare_sql_trees.py.
TEST(Parser, WritesPairsForTheEngine) {
  const char* path = std::getenv("KINGLET_SQL_PAIRS");
  if (path == nullptr) GTEST_SKIP() << "KINGLET_SQL_PAIRS names no file";
  std::ofstream out(path);
  std::vector<std::string> texts = realistic_queries();
  std::ifstream cases("src/sql/testdata/resolution.tsv");
  for (std::string line; std::getline(cases, line);) {
    if (line.empty() || line[0] == '#' || line.find("\trefused:") != std::string::npos) continue;
    const auto first = line.find('\t');
    texts.push_back(line.substr(first + 1, line.find('\t', first + 1) - first - 1));
  }
  std::ifstream grammar("src/sql/testdata/grammar.txt");
  for (std::string line; std::getline(grammar, line);)
    if (!line.empty() && line[0] != '#') texts.push_back(line);
  for (const auto& text : texts) {
    const auto query = parse_query(text);
    std::string ours = query ? print(*query) : "refused: " + query.error().message;
    std::replace(ours.begin(), ours.end(), '\n', '\x02');
    std::replace(ours.begin(), ours.end(), '\t', '\x03');
    out << text << '\t' << ours << '\n';
  }
}

/// Random trees, written as text with every operator and form that prints in its own way.
rc::Gen<std::string> generate_expression(int depth) {
  using rc::gen::element;
  using rc::gen::map;
  const auto leaf = rc::gen::oneOf(
      element<std::string>("a", "b.c", "`x y`", "\"q\"", "t.1", "j.^a.b", "NULL", "true", "1", "-2", "1.5e3", "0x1F",
                           "inf", "'s'", "'it\\'s'", "*", "t.*", "[]", "()", "(1,)", "x'ff'", "interval", "date"),
      map(rc::gen::arbitrary<std::uint16_t>(), [](std::uint16_t n) { return std::to_string(n); }));
  if (depth == 0) return leaf;
  const auto sub = generate_expression(depth - 1);
  const auto binary = element<std::string>(" + ", " - ", " * ", " / ", " % ", " DIV ", " = ", " != ", " < ",
                                           " >= ", " <=> ", " AND ", " OR ", " || ", " LIKE ", " NOT ILIKE ", " IN ",
                                           " GLOBAL NOT IN ", " REGEXP ", " IS DISTINCT FROM ");
  const auto wrap = element<std::pair<std::string, std::string>>(
      std::pair("(", ")"), std::pair("-", ""), std::pair("NOT ", ""), std::pair("f(", ")"), std::pair("f(1)(", ", 2)"),
      std::pair("[", "]"), std::pair("(1, ", ")"), std::pair("", "[1]"), std::pair("", ".1"), std::pair("(", ").n"),
      std::pair("", "::String"), std::pair("CAST(", " AS Int8)"), std::pair("", " IS NOT NULL"),
      std::pair("arrayMap(x -> ", ", y)"), std::pair("CASE WHEN ", " THEN 1 END"), std::pair("INTERVAL (", ") DAY"),
      std::pair("", " BETWEEN 1 AND 2"), std::pair("1 NOT BETWEEN ", " AND 3"), std::pair("(", ") ? 1 : 2"),
      std::pair("(SELECT ", ")"), std::pair("position(", ", 'x')"), std::pair("substring(", " FROM 1)"),
      std::pair("sum(", ") OVER (ORDER BY a)"), std::pair("any(", ") IGNORE NULLS"), std::pair("(", " AS al)"),
      std::pair("a = ANY (SELECT ", ")"), std::pair("EXISTS(SELECT ", ")"), std::pair("`not`(", ")"));
  return rc::gen::oneOf(leaf,
                        map(rc::gen::tuple(sub, binary, sub),
                            [](const auto& t) { return std::get<0>(t) + std::get<1>(t) + std::get<2>(t); }),
                        map(rc::gen::tuple(wrap, sub), [](const auto& t) {
                          return std::get<0>(t).first + std::get<1>(t) + std::get<0>(t).second;
                        }));
}

// attacks.md S16: print∘parse is a fixpoint, and the tree survives it.
RC_GTEST_PROP(Parser, PrintedTextReadsBackAsTheSameTree, ()) {
  const auto text = "SELECT " + *generate_expression(4) + " FROM t";
  const auto query = parse_query(text);
  if (!query) return;  // random text need not be a query; most is
  const std::string once = print(*query);
  const auto again = parse_query(once);
  if (!again) RC_FAIL(text + "\n" + once + "\n" + again.error().message);
  if (dump(*again) != dump(*query)) RC_FAIL(text + "\n" + once);
  RC_ASSERT(print(*again) == once);
}

TEST(Types, AreNormalized) {
  EXPECT_EQ(*normalize_type("Tuple( a  String,`b c` Array( Nullable(UInt8) ))"),
            "Tuple(a String, `b c` Array(Nullable(UInt8)))");
  EXPECT_EQ(*normalize_type("Enum8('a'=1, 'b\\'c' = -2)"), "Enum8('a' = 1, 'b\\'c' = -2)");
  EXPECT_EQ(*normalize_type("JSON(max_dynamic_paths=10, a.b UInt32, SKIP a.c, SKIP REGEXP 'x')"),
            "JSON(max_dynamic_paths = 10, `a.b` UInt32, SKIP `a`.`c`, SKIP REGEXP 'x')");
  EXPECT_EQ(*normalize_type("DateTime64(3, 'UTC')"), "DateTime64(3, 'UTC')");
  EXPECT_EQ(*normalize_type("double precision"), "double precision");
  for (const std::string_view bad : {"", "Foo", "tuple(String)", "Array(", "Array(String", "String)", "String, String",
                                     "Array(String) DEFAULT 1", "a String"})
    EXPECT_FALSE(normalize_type(bad)) << bad;
  EXPECT_EQ(normalize_type("AggregateFunction(sum, UInt8)").error().code, Code::forbidden);
}

}  // namespace
}  // namespace kinglet::sql
