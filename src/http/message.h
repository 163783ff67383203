// SPDX-License-Identifier: Apache-2.0
// The parts of an HTTP message that server, client and handlers share: method, headers, query, bodies, response.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/task.h"

namespace kinglet::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options, other };

std::string_view method_text(Method method);
Method parse_method(std::string_view text);
/// "Not Found" for 404; "Unknown" for a number without a name.
std::string_view reason_phrase(int status);

/// Header fields in the order they came; names compare without case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  /// The first field of that name. The view lives until the next change.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> get_all(std::string_view name) const;
  bool contains(std::string_view name) const { return get(name).has_value(); }
  void add(std::string name, std::string value) {
    if (fields_.empty()) fields_.reserve(usual_fields);
    fields_.emplace_back(std::move(name), std::move(value));
  }
  /// Replaces every field of that name by one.
  void set(std::string_view name, std::string value);
  void remove(std::string_view name);

  void reserve(std::size_t fields) { fields_.reserve(fields); }

  bool empty() const { return fields_.empty(); }
  std::size_t size() const { return fields_.size(); }
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  static constexpr std::size_t usual_fields = 8;
  std::vector<Field> fields_;
};

/// The parameters of a query string or an urlencoded form, decoded, in order, repeats kept.
class QueryParameters {
 public:
  using Parameter = std::pair<std::string, std::string>;

  QueryParameters() = default;
  QueryParameters(std::initializer_list<Parameter> parameters) : parameters_(parameters) {}

  /// The first of that name. The view lives until the next change.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> get_all(std::string_view name) const;
  bool contains(std::string_view name) const { return get(name).has_value(); }
  void add(std::string name, std::string value) { parameters_.emplace_back(std::move(name), std::move(value)); }

  bool empty() const { return parameters_.empty(); }
  std::size_t size() const { return parameters_.size(); }
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }

 private:
  std::vector<Parameter> parameters_;
};

/// The body of a request (server) or of a reply (client), read piece by piece. Thread: its connection's io thread.
class BodyReader {
 public:
  virtual ~BodyReader() = default;

  /// Reads at least one byte into `to` (which must not be empty); 0 is the end. With a Content-Length the bytes go
  /// straight from the socket into `to`. Errors: invalid (bad chunk, cut body), timeout (idle), cancelled (peer left).
  virtual Task<Result<std::size_t>> read_some(std::span<char> to) = 0;
  /// The same of what has arrived already; 0: read_some() knows more.
  virtual std::size_t read_now(std::span<char>) { return 0; }
  /// What Content-Length says; nothing for a chunked body. 0 for no body.
  virtual std::optional<std::uint64_t> content_length() const = 0;
  /// Fields after the last chunk; complete only after the end was read.
  virtual const Headers& trailers() const;

  /// The rest of the body. Errors: too_large beyond `bytes_max` (before reading it, when Content-Length says so).
  Task<Result<std::string>> read_all(std::size_t bytes_max);
};

/// A body that its owner produces piece by piece.
class BodySource {
 public:
  virtual ~BodySource() = default;

  /// The next piece, sent at once; empty is the end. An Error aborts visibly: no last chunk, the connection closes.
  virtual Task<Result<std::string>> next() = 0;
  /// Asked after the end; sent as trailers when the peer can read them (request header `TE: trailers`).
  virtual Headers trailers() { return {}; }
};

/// How a reply ended, told to whoever records requests.
struct Finished {
  int status = 0;
  std::uint64_t body_bytes_sent = 0;
  bool complete = false;  // false: the peer left, or the stream aborted
  std::chrono::nanoseconds duration{};
};

struct Response {
  int status = 200;
  Headers headers = {};  // Content-Length, Transfer-Encoding, Connection and Date are the server's business
  std::string_view fixed_lines = {};  // more headers: whole lines, sent as they are, of static text
  std::string body = {};              // ignored when `stream` is there
  std::unique_ptr<BodySource> stream = {};
  /// The length of `stream` when it is known; otherwise it is sent in chunks.
  std::optional<std::uint64_t> stream_length = {};
  bool close = false;  // close the connection after this reply
  /// Called once on the io thread after the last byte, or when the reply was given up.
  std::function<void(const Finished&)> on_finished = {};
};

/// `text` with %XX decoded once. Errors: invalid (bad escape). `plus_is_space` for query strings and forms.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// Everything but A-Z a-z 0-9 - . _ ~ as %XX.
std::string percent_encode(std::string_view text);
/// `a=1&b=x+y`; a bad escape stays as it is written. Errors: invalid beyond `parameters_max` pairs.
Result<QueryParameters> parse_query(std::string_view text, std::size_t parameters_max = 10'000);

/// The media type of a Content-Type in lower case without parameters: "Text/CSV; charset=x" -> "text/csv".
std::string media_type(std::string_view content_type);
/// A parameter of a header value such as Content-Type or Content-Disposition, unquoted.
std::optional<std::string> header_parameter(std::string_view header_value, std::string_view name);

}  // namespace kinglet::http
