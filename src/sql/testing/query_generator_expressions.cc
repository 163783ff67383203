// SPDX-License-Identifier: Apache-2.0
// The expressions of random queries.
#include <algorithm>
#include <iterator>

#include "sql/testing/query_generator.h"

namespace kinglet::sql::testing {
namespace {

constexpr std::string_view all_functions[] = {
#define F(name, flags, alias) name,
#define T(name, any_case)
#include "sql/functions.inc"
#undef F
#undef T
};

}  // namespace

void QueryGenerator::aliased(int depth) {
  expression(depth);
  if (!chance(8)) return;
  words("AS");
  alias_name();
}

void QueryGenerator::expression(int depth) {
  --budget_;
  if (depth <= 0 || budget_ <= 0 || chance(35)) return operand(0);
  switch (below(16)) {
    case 0:
    case 1:
    case 2:
      expression(depth - 1);
      symbol(pick({"+", "-", "*", "/", "%", "=", "==", "!=", "<>", "<", "<=", ">", ">=", "<=>", "||", "\xE2\x88\x92"}));
      return expression(depth - 1);
    case 3:
      expression(depth - 1);
      words(pick({"AND", "OR", "DIV", "MOD", "LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE", "REGEXP", "IS DISTINCT FROM",
                  "IS NOT DISTINCT FROM"}));
      return expression(depth - 1);
    case 4:
      words("NOT");
      return expression(depth - 1);
    case 5:
      symbol(pick({"-", "-", "+"}));
      return operand(depth - 1);
    case 6:
      expression(depth - 1);
      return words(pick({"IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT FALSE", "IS UNKNOWN"}));
    case 7:
      operand(depth - 1);
      words(chance(80) ? "BETWEEN" : "NOT BETWEEN");
      operand(depth - 1);
      words("AND");
      return operand(depth - 1);
    case 8:
      expression(depth - 1);
      symbol("?");
      expression(depth - 1);
      symbol(":");
      return expression(depth - 1);
    case 9:
    case 10:
      operand(depth - 1);
      words(pick({"IN", "IN", "NOT IN", "GLOBAL IN", "GLOBAL NOT IN"}));
      return in_right(depth - 1);
    case 11:
      operand(depth - 1);
      symbol(pick({"=", "!=", "<", ">="}));
      words(pick({"ANY", "ALL", "SOME"}));
      return subquery(depth);
    case 12:
      operand(depth - 1);
      words(chance(80) ? "AT TIME ZONE" : "AT LOCAL");
      if (tokens_.back().size() == 4) symbol("'UTC'");
      return;
    default:
      return operand(depth);
  }
}

void QueryGenerator::in_right(int depth) {
  switch (below(9)) {
    case 0:
    case 1:
      return name(pick({"users", "events", "n1", "c", "x", "secret", "b"}));
    case 2:
      symbol("(");
      name(pick({"users", "c", "secret", "x"}));
      if (chance(30)) {
        words("AS");
        alias_name();
      }
      return symbol(")");
    case 3:
      name(pick({"events", "system", "e", "ws", "x"}));
      symbol(".");
      return name(pick({"one", "b", "t_users", "tables"}));
    case 4:
      return subquery(std::max(depth, 1));
    case 5:
      symbol("[");
      list(3, [&] { literal(); });
      return symbol("]");
    case 6:
      return operand(depth);
    default:
      symbol("(");
      list(3, [&] { literal(); });
      return symbol(")");
  }
}

void QueryGenerator::operand(int depth) {
  --budget_;
  if (depth <= 0 || budget_ <= 0) {
    if (chance(55)) return column();
    return literal();
  }
  switch (below(18)) {
    case 0:
      symbol("(");
      aliased(depth - 1);
      return symbol(")");
    case 1:
      symbol("(");
      expression(depth - 1);
      symbol(",");
      list(2, [&] { aliased(depth - 1); });
      return symbol(")");
    case 2:
      symbol("[");
      if (chance(90)) list(3, [&] { expression(depth - 1); });
      return symbol("]");
    case 3:
      if (budget_ > 10) return subquery(depth);
      return column();
    case 4:
      operand(depth - 1);
      symbol("[");
      expression(depth - 1);
      return symbol("]");
    case 5:
      operand(depth - 1);
      symbol(".");
      if (chance(60)) return symbol(pick({"1", "2"}));
      return name(pick({"x", "y", "a"}));
    case 6:
      operand(depth - 1);
      symbol("::");
      return type();
    case 7:
      words("CASE");
      if (chance(40)) expression(depth - 1);
      list(
          2,
          [&] {
            words("WHEN");
            expression(depth - 1);
            words("THEN");
            expression(depth - 1);
          },
          " ");
      if (chance(60)) {
        words("ELSE");
        expression(depth - 1);
      }
      return words("END");
    case 8:
    case 9:
      return special_call(depth);
    case 10:
      return higher_order(depth);
    case 11:
      words("EXISTS");
      return subquery(depth);
    case 12:
      return star(depth);
    default:
      return call(depth);
  }
}

void QueryGenerator::string_literal() {
  symbol(pick({"'x'",   "''",           "'it''s'",      "'a\\'b'",     "'\\\\'",         "'--'",
               "'/*'",  "x'4142'",      "X'ff'",        "b'01000001'", "$$FROM users$$", "$t$ IN users $t$",
               "'\\n'", "'\\x41'",      "'2024-01-01'", "'`users`'",   "'\xC3\xA9'",     "'a;b'",
               "'\n'",  "'FROM users'", "'\\q'",        "'\\0'",       "'\\e'",          "'\\N'"}));
}

void QueryGenerator::literal() {
  switch (below(10)) {
    case 0:
      return words(pick({"NULL", "TRUE", "FALSE"}));
    case 1:
    case 2:
    case 3:
      return string_literal();
    case 4:
      return symbol(pick({"1.5", ".5", "1e5", "0x1F", "0b11", "1_000", "00012", "1.", "inf", "nan", "-1", "-1.5",
                          "18446744073709551616", "0x1p4", "1.e5", "0.1"}));
    default:
      return symbol(pick({"0", "1", "2", "7", "42", "1000000"}));
  }
}

void QueryGenerator::column() {
  const std::uint32_t kind = below(30);
  if (kind < 5) {
    name(pick({"events", "e", "users", "u", "x"}));
    symbol(".");
  }
  if (kind == 6) {
    name("j");
    symbol(".");
    if (chance(40)) {
      symbol("^");
      return name("k");
    }
    name("k");
    if (chance(50)) {
      symbol(".");
      symbol(":");
      return name("Int64");
    }
    return;
  }
  if (kind == 7)
    return name(pick({"date", "interval", "key", "left", "end", "format", "timestamp", "columns", "a b", "case",
                      "first", "a.b", "\xC3\xA9t\xC3\xA9", "group", "order", "offset", "set"}));
  name(pick({"a", "b", "c", "d", "t", "ts", "id", "name", "x", "y", "n"}));
}

void QueryGenerator::star(int depth) {
  if (chance(25)) {
    name(pick({"events", "e", "users", "x"}));
    symbol(".");
  }
  if (chance(80)) {
    symbol("*");
  } else {
    words("COLUMNS");
    symbol("(");
    if (chance(60))
      symbol(pick({"'^a'", "'.*'", "'(a|b)'"}));
    else
      list(2, [&] { column(); });
    symbol(")");
  }
  while (chance(35)) {
    switch (below(5)) {
      case 0:
        words(chance(85) ? "EXCEPT" : "EXCEPT STRICT");
        symbol("(");
        if (chance(20))
          symbol("'^b'");
        else
          list(2, [&] { name(pick({"a", "b", "c"})); });
        symbol(")");
        break;
      case 1:
        words("REPLACE");
        symbol("(");
        expression(depth - 1);
        words("AS");
        name(pick({"a", "b"}));
        symbol(")");
        break;
      case 2:
        words("APPLY");
        symbol("(");
        name(pick({"toString", "sum", "file", "max", "lower", "quantile"}));
        if (chance(20)) {
          symbol("(");
          symbol("0.5");
          symbol(")");
        }
        if (chance(15)) {
          symbol(",");
          symbol("'p_'");
        }
        symbol(")");
        break;
      case 3:
        words("APPLY");
        name(pick({"toString", "max", "hostName"}));
        break;
      default:
        words("APPLY");
        symbol("(");
        symbol("x");
        symbol("->");
        expression(depth - 1);
        symbol(")");
        break;
    }
  }
}

void QueryGenerator::call(int depth) {
  const bool aggregate = chance(40);
  const std::string_view function =
      aggregate
          ? pick({"sum", "count", "SUM", "max", "uniq", "countIf", "quantile", "groupArray", "argMax", "topK", "sumIf",
                  "uniqState", "any", "avgOrNull", "COUNT"})
          : pick({"lower",         "toString", "toDate", "concat",       "if",       "multiIf", "length",      "tuple",
                  "array",         "plus",     "in",     "notIn",        "globalIn", "`in`",    "JSONExtract", "now",
                  "toStartOfHour", "CAST",     "ifNull", "arrayElement", "dateDiff", "file",    "hostName",    "nosuch",
                  "left",          "right",    "format", "replace",      "mod",      "and",     "or",          "not",
                  "toInt64OrNull", "round",    "match",  "extract",      "date",     "LOWER"});
  if (!aggregate && chance(15))
    name(all_functions[below(static_cast<std::uint32_t>(std::size(all_functions)))]);
  else if (function.starts_with('`'))
    symbol(function);
  else
    name(function);
  symbol("(");
  if (aggregate && chance(15)) words("DISTINCT");
  const bool in = function.find("n") != std::string_view::npos &&
                  (function.ends_with("In") || function.ends_with("in") || function == "`in`");
  if (in) {
    expression(depth - 1);
    symbol(",");
    in_right(depth - 1);
  } else if (function == "CAST") {
    expression(depth - 1);
    symbol(",");
    symbol("'String'");
  } else if (function == "JSONExtract") {
    expression(depth - 1);
    symbol(",");
    symbol("'k'");
    symbol(",");
    symbol(pick({"'String'", "'Array(Int64)'", "'AggregateFunction(sum, UInt8)'"}));
  } else if (chance(90)) {
    list(3, [&] { aliased(depth - 1); });
  }
  symbol(")");
  if (!aggregate) return;
  if (function == "quantile" || function == "topK" || function == "groupArray") {
    if (chance(50)) {
      symbol("(");
      expression(depth - 1);
      symbol(")");
    }
  }
  if (chance(8)) {
    words("FILTER");
    symbol("(");
    words("WHERE");
    expression(depth - 1);
    symbol(")");
  }
  if (chance(5)) words(pick({"RESPECT NULLS", "IGNORE NULLS"}));
  if (!chance(15)) return;
  words("OVER");
  if (chance(30))
    symbol("w");
  else
    window(depth);
}

void QueryGenerator::window(int depth) {
  symbol("(");
  if (chance(5)) symbol("w0");
  if (chance(50)) {
    words("PARTITION BY");
    list(2, [&] { expression(depth - 1); });
  }
  if (chance(50)) {
    words("ORDER BY");
    order_items(depth - 1);
  }
  if (chance(25)) {
    words(pick({"ROWS", "RANGE", "GROUPS"}));
    words(pick({"BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "BETWEEN 1 PRECEDING AND 2 FOLLOWING",
                "UNBOUNDED PRECEDING", "CURRENT ROW", "BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"}));
  }
  symbol(")");
}

void QueryGenerator::special_call(int depth) {
  const auto one = [&] { expression(depth - 1); };
  switch (below(14)) {
    case 0:
      words("CAST");
      symbol("(");
      one();
      words("AS");
      type();
      break;
    case 1:
      words("EXTRACT");
      symbol("(");
      words(pick({"YEAR", "MONTH", "DOW", "EPOCH", "DAY", "HOUR"}));
      words("FROM");
      one();
      break;
    case 2:
      words("SUBSTRING");
      symbol("(");
      one();
      words("FROM");
      one();
      if (chance(50)) {
        words("FOR");
        one();
      }
      break;
    case 3:
      words("TRIM");
      symbol("(");
      words(pick({"BOTH", "LEADING", "TRAILING"}));
      symbol(pick({"'x'", "' '", "'\\''"}));  // the engine drops the call for
      words("FROM");
      one();
      break;
    case 4:
      words("POSITION");
      symbol("(");
      operand(depth - 1);
      if (chance(60))
        words("IN");
      else
        symbol(",");
      one();
      break;
    case 5:
      words("OVERLAY");
      symbol("(");
      one();
      words("PLACING");
      one();
      words("FROM");
      one();
      break;
    case 6:
      words(pick({"DATE_ADD", "DATE_SUB", "TIMESTAMP_ADD"}));
      symbol("(");
      words(pick({"DAY", "HOUR", "MONTH"}));
      symbol(",");
      one();
      symbol(",");
      one();
      break;
    case 7:
      words("dateDiff");
      symbol("(");
      words(pick({"day", "'hour'", "SECOND"}));
      symbol(",");
      one();
      symbol(",");
      one();
      break;
    case 8:
      words("INTERVAL");
      if (chance(70))
        symbol(pick({"1", "'2'", "7"}));
      else
        operand(depth - 1);
      return words(pick({"DAY", "HOURS", "MONTH", "SQL_TSI_WEEK", "second"}));
    case 9:
      words("INTERVAL");
      return symbol(pick({"'1 day'", "'1 day 2 hours'"}));
    case 10:
      words(pick({"DATE", "TIMESTAMP"}));
      return symbol("'2024-01-01'");
    case 11:
      words("TRIM");
      symbol("(");
      one();
      break;
    case 12:
      words("DATE_ADD");
      symbol("(");
      one();
      symbol(",");
      words("INTERVAL 1 DAY");
      break;
    default:
      words("count");
      symbol("(");
      words(pick({"DISTINCT", "ALL", ""}));
      one();
      break;
  }
  symbol(")");
}

void QueryGenerator::higher_order(int depth) {
  name(pick({"arrayMap", "arrayFilter", "arrayExists", "arraySort", "arrayCount", "mapFilter", "arrayReduce",
             "arrayFirst", "arrayFold"}));
  const bool reduce = tokens_.back().find("Reduce") != std::string::npos;
  symbol("(");
  if (reduce) {
    symbol(pick({"'sum'", "'quantile(0.5)'", "'file'", "'uniqIf'"}));
  } else if (chance(25)) {
    name(pick({"toString", "file", "lower", "hostName", "b", "length"}));
  } else if (chance(70)) {
    symbol("x");
    symbol("->");
    expression(depth - 1);
  } else {
    symbol("(");
    symbol("x");
    symbol(",");
    symbol("y");
    symbol(")");
    symbol("->");
    expression(depth - 1);
    if (chance(6)) {
      words("AS");
      name(pick({"equals", "f"}));
    }
  }
  symbol(",");
  list(2, [&] { operand(depth - 1); });
  symbol(")");
}

void QueryGenerator::type() {
  symbol(pick({"UInt8", "String", "Int", "Array(String)", "Nullable(Int64)", "Tuple(a String, b Int8)", "DateTime64(3)",
               "Decimal(10, 5)", "LowCardinality(String)", "Map(String, UInt64)", "Enum8('a' = 1)", "double precision",
               "AggregateFunction(sum, UInt8)", "`String`", "FixedString(3)", "JSON", "uuid", "DateTime('UTC')"}));
}

// Columns: a UInt64, b String, c Array(UInt64), tags Array(String).
std::string QueryGenerator::analysable() {
  static constexpr std::string_view forms[] = {"* APPLY ($any)",
                                               "* EXCEPT (t) APPLY $any APPLY ($text)",
                                               "events.* APPLY (x -> $any(x))",
                                               "COLUMNS('^(b|s|name)$') APPLY ($text)",
                                               "COLUMNS(b, name) APPLY (x -> concat($text(x), 'z'))",
                                               "* LIKE 'b%' APPLY ($text, 'p_')",
                                               "* REPLACE ($text(b) AS b) APPLY ($any)",
                                               "(SELECT a, b FROM users LIMIT 1) AS q",
                                               "arrayMap($number, c)",
                                               "arrayMap($text, tags)",
                                               "arrayMap(`$number`, c)",
                                               "arraySort($number, c)",
                                               "arrayFilter($test, tags)",
                                               "arrayExists($test, tags)",
                                               "arrayMap(x -> arrayMap($number, [x, 1]), c)",
                                               "arrayMap(x -> x IN (SELECT id FROM users), c)",
                                               "arrayMap((x, y) -> $text(x), tags, c)",
                                               "arrayFirst($test, tags)",
                                               "arrayReduce('$aggregate', c)",
                                               "arrayReduce('$aggregateIf', c, arrayMap(x -> 1, c))",
                                               "$number(a)",
                                               "a IN (SELECT id FROM users)",
                                               "b IN (SELECT $text(name) FROM users)"};
  const auto form = [&] {
    std::string out(forms[below(static_cast<std::uint32_t>(std::size(forms)))]);
    const auto fill = [&](std::string_view hole, Words functions) {
      for (std::size_t at; (at = out.find(hole)) != std::string::npos;) out.replace(at, hole.size(), pick(functions));
    };
    fill("$any", {"toString", "toTypeName", "isNull", "toJSONString"});
    fill("$text", {"lower", "upper", "reverse", "toString", "trimBoth", "hex", "lowerUTF8", "LOWER"});
    fill("$number", {"toString", "negate", "abs", "sqrt", "toFloat64", "exp", "toInt8"});
    fill("$test", {"notEmpty", "empty", "isNotNull", "length"});
    fill("$aggregate", {"sum", "max", "uniq", "avg", "quantile(0.5)", "groupArray"});
    return out;
  };
  std::string out = "SELECT " + form();
  while (chance(40)) out += ", " + form();
  out += pick({" FROM events", " FROM events AS events FINAL", " FROM (SELECT * FROM events) AS events",
               " FROM events PREWHERE a = 1 WHERE notEmpty(c)"});
  if (out.find("FINAL") != std::string::npos) out.erase(out.find(" FINAL"), 6);  // the table's engine has none
  return chance(50) ? respaced(out) : out;
}

}  // namespace kinglet::sql::testing
