// SPDX-License-Identifier: Apache-2.0
#include "server/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

namespace kinglet::server {
namespace {

TEST(Descriptors, AShareStaysForFilesAndTheEngine) {
  EXPECT_EQ(descriptors_for_connections(64), 16U);
  EXPECT_EQ(descriptors_for_connections(128), 64U);
  EXPECT_EQ(descriptors_for_connections(512), 384U);
  EXPECT_EQ(descriptors_for_connections(4096), 3072U);
  EXPECT_EQ(descriptors_for_connections(100'000), 98'976U);
  EXPECT_EQ(descriptors_for_connections(1), 1U);
}

// attacks.md R7
TEST(Descriptors, R7TheSoftLimitIsRaisedToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 128;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit(), std::min<rlim_t>(before.rlim_max, 1U << 30));
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace kinglet::server
