// SPDX-License-Identifier: Apache-2.0
// Snapshot<T>: immutable state that one thread publishes and all others read.
#pragma once

#include <memory>
#include <utility>

#include "runtime/mutex.h"

namespace kinglet {

/// A reader keeps what it got for as long as it needs it. Thread: any.
///
/// The mutex is held for the copy of one pointer; libstdc++ 12's atomic<shared_ptr> is a lock too, and TSan does not
/// understand it.
template <class T>
class Snapshot {
 public:
  explicit Snapshot(std::shared_ptr<const T> value = nullptr) : value_(std::move(value)) {}

  std::shared_ptr<const T> get() const {
    MutexLock lock(mutex_);
    return value_;
  }
  void publish(std::shared_ptr<const T> value) {
    {
      MutexLock lock(mutex_);
      value_.swap(value);
    }
    // The old value, when nobody else has it, is destroyed here, outside of the lock.
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ KINGLET_GUARDED_BY(mutex_);
};

}  // namespace kinglet
