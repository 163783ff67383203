// SPDX-License-Identifier: Apache-2.0
// From a batch of rows to the spool and into the books.
#include "ingest/intake.h"

namespace kinglet::ingest {

spool::AppendRequest Intake::to_request(const rows::Batch& batch, const catalog::Workspace& workspace,
                                        const catalog::DataSource& source) {
  spool::AppendRequest request;
  request.meta.source = workspace.id + "/" + source.id;
  request.meta.successful_rows = batch.counts.successful;
  request.meta.quarantined_rows = batch.counts.quarantined;
  const auto add = [&](const engine::Block& block, const std::string& table, spool::SectionKind kind) {
    if (block.empty()) return;
    spool::SpoolSection section{
        .layout = {.table = {.database = workspace.database, .table = table}, .columns = block.column_names()},
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
  CO_TRY(auto receipt, co_await spool_.append(std::move(request)));
  const auto rows = receipt.successful_rows + receipt.quarantined_rows;
  const auto account = observer_.rows(workspace.id, source.id, source.name);
  account->accept(rows);
  if (receipt.duplicate) account->deduplicate(rows);
  co_return receipt;
}

}  // namespace kinglet::ingest
