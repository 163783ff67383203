// SPDX-License-Identifier: Apache-2.0
// modules: sql
// Any bytes as a query, an expression and a type: no crash, and what is accepted reads back as the same tree (S16).
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sql/parser.h"
#include "sql/printer.h"
#include "sql/resolve.h"

namespace {

/// Every one-letter name is a table.
class AnyTable final : public kinglet::sql::Scope {
 public:
  kinglet::Result<kinglet::sql::Target> table(std::string_view name, kinglet::sql::Position) override {
    if (name.size() > 1) return kinglet::fail(kinglet::Code::not_found, "unknown");
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
    if (const auto resolved = resolve(std::move(*query), scope, {.settings = true, .format = true}))
      require(check_round_trip(resolved->query).has_value());
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
  return 0;
}
