// SPDX-License-Identifier: Apache-2.0
#include "catalog/snapshot.h"

#include <openssl/evp.h>

#include <memory>

#include "base/check.h"

namespace kinglet::catalog {

// ---- model ------------------------------------------------------------------------------------------------------

std::vector<Scope> Token::all_scopes() const {
  std::vector<Scope> out = scopes;
  out.insert(out.end(), file_scopes.begin(), file_scopes.end());
  std::ranges::sort(out);
  const auto rest = std::ranges::unique(out);
  out.erase(rest.begin(), rest.end());
  return out;
}

std::string_view deployment_status_name(DeploymentStatus status) {
  switch (status) {
    case DeploymentStatus::pending:
      return "pending";
    case DeploymentStatus::data_ready:
      return "data_ready";
    case DeploymentStatus::failed:
      return "failed";
    case DeploymentStatus::deleting:
      return "deleting";
    case DeploymentStatus::deleted:
      return "deleted";
  }
  return "failed";
}

std::string_view job_status_name(JobStatus status) {
  switch (status) {
    case JobStatus::waiting:
      return "waiting";
    case JobStatus::working:
      return "working";
    case JobStatus::done:
      return "done";
    case JobStatus::error:
      return "error";
    case JobStatus::cancelling:
      return "cancelling";
    case JobStatus::cancelled:
      return "cancelled";
  }
  return "error";
}

std::optional<JobStatus> job_status_from(std::string_view name) {
  for (const JobStatus status : {JobStatus::waiting, JobStatus::working, JobStatus::done, JobStatus::error,
                                 JobStatus::cancelling, JobStatus::cancelled})
    if (job_status_name(status) == name) return status;
  return std::nullopt;
}

// ---- tokens -----------------------------------------------------------------------------------------------------

TokenSet::Pointer TokenSet::find(std::string_view id_or_name) const {
  if (const auto it = by_id_.find(id_or_name); it != by_id_.end()) return it->second;
  return find_name(id_or_name);
}

TokenSet::Pointer TokenSet::find_name(std::string_view name) const {
  const auto it = id_of_name_.find(name);
  return it == id_of_name_.end() ? nullptr : by_id_.find(it->second)->second;
}

void TokenSet::put(Pointer token) {
  remove(token->id);
  id_of_name_[token->name] = token->id;
  by_id_[token->id] = std::move(token);
}

void TokenSet::remove(std::string_view id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  id_of_name_.erase(it->second->name);
  by_id_.erase(it);
}

TokenHash hash_token(std::string_view value) {
  // The one-shot call would look the algorithm up and make a context each time: ten times the cost of the hash.
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  TokenHash hash{};
  const bool hashed = EVP_DigestInit_ex2(context.get(), sha256, nullptr) == 1 &&
                      EVP_DigestUpdate(context.get(), value.data(), value.size()) == 1 &&
                      EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) == 1;
  CHECK(hashed, "SHA-256 of bytes in memory cannot fail");
  return hash;
}

std::size_t TokenHashHasher::operator()(const TokenHash& hash) const {
  std::size_t out = 0;
  std::memcpy(&out, hash.data(), sizeof out);
  return out;
}

// ---- workspaces -------------------------------------------------------------------------------------------------

std::shared_ptr<const Deployment> Workspace::deployment(std::string_view deployment_id) const {
  for (const auto& one : *deployments)
    if (one->id == deployment_id) return one;
  return nullptr;
}

std::shared_ptr<const Deployment> Workspace::live_deployment() const {
  for (const auto& one : *deployments)
    if (one->live) return one;
  return nullptr;
}

std::shared_ptr<const Job> Workspace::job(std::string_view job_id) const {
  for (const auto& one : *jobs)
    if (one->id == job_id) return one;
  return nullptr;
}

JobList Workspace::list_jobs(const JobFilter& filter, Time now) const {
  const auto matches = [](const std::string& wanted, std::string_view have) {
    return wanted.empty() || wanted == have;
  };
  JobList out;
  for (const auto& job : *jobs) {
    if (out.size() == Limits::jobs_listed_max) break;
    if (job->created_at + Limits::jobs_listed_age < now) continue;
    if (!matches(filter.kind, job->kind) || !matches(filter.status, job_status_name(job->status)) ||
        !matches(filter.pipe_id, job->pipe_id) || !matches(filter.pipe_name, job->pipe_name) ||
        !matches(filter.data_source_id, job->data_source_id))
      continue;
    if (filter.created_after && job->created_at < *filter.created_after) continue;
    if (filter.created_before && job->created_at > *filter.created_before) continue;
    out.push_back(job);
  }
  return out;
}

// ---- snapshot ---------------------------------------------------------------------------------------------------

std::shared_ptr<const Workspace> Snapshot::workspace(std::string_view name_or_id) const {
  if (const auto it = workspaces.find(name_or_id); it != workspaces.end()) return it->second;
  for (const auto& [id, one] : workspaces)
    if (one->name == name_or_id) return one;
  return nullptr;
}

const TokenPlace* Snapshot::find_token(std::string_view value) const {
  const auto it = token_index->find(hash_token(value));
  return it == token_index->end() ? nullptr : &it->second;
}

std::shared_ptr<const Token> Snapshot::token(const Workspace& workspace, std::string_view reference) const {
  if (auto found = workspace.tokens->find(reference)) return found;
  const TokenPlace* place = find_token(reference);
  return place != nullptr && place->workspace_id == workspace.id ? place->token : nullptr;
}

}  // namespace kinglet::catalog
