// SPDX-License-Identifier: Apache-2.0
// Misspelt words and what they meant.
#include "base/spelling.h"

#include <gtest/gtest.h>

#include <array>

namespace kinglet {
namespace {

TEST(Spelling, Distances) {
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("FORM", "from"), 1u) << "a swap of neighbours is one edit; case does not count";
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  EXPECT_GT(edit_distance(std::string(65, 'a'), "a"), 64u);
}

TEST(Spelling, TheNearestWordThatMayBeMeant) {
  constexpr std::array<std::string_view, 3> known = {"ENGINE", "SCHEMA", "ENGINE_TTL"};
  EXPECT_EQ(nearest("ENGIN", known), "ENGINE");
  EXPECT_EQ(nearest("engine_tll", known), "ENGINE_TTL");
  EXPECT_EQ(nearest("TOKEN", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(did_you_mean("SHCEMA", known), "did you mean SCHEMA?");
  EXPECT_EQ(did_you_mean("x", known), "");
}

}  // namespace
}  // namespace kinglet
