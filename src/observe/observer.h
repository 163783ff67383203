// SPDX-License-Identifier: Apache-2.0
// Observer: where the edges report what happened, and where metrics and service data sources read it.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "observe/queue.h"
#include "observe/records.h"
#include "observe/row_account.h"
#include "runtime/guarded.h"

namespace kinglet::observe {

/// Calls of one endpoint since the server started.
struct CallCounts {
  std::uint64_t calls = 0, errors = 0;
  std::uint64_t read_rows = 0, read_bytes = 0, result_rows = 0;
  double seconds = 0;
  static constexpr std::array<double, 8> bucket_seconds = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60};
  std::array<std::uint64_t, 9> buckets = {};  // not cumulative; the last one is the rest
};

class Observer : public prometheus::Collectable {
 public:
  /// Waiting for the tables; beyond that records are lost and counted.
  static constexpr std::size_t records_waiting_max = 50'000;   // of each kind
  static constexpr std::size_t bytes_waiting_max = 32u << 20;  // of each kind
  /// Data sources and endpoints beyond this many share one account named "other".
  static constexpr std::size_t accounts_max = 20'000;

  /// Adds to the endpoint's counters and to the queue.
  void record(RequestRecord request);
  void record(OperationRecord operation);
  void record(JobRecord job);

  /// The account of a data source; made at first use.
  std::shared_ptr<RowAccount> rows(std::string_view workspace_id, std::string_view data_source_id,
                                   std::string_view data_source_name);
  /// Drops the account and the endpoint counters of what a deployment deleted.
  void forget(std::string_view workspace_id, std::string_view resource_id);

  /// On their way to the service data sources; one taker.
  Queue<RequestRecord>& requests() { return requests_; }
  Queue<OperationRecord>& operations() { return operations_; }
  Queue<JobRecord>& jobs() { return jobs_; }
  CallCounts calls(std::string_view workspace_id, std::string_view pipe_id) const;
  /// Null when nothing came to it yet.
  std::shared_ptr<const RowAccount> account(std::string_view workspace_id, std::string_view data_source_id) const;
  /// All accounts: workspace id, data source id.
  std::vector<std::pair<std::pair<std::string, std::string>, std::shared_ptr<RowAccount>>> accounts() const;

  /// kinglet_data_source_rows_total{workspace,data_source,outcome}, kinglet_data_source_rows_pending,
  /// kinglet_data_source_oldest_pending_seconds, kinglet_data_source_stored_timestamp_seconds,
  /// kinglet_books_mismatch_rows{workspace,data_source},
  /// kinglet_endpoint_requests_total{workspace,endpoint,outcome}, kinglet_endpoint_duration_seconds,
  /// kinglet_service_records_waiting{kind}, kinglet_service_records_lost_total{kind}.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  using Key = std::pair<std::string, std::string>;  // workspace id, resource id
  struct NamedRows {
    std::string name;
    std::shared_ptr<RowAccount> account;
  };
  struct Accounts {
    std::map<Key, NamedRows> rows;
    std::map<Key, std::string> by_name;  // workspace id, name; to the data source id that has it now
    void name(const Key& key, const std::string& name);
    void erase(const Key& key);
  };
  struct NamedCalls {
    std::string name;
    CallCounts counts;
  };
  Queue<RequestRecord> requests_{{.records = records_waiting_max, .bytes = bytes_waiting_max}};
  Queue<OperationRecord> operations_{{.records = records_waiting_max, .bytes = bytes_waiting_max}};
  Queue<JobRecord> jobs_{{.records = records_waiting_max, .bytes = bytes_waiting_max}};
  Guarded<Accounts> accounts_;
  Guarded<std::map<Key, NamedCalls>> calls_;
};

}  // namespace kinglet::observe
