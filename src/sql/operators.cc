// SPDX-License-Identifier: Apache-2.0
// How operators are written, and which functions they call.
#include "sql/ast.h"

namespace kinglet::sql {

std::string_view function_name(Operator op) {
  using enum Operator;
  switch (op) {
    case none:
      break;
    case is_distinct_from:
      return "isDistinctFrom";
    case is_not_distinct_from:
      return "isNotDistinctFrom";
    case equals:
      return "equals";
    case not_equals:
      return "notEquals";
    case less:
      return "less";
    case less_or_equals:
      return "lessOrEquals";
    case greater:
      return "greater";
    case greater_or_equals:
      return "greaterOrEquals";
    case like:
      return "like";
    case not_like:
      return "notLike";
    case ilike:
      return "ilike";
    case not_ilike:
      return "notILike";
    case regexp:
      return "match";
    case in:
      return "in";
    case not_in:
      return "notIn";
    case global_in:
      return "globalIn";
    case global_not_in:
      return "globalNotIn";
    case plus:
      return "plus";
    case minus:
      return "minus";
    case multiply:
      return "multiply";
    case divide:
      return "divide";
    case modulo:
      return "modulo";
    case int_div:
      return "intDiv";
  }
  return "";
}

std::string_view spelling(Operator op) {
  using enum Operator;
  switch (op) {
    case none:
      break;
    case is_distinct_from:
      return "IS DISTINCT FROM";
    case is_not_distinct_from:
      return "IS NOT DISTINCT FROM";
    case equals:
      return "=";
    case not_equals:
      return "!=";
    case less:
      return "<";
    case less_or_equals:
      return "<=";
    case greater:
      return ">";
    case greater_or_equals:
      return ">=";
    case like:
      return "LIKE";
    case not_like:
      return "NOT LIKE";
    case ilike:
      return "ILIKE";
    case not_ilike:
      return "NOT ILIKE";
    case regexp:
      return "REGEXP";
    case in:
      return "IN";
    case not_in:
      return "NOT IN";
    case global_in:
      return "GLOBAL IN";
    case global_not_in:
      return "GLOBAL NOT IN";
    case plus:
      return "+";
    case minus:
      return "-";
    case multiply:
      return "*";
    case divide:
      return "/";
    case modulo:
      return "%";
    case int_div:
      return "DIV";
  }
  return "";
}

}  // namespace kinglet::sql
