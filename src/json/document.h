// SPDX-License-Identifier: Apache-2.0
// Whole JSON documents: requests, replies, stored definitions. Rows of events are read elsewhere (ingest/).
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kinglet::json {

using boost::json::array;
using boost::json::object;
using boost::json::string;
using boost::json::value;

/// Parses one document. Limits: depth 64. Errors: invalid, with the byte offset of the fault.
Result<value> parse(std::string_view text);
/// Compact text of a value. Bytes of strings that are not UTF-8 become U+FFFD: what a message quotes of a request or a
/// file may hold any.
std::string write(const value& v);

/// `object[key]` as text, or nothing when absent or not a string.
std::optional<std::string_view> get_string(const object& o, std::string_view key);

}  // namespace kinglet::json
