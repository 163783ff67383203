// SPDX-License-Identifier: Apache-2.0
// What only the whole project can tell.
#include "datafile/project_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/spelling.h"
#include "datafile/source.h"

namespace kinglet::datafile {
namespace {

using internal::quoted;

class ReferenceChecker {
 public:
  explicit ReferenceChecker(const Project& project) : project_(project) {}

  std::vector<Diagnostic> check() {
    for (const auto& [name, source] : project_.data_sources) check_data_source(name, source);
    for (const auto& [name, pipe] : project_.pipes) {
      check_target(name, pipe);
      check_sink(name, pipe);
    }
    return std::move(out_);
  }

 private:
  void add(Severity severity, std::string_view resource, Position at, std::string message, std::string hint = {}) {
    const auto file = project_.files.find(resource);
    out_.push_back({.severity = severity,
                    .file = file == project_.files.end() ? std::string(resource) : file->second.name,
                    .position = at,
                    .message = std::move(message),
                    .hint = std::move(hint)});
  }

  template <class Map>
  static std::string near(std::string_view name, const Map& map) {
    std::vector<std::string_view> names;
    for (const auto& [known, value] : map) names.push_back(known);
    return did_you_mean(name, names);
  }

  /// Where the value of a line `key value` stands in the file of a resource.
  Position find_line(std::string_view resource, std::string_view key) const {
    const auto file = project_.files.find(resource);
    if (file == project_.files.end()) return {};
    std::uint32_t number = 0;
    for (std::string_view rest = file->second.text; !rest.empty();) {
      ++number;
      const auto end = rest.find('\n');
      const auto line = rest.substr(0, end);
      if (line.starts_with(key) && line.size() > key.size() && (line[key.size()] == ' ' || line[key.size()] == '\t')) {
        const auto value = line.find_first_not_of(" \t\"'", key.size());
        return {.line = number, .column = static_cast<std::uint32_t>(value == std::string_view::npos ? 1 : value + 1)};
      }
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return {};
  }

  /// Older projects kept connections in the workspace, and named their service in the file.
  bool is_older(std::string_view resource) const {
    return find_line(resource, "IMPORT_SERVICE").line > 0 || find_line(resource, "EXPORT_SERVICE").line > 0;
  }

  void check_connection(std::string_view resource, std::string_view key, std::string_view name,
                        std::span<const std::string_view> types) {
    if (name.find("{{") != std::string_view::npos) return;
    const auto found = project_.connections.find(name);
    const auto at = find_line(resource, key);
    if (found == project_.connections.end() && is_older(resource))
      return add(
          Severity::warning, resource, at,
          fmt::format("{} names {}, but there is no connection of that name; nothing is read or written through it",
                      key, quoted(name)),
          fmt::format("add a file {}.connection", name));
    if (found == project_.connections.end())
      return add(Severity::error, resource, at,
                 fmt::format("{} names {}, but there is no connection of that name", key, quoted(name)),
                 near(name, project_.connections).empty() ? fmt::format("add a file {}.connection", name)
                                                          : near(name, project_.connections));
    const auto& type = found->second.type;
    if (!type.empty() && std::find(types.begin(), types.end(), type) == types.end())
      add(Severity::error, resource, at,
          fmt::format("{} names {}, which is a connection of TYPE {}; here it must be {}", key, quoted(name), type,
                      fmt::join(types, " or ")));
  }

  void check_data_source(std::string_view name, const DataSource& source) {
    constexpr std::string_view kafka[] = {"kafka"};
    constexpr std::string_view dynamodb[] = {"dynamodb"};
    constexpr std::string_view buckets[] = {"s3", "gcs"};
    const bool table = std::any_of(source.connector.begin(), source.connector.end(),
                                   [](const auto& c) { return c.first == "IMPORT_TABLE_ARN"; });
    for (const auto& [key, value] : source.connector) {
      if (key == "KAFKA_CONNECTION_NAME") check_connection(name, key, value, kafka);
      if (key == "IMPORT_CONNECTION_NAME")
        check_connection(
            name, key, value,
            table ? std::span<const std::string_view>(dynamodb) : std::span<const std::string_view>(buckets));
    }
  }

  void check_sink(std::string_view name, const Pipe& pipe) {
    constexpr std::string_view kafka[] = {"kafka"};
    constexpr std::string_view buckets[] = {"s3", "gcs"};
    const bool topic =
        std::any_of(pipe.sink.begin(), pipe.sink.end(), [](const auto& s) { return s.first == "EXPORT_KAFKA_TOPIC"; });
    for (const auto& [key, value] : pipe.sink)
      if (key == "EXPORT_CONNECTION_NAME" && !value.empty())
        check_connection(name, key, value,
                         topic ? std::span<const std::string_view>(kafka) : std::span<const std::string_view>(buckets));
  }

  void check_target(std::string_view name, const Pipe& pipe) {
    if (pipe.target.empty() || project_.data_sources.contains(pipe.target)) return;
    const std::string_view key = pipe.type == PipeType::copy ? "TARGET_DATASOURCE" : "DATASOURCE";
    if (project_.pipes.contains(pipe.target))
      return add(
          Severity::error, name, pipe.target_position,
          fmt::format("{} names {}, which is a pipe; rows can only go to a data source", key, quoted(pipe.target)));
    const auto hint = near(pipe.target, project_.data_sources);
    add(Severity::error, name, pipe.target_position,
        fmt::format("{} names {}, but there is no data source of that name", key, quoted(pipe.target)),
        hint.empty() ? fmt::format("add a file {}.datasource", pipe.target) : hint);
  }

  const Project& project_;
  std::vector<Diagnostic> out_;
};

}  // namespace

std::vector<Diagnostic> check_references(const Project& project) {
  return ReferenceChecker(project).check();
}

}  // namespace kinglet::datafile
