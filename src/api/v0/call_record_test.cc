// SPDX-License-Identifier: Apache-2.0
// What is kept of a call's address: no token, however it is written (attacks.md A4).
#include "api/v0/call_record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace kinglet::api {
namespace {

std::string kept(std::string_view target) {
  return url_to_record(target, 1000);
}

TEST(UrlToRecord, LeavesTokensOut) {
  EXPECT_EQ(kept("/v0/pipes/top.json"), "/v0/pipes/top.json");
  EXPECT_EQ(kept("/v0/pipes/top.json?a=1&b=x%20y"), "/v0/pipes/top.json?a=1&b=x%20y");
  EXPECT_EQ(kept("/v0/sql?token=s3cret"), "/v0/sql");
  EXPECT_EQ(kept("/v0/sql?token=s3cret&q=SELECT+1"), "/v0/sql?q=SELECT+1");
  EXPECT_EQ(kept("/v0/sql?q=SELECT+1&token=s3cret"), "/v0/sql?q=SELECT+1");
  EXPECT_EQ(kept("/v0/sql?a=1&%74ok%65n=s3cret&b=2"), "/v0/sql?a=1&b=2");
  EXPECT_EQ(kept("/v0/sql?TOKEN=s3cret&Password=s3cret&token"), "/v0/sql");
  EXPECT_EQ(kept("/v0/sql?&&a=1&&"), "/v0/sql?a=1");
  EXPECT_EQ(kept("/v0/sql?token=s3cret?a=1"), "/v0/sql");
  EXPECT_EQ(kept("/v0/sql?%zztoken=1"), "/v0/sql?%zztoken=1") << "not the name that is read";
}

TEST(UrlToRecord, CutsLongOnes) {
  const auto cut = url_to_record("/v0/sql?q=" + std::string(5000, 'x') + "&token=s3cret", 100);
  EXPECT_EQ(cut.size(), 100U);
  EXPECT_EQ(url_to_record("/é", 2), "/");
}

RC_GTEST_PROP(UrlToRecord, NeverKeepsATokenAndNeverGrows, (std::vector<std::string> parts)) {
  std::string target = "/v0/sql";
  for (std::size_t i = 0; i < parts.size(); ++i) target += (i == 0 ? "?" : "&") + parts[i] + "&token=s3cret";
  const auto kept_of_it = kept(target);
  RC_ASSERT(kept_of_it.find("token=s3cret") == kept_of_it.npos);
  RC_ASSERT(kept_of_it.size() <= std::min<std::size_t>(target.size(), 1000));
}

}  // namespace
}  // namespace kinglet::api
