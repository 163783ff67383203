// SPDX-License-Identifier: Apache-2.0
#include "json/document.h"

namespace kinglet::json {

Result<value> parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::json::parser parser({}, options);
  boost::json::error_code error;
  const auto read = parser.write_some(text.data(), text.size(), error);
  if (!error && read < text.size() && text.find_first_not_of(" \t\r\n", read) != text.npos)
    return fail(Code::invalid, "JSON: unexpected text after the document, at byte {}", read);
  // boost::json::parser (unlike stream_parser) reports a text that ends early as an error itself.
  if (error) return fail(Code::invalid, "JSON: {} at byte {}", error.message(), read);
  return parser.release();
}

std::string write(const value& v) { return boost::json::serialize(v); }

std::optional<std::string_view> get_string(const object& o, std::string_view key) {
  const auto* found = o.if_contains(key);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return std::string_view(found->get_string());
}

}  // namespace kinglet::json
