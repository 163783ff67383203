// SPDX-License-Identifier: Apache-2.0
#include "http/multipart.h"

#include <algorithm>

#include "base/random.h"
#include "http/text.h"

namespace kinglet::http {

namespace {
constexpr std::size_t epilogue_bytes_max = 64 << 10;
}

Result<std::string> multipart_boundary(std::string_view content_type) {
  if (media_type(content_type) != "multipart/form-data") {
    return fail(Code::unsupported, "The Content-Type must be multipart/form-data, it is '{}'",
                media_type(content_type));
  }
  const auto boundary = header_parameter(content_type, "boundary");
  if (!boundary || boundary->empty())
    return fail(Code::invalid, "The Content-Type multipart/form-data has no boundary");
  const auto bad = [](char c) { return static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > 126; };
  if (boundary->size() > 200 || std::any_of(boundary->begin(), boundary->end(), bad)) {
    return fail(Code::invalid, "The multipart boundary is malformed or longer than 200 characters");
  }
  return *boundary;
}

MultipartParser::MultipartParser(std::string boundary, MultipartLimits limits)
    : limits_(limits), delimiter_("\r\n--" + std::move(boundary)) {
  // The first boundary may open the body: the line break before it is then not there.
  bytes_ = "\r\n";
}

void MultipartParser::feed(std::string_view bytes) {
  bytes_.erase(0, at_);
  searched_ -= std::min(searched_, at_);
  at_ = 0;
  bytes_ += bytes;
}

Result<MultipartParser::Event> MultipartParser::need_more(std::string_view what) const {
  if (finished_) return fail(Code::invalid, "The multipart body ends in the middle of {}", what);
  return Event{};
}

Result<MultipartParser::Event> MultipartParser::next() {
  while (true) {
    const State before = state_;
    Result<Event> event = Event{};
    switch (state_) {
      case State::preamble:
        event = read_preamble();
        break;
      case State::after_boundary:
        event = read_after_boundary();
        break;
      case State::head:
        event = read_head();
        break;
      case State::body:
        event = read_body();
        break;
      case State::epilogue:
        at_ = bytes_.size();
        return Event{.kind = Kind::end};
    }
    const bool moved_on = event && event->kind == Kind::need_more && state_ != before;
    if (!moved_on) return event;
  }
}

Result<MultipartParser::Event> MultipartParser::read_preamble() {
  const std::size_t found = bytes_.find(delimiter_, at_);
  if (found == std::string::npos) {
    at_ = bytes_.size() - std::min(bytes_.size() - at_, delimiter_.size() - 1);
    return need_more("its first boundary");
  }
  at_ = found + delimiter_.size();
  state_ = State::after_boundary;
  return Event{};
}

/// Behind a boundary: "--" ends the body, a line break begins a part; spaces may stand before it.
Result<MultipartParser::Event> MultipartParser::read_after_boundary() {
  static constexpr std::size_t padding_max = 128;
  std::string_view text = rest();
  if (text.starts_with("--")) {
    state_ = State::epilogue;
    return Event{.kind = Kind::end};
  }
  const std::size_t padding = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(padding);
  if (padding > padding_max) return fail(Code::invalid, "A multipart boundary line is malformed");
  if (text.starts_with("\r\n")) {
    if (++part_count_ > limits_.parts_max)
      return fail(Code::too_large, "More than {} parts in the multipart body", limits_.parts_max);
    at_ += padding + 2;
    searched_ = at_;
    state_ = State::head;
    return Event{};
  }
  const bool may_become_good = text.empty() || text == "\r" || (padding == 0 && text == "-");
  if (!may_become_good) return fail(Code::invalid, "A multipart boundary line is malformed");
  return need_more("a boundary line");
}

Result<MultipartParser::Event> MultipartParser::read_head() {
  // A head without fields is its empty line alone.
  const bool no_fields = rest().starts_with("\r\n");
  const std::size_t from = std::max(at_, searched_ - std::min<std::size_t>(searched_, 3));
  const std::size_t end = no_fields ? at_ : bytes_.find("\r\n\r\n", from);
  const std::size_t size = (end == std::string::npos ? bytes_.size() : end) - at_;
  // Three bytes of the empty line may be here already.
  const std::size_t size_max = limits_.part_head_bytes_max + (end == std::string::npos ? 3 : 0);
  if (size > size_max) {
    return fail(Code::too_large, "The head of multipart part {} is larger than {} bytes", part_count_,
                limits_.part_head_bytes_max);
  }
  if (end == std::string::npos) {
    searched_ = bytes_.size();
    return need_more("the head of a part");
  }
  Event event{.kind = Kind::part};
  std::string_view lines = rest().substr(0, size);
  at_ = end + (no_fields ? 2 : 4);
  while (!lines.empty()) {
    const std::size_t line_end = std::min(lines.find("\r\n"), lines.size());
    const std::string_view line = lines.substr(0, line_end);
    lines.remove_prefix(std::min(line_end + 2, lines.size()));
    const std::size_t colon = line.find(':');
    const bool good = colon != std::string_view::npos && colon > 0 && line.front() != ' ' && line.front() != '\t' &&
                      line.find('\0') == std::string_view::npos && line.find('\n') == std::string_view::npos;
    if (!good) return fail(Code::invalid, "A header of multipart part {} is malformed", part_count_);
    if (event.part.headers.size() == limits_.part_headers_max) {
      return fail(Code::too_large, "More than {} headers in multipart part {}", limits_.part_headers_max, part_count_);
    }
    event.part.headers.add(std::string(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
  }
  const auto disposition = event.part.headers.get("content-disposition");
  if (!disposition || media_type(*disposition) != "form-data") {
    return fail(Code::invalid, "Multipart part {} has no 'Content-Disposition: form-data'", part_count_);
  }
  auto name = header_parameter(*disposition, "name");
  if (!name) return fail(Code::invalid, "Multipart part {} has no name", part_count_);
  event.part.name = std::move(*name);
  event.part.filename = header_parameter(*disposition, "filename");
  event.part.content_type = std::string(event.part.headers.get("content-type").value_or(""));
  part_bytes_ = 0;
  state_ = State::body;
  // The line break of the empty line may be the one that begins the next boundary: a part without a body.
  at_ -= 2;
  body_begun_ = false;
  return event;
}

Result<MultipartParser::Event> MultipartParser::read_body() {
  if (!body_begun_) {
    const bool undecided = rest().size() < delimiter_.size() && std::string_view(delimiter_).starts_with(rest());
    if (undecided) return need_more("a part");
    if (!rest().starts_with(delimiter_)) at_ += 2;
    body_begun_ = true;
  }
  const std::string_view text = rest();
  const std::size_t found = text.find(delimiter_);
  if (found == 0) {
    at_ += delimiter_.size();
    state_ = State::after_boundary;
    return Event{.kind = Kind::part_end};
  }
  std::size_t size = found;
  if (found == std::string_view::npos) {
    // Everything but an end that the delimiter could begin with.
    size = text.size();
    std::size_t from = text.size() - std::min(text.size(), delimiter_.size() - 1);
    while ((from = text.find('\r', from)) != std::string_view::npos) {
      if (std::string_view(delimiter_).starts_with(text.substr(from))) {
        size = from;
        break;
      }
      ++from;
    }
  }
  if (size == 0) return need_more("a part");
  part_bytes_ += size;
  if (part_bytes_ > limits_.part_bytes_max) {
    return fail(Code::too_large, "Multipart part {} is larger than {} bytes", part_count_, limits_.part_bytes_max);
  }
  at_ += size;
  return Event{.kind = Kind::data, .part = {}, .data = text.substr(0, size)};
}

MultipartReader::MultipartReader(BodyReader& body, std::string boundary, const MultipartLimits& limits)
    : body_(&body), parser_(std::move(boundary), limits), buffer_(64 << 10, '\0') {}

Result<MultipartReader> MultipartReader::open(BodyReader& body, std::string_view content_type, MultipartLimits limits) {
  TRY(std::string boundary, multipart_boundary(content_type));
  return MultipartReader(body, std::move(boundary), limits);
}

Task<Result<MultipartParser::Event>> MultipartReader::next_event() {
  while (true) {
    auto event = parser_.next();
    if (!event || event->kind != MultipartParser::Kind::need_more) co_return event;
    auto read = co_await body_->read_some(buffer_);
    if (!read) co_return std::unexpected(std::move(read).error());
    if (*read == 0) {
      parser_.finish();
    } else {
      parser_.feed({buffer_.data(), *read});
    }
  }
}

Task<Result<std::optional<PartHead>>> MultipartReader::next_part() {
  while (true) {
    auto event = co_await next_event();
    if (!event) co_return std::unexpected(std::move(event).error());
    switch (event->kind) {
      case MultipartParser::Kind::part:
        in_part_ = true;
        co_return std::optional(std::move(event->part));
      case MultipartParser::Kind::part_end:
        in_part_ = false;
        break;
      case MultipartParser::Kind::end: {
        in_part_ = false;
        // The epilogue is read away, so that the connection can be used again.
        std::size_t epilogue = 0;
        while (true) {
          auto read = co_await body_->read_some(buffer_);
          if (!read) co_return std::unexpected(std::move(read).error());
          if (*read == 0) break;
          epilogue += *read;
          if (epilogue > epilogue_bytes_max)
            co_return fail(Code::invalid, "More than {} bytes after the last multipart boundary", epilogue_bytes_max);
        }
        co_return std::optional<PartHead>();
      }
      default:
        break;
    }
  }
}

Task<Result<std::string_view>> MultipartReader::read_some() {
  if (!in_part_) co_return std::string_view();
  auto event = co_await next_event();
  if (!event) co_return std::unexpected(std::move(event).error());
  if (event->kind != MultipartParser::Kind::data) {
    in_part_ = false;
    co_return std::string_view();
  }
  co_return event->data;
}

Task<Result<std::string>> MultipartReader::read_part(std::size_t bytes_max) {
  std::string body;
  while (true) {
    auto piece = co_await read_some();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > bytes_max)
      co_return fail(Code::too_large, "A multipart part is larger than {} bytes", bytes_max);
    body += *piece;
  }
}

Task<Result<std::vector<Part>>> read_all_parts(BodyReader& body, std::string content_type, std::size_t bytes_max,
                                               MultipartLimits limits) {
  CO_TRY(MultipartReader reader, MultipartReader::open(body, content_type, limits));
  std::vector<Part> parts;
  std::size_t left = bytes_max;
  while (true) {
    auto head = co_await reader.next_part();
    if (!head) co_return std::unexpected(std::move(head).error());
    if (!*head) co_return parts;
    auto text = co_await reader.read_part(left);
    if (!text && text.error().code == Code::too_large) {
      co_return fail(Code::too_large, "The parts of the multipart body are larger than {} bytes together", bytes_max);
    }
    if (!text) co_return std::unexpected(std::move(text).error());
    left -= text->size();
    parts.push_back({std::move(**head), std::move(*text)});
  }
}

Task<Result<QueryParameters>> read_form(BodyReader& body, std::size_t bytes_max, std::size_t parameters_max) {
  auto text = co_await body.read_all(bytes_max);
  if (!text) co_return std::unexpected(std::move(text).error());
  co_return parse_query(*text, parameters_max);
}

MultipartWriter::MultipartWriter() : boundary_("kinglet-" + random_secret_hex(16)) {}

void MultipartWriter::add(std::string_view name, std::string_view body, std::string_view filename,
                          std::string_view content_type) {
  // As browsers do (WHATWG): what would end the quoted text is percent-encoded.
  const auto quoted = [](std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == '"') {
        out += "%22";
      } else if (c == '\r' || c == '\n') {
        out += c == '\r' ? "%0D" : "%0A";
      } else {
        out.push_back(c);
      }
    }
    return out;
  };
  body_ += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"", boundary_, quoted(name));
  if (!filename.empty()) body_ += fmt::format("; filename=\"{}\"", quoted(filename));
  if (!content_type.empty()) body_ += fmt::format("\r\nContent-Type: {}", quoted(content_type));
  body_ += "\r\n\r\n";
  body_ += body;
  body_ += "\r\n";
}

std::string MultipartWriter::content_type() const {
  return "multipart/form-data; boundary=" + boundary_;
}

std::string MultipartWriter::take() {
  body_ += "--" + boundary_ + "--\r\n";
  return std::move(body_);
}

}  // namespace kinglet::http
