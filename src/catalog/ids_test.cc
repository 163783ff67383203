// SPDX-License-Identifier: Apache-2.0
#include "catalog/ids.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <regex>

#include "json/document.h"

namespace kinglet::catalog {
namespace {

TEST(Time, PrintsAndReadsTheApiForm) {
  const auto read = parse_time("2026-03-02 10:11:12.123456");
  ASSERT_TRUE(read);
  EXPECT_EQ(format_time(*read), "2026-03-02 10:11:12.123456");
  EXPECT_EQ(format_time(*parse_time("2026-03-02 10:11:12")), "2026-03-02 10:11:12.000000");
  EXPECT_EQ(format_time(*parse_time("2026-03-02T10:11:12.5Z")), "2026-03-02 10:11:12.500000");
  EXPECT_EQ(format_time(*parse_time("1969-12-31 23:59:59.999999")), "1969-12-31 23:59:59.999999");
}

TEST(Time, RefusesWhatIsNotATime) {
  for (const char* text :
       {"", "2026-03-02", "2026-02-30 10:11:12", "2026-03-02 24:00:00", "2026-03-02 10:60:12", "2026-03-02 10:11:60",
        "2026-03-02 10:11:12.", "2026-03-02 10:11:12.1234567", "2026-03-02 10:11:12,5", "2026/03/02 10:11:12",
        "+026-03-02 10:11:12", "2026-03-02 10:11:12 "})
    EXPECT_FALSE(parse_time(text)) << text;
}

RC_GTEST_PROP(Time, RoundTrips, ()) {
  const auto micros = *rc::gen::inRange<std::int64_t>(-62135596800000000, 253402300799999999);  // years 1 to 9999
  const Time time{std::chrono::microseconds(micros)};
  const auto read = parse_time(format_time(time));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == time);
}

RC_GTEST_PROP(Base64Url, RoundTrips, (const std::string& bytes)) {
  const auto read = base64url_decode(base64url_encode(bytes));
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == bytes);
}

RC_GTEST_PROP(Base64Url, HasOneSpellingForAValue, (const std::string& text)) {
  const auto read = base64url_decode(text);
  if (read) RC_ASSERT(base64url_encode(*read) == text);
}

TEST(Base64Url, RefusesPaddingOtherAlphabetsAndStrayBits) {
  for (const char* text : {"QQ==", "Q", "a+b/", "QR", "QUJ=", " QUI", "QUI\n"})
    EXPECT_FALSE(base64url_decode(text)) << text;
  EXPECT_EQ(*base64url_decode("QQ"), "A");
}

TEST(Ids, HaveTheFormsThatClientsExpect) {
  const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  const std::regex resource("t_[0-9a-f]{32}");
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(std::regex_match(new_uuid(), uuid));
    EXPECT_TRUE(std::regex_match(new_resource_id(), resource));
  }
  EXPECT_NE(new_uuid(), new_uuid());
}

TEST(TokenValue, SplitsIntoThePartsThatClientsLookFor) {
  const std::string value = new_token_value("owner-1", "token-1", "local");
  const std::size_t first = value.find('.'), second = value.find('.', first + 1);
  ASSERT_NE(second, value.npos);
  EXPECT_EQ(value.substr(0, first), "p");
  EXPECT_EQ(value.find('.', second + 1), value.npos);
  const auto payload = base64url_decode(value.substr(first + 1, second - first - 1));
  ASSERT_TRUE(payload);
  const auto document = json::parse(*payload);
  ASSERT_TRUE(document);
  EXPECT_EQ(document->at("u"), "owner-1");
  EXPECT_EQ(document->at("id"), "token-1");
  EXPECT_EQ(document->at("host"), "local");
  EXPECT_EQ(value.size() - second - 1, 43U);
  EXPECT_NE(value, new_token_value("owner-1", "token-1", "local"));
}

}  // namespace
}  // namespace kinglet::catalog
