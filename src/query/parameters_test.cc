// SPDX-License-Identifier: Apache-2.0
// templates.md 9.3 and 10: a pipe has the parameters of the pipes in its FROM, whatever branch names them.
#include "query/parameters.h"

#include <gtest/gtest.h>

#include "datafile/parse.h"

namespace kinglet::query {
namespace {

catalog::Resources resources_of(const std::vector<std::pair<std::string, std::string>>& pipes) {
  catalog::Resources resources;
  for (const auto& [name, sql] : pipes) {
    auto parsed = datafile::parse_project(
        {{.name = name + ".pipe",
          .text = fmt::format("NODE {}_node\nSQL >\n    %\n    {}\nTYPE endpoint\n", name, sql)}});
    auto pipe = std::make_shared<catalog::Pipe>();
    pipe->name = name;
    pipe->definition = parsed.project.pipes.at(name);
    pipe->node_ids.assign(pipe->definition.nodes.size(), "n");
    resources.pipes.put(pipe);
  }
  return resources;
}

/// "a:Int8 b:String?": `?` marks what need not be sent.
std::string shown(const catalog::Resources& resources, std::string_view name) {
  PipeCache cache;
  const auto compiled = cache.get(resources.pipes.find(name));
  if (!compiled) return compiled.error().message;
  std::string list;
  for (const auto& one : parameters_of(**compiled, resources, cache))
    list += fmt::format("{}{}:{}{}", list.empty() ? "" : " ", one.name, one.type, one.required ? "" : "?");
  return list;
}

TEST(ParametersOf, PipesInFromAreIncluded) {
  const auto resources = resources_of({
      {"base", "SELECT {{Int8(n)}} AS n, {{String(s, 'x')}} AS s"},
      {"over", "SELECT * FROM base WHERE {{Date(d)}} > today()"},
      {"over_over", "SELECT * FROM (SELECT n FROM over) AS o JOIN base AS b ON b.n = o.n"},
      {"alone", "SELECT 1 AS base"},
  });
  EXPECT_EQ(shown(resources, "base"), "n:Int8 s:String?");
  EXPECT_EQ(shown(resources, "over"), "d:Date n:Int8 s:String?");
  EXPECT_EQ(shown(resources, "over_over"), "n:Int8 s:String? d:Date");
  EXPECT_EQ(shown(resources, "alone"), "");
}

TEST(ParametersOf, OwnCallsCountAsTheLater) {
  const auto resources = resources_of({
      {"base", "SELECT {{String(n, '5', description='below')}} AS n, {{Int8(m)}} AS m"},
      {"over", "SELECT * FROM base LIMIT {{Int32(n, 10)}} OFFSET {{Int8(m)}}"},
      {"asks", "SELECT * FROM base WHERE 1 {% if defined(m) %} AND m > 1 {% end %}"},
  });
  EXPECT_EQ(shown(resources, "over"), "n:Int32? m:Int8");
  EXPECT_EQ(shown(resources, "asks"), "m:Int8 n:String?") << "what is only named keeps the type below";
}

TEST(ParametersOf, EveryBranchIsLookedAt) {
  const auto resources = resources_of({
      {"days", "SELECT {{Int8(d)}} AS x"},
      {"hours", "SELECT {{Int8(h)}} AS x"},
      {"weeks", "SELECT {{Int8(w)}} AS x"},
      {"any", "SELECT * FROM {% if unit == 'day' %} days {% elif unit == 'hour' %} hours {% else %} weeks {% end %}"},
      {"guarded",
       "{% if not defined(a) %}{{error('a')}}{% end %}SELECT * FROM {% if a == 'x' %} days {% else %} weeks {% end %}"},
  });
  EXPECT_EQ(shown(resources, "any"), "unit:String? d:Int8 h:Int8 w:Int8");
  EXPECT_EQ(shown(resources, "guarded"), "a:String? d:Int8 w:Int8");
}

TEST(ParametersOf, CyclesAndUnknownNamesEnd) {
  const auto resources = resources_of({
      {"a", "SELECT {{Int8(x)}} AS n FROM b"},
      {"b", "SELECT {{Int8(y)}} AS n FROM a, nothing"},
      {"self", "SELECT {{Int8(z)}} AS n FROM self"},
  });
  EXPECT_EQ(shown(resources, "a"), "x:Int8 y:Int8");
  EXPECT_EQ(shown(resources, "self"), "z:Int8");
}

}  // namespace
}  // namespace kinglet::query
