// SPDX-License-Identifier: Apache-2.0
// The JSONPath of a column.
#include "datafile/json_path.h"

#include "datafile/limits.h"
#include "datafile/source.h"

namespace kinglet::datafile {
namespace {

std::unexpected<Error> wrong(std::size_t* at, std::size_t offset, std::string message, std::string hint = {}) {
  if (at != nullptr) *at = offset;
  return fail(Error{.code = Code::invalid, .message = std::move(message), .hint = std::move(hint)});
}

bool ends_key(char c) {
  return c == '.' || c == '[' || c == ']' || c == '\'' || c == '"' || c == '`' || c == ' ' || c == '\t';
}

}  // namespace

Result<JsonPath> parse_json_path(std::string_view text, std::size_t* at) {
  JsonPath path{.steps = {}, .text = std::string(text)};
  if (text.size() > limits::path_bytes_max)
    return wrong(at, 0, fmt::format("the JSONPath is longer than {} bytes", limits::path_bytes_max));
  if (text.empty() || (text.front() != '$' && text.front() != '#'))
    return wrong(at, 0, fmt::format("the JSONPath {} does not start with $", internal::quoted(text)),
                 text.empty() || ends_key(text.front()) ? "for example $.user.id" : fmt::format("write $.{}", text));
  std::size_t i = 1;
  while (i < text.size()) {
    if (path.steps.size() >= limits::path_steps_max)
      return wrong(at, i, fmt::format("the JSONPath has more than {} steps", limits::path_steps_max));
    if (text[i] == '.') {
      ++i;
      if (i < text.size() && text[i] == '[') continue;  // $.['a b']
      if (i < text.size() && text[i] == '.')
        return wrong(at, i, "'..' (search at every depth) is not possible in a JSONPath of a column",
                     "write every key: $.user.address.city");
      if (i < text.size() && text[i] == '*')
        return wrong(at, i, "'*' is not possible in a JSONPath of a column",
                     "for all elements of an array write [:], for a whole object name its key");
      const std::size_t start = i;
      while (i < text.size() && !ends_key(text[i])) ++i;
      if (i == start && i < text.size() && (text[i] == ' ' || text[i] == '\t'))
        return wrong(at, i, "a key of the JSONPath starts with a blank", "write such a key as ['a b']");
      if (i == start) return wrong(at, i, "the JSONPath has a dot without a key after it", "for example $.user.id");
      if (i < text.size() && (text[i] == ' ' || text[i] == '\t'))
        return wrong(at, i,
                     fmt::format("a blank in the JSONPath after {}", internal::quoted(text.substr(start, i - start))),
                     "write a key with blanks as ['a b']");
      path.steps.push_back({.key = std::string(text.substr(start, i - start)), .each = false});
    } else if (text[i] == '[') {
      const std::size_t open = i++;
      if (text.substr(i).starts_with(":]")) {
        path.steps.push_back({.key = {}, .each = true});
        i += 2;
      } else if (i < text.size() && (text[i] == '\'' || text[i] == '"')) {
        const auto close = text.find(text[i], i + 1);
        if (close == std::string_view::npos || close + 1 >= text.size() || text[close + 1] != ']')
          return wrong(at, open, "a quoted key of the JSONPath is not closed by a quote and ']'",
                       "for example $.['a b']");
        if (close == i + 1) return wrong(at, open, "the JSONPath has an empty key");
        path.steps.push_back({.key = std::string(text.substr(i + 1, close - i - 1)), .each = false});
        i = close + 2;
      } else if (text.substr(i).starts_with("*]")) {
        return wrong(at, open, "[*] is not possible in a JSONPath of a column",
                     "for all elements of an array write [:]");
      } else if (i < text.size() && ((text[i] >= '0' && text[i] <= '9') || text[i] == '-')) {
        return wrong(at, open, "one element by its number is not possible in a JSONPath of a column",
                     "read the whole array with [:] into an Array column and take the element in SQL");
      } else {
        return wrong(at, open, "expected [:] or ['key'] in the JSONPath");
      }
    } else {
      return wrong(at, i, fmt::format("unexpected {} in the JSONPath", internal::quoted(text.substr(i, 1))),
                   "keys are joined by dots: $.user.id");
    }
  }
  return path;
}

}  // namespace kinglet::datafile
