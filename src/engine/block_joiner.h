// SPDX-License-Identifier: Apache-2.0
// Joining encoded blocks into one that is sent in pieces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_pieces.h"
#include "base/result.h"
#include "engine/native_bytes.h"
#include "engine/type.h"

namespace kinglet::engine {

/// Joins encoded blocks of the same columns into one: the same bytes that Block::append and Block::encode would make,
/// but long runs of them stay in the blocks. A column that is T in one block and Nullable(T) in another becomes
/// Nullable(T). Thread: any, one at a time.
class BlockJoiner {
 public:
  /// `bytes` must outlive the joiner. Errors: invalid (damaged, or other columns than the first block's); nothing more
  /// may be added then.
  Status add(std::string_view bytes);
  /// The joined block. Something was added. Valid until something more is.
  std::vector<std::string_view> pieces();

 private:
  /// What encode() writes one behind the other for a type: its own bytes, then its children's.
  class Stream {
   public:
    explicit Stream(const Type& type);
    /// Reads `rows` more rows. Errors: invalid; the stream is then of no more use.
    Status read(std::uint64_t rows, NativeReader& in);
    void list(std::vector<std::string_view>& out);

   private:
    Status read_ends(std::uint64_t rows, std::uint64_t& elements, NativeReader& in);
    Type type_;
    std::uint64_t size_ = 0;  // rows
    BytePieces bytes_;        // what Column::data_ holds
    std::vector<Stream> children_;
  };
  struct Column {
    std::string name;
    Type type;               // without Nullable
    std::string plain_text;  // of the type, in a block's head
    std::string nullable_text;
    bool nullable;
    BytePieces nulls = {};  // of all rows once it is nullable
    Stream values;
    std::string head = {};  // name and type, and the prefix of the values

    Column(std::string_view its_name, Type plain, bool is_nullable);
    /// Does a block whose head says `text` hold this column, as it is or Nullable?
    bool takes(std::string_view text, bool& as_nullable) const;
    Status read(std::uint64_t rows_before, std::uint64_t rows, bool as_nullable, NativeReader& in);
    void list(std::vector<std::string_view>& out);
  };

  std::vector<Column> columns_;
  std::uint64_t rows_ = 0;
  std::string head_;
};

}  // namespace kinglet::engine
