// SPDX-License-Identifier: Apache-2.0
#include "engine/system_rows.h"

#include <algorithm>

namespace kinglet::engine {

namespace {
std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}
}  // namespace

Task<Result<std::vector<std::vector<std::string>>>> system_rows(Client& client, std::string sql, Deadline deadline) {
  QueryOptions options;
  options.format = "TabSeparatedRaw";
  options.read_only = false;
  options.deadline = deadline;
  CO_TRY(const auto reply, co_await client.query(std::move(sql), std::move(options)));
  std::vector<std::vector<std::string>> rows;
  for (const auto& line : split(reply.body, '\n'))
    if (!line.empty()) rows.push_back(split(line, '\t'));
  co_return rows;
}

}  // namespace kinglet::engine
