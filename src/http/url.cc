// SPDX-License-Identifier: Apache-2.0
// parse_url and print_url of client.h.
#include <algorithm>
#include <charconv>

#include "http/client.h"
#include "http/text.h"

namespace kinglet::http {

Result<Url> parse_url(std::string_view text, DefaultPorts ports) {
  const auto bad_character = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 127; };
  if (std::any_of(text.begin(), text.end(), bad_character))
    return fail(Code::invalid, "A URL holds no spaces or control characters");
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return fail(Code::invalid, "A URL begins with http:// or https://");
  Url url;
  const std::string_view scheme = text.substr(0, scheme_end);
  if (same_text(scheme, "https")) {
    url.endpoint.tls = true;
  } else if (!same_text(scheme, "http")) {
    return fail(Code::invalid, "The URL scheme '{}' is neither http nor https", scheme.substr(0, 20));
  }
  text.remove_prefix(scheme_end + 3);
  text = text.substr(0, text.find('#'));
  const std::size_t authority_end = std::min(text.find_first_of("/?"), text.size());
  std::string_view authority = text.substr(0, authority_end);
  url.target = std::string(text.substr(authority_end));
  if (url.target.empty() || url.target.front() != '/') url.target.insert(0, 1, '/');

  // A backslash is a slash for browsers and a part of the host for others: a way to hide a host.
  if (authority.find('\\') != std::string_view::npos) return fail(Code::invalid, "A backslash in the host of a URL");
  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    const std::string_view login = authority.substr(0, at);
    const std::size_t colon = std::min(login.find(':'), login.size());
    TRY(url.user, percent_decode(login.substr(0, colon), false));
    if (colon < login.size()) {
      TRY(url.password, percent_decode(login.substr(colon + 1), false));
    }
    authority.remove_prefix(at + 1);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos)
      return fail(Code::invalid, "The IPv6 address in the URL has no closing bracket");
    url.endpoint.host = std::string(authority.substr(1, close - 1));
    authority.remove_prefix(close + 1);
    if (!authority.empty() && authority.front() != ':') return fail(Code::invalid, "The host of the URL is malformed");
    if (!authority.empty()) port = authority.substr(1);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.endpoint.host = std::string(authority.substr(0, colon));
    if (colon < authority.size()) port = authority.substr(colon + 1);
  }
  if (url.endpoint.host.empty()) return fail(Code::invalid, "The URL names no host");
  url.endpoint.port = url.endpoint.tls ? ports.https : ports.http;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.endpoint.port);
    if (error != std::errc() || end != port.data() + port.size() || url.endpoint.port == 0) {
      return fail(Code::invalid, "The port of the URL is not a number from 1 to 65535");
    }
  }
  return url;
}

std::string print_url(const Url& url) {
  const Endpoint& endpoint = url.endpoint;
  const bool usual_port = endpoint.port == (endpoint.tls ? 443 : 80);
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}{}{}", endpoint.tls ? "https" : "http", ipv6 ? "[" : "", endpoint.host,
                     ipv6 ? "]" : "", usual_port ? std::string() : fmt::format(":{}", endpoint.port), url.target);
}

}  // namespace kinglet::http
