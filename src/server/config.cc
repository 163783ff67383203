// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <type_traits>
#include <variant>

namespace kinglet::server {

namespace {
/// The field of Config that a setting fills; a bool is a flag without a value.
using Target = std::variant<std::string Config::*, std::uint16_t Config::*, std::uint32_t Config::*,
                            std::uint64_t Config::*, bool Config::*>;

struct Setting {
  std::string name;  // the flag without its dashes, and the key in a file; KINGLET_NAME is its variable
  Target target;
  const char* help;
  std::optional<CLI::Validator> limit = {};
};

struct Group {
  const char* title;
  std::vector<Setting> settings;
};

std::vector<Group> groups() {
  const auto internet_address =
      CLI::ValidIPV4 |
      CLI::Validator(
          [](std::string& text) { return text.find(':') != text.npos ? std::string() : "not an ip address: " + text; },
          "IP");
  const auto milliseconds = CLI::Range(1, 86'400'000);
  return {
      {"Where it listens",
       {
           {"data", &Config::data, "folder for catalog, spool and the engine's tables; created when missing"},
           {"listen", &Config::listen, "address to listen on", internet_address},
           {"port", &Config::port, "port of the API; 0 takes a free one"},
           {"clickhouse-port", &Config::clickhouse_port, "port of the ClickHouse interface; 0 takes a free one"},
           {"public-url", &Config::public_url, "address in replies that hold URLs; default http://<listen>:<port>"},
           {"ready-file", &Config::ready_file,
            "gets {\"url\",\"clickhouse_url\",\"pid\",\"engine_pid\"} once requests are answered"},
       }},
      {"Engine",
       {
           {"engine", &Config::engine,
            "`embedded`, or the http(s) URL of a ClickHouse server (24.8 or newer) or kinglet-engine"},
           {"engine-binary", &Config::engine_binary, "path of kinglet-engine; default beside this program"},
           {"libchdb", &Config::libchdb, "path of libchdb.so; default where kinglet-engine looks"},
       }},
      {"Limits",
       {
           {"events-body-bytes-max", &Config::events_body_bytes_max,
            "largest body of POST /v0/events, compressed and not (413); 0: no limit"},
           {"intake-memory-bytes-max", &Config::intake_memory_bytes_max,
            "memory of all bodies that are being read (they wait, then 503)",
            CLI::Range(std::uint64_t{64} << 20, std::uint64_t{1} << 40)},
           {"upload-bytes-max", &Config::upload_bytes_max, "largest uploaded file (413)"},
           {"import-bytes-max", &Config::import_bytes_max, "largest file imported by URL, after decompression"},
           {"query-seconds-max", &Config::query_seconds_max, "longest run of one query (408)", CLI::Range(1, 3600)},
           {"query-memory-bytes-max", &Config::query_memory_bytes_max, "memory of one query"},
           {"query-threads-max", &Config::query_threads_max,
            "threads of one query; with 1, rows that nothing orders keep the order they are read in",
            CLI::Range(1, 64)},
           {"response-bytes-max", &Config::response_bytes_max, "largest reply of one query"},
           {"durability", &Config::durability,
            "what an accepted row survives: fsync (the machine's end), os (the process's end), memory (neither)",
            CLI::IsMember({"fsync", "os", "memory"})},
           {"flush-interval-ms", &Config::flush_interval_ms, "accepted rows are sent to the engine after this time",
            CLI::Range(1, 600000)},
           {"wait-flush-ms", &Config::wait_flush_ms, "the same when a request with wait=true is among them",
            CLI::Range(0, 60000)},
           {"spool-bytes-max", &Config::spool_bytes_max, "accepted rows that may wait for the engine (503 beyond)"},
           {"books-interval-ms", &Config::books_interval_ms,
            "rows in the engine are compared with the books so often; 0: never", CLI::Range(0, 3'600'000)},
           {"quarantine-rows-per-second", &Config::quarantine_rows_per_second,
            "bad rows of a data source that are kept; more are counted and not kept"},
           {"quarantine-rows-burst", &Config::quarantine_rows_burst, "bad rows of a data source that are kept at once"},
           {"quarantine-bytes-per-second", &Config::quarantine_bytes_per_second,
            "the same in bytes, before compression"},
           {"quarantine-bytes-burst", &Config::quarantine_bytes_burst, "bytes of bad rows that are kept at once"},
           {"quarantine-bytes-max", &Config::quarantine_bytes_max,
            "size of a quarantine on disk beyond which no more is kept"},
           {"shutdown-seconds", &Config::shutdown_seconds, "time to finish requests and flush at SIGTERM"},
           {"connections-max", &Config::connections_max,
            "connections of clients, each port (503 beyond); the file descriptors may allow fewer",
            CLI::Range(1, 10'000'000)},
           {"connections-per-peer-max", &Config::connections_per_peer_max,
            "of them from one address, or one IPv6 /64 (503 beyond)", CLI::Range(1, 10'000'000)},
           {"head-timeout-ms", &Config::head_timeout_ms, "time for the head of a request from its first byte on (408)",
            milliseconds},
           {"body-timeout-ms", &Config::body_timeout_ms, "pauses of a body that is below its least rate, in all (408)",
            milliseconds},
           {"body-bytes-per-second-min", &Config::body_bytes_per_second_min, "least rate of a body; 0: any (408)"},
           {"keep-alive-timeout-ms", &Config::keep_alive_timeout_ms,
            "a connection without a request is closed after this", milliseconds},
           {"reply-timeout-ms", &Config::reply_timeout_ms, "a peer that takes no byte of its reply is left after this",
            milliseconds},
           {"data-source-requests-per-second", &Config::data_source_requests_per_second,
            "appends (events and files) to one data source (429 beyond); 0: any number", CLI::Range(0, 1'000'000)},
           {"token-requests-per-second", &Config::token_requests_per_second,
            "appends with one token (429 beyond); 0: any number", CLI::Range(0, 1'000'000)},
           {"import-private-addresses", &Config::import_private_addresses,
            "imports by URL may read from loopback and private addresses"},
       }},
      {"Other",
       {
           {"row-threads", &Config::row_threads, "threads that read rows of larger bodies; 0: one per core",
            CLI::Range(0, 256)},
           {"invalid-text", &Config::invalid_text,
            "lone surrogates and invalid UTF-8 in rows: reject (to the quarantine) or replace (by U+FFFD)",
            CLI::IsMember({"reject", "replace"})},
           {"io-threads", &Config::io_threads, "event loops; 0: one per core", CLI::Range(0, 256)},
           {"log-level", &Config::log_level, "debug, info, warning or error",
            CLI::IsMember({"debug", "info", "warning", "error"})},
           {"log-format", &Config::log_format, "text or json", CLI::IsMember({"text", "json"})},
       }},
  };
}

std::string variable_name(std::string_view flag) {
  std::string name = "KINGLET_";
  for (const char c : flag) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

template <class T>
CLI::Option* add(CLI::App& app, const Setting& setting, T& value) {
  const auto flag = "--" + setting.name;
  if constexpr (std::is_same_v<T, bool>) {
    return app.add_flag(flag, value, setting.help);
  } else {
    auto* option = app.add_option(flag, value, setting.help)->capture_default_str();
    // CLI11 reads -1 as the largest number of an unsigned type: a limit would become none.
    if constexpr (std::is_unsigned_v<T>)
      option->check(CLI::Validator(
          [](std::string& text) {
            return text.find('-') == text.npos ? std::string() : "not a number from 0: " + text;
          },
          ""));
    return option;
  }
}
}  // namespace

void add_serve_options(CLI::App& serve, Config& config, std::string& config_file) {
  serve.add_option("--config", config_file, "TOML file with the keys of these flags (without the dashes in front)")
      ->envname("KINGLET_CONFIG")
      ->group("Other");
  for (const auto& group : groups())
    for (const auto& setting : group.settings) {
      auto* option = std::visit([&](auto member) { return add(serve, setting, config.*member); }, setting.target);
      option->envname(variable_name(setting.name))->group(group.title);
      if (setting.limit) option->check(*setting.limit);
    }
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
