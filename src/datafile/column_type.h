// SPDX-License-Identifier: Apache-2.0
// Column types as datafiles write them: checked against the types ClickHouse has, and brought to one spelling.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kinglet::datafile {

/// Checks a type and returns it in canonical spelling: aliases resolved (INT -> Int32, VARCHAR -> String), one blank
/// after commas, none elsewhere. Errors: invalid, saying what was expected and at which character.
/// Limits: 64 KiB, 50 levels.
Result<std::string> normalise_type(std::string_view text);

/// These look at canonical text only.
bool is_nullable(std::string_view type);                   // Nullable(T) or LowCardinality(Nullable(T))
std::string_view without_wrappers(std::string_view type);  // T of LowCardinality(Nullable(T))
bool is_array(std::string_view type);
bool is_numeric(std::string_view type);    // IntN, UIntN, FloatN, Decimal
bool is_date_time(std::string_view type);  // DateTime, DateTime64

}  // namespace kinglet::datafile
