// SPDX-License-Identifier: Apache-2.0
// Names in statements of ours: quoted so that no name can end early.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kinglet::engine {

/// `database`.`table`
std::string qualified(std::string_view database, std::string_view table);
/// (`a`, `b`)
std::string column_list(std::span<const std::string> names);

}  // namespace kinglet::engine
