// SPDX-License-Identifier: Apache-2.0
// Columns: shapes, roll back, joining, and the Native bytes of one column.
#include "engine/column.h"

#include <algorithm>

#include "base/check.h"

namespace kinglet::engine {

Status check_written(const Type& type) {
  if (is_insertable(type) && sent_type(type) == type && type.kind != Kind::nested) return {};
  return fail(Code::invalid, "a block holds a column of type {}, which we never write", print(type));
}

void append_prefix(const Type& type, std::string& out) {
  if (type.kind == Kind::json) {
    out.append("\x01\0\0\0\0\0\0\0", 8);  // text form
    return;
  }
  for (const Type& element : type.elements) append_prefix(element, out);
}

bool read_prefix(const Type& type, NativeReader& in) {
  if (type.kind == Kind::json) {
    std::uint64_t form = 0;
    return in.fixed(form) && form == 1;
  }
  return std::ranges::all_of(type.elements, [&](const Type& element) { return read_prefix(element, in); });
}

Column::Column(const Type& sent) : type_(sent) {
  switch (sent.kind) {
    case Kind::string:
    case Kind::json:
      shape_ = Shape::string;
      break;
    case Kind::nullable:
      shape_ = Shape::nullable;
      break;
    case Kind::array:
    case Kind::map:
    case Kind::nested:
      shape_ = Shape::array;
      break;
    case Kind::tuple:
      shape_ = Shape::tuple;
      break;
    default:
      CHECK(sent.width > 0, "a column is made from a sent type, which is fixed, string, or composed");
  }
  if (sent.kind != Kind::json)
    for (const Type& element : sent.elements) children_.emplace_back(element);
}

Column Column::with_default(const Type& sent) {
  Type nullable;
  nullable.kind = Kind::nullable;
  nullable.elements.push_back(sent);
  Column column(nullable);
  column.lazy_ = true;
  return column;
}

std::string Column::header_type() const {
  return print(is_plain_default() ? type_.elements[0] : type_);
}

std::size_t Column::byte_size() const {
  std::size_t size = data_.size();
  for (const Column& child : children_) size += child.byte_size();
  return size;
}

std::size_t Column::memory() const {
  std::size_t size = data_.capacity() + offsets_.capacity();
  for (const Column& child : children_) size += child.memory();
  return size;
}

void Column::close_row() {
  if (shape_ == Shape::array) {
    data_.add<std::uint64_t>(children_[0].size());
  } else if (children_.empty()) {
    data_.add<char>('0');  // Tuple() has one byte a row
  }
  ++size_;
}

void Column::add_default() {
  switch (shape_) {
    case Shape::fixed:
      data_.append_zeros(type_.width);
      ++size_;
      break;
    case Shape::string:
      add_string(type_.kind == Kind::json ? "{}" : "");
      break;
    case Shape::array:
      close_row();
      break;
    case Shape::tuple:
      for (Column& child : children_) child.add_default();
      close_row();
      break;
    case Shape::nullable:
      add_null();
      break;
  }
}

void Column::truncate(std::size_t rows) {
  rows = std::min(rows, size_);
  switch (shape_) {
    case Shape::fixed:
      data_.truncate(rows * type_.width);
      break;
    case Shape::string:
      data_.truncate(rows == 0 ? 0 : offsets_.at<std::uint64_t>(rows - 1));
      offsets_.truncate(rows * 8);
      break;
    case Shape::array: {
      const std::size_t elements = rows == 0 ? 0 : data_.at<std::uint64_t>(rows - 1);
      for (Column& child : children_) child.truncate(elements);
      data_.truncate(rows * 8);
      break;
    }
    case Shape::tuple:
      for (Column& child : children_) child.truncate(rows);
      data_.truncate(rows);
      break;
    case Shape::nullable:
      for (std::size_t row = rows; row < size_; ++row) null_count_ -= data_.data()[row] != 0;
      data_.truncate(rows);
      children_[0].truncate(rows);
      break;
  }
  size_ = rows;
}

bool Column::same_type(const Column& other) const {
  return type_ == other.type_;
}

void Column::wrap_in_nullable() {
  Column wrapped;
  wrapped.type_.kind = Kind::nullable;
  wrapped.type_.elements.push_back(type_);
  wrapped.shape_ = Shape::nullable;
  wrapped.size_ = size_;
  wrapped.data_.append_zeros(size_);
  wrapped.lazy_ = true;
  wrapped.children_.push_back(std::move(*this));
  *this = std::move(wrapped);
}

Status Column::append(const Column& other) {
  if (same_type(other)) {
    append_same(other);
    // A genuine Nullable keeps its header whatever it is joined with.
    if (shape_ == Shape::nullable && !other.lazy_) lazy_ = false;
    return {};
  }
  if (shape_ == Shape::nullable && type_.elements[0] == other.type_) {
    data_.append_zeros(other.size_);
    children_[0].append_same(other);
    size_ += other.size_;
    return {};
  }
  if (other.shape_ == Shape::nullable && other.type_.elements[0] == type_) {
    wrap_in_nullable();
    return append(other);
  }
  return fail(Code::invalid, "a column of type {} cannot be joined with one of type {}", header_type(),
              other.header_type());
}

void Column::append_same(const Column& other) {
  switch (shape_) {
    case Shape::fixed:
    case Shape::tuple:
      data_.append(other.data_.data(), other.data_.size());
      break;
    case Shape::string: {
      const std::uint64_t base = data_.size();
      data_.append(other.data_.data(), other.data_.size());
      char* out = offsets_.grow(other.size_ * 8);
      for (std::size_t row = 0; row < other.size_; ++row) {
        const std::uint64_t end = base + other.offsets_.at<std::uint64_t>(row);
        std::memcpy(out + row * 8, &end, 8);
      }
      offsets_.advance(other.size_ * 8);
      break;
    }
    case Shape::array: {
      const std::uint64_t base = children_[0].size();
      char* out = data_.grow(other.size_ * 8);
      for (std::size_t row = 0; row < other.size_; ++row) {
        const std::uint64_t end = base + other.data_.at<std::uint64_t>(row);
        std::memcpy(out + row * 8, &end, 8);
      }
      data_.advance(other.size_ * 8);
      break;
    }
    case Shape::nullable:
      data_.append(other.data_.data(), other.data_.size());
      null_count_ += other.null_count_;
      break;
  }
  for (std::size_t i = 0; i < children_.size(); ++i) children_[i].append_same(other.children_[i]);
  size_ += other.size_;
}

void Column::write_data(std::string& out) const {
  if (!data_.empty()) out.append(data_.data(), data_.size());
  for (const Column& child : children_) child.write_data(out);
}

void Column::encode_data(std::string& out) const {
  const Column& written = is_plain_default() ? children_[0] : *this;
  append_prefix(written.type_, out);
  written.write_data(out);
}

void Column::encode_flattened(std::size_t index, std::string& out) const {
  append_prefix(children_[index].type_, out);
  if (!data_.empty()) out.append(data_.data(), data_.size());
  children_[index].write_data(out);
}

Status Column::read_data(std::uint64_t rows, NativeReader& in) {
  const auto cut = [&] { return fail(Code::invalid, "a block of type {} is cut or damaged", print(type_)); };
  std::string_view bytes;
  switch (shape_) {
    case Shape::fixed:
      if (!in.rows(rows, type_.width, bytes)) return cut();
      data_.append(bytes.data(), bytes.size());
      break;
    case Shape::string:
      if (!in.strings(rows, bytes, [&](std::size_t end) { offsets_.add<std::uint64_t>(end); })) return cut();
      data_.append(bytes.data(), bytes.size());
      break;
    case Shape::array: {
      std::uint64_t elements = 0;
      if (!in.ends(rows, bytes, elements)) return cut();
      data_.append(bytes.data(), bytes.size());
      for (Column& child : children_) TRY_VOID(child.read_data(elements, in));
      break;
    }
    case Shape::tuple:
      if (children_.empty()) {
        if (!in.bytes(rows, bytes)) return cut();
        data_.append(bytes.data(), bytes.size());
      }
      for (Column& child : children_) TRY_VOID(child.read_data(rows, in));
      break;
    case Shape::nullable:
      if (!in.nulls(rows, bytes)) return cut();
      null_count_ += static_cast<std::size_t>(std::ranges::count(bytes, '\1'));
      data_.append(bytes.data(), bytes.size());
      TRY_VOID(children_[0].read_data(rows, in));
      break;
  }
  size_ += rows;
  return {};
}

Result<Column> Column::decode(const Type& sent, std::uint64_t rows, NativeReader& in) {
  TRY_VOID(check_written(sent));
  Column column(sent);
  if (!read_prefix(sent, in)) return fail(Code::invalid, "a block of type {} is cut or damaged", print(sent));
  TRY_VOID(column.read_data(rows, in));
  return column;
}

std::string_view Column::string_at(std::size_t row) const {
  const std::uint64_t start = row == 0 ? 0 : offsets_.at<std::uint64_t>(row - 1);
  NativeReader in({data_.data() + start, data_.size() - start});
  std::string_view text;
  in.string(text);
  return text;
}

}  // namespace kinglet::engine
