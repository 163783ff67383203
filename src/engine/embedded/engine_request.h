// SPDX-License-Identifier: Apache-2.0
// What a request asks of the engine, read from its URL, headers and body. docs/formats/engine-protocol.md is the
// reference.
#pragma once

#include <string>

#include "engine/embedded/connection.h"
#include "engine/embedded/formats.h"
#include "engine/embedded/profile.h"
#include "engine/embedded/statement.h"
#include "http/server.h"

namespace kinglet::embedded {

inline constexpr std::size_t statement_bytes_max = 4u << 20;
inline constexpr std::size_t query_id_bytes_max = 256;

struct EngineRequest {
  bool insert = false;    // ?query=INSERT …, rows in the body
  bool readonly = false;  // text of users
  Statement statement;
  std::string query_id;
  const OutputFormat* format = nullptr;  // of the reply
  std::string input_format;              // of an insert's body
  Settings settings;
  Parameters parameters;
};

/// Reads URL and headers; the statement comes from `?query=` or, when that is missing, later from the body.
/// Errors in the engine's form: 36, 62, 73, 115.
Result<EngineRequest> read_request_head(const http::Request& request);
/// Adds the statement of the body and decides the reply's format.
Status read_request_statement(EngineRequest& request, std::string_view sql);

}  // namespace kinglet::embedded
