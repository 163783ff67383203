// SPDX-License-Identifier: Apache-2.0
// Snapshot: all that the server knows at one moment. Immutable; any thread reads it without a lock.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/model.h"

namespace kinglet::catalog {

/// Static tokens of one workspace.
class TokenSet {
 public:
  using Pointer = std::shared_ptr<const Token>;
  const std::map<std::string, Pointer, std::less<>>& by_id() const { return by_id_; }
  /// By id, then by name; null when there is none.
  Pointer find(std::string_view id_or_name) const;
  Pointer find_name(std::string_view name) const;
  void put(Pointer token);
  void remove(std::string_view id);

 private:
  std::map<std::string, Pointer, std::less<>> by_id_;
  std::map<std::string, std::string, std::less<>> id_of_name_;
};

/// Newest first.
using JobList = std::vector<std::shared_ptr<const Job>>;
/// Oldest first, as clients expect (http-api.md 15.3).
using DeploymentList = std::vector<std::shared_ptr<const Deployment>>;
using VariableMap = std::map<std::string, Variable, std::less<>>;

struct JobFilter {
  std::string kind = {}, status = {}, pipe_id = {}, pipe_name = {}, data_source_id = {};
  std::optional<Time> created_after = {}, created_before = {};
};

struct Workspace {
  std::string id;  // uuid
  std::string name;
  std::string database;  // physical: `ws_` and 12 hex digits
  Time created_at{};
  std::shared_ptr<const Token> admin_token;  // its value is the key of this workspace's JWTs
  // Parts that change at their own pace; never null.
  std::shared_ptr<const Resources> resources;
  std::shared_ptr<const TokenSet> tokens;
  std::shared_ptr<const DeploymentList> deployments;
  std::shared_ptr<const JobList> jobs;
  std::shared_ptr<const VariableMap> variables;

  std::shared_ptr<const DataSource> data_source(std::string_view name_or_id) const {
    return resources->data_sources.find(name_or_id);
  }
  std::shared_ptr<const Pipe> pipe(std::string_view name_or_id) const { return resources->pipes.find(name_or_id); }
  std::shared_ptr<const Connection> connection(std::string_view name_or_id) const {
    return resources->connections.find(name_or_id);
  }
  /// Also finds deleted ones; null when there is none.
  std::shared_ptr<const Deployment> deployment(std::string_view deployment_id) const;
  std::shared_ptr<const Deployment> live_deployment() const;
  std::shared_ptr<const Job> job(std::string_view job_id) const;
  /// At most Limits::jobs_listed_max of the last Limits::jobs_listed_age, newest first.
  JobList list_jobs(const JobFilter& filter, Time now) const;
};

/// SHA-256 of a token's value: what look-ups compare, so that their time tells nothing about the value.
using TokenHash = std::array<unsigned char, 32>;
TokenHash hash_token(std::string_view value);
struct TokenHashHasher {
  std::size_t operator()(const TokenHash& hash) const;
};

/// Where a token value leads. `workspace_id` is empty for the two account tokens.
struct TokenPlace {
  std::string workspace_id;
  std::shared_ptr<const Token> token;
};
using TokenIndex = std::unordered_map<TokenHash, TokenPlace, TokenHashHasher>;

struct Snapshot {
  /// Counts up with every committed update of this process; not kept across restarts.
  std::uint64_t version = 0;
  std::shared_ptr<const Account> account;
  std::map<std::string, std::shared_ptr<const Workspace>, std::less<>> workspaces;  // by id
  std::string default_workspace_id;
  std::shared_ptr<const TokenIndex> token_index;

  /// By id, then by name; null when there is none.
  std::shared_ptr<const Workspace> workspace(std::string_view name_or_id) const;
  std::shared_ptr<const Workspace> default_workspace() const { return workspace(default_workspace_id); }
  /// The static token with this value; null when there is none. Cost: one SHA-256 and one hash look-up.
  const TokenPlace* find_token(std::string_view value) const;
  /// A token of this workspace by id, name or value; null when there is none (also when it is another workspace's).
  std::shared_ptr<const Token> token(const Workspace& workspace, std::string_view reference) const;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace kinglet::catalog
