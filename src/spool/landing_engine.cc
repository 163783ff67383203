// SPDX-License-Identifier: Apache-2.0
#include "spool/landing_engine.h"

#include "base/check.h"
#include "engine/statement_text.h"

namespace kinglet::spool {
namespace {

/// Source: spec/native-format.md 1 rule 3; spec/connectors.md 9.8. One block in is one block stored: no squashing
/// limits are reached below part_rows_max.
engine::Settings make_settings(const EngineLandingOptions& options) {
  return {
      {"input_format_native_allow_types_conversion", "0"},
      {"input_format_skip_unknown_fields", "0"},
      {"input_format_try_infer_dates", "0"},
      {"input_format_try_infer_datetimes", "0"},
      {"async_insert", "0"},
      {"deduplicate_blocks_in_dependent_materialized_views", "1"},
      {"materialized_views_ignore_errors", "0"},
      {"max_partitions_per_insert_block", std::to_string(options.partitions_max)},
  };
}

/// FNV-1a, 64 bits: only tells layouts of one table apart.
std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return (hash ^ 0xFFu) * 0x100000001B3ull;
}

}  // namespace

EngineLanding::EngineLanding(asio::any_io_executor executor, EngineLandingOptions options)
    : client_(std::move(executor), options.client), settings_(make_settings(options)) {}

LandingFactory engine_landing(EngineLandingOptions options) {
  return [options = std::move(options)](asio::any_io_executor executor) {
    return std::make_unique<EngineLanding>(std::move(executor), options);
  };
}

SpoolSection make_section(TableName table, const engine::Block& block, SectionKind kind) {
  CHECK(block.row_count() > 0, "a section has rows");
  SpoolSection section{
      .layout = {.table = std::move(table), .columns = block.column_names(), .shape = 0xCBF29CE484222325ull},
      .kind = kind,
      .row_count = block.row_count(),
      .block = {}};
  for (const auto& entry : block.entries()) {
    // A column with NULLs for its DEFAULT joins one without: the Nullable around it does not count.
    const bool nullable = entry.column.shape() == engine::Column::Shape::nullable;
    const auto& type = nullable ? entry.column.type().elements.front() : entry.column.type();
    section.layout.shape = mix(section.layout.shape, engine::print(type));
  }
  block.encode(section.block);
  return section;
}

Result<std::string> join_blocks(std::span<const std::string_view> blocks) {
  CHECK(!blocks.empty(), "something is joined");
  TRY(auto joined, engine::Block::decode(blocks.front()));
  for (const auto bytes : blocks.subspan(1)) {
    TRY(const auto next, engine::Block::decode(bytes));
    TRY_VOID(joined.append(next));
  }
  std::string out;
  joined.encode(out);
  return out;
}

std::string insert_statement(const Layout& layout) {
  return fmt::format("INSERT INTO {} {}", engine::qualified(layout.table.database, layout.table.table),
                     engine::column_list(layout.columns));
}

Task<LandingAnswer> EngineLanding::land(const LandingPart& part, Deadline deadline) {
  std::string joined;
  std::string_view block = part.blocks.front();
  if (part.blocks.size() > 1) {
    auto all = join_blocks(part.blocks);
    if (!all) co_return classify_landing_error(std::move(all).error());
    joined = *std::move(all);
    block = joined;
  }
  engine::Settings settings = settings_;
  settings.emplace_back("insert_deduplication_token", part.token);
  const auto stored = co_await client_.insert(insert_statement(part.layout), block, std::move(settings), deadline);
  if (!stored) co_return classify_landing_error(stored.error());
  co_return LandingAnswer{.verdict = Verdict::stored};
}

}  // namespace kinglet::spool
