// SPDX-License-Identifier: Apache-2.0
#include "api/router.h"

namespace kinglet::api {

namespace {
constexpr std::size_t segments_max = 16;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(8);
  std::size_t at = 1;
  // One more than the limit is kept, so that what is too long equals no pattern.
  while (at <= path.size() && segments.size() <= segments_max) {
    const auto end = std::min(path.find('/', at), path.size());
    segments.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return segments;
}
}  // namespace

void Router::add(http::Method method, std::string pattern, RouteHandler handler) {
  std::vector<std::string> segments;
  for (const auto s : split(pattern)) segments.emplace_back(s);
  routes_.push_back({.method = method, .segments = std::move(segments), .handler = std::move(handler)});
}

Router::Match Router::find(http::Method method, std::string_view path) const {
  Match match;
  if (path.starts_with("/api/")) path.remove_prefix(4);
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (!path.starts_with('/')) return match;
  if (method == http::Method::head) method = http::Method::get;
  const auto segments = split(path);
  for (const auto& route : routes_) {
    if (route.segments.size() != segments.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < segments.size() && same; ++i)
      same = route.segments[i].starts_with('{') ? !segments[i].empty() : route.segments[i] == segments[i];
    if (!same) continue;
    if (route.method != method) {
      match.allowed.push_back(route.method);
      continue;
    }
    match.handler = &route.handler;
    for (std::size_t i = 0; i < segments.size(); ++i)
      if (route.segments[i].starts_with('{')) match.arguments.emplace_back(segments[i]);
    return match;
  }
  return match;
}

}  // namespace kinglet::api
