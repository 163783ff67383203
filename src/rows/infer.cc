// SPDX-License-Identifier: Apache-2.0
#include "rows/infer.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "rows/convert_time.h"
#include "rows/ndjson.h"
#include "rows/row_tokens.h"

namespace kinglet::rows {

namespace {

using internal::CsvCell;
using internal::Tokens;

/// Digits of a number without sign and leading zeros, compared by value.
bool is_less(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

struct IntegerType {
  std::string_view name, highest, lowest;  // digits; `lowest` of the negative bound, empty for unsigned
};
constexpr std::array integer_types{
    IntegerType{"Int16", "32767", "32768"},
    IntegerType{"Int32", "2147483647", "2147483648"},
    IntegerType{"Int64", "9223372036854775807", "9223372036854775808"},
    IntegerType{"UInt64", "18446744073709551615", ""},
    IntegerType{"Int128", "170141183460469231731687303715884105727", "170141183460469231731687303715884105728"},
    IntegerType{"UInt128", "340282366920938463463374607431768211455", ""},
    IntegerType{"Int256", "57896044618658097711785492504343953926634992332820282019728792003956564819967",
                "57896044618658097711785492504343953926634992332820282019728792003956564819968"},
    IntegerType{"UInt256", "115792089237316195423570985008687907853269984665640564039457584007913129639935", ""},
};

/// All values seen at one place.
struct Seen {
  std::uint64_t present = 0;  // null counts as absent
  std::uint64_t bools = 0, integers = 0, decimals = 0, dates = 0, times = 0, texts = 0, arrays = 0, objects = 0;
  std::string highest, lowest;  // digits of the largest positive and the largest negative integer
  bool float_is_enough = true;  // Float32 has all digits of all numbers
  bool date_is_enough = true;   // Date has all dates, Date32 else
  bool seconds_range = true;    // all times are in the range of DateTime
  std::size_t fraction_digits = 0;
  bool odd_elements = false;  // of arrays: objects, arrays
  bool null_elements = false;
  std::unique_ptr<Seen> element;  // of arrays

  std::size_t kinds() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        std::array{bools, integers + decimals, dates + times, texts, arrays, objects}, [](auto n) { return n > 0; }));
  }
  std::string integer_type() const {
    for (const auto& type : integer_types) {
      if (!lowest.empty() && (type.lowest.empty() || is_less(type.lowest, lowest))) continue;
      if (!is_less(type.highest, highest)) return std::string(type.name);
    }
    return "String";
  }
  /// Without Nullable; empty when there was no value.
  std::string type() const {
    if (kinds() == 0) return "String";
    if (kinds() > 1) return "String";
    if (bools > 0) return "Bool";
    if (integers > 0 && decimals == 0) return integer_type();
    if (decimals > 0) return float_is_enough ? "Float32" : "Float64";
    if (dates > 0 && times == 0) return date_is_enough ? "Date" : "Date32";
    if (times > 0) {
      if (fraction_digits == 0 && seconds_range) return "DateTime";
      return fmt::format("DateTime64({})", fraction_digits > 6 ? 9 : fraction_digits > 3 ? 6 : 3);
    }
    if (arrays > 0 && !odd_elements) {
      auto inner = element ? element->type() : std::string("String");
      return fmt::format("Array({})", null_elements ? fmt::format("Nullable({})", inner) : inner);
    }
    return "String";
  }
  bool is_scalar_array() const { return kinds() == 1 && arrays > 0 && !odd_elements; }

  void number(std::string_view text) {
    const bool negative = text.starts_with('-');
    const auto digits_from = text.find_first_not_of("-+");
    auto digits = text.substr(std::min(digits_from, text.size()));
    if (digits.find_first_of(".eE") != digits.npos) {
      ++decimals;
      const auto mantissa = digits.substr(0, digits.find_first_of("eE"));
      if (mantissa.size() != digits.size() || significant(mantissa) > 6) float_is_enough = false;
      return;
    }
    ++integers;
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size() - 1));
    auto& bound = negative ? lowest : highest;
    if (is_less(bound, digits)) bound = digits;
    if (is_less("16777216", digits)) float_is_enough = false;  // 2^24
  }
  static std::size_t significant(std::string_view mantissa) {
    std::size_t count = 0;
    bool leading = true;
    for (const char c : mantissa) {
      if (c == '.' || (leading && c == '0')) continue;
      leading = false;
      ++count;
    }
    return count;
  }

  void text(std::string_view value) {
    std::int64_t number = 0;
    if (internal::parse_date(value, DateTexts::strict, number)) {
      ++dates;
      if (number < 0 || number > internal::TimeLimits::date_days_max) date_is_enough = false;
      note_seconds(number * 86400);
      return;
    }
    internal::ZoneCache cache;
    if (value.size() >= 16 && internal::parse_date_time(value, DateTexts::strict, 0, nullptr, cache, number)) {
      ++times;
      note_seconds(number);
      if (const auto dot = value.find('.'); dot != value.npos) {
        std::size_t count = 0;
        while (dot + 1 + count < value.size() && value[dot + 1 + count] >= '0' && value[dot + 1 + count] <= '9')
          ++count;
        fraction_digits = std::max(fraction_digits, count);
      }
      return;
    }
    ++texts;
  }
  void note_seconds(std::int64_t seconds) {
    constexpr std::int64_t most = 4294967295;
    if (seconds < 0 || seconds > most) seconds_range = false;
  }
};

bool is_number(std::string_view text) {
  if (text.starts_with('+')) return false;
  return internal::is_json_number(text);  // no leading zeros: 007 is a text
}

}  // namespace

struct SchemaInference::Impl : internal::JsonSink, internal::CsvSink {
  /// A key of an object; objects have children, in the order in which they came.
  struct Place {
    std::string key;
    Seen seen;
    std::vector<std::uint32_t> children;
    std::uint32_t parent = 0;
  };
  struct Column {
    std::string path_text;
    std::string name;
    const Seen* seen = nullptr;
    std::uint32_t place = 0;
  };

  explicit Impl(InferenceOptions o) : options(std::move(o)) {
    places.push_back({});
    if (options.csv) {
      csv.emplace(options.dialect, row_bytes_max, *this);
    } else {
      json.emplace(internal::JsonForm::ndjson, row_bytes_max, *this);
    }
  }

  static constexpr std::size_t row_bytes_max = 16u << 20;

  bool full() const override { return rows >= options.rows_max; }
  void malformed(std::string_view, std::string_view) override { ++malformed_rows; }

  // ---- JSON

  std::size_t lines(std::string_view text) override {
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find('\n', at), text.size());
      document(text.substr(at, end - at));
      at = std::min(end + 1, text.size());
      if (full()) return at;
    }
    return text.size();
  }
  void skip_lines(std::size_t) override {}
  bool is_object(std::string_view text) override { return indexed(text).has_value(); }
  void document(std::string_view text) override {
    if (text.find_first_not_of(" \t\r\n") == text.npos) return;
    const auto tokens = indexed(text);
    if (!tokens) {
      ++malformed_rows;
      return;
    }
    ++rows;
    row_values.clear();
    object(*tokens, 0, 0, 0);
    if (previews.size() < options.preview_rows) previews.push_back(row_values);
  }
  std::optional<Tokens> indexed(std::string_view text) {
    if (!index.build(text) || index.size() == 0 || text[index.begin()[0]] != '{') return std::nullopt;
    const Tokens tokens{.text = text.data(),
                        .index = index.begin(),
                        .token_end = index.size(),
                        .end = static_cast<std::uint32_t>(text.size()),
                        .escapes = true};
    constexpr std::uint32_t depth_max = 128;
    if (internal::skip_checked(tokens, 0, depth_max) != index.size()) return std::nullopt;
    return tokens;
  }

  std::optional<std::uint32_t> child(std::uint32_t parent, std::string_view key) {
    for (const auto one : places[parent].children)
      if (places[one].key == key) return one;
    if (places.size() > options.columns_max) return std::nullopt;
    const auto fresh = static_cast<std::uint32_t>(places.size());
    places.push_back({.key = std::string(key), .seen = {}, .children = {}, .parent = parent});
    places[parent].children.push_back(fresh);
    return fresh;
  }

  /// The object was checked. Returns the token behind it.
  std::uint32_t object(const Tokens& tokens, std::uint32_t token, std::uint32_t place, std::uint32_t depth) {
    ++token;
    while (tokens.at(token) != '}') {
      if (tokens.at(token) == ',') ++token;
      std::string_view raw;
      tokens.raw_string(token, raw);
      std::string key;
      internal::unescape(raw, InvalidText::replace, key);
      const auto at = child(place, key);
      token = at ? value(tokens, token + 2, *at, depth) : internal::skip_valid(tokens, token + 2);
    }
    return token + 1;
  }

  std::uint32_t value(const Tokens& tokens, std::uint32_t token, std::uint32_t place, std::uint32_t depth) {
    const char first = tokens.at(token);
    if (first == '{' && depth < options.depth_max && options.type_guessing) {
      ++places[place].seen.present;
      ++places[place].seen.objects;
      keep(tokens, token, place);
      return object(tokens, token, place, depth + 1);
    }
    scalar_or_array(tokens, token, places[place].seen, false);
    if (!is_null(tokens, token)) keep(tokens, token, place);
    return internal::skip_valid(tokens, token);
  }
  static bool is_null(const Tokens& tokens, std::uint32_t token) { return tokens.at(token) == 'n'; }

  void keep(const Tokens& tokens, std::uint32_t token, std::uint32_t place) {
    if (previews.size() >= options.preview_rows) return;
    std::string text;
    internal::compact(tokens, token, text);
    row_values[place] = std::move(text);
  }

  void scalar_or_array(const Tokens& tokens, std::uint32_t token, Seen& seen, bool inside) {
    const char first = tokens.at(token);
    if (is_null(tokens, token)) return;
    ++seen.present;
    if (first == '{') {
      ++seen.texts;
    } else if (first == '[') {
      if (inside) {
        ++seen.texts;
        return;
      }
      ++seen.arrays;
      array(tokens, token, seen);
    } else if (first == '"') {
      std::string_view raw;
      std::string text;
      tokens.raw_string(token, raw);
      internal::unescape(raw, InvalidText::replace, text);
      seen.text(text);
    } else if (first == 't' || first == 'f') {
      ++seen.bools;
    } else {
      seen.number(tokens.scalar(token));
    }
  }
  void array(const Tokens& tokens, std::uint32_t token, Seen& seen) {
    if (!seen.element) seen.element = std::make_unique<Seen>();
    ++token;
    while (tokens.at(token) != ']') {
      if (tokens.at(token) == ',') ++token;
      const char first = tokens.at(token);
      if (first == '{' || first == '[') {
        seen.odd_elements = true;
      } else if (is_null(tokens, token)) {
        seen.null_elements = true;
      } else {
        scalar_or_array(tokens, token, *seen.element, true);
      }
      token = internal::skip_valid(tokens, token);
    }
  }

  // ---- CSV

  void record(const std::vector<CsvCell>& cells) override {
    if (names.empty()) {
      const bool header = options.dialect.header.value_or(looks_like_header(cells));
      for (std::size_t i = 0; i < cells.size() && i < options.columns_max; ++i) {
        names.push_back(header ? std::string(cells[i].text) : fmt::format("column_{}", i + 1));
        places.push_back({.key = names.back(), .seen = {}, .children = {}, .parent = 0});
      }
      if (header) return;
    }
    if (full()) return;
    if (cells.size() != names.size() && !(cells.size() > names.size() && names.size() == options.columns_max)) {
      ++malformed_rows;
      return;
    }
    ++rows;
    row_values.clear();
    for (std::size_t i = 0; i < names.size(); ++i) cell(cells[i], static_cast<std::uint32_t>(i + 1));
    if (previews.size() < options.preview_rows) previews.push_back(row_values);
  }
  /// No cell is empty or a number, and no two are the same.
  static bool looks_like_header(const std::vector<CsvCell>& cells) {
    std::set<std::string_view> all;
    return std::ranges::all_of(cells, [&](const CsvCell& one) {
      Seen seen;
      seen.text(one.text);
      return !one.text.empty() && !is_number(one.text) && seen.texts == 1 && one.text != "true" &&
             one.text != "false" && all.insert(one.text).second;
    });
  }
  void cell(const CsvCell& one, std::uint32_t place) {
    if (one.text == "\\N" || (one.text.empty() && !one.quoted)) return;
    auto& seen = places[place].seen;
    ++seen.present;
    const bool number = is_number(one.text);
    if (number) {
      seen.number(one.text);
    } else if (one.text == "true" || one.text == "false") {
      ++seen.bools;
    } else {
      seen.text(one.text);
    }
    if (previews.size() >= options.preview_rows) return;
    std::string text;
    if (number || one.text == "true" || one.text == "false") {
      text = one.text;
    } else {
      internal::quote_json(internal::replace_invalid_utf8(one.text), text);
    }
    row_values[place] = std::move(text);
  }

  // ---- columns

  /// A place is a column of its own unless it was an object in every row that has it.
  bool splits(const Place& place) const {
    return place.seen.objects > 0 && place.seen.kinds() == 1 && !place.children.empty();
  }

  void collect(std::uint32_t parent, const std::string& path, const std::string& name, std::vector<Column>& out) const {
    for (const auto one : places[parent].children) {
      const Place& place = places[one];
      if (place.key.find_first_of("'`\\\n\r") != place.key.npos) continue;  // no path can name it
      const auto step = path + path_step(place.key);
      const auto full_name = name.empty() ? place.key : name + "_" + place.key;
      if (splits(place)) {
        collect(one, step, full_name, out);
      } else if (step.size() <= 4096) {
        out.push_back({.path_text = step, .name = full_name, .seen = &place.seen, .place = one});
      }
    }
  }
  static std::string path_step(const std::string& key) {
    const bool plain = !key.empty() && key.find_first_of(".[]'\"` \t\n\r") == key.npos;
    return plain ? "." + key : fmt::format(".['{}']", key);
  }
  std::vector<Column> ordered() const {
    std::vector<Column> out;
    if (options.csv) {
      for (std::uint32_t i = 0; i < names.size(); ++i)
        out.push_back({.path_text = {}, .name = names[i], .seen = &places[i + 1].seen, .place = i + 1});
    } else {
      collect(0, "$", "", out);
      std::ranges::sort(out, {}, &Column::path_text);
    }
    std::set<std::string> taken;
    for (auto& column : out) {
      const auto wanted = column_name(column.name);
      column.name = wanted;
      for (int n = 2; !taken.insert(column.name).second; ++n) column.name = fmt::format("{}_{}", wanted, n);
    }
    return out;
  }

  InferenceOptions options;
  std::vector<Place> places;  // [0]: the row
  internal::TokenIndex index;
  std::optional<internal::JsonFeed> json;
  std::optional<internal::CsvFeed> csv;
  std::vector<std::string> names;  // CSV
  std::uint64_t rows = 0, malformed_rows = 0;
  std::map<std::uint32_t, std::string> row_values;
  std::vector<std::map<std::uint32_t, std::string>> previews;
};

SchemaInference::SchemaInference(InferenceOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
SchemaInference::~SchemaInference() = default;

void SchemaInference::feed(std::string_view text) {
  while (!text.empty() && !impl_->full()) {
    const auto used = impl_->csv ? impl_->csv->feed(text) : impl_->json->feed(text);
    text.remove_prefix(used);
  }
}

void SchemaInference::finish(bool whole) {
  // What stands behind the last newline of a sample was cut by the sample's end, not by the file's.
  if (!whole || impl_->full()) return;
  if (impl_->csv) {
    impl_->csv->finish();
  } else {
    impl_->json->finish();
  }
}

bool SchemaInference::full() const {
  return impl_->full();
}
std::uint64_t SchemaInference::row_count() const {
  return impl_->rows;
}
std::uint64_t SchemaInference::malformed_count() const {
  return impl_->malformed_rows;
}

std::vector<InferredColumn> SchemaInference::columns() const {
  std::vector<InferredColumn> out;
  for (const auto& column : impl_->ordered()) {
    const auto& seen = *column.seen;
    InferredColumn one{.name = column.name, .path = column.path_text, .type = "String"};
    const bool guess = impl_->options.type_guessing;
    if (guess) one.type = seen.type();
    const bool array = guess && seen.is_scalar_array();
    if (array && !one.path.empty()) one.path += "[:]";
    one.present_pct = impl_->rows == 0 ? 0 : static_cast<double>(seen.present) / static_cast<double>(impl_->rows);
    // An array cannot be Nullable: absent ones need a DEFAULT, which is for people to decide.
    if (seen.present < impl_->rows && !array) one.type = fmt::format("Nullable({})", one.type);
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<std::vector<std::string>> SchemaInference::preview() const {
  const auto columns = impl_->ordered();
  std::vector<std::vector<std::string>> out;
  for (const auto& row : impl_->previews) {
    auto& cells = out.emplace_back();
    for (const auto& column : columns) {
      const auto found = row.find(column.place);
      cells.push_back(found == row.end() ? "null" : found->second);
    }
  }
  return out;
}

}  // namespace kinglet::rows
