// SPDX-License-Identifier: Apache-2.0
// Guarded<T>: a value behind a mutex, reached only inside a function; Published<T>: a snapshot that any thread may load.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace kinglet {

/// The value cannot be touched without the lock. Inside `with`: no waiting, no call into another module.
template <class T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <class F>
  decltype(auto) with(F&& f) {
    const std::lock_guard lock(mutex_);
    return std::forward<F>(f)(value_);
  }
  template <class F>
  decltype(auto) with(F&& f) const {
    const std::lock_guard lock(mutex_);
    return std::forward<F>(f)(std::as_const(value_));
  }

 private:
  mutable std::mutex mutex_;
  T value_{};
};

/// The newest immutable snapshot. load() holds its lock for one reference count; libstdc++ 12's atomic<shared_ptr> would
/// do the same with a lock that thread sanitizer rightly reports (it unlocks a load relaxed).
template <class T>
class Published {
 public:
  std::shared_ptr<const T> load() const {
    return pointer_.with([](const std::shared_ptr<const T>& p) { return p; });
  }
  /// The former snapshot is released after the lock.
  void store(std::shared_ptr<const T> next) {
    pointer_.with([&](std::shared_ptr<const T>& p) { p.swap(next); });
  }

 private:
  Guarded<std::shared_ptr<const T>> pointer_;
};

}  // namespace kinglet
