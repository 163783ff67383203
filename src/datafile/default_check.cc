// SPDX-License-Identifier: Apache-2.0
// A DEFAULT that is one literal, against the type of its column.
#include "datafile/default_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/spelling.h"
#include "datafile/column_type.h"

namespace kinglet::datafile::internal {
namespace {

using Kind = Token::Kind;

struct Literal {
  enum class Kind : std::uint8_t { text, number, boolean, null, list } kind = Kind::text;
  std::string_view text;  // inside the quotes; the digits
  bool negative = false;
  std::span<const Token> items = {};  // of a list, with its brackets
};

std::optional<Literal> literal_of(std::span<const Token> tokens) {
  if (tokens.empty()) return std::nullopt;
  const bool negative = tokens.size() == 2 && tokens[0].is('-');
  const Token& last = tokens.back();
  if (negative || tokens.size() == 1) {
    if (last.kind == Kind::number)
      return Literal{.kind = Literal::Kind::number, .text = last.text, .negative = negative};
    if (negative) return std::nullopt;
    if (last.kind == Kind::string)
      return Literal{.kind = Literal::Kind::text, .text = last.text.substr(1, last.text.size() - 2)};
    if (last.is_word("TRUE") || last.is_word("FALSE"))
      return Literal{.kind = Literal::Kind::boolean, .text = last.text};
    if (last.is_word("NULL")) return Literal{.kind = Literal::Kind::null, .text = last.text};
    return std::nullopt;
  }
  if (!tokens.front().is('[') || !last.is(']')) return std::nullopt;
  for (const Token& token : tokens.subspan(1, tokens.size() - 2))
    if (token.is('[') || token.is(']') || token.is('(')) return std::nullopt;  // nested or computed
  return Literal{.kind = Literal::Kind::list, .text = {}, .items = tokens};
}

bool starts_as_number(std::string_view text) {
  text = text.substr(std::min<std::size_t>(text.size(), text.starts_with('-') || text.starts_with('+') ? 1 : 0));
  return !text.empty() && ((text.front() >= '0' && text.front() <= '9') || text.front() == '.' ||
                           equal_ignoring_case(text.substr(0, 3), "inf") || equal_ignoring_case(text, "nan"));
}

bool is_uuid(std::string_view text) {
  const auto digits = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }));
  return digits == 32 && (text.size() == 32 || text.size() == 36);
}

bool is_boolean_text(std::string_view text) {
  constexpr std::array<std::string_view, 14> known = {"TRUE", "FALSE", "1",  "0",  "T",   "F",      "Y",
                                                      "N",    "YES",   "NO", "ON", "OFF", "ENABLE", "DISABLE"};
  return std::any_of(known.begin(), known.end(), [&](auto word) { return equal_ignoring_case(word, text); }) ||
         equal_ignoring_case(text, "ENABLED") || equal_ignoring_case(text, "DISABLED");
}

/// The name in quotes or number of an Enum: "'red' = 1" of "Enum8('red' = 1, …)".
bool enum_has(std::string_view type, const Literal& literal) {
  const auto tokens = tokenize(type.substr(type.find('(')), false);
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    if (tokens[i].kind != Kind::string) continue;
    const bool negative = tokens[i + 2].is('-');
    const auto number = tokens[std::min(i + (negative ? 3 : 2), tokens.size() - 1)].text;
    if (literal.kind == Literal::Kind::text ? tokens[i].text.substr(1, tokens[i].text.size() - 2) == literal.text
                                            : number == literal.text && negative == literal.negative)
      return true;
  }
  return false;
}

class Checker {
 public:
  Checker(Source& source, std::string_view column) : source_(source), column_(column) {}

  void check(std::string_view type, const Literal& literal, std::string_view place) {
    const bool nullable = is_nullable(type);
    if (literal.kind == Literal::Kind::null) {
      // The engine would make the column Nullable.
      if (!nullable && !type.starts_with("Variant") && !type.starts_with("Dynamic"))
        wrong(place, fmt::format("column {} is {} and cannot be NULL", quoted(column_), type),
              fmt::format("write Nullable({}), or another DEFAULT", type));
      return;
    }
    const auto inner = without_wrappers(type);
    const auto problem = mismatch(inner, literal, place);
    if (!problem) return;
    const auto message = fmt::format("the DEFAULT {} of column {} is no {}{}", shown(literal, place), quoted(column_),
                                     inner, nullable ? ": it counts as NULL" : "");
    // For a Nullable column the engine takes NULL instead of a text that it cannot read.
    if (nullable && literal.kind == Literal::Kind::text)
      source_.warning(place, message, *problem);
    else
      wrong(place, message, *problem);
  }

 private:
  void wrong(std::string_view place, std::string message, std::string hint) {
    source_.error(place, std::move(message), std::move(hint));
  }

  static std::string shown(const Literal& literal, std::string_view place) {
    switch (literal.kind) {
      case Literal::Kind::text:
        return quoted(literal.text);
      case Literal::Kind::number:
        return fmt::format("{}{}", literal.negative ? "-" : "", literal.text);
      default:
        return std::string(place);
    }
  }

  /// Nothing when the literal fits; else a hint, maybe empty.
  std::optional<std::string> mismatch(std::string_view type, const Literal& literal, std::string_view place) {
    const bool text = literal.kind == Literal::Kind::text, list = literal.kind == Literal::Kind::list;
    if (type.starts_with("Array(")) return array(type, literal, place);
    if (is_numeric(type)) {
      if (list) return "write a number";
      if (text && !starts_as_number(literal.text))
        return fmt::format("write a number without quotes, for example DEFAULT 0");
      if (literal.kind == Literal::Kind::number && !in_range(type, literal))
        return fmt::format("the number is out of the range of {}", type);
      return std::nullopt;
    }
    if (type.starts_with("Date")) {
      if (list) return "write a date in quotes";
      if (text && (literal.text.empty() || literal.text.front() < '0' || literal.text.front() > '9'))
        return type == "Date" || type == "Date32" ? "write a date such as '2020-01-31', or now()"
                                                  : "write a time such as '2020-01-31 00:00:00', or now()";
      return std::nullopt;
    }
    if (type == "UUID") {
      if (!text || !is_uuid(literal.text))
        return "for example generateUUIDv4() or '00000000-0000-0000-0000-000000000000'";
      return std::nullopt;
    }
    if (type == "Bool") {
      if (list || (text && !is_boolean_text(literal.text))) return "write true or false";
      return std::nullopt;
    }
    if (type.starts_with("Enum")) {
      if (list || (literal.kind != Literal::Kind::boolean && !enum_has(type, literal))) return enum_hint(type, literal);
      return std::nullopt;
    }
    if (type.starts_with("Map(")) {
      if (!list) return "the empty map is map()";
      return std::nullopt;
    }
    if (type == "IPv4" || type == "IPv6") {
      if (list || (text && literal.text.find_first_of(".:") == std::string_view::npos))
        return type == "IPv4" ? "for example '0.0.0.0'" : "for example '::'";
      return std::nullopt;
    }
    if (type.starts_with("JSON")) {
      if (text && !trim(literal.text).starts_with('{')) return "for example '{}'";
      return std::nullopt;
    }
    if (type.starts_with("FixedString(")) {
      std::size_t length = 0;
      const auto digits = type.substr(12);
      (void)std::from_chars(digits.data(), digits.data() + digits.size(), length);
      if (text && literal.text.find('\\') == std::string_view::npos && literal.text.size() > length)
        return fmt::format("the text has {} bytes", literal.text.size());
    }
    return std::nullopt;
  }

  std::optional<std::string> array(std::string_view type, const Literal& literal, std::string_view place) {
    if (literal.kind == Literal::Kind::text)
      return trim(literal.text).starts_with('[') ? std::nullopt : std::optional<std::string>("the empty array is []");
    if (literal.kind != Literal::Kind::list) return "an array is written [1, 2]";
    const auto element = type.substr(6, type.size() - 7);
    for (const auto item : split_list(literal.items.subspan(1, literal.items.size() - 2)))
      if (const auto one = literal_of(item))
        if (one->kind != Literal::Kind::null && one->kind != Literal::Kind::list)
          if (auto problem = mismatch(without_wrappers(element), *one, place))
            return fmt::format("its element {} is no {}", shown(*one, place), element);
    return std::nullopt;
  }

  /// Only whole numbers of up to 64 bits; others are left to the engine.
  static bool in_range(std::string_view type, const Literal& literal) {
    const bool is_unsigned = type.starts_with("UInt");
    if (!is_unsigned && !type.starts_with("Int")) return true;
    unsigned bits = 0;
    const auto digits = type.substr(is_unsigned ? 4 : 3);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), bits).ec != std::errc() || bits > 64) return true;
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(literal.text.data(), literal.text.data() + literal.text.size(), value);
    if (parsed.ec == std::errc::result_out_of_range) return false;
    if (parsed.ec != std::errc() || parsed.ptr != literal.text.data() + literal.text.size()) return true;  // 1.5, 0x10
    if (is_unsigned) return (!literal.negative || value == 0) && (bits == 64 || value < std::uint64_t{1} << bits);
    const auto limit = std::uint64_t{1} << (bits - 1);
    return literal.negative ? value <= limit : value < limit;
  }

  static std::string enum_hint(std::string_view type, const Literal& literal) {
    const auto tokens = tokenize(type.substr(type.find('(')), false);
    std::vector<std::string_view> names;
    for (const Token& token : tokens)
      if (token.kind == Kind::string) names.push_back(token.text.substr(1, token.text.size() - 2));
    auto hint = did_you_mean(literal.text, names);
    if (hint.empty() && names.size() <= 8) hint = fmt::format("its names: '{}'", fmt::join(names, "', '"));
    return hint;
  }

  Source& source_;
  std::string_view column_;
};

}  // namespace

void check_default(Source& source, std::string_view column, std::string_view type, std::span<const Token> tokens) {
  const auto literal = literal_of(tokens);
  if (!literal || type.empty()) return;
  const auto place = source.text().substr(static_cast<std::size_t>(tokens.front().text.data() - source.text().data()));
  const auto end = tokens.back().text.data() + tokens.back().text.size();
  Checker(source, column).check(type, *literal, place.substr(0, static_cast<std::size_t>(end - place.data())));
}

}  // namespace kinglet::datafile::internal
