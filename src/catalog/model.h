// SPDX-License-Identifier: Apache-2.0
// The records of the catalog: what a workspace holds. All of them are immutable once a snapshot carries them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/ids.h"
#include "catalog/scope.h"
#include "datafile/model.h"

namespace kinglet::catalog {

/// Limits of one catalog, with the answer beyond them in brackets.
struct Limits {
  static constexpr std::size_t workspaces_max = 10'000;             // [invalid]
  static constexpr std::size_t tokens_max = 100'000;                // a workspace [invalid]
  static constexpr std::size_t token_scopes_max = 1'000;            // a token [invalid]
  static constexpr std::size_t variables_max = 100;                 // a workspace [invalid]
  static constexpr std::size_t variable_value_size_max = 8 * 1024;  // [invalid]
  static constexpr std::size_t name_size_max = 256;                 // tokens, variables [invalid]
  static constexpr std::size_t workspace_name_size_max = 128;       // [invalid]
  static constexpr std::size_t description_size_max = 4 * 1024;     // [invalid]
  static constexpr std::size_t jobs_kept_max = 1'000;               // finished ones a workspace; older are forgotten
  static constexpr std::size_t jobs_listed_max = 100;               // newest of the last 48 hours
  static constexpr std::chrono::hours jobs_listed_age{48};
  static constexpr std::size_t deployments_kept_max = 100;  // deleted ones a workspace; older are forgotten
  static constexpr std::size_t queued_updates_max = 1'024;  // waiting for the catalog thread [unavailable]
  static constexpr std::chrono::seconds update_wait{10};    // until an update starts [timeout]
};

// ---- tokens -----------------------------------------------------------------------------------------------------

enum class TokenOrigin : std::uint8_t { workspace_default, api, datafile };

/// A static token. Its value is a secret: never logged, shown only by the token API.
struct Token {
  std::string id;  // uuid
  std::string name;
  std::string description;
  std::string value;
  TokenOrigin origin = TokenOrigin::api;
  std::vector<Scope> scopes;       // given over the API, or by default
  std::vector<Scope> file_scopes;  // from TOKEN lines of datafiles; follow deployments
  Time created_at{};
  Time updated_at{};

  /// Both lists, sorted, each scope once.
  std::vector<Scope> all_scopes() const;
};

inline constexpr std::string_view workspace_admin_token_name = "workspace admin token";
inline constexpr std::string_view create_datasource_token_name = "create datasource token";

/// The one account of this server and its two account-level tokens (http-api.md 12.1).
struct Account {
  std::string user_id;
  std::string email;
  std::string organization_id;
  std::string organization_name;
  std::shared_ptr<const Token> user_token;   // creates and deletes workspaces
  std::shared_ptr<const Token> admin_token;  // lists them
};

// ---- resources --------------------------------------------------------------------------------------------------

struct DataSource {
  std::string id = {};  // given by apply_deployment when empty
  std::string name = {};
  std::string file = {};   // "datasources/events.datasource", as deployed
  std::string text = {};   // the datafile, byte for byte
  std::string table = {};  // physical names in the workspace's database
  std::string quarantine_table = {};
  datafile::DataSource definition = {};  // parsed from `text`
  Time created_at{};
  Time updated_at{};
};

struct Pipe {
  std::string id = {};
  std::string name = {};
  std::string file = {};
  std::string text = {};
  std::vector<std::string> node_ids =
      {};                 // one for each node of the definition; a node keeps its id while it keeps its name
  std::string view = {};  // physical name of the materialized view, if there is one
  datafile::Pipe definition = {};
  Time created_at{};
  Time updated_at{};

  /// The node that answers, by index of the definition.
  const std::string& output_node_id() const { return node_ids[definition.output_node]; }
};

struct Connection {
  std::string id = {};
  std::string name = {};
  std::string file = {};
  std::string text = {};
  datafile::Connection definition = {};
  Time created_at{};
  Time updated_at{};
};

/// Resources by name, and by id. `T` is DataSource, Pipe or Connection.
template <class T>
class ResourceMap {
 public:
  using Pointer = std::shared_ptr<const T>;
  const std::map<std::string, Pointer, std::less<>>& by_name() const { return by_name_; }
  std::size_t size() const { return by_name_.size(); }
  /// By name first, then by id; null when there is none.
  Pointer find(std::string_view name_or_id) const {
    if (const auto it = by_name_.find(name_or_id); it != by_name_.end()) return it->second;
    if (const auto it = by_id_.find(name_or_id); it != by_id_.end()) return it->second;
    return nullptr;
  }
  void put(Pointer resource) {
    remove(resource->name);
    by_id_[resource->id] = resource;
    by_name_[resource->name] = std::move(resource);
  }
  void remove(std::string_view name) {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) return;
    by_id_.erase(it->second->id);
    by_name_.erase(it);
  }

 private:
  std::map<std::string, Pointer, std::less<>> by_name_;
  std::map<std::string, Pointer, std::less<>> by_id_;
};

/// What one deployment made: the set of resources that a reader sees at once.
struct Resources {
  ResourceMap<DataSource> data_sources;
  ResourceMap<Pipe> pipes;
  ResourceMap<Connection> connections;
  /// The catalog version that made this set: compiled templates and cached plans are keyed by it.
  std::uint64_t version = 0;
};

// ---- deployments ------------------------------------------------------------------------------------------------

enum class DeploymentStatus : std::uint8_t { pending, data_ready, failed, deleting, deleted };
std::string_view deployment_status_name(DeploymentStatus status);

struct Feedback {
  std::string resource;  // "Datasource page_views.datasource", or empty
  std::string level;     // ERROR, WARNING, INFO
  std::string message;
};

struct ChangeNames {
  std::vector<std::string> created, changed, deleted;
};

struct Deployment {
  std::string id;         // "7"; counts up from 1 in each workspace
  bool is_build = false;  // made by /v1/build, which has no staging
  DeploymentStatus status = DeploymentStatus::pending;
  bool live = false;
  Time created_at{};
  Time updated_at{};
  ChangeNames data_sources, pipes, connections;
  std::vector<Feedback> feedback;
};

struct File {
  std::string name;
  std::string text;
};

/// What a deployment changes, as one transaction. Resources not named stay.
struct DeploymentChange {
  /// A deployment recorded before as pending or data_ready; empty makes a new record.
  std::string deployment_id = {};
  bool is_build = false;
  std::vector<File> files = {};               // the whole project as sent
  std::vector<DataSource> data_sources = {};  // new or changed; an empty id keeps the id of the same name, or makes one
  std::vector<Pipe> pipes = {};
  std::vector<Connection> connections = {};
  std::vector<std::string> removed_data_sources = {};  // names
  std::vector<std::string> removed_pipes = {};
  std::vector<std::string> removed_connections = {};
  std::vector<Feedback> feedback = {};
};

// ---- jobs -------------------------------------------------------------------------------------------------------

enum class JobStatus : std::uint8_t { waiting, working, done, error, cancelling, cancelled };
std::string_view job_status_name(JobStatus status);
std::optional<JobStatus> job_status_from(std::string_view name);
constexpr bool is_finished(JobStatus s) {
  return s == JobStatus::done || s == JobStatus::error || s == JobStatus::cancelled;
}

/// One job, flat as the API shows it. Optional fields are left out of the reply when empty.
struct Job {
  std::string id = {};    // uuid; made by insert_job when empty
  std::string kind = {};  // import, populateview, copy, delete_data, sink, query, deployment …
  JobStatus status = JobStatus::waiting;
  bool is_cancellable = false;
  Time created_at{};
  Time updated_at{};
  std::optional<Time> started_at = {};
  std::string error = {};
  std::vector<std::string> errors = {};
  std::string data_source_id = {}, data_source_name = {};
  std::string pipe_id = {}, pipe_name = {};
  std::string mode = {};  // append, replace
  std::string url = {};
  std::string format = {};
  std::string token_id = {};  // who started it; not shown
  std::optional<std::uint64_t> row_count = {}, bytes = {}, quarantine_rows = {}, invalid_lines = {}, rows_affected = {};
  std::string delete_condition = {};
  std::optional<double> progress_percentage = {};
  std::string parameters = {};  // JSON text: what it takes to start the job again; not shown
  std::uint64_t attempts = 0;   // starts, the first included; not shown

  /// Does it change rows of the data source beside ingestion, whose rows the books know?
  bool changes_rows() const { return kind != "import" || mode == "replace"; }
};

// ---- secrets ----------------------------------------------------------------------------------------------------

/// A variable of a workspace: always a secret. The value is in the snapshot only encrypted (catalog.md, "Secrets").
struct Variable {
  std::string name;
  std::string type = "secret";
  std::string sealed_value;
  std::string edited_by;
  Time created_at{};
  Time updated_at{};
};

}  // namespace kinglet::catalog
