// SPDX-License-Identifier: Apache-2.0
// Compiles a data source into a RowMapping: types, defaults, and the trie of paths.
#include "rows/mapping.h"

#include <algorithm>
#include <set>

namespace kinglet::rows {
namespace {

using engine::Kind;
using internal::Fault;

/// A trie while it is built: children by key, in order of first mention.
struct Draft {
  std::string key;
  std::vector<std::unique_ptr<Draft>> children;
  std::vector<std::size_t> columns;

  Draft& child(const std::string& name) {
    for (auto& known : children)
      if (known->key == name) return *known;
    children.push_back(std::make_unique<Draft>());
    children.back()->key = name;
    return *children.back();
  }
};

/// Would the key stand in JSON text byte for byte?
bool is_plain(std::string_view key) {
  return std::ranges::none_of(key,
                              [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
}

void number_nodes(const Draft& draft, std::uint32_t parent, bool covered, std::vector<PathNode>& nodes,
                  std::vector<MappedColumn>& columns) {
  const auto index = static_cast<std::uint32_t>(nodes.size());
  nodes.emplace_back();
  nodes[index].key = draft.key;
  nodes[index].plain = is_plain(draft.key);
  nodes[index].parent = parent;
  nodes[index].has_columns = !draft.columns.empty();
  nodes[index].covered = covered || nodes[index].has_columns;
  if (index != 0) nodes[index].path = nodes[parent].path.empty() ? draft.key : nodes[parent].path + "." + draft.key;
  for (const std::size_t column : draft.columns) columns[column].node = index;
  for (const auto& child : draft.children) {
    nodes[index].children.push_back(static_cast<std::uint32_t>(nodes.size()));
    number_nodes(*child, index, nodes[index].covered, nodes, columns);
  }
  nodes[index].subtree_end = static_cast<std::uint32_t>(nodes.size());
}

/// The DEFAULT of an Array, Map or Nullable column as one row, when we can evaluate it exactly.
std::optional<engine::Column> evaluate_default(const MappedColumn& column, const MappingOptions& options,
                                               std::uint32_t zone_count, std::string_view expression) {
  std::optional<std::string> json = internal::constant_as_json(expression);
  if (!json) return std::nullopt;
  // An array may also be written as text: DEFAULT '[]'.
  const bool composed =
      column.sent.kind == Kind::array || column.sent.kind == Kind::map || column.sent.kind == Kind::nested;
  std::string inner;
  if (composed && json->size() > 2 && (*json)[0] == '"' &&
      internal::unescape(std::string_view(*json).substr(1, json->size() - 2), InvalidText::reject, inner))
    json = inner;
  if (column.sent.kind == Kind::map && *json == "[]") json = "{}";

  MappingOptions lenient = options;
  lenient.numeric_strings = NumericStrings::always;
  lenient.date_time64_numbers = TickNumbers::seconds;  // as the engine casts a number
  internal::ConvertState state;
  state.options = &lenient;
  state.zones.resize(zone_count);
  engine::Column out(column.sent);
  if (*json == "null") {
    if (!column.nullable) return std::nullopt;
    out.add_null();
    return out;
  }
  internal::TokenIndex index;
  if (!index.build(*json)) return std::nullopt;
  const internal::Tokens tokens{.text = json->data(),
                                .index = index.begin(),
                                .token_end = index.size(),
                                .end = static_cast<std::uint32_t>(json->size())};
  if (internal::skip_checked(tokens, 0, options.depth_max) != tokens.token_end) return std::nullopt;
  engine::Column& target = column.nullable ? out.present() : out;
  if (internal::convert_value(state, tokens, 0, column.convert, target) != Fault::none) return std::nullopt;
  return out;
}

}  // namespace

engine::Column MappedColumn::make_column() const {
  return absent == Absent::engine_default ? engine::Column::with_default(sent) : engine::Column(sent);
}

std::optional<std::uint32_t> RowMapping::find(std::string_view name) const {
  for (std::uint32_t i = 0; i < columns_.size(); ++i)
    if (columns_[i].name == name) return i;
  return std::nullopt;
}

Result<std::shared_ptr<const RowMapping>> RowMapping::compile(const datafile::DataSource& source,
                                                              const MappingOptions& options) {
  if (source.columns.empty()) return fail(Code::invalid, "data source '{}' has no columns", source.name);
  if (source.columns.size() > MappingLimits::columns_max)
    return fail(Code::invalid, "data source '{}' has {} columns; the limit is {}", source.name, source.columns.size(),
                MappingLimits::columns_max);
  auto mapping = std::make_shared<RowMapping>();
  mapping->options_ = options;
  const bool by_path = std::ranges::any_of(source.columns, [](const auto& column) { return column.path.has_value(); });
  std::uint32_t left_out = 0;
  std::set<std::string_view> names;
  Draft root;
  for (const datafile::ColumnDefinition& definition : source.columns) {
    const auto wrong = [&](const std::string& what) {
      return fail(Code::invalid, "column '{}' of '{}': {}", definition.name, source.name, what);
    };
    if (!names.insert(definition.name).second) return wrong("it stands there twice");
    MappedColumn column;
    column.name = definition.name;
    column.type_text = definition.type;
    auto type = engine::parse_type(definition.type);
    if (!type) return wrong(type.error().message);
    column.insertable = engine::is_insertable(*type);
    if (!column.insertable) {
      if (definition.path) return wrong(fmt::format("it has a JSON path, but rows cannot carry {}", definition.type));
      mapping->columns_.push_back(std::move(column));
      continue;
    }
    column.sent = engine::sent_type(*type);
    column.nullable = column.sent.kind == Kind::nullable;
    column.has_default = definition.default_expression.has_value();
    const engine::Type inner = column.nullable ? column.sent.elements[0] : column.sent;
    auto converter = internal::Converter::make(inner, mapping->zone_count_);
    if (!converter) return wrong(converter.error().message);
    column.convert = std::move(*converter);

    const bool composed =
        column.sent.kind == Kind::array || column.sent.kind == Kind::map || column.sent.kind == Kind::nested;
    if (column.has_default && (composed || column.nullable)) {
      column.constant = evaluate_default(column, options, mapping->zone_count_, *definition.default_expression);
      column.absent = column.constant ? Absent::constant : Absent::left_out;
      if (!column.constant) {
        if (left_out == MappingLimits::left_out_columns_max)
          return wrong(fmt::format("more than {} Array, Map and Nullable columns have a DEFAULT that is not a constant",
                                   left_out));
        column.left_out_bit = left_out++;
      }
    } else if (column.has_default) {
      column.absent = Absent::engine_default;
    } else if (column.nullable) {
      column.absent = Absent::null;
    }

    const auto index = static_cast<std::uint32_t>(mapping->columns_.size());
    mapping->csv_columns_.push_back(index);
    column.from_json = definition.path.has_value() || !by_path;
    if (column.from_json) {
      mapping->json_columns_.push_back(index);
      Draft* node = &root;
      if (!definition.path) {
        node = &root.child(definition.name);
      } else {
        const auto& steps = definition.path->steps;
        if (steps.size() > MappingLimits::path_depth_max)
          return wrong(fmt::format("its path has more than {} steps", MappingLimits::path_depth_max));
        auto at = steps.begin();
        for (; at != steps.end() && !at->each; ++at) node = &node->child(at->key);
        column.steps.assign(at, steps.end());
        const auto eaches = std::ranges::count_if(column.steps, &datafile::PathStep::each);
        const engine::Type* element = &inner;
        for (std::ptrdiff_t i = 0; i < eaches; ++i) {
          // A path into Nested or JSON text may end in one `[:]`: the array is taken whole.
          if (element->kind != Kind::array && column.steps.size() == 1) break;
          if (element->kind != Kind::array)
            return wrong(
                fmt::format("its path {} goes through an array, so its type must be Array(…)", definition.path->text));
          element = &element->elements[0];
        }
        if (column.steps.size() == 1) column.steps.clear();
      }
      node->columns.push_back(index);
    }
    mapping->columns_.push_back(std::move(column));
  }
  if (mapping->csv_columns_.empty())
    return fail(Code::invalid, "data source '{}' has no column that rows can carry", source.name);
  number_nodes(root, 0, false, mapping->nodes_, mapping->columns_);
  return std::shared_ptr<const RowMapping>(std::move(mapping));
}

}  // namespace kinglet::rows
