// SPDX-License-Identifier: Apache-2.0
// One column of a block in the form in which the engine takes it: values are appended, rolled back, joined and encoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/native_bytes.h"
#include "engine/type.h"

namespace kinglet::engine {

struct BlockLimits {
  static constexpr std::uint64_t columns_max = 10'000;
};

/// Is this what stands in the head of a block that we have written? Errors: invalid.
Status check_written(const Type& type);
/// What stands before the values of a column of this type: nothing, but for JSON.
void append_prefix(const Type& type, std::string& out);
bool read_prefix(const Type& type, NativeReader& in);

/// Values of one type, column-major. Made from a type without LowCardinality (see sent_type); a Column holds exactly
/// the bytes of spec/native-format.md 4, so that encoding is copying.
///
/// The shape decides which calls are allowed:
///   fixed    add<T>() or add_bytes(width bytes)
///   string   add_string()                       (String; JSON as text)
///   array    element(0) … then close_row()      (Array; Map with element(0) = keys, element(1) = values; Nested)
///   tuple    element(i) for each i, then close_row()
///   nullable add_null(), or present() and one value into what it returns
/// Thread: any, one at a time.
class Column {
 public:
  enum class Shape : std::uint8_t { fixed, string, array, tuple, nullable };

  explicit Column(const Type& sent);
  /// A column of T whose absent rows take the table's DEFAULT: NULLs in Nullable(T). Written as plain T while no row is
  /// NULL.
  static Column with_default(const Type& sent);

  Shape shape() const { return shape_; }
  /// Of this node: for nullable it is Nullable(T).
  const Type& type() const { return type_; }
  /// The type string that encode() would put into the header.
  std::string header_type() const;
  /// A column of defaults without a NULL, which is written without its Nullable: its header differs.
  bool is_plain_default() const { return lazy_ && null_count_ == 0; }
  std::size_t size() const { return size_; }
  /// Memory of the values, for limits on batches. Cost: O(depth of the type).
  std::size_t byte_size() const;
  /// Memory that the values have reserved.
  std::size_t memory() const;

  template <class T>
  void add(T value) {
    data_.add(value);
    ++size_;
  }
  void add_bytes(const void* bytes) {
    data_.append(bytes, type_.width);
    ++size_;
  }
  /// FixedString: at most `width` bytes, zeros behind them.
  void add_padded(std::string_view text) {
    data_.append(text.data(), text.size());
    data_.append_zeros(type_.width - text.size());
    ++size_;
  }
  void add_string(std::string_view text) {
    char* start = data_.grow(text.size() + 10);
    char* out = write_varuint(text.size(), start);
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    data_.advance(static_cast<std::size_t>(out - start) + text.size());
    offsets_.add<std::uint64_t>(data_.size());
    ++size_;
  }
  void add_null() {
    data_.add<std::uint8_t>(1);
    ++size_;
    ++null_count_;
    children_[0].add_default();
  }
  Column& present() {
    data_.add<std::uint8_t>(0);
    ++size_;
    return children_[0];
  }
  Column& element(std::size_t index) { return children_[index]; }
  std::size_t element_count() const { return children_.size(); }
  void close_row();
  /// The type's zero: 0, '', [], NULL, `{}` for JSON.
  void add_default();

  /// Forgets all rows from `rows` on, also half-written ones (a child that is ahead of its parent).
  void truncate(std::size_t rows);
  void clear() { truncate(0); }
  /// Appends all rows of `other`. Errors: invalid, when the types differ by more than a Nullable around one of them.
  Status append(const Column& other);

  /// Is the encoded form that of several columns (Nested: one Array for each element)?
  bool is_flattened() const { return type_.kind == Kind::nested; }
  /// Appends prefixes and data; not name and type.
  void encode_data(std::string& out) const;
  /// The data of element `index` of a Nested column, as an Array column.
  void encode_flattened(std::size_t index, std::string& out) const;
  /// Reads `rows` rows. Errors: invalid, at the first fault.
  static Result<Column> decode(const Type& sent, std::uint64_t rows, NativeReader& in);

  /// Text of row `row` of a string column (for tests and for reading quarantine rows back).
  std::string_view string_at(std::size_t row) const;
  const NativeBytes& data() const { return data_; }
  std::size_t null_count() const { return null_count_; }
  bool is_null(std::size_t row) const { return shape_ == Shape::nullable && data_.data()[row] != 0; }
  const Column& child(std::size_t index) const { return children_[index]; }
  /// End of row `row` of an array, in elements.
  std::uint64_t end_of(std::size_t row) const { return data_.at<std::uint64_t>(row); }

 private:
  Column() = default;
  void write_data(std::string& out) const;
  Status read_data(std::uint64_t rows, NativeReader& in);
  bool same_type(const Column& other) const;
  void append_same(const Column& other);
  void wrap_in_nullable();

  Type type_;
  Shape shape_ = Shape::fixed;
  bool lazy_ = false;  // nullable only for defaults
  std::size_t size_ = 0;
  std::size_t null_count_ = 0;
  NativeBytes data_;     // fixed: values; string: length + bytes of each; array: ends (UInt64); nullable: null map
  NativeBytes offsets_;  // string: end of each row in data_
  std::vector<Column> children_;
};

}  // namespace kinglet::engine
