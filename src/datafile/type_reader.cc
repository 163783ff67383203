// SPDX-License-Identifier: Apache-2.0
// Column types: names, aliases, arguments, and which types may stand inside which.
#include "datafile/type_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/spelling.h"
#include "datafile/column_type.h"
#include "datafile/limits.h"
#include "datafile/type_rules.h"

namespace kinglet::datafile {
namespace internal {
namespace {

/// Types a Nullable cannot hold. Source: ClickHouse refuses them.
constexpr std::array<std::string_view, 13> never_nullable = {"Array",
                                                             "Map",
                                                             "Tuple",
                                                             "Nested",
                                                             "Nullable",
                                                             "LowCardinality",
                                                             "JSON",
                                                             "Variant",
                                                             "Dynamic",
                                                             "AggregateFunction",
                                                             "SimpleAggregateFunction",
                                                             "Ring",
                                                             "Polygon"};
constexpr std::array<std::string_view, 7> low_cardinality = {"String",   "FixedString", "Date",    "Date32",
                                                             "DateTime", "UUID",        "Nullable"};

std::string_view head(std::string_view type) {
  return type.substr(0, type.find('('));
}

template <class List>
bool contains(const List& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

/// A type in canonical text while it is read. Every read_… returns false after it reported what is wrong.
class TypeReader {
 public:
  TypeReader(Source& source, std::span<const Token> tokens, std::size_t& at)
      : source_(source), tokens_(tokens), at_(at) {}

  bool read(std::string& out, std::size_t depth) {
    const Token name = here();
    if (depth > limits::type_depth_max)
      return wrong(name, fmt::format("this type is nested deeper than {}", limits::type_depth_max));
    if (name.kind != Token::Kind::word)
      return wrong(name, fmt::format("expected a type, found {}", shown(name)),
                   "for example String, Int64 or DateTime64(3)");
    const TypeRule* rule = nullptr;
    std::string_view canonical;
    if (!find_name(rule, canonical)) return false;
    std::string type(canonical);
    if (!read_arguments(name, *rule, type, depth)) return false;
    if (type.size() > limits::type_bytes_max)
      return wrong(name, fmt::format("this type is longer than {} bytes", limits::type_bytes_max));
    out += type;
    return true;
  }

 private:
  const Token& here() const { return tokens_[std::min(at_, tokens_.size() - 1)]; }
  const Token& ahead(std::size_t n) const { return tokens_[std::min(at_ + n, tokens_.size() - 1)]; }
  static std::string shown(const Token& token) {
    return token.kind == Token::Kind::end ? std::string("the end") : quoted(token.text);
  }
  bool wrong(const Token& at, std::string message, std::string hint = {}) {
    source_.error(at.text, std::move(message), std::move(hint));
    return false;
  }

  bool find_name(const TypeRule*& rule, std::string_view& canonical) {
    const Token name = here();
    // Multi-word aliases first: "DOUBLE PRECISION", "INT UNSIGNED".
    for (std::size_t words = 3; words >= 1; --words) {
      std::string phrase(name.text);
      bool one_line = true;
      for (std::size_t i = 1; i < words; ++i) {
        one_line = one_line && ahead(i).kind == Token::Kind::word && !ahead(i).first_on_line;
        phrase += ' ';
        phrase += ahead(i).text;
      }
      if (!one_line) continue;
      rule = words == 1 ? find_rule(phrase) : nullptr;
      if (rule == nullptr)
        if (const Alias* alias = find_alias(phrase)) {
          rule = find_rule(alias->name);
          alias_length_ = alias->name == "String";
        }
      if (rule == nullptr) continue;
      canonical = rule->name;
      at_ += words;
      return true;
    }
    if (name.text == "Object") return wrong(name, "the type Object('json') is gone from ClickHouse", "use JSON");
    std::vector<std::string_view> names;
    for (const TypeRule& known : type_rules()) names.push_back(known.name);
    std::string hint = did_you_mean(name.text, names);
    if (hint.empty())
      hint = "types are written as in ClickHouse: String, Int64, Float64, DateTime64(3), Array(String), …";
    return wrong(name, fmt::format("there is no type {}", quoted(name.text)), std::move(hint));
  }

  bool expect(char sign, const Token& type) {
    if (here().is(sign)) {
      ++at_;
      return true;
    }
    if (here().kind == Token::Kind::end || here().first_on_line || here().is_json_path())
      return wrong(type, fmt::format("{} has a '(' that is never closed", type.text));
    return wrong(here(), fmt::format("expected '{}' in {}, found {}", sign, type.text, shown(here())));
  }

  bool read_number(const Token& type, std::string_view what, long min, long max, std::string& out) {
    const Token token = here();
    long value = 0;
    const auto parsed = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
    if (token.kind != Token::Kind::number || parsed.ec != std::errc() ||
        parsed.ptr != token.text.data() + token.text.size() || value < min || value > max)
      return wrong(token, fmt::format("the {} of {} is a number from {} to {}, found {}", what, type.text, min, max,
                                      shown(token)));
    ++at_;
    out += std::to_string(value);
    return true;
  }

  bool read_text(const Token& type, std::string_view what, std::string& out) {
    if (here().kind != Token::Kind::string)
      return wrong(here(),
                   fmt::format("the {} of {} is a text in single quotes, found {}", what, type.text, shown(here())));
    out += here().text;
    ++at_;
    return true;
  }

  bool read_arguments(const Token& name, const TypeRule& rule, std::string& out, std::size_t depth) {
    const bool open = here().is('(');
    switch (rule.arguments) {
      case Arguments::none:
        if (!open) return true;
        if (alias_length_ || rule.name.find("Int") != std::string_view::npos || rule.name.starts_with("Float"))
          return skip_alias_length(name, rule);
        return wrong(here(), fmt::format("{} takes no arguments", rule.name));
      case Arguments::date_time: {
        if (!open) return true;
        ++at_;
        out += '(';
        if (!read_text(name, "time zone", out)) return false;
        out += ')';
        return expect(')', name);
      }
      case Arguments::json:
      case Arguments::dynamic:
        return !open || read_options(name, rule, out, depth);
      case Arguments::decimal:
        if (!open) {
          out += "(10, 0)";
          return true;
        }
        break;
      case Arguments::date_time64:
        if (!open)
          return wrong(name, "DateTime64 needs a precision",
                       "DateTime64(3) counts milliseconds, DateTime64(6) microseconds");
        break;
      default:
        if (!open)
          return wrong(name, fmt::format("{} needs arguments in parentheses", rule.name),
                       fmt::format("for example {}", example(rule)));
    }
    ++at_;
    out += '(';
    if (!read_inside(name, rule, out, depth)) return false;
    out += ')';
    return expect(')', name);
  }

  /// VARCHAR(255), INT(11): ClickHouse ignores the length.
  bool skip_alias_length(const Token& name, const TypeRule& rule) {
    if (find_rule(name.text) != nullptr) return wrong(here(), fmt::format("{} takes no arguments", rule.name));
    ++at_;
    std::string ignored;
    return read_number(name, "length", 0, 1'000'000'000, ignored) && expect(')', name);
  }

  static std::string example(const TypeRule& rule) {
    switch (rule.arguments) {
      case Arguments::fixed_string:
        return "FixedString(16)";
      case Arguments::decimal_scale:
        return fmt::format("{}(2)", rule.name);
      case Arguments::time64:
        return "Time64(3)";
      case Arguments::enumeration:
        return fmt::format("{}('red' = 1, 'blue' = 2)", rule.name);
      case Arguments::two_types:
        return "Map(String, String)";
      case Arguments::elements:
        return "Tuple(lat Float64, lon Float64)";
      case Arguments::named_elements:
        return "Nested(id UInt32, name String)";
      case Arguments::some_types:
        return "Variant(String, UInt64)";
      case Arguments::aggregate:
        return "AggregateFunction(uniq, String)";
      case Arguments::simple_aggregate:
        return "SimpleAggregateFunction(sum, UInt64)";
      default:
        return fmt::format("{}(String)", rule.name);
    }
  }

  bool read_inside(const Token& name, const TypeRule& rule, std::string& out, std::size_t depth) {
    switch (rule.arguments) {
      case Arguments::fixed_string:
        return read_number(name, "length", 1, 0xFFFFFF, out);
      case Arguments::date_time64: {
        if (!read_number(name, "precision", 0, rule.max, out)) return false;
        if (!here().is(',')) return true;
        ++at_;
        out += ", ";
        return read_text(name, "time zone", out);
      }
      case Arguments::time64:
        return read_number(name, "precision", 0, rule.max, out);
      case Arguments::decimal: {
        const auto start = out.size();
        if (!read_number(name, "precision", 1, rule.max, out)) return false;
        const long precision = std::stol(out.substr(start));
        if (!here().is(',')) {
          out += ", 0";
          return true;
        }
        ++at_;
        out += ", ";
        return read_number(name, "scale", 0, precision, out);
      }
      case Arguments::decimal_scale:
        return read_number(name, "scale", 0, rule.max, out);
      case Arguments::enumeration:
        return read_enumeration(name, rule, out);
      case Arguments::one_type:
        return read_wrapped(name, rule, out, depth);
      case Arguments::two_types: {
        const Token key = here();
        const auto start = out.size();
        if (!read(out, depth + 1)) return false;
        if (is_nullable(std::string_view(out).substr(start))) return wrong(key, "the key of a Map cannot be Nullable");
        if (!here().is(','))
          return wrong(here(), fmt::format("Map needs two types, key and value; found {} after the key", shown(here())),
                       "for example Map(String, UInt64)");
        ++at_;
        out += ", ";
        return read(out, depth + 1);
      }
      case Arguments::elements:
      case Arguments::named_elements:
      case Arguments::some_types:
        return read_elements(rule, out, depth);
      case Arguments::aggregate:
      case Arguments::simple_aggregate:
        return read_aggregate(name, rule, out, depth);
      default:
        return true;
    }
  }

  bool read_wrapped(const Token& name, const TypeRule& rule, std::string& out, std::size_t depth) {
    const Token inner = here();
    const auto start = out.size();
    if (!read(out, depth + 1)) return false;
    const auto type = head(std::string_view(out).substr(start));
    if (rule.name == "Nullable" && type == "LowCardinality")
      return wrong(name, "Nullable cannot hold LowCardinality",
                   "the other way round it works: LowCardinality(Nullable(String))");
    if (rule.name == "Nullable" && contains(never_nullable, type))
      return wrong(
          inner, fmt::format("{} cannot be inside Nullable", type),
          type == "Array" ? "an empty array can say 'nothing', or make the elements Nullable: Array(Nullable(T))" : "");
    if (rule.name == "LowCardinality" && !contains(low_cardinality, type) && !type.starts_with("Float") &&
        !type.starts_with("Int") && !type.starts_with("UInt"))
      return wrong(inner, fmt::format("{} cannot be inside LowCardinality", type),
                   "LowCardinality is for texts and plain numbers with few different values");
    return true;
  }

  bool read_enumeration(const Token& name, const TypeRule& rule, std::string& out) {
    const long max = rule.name == "Enum8" ? 127 : 32767;
    long next = 1;
    std::map<std::string_view, bool> texts;
    std::map<long, bool> numbers;
    while (true) {
      const Token text = here();
      if (!read_text(name, "name", out)) return false;
      if (!texts.emplace(text.text, true).second)
        return wrong(text, fmt::format("{} has the name {} twice", rule.name, text.text));
      if (here().is('=')) {
        ++at_;
        const bool negative = here().is('-');
        if (negative) ++at_;
        std::string digits;
        if (!read_number(name, "number", 0, max + (negative ? 1 : 0), digits)) return false;
        next = std::stol(digits) * (negative ? -1 : 1);
      } else if (next > max) {
        return wrong(text, fmt::format("{} has more names than numbers", rule.name));
      }
      if (!numbers.emplace(next, true).second)
        return wrong(text, fmt::format("{} gives the number {} twice", rule.name, next));
      out += fmt::format(" = {}", next);
      ++next;
      if (!here().is(',')) return true;
      ++at_;
      out += ", ";
    }
  }

  bool read_elements(const TypeRule& rule, std::string& out, std::size_t depth) {
    const bool may_name = rule.arguments != Arguments::some_types;
    if (rule.arguments == Arguments::elements && here().is(')')) return true;  // Tuple()
    while (true) {
      const Token first = here();
      const bool type_follows = ahead(1).kind == Token::Kind::word && !ahead(1).is('(');
      const bool named = may_name && (first.kind == Token::Kind::name ||
                                      (first.kind == Token::Kind::word && type_follows && !two_word_alias()));
      if (rule.arguments == Arguments::named_elements && !named)
        return wrong(first, fmt::format("{} needs a name before each type, found {}", rule.name, shown(first)),
                     "for example Nested(id UInt32, name String)");
      if (named) {
        out += first.text;
        out += ' ';
        ++at_;
      }
      if (!read(out, depth + 1)) return false;
      if (!here().is(',')) return true;
      ++at_;
      out += ", ";
    }
  }

  bool two_word_alias() const {
    return find_alias(fmt::format("{} {}", here().text, ahead(1).text)) != nullptr &&
           find_rule(ahead(1).text) == nullptr;
  }

  bool read_options(const Token& name, const TypeRule& rule, std::string& out, std::size_t depth) {
    ++at_;
    out += '(';
    while (true) {
      const Token first = here();
      if (first.kind != Token::Kind::word && first.kind != Token::Kind::name)
        return wrong(first, fmt::format("expected an option of {}, found {}", rule.name, shown(first)),
                     rule.name == "JSON" ? "for example JSON(max_dynamic_paths=100, user.id UInt64, SKIP debug)"
                                         : "for example Dynamic(max_types=8)");
      if (ahead(1).is('=')) {
        at_ += 2;
        out += fmt::format("{}=", first.text);
        if (!read_number(name, first.text, 0, 1'000'000, out)) return false;
      } else if (rule.arguments == Arguments::dynamic) {
        return wrong(first, fmt::format("expected max_types=n in Dynamic, found {}", shown(first)));
      } else if (first.is_word("SKIP")) {
        ++at_;
        out += "SKIP ";
        if (here().is_word("REGEXP")) {
          ++at_;
          out += "REGEXP ";
          if (!read_text(name, "pattern", out)) return false;
        } else if (!read_dotted(out)) {
          return false;
        }
      } else {
        if (!read_dotted(out)) return false;
        out += ' ';
        if (!read(out, depth + 1)) return false;
      }
      if (!here().is(',')) break;
      ++at_;
      out += ", ";
    }
    out += ')';
    return expect(')', name);
  }

  bool read_dotted(std::string& out) {
    while (true) {
      if (here().kind != Token::Kind::word && here().kind != Token::Kind::name)
        return wrong(here(), fmt::format("expected a path inside the JSON document, found {}", shown(here())));
      out += here().text;
      ++at_;
      if (!here().is('.')) return true;
      out += '.';
      ++at_;
    }
  }

  bool read_aggregate(const Token& name, const TypeRule& rule, std::string& out, std::size_t depth) {
    if (here().kind == Token::Kind::number) {  // AggregateFunction(1, sum, UInt64): a version of the state
      out += here().text;
      out += ", ";
      ++at_;
      if (!expect(',', name)) return false;
    }
    const Token function = here();
    if (function.kind != Token::Kind::word)
      return wrong(function, fmt::format("{} names an aggregate function first, found {}", rule.name, shown(function)),
                   fmt::format("for example {}", example(rule)));
    if (is_type_name(function.text) && (ahead(1).is(')') || ahead(1).is(',')))
      return wrong(function,
                   fmt::format("{} names an aggregate function first, but {} is a type", rule.name, function.text),
                   fmt::format("for example {}", example(rule)));
    out += function.text;
    ++at_;
    if (here().is('(') && !read_parameters(name, out)) return false;
    std::size_t types = 0;
    while (here().is(',')) {
      ++at_;
      out += ", ";
      if (!read(out, depth + 1)) return false;
      ++types;
    }
    if (rule.arguments == Arguments::simple_aggregate && types != 1)
      return wrong(name, "SimpleAggregateFunction needs a function and one type",
                   "for example SimpleAggregateFunction(sum, UInt64)");
    return true;
  }

  /// quantiles(0.5, 0.9), topK(10): numbers and texts.
  bool read_parameters(const Token& name, std::string& out) {
    ++at_;
    out += '(';
    while (!here().is(')')) {
      if (here().is('-')) {
        out += '-';
        ++at_;
      }
      if (here().kind != Token::Kind::number && here().kind != Token::Kind::string)
        return wrong(here(), fmt::format("a parameter of the function in {} is a number or a text, found {}", name.text,
                                         shown(here())));
      out += here().text;
      ++at_;
      if (!here().is(',')) break;
      ++at_;
      out += ", ";
    }
    out += ')';
    return expect(')', name);
  }

  Source& source_;
  std::span<const Token> tokens_;
  std::size_t& at_;
  bool alias_length_ = false;
};

}  // namespace

std::optional<std::string> read_type(Source& source, std::span<const Token> tokens, std::size_t& at) {
  std::string out;
  if (!TypeReader(source, tokens, at).read(out, 1)) return std::nullopt;
  return out;
}

bool is_type_name(std::string_view word) {
  return find_rule(word) != nullptr || find_alias(word) != nullptr;
}

}  // namespace internal

Result<std::string> normalise_type(std::string_view text) {
  if (text.size() > limits::type_bytes_max)
    return fail(Code::invalid, "the type is longer than {} bytes", limits::type_bytes_max);
  std::vector<Diagnostic> found;
  internal::Source source("type", text, found);
  const auto tokens = internal::tokenize(source.text(), false);
  std::size_t at = 0;
  auto type = internal::read_type(source, tokens, at);
  if (type && tokens[at].kind != internal::Token::Kind::end)
    source.error(tokens[at].text, fmt::format("unexpected {} after the type", internal::quoted(tokens[at].text)));
  if (!found.empty())
    return fail(Error{.code = Code::invalid,
                      .message = fmt::format("{} (at character {} of the type)", found.front().message,
                                             found.front().position.column),
                      .hint = found.front().hint});
  return std::move(*type);
}

bool is_nullable(std::string_view type) {
  return type.starts_with("Nullable(") || type.starts_with("LowCardinality(Nullable(");
}

std::string_view without_wrappers(std::string_view type) {
  for (const std::string_view wrapper : {std::string_view("LowCardinality("), std::string_view("Nullable(")})
    if (type.starts_with(wrapper) && type.ends_with(')'))
      type = type.substr(wrapper.size(), type.size() - wrapper.size() - 1);
  return type;
}

bool is_array(std::string_view type) {
  return type.starts_with("Array(") || type.starts_with("Nested(");
}

bool is_numeric(std::string_view type) {
  type = without_wrappers(type);
  return type.starts_with("Int") || type.starts_with("UInt") || type.starts_with("Float") ||
         type.starts_with("Decimal") || type == "BFloat16";
}

bool is_date_time(std::string_view type) {
  return without_wrappers(type).starts_with("DateTime");
}

}  // namespace kinglet::datafile
