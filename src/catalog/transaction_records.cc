// SPDX-License-Identifier: Apache-2.0
// Jobs and secrets.
#include "base/ascii.h"
#include "catalog/secret_box.h"
#include "catalog/store.h"
#include "catalog/transaction.h"

namespace kinglet::catalog {

// ---- jobs -------------------------------------------------------------------------------------------------------

Result<std::shared_ptr<const Job>> Transaction::insert_job(std::string_view workspace_id, Job job) {
  TRY(Draft* const draft, edit(workspace_id));
  if (job.id.empty()) job.id = new_uuid();
  if (draft->workspace->job(job.id)) return fail(Code::conflict, "there is already a job with this id");
  job.created_at = job.updated_at = now_;
  TRY_VOID(store_.put_job(draft->workspace->id, job));
  auto made = std::make_shared<const Job>(std::move(job));
  JobList& jobs = draft->edit_jobs();
  jobs.insert(jobs.begin(), made);
  // Only finished jobs are forgotten, the oldest first.
  auto finished = std::ranges::count_if(jobs, [](const auto& one) { return is_finished(one->status); });
  for (std::size_t i = jobs.size(); finished > static_cast<std::ptrdiff_t>(Limits::jobs_kept_max) && i-- > 0;) {
    if (!is_finished(jobs[i]->status)) continue;
    TRY_VOID(store_.remove_job(jobs[i]->id));
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(i));
    --finished;
  }
  return made;
}

Result<std::shared_ptr<const Job>> Transaction::update_job(std::string_view workspace_id, Job job) {
  TRY(Draft* const draft, edit(workspace_id));
  JobList& jobs = draft->edit_jobs();
  const auto found = std::ranges::find_if(jobs, [&](const auto& one) { return one->id == job.id; });
  if (found == jobs.end()) return fail(Code::not_found, "There is no job with id '{}'", job.id);
  job.created_at = (*found)->created_at;
  job.updated_at = now_;
  TRY_VOID(store_.put_job(draft->workspace->id, job));
  *found = std::make_shared<const Job>(std::move(job));
  return *found;
}

// ---- secrets ----------------------------------------------------------------------------------------------------

Result<Variable> Transaction::write_variable(std::string_view workspace_id, std::string_view name,
                                             std::string_view value, VariableWrite mode, std::string_view edited_by) {
  if (name.empty() || name.size() > Limits::name_size_max || !std::ranges::all_of(name, ascii::is_word))
    return fail(Code::invalid, "a variable name has 1 to {} characters of A-Z a-z 0-9 _", Limits::name_size_max);
  if (value.size() > Limits::variable_value_size_max)
    return fail(Code::invalid, "the value is longer than {} bytes", Limits::variable_value_size_max);
  TRY(Draft* const draft, edit(workspace_id));
  const VariableMap& present = *draft->workspace->variables;
  const auto former = present.find(name);
  if (mode == VariableWrite::create && former != present.end())
    return fail(Code::conflict, "There is already a variable named '{}'", name);
  if (mode == VariableWrite::replace && former == present.end())
    return fail(Code::not_found, "There is no variable named '{}'", name);
  if (former == present.end() && present.size() >= Limits::variables_max)
    return fail(Code::invalid, "the workspace already has {} variables, the most that it holds", Limits::variables_max);
  Variable next;
  next.name = name;
  next.sealed_value = secrets_.seal(secret_place(*draft->workspace, name), value);
  next.edited_by = edited_by;
  next.created_at = former != present.end() ? former->second.created_at : now_;
  next.updated_at = now_;
  TRY_VOID(store_.put_variable(draft->workspace->id, next));
  draft->edit_variables().insert_or_assign(next.name, next);
  return next;
}

Status Transaction::delete_variable(std::string_view workspace_id, std::string_view name) {
  TRY(Draft* const draft, edit(workspace_id));
  if (!draft->workspace->variables->contains(name))
    return fail(Code::not_found, "There is no variable named '{}'", name);
  TRY_VOID(store_.remove_variable(draft->workspace->id, std::string(name)));
  VariableMap& variables = draft->edit_variables();
  variables.erase(variables.find(name));
  return {};
}

std::string secret_place(const Workspace& workspace, std::string_view name) {
  return fmt::format("{}/{}", workspace.id, name);
}

}  // namespace kinglet::catalog
