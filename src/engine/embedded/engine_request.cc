// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/engine_request.h"

#include <algorithm>

#include "engine/embedded/errors.h"

namespace kinglet::embedded {
namespace {

Result<bool> read_flag(std::string_view name, std::string_view value) {
  if (value == "0") return false;
  if (value == "1") return true;
  return refuse(number::bad_arguments, fmt::format("{} must be 0 or 1", name));
}

bool is_plain_id(std::string_view id) {
  return !id.empty() && id.size() <= query_id_bytes_max &&
         std::ranges::all_of(id, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

Result<const OutputFormat*> output_format(std::string_view name, bool readonly) {
  const OutputFormat* format = find_output_format(name);
  if (format == nullptr || (readonly && format->name == "Null"))
    return refuse(number::unknown_format, fmt::format("Unknown format {}", name.substr(0, 100)));
  return format;
}

}  // namespace

Result<EngineRequest> read_request_head(const http::Request& request) {
  EngineRequest read;
  std::string default_format = "TabSeparated";
  for (const auto& [name, value] : request.query) {
    if (name == "query") {
      continue;
    } else if (name == "query_id") {
      if (!is_plain_id(value))
        return refuse(number::bad_arguments,
                      fmt::format("query_id must have 1 to {} printable characters", query_id_bytes_max));
      read.query_id = value;
    } else if (name == "default_format") {
      default_format = value;
    } else if (name == "readonly") {
      TRY(read.readonly, read_flag(name, value));
    } else if (name.starts_with("param_")) {
      read.parameters.emplace_back(name.substr(6), value);
    } else {
      read.settings.emplace_back(name, value);
    }
  }
  if (read.query_id.empty()) read.query_id = request.id;
  if (const auto query = request.query.get("query"); query && !query->empty()) {
    TRY(read.statement, read_statement(*query));
    if (read.statement.kind != Statement::Kind::insert) {
      return refuse(number::bad_arguments, "?query= carries INSERT INTO … only; every other statement is the body");
    }
    if (read.readonly) return refuse(number::readonly, "INSERT is refused in readonly mode");
    read.insert = true;
    read.input_format = !read.statement.format.empty()             ? read.statement.format
                        : request.query.contains("default_format") ? default_format
                                                                   : "Native";
    if (!is_input_format(read.input_format)) {
      return refuse(number::unknown_format, fmt::format("Unknown input format {}", read.input_format.substr(0, 100)));
    }
    return read;
  }
  TRY(read.format, output_format(default_format, read.readonly));
  return read;
}

Status read_request_statement(EngineRequest& request, std::string_view sql) {
  TRY(request.statement, read_statement(sql));
  if (!request.statement.format.empty()) {
    TRY(request.format, output_format(request.statement.format, request.readonly));
  }
  if (request.statement.kind == Statement::Kind::kill) return {};
  if (request.readonly && request.statement.kind != Statement::Kind::select &&
      request.statement.kind != Statement::Kind::explain_ast) {
    return refuse(number::readonly, "Only a statement that begins with SELECT, WITH or ( is run in readonly mode");
  }
  if (request.statement.kind == Statement::Kind::insert) return check_insert_select(request.statement.text);
  return {};
}

}  // namespace kinglet::embedded
