// SPDX-License-Identifier: Apache-2.0
// RemoteFile: a file at an http(s) URL, read once from front to back over connections that may break.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/client.h"
#include "jobs/import_control.h"

namespace kinglet::jobs {

struct RemoteFileOptions {
  bool private_addresses = false;  // loopback, private and link-local hosts may be read (attacks.md S7)
  int failures_max = 6;            // in a row, without a byte in between
  std::chrono::milliseconds pause_min{200}, pause_max{10'000};  // between tries; doubled each time
  std::chrono::milliseconds idle_timeout{60'000};               // for a connection, a head, or the next bytes
  std::chrono::milliseconds patience{2 * 3600 * 1000};          // for all of it
  int redirects_max = 5;
};

/// Reads the body of one GET. A broken connection, 429 and 5xx are tried again, at the byte where it broke: with Range
/// and If-Range where the server gives an ETag or a Last-Modified date. Otherwise the file is read from its beginning
/// again and compared with what was read before. So the bytes are those of one version of the file, or an error.
/// Every redirect of every try passes the address policy.
/// Thread: the io thread that made it.
class RemoteFile final : public http::BodyReader {
 public:
  RemoteFile(asio::any_io_executor executor, http::Url url, std::shared_ptr<ImportControl> control,
             RemoteFileOptions options = {});
  ~RemoteFile() override;

  /// The first answer. Errors: invalid (a status that no repetition changes, a redirect to nowhere), forbidden
  /// (address), unavailable and timeout (after all tries), cancelled.
  Task<Status> open();
  /// Of the first answer; after open().
  const http::Headers& headers() const;

  /// Errors: as open(); conflict when the file is another one than at first.
  Task<Result<std::size_t>> read_some(std::span<char> to) override;
  std::optional<std::uint64_t> content_length() const override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::jobs
