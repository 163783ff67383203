// SPDX-License-Identifier: Apache-2.0
// Random queries of our grammar, and damage to given ones: for tests and fuzz targets only, never linked into a server.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace kinglet::sql::testing {

/// The same seed gives the same queries on every machine.
///
/// Tables are `events` and `users`, the node `n1` and names that nobody knows; columns are those of `events_columns`.
class QueryGenerator {
 public:
  explicit QueryGenerator(std::uint64_t seed) : state_(seed) {}

  /// A query with any production of the grammar; most parse. Keywords in any case, names in any quotes, any blanks and
  /// comments between tokens.
  std::string query();

  /// A query that the engine can analyse on the tables of the tests, with functions that only analysis shows: in APPLY,
  /// by their bare names, as texts.
  std::string analysable();

  /// `sql` with one to three tokens dropped, doubled, swapped, replaced or cut off, or wrapped in another query.
  std::string mutate(std::string_view sql);

  /// `sql` in other clothes: other blanks, comments and case of keywords; it means the same.
  std::string respaced(std::string_view sql);

  /// A number below `limit`.
  std::uint32_t below(std::uint32_t limit);

 private:
  enum class Case : std::uint8_t { upper, lower, mixed };
  using Words = std::initializer_list<std::string_view>;

  std::uint64_t next();
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  std::string_view pick(Words words);
  std::string join();
  std::string_view blank();
  std::string cased(std::string_view word);

  // Tokens of the query under construction.
  void symbol(std::string_view text) { tokens_.emplace_back(text); }
  void words(std::string_view keywords);  // split at blanks
  void name(std::string_view plain);
  void alias_name();
  template <class F>
  void list(std::uint32_t most, F&& one, std::string_view separator = ",");

  void statement();
  void set_query(int depth);
  void select(int depth);
  void with_clause(int depth);
  void select_list(int depth);
  void from_clause(int depth);
  void table(int depth);
  void table_function(int depth);
  void join_item(int depth);
  void group_by(int depth);
  void order_by(int depth);
  void order_items(int depth);
  void limits(int depth);
  void tail();

  void aliased(int depth);
  void expression(int depth);
  void operand(int depth);
  void literal();
  void string_literal();
  void column();
  void star(int depth);
  void call(int depth);
  void special_call(int depth);
  void higher_order(int depth);
  void in_right(int depth);
  void window(int depth);
  void subquery(int depth);
  void type();

  std::uint64_t state_;
  std::vector<std::string> tokens_;
  Case case_ = Case::upper;
  bool wild_blanks_ = false;
  int budget_ = 0;  // productions left; then only leaves are made
};

template <class F>
void QueryGenerator::list(std::uint32_t most, F&& one, std::string_view separator) {
  const std::uint32_t count = 1 + below(most);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i != 0) symbol(separator);
    one();
  }
}

}  // namespace kinglet::sql::testing
