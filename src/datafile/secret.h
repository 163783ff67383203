// SPDX-License-Identifier: Apache-2.0
// Secrets in values of datafiles: {{ tb_secret("NAME") }} or {{ tb_secret("NAME", "default") }}.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kinglet::datafile {

struct SecretReference {
  std::string name;
  std::optional<std::string> default_value;
};

/// The secrets that a value reads, in order. Errors: invalid, when the value holds another template or an unclosed one.
Result<std::vector<SecretReference>> secrets_of(std::string_view value);

/// The value with every secret replaced. `find` gives the secret's value or nothing; then the default counts.
/// Errors: not_found naming the secret (never a value) when there is neither; invalid as secrets_of.
Result<std::string> resolve_secrets(std::string_view value,
                                    const std::function<std::optional<std::string>(std::string_view name)>& find);

}  // namespace kinglet::datafile
