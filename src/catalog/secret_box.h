// SPDX-License-Identifier: Apache-2.0
// SecretBox: seals the values of variables with AES-256-GCM under a key file of the data folder.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kinglet::catalog::internal {

/// Shape:  base64url of: version byte 1, nonce (12), ciphertext, tag (16). The place of the value (workspace id and
/// name)
///         is authenticated with it, so a sealed value cannot be moved to another name.
/// Thread: any, after create or open.
class SecretBox {
 public:
  static constexpr std::size_t key_size = 32;

  /// Makes the key file: mode 0600, fsynced. Errors: unavailable.
  static Result<SecretBox> create(const std::filesystem::path& key_file);
  /// Errors: unavailable when it is missing or has another size.
  static Result<SecretBox> open(const std::filesystem::path& key_file);

  std::string seal(std::string_view place, std::string_view value) const;
  /// Errors: internal: sealed under another key or place, or damaged.
  Result<std::string> unseal(std::string_view place, std::string_view sealed) const;

 private:
  std::array<unsigned char, key_size> key_{};
};

}  // namespace kinglet::catalog::internal
