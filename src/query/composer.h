// SPDX-License-Identifier: Apache-2.0
// Composer: from a request to one SQL statement of ours: templates rendered, names resolved, filters collected.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/access.h"
#include "catalog/snapshot.h"
#include "query/pipe.h"
#include "sql/resolve.h"

namespace kinglet::query {

/// Why a request could not become a statement. A template may choose status and body itself (error(), custom_error()).
struct Refusal {
  Error error = {};
  int status = 0;                             // 0: by the error's code
  std::optional<std::string> body_json = {};  // the whole body
  bool by_author = false;                     // of error() and custom_error(): no fault of the project
  /// The node whose text is at fault, which may be one that the asked one reads; null: none is. As long as the World's
  /// resources live.
  std::pair<const catalog::Pipe*, std::size_t> fault = {};
};

/// What goes to the engine.
struct Composed {
  std::string sql;
  std::vector<std::pair<std::string, std::string>> settings;  // of the text and its templates, checked
  std::optional<std::string> format;                          // FORMAT word of the text
  std::vector<std::string> data_sources;                      // read, by name
  std::vector<std::string> pipes;                             // read, by name
  std::vector<std::string> external_tables = {};              // s3, postgresql …: only a copy run may send this
  bool stand_ins = false;      // values in it may stand for parameters that nobody sent: they prove nothing
  bool reads_service = false;  // a service data source is among what it reads
  /// Nodes that stand in it as sub-queries, and the one that was asked for. As long as the World's resources live.
  std::vector<std::pair<const catalog::Pipe*, std::size_t>> nodes = {};
  /// What `sql` was printed from; null for texts that hold nothing of a user's.
  std::shared_ptr<const sql::Query> query = nullptr;
};

/// Which names mean something, and to whom.
struct World {
  const catalog::Resources* resources = nullptr;
  std::string_view database;
  /// Who asks. Null when a deployment checks its own project: everything is granted, nothing is filtered.
  const auth::Access* access = nullptr;
  std::function<std::optional<std::string>(std::string_view)> secret;
  std::string organization_id = {};  // shown by organization.workspaces
};

/// One request's composition. Lifetime: what World points at outlives it. Thread: any single one.
class Composer {
 public:
  Composer(World world, PipeCache& cache, templates::Arguments arguments,
           templates::StandIns stand_ins = templates::StandIns::off);
  ~Composer();

  /// The pipe's output node; with `q`, that text over it, where `_` is the pipe. The caller has checked the pipe's
  /// grant.
  std::expected<Composed, Refusal> endpoint(const std::shared_ptr<const catalog::Pipe>& pipe,
                                            std::optional<std::string_view> q);
  /// One node of a pipe, for checks and views.
  std::expected<Composed, Refusal> node(const std::shared_ptr<const catalog::Pipe>& pipe, std::size_t index);
  /// Ad-hoc text; `pipeline` names the pipe that `_` and its nodes stand for. Every name at the top must be granted.
  std::expected<Composed, Refusal> statement(std::string_view text,
                                             const std::shared_ptr<const catalog::Pipe>& pipeline);
  /// As statement(), for text that is no template whatever it begins with.
  std::expected<Composed, Refusal> plain_statement(std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::query
