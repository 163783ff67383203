// SPDX-License-Identifier: Apache-2.0
// The front door of the API: finds the route and adds what every reply carries.
#pragma once

#include "api/router.h"
#include "api/services.h"

namespace kinglet::api {

class Gateway {
 public:
  explicit Gateway(Services& services);
  Task<http::Response> handle(http::Request& request);

 private:
  Services& services_;
  Router router_;
};

}  // namespace kinglet::api
