// SPDX-License-Identifier: Apache-2.0
// For tests and benchmarks of the spool: a real engine with a database `db`.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "engine/process.h"
#include "runtime/io_threads.h"
#include "spool/spool_testing.h"

namespace kinglet::spool::testing {

/// kinglet-engine stands beside the program, or in KINGLET_BIN_DIR.
inline std::string engine_path() {
  if (const char* folder = std::getenv("KINGLET_BIN_DIR"); folder != nullptr)
    return std::string(folder) + "/kinglet-engine";
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string() + "/kinglet-engine";
}

class RealEngine {
 public:
  static bool is_there() { return std::filesystem::exists(engine_path()); }

  explicit RealEngine(IoThreads& io) : io_(io) { address_.socket_path = folder_.path() + "/e.sock"; }
  ~RealEngine() {
    if (client_) {
      io_.run(0, [&]() -> Task<void> {
        client_.reset();
        co_return;
      });
    }
    if (process_) process_->stop(std::chrono::seconds(5));
  }
  RealEngine(const RealEngine&) = delete;
  RealEngine& operator=(const RealEngine&) = delete;

  Status start() {
    process_ = std::make_unique<engine::Process>(
        io_.executor(0), engine::Process::Options{.name = "store",
                                                  .executable = engine_path(),
                                                  .arguments = {"--role", "store", "--data", folder_.path() + "/data",
                                                                "--socket", address_.socket_path, "--databases", "db"},
                                                  .address = address_,
                                                  .on_up = {}});
    process_->start();
    TRY_VOID(io_.run(0, [&] { return process_->ready(Clock::now() + std::chrono::seconds(30)); }));
    client_ = std::make_unique<engine::Client>(io_.executor(0), engine::Client::Options{.address = address_});
    TRY_VOID(ask("CREATE DATABASE db"));
    return {};
  }
  Result<std::string> ask(const std::string& sql) {
    TRY(auto whole, io_.run(0, [&] {
      return client_->query(
          sql, {.format = "TabSeparated", .read_only = false, .deadline = Clock::now() + std::chrono::seconds(60)});
    }));
    return std::move(whole.body);
  }
  /// As a deployment makes it; `columns` have a `k`.
  Status table(const std::string& name, const std::string& columns, const std::string& partition = "tuple()",
               bool durable = true) {
    TRY_VOID(ask("CREATE TABLE db." + name + " " + columns + " ENGINE=MergeTree PARTITION BY " + partition +
                 " ORDER BY k SETTINGS non_replicated_deduplication_window=10000, min_level_for_wide_part=1" +
                 (durable ? ", fsync_after_insert=1, fsync_part_directory=1" : "")));
    return {};
  }

  const engine::Address& address() const { return address_; }
  engine::Process& process() { return *process_; }
  const TempFolder& folder() const { return folder_; }

 private:
  TempFolder folder_;
  IoThreads& io_;
  engine::Address address_;
  std::unique_ptr<engine::Process> process_;
  std::unique_ptr<engine::Client> client_;
};

}  // namespace kinglet::spool::testing
