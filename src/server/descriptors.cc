// SPDX-License-Identifier: Apache-2.0
#include "server/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace kinglet::server {

std::size_t raise_descriptor_limit() {
  constexpr std::size_t assumed = 1024;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return assumed;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  // "Unlimited" is more than any table holds.
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 30));
}

std::size_t descriptors_for_connections(std::size_t descriptor_limit) {
  // An idle server has some 30 open. Clients that wait must not hold those by which what they wait for would come.
  constexpr std::size_t kept_min = 64, kept_max = 1024;
  const std::size_t kept = std::min(std::clamp(descriptor_limit / 4, kept_min, kept_max), descriptor_limit / 4 * 3);
  return std::max<std::size_t>(descriptor_limit - kept, 1);
}

}  // namespace kinglet::server
