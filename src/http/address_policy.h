// SPDX-License-Identifier: Apache-2.0
// Which addresses a request on behalf of a user may reach (attacks.md S7).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/client.h"

namespace kinglet::http {

/// Why an address is not a host of the public internet: "loopback", "private", "link-local", "multicast" …; empty: it
/// is one. IPv4 addresses inside IPv6 ones (mapped, compatible, 6to4, NAT64) are judged as IPv4.
std::string_view non_public_reason(const asio::ip::address& address);

/// Refuses every address that is not public, unless the host name or the address is in `allowed_hosts` ("10.0.0.7",
/// "minio.internal"). Errors: forbidden.
AddressPolicy public_addresses_only(std::vector<std::string> allowed_hosts = {});

}  // namespace kinglet::http
