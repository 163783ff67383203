// SPDX-License-Identifier: Apache-2.0
#include "project/graph.h"

#include <algorithm>

#include "sql/resolve.h"

namespace kinglet::project {
namespace {

using datafile::NodeText;
using datafile::Pipe;
using datafile::PipeType;

constexpr std::string_view quarantine_ending = "_quarantine";

bool is_service(std::string_view name) {
  return name.starts_with("tinybird.") || name.starts_with("organization.");
}

bool is_connection_key(std::string_view key) {
  return key == "KAFKA_CONNECTION_NAME" || key == "IMPORT_CONNECTION_NAME" || key == "EXPORT_CONNECTION_NAME";
}

class LeadingTable {
 public:
  std::string of(const sql::SetQuery* set) {
    // A CTE may name itself; the parser's limits bound the rest.
    if (set == nullptr || set->branches.empty() || ++steps_ > 1000) return {};
    const auto& first = *set->branches.begin();
    if (first.nested != nullptr) return of(first.nested);
    if (first.select == nullptr || first.select->from.empty()) return {};
    scopes_.push_back(first.select);
    auto found = of(first.select->from.begin()->table);
    scopes_.pop_back();
    return found;
  }

 private:
  std::string of(const sql::Table& table) {
    if (table.kind == sql::Table::Kind::subquery) return of(table.query);
    if (table.kind != sql::Table::Kind::name) return {};
    if (table.names.size() == 1)
      for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
        for (const auto& with : (*scope)->with)
          if (with.query != nullptr && with.name == *table.names.begin()) return of(with.query);
    return fmt::format("{}", fmt::join(table.names, "."));
  }

  std::vector<const sql::Select*> scopes_;
  std::size_t steps_ = 0;
};

}  // namespace

std::string leading_table(const sql::Query& query) {
  return LeadingTable().of(query.root);
}

Graph::Graph(const datafile::Project& project, std::span<const NodeText> texts, const VendoredSources& vendored,
             std::span<const std::string> tests)
    : texts_(texts) {
  add_resources(project, vendored, tests);
  for (std::size_t i = 0; i < texts_.size(); ++i) add_reads(i);
  const auto key = [](const Edge& e) { return std::tuple(e.from, e.kind, e.to); };
  std::ranges::sort(edges_, {}, key);
  edges_.erase(
      std::unique(edges_.begin(), edges_.end(), [&](const Edge& a, const Edge& b) { return key(a) == key(b); }),
      edges_.end());
  first_edge_.assign(vertices_.size() + 1, edges_.size());
  for (auto i = edges_.size(); i-- > 0;) first_edge_[edges_[i].from] = i;
  for (auto v = vertices_.size(); v-- > 0;) first_edge_[v] = std::min(first_edge_[v], first_edge_[v + 1]);
}

std::span<const Edge> Graph::edges(VertexId from) const {
  return std::span(edges_).subspan(first_edge_[from], first_edge_[from + 1] - first_edge_[from]);
}

std::optional<VertexId> Graph::find(VertexKind kind, std::string_view name) const {
  const auto found = by_name_.find(std::pair(kind, std::string(name)));
  return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

VertexId Graph::add(Vertex vertex) {
  const auto id = static_cast<VertexId>(vertices_.size());
  if (vertex.kind != VertexKind::node) {
    const auto [found, is_new] = by_name_.emplace(std::pair(vertex.kind, vertex.name), id);
    if (!is_new) return found->second;
  }
  vertices_.push_back(std::move(vertex));
  return id;
}

void Graph::add_resources(const datafile::Project& project, const VendoredSources& vendored,
                          std::span<const std::string> tests) {
  const auto link = [&](VertexId from, VertexId to, EdgeKind kind) { edges_.push_back({from, to, kind}); };
  for (const auto& [name, connection] : project.connections)
    add({.kind = VertexKind::connection, .name = name, .source = nullptr, .pipe = nullptr});
  const auto connect = [&](VertexId from, const std::vector<std::pair<std::string, std::string>>& values) {
    for (const auto& [key, value] : values)
      if (is_connection_key(key))
        if (const auto connection = find(VertexKind::connection, value)) link(from, *connection, EdgeKind::connects);
  };
  const auto grant = [&](VertexId to, const std::vector<datafile::TokenGrant>& tokens) {
    for (const auto& token : tokens)
      link(add({.kind = VertexKind::token, .name = token.name, .source = nullptr, .pipe = nullptr}), to,
           EdgeKind::grants);
  };
  for (const auto& [name, source] : project.data_sources) {
    const auto id = add({.kind = VertexKind::data_source, .name = name, .source = &source, .pipe = nullptr});
    connect(id, source.connector);
    grant(id, source.tokens);
  }
  for (const auto& [name, source] : vendored)
    add({.kind = VertexKind::vendored, .name = name, .source = &source, .pipe = nullptr});
  for (const auto& [name, pipe] : project.pipes) {
    const auto id = add({.kind = VertexKind::pipe, .name = name, .source = nullptr, .pipe = &pipe});
    connect(id, pipe.sink);
    grant(id, pipe.tokens);
    if (const auto target = data_source(pipe.target)) link(*target, id, EdgeKind::filled_by);
  }
  for (std::size_t i = 0; i < texts_.size(); ++i) {
    const auto& text = texts_[i];
    const auto id =
        add({.kind = VertexKind::node, .name = text.node().name, .source = nullptr, .pipe = text.pipe, .text = i});
    nodes_.push_back(id);
    nodes_of_[text.pipe].emplace(text.node().name, id);
    if (text.index == text.pipe->output_node) link(*pipe(text.pipe->name), id, EdgeKind::output);
  }
  for (const auto& name : tests)
    if (const auto tested = pipe(name))
      link(add({.kind = VertexKind::test, .name = name, .source = nullptr, .pipe = nullptr}), *tested, EdgeKind::tests);
}

std::optional<VertexId> Graph::resolve(std::size_t text, std::string_view name) const {
  const auto& siblings = nodes_of_.at(texts_[text].pipe);
  if (const auto node = siblings.find(name); node != siblings.end() && node->second != nodes_[text])
    return node->second;
  for (const auto kind :
       {VertexKind::data_source, VertexKind::pipe, VertexKind::vendored, VertexKind::quarantine, VertexKind::service})
    if (const auto found = find(kind, name)) return found;
  return std::nullopt;
}

void Graph::add_reads(std::size_t text) {
  std::map<std::string, bool, std::less<>> tables;  // certain?
  std::set<std::string, std::less<>> maybe;
  bool first = true;
  for (const auto* queries : {&texts_[text].queries, &texts_[text].branches})
    for (const auto& query : *queries) {
      auto read = sql::names_read(*query);
      for (auto& name : read.tables) tables.emplace(std::move(name), first);
      for (auto& name : read.maybe_tables) maybe.insert(std::move(name));
      first = false;
    }
  const auto target = [&](std::string_view name) -> std::optional<VertexId> {
    if (const auto known = resolve(text, name)) return known;
    if (is_service(name))
      return add({.kind = VertexKind::service, .name = std::string(name), .source = nullptr, .pipe = nullptr});
    if (!name.ends_with(quarantine_ending)) return std::nullopt;
    const auto of = name.substr(0, name.size() - quarantine_ending.size());
    auto base = data_source(of);
    if (!base) base = find(VertexKind::vendored, of);
    if (!base) return std::nullopt;
    return add({.kind = VertexKind::quarantine,
                .name = std::string(name),
                .source = vertices_[*base].source,
                .pipe = nullptr});
  };
  for (const auto& [name, certain] : tables) {
    if (const auto to = target(name))
      edges_.push_back({nodes_[text], *to, EdgeKind::reads});
    else
      unknown_.push_back({.text = text, .name = name, .certain = certain});
  }
  for (const auto& name : maybe)
    if (const auto to = resolve(text, name)) edges_.push_back({nodes_[text], *to, EdgeKind::may_read});
}

std::vector<std::vector<VertexId>> Graph::groups() const {
  // Tarjan's algorithm, with a stack of its own: a chain may be as long as the project.
  constexpr std::uint32_t unseen = 0;
  std::vector<std::uint32_t> number(vertices_.size(), unseen), low(vertices_.size(), 0);
  std::vector<bool> on_stack(vertices_.size(), false);
  std::vector<VertexId> stack;
  std::vector<std::pair<VertexId, std::size_t>> open;  // vertex, next edge
  std::vector<std::vector<VertexId>> out;
  std::uint32_t counter = 0;
  for (VertexId start = 0; start < vertices_.size(); ++start) {
    if (number[start] != unseen) continue;
    open.emplace_back(start, 0);
    while (!open.empty()) {
      const auto at = open.back().first;
      if (open.back().second == 0) {
        number[at] = low[at] = ++counter;
        stack.push_back(at);
        on_stack[at] = true;
      }
      const auto all = edges(at);
      bool down = false;
      while (open.back().second < all.size()) {
        const auto& edge = all[open.back().second++];
        if (edge.kind == EdgeKind::may_read) continue;  // a column as likely
        if (number[edge.to] == unseen) {
          open.emplace_back(edge.to, 0);
          down = true;
          break;
        }
        if (on_stack[edge.to]) low[at] = std::min(low[at], number[edge.to]);
      }
      if (down) continue;
      open.pop_back();
      if (!open.empty()) low[open.back().first] = std::min(low[open.back().first], low[at]);
      if (low[at] != number[at]) continue;
      auto& group = out.emplace_back();
      VertexId member = 0;
      do {
        member = stack.back();
        stack.pop_back();
        on_stack[member] = false;
        group.push_back(member);
      } while (member != at);
    }
  }
  return out;
}

std::vector<VertexId> Graph::order() const {
  std::vector<VertexId> out;
  for (const auto& group : groups()) out.insert(out.end(), group.begin(), group.end());
  return out;
}

std::vector<std::vector<VertexId>> Graph::circles() const {
  // Only edges along which one query becomes part of another.
  const auto counts = [](const Edge& e) { return e.kind == EdgeKind::reads || e.kind == EdgeKind::output; };
  std::vector<std::uint8_t> state(vertices_.size(), 0);  // 1: on the way, 2: done
  std::vector<std::vector<VertexId>> out;
  for (VertexId start = 0; start < vertices_.size(); ++start) {
    if (state[start] != 0) continue;
    std::vector<std::pair<VertexId, std::size_t>> way = {{start, 0}};
    state[start] = 1;
    while (!way.empty()) {
      const auto at = way.back().first;
      const auto all = edges(at);
      if (way.back().second == all.size()) {
        state[at] = 2;
        way.pop_back();
        continue;
      }
      const auto& edge = all[way.back().second++];
      if (!counts(edge) || state[edge.to] == 2) continue;
      if (state[edge.to] == 0) {
        state[edge.to] = 1;
        way.emplace_back(edge.to, 0);
        continue;
      }
      std::vector<VertexId> circle;
      for (auto step = way.rbegin(); step != way.rend(); ++step) {
        circle.push_back(step->first);
        if (step->first == edge.to) break;
      }
      std::ranges::reverse(circle);
      std::ranges::rotate(circle, std::ranges::min_element(circle));
      out.push_back(std::move(circle));
    }
  }
  return out;
}

std::optional<VertexId> Graph::followed_source(VertexId pipe) const {
  std::set<VertexId> visited;
  auto at = pipe;
  while (visited.insert(at).second) {
    const auto& vertex = vertices_[at];
    if (vertex.kind == VertexKind::data_source) return at;
    std::optional<VertexId> next;
    if (vertex.kind == VertexKind::pipe) {
      for (const auto& edge : edges(at))
        if (edge.kind == EdgeKind::output) next = edge.to;
    } else if (vertex.kind == VertexKind::node && !texts_[vertex.text].queries.empty()) {
      next = resolve(vertex.text, leading_table(*texts_[vertex.text].queries.front()));
    }
    if (!next) return std::nullopt;
    at = *next;
  }
  return std::nullopt;
}

std::vector<VertexId> Graph::endless_views() const {
  std::map<VertexId, std::vector<VertexId>> feeds;          // source -> targets of the views that follow it
  std::map<VertexId, std::pair<VertexId, VertexId>> views;  // pipe -> source, target
  for (VertexId id = 0; id < vertices_.size(); ++id) {
    const auto& vertex = vertices_[id];
    if (vertex.kind != VertexKind::pipe || vertex.pipe->type != PipeType::materialized) continue;
    const auto target = data_source(vertex.pipe->target);
    const auto source = target ? followed_source(id) : std::nullopt;
    if (!source) continue;
    feeds[*source].push_back(*target);
    views.emplace(id, std::pair(*source, *target));
  }
  std::vector<VertexId> out;
  for (const auto& [pipe, ends] : views) {
    std::set<VertexId> reached;
    std::vector<VertexId> open = {ends.second};
    while (!open.empty() && !reached.contains(ends.first)) {
      const auto here = open.back();
      open.pop_back();
      if (!reached.insert(here).second) continue;
      if (const auto next = feeds.find(here); next != feeds.end())
        open.insert(open.end(), next->second.begin(), next->second.end());
    }
    if (reached.contains(ends.first)) out.push_back(pipe);
  }
  return out;
}

}  // namespace kinglet::project
