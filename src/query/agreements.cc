// SPDX-License-Identifier: Apache-2.0
#include "query/agreements.h"

namespace kinglet::query {

bool Agreements::contains(std::string_view shape) {
  const auto found = by_shape_.find(shape);
  if (found == by_shape_.end()) return false;
  used_.splice(used_.begin(), used_, found->second);
  return true;
}

void Agreements::add(std::string shape) {
  if (shape.size() > bytes_max / 4 || contains(shape)) return;
  bytes_ += shape.size();
  used_.push_front(std::move(shape));
  by_shape_.emplace(used_.front(), used_.begin());
  while (used_.size() > shapes_max || bytes_ > bytes_max) drop_oldest();
}

void Agreements::drop_oldest() {
  bytes_ -= used_.back().size();
  by_shape_.erase(used_.back());
  used_.pop_back();
}

}  // namespace kinglet::query
