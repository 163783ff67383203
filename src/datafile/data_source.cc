// SPDX-License-Identifier: Apache-2.0
// .datasource files.
#include "datafile/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/spelling.h"
#include "datafile/column_type.h"
#include "datafile/columns.h"
#include "datafile/connector.h"
#include "datafile/layout.h"
#include "datafile/limits.h"
#include "datafile/metadata_columns.h"
#include "datafile/tokens.h"
#include "datafile/type_reader.h"
#include "datafile/values.h"

namespace kinglet::datafile::internal {
namespace {

constexpr std::size_t default_key_columns_max = 3;

class DataSourceReader {
 public:
  DataSourceReader(Source& source, std::string name) : source_(source) { out_.name = std::move(name); }

  DataSource read() {
    for (const auto& instruction : read_tree(source_, FileKind::data_source).instructions())
      read_instruction(instruction);
    check_schema();
    connector_.check();
    check_engine();
    return std::move(out_);
  }

 private:
  void read_instruction(const Instruction& in) {
    const auto name = in.rule->name;
    if (name == "DESCRIPTION")
      out_.description = read_text(in);
    else if (name == "TAGS")
      out_.tags = read_list(source_, in);
    else if (name == "TOKEN")
      read_token(source_, in, false, out_.tokens);
    else if (name == "SCHEMA")
      read_schema(in);
    else if (name == "ENGINE")
      read_engine(in);
    else if (name == "ENGINE_SETTINGS")
      read_settings(in);
    else if (name == "INDEXES" || name == "INDICES")
      read_index_block(in);
    else if (name == "BACKFILL")
      read_backfill(in);
    else if (name == "FORWARD_QUERY")
      read_forward_query(in);
    else if (name == "SHARED_WITH")
      out_.shared_with = read_list(source_, in);
    else if (in.rule->classic && name != "SORTING_KEY")
      connector_.read_older(in);
    else if (name.starts_with("KAFKA_") || name.starts_with("IMPORT_"))
      connector_.read(in);
    else
      read_key(in);
  }

  void read_schema(const Instruction& in) {
    schema_ = in.keyword;
    const std::size_t errors = source_.error_count();
    out_.columns = read_columns(source_, in.value, &columns_lost_);
    if (out_.columns.empty() && errors == source_.error_count())
      source_.error(in.keyword, "the SCHEMA has no column", "write one column a line: `name` Type `json:$.name`,");
  }

  void read_engine(const Instruction& in) {
    out_.engine.position = source_.position(in.keyword);
    if (!require_value(source_, in, "MergeTree")) return;
    std::string_view name = in.value;
    if (const auto open = name.find('('); open != std::string_view::npos) {
      source_.error(name.substr(open),
                    "the arguments of an engine have keywords of their own, they do not stand in parentheses",
                    "for example ENGINE_VER updated_at");
      name = trim(name.substr(0, open));
    }
    const auto found = std::find_if(engine_names().begin(), engine_names().end(),
                                    [&](std::string_view e) { return equal_ignoring_case(e, name); });
    if (found != engine_names().end()) {
      out_.engine.name = *found;
      return;
    }
    engine_unknown_ = true;
    // Join holds its right side in memory and is only read by joinGet or as the right side of one JOIN, by its own key:
    // joinGet names tables by text, which the SQL front end refuses. MergeTree and a plain JOIN give the same rows.
    if (equal_ignoring_case(name, "Join"))
      return source_.error(name, "the engine Join of older projects is not supported",
                           "use MergeTree with ENGINE_SORTING_KEY on the join key, and join in SQL");
    if (name.starts_with("Replicated") && name.ends_with("MergeTree"))
      return source_.error(name, fmt::format("write {} without Replicated; replication is the server's matter",
                                             quoted(name.substr(10))));
    std::string hint = did_you_mean(name, engine_names());
    if (hint.empty()) hint = fmt::format("engines: {}", fmt::join(engine_names(), ", "));
    source_.error(name, fmt::format("there is no engine {}", quoted(name)), std::move(hint));
  }

  void read_key(const Instruction& in) {
    auto& engine = out_.engine;
    const std::map<std::string_view, std::string*> texts = {{"ENGINE_SORTING_KEY", &engine.sorting_key},
                                                            {"SORTING_KEY", &engine.sorting_key},
                                                            {"ENGINE_PARTITION_KEY", &engine.partition_key},
                                                            {"ENGINE_PRIMARY_KEY", &engine.primary_key},
                                                            {"ENGINE_SAMPLING_KEY", &engine.sampling_key},
                                                            {"ENGINE_TTL", &engine.ttl},
                                                            {"ENGINE_VER", &engine.ver},
                                                            {"ENGINE_IS_DELETED", &engine.is_deleted},
                                                            {"ENGINE_SIGN", &engine.sign},
                                                            {"ENGINE_VERSION", &engine.version},
                                                            {"ENGINE_SUMMING_COLUMNS", &engine.summing_columns}};
    const auto target = texts.find(in.rule->name);
    if (target == texts.end()) return;
    if (in.rule->classic)
      source_.warning(in.keyword, "SORTING_KEY belongs to older projects; write ENGINE_SORTING_KEY");
    target->second->clear();
    if (in.value.empty()) {
      if (in.rule->name != "ENGINE_TTL" && in.rule->name != "ENGINE_PARTITION_KEY")
        source_.error(in.keyword, fmt::format("{} is empty", in.rule->name),
                      "leave the line out, or name columns of the SCHEMA");
      return;
    }
    auto tokens = tokenize(in.value, false);
    tokens.pop_back();
    const auto checked = tokens;
    std::string value = key_text(in.rule->name, tokens);
    if (!read_expression(source_, checked, in.rule->name)) return;
    if (is_key_list(in.rule->name) && !tokens.empty())
      for (const auto item : split_list(tokens))
        if (item.empty())
          return source_.error(in.value, fmt::format("{} has two commas with nothing between", in.rule->name));
    *target->second = std::move(value);
    const auto name = in.rule->name == "SORTING_KEY" ? "ENGINE_SORTING_KEY" : in.rule->name;
    engine.key_positions[std::string(name)] = source_.position(in.value);
    keys_[name] = {in, std::move(tokens)};
  }

  void read_settings(const Instruction& in) {
    out_.engine.settings.clear();
    auto tokens = tokenize(in.value, false);
    tokens.pop_back();
    if (tokens.empty()) return;
    constexpr std::string_view example = "for example index_granularity = 256, merge_with_ttl_timeout = 3600";
    for (const auto item : split_list(tokens)) {
      if (item.empty()) continue;
      if (item.front().kind == Token::Kind::unclosed || item.back().kind == Token::Kind::unclosed)
        return source_.error(item.back().text, "ENGINE_SETTINGS has a quote that is never closed",
                             std::string(example));
      const bool negative = item.size() == 4 && item[2].is('-');
      if ((item.size() != 3 && !negative) || item[0].kind != Token::Kind::word || !item[1].is('='))
        return source_.error(item.front().text,
                             fmt::format("expected name = value in ENGINE_SETTINGS, found {}", quoted(joined(item))),
                             std::string(example));
      const Token& value = item.back();
      if (value.kind != Token::Kind::number &&
          (negative || (value.kind != Token::Kind::string && !value.is_word("TRUE") && !value.is_word("FALSE"))))
        return source_.error(
            value.text,
            fmt::format("the value of the setting {} is a number, true, false or a text in single quotes, not {}",
                        item[0].text, quoted(value.text)));
      if (out_.engine.settings.size() >= limits::list_items_max)
        return source_.error(value.text, fmt::format("ENGINE_SETTINGS has at most {} items", limits::list_items_max));
      add_setting(item[0], fmt::format("{}{}", negative ? "-" : "", value.text));
    }
  }

  /// Settings that choose where bytes lie, or that deliveries depend on, are the server's.
  void add_setting(const Token& name, std::string value) {
    constexpr std::array<std::string_view, 6> forbidden = {"disk",
                                                           "storage_policy",
                                                           "table_disk",
                                                           "non_replicated_deduplication_window",
                                                           "replicated_deduplication_window",
                                                           "replicated_deduplication_window_seconds"};
    if (std::find(forbidden.begin(), forbidden.end(), name.text) != forbidden.end())
      return source_.error(name.text, fmt::format("the setting {} is the server's and cannot be given in a datafile",
                                                  quoted(name.text)));
    auto& settings = out_.engine.settings;
    const auto same =
        std::find_if(settings.begin(), settings.end(), [&](const auto& s) { return s.first == name.text; });
    if (same != settings.end())
      return source_.error(name.text, fmt::format("the setting {} is given twice", quoted(name.text)));
    settings.emplace_back(name.text, std::move(value));
  }

  void read_index_block(const Instruction& in) {
    indexes_ = in.keyword;
    const std::size_t errors = source_.error_count();
    out_.indexes = read_indexes(source_, in.value);
    if (out_.indexes.empty() && errors == source_.error_count())
      source_.error(in.keyword, fmt::format("{} has no index", in.rule->name),
                    "an index is: name expression TYPE type GRANULARITY n");
  }

  void read_backfill(const Instruction& in) {
    constexpr std::array<std::string_view, 1> choices = {"skip"};
    out_.backfill_skip = read_choice(source_, in, choices).has_value();
  }

  void read_forward_query(const Instruction& in) {
    const auto text = dedent(in.value);
    if (text.text.empty())
      return source_.error(in.keyword, "the FORWARD_QUERY is empty",
                           "write the SELECT list that makes a new row from an old one: SELECT id, toUUID(key) AS key");
    auto tokens = tokenize(in.value, false);
    if (!tokens.front().is_word("SELECT"))
      return source_.error(tokens.front().text,
                           fmt::format("a FORWARD_QUERY starts with SELECT, found {}", quoted(tokens.front().text)));
    std::size_t depth = 0;
    for (const Token& token : tokens) {
      if (token.is('(')) ++depth;
      if (token.is(')') && depth > 0) --depth;
      if (depth == 0 && (token.is_word("FROM") || token.is_word("WHERE")))
        return source_.error(
            token.text,
            fmt::format("a FORWARD_QUERY has no {}: it runs over every row of the table itself", upper(token.text)),
            "only the SELECT list is written");
    }
    out_.forward_query = text.text;
  }

  void check_schema() {
    if (schema_.empty())
      source_.error(Position{.line = 1, .column = 1}, "a data source needs a SCHEMA",
                    "write 'SCHEMA >', then one column a line: `name` Type `json:$.name`,");
  }

  const ColumnDefinition* column(std::string_view name) const {
    const auto found =
        std::find_if(out_.columns.begin(), out_.columns.end(), [&](const auto& c) { return c.name == name; });
    return found == out_.columns.end() ? nullptr : &*found;
  }

  void check_engine() {
    if (engine_unknown_ || out_.columns.empty()) return;
    metadata_ = metadata_columns(out_);
    check_defaults();
    if (out_.engine.name == "Null") return check_null_engine();
    for (const auto& [key, used] : keys_) check_key(key, used.first, used.second);
    check_engine_arguments();
    if (!keys_.contains("ENGINE_SORTING_KEY")) set_default_keys();
    for (const auto& index : out_.indexes) {
      auto tokens = tokenize(index.expression, false);
      tokens.pop_back();
      for (const Token& token : column_references(tokens))
        if (!known(token) && column_may_be(tokens))
          source_.error(index.position,
                        fmt::format("index {} names {}, which is not a column of the SCHEMA", quoted(index.name),
                                    quoted(token.inner())),
                        nearest_column(token.inner()));
    }
  }

  /// Names in a DEFAULT are columns; what follows AS or :: is a type.
  void check_defaults() {
    for (const auto& c : out_.columns) {
      if (!c.default_expression) continue;
      auto tokens = tokenize(*c.default_expression, false);
      tokens.pop_back();
      if (!column_may_be(tokens)) continue;
      for (const Token& token : column_references(tokens))
        if (!known(token) && !is_type_name(token.inner()))
          source_.error(c.position,
                        fmt::format("the DEFAULT of column {} names {}, which is not a column of the SCHEMA",
                                    quoted(c.name), quoted(token.inner())),
                        nearest_column(token.inner()));
    }
  }

  void check_null_engine() {
    for (const auto& [key, used] : keys_)
      source_.warning(used.first.keyword, fmt::format("{} has no effect with ENGINE Null, which stores nothing", key));
    if (!out_.indexes.empty()) source_.error(indexes_, "ENGINE Null stores nothing and has no INDEXES");
    const auto position = out_.engine.position;
    out_.engine = EngineDefinition{};
    out_.engine.name = "Null";
    out_.engine.position = position;
  }

  std::string nearest_column(std::string_view name) const {
    std::vector<std::string_view> names;
    for (const auto& c : out_.columns) names.push_back(c.name);
    return did_you_mean(name, names);
  }

  bool known(const Token& token) const {
    const auto name = token.inner();
    if (columns_lost_ || column(name) != nullptr) return true;
    // "a.b" names a Nested column or a path of a JSON column; the name before the dot was looked at.
    return std::any_of(out_.columns.begin(), out_.columns.end(),
                       [&](const auto& c) {
                         return c.name.size() > name.size() && c.name.starts_with(name) && c.name[name.size()] == '.';
                       }) ||
           std::any_of(metadata_.begin(), metadata_.end(), [&](const auto& c) { return c.name == name; });
  }

  /// Names of a lambda's own (x -> x + 1) are not columns: such expressions are left to the engine.
  static bool column_may_be(std::span<const Token> tokens) {
    for (std::size_t i = 1; i < tokens.size(); ++i)
      if (tokens[i].is('>') && tokens[i - 1].is('-')) return false;
    return true;
  }

  void check_key(std::string_view key, const Instruction& in, std::span<const Token> tokens) {
    const bool one_column =
        key == "ENGINE_VER" || key == "ENGINE_IS_DELETED" || key == "ENGINE_SIGN" || key == "ENGINE_VERSION";
    if (one_column &&
        (tokens.size() != 1 || (tokens[0].kind != Token::Kind::word && tokens[0].kind != Token::Kind::name)))
      return source_.error(in.value, fmt::format("{} names one column of the SCHEMA, found {}", key, quoted(in.value)));
    if (!column_may_be(tokens)) return;
    bool all_known = true;
    for (const Token& token : column_references(tokens)) {
      if (known(token)) continue;
      all_known = false;
      source_.error(token.text,
                    fmt::format("{} names {}, which is not a column of the SCHEMA", key, quoted(token.inner())),
                    nearest_column(token.inner()));
    }
    if (key == "ENGINE_TTL")
      for (const Token& token : tokens)
        if (token.is_word("TO") || token.is_word("GROUP") || token.is_word("RECOMPRESS"))
          return source_.error(token.text,
                               fmt::format("ENGINE_TTL can only delete rows; {} is not possible", upper(token.text)),
                               "for example ENGINE_TTL toDateTime(at) + INTERVAL 90 DAY");
    if (key == "ENGINE_TTL") check_ttl(tokens);
    if (one_column && all_known) check_column_type(key, tokens[0]);
    if ((key == "ENGINE_SORTING_KEY" || key == "ENGINE_PRIMARY_KEY") && !allows_nullable_key())
      check_not_nullable(key, tokens);
    if (key == "ENGINE_PARTITION_KEY" && tokens.size() == 1) {
      const auto* c = column(tokens[0].inner());
      if (c != nullptr && c->type.starts_with("DateTime"))
        source_.warning(
            tokens[0].text,
            fmt::format("a partition for every value of {} makes very many; partition by month: toYYYYMM({})", c->name,
                        c->name));
    }
  }

  bool allows_nullable_key() const {
    return std::any_of(out_.engine.settings.begin(), out_.engine.settings.end(), [](const auto& s) {
      return s.first == "allow_nullable_key" && s.second != "0" && s.second != "false";
    });
  }

  void check_not_nullable(std::string_view key, std::span<const Token> tokens) {
    for (const auto item : split_list(tokens)) {
      if (item.size() != 1) continue;
      const auto* c = column(item[0].inner());
      if (c != nullptr && is_nullable(c->type))
        source_.error(item[0].text,
                      fmt::format("{} holds {}, which is Nullable; a key column cannot be", key, quoted(c->name)),
                      fmt::format("give the column a DEFAULT instead of Nullable, or sort by ifNull({}, …)", c->name));
    }
  }

  void check_column_type(std::string_view key, const Token& token) {
    const auto* c = column(token.inner());
    if (c == nullptr || c->type.empty()) return;
    if (key == "ENGINE_SIGN" && c->type != "Int8")
      source_.error(token.text, fmt::format("the ENGINE_SIGN column {} must be Int8 (1 or -1), it is {}",
                                            quoted(c->name), c->type));
    else if (key == "ENGINE_IS_DELETED" && c->type != "UInt8")
      source_.error(token.text, fmt::format("the ENGINE_IS_DELETED column {} must be UInt8 (1 means deleted), it is {}",
                                            quoted(c->name), c->type));
    else if ((key == "ENGINE_VER" || (key == "ENGINE_VERSION" && out_.engine.name == "VersionedCollapsingMergeTree")) &&
             !may_be_version(c->type))
      source_.error(
          token.text,
          fmt::format("the {} column {} must be a number, date or time that grows with every version, it is {}", key,
                      quoted(c->name), c->type));
  }

  /// Source: ClickHouse's canBeUsedAsVersion, tried out: no Decimal, Enum, Nullable.
  static bool may_be_version(std::string_view type) {
    return type.starts_with("UInt") || type.starts_with("Int") || type.starts_with("Float") ||
           type.starts_with("Date") || type.starts_with("Time") || type == "Bool";
  }

  /// A column alone, or a column and an interval, must be a date or time (datafiles spec 3.6).
  void check_ttl(std::span<const Token> tokens) {
    if (tokens.empty()) return;
    const bool alone = tokens.size() == 1;
    if (!alone && !(tokens[1].is('+') && tokens.size() > 2 &&
                    (tokens[2].is_word("INTERVAL") || upper(tokens[2].text).starts_with("TOINTERVAL"))))
      return;
    const auto* c = column(tokens[0].inner());
    if (c == nullptr || c->type.empty()) return;
    const bool text = without_wrappers(c->type) == "String";
    if (c->type.starts_with("Date") || (text && !alone && !is_nullable(c->type))) return;
    source_.error(tokens[0].text,
                  fmt::format("ENGINE_TTL must give a Date or DateTime, column {} is {}", quoted(c->name), c->type),
                  is_nullable(c->type) ? fmt::format("for example ifNull({}, now()) + INTERVAL 90 DAY", c->name)
                  : is_numeric(c->type) || text ? fmt::format("for example toDateTime({}) + INTERVAL 90 DAY", c->name)
                                                : "");
  }

  void check_engine_arguments() {
    struct Argument {
      std::string_view key;
      std::array<std::string_view, 2> engines;
    };
    constexpr std::array arguments = {Argument{"ENGINE_VER", {"ReplacingMergeTree", ""}},
                                      Argument{"ENGINE_IS_DELETED", {"ReplacingMergeTree", ""}},
                                      Argument{"ENGINE_SIGN", {"CollapsingMergeTree", "VersionedCollapsingMergeTree"}},
                                      Argument{"ENGINE_VERSION", {"VersionedCollapsingMergeTree", ""}},
                                      Argument{"ENGINE_SUMMING_COLUMNS", {"SummingMergeTree", ""}}};
    auto& engine = out_.engine;
    for (const auto& argument : arguments) {
      const auto used = keys_.find(argument.key);
      if (used != keys_.end() && engine.name != argument.engines[0] && engine.name != argument.engines[1])
        source_.warning(used->second.first.keyword,
                        fmt::format("{} has no effect with ENGINE {}", argument.key, engine.name),
                        fmt::format("it goes with {}", argument.engines[0]));
    }
    const auto line = engine.position;
    if (engine.name.find("Collapsing") != std::string::npos && !keys_.contains("ENGINE_SIGN"))
      source_.error(line, fmt::format("{} needs ENGINE_SIGN", engine.name),
                    "name an Int8 column that is 1 for a new row and -1 for one taken back");
    if (engine.name == "VersionedCollapsingMergeTree" && !keys_.contains("ENGINE_VERSION"))
      source_.error(line, "VersionedCollapsingMergeTree needs ENGINE_VERSION",
                    "name a column that grows with every version of a row");
    if (keys_.contains("ENGINE_IS_DELETED") && !keys_.contains("ENGINE_VER"))
      source_.error(keys_.at("ENGINE_IS_DELETED").first.keyword, "ENGINE_IS_DELETED needs ENGINE_VER",
                    "the newest version of a row decides whether it is deleted");
    if (engine.name != "VersionedCollapsingMergeTree") engine.version.clear();
    if (engine.name != "ReplacingMergeTree") engine.ver.clear(), engine.is_deleted.clear();
    if (engine.name.find("Collapsing") == std::string::npos) engine.sign.clear();
    if (engine.name != "SummingMergeTree") engine.summing_columns.clear();
    check_primary_key();
  }

  /// ClickHouse wants the primary key to be a beginning of the sorting key.
  void check_primary_key() {
    const auto primary = keys_.find("ENGINE_PRIMARY_KEY"), sorting = keys_.find("ENGINE_SORTING_KEY");
    if (primary == keys_.end() || sorting == keys_.end()) return;
    const auto p = split_list(primary->second.second), s = split_list(sorting->second.second);
    for (std::size_t i = 0; i < p.size(); ++i)
      if (i >= s.size() || joined(p[i]) != joined(s[i]))
        return source_.error(
            primary->second.first.value,
            fmt::format("ENGINE_PRIMARY_KEY must be a beginning of ENGINE_SORTING_KEY ({})", out_.engine.sorting_key));
  }

  /// Not given: Kafka tables sort by the time of the message; others by the first of these that exists: DateTime,
  /// numeric, String columns, not Nullable, at most three (datafiles spec 3.5).
  void set_default_keys() {
    auto& engine = out_.engine;
    if (!engine.sorting_key.empty()) return;
    if (!engine.primary_key.empty()) {  // as ClickHouse does
      engine.sorting_key = engine.primary_key;
      return;
    }
    if (std::any_of(metadata_.begin(), metadata_.end(), [](const auto& c) { return c.name == "__timestamp"; }) &&
        connector_.has("KAFKA_TOPIC")) {
      engine.sorting_key = "__timestamp";
      if (!keys_.contains("ENGINE_PARTITION_KEY")) engine.partition_key = "toYYYYMM(__timestamp)";
      return;
    }
    engine.sorting_key = default_sorting_key(out_.columns);
  }

  Source& source_;
  DataSource out_;
  std::string_view schema_, indexes_;
  bool engine_unknown_ = false;
  bool columns_lost_ = false;  // a column of the SCHEMA whose name could not be read
  std::map<std::string_view, std::pair<Instruction, std::vector<Token>>> keys_;
  ConnectorReader connector_{source_, out_};
  std::vector<ColumnDefinition> metadata_;
};

}  // namespace

std::span<const std::string_view> engine_names() {
  static constexpr std::array<std::string_view, 7> names = {"MergeTree",
                                                            "ReplacingMergeTree",
                                                            "SummingMergeTree",
                                                            "AggregatingMergeTree",
                                                            "CollapsingMergeTree",
                                                            "VersionedCollapsingMergeTree",
                                                            "Null"};
  return names;
}

std::string default_sorting_key(std::span<const ColumnDefinition> columns) {
  const auto first_of = [&](auto&& belongs) {
    std::string key;
    std::size_t count = 0;
    for (const auto& c : columns)
      if (!c.type.empty() && !is_nullable(c.type) && belongs(std::string_view(c.type)) &&
          count < default_key_columns_max) {
        key +=
            fmt::format("{}{}", count == 0 ? "" : ", ", is_identifier(c.name) ? c.name : fmt::format("`{}`", c.name));
        ++count;
      }
    return key;
  };
  auto key = first_of([](std::string_view type) { return is_date_time(type); });
  if (key.empty()) key = first_of([](std::string_view type) { return is_numeric(type); });
  if (key.empty()) key = first_of([](std::string_view type) { return without_wrappers(type) == "String"; });
  return key.empty() ? "tuple()" : key;
}

DataSource read_data_source(Source& source, std::string name) {
  return DataSourceReader(source, std::move(name)).read();
}

}  // namespace kinglet::datafile::internal
