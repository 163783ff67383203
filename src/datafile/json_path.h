// SPDX-License-Identifier: Apache-2.0
// The JSONPath of a column: `$`, `$.a.b`, `$.a[:]`, `$.a[:].b`, `$.['a b']`.
#pragma once

#include <string_view>

#include "base/result.h"
#include "datafile/model.h"

namespace kinglet::datafile {

/// Parses one path. Keys may hold any character but a dot, bracket, quote, blank; others are written `['…']`.
/// `#.name` (metadata of a Kafka message in older files) reads as `$.name`.
/// Errors: invalid; `at` (if given) gets the byte offset of the fault.
/// Limits: 4,096 bytes, 64 steps. Source: spec of datafiles, section 5.1.
Result<JsonPath> parse_json_path(std::string_view text, std::size_t* at = nullptr);

}  // namespace kinglet::datafile
