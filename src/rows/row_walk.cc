// SPDX-License-Identifier: Apache-2.0
// The walk over one row's tokens along the trie of paths.
#include "rows/row_walk.h"

#include <algorithm>

namespace kinglet::rows::internal {

namespace {
constexpr std::size_t few_children = 8;
}

RowWalk::RowWalk(const RowMapping& mapping) : mapping_(mapping), nodes_(mapping.nodes()) {
  values_.assign(nodes_.size(), absent);
  first_child_.assign(nodes_.size(), absent);
  next_key_.assign(nodes_.size(), absent);
  tables_.resize(nodes_.size());
  for (std::size_t n = 0; n < nodes_.size(); ++n) {
    const auto& children = nodes_[n].children;
    if (!children.empty()) first_child_[n] = children[0];
    for (std::size_t i = 0; i < children.size(); ++i) {
      next_key_[children[i]] = children[(i + 1) % children.size()];
      if (children.size() > few_children) tables_[n].emplace(nodes_[children[i]].key, children[i]);
    }
  }
}

std::uint32_t RowWalk::find_child(std::uint32_t node, std::string_view key) const {
  if (nodes_[node].children.size() > few_children) {
    const auto found = tables_[node].find(key);
    return found == tables_[node].end() ? absent : found->second;
  }
  for (const std::uint32_t child : nodes_[node].children)
    if (nodes_[child].key == key) return child;
  return absent;
}

void RowWalk::note_unknown(std::uint32_t node, std::string_view key) {
  if (nodes_[node].covered || unknown_.size() >= unknown_keys_max || key.size() > unknown_key_bytes_max) return;
  unknown_text_ = nodes_[node].path;
  if (!unknown_text_.empty()) unknown_text_ += '.';
  unknown_text_ += key;
  if (!unknown_.contains(unknown_text_)) unknown_.insert(unknown_text_);
}

/// A key again: the earlier value counts no more, but it must have been JSON.
bool RowWalk::replace_value(std::uint32_t child, std::uint32_t token) {
  const std::uint32_t earlier = values_[child];
  const char first = tokens_.at(earlier);
  if (first != '"' && first != '{' && first != '[' && !is_json_scalar(tokens_.scalar(earlier))) return false;
  std::fill(values_.begin() + child, values_.begin() + nodes_[child].subtree_end, absent);
  values_[child] = token;
  return true;
}

std::uint32_t RowWalk::walk(std::uint32_t node, std::uint32_t token, std::uint32_t depth_left) {
  if (depth_left == 0) return malformed_token;
  ++token;
  if (tokens_.at(token) == '}') return token + 1;
  std::uint32_t expected = first_child_[node];
  std::uint32_t* learn = &first_child_[node];
  while (true) {
    std::string_view key;
    if (tokens_.at(token) != '"' || !tokens_.raw_string(token, key) || tokens_.at(token + 1) != ':')
      return malformed_token;
    std::uint32_t child = expected;
    if (child == absent || !nodes_[child].plain || nodes_[child].key != key) {
      if (tokens_.escapes && key.find('\\') != std::string_view::npos) {
        if (!escapes_are_valid(key)) return malformed_token;
        key_text_.clear();
        unescape(key, InvalidText::replace, key_text_);
        key = key_text_;
      }
      child = find_child(node, key);
    }
    token += 2;
    if (child == absent) {
      note_unknown(node, key);
      token = skip_checked(tokens_, token, depth_left - 1);
    } else {
      if (*learn != child) *learn = child;
      learn = &next_key_[child];
      expected = next_key_[child];
      if (values_[child] == absent) {
        values_[child] = token;
      } else if (!replace_value(child, token)) {
        return malformed_token;
      }
      if (tokens_.at(token) == '{' && !nodes_[child].children.empty()) {
        token = walk(child, token, depth_left - 1);
      } else {
        // A scalar for a column is checked when it is converted.
        token = skip_checked(tokens_, token, depth_left - 1, nodes_[child].has_columns);
      }
    }
    if (token == malformed_token) return malformed_token;
    const char next = tokens_.at(token);
    if (next == '}') return token + 1;
    if (next != ',') return malformed_token;
    ++token;
  }
}

bool RowWalk::read(const Tokens& tokens, std::uint32_t first) {
  if (tokens.at(first) != '{') return false;
  tokens_ = tokens;
  std::fill(values_.begin(), values_.end(), absent);
  values_[0] = first;
  const std::uint32_t behind = walk(0, first, mapping_.options().depth_max);
  return behind != malformed_token && tokens.at(behind) == '\n' && tokens.offset(behind) == tokens.end;
}

}  // namespace kinglet::rows::internal
