// SPDX-License-Identifier: Apache-2.0
// Reply formats: what callers name, what the engine is asked for, what the reply is labelled.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace kinglet::query {

struct Format {
  std::string_view engine_name;  // FORMAT word of ClickHouse
  std::string_view content_type;
  /// Cannot be put together from the stream's chunks, each of which is a document of its own: runs as one result.
  bool whole = false;
};

/// By the suffix of an endpoint's address: json csv csvwithnames ndjson parquet prometheus (http-api.md 5.1).
/// `.csv` has no header line; `.csvwithnames` has one.
std::optional<Format> format_of_suffix(std::string_view suffix);
/// Those suffixes, for messages.
std::vector<std::string_view> format_suffixes();
/// By the FORMAT word of a query, in any case (http-api.md 2.3).
std::optional<Format> format_of_word(std::string_view word);

}  // namespace kinglet::query
