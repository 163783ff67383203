// SPDX-License-Identifier: Apache-2.0
#include "engine/block_joiner.h"

#include "base/check.h"
#include "engine/column.h"

namespace kinglet::engine {
namespace {

std::unexpected<Error> cut(const Type& type) {
  return fail(Code::invalid, "a block of type {} is cut or damaged", print(type));
}

void append_string(std::string_view text, std::string& out) {
  append_varuint(text.size(), out);
  out += text;
}

bool has_children(const Type& type) {
  return type.kind == Kind::nullable || type.kind == Kind::array || type.kind == Kind::map || type.kind == Kind::tuple;
}

}  // namespace

BlockJoiner::Stream::Stream(const Type& type) : type_(type) {
  if (has_children(type))
    for (const Type& element : type.elements) children_.emplace_back(element);
}

Status BlockJoiner::Stream::read(std::uint64_t rows, NativeReader& in) {
  std::string_view bytes;
  std::uint64_t child_rows = rows;
  switch (type_.kind) {
    case Kind::string:
    case Kind::json:
      if (!in.strings(rows, bytes)) return cut(type_);
      bytes_.add(bytes);
      break;
    case Kind::array:
    case Kind::map:
      TRY_VOID(read_ends(rows, child_rows, in));
      break;
    case Kind::tuple:
      if (children_.empty() && !in.bytes(rows, bytes)) return cut(type_);
      bytes_.add(bytes);
      break;
    case Kind::nullable:
      if (!in.nulls(rows, bytes)) return cut(type_);
      bytes_.add(bytes);
      break;
    default:
      if (!in.rows(rows, type_.width, bytes)) return cut(type_);
      bytes_.add(bytes);
  }
  for (Stream& child : children_) TRY_VOID(child.read(child_rows, in));
  size_ += rows;
  return {};
}

/// Where each row ends among all elements: what the blocks before have counts.
Status BlockJoiner::Stream::read_ends(std::uint64_t rows, std::uint64_t& elements, NativeReader& in) {
  std::string_view bytes;
  if (!in.ends(rows, bytes, elements)) return cut(type_);
  const std::uint64_t before = children_[0].size_;
  if (before == 0) {
    bytes_.add(bytes);
    return {};
  }
  std::string& own = bytes_.own();
  const std::size_t start = own.size();
  own.append(bytes);
  for (std::size_t at = start; at < own.size(); at += 8) {
    std::uint64_t end = 0;
    std::memcpy(&end, own.data() + at, 8);
    end += before;
    std::memcpy(own.data() + at, &end, 8);
  }
  return {};
}

void BlockJoiner::Stream::list(std::vector<std::string_view>& out) {
  bytes_.list(out);
  for (Stream& child : children_) child.list(out);
}

BlockJoiner::Column::Column(std::string_view its_name, Type plain, bool is_nullable)
    : name(its_name),
      type(std::move(plain)),
      plain_text(print(type)),
      nullable_text("Nullable(" + plain_text + ")"),
      nullable(is_nullable),
      values(type) {}

bool BlockJoiner::Column::takes(std::string_view text, bool& as_nullable) const {
  as_nullable = text == nullable_text;
  if (as_nullable || text == plain_text) return true;
  // Another spelling of the type, by another version of this program.
  const auto other = parse_type(text);
  if (!other) return false;
  as_nullable = other->kind == Kind::nullable;
  return type == (as_nullable ? other->elements[0] : *other);
}

Status BlockJoiner::Column::read(std::uint64_t rows_before, std::uint64_t rows, bool as_nullable, NativeReader& in) {
  if (!read_prefix(type, in)) return cut(type);
  if (as_nullable && !nullable) nulls.own().append(rows_before, '\0');
  nullable = nullable || as_nullable;
  if (as_nullable) {
    std::string_view bytes;
    if (!in.nulls(rows, bytes)) return cut(type);
    nulls.add(bytes);
  } else if (nullable) {
    // A damaged count asks for no more memory than the block has bytes.
    if (rows > in.left()) return cut(type);
    nulls.own().append(rows, '\0');
  }
  return values.read(rows, in);
}

void BlockJoiner::Column::list(std::vector<std::string_view>& out) {
  head.clear();
  append_string(name, head);
  append_string(nullable ? nullable_text : plain_text, head);
  append_prefix(type, head);
  out.emplace_back(head);
  nulls.list(out);
  values.list(out);
}

Status BlockJoiner::add(std::string_view bytes) {
  NativeReader in(bytes);
  std::uint64_t columns = 0, rows = 0;
  if (!in.varuint(columns) || !in.varuint(rows) || columns == 0 || rows == 0 || columns > BlockLimits::columns_max)
    return fail(Code::invalid, "not a block: its head is cut, or it has no columns or no rows");
  const bool first = columns_.empty();
  if (!first && columns != columns_.size()) return fail(Code::invalid, "not a block of the same columns");
  for (std::uint64_t i = 0; i < columns; ++i) {
    std::string_view name, text;
    if (!in.string(name) || !in.string(text))
      return fail(Code::invalid, "a block is cut in the head of column {}", i + 1);
    if (first) {
      TRY(Type type, parse_type(text));
      TRY_VOID(check_written(type));
      const bool nullable = type.kind == Kind::nullable;
      columns_.emplace_back(name, nullable ? std::move(type.elements[0]) : std::move(type), nullable);
    }
    Column& column = columns_[i];
    bool as_nullable = false;
    if (name != column.name || !column.takes(text, as_nullable))
      return fail(Code::invalid, "a column {} of type {} cannot be joined with one {} of type {}", column.name,
                  column.plain_text, name, text);
    TRY_VOID(column.read(rows_, rows, as_nullable, in));
  }
  if (in.left() != 0) return fail(Code::invalid, "{} bytes behind the end of a block", in.left());
  rows_ += rows;
  return {};
}

std::vector<std::string_view> BlockJoiner::pieces() {
  CHECK(rows_ > 0, "something was added");
  head_.clear();
  append_varuint(columns_.size(), head_);
  append_varuint(rows_, head_);
  std::vector<std::string_view> out{head_};
  for (Column& column : columns_) column.list(out);
  return out;
}

}  // namespace kinglet::engine
