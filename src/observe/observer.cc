// SPDX-License-Identifier: Apache-2.0
#include "observe/observer.h"

namespace kinglet::observe {

namespace {

/// The shared account of what came after accounts_max.
const std::string other = "other";

void count(CallCounts& counts, const RequestRecord& request) {
  ++counts.calls;
  if (request.status_code >= 400) ++counts.errors;
  counts.read_rows += request.read_rows;
  counts.read_bytes += request.read_bytes;
  counts.result_rows += request.result_rows;
  counts.seconds += request.duration_seconds;
  const auto bucket = std::ranges::lower_bound(CallCounts::bucket_seconds, request.duration_seconds);
  ++counts.buckets[static_cast<std::size_t>(bucket - CallCounts::bucket_seconds.begin())];
}

/// Does an operation of this kind change a table's rows beside ingestion? What is not known here is taken to do so.
bool changes_rows(std::string_view event_type) {
  for (const std::string_view harmless : {"append", "create", "alter", "drop", "rename"})
    if (event_type.starts_with(harmless)) return false;
  return !event_type.empty();
}

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.type = type;
  return out;
}

prometheus::ClientMetric labelled(const std::string& workspace, const char* kind, const std::string& resource) {
  prometheus::ClientMetric metric;
  metric.label = {{"workspace", workspace}, {kind, resource}};
  return metric;
}

}  // namespace

void Observer::record(RequestRecord request) {
  calls_.with([&](auto& calls) {
    Key key{request.workspace_id, request.pipe_id};
    if (calls.size() >= accounts_max && !calls.contains(key)) key = {other, other};
    NamedCalls& entry = calls[key];
    entry.name = key.second == other ? other : request.pipe_name;
    count(entry.counts, request);
  });
  if (request.reads_service) return;
  const auto bytes = byte_size(request);
  requests_.add(std::move(request), bytes);
}

void Observer::record(OperationRecord operation) {
  // Rows of ingestion come by the spool and its books; every other operation changes a table beside them.
  if (changes_rows(operation.event_type))
    rows(operation.workspace_id, operation.data_source_id, operation.data_source_name)->disturb();
  const auto bytes = byte_size(operation);
  operations_.add(std::move(operation), bytes);
}

void Observer::record(JobRecord job) {
  const auto bytes = byte_size(job);
  jobs_.add(std::move(job), bytes);
}

/// A name that was given anew is another data source's no more: metrics have one line for it.
void Observer::Accounts::name(const Key& key, const std::string& name) {
  NamedRows& entry = rows[key];
  if (!entry.account) entry.account = std::make_shared<RowAccount>();
  if (entry.name == name) return;
  if (!entry.name.empty()) by_name.erase({key.first, entry.name});
  entry.name = name;
  std::string& owner = by_name[{key.first, name}];
  if (!owner.empty() && owner != key.second) rows.erase({key.first, owner});
  owner = key.second;
}

void Observer::Accounts::erase(const Key& key) {
  const auto it = rows.find(key);
  if (it == rows.end()) return;
  by_name.erase({key.first, it->second.name});
  rows.erase(it);
}

std::shared_ptr<RowAccount> Observer::rows(std::string_view workspace_id, std::string_view data_source_id,
                                           std::string_view data_source_name) {
  return accounts_.with([&](Accounts& accounts) {
    Key key{workspace_id, data_source_id};
    if (accounts.rows.size() >= accounts_max && !accounts.rows.contains(key)) key = {other, other};
    accounts.name(key, key.second == other ? other : std::string(data_source_name));
    return accounts.rows[key].account;
  });
}

void Observer::forget(std::string_view workspace_id, std::string_view resource_id) {
  const Key key{workspace_id, resource_id};
  accounts_.with([&](Accounts& accounts) { accounts.erase(key); });
  calls_.with([&](auto& calls) { calls.erase(key); });
}

CallCounts Observer::calls(std::string_view workspace_id, std::string_view pipe_id) const {
  return calls_.with([&](const auto& calls) {
    const auto it = calls.find(Key{workspace_id, pipe_id});
    return it == calls.end() ? CallCounts{} : it->second.counts;
  });
}

std::shared_ptr<const RowAccount> Observer::account(std::string_view workspace_id,
                                                    std::string_view data_source_id) const {
  return accounts_.with([&](const Accounts& accounts) -> std::shared_ptr<const RowAccount> {
    const auto it = accounts.rows.find(Key{workspace_id, data_source_id});
    return it == accounts.rows.end() ? nullptr : it->second.account;
  });
}

std::vector<std::pair<std::pair<std::string, std::string>, std::shared_ptr<RowAccount>>> Observer::accounts() const {
  return accounts_.with([](const Accounts& accounts) {
    std::vector<std::pair<Key, std::shared_ptr<RowAccount>>> out;
    out.reserve(accounts.rows.size());
    for (const auto& [key, entry] : accounts.rows) out.emplace_back(key, entry.account);
    return out;
  });
}

std::vector<prometheus::MetricFamily> Observer::Collect() const {
  auto rows = family("kinglet_data_source_rows_total", "Rows by what became of them", prometheus::MetricType::Counter);
  auto pending =
      family("kinglet_data_source_rows_pending",
             "Rows accepted and not yet accounted for; negative: the books are wrong", prometheus::MetricType::Gauge);
  auto oldest = family("kinglet_data_source_oldest_pending_seconds",
                       "Age of the oldest row that is accepted and not stored", prometheus::MetricType::Gauge);
  auto fresh = family("kinglet_data_source_stored_timestamp_seconds", "When rows were last stored",
                      prometheus::MetricType::Gauge);
  auto mismatch = family("kinglet_books_mismatch_rows", "Rows in the engine less those in the books; 0: they agree",
                         prometheus::MetricType::Gauge);
  const auto now = std::chrono::steady_clock::now();
  accounts_.with([&](const Accounts& accounts) {
    for (const auto& [key, entry] : accounts.rows) {
      const RowCounts counts = entry.account->read();
      const auto add = [&](const char* outcome, std::int64_t value) {
        auto metric = labelled(key.first, "data_source", entry.name);
        metric.label.push_back({"outcome", outcome});
        metric.counter.value = static_cast<double>(value);
        rows.metric.push_back(std::move(metric));
      };
      add("accepted", counts.accepted);
      add("stored", counts.stored);
      add("quarantined", counts.quarantined);
      add("deduplicated", counts.deduplicated);
      add("failed", counts.failed);
      add("dropped", counts.dropped);
      add("sampled_out", counts.sampled_out);
      const auto gauge = [&](prometheus::MetricFamily& of, double value) {
        auto metric = labelled(key.first, "data_source", entry.name);
        metric.gauge.value = value;
        of.metric.push_back(std::move(metric));
      };
      gauge(pending, static_cast<double>(counts.pending()));
      gauge(oldest, std::chrono::duration<double>(entry.account->oldest_pending(now)).count());
      if (const auto at = entry.account->last_stored_at(); at != 0) gauge(fresh, static_cast<double>(at));
      gauge(mismatch, static_cast<double>(entry.account->mismatch()));
    }
  });

  auto requests =
      family("kinglet_endpoint_requests_total", "Endpoint and query calls", prometheus::MetricType::Counter);
  auto durations = family("kinglet_endpoint_duration_seconds", "Time to answer", prometheus::MetricType::Histogram);
  calls_.with([&](const auto& all) {
    for (const auto& [key, entry] : all) {
      const auto add = [&](const char* outcome, std::uint64_t value) {
        auto metric = labelled(key.first, "endpoint", entry.name);
        metric.label.push_back({"outcome", outcome});
        metric.counter.value = static_cast<double>(value);
        requests.metric.push_back(std::move(metric));
      };
      add("ok", entry.counts.calls - entry.counts.errors);
      add("error", entry.counts.errors);
      auto metric = labelled(key.first, "endpoint", entry.name);
      metric.histogram.sample_count = entry.counts.calls;
      metric.histogram.sample_sum = entry.counts.seconds;
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < entry.counts.buckets.size(); ++i) {
        below += entry.counts.buckets[i];
        const double bound = i < CallCounts::bucket_seconds.size() ? CallCounts::bucket_seconds[i]
                                                                   : std::numeric_limits<double>::infinity();
        metric.histogram.bucket.push_back({.cumulative_count = below, .upper_bound = bound});
      }
      durations.metric.push_back(std::move(metric));
    }
  });
  auto waiting = family("kinglet_service_records_waiting", "Records on their way to the service data sources",
                        prometheus::MetricType::Gauge);
  auto lost = family("kinglet_service_records_lost_total", "Records that the service data sources do not have",
                     prometheus::MetricType::Counter);
  const auto queue = [&](const char* kind, auto counts) {
    prometheus::ClientMetric metric;
    metric.label = {{"kind", kind}};
    metric.gauge.value = static_cast<double>(counts.waiting);
    waiting.metric.push_back(metric);
    metric.counter.value = static_cast<double>(counts.lost);
    lost.metric.push_back(std::move(metric));
  };
  queue("requests", requests_.counts());
  queue("operations", operations_.counts());
  queue("jobs", jobs_.counts());
  return {std::move(rows),     std::move(pending),   std::move(oldest),  std::move(fresh), std::move(mismatch),
          std::move(requests), std::move(durations), std::move(waiting), std::move(lost)};
}

}  // namespace kinglet::observe
