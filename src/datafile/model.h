// SPDX-License-Identifier: Apache-2.0
// The model of a project: what .datasource, .pipe and .connection files say, parsed. No file system, no engine.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kinglet::datafile {

/// Where something stands in a file. Lines and columns from 1; 0 when it is about the whole file.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool operator==(const Position&) const = default;
};

enum class Severity : std::uint8_t { error, warning };

/// One finding about a project: which file, where, what is wrong, what was expected.
struct Diagnostic {
  Severity severity = Severity::error;
  std::string file;  // as sent by the client, e.g. "datasources/events.datasource"
  Position position;
  std::string message;
  std::string hint = {};
};

/// `TOKEN name READ|APPEND`
struct TokenGrant {
  enum class Permission : std::uint8_t { read, append };
  std::string name;
  Permission permission = Permission::read;
  Position position = {};
};

/// One step of a JSONPath: a key, or `[:]` (all elements).
struct PathStep {
  std::string key;
  bool each = false;  // `[:]`; key is empty then
  bool operator==(const PathStep&) const = default;
};
/// `$` has no steps.
struct JsonPath {
  bool operator==(const JsonPath&) const = default;
  std::vector<PathStep> steps;
  std::string text;  // as written, e.g. "$.items[:].id"
};

struct ColumnDefinition {
  std::string name;
  std::string type;  // ClickHouse type text, blanks normalised
  std::optional<JsonPath> path;
  std::optional<std::string> default_expression;  // SQL text after DEFAULT
  std::optional<std::string> codec;               // "CODEC(ZSTD(1))"
  Position position = {};
  Position default_position = {};  // of the expression
};

struct IndexDefinition {
  std::string name;
  std::string expression;
  std::string type;  // "bloom_filter(0.01)"
  std::uint32_t granularity = 1;
  Position position = {};
};

struct EngineDefinition {
  std::string name = "MergeTree";
  std::string sorting_key;  // "a, b"; never empty after parsing unless the engine is Null ("tuple()" when nothing fits)
  std::string partition_key;
  std::string primary_key;
  std::string sampling_key;
  std::string ttl;
  std::string ver, is_deleted, sign, version, summing_columns;
  std::vector<std::pair<std::string, std::string>> settings;
  Position position = {};
  /// Of the values of keys, by keyword; none of those that nobody wrote.
  std::map<std::string, Position, std::less<>> key_positions = {};
  bool operator==(const EngineDefinition& o) const {
    return name == o.name && sorting_key == o.sorting_key && partition_key == o.partition_key &&
           primary_key == o.primary_key && sampling_key == o.sampling_key && ttl == o.ttl && ver == o.ver &&
           is_deleted == o.is_deleted && sign == o.sign && version == o.version &&
           summing_columns == o.summing_columns && settings == o.settings;
  }
};

struct DataSource {
  std::string name;
  std::string description;
  std::vector<std::string> tags;
  std::vector<TokenGrant> tokens;
  std::vector<ColumnDefinition> columns;
  EngineDefinition engine;
  std::vector<IndexDefinition> indexes;
  bool backfill_skip = false;
  std::string forward_query;
  std::vector<std::string> shared_with;
  /// KAFKA_* and IMPORT_* values as written, in file order.
  std::vector<std::pair<std::string, std::string>> connector;
};

enum class PipeType : std::uint8_t { plain, endpoint, materialized, copy, sink };

struct Node {
  std::string name;
  std::string description;
  std::string sql;               // block text, common indentation removed; a template when it begins with '%'
  Position position = {};        // of the NODE line
  Position sql_position = {};    // of the first character of `sql` in the file
  std::uint32_t sql_indent = 0;  // columns removed from each line of the block
};

struct Pipe {
  std::string name;
  std::string description;
  std::vector<std::string> tags;
  std::vector<TokenGrant> tokens;
  std::vector<Node> nodes;
  PipeType type = PipeType::plain;
  std::size_t output_node = 0;  // index of the node that carries TYPE, else the last
  Position type_position = {};
  std::optional<std::uint32_t> cache_seconds;
  std::string target;  // DATASOURCE or TARGET_DATASOURCE
  Position target_position = {};
  /// Older projects: ENGINE lines of a materialized node, which describe its target, as written.
  std::vector<std::pair<std::string, std::string>> target_engine;
  Position target_engine_position = {};
  bool deployment_alter = false;  // DEPLOYMENT_METHOD alter
  std::string copy_schedule, copy_mode;
  std::vector<std::pair<std::string, std::string>> sink;  // EXPORT_* as written
};

struct Connection {
  std::string name;
  std::string type;  // kafka, s3, gcs, dynamodb
  std::vector<std::pair<std::string, std::string>> values;
};

/// Where a part of a text came from that was pasted together by INCLUDE: from `start` on, up to the next origin.
struct Origin {
  std::size_t start = 0;  // in the pasted text
  std::string file;       // as sent
  Position position = {};
  bool verbatim = true;  // false: the value of a variable, which stands at `position` as $NAME
};

/// All files of one project, by resource name.
struct Project {
  std::map<std::string, DataSource, std::less<>> data_sources;
  std::map<std::string, Pipe, std::less<>> pipes;
  std::map<std::string, Connection, std::less<>> connections;
  /// File name and text as sent, for messages and for reading back: of data sources and pipes (one name space), and
  /// of connections, by resource name.
  struct File {
    std::string name;
    std::string text;                  // with what it INCLUDEs
    std::vector<Origin> origins = {};  // of a file with INCLUDE; positions in the model are places in `text`
  };
  std::map<std::string, File, std::less<>> files;
  std::map<std::string, File, std::less<>> connection_files;
};

}  // namespace kinglet::datafile
