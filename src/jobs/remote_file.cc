// SPDX-License-Identifier: Apache-2.0
#include "jobs/remote_file.h"

#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/log.h"
#include "http/address_policy.h"

namespace kinglet::jobs {
namespace {

constexpr std::size_t piece_bytes = 256u << 10;
constexpr std::uint64_t wait_asked_for_max_seconds = 60;  // of Retry-After

/// SHA-256 of what was read so far: a file that cannot be resumed at a byte is read again and compared.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_sha256(), nullptr); }
  ~Digest() { EVP_MD_CTX_free(context_); }
  Digest(const Digest&) = delete;
  Digest& operator=(const Digest&) = delete;
  void add(std::string_view bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  /// Of the bytes up to now; more may follow.
  std::string value() const {
    EVP_MD_CTX* copy = EVP_MD_CTX_new();
    std::string out(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    if (EVP_MD_CTX_copy_ex(copy, context_) == 1)
      EVP_DigestFinal_ex(copy, reinterpret_cast<unsigned char*>(out.data()), &size);
    EVP_MD_CTX_free(copy);
    out.resize(size);
    return out;
  }

 private:
  EVP_MD_CTX* context_;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "bytes 100-199/200"; the total may be `*`.
struct ContentRange {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> total;
};
std::optional<ContentRange> parse_content_range(std::string_view text) {
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  const auto dash = text.find('-'), slash = text.find('/');
  if (dash == text.npos || slash == text.npos || dash > slash) return std::nullopt;
  const auto first = number(text.substr(0, dash));
  if (!first) return std::nullopt;
  return ContentRange{.first = *first, .total = number(text.substr(slash + 1))};
}

bool is_worth_another_try(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timeout || error.code == Code::invalid;
}

}  // namespace

struct RemoteFile::State {
  State(asio::any_io_executor executor, http::Url u, std::shared_ptr<ImportControl> c, RemoteFileOptions o)
      : executor_(executor),
        url(std::move(u)),
        control(std::move(c)),
        options(o),
        client(std::move(executor), limits(o)) {}

  static http::ClientOptions limits(const RemoteFileOptions& options) {
    http::ClientOptions out;
    out.connections_max = 2;
    if (!options.private_addresses) out.address_policy = http::public_addresses_only();
    return out;
  }

  asio::any_io_executor executor_;
  http::Url url;
  std::shared_ptr<ImportControl> control;
  RemoteFileOptions options;
  http::Client client;
  std::unique_ptr<http::ClientReply> reply;  // null: broken, to be opened again
  http::Headers first_headers;
  std::optional<std::uint64_t> total;
  std::string etag, modified;  // validators of the first answer; weak ETags do not tell versions apart
  std::uint64_t position = 0;
  Digest digest;
  bool ended = false;
  int failures = 0;
  Deadline until = Clock::now() + options.patience;

  Deadline idle_deadline() const { return std::min(until, Clock::now() + options.idle_timeout); }

  Task<Result<std::unique_ptr<http::ClientReply>>> get(bool resume) {
    http::ClientRequest request;
    request.deadline = until;
    // Ranges count bytes of one coding: with another one they would be of another file.
    request.headers = {{"Accept-Encoding", "identity"}, {"User-Agent", "kinglet"}, {"Accept", "*/*"}};
    if (!url.user.empty() || !url.password.empty()) request.headers.add("Authorization", basic());
    if (resume) {
      request.headers.add("Range", fmt::format("bytes={}-", position));
      request.headers.add("If-Range", etag.empty() ? modified : etag);
    }
    auto step = client.send_following(url, std::move(request), options.redirects_max);
    auto answer = co_await control->run(std::move(step), idle_deadline());
    co_return answer;
  }
  std::string basic() const {
    const auto plain = url.user + ":" + url.password;
    std::string out(4 * ((plain.size() + 2) / 3) + 1, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                        reinterpret_cast<const unsigned char*>(plain.data()), static_cast<int>(plain.size()));
    out.resize(static_cast<std::size_t>(size));
    return "Basic " + out;
  }

  std::unexpected<Error> changed() const {
    return fail(Code::conflict, "the file changed while it was read: {} bytes of the former version were read",
                position);
  }

  /// Nothing when the wait is over; an error when there were too many failures.
  Task<Status> pause(Error why, std::optional<std::string_view> retry_after) {
    if (++failures > options.failures_max) {
      why.message = fmt::format("{} (tried {} times, {} bytes were read)", why.message, failures, position);
      co_return fail(std::move(why));
    }
    auto wait = std::min(options.pause_min * (1 << std::min(failures - 1, 16)), options.pause_max);
    if (retry_after)
      if (const auto seconds = number(*retry_after))
        wait = std::max(wait, std::chrono::milliseconds(1000 * std::min(*seconds, wait_asked_for_max_seconds)));
    if (Clock::now() + wait >= until) co_return fail(std::move(why));
    auto sleep = [](std::chrono::milliseconds time) -> Task<Result<bool>> {
      asio::steady_timer timer(co_await asio::this_coro::executor, time);
      co_await timer.async_wait(use_task);
      co_return true;
    };
    auto step = sleep(wait);
    auto slept = co_await control->run(std::move(step));
    if (!slept) co_return fail(std::move(slept.error()));
    co_return Status{};
  }

  /// Makes `reply` stand at `position`, after as many tries as it takes.
  Task<Status> connect() {
    for (;;) {
      const bool resume = position > 0 && (!etag.empty() || !modified.empty());
      auto answer = co_await get(resume);
      if (!answer) {
        if (!is_worth_another_try(answer.error()) || answer.error().code == Code::invalid)
          co_return fail(std::move(answer.error()));
        CO_TRY_VOID(co_await pause(std::move(answer.error()), std::nullopt));
        continue;
      }
      const int status = (*answer)->status();
      if (status == 429 || status >= 500) {
        Error why{.code = Code::unavailable, .message = fmt::format("the address answered with status {}", status)};
        const auto after = (*answer)->headers().get("Retry-After");
        CO_TRY_VOID(co_await pause(std::move(why), after));
        continue;
      }
      if (resume && status == 416) co_return changed();  // there are fewer bytes than were read
      if (status != 200 && !(resume && status == 206))
        co_return fail(Code::invalid, "the address answered with status {}", status);
      reply = std::move(*answer);
      if (position == 0) {
        take_first_head();
        co_return Status{};
      }
      auto stands = status == 206 ? check_range() : co_await read_again();
      if (stands) co_return Status{};
      reply.reset();
      if (!is_worth_another_try(stands.error())) co_return fail(std::move(stands.error()));
      CO_TRY_VOID(co_await pause(std::move(stands.error()), std::nullopt));
    }
  }

  void take_first_head() {
    first_headers = reply->headers();
    total = reply->body().content_length();
    etag = first_headers.get("ETag").value_or("");
    if (etag.starts_with("W/")) etag.clear();
    modified = first_headers.get("Last-Modified").value_or("");
    control->counters.bytes_total = total.value_or(0);
  }

  bool has_same_validators() const {
    const auto& headers = reply->headers();
    const auto tag = headers.get("ETag"), date = headers.get("Last-Modified");
    if (!etag.empty() && tag && *tag != etag) return false;
    return modified.empty() || !date || *date == modified;
  }

  Status check_range() const {
    const auto range = parse_content_range(reply->headers().get("Content-Range").value_or(""));
    if (!range || range->first != position)
      return fail(Code::conflict, "the server answered with another range of bytes than was asked for");
    if (!has_same_validators() || (total && range->total && *total != *range->total)) return changed();
    return {};
  }

  /// The server sent the whole file: what was read before must be its beginning.
  Task<Status> read_again() {
    const auto length = reply->body().content_length();
    if (!has_same_validators() || (total && length && *total != *length)) co_return changed();
    Digest again;
    const auto buffer = std::make_unique_for_overwrite<char[]>(piece_bytes);
    for (std::uint64_t left = position; left > 0;) {
      auto step = reply->body().read_some({buffer.get(), std::min<std::uint64_t>(left, piece_bytes)});
      CO_TRY(const auto count, co_await control->run(std::move(step), idle_deadline()));
      if (count == 0) co_return changed();
      again.add({buffer.get(), count});
      left -= count;
    }
    if (again.value() != digest.value()) co_return changed();
    co_return Status{};
  }
};

RemoteFile::RemoteFile(asio::any_io_executor executor, http::Url url, std::shared_ptr<ImportControl> control,
                       RemoteFileOptions options)
    : state_(std::make_unique<State>(std::move(executor), std::move(url), std::move(control), options)) {}
RemoteFile::~RemoteFile() = default;

Task<Status> RemoteFile::open() {
  auto status = co_await state_->connect();
  co_return status;
}

const http::Headers& RemoteFile::headers() const {
  return state_->first_headers;
}

std::optional<std::uint64_t> RemoteFile::content_length() const {
  return state_->total;
}

Task<Result<std::size_t>> RemoteFile::read_some(std::span<char> to) {
  State& s = *state_;
  while (!s.ended) {
    if (!s.reply) CO_TRY_VOID(co_await s.connect());
    auto step = s.reply->body().read_some(to);
    auto count = co_await s.control->run(std::move(step), s.idle_deadline());
    if (count && *count > 0) {
      s.failures = 0;
      s.position += *count;
      s.digest.add({to.data(), *count});
      s.control->counters.bytes_read += *count;
      co_return *count;
    }
    if (count && (!s.total || s.position == *s.total)) {
      s.ended = true;
      break;
    }
    s.reply.reset();
    if (count) count = fail(Code::unavailable, "the answer ended after {} of {} bytes", s.position, *s.total);
    if (!is_worth_another_try(count.error())) co_return fail(std::move(count.error()));
    log::info("an import's connection broke", {{"bytes", s.position}, {"error", count.error().message}});
    CO_TRY_VOID(co_await s.pause(std::move(count.error()), std::nullopt));
  }
  co_return std::size_t{0};
}

}  // namespace kinglet::jobs
