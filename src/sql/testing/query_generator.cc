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

/// Whether a comment may not follow at once: `/` would be part of it.
bool could_open_comment(std::string_view text) {
  return text.ends_with('/') || text.ends_with('-');
}

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
      if (!touch && could_open_comment(out)) out += ' ';
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

// Mutations.

std::string QueryGenerator::respaced(std::string_view sql) {
  const auto tokens = tokenize(sql);
  if (!tokens) return std::string(sql);
  wild_blanks_ = true;
  case_ = Case::mixed;
  std::string out;
  for (const Token& token : *tokens) {
    if (token.type == Token::Type::end) break;
    if (could_open_comment(out)) out += ' ';
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
