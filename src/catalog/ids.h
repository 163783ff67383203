// SPDX-License-Identifier: Apache-2.0
// Ids, times and random secrets, in the forms that the API shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"

namespace kinglet::catalog {

/// UTC, microseconds: what the API prints, by format_time().
using Time = WallTime;
using kinglet::format_time;
/// The form of format_time(), with or without the fraction (1 to 6 digits), `T` or a blank between, optional `Z`.
Result<Time> parse_time(std::string_view text);

/// A random (version 4) UUID.
inline std::string new_uuid() {
  return make_uuid();
}
/// `t_` and 32 hex digits: data sources, pipes, nodes, connections.
inline std::string new_resource_id() {
  return make_resource_id();
}
/// `count` bytes from the operating system's generator, as base64url without padding.
std::string random_text(std::size_t count);

std::string base64url_encode(std::string_view bytes);
/// Strict: no padding, no other alphabet, no stray bits. Errors: invalid.
Result<std::string> base64url_decode(std::string_view text);

/// `p.<base64url {"u","id","host"}>.<43 random characters>`: opaque to everybody, found by look-up (platform.md 2.2).
/// `owner` is a workspace id, or a user id for account tokens.
std::string new_token_value(std::string_view owner, std::string_view token_id, std::string_view host);

}  // namespace kinglet::catalog
