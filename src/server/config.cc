// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <type_traits>

namespace kinglet::server {

namespace {
std::string variable_name(std::string_view flag) {
  std::string name = "KINGLET_";
  for (const char c : flag) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

template <class T>
CLI::Option* add(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  auto* option = app.add_option("--" + name, value, help)->envname(variable_name(name))->capture_default_str();
  // CLI11 reads -1 as the largest number of an unsigned type: a limit would become none.
  if constexpr (std::is_unsigned_v<T> && !std::is_same_v<T, bool>)
    option->check(CLI::Validator(
        [](std::string& text) { return text.find('-') == text.npos ? std::string() : "not a number from 0: " + text; },
        ""));
  return option;
}
}  // namespace

void add_serve_options(CLI::App& serve, Config& c, std::string& config_file) {
  const std::string where = "Where it listens", engine = "Engine", limits = "Limits", other = "Other";
  serve.add_option("--config", config_file, "TOML file with the keys of these flags (without the dashes in front)")
      ->envname("KINGLET_CONFIG")
      ->group(other);

  add(serve, "data", c.data, "folder for catalog, spool and the engine's tables; created when missing")->group(where);
  add(serve, "listen", c.listen, "address to listen on")
      ->group(where)
      ->check(CLI::ValidIPV4 | CLI::Validator(
                                   [](std::string& text) {
                                     return text.find(':') != text.npos ? std::string() : "not an ip address: " + text;
                                   },
                                   "IP"));
  add(serve, "port", c.port, "port of the API; 0 takes a free one")->group(where);
  add(serve, "clickhouse-port", c.clickhouse_port, "port of the ClickHouse interface; 0 takes a free one")
      ->group(where);
  add(serve, "public-url", c.public_url, "address in replies that hold URLs; default http://<listen>:<port>")
      ->group(where);
  add(serve, "ready-file", c.ready_file,
      "gets {\"url\",\"clickhouse_url\",\"pid\",\"engine_pid\"} once requests are answered")
      ->group(where);

  add(serve, "engine", c.engine,
      "`embedded`, or the http(s) URL of a ClickHouse server (24.8 or newer) or kinglet-engine")
      ->group(engine);
  add(serve, "engine-binary", c.engine_binary, "path of kinglet-engine; default beside this program")->group(engine);
  add(serve, "libchdb", c.libchdb, "path of libchdb.so; default where kinglet-engine looks")->group(engine);

  add(serve, "events-body-bytes-max", c.events_body_bytes_max,
      "largest body of POST /v0/events, compressed and not (413); 0: no limit")
      ->group(limits);
  add(serve, "intake-memory-bytes-max", c.intake_memory_bytes_max,
      "memory of all bodies that are being read (they wait, then 503)")
      ->group(limits)
      ->check(CLI::Range(std::uint64_t{64} << 20, std::uint64_t{1} << 40));
  add(serve, "upload-bytes-max", c.upload_bytes_max, "largest uploaded file (413)")->group(limits);
  add(serve, "import-bytes-max", c.import_bytes_max, "largest file imported by URL, after decompression")
      ->group(limits);
  add(serve, "query-seconds-max", c.query_seconds_max, "longest run of one query (408)")
      ->group(limits)
      ->check(CLI::Range(1, 3600));
  add(serve, "query-memory-bytes-max", c.query_memory_bytes_max, "memory of one query")->group(limits);
  add(serve, "query-threads-max", c.query_threads_max,
      "threads of one query; with 1, rows that nothing orders keep the order they are read in")
      ->group(limits)
      ->check(CLI::Range(1, 64));
  add(serve, "response-bytes-max", c.response_bytes_max, "largest reply of one query")->group(limits);
  add(serve, "durability", c.durability,
      "what an accepted row survives: fsync (the machine's end), os (the process's end), memory (neither)")
      ->group(limits)
      ->check(CLI::IsMember({"fsync", "os", "memory"}));
  add(serve, "flush-interval-ms", c.flush_interval_ms, "accepted rows are sent to the engine after this time")
      ->group(limits)
      ->check(CLI::Range(1, 600000));
  add(serve, "wait-flush-ms", c.wait_flush_ms, "the same when a request with wait=true is among them")
      ->group(limits)
      ->check(CLI::Range(0, 60000));
  add(serve, "spool-bytes-max", c.spool_bytes_max, "accepted rows that may wait for the engine (503 beyond)")
      ->group(limits);
  add(serve, "books-interval-ms", c.books_interval_ms,
      "rows in the engine are compared with the books so often; 0: never")
      ->group(limits)
      ->check(CLI::Range(0, 3'600'000));
  add(serve, "quarantine-rows-per-second", c.quarantine_rows_per_second,
      "bad rows of a data source that are kept; more are counted and not kept")
      ->group(limits);
  add(serve, "quarantine-rows-burst", c.quarantine_rows_burst, "bad rows of a data source that are kept at once")
      ->group(limits);
  add(serve, "quarantine-bytes-per-second", c.quarantine_bytes_per_second, "the same in bytes, before compression")
      ->group(limits);
  add(serve, "quarantine-bytes-burst", c.quarantine_bytes_burst, "bytes of bad rows that are kept at once")
      ->group(limits);
  add(serve, "quarantine-bytes-max", c.quarantine_bytes_max,
      "size of a quarantine on disk beyond which no more is kept")
      ->group(limits);
  add(serve, "shutdown-seconds", c.shutdown_seconds, "time to finish requests and flush at SIGTERM")->group(limits);
  const auto milliseconds = CLI::Range(1, 86'400'000);
  add(serve, "connections-max", c.connections_max,
      "connections of clients, each port (503 beyond); the file descriptors may allow fewer")
      ->group(limits)
      ->check(CLI::Range(1, 10'000'000));
  add(serve, "connections-per-peer-max", c.connections_per_peer_max,
      "of them from one address, or one IPv6 /64 (503 beyond)")
      ->group(limits)
      ->check(CLI::Range(1, 10'000'000));
  add(serve, "head-timeout-ms", c.head_timeout_ms, "time for the head of a request from its first byte on (408)")
      ->group(limits)
      ->check(milliseconds);
  add(serve, "body-timeout-ms", c.body_timeout_ms, "pauses of a body that is below its least rate, in all (408)")
      ->group(limits)
      ->check(milliseconds);
  add(serve, "body-bytes-per-second-min", c.body_bytes_per_second_min, "least rate of a body; 0: any (408)")
      ->group(limits);
  add(serve, "keep-alive-timeout-ms", c.keep_alive_timeout_ms, "a connection without a request is closed after this")
      ->group(limits)
      ->check(milliseconds);
  add(serve, "reply-timeout-ms", c.reply_timeout_ms, "a peer that takes no byte of its reply is left after this")
      ->group(limits)
      ->check(milliseconds);
  add(serve, "data-source-requests-per-second", c.data_source_requests_per_second,
      "appends (events and files) to one data source (429 beyond); 0: any number")
      ->group(limits)
      ->check(CLI::Range(0, 1'000'000));
  add(serve, "token-requests-per-second", c.token_requests_per_second,
      "appends with one token (429 beyond); 0: any number")
      ->group(limits)
      ->check(CLI::Range(0, 1'000'000));
  serve
      .add_flag("--import-private-addresses", c.import_private_addresses,
                "imports by URL may read from loopback and private addresses")
      ->envname(variable_name("import-private-addresses"))
      ->group(limits);

  add(serve, "row-threads", c.row_threads, "threads that read rows of larger bodies; 0: one per core")
      ->group(other)
      ->check(CLI::Range(0, 256));
  add(serve, "invalid-text", c.invalid_text,
      "lone surrogates and invalid UTF-8 in rows: reject (to the quarantine) or replace (by U+FFFD)")
      ->group(other)
      ->check(CLI::IsMember({"reject", "replace"}));
  add(serve, "io-threads", c.io_threads, "event loops; 0: one per core")->group(other)->check(CLI::Range(0, 256));
  add(serve, "log-level", c.log_level, "debug, info, warning or error")
      ->group(other)
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  add(serve, "log-format", c.log_format, "text or json")->group(other)->check(CLI::IsMember({"text", "json"}));
}

Status apply_file(CLI::App& serve, const std::string& path) {
  if (std::error_code ignored; std::filesystem::is_directory(path, ignored))
    return fail(Code::invalid, "{}: a folder, not a TOML file", path);
  const auto parsed = toml::parse_file(path);
  if (!parsed) {
    const auto& error = parsed.error();
    if (error.source().begin.line == 0) return fail(Code::invalid, "{}: {}", path, error.description());
    return fail(Code::invalid, "{}:{}:{}: {}", path, error.source().begin.line, error.source().begin.column,
                error.description());
  }
  for (const auto& [key, node] : parsed.table()) {
    const auto line = node.source().begin.line;
    auto* option = serve.get_option_no_throw("--" + std::string(key.str()));
    if (option == nullptr || key.str() == "config" || key.str() == "help")
      return fail(Code::invalid, "{}:{}: unknown key `{}`; `kinglet serve --help` lists the keys", path, line,
                  std::string_view(key.str()));
    std::string text;
    if (const auto* s = node.as_string())
      text = s->get();
    else if (const auto* i = node.as_integer())
      text = std::to_string(i->get());
    else if (const auto* b = node.as_boolean())
      text = b->get() ? "true" : "false";
    else
      return fail(Code::invalid, "{}:{}: `{}` is a string, a whole number or true/false", path, line,
                  std::string_view(key.str()));
    if (option->count() > 0) continue;
    try {
      option->add_result(text);
      option->run_callback();
    } catch (const CLI::Error& error) {
      return fail(Code::invalid, "{}:{}: {}", path, line, error.what());
    }
  }
  return {};
}

}  // namespace kinglet::server
