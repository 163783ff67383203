// SPDX-License-Identifier: Apache-2.0
// Blocks: joining, encoding, decoding.
#include "engine/block.h"

#include "base/check.h"

namespace kinglet::engine {
namespace {

void append_string(std::string_view text, std::string& out) {
  append_varuint(text.size(), out);
  out += text;
}

std::string array_of(const Type& element) {
  return "Array(" + print(element) + ")";
}

const std::string& head_of(const Block::Entry& entry) {
  std::string& head = entry.column.is_plain_default() ? entry.plain_head : entry.head;
  if (head.empty()) {
    append_string(entry.name, head);
    append_string(entry.column.header_type(), head);
  }
  return head;
}

const Type& bare(const Column& column) {
  return column.shape() == Column::Shape::nullable ? column.type().elements[0] : column.type();
}

}  // namespace

std::size_t Block::byte_size() const {
  std::size_t size = 0;
  for (const Entry& entry : entries_) size += entry.column.byte_size();
  return size;
}

std::size_t Block::memory() const {
  std::size_t size = 0;
  for (const Entry& entry : entries_) size += entry.column.memory();
  return size;
}

std::vector<std::string> Block::column_names() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    if (!entry.column.is_flattened()) {
      names.push_back(entry.name);
      continue;
    }
    for (const std::string& element : entry.column.type().names) names.push_back(entry.name + "." + element);
  }
  return names;
}

bool Block::has_columns(const std::vector<std::string>& names) const {
  auto name = names.begin();
  for (const Entry& entry : entries_) {
    if (entry.column.is_flattened()) return column_names() == names;
    if (name == names.end() || *name != entry.name) return false;
    ++name;
  }
  return name == names.end();
}

void Block::truncate(std::size_t rows) {
  for (Entry& entry : entries_) entry.column.truncate(rows);
}

bool Block::can_append(const Block& other) const {
  if (entries_.size() != other.entries_.size()) return false;
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (entries_[i].name != other.entries_[i].name || bare(entries_[i].column) != bare(other.entries_[i].column))
      return false;
  return true;
}

Status Block::append(const Block& other) {
  if (!can_append(other)) return fail(Code::invalid, "blocks with different columns cannot be joined");
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    TRY_VOID(entries_[i].column.append(other.entries_[i].column));
    entries_[i].head.clear();  // it may have become Nullable
    entries_[i].plain_head.clear();
  }
  return {};
}

void Block::encode(std::string& out) const {
  CHECK(!entries_.empty() && row_count() > 0, "a block without columns or rows would end the engine's input");
  std::size_t columns = 0;
  for (const Entry& entry : entries_) {
    CHECK(entry.column.size() == row_count(), "all columns of a block have the same number of rows");
    columns += entry.column.is_flattened() ? entry.column.element_count() : 1;
  }
  out.reserve(out.size() + byte_size() + columns * 64);
  append_varuint(columns, out);
  append_varuint(row_count(), out);
  for (const Entry& entry : entries_) {
    if (!entry.column.is_flattened()) {
      out += head_of(entry);
      entry.column.encode_data(out);
      continue;
    }
    const Type& type = entry.column.type();
    for (std::size_t i = 0; i < type.elements.size(); ++i) {
      append_string(entry.name + "." + type.names[i], out);
      append_string(array_of(type.elements[i]), out);
      entry.column.encode_flattened(i, out);
    }
  }
}

Result<Block> Block::decode(std::string_view bytes) {
  NativeReader in(bytes);
  std::uint64_t columns = 0;
  std::uint64_t rows = 0;
  if (!in.varuint(columns) || !in.varuint(rows) || columns == 0 || rows == 0 || columns > BlockLimits::columns_max)
    return fail(Code::invalid, "not a block: its head is cut, or it has no columns or no rows");
  Block block;
  for (std::uint64_t i = 0; i < columns; ++i) {
    std::string_view name;
    std::string_view type_text;
    if (!in.string(name) || !in.string(type_text))
      return fail(Code::invalid, "a block is cut in the head of column {}", i + 1);
    TRY(Type type, parse_type(type_text));
    TRY(Column column, Column::decode(type, rows, in));
    block.add(std::string(name), std::move(column));
  }
  if (in.left() != 0) return fail(Code::invalid, "{} bytes behind the end of a block", in.left());
  return block;
}

}  // namespace kinglet::engine
