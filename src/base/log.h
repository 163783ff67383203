// SPDX-License-Identifier: Apache-2.0
// Structured log lines: one JSON object a line, or plain text on a terminal.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

namespace kinglet::log {

enum class Level : std::uint8_t { debug, info, warning, error };
enum class Format : std::uint8_t { text, json };

/// One `key=value` of a line. Never pass a token, a secret or a request body; urls go through redact_url() first.
struct Field {
  std::string_view key;
  std::variant<std::string, std::int64_t, double, bool> value;
  Field(std::string_view k, std::string_view v) : key(k), value(std::string(v)) {}
  Field(std::string_view k, const std::string& v) : key(k), value(v) {}
  Field(std::string_view k, const char* v) : key(k), value(std::string(v)) {}
  Field(std::string_view k, bool v) : key(k), value(v) {}
  Field(std::string_view k, double v) : key(k), value(v) {}
  template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>)
  Field(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

struct Options {
  Level level = Level::info;
  Format format = Format::text;
};

/// Starts the writer thread (bounded queue; the oldest line is dropped when it is full); when the system gives none,
/// each line is written by its caller. Lines go to standard error.
void start(const Options& options);
/// Writes what is queued; nothing is logged after it.
void stop();

void write(Level level, std::string_view message, std::initializer_list<Field> fields = {});
inline void debug(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::debug, m, f);
}
inline void info(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::info, m, f);
}
inline void warning(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::warning, m, f);
}
inline void error(std::string_view m, std::initializer_list<Field> f = {}) {
  write(Level::error, m, f);
}

/// A request target with the value of every `token=` and `password=` parameter replaced by `***` (attacks.md A4).
std::string redact_url(std::string_view target);

}  // namespace kinglet::log
