// SPDX-License-Identifier: Apache-2.0
// Bytes of the Native format: a growing buffer without zero-filling, and a bounds-checked reader.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace kinglet::engine {

/// A byte buffer that grows without initialising what it reserves. clear() keeps the memory.
class NativeBytes {
 public:
  NativeBytes() = default;
  NativeBytes(const NativeBytes& o) { append(o.data_, o.size_); }
  NativeBytes(NativeBytes&& o) noexcept
      : data_(std::exchange(o.data_, nullptr)),
        size_(std::exchange(o.size_, 0)),
        capacity_(std::exchange(o.capacity_, 0)) {}
  NativeBytes& operator=(NativeBytes o) noexcept {
    std::swap(data_, o.data_);
    std::swap(size_, o.size_);
    std::swap(capacity_, o.capacity_);
    return *this;
  }
  ~NativeBytes() { std::free(data_); }

  const char* data() const { return data_; }
  char* data() { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_, size_}; }
  void clear() { size_ = 0; }
  void truncate(std::size_t size) { size_ = size < size_ ? size : size_; }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) reallocate(capacity);
  }
  /// Room for `more` bytes at the end; the caller writes them and calls advance().
  char* grow(std::size_t more) {
    if (capacity_ - size_ < more) [[unlikely]]
      reallocate(size_ + more > capacity_ * 2 ? size_ + more : capacity_ * 2);
    return data_ + size_;
  }
  void advance(std::size_t written) { size_ += written; }

  void append(const void* bytes, std::size_t size) {
    if (size == 0) return;
    std::memcpy(grow(size), bytes, size);
    size_ += size;
  }
  void append_zeros(std::size_t size) {
    if (size == 0) return;
    std::memset(grow(size), 0, size);
    size_ += size;
  }
  template <class T>
  void add(T value) {
    std::memcpy(grow(sizeof value), &value, sizeof value);
    size_ += sizeof value;
  }
  template <class T>
  T at(std::size_t index) const {
    T value;
    std::memcpy(&value, data_ + index * sizeof(T), sizeof value);
    return value;
  }

 private:
  void reallocate(std::size_t capacity) {
    if (capacity < 64) capacity = 64;
    void* moved = std::realloc(data_, capacity);
    if (moved == nullptr) throw std::bad_alloc();
    data_ = static_cast<char*>(moved);
    capacity_ = capacity;
  }
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Writes `value` in 7-bit groups, low first; returns the end. At most 10 bytes.
inline char* write_varuint(std::uint64_t value, char* out) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}
inline void append_varuint(std::uint64_t value, std::string& out) {
  char buffer[10];
  out.append(buffer, static_cast<std::size_t>(write_varuint(value, buffer) - buffer));
}

/// Reads from bytes of unknown quality; after the first failure everything fails.
class NativeReader {
 public:
  explicit NativeReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const char* position() const { return at_; }

  bool varuint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return false;
      const auto byte = static_cast<unsigned char>(*at_++);
      if (shift == 63 && byte > 1) return false;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool bytes(std::uint64_t size, std::string_view& out) {
    if (size > left()) return false;
    out = {at_, static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }
  bool string(std::string_view& out) {
    std::uint64_t size = 0;
    return varuint(size) && bytes(size, out);
  }
  /// `rows` values of `width` bytes.
  bool rows(std::uint64_t rows, std::uint32_t width, std::string_view& out) {
    return rows <= left() / width && bytes(rows * width, out);
  }
  /// `rows` texts with their lengths, each length in its shortest form: one form for one value, or blocks that are
  /// equal would differ in bytes. `ended(n)` hears where each ends, in bytes from the first.
  template <class Ended = void (*)(std::size_t)>
  bool strings(std::uint64_t rows, std::string_view& out, Ended ended = [](std::size_t) {}) {
    const char* const start = at_;
    std::string_view text;
    for (std::uint64_t row = 0; row < rows; ++row) {
      const char* const length = at_;
      if (!string(text)) return false;
      if (const char* const last = text.data() - 1; last != length && *last == 0) return false;
      ended(static_cast<std::size_t>(at_ - start));
    }
    out = {start, static_cast<std::size_t>(at_ - start)};
    return true;
  }
  /// Where each of `rows` arrays ends among their elements, 8 bytes each; `elements`: the last of them.
  bool ends(std::uint64_t rows, std::string_view& out, std::uint64_t& elements) {
    if (!this->rows(rows, 8, out)) return false;
    elements = 0;
    for (std::uint64_t row = 0; row < rows; ++row) {
      std::uint64_t end = 0;
      std::memcpy(&end, out.data() + row * 8, 8);
      if (end < elements) return false;
      elements = end;
    }
    return true;
  }
  /// A byte for each of `rows`: 1 where it is NULL, else 0.
  bool nulls(std::uint64_t rows, std::string_view& out) {
    if (!bytes(rows, out)) return false;
    unsigned char all = 0;
    for (const char c : out) all |= static_cast<unsigned char>(c);
    return all <= 1;
  }
  template <class T>
  bool fixed(T& value) {
    if (left() < sizeof value) return false;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

}  // namespace kinglet::engine
