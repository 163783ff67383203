// SPDX-License-Identifier: Apache-2.0
// The load generator of the scenarios: one thread, keep-alive connections that each send the same prepared request
// again as soon as the last one was answered. Prints one JSON object. It is kept small so that its own CPU, which it
// reports, takes little from what it measures.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto retry_delay = std::chrono::milliseconds(20);  // after 429 and 503
constexpr int idle_seconds_max = 60;                         // no answer at all for so long: the run is broken

struct Options {
  std::string host = "127.0.0.1";
  int port = 0;
  std::vector<std::string> targets;
  std::vector<std::string> headers;
  std::vector<std::string> bodies;  // file names; requests take targets and bodies in turn
  int connections = 1;
  std::uint64_t requests = 0;  // in all; or:
  double seconds = 0;
  double warm_seconds = 0;  // answers in this time at the start are not counted
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "load: %s\n", why.c_str());
  std::exit(2);
}

struct Connection {
  int fd = -1;
  const std::string* request = nullptr;  // null before the first
  std::size_t sent = 0;
  bool waits_for_write = false;
  std::string reply;
  std::size_t body_left = 0;
  bool in_body = false;
  int status = 0;
  Clock::time_point begun;
};

class Load {
 public:
  explicit Load(Options options) : options_(std::move(options)), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < std::max(options_.targets.size(), options_.bodies.size()); ++i) {
      const bool has_body = !options_.bodies.empty();
      std::string text = has_body ? "POST " : "GET ";
      text += options_.targets[i % options_.targets.size()] + " HTTP/1.1\r\nHost: " + options_.host + "\r\n";
      for (const auto& header : options_.headers) text += header + "\r\n";
      if (has_body) {
        std::ifstream file(options_.bodies[i % options_.bodies.size()], std::ios::binary);
        if (!file) die("cannot read " + options_.bodies[i % options_.bodies.size()]);
        std::stringstream body;
        body << file.rdbuf();
        text += "Content-Length: " + std::to_string(body.view().size()) + "\r\n\r\n";
        text += body.view();
      } else {
        text += "\r\n";
      }
      requests_.push_back(std::move(text));
    }
  }

  void run() {
    for (int i = 0; i < options_.connections; ++i) {
      auto one = std::make_unique<Connection>();
      open(*one);
      connections_.push_back(std::move(one));
    }
    begun_ = Clock::now();
    for (auto& one : connections_) begin(*one);
    std::vector<epoll_event> events(1024);
    while (active_ > 0) {
      const int timeout = delayed_.empty() ? idle_seconds_max * 1000 : 1;
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout);
      if (count == 0 && delayed_.empty()) die("no answer for a minute");
      for (int i = 0; i < count; ++i) {
        auto& one = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
        const auto what = events[static_cast<std::size_t>(i)].events;
        if ((what & EPOLLOUT) != 0 && one.request != nullptr && one.sent < one.request->size()) write(one);
        if ((what & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read(one);
      }
      const auto now = Clock::now();
      while (!delayed_.empty() && delayed_.begin()->first <= now) {
        Connection* one = delayed_.begin()->second;
        delayed_.erase(delayed_.begin());
        --active_;
        begin(*one);
      }
    }
    print();
  }

 private:
  void open(Connection& one) {
    one.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr);
    if (connect(one.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      die(std::string("connect: ") + std::strerror(errno));
    const int on = 1;
    setsockopt(one.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(one.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &one}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, one.fd, &event);
  }

  bool more() const {
    if (options_.requests > 0) return started_ < options_.requests;
    return Clock::now() - begun_ < std::chrono::duration<double>(options_.seconds + options_.warm_seconds);
  }

  void begin(Connection& one) {
    if (!more()) return;
    ++active_;
    ++started_;
    one.request = &requests_[next_++ % requests_.size()];
    one.sent = 0;
    one.reply.clear();
    one.in_body = false;
    one.begun = Clock::now();
    write(one);
  }

  void want_write(Connection& one, bool wanted) {
    if (one.waits_for_write == wanted) return;
    one.waits_for_write = wanted;
    epoll_event event{.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = &one}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, one.fd, &event);
  }

  void write(Connection& one) {
    while (one.sent < one.request->size()) {
      const ssize_t n = ::send(one.fd, one.request->data() + one.sent, one.request->size() - one.sent, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno != EAGAIN) return;  // the answer tells why, if there is one
        return want_write(one, true);
      }
      one.sent += static_cast<std::size_t>(n);
    }
    want_write(one, false);
  }

  void read(Connection& one) {
    char buffer[16384];
    while (true) {
      const ssize_t n = ::recv(one.fd, buffer, sizeof buffer, 0);
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) return lost(one);
      std::string_view bytes(buffer, static_cast<std::size_t>(n));
      if (!one.in_body) {
        one.reply += bytes;
        const auto end = one.reply.find("\r\n\r\n");
        if (end == std::string::npos) continue;
        one.status = std::atoi(one.reply.c_str() + 9);
        const std::size_t length = content_length(std::string_view(one.reply).substr(0, end));
        const std::size_t got = one.reply.size() - end - 4;
        one.in_body = true;
        one.body_left = length - std::min(length, got);
      } else {
        one.body_left -= std::min(one.body_left, bytes.size());
      }
      if (one.in_body && one.body_left == 0) return answered(one);
    }
  }

  static std::size_t content_length(std::string_view head) {
    std::string lower(head);
    std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    const auto at = lower.find("content-length:");
    if (at == std::string::npos) die("an answer without Content-Length");
    return std::strtoull(lower.c_str() + at + 15, nullptr, 10);
  }

  void lost(Connection& one) {
    ++lost_;
    if (lost_ > 1000) die("the server closes connections");
    close(one.fd);
    one.waits_for_write = false;
    open(one);
    --active_;
    --started_;
    begin(one);
  }

  void answered(Connection& one) {
    const auto now = Clock::now();
    ++statuses_[one.status];
    one.in_body = false;
    const bool refused = one.status == 429 || one.status == 503;
    if (refused) {
      --started_;
      delayed_.emplace(now + retry_delay, &one);
      return;
    }
    if (now - begun_ >= std::chrono::duration<double>(options_.warm_seconds)) {
      if (options_.seconds == 0 ||
          now - begun_ < std::chrono::duration<double>(options_.warm_seconds + options_.seconds))
        latencies_us_.push_back(
            static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::microseconds>(now - one.begun).count()));
    }
    --active_;
    begin(one);
  }

  double percentile(double share) {
    if (latencies_us_.empty()) return 0;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(latencies_us_.size() - 1));
    std::nth_element(latencies_us_.begin(), latencies_us_.begin() + static_cast<std::ptrdiff_t>(at),
                     latencies_us_.end());
    return latencies_us_[at] / 1000.0;
  }

  void print() {
    const double elapsed = std::chrono::duration<double>(Clock::now() - begun_).count();
    const double counted = options_.seconds > 0 ? options_.seconds : elapsed;
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const double cpu = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                       static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    std::string statuses;
    for (const auto& [status, count] : statuses_)
      statuses += (statuses.empty() ? "\"" : ",\"") + std::to_string(status) + "\":" + std::to_string(count);
    std::printf(
        "{\"requests\":%zu,\"seconds\":%.4f,\"requests_per_second\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%."
        "3f,"
        "\"statuses\":{%s},\"lost\":%llu,\"cpu_seconds\":%.3f}\n",
        latencies_us_.size(), counted, static_cast<double>(latencies_us_.size()) / counted, percentile(0.5),
        percentile(0.99), percentile(1.0), statuses.c_str(), static_cast<unsigned long long>(lost_), cpu);
  }

  Options options_;
  int epoll_;
  std::vector<std::string> requests_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::multimap<Clock::time_point, Connection*> delayed_;
  std::uint64_t started_ = 0, active_ = 0, lost_ = 0, next_ = 0;
  std::map<int, std::uint64_t> statuses_;
  std::vector<std::uint32_t> latencies_us_;
  Clock::time_point begun_;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--host") options.host = value;
    if (name == "--port") options.port = std::atoi(value);
    if (name == "--target") options.targets.emplace_back(value);
    if (name == "--header") options.headers.emplace_back(value);
    if (name == "--body") options.bodies.emplace_back(value);
    if (name == "--connections") options.connections = std::atoi(value);
    if (name == "--requests") options.requests = std::strtoull(value, nullptr, 10);
    if (name == "--seconds") options.seconds = std::atof(value);
    if (name == "--warm-seconds") options.warm_seconds = std::atof(value);
  }
  if (options.port == 0 || options.targets.empty() || (options.requests == 0 && options.seconds == 0))
    die("--port, --target, and --requests or --seconds are needed");
  Load(std::move(options)).run();
  return 0;
}
