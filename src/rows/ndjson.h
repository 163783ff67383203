// SPDX-License-Identifier: Apache-2.0
// Cuts a stream of JSON text into rows: lines, one object over several lines, or the elements of an array.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kinglet::rows::internal {

/// Takes what JsonFeed finds.
class JsonSink {
 public:
  virtual ~JsonSink() = default;
  /// Whole lines. Returns the bytes consumed: fewer than all, at a line's end, once it is full.
  virtual std::size_t lines(std::string_view text) = 0;
  /// Blank lines at the start of the body that lines() does not see.
  virtual void skip_lines(std::size_t count) = 0;
  /// One JSON value of any layout.
  virtual void document(std::string_view text) = 0;
  /// Text that cannot be a row; `head` is its first bytes.
  virtual void malformed(std::string_view head, std::string_view why) = 0;
  /// Would document() take this as a row?
  virtual bool is_object(std::string_view text) = 0;
  virtual bool full() const = 0;
};

enum class JsonForm : std::uint8_t {
  ndjson,  // lines; a body that begins with `[`, or with an object over several lines, is read as json
  json,    // objects and arrays of objects, laid out freely
};

/// Feeds a sink from chunks of any size. The rows found do not depend on where the chunks were cut.
/// Limits: one row `row_bytes_max`; a first object over several lines is recognised within probe_bytes_max.
class JsonFeed {
 public:
  static constexpr std::size_t probe_bytes_max = 1u << 20;
  static constexpr std::size_t head_bytes_max = 4096;

  JsonFeed(JsonForm form, std::size_t row_bytes_max, JsonSink& sink)
      : form_(form), row_bytes_max_(row_bytes_max), sink_(sink) {}
  /// Returns the bytes consumed; fewer than all only when the sink is full.
  std::size_t feed(std::string_view chunk);
  /// The end of the stream: hands over what is left. False when the sink was full before all was given; then call
  /// again.
  bool finish();
  /// Kept from earlier chunks: the open row, or what is not decided on.
  std::size_t open_bytes() const { return piece_.size() + held_.size() - held_from_; }

 private:
  enum class Mode : std::uint8_t { start, lines, documents, broken };
  /// Between values, in a value that opened brackets, in a string at top level, in other text.
  enum class Part : std::uint8_t { between, container, string, other };

  std::size_t start(std::string_view chunk);
  void decide(bool at_end);
  void set_lines();
  void drain();
  std::size_t feed_lines(std::string_view chunk);
  std::size_t feed_documents(std::string_view chunk);
  void line_of_pieces(std::string_view tail);
  void end_document(std::string_view tail);
  void keep(std::string_view piece);

  JsonForm form_;
  std::size_t row_bytes_max_;
  JsonSink& sink_;
  Mode mode_ = Mode::start;
  std::string held_;  // start: text not yet decided on
  std::size_t held_from_ = 0;
  bool bom_checked_ = false;
  std::size_t blank_lines_ = 0;
  // Of the probe for an object over several lines:
  std::size_t probed_ = 0;
  bool probe_newline_ = false;

  std::string piece_;      // a row that began in an earlier chunk
  bool too_long_ = false;  // piece_ is only its head
  // Scanner of brackets, for the probe and for documents:
  Part part_ = Part::between;
  bool in_string_ = false, escaped_ = false;
  std::string open_;        // brackets, up to open_max
  std::size_t deeper_ = 0;  // levels beyond
  static constexpr std::size_t open_max = 4096;
  bool scan_mismatch(char c);
  std::size_t depth() const { return open_.size() + deeper_; }
  bool in_array_ = false, need_comma_ = false, ends_with_comma_ = false;
};

}  // namespace kinglet::rows::internal
