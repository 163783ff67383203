// SPDX-License-Identifier: Apache-2.0
// Task<T>: a coroutine on an io thread. Name results first, then await them (style.md 5.4).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

#include "base/result.h"

namespace kinglet {

namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<T>;

/// Completion token of every Asio call of ours: errors come back as values.
inline constexpr auto use_task = asio::as_tuple(asio::use_awaitable);

using Clock = std::chrono::steady_clock;
/// Every wait has one; passed down as an argument.
using Deadline = Clock::time_point;

}  // namespace kinglet
