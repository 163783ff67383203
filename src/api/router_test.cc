// SPDX-License-Identifier: Apache-2.0
// Routes: what is found, what is not, and what is there for another method.
#include "api/router.h"

#include <gtest/gtest.h>

namespace kinglet::api {
namespace {

using http::Method;

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    const auto answer = [](http::Request&, const PathArguments&) -> Task<http::Response> {
      co_return http::Response{};
    };
    router_.add(Method::get, "/", answer);
    router_.add(Method::get, "/v0/pipes", answer);
    router_.add(Method::get, "/v0/pipes/{name}", answer);
    router_.add(Method::delete_, "/v0/pipes/{name}", answer);
    router_.add(Method::get, "/v0/pipes/{name}/nodes/{node}", answer);
    router_.add(Method::get, "/v0/tokens/list", answer);
    router_.add(Method::get, "/v0/tokens/{name}", answer);
    router_.add(Method::post, "/v0/events", answer);
  }
  /// The arguments joined by '|', "404", or "405" with the methods that are there.
  std::string find(Method method, std::string_view path) const {
    const auto match = router_.find(method, path);
    std::string out;
    if (match.handler == nullptr) {
      out = match.allowed.empty() ? "404" : "405";
      for (const auto m : match.allowed) out += " " + std::string(http::method_text(m));
      return out;
    }
    for (const auto& a : match.arguments) out += (out.empty() ? "" : "|") + a;
    return "found " + out;
  }

  Router router_;
};

TEST_F(RouterTest, I11PathsThatAreNoRouteAreNotFound) {
  for (const std::string_view path :
       {"", "v0/pipes", "/v0", "/v1/pipes", "/V0/pipes", "/v0/Pipes", "//v0/pipes", "/v0//pipes", "/v0/pipes/a/b",
        "/v0/pipes/a/nodes", "/v0/pipes/a/nodes/", "/v0/pipes//nodes/n", "/v0/pipes//", "/v0/pipesx", "/v0/pipes?x",
        "/apiv0/pipes", "/api/api/v0/pipes", "/x/v0/pipes", "/api//v0/pipes"})
    EXPECT_EQ(find(Method::get, path), "404") << path;
}

TEST_F(RouterTest, I11VeryLongPathsMatchNoShorterRoute) {
  std::string path;
  for (int i = 0; i < 100'000; ++i) path += "/a";
  EXPECT_EQ(find(Method::get, path), "404");
  Router deep;
  deep.add(Method::get, "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}",
           [](http::Request&, const PathArguments&) -> Task<http::Response> { co_return http::Response{}; });
  EXPECT_NE(deep.find(Method::get, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16").handler, nullptr);
  EXPECT_EQ(deep.find(Method::get, "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17").handler, nullptr);
}

TEST_F(RouterTest, AnotherMethodIs405WithTheMethodsThatAreThere) {
  EXPECT_EQ(find(Method::post, "/v0/pipes/a"), "405 GET DELETE");
  EXPECT_EQ(find(Method::get, "/v0/events"), "405 POST");
  EXPECT_EQ(find(Method::head, "/v0/events"), "405 POST");
  EXPECT_EQ(find(Method::other, "/v0/pipes"), "405 GET");
  EXPECT_EQ(find(Method::other, "/nowhere"), "404");
}

TEST_F(RouterTest, ArgumentsAreTheSegmentsInTheirOrder) {
  EXPECT_EQ(find(Method::get, "/v0/pipes/top.json"), "found top.json");
  EXPECT_EQ(find(Method::delete_, "/v0/pipes/top"), "found top");
  EXPECT_EQ(find(Method::get, "/v0/pipes/a/nodes/b"), "found a|b");
  EXPECT_EQ(find(Method::get, "/v0/pipes/a%2Fb"), "found a%2Fb");
  EXPECT_EQ(find(Method::get, "/v0/pipes/{name}"), "found {name}");
}

TEST_F(RouterTest, TheFirstOfTwoRoutesWins) {
  EXPECT_EQ(find(Method::get, "/v0/tokens/list"), "found ");
  EXPECT_EQ(find(Method::get, "/v0/tokens/lists"), "found lists");
}

TEST_F(RouterTest, OneTrailingSlashAndTheApiPrefixAreTakenOff) {
  EXPECT_EQ(find(Method::get, "/v0/pipes/"), "found ");
  EXPECT_EQ(find(Method::get, "/api/v0/pipes"), "found ");
  EXPECT_EQ(find(Method::get, "/api/v0/pipes/top/"), "found top");
  EXPECT_EQ(find(Method::get, "/"), "found ");
  EXPECT_EQ(find(Method::get, "/api/"), "found ");
}

TEST_F(RouterTest, HeadIsAnsweredByGet) {
  EXPECT_EQ(find(Method::head, "/v0/pipes/top"), "found top");
}

}  // namespace
}  // namespace kinglet::api
