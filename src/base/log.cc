// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <fmt/chrono.h>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <system_error>

namespace kinglet::log {
namespace {

constexpr std::size_t queue_lines_max = 8192;
std::shared_ptr<spdlog::logger> logger;
std::shared_ptr<spdlog::details::thread_pool> pool;
Options current;

constexpr std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "info";
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_value(std::string& out, const Field& field, Format format) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    const bool plain = format == Format::text && !text->empty() && text->find_first_of(" \"=\n\r\t\\") == text->npos;
    plain ? void(out += *text) : append_json_string(out, *text);
  } else if (const auto* integer = std::get_if<std::int64_t>(&field.value)) {
    out += fmt::format("{}", *integer);
  } else if (const auto* number = std::get_if<double>(&field.value)) {
    out += fmt::format("{:.6g}", *number);
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

std::string render(Level level, std::string_view message, std::initializer_list<Field> fields) {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::time_point_cast<std::chrono::seconds>(now);
  const auto stamp = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                                 (now - seconds).count());
  std::string line;
  if (current.format == Format::json) {
    line = fmt::format(R"({{"time":"{}","level":"{}","message":)", stamp, level_name(level));
    append_json_string(line, message);
    for (const auto& field : fields) {
      line += ',';
      append_json_string(line, field.key);
      line += ':';
      append_value(line, field, Format::json);
    }
    line += '}';
    return line;
  }
  line = fmt::format("{} {:<7} {}", stamp, level_name(level), message);
  for (const auto& field : fields) {
    line += fmt::format(" {}=", field.key);
    append_value(line, field, Format::text);
  }
  return line;
}

}  // namespace

void start(const Options& options) {
  current = options;
  const auto to = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  try {
    pool = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1);
    logger = std::make_shared<spdlog::async_logger>("kinglet", to, pool, spdlog::async_overflow_policy::overrun_oldest);
  } catch (const std::system_error&) {
    logger = std::make_shared<spdlog::logger>("kinglet", to);
  }
  logger->set_pattern("%v");
}

void stop() {
  if (!logger) return;
  logger->flush();
  logger.reset();
  pool.reset();
}

void write(Level level, std::string_view message, std::initializer_list<Field> fields) {
  if (level < current.level || !logger) return;
  logger->info("{}", render(level, message, fields));
}

std::string redact_url(std::string_view target) {
  std::string out;
  out.reserve(target.size());
  std::size_t at = 0;
  while (at < target.size()) {
    const auto end = std::min(target.find_first_of("?&", at), target.size());
    const auto part = target.substr(at, end - at);
    const auto equals = part.find('=');
    const auto name = part.substr(0, equals);
    if (equals != part.npos && (name == "token" || name == "password")) {
      out += name;
      out += "=***";
    } else {
      out += part;
    }
    if (end < target.size()) out += target[end];
    at = end + 1;
  }
  return out;
}

}  // namespace kinglet::log
