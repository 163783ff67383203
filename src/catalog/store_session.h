// SPDX-License-Identifier: Apache-2.0
// The store's own view of SOCI, for the files that hold its statements. SOCI throws; nothing thrown leaves them.
#pragma once

#include "catalog/store.h"

// The SOCI library hides type information that -fsanitize=vptr would need for its inline functions.
#pragma clang attribute push(__attribute__((no_sanitize("vptr"))), apply_to = function)
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

namespace kinglet::catalog::internal {

struct Store::Connection {
  soci::session sql;
};

inline long long micros(Time time) {
  return time.time_since_epoch().count();
}
inline Time time_from(long long micros) {
  return Time(std::chrono::microseconds(micros));
}

/// What SOCI threw, in our words. `broken` is set when the state of the disk is unknown.
Error translate(const std::exception& thrown, bool& broken);

template <class F>
Status Store::run(F&& statements) {
  if (broken_)
    return fail(Code::unavailable, "the catalog cannot be written: the disk reported an error; restart the server");
  try {
    std::forward<F>(statements)(connection_->sql);
    return {};
  } catch (const std::exception& thrown) {
    return fail(translate(thrown, broken_));
  }
}

}  // namespace kinglet::catalog::internal

#pragma clang attribute pop
