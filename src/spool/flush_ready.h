// SPDX-License-Identifier: Apache-2.0
// Who is next: one of each group in turn, however many the others have; those that somebody waits for before the rest.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

namespace kinglet::spool::internal {

/// Groups in turn, within one in the order of push(). Cost: constant.
template <class T>
class FairQueue {
 public:
  void push(const std::string& group, T item) {
    auto& queue = groups_[group];
    if (queue.empty()) turns_.push_back(group);
    queue.push_back(std::move(item));
    ++size_;
  }
  /// Not on an empty queue.
  T pop() {
    std::string group = std::move(turns_.front());
    turns_.pop_front();
    const auto found = groups_.find(group);
    T item = std::move(found->second.front());
    found->second.pop_front();
    if (found->second.empty())
      groups_.erase(found);
    else
      turns_.push_back(std::move(group));
    --size_;
    return item;
  }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::unordered_map<std::string, std::deque<T>> groups_;
  std::deque<std::string> turns_;
  std::size_t size_ = 0;
};

/// Two fair queues; of `urgent_share` + 1 that are taken, one at least is not urgent, so that nobody starves.
template <class T>
class ReadyQueue {
 public:
  static constexpr int urgent_share = 3;

  void push(const std::string& group, T item, bool urgent) { (urgent ? urgent_ : usual_).push(group, std::move(item)); }
  T pop() {
    const bool urgent = usual_.empty() || (!urgent_.empty() && streak_ < urgent_share);
    streak_ = urgent ? streak_ + 1 : 0;
    return (urgent ? urgent_ : usual_).pop();
  }
  std::size_t size() const { return urgent_.size() + usual_.size(); }
  bool empty() const { return size() == 0; }

 private:
  FairQueue<T> urgent_, usual_;
  int streak_ = 0;
};

}  // namespace kinglet::spool::internal
