// SPDX-License-Identifier: Apache-2.0
// Cuts a datafile into instructions, and tells a misspelt or misplaced keyword from text.
#include "datafile/lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "datafile/spelling.h"
#include "datafile/type_reader.h"

namespace kinglet::datafile::internal {
namespace {

using enum KeywordForm;

constexpr std::array data_source_keywords = {
    KeywordRule{"DESCRIPTION", text},
    KeywordRule{"TAGS"},
    KeywordRule{"TOKEN", line, true},
    KeywordRule{"SCHEMA", columns},
    KeywordRule{"ENGINE"},
    KeywordRule{"ENGINE_SORTING_KEY"},
    KeywordRule{"ENGINE_PARTITION_KEY"},
    KeywordRule{"ENGINE_PRIMARY_KEY"},
    KeywordRule{"ENGINE_SAMPLING_KEY"},
    KeywordRule{"ENGINE_TTL"},
    KeywordRule{"ENGINE_VER"},
    KeywordRule{"ENGINE_IS_DELETED"},
    KeywordRule{"ENGINE_SIGN"},
    KeywordRule{"ENGINE_VERSION"},
    KeywordRule{"ENGINE_SUMMING_COLUMNS"},
    KeywordRule{"ENGINE_SETTINGS"},
    KeywordRule{"INDEXES", columns},
    KeywordRule{"INDICES", columns},
    KeywordRule{"BACKFILL"},
    KeywordRule{"FORWARD_QUERY", sql},
    KeywordRule{"SHARED_WITH"},
    KeywordRule{"KAFKA_CONNECTION_NAME"},
    KeywordRule{"KAFKA_TOPIC"},
    KeywordRule{"KAFKA_GROUP_ID"},
    KeywordRule{"KAFKA_AUTO_OFFSET_RESET"},
    KeywordRule{"KAFKA_STORE_RAW_VALUE"},
    KeywordRule{"KAFKA_STORE_HEADERS"},
    KeywordRule{"KAFKA_VALUE_FORMAT"},
    KeywordRule{"KAFKA_KEY_FORMAT"},
    KeywordRule{"KAFKA_STORE_BINARY_HEADERS", line, false, true},
    KeywordRule{"KAFKA_TARGET_PARTITIONS", line, false, true},
    KeywordRule{"KAFKA_KEY_AVRO_DESERIALIZATION", line, false, true},
    KeywordRule{"IMPORT_CONNECTION_NAME"},
    KeywordRule{"IMPORT_BUCKET_URI"},
    KeywordRule{"IMPORT_SCHEDULE"},
    KeywordRule{"IMPORT_FROM_TIMESTAMP"},
    KeywordRule{"IMPORT_FORMAT"},
    KeywordRule{"IMPORT_TABLE_ARN"},
    KeywordRule{"IMPORT_EXPORT_BUCKET"},
    KeywordRule{"IMPORT_SERVICE", line, false, true},
    KeywordRule{"IMPORT_STRATEGY", line, false, true},
    KeywordRule{"IMPORT_QUERY", text, false, true},
    KeywordRule{"IMPORT_EXTERNAL_DATASOURCE", line, false, true},
    KeywordRule{"VERSION", line, false, true},
    KeywordRule{"INCLUDE", line, true, true},
    KeywordRule{"SORTING_KEY", line, false, true},
    KeywordRule{"KEY", line, false, true},
    KeywordRule{"TYPE", line, false, true},
    KeywordRule{"ENGINE_JOIN_STRICTNESS", line, false, true},
    KeywordRule{"ENGINE_JOIN_TYPE", line, false, true},
    KeywordRule{"ENGINE_KEY_COLUMNS", line, false, true},
    KeywordRule{"KAFKA_BOOTSTRAP_SERVERS", line, false, true},
    KeywordRule{"KAFKA_KEY", line, false, true},
    KeywordRule{"KAFKA_SECRET", line, false, true},
    KeywordRule{"KAFKA_SECURITY_PROTOCOL", line, false, true},
    KeywordRule{"KAFKA_SASL_MECHANISM", line, false, true},
    KeywordRule{"KAFKA_SCHEMA_REGISTRY_URL", line, false, true},
};

constexpr std::array pipe_keywords = {
    KeywordRule{"DESCRIPTION", text, true},
    KeywordRule{"TAGS"},
    KeywordRule{"TOKEN", line, true},
    KeywordRule{"NODE", line, true},
    KeywordRule{"SQL", sql, true},
    KeywordRule{"TYPE", line, true},
    KeywordRule{"CACHE"},
    KeywordRule{"DATASOURCE"},
    KeywordRule{"DEPLOYMENT_METHOD"},
    KeywordRule{"TARGET_DATASOURCE"},
    KeywordRule{"COPY_SCHEDULE"},
    KeywordRule{"COPY_MODE"},
    KeywordRule{"ON_DEMAND_COMPUTE"},
    KeywordRule{"EXPORT_CONNECTION_NAME"},
    KeywordRule{"EXPORT_SERVICE"},
    KeywordRule{"EXPORT_KAFKA_TOPIC"},
    KeywordRule{"EXPORT_SCHEDULE"},
    KeywordRule{"EXPORT_BUCKET_URI"},
    KeywordRule{"EXPORT_FILE_TEMPLATE"},
    KeywordRule{"EXPORT_FORMAT"},
    KeywordRule{"EXPORT_COMPRESSION"},
    KeywordRule{"EXPORT_STRATEGY"},
    KeywordRule{"EXPORT_WRITE_STRATEGY"},
    KeywordRule{"VERSION", line, false, true},
    KeywordRule{"INCLUDE", line, true, true},
    KeywordRule{"ENGINE", line, false, true},
    KeywordRule{"ENGINE_SORTING_KEY", line, false, true},
    KeywordRule{"ENGINE_PARTITION_KEY", line, false, true},
    KeywordRule{"ENGINE_PRIMARY_KEY", line, false, true},
    KeywordRule{"ENGINE_TTL", line, false, true},
    KeywordRule{"ENGINE_VER", line, false, true},
    KeywordRule{"ENGINE_SETTINGS", line, false, true},
    KeywordRule{"ENGINE_SIGN", line, false, true},
    KeywordRule{"ENGINE_SAMPLING_KEY", line, false, true},
    KeywordRule{"ENGINE_SUMMING_COLUMNS", line, false, true},
};

constexpr std::array connection_keywords = {
    KeywordRule{"DESCRIPTION", text},
    KeywordRule{"TYPE"},
    KeywordRule{"KAFKA_BOOTSTRAP_SERVERS"},
    KeywordRule{"KAFKA_SECURITY_PROTOCOL"},
    KeywordRule{"KAFKA_SASL_MECHANISM"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_METHOD"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_AWS_REGION"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_AWS_ROLE_ARN"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_AWS_EXTERNAL_ID"},
    KeywordRule{"KAFKA_KEY"},
    KeywordRule{"KAFKA_SECRET"},
    KeywordRule{"KAFKA_SCHEMA_REGISTRY_URL"},
    KeywordRule{"KAFKA_SSL_CA_PEM", text},
    KeywordRule{"S3_REGION"},
    KeywordRule{"S3_ARN"},
    KeywordRule{"S3_ACCESS_KEY"},
    KeywordRule{"S3_SECRET"},
    KeywordRule{"GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON", text},
    KeywordRule{"GCS_HMAC_ACCESS_ID"},
    KeywordRule{"GCS_HMAC_SECRET"},
    KeywordRule{"DYNAMODB_ARN"},
    KeywordRule{"DYNAMODB_REGION"},
};

std::string_view kind_name(FileKind kind) {
  switch (kind) {
    case FileKind::data_source:
      return ".datasource";
    case FileKind::pipe:
      return ".pipe";
    case FileKind::connection:
      return ".connection";
  }
  return "";
}

bool is_word_part(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// A line without its end, and where the next starts.
struct Line {
  std::string_view text;
  std::size_t next = 0;
  std::string_view first_word() const {
    const auto trimmed = trim(text);
    std::size_t n = 0;
    while (n < trimmed.size() && is_word_part(trimmed[n])) ++n;
    return trimmed.substr(0, n);
  }
  bool indented() const { return !text.empty() && (text.front() == ' ' || text.front() == '\t'); }
  /// What follows the first word.
  std::string_view rest() const {
    const auto word = first_word();
    return trim(text.substr(static_cast<std::size_t>(word.data() - text.data()) + word.size()));
  }
};

class InstructionReader {
 public:
  InstructionReader(Source& source, FileKind kind)
      : source_(source), text_(source.text()), kind_(kind), rules_(keywords_of(kind)) {
    for (const auto& rule : rules_)
      if (!rule.classic) names_.push_back(rule.name);
  }

  std::vector<Instruction> read() {
    bool stray = false;
    for (std::size_t at = 0; at < text_.size();) {
      const Line line = line_at(at);
      const auto trimmed = trim(line.text);
      if (trimmed.empty() || trimmed.front() == '#') {
        at = line.next;
        continue;
      }
      const auto word = line.first_word();
      if (const KeywordRule* rule = keyword_of(line)) {
        stray = false;
        at = read_instruction(*rule, line, word);
      } else if (!line.indented() && looks_like_keyword(word)) {
        stray = false;
        at = skip_unknown(line, word);
      } else {
        if (!stray)
          source_.error(trimmed, fmt::format("expected a keyword, found {}", quoted(trimmed)),
                        "every instruction starts with an upper-case keyword in the first column; lines of a block "
                        "belong under 'KEYWORD >'");
        stray = true;
        at = line.next;
      }
    }
    return std::move(out_);
  }

 private:
  Line line_at(std::size_t at) const {
    const auto end = text_.find('\n', at);
    auto line = text_.substr(at, end == std::string_view::npos ? std::string_view::npos : end - at);
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return {.text = line, .next = end == std::string_view::npos ? text_.size() : end + 1};
  }

  const KeywordRule* find(std::string_view word) const {
    const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const auto& rule) { return rule.name == word; });
    return found == rules_.end() ? nullptr : &*found;
  }

  /// Outside a block. Reports an indented or lower-case keyword and goes on as if it were right.
  const KeywordRule* keyword_of(const Line& line) {
    const auto word = line.first_word();
    const KeywordRule* rule = find(upper(word));
    if (rule == nullptr) return nullptr;
    if (rule->name != word)
      source_.error(word, fmt::format("keywords are written in upper case: {} instead of {}", rule->name, word));
    else if (line.indented())
      source_.error(word, fmt::format("{} is indented; a keyword starts in the first column of its line", word),
                    "remove the blanks or tabs before it");
    return rule;
  }

  static bool looks_like_keyword(std::string_view word) {
    return word.size() >= 2 && word.front() >= 'A' && word.front() <= 'Z' &&
           std::all_of(word.begin(), word.end(),
                       [](char c) { return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
  }

  /// Is this line, inside a block of form `form`, an instruction all the same?
  bool ends_block(const Line& line, KeywordForm form) const {
    const auto word = line.first_word();
    if (word.empty() || word.data() != trim(line.text).data()) return false;
    const auto rest = line.rest();
    const auto behind = word.data() + word.size();
    const bool word_ends =
        behind == line.text.data() + line.text.size() || *behind == ' ' || *behind == '\t' || *behind == '>';
    if (!line.indented() && word_ends && find(word) != nullptr) return true;
    if (form == text || form == KeywordForm::line || !word_ends) return false;
    const bool marked = rest.starts_with('>');
    if (form == sql) {
      // Written as a keyword line and meaningless in SQL, whatever its case and indentation.
      if (equal_ignoring_case(word, "TYPE") && is_pipe_type(rest)) return true;
      if (find(upper(word)) != nullptr && rest == ">") return true;
      if (word == "NODE" && std::all_of(rest.begin(), rest.end(), is_word_part) && !rest.empty())
        return next_is_sql(line.next);
      return !line.indented() && looks_like_keyword(word) && is_foreign_or_misspelt(word) && !is_sql_clause(word);
    }
    // Columns: a keyword in the place of a column name, unless a type follows as behind a column name.
    const std::string_view second = Line{.text = rest}.first_word();
    if (is_type_name(second) || rest.starts_with(',') || word.size() < 3) return false;
    if (find(word) != nullptr && !rest.empty()) return true;
    // In lower case it may be a column with a wrong type: only what no column looks like.
    if (find(upper(word)) != nullptr &&
        (marked || rest.starts_with('"') || rest.starts_with('\'') || equal_ignoring_case(word, "ENGINE") ||
         equal_ignoring_case(word.substr(0, 7), "ENGINE_")))
      return true;
    return !line.indented() && looks_like_keyword(word) && is_foreign_or_misspelt(word);
  }

  static bool is_pipe_type(std::string_view value) {
    bool closed = true;
    value = unquote(value, closed);
    constexpr std::array<std::string_view, 4> types = {"ENDPOINT", "MATERIALIZED", "COPY", "SINK"};
    return std::any_of(types.begin(), types.end(),
                       [&](std::string_view type) { return equal_ignoring_case(type, value); });
  }

  bool next_is_sql(std::size_t at) const {
    while (at < text_.size()) {
      const Line line = line_at(at);
      const auto word = line.first_word();
      if (!trim(line.text).empty()) return (word == "SQL" || word == "DESCRIPTION") && line.rest().starts_with('>');
      at = line.next;
    }
    return false;
  }

  /// Words that may start a line of SQL although they resemble a keyword.
  static bool is_sql_clause(std::string_view word) {
    constexpr std::array<std::string_view, 34> clauses = {
        "SELECT", "FROM",      "WHERE",    "PREWHERE", "WITH",  "GROUP", "ORDER", "LIMIT", "OFFSET",
        "UNION",  "HAVING",    "JOIN",     "LEFT",     "RIGHT", "INNER", "FULL",  "CROSS", "ANY",
        "ASOF",   "ARRAY",     "SETTINGS", "FORMAT",   "AND",   "OR",    "ON",    "USING", "QUALIFY",
        "WINDOW", "INTERSECT", "EXCEPT",   "SAMPLE",   "FINAL", "CASE",  "END"};
    return std::find(clauses.begin(), clauses.end(), word) != clauses.end();
  }

  bool is_foreign_or_misspelt(std::string_view word) const {
    if (other_kind(word)) return true;
    return nearest_keyword(word).has_value();
  }

  std::optional<FileKind> other_kind(std::string_view word) const {
    for (const FileKind kind : {FileKind::data_source, FileKind::pipe, FileKind::connection}) {
      if (kind == kind_) continue;
      for (const auto& rule : keywords_of(kind))
        if (!rule.classic && rule.name == word) return kind;
    }
    return std::nullopt;
  }

  std::optional<std::string> nearest_keyword(std::string_view word) const { return nearest(word, names_); }

  std::size_t skip_unknown(const Line& line, std::string_view word) {
    const auto near = nearest_keyword(word);
    if (const auto other = other_kind(word); other && !near)
      source_.error(
          word, fmt::format("{} belongs in a {} file, this is a {} file", word, kind_name(*other), kind_name(kind_)));
    else
      source_.error(word, fmt::format("unknown keyword {}", quoted(word)),
                    near ? fmt::format("did you mean {}?", *near)
                         : fmt::format("a {} file knows {} and others", kind_name(kind_),
                                       kind_ == FileKind::data_source ? "SCHEMA, ENGINE, TOKEN"
                                       : kind_ == FileKind::pipe      ? "NODE, SQL, TYPE, TOKEN"
                                                                      : "TYPE"));
    return line.rest().starts_with('>') ? block_end(line.next, columns) : line.next;
  }

  std::size_t block_end(std::size_t at, KeywordForm form) const {
    while (at < text_.size()) {
      const Line line = line_at(at);
      if (ends_block(line, form)) break;
      at = line.next;
    }
    return at;
  }

  std::size_t read_instruction(const KeywordRule& rule, const Line& line, std::string_view word) {
    Instruction found{.rule = &rule, .keyword = word, .value = {}, .raw = line.rest(), .block = false};
    if (!found.raw.empty() && (found.raw.front() == '=' || found.raw.front() == ':')) {
      source_.error(found.raw,
                    fmt::format("no '{}' between {} and its value; a blank is enough", found.raw.front(), rule.name));
      found.raw = trim(found.raw.substr(1));
    }
    std::size_t next = line.next;
    if (found.raw.starts_with('>')) {
      found.block = true;
      const auto behind = trim(found.raw.substr(1));
      if (!behind.empty() && behind.front() != '#' && rule.form != text)
        source_.error(behind,
                      fmt::format("the block of {} starts on the next line; nothing stands behind '>'", rule.name));
      next = block_end(line.next, rule.form);
      const auto start =
          rule.form == text && !behind.empty() ? static_cast<std::size_t>(behind.data() - text_.data()) : line.next;
      found.raw = text_.substr(start, next - start);
    } else if (rule.form == columns || rule.form == sql) {
      source_.error(found.raw.empty() ? word : found.raw,
                    fmt::format("{} needs a block: '{} >', then indented lines", rule.name, rule.name));
      next = block_end(line.next, rule.form);
      found.block = true;
      const auto start = found.raw.empty() ? line.next : static_cast<std::size_t>(found.raw.data() - text_.data());
      found.raw = text_.substr(start, next - start);
    }
    found.value = found.raw;
    if (rule.form == KeywordForm::line) {
      bool closed = true;
      found.value = unquote(found.raw, closed);
      if (!closed)
        source_.error(trim(found.raw), fmt::format("the value of {} opens a quote that is never closed", rule.name),
                      fmt::format("add a {} at the end", trim(found.raw).front()));
    }
    if (!rule.repeatable && !seen_.emplace(rule.name, true).second)
      source_.warning(word, fmt::format("{} is given twice; the last one counts", rule.name));
    out_.push_back(found);
    return next;
  }

  Source& source_;
  std::string_view text_;
  FileKind kind_;
  std::span<const KeywordRule> rules_;
  std::vector<std::string_view> names_;
  std::vector<Instruction> out_;
  std::map<std::string_view, bool> seen_;
};

}  // namespace

std::span<const KeywordRule> keywords_of(FileKind kind) {
  switch (kind) {
    case FileKind::data_source:
      return data_source_keywords;
    case FileKind::pipe:
      return pipe_keywords;
    case FileKind::connection:
      return connection_keywords;
  }
  return {};
}

std::vector<Instruction> read_instructions(Source& source, FileKind kind) {
  return InstructionReader(source, kind).read();
}

}  // namespace kinglet::datafile::internal
