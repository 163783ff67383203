// SPDX-License-Identifier: Apache-2.0
// modules: engine
// Native blocks and type texts from outside: refused, or read so that writing gives the same bytes.
#include <cstdint>
#include <string>

#include "base/check.h"
#include "engine/block.h"
#include "engine/block_joiner.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kinglet::engine;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto type = parse_type(bytes)) {
    const std::string printed = print(*type);
    const auto again = parse_type(printed);
    CHECK(again.has_value() && *again == *type, "a printed type is the same type");
    sent_type(*type);
  }
  auto block = Block::decode(bytes);
  BlockJoiner joiner;
  const bool joins = joiner.add(bytes).has_value() && joiner.add(bytes).has_value();
  CHECK(joins == block.has_value(), "the joiner takes what can be read");
  if (!block) return 0;
  std::string written;
  block->encode(written);
  auto back = Block::decode(written);
  CHECK(back.has_value(), "our own blocks can be read");
  CHECK(back->append(*block).has_value(), "equal blocks can be joined");
  std::string twice, joined;
  back->encode(twice);
  for (const auto piece : joiner.pieces()) joined += piece;
  CHECK(joined == twice, "the joiner makes what appending makes");
  back->truncate(block->row_count());
  std::string again;
  back->encode(again);
  CHECK(again == written, "truncating undoes joining");
  return 0;
}
