// SPDX-License-Identifier: Apache-2.0
#include "runtime/gate.h"

namespace kinglet {

struct Gate::State {
  Mutex mutex;
  std::size_t inside KINGLET_GUARDED_BY(mutex) = 0;
  bool closed KINGLET_GUARDED_BY(mutex) = false;
  OneShot<bool> empty;

  void leave() {
    bool last = false;
    {
      MutexLock lock(mutex);
      last = --inside == 0 && closed;
    }
    if (last) empty.set(true);
  }
};

Gate::Gate() : state_(std::make_shared<State>()) {}
Gate::~Gate() = default;

std::optional<Gate::Pass> Gate::enter() {
  {
    MutexLock lock(state_->mutex);
    if (state_->closed) return std::nullopt;
    ++state_->inside;
  }
  return Pass(std::shared_ptr<const void>(state_.get(), [state = state_](const void*) { state->leave(); }));
}

bool Gate::is_closed() const {
  MutexLock lock(state_->mutex);
  return state_->closed;
}

void Gate::close() {
  bool is_empty = false;
  {
    MutexLock lock(state_->mutex);
    state_->closed = true;
    is_empty = state_->inside == 0;
  }
  if (is_empty) state_->empty.set(true);
}

Task<Status> Gate::wait_empty(Deadline deadline) const {
  const OneShot<bool> empty = state_->empty;
  auto waited = co_await empty.wait(deadline);
  if (!waited) co_return std::unexpected(std::move(waited).error());
  co_return Status();
}

bool Gate::wait_empty_blocking(Deadline deadline) const {
  return state_->empty.wait_blocking(deadline).has_value();
}

}  // namespace kinglet
