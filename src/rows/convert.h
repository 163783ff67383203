// SPDX-License-Identifier: Apache-2.0
// One value into one column: the conversion table of spec/connectors.md 2.3, for every type.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "datafile/model.h"
#include "engine/column.h"
#include "rows/convert_time.h"
#include "rows/mapping_options.h"
#include "rows/row_tokens.h"

namespace kinglet::rows::internal {

/// Why a value was not taken; quarantine.cc holds the text for each.
enum class Fault : std::uint8_t {
  none,
  not_type,    // another JSON type, out of range, not a date …
  null_value,  // null where neither NULL nor a DEFAULT is possible
  missing,     // absent where neither NULL nor a DEFAULT is possible
  bad_text,    // a lone surrogate
  bad_path,    // a JSON column: one path twice
  malformed,   // the row is not JSON at all
};

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// What is needed to convert into one type, made once for each column. Immutable, shared by threads.
struct Converter {
  engine::Type type;  // as sent; never Nullable itself at the top of a column
  std::shared_ptr<const Zone> zone;
  std::uint32_t zone_slot = 0;  // index into ConvertState::zones
  std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>> members;
  std::vector<Converter> elements;

  /// `zone_count` numbers the time zones of a mapping. Errors: invalid (unknown zone, type that rows cannot carry).
  static Result<Converter> make(const engine::Type& sent, std::uint32_t& zone_count);
};

/// One member of a JSON object.
struct Member {
  std::string_view key;     // into the row, or into ConvertState::key_texts
  std::uint32_t value = 0;  // its token
};

/// Memory of one thread's conversions; kept from row to row, so that rows cost no allocation.
struct ConvertState {
  const MappingOptions* options = nullptr;
  std::vector<ZoneCache> zones;
  std::string text;   // unescaped strings
  std::string built;  // JSON texts
  TokenIndex cell_index;
  // Stacks: a value inside a value adds its own on top and takes them off.
  std::vector<Member> members;
  std::vector<std::uint32_t> places;
  std::deque<std::string> key_texts;  // keys with escapes; a deque, because views into it stay
  std::size_t key_texts_used = 0;
  std::vector<std::uint32_t> key_slots;  // of the object that is being read

  /// Gives memory back after unusual rows. Between rows.
  void trim();
};

/// Appends the value at `token` to `out`, or leaves `out` with a half-written row that the caller truncates. `null` is
/// the caller's at the top of a column; inside arrays, maps and tuples it is NULL for Nullable elements and a fault for
/// others. The value has been checked as JSON, except that a scalar alone may still be any text (then the fault is
/// malformed).
Fault convert_value(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                    engine::Column& out);
/// The same where null may stand: NULL for Nullable, `{}` for JSON, else a fault.
Fault convert_element(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                      engine::Column& out);
/// Follows the rest of a path that goes through all elements of arrays, as in `$.items[:].id`: `steps` starts at the
/// `[:]`. Each `[:]` is one Array of the type; an element without the key is NULL for Nullable, else a fault.
Fault convert_steps(ConvertState& state, const Tokens& tokens, std::uint32_t token,
                    std::span<const datafile::PathStep> steps, const Converter& to, engine::Column& out);
/// The text of a JSON string.
Fault convert_text(ConvertState& state, std::string_view text, const Converter& to, engine::Column& out);
/// The text of a JSON number.
Fault convert_number(ConvertState& state, std::string_view number, const Converter& to, engine::Column& out);
/// A CSV field: numbers and booleans are text there, arrays and objects are JSON texts.
Fault convert_cell(ConvertState& state, std::string_view cell, const Converter& to, engine::Column& out);

/// Appends the JSON object at `token` in the form that the engine's JSON type takes for sure: no blanks, each key once
/// (the last), numbers that it can hold, each path once.
Fault write_json_object(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                        std::string& out);

}  // namespace kinglet::rows::internal
