// SPDX-License-Identifier: Apache-2.0
// Replacement: new rows in place of all rows of a data source, and of what its materialized views made of them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "engine/block.h"
#include "query/runner.h"
#include "spool/spool.h"

namespace kinglet::jobs {

/// begin(), insert() …, commit() or give_up(). Readers see the old rows until commit(), which exchanges the tables; a
/// server killed before that leaves tables that the next start drops, and views that it makes again. Dependent data
/// sources are filled anew from the new rows, view by view; rows that were put into them in other ways are replaced,
/// too (http-api.md 4.1).
class Replacement {
 public:
  struct Parts {
    catalog::Catalog& catalog;
    query::Runners& runners;
    spool::Spool& spool;
  };
  Replacement(Parts parts, std::shared_ptr<const catalog::Workspace> workspace,
              std::shared_ptr<const catalog::DataSource> source, std::string id);
  ~Replacement();

  Task<Status> begin();
  Task<Status> insert(const engine::Block& block);
  Task<Status> commit();
  Task<void> give_up();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::jobs
