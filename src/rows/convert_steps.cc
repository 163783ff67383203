// SPDX-License-Identifier: Apache-2.0
// Paths that go on behind a `[:]`: one value out of each element.
#include "rows/convert.h"

namespace kinglet::rows::internal {
namespace {

/// The last member called `key`; malformed_token when there is none.
std::uint32_t find_member(ConvertState& state, const Tokens& tokens, std::uint32_t token, std::string_view key) {
  std::uint32_t found = malformed_token;
  if (tokens.at(++token) == '}') return found;
  while (true) {
    std::string_view raw;
    tokens.raw_string(token, raw);
    if (tokens.escapes && raw.find('\\') != std::string_view::npos) {
      state.text.clear();
      unescape(raw, InvalidText::replace, state.text);
      raw = state.text;
    }
    if (raw == key) found = token + 2;
    token = skip_valid(tokens, token + 2);
    if (tokens.at(token) == '}') return found;
    ++token;
  }
}

}  // namespace

Fault convert_steps(ConvertState& state, const Tokens& tokens, std::uint32_t token,
                    std::span<const datafile::PathStep> steps, const Converter& to, engine::Column& out) {
  if (steps.empty()) return convert_element(state, tokens, token, to, out);
  const char first = tokens.at(token);
  if (!steps[0].each) {
    const std::uint32_t value = first == '{' ? find_member(state, tokens, token, steps[0].key) : malformed_token;
    if (value != malformed_token) return convert_steps(state, tokens, value, steps.subspan(1), to, out);
    if (to.type.kind != engine::Kind::nullable) return Fault::not_type;
    out.add_null();
    return Fault::none;
  }
  if (first != '[' || to.type.kind != engine::Kind::array) return Fault::not_type;
  if (tokens.at(++token) != ']') {
    while (true) {
      const Fault fault = convert_steps(state, tokens, token, steps.subspan(1), to.elements[0], out.element(0));
      if (fault != Fault::none) return fault;
      token = skip_valid(tokens, token);
      if (tokens.at(token) == ']') break;
      ++token;
    }
  }
  out.close_row();
  return Fault::none;
}

}  // namespace kinglet::rows::internal
