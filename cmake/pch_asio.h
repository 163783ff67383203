// SPDX-License-Identifier: Apache-2.0
// Precompiled for the modules that run on io threads: the standard headers and Asio.
#pragma once
#include "pch_std.h"

#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
