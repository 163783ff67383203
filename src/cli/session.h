// SPDX-License-Identifier: Apache-2.0
// Session: which server, with which token, and one request to it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/terminal.h"
#include "http/client.h"
#include "json/document.h"

namespace kinglet::cli {

/// Flags that stand before the subcommand. Empty ones are filled from KINGLET_HOST/TB_HOST, KINGLET_TOKEN/TB_TOKEN, a
/// `.tinyb` file here or above, and last from the server on this machine, whose tokens it tells itself.
struct GlobalFlags {
  std::string host, token;
  Output output = Output::human;
};

struct Reply {
  int status = 0;
  std::string body;
  std::string content_type;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

class Session {
 public:
  /// Errors: unavailable (no server there), unauthenticated (no token to be had), invalid (address, .tinyb).
  static Result<Session> open(const GlobalFlags& flags);

  /// Of a server that is known, whatever variables and files say.
  static Session at(std::string host, std::string token);

  const std::string& host() const { return host_; }
  const std::string& token() const { return token_; }
  /// True when the token came from the server's own /tokens.
  bool local() const { return local_; }

  struct Request {
    std::string method = "GET";
    std::string path;
    Parameters query = {};
    std::string body = {};
    std::string content_type = {};
    std::unique_ptr<http::BodySource> stream = {};
    std::optional<std::uint64_t> stream_length = {};  // unknown: sent in chunks
    std::chrono::seconds patience{300};
  };
  /// Any status is a Reply. Errors: unavailable, timeout.
  Result<Reply> send(Request request) const;
  /// A 2xx reply as JSON; any other is an Error with the server's own text.
  Result<json::value> json(Request request) const;
  Result<json::value> get(std::string path, Parameters query = {}) const;

 private:
  Session() = default;
  std::string host_, token_;
  bool local_ = false;
};

/// The message of an error reply: its `error`, else its text.
Error reply_error(const Reply& reply);

}  // namespace kinglet::cli
