// SPDX-License-Identifier: Apache-2.0
// Columns that a connector adds to its table without the file declaring them.
#pragma once

#include <vector>

#include "datafile/model.h"

namespace kinglet::datafile {

/// The columns that the connector of `source` adds and the file does not declare: __topic, __offset, … for Kafka,
/// _timestamp, … for DynamoDB; none without a connector. They stand behind the declared columns in the table.
/// Source: connectors spec 3.4, datafiles spec 3.9 and 3.10.
std::vector<ColumnDefinition> metadata_columns(const DataSource& source);

}  // namespace kinglet::datafile
