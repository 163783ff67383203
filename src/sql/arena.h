// SPDX-License-Identifier: Apache-2.0
// Memory of one syntax tree: nodes are never destroyed one by one.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace kinglet::sql {

/// Nodes, lists and texts of one tree. Everything in it must be trivially destructible.
class Arena {
 public:
  static constexpr std::size_t first_bytes = 4096;
  /// `bytes`: what the tree will about need.
  explicit Arena(std::size_t bytes = first_bytes) : next_bytes_(bytes) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() = default;

  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (take(sizeof(T), alignof(T))) T{std::forward<Args>(args)...};
  }

  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    auto* copy = static_cast<char*>(take(text.size(), 1));
    std::memcpy(copy, text.data(), text.size());
    return {copy, text.size()};
  }

  template <class T>
  T* allocate(std::uint32_t count) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): T may be a pointer, and its size is meant
    return static_cast<T*>(take(sizeof(T) * count, alignof(T)));
  }

 private:
  void* take(std::size_t size, std::size_t alignment) {
    const std::size_t skipped = -used_ & (alignment - 1);  // blocks begin aligned for every type
    if (skipped + size > size_ - used_) return take_from_new_block(size);
    void* const taken = block_ + used_ + skipped;
    used_ += skipped + size;
    return taken;
  }
  void* take_from_new_block(std::size_t size) {
    size_ = std::max(size, next_bytes_);
    next_bytes_ = size_ * 2;
    block_ = blocks_.emplace_back(std::make_unique_for_overwrite<std::byte[]>(size_)).get();
    used_ = size;
    return block_;
  }

  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* block_ = nullptr;  // the last one
  std::size_t size_ = 0;        // its bytes
  std::size_t used_ = 0;        // of these
  std::size_t next_bytes_;
};

/// A growing array in an arena; copies share the elements.
template <class T>
class List {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  void push(Arena& arena, const T& value) {
    if (size_ == capacity_) {
      const std::uint32_t capacity = capacity_ == 0 ? 2 : capacity_ * 2;
      T* data = arena.allocate<T>(capacity);
      // NOLINTNEXTLINE(bugprone-sizeof-expression)
      if (size_ != 0) std::memcpy(static_cast<void*>(data), data_, sizeof(T) * size_);
      data_ = data;
      capacity_ = capacity;
    }
    new (data_ + size_++) T(value);
  }

  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](std::uint32_t i) { return data_[i]; }
  const T& operator[](std::uint32_t i) const { return data_[i]; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }

 private:
  T* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

}  // namespace kinglet::sql
