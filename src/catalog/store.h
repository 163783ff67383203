// SPDX-License-Identifier: Apache-2.0
// Store: the SQLite file of the catalog, through SOCI. Rows in, rows out; no rules.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/ledger.h"
#include "catalog/model.h"
#include "catalog/schema.h"

namespace kinglet::catalog::internal {

struct WorkspaceRow {
  std::string id, name, database, admin_token_id;
  Time created_at{};
};

enum class ResourceKind : std::uint8_t { data_source, pipe, connection };

struct ResourceRow {
  ResourceKind kind = ResourceKind::data_source;
  std::string name, id, file, text;
  std::vector<std::string> physical;  // schema.cc says what it holds
  Time created_at{}, updated_at{};
};

/// Thread: catalog (and the opener before that thread has started). All calls block.
/// Errors: unavailable: the disk is full (the next update may work) or failed (none will, until the next start: after a
/// failed fsync nobody knows what is on disk, R6); internal for what our own rules should have prevented.
class Store {
 public:
  /// Opens or makes the file, and migrates it. Refuses a newer schema, another program's file or a damaged one before
  /// writing a byte. `steps` is migrations(), or a test's own.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file, std::span<const Migration> steps);
  ~Store();

  Status begin();
  Status commit();
  void rollback();
  /// A write failed in a way that leaves the state of the disk unknown: nothing more is written.
  bool broken() const { return broken_; }

  Result<std::map<std::string, std::string>> settings();
  Status put_setting(const std::string& key, const std::string& value);

  Result<std::vector<WorkspaceRow>> workspaces();
  Status put_workspace(const WorkspaceRow& row);
  /// With everything that belongs to it.
  Status remove_workspace(const std::string& id);

  Result<std::vector<Token>> tokens(const std::string& workspace_id);
  Status put_token(const std::string& workspace_id, const Token& token);
  Status remove_token(const std::string& id);

  Result<std::vector<ResourceRow>> resources(const std::string& workspace_id);
  Status put_resource(const std::string& workspace_id, const ResourceRow& row);
  Status remove_resource(const std::string& workspace_id, ResourceKind kind, const std::string& name);

  Result<std::vector<Deployment>> deployments(const std::string& workspace_id);  // oldest first
  Status put_deployment(const std::string& workspace_id, const Deployment& deployment);
  Status remove_deployment(const std::string& workspace_id, const std::string& id);
  Result<std::vector<File>> files(const std::string& workspace_id, const std::string& deployment_id);
  Status put_files(const std::string& workspace_id, const std::string& deployment_id, const std::vector<File>& files);

  Result<std::vector<Job>> jobs(const std::string& workspace_id);  // newest first
  Status put_job(const std::string& workspace_id, const Job& job);
  Status remove_job(const std::string& id);

  Result<std::vector<Variable>> variables(const std::string& workspace_id);
  Result<bool> has_variables();
  Status put_variable(const std::string& workspace_id, const Variable& variable);
  Status remove_variable(const std::string& workspace_id, const std::string& name);

  // store_ledger.cc
  Result<std::vector<LedgerEntry>> ledger();
  /// Adds to the counts of a data source; its first change makes the entry.
  Status add_to_ledger(const LedgerKey& key, const LedgerCounts& change);
  Status put_baseline(const LedgerKey& key, const Baseline& baseline);
  Status remove_from_ledger(const LedgerKey& key);
  Result<std::vector<SegmentKey>> booked_segments();
  Result<bool> is_booked(const SegmentKey& segment);
  Status put_booked_segment(const SegmentKey& segment);
  Status remove_booked_segment(const SegmentKey& segment);

 private:
  struct Connection;
  explicit Store(std::unique_ptr<Connection> connection);
  /// Runs statements; what SOCI throws becomes an Error.
  template <class F>
  Status run(F&& statements);
  Status migrate(std::span<const Migration> steps);

  std::unique_ptr<Connection> connection_;
  bool broken_ = false;
};

}  // namespace kinglet::catalog::internal
