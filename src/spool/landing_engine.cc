// SPDX-License-Identifier: Apache-2.0
#include "spool/landing_engine.h"

#include "base/check.h"
#include "engine/block_joiner.h"
#include "engine/statement_text.h"
#include "engine/system_rows.h"

namespace kinglet::spool {
namespace {

/// Source: spec/native-format.md 1 rule 3; spec/connectors.md 9.8. One block in is one block stored: no squashing
/// limits are reached below part_rows_max.
engine::Settings make_settings() {
  return {
      {"input_format_native_allow_types_conversion", "0"},
      {"input_format_skip_unknown_fields", "0"},
      {"input_format_try_infer_dates", "0"},
      {"input_format_try_infer_datetimes", "0"},
      {"async_insert", "0"},
      {"deduplicate_blocks_in_dependent_materialized_views", "1"},
      {"materialized_views_ignore_errors", "0"},
  };
}

/// FNV-1a, 64 bits: only tells layouts of one table apart.
std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return (hash ^ 0xFFu) * 0x100000001B3ull;
}

}  // namespace

EngineLanding::EngineLanding(asio::any_io_executor executor, EngineLandingOptions options)
    : options_(options), client_(std::move(executor), options.client), settings_(make_settings()) {}

LandingFactory engine_landing(EngineLandingOptions options) {
  return [options = std::move(options)](asio::any_io_executor executor) {
    return std::make_unique<EngineLanding>(std::move(executor), options);
  };
}

SpoolSection make_section(TableName table, const engine::Block& block, SectionKind kind) {
  CHECK(block.row_count() > 0, "a section has rows");
  Layout layout{.table = std::move(table), .columns = block.column_names(), .shape = 0xCBF29CE484222325ull};
  for (const auto& entry : block.entries()) {
    // A column with NULLs for its DEFAULT joins one without: the Nullable around it does not count.
    const bool nullable = entry.column.shape() == engine::Column::Shape::nullable;
    const auto& type = nullable ? entry.column.type().elements.front() : entry.column.type();
    layout.shape = mix(layout.shape, engine::print(type));
  }
  SpoolSection section{.layout = std::move(layout), .kind = kind, .row_count = block.row_count(), .block = {}};
  block.encode(section.block);
  return section;
}

Result<std::string> join_blocks(std::span<const std::string_view> blocks) {
  CHECK(!blocks.empty(), "something is joined");
  engine::BlockJoiner joiner;
  for (const auto bytes : blocks) TRY_VOID(joiner.add(bytes));
  std::string out;
  for (const auto piece : joiner.pieces()) out += piece;
  return out;
}

std::string insert_statement(const Layout& layout) {
  return fmt::format("INSERT INTO {} {}", engine::qualified(layout.table.database, layout.table.table),
                     engine::column_list(layout.columns));
}

Task<Status> EngineLanding::open_window(const TableName& quarantine, Deadline deadline) {
  if (windows_.contains(quarantine)) co_return Status{};
  CO_TRY_VOID(co_await client_.execute(
      fmt::format("ALTER TABLE {} MODIFY SETTING non_replicated_deduplication_window = {}",
                  engine::qualified(quarantine.database, quarantine.table), options_.deduplication_window),
      deadline));
  windows_.insert(quarantine);
  co_return Status{};
}

Task<LandingAnswer> EngineLanding::land(const LandingPart& part, Deadline deadline) {
  engine::BlockJoiner joiner;
  std::vector<std::string_view> pieces{part.blocks.front()};
  if (part.blocks.size() > 1) {
    for (const auto block : part.blocks)
      if (auto added = joiner.add(block); !added) co_return classify_landing_error(std::move(added).error());
    pieces = joiner.pieces();
  }
  if (part.quarantine)
    if (auto opened = co_await open_window(part.layout.table, deadline); !opened)
      co_return classify_landing_error(std::move(opened).error());
  const auto send = [&](std::uint32_t partitions_max) {
    engine::Settings settings = settings_;
    settings.emplace_back("insert_deduplication_token", part.token);
    settings.emplace_back("max_partitions_per_insert_block", std::to_string(partitions_max));
    return client_.insert(insert_statement(part.layout), pieces, std::move(settings), deadline);
  };
  auto stored = co_await send(options_.partitions_max);
  const bool alone = !stored && part.blocks.size() == 1 && is_too_many_partitions(stored.error());
  if (alone) stored = co_await send(options_.partitions_alone_max);
  LandingAnswer answer{.verdict = Verdict::stored};
  if (!stored) answer = classify_landing_error(stored.error());
  if (alone) answer.window_units = 2;
  co_return answer;
}

Task<Result<std::vector<CrowdedTable>>> EngineLanding::crowded(std::uint64_t in_partition, std::uint64_t in_all,
                                                               Deadline deadline) {
  auto sql = fmt::format(
      "SELECT database, table, max(parts), sum(parts) FROM (SELECT database, table, partition_id, count() AS parts "
      "FROM system.parts WHERE active AND startsWith(database, '{}') GROUP BY database, table, partition_id) "
      "GROUP BY database, table HAVING max(parts) >= {} OR sum(parts) >= {}",
      options_.database_prefix, in_partition, in_all);
  CO_TRY(const auto rows, co_await engine::system_rows(client_, std::move(sql), deadline));
  std::vector<CrowdedTable> tables;
  for (const auto& row : rows) {
    if (row.size() != 4) co_return fail(Code::internal, "the engine's list of parts has an unknown form");
    tables.push_back({.table = {.database = row[0], .table = row[1]},
                      .parts_in_partition = std::strtoull(row[2].c_str(), nullptr, 10),
                      .parts = std::strtoull(row[3].c_str(), nullptr, 10)});
  }
  co_return tables;
}

Task<Result<std::uint64_t>> EngineLanding::partitions(std::string database, Deadline deadline) {
  std::string sql =
      "SELECT database, max(partitions) FROM (SELECT database, table, uniqExact(partition_id) AS partitions FROM "
      "system.parts WHERE active GROUP BY database, table) GROUP BY database";
  CO_TRY(const auto rows, co_await engine::system_rows(client_, std::move(sql), deadline));
  for (const auto& row : rows)
    if (row.size() == 2 && row[0] == database)
      co_return std::max<std::uint64_t>(1, std::strtoull(row[1].c_str(), nullptr, 10));
  co_return 1;
}

}  // namespace kinglet::spool
