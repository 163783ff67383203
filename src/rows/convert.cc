// SPDX-License-Identifier: Apache-2.0
// The conversion table: what each JSON type becomes in each column type.
#include "rows/convert.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "rows/convert_number.h"

namespace kinglet::rows::internal {

using engine::Column;
using engine::Kind;
using engine::Type;

Result<Converter> Converter::make(const Type& sent, std::uint32_t& zone_count) {
  Converter out;
  out.type = sent;
  switch (sent.kind) {
    case Kind::date_time:
    case Kind::date_time64: {
      TRY(out.zone, Zone::find(sent.zone));
      out.zone_slot = zone_count++;
      break;
    }
    case Kind::enum8:
    case Kind::enum16:
      for (const auto& [name, number] : sent.members) out.members.emplace(name, number);
      break;
    default:
      if (!engine::is_insertable(sent)) return fail(Code::invalid, "rows cannot carry a value of type {}", print(sent));
  }
  for (const Type& element : sent.elements) {
    TRY(Converter inner, Converter::make(engine::sent_type(element), zone_count));
    out.elements.push_back(std::move(inner));
  }
  return out;
}

void ConvertState::trim() {
  constexpr std::size_t kept_bytes_max = 256u << 10;
  for (std::string* one : {&text, &built})
    if (one->capacity() > kept_bytes_max) *one = std::string();
  if (members.capacity() * sizeof(Member) > kept_bytes_max) members = {};
  if (places.capacity() * sizeof places[0] > kept_bytes_max) places = {};
  if (key_slots.capacity() * sizeof key_slots[0] > kept_bytes_max) key_slots = {};
  std::size_t keys = 0;
  for (const std::string& key : key_texts) keys += key.capacity() + sizeof key;
  if (keys > kept_bytes_max) key_texts = {};
  cell_index.shrink(kept_bytes_max);
}

namespace {

bool takes_numeric_text(const Type& type, NumericStrings mode) {
  switch (mode) {
    case NumericStrings::never:
      return false;
    case NumericStrings::wide:
      return type.width >= 16;
    case NumericStrings::wide64:
      return type.width >= 8;
    case NumericStrings::always:
      return true;
  }
  return false;
}

constexpr Fault when(bool converted) {
  return converted ? Fault::none : Fault::not_type;
}

int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/// 8-4-4-4-12 hexadecimal digits, or all 32 without dashes; each half is stored reversed.
bool add_uuid(std::string_view text, Column& out) {
  unsigned char bytes[16];
  std::size_t count = 0;
  const bool dashes = text.size() == 36;
  if (!dashes && text.size() != 32) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (dashes && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i++] != '-') return false;
      continue;
    }
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if ((high | low) < 0) return false;
    bytes[count++] = static_cast<unsigned char>(high * 16 + low);
    i += 2;
  }
  std::reverse(bytes, bytes + 8);
  std::reverse(bytes + 8, bytes + 16);
  out.add_bytes(bytes);
  return true;
}

bool add_address(Kind kind, std::string_view text, Column& out) {
  char buffer[64];
  if (text.size() >= sizeof buffer || text.find('\0') != std::string_view::npos) return false;
  text.copy(buffer, text.size());
  buffer[text.size()] = '\0';
  unsigned char v4[4];
  const bool is_v4 = inet_pton(AF_INET, buffer, v4) == 1;
  if (kind == Kind::ipv4) {
    if (!is_v4) return false;
    std::reverse(v4, v4 + 4);
    out.add_bytes(v4);
    return true;
  }
  unsigned char v6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
  if (is_v4) {
    std::memcpy(v6 + 12, v4, 4);
  } else if (inet_pton(AF_INET6, buffer, v6) != 1) {
    return false;
  }
  out.add_bytes(v6);
  return true;
}

void add_member(Kind kind, std::int32_t number, Column& out) {
  if (kind == Kind::enum8) {
    out.add(static_cast<std::int8_t>(number));
  } else {
    out.add(static_cast<std::int16_t>(number));
  }
}

Fault add_date(const Type& type, std::int64_t days, Column& out) {
  if (type.kind == Kind::date) {
    if (days < 0 || days > TimeLimits::date_days_max) return Fault::not_type;
    out.add(static_cast<std::uint16_t>(days));
  } else {
    if (days < TimeLimits::days_min || days > TimeLimits::days_max) return Fault::not_type;
    out.add(static_cast<std::int32_t>(days));
  }
  return Fault::none;
}

bool add_seconds(std::int64_t seconds, Column& out) {
  if (seconds < 0 || seconds > static_cast<std::int64_t>(UINT32_MAX)) return false;
  out.add(static_cast<std::uint32_t>(seconds));
  return true;
}

Fault add_fixed_string(std::uint32_t width, std::string_view text, Column& out) {
  if (text.size() > width) return Fault::not_type;
  if (text.size() == width) {
    out.add_bytes(text.data());
  } else {
    out.add_padded(text);
  }
  return Fault::none;
}

Fault number_into_date_time64(const ConvertState& state, std::string_view number, const Type& type, Column& out) {
  // A fraction means seconds (spec/connectors.md 2.3); it is the written form that decides, 1704413030.0 has one.
  const bool seconds =
      state.options->date_time64_numbers == TickNumbers::seconds || number.find('.') != std::string_view::npos;
  ExactInteger exact;
  std::int64_t ticks = 0;
  if (!scale_exactly(number, seconds ? type.scale : 0, exact) || (!seconds && !exact.exact) || !to_int64(exact, ticks))
    return Fault::not_type;
  std::int64_t ticks_per_second = 1;
  for (std::uint32_t i = 0; i < type.scale; ++i) ticks_per_second *= 10;
  const std::int64_t whole = ticks / ticks_per_second - (ticks % ticks_per_second < 0);
  if (whole < TimeLimits::seconds_min || whole > TimeLimits::seconds_max) return Fault::not_type;
  out.add(ticks);
  return Fault::none;
}

Fault convert_boolean(const ConvertState& state, bool value, const Converter& to, Column& out) {
  switch (to.type.kind) {
    case Kind::boolean:
      out.add(static_cast<std::uint8_t>(value));
      return Fault::none;
    case Kind::uint8:
      if (!state.options->booleans_into_uint8) return Fault::not_type;
      out.add(static_cast<std::uint8_t>(value));
      return Fault::none;
    case Kind::string:
      out.add_string(value ? "true" : "false");
      return Fault::none;
    case Kind::fixed_string:
      return add_fixed_string(to.type.width, value ? "true" : "false", out);
    default:
      return Fault::not_type;
  }
}

Fault convert_array(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to, Column& out) {
  if (tokens.at(++token) != ']') {
    while (true) {
      if (const Fault fault = convert_element(state, tokens, token, to.elements[0], out.element(0));
          fault != Fault::none)
        return fault;
      token = skip_valid(tokens, token);
      if (tokens.at(token) == ']') break;
      ++token;
    }
  }
  out.close_row();
  return Fault::none;
}

/// The members of one object, on the state's stack: each key once with its last value, at the place of its first.
class Members {
 public:
  explicit Members(ConvertState& state)
      : state_(state), from_(state.members.size()), texts_from_(state.key_texts_used) {}
  ~Members() {
    state_.members.resize(from_);
    state_.key_texts_used = texts_from_;
  }
  Members(const Members&) = delete;
  Members& operator=(const Members&) = delete;

  Fault read(const Tokens& tokens, std::uint32_t token) {
    if (tokens.at(++token) == '}') return Fault::none;
    while (true) {
      std::string_view key;
      tokens.raw_string(token, key);
      if (tokens.escapes && key.find('\\') != std::string_view::npos && !unescape_key(key)) return Fault::bad_text;
      if (Member* known = find(key)) {
        known->value = token + 2;
      } else {
        add({key, token + 2});
      }
      token = skip_valid(tokens, token + 2);
      if (tokens.at(token) == '}') return Fault::none;
      ++token;
    }
  }

  std::size_t size() const { return size_; }
  /// By value: converting a member may move the stack.
  Member operator[](std::size_t index) const { return state_.members[from_ + index]; }
  Member* find(std::string_view key) {
    Member* first = state_.members.data() + from_;
    if (size_ <= few) {
      for (std::size_t i = 0; i < size_; ++i)
        if (first[i].key == key) return first + i;
      return nullptr;
    }
    const std::uint32_t found = state_.key_slots[slot_of(key)];
    return found == 0 ? nullptr : first + found - 1;
  }

 private:
  static constexpr std::size_t few = 16;  // below it a scan beats a table

  bool unescape_key(std::string_view& key) {
    if (state_.key_texts_used == state_.key_texts.size()) state_.key_texts.emplace_back();
    std::string& text = state_.key_texts[state_.key_texts_used++];
    text.clear();
    if (!unescape(key, state_.options->invalid_text, text)) return false;
    key = text;
    return true;
  }
  /// Where `key` stands in the table, or the free slot for it. The table holds places from 1, at most half full.
  std::size_t slot_of(std::string_view key) const {
    const std::size_t mask = state_.key_slots.size() - 1;
    std::size_t slot = std::hash<std::string_view>{}(key)&mask;
    while (state_.key_slots[slot] != 0 && state_.members[from_ + state_.key_slots[slot] - 1].key != key)
      slot = (slot + 1) & mask;
    return slot;
  }
  void add(Member member) {
    state_.members.push_back(member);
    ++size_;
    if (size_ <= few) return;
    if (size_ == few + 1 || size_ * 2 > state_.key_slots.size()) {
      state_.key_slots.assign(std::bit_ceil(size_ * 4), 0);
      for (std::size_t i = 0; i < size_; ++i)
        state_.key_slots[slot_of(state_.members[from_ + i].key)] = static_cast<std::uint32_t>(i + 1);
    } else {
      state_.key_slots[slot_of(member.key)] = static_cast<std::uint32_t>(size_);
    }
  }

  ConvertState& state_;
  std::size_t from_, texts_from_;
  std::size_t size_ = 0;
};

Fault convert_map(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to, Column& out) {
  Members members(state);
  if (const Fault fault = members.read(tokens, token); fault != Fault::none) return fault;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Member member = members[i];
    const Converter& key = to.elements[0];
    // Keys are always text in JSON: a numeric key type reads it as a number.
    const Fault fault = key.type.is_integer() || key.type.kind == Kind::date_time
                            ? convert_cell(state, member.key, key, out.element(0))
                            : convert_text(state, member.key, key, out.element(0));
    if (fault != Fault::none) return fault;
    if (const Fault value = convert_element(state, tokens, member.value, to.elements[1], out.element(1));
        value != Fault::none)
      return value;
  }
  out.close_row();
  return Fault::none;
}

/// The elements of a tuple, by position or by name, into the children of `out`.
Fault convert_elements(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                       Column& out) {
  const std::size_t count = to.elements.size();
  const std::size_t from = state.places.size();
  state.places.resize(from + count, malformed_token);
  const auto read = [&] {
    if (tokens.at(token) == '[') {
      std::size_t place = 0;
      if (tokens.at(++token) == ']') return Fault::none;
      while (true) {
        if (place == count) return Fault::not_type;
        state.places[from + place++] = token;
        token = skip_valid(tokens, token);
        if (tokens.at(token) == ']') return Fault::none;
        ++token;
      }
    }
    if (to.type.names.empty()) return Fault::not_type;
    Members members(state);
    if (const Fault fault = members.read(tokens, token); fault != Fault::none) return fault;
    for (std::size_t i = 0; i < count; ++i)
      if (const Member* member = members.find(to.type.names[i])) state.places[from + i] = member->value;
    return Fault::none;
  };
  Fault fault = read();
  for (std::size_t i = 0; i < count && fault == Fault::none; ++i) {
    const std::uint32_t value = state.places[from + i];
    if (value != malformed_token) {
      fault = convert_element(state, tokens, value, to.elements[i], out.element(i));
    } else if (to.elements[i].type.kind == Kind::nullable) {
      out.element(i).add_null();
    } else {
      fault = Fault::not_type;
    }
  }
  state.places.resize(from);
  return fault;
}

Fault convert_tuple(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to, Column& out) {
  const Fault fault = convert_elements(state, tokens, token, to, out);
  if (fault == Fault::none) out.close_row();
  return fault;
}

/// Array of objects into the arrays of a Nested column; each object is read as a named tuple.
Fault convert_nested(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to, Column& out) {
  if (tokens.at(++token) != ']') {
    while (true) {
      if (tokens.at(token) != '{') return Fault::not_type;
      if (const Fault fault = convert_elements(state, tokens, token, to, out); fault != Fault::none) return fault;
      token = skip_valid(tokens, token);
      if (tokens.at(token) == ']') break;
      ++token;
    }
  }
  out.close_row();
  return Fault::none;
}

/// An object or array as compact JSON text.
Fault convert_to_json_text(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                           Column& out) {
  state.built.clear();
  if (tokens.escapes && state.options->invalid_text == InvalidText::reject) {
    const std::uint32_t end = skip_valid(tokens, token);
    std::string_view raw;
    for (std::uint32_t i = token; i < end; ++i)
      if (tokens.at(i) == '"' && tokens.raw_string(i, raw) && has_lone_surrogate(raw)) return Fault::bad_text;
  }
  compact(tokens, token, state.built);
  if (to.type.kind == Kind::fixed_string) return add_fixed_string(to.type.width, state.built, out);
  out.add_string(state.built);
  return Fault::none;
}

Fault convert_container(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                        Column& out) {
  const bool object = tokens.at(token) == '{';
  switch (to.type.kind) {
    case Kind::string:
    case Kind::fixed_string:
      return convert_to_json_text(state, tokens, token, to, out);
    case Kind::array:
      return object ? Fault::not_type : convert_array(state, tokens, token, to, out);
    case Kind::nested:
      return object ? Fault::not_type : convert_nested(state, tokens, token, to, out);
    case Kind::map:
      return object ? convert_map(state, tokens, token, to, out) : Fault::not_type;
    case Kind::tuple:
      return convert_tuple(state, tokens, token, to, out);
    case Kind::json: {
      if (!object) return Fault::not_type;
      std::string text;
      if (const Fault fault = write_json_object(state, tokens, token, to, text); fault != Fault::none) return fault;
      out.add_string(text);
      return Fault::none;
    }
    default:
      return Fault::not_type;
  }
}

}  // namespace

Fault convert_element(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                      Column& out) {
  const bool null = tokens.at(token) == 'n' && tokens.scalar(token) == "null";
  if (to.type.kind == Kind::nullable) {
    if (null) {
      out.add_null();
      return Fault::none;
    }
    return convert_value(state, tokens, token, to.elements[0], out.present());
  }
  if (null) {
    if (to.type.kind != Kind::json) return Fault::not_type;
    out.add_default();
    return Fault::none;
  }
  return convert_value(state, tokens, token, to, out);
}

Fault convert_text(ConvertState& state, std::string_view text, const Converter& to, Column& out) {
  const Type& type = to.type;
  switch (type.kind) {
    case Kind::string:
      out.add_string(text);
      return Fault::none;
    case Kind::date_time64: {
      std::int64_t ticks = 0;
      if (!parse_date_time(text, state.options->dates, type.scale, to.zone.get(), state.zones[to.zone_slot], ticks))
        return Fault::not_type;
      out.add(ticks);
      return Fault::none;
    }
    case Kind::date_time: {
      std::int64_t seconds = 0;
      return when(parse_date_time(text, state.options->dates, 0, to.zone.get(), state.zones[to.zone_slot], seconds) &&
                  add_seconds(seconds, out));
    }
    case Kind::uuid:
      return when(add_uuid(text, out));
    case Kind::fixed_string:
      return add_fixed_string(type.width, text, out);
    case Kind::ipv4:
    case Kind::ipv6:
      return when(add_address(type.kind, text, out));
    case Kind::enum8:
    case Kind::enum16: {
      const auto member = to.members.find(text);
      if (member == to.members.end()) return Fault::not_type;
      add_member(type.kind, member->second, out);
      return Fault::none;
    }
    case Kind::date:
    case Kind::date32: {
      std::int64_t days = 0;
      return parse_date(text, state.options->dates, days) ? add_date(type, days, out) : Fault::not_type;
    }
    case Kind::decimal:
      return when(is_json_number(text) && add_decimal(type, text, out));
    case Kind::float32:
    case Kind::float64:
    case Kind::bfloat16:
      return when(state.options->numeric_strings == NumericStrings::always && is_json_number(text) &&
                  add_float(type, text, out));
    case Kind::time:
    case Kind::time64: {
      std::int64_t ticks = 0;
      if (!parse_time(text, type.kind == Kind::time ? 0 : type.scale, ticks)) return Fault::not_type;
      if (type.kind == Kind::time) {
        out.add(static_cast<std::int32_t>(ticks));
      } else {
        out.add(ticks);
      }
      return Fault::none;
    }
    case Kind::nullable:
      return convert_text(state, text, to.elements[0], out.present());
    default:
      if (type.is_integer() && takes_numeric_text(type, state.options->numeric_strings))
        return when(is_json_number(text) && add_integer(type, text, out));
      return Fault::not_type;
  }
}

Fault convert_number(ConvertState& state, std::string_view number, const Converter& to, Column& out) {
  const Type& type = to.type;
  if (const Quick quick = add_quickly(type, number, out); quick != Quick::other) return when(quick == Quick::added);
  switch (type.kind) {
    case Kind::float64:
    case Kind::float32:
    case Kind::bfloat16:
      return when(is_json_number(number) && add_float(type, number, out));
    default:
      break;
  }
  if (!is_json_number(number)) return Fault::not_type;
  if (type.is_integer()) return when(add_integer(type, number, out));
  switch (type.kind) {
    case Kind::string:
      out.add_string(number);
      return Fault::none;
    case Kind::fixed_string:
      return add_fixed_string(type.width, number, out);
    case Kind::decimal:
      return when(add_decimal(type, number, out));
    case Kind::date_time64:
      return number_into_date_time64(state, number, type, out);
    case Kind::boolean:
    case Kind::date_time:
    case Kind::enum8:
    case Kind::enum16: {
      ExactInteger exact;
      std::int64_t value = 0;
      if (!scale_exactly(number, 0, exact) || !exact.exact || !to_int64(exact, value)) return Fault::not_type;
      if (type.kind == Kind::date_time) return when(add_seconds(value, out));
      if (type.kind == Kind::boolean) {
        if (value != 0 && value != 1) return Fault::not_type;
        out.add(static_cast<std::uint8_t>(value));
        return Fault::none;
      }
      const auto member =
          std::ranges::find(type.members, value, [](const auto& m) { return static_cast<std::int64_t>(m.second); });
      if (member == type.members.end()) return Fault::not_type;
      add_member(type.kind, member->second, out);
      return Fault::none;
    }
    default:
      return Fault::not_type;
  }
}

Fault convert_value(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to, Column& out) {
  const char first = tokens.at(token);
  if (first == '"') {
    std::string_view raw;
    if (!tokens.raw_string(token, raw)) return Fault::malformed;
    if (!tokens.escapes || raw.find('\\') == std::string_view::npos) return convert_text(state, raw, to, out);
    state.text.clear();
    if (!unescape(raw, state.options->invalid_text, state.text)) return Fault::bad_text;
    return convert_text(state, state.text, to, out);
  }
  if (first == '{' || first == '[') return convert_container(state, tokens, token, to, out);
  const std::string_view scalar = tokens.scalar(token);
  Fault fault = Fault::not_type;
  if (first == '-' || static_cast<unsigned char>(first - '0') < 10) {
    fault = convert_number(state, scalar, to, out);
  } else if (scalar == "true" || scalar == "false") {
    fault = convert_boolean(state, first == 't', to, out);
  }
  if (fault != Fault::none && !is_json_scalar(scalar)) return Fault::malformed;
  return fault;
}

Fault convert_cell(ConvertState& state, std::string_view cell, const Converter& to, Column& out) {
  const Type& type = to.type;
  switch (type.kind) {
    case Kind::string:
      out.add_string(cell);
      return Fault::none;
    case Kind::array:
    case Kind::map:
    case Kind::tuple:
    case Kind::nested:
    case Kind::json: {
      if (cell.empty() || !state.cell_index.build(cell)) return Fault::not_type;
      const Tokens tokens{.text = cell.data(),
                          .index = state.cell_index.begin(),
                          .token_end = state.cell_index.size(),
                          .end = static_cast<std::uint32_t>(cell.size()),
                          .escapes = cell.find('\\') != std::string_view::npos};
      if (skip_checked(tokens, 0, state.options->depth_max) != tokens.token_end) return Fault::not_type;
      if (tokens.at(0) != '{' && tokens.at(0) != '[') return Fault::not_type;
      return convert_value(state, tokens, 0, to, out);
    }
    case Kind::boolean:
      if (cell == "true" || cell == "false") return convert_boolean(state, cell == "true", to, out);
      return convert_number(state, cell, to, out);
    case Kind::date_time:
    case Kind::date_time64:
      if (is_json_number(cell)) return convert_number(state, cell, to, out);
      return convert_text(state, cell, to, out);
    case Kind::float32:
    case Kind::float64:
    case Kind::bfloat16:
    case Kind::decimal:
      return convert_number(state, cell, to, out);
    case Kind::nullable:
      return convert_cell(state, cell, to.elements[0], out.present());
    default:
      if (type.is_integer()) return convert_number(state, cell, to, out);
      return convert_text(state, cell, to, out);
  }
}

}  // namespace kinglet::rows::internal
