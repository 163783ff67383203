// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <algorithm>
#include <array>

#include "http/text.h"

namespace kinglet::http {
namespace {

constexpr std::array<std::pair<std::string_view, Method>, 7> methods{{
    {"GET", Method::get},
    {"HEAD", Method::head},
    {"POST", Method::post},
    {"PUT", Method::put},
    {"PATCH", Method::patch},
    {"DELETE", Method::delete_},
    {"OPTIONS", Method::options},
}};

template <class Pairs, class Same>
std::vector<std::string_view> all_values(const Pairs& pairs, Same same) {
  std::vector<std::string_view> values;
  for (const auto& [name, value] : pairs) {
    if (same(name)) values.push_back(value);
  }
  return values;
}

}  // namespace

std::string_view method_text(Method method) {
  for (const auto& [text, value] : methods) {
    if (value == method) return text;
  }
  return "OTHER";
}

Method parse_method(std::string_view text) {
  for (const auto& [name, value] : methods) {
    if (name == text) return value;
  }
  return Method::other;
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (same_text(field, name)) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Headers::get_all(std::string_view name) const {
  return all_values(fields_, [name](std::string_view field) { return same_text(field, name); });
}

void Headers::set(std::string_view name, std::string value) {
  remove(name);
  fields_.emplace_back(std::string(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [name](const Field& field) { return same_text(field.first, name); });
}

std::optional<std::string_view> QueryParameters::get(std::string_view name) const {
  for (const auto& [parameter, value] : parameters_) {
    if (parameter == name) return value;
  }
  return std::nullopt;
}

std::vector<std::string_view> QueryParameters::get_all(std::string_view name) const {
  return all_values(parameters_, [name](std::string_view parameter) { return parameter == name; });
}

const Headers& BodyReader::trailers() const {
  static const Headers none;
  return none;
}

Task<Result<std::string>> BodyReader::read_all(std::size_t bytes_max) {
  const auto length = content_length();
  if (length && *length > bytes_max) {
    co_return fail(Code::too_large, "The body has {} bytes, the limit here is {}", *length, bytes_max);
  }
  std::string body;
  // One byte more than allowed shows that the limit is exceeded. Memory follows what arrived, not what was announced.
  const std::size_t size_max = length ? static_cast<std::size_t>(*length) : bytes_max + 1;
  const std::size_t first = length ? std::size_t{256} << 10 : std::size_t{16} << 10;
  body.resize(std::min(size_max, first));
  std::size_t size = 0;
  while (size < size_max) {
    if (size == body.size()) body.resize(std::min(size_max, body.size() * 2));
    const std::span<char> room(body.data() + size, body.size() - size);
    auto read = co_await read_some(room);
    if (!read) co_return std::unexpected(std::move(read).error());
    if (*read == 0) break;
    size += *read;
    if (size > bytes_max) co_return fail(Code::too_large, "The body is larger than the limit of {} bytes", bytes_max);
  }
  body.resize(size);
  co_return body;
}

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Decodes what is well formed; bad escapes stay as they are. False when there was one.
bool decode_into(std::string_view text, bool plus_is_space, std::string& out) {
  bool good = true;
  out.reserve(out.size() + text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low >= 0) {
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
        continue;
      }
      good = false;
    }
    out.push_back(c == '+' && plus_is_space ? ' ' : c);
  }
  return good;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  if (!decode_into(text, plus_is_space, out)) {
    return fail(Code::invalid, "A % in the URL is not followed by two hexadecimal digits");
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
  }
  return out;
}

Result<QueryParameters> parse_query(std::string_view text, std::size_t parameters_max) {
  QueryParameters parameters;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (parameters.size() == parameters_max) {
      return fail(Code::invalid, "More than {} parameters in the query string", parameters_max);
    }
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name;
    std::string value;
    decode_into(pair.substr(0, equals), true, name);
    if (equals < pair.size()) decode_into(pair.substr(equals + 1), true, value);
    parameters.add(std::move(name), std::move(value));
  }
  return parameters;
}

std::string media_type(std::string_view content_type) {
  std::string type(trim(content_type.substr(0, content_type.find(';'))));
  for (char& c : type) c = lower(c);
  return type;
}

std::optional<std::string> header_parameter(std::string_view header_value, std::string_view name) {
  std::size_t at = header_value.find(';');
  while (at < header_value.size()) {
    ++at;
    while (at < header_value.size() && (header_value[at] == ' ' || header_value[at] == '\t')) ++at;
    const std::size_t name_end = std::min(header_value.find_first_of("=;", at), header_value.size());
    const std::string_view found = trim(header_value.substr(at, name_end - at));
    if (name_end == header_value.size() || header_value[name_end] == ';') {
      at = name_end;
      continue;
    }
    at = name_end + 1;
    std::string value;
    if (at < header_value.size() && header_value[at] == '"') {
      for (++at; at < header_value.size() && header_value[at] != '"'; ++at) {
        // Browsers send backslashes of file names unescaped, so only \" and \\ are escapes (WHATWG and RFC 2183 agree
        // here).
        const bool escape = header_value[at] == '\\' && at + 1 < header_value.size() &&
                            (header_value[at + 1] == '"' || header_value[at + 1] == '\\');
        if (escape) ++at;
        value.push_back(header_value[at]);
      }
      at = std::min(header_value.find(';', at), header_value.size());
    } else {
      const std::size_t end = std::min(header_value.find(';', at), header_value.size());
      value = std::string(trim(header_value.substr(at, end - at)));
      at = end;
    }
    if (same_text(found, name)) return value;
  }
  return std::nullopt;
}

}  // namespace kinglet::http
