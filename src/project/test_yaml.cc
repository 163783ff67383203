// SPDX-License-Identifier: Apache-2.0
// The only file that sees yaml-cpp: its exceptions end here.
#include "project/test_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>

namespace kinglet::project::internal {
namespace {

/// Ends the reading from inside an event.
struct Refused {
  YAML::Mark mark;
  std::string message;
  std::string hint;
};

/// Builds the tree from the parser's events, which know anchors and places that yaml-cpp's own nodes do not.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string_view text) : text_(text) {}

  std::optional<YamlNode> root;

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root) throw Refused{mark, "a second document starts here", "a file holds one list of tests"};
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    check(mark, anchor, {});
    attach({.kind = YamlNode::Kind::null, .plain = true, .place = at(mark)});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { refuse_anchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check(mark, anchor, tag);
    // yaml-cpp takes the end of the text for the quote that is missing.
    if (tag == "!" && !closes(at(mark))) throw Refused{mark, "the quote that opens here is not closed", {}};
    attach({.kind = YamlNode::Kind::scalar, .plain = tag == "?", .place = at(mark), .text = value});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, style, YamlNode::Kind::list);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, style, YamlNode::Kind::map);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    std::optional<YamlNode> key;  // of a map: read, its value still to come
  };

  std::string_view at(const YAML::Mark& mark) const {
    return text_.substr(std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.size()));
  }

  /// A text that starts with a quote has the closing one; a block has none.
  static bool closes(std::string_view text) {
    if (text.empty() || (text[0] != '"' && text[0] != '\'')) return true;
    const std::string_view stops = text[0] == '"' ? "\"\\" : "'";
    for (std::size_t at = 1; (at = text.find_first_of(stops, at)) != text.npos; at += 2) {
      const bool escapes = text[at] == '\\' || (text[at] == '\'' && text.substr(at + 1).starts_with('\''));
      if (!escapes) return true;
    }
    return false;
  }

  [[noreturn]] static void refuse_anchor(const YAML::Mark& mark) {
    throw Refused{mark, "anchors and aliases (&name, *name) are not read", "write the value out"};
  }

  void check(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& tag) {
    if (anchor != YAML::NullAnchor) refuse_anchor(mark);
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:str")
      throw Refused{mark, "tags (!name) are not read", "leave it out"};
    if (++nodes_ > YamlLimits::nodes_max)
      throw Refused{mark, fmt::format("the file has more than {} values", YamlLimits::nodes_max), {}};
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value style,
            YamlNode::Kind kind) {
    check(mark, anchor, tag);
    if (open_.size() >= YamlLimits::depth_max)
      throw Refused{
          mark, fmt::format("lists and maps stand inside each other deeper than {}", YamlLimits::depth_max), {}};
    open_.push_back({.node = {.kind = kind, .flow = style == YAML::EmitterStyle::Flow, .place = at(mark)}, .key = {}});
  }

  void close() {
    auto node = std::move(open_.back().node);
    open_.pop_back();
    attach(std::move(node));
  }

  void attach(YamlNode node) {
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    auto& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      parent.key = std::move(node);
    } else {
      parent.node.entries.emplace_back(std::move(*parent.key), std::move(node));
      parent.key.reset();
    }
  }

  std::string_view text_;
  std::vector<Open> open_;
  std::size_t nodes_ = 0;
};

}  // namespace

std::optional<YamlNode> read_yaml(datafile::internal::Source& source) {
  if (!source.check_text()) return std::nullopt;
  const auto text = source.text();
  const auto fault = [&](const YAML::Mark& mark, std::string message, std::string hint) {
    const auto offset = std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text.size());
    source.error(text.substr(offset), std::move(message), std::move(hint));
  };
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder(text);
    while (parser.HandleNextDocument(builder)) {
    }
    if (!builder.root) builder.root = YamlNode{.kind = YamlNode::Kind::null, .place = text.substr(text.size())};
    return std::move(builder.root);
  } catch (const Refused& refused) {
    fault(refused.mark, refused.message, refused.hint);
  } catch (const YAML::Exception& error) {
    fault(error.mark, fmt::format("this is no YAML: {}", error.msg), {});
  } catch (const std::exception&) {
    fault({}, "this is no YAML", {});
  }
  return std::nullopt;
}

}  // namespace kinglet::project::internal
