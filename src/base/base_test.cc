// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/log.h"
#include "base/result.h"

namespace kinglet {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Code::invalid, "{} is odd", n);
  return n / 2;
}
Result<int> quarter(int n) {
  TRY(const int h, half(n));
  TRY(auto q, half(h));
  return q;
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "3 is odd");
}

// attacks.md A4: a token in a URL never reaches a log line.
TEST(Log, TokensInUrlsAreRedacted) {
  EXPECT_EQ(log::redact_url("/v0/events?name=x&token=p.abc&wait=true"), "/v0/events?name=x&token=***&wait=true");
  EXPECT_EQ(log::redact_url("/?token=a&token=b"), "/?token=***&token=***");
  EXPECT_EQ(log::redact_url("/plain"), "/plain");
}

}  // namespace
}  // namespace kinglet
