// SPDX-License-Identifier: Apache-2.0
// Checks of the texts inside a parsed project: templates compile, SQL parses.
#include "datafile/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <tuple>

#include "datafile/source.h"
#include "datafile/tokens.h"
#include "sql/resolve.h"
#include "template/template.h"

namespace kinglet::datafile {
namespace {

using templates::RenderError;
using templates::StandIns;
using templates::Template;

/// "line 3, column 7: message" of the SQL parser, taken apart.
struct Located {
  Position position;
  std::string message;
};
Located take_apart(std::string_view text) {
  constexpr std::string_view kind = "Template Syntax Error: ";
  if (text.starts_with(kind)) text.remove_prefix(kind.size());
  Located out{.position = {}, .message = std::string(text)};
  constexpr std::string_view line = "line ", column = ", column ";
  const auto number = [](std::string_view& rest, std::uint32_t& value) {
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    rest.remove_prefix(static_cast<std::size_t>(parsed.ptr - rest.data()));
    return parsed.ec == std::errc();
  };
  Position at;
  if (!text.starts_with(line)) return out;
  text.remove_prefix(line.size());
  if (!number(text, at.line) || !text.starts_with(column)) return out;
  text.remove_prefix(column.size());
  if (!number(text, at.column) || !text.starts_with(": ")) return out;
  out.position = at;
  out.message = std::string(text.substr(2));
  return out;
}

std::string_view line_of(std::string_view text, std::uint32_t line) {
  for (; line > 1; --line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return internal::trim(text.substr(0, text.find('\n')));
}

/// Every table is there. A node or pipe is told apart from a data source: it has no FINAL.
class OpenScope final : public sql::Scope {
 public:
  OpenScope(const Project& project, const Pipe& pipe) : project_(project), pipe_(pipe) {}
  Result<sql::Target> table(std::string_view name, sql::Position) override {
    const bool is_node = std::ranges::find(pipe_.nodes, name, &Node::name) != pipe_.nodes.end();
    if (!is_node && !project_.pipes.contains(name))
      return sql::PhysicalTable{.database = "project", .table = std::string(name)};
    if (!inlined_) {
      TRY(auto query, sql::parse_query("SELECT 1"));
      inlined_ = std::make_shared<const sql::Query>(std::move(query));
    }
    return sql::Inlined{.query = inlined_};
  }

 private:
  const Project& project_;
  const Pipe& pipe_;
  std::shared_ptr<const sql::Query> inlined_;
};

class ProjectChecker {
 public:
  ProjectChecker(const Project& project, std::vector<NodeText>* texts, Calls calls)
      : project_(project), texts_(texts), calls_(calls) {}

  std::vector<Diagnostic> check() {
    for (const auto& [name, source] : project_.data_sources) check_data_source(name, source);
    for (const auto& [name, pipe] : project_.pipes) check_pipe(name, pipe);
    sort_diagnostics(out_);
    return std::move(out_);
  }

 private:
  Diagnostic finding(Severity severity, std::string_view resource, Position at, std::string message,
                     std::string hint) const {
    const auto file = project_.files.find(resource);
    return {.severity = severity,
            .file = file == project_.files.end() ? std::string(resource) : file->second.name,
            .position = at,
            .message = std::move(message),
            .hint = std::move(hint)};
  }
  void add(Severity severity, std::string_view resource, Position at, std::string message, std::string hint = {}) {
    out_.push_back(finding(severity, resource, at, std::move(message), std::move(hint)));
  }

  void check_pipe(std::string_view name, const Pipe& pipe) {
    templates::NameSet arrays;
    std::vector<std::pair<NodeText, Template>> compiled;
    for (std::size_t i = 0; i < pipe.nodes.size(); ++i) {
      const auto& node = pipe.nodes[i];
      NodeText read{.pipe = &pipe,
                    .index = i,
                    .is_template = false,
                    .parameters = {},
                    .queries = {},
                    .branches = {},
                    .refused = {}};
      if (node.sql_position.line == 0) {  // an empty SQL, reported when it was read
        keep(std::move(read));
        continue;
      }
      auto text = Template::compile(node.sql);
      if (!text) {
        const auto& error = text.error();
        add(Severity::error, name, place_in_file(node, error.position.line, error.position.column),
            fmt::format("node {}: {}", internal::quoted(node.name), error.message), error.hint);
        keep(std::move(read));
        continue;
      }
      for (const auto& warning : text->warnings())
        add(Severity::warning, name, place_in_file(node, warning.position.line, warning.position.column),
            fmt::format("node {}: {}", internal::quoted(node.name), warning.message));
      for (const auto& parameter : text->array_parameters()) arrays.insert(parameter);
      if (pipe.type == PipeType::materialized && !text->parameters().empty()) {
        const auto& first = text->parameters().front();
        add(Severity::error, name, place_in_file(node, first.position.line, first.position.column),
            fmt::format("node {} asks for the parameter {}, but a materialized pipe runs without a request",
                        internal::quoted(node.name), internal::quoted(first.name)),
            "write the value itself, or filter in the endpoint that reads the target");
        keep(std::move(read));
        continue;
      }
      read.is_template = text->is_template();
      read.parameters = text->parameters();
      compiled.emplace_back(std::move(read), std::move(*text));
    }
    for (auto& [read, text] : compiled) {
      taken_.assign(text.branch_count(), false);
      if (!text.is_template())
        check_sql(name, read, read.node().sql, {});
      else if (render(name, read, text, arrays, StandIns::none_defined) &&
               render(name, read, text, arrays, StandIns::all_defined))
        read_branches(read, text, arrays);
      keep(std::move(read));
    }
    if (texts_ != nullptr)
      std::sort(texts_->end() - static_cast<std::ptrdiff_t>(pipe.nodes.size()), texts_->end(),
                [](const NodeText& a, const NodeText& b) { return a.index < b.index; });
  }

  void keep(NodeText read) {
    if (texts_ != nullptr) texts_->push_back(std::move(read));
  }

  static std::optional<std::string> any_secret(std::string_view) { return "secret"; }

  void take(const std::vector<bool>& branches) {
    for (std::size_t i = 0; i < taken_.size() && i < branches.size(); ++i)
      if (branches[i]) taken_[i] = true;
  }

  /// What stands in branches that were not taken yet. Together with others it need not be a query: no fault then.
  void read_branches(NodeText& read, const Template& text, const templates::NameSet& arrays) {
    const std::function<std::optional<std::string>(std::string_view)> secret = any_secret;
    const templates::Arguments none;
    std::size_t tried = 0;
    for (std::uint32_t i = 0; i < taken_.size() && tried < NodeText::branches_max; ++i) {
      if (taken_[i]) continue;
      ++tried;
      const auto rendered = text.render({.arguments = &none,
                                         .array_parameters = &arrays,
                                         .secret = &secret,
                                         .stand_ins = StandIns::none_defined,
                                         .branch = i});
      if (!rendered) continue;
      take(rendered->branches_taken);
      auto query = sql::parse_query(rendered->sql);
      if (query) read.branches.push_back(std::make_shared<const sql::Query>(std::move(*query)));
    }
  }

  /// Renders with stand-ins and parses the result. True when nothing was wrong.
  bool render(std::string_view name, NodeText& read, const Template& text, const templates::NameSet& arrays,
              StandIns stand_ins) {
    const std::function<std::optional<std::string>(std::string_view)> secret = any_secret;
    const templates::Arguments none;
    const templates::RenderInput input{
        .arguments = &none, .array_parameters = &arrays, .secret = &secret, .stand_ins = stand_ins};
    const auto rendered = text.render(input);
    if (rendered) {
      take(rendered->branches_taken);
      if (stand_ins == StandIns::all_defined && rendered->sql == rendered_) return true;
      rendered_ = rendered->sql;
      return check_sql(name, read, rendered_,
                       [&](Position at) { return text.source_of(input, {.line = at.line, .column = at.column}); });
    }
    rendered_.clear();
    // What a request can cause (a missing value, error()) says nothing about the text. A refusal may come from the
    // stand-in values (max_threads(0)), so it does not stop a deployment. A wrong value can only be a default here.
    const auto kind = rendered.error().kind;
    const bool told = kind == RenderError::Kind::refused || kind == RenderError::Kind::invalid_value;
    if (!told || stand_ins == StandIns::all_defined) return true;
    const auto& error = rendered.error();
    const auto& node = read.node();
    add(Severity::warning, name, place_in_file(node, error.position.line, error.position.column),
        fmt::format("node {}, tried without parameters: {}", internal::quoted(node.name),
                    take_apart(error.message).message));
    return true;
  }

  /// `source_of`: where in the node's text a place of `sql` comes from; null for SQL as it stands.
  bool check_sql(std::string_view name, NodeText& read, std::string_view sql,
                 const std::function<templates::SourcePlace(Position)>& source_of) {
    const auto& node = read.node();
    auto query = sql::parse_query(sql);
    if (query && query->format.empty()) {
      read.queries.push_back(std::make_shared<const sql::Query>(std::move(*query)));
      if (calls_ == Calls::checked && read.refused.empty()) check_calls(name, read, sql, source_of);
      return true;
    }
    if (query) {
      add(Severity::error, name, read.is_template ? node.sql_position : find_word(node, "FORMAT"),
          fmt::format("node {} has a FORMAT {}; the request chooses the format, by the end of its path",
                      internal::quoted(node.name), query->format),
          "take the FORMAT out, and ask for /v0/pipes/NAME.csv or .ndjson");
      return false;
    }
    out_.push_back(sql_error(name, node, sql, query.error(), source_of));
    const bool forgotten = sql.find("{{") != std::string_view::npos || sql.find("{%") != std::string_view::npos;
    if (!source_of && forgotten) out_.back().hint = "a template starts with a line that holds only %";
    return false;
  }

  /// An error of the SQL front end, at its place in the file.
  Diagnostic sql_error(std::string_view name, const Node& node, std::string_view sql, const Error& found,
                       const std::function<templates::SourcePlace(Position)>& source_of) const {
    const auto error = take_apart(found.message);
    auto at = error.position;
    std::string_view line;
    if (source_of && at.line != 0) {
      const auto place = source_of(at);
      // The message may speak of a value that nobody wrote.
      if (place.is_value) line = line_of(sql, at.line);
      at = {.line = place.position.line, .column = place.position.column};
    }
    return finding(Severity::error, name, place_in_file(node, at.line, at.column),
                   fmt::format("node {}{}: {}", internal::quoted(node.name),
                               line.empty() ? "" : fmt::format(", in the rendered SQL near {}", internal::quoted(line)),
                               error.message),
                   found.hint);
  }

  /// Looks up all but the tables. What is only refused when every optional parameter is sent may be what the template
  /// makes of a stand-in: a warning.
  void check_calls(std::string_view name, NodeText& read, std::string_view sql,
                   const std::function<templates::SourcePlace(Position)>& source_of) {
    auto query = sql::parse_query(sql);
    if (!query) return;  // it was parsed before
    OpenScope scope(project_, *read.pipe);
    const auto resolved = sql::resolve(std::move(*query), scope,
                                       {.settings = read.index == read.pipe->output_node,
                                        .format = false,
                                        .external_tables = read.pipe->type == PipeType::copy});
    if (resolved) return;
    auto refused = sql_error(name, read.node(), sql, resolved.error(), source_of);
    if (read.queries.size() > 1) {
      refused.severity = Severity::warning;
      refused.message += " (when every optional parameter is sent)";
    }
    read.refused.push_back(std::move(refused));
  }

  /// The last `word` of a node's SQL.
  static Position find_word(const Node& node, std::string_view word) {
    std::vector<Diagnostic> ignored;
    const internal::Source source("", node.sql, ignored);
    Position at = {.line = 1, .column = 1};
    for (const auto& token : internal::tokenize(source.text(), false))
      if (token.is_word(word)) at = source.position(token.text);
    return place_in_file(node, at.line, at.column);
  }

  void check_expression(std::string_view resource, Position at, std::string_view what, std::string_view text) {
    if (text.empty()) return;
    const auto parsed = sql::checked_expression(text);
    if (parsed) return;
    auto message = take_apart(parsed.error().message).message;
    auto hint = parsed.error().hint;
    if (hint.empty() && what == "ENGINE_SORTING_KEY" && message.starts_with("expected an operator"))
      hint = "commas part the expressions of a key";
    add(Severity::error, resource, at, fmt::format("{}: {}", what, message), std::move(hint));
  }

  /// expression [DELETE] [WHERE condition], several with commas: every expression on its own.
  void check_ttl(std::string_view name, const EngineDefinition& engine) {
    std::vector<internal::Token> tokens = internal::tokenize(engine.ttl, false);
    tokens.pop_back();
    for (auto item : internal::split_list(tokens)) {
      while (!item.empty()) {
        const auto end = std::find_if(item.begin(), item.end(),
                                      [](const auto& t) { return t.is_word("DELETE") || t.is_word("WHERE"); });
        const auto length = static_cast<std::size_t>(end - item.begin());
        check_expression(name, place_of(engine, "ENGINE_TTL"), "ENGINE_TTL", internal::joined(item.first(length)));
        item = end == item.end() ? item.last(0) : item.subspan(length + 1);
      }
    }
  }

  void check_data_source(std::string_view name, const DataSource& source) {
    for (const auto& column : source.columns)
      if (column.default_expression)
        check_expression(name, column.default_position.line == 0 ? column.position : column.default_position,
                         fmt::format("the DEFAULT of column {}", internal::quoted(column.name)),
                         *column.default_expression);
    for (const auto& index : source.indexes)
      check_expression(name, index.position, fmt::format("index {}", internal::quoted(index.name)), index.expression);
    const auto& engine = source.engine;
    check_expression(name, place_of(engine, "ENGINE_PARTITION_KEY"), "ENGINE_PARTITION_KEY", engine.partition_key);
    check_expression(name, place_of(engine, "ENGINE_SAMPLING_KEY"), "ENGINE_SAMPLING_KEY", engine.sampling_key);
    check_ttl(name, engine);
    std::vector<internal::Token> tokens = internal::tokenize(engine.sorting_key, false);
    tokens.pop_back();
    for (const auto item : internal::split_list(tokens))  // alone: an error speaks of no ')' that nobody wrote
      check_expression(name, place_of(engine, "ENGINE_SORTING_KEY"), "ENGINE_SORTING_KEY", internal::joined(item));
  }

  static Position place_of(const EngineDefinition& engine, std::string_view key) {
    const auto found = engine.key_positions.find(key);
    return found == engine.key_positions.end() ? engine.position : found->second;
  }

  const Project& project_;
  std::vector<NodeText>* texts_;
  Calls calls_;
  std::string rendered_;     // of the node at hand, without parameters
  std::vector<bool> taken_;  // its branches that were rendered
  std::vector<Diagnostic> out_;
};

}  // namespace

std::vector<Diagnostic> check_project(const Project& project, std::vector<NodeText>* texts, Calls calls) {
  return ProjectChecker(project, texts, calls).check();
}

Position place_in_file(const Node& node, std::uint32_t line, std::uint32_t column) {
  if (line == 0) return node.sql_position;
  return {.line = node.sql_position.line + line - 1, .column = column + node.sql_indent};
}

void sort_diagnostics(std::vector<Diagnostic>& diagnostics) {
  std::map<std::tuple<std::string, std::uint32_t, std::uint32_t, std::size_t>, Diagnostic> sorted;
  for (auto& d : diagnostics) {
    auto key = std::tuple(d.file, d.position.line, d.position.column, sorted.size());
    sorted.emplace(std::move(key), std::move(d));
  }
  diagnostics.clear();
  for (auto& [key, d] : sorted) diagnostics.push_back(std::move(d));
}

}  // namespace kinglet::datafile
