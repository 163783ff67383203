// SPDX-License-Identifier: Apache-2.0
// Guarded<T>: a value behind a mutex, reached only inside a function.
#pragma once

#include <utility>

#include "runtime/mutex.h"

namespace kinglet {

/// The value cannot be touched without the lock. Inside `with`: no waiting, no call into another module.
template <class T>
class Guarded {
 public:
  Guarded() = default;
  explicit Guarded(T value) : value_(std::move(value)) {}

  template <class F>
  decltype(auto) with(F&& f) {
    MutexLock lock(mutex_);
    return std::forward<F>(f)(value_);
  }
  template <class F>
  decltype(auto) with(F&& f) const {
    MutexLock lock(mutex_);
    return std::forward<F>(f)(std::as_const(value_));
  }

 private:
  mutable Mutex mutex_;
  T value_ KINGLET_GUARDED_BY(mutex_){};
};

}  // namespace kinglet
