// SPDX-License-Identifier: Apache-2.0
// The canonical text of a data source, pipe or connection.
#include "datafile/print.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "datafile/source.h"
#include "datafile/values.h"

namespace kinglet::datafile {
namespace {

/// Collects groups of lines; an empty group leaves no trace.
class Page {
 public:
  void line(std::string_view text) {
    if (!text_.empty() && gap_) text_ += '\n';
    gap_ = false;
    text_ += text;
    text_ += '\n';
  }
  void value(std::string_view key, std::string_view text) {
    if (!text.empty()) line(fmt::format("{} \"{}\"", key, text));
  }
  void block(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    gap();
    line(fmt::format("{} >", key));
    while (!text.empty()) {
      const auto end = text.find('\n');
      const auto one = text.substr(0, end);
      line(one.empty() ? std::string() : fmt::format("    {}", one));
      text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    gap();
  }
  void gap() { gap_ = true; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  bool gap_ = false;
};

std::string quoted_list(const std::vector<std::string>& items) {
  return fmt::format("\"{}\"", fmt::join(items, ", "));
}

void print_tokens(Page& page, const std::vector<TokenGrant>& tokens) {
  page.gap();
  for (const auto& token : tokens) {
    const char quote = token.name.find('"') == std::string::npos ? '"' : '\'';
    page.line(fmt::format("TOKEN {}{}{} {}", quote, token.name, quote,
                          token.permission == TokenGrant::Permission::append ? "APPEND" : "READ"));
  }
}

std::string column_line(const ColumnDefinition& column) {
  std::string out = fmt::format("`{}` {}", column.name, column.type);
  if (column.path) out += fmt::format(" `json:{}`", column.path->text);
  if (column.default_expression) out += fmt::format(" DEFAULT {}", *column.default_expression);
  if (column.codec) out += fmt::format(" {}", *column.codec);
  return out;
}

}  // namespace

std::string print(const DataSource& source) {
  Page page;
  page.block("DESCRIPTION", source.description);
  if (!source.tags.empty()) {
    page.gap();
    page.line(fmt::format("TAGS {}", quoted_list(source.tags)));
  }
  std::string columns;
  for (const auto& column : source.columns)
    columns += fmt::format("{}{}", columns.empty() ? "" : ",\n", column_line(column));
  page.block("SCHEMA", columns);

  const auto& engine = source.engine;
  page.gap();
  page.value("ENGINE", engine.name);
  page.value("ENGINE_PARTITION_KEY", engine.partition_key);
  page.value("ENGINE_SORTING_KEY", engine.sorting_key);
  page.value("ENGINE_PRIMARY_KEY", engine.primary_key);
  page.value("ENGINE_SAMPLING_KEY", engine.sampling_key);
  page.value("ENGINE_TTL", engine.ttl);
  page.value("ENGINE_VER", engine.ver);
  page.value("ENGINE_IS_DELETED", engine.is_deleted);
  page.value("ENGINE_SIGN", engine.sign);
  page.value("ENGINE_VERSION", engine.version);
  page.value("ENGINE_SUMMING_COLUMNS", engine.summing_columns);
  std::string settings;
  for (const auto& [name, value] : engine.settings)
    settings += fmt::format("{}{} = {}", settings.empty() ? "" : ", ", name, value);
  page.value("ENGINE_SETTINGS", settings);

  std::string indexes;
  for (const auto& index : source.indexes)
    indexes += fmt::format("{}{} {} TYPE {} GRANULARITY {}", indexes.empty() ? "" : "\n",
                           internal::is_identifier(index.name) ? index.name : fmt::format("`{}`", index.name),
                           index.expression, index.type, index.granularity);
  page.block("INDEXES", indexes);
  if (source.backfill_skip) {
    page.gap();
    page.line("BACKFILL skip");
  }
  page.gap();
  for (const auto& [key, value] : source.connector) page.line(fmt::format("{} {}", key, value));
  page.block("FORWARD_QUERY", source.forward_query);
  print_tokens(page, source.tokens);
  page.block("SHARED_WITH", fmt::format("{}", fmt::join(source.shared_with, ",\n")));
  return page.take();
}

std::string print(const Pipe& pipe) {
  Page page;
  page.block("DESCRIPTION", pipe.description);
  if (!pipe.tags.empty()) {
    page.gap();
    page.line(fmt::format("TAGS {}", quoted_list(pipe.tags)));
  }
  print_tokens(page, pipe.tokens);
  for (std::size_t i = 0; i < pipe.nodes.size(); ++i) {
    const auto& node = pipe.nodes[i];
    page.gap();
    page.line(fmt::format("NODE {}", node.name));
    if (!node.description.empty()) page.block("DESCRIPTION", node.description);
    page.block("SQL", node.sql);
    if (i != pipe.output_node || pipe.type == PipeType::plain) continue;
    constexpr std::array<std::string_view, 5> names = {"", "endpoint", "materialized", "copy", "sink"};
    page.line(fmt::format("TYPE {}", names[static_cast<std::size_t>(pipe.type)]));
    if (pipe.cache_seconds) page.line(fmt::format("CACHE {}", *pipe.cache_seconds));
    if (!pipe.target.empty())
      page.line(fmt::format("{} {}", pipe.type == PipeType::copy ? "TARGET_DATASOURCE" : "DATASOURCE", pipe.target));
    if (pipe.deployment_alter) page.line("DEPLOYMENT_METHOD alter");
    if (!pipe.copy_schedule.empty()) page.line(fmt::format("COPY_SCHEDULE {}", pipe.copy_schedule));
    if (!pipe.copy_mode.empty()) page.line(fmt::format("COPY_MODE {}", pipe.copy_mode));
    for (const auto& [key, value] : pipe.sink) page.line(fmt::format("{} {}", key, value));
  }
  return page.take();
}

std::string print(const Connection& connection) {
  Page page;
  page.line(fmt::format("TYPE {}", connection.type));
  for (const auto& [key, value] : connection.values) {
    if (value.find('\n') != std::string::npos)
      page.block(key, value);
    else
      page.line(fmt::format("{} {}", key, value));
  }
  return page.take();
}

}  // namespace kinglet::datafile
