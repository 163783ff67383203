// SPDX-License-Identifier: Apache-2.0
// What a project's resources depend on: one graph for checks, order of work and "who reads this".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datafile/check.h"
#include "datafile/model.h"

namespace kinglet::project {

enum class VertexKind : std::uint8_t {
  data_source,
  quarantine,  // <data source>_quarantine, when something reads it
  vendored,    // workspace.data source, of another workspace
  service,     // tinybird.… and organization.…, when something reads it
  pipe,
  node,
  connection,
  token,
  test,
};

using VertexId = std::uint32_t;

struct Vertex {
  VertexKind kind = VertexKind::data_source;
  std::string name;                              // of a node: its own, without the pipe's
  const datafile::DataSource* source = nullptr;  // data_source, vendored, quarantine (what it is of)
  const datafile::Pipe* pipe = nullptr;          // pipe, node
  std::size_t text = 0;                          // node: index in Graph::texts()
};

enum class EdgeKind : std::uint8_t {
  reads,      // node -> what stands in a table position of its SQL
  may_read,   // node -> a name right of IN, which is a column if there is one
  output,     // pipe -> the node that answers
  filled_by,  // data source -> a materialized or copy pipe that writes to it
  connects,   // data source or pipe -> connection
  grants,     // token -> data source or pipe
  tests,      // test -> pipe
};

/// `from` depends on `to`.
struct Edge {
  VertexId from = 0;
  VertexId to = 0;
  EdgeKind kind = EdgeKind::reads;
};

/// A name in a table position that nothing has.
struct UnknownName {
  std::size_t text = 0;  // index in Graph::texts()
  std::string name;
  bool certain = true;  // false: only a branch of its template reads it that a request without parameters does not take
};

/// Definitions that other workspaces share, by "workspace.data source".
using VendoredSources = std::map<std::string, datafile::DataSource, std::less<>>;

/// Immutable once built. Points into the project, texts and vendored sources it was built of, which must outlive it.
class Graph {
 public:
  /// Names are read from the SQL as parsed: of a template, in all its branches.
  /// `tests`: names of pipes that have tests. Cost: linear in the project.
  Graph(const datafile::Project& project, std::span<const datafile::NodeText> texts,
        const VendoredSources& vendored = {}, std::span<const std::string> tests = {});

  std::span<const Vertex> vertices() const { return vertices_; }
  std::span<const datafile::NodeText> texts() const { return texts_; }
  const Vertex& operator[](VertexId id) const { return vertices_[id]; }
  /// What `from` depends on.
  std::span<const Edge> edges(VertexId from) const;
  const std::vector<UnknownName>& unknown_names() const { return unknown_; }

  std::optional<VertexId> data_source(std::string_view name) const { return find(VertexKind::data_source, name); }
  std::optional<VertexId> pipe(std::string_view name) const { return find(VertexKind::pipe, name); }
  /// The vertex of a node, by its place in texts().
  VertexId node(std::size_t text) const { return nodes_[text]; }
  /// What a name in a table position of that node means: another node of its pipe, else a resource.
  std::optional<VertexId> resolve(std::size_t text, std::string_view name) const;

  /// Every vertex after those it depends on, for reading and copying; a circle stands together, in any order.
  std::vector<VertexId> order() const;
  /// Nodes and pipes that read each other, each circle once, from its smallest vertex along its edges.
  std::vector<std::vector<VertexId>> circles() const;

  /// The data source whose inserts a materialized pipe follows: the left-most table of its output node, through nodes
  /// and pipes. Nothing: there is none, or it is not known.
  std::optional<VertexId> followed_source(VertexId pipe) const;
  /// Materialized pipes whose rows come back to the source they follow.
  std::vector<VertexId> endless_views() const;

 private:
  std::optional<VertexId> find(VertexKind kind, std::string_view name) const;
  VertexId add(Vertex vertex);
  void add_resources(const datafile::Project& project, const VendoredSources& vendored,
                     std::span<const std::string> tests);
  void add_reads(std::size_t text);
  /// Strongly connected groups, dependencies first.
  std::vector<std::vector<VertexId>> groups() const;

  std::span<const datafile::NodeText> texts_;
  std::vector<Vertex> vertices_;
  std::vector<Edge> edges_;  // by from, once built
  std::vector<std::size_t> first_edge_;
  std::map<std::pair<VertexKind, std::string>, VertexId, std::less<>> by_name_;
  std::map<const datafile::Pipe*, std::map<std::string_view, VertexId>> nodes_of_;
  std::vector<VertexId> nodes_;
  std::vector<UnknownName> unknown_;
};

/// The left-most table of a query, CTEs followed; empty when it is a table function or there is none.
std::string leading_table(const sql::Query& query);

/// Where a node's SQL names `name` as a table, or else at all; the start of the SQL when it does not.
datafile::Position place_of_table(const datafile::Node& node, std::string_view name);
/// The first place of a word in a node's SQL that is no table; nothing when it is not written there.
std::optional<datafile::Position> place_of_word(const datafile::Node& node, std::string_view name);

}  // namespace kinglet::project
