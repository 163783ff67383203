// SPDX-License-Identifier: Apache-2.0
// Gate: lets work in until it is closed, then waits for what is inside.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "runtime/one_shot.h"

namespace kinglet {

/// Thread: any.
class Gate {
 public:
  /// Being inside; leaves when destroyed.
  class Pass {
   public:
    Pass(Pass&&) = default;
    Pass& operator=(Pass&&) = default;

   private:
    friend class Gate;
    explicit Pass(std::shared_ptr<const void> inside) : inside_(std::move(inside)) {}
    std::shared_ptr<const void> inside_;
  };

  Gate();
  ~Gate();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  /// Nothing once the gate is closed.
  std::optional<Pass> enter();
  bool is_closed() const;
  /// Nobody enters any more; idempotent.
  void close();
  /// Returns when everybody left. Errors: timeout, cancelled. close() comes first.
  Task<Status> wait_empty(Deadline deadline) const;
  /// False when the deadline passed.
  bool wait_empty_blocking(Deadline deadline) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kinglet
