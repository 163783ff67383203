// SPDX-License-Identifier: Apache-2.0
// Asks the real engine, over its standard streams, about every query that we accept, and reports where it disagrees.
//
// test_differential.py starts it and holds the engine: one process checks, another one loads libchdb.
// Frames, both ways: u32 count, then for each text u32 size and bytes; answers have one byte more before each text: 1
// for an error. A count of 0 ends; a report in JSON follows.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sql/engine_tree.h"
#include "sql/functions.h"
#include "sql/printer.h"
#include "sql/resolve.h"
#include "sql/testing/query_generator.h"

namespace kinglet::sql {
namespace {

/// Data sources `events` and `users`, node `n1`; all else is unknown.
class Workspace final : public Scope {
 public:
  Result<Target> table(std::string_view name, Position) override {
    if (name == "n1") {
      TRY(Query query, parse_query("SELECT a, lower(b) AS b FROM events WHERE a = 7"));
      TRY(Resolved resolved, resolve(std::move(query), *this));
      return Inlined{std::make_shared<const Query>(std::move(resolved.query))};
    }
    if (name != "events" && name != "users" && name != "tinybird.pipe_stats") return fail(Code::not_found, "unknown");
    return PhysicalTable{"ws", name == "tinybird.pipe_stats" ? "t_stats" : "t_" + std::string(name)};
  }
};

constexpr const char* setup[] = {
    "CREATE DATABASE ws",
    "CREATE DATABASE empty",
    "CREATE TABLE ws.t_events (a UInt64, b String, c Array(UInt64), d Int64, t Tuple(x UInt8, y String), ts DateTime, "
    "id "
    "UInt64, name String, x Int64, y Int64, n Nullable(Int64), tags Array(String), s String) ENGINE = MergeTree ORDER "
    "BY a",
    "CREATE TABLE ws.t_users (id UInt64, name String, a UInt64, b String, s String) ENGINE = MergeTree ORDER BY id",
    "CREATE TABLE ws.t_stats (a UInt64) ENGINE = MergeTree ORDER BY a",
    "USE empty"};

struct Answer {
  bool failed = false;
  std::string text;
};

// Streams.

void write_all(const void* data, std::size_t size) {
  if (std::fwrite(data, 1, size, stdout) != size) std::exit(3);
}
void write_number(std::uint32_t value) {
  write_all(&value, sizeof value);
}

void read_all(void* data, std::size_t size) {
  if (std::fread(data, 1, size, stdin) != size) std::exit(3);
}
std::uint32_t read_number() {
  std::uint32_t value = 0;
  read_all(&value, sizeof value);
  return value;
}

std::vector<Answer> ask(const std::vector<std::string>& texts) {
  write_number(static_cast<std::uint32_t>(texts.size()));
  for (const auto& text : texts) {
    write_number(static_cast<std::uint32_t>(text.size()));
    write_all(text.data(), text.size());
  }
  std::fflush(stdout);
  std::vector<Answer> answers(texts.size());
  for (Answer& answer : answers) {
    char failed = 0;
    read_all(&failed, 1);
    answer.failed = failed != 0;
    answer.text.resize(read_number());
    read_all(answer.text.data(), answer.text.size());
  }
  return answers;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += {'\\', c};
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

struct Finding {
  std::string kind, source, printed, detail;
};

/// The names, one line.
std::string show(const EngineNames& names) {
  return fmt::format("tables {}; table functions {}; functions {}; right of IN {}", fmt::join(names.tables, " "),
                     fmt::join(names.table_functions, " "), fmt::join(names.functions, " "),
                     fmt::join(names.right_of_in, " "));
}

class Run {
 public:
  Run(std::uint64_t seed, std::size_t wanted) : generator_(seed), wanted_(wanted) {}

  void all() {
    const auto ready = ask({std::begin(setup), std::end(setup)});
    for (const Answer& answer : ready)
      if (answer.failed) report("setup", "", "", answer.text);
    read_cases();
    for (const auto& sql : cases_) {
      consider(sql, true);
      for (int i = 0; i < 4; ++i) consider(generator_.respaced(sql), false);
      for (const auto& [before, after] :
           {std::pair("SELECT * FROM (", "\n) AS q"), std::pair("WITH z AS (", "\n) SELECT * FROM z"),
            std::pair("SELECT 1 IN (", "\n)"), std::pair("SELECT a FROM events WHERE a = (", "\n)")})
        consider(before + sql + after, false);
      for (std::size_t size = 0; size < sql.size(); ++size) consider(sql.substr(0, size), false);
    }
    const std::size_t from_cases = compared_ + batch_.size();
    while (compared_ + batch_.size() < wanted_ || compared_ + batch_.size() < from_cases + 1) {
      const std::string sql = generator_.query();
      consider(sql, false);
      for (int i = 0; i < 2; ++i) consider(generator_.mutate(sql), false);
      if (generator_.below(8) == 0) consider(generator_.analysable(), true);
      if (generator_.below(4) == 0 && !cases_.empty())
        consider(generator_.mutate(cases_[generator_.below(static_cast<std::uint32_t>(cases_.size()))]), false);
    }
    flush();
    write_number(0);
    print_report();
  }

 private:
  struct Job {
    std::string source;
    Resolved resolved;
    std::string unresolved;  // printed before names were looked up
    bool must_be_accepted = false;
    bool same_meaning = false;  // compare the source's tree, too
    bool query_tree = false;
  };

  /// The SQL of section 14; the refused ones are damaged and wrapped, too.
  void read_cases() {
    std::ifstream file("src/sql/testdata/resolution.tsv");
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line[0] == '#') continue;
      const auto first = line.find('\t');
      std::string sql = line.substr(first + 1, line.find('\t', first + 1) - first - 1);
      for (std::size_t at; (at = sql.find("\\n")) != std::string::npos;) sql.replace(at, 2, "\n");
      cases_.push_back(sql);
    }
    if (cases_.size() != 97) report("setup", "", "", "the cases of section 14 were not found");
  }

  void consider(const std::string& sql, bool must_be_accepted) {
    ++made_;
    auto query = parse_query(sql);
    if (!query) return;
    Job job{.source = sql, .resolved = {}, .unresolved = print(*query)};
    const bool tail = !query->format.empty() || !query->settings.empty() || sql.find(';') != std::string::npos;
    auto resolved = resolve(std::move(*query), workspace_, {.settings = true, .format = true});
    if (!resolved) {
      ++refused_;
      return;
    }
    job.resolved = std::move(*resolved);
    job.must_be_accepted = must_be_accepted;
    ++accepted_;
    job.same_meaning = !tail && (must_be_accepted || accepted_ % 4 == 0);
    job.query_tree = must_be_accepted || accepted_ % 16 == 1 || !hidden(job).empty();
    if (const Status status = check_round_trip(job.resolved.query); !status)
      report("round trip", sql, job.resolved.query.text, status.error().message);
    batch_.push_back(std::move(job));
    if (batch_.size() >= batch_size) flush();
  }

  /// Functions that EXPLAIN AST does not show.
  static std::vector<std::string> hidden(const Job& job) {
    const auto shown = names_of(job.resolved.query).functions;
    std::vector<std::string> out;
    for (const auto& name : std::set(job.resolved.functions.begin(), job.resolved.functions.end()))
      if (!shown.contains(name) && name != "tuple" && name != "array" && name != "negate" && name != "lambda")
        out.emplace_back(name);
    return out;
  }

  void flush() {
    if (batch_.empty()) return;  // a count of 0 is the end
    std::vector<std::string> texts;
    for (const Job& job : batch_) {
      texts.push_back(explain_ast_of(job.resolved.query));
      if (job.same_meaning) {  // EXPLAIN reads a FROM that follows it as its own alias
        texts.push_back("EXPLAIN AST SELECT * FROM (\n" + job.source + "\n)");
        texts.push_back("EXPLAIN AST SELECT * FROM (\n" + job.unresolved + "\n)");
      }
      if (job.query_tree) texts.push_back("EXPLAIN QUERY TREE run_passes = 1 " + job.resolved.query.text);
    }
    const auto answers = ask(texts);
    std::size_t next = 0;
    for (const Job& job : batch_) {
      compare(job, answers[next++]);
      if (job.same_meaning) {
        meaning(job, answers[next], answers[next + 1]);
        next += 2;
      }
      if (job.query_tree) query_tree(job, answers[next++]);
    }
    compared_ += batch_.size();
    batch_.clear();
  }

  void compare(const Job& job, const Answer& answer) {
    const std::string& printed = job.resolved.query.text;
    if (answer.failed) {
      // The engine's parser counts its own depth and steps; what it refuses does not run.
      const bool limit = answer.text.find("TOO_DEEP") != std::string::npos ||
                         answer.text.find("TOO_BIG_AST") != std::string::npos ||
                         answer.text.find("TOO_SLOW_PARSING") != std::string::npos;
      if (limit && !job.must_be_accepted)
        ++limits_;
      else
        report("engine refuses", job.source, printed, answer.text.substr(0, 300));
      return;
    }
    const Status status = agrees(job.resolved.query, answer.text);
    if (status) return;
    // A column that is called like the end of a node's line is refused, not misread.
    if (job.source.find("(children ") != std::string::npos && !read_engine_tree(answer.text)) return;
    const auto theirs = read_engine_tree(answer.text);
    report("disagreement", job.source, printed,
           fmt::format("{}\n  ours:   {}\n  theirs: {}", status.error().message, show(names_of(job.resolved.query)),
                       theirs ? show(*theirs) : theirs.error().message));
  }

  /// The engine makes the same tree of the source and of our print of it; blanks in the text of literals aside.
  void meaning(const Job& job, const Answer& source, const Answer& printed) {
    if (source.failed) {
      ++only_ours_;
      if (looser_.size() < 40) looser_.push_back({"", job.source, job.unresolved, source.text.substr(0, 200)});
      return;
    }
    ++meanings_;
    if (printed.failed) return report("engine refuses print", job.source, job.unresolved, printed.text.substr(0, 300));
    const std::string left = without_blanks_in_literals(source.text);
    const std::string right = without_blanks_in_literals(printed.text);
    // t.COLUMNS(…) is a call to the engine unless `t` is quoted, `interval AS day` an interval of a column `AS`; they
    // fail then, ours work.
    const std::string lower = lower_case(left);
    const bool columns =
        lower.find(".columns ") != std::string::npos || lower.find("identifier as\n") != std::string::npos;
    // A sample gets an OFFSET 0 where the query's own OFFSET would become its.
    const bool sample = job.unresolved.find(" OFFSET 0") != std::string::npos;
    if (left == right || columns || sample || same_but_casts(left, right)) return;
    const auto differ = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
    const auto line_of = [](const std::string& text, std::size_t at) {
      const auto start = text.rfind('\n', at == 0 ? 0 : at - 1);
      const auto from = start == std::string::npos ? 0 : start + 1;
      return text.substr(from, text.find('\n', from) - from);
    };
    report("other meaning", job.source, job.unresolved,
           fmt::format("\n  source: {}\n  print:  {}",
                       line_of(left, static_cast<std::size_t>(differ.first - left.begin())),
                       line_of(right, static_cast<std::size_t>(differ.second - right.begin()))));
  }

  /// Equal but for what `('x')::T`, `.5::T` and `x::double precision` keep of the source and we do not: parentheses,
  /// blanks, comments, case.
  static bool same_but_casts(std::string_view left, std::string_view right) {
    const auto cut = [](std::string_view& text) {
      const auto line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      return line;
    };
    while (!left.empty() && !right.empty()) {
      const std::string_view source = cut(left), printed = cut(right);
      if (source == printed) continue;
      constexpr std::string_view start = "Literal '";
      const auto at = source.find(start);
      if (at == std::string_view::npos || printed.substr(0, at + start.size()) != source.substr(0, at + start.size()))
        return false;
      const bool of_cast =
          std::string_view("([-+.0123456789").find(source[at + start.size()]) != std::string_view::npos;
      if (!of_cast && lower_case(std::string(source)) != lower_case(std::string(printed))) return false;
    }
    return left.empty() && right.empty();
  }

  static std::string without_blanks_in_literals(const std::string& tree) {
    std::string out;
    for (std::size_t at = 0; at < tree.size();) {
      const std::size_t end = std::min(tree.find('\n', at), tree.size());
      std::string line = tree.substr(at, end - at);
      if (const auto literal = line.find("Literal '"); literal != std::string::npos)
        line.erase(std::remove(line.begin() + static_cast<std::ptrdiff_t>(literal) + 8, line.end(), ' '), line.end());
      out += line + '\n';
      at = end + 1;
    }
    return out;
  }

  /// After analysis APPLY and by-name functions show: each function must be one that we listed, or what the analyzer
  /// makes of one; none may be denied.
  void query_tree(const Job& job, const Answer& answer) {
    if (answer.failed) return;  // no such column and the like
    ++trees_;
    std::set<std::string, std::less<>> ours;
    for (const auto& name : job.resolved.functions) ours.insert(canonical(name));
    for (const auto& name : names_of(job.resolved.query).functions) ours.insert(canonical(name));
    std::set<std::string, std::less<>> theirs;
    constexpr std::string_view key = "function_name: ";
    for (std::size_t at = 0; (at = answer.text.find(key, at)) != std::string::npos;) {
      const bool of_table = at >= 6 && answer.text.compare(at - 6, 6, "table_") == 0;
      at += key.size();
      if (of_table) continue;
      const std::string name = answer.text.substr(at, answer.text.find_first_of(",\n", at) - at);
      theirs.insert(canonical(name));
      if (ours.contains(canonical(name)) || made_by_analyzer(name)) continue;
      report("function after analysis", job.source, job.resolved.query.text,
             fmt::format("{}; ours: {}", name, fmt::join(job.resolved.functions, " ")));
    }
    for (const auto& name : hidden(job)) {
      ++hidden_;
      if (!theirs.contains(canonical(name)) && !folded(name))
        report("function not seen after analysis", job.source, job.resolved.query.text, name);
    }
    constexpr std::string_view table_key = "table_name: ";
    const auto tables = names_of(job.resolved.query).tables;
    for (std::size_t at = 0; (at = answer.text.find(table_key, at)) != std::string::npos;) {
      at += table_key.size();
      const std::string name = answer.text.substr(at, answer.text.find_first_of(",\n", at) - at);
      // SELECT without FROM reads system.one; a recursive CTE has a temporary table.
      const bool made = name == "system.one" || name.starts_with("_temporary_and_external_tables.");
      if (!made && !tables.contains(name)) report("table after analysis", job.source, job.resolved.query.text, name);
    }
  }

  static std::string lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    return text;
  }

  static std::string canonical(std::string_view name) {
    const Function* function = find_function(name);
    return lower_case(std::string(function != nullptr && !function->alias_to.empty() ? function->alias_to : name));
  }

  /// An aggregate function that arrayReduce names stands in its text; the analyzer keeps that.
  static bool folded(std::string_view name) {
    const Function* function = find_function(name);
    return function != nullptr && function->aggregate;
  }

  /// What the analyzer writes for other functions that we did see.
  static bool made_by_analyzer(std::string_view name) {
    static const std::set<std::string, std::less<>> made = {
        "_CAST", "tuple",  "array",     "negate", "lambda", "__getScalar",     "if",        "has",
        "CAST",  "isNull", "uniqExact", "not",    "toDate", "firstNonDefault", "arrayJoin", "notEquals"};
    return made.contains(name);
  }

  void report(std::string kind, std::string source, std::string printed, std::string detail) {
    ++counts_[kind];
    // The shortest of each sort: digits vary.
    std::string sort = kind + detail.substr(0, 90);
    std::erase_if(sort, [](char c) { return c >= '0' && c <= '9'; });
    if (findings_.size() > 400 && !sorts_.contains(sort)) return;
    const auto [at, fresh] = sorts_.try_emplace(sort, findings_.size());
    if (fresh)
      findings_.push_back({std::move(kind), std::move(source), std::move(printed), std::move(detail)});
    else if (source.size() < findings_[at->second].source.size())
      findings_[at->second] = {std::move(kind), std::move(source), std::move(printed), std::move(detail)};
  }

  void print_report() {
    const auto list = [](const std::vector<Finding>& findings) {
      std::string out = "[";
      for (const Finding& one : findings) {
        if (out.size() > 1) out += ',';
        out += fmt::format(R"({{"kind":{},"source":{},"printed":{},"detail":{}}})", json_string(one.kind),
                           json_string(one.source), json_string(one.printed), json_string(one.detail));
      }
      return out + "]";
    };
    std::string counts;
    for (const auto& [kind, count] : counts_)
      counts += fmt::format("{}{}:{}", counts.empty() ? "" : ",", json_string(kind), count);
    const std::string report = fmt::format(
        R"({{"made":{},"accepted":{},"refused_names":{},"compared":{},"engine_limits":{},"same_meaning":{},"query_trees":{},"hidden_functions":{},"accepted_by_us_only":{},"counts":{{{}}},"findings":{},"looser":{}}})",
        made_, accepted_, refused_, compared_, limits_, meanings_, trees_, hidden_, only_ours_, counts, list(findings_),
        list(looser_));
    write_all(report.data(), report.size());
    std::fflush(stdout);
  }

  static constexpr std::size_t batch_size = 400;
  testing::QueryGenerator generator_;
  const std::size_t wanted_;
  Workspace workspace_;
  std::vector<std::string> cases_;
  std::vector<Job> batch_;
  std::vector<Finding> findings_, looser_;
  std::map<std::string, std::size_t> counts_;
  std::map<std::string, std::size_t> sorts_;  // the finding kept of each
  std::size_t made_ = 0, accepted_ = 0, refused_ = 0, compared_ = 0, limits_ = 0, meanings_ = 0, trees_ = 0,
              hidden_ = 0, only_ours_ = 0;
};

}  // namespace
}  // namespace kinglet::sql

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: sql_differential SEED QUERIES (started by tests/sql/test_differential.py)\n", stderr);
    return 2;
  }
  kinglet::sql::Run(std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10)).all();
  return 0;
}
