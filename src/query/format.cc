// SPDX-License-Identifier: Apache-2.0
#include "query/format.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace kinglet::query {

namespace {
constexpr Format json{.engine_name = "JSON", .content_type = "application/json; charset=UTF-8", .whole = true};
constexpr Format csv{.engine_name = "CSV", .content_type = "text/csv"};
constexpr Format csv_with_names{.engine_name = "CSVWithNames", .content_type = "text/csv", .whole = true};
constexpr Format ndjson{.engine_name = "JSONEachRow", .content_type = "application/x-ndjson"};
constexpr Format parquet{.engine_name = "Parquet", .content_type = "application/vnd.apache.parquet", .whole = true};
constexpr Format prometheus{.engine_name = "Prometheus", .content_type = "text/plain; version=0.0.4", .whole = true};

struct Word {
  std::string_view name;
  Format format;
};
constexpr std::array suffixes{Word{"json", json},     Word{"csv", csv},         Word{"csvwithnames", csv_with_names},
                              Word{"ndjson", ndjson}, Word{"parquet", parquet}, Word{"prometheus", prometheus}};
constexpr std::string_view plain = "text/plain";
constexpr std::string_view tab = "text/tab-separated-values";
constexpr std::array words{
    Word{"json", json},
    Word{"csv", csv},
    Word{"csvwithnames", csv_with_names},
    Word{"jsoneachrow", ndjson},
    Word{"ndjson", ndjson},
    Word{"jsonlines", ndjson},
    Word{"parquet", parquet},
    Word{"prometheus", prometheus},
    Word{"jsoncompact", {"JSONCompact", "application/json; charset=UTF-8", true}},
    Word{"jsoncompacteachrow", {"JSONCompactEachRow", "application/x-ndjson", false}},
    Word{"jsonstrings", {"JSONStrings", "application/json; charset=UTF-8", true}},
    Word{"tsv", {"TabSeparated", tab, false}},
    Word{"tabseparated", {"TabSeparated", tab, false}},
    Word{"tsvwithnames", {"TabSeparatedWithNames", tab, true}},
    Word{"tabseparatedwithnames", {"TabSeparatedWithNames", tab, true}},
    Word{"tsvwithnamesandtypes", {"TabSeparatedWithNamesAndTypes", tab, true}},
    Word{"tabseparatedwithnamesandtypes", {"TabSeparatedWithNamesAndTypes", tab, true}},
    Word{"pretty", {"PrettyNoEscapes", plain, true}},
    Word{"prettycompact", {"PrettyCompactNoEscapes", plain, true}},
    Word{"vertical", {"Vertical", plain, true}},
    Word{"markdown", {"Markdown", plain, true}},
};
}  // namespace

std::optional<Format> format_of_suffix(std::string_view suffix) {
  const auto found = std::ranges::find(suffixes, suffix, &Word::name);
  return found == suffixes.end() ? std::nullopt : std::optional(found->format);
}

std::vector<std::string_view> format_suffixes() {
  std::vector<std::string_view> names;
  for (const auto& [name, format] : suffixes) names.push_back(name);
  return names;
}

std::optional<Format> format_of_word(std::string_view word) {
  const auto same = [&](const Word& w) {
    return std::ranges::equal(w.name, word, {}, {}, [](unsigned char c) { return std::tolower(c); });
  };
  const auto found = std::ranges::find_if(words, same);
  return found == words.end() ? std::nullopt : std::optional(found->format);
}

}  // namespace kinglet::query
