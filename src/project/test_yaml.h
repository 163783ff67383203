// SPDX-License-Identifier: Apache-2.0
// YAML text to a tree that knows where each value stands.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "datafile/source.h"

namespace kinglet::project::internal {

struct YamlNode {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  bool plain = false;           // a scalar without quotes that is no block either
  bool flow = false;            // a list or map in brackets
  std::string_view place = {};  // in the source, from the first character of the node to the end of the text
  std::string text = {};        // of a scalar
  std::vector<YamlNode> items = {};
  std::vector<std::pair<YamlNode, YamlNode>> entries = {};  // of a map, in the order of the file
};

struct YamlLimits {
  static constexpr std::size_t depth_max = 32;       // lists and maps inside each other
  static constexpr std::size_t nodes_max = 100'000;  // scalars, lists and maps
};

/// The one document of a text; null for a text without one. Anchors, aliases and tags of one's own are refused, so a
/// tree is never larger than its text. Nothing is returned when a fault was reported. YAML ends at its first fault.
std::optional<YamlNode> read_yaml(datafile::internal::Source& source);

}  // namespace kinglet::project::internal
