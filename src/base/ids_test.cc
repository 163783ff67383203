// SPDX-License-Identifier: Apache-2.0
#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>

#include "base/clock.h"
#include "base/random.h"

namespace kinglet {
namespace {

TEST(Ids, UuidsAreVersion4AndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = make_uuid();
    ASSERT_TRUE(is_uuid(id)) << id;
    ASSERT_EQ(id[14], '4');
    ASSERT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
    ASSERT_TRUE(seen.insert(id).second);
  }
  EXPECT_FALSE(is_uuid("0d2f0b5e-5f0c-4b1e-9a3d-00000000000"));
  EXPECT_FALSE(is_uuid("0d2f0b5e-5f0c-4b1e-9a3d-00000000000g"));
  EXPECT_FALSE(is_uuid("0d2f0b5e05f0c-4b1e-9a3d-000000000000"));
}

TEST(Ids, UlidsOfOneThreadGrow) {
  std::string last;
  for (int i = 0; i < 100'000; ++i) {
    const std::string id = make_ulid();
    ASSERT_EQ(id.size(), 26U);
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(Ids, ResourceIds) {
  EXPECT_TRUE(is_resource_id(make_resource_id()));
  EXPECT_FALSE(is_resource_id("t_123"));
  EXPECT_FALSE(is_resource_id("x_" + std::string(32, 'a')));
}

TEST(Random, BelowStaysBelowAndReachesAll) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t number = random_below(5);
    ASSERT_LT(number, 5U);
    seen.insert(number);
  }
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_EQ(random_secret_hex(16).size(), 32U);
  EXPECT_NE(random_secret_hex(16), random_secret_hex(16));
}

TEST(Clock, FormatsAndParsesWallTime) {
  const WallTime time = *parse_time("2026-03-01 14:02:03.00015");
  EXPECT_EQ(format_time(time), "2026-03-01 14:02:03.000150");
  EXPECT_EQ(format_time_seconds(time), "2026-03-01 14:02:03");
  EXPECT_EQ(parse_time("2026-03-01T14:02:03.000150Z"), time);
  EXPECT_EQ(format_time(*parse_time("1969-12-31 23:59:59.999999")), "1969-12-31 23:59:59.999999");
  const WallTime now = wall_now();
  EXPECT_EQ(parse_time(format_time(now)), now);
  for (const char* bad : {"", "2026-03-01", "2026-02-30 00:00:00", "2026-03-01 24:00:00", "2026-03-01 14:02:03.",
                          "2026-03-01 14:02:03.1234567", "2026-03-01 14:02:03 +02:00", "26-03-01 14:02:03"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace kinglet
