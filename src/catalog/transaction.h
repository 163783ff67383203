// SPDX-License-Identifier: Apache-2.0
// Transaction: what a mutation may do. Each call changes the database and the snapshot to come, both or neither.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/snapshot.h"

namespace kinglet::catalog {

namespace internal {
class Store;
class SecretBox;
}  // namespace internal

struct NewToken {
  std::string name = {};
  std::string description = {};
  std::vector<Scope> scopes = {};
  TokenOrigin origin = TokenOrigin::api;
};

/// Fields left empty stay as they are. `scopes` replaces what the API gave; scopes from datafiles stay.
struct TokenUpdate {
  std::optional<std::string> name = {};
  std::optional<std::string> description = {};
  std::optional<std::vector<Scope>> scopes = {};
};

enum class VariableWrite : std::uint8_t { create, replace };

/// Thread: catalog. Lifetime: one run of one mutation. After an error the mutation must return it: the transaction is
/// rolled back as a whole.
class Transaction {
 public:
  /// As it will be published, with what this transaction has done so far.
  const Snapshot& snapshot() const { return *next_; }
  Time now() const { return now_; }
  /// Errors: not_found "There is no workspace …".
  Result<std::shared_ptr<const Workspace>> workspace(std::string_view id) const;

  // Workspaces. Made with their default tokens. Errors: invalid (bad name, name taken, too many).
  Result<std::shared_ptr<const Workspace>> create_workspace(std::string_view name);
  /// The answer tells which database the engine may drop now. Errors: not_found, invalid (the default workspace).
  Result<std::shared_ptr<const Workspace>> delete_workspace(std::string_view id);

  // Tokens; `reference` is an id, a name or a value. Errors: not_found, conflict (name taken), invalid (limits, and what
  // would leave a workspace without its admin token).
  Result<std::shared_ptr<const Token>> create_token(std::string_view workspace_id, NewToken token);
  Result<std::shared_ptr<const Token>> update_token(std::string_view workspace_id, std::string_view reference,
                                                    TokenUpdate change);
  /// A new value; the old one is dead when this is committed (A2).
  Result<std::shared_ptr<const Token>> refresh_token(std::string_view workspace_id, std::string_view reference);
  Status delete_token(std::string_view workspace_id, std::string_view reference);

  // Deployments.
  /// Makes the change live at once: resources, file tokens and the deployment record; the former live one is deleted.
  /// Errors: not_found, conflict (an id or name that is taken by another kind of resource), invalid.
  Result<std::shared_ptr<const Deployment>> apply_deployment(std::string_view workspace_id, DeploymentChange change);
  /// A record only, for deployments that failed or still work; changes no resource.
  Result<std::shared_ptr<const Deployment>> record_deployment(std::string_view workspace_id, Deployment deployment,
                                                              std::vector<File> files);
  /// Status and feedback of one that is not live. Errors: not_found, conflict (it is live).
  Result<std::shared_ptr<const Deployment>> set_deployment_status(std::string_view workspace_id,
                                                                  std::string_view deployment_id,
                                                                  DeploymentStatus status,
                                                                  std::vector<Feedback> feedback = {});
  /// The project as it was sent; kept for as long as the record.
  Result<std::vector<File>> deployment_files(std::string_view workspace_id, std::string_view deployment_id);

  // Jobs. insert gives id and times; update keeps created_at and sets updated_at.
  Result<std::shared_ptr<const Job>> insert_job(std::string_view workspace_id, Job job);
  Result<std::shared_ptr<const Job>> update_job(std::string_view workspace_id, Job job);

  // Secrets. Errors: invalid (name, size, count), conflict (create: exists), not_found (replace, delete: absent).
  Result<Variable> write_variable(std::string_view workspace_id, std::string_view name, std::string_view value,
                                  VariableWrite mode, std::string_view edited_by);
  Status delete_variable(std::string_view workspace_id, std::string_view name);

 private:
  friend class Catalog;
  friend struct Bootstrap;
  Transaction(internal::Store& store, const internal::SecretBox& secrets, SnapshotPtr base, Time now,
              std::string token_host);

  Workspace& edit(const std::shared_ptr<const Workspace>& workspace);
  void index_token(const std::string& workspace_id, const std::shared_ptr<const Token>& token);
  void unindex_token(const Token& token);
  Status put_token(Workspace& workspace, Token token);
  Status follow_file_tokens(Workspace& workspace);

  internal::Store& store_;
  const internal::SecretBox& secrets_;
  SnapshotPtr base_;
  std::shared_ptr<Snapshot> next_;
  std::shared_ptr<TokenIndex> index_;  // set when this transaction has its own copy
  std::map<std::string, std::shared_ptr<Workspace>, std::less<>> edited_;
  Time now_;
  std::string token_host_;
};

}  // namespace kinglet::catalog
