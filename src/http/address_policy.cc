// SPDX-License-Identifier: Apache-2.0
#include "http/address_policy.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include "http/text.h"

namespace kinglet::http {
namespace {

struct Network {
  std::uint32_t address;
  int prefix;
  std::string_view reason;
};

constexpr std::uint32_t ip(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

/// IANA's special-purpose registry (RFC 6890 and its updates).
constexpr std::array<Network, 15> special_networks{{
    {ip(0, 0, 0, 0), 8, "this network"},
    {ip(10, 0, 0, 0), 8, "private"},
    {ip(100, 64, 0, 0), 10, "carrier-grade NAT"},
    {ip(127, 0, 0, 0), 8, "loopback"},
    {ip(169, 254, 0, 0), 16, "link-local"},
    {ip(172, 16, 0, 0), 12, "private"},
    {ip(192, 0, 0, 0), 24, "protocol assignments"},
    {ip(192, 0, 2, 0), 24, "documentation"},
    {ip(192, 88, 99, 0), 24, "6to4 relay"},
    {ip(192, 168, 0, 0), 16, "private"},
    {ip(198, 18, 0, 0), 15, "benchmarking"},
    {ip(198, 51, 100, 0), 24, "documentation"},
    {ip(203, 0, 113, 0), 24, "documentation"},
    {ip(224, 0, 0, 0), 4, "multicast"},
    {ip(240, 0, 0, 0), 4, "reserved"},
}};

std::string_view reason_v4(std::uint32_t address) {
  for (const Network& network : special_networks) {
    if ((address ^ network.address) >> (32 - network.prefix) == 0) return network.reason;
  }
  return {};
}

std::string_view reason_v6(const asio::ip::address_v6& address) {
  const auto bytes = address.to_bytes();
  const auto embedded = [&bytes](std::size_t at) { return ip(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]); };
  const auto zero = [&bytes](std::size_t from, std::size_t to) {
    return std::all_of(bytes.begin() + from, bytes.begin() + to, [](unsigned char byte) { return byte == 0; });
  };
  if (address.is_loopback()) return "loopback";
  if (address.is_unspecified()) return "this network";
  if (zero(0, 10) && bytes[10] == 0xFF && bytes[11] == 0xFF) return reason_v4(embedded(12));  // ::ffff:a.b.c.d
  if (zero(0, 12)) return "IPv4-compatible";
  if (bytes[0] == 0x00 && bytes[1] == 0x64 && bytes[2] == 0xFF && bytes[3] == 0x9B) {  // 64:ff9b::/96, 64:ff9b:1::/48
    return zero(4, 12) ? reason_v4(embedded(12)) : "NAT64";
  }
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return reason_v4(embedded(2));                     // 2002::/16
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] < 0x02) return "protocol assignments";  // Teredo, ORCHID …
  if (bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0D && bytes[3] == 0xB8) return "documentation";
  if ((bytes[0] & 0xFE) == 0xFC) return "private";
  if (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) return "link-local";
  if (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0xC0) return "private";
  if (bytes[0] == 0xFF) return "multicast";
  if ((bytes[0] & 0xE0) != 0x20) return "reserved";  // global unicast is 2000::/3
  return {};
}

}  // namespace

std::string_view non_public_reason(const asio::ip::address& address) {
  return address.is_v4() ? reason_v4(address.to_v4().to_uint()) : reason_v6(address.to_v6());
}

AddressPolicy public_addresses_only(std::vector<std::string> allowed_hosts) {
  return [allowed = std::move(allowed_hosts)](const std::string& host, const asio::ip::address& address) -> Status {
    const std::string_view reason = non_public_reason(address);
    if (reason.empty()) return {};
    const std::string text = address.to_string();
    const auto names = [&](const std::string& entry) { return same_text(entry, host) || same_text(entry, text); };
    if (std::any_of(allowed.begin(), allowed.end(), names)) return {};
    return fail(Code::forbidden, "The host '{}' has a {} address, which this server does not connect to", host, reason);
  };
}

}  // namespace kinglet::http
