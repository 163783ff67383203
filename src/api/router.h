// SPDX-License-Identifier: Apache-2.0
// Routes: method and path pattern to handler. Built once, then read by every io thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace kinglet::api {

/// What a pattern's `{name}` parts matched, in order.
using PathArguments = std::vector<std::string>;
using RouteHandler = std::function<Task<http::Response>(http::Request&, const PathArguments&)>;

class Router {
 public:
  /// `pattern`: "/v0/pipes/{name}/explain"; a `{name}` takes one segment, never an empty one.
  void add(http::Method method, std::string pattern, RouteHandler handler);

  struct Match {
    const RouteHandler* handler = nullptr;
    PathArguments arguments;
    /// The path exists, but not for this method; the methods it has, for the Allow header of the 405.
    std::vector<http::Method> allowed;
  };
  /// One trailing slash and a leading `/api` are taken off (http-api.md 1.1); HEAD is answered by GET.
  Match find(http::Method method, std::string_view path) const;

 private:
  struct Route {
    http::Method method;
    std::vector<std::string> segments;  // "{…}" matches any
    RouteHandler handler;
  };
  std::vector<Route> routes_;
};

}  // namespace kinglet::api
