// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/formats.h"

#include <algorithm>
#include <array>
#include <utility>

namespace kinglet::embedded {
namespace {

constexpr std::string_view json = "application/json; charset=UTF-8";
constexpr std::string_view lines = "application/x-ndjson; charset=UTF-8";
constexpr std::string_view text = "text/plain; charset=UTF-8";
constexpr std::string_view csv = "text/csv; charset=UTF-8; header=absent";
constexpr std::string_view csv_header = "text/csv; charset=UTF-8; header=present";
constexpr std::string_view tsv = "text/tab-separated-values; charset=UTF-8";
constexpr std::string_view bytes = "application/octet-stream";

// Sources: system.formats; clickhouse-interface.md 6.
constexpr std::array formats{
    OutputFormat{"Native", bytes, true},
    OutputFormat{"RowBinary", bytes, true},
    OutputFormat{"JSONEachRow", lines, true},
    OutputFormat{"JSONStringsEachRow", lines, true},
    OutputFormat{"JSONCompactEachRow", text, true},
    OutputFormat{"JSONCompactStringsEachRow", text, true},
    OutputFormat{"CSV", csv, true},
    OutputFormat{"TabSeparated", tsv, true},
    OutputFormat{"TabSeparatedRaw", tsv, true},
    OutputFormat{"TSKV", tsv, true},
    OutputFormat{"MsgPack", bytes, true},
    OutputFormat{"RowBinaryWithNames", bytes, false},
    OutputFormat{"RowBinaryWithNamesAndTypes", bytes, false},
    OutputFormat{"JSON", json, false},
    OutputFormat{"JSONCompact", json, false},
    OutputFormat{"JSONStrings", json, false},
    OutputFormat{"JSONCompactStrings", json, false},
    OutputFormat{"JSONColumns", json, false},
    OutputFormat{"JSONColumnsWithMetadata", json, false},
    OutputFormat{"JSONCompactColumns", json, false},
    OutputFormat{"JSONObjectEachRow", json, false},
    OutputFormat{"JSONEachRowWithProgress", json, false},
    OutputFormat{"JSONStringsEachRowWithProgress", json, false},
    OutputFormat{"JSONCompactEachRowWithNames", text, false},
    OutputFormat{"JSONCompactEachRowWithNamesAndTypes", text, false},
    OutputFormat{"JSONCompactStringsEachRowWithNames", text, false},
    OutputFormat{"JSONCompactStringsEachRowWithNamesAndTypes", text, false},
    OutputFormat{"CSVWithNames", csv_header, false},
    OutputFormat{"CSVWithNamesAndTypes", csv_header, false},
    OutputFormat{"TabSeparatedWithNames", tsv, false},
    OutputFormat{"TabSeparatedWithNamesAndTypes", tsv, false},
    OutputFormat{"TabSeparatedRawWithNames", tsv, false},
    OutputFormat{"TabSeparatedRawWithNamesAndTypes", tsv, false},
    OutputFormat{"Parquet", bytes, false},
    OutputFormat{"Arrow", bytes, false},
    OutputFormat{"ArrowStream", bytes, false},
    OutputFormat{"ORC", bytes, false},
    OutputFormat{"Avro", bytes, false},
    OutputFormat{"BSONEachRow", bytes, false},
    OutputFormat{"Prometheus", text, false},
    OutputFormat{"Values", text, false},
    OutputFormat{"Vertical", text, false},
    OutputFormat{"Markdown", text, false},
    OutputFormat{"Pretty", text, false},
    OutputFormat{"PrettyCompact", text, false},
    OutputFormat{"PrettyCompactMonoBlock", text, false},
    OutputFormat{"PrettyCompactNoEscapes", text, false},
    OutputFormat{"PrettySpace", text, false},
    OutputFormat{"PrettyNoEscapes", text, false},
    OutputFormat{"PrettyMonoBlock", text, false},
    OutputFormat{"PrettyJSONEachRow", text, false},
    OutputFormat{"Null", text, false},  // own statements only: nobody reads their result
    OutputFormat{"XML", "application/xml; charset=UTF-8", false},
};

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> aliases{{
    {"NDJSON", "JSONEachRow"},
    {"JSONLines", "JSONEachRow"},
    {"TSV", "TabSeparated"},
    {"TSVRaw", "TabSeparatedRaw"},
    {"Raw", "TabSeparatedRaw"},
    {"TSVWithNames", "TabSeparatedWithNames"},
    {"TSVWithNamesAndTypes", "TabSeparatedWithNamesAndTypes"},
    {"TSVRawWithNames", "TabSeparatedRawWithNames"},
    {"TSVRawWithNamesAndTypes", "TabSeparatedRawWithNamesAndTypes"},
    {"RawWithNames", "TabSeparatedRawWithNames"},
    {"RawWithNamesAndTypes", "TabSeparatedRawWithNamesAndTypes"},
    {"MD", "Markdown"},
    {"PrettyNDJSON", "PrettyJSONEachRow"},
}};

}  // namespace

const OutputFormat* find_output_format(std::string_view name) {
  const auto alias = std::ranges::find(aliases, name, &std::pair<std::string_view, std::string_view>::first);
  if (alias != aliases.end()) name = alias->second;
  const auto* found = std::ranges::find(formats, name, &OutputFormat::name);
  return found == formats.end() ? nullptr : found;
}

bool is_input_format(std::string_view name) {
  // Native is what the gateway sends. Parquet, Arrow and others of outside are decoded by the reader, never here.
  static constexpr std::array<std::string_view, 6> names{"Native", "RowBinary",   "JSONEachRow", "JSONCompactEachRow",
                                                         "CSV",    "TabSeparated"};
  return std::ranges::find(names, name) != names.end();
}

}  // namespace kinglet::embedded
