// SPDX-License-Identifier: Apache-2.0
// Thrift's compact protocol, as far as Parquet's footer needs it.
#pragma once

#include <functional>

#include "jobs/container_parts.h"

namespace kinglet::jobs::internal {

/// Source: thrift/doc/specs/thrift-compact-protocol.md.
class Thrift {
 public:
  enum Type : std::uint8_t { stop, yes, no, i8, i16, i32, i64, real, binary, list, set, map, structure };
  explicit Thrift(std::string_view bytes) : bytes_(bytes) {}

  /// Calls `field(id, type)` for each field; it reads the value, or answers false to have it skipped.
  Status fields(std::size_t depth, const std::function<Result<bool>(int, Type)>& field) {
    if (depth > depth_max) return damaged("its footer is nested too deeply");
    int id = 0;
    for (;;) {
      TRY(const auto head, byte());
      const auto type = static_cast<Type>(head & 15);
      if (type == stop) return {};
      if (type > structure) return damaged("its footer holds an unknown type");
      if ((head >> 4) != 0) {
        id += head >> 4;
      } else {
        TRY(const auto number, integer());
        id = static_cast<int>(number);
      }
      TRY(const bool taken, field(id, type));
      if (!taken) TRY_VOID(skip(type, depth + 1));
    }
  }
  Result<std::int64_t> integer() {
    TRY(const auto raw, varint());
    return zigzag(raw);
  }
  Result<std::string_view> text() {
    TRY(const auto size, varint());
    if (size > bytes_.size() - at_) return damaged("its footer is cut short");
    const auto out = bytes_.substr(at_, size);
    at_ += size;
    return out;
  }
  /// Element count, after the type was checked.
  Result<std::uint64_t> list_of(Type wanted) {
    TRY(const auto head, byte());
    std::uint64_t count = head >> 4;
    if (count == 15) {
      TRY(count, varint());
    }
    if (count > bytes_.size() - at_) return damaged("its footer promises more than it holds");  // a byte each at least
    if (count > 0 && (head & 15) != wanted) return damaged("its footer holds a list of the wrong type");
    return count;
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  static constexpr std::size_t depth_max = 32;

  Result<std::uint8_t> byte() {
    if (at_ >= bytes_.size()) return damaged("its footer is cut short");
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  Result<std::uint64_t> varint() {
    return read_varint(bytes_, at_, "its footer is cut short", "its footer holds a number that is too long");
  }
  Status jump(std::uint64_t count) {
    if (count > bytes_.size() - at_) return damaged("its footer is cut short");
    at_ += count;
    return {};
  }
  Status skip(Type type, std::size_t depth) {
    if (depth > depth_max) return damaged("its footer is nested too deeply");
    switch (type) {
      case stop:
      case yes:
      case no:
        return {};
      case i8:
        return jump(1);
      case i16:
      case i32:
      case i64:
        if (const auto number = varint(); !number) return fail(number.error());
        return {};
      case real:
        return jump(8);
      case binary:
        if (const auto value = text(); !value) return fail(value.error());
        return {};
      case list:
      case set: {
        TRY(const auto head, byte());
        std::uint64_t count = head >> 4;
        if (count == 15) {
          TRY(count, varint());
        }
        if (count > bytes_.size() - at_) return damaged("its footer promises more than it holds");
        for (std::uint64_t i = 0; i < count; ++i) TRY_VOID(skip_element(static_cast<Type>(head & 15), depth));
        return {};
      }
      case map: {
        TRY(const auto count, varint());
        if (count == 0) return {};
        if (count > bytes_.size() - at_) return damaged("its footer promises more than it holds");
        TRY(const auto types, byte());
        for (std::uint64_t i = 0; i < count; ++i) {
          TRY_VOID(skip_element(static_cast<Type>(types >> 4), depth));
          TRY_VOID(skip_element(static_cast<Type>(types & 15), depth));
        }
        return {};
      }
      case structure:
        return fields(depth, [](int, Type) -> Result<bool> { return false; });
    }
    return damaged("its footer holds an unknown type");
  }
  /// Inside lists and maps a boolean has a byte of its own.
  Status skip_element(Type type, std::size_t depth) {
    if (type == yes || type == no) return jump(1);
    if (type == stop || type > structure) return damaged("its footer holds an unknown type");
    return skip(type, depth + 1);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace kinglet::jobs::internal
