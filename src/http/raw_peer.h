// SPDX-License-Identifier: Apache-2.0
// For tests: a blocking socket that sends bytes as they are, so that malformed requests and cut replies can be written.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace kinglet::http {

class RawPeer {
 public:
  struct Later {};
  static constexpr Later later{};

  explicit RawPeer(std::uint16_t port) : RawPeer(port, later) { connect(); }
  /// Not connected before connect().
  RawPeer(std::uint16_t port, Later)
      : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), address_(loopback(port)) {}
  /// From another address of the loopback network.
  RawPeer(const char* from, std::uint16_t port) : RawPeer(port, later) {
    sockaddr_in own = loopback(0);
    ::inet_pton(AF_INET, from, &own.sin_addr);
    ::bind(descriptor_, reinterpret_cast<sockaddr*>(&own), sizeof(own));
    connect();
  }
  explicit RawPeer(const std::string& socket_path) : descriptor_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, socket_path.c_str(), sizeof(address.sun_path) - 1);
    connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void connect() { connected_ = ::connect(descriptor_, reinterpret_cast<sockaddr*>(&address_), sizeof(address_)) == 0; }
  bool connected() const { return connected_; }
  int descriptor() const { return descriptor_; }

  /// False when the other side closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }
  void finish_sending() { ::shutdown(descriptor_, SHUT_WR); }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  /// What arrives until the other side closes, or nothing more comes for `wait`.
  std::string read_to_close(std::chrono::milliseconds wait = std::chrono::seconds(10)) {
    while (receive(wait)) {
    }
    return std::exchange(received_, {});
  }
  /// Everything up to and with `mark`; what follows stays for the next call. Empty when it does not come.
  std::string read_until(std::string_view mark, std::chrono::milliseconds wait = std::chrono::seconds(10)) {
    while (received_.find(mark) == std::string::npos) {
      if (!receive(wait)) return {};
    }
    const std::size_t end = received_.find(mark) + mark.size();
    std::string found = received_.substr(0, end);
    received_.erase(0, end);
    return found;
  }
  std::string read_bytes(std::size_t size, std::chrono::milliseconds wait = std::chrono::seconds(10)) {
    while (received_.size() < size) {
      if (!receive(wait)) return {};
    }
    std::string found = received_.substr(0, size);
    received_.erase(0, size);
    return found;
  }
  /// One reply with a Content-Length, head and body.
  std::string read_reply() {
    std::string reply = read_until("\r\n\r\n");
    const std::size_t at = reply.find("Content-Length: ");
    if (at != std::string::npos) reply += read_bytes(std::stoul(reply.substr(at + 16)));
    return reply;
  }
  /// True when the other side closed (and was not just silent) after what read_to_close() gave.
  bool closed_by_peer() const { return closed_; }

 private:
  static sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  bool receive(std::chrono::milliseconds wait) {
    pollfd ready{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(wait.count())) <= 0) return false;
    char bytes[16384];
    const ssize_t size = ::recv(descriptor_, bytes, sizeof(bytes), 0);
    if (size <= 0) {
      closed_ = true;
      return false;
    }
    received_.append(bytes, static_cast<std::size_t>(size));
    return true;
  }

  int descriptor_ = -1;
  sockaddr_in address_{};
  bool connected_ = false;
  bool closed_ = false;
  std::string received_;
};

}  // namespace kinglet::http
