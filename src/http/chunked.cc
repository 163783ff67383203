// SPDX-License-Identifier: Apache-2.0
#include "http/chunked.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"
#include "http/text.h"

namespace kinglet::http::internal {
namespace {

std::unexpected<Error> malformed() {
  return fail(Code::invalid, "A malformed chunk in the body");
}

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 127;
}

bool is_token(std::string_view text) {
  static constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), good);
}

}  // namespace

Result<std::optional<std::string_view>> ChunkedDecoder::take_line(std::string_view in, Step& step) const {
  const std::string_view rest = in.substr(step.consumed);
  const std::size_t end = rest.find_first_of("\r\n");
  const std::size_t size = std::min(end, rest.size());
  if (size > line_bytes_max)
    return fail(Code::invalid, "A chunk header or trailer is longer than {} bytes", line_bytes_max);
  if (std::any_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size), is_control)) return malformed();
  const bool complete = end != std::string_view::npos && end + 1 < rest.size();
  if (end != std::string_view::npos && (rest[end] == '\n' || (complete && rest[end + 1] != '\n'))) return malformed();
  if (!complete) {
    step.need_more = true;
    return std::nullopt;
  }
  step.consumed += size + 2;
  return rest.substr(0, size);
}

/// chunk-size [chunk-ext]: hexadecimal digits, then nothing or ';' and an extension, which means nothing to us.
Status ChunkedDecoder::read_size(std::string_view line) {
  const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), remaining_, 16);
  const std::string_view extension(end, static_cast<std::size_t>(line.data() + line.size() - end));
  const bool number = problem == std::errc() && line.front() != '-';
  if (!number || (!extension.empty() && !trim(extension).starts_with(';')) || remaining_ > INT64_MAX)
    return malformed();
  state_ = remaining_ == 0 ? State::trailer : State::data;
  return {};
}

Status ChunkedDecoder::read_trailer(std::string_view line) {
  const std::size_t colon = std::min(line.find(':'), line.size());
  const std::string_view name = line.substr(0, colon);
  if (colon == line.size() || !is_token(name) || trailers_.size() == trailers_max)
    return fail(Code::invalid, "A malformed trailer behind the body");
  // Fields that framing or routing depend on have no business there (RFC 9110 section 6.5.1).
  for (const std::string_view forbidden :
       {"content-length", "transfer-encoding", "host", "trailer", "content-encoding", "authorization"}) {
    if (same_text(name, forbidden)) return fail(Code::invalid, "The field {} cannot be a trailer", forbidden);
  }
  trailers_.add(std::string(name), std::string(trim(line.substr(colon + 1))));
  return {};
}

Result<ChunkedDecoder::Step> ChunkedDecoder::decode(std::string_view in, std::span<char> out) {
  Step step;
  while (state_ != State::done && !step.need_more) {
    if (state_ == State::data) {
      const std::size_t room = std::min(in.size() - step.consumed, out.size() - step.produced);
      const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(room, remaining_));
      if (size == 0) {
        step.need_more = step.consumed == in.size();
        return step;
      }
      std::memcpy(out.data() + step.produced, in.data() + step.consumed, size);
      step.consumed += size;
      step.produced += size;
      accept(size);
      continue;
    }
    TRY(const auto line, take_line(in, step));
    if (!line) break;
    if (state_ == State::data_end) {
      if (!line->empty()) return malformed();
      state_ = State::size;
    } else if (state_ == State::size) {
      if (line->empty()) return malformed();
      TRY_VOID(read_size(*line));
    } else if (line->empty()) {
      state_ = State::done;
    } else {
      TRY_VOID(read_trailer(*line));
    }
  }
  return step;
}

void ChunkedDecoder::accept(std::size_t size) {
  CHECK(state_ == State::data && size <= remaining_, "only bytes of the current chunk are accepted");
  remaining_ -= size;
  if (remaining_ == 0) state_ = State::data_end;
}

}  // namespace kinglet::http::internal
