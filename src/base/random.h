// SPDX-License-Identifier: Apache-2.0
// Random numbers: secret ones from the kernel, cheap ones for ids and jitter.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace kinglet {

/// Fills `to` from the kernel's generator; for keys, tokens, nonces. Aborts when the kernel has none to give.
void fill_random_secret(std::span<unsigned char> to);
/// `byte_count` secret bytes as lower-case hexadecimal text.
std::string random_secret_hex(std::size_t byte_count);

/// Fast, per thread, seeded by the kernel; guessable by somebody who sees enough of it: never for secrets.
std::uint64_t random_uint64();
/// Uniform in [0, bound). `bound` is not 0.
std::uint64_t random_below(std::uint64_t bound);

}  // namespace kinglet
