// SPDX-License-Identifier: Apache-2.0
#include "observe/records.h"

namespace kinglet::observe {

namespace {
template <class... Text>
std::size_t sum(const Text&... texts) {
  return (texts.size() + ...);
}
std::size_t sum(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t bytes = pairs.size() * sizeof(pairs[0]);
  for (const auto& [name, value] : pairs) bytes += name.size() + value.size();
  return bytes;
}
}  // namespace

std::size_t byte_size(const RequestRecord& r) {
  return sizeof r + sum(r.parameters) +
         sum(r.workspace_id, r.pipe_id, r.pipe_name, r.request_id, r.url, r.method, r.token_id, r.token_name,
             r.user_agent, r.error);
}

std::size_t byte_size(const OperationRecord& r) {
  std::size_t bytes = sizeof r + sum(r.options);
  for (const auto& id : r.block_ids) bytes += sizeof id + id.size();
  return bytes + sum(r.workspace_id, r.event_type, r.operation_id, r.data_source_id, r.data_source_name, r.pipe_id,
                     r.pipe_name, r.request_id, r.job_id, r.import_id, r.error, r.source, r.parser);
}

std::size_t byte_size(const JobRecord& r) {
  return sizeof r + sum(r.workspace_id, r.job_id, r.job_type, r.pipe_id, r.pipe_name, r.status, r.error, r.metadata);
}

}  // namespace kinglet::observe
