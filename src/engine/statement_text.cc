// SPDX-License-Identifier: Apache-2.0
#include "engine/statement_text.h"

#include "sql/printer.h"

namespace kinglet::engine {

std::string qualified(std::string_view database, std::string_view table) {
  return sql::quote_name(database) + '.' + sql::quote_name(table);
}

std::string column_list(std::span<const std::string> names) {
  std::string list = "(";
  for (const auto& name : names) {
    if (list.size() > 1) list += ", ";
    list += sql::quote_name(name);
  }
  return list + ')';
}

}  // namespace kinglet::engine
