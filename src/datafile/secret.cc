// SPDX-License-Identifier: Apache-2.0
// Secrets in values of datafiles.
#include "datafile/secret.h"

#include "datafile/source.h"

namespace kinglet::datafile {
namespace {

using internal::trim;

/// Reads a quoted text at the start of `text` and removes it with the blanks behind it.
std::optional<std::string_view> take_quoted(std::string_view& text) {
  text = trim(text);
  if (text.empty() || (text.front() != '"' && text.front() != '\'')) return std::nullopt;
  const auto end = text.find(text.front(), 1);
  if (end == std::string_view::npos) return std::nullopt;
  const auto inside = text.substr(1, end - 1);
  text = trim(text.substr(end + 1));
  return inside;
}

Result<SecretReference> read_call(std::string_view call) {
  constexpr std::string_view function = "tb_secret";
  auto rest = trim(call);
  const auto wrong = [] {
    return fail(Error{.code = Code::invalid,
                      .message = "only tb_secret is possible between {{ and }} in a value",
                      .hint = "for example {{ tb_secret(\"NAME\") }} or {{ tb_secret(\"NAME\", \"default\") }}"});
  };
  if (!rest.starts_with(function)) return wrong();
  rest = trim(rest.substr(function.size()));
  if (!rest.starts_with('(') || !rest.ends_with(')')) return wrong();
  rest = rest.substr(1, rest.size() - 2);
  SecretReference out;
  const auto name = take_quoted(rest);
  if (!name || name->empty()) return wrong();
  out.name = *name;
  if (rest.starts_with(',')) {
    rest.remove_prefix(1);
    const auto text = take_quoted(rest);
    if (!text) return wrong();
    out.default_value = std::string(*text);
  }
  if (!rest.empty()) return wrong();
  return out;
}

/// Calls `text` for plain parts and `secret` for references, in order.
template <class Text, class Secret>
Status walk(std::string_view value, Text&& text, Secret&& secret) {
  while (true) {
    const auto open = value.find("{{");
    text(value.substr(0, open));
    if (open == std::string_view::npos) return {};
    const auto close = value.find("}}", open);
    if (close == std::string_view::npos)
      return fail(Error{.code = Code::invalid,
                        .message = "a '{{' is never closed by '}}'",
                        .hint = "for example {{ tb_secret(\"NAME\") }}"});
    TRY(auto reference, read_call(value.substr(open + 2, close - open - 2)));
    TRY_VOID(secret(std::move(reference)));
    value.remove_prefix(close + 2);
  }
}

}  // namespace

Result<std::vector<SecretReference>> secrets_of(std::string_view value) {
  std::vector<SecretReference> out;
  TRY_VOID(walk(
      value, [](std::string_view) {},
      [&](SecretReference reference) -> Status {
        out.push_back(std::move(reference));
        return {};
      }));
  return out;
}

Result<std::string> resolve_secrets(std::string_view value,
                                    const std::function<std::optional<std::string>(std::string_view name)>& find) {
  std::string out;
  TRY_VOID(walk(
      value, [&](std::string_view text) { out += text; },
      [&](SecretReference reference) -> Status {
        auto found = find(reference.name);
        if (!found) found = std::move(reference.default_value);
        if (!found)
          return fail(Error{.code = Code::not_found,
                            .message = fmt::format("the secret '{}' is not set and has no default", reference.name)});
        out += *found;
        return {};
      }));
  return out;
}

}  // namespace kinglet::datafile
