// SPDX-License-Identifier: Apache-2.0
// Objects for columns of type JSON: one object that the engine would refuse fails its whole insert, so all is checked
// here.
#include <algorithm>
#include <unordered_set>

#include "rows/convert.h"
#include "rows/convert_number.h"

namespace kinglet::rows::internal {
namespace {

/// What the engine's JSON type can hold: integers from -2^63 to 2^64-1, finite floats (native-format.md 5.2).
bool number_is_storable(std::string_view number) {
  engine::Type type;
  if (number.find_first_of(".eE") == std::string_view::npos) {
    type.kind = number[0] == '-' ? engine::Kind::int64 : engine::Kind::uint64;
    type.width = 8;
    engine::Column scratch(type);
    return add_integer(type, number, scratch);
  }
  type.kind = engine::Kind::float64;
  type.width = 8;
  engine::Column scratch(type);
  return add_float(type, number, scratch);
}

class ObjectWriter {
 public:
  ObjectWriter(ConvertState& state, const Tokens& tokens, const Converter& to, std::string& out)
      : state_(state), tokens_(tokens), to_(to), out_(out) {}

  Fault object(std::uint32_t token, std::unordered_set<std::string>* paths, std::string& path) {
    struct Member {
      std::string key;
      std::uint32_t value;
      bool last;
    };
    std::vector<Member> members;
    std::unordered_map<std::string, std::size_t> places;
    if (tokens_.at(++token) != '}') {
      while (true) {
        std::string_view raw;
        tokens_.raw_string(token, raw);
        std::string key;
        if (!unescape(raw, state_.options->invalid_text, key)) return Fault::bad_text;
        const auto [place, fresh] = places.emplace(key, members.size());
        if (!fresh) {
          members[place->second].last = false;
          place->second = members.size();
        }
        members.push_back({std::move(key), token + 2, true});
        token = skip_valid(tokens_, token + 2);
        if (tokens_.at(token) == '}') break;
        ++token;
      }
    }
    out_ += '{';
    bool first = true;
    for (const Member& member : members) {
      if (!member.last) continue;
      if (!first) out_ += ',';
      first = false;
      quote_json(member.key, out_);
      out_ += ':';
      const std::size_t length = path.size();
      if (paths != nullptr) {
        if (length > 0) path += '.';
        path += member.key;
        // Named in the limits: one row cannot make more text of paths than this.
        if ((path_bytes_ += path.size()) > path_bytes_max) return Fault::bad_path;
      }
      if (const Fault fault = value(member.value, paths, path); fault != Fault::none) return fault;
      path.resize(length);
    }
    out_ += '}';
    return Fault::none;
  }

 private:
  static constexpr std::size_t path_bytes_max = 64u << 20;

  Fault value(std::uint32_t token, std::unordered_set<std::string>* paths, std::string& path) {
    const char first = tokens_.at(token);
    // An object at a typed path is one value of its type (a Map, say), not more paths.
    const Converter* to = paths == nullptr ? nullptr : typed(path);
    if (first == '{' && to == nullptr) return paths != nullptr ? object(token, paths, path) : object_in_array(token);
    if (paths != nullptr) {
      if (!paths->insert(path).second) return Fault::bad_path;
      if (to != nullptr)
        if (const Fault fault = check(token, *to); fault != Fault::none) return fault;
    }
    if (first == '{') return object(token, nullptr, path);
    if (first == '[') {
      out_ += '[';
      ++token;
      for (bool more = tokens_.at(token) != ']'; more; ++token) {
        std::string none;
        if (const Fault fault = value(token, nullptr, none); fault != Fault::none) return fault;
        token = skip_valid(tokens_, token);
        more = tokens_.at(token) == ',';
        if (!more) break;
        out_ += ',';
      }
      out_ += ']';
      return Fault::none;
    }
    if (first == '"') {
      std::string_view raw;
      tokens_.raw_string(token, raw);
      state_.text.clear();
      if (!unescape(raw, state_.options->invalid_text, state_.text)) return Fault::bad_text;
      quote_json(state_.text, out_);
      return Fault::none;
    }
    const std::string_view scalar = tokens_.scalar(token);
    if (is_json_number(scalar) && !number_is_storable(scalar)) return Fault::not_type;
    out_ += scalar;
    return Fault::none;
  }

  /// Objects in arrays are documents of their own to the engine: their paths start anew, and none of them is typed.
  Fault object_in_array(std::uint32_t token) {
    std::unordered_set<std::string> paths;
    std::string path;
    ++arrays_;
    const Fault fault = object(token, &paths, path);
    --arrays_;
    return fault;
  }

  /// What a typed path of the column takes; null for other paths.
  const Converter* typed(const std::string& path) const {
    if (arrays_ > 0) return nullptr;
    const auto& names = to_.type.names;
    const auto found = std::ranges::find(names, path);
    return found == names.end() ? nullptr : &to_.elements[static_cast<std::size_t>(found - names.begin())];
  }

  Fault check(std::uint32_t token, const Converter& to) {
    if (tokens_.scalar(token) == "null") return Fault::none;
    engine::Column scratch(to.type);
    if (to.type.kind == engine::Kind::nullable)
      return convert_value(state_, tokens_, token, to.elements[0], scratch.present());
    return convert_value(state_, tokens_, token, to, scratch);
  }

  ConvertState& state_;
  const Tokens& tokens_;
  const Converter& to_;
  std::string& out_;
  std::size_t path_bytes_ = 0;
  std::size_t arrays_ = 0;  // that are open around an object
};

}  // namespace

Fault write_json_object(ConvertState& state, const Tokens& tokens, std::uint32_t token, const Converter& to,
                        std::string& out) {
  std::unordered_set<std::string> paths;
  std::string path;
  return ObjectWriter(state, tokens, to, out).object(token, &paths, path);
}

}  // namespace kinglet::rows::internal
