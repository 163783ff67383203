// SPDX-License-Identifier: Apache-2.0
// The grammar as weighted choices. Texts are sequences of tokens, so that blanks and damage can go between any two.
#include "sql/testing/query_generator.h"

#include <algorithm>
#include <utility>

#include "sql/lexer.h"

namespace kinglet::sql::testing {
namespace {

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

/// Whether two tokens may stand side by side without a blank and stay two.
bool may_touch(std::string_view left, std::string_view right) {
  const char a = left.back();
  const char b = right.front();
  if (std::string_view("(,[").find(a) != std::string_view::npos) return true;
  if (std::string_view("),](").find(b) != std::string_view::npos) return a != '/' && a != '-';
  return is_word_character(a) && std::string_view("=+*").find(b) != std::string_view::npos;
}

constexpr std::string_view all_functions[] = {
#define F(name, flags, alias) name,
#define T(name, any_case)
#include "sql/functions.inc"
#undef F
#undef T
};

constexpr std::uint32_t budget_of_query = 60;

}  // namespace

std::uint64_t QueryGenerator::next() {  // splitmix64
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint32_t QueryGenerator::below(std::uint32_t limit) {
  return static_cast<std::uint32_t>(next() % limit);
}

std::string_view QueryGenerator::pick(Words words) {
  return words.begin()[below(static_cast<std::uint32_t>(words.size()))];
}

std::string QueryGenerator::cased(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    const bool lower = case_ == Case::lower || (case_ == Case::mixed && chance(50));
    if (lower && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

void QueryGenerator::words(std::string_view keywords) {
  while (!keywords.empty()) {
    const auto word = keywords.substr(0, keywords.find(' '));
    tokens_.push_back(cased(word));
    keywords.remove_prefix(std::min(word.size() + 1, keywords.size()));
  }
}

std::string_view QueryGenerator::blank() {
  if (!wild_blanks_) return " ";
  if (chance(60)) return pick({" ", "\n", "\t", "  ", "\r\n"});
  return pick({" /* FROM users */ ", " -- IN users\n", "/* a /* b */ c */", " # x\n", " #!\n", "// y\n", "\xC2\xA0",
               "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xE3\x80\x80", "\v", "\f"});
}

std::string QueryGenerator::join() {
  std::string out;
  for (const auto& token : tokens_) {
    if (!out.empty()) {
      const bool touch = may_touch(out, token) && chance(60);
      if (!touch) out += blank();
    }
    out += token;
  }
  return out;
}

/// A name, bare or in one of the quotes.
void QueryGenerator::name(std::string_view plain) {
  const bool bare = std::all_of(plain.begin(), plain.end(), is_word_character);
  if (bare && chance(80)) {
    tokens_.emplace_back(plain);
    return;
  }
  const char quote = chance(60) ? '`' : '"';
  std::string out(1, quote);
  for (const char c : plain) {
    if (c == quote || c == '\\') out += chance(50) && c == quote ? c : '\\';
    out += c;
  }
  tokens_.push_back(out + quote);
}

void QueryGenerator::alias_name() {
  if (chance(92)) return name(pick({"x", "y", "z", "events", "users", "total", "a", "v1"}));
  name(pick({"select", "from", "we ird", "it's", "a`b", "\xC3\xA9", "in", "numbers", "x y z", "1a", "a\\b",
             "Function f", "(alias x)", "x (children 3)"}));
}

template <class F>
void QueryGenerator::list(std::uint32_t most, F&& one, std::string_view separator) {
  const std::uint32_t count = 1 + below(most);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i != 0) symbol(separator);
    one();
  }
}

// Statements.

std::string QueryGenerator::query() {
  tokens_.clear();
  case_ = static_cast<Case>(below(3));
  wild_blanks_ = chance(35);
  budget_ = static_cast<int>(chance(60) ? 3 + below(12) : below(budget_of_query));  // most are short enough to read
  statement();
  return join();
}

void QueryGenerator::statement() {
  set_query(3);
  tail();
}

void QueryGenerator::tail() {
  if (chance(4)) {
    words("FORMAT");
    symbol(pick({"JSON", "CSV", "`JSONEachRow`", "tsv", "Template"}));
  }
  if (chance(4)) {
    words("SETTINGS");
    symbol(pick({"max_threads", "join_algorithm", "readonly", "max_execution_time"}));
    symbol("=");
    symbol(pick({"1", "'hash'", "0", "true"}));
  }
  if (chance(4)) symbol(";");
}

void QueryGenerator::set_query(int depth) {
  const std::uint32_t branches = chance(80) ? 1 : 2 + below(2);
  for (std::uint32_t i = 0; i < branches; ++i) {
    if (i != 0)
      words(pick({"UNION ALL", "UNION ALL", "UNION DISTINCT", "UNION", "INTERSECT", "INTERSECT DISTINCT", "EXCEPT",
                  "EXCEPT DISTINCT", "EXCEPT ALL"}));
    if (depth > 0 && chance(10)) {
      symbol("(");
      set_query(depth - 1);
      symbol(")");
    } else {
      select(depth);
    }
  }
}

void QueryGenerator::subquery(int depth) {
  symbol("(");
  set_query(depth - 1);
  symbol(")");
}

void QueryGenerator::select(int depth) {
  --budget_;
  if (depth > 0 && chance(18)) with_clause(depth);
  const bool from = chance(85);
  const bool from_first = from && chance(6);
  if (from_first) from_clause(depth);
  select_list(depth);
  if (from && !from_first) from_clause(depth);
  if (chance(6)) {
    words("PREWHERE");
    expression(depth);
  }
  if (chance(40)) {
    words("WHERE");
    aliased(depth);
  }
  group_by(depth);
  if (chance(6)) {
    words("HAVING");
    expression(depth);
  }
  if (chance(4)) {
    words("WINDOW w AS");
    window(depth);
  }
  if (chance(4)) {
    words("QUALIFY");
    expression(depth);
  }
  order_by(depth);
  limits(depth);
}

void QueryGenerator::with_clause(int depth) {
  words("WITH");
  if (chance(15)) words("RECURSIVE");
  list(3, [&] {
    if (chance(70)) {
      name(pick({"c", "d", "events", "users", "n1", "x", "recent"}));
      if (chance(10)) {
        symbol("(");
        list(2, [&] { name(pick({"a", "b", "p"})); });
        symbol(")");
      }
      words("AS");
      if (chance(8)) words("MATERIALIZED");
      if (chance(5)) {
        symbol("(");
        subquery(depth);
        symbol(")");
      } else {
        subquery(depth);
      }
    } else {
      expression(depth - 1);
      words("AS");
      alias_name();
    }
  });
  if (chance(5)) symbol(",");
}

void QueryGenerator::select_list(int depth) {
  words("SELECT");
  if (chance(6)) {
    words("DISTINCT");
    if (chance(30)) {
      words("ON");
      symbol("(");
      list(2, [&] { expression(depth - 1); });
      symbol(")");
    }
  } else if (chance(3)) {
    words("ALL");
  }
  if (chance(3)) {
    words("TOP");
    symbol(pick({"5", "(10)"}));
    if (chance(30)) words("WITH TIES");
  }
  list(4, [&] {
    if (chance(12)) return star(depth);
    expression(depth);
    if (!chance(30)) return;
    if (chance(70)) words("AS");
    alias_name();
  });
  if (chance(3)) symbol(",");
}

// Tables.

void QueryGenerator::from_clause(int depth) {
  words("FROM");
  table(depth);
  const std::uint32_t joins = chance(65) ? 0 : 1 + below(2);
  for (std::uint32_t i = 0; i < joins; ++i) join_item(depth);
}

void QueryGenerator::join_item(int depth) {
  if (chance(20)) {
    symbol(",");
    return table(depth);
  }
  if (chance(20)) {
    if (chance(40)) words(pick({"LEFT", "INNER"}));
    words("ARRAY JOIN");
    return list(2, [&] { aliased(depth - 1); });
  }
  if (chance(10)) words("GLOBAL");
  const bool natural = chance(4);
  if (natural) words("NATURAL");
  const bool strict_first = chance(20);
  if (strict_first) words(pick({"ANY", "ALL", "ASOF", "SEMI", "ANTI"}));
  const std::string_view kind = pick({"", "INNER", "LEFT", "RIGHT", "FULL", "LEFT", "CROSS", "PASTE"});
  words(kind);
  if (!strict_first && chance(15)) words(pick({"ANY", "ALL", "ASOF", "SEMI", "ANTI"}));
  if (chance(20) && kind != "CROSS" && kind != "PASTE") words("OUTER");
  words("JOIN");
  table(depth);
  if (natural || kind == "CROSS" || kind == "PASTE") return;
  if (chance(65)) {
    words("ON");
    return aliased(depth - 1);
  }
  words("USING");
  if (chance(70)) {
    symbol("(");
    list(2, [&] { column(); });
    symbol(")");
  } else {
    column();
  }
}

void QueryGenerator::table(int depth) {
  const std::uint32_t kind = below(100);
  if (depth > 0 && budget_ > 0 && kind < 18) {
    subquery(depth);
  } else if (depth > 0 && kind < 21) {
    symbol("(");
    table(depth - 1);
    join_item(depth - 1);
    symbol(")");
  } else if (kind < 23) {
    symbol("(");
    words("VALUES");
    list(2, [&] {
      symbol("(");
      list(2, [&] { literal(); });
      symbol(")");
    });
    symbol(")");
  } else if (kind < 33) {
    table_function(depth);
  } else if (kind < 36) {
    symbol(pick({"'events'", "'users'"}));
  } else if (kind < 39) {
    name(pick({"tinybird", "system", "ws", "information_schema", "c"}));
    symbol(".");
    name(pick({"events", "one", "tables", "t_users", "pipe_stats"}));
  } else {
    name(pick({"events", "events", "events", "users", "users", "n1", "c", "d", "x", "recent", "secret", "final"}));
  }
  if (chance(35)) {
    if (chance(60)) words("AS");
    name(pick({"e", "u", "x", "events", "users", "e2", "d"}));
    if (chance(6)) {
      symbol("(");
      list(2, [&] { name(pick({"a", "b"})); });
      symbol(")");
    }
  }
  if (chance(5)) words("FINAL");
  if (chance(4)) {
    words("SAMPLE");
    symbol(pick({"0.1", "1", "1000"}));
    if (chance(40)) {
      symbol("/");
      symbol("10");
    }
    if (chance(40)) {
      words("OFFSET");
      symbol("1/2");
    }
  }
}

void QueryGenerator::table_function(int depth) {
  const std::string_view function =
      pick({"numbers", "numbers", "generateSeries", "values", "null", "generateRandom", "url", "file", "merge", "view",
            "primes", "numbers_mt", "remote", "cluster", "VALUES"});
  name(function);
  symbol("(");
  if (function == "values" || function == "null" || function == "generateRandom") {
    symbol(pick({"'a UInt8, b String'", "'a Array(Tuple(x String, y Int8))'", "'a String ALIAS file(1)'", "'a'"}));
    if (function == "values") {
      symbol(",");
      symbol("(");
      list(2, [&] { literal(); });
      symbol(")");
    }
  } else if (function == "view" && depth > 0) {
    select(0);
  } else {
    list(2, [&] {
      if (chance(80))
        literal();
      else
        expression(depth - 1);
    });
    if (chance(3)) {
      symbol(",");
      words("SETTINGS max_threads = 1");
    }
  }
  symbol(")");
}

// Clauses.

void QueryGenerator::group_by(int depth) {
  if (!chance(18)) return;
  words("GROUP BY");
  const std::uint32_t form = below(12);
  if (form == 0) {
    words("ALL");
  } else if (form == 1) {
    words(pick({"ROLLUP", "CUBE"}));
    symbol("(");
    list(2, [&] { expression(depth - 1); });
    symbol(")");
  } else if (form == 2) {
    words("GROUPING SETS");
    symbol("(");
    list(2, [&] {
      symbol("(");
      if (chance(80)) list(2, [&] { column(); });
      symbol(")");
    });
    symbol(")");
  } else {
    list(3, [&] { aliased(depth - 1); });
  }
  if (chance(8)) words(pick({"WITH ROLLUP", "WITH CUBE"}));
  if (chance(8)) words("WITH TOTALS");
}

void QueryGenerator::order_items(int depth) {
  list(2, [&] {
    expression(depth - 1);
    if (chance(40)) words(pick({"DESC", "ASC", "DESCENDING", "ASCENDING"}));
    if (chance(10)) words(pick({"NULLS FIRST", "NULLS LAST"}));
    if (chance(4)) {
      words("COLLATE");
      symbol("'en'");
    }
    if (!chance(8)) return;
    words("WITH FILL");
    for (const std::string_view part : {"FROM", "TO", "STEP", "STALENESS"}) {
      if (!chance(50)) continue;
      words(part);
      expression(depth - 1);
    }
  });
}

void QueryGenerator::order_by(int depth) {
  if (!chance(22)) return;
  words("ORDER BY");
  if (chance(5)) {
    words("ALL");
    if (chance(50)) words("DESC");
    return;
  }
  order_items(depth);
  if (!chance(6)) return;
  words("INTERPOLATE");
  if (chance(20)) return;
  symbol("(");
  list(2, [&] {
    name(pick({"a", "b"}));
    if (chance(20)) return;
    words("AS");
    expression(depth - 1);
  });
  symbol(")");
}

void QueryGenerator::limits(int depth) {
  const auto amount = [&] {
    if (chance(80))
      symbol(pick({"1", "10", "100"}));
    else
      expression(depth - 1);
  };
  if (chance(6)) {
    words("LIMIT");
    amount();
    if (chance(30)) {
      words("OFFSET");
      amount();
    }
    words("BY");
    if (chance(10))
      words("ALL");
    else
      list(2, [&] { column(); });
  }
  const std::uint32_t form = below(20);
  if (form < 4) {
    words("LIMIT");
    amount();
    if (chance(10)) words("WITH TIES");
  } else if (form == 4) {
    words("LIMIT");
    amount();
    symbol(",");
    amount();
  } else if (form == 5) {
    words("LIMIT");
    amount();
    words("OFFSET");
    amount();
  } else if (form == 6) {
    words("OFFSET");
    symbol("1");
    words("ROW FETCH FIRST");
    symbol("2");
    words("ROWS");
    words(chance(50) ? "ONLY" : "WITH TIES");
  } else if (form == 7) {
    words("OFFSET");
    amount();
  }
}

// Expressions.

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
      string_literal();
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

// Mutations.

std::string QueryGenerator::respaced(std::string_view sql) {
  const auto tokens = tokenize(sql);
  if (!tokens) return std::string(sql);
  wild_blanks_ = true;
  case_ = Case::mixed;
  std::string out;
  for (const Token& token : *tokens) {
    if (token.type == Token::Type::end) break;
    if (!out.empty()) out += blank();
    out += sql.substr(token.where.offset, token.size);
  }
  return out;
}

std::string QueryGenerator::mutate(std::string_view sql) {
  const auto cut = tokenize(sql);
  tokens_.clear();
  wild_blanks_ = chance(20);
  case_ = Case::upper;
  if (cut)
    for (const Token& token : *cut)
      if (token.type != Token::Type::end) tokens_.emplace_back(sql.substr(token.where.offset, token.size));
  if (tokens_.size() < 2) return std::string(sql);
  const auto at = [&] { return below(static_cast<std::uint32_t>(tokens_.size())); };
  const auto place = [&] { return tokens_.begin() + at(); };
  for (std::uint32_t times = 1 + below(3); times != 0 && tokens_.size() > 2; --times) {
    switch (below(9)) {
      case 0:
      case 1:
        tokens_.erase(place());
        break;
      case 2: {
        const std::string token = tokens_[at()];
        tokens_.insert(place(), token);
        break;
      }
      case 3:
        std::swap(tokens_[at()], tokens_[at()]);
        break;
      case 4: {
        const std::uint32_t i = at();
        if (i + 1 < tokens_.size()) std::swap(tokens_[i], tokens_[i + 1]);
        break;
      }
      case 5:
        tokens_.resize(tokens_.size() - below(static_cast<std::uint32_t>(tokens_.size() / 2)));
        break;
      case 6:
        *place() = pick({"users",  "secret", "IN", "FROM", "(",      ")",     ",",         ".",    "AS",
                         "SELECT", "'x'",    "1",  "->",   "system", "*",     "UNION ALL", "file", "SETTINGS",
                         "::",     "[",      "]",  "NOT",  "-",      "FINAL", "APPLY",     "JOIN"});
        break;
      case 7:
        tokens_.emplace(place(), pick({"(", ")",    "IN users", "AS x",  "FROM users", "--",          "/*", "*/",
                                       ";", "'",    "`",        "\"",    "$$",         "NOT",         "-",  ",",
                                       ".", "WITH", "DISTINCT", "= ANY", "\\",         "\xE2\x80\x98"}));
        break;
      default:
        *place() = std::string("`") + std::string(pick({"users", "in", "file", "select", "a b"})) + "`";
        break;
    }
  }
  std::string out = join();
  switch (below(12)) {
    case 0:
      return "SELECT * FROM (" + out + "\n)";
    case 1:
      return "WITH z AS (" + out + "\n) SELECT * FROM z";
    case 2:
      return "SELECT 1 IN (" + out + "\n)";
    default:
      return out;
  }
}

}  // namespace kinglet::sql::testing
