// SPDX-License-Identifier: Apache-2.0
#include "engine/exception.h"

#include <algorithm>
#include <charconv>

namespace kinglet::engine {

Code code_of_exception(int engine_code) {
  switch (engine_code) {
    case 159:  // TIMEOUT_EXCEEDED
    case 160:  // TOO_SLOW
      return Code::timeout;
    case 394:  // QUERY_WAS_CANCELLED
      return Code::cancelled;
    case 202:  // TOO_MANY_SIMULTANEOUS_QUERIES
    case 209:  // SOCKET_TIMEOUT
    case 210:  // NETWORK_ERROR
    case 225:  // NO_ZOOKEEPER
    case 242:  // TABLE_IS_READ_ONLY: the replica lost its keeper
    case 243:  // NOT_ENOUGH_SPACE
    case 252:  // TOO_MANY_PARTS: merges are behind
    case 279:  // ALL_CONNECTION_TRIES_FAILED
    case 285:  // TOO_FEW_LIVE_REPLICAS
    case 319:  // UNKNOWN_STATUS_OF_INSERT
    case 439:  // CANNOT_SCHEDULE_TASK
    case 999:  // KEEPER_EXCEPTION
      return Code::unavailable;
    default:
      return Code::engine_refused;
  }
}

Error parse_exception(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  Error error{.code = Code::engine_refused, .message = std::string(text)};
  static constexpr std::string_view code_mark = "Code: ";
  static constexpr std::string_view text_mark = "Exception: ";
  if (!text.starts_with(code_mark)) return error;
  const char* const end = text.data() + text.size();
  int code = 0;
  const auto [after_code, problem] = std::from_chars(text.data() + code_mark.size(), end, code);
  if (problem != std::errc() || code <= 0) return error;
  error.engine_code = code;
  error.code = code_of_exception(code);
  text.remove_prefix(static_cast<std::size_t>(after_code - text.data()));
  const std::size_t begin = text.find(text_mark);
  if (begin != std::string_view::npos) text.remove_prefix(begin + text_mark.size());
  const std::size_t version = text.rfind(" (version ");
  if (version != std::string_view::npos) text = text.substr(0, version);
  // Errors that the engine wraps carry their stack traces, addresses only.
  text = text.substr(0, text.find(", Stack trace (when copying this message"));
  error.message = std::string(text);
  return error;
}

LateExceptionFilter::LateExceptionFilter(std::string_view tag) {
  if (!tag.empty()) mark_ = "\r\n__exception__\r\n" + std::string(tag) + "\r\n";
}

std::string LateExceptionFilter::pass(std::string_view bytes) {
  if (mark_.empty()) {
    if (bytes.size() >= tail_bytes_max) {
      tail_ = bytes.substr(bytes.size() - tail_bytes_max);
    } else {
      tail_ += bytes;
      if (tail_.size() > tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
    }
    return std::string(bytes);
  }
  if (found_) {
    block_ += bytes.substr(0, block_bytes_max - std::min(block_.size(), block_bytes_max));
    return {};
  }
  std::string data = std::move(held_);
  held_.clear();
  data += bytes;
  const std::size_t at = data.find(mark_);
  if (at != std::string::npos) {
    found_ = true;
    block_ = data.substr(at + mark_.size(), block_bytes_max);
    data.resize(at);
    return data;
  }
  // The longest end of the data that the mark could begin with.
  std::size_t from = data.size() - std::min(data.size(), mark_.size() - 1);
  while ((from = data.find('\r', from)) != std::string::npos) {
    const std::string_view suffix = std::string_view(data).substr(from);
    if (std::string_view(mark_).starts_with(suffix)) {
      held_ = suffix;
      data.resize(from);
      break;
    }
    ++from;
  }
  return data;
}

std::string LateExceptionFilter::rest() {
  return std::exchange(held_, {});
}

std::optional<Error> LateExceptionFilter::exception(bool cut) const {
  if (found_) {
    // The text ends before the line "length TAG"; a block that was cut itself is still an error.
    std::string_view text = block_;
    const std::size_t end_mark = text.rfind("\r\n__exception__\r\n");
    if (end_mark != std::string_view::npos) {
      text = text.substr(0, end_mark);
      text = text.substr(0, std::min(text.rfind('\n'), text.size()));
    }
    Error error = parse_exception(text);
    if (error.message.empty()) error.message = "The engine failed in the middle of its reply";
    return error;
  }
  if (!cut) return std::nullopt;
  const std::size_t at = tail_.rfind("Code: ");
  if (at == std::string::npos || tail_.find("DB::Exception: ", at) == std::string::npos) return std::nullopt;
  return parse_exception(std::string_view(tail_).substr(at));
}

}  // namespace kinglet::engine
