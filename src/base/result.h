// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error; TRY returns early. Exceptions never cross a module.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <utility>

#include "base/error.h"

namespace kinglet {

template <class T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

/// Makes the failed side of a Result: `return fail(Code::invalid, "line {}: …", line);`
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{.code = code, .message = fmt::format(format, std::forward<Args>(args)...)});
}
[[nodiscard]] inline std::unexpected<Error> fail(Error error) {
  return std::unexpected(std::move(error));
}

}  // namespace kinglet

#define KINGLET_CONCAT_(a, b) a##b
#define KINGLET_CONCAT(a, b) KINGLET_CONCAT_(a, b)
#define KINGLET_TRY_(tmp, decl, ret, ...)                \
  auto tmp = (__VA_ARGS__);                              \
  if (!tmp) ret std::unexpected(std::move(tmp).error()); \
  decl = std::move(*tmp)
/// `TRY(auto rows, parse(body));` in a plain function, CO_TRY in a coroutine. Statements, not expressions.
#define TRY(decl, ...) KINGLET_TRY_(KINGLET_CONCAT(try_, __LINE__), decl, return, __VA_ARGS__)
#define CO_TRY(decl, ...) KINGLET_TRY_(KINGLET_CONCAT(try_, __LINE__), decl, co_return, __VA_ARGS__)
/// The same for a Status: `TRY_VOID(check(x));`
#define TRY_VOID(...)                                                                       \
  if (auto KINGLET_CONCAT(try_, __LINE__) = (__VA_ARGS__); !KINGLET_CONCAT(try_, __LINE__)) \
  return std::unexpected(std::move(KINGLET_CONCAT(try_, __LINE__)).error())
#define CO_TRY_VOID(...)                                                                    \
  if (auto KINGLET_CONCAT(try_, __LINE__) = (__VA_ARGS__); !KINGLET_CONCAT(try_, __LINE__)) \
  co_return std::unexpected(std::move(KINGLET_CONCAT(try_, __LINE__)).error())
