// SPDX-License-Identifier: Apache-2.0
// Bytes to be written in one go, as a list of pieces: short ones are copied together, long ones stay where they are.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace kinglet {

class BytePieces {
 public:
  /// A copy of this much costs less than one more piece of a write.
  static constexpr std::size_t copied_max = 4'096;

  /// Behind what is there. More than copied_max bytes are not copied: they must outlive every list().
  void add(std::string_view bytes) {
    if (bytes.size() <= copied_max) {
      own_.append(bytes);
      return;
    }
    end_run();
    pieces_.push_back({.outside = bytes.data(), .size = bytes.size()});
  }
  /// Memory of its own, whose end is the end of all: for bytes that are made here. Append only.
  std::string& own() { return own_; }

  /// Appends all pieces to `out`. They are valid until something is added.
  void list(std::vector<std::string_view>& out) {
    end_run();
    for (const Piece& piece : pieces_)
      out.emplace_back(piece.outside == nullptr ? own_.data() + piece.begin : piece.outside, piece.size);
  }

 private:
  struct Piece {
    const char* outside = nullptr;  // null: own_ from `begin` on
    std::size_t begin = 0, size = 0;
  };
  void end_run() {
    if (own_.size() > run_begin_) pieces_.push_back({.begin = run_begin_, .size = own_.size() - run_begin_});
    run_begin_ = own_.size();
  }

  std::string own_;
  std::size_t run_begin_ = 0;
  std::vector<Piece> pieces_;
};

}  // namespace kinglet
