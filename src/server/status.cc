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
  if (spool.failed_batches > 0)
    reasons.emplace_back(fmt::format("{} batches were refused by the engine and stand in the spool's failed/ folder",
                                     spool.failed_batches));
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
  text.add("kinglet_http_connections_refused_total", "counter", "connections beyond the limit",
           number(http.connections_refused));
  text.add("kinglet_http_requests_total", "counter", "requests with a readable head", number(http.requests));
  text.add("kinglet_http_requests_refused_total", "counter", "requests refused before a handler",
           number(http.requests_refused));
  text.add("kinglet_http_received_bytes_total", "counter", "from clients", number(http.bytes_received));
  text.add("kinglet_http_sent_bytes_total", "counter", "to clients", number(http.bytes_sent));
  text.add("kinglet_spool_bytes", "gauge", "accepted and not yet stored", number(spool.bytes));
  text.add("kinglet_spool_segments", "gauge", "files of the spool", number(spool.segments));
  text.add("kinglet_spool_oldest_seconds", "gauge", "age of the oldest row that is not stored",
           number(spool.oldest_age.count()) / 1000);
  text.add("kinglet_spool_queued_requests", "gauge", "requests on their way to the disk",
           number(spool.queued_requests));
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
