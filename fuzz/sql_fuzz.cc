// SPDX-License-Identifier: Apache-2.0
// modules: sql
// Any bytes as a query, an expression, a type and an engine's tree: no crash, and what is accepted reads back as the
// same tree with the same verdict (S16, S17). One mutation of four is made by the generator of the tests.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "sql/engine_tree.h"
#include "sql/parser.h"
#include "sql/printer.h"
#include "sql/resolve.h"
#include "sql/testing/query_generator.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace {

/// Every one-letter name is a table, as are those of the seeds. Names of resources have letters, digits and _ only.
class AnyTable final : public kinglet::sql::Scope {
 public:
  kinglet::Result<kinglet::sql::Target> table(std::string_view name, kinglet::sql::Position) override {
    const bool letter = name.size() == 1 && (std::isalnum(static_cast<unsigned char>(name[0])) != 0 || name[0] == '_');
    if (!letter && name != "events" && name != "users") return kinglet::fail(kinglet::Code::not_found, "unknown");
    return kinglet::sql::PhysicalTable{"db", "t"};
  }
};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kinglet::sql;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto query = parse_query(text)) {
    require(check_round_trip(*query).has_value());
    (void)names_read(*query);
    AnyTable scope;
    if (const auto resolved = resolve(std::move(*query), scope, {.settings = true, .format = true})) {
      require(check_round_trip(resolved->query).has_value());
      // What is sent is found to reach the same when it is read anew.
      ParseLimits limits;
      limits.text_bytes = ResolveLimits::text_bytes;
      limits.nesting = limits.lambda_depth = limits.tree_height;
      const auto again = parse_query(resolved->query.text, limits);
      require(again.has_value() && names_of(*again) == names_of(resolved->query));
      (void)shape_key(resolved->query);
      (void)agrees(resolved->query, text);
    }
  }
  if (const auto expression = parse_expression(text)) {
    const auto again = parse_expression(print(*expression));
    require(again.has_value() && dump(*again) == dump(*expression));
    (void)check_expression(*expression);
    (void)columns_read(*expression);
  }
  if (const auto type = normalize_type(text)) {
    const auto again = normalize_type(*type);
    require(again.has_value() && *again == *type);
  }
  (void)check_structure(text);
  (void)read_engine_tree(text);
  return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (seed % 4 != 0) return LLVMFuzzerMutate(data, size, max_size);
  kinglet::sql::testing::QueryGenerator generator(seed);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string made = seed % 32 == 0 ? generator.query() : generator.mutate(text);
  const std::size_t kept = std::min(made.size(), max_size);
  std::memcpy(data, made.data(), kept);
  return kept;
}
