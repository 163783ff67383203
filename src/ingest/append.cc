// SPDX-License-Identifier: Apache-2.0
// From a batch of rows to the spool and into the books.
#include <array>

#include "base/clock.h"
#include "ingest/intake.h"

namespace kinglet::ingest {
namespace {

/// Where a block goes. Made once for many blocks: a thread remembers what it gave for a table last.
spool::LayoutRef layout_of(const engine::Block& block, const std::string& database, const std::string& table) {
  thread_local std::array<spool::LayoutRef, 64> known;
  spool::LayoutRef& layout = known[std::hash<std::string>()(table) % known.size()];
  if (layout->table.table != table || layout->table.database != database || !block.has_columns(layout->columns))
    layout = spool::Layout{.table = {.database = database, .table = table}, .columns = block.column_names()};
  return layout;
}

}  // namespace

spool::AppendRequest Intake::to_request(const rows::Batch& batch, const catalog::Workspace& workspace,
                                        const catalog::DataSource& source) {
  spool::AppendRequest request;
  request.meta.source = workspace.id + "/" + source.id;
  request.meta.successful_rows = batch.counts.successful;
  request.meta.quarantined_rows = batch.counts.quarantined;
  const auto add = [&](const engine::Block& block, const std::string& table, spool::SectionKind kind) {
    if (block.empty()) return;
    spool::SpoolSection section{.layout = layout_of(block, workspace.database, table),
                                .kind = kind,
                                .row_count = block.row_count(),
                                .block = {}};
    block.encode(section.block);
    request.sections.push_back(std::move(section));
  };
  for (const auto& block : batch.rows) add(block, source.table, spool::SectionKind::rows);
  add(batch.quarantine, source.quarantine_table, spool::SectionKind::quarantine);
  return request;
}

Task<Result<spool::AppendReceipt>> Intake::append(const catalog::Workspace& workspace,
                                                  const catalog::DataSource& source, spool::AppendRequest request) {
  std::uint64_t kept = 0;
  for (const auto& section : request.sections) kept += section.row_count;
  const auto told = request.meta.successful_rows + request.meta.quarantined_rows;
  const auto sampled_out = told > kept ? told - kept : 0;
  const auto account = observer_.rows(workspace.id, source.id, source.name);
  spool::AppendReceipt receipt{.successful_rows = request.meta.successful_rows,
                               .quarantined_rows = request.meta.quarantined_rows,
                               .ticket = nullptr};
  if (!request.sections.empty() || sampled_out == 0) {
    // A sender that leaves ends this call; what is written is booked all the same.
    request.written = [account, kept] { account->accept(kept); };
    CO_TRY(receipt, co_await spool_.append(std::move(request)));
  }
  const auto rows = receipt.successful_rows + receipt.quarantined_rows;
  if (receipt.duplicate) {
    account->accept(rows);
    account->deduplicate(rows);
  }
  const bool cut = !receipt.duplicate && sampled_out > 0;
  if (cut) {
    account->accept(sampled_out);
    account->sample_out(sampled_out);
  }
  if (receipt.duplicate || cut) {
    // No block tells of them: they have a row of their own in datasources_ops_log.
    observe::OperationRecord record;
    record.start = wall_now();
    record.workspace_id = workspace.id;
    record.event_type = "append-hfi";
    record.data_source_id = source.id;
    record.data_source_name = source.name;
    record.source = "stream";
    record.options.emplace_back(cut ? "rows_sampled_out" : "rows_deduplicated",
                                fmt::format("{}", cut ? sampled_out : rows));
    observer_.record(std::move(record));
  }
  co_return receipt;
}

}  // namespace kinglet::ingest
