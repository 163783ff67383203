// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include "jobs/container_parts.h"

namespace kinglet::jobs::internal {
namespace {

/// A table of a FlatBuffer. Offsets go forward only, so there are no cycles; shared parts could be walked again and
/// again, which the counters of the callers bound. Source: flatbuffers.dev, "Internals".
class Table {
 public:
  static Result<Table> root(std::string_view bytes) {
    if (bytes.size() < 8) return damaged("a message in it is cut short");
    return at(bytes, little<std::uint32_t>(bytes, 0));
  }

  template <class T>
  T scalar(int field, T absent) const {
    const auto place = find(field, sizeof(T));
    return place == 0 ? absent : little<T>(bytes_, place);
  }
  bool has(int field) const { return find(field, 1) != 0; }
  Result<Table> table(int field) const {
    const auto place = find(field, 4);
    if (place == 0) return damaged("a message in it lacks a part");
    return at(bytes_, place + little<std::uint32_t>(bytes_, place));
  }
  /// Offset of the first element and number of elements.
  struct Vector {
    std::size_t begin = 0, count = 0;
  };
  Result<Vector> vector(int field, std::size_t element_bytes) const {
    const auto place = find(field, 4);
    if (place == 0) return Vector{};
    const auto begin = place + std::uint64_t{little<std::uint32_t>(bytes_, place)};
    if (begin + 4 > bytes_.size()) return damaged("a message in it is damaged");
    const std::uint64_t count = little<std::uint32_t>(bytes_, begin);
    if (count * element_bytes > bytes_.size() - begin - 4) return damaged("a message in it is damaged");
    return Vector{.begin = begin + 4, .count = count};
  }
  Result<Table> element(const Vector& tables, std::size_t index) const {
    const auto place = tables.begin + 4 * index;
    return at(bytes_, place + little<std::uint32_t>(bytes_, place));
  }
  std::string_view bytes() const { return bytes_; }

 private:
  static Result<Table> at(std::string_view bytes, std::uint64_t position) {
    Table out;
    out.bytes_ = bytes;
    if (position + 4 > bytes.size()) return damaged("a message in it is damaged");
    const auto virtual_table = static_cast<std::int64_t>(position) - little<std::int32_t>(bytes, position);
    if (virtual_table < 0 || static_cast<std::uint64_t>(virtual_table) + 4 > bytes.size())
      return damaged("a message in it is damaged");
    out.position_ = position;
    out.virtual_table_ = static_cast<std::size_t>(virtual_table);
    out.virtual_size_ = little<std::uint16_t>(bytes, out.virtual_table_);
    if (out.virtual_table_ + out.virtual_size_ > bytes.size()) return damaged("a message in it is damaged");
    return out;
  }
  std::size_t find(int field, std::size_t size) const {
    const auto slot = 4 + 2 * static_cast<std::size_t>(field);
    if (slot + 2 > virtual_size_) return 0;
    const std::size_t offset = little<std::uint16_t>(bytes_, virtual_table_ + slot);
    if (offset == 0 || position_ + offset + size > bytes_.size()) return 0;
    return position_ + offset;
  }

  std::string_view bytes_;
  std::size_t position_ = 0, virtual_table_ = 0, virtual_size_ = 0;
};

/// Source: arrow/format/Message.fbs, Schema.fbs, File.fbs; "IPC file format" and "IPC streaming format".
class ArrowCheck {
 public:
  ArrowCheck(Source& source, const ContainerLimits& limits) : source_(source), limits_(limits) {}

  Result<ContainerFacts> file() {
    if (source_.size() < 22) return damaged("it is cut short");
    TRY(const auto tail, source_.read(source_.size() - 10, 10));
    if (!tail.ends_with("ARROW1")) return damaged("it does not end with ARROW1: is it whole?");
    const auto size = little<std::int32_t>(tail, 0);
    if (size <= 0 || static_cast<std::uint64_t>(size) > source_.size() - 18)
      return damaged("its footer is larger than the file");
    if (static_cast<std::uint64_t>(size) > limits_.metadata_bytes_max)
      return damaged("its footer is larger than is accepted");
    TRY(const auto bytes,
        source_.read(source_.size() - 10 - static_cast<std::uint64_t>(size), static_cast<std::uint64_t>(size)));
    TRY(const auto footer, Table::root(bytes));
    TRY(const auto schema, footer.table(1));
    TRY_VOID(check_schema(schema));
    for (const int field : {2, 3}) {
      TRY(const auto blocks, footer.vector(field, 24));  // struct Block: offset, metaDataLength, padding, bodyLength
      for (std::size_t i = 0; i < blocks.count; ++i) {
        const auto place = blocks.begin + 24 * i;
        const auto offset = little<std::int64_t>(bytes, place), body = little<std::int64_t>(bytes, place + 16);
        if (offset < 0 || body < 0) return damaged("its blocks lie outside the file");
        TRY(const auto message, message_at(static_cast<std::uint64_t>(offset)));
        if (!message || message->body_size != static_cast<std::uint64_t>(body))
          return damaged("its blocks are not where its footer says");
      }
    }
    return done(FileFormat::arrow);
  }

  Result<ContainerFacts> stream() {
    std::uint64_t at = 0;
    std::size_t count = 0;
    while (at < source_.size()) {
      TRY(const auto message, message_at(at));
      if (!message) break;
      at = message->end;
      if (++count > messages_max) return damaged("it has more messages than are accepted");
    }
    if (!schema_seen_) return damaged("it has no schema");
    return done(FileFormat::arrow_stream);
  }

 private:
  static constexpr std::size_t messages_max = 1'000'000;
  struct Message {
    std::uint64_t end = 0, body_size = 0;
  };

  Result<ContainerFacts> done(FileFormat format) const {
    TRY_VOID(check_rows(rows_, source_.size(), limits_));
    return ContainerFacts{.format = format, .rows = rows_};
  }

  /// Nothing at the end-of-stream mark.
  Result<std::optional<Message>> message_at(std::uint64_t at) {
    TRY(auto head, source_.read(at, 4));
    std::uint64_t size = little<std::uint32_t>(head, 0);
    at += 4;
    if (size == 0xffffffff) {
      TRY(head, source_.read(at, 4));
      size = little<std::uint32_t>(head, 0);
      at += 4;
    }
    if (size == 0) return std::nullopt;
    if (!add_within(metadata_, size, limits_.metadata_bytes_max))
      return damaged("its messages have larger heads than are accepted");
    TRY(const auto bytes, source_.read(at, size));
    // A key of Arrow 0.17 by which a message could name any codec of the decoder's library.
    if (bytes.find("ARROW:experimental_compression") != bytes.npos) return unknown_codec("experimental");
    at += size;
    TRY(const auto message, Table::root(bytes));
    const auto body = message.scalar<std::int64_t>(3, 0);
    if (body < 0 || static_cast<std::uint64_t>(body) > source_.size() - at) return damaged("it is cut short");
    const auto kind = message.scalar<std::uint8_t>(1, 0);
    constexpr std::uint8_t schema = 1, dictionary = 2, batch = 3;
    if (kind == schema) {
      TRY(const auto header, message.table(2));
      TRY_VOID(check_schema(header));
    } else if (kind == dictionary) {
      TRY(const auto header, message.table(2));
      TRY(const auto data, header.table(1));
      TRY_VOID(check_batch(data, at, static_cast<std::uint64_t>(body), false));
    } else if (kind == batch) {
      TRY(const auto header, message.table(2));
      TRY_VOID(check_batch(header, at, static_cast<std::uint64_t>(body), true));
    } else {
      return damaged("it holds a message of an unknown kind");
    }
    return Message{.end = at + static_cast<std::uint64_t>(body), .body_size = static_cast<std::uint64_t>(body)};
  }

  Status check_batch(const Table& batch, std::uint64_t body_at, std::uint64_t body_size, bool counts) {
    const auto rows = batch.scalar<std::int64_t>(0, 0);
    if (rows < 0) return damaged("it says that a batch has fewer than no rows");
    if (counts && !add_within(rows_, static_cast<std::uint64_t>(rows), INT64_MAX))
      return damaged("the rows of its batches do not add up");
    if (!counts && static_cast<std::uint64_t>(rows) > limits_.rows_free) return damaged("a dictionary is too large");
    bool packed = false;
    if (batch.has(3)) {
      TRY(const auto compression, batch.table(3));
      const auto codec = compression.scalar<std::int8_t>(0, 0);
      if (codec != 0 && codec != 1) return unknown_codec("unknown");  // LZ4_FRAME, ZSTD
      packed = true;
    }
    TRY(const auto buffers, batch.vector(2, 16));
    std::uint64_t batch_bytes = 0;
    for (std::size_t i = 0; i < buffers.count; ++i) {
      const auto offset = little<std::int64_t>(batch.bytes(), buffers.begin + 16 * i);
      const auto length = little<std::int64_t>(batch.bytes(), buffers.begin + 16 * i + 8);
      if (offset < 0 || length < 0 || static_cast<std::uint64_t>(offset) > body_size ||
          static_cast<std::uint64_t>(length) > body_size - static_cast<std::uint64_t>(offset))
        return damaged("a buffer lies outside its message");
      auto unpacked = static_cast<std::uint64_t>(length);
      if (packed && length > 0) {
        if (length < 8) return damaged("a compressed buffer is too short");
        TRY(const auto prefix, source_.read(body_at + static_cast<std::uint64_t>(offset), 8));
        const auto said = little<std::int64_t>(prefix, 0);
        if (said < -1) return damaged("a compressed buffer says that it holds fewer than no bytes");
        if (said >= 0) unpacked = static_cast<std::uint64_t>(said);
      }
      if (!add_within(batch_bytes, unpacked, limits_.piece_bytes_max))
        return damaged("a batch in it unpacks to more than is accepted");
    }
    if (!add_within(content_, batch_bytes, limits_.content_bytes_max))
      return damaged("its batches unpack to more than is accepted");
    return {};
  }

  Status check_schema(const Table& schema) {
    schema_seen_ = true;
    fields_ = 0;
    TRY(const auto fields, schema.vector(1, 4));
    for (std::size_t i = 0; i < fields.count; ++i) {
      TRY(const auto field, schema.element(fields, i));
      TRY_VOID(check_field(field, 1));
    }
    return {};
  }
  Status check_field(const Table& field, std::size_t depth) {
    if (depth > limits_.depth_max) return too_deep(limits_);
    if (++fields_ > limits_.columns_max) return too_many_columns(limits_);
    TRY(const auto children, field.vector(5, 4));
    for (std::size_t i = 0; i < children.count; ++i) {
      TRY(const auto child, field.element(children, i));
      TRY_VOID(check_field(child, depth + 1));
    }
    return {};
  }

  Source& source_;
  const ContainerLimits& limits_;
  bool schema_seen_ = false;
  std::size_t fields_ = 0;
  std::uint64_t metadata_ = 0, rows_ = 0, content_ = 0;
};

}  // namespace

Result<ContainerFacts> check_arrow(Source& source, const ContainerLimits& limits) {
  TRY(const auto head, source.read(0, std::min<std::uint64_t>(source.size(), 6)));
  ArrowCheck arrow(source, limits);
  return head == "ARROW1" ? arrow.file() : arrow.stream();
}

}  // namespace kinglet::jobs::internal
