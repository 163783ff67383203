// SPDX-License-Identifier: Apache-2.0
// Access: who calls, and the one place that decides what the caller may do.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "catalog/snapshot.h"
#include "json/document.h"

namespace kinglet::auth {

enum class TokenKind : std::uint8_t {
  workspace,  // a static token of one workspace
  jwt,        // signed with the workspace admin token
  user,       // the account's user token: workspaces, not data
  admin,      // the account's admin token: lists workspaces
};

/// One scope as granted: with what a JWT adds to it.
struct Grant {
  catalog::Scope scope;
  /// PIPES:READ in a JWT: override the caller's parameters of the same name, always (S11).
  std::vector<std::pair<std::string, json::value>> fixed_params = {};
};

/// Who calls. A value: copied into the request, alive as long as it.
struct Identity {
  TokenKind kind = TokenKind::workspace;
  std::shared_ptr<const catalog::Workspace> workspace;  // null for user and admin
  std::string token_id;                                 // empty for a JWT
  std::string token_name;                               // a JWT's `name`
  std::vector<Grant> grants;
  double requests_per_second = 0;  // of a JWT; 0: no limit
};

/// Texts are the same for "does not exist" and "not granted" unless the caller may read all, or its token names the
/// resource (A5).
class Access {
 public:
  explicit Access(Identity identity);
  const Identity& identity() const { return identity_; }
  /// Never null for workspace and jwt. CHECKs for the others: ask require_workspace() first.
  const catalog::Workspace& workspace() const;
  /// Errors: forbidden for account tokens, which belong to no workspace.
  Status require_workspace() const;

  // Yes or no, for lists.
  bool is_admin() const;
  bool reads_all() const;  // ADMIN or WORKSPACE:READ_ALL
  bool reads(const catalog::Pipe& pipe) const;
  bool reads(const catalog::DataSource& source) const;
  bool reads_quarantine(const catalog::DataSource& source) const;
  bool appends(const catalog::DataSource& source) const;

  // The same with an answer. Errors: forbidden.
  Status may_append(const catalog::DataSource& source) const;
  Status may_read_data_source(const catalog::DataSource& source) const;
  Status may_read_quarantine(const catalog::DataSource& source) const;
  Status may_read_pipe(const catalog::Pipe& pipe) const;
  Status may_drop_data_source(const catalog::DataSource& source) const;
  Status may_create_data_sources() const;  // also replace, truncate, delete rows
  Status may_create_pipes() const;         // also run copies and sinks
  Status may_manage_tokens() const;
  /// TOKENS alone may not make a token that can do more than hand out reads: no ADMIN, TOKENS or WORKSPACE:DEPLOY.
  Status may_grant(const catalog::Scope& scope) const;
  Status may_deploy() const;
  Status may_read_workspace() const;             // any token of the workspace but a JWT
  Status may_read_service_data_sources() const;  // tinybird.*: ADMIN or WORKSPACE:READ_ALL
  Status may_read_organization() const;
  Status may_manage_variables() const;   // ADMIN
  Status may_manage_workspaces() const;  // user token
  Status may_list_workspaces() const;    // user or admin token, and workspace admin tokens (they see their own)

  // Look-ups by name or id that also decide. Errors: forbidden, not_found.
  Result<std::shared_ptr<const catalog::Pipe>> readable_pipe(std::string_view name_or_id) const;
  Result<std::shared_ptr<const catalog::DataSource>> readable_data_source(std::string_view name_or_id) const;
  Result<std::shared_ptr<const catalog::DataSource>> appendable_data_source(std::string_view name_or_id) const;

  /// Row filters for this data source: rows must fulfil one of them. Empty: all rows. A scope without a filter, ADMIN
  /// and READ_ALL lift the filters. Only meaningful when reads(source).
  std::vector<std::string> filters(const catalog::DataSource& source) const;
  /// Fixed parameters of a JWT for this pipe; when several scopes fix one name, the first in the token wins.
  std::map<std::string, json::value, std::less<>> fixed_params(const catalog::Pipe& pipe) const;

 private:
  bool has(catalog::ScopeKind kind) const;
  bool has(catalog::ScopeKind kind, std::string_view name, std::string_view id) const;
  bool names(catalog::ScopeKind kind, std::string_view text) const;

  Identity identity_;
};

/// Turns the token text of a request into who calls. `now` judges a JWT's `exp`.
/// Errors: unauthenticated, one text for every reason (A1, A5).
/// Cost: a static token one SHA-256; a JWT one HMAC and one JSON document of at most 8 KB.
Result<Access> authenticate(const catalog::Snapshot& snapshot, std::string_view token, catalog::Time now);

}  // namespace kinglet::auth
