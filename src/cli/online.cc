// SPDX-License-Identifier: Apache-2.0
#include "cli/online.h"

namespace kinglet::cli {

int with_session(const GlobalFlags& flags, const std::function<Status(const Session&, const Terminal&)>& body) {
  const Terminal terminal(flags.output);
  const auto session = Session::open(flags);
  const auto status = session ? body(*session, terminal) : Status(fail(session.error()));
  if (status) return 0;
  terminal.failed(status.error());
  return 1;
}

std::string text(const json::object& o, std::string_view key) {
  const auto* v = o.if_contains(key);
  if (v == nullptr || v->is_null()) return {};
  if (v->is_double()) return fmt::format("{}", v->get_double());
  return v->is_string() ? std::string(v->get_string()) : json::write(*v);
}

std::uint64_t number(const json::value* v) {
  return v != nullptr && v->is_number() ? v->to_number<std::uint64_t>() : 0;
}

std::string rows_text(std::uint64_t n) {
  return grouped(n) + (n == 1 ? " row" : " rows");
}

}  // namespace kinglet::cli
