// SPDX-License-Identifier: Apache-2.0
#include "project/check.h"

#include <algorithm>

#include "base/spelling.h"
#include "datafile/parse.h"
#include "datafile/source.h"
#include "project/columns.h"
#include "sql/functions.h"

namespace kinglet::project {
namespace {

using datafile::Diagnostic;
using datafile::NodeText;
using datafile::Pipe;
using datafile::PipeType;
using datafile::Position;
using datafile::Severity;

std::string in_quotes(std::string_view text) {
  return datafile::internal::quoted(text);
}

/// Words that a request uses for itself, so that a parameter of that name never gets a value, or always this one.
constexpr std::string_view reserved_parameters[] = {
    "token", "q", "from", "pipeline", "explain", "release_replacements", "cli_version"};

/// Behind what only a request with parameters meets.
constexpr std::string_view with_parameters = " with some parameters";

/// Reads the definitions that other workspaces share. Only what they give matters: faults in them are not ours.
VendoredSources read_vendored(std::span<const Vendored> files) {
  VendoredSources out;
  for (const auto& vendored : files) {
    auto parsed = datafile::parse_data_source({.name = vendored.source + ".datasource", .text = vendored.file.text});
    out.emplace(vendored.workspace + '.' + vendored.source, std::move(parsed.resource));
  }
  return out;
}

class Checker {
 public:
  Checker(const datafile::Project& project, const Surroundings& around, std::vector<NodeText>& texts,
          const VendoredSources& vendored, std::span<const std::string> tests, std::vector<Diagnostic> found)
      : project_(project), around_(around), out_(std::move(found)), graph_(project, texts, vendored, tests) {}

  std::vector<Diagnostic> check() {
    if (around_.complete) check_names();
    check_circles();
    check_endless_views();
    for (const auto& [name, pipe] : project_.pipes) check_hiding(pipe);
    check_parameters();
    if (around_.complete) check_columns();
    check_companions();
    return std::move(out_);
  }

 private:
  void add_to(Severity severity, std::string file, Position at, std::string message, std::string hint = {}) {
    out_.push_back({.severity = severity,
                    .file = std::move(file),
                    .position = at,
                    .message = std::move(message),
                    .hint = std::move(hint)});
  }
  void add(Severity severity, std::string_view resource, Position at, std::string message, std::string hint = {}) {
    const auto file = project_.files.find(resource);
    add_to(severity, file == project_.files.end() ? std::string(resource) : file->second.name, at, std::move(message),
           std::move(hint));
  }

  /// "did you mean …?", for as long as the budget lasts: a project of unknown names is not compared with all of itself.
  std::string near(std::string_view word, std::span<const std::string_view> candidates) {
    if (candidates.size() > comparisons_left_) return {};
    comparisons_left_ -= candidates.size();
    return did_you_mean(word, candidates);
  }

  const NodeText& text_of(VertexId node) const { return graph_.texts()[graph_[node].text]; }

  // --- names
  // -----------------------------------------------------------------------------------------------------------

  void check_names() {
    std::vector<std::string_view> resources;
    for (const auto& vertex : graph_.vertices())
      if (vertex.kind == VertexKind::data_source || vertex.kind == VertexKind::pipe ||
          vertex.kind == VertexKind::vendored)
        resources.push_back(vertex.name);
    std::map<std::string_view, std::string> hints;
    for (const auto& unknown : graph_.unknown_names()) {
      const auto& text = graph_.texts()[unknown.text];
      const auto& node = text.node();
      std::vector<std::string_view> nodes;
      for (const auto& other : text.pipe->nodes)
        if (&other != &node) nodes.push_back(other.name);
      auto hint = near(unknown.name, nodes);
      if (hint.empty()) {
        auto& known = hints[unknown.name];
        if (known.empty()) known = unknown_hint(unknown.name, resources);
        hint = known;
      }
      const bool in_text = place_of_word(node, unknown.name) || place_of_table(node, unknown.name) != node.sql_position;
      if (text.is_template && !in_text) continue;  // made by the template from a stand-in value
      add(unknown.certain ? Severity::error : Severity::warning, text.pipe->name, place_of_table(node, unknown.name),
          fmt::format("node {} reads {}{}, but there is no data source, pipe or node of that name",
                      in_quotes(node.name), in_quotes(unknown.name), unknown.certain ? "" : with_parameters),
          hint);
    }
  }

  std::string unknown_hint(std::string_view name, std::span<const std::string_view> resources) {
    auto hint = near(name, resources);
    if (!hint.empty()) return hint;
    if (name.starts_with("system.") || name.starts_with("information_schema."))
      return "the engine's own tables are not readable; numbers(n) makes rows, tinybird.… says what the server did";
    const auto dot = name.find('.');
    if (dot == std::string_view::npos) return fmt::format("add a file {}.datasource or {}.pipe", name, name);
    return fmt::format("a data source of another workspace needs its definition in vendor/{}/datasources/{}.datasource",
                       name.substr(0, dot), name.substr(dot + 1));
  }

  // --- circles
  // ---------------------------------------------------------------------------------------------------------

  void check_circles() {
    for (const auto& circle : graph_.circles()) {
      std::vector<const Pipe*> pipes;
      for (const auto id : circle)
        if (graph_[id].kind == VertexKind::node && (pipes.empty() || pipes.back() != graph_[id].pipe))
          pipes.push_back(graph_[id].pipe);
      if (pipes.size() > 1 && pipes.front() == pipes.back()) pipes.pop_back();
      const bool by_pipe =
          std::ranges::any_of(circle, [&](VertexId id) { return graph_[id].kind == VertexKind::pipe; });
      // The node whose SQL closes the circle: the last one before the first is read again.
      const auto last = std::ranges::find_if(circle.rbegin(), circle.rend(),
                                             [&](VertexId id) { return graph_[id].kind == VertexKind::node; });
      const auto& closing = text_of(*last);
      const auto at = last == circle.rbegin() ? circle.front() : *(last - 1);
      std::vector<std::string> way;
      if (by_pipe) {
        for (const auto* pipe : pipes) way.push_back(pipe->name);
      } else {
        for (const auto id : circle) way.push_back(graph_[id].name);
      }
      way.push_back(way.front());
      const auto message =
          way.size() == 2 ? fmt::format("the {} {} reads itself", by_pipe ? "pipe" : "node", in_quotes(way.front()))
                          : fmt::format("the {} read each other in a circle: {}", by_pipe ? "pipes" : "nodes",
                                        fmt::join(way, " → "));
      add(Severity::error, closing.pipe->name, place_of_table(closing.node(), graph_[at].name), message,
          "one of them must read something else");
    }
  }

  /// A row that comes back to the table it left would be written for ever.
  void check_endless_views() {
    for (const auto id : graph_.endless_views()) {
      const auto& pipe = *graph_[id].pipe;
      const auto& source = graph_[*graph_.followed_source(id)].name;
      add(Severity::error, pipe.name, pipe.target_position,
          source == pipe.target
              ? fmt::format("the pipe reads {} and writes to it: every row would come back for ever", in_quotes(source))
              : fmt::format("a circle: the pipe reads {}, which is fed from its target {}", in_quotes(source),
                            in_quotes(pipe.target)));
    }
  }

  // --- nodes with names of resources
  // -------------------------------------------------------------------------------------

  void check_hiding(const Pipe& pipe) {
    for (const auto& node : pipe.nodes) {
      if (node.name == pipe.name) {
        add(Severity::warning, pipe.name, node.position,
            fmt::format("the node {} has the name of its pipe", in_quotes(node.name)),
            "another name for the node is clearer in messages");
        continue;
      }
      const bool is_source = project_.data_sources.contains(node.name);
      if (!is_source && !project_.pipes.contains(node.name)) continue;
      const auto what =
          fmt::format("the node {} has the name of a {}", in_quotes(node.name), is_source ? "data source" : "pipe");
      if (is_read_in(pipe, node.name))
        add(Severity::error, pipe.name, node.position,
            fmt::format("{} that is read in this pipe: which one is meant?", what), "rename the node");
      else
        add(Severity::warning, pipe.name, node.position, what,
            "rename the node, so that nobody mistakes one for the other");
    }
  }

  /// Does a node of the pipe read that name, as a node or as a resource?
  bool is_read_in(const Pipe& pipe, std::string_view name) const {
    const auto& texts = graph_.texts();
    auto at = std::ranges::lower_bound(texts, pipe.name, {}, [](const NodeText& t) { return t.pipe->name; });
    for (; at != texts.end() && at->pipe == &pipe; ++at)
      for (const auto& edge : graph_.edges(graph_.node(static_cast<std::size_t>(at - texts.begin()))))
        if (edge.kind == EdgeKind::reads && graph_[edge.to].name == name) return true;
    return false;
  }

  // --- parameters
  // --------------------------------------------------------------------------------------------------------

  void check_parameters() {
    struct First {
      const NodeText* text;
      const templates::Parameter* parameter;
    };
    std::map<std::pair<const Pipe*, std::string_view>, First> seen;
    for (const auto& text : graph_.texts()) {
      for (const auto& parameter : text.parameters) {
        const auto at = datafile::place_in_file(text.node(), parameter.position.line, parameter.position.column);
        if (parameter.name.starts_with("__tb_") ||
            std::ranges::find(reserved_parameters, parameter.name) != std::end(reserved_parameters))
          add(Severity::warning, text.pipe->name, at,
              fmt::format("node {}: a request uses {} for itself, so the parameter {} does not get what a caller means",
                          in_quotes(text.node().name), in_quotes(parameter.name), in_quotes(parameter.name)),
              "give it another name");
        const auto [first, is_new] = seen.emplace(std::pair(text.pipe, std::string_view(parameter.name)),
                                                  First{.text = &text, .parameter = &parameter});
        if (is_new || !differ(*first->second.parameter, parameter)) continue;
        add(Severity::warning, text.pipe->name, at,
            fmt::format("the parameter {} is {} here and {} in node {}", in_quotes(parameter.name),
                        full_type(parameter), full_type(*first->second.parameter),
                        in_quotes(first->second.text->node().name)),
            "one request value cannot be both; the documentation of the endpoint shows only one");
      }
    }
  }

  static std::string full_type(const templates::Parameter& parameter) {
    return parameter.element_type.empty() ? parameter.type
                                          : fmt::format("{}({})", parameter.type, parameter.element_type);
  }
  /// A name that is only used, not declared, counts as String.
  static bool differ(const templates::Parameter& a, const templates::Parameter& b) {
    return full_type(a) != full_type(b) && a.type != "String" && b.type != "String";
  }

  // --- columns
  // -----------------------------------------------------------------------------------------------------------

  void check_columns() {
    const ColumnReader columns(graph_);
    for (const auto& unknown : columns.unknown()) {
      const auto& text = graph_.texts()[unknown.text];
      const std::vector<std::string_view> candidates(unknown.candidates.begin(), unknown.candidates.end());
      const auto dot = unknown.name.rfind('.');
      const auto word =
          dot == std::string::npos ? std::string_view(unknown.name) : std::string_view(unknown.name).substr(dot + 1);
      add(unknown.certain ? Severity::error : Severity::warning, text.pipe->name, unknown.position,
          unknown.from.size() == 1 ? fmt::format("node {}: {} has no column {}", in_quotes(text.node().name),
                                                 in_quotes(unknown.from.front()), in_quotes(word))
                                   : fmt::format("node {}: none of {} has a column {}", in_quotes(text.node().name),
                                                 fmt::join(unknown.from, ", "), in_quotes(unknown.name)),
          near(word, candidates));
    }
    for (std::size_t i = 0; i < graph_.texts().size(); ++i) {
      const auto& text = graph_.texts()[i];
      const bool writes = text.pipe->type == PipeType::materialized || text.pipe->type == PipeType::copy;
      if (!writes || text.index != text.pipe->output_node || text.queries.empty()) continue;
      const auto target = project_.data_sources.find(text.pipe->target);
      if (target != project_.data_sources.end()) check_target(text, columns.of_node(i), target->second);
    }
  }

  /// What a materialized or copy pipe gives, against the data source it goes to.
  void check_target(const NodeText& text, const KnownColumns& given, const datafile::DataSource& target) {
    const auto known = columns_of(target);
    if (!known.complete) return;
    const auto place = [&](std::string_view name) {
      return place_of_word(text.node(), name).value_or(text.node().sql_position);
    };
    std::vector<std::string_view> unfilled;
    for (const auto& column : target.columns)
      if (given.find(column.name) == nullptr) unfilled.push_back(column.name);
    std::set<std::string> misspelt;
    for (const auto& column : given.columns) {
      const auto* wanted = known.find(column.name);
      if (wanted == nullptr) {
        const auto near = nearest(column.name, unfilled);
        if (!near.empty()) misspelt.emplace(near);
        add(Severity::error, text.pipe->name, place(column.name),
            fmt::format("node {}: the query gives a column `{}` that data source '{}' does not have",
                        in_quotes(text.node().name), column.name, target.name),
            near.empty() ? std::string() : fmt::format("did you mean {}?", near));
      } else {
        check_fit(text, column, *wanted, target, place(column.name));
      }
    }
    if (!given.complete) return;
    for (const auto& column : target.columns)
      if (!column.default_expression && given.find(column.name) == nullptr && !misspelt.contains(column.name))
        add(Severity::error, text.pipe->name, text.node().sql_position,
            fmt::format("node {}: data source '{}' has a column `{}` that the query does not give",
                        in_quotes(text.node().name), target.name, column.name),
            "give it, or give the column a DEFAULT");
  }

  void check_fit(const NodeText& text, const KnownColumn& column, const KnownColumn& wanted,
                 const datafile::DataSource& target, Position at) {
    const bool state_wanted = wanted.type.starts_with("AggregateFunction(");
    const auto told = [&](std::string_view gives, std::string hint) {
      add(Severity::error, text.pipe->name, at,
          fmt::format("node {}: column `{}`: the query gives {}, data source '{}' has {}", in_quotes(text.node().name),
                      column.name, gives, target.name, wanted.type),
          std::move(hint));
    };
    if (!column.type.empty()) {
      if (plainly_differs(column.type, wanted.type))
        told(column.type, state_wanted ? "" : fmt::format("write CAST(…, '{}')", wanted.type));
      return;
    }
    const auto* function = column.call.empty() ? nullptr : sql::find_function(column.call);
    if (function == nullptr || !function->aggregate) return;
    const bool gives_state = column.call.find("State") != std::string::npos;
    if (state_wanted && !gives_state && column.call.find("Merge") == std::string::npos)
      told(fmt::format("what {}() ends with, not its state", column.call),
           fmt::format("write {}State(…)", column.call));
    if (!state_wanted && gives_state && !wanted.type.starts_with("SimpleAggregateFunction("))
      told(fmt::format("a state, by {}()", column.call),
           fmt::format("write the function without State, or make the column an AggregateFunction"));
  }

  // --- tests and fixtures
  // ------------------------------------------------------------------------------------------------

  void check_companions() {
    std::vector<std::string_view> pipes, sources;
    for (const auto& [name, pipe] : project_.pipes) pipes.push_back(name);
    for (const auto& [name, source] : project_.data_sources) sources.push_back(name);
    for (const auto& test : around_.tests) {
      const auto found = project_.pipes.find(test.pipe);
      if (found == project_.pipes.end())
        add_to(Severity::warning, test.name, {},
               fmt::format("tests the pipe {}, but there is no pipe of that name", in_quotes(test.pipe)),
               near(test.pipe, pipes));
    }
    for (const auto& file : around_.test_files) check_test_parameters(file);
    for (const auto& fixture : around_.fixtures)
      if (!project_.data_sources.contains(fixture.source))
        add_to(Severity::warning, fixture.name, {},
               fmt::format("rows for the data source {}, but there is none of that name; they are loaded nowhere",
                           in_quotes(fixture.source)),
               near(fixture.source, sources));
  }

  /// The parameters of a pipe and of all that it reads; nothing when one of their nodes could not be read.
  std::optional<std::set<std::string_view>> parameters_of(VertexId pipe) const {
    std::set<std::string_view> names;
    std::set<VertexId> seen{pipe};
    for (std::vector<VertexId> open{pipe}; !open.empty();) {
      const auto id = open.back();
      open.pop_back();
      if (graph_[id].kind == VertexKind::node) {
        if (text_of(id).queries.empty()) return std::nullopt;
        for (const auto& parameter : text_of(id).parameters) names.insert(parameter.name);
      }
      for (const auto& edge : graph_.edges(id))
        if (const auto kind = graph_[edge.to].kind;
            (kind == VertexKind::node || kind == VertexKind::pipe) && seen.insert(edge.to).second)
          open.push_back(edge.to);
    }
    return names;
  }

  /// A parameter that the endpoint does not have changes nothing: its name may be misspelt.
  void check_test_parameters(const TestFile& file) {
    const auto pipe = graph_.pipe(file.pipe);
    const auto known = pipe ? parameters_of(*pipe) : std::nullopt;
    if (!known) return;
    const std::vector<std::string_view> candidates(known->begin(), known->end());
    const auto look = [&](const TestCase& test, std::string_view name) {
      if (name.empty() || known->contains(name) || name.starts_with("__tb_") ||
          std::ranges::find(reserved_parameters, name) != std::end(reserved_parameters))
        return;
      add_to(Severity::warning, file.name, test.position,
             fmt::format("the test {} sends {}, but {} has no parameter of that name", in_quotes(test.name),
                         in_quotes(name), in_quotes(file.pipe)),
             near(name, candidates));
    };
    for (const auto& test : file.cases) {
      for (const auto& [name, value] : test.parameters) look(test, name);
      for (std::string_view rest = test.query; !rest.empty();) {
        const auto pair = rest.substr(0, rest.find('&'));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        if (const auto name = pair.substr(0, pair.find('=')); name.find_first_of("%+") == name.npos) look(test, name);
      }
    }
  }

  const datafile::Project& project_;
  const Surroundings& around_;
  std::vector<Diagnostic> out_;
  std::size_t comparisons_left_ = 500'000;  // of words, about half a second
  Graph graph_;
};

}  // namespace

std::vector<Diagnostic> check(const datafile::Project& project, const Surroundings& surroundings) {
  std::vector<NodeText> texts;
  auto found = datafile::check_project(project, &texts,
                                       surroundings.complete ? datafile::Calls::checked : datafile::Calls::left);
  for (const auto& text : texts) found.insert(found.end(), text.refused.begin(), text.refused.end());
  const auto vendored = read_vendored(surroundings.vendored);
  std::vector<std::string> tests;
  for (const auto& test : surroundings.tests) tests.push_back(test.pipe);
  auto out = Checker(project, surroundings, texts, vendored, tests, std::move(found)).check();
  datafile::place_in_included_files(project, out);
  datafile::sort_diagnostics(out);
  return out;
}

std::size_t Checked::error_count() const {
  return static_cast<std::size_t>(std::ranges::count(diagnostics, Severity::error, &datafile::Diagnostic::severity));
}

Checked check(const Discovered& found) {
  Checked out;
  auto parsed = datafile::parse_project(found.files);
  out.project = std::move(parsed.project);
  out.diagnostics = found.findings;
  const auto take = [&](std::vector<Diagnostic> more) {
    out.diagnostics.insert(out.diagnostics.end(), std::make_move_iterator(more.begin()),
                           std::make_move_iterator(more.end()));
  };
  take(std::move(parsed.diagnostics));
  std::vector<TestFile> test_files;
  for (const auto& test : found.tests) {
    auto text = read_test_text(test, test.name);
    if (!text) {
      out.diagnostics.push_back({.severity = Severity::error,
                                 .file = test.name,
                                 .position = {},
                                 .message = std::move(text.error().message),
                                 .hint = {}});
      continue;
    }
    auto read = read_tests(out.tests.emplace_back(test.name, std::move(*text)));
    take(std::move(read.diagnostics));
    test_files.push_back(std::move(read.file));
  }
  take(check(out.project,
             {.vendored = found.vendored, .tests = found.tests, .fixtures = found.fixtures, .test_files = test_files}));
  datafile::sort_diagnostics(out.diagnostics);
  return out;
}

}  // namespace kinglet::project
