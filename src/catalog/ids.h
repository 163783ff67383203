// SPDX-License-Identifier: Apache-2.0
// Ids, times and random secrets, in the forms that the API shows.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kinglet::catalog {

/// UTC, microseconds: what the API prints.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

/// "2026-03-02 10:11:12.123456"
std::string format_time(Time time);
/// The form above, with or without the fraction (1 to 6 digits), `T` or a blank between, optional `Z`.
Result<Time> parse_time(std::string_view text);

/// A random (version 4) UUID.
std::string new_uuid();
/// `t_` and 32 hex digits: data sources, pipes, nodes, connections.
std::string new_resource_id();
/// `count` bytes from the operating system's generator, as base64url without padding.
std::string random_text(std::size_t count);

std::string base64url_encode(std::string_view bytes);
/// Strict: no padding, no other alphabet, no stray bits. Errors: invalid.
Result<std::string> base64url_decode(std::string_view text);

/// `p.<base64url {"u","id","host"}>.<43 random characters>`: opaque to everybody, found by look-up (platform.md 2.2).
/// `owner` is a workspace id, or a user id for account tokens.
std::string new_token_value(std::string_view owner, std::string_view token_id, std::string_view host);

}  // namespace kinglet::catalog
