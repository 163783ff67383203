// SPDX-License-Identifier: Apache-2.0
#include "json/document.h"

#include <simdjson.h>

#include <cmath>
#include <utility>

#include "base/utf8.h"

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

namespace {
/// Boost writes 0.5 as 5E-1; readers of our replies expect 0.5.
void append(std::string& out, const value& v) {
  switch (v.kind()) {
    case boost::json::kind::double_: {
      const double number = v.get_double();
      out += std::isfinite(number) ? fmt::format("{}", number) : "null";
      return;
    }
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const auto& element : v.get_array()) {
        if (!std::exchange(first, false)) out += ',';
        append(out, element);
      }
      out += ']';
      return;
    }
    case boost::json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& [key, element] : v.get_object()) {
        if (!std::exchange(first, false)) out += ',';
        out += boost::json::serialize(value(key));
        out += ':';
        append(out, element);
      }
      out += '}';
      return;
    }
    default:
      out += boost::json::serialize(v);
      return;
  }
}
}  // namespace

std::string write(const value& v) {
  std::string out;
  append(out, v);
  if (!simdjson::validate_utf8(out)) out = replace_invalid_utf8(out);
  return out;
}

std::optional<std::string_view> get_string(const object& o, std::string_view key) {
  const auto* found = o.if_contains(key);
  if (found == nullptr || !found->is_string()) return std::nullopt;
  return std::string_view(found->get_string());
}

}  // namespace kinglet::json
