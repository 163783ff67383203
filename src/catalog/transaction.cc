// SPDX-License-Identifier: Apache-2.0
// Workspaces and tokens; deployments, jobs and secrets are in files of their own.
#include "catalog/transaction.h"

#include <set>

#include "catalog/catalog.h"
#include "catalog/secret_box.h"
#include "catalog/store.h"

namespace kinglet::catalog {

namespace {

template <class T>
T& own(std::shared_ptr<T>& copy, std::shared_ptr<const T>& shown) {
  if (!copy) {
    copy = std::make_shared<T>(*shown);
    shown = copy;
  }
  return *copy;
}

Status check_text(std::string_view what, std::string_view text, std::size_t size_max) {
  if (text.size() > size_max) return fail(Code::invalid, "the {} is longer than {} bytes", what, size_max);
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return fail(Code::invalid, "the {} must not hold control characters", what);
  return {};
}

Status check_token_name(std::string_view name) {
  if (name.empty()) return fail(Code::invalid, "a token needs a name");
  return check_text("name of the token", name, Limits::name_size_max);
}

Status check_scopes(const std::vector<Scope>& scopes) {
  if (scopes.size() > Limits::token_scopes_max)
    return fail(Code::invalid, "a token holds at most {} scopes", Limits::token_scopes_max);
  for (const Scope& scope : scopes) {
    if (!scope.filter.empty()) return fail(Code::invalid, "scopes of static tokens have no filter; use a JWT");
    if (has_resource(scope.kind) == scope.resource.empty())
      return fail(Code::invalid, "the scope {} {} a resource", scope_kind_name(scope.kind),
                  scope.resource.empty() ? "needs" : "does not take");
  }
  return {};
}

Status check_workspace_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (name.empty() || name.size() > Limits::workspace_name_size_max || !std::ranges::all_of(name, allowed))
    return fail(Code::invalid, "a workspace name has 1 to {} characters of A-Z a-z 0-9 _ - .",
                Limits::workspace_name_size_max);
  if (name == "main") return fail(Code::invalid, "a workspace cannot be named 'main'");
  return {};
}

}  // namespace

Transaction::Transaction(internal::Store& store, const internal::SecretBox& secrets, SnapshotPtr base, Time now,
                         std::string token_host)
    : store_(store),
      secrets_(secrets),
      next_(std::make_shared<Snapshot>(*base)),
      now_(now),
      token_host_(std::move(token_host)) {
  next_->version = base->version + 1;
}

Resources& Transaction::Draft::edit_resources() {
  return own(resources, workspace->resources);
}
TokenSet& Transaction::Draft::edit_tokens() {
  return own(tokens, workspace->tokens);
}
DeploymentList& Transaction::Draft::edit_deployments() {
  return own(deployments, workspace->deployments);
}
JobList& Transaction::Draft::edit_jobs() {
  return own(jobs, workspace->jobs);
}
VariableMap& Transaction::Draft::edit_variables() {
  return own(variables, workspace->variables);
}

Result<std::shared_ptr<const Workspace>> Transaction::workspace(std::string_view id) const {
  const auto it = next_->workspaces.find(id);
  if (it == next_->workspaces.end()) return fail(Code::not_found, "There is no workspace with this id");
  return it->second;
}

Result<Transaction::Draft*> Transaction::edit(std::string_view workspace_id) {
  if (const auto it = drafts_.find(workspace_id); it != drafts_.end()) return &it->second;
  TRY(const auto current, workspace(workspace_id));
  auto copy = std::make_shared<Workspace>(*current);
  next_->workspaces[copy->id] = copy;
  return &drafts_.emplace(copy->id, Draft{.workspace = copy}).first->second;
}

TokenIndex& Transaction::edit_index() {
  return own(index_, next_->token_index);
}

// ---- workspaces -------------------------------------------------------------------------------------------------

Result<std::shared_ptr<const Workspace>> Transaction::create_workspace(std::string_view name) {
  TRY_VOID(check_workspace_name(name));
  if (next_->workspaces.size() >= Limits::workspaces_max)
    return fail(Code::invalid, "there are already {} workspaces, the most that one server holds",
                Limits::workspaces_max);
  for (const auto& [id, one] : next_->workspaces)
    if (one->name == name) return fail(Code::invalid, "There is already a workspace named '{}'", name);

  auto made = std::make_shared<Workspace>();
  made->id = new_uuid();
  made->name = name;
  // A new name each time: the database of a deleted workspace of the same name may still be on its way out.
  made->database = "ws_" + new_resource_id().substr(2, 12);
  made->created_at = now_;
  made->resources = std::make_shared<Resources>();
  made->tokens = std::make_shared<TokenSet>();
  made->deployments = std::make_shared<DeploymentList>();
  made->jobs = std::make_shared<JobList>();
  made->variables = std::make_shared<VariableMap>();
  next_->workspaces[made->id] = made;
  Draft& draft = drafts_.emplace(made->id, Draft{.workspace = made}).first->second;

  const auto add = [&](std::string token_name, ScopeKind kind) -> Result<std::shared_ptr<const Token>> {
    return create_token(made->id, NewToken{.name = std::move(token_name),
                                           .scopes = {Scope{.kind = kind}},
                                           .origin = TokenOrigin::workspace_default});
  };
  TRY(made->admin_token, add(std::string(workspace_admin_token_name), ScopeKind::admin));
  TRY(const auto personal, add("admin " + next_->account->email, ScopeKind::admin));
  TRY(const auto creator, add(std::string(create_datasource_token_name), ScopeKind::data_sources_create));
  (void)personal, (void)creator;  // both are in the set already
  TRY_VOID(store_.put_workspace({.id = made->id,
                                 .name = made->name,
                                 .database = made->database,
                                 .admin_token_id = made->admin_token->id,
                                 .created_at = made->created_at}));
  return draft.workspace;
}

Result<std::shared_ptr<const Workspace>> Transaction::delete_workspace(std::string_view id) {
  TRY(const auto gone, workspace(id));
  if (gone->id == next_->default_workspace_id) return fail(Code::invalid, "the default workspace cannot be deleted");
  for (const auto& [token_id, token] : gone->tokens->by_id()) edit_index().erase(hash_token(token->value));
  TRY_VOID(store_.remove_workspace(gone->id));
  next_->workspaces.erase(gone->id);
  drafts_.erase(gone->id);
  return gone;
}

// ---- tokens -----------------------------------------------------------------------------------------------------

Status Transaction::put_token(Draft& draft, std::shared_ptr<const Token> token, const Token* former) {
  TRY_VOID(store_.put_token(draft.workspace->id, *token));
  if (former != nullptr && former->value != token->value) edit_index().erase(hash_token(former->value));
  edit_index()[hash_token(token->value)] = TokenPlace{.workspace_id = draft.workspace->id, .token = token};
  if (draft.workspace->admin_token && draft.workspace->admin_token->id == token->id)
    draft.workspace->admin_token = token;
  draft.edit_tokens().put(std::move(token));
  return {};
}

Status Transaction::drop_token(Draft& draft, const Token& token) {
  TRY_VOID(store_.remove_token(token.id));
  edit_index().erase(hash_token(token.value));
  const std::string id = token.id;
  draft.edit_tokens().remove(id);
  return {};
}

Result<std::shared_ptr<const Token>> Transaction::create_token(std::string_view workspace_id, NewToken token) {
  TRY_VOID(check_token_name(token.name));
  TRY_VOID(check_text("description", token.description, Limits::description_size_max));
  TRY_VOID(check_scopes(token.scopes));
  TRY(Draft* const draft, edit(workspace_id));
  const TokenSet& tokens = *draft->workspace->tokens;
  if (tokens.by_id().size() >= Limits::tokens_max)
    return fail(Code::invalid, "the workspace already has {} tokens, the most that it holds", Limits::tokens_max);
  if (tokens.find_name(token.name)) return fail(Code::conflict, "There is already a token named '{}'", token.name);
  auto made = std::make_shared<Token>();
  made->id = new_uuid();
  made->name = std::move(token.name);
  made->description = std::move(token.description);
  made->value = new_token_value(draft->workspace->id, made->id, token_host_);
  made->origin = token.origin;
  made->scopes = std::move(token.scopes);
  made->created_at = made->updated_at = now_;
  TRY_VOID(put_token(*draft, made, nullptr));
  return made;
}

namespace {
Error no_token() {
  return {.code = Code::not_found, .message = "There is no such token in this workspace"};
}
}  // namespace

Result<std::shared_ptr<const Token>> Transaction::update_token(std::string_view workspace_id,
                                                               std::string_view reference, TokenUpdate change) {
  TRY(Draft* const draft, edit(workspace_id));
  const auto former = next_->token(*draft->workspace, reference);
  if (!former) return fail(no_token());
  auto next = std::make_shared<Token>(*former);
  if (change.name && *change.name != former->name) {
    TRY_VOID(check_token_name(*change.name));
    if (draft->workspace->tokens->find_name(*change.name))
      return fail(Code::conflict, "There is already a token named '{}'", *change.name);
    // TOKEN lines and sessions find these by name.
    if (former->origin != TokenOrigin::api || !former->file_scopes.empty())
      return fail(Code::invalid, "only tokens made over the API can be renamed");
    next->name = std::move(*change.name);
  }
  if (change.description) {
    TRY_VOID(check_text("description", *change.description, Limits::description_size_max));
    next->description = std::move(*change.description);
  }
  if (change.scopes) {
    TRY_VOID(check_scopes(*change.scopes));
    if (former->id == draft->workspace->admin_token->id && *change.scopes != former->scopes)
      return fail(Code::invalid, "the scopes of the workspace admin token cannot be changed");
    std::erase_if(*change.scopes, [&](const Scope& scope) {
      return std::ranges::find(former->file_scopes, scope) != former->file_scopes.end();
    });
    next->scopes = std::move(*change.scopes);
  }
  next->updated_at = now_;
  TRY_VOID(put_token(*draft, next, former.get()));
  return next;
}

Result<std::shared_ptr<const Token>> Transaction::refresh_token(std::string_view workspace_id,
                                                                std::string_view reference) {
  TRY(Draft* const draft, edit(workspace_id));
  const auto former = next_->token(*draft->workspace, reference);
  if (!former) return fail(no_token());
  auto next = std::make_shared<Token>(*former);
  next->value = new_token_value(draft->workspace->id, next->id, token_host_);
  next->updated_at = now_;
  TRY_VOID(put_token(*draft, next, former.get()));
  return next;
}

Status Transaction::delete_token(std::string_view workspace_id, std::string_view reference) {
  TRY(Draft* const draft, edit(workspace_id));
  const auto former = next_->token(*draft->workspace, reference);
  if (!former) return fail(no_token());
  if (former->id == draft->workspace->admin_token->id)
    return fail(Code::invalid, "the workspace admin token cannot be deleted; refresh it to revoke its value");
  return drop_token(*draft, *former);
}

Status Transaction::follow_file_tokens(Draft& draft) {
  std::map<std::string, std::set<Scope>> wanted;
  const Resources& resources = *draft.workspace->resources;
  for (const auto& [name, source] : resources.data_sources.by_name())
    for (const datafile::TokenGrant& grant : source->definition.tokens)
      wanted[grant.name].insert(Scope{.kind = grant.permission == datafile::TokenGrant::Permission::append
                                                  ? ScopeKind::data_sources_append
                                                  : ScopeKind::data_sources_read,
                                      .resource = name});
  for (const auto& [name, pipe] : resources.pipes.by_name())
    for (const datafile::TokenGrant& grant : pipe->definition.tokens)
      wanted[grant.name].insert(Scope{.kind = ScopeKind::pipes_read, .resource = name});

  std::vector<std::shared_ptr<const Token>> present;
  for (const auto& [id, token] : draft.workspace->tokens->by_id()) present.push_back(token);
  for (const auto& token : present) {
    std::vector<Scope> scopes;
    if (const auto it = wanted.find(token->name); it != wanted.end()) {
      scopes.assign(it->second.begin(), it->second.end());
      wanted.erase(it);
    }
    if (scopes == token->file_scopes) continue;
    if (scopes.empty() && token->origin == TokenOrigin::datafile && token->scopes.empty()) {
      TRY_VOID(drop_token(draft, *token));
      continue;
    }
    auto next = std::make_shared<Token>(*token);
    next->file_scopes = std::move(scopes);
    next->updated_at = now_;
    TRY_VOID(put_token(draft, next, token.get()));
  }
  for (auto& [name, scopes] : wanted) {
    TRY(const auto made, create_token(draft.workspace->id, NewToken{.name = name, .origin = TokenOrigin::datafile}));
    auto next = std::make_shared<Token>(*made);
    next->file_scopes.assign(scopes.begin(), scopes.end());
    TRY_VOID(put_token(draft, next, made.get()));
  }
  return {};
}

// ---- first start ------------------------------------------------------------------------------------------------

Status Transaction::put_account_token(std::shared_ptr<const Token>& slot, std::string name,
                                      const std::optional<std::string>& fixed) {
  if (slot && (!fixed || slot->value == *fixed)) return {};
  auto next = slot ? std::make_shared<Token>(*slot) : std::make_shared<Token>();
  if (!slot) {
    next->id = new_uuid();
    next->name = std::move(name);
    next->origin = TokenOrigin::workspace_default;
    next->created_at = now_;
  }
  next->updated_at = now_;
  next->value = fixed ? *fixed : new_token_value(next_->account->user_id, next->id, token_host_);
  if (const TokenPlace* other = next_->find_token(next->value); other != nullptr)
    return fail(Code::invalid, "the value given for the {} belongs to another token already", next->name);
  TRY_VOID(store_.put_token("", *next));
  if (slot) edit_index().erase(hash_token(slot->value));
  slot = next;
  edit_index()[hash_token(next->value)] = TokenPlace{.workspace_id = "", .token = next};
  return {};
}

Status Transaction::bootstrap(const Options& options) {
  for (const auto& fixed : {options.user_token, options.admin_token, options.workspace_token})
    if (fixed && (fixed->size() < 16 || fixed->size() > 1024 || !check_text("token", *fixed, 1024)))
      return fail(Code::invalid, "a token value fixed by configuration has 16 to 1024 visible characters");
  auto account = std::make_shared<Account>(*next_->account);
  next_->account = account;
  if (account->user_id.empty()) {
    account->user_id = new_uuid();
    account->organization_id = new_uuid();
    account->organization_name = "Kinglet";
    TRY_VOID(store_.put_setting("user_id", account->user_id));
    TRY_VOID(store_.put_setting("organization_id", account->organization_id));
    TRY_VOID(store_.put_setting("organization_name", account->organization_name));
  }
  if (account->email.empty()) {
    account->email = options.email;
    TRY_VOID(store_.put_setting("email", account->email));
  }
  TRY_VOID(put_account_token(account->user_token, "user token", options.user_token));
  TRY_VOID(put_account_token(account->admin_token, "admin token", options.admin_token));
  if (next_->default_workspace_id.empty()) {
    TRY(const auto made, create_workspace(options.default_workspace));
    next_->default_workspace_id = made->id;
    TRY_VOID(store_.put_setting("default_workspace_id", made->id));
  }
  if (!options.workspace_token) return {};
  TRY(Draft* const draft, edit(next_->default_workspace_id));
  const auto former = draft->workspace->admin_token;
  if (former->value == *options.workspace_token) return {};
  if (next_->find_token(*options.workspace_token) != nullptr)
    return fail(Code::invalid, "the value given for the workspace token belongs to another token already");
  auto next = std::make_shared<Token>(*former);
  next->value = *options.workspace_token;
  next->updated_at = now_;
  return put_token(*draft, next, former.get());
}

}  // namespace kinglet::catalog
