// SPDX-License-Identifier: Apache-2.0
// Settings of `kinglet serve`: each is a flag, a KINGLET_* variable and a TOML key; flag wins over variable over file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class App;
}

namespace kinglet::server {

struct Config {
  std::string data = "kinglet-data";
  std::string listen = "127.0.0.1";
  std::uint16_t port = 7181;
  std::uint16_t clickhouse_port = 7182;
  std::string engine = "embedded";
  std::string engine_binary;  // empty: kinglet-engine beside this program
  std::string libchdb;        // empty: where kinglet-engine looks by itself
  std::string ready_file;
  std::string log_level = "info";
  std::string log_format = "text";
  std::uint32_t io_threads = 0;  // 0: one per core
  std::string public_url;        // empty: http://<listen>:<port>

  std::uint64_t events_body_bytes_max = 64ull << 30;
  std::uint64_t intake_memory_bytes_max = 256ull << 20;
  std::uint32_t row_threads = 0;        // 0: one per core
  std::string invalid_text = "reject";  // or replace
  std::uint64_t upload_bytes_max = 500ull << 20;
  std::uint64_t import_bytes_max = 32ull << 30;
  std::uint32_t query_seconds_max = 10;
  std::uint64_t query_memory_bytes_max = 2ull << 30;
  std::uint32_t query_threads_max = 4;
  std::uint64_t response_bytes_max = 100ull << 20;
  std::string durability = "fsync";
  std::uint32_t flush_interval_ms = 200;
  std::uint32_t wait_flush_ms = 20;
  std::uint64_t spool_bytes_max = 4ull << 30;
  std::uint32_t books_interval_ms = 30'000;
  std::uint64_t quarantine_rows_per_second = 1'000, quarantine_rows_burst = 100'000;
  std::uint64_t quarantine_bytes_per_second = 1u << 20, quarantine_bytes_burst = 64u << 20;
  std::uint64_t quarantine_bytes_max = 2ull << 30;
  std::uint32_t shutdown_seconds = 10;

  std::uint32_t connections_max = 100'000;
  std::uint32_t connections_per_peer_max = 20'000;
  std::uint32_t head_timeout_ms = 10'000;
  std::uint32_t body_timeout_ms = 30'000;
  std::uint64_t body_bytes_per_second_min = 2'048;
  std::uint32_t keep_alive_timeout_ms = 75'000;
  std::uint32_t reply_timeout_ms = 30'000;
  std::uint32_t data_source_requests_per_second = 0;  // 0: no limit
  std::uint32_t token_requests_per_second = 0;
  bool import_private_addresses = false;
};

/// The `serve` subcommand with every flag, its variable and its help text, writing into `config`.
void add_serve_options(CLI::App& serve, Config& config, std::string& config_file);

/// Fills what neither flag nor variable gave from a TOML file. Errors: invalid, with line and the key's name.
Status apply_file(CLI::App& serve, const std::string& path);

}  // namespace kinglet::server
