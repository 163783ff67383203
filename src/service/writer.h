// SPDX-License-Identifier: Apache-2.0
// Writer: takes what the observer collects and puts it into the tables of the service data sources, about once a
// second.
#pragma once

#include <chrono>
#include <memory>

#include "catalog/catalog.h"
#include "engine/client.h"
#include "observe/observer.h"
#include "runtime/io_threads.h"

namespace kinglet::service {

struct WriterOptions {
  engine::Address address = {};
  std::chrono::milliseconds interval{1000};
  /// Between two size samples of all data sources; the first comes at once. Readers look for one within the hour.
  std::chrono::seconds sample_interval{600};
};

/// Never blocks who records: while the engine is away records wait in the observer's queues, and beyond their bounds
/// they are lost and counted. Thread: io thread 0, on a connection of its own.
class Writer {
 public:
  Writer(IoThreads& threads, const catalog::Catalog& catalog, observe::Observer& observer, WriterOptions options);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Once the tables are made (schema.h). Idempotent.
  void start();
  /// Writes what waits, as far as `deadline` allows. Idempotent. Thread: any but an io thread.
  void stop(Deadline deadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace kinglet::service
