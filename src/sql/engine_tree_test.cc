// SPDX-License-Identifier: Apache-2.0
// The comparison with EXPLAIN AST, on texts recorded from the engine and on texts made to mislead.
#include "sql/engine_tree.h"

#include <gtest/gtest.h>

#include "sql/parser.h"
#include "sql/printer.h"
#include "sql/resolve.h"

namespace kinglet::sql {
namespace {

class Tables final : public Scope {
 public:
  Result<Target> table(std::string_view name, Position) override {
    if (name == "node") {
      TRY(Query query, parse_query("SELECT lower(a) AS a FROM events"));
      TRY(Resolved resolved, resolve(std::move(query), *this));
      return Inlined{std::make_shared<const Query>(std::move(resolved.query))};
    }
    if (name != "events" && name != "users") return fail(Code::not_found, "no such table");
    return PhysicalTable{"ws", "t_" + std::string(name)};
  }
};

Query resolved(std::string_view sql) {
  Tables tables;
  auto query = parse_query(sql);
  EXPECT_TRUE(query) << query.error().message;
  auto out = resolve(std::move(*query), tables);
  EXPECT_TRUE(out) << out.error().message;
  return std::move(out->query);
}

std::string verdict(std::string_view sql, std::string_view explain_ast) {
  const Status status = agrees(resolved(sql), explain_ast);
  return status ? "agrees" : status.error().message;
}

// Recorded from the engine 26.7: EXPLAIN AST of the printed text.
constexpr std::string_view joined = R"(SelectWithUnionQuery (children 1)
 ExpressionList (children 1)
  SelectQuery (children 3)
   ExpressionList (children 3)
    Function in (alias x) (children 1)
     ExpressionList (children 2)
      Identifier a
      Subquery (children 1)
       SelectWithUnionQuery (children 1)
        ExpressionList (children 1)
         SelectQuery (children 2)
          ExpressionList (children 1)
           Asterisk
          TablesInSelectQuery (children 1)
           TablesInSelectQueryElement (children 1)
            TableExpression (children 1)
             TableIdentifier ws.t_users (alias users)
    Function quantile (children 2)
     ExpressionList (children 1)
      Function lower (children 1)
       ExpressionList (children 1)
        Identifier b
     ExpressionList (children 1)
      Literal Float64_0.5
    Function in (children 1)
     ExpressionList (children 2)
      Literal UInt64_1
      Identifier x
   TablesInSelectQuery (children 2)
    TablesInSelectQueryElement (children 1)
     TableExpression (children 1)
      TableIdentifier ws.t_events (alias events)
    TablesInSelectQueryElement (children 2)
     TableExpression (children 1)
      Function numbers (alias n) (children 1)
       ExpressionList (children 1)
        Literal UInt64_10
     TableJoin (children 1)
      Literal UInt64_1
   Identifier c
)";
constexpr std::string_view joined_sql =
    "SELECT a IN users AS x, quantile(0.5)(lower(b)), 1 IN x FROM events JOIN numbers(10) AS n ON 1 WHERE c";

/// `text` with the first `from` replaced.
std::string changed(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const auto at = out.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) out.replace(at, from.size(), to);
  return out;
}

TEST(EngineTree, ReadsWhatTheEngineFound) {
  const auto names = read_engine_tree(joined);
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(*names, (EngineNames{.tables = {"ws.t_events", "ws.t_users"},
                                 .table_functions = {"numbers"},
                                 .functions = {"in", "lower", "quantile"},
                                 .right_of_in = {"x"}}));
  EXPECT_EQ(names_of(resolved(joined_sql)), *names);
  EXPECT_EQ(verdict(joined_sql, joined), "agrees");
}

TEST(EngineTree, InlinedNodesAreCounted) {
  EXPECT_EQ(
      names_of(resolved("WITH c AS (SELECT 1) SELECT a FROM node, c")),
      (EngineNames{.tables = {"c", "ws.t_events"}, .table_functions = {}, .functions = {"lower"}, .right_of_in = {}}));
}

// attacks.md S17: whatever the engine sees and we did not is refused, and the reverse.
TEST(EngineTree, DisagreementIsRefused) {
  EXPECT_EQ(verdict(joined_sql, changed(joined, "ws.t_users", "ws.t_secret")),
            "the query is refused: the engine reads 'ws.t_secret' as a table, the check did not");
  EXPECT_EQ(verdict(joined_sql, changed(joined, "Function lower", "Function file")),
            "the query is refused: the engine reads 'file' as a function, the check did not");
  EXPECT_EQ(verdict(joined_sql, changed(joined, "Function numbers", "Function url")),
            "the query is refused: the engine reads 'url' as a table function, the check did not");
  EXPECT_EQ(verdict(joined_sql, changed(joined, "Identifier x", "Identifier system.one")),
            "the query is refused: the engine reads 'system.one' as a name right of IN, the check did not");
  EXPECT_EQ(verdict(joined_sql, changed(joined, "      Identifier x", "      Literal UInt64_1")),
            "the query is refused: the engine does not find every name right of IN that was checked");
  // What the message says is never a physical name of ours.
  EXPECT_EQ(verdict("SELECT a FROM events JOIN numbers(10) AS n ON lower(quantile(0.5)(1 IN x))", joined),
            "the query is refused: the engine reads 'ws.t_users' as a table, the check did not");
}

// attacks.md S4 S5 S6: nodes that a SELECT of ours never has.
TEST(EngineTree, ForbiddenNodes) {
  for (const std::string_view kind :
       {"Set", "Explain", "InsertQuery", "ASTStreamSettings", "ParallelWithQuery", "QueryParameter", "SomethingNew"}) {
    const std::string text = changed(joined, "   Identifier c", "   " + std::string(kind));
    EXPECT_EQ(verdict(joined_sql, text),
              "the query is refused: the engine reads a node '" + std::string(kind) + "' in it");
  }
  EXPECT_EQ(verdict("SELECT 1", "ParallelWithQuery 2 SelectWithUnionQuery (children 2)\n"),
            "the query is refused: the engine reads a node 'ParallelWithQuery' in it");
  EXPECT_EQ(verdict("SELECT 1", "Explain EXPLAIN AST (children 1)\n"),
            "the query is refused: the engine reads a node 'Explain' in it");
  EXPECT_EQ(verdict("SELECT 1", "Identifier exit\n"), "the query is refused: the engine does not read a SELECT");
}

// attacks.md S17: a text that is cut, stretched or made by names with line breaks is no tree.
TEST(EngineTree, TextsThatAreNoTree) {
  EXPECT_FALSE(read_engine_tree(""));
  EXPECT_FALSE(read_engine_tree("\n"));
  EXPECT_FALSE(read_engine_tree("Code: 62. DB::Exception: Syntax error"));
  std::size_t cut = 0;
  for (std::size_t end = joined.find('\n'); end + 1 < joined.size(); end = joined.find('\n', end + 1), ++cut)
    EXPECT_FALSE(read_engine_tree(joined.substr(0, end + 1))) << end;
  EXPECT_GT(cut, 30u);
  EXPECT_FALSE(read_engine_tree(std::string(joined) + std::string(joined)));
  EXPECT_FALSE(read_engine_tree(std::string(joined) + " ExpressionList\n"));
  EXPECT_FALSE(read_engine_tree(changed(joined, "  SelectQuery", " SelectQuery")));
  EXPECT_FALSE(read_engine_tree(changed(joined, "(children 3)", "(children 4)")));
  EXPECT_FALSE(read_engine_tree(changed(joined, "(children 3)", "(children 99999999999999999999)")));
  // A column whose name holds a line break cannot add a sibling that the parent did not count.
  EXPECT_FALSE(read_engine_tree(changed(joined, "Identifier a\n", "Identifier a\n      Literal UInt64_1\n")));
  // Deep, and long: refused or read, never followed on the stack.
  std::string deep = "SelectWithUnionQuery (children 1)\n";
  for (std::size_t i = 1; i < 10'000; ++i) deep += std::string(i, ' ') + "ExpressionList (children 1)\n";
  EXPECT_FALSE(read_engine_tree(deep));
}

TEST(EngineTree, NamesThatLookLikeStructure) {
  // A literal's text is escaped by the engine; an alias is not, and it is not compared.
  const std::string_view sql = "SELECT 'x (children 7)', 'TableIdentifier y' AS `Function file` FROM events";
  const std::string_view tree = R"(SelectWithUnionQuery (children 1)
 ExpressionList (children 1)
  SelectQuery (children 2)
   ExpressionList (children 2)
    Literal 'x (children 7)'
    Literal 'TableIdentifier y' (alias Function file)
   TablesInSelectQuery (children 1)
    TablesInSelectQueryElement (children 1)
     TableExpression (children 1)
      TableIdentifier ws.t_events (alias events)
)";
  EXPECT_EQ(verdict(sql, tree), "agrees");
}

std::string key(std::string_view sql) {
  return shape_key(resolved(sql));
}

TEST(ShapeKey, LeavesOutValues) {
  EXPECT_EQ(key("SELECT a FROM events WHERE b = 'x' AND c > 5 AND d < 1.5 AND e IN (1, 2) AND f IN ['a']"),
            key("SELECT a FROM events WHERE b = '' AND c > 123456 AND d < 20.25 AND e IN (7, 8, 'q', NULL) AND f IN "
                "['b', 'c']"));
  EXPECT_EQ(key("SELECT [[1], [2, 3]] FROM node"), key("SELECT [[1, 2, 3]] FROM node"));
  EXPECT_EQ(key("SELECT toDateTime('2024-01-01') LIMIT 10"), key("SELECT toDateTime('x') LIMIT 500"));
  EXPECT_EQ(key("SELECT quantile(0.5)(a) FROM events"), key("SELECT quantile(0.99)(a) FROM events"));
}

TEST(ShapeKey, KeepsAllElse) {
  const std::vector<std::string_view> texts = {
      "SELECT a FROM events WHERE b = 1", "SELECT a FROM events WHERE b = -1", "SELECT a FROM events WHERE b = 1.5",
      "SELECT a FROM events WHERE b = -1.5", "SELECT a FROM events WHERE b = 1e5",
      "SELECT a FROM events WHERE b = 0x1F", "SELECT a FROM events WHERE b = inf", "SELECT a FROM events WHERE b = '1'",
      "SELECT a FROM events WHERE b = NULL", "SELECT a FROM events WHERE b = true",
      "SELECT a FROM events WHERE b = false", "SELECT a FROM events WHERE b = [1]", "SELECT a FROM events WHERE b = []",
      "SELECT a FROM events WHERE b = (1, 2)", "SELECT a FROM events WHERE b = (1, c)",
      "SELECT a FROM events WHERE b = [1, c]", "SELECT a FROM events WHERE b = [1, 1, c]",
      "SELECT a FROM events WHERE b != 1", "SELECT a FROM events WHERE a = 1", "SELECT a FROM users WHERE b = 1",
      "SELECT a FROM events AS e WHERE b = 1", "SELECT a FROM events WHERE b = 1 LIMIT 1",
      "SELECT a FROM events WHERE b = 1 OFFSET 1", "SELECT a FROM events PREWHERE b = 1",
      "SELECT a FROM node WHERE b = 1", "SELECT a FROM (SELECT a FROM events WHERE b = 1)",
      "SELECT a FROM events WHERE b = 1 AS x", "SELECT a FROM events WHERE b = (1 AS x)",
      "SELECT a FROM events WHERE t.1 = 1", "SELECT a FROM events WHERE t.2 = 1",
      // Literals that are names.
      "SELECT CAST(a, 'String') FROM events", "SELECT CAST(a, 'UInt8') FROM events",
      "SELECT JSONExtract(a, 'b', 'String') FROM events", "SELECT JSONExtract(a, 'b', 'Int8') FROM events",
      "SELECT arrayReduce('sum', [1])", "SELECT arrayReduce('max', [1])", "SELECT a FROM values('a UInt8', 1)",
      "SELECT a FROM values('b UInt8', 1)", "SELECT a FROM values('a UInt8', 2)", "SELECT * EXCEPT ('a') FROM events",
      "SELECT * EXCEPT ('b') FROM events", "SELECT COLUMNS('a') FROM events", "SELECT COLUMNS('b') FROM events",
      "SELECT * APPLY (sum) FROM events", "SELECT * APPLY (max) FROM events"};
  for (std::size_t i = 0; i < texts.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(key(texts[i]), key(texts[k])) << texts[i] << "\n" << texts[k];
}

}  // namespace
}  // namespace kinglet::sql
