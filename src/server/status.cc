// SPDX-License-Identifier: Apache-2.0
#include "server/status.h"

#include <prometheus/text_serializer.h>

namespace kinglet::server {

namespace {
/// A row that waits longer than this for the engine is a reason to look.
constexpr auto spool_age_max = std::chrono::seconds(30);

class Text {
 public:
  void add(std::string_view name, std::string_view type, std::string_view help, double value,
           std::string_view labels = "") {
    if (name != last_) out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
    last_ = name;
    out_ += fmt::format("{}{} {}\n", name, labels, value);
  }
  void raw(const std::string& text) { out_ += text; }
  std::string take() { return std::move(out_); }

 private:
  std::string out_, last_;
};
}  // namespace

json::object StatusPage::health() const {
  const auto spool = parts_.spool.stats();
  json::array reasons;
  if (parts_.store != nullptr && !parts_.store->up())
    reasons.emplace_back("the engine is starting; queries wait, events are accepted");
  else if (!spool.engine_reachable || !parts_.tables_known)
    reasons.emplace_back("the engine does not answer; queries fail, events are accepted");
  if (spool.oldest_age > spool_age_max)
    reasons.emplace_back(fmt::format("accepted rows have waited {} s for the engine", spool.oldest_age.count() / 1000));
  if (spool.failed_waiting > 0)
    reasons.emplace_back(fmt::format("{} batches were refused by the engine and stand in the spool's failed/ folder",
                                     spool.failed_waiting));
  if (spool.damaged_waiting > 0)
    reasons.emplace_back(
        fmt::format("{} files of the spool were damaged on disk; what could be read of them is stored, the "
                    "files stand in the spool's failed/ folder",
                    spool.damaged_waiting));
  if (spool.crowded_tables > 0)
    reasons.emplace_back(fmt::format("merges are behind the inserts of {} tables; their rows wait longer in the spool",
                                     spool.crowded_tables));
  if (parts_.books_watch != nullptr)
    for (const auto& wrong : parts_.books_watch->mismatches())
      reasons.emplace_back(fmt::format(
          "the books of data source '{}' in workspace '{}' do not hold: {} rows were stored, the engine has {}",
          wrong.data_source, wrong.workspace, wrong.expected, wrong.found));
  json::object engine{{"up", parts_.store == nullptr ? spool.engine_reachable : parts_.store->up()}};
  if (parts_.store != nullptr) {
    engine["pid"] = parts_.store->pid();
    engine["restarts"] = parts_.store->restart_count();
  }
  json::object health{
      {"status", reasons.empty() ? "ready" : "degraded"},
      {"version", KINGLET_VERSION},
      {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - started_at_).count()},
      {"engine", std::move(engine)},
      {"spool", json::object{{"bytes", spool.bytes},
                             {"segments", spool.segments},
                             {"oldest_seconds", static_cast<double>(spool.oldest_age.count()) / 1000}}}};
  if (!reasons.empty()) health["reasons"] = std::move(reasons);
  return health;
}

std::string StatusPage::metrics(const http::ServerStatistics& http) const {
  const auto spool = parts_.spool.stats();
  Text text;
  const auto number = [](auto n) { return static_cast<double>(n); };
  text.add("kinglet_up", "gauge", "1 while the server runs", 1);
  text.add("kinglet_uptime_seconds", "gauge", "since the start",
           std::chrono::duration<double>(Clock::now() - started_at_).count());
  if (parts_.store != nullptr) {
    text.add("kinglet_engine_up", "gauge", "1 while the engine answers", parts_.store->up() ? 1 : 0,
             "{role=\"store\"}");
    text.add("kinglet_engine_restarts_total", "counter", "times the engine process was started again",
             number(parts_.store->restart_count()), "{role=\"store\"}");
  }
  text.add("kinglet_http_connections_open", "gauge", "connections of clients", number(http.connections_open));
  text.add("kinglet_http_large_heads", "gauge", "heads of requests beyond 64 KiB that are in memory",
           number(http.large_heads));
  constexpr auto refused = "kinglet_http_connections_refused_total";
  constexpr auto refused_help =
      "connections answered with 503: too many, too many of one peer, no file descriptor left";
  text.add(refused, "counter", refused_help, number(http.refused_total), "{reason=\"total\"}");
  text.add(refused, "counter", refused_help, number(http.refused_peer), "{reason=\"peer\"}");
  text.add(refused, "counter", refused_help, number(http.refused_descriptors), "{reason=\"descriptors\"}");
  constexpr auto late = "kinglet_http_timeouts_total";
  constexpr auto late_help =
      "connections ended for want of a request, the rest of a head, a body, a reader of the reply";
  text.add(late, "counter", late_help, number(http.timeouts_idle), "{waiting_for=\"request\"}");
  text.add(late, "counter", late_help, number(http.timeouts_head), "{waiting_for=\"head\"}");
  text.add(late, "counter", late_help, number(http.timeouts_body), "{waiting_for=\"body\"}");
  text.add(late, "counter", late_help, number(http.timeouts_write), "{waiting_for=\"reader\"}");
  constexpr auto limited = "kinglet_rate_limited_requests_total";
  constexpr auto limited_help = "requests answered with 429, by whose limit it was";
  text.add(limited, "counter", limited_help, number(parts_.limiter.refused(auth::RateScope::jwt)), "{limit=\"jwt\"}");
  text.add(limited, "counter", limited_help, number(parts_.limiter.refused(auth::RateScope::token)),
           "{limit=\"token\"}");
  text.add(limited, "counter", limited_help, number(parts_.limiter.refused(auth::RateScope::data_source)),
           "{limit=\"data_source\"}");
  text.add("kinglet_rate_limit_shared_checks_total", "counter",
           "checks of a rate limit in a full table, where callers share a place", number(parts_.limiter.shared()));
  text.add("kinglet_http_requests_total", "counter", "requests with a readable head", number(http.requests));
  text.add("kinglet_http_requests_refused_total", "counter", "requests refused before a handler",
           number(http.requests_refused));
  text.add("kinglet_http_received_bytes_total", "counter", "from clients", number(http.bytes_received));
  text.add("kinglet_http_sent_bytes_total", "counter", "to clients", number(http.bytes_sent));
  const auto memory = parts_.intake.memory();
  text.add("kinglet_intake_memory_bytes", "gauge", "reserved for bodies that are being read",
           number(memory.small_bytes), "{requests=\"small\"}");
  text.add("kinglet_intake_memory_bytes", "gauge", "reserved for bodies that are being read",
           number(memory.large_bytes), "{requests=\"large\"}");
  text.add("kinglet_intake_waiting", "gauge", "requests that wait for memory", number(memory.waiting));
  text.add("kinglet_intake_waited_total", "counter", "requests that had to wait for memory", number(memory.waited));
  text.add("kinglet_intake_refused_total", "counter", "requests refused for want of memory", number(memory.refused));
  text.add("kinglet_intake_jobs_waiting", "gauge", "turns of workers that read rows, in line",
           number(parts_.intake.jobs_waiting()));
  text.add("kinglet_spool_bytes", "gauge", "accepted and not yet stored", number(spool.bytes));
  text.add("kinglet_spool_segments", "gauge", "files of the spool", number(spool.segments));
  text.add("kinglet_spool_oldest_seconds", "gauge", "age of the oldest row that is not stored",
           number(spool.oldest_age.count()) / 1000);
  const auto& limits = parts_.spool.limits();
  const auto bounded = [&](std::string_view name, std::string_view help, std::uint64_t value, std::uint64_t most) {
    text.add(fmt::format("kinglet_spool_{}", name), "gauge", help, number(value));
    text.add(fmt::format("kinglet_spool_{}_max", name), "gauge", "its limit: 503 beyond", number(most));
  };
  text.add("kinglet_spool_bytes_max", "gauge", "the limit of kinglet_spool_bytes: 503 beyond",
           number(limits.spool_bytes_max));
  bounded("queued_requests", "requests on their way to the disk", spool.queued_requests, limits.queue_requests_max);
  bounded("queued_bytes", "their rows", spool.queued_bytes, limits.queue_bytes_max);
  bounded("table_bytes", "accepted and not yet stored, of the table that has most", spool.fullest_table_bytes,
          limits.table_bytes_max);
  bounded("table_batches", "batches that wait for the engine, of the table that has most", spool.fullest_table_batches,
          limits.table_batches_max);
  text.add("kinglet_spool_ready_tables", "gauge", "tables with rows for the engine and no free place",
           number(spool.ready_tables));
  text.add("kinglet_spool_running_inserts", "gauge", "inserts that the engine works on", number(spool.running_inserts));
  text.add("kinglet_spool_crowded_tables", "gauge", "tables whose merges are behind: their inserts are slowed",
           number(spool.crowded_tables));
  text.add("kinglet_spool_durability", "gauge", "what an acknowledged request survives", 1,
           fmt::format("{{level=\"{}\"}}", spool::durability_name(parts_.spool.durability())));
  text.add("kinglet_spool_torn_segments_total", "counter", "writes that did not finish, found and cut off at the start",
           number(spool.torn_segments));
  text.add("kinglet_spool_damaged_segments_total", "counter", "files of the spool that the disk changed",
           number(spool.damaged_segments));
  text.add("kinglet_spool_appended_rows_total", "counter", "rows made durable", number(spool.appended_rows));
  text.add("kinglet_spool_appended_bytes_total", "counter", "bytes made durable", number(spool.appended_bytes));
  text.add("kinglet_spool_duplicate_requests_total", "counter", "requests known by their idempotency key",
           number(spool.duplicate_requests));
  text.add("kinglet_spool_landed_rows_total", "counter", "rows stored by the engine", number(spool.landed_rows));
  text.add("kinglet_spool_inserts_total", "counter", "inserts that the engine stored", number(spool.landed_parts));
  text.add("kinglet_spool_insert_retries_total", "counter", "inserts tried again", number(spool.insert_retries));
  text.add("kinglet_spool_view_failures_total", "counter", "inserts that a materialized view refused",
           number(spool.view_failures));
  text.add("kinglet_spool_failed_rows_total", "counter", "rows that the engine refused for good",
           number(spool.failed_rows));
  text.add("kinglet_spool_failed_batches", "gauge", "refused batches that stand in failed/",
           number(spool.failed_waiting));
  text.add("kinglet_spool_rejected_requests_total", "counter", "requests refused for want of room",
           number(spool.rejected_requests));
  text.add("kinglet_spool_write_failures_total", "counter", "appends that the disk refused",
           number(spool.write_failures));
  std::uint64_t syncs = 0;
  for (std::size_t i = 0; i < spool.sync_bounds_us.size(); ++i) {
    syncs += spool.sync_buckets[i];
    text.add("kinglet_spool_sync_seconds_bucket", "untyped", "fdatasync calls of the spool", number(syncs),
             fmt::format("{{le=\"{}\"}}", static_cast<double>(spool.sync_bounds_us[i]) / 1e6));
  }
  text.add("kinglet_spool_sync_seconds_bucket", "untyped", "fdatasync calls of the spool", number(spool.syncs),
           "{le=\"+Inf\"}");
  const auto& opinions = parts_.runners.opinions();
  text.add("kinglet_sql_second_opinions_total", "counter", "shapes of statements whose tree the engine was asked for",
           number(opinions.asked.load()));
  text.add("kinglet_sql_disagreements_total", "counter",
           "statements refused because the engine reads them otherwise than we do; anything but 0 is a fault",
           number(opinions.differed.load()));
  text.raw(prometheus::TextSerializer().Serialize(parts_.observer.Collect()));
  return text.take();
}

}  // namespace kinglet::server
