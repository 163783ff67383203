// SPDX-License-Identifier: Apache-2.0
// Type texts -> types.
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "engine/type.h"
#include "engine/type_words.h"

namespace kinglet::engine {
namespace {

using ascii::is_word;
using ascii::is_word_start;
using internal::Named;
using internal::plain_types;

constexpr std::array geo_types = {"Point",   "Ring",         "LineString", "MultiLineString",
                                  "Polygon", "MultiPolygon", "Geometry"};

/// ClickHouse's own aliases (system.data_type_families), compared without case.
constexpr std::array<std::pair<std::string_view, std::string_view>, 49> aliases = {{
    {"bool", "Bool"},          {"boolean", "Bool"},          {"tinyint", "Int8"},      {"int1", "Int8"},
    {"byte", "Int8"},          {"tinyint signed", "Int8"},   {"smallint", "Int16"},    {"int", "Int32"},
    {"integer", "Int32"},      {"mediumint", "Int32"},       {"bigint", "Int64"},      {"signed", "Int64"},
    {"unsigned", "UInt64"},    {"float", "Float32"},         {"real", "Float32"},      {"single", "Float32"},
    {"double", "Float64"},     {"text", "String"},           {"tinytext", "String"},   {"mediumtext", "String"},
    {"longtext", "String"},    {"varchar", "String"},        {"varchar2", "String"},   {"char", "String"},
    {"nchar", "String"},       {"nvarchar", "String"},       {"character", "String"},  {"clob", "String"},
    {"blob", "String"},        {"tinyblob", "String"},       {"mediumblob", "String"}, {"longblob", "String"},
    {"bytea", "String"},       {"varbinary", "String"},      {"inet4", "IPv4"},        {"inet6", "IPv6"},
    {"date", "Date"},          {"date32", "Date32"},         {"datetime", "DateTime"}, {"datetime32", "DateTime"},
    {"timestamp", "DateTime"}, {"datetime64", "DateTime64"}, {"time", "Time"},         {"time64", "Time64"},
    {"dec", "Decimal"},        {"decimal", "Decimal"},       {"numeric", "Decimal"},   {"fixed", "Decimal"},
    {"json", "JSON"},
}};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Type> whole() {
    TRY(Type type, one(0));
    blanks();
    if (at_ != text_.size()) return fail(Code::invalid, "type '{}': unexpected text at byte {}", shown(), at_ + 1);
    return type;
  }

 private:
  std::string shown() const { return std::string(text_.substr(0, 200)); }
  std::unexpected<Error> expected(std::string_view what) const {
    return fail(Code::invalid, "type '{}': expected {} at byte {}", shown(), what, at_ + 1);
  }
  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }
  bool take(char c) {
    blanks();
    if (at_ < text_.size() && text_[at_] == c) return ++at_, true;
    return false;
  }
  bool next_is(char c) {
    blanks();
    return at_ < text_.size() && text_[at_] == c;
  }
  std::string_view word() {
    blanks();
    std::size_t start = at_;
    if (at_ < text_.size() && is_word_start(text_[at_]))
      while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }
  Result<std::string> quoted(char quote) {
    if (!take(quote)) return expected(fmt::format("{}", quote));
    std::string out;
    while (at_ < text_.size()) {
      char c = text_[at_++];
      if (c == quote) {
        if (at_ < text_.size() && text_[at_] == quote) {
          out += quote, ++at_;
          continue;
        }
        return out;
      }
      if (c == '\\' && at_ < text_.size()) {
        char e = text_[at_++];
        switch (e) {
          case 'n':
            out += '\n';
            break;
          case 't':
            out += '\t';
            break;
          case 'r':
            out += '\r';
            break;
          case '0':
            out += '\0';
            break;
          case 'b':
            out += '\b';
            break;
          case 'f':
            out += '\f';
            break;
          default:
            out += e;
        }
        continue;
      }
      out += c;
    }
    return expected(fmt::format("a closing {}", quote));
  }
  Result<std::int64_t> number(std::int64_t low, std::int64_t high, std::string_view what) {
    blanks();
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{} || value < low || value > high)
      return expected(fmt::format("{} from {} to {}", what, low, high));
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }
  Status close() {
    if (!take(')')) return expected("')'");
    return {};
  }
  /// Raw text of one argument up to a ',' or ')' outside brackets and quotes.
  Result<std::string> raw_argument() {
    blanks();
    std::size_t start = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '\'' || c == '`' || c == '"') {
        TRY_VOID(quoted(c));
        continue;
      }
      if (c == '(') ++depth;
      if (depth == 0 && (c == ')' || c == ',')) break;
      if (c == ')') --depth;
      ++at_;
    }
    std::size_t end = at_;
    while (end > start && text_[end - 1] == ' ') --end;
    if (start == end) return expected("an argument");
    return std::string(text_.substr(start, end - start));
  }

  Result<Type> one(std::uint32_t depth) {
    if (depth > TypeLimits::depth_max)
      return fail(Code::invalid, "type '{}': nested deeper than {} levels", shown(), TypeLimits::depth_max);
    std::size_t start = at_;
    std::string_view name = word();
    if (name.empty()) return expected("the name of a type");
    Type type;
    for (const Named& plain : plain_types)
      if (name == plain.name) {
        type.kind = plain.kind;
        type.width = plain.width;
        return type;
      }
    if (name == "Nullable") return wrapper(Kind::nullable, depth);
    if (name == "LowCardinality") return wrapper(Kind::low_cardinality, depth);
    if (name == "Array") return wrapper(Kind::array, depth);
    if (name == "Map") return list(Kind::map, depth);
    if (name == "Tuple") return list(Kind::tuple, depth);
    if (name == "Nested") return list(Kind::nested, depth);
    if (name == "Variant") return list(Kind::variant, depth);
    if (name == "FixedString" || ascii::lower(name) == "binary") {
      if (!take('(')) return expected("'(' and a size");
      TRY(auto size, number(1, 1 << 24, "a size"));
      TRY_VOID(close());
      type.kind = Kind::fixed_string;
      type.width = static_cast<std::uint32_t>(size);
      return type;
    }
    if (name == "DateTime") return date_time();
    if (name == "DateTime64") return ticks(Kind::date_time64);
    if (name == "Time64") return ticks(Kind::time64);
    if (name == "Enum8" || name == "Enum16" || ascii::lower(name) == "enum") return enumeration(name);
    if (name == "Decimal" || name == "Decimal32" || name == "Decimal64" || name == "Decimal128" || name == "Decimal256")
      return decimal(name);
    if (name == "JSON") return json(depth);
    if (name == "Dynamic") {
      type.kind = Kind::dynamic;
      if (take('(')) {
        TRY(type.text, raw_argument());
        TRY_VOID(close());
      }
      return type;
    }
    if (name == "SimpleAggregateFunction" || name == "AggregateFunction") return aggregate(name, depth);
    if (name.starts_with("Interval") && name.size() > 8) {
      type.kind = Kind::interval;
      type.width = 8;
      type.text = name;
      return type;
    }
    for (std::string_view geo : geo_types)
      if (name == geo) {
        type.kind = Kind::object_geo;
        type.text = name;
        return type;
      }
    const std::string lowered = ascii::lower(name);
    for (auto [alias, target] : aliases)
      if (alias == lowered && target != name) return alias_of(target);
    at_ = start;
    return fail(Code::invalid, "type '{}': '{}' is not a type", shown(), name);
  }

  Result<Type> alias_of(std::string_view target) {
    if (target == "DateTime") return date_time();
    if (target == "DateTime64") return ticks(Kind::date_time64);
    if (target == "Time64") return ticks(Kind::time64);
    if (target == "Decimal") return decimal(target);
    if (target == "JSON") return json(0);
    if (take('(')) {  // VARCHAR(20): the size means nothing to ClickHouse
      TRY_VOID(raw_argument());
      TRY_VOID(close());
    }
    Type type;
    for (const Named& plain : plain_types)
      if (target == plain.name) type.kind = plain.kind, type.width = plain.width;
    return type;
  }

  Result<Type> wrapper(Kind kind, std::uint32_t depth) {
    if (!take('(')) return expected("'(' and a type");
    TRY(Type inner, one(depth + 1));
    TRY_VOID(close());
    if (kind == Kind::nullable &&
        (inner.kind == Kind::nullable || inner.kind == Kind::array || inner.kind == Kind::map ||
         inner.kind == Kind::low_cardinality || inner.kind == Kind::nested))
      return fail(Code::invalid, "type '{}': {} cannot be inside Nullable", shown(), print(inner));
    if (kind == Kind::low_cardinality &&
        (inner.kind == Kind::low_cardinality || inner.kind == Kind::array || inner.kind == Kind::map ||
         inner.kind == Kind::tuple || inner.kind == Kind::json))
      return fail(Code::invalid, "type '{}': {} cannot be inside LowCardinality", shown(), print(inner));
    Type type;
    type.kind = kind;
    type.elements.push_back(std::move(inner));
    return type;
  }

  Result<Type> list(Kind kind, std::uint32_t depth) {
    Type type;
    type.kind = kind;
    if (!take('(')) return expected("'(' and types");
    if (kind == Kind::tuple && take(')')) {
      type.width = 1;
      return type;
    }
    bool named = false;
    do {
      if (type.elements.size() >= TypeLimits::elements_max)
        return fail(Code::invalid, "type '{}': more than {} elements", shown(), TypeLimits::elements_max);
      std::string name;
      if (kind == Kind::tuple || kind == Kind::nested) {
        TRY(auto found, element_name());
        if (found) name = std::move(*found);
        const bool has = found.has_value();
        if ((kind == Kind::nested && !has) || (!type.elements.empty() && has != named))
          return expected("a name before each type");
        named = has;
        if (has && std::ranges::find(type.names, name) != type.names.end())
          return fail(Code::invalid, "type '{}': element '{}' twice", shown(), name);
      }
      TRY(Type element, one(depth + 1));
      type.elements.push_back(std::move(element));
      if (named) type.names.push_back(std::move(name));
    } while (take(','));
    TRY_VOID(close());
    if (kind == Kind::map && type.elements.size() != 2) return expected("a key type and a value type for Map");
    return type;
  }

  /// A name in front of a type: quoted, or a word that is followed by another word.
  Result<std::optional<std::string>> element_name() {
    blanks();
    if (at_ < text_.size() && (text_[at_] == '`' || text_[at_] == '"')) {
      TRY(std::string name, quoted(text_[at_]));
      return std::optional<std::string>(std::move(name));
    }
    std::size_t start = at_;
    std::string_view first = word();
    blanks();
    if (!first.empty() && at_ < text_.size() && is_word_start(text_[at_]))
      return std::optional<std::string>(std::string(first));
    at_ = start;
    return std::optional<std::string>();
  }

  Result<Type> date_time() {
    Type type;
    type.kind = Kind::date_time;
    type.width = 4;
    if (!take('(')) return type;
    if (next_is('\'')) {
      TRY(type.zone, quoted('\''));
      TRY_VOID(close());
      return type;
    }
    if (take(')')) return type;
    --at_;  // DateTime(3) means DateTime64(3)
    while (text_[at_] != '(') --at_;
    return ticks(Kind::date_time64);
  }

  Result<Type> ticks(Kind kind) {
    Type type;
    type.kind = kind;
    type.width = 8;
    type.scale = 3;
    if (!take('(')) return type;
    TRY(auto precision, number(0, 9, "a precision"));
    type.scale = static_cast<std::uint32_t>(precision);
    if (kind == Kind::date_time64 && take(',')) {
      blanks();
      TRY(type.zone, quoted('\''));
    }
    TRY_VOID(close());
    return type;
  }

  Result<Type> decimal(std::string_view name) {
    Type type;
    type.kind = Kind::decimal;
    type.precision = name == "Decimal32"    ? 9
                     : name == "Decimal64"  ? 18
                     : name == "Decimal128" ? 38
                     : name == "Decimal256" ? 76
                                            : 10;
    if (name == "Decimal") {
      if (take('(')) {
        TRY(auto precision, number(1, 76, "a precision"));
        type.precision = static_cast<std::uint32_t>(precision);
        if (take(',')) {
          TRY(auto scale, number(0, precision, "a scale"));
          type.scale = static_cast<std::uint32_t>(scale);
        }
        TRY_VOID(close());
      }
    } else {
      if (!take('(')) return expected("'(' and a scale");
      TRY(auto scale, number(0, type.precision, "a scale"));
      type.scale = static_cast<std::uint32_t>(scale);
      TRY_VOID(close());
    }
    type.width = type.precision <= 9 ? 4 : type.precision <= 18 ? 8 : type.precision <= 38 ? 16 : 32;
    return type;
  }

  Result<Type> enumeration(std::string_view name) {
    Type type;
    if (!take('(')) return expected("'(' and members");
    std::int64_t next = 1;
    bool wide = name == "Enum16";
    do {
      if (type.members.size() >= 65536) return expected("at most 65536 members");
      blanks();
      TRY(std::string member, quoted('\''));
      if (take('=')) {
        TRY(next, number(name == "Enum8" ? -128 : -32768, name == "Enum8" ? 127 : 32767, "a number"));
      } else if (next > (name == "Enum8" ? 127 : 32767)) {
        return expected("fewer members");
      }
      if (next < -128 || next > 127) wide = true;
      type.members.emplace_back(std::move(member), static_cast<std::int32_t>(next++));
    } while (take(','));
    TRY_VOID(close());
    std::ranges::sort(type.members, {}, &std::pair<std::string, std::int32_t>::second);
    for (std::size_t i = 1; i < type.members.size(); ++i)
      if (type.members[i].second == type.members[i - 1].second)
        return fail(Code::invalid, "type '{}': two members with number {}", shown(), type.members[i].second);
    std::vector<std::string_view> sorted;
    for (auto& member : type.members) sorted.push_back(member.first);
    std::ranges::sort(sorted);
    if (auto twice = std::ranges::adjacent_find(sorted); twice != sorted.end())
      return fail(Code::invalid, "type '{}': member '{}' twice", shown(), *twice);
    type.kind = wide ? Kind::enum16 : Kind::enum8;
    type.width = wide ? 2 : 1;
    return type;
  }

  Result<Type> json(std::uint32_t depth) {
    Type type;
    type.kind = Kind::json;
    if (!take('(')) return type;
    if (take(')')) return type;
    blanks();
    const std::size_t start = at_;
    do {
      std::size_t argument = at_;
      std::string_view first = word();
      if (first == "max_dynamic_paths" || first == "max_dynamic_types") {
        if (!take('=')) return expected("'='");
        TRY_VOID(number(0, 1'000'000, "a number"));
        continue;
      }
      if (first == "SKIP") {
        TRY_VOID(raw_argument());
        continue;
      }
      at_ = argument;
      std::string path;
      do {
        blanks();
        if (at_ < text_.size() && (text_[at_] == '`' || text_[at_] == '"')) {
          TRY(std::string key, quoted(text_[at_]));
          path += key;
        } else {
          std::string_view key = word();
          if (key.empty()) return expected("a path");
          path += key;
        }
        if (at_ < text_.size() && text_[at_] == '.') {
          path += '.';
          ++at_;
        } else {
          break;
        }
      } while (true);
      TRY(Type element, one(depth + 1));
      type.names.push_back(std::move(path));
      type.elements.push_back(std::move(element));
    } while (take(','));
    std::size_t end = at_;
    TRY_VOID(close());
    type.text = std::string(text_.substr(start, end - start));
    return type;
  }

  Result<Type> aggregate(std::string_view name, std::uint32_t depth) {
    Type type;
    type.kind = name == "AggregateFunction" ? Kind::aggregate_function : Kind::simple_aggregate_function;
    if (!take('(')) return expected("'(' and a function");
    TRY(type.text, raw_argument());
    while (take(',')) {
      TRY(Type element, one(depth + 1));
      type.elements.push_back(std::move(element));
    }
    TRY_VOID(close());
    if (type.kind == Kind::simple_aggregate_function && type.elements.size() != 1)
      return expected("one type after the function");
    return type;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<Type> parse_type(std::string_view text) {
  if (text.size() > TypeLimits::text_bytes_max)
    return fail(Code::invalid, "a type text of {} bytes; the limit is {}", text.size(), TypeLimits::text_bytes_max);
  return Parser(text).whole();
}

}  // namespace kinglet::engine
