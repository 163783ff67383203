// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/server_config.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace kinglet::embedded {
namespace {

constexpr std::array store_table_engines{
    "MergeTree",
    "ReplacingMergeTree",
    "SummingMergeTree",
    "AggregatingMergeTree",
    "CollapsingMergeTree",
    "VersionedCollapsingMergeTree",
    "Null",
    "Join",
    "View",
    "MaterializedView",
    "Dictionary",
};

bool is_database_pattern(std::string_view pattern) {
  if (pattern.ends_with('*')) pattern.remove_suffix(1);
  return !pattern.empty() && pattern.size() <= 200 && std::ranges::all_of(pattern, ascii::is_word);
}

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string query(std::string_view grant) {
  return fmt::format("        <query>{}</query>\n", grant);
}

std::string grants(const ServerConfig& config) {
  const std::string empty_grant = fmt::format("GRANT SHOW, CREATE DATABASE ON {}.*", empty_database);
  if (config.role == Role::reader) {
    // file() as a table makes a temporary table first. No database may be read, so that there is nothing to leak.
    return query(empty_grant) + query("GRANT CREATE TEMPORARY TABLE ON *.*") + query("GRANT READ ON FILE");
  }
  std::string text;
  for (const auto& database : config.databases) {
    text += query(
        fmt::format("GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE DICTIONARY, "
                    "DROP, TRUNCATE, OPTIMIZE, dictGet ON {}.*",
                    database));
  }
  text += query(empty_grant);
  for (const char* engine : store_table_engines) text += query(fmt::format("GRANT TABLE ENGINE ON `{}`", engine));
  return text;
}

}  // namespace

Result<std::string> server_config_text(const ServerConfig& config, std::string_view users_path) {
  for (const auto& database : config.databases) {
    if (!is_database_pattern(database)) {
      return fail(Code::invalid, "\"{}\" is not a database name or a prefix with one * at its end", database);
    }
  }
  std::string text = "<clickhouse>\n";
  text += fmt::format("  <users_config>{}</users_config>\n", escape_xml(users_path));
  text += "  <timezone>UTC</timezone>\n";
  // Sizes for a small server: the defaults (5 GB caches) are for machines that do nothing else.
  if (config.memory_max != 0)
    text += fmt::format("  <max_server_memory_usage>{}</max_server_memory_usage>\n", config.memory_max);
  text += fmt::format("  <background_pool_size>{}</background_pool_size>\n", config.merge_threads);
  text +=
      "  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>\n"
      "  <mark_cache_size>268435456</mark_cache_size>\n"
      "  <primary_index_cache_size>268435456</primary_index_cache_size>\n"
      "  <index_mark_cache_size>67108864</index_mark_cache_size>\n"
      "  <query_condition_cache_size>33554432</query_condition_cache_size>\n"
      "  <compiled_expression_cache_size>33554432</compiled_expression_cache_size>\n"
      "  <max_thread_pool_size>256</max_thread_pool_size>\n"
      "  <max_thread_pool_free_size>8</max_thread_pool_free_size>\n";
  // Aggregating tables of existing projects keep plain columns beside their keys.
  text += "  <merge_tree>\n    <allow_dimensions_outside_sorting_key>1</allow_dimensions_outside_sorting_key>\n";
  // A part that a power cut left unfinished is put aside as always; many of them are no reason to refuse the table.
  text +=
      "    <max_suspicious_broken_parts>1000000000</max_suspicious_broken_parts>\n"
      "    <max_suspicious_broken_parts_bytes>1000000000000000</max_suspicious_broken_parts_bytes>\n";
  // A merged part takes the place of synced ones.
  if (config.durable) text += "    <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>\n";
  text += "  </merge_tree>\n";
  text +=
      "  <profiles><default></default></profiles>\n"
      "  <quotas><default></default></quotas>\n"
      "  <users>\n    <default>\n"
      "      <password></password>\n"
      "      <networks><ip>::/0</ip></networks>\n"  // no socket leads here: libchdb listens nowhere
      "      <profile>default</profile>\n"
      "      <quota>default</quota>\n";
  if (!config.all_grants) text += "      <grants>\n" + grants(config) + "      </grants>\n";
  text += "    </default>\n  </users>\n</clickhouse>\n";
  return text;
}

}  // namespace kinglet::embedded
