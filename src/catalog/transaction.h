// SPDX-License-Identifier: Apache-2.0
// Transaction: what a mutation may do. Each call changes the database and the snapshot to come, both or neither.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/ledger.h"
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

/// What SecretBox authenticates with the value of a variable.
std::string secret_place(const Workspace& workspace, std::string_view name);

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

  // Tokens; `reference` is an id, a name or a value. Errors: not_found, conflict (name taken), invalid (limits, and
  // what would leave a workspace without its admin token).
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

  // The ledger: no part of the snapshot (transaction_ledger.cc).
  Result<std::vector<LedgerEntry>> ledger();
  Result<std::vector<SegmentKey>> booked_segments();
  /// Adds what became of the rows of a spool segment; a segment that was booked before changes nothing. Without a
  /// segment: what no segment tells.
  Status book(const std::optional<SegmentKey>& segment, std::span<const LedgerChange> changes);
  /// These segments' files are gone for good: nothing will ask for them again.
  Status forget_booked(std::span<const SegmentKey> segments);
  Status set_baseline(const LedgerKey& key, const Baseline& baseline);
  Status forget_ledger(const LedgerKey& key);

 private:
  friend class Catalog;
  /// A workspace being changed: each part is copied at its first change.
  struct Draft {
    std::shared_ptr<Workspace> workspace;
    std::shared_ptr<Resources> resources = nullptr;
    std::shared_ptr<TokenSet> tokens = nullptr;
    std::shared_ptr<DeploymentList> deployments = nullptr;
    std::shared_ptr<JobList> jobs = nullptr;
    std::shared_ptr<VariableMap> variables = nullptr;

    Resources& edit_resources();
    TokenSet& edit_tokens();
    DeploymentList& edit_deployments();
    JobList& edit_jobs();
    VariableMap& edit_variables();
  };

  Transaction(internal::Store& store, const internal::SecretBox& secrets, SnapshotPtr base, Time now,
              std::string token_host);

  Result<Draft*> edit(std::string_view workspace_id);
  TokenIndex& edit_index();

  /// First start: the account, its tokens and the default workspace; and values fixed by configuration.
  Status bootstrap(const struct Options& options);
  Status put_account_token(std::shared_ptr<const Token>& slot, std::string name,
                           const std::optional<std::string>& fixed);
  /// Writes a token and indexes its value; `former` is the one it replaces, if any.
  Status put_token(Draft& draft, std::shared_ptr<const Token> token, const Token* former);
  Status drop_token(Draft& draft, const Token& token);
  /// Makes the file scopes of all tokens follow the TOKEN lines of the workspace's resources.
  Status follow_file_tokens(Draft& draft);
  Status put_deployment(Draft& draft, std::shared_ptr<const Deployment> deployment);
  Status put_data_source(Draft& draft, DataSource source, ChangeNames& names);
  Status put_pipe(Draft& draft, Pipe pipe, ChangeNames& names);
  Status put_connection(Draft& draft, Connection connection, ChangeNames& names);

  internal::Store& store_;
  const internal::SecretBox& secrets_;
  std::shared_ptr<Snapshot> next_;
  std::shared_ptr<TokenIndex> index_;  // this transaction's own copy, once it has one
  std::map<std::string, Draft, std::less<>> drafts_;
  Time now_;
  std::string token_host_;
};

}  // namespace kinglet::catalog
