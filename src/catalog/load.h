// SPDX-License-Identifier: Apache-2.0
// From the rows of the store to the first snapshot.
#pragma once

#include "catalog/snapshot.h"
#include "catalog/store.h"

namespace kinglet::catalog::internal {

/// Reads everything and parses the stored datafiles again, so that a definition is always what this program reads in
/// the text. Errors: unavailable: damaged, or a stored datafile that this version no longer understands.
Result<std::shared_ptr<Snapshot>> load_snapshot(Store& store);

}  // namespace kinglet::catalog::internal
