// SPDX-License-Identifier: Apache-2.0
// The formatter: pieces of the syntax tree written in canonical layout.
#include "datafile/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "base/ascii.h"
#include "datafile/columns.h"
#include "datafile/layout.h"
#include "datafile/parts.h"
#include "datafile/print.h"
#include "datafile/tokens.h"
#include "datafile/tree.h"
#include "datafile/values.h"

namespace kinglet::datafile {
namespace {

using namespace internal;

std::string without_returns(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 >= text.size() || text[i + 1] != '\n') out += text[i];
  while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) out.pop_back();
  return out;
}

/// Where an instruction stands in canonical order. Instructions of one group have no blank line between them.
struct Rank {
  int group = 0, place = 0;
};

struct Group {
  std::string_view prefix;  // of keywords; the first that fits counts
  Rank rank;
};
constexpr std::array data_source_ranks = {Group{"DESCRIPTION", {0, 0}},
                                          Group{"VERSION", {1, 0}},
                                          Group{"TYPE", {1, 1}},
                                          Group{"TAGS", {2, 0}},
                                          Group{"SCHEMA", {3, 0}},
                                          Group{"ENGINE_PARTITION_KEY", {4, 1}},
                                          Group{"ENGINE_SORTING_KEY", {4, 2}},
                                          Group{"SORTING_KEY", {4, 2}},
                                          Group{"ENGINE_PRIMARY_KEY", {4, 3}},
                                          Group{"ENGINE_SAMPLING_KEY", {4, 4}},
                                          Group{"ENGINE_TTL", {4, 5}},
                                          Group{"ENGINE_VERSION", {4, 9}},
                                          Group{"ENGINE_VER", {4, 6}},
                                          Group{"ENGINE_IS_DELETED", {4, 7}},
                                          Group{"ENGINE_SIGN", {4, 8}},
                                          Group{"ENGINE_SUMMING_COLUMNS", {4, 10}},
                                          Group{"ENGINE_SETTINGS", {4, 11}},
                                          Group{"ENGINE_", {4, 12}},
                                          Group{"ENGINE", {4, 0}},
                                          Group{"KEY", {4, 13}},
                                          Group{"IND", {5, 0}},
                                          Group{"BACKFILL", {6, 0}},
                                          Group{"KAFKA_", {7, 0}},
                                          Group{"IMPORT_", {7, 0}},
                                          Group{"FORWARD_QUERY", {8, 0}},
                                          Group{"TOKEN", {9, 0}},
                                          Group{"SHARED_WITH", {10, 0}}};
/// Before the first node, and within one.
constexpr std::array pipe_ranks = {Group{"NODE", {0, 0}},
                                   Group{"DESCRIPTION", {1, 0}},
                                   Group{"VERSION", {2, 0}},
                                   Group{"SQL", {3, 0}},
                                   Group{"TYPE", {4, 0}},
                                   Group{"CACHE", {4, 1}},
                                   Group{"DATASOURCE", {4, 2}},
                                   Group{"TARGET_DATASOURCE", {4, 2}},
                                   Group{"DEPLOYMENT_METHOD", {4, 3}},
                                   Group{"ENGINE", {4, 4}},
                                   Group{"COPY_SCHEDULE", {4, 5}},
                                   Group{"COPY_MODE", {4, 6}},
                                   Group{"ON_DEMAND_COMPUTE", {4, 7}},
                                   Group{"EXPORT_", {4, 8}},
                                   Group{"TAGS", {5, 0}},
                                   Group{"TOKEN", {6, 0}}};
constexpr std::array connection_ranks = {Group{"DESCRIPTION", {0, 0}}, Group{"TYPE", {1, 0}}};

Rank rank_of(FileKind kind, std::string_view keyword) {
  const auto in = [&](const auto& groups, Rank otherwise) {
    for (const Group& group : groups)
      if (keyword.starts_with(group.prefix)) return group.rank;
    return otherwise;
  };
  switch (kind) {
    case FileKind::data_source:
      return in(data_source_ranks, {11, 0});
    case FileKind::pipe:
      return in(pipe_ranks, {7, 0});
    case FileKind::connection:
      return in(connection_ranks, {1, 1});
    case FileKind::token:
      break;
  }
  return {};
}

/// An instruction with the comments above it, or comments that stand alone.
struct Item {
  std::vector<std::string> comments;
  std::string text;  // canonical, without the last line end; empty for comments alone
  std::string_view keyword;
  bool block = false;
  Rank rank;
  int section = 0;        // of a pipe: how many NODE lines came before or are this one
  std::size_t order = 0;  // in the file
};

class Formatter {
 public:
  Formatter(Source& source, FileKind kind) : source_(source), kind_(kind), tree_(read_tree(source, kind)) {}

  bool has_include() const {
    const auto all = tree_.instructions();
    return std::any_of(all.begin(), all.end(), [](const auto& in) { return in.rule->name == "INCLUDE"; });
  }

  std::string format() {
    collect();
    if (!has_include() && !comments_alone())
      std::sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) {
        return std::tuple(a.section, a.rank.group, a.rank.place, a.order) <
               std::tuple(b.section, b.rank.group, b.rank.place, b.order);
      });
    return page();
  }

 private:
  void collect() {
    std::vector<std::string> comments;
    const auto stand_alone = [&] {
      if (comments.empty()) return;
      items_.push_back({.comments = std::move(comments),
                        .text = {},
                        .keyword = {},
                        .rank = {-1, 0},
                        .section = section_,
                        .order = items_.size()});
      comments.clear();
    };
    for (const auto& piece : tree_.pieces) {
      if (piece.kind == Piece::Kind::comment) {
        comments.emplace_back(trim(piece.text));
      } else if (piece.kind == Piece::Kind::blank) {
        stand_alone();
      } else if (piece.instruction) {
        if (piece.instruction->rule->name == "NODE") ++section_;
        Item item{.comments = std::move(comments),
                  .text = {},
                  .keyword = piece.instruction->rule->name,
                  .rank = rank_of(kind_, piece.instruction->rule->name),
                  .section = section_,
                  .order = items_.size()};
        comments.clear();
        write(*piece.instruction, piece.text, item);
        items_.push_back(std::move(item));
      }
    }
    stand_alone();
  }

  /// Comments alone at the top of the file may stay there whatever comes below.
  bool comments_alone() const {
    return std::any_of(items_.begin() + (items_.empty() ? 0 : 1), items_.end(),
                       [](const Item& item) { return item.text.empty(); });
  }

  std::string page() const {
    Page out;
    const Item* before = nullptr;
    for (const auto& item : items_) {
      if (before != nullptr && needs_gap(*before, item)) out.gap();
      for (const auto& comment : item.comments) out.line(comment);
      if (!item.text.empty()) out.line(item.text);
      before = &item;
    }
    return out.take();
  }

  static bool needs_gap(const Item& before, const Item& item) {
    if (before.text.empty() || item.text.empty() || item.keyword == "NODE") return true;
    if (before.keyword == "NODE") return !item.block;
    return before.block || item.block || before.rank.group != item.rank.group;
  }

  void write(const Instruction& in, std::string_view text, Item& item) {
    const auto name = in.rule->name;
    const auto as_written = [&] { item.text = without_returns(text); };
    const auto as_block = [&](const std::string& lines) {
      item.block = true;
      item.text = fmt::format("{} >{}{}", name, in.comment.empty() ? "" : " ", in.comment);
      if (!lines.empty()) item.text += "\n" + indented(lines);
    };
    switch (in.rule->form) {
      case KeywordForm::columns:
        return as_block(definitions(in));
      case KeywordForm::sql:
        return as_block(dedent(in.value).text);
      case KeywordForm::text:
        if (name == "DESCRIPTION") return as_block(read_text(in));
        if (in.block) return as_block(dedent(in.raw).text);
        return as_written();
      case KeywordForm::line:
        break;
    }
    const bool has_comment = !in.comment.empty();
    if (in.block && (has_comment || in.raw.find('#') != std::string_view::npos) && name != "SHARED_WITH") {
      item.block = true;
      return as_written();
    }
    if (name == "SHARED_WITH") return as_block(workspaces(in));
    if (name == "INCLUDE") {
      // Written as a block of several lines it stays one.
      item.text = in.block && trim(in.raw).find('\n') != std::string_view::npos
                      ? fmt::format("INCLUDE >\n{}", dedent(in.raw).text)
                      : fmt::format("INCLUDE {}", trim(in.raw));
      return;
    }
    if (name == "TOKEN") {
      item.text = token(in);
      return;
    }
    auto [value, quoted] = value_of(in);
    const auto line = with_quotes(value, quoted || has_comment);
    if (line)
      item.text = fmt::format("{}{}{}{}{}", name, line->empty() ? "" : " ", *line, has_comment ? " " : "", in.comment);
    else
      as_written(), item.block = in.block;
  }

  /// `value` so that it reads back the same, or nothing.
  static std::optional<std::string> with_quotes(const std::string& value, bool quoted) {
    if (value.find('\n') != std::string::npos || value != trim(value)) return std::nullopt;
    const auto reads_back = [&](const std::string& text) {
      bool closed = true;
      return unquote(text, closed) == value && closed;
    };
    if (!quoted && reads_back(value) &&
        (value.empty() || std::string_view(">=:").find(value.front()) == std::string_view::npos))
      return value;
    for (const char quote : {'"', '\''}) {
      auto text = fmt::format("{}{}{}", quote, value, quote);
      if (value.find(quote) == std::string::npos && reads_back(text)) return text;
    }
    return std::nullopt;
  }

  struct Value {
    std::string text;
    bool quoted = false;
  };
  Value value_of(const Instruction& in) {
    const auto name = in.rule->name;
    const std::string value(in.value);
    // What is not read stays as it is, quotes too.
    if (in.rule->classic && name != "SORTING_KEY" && !name.starts_with("ENGINE")) return {value, value != trim(in.raw)};
    // Of a target inside a pipe: read by who makes the data source of it.
    if (kind_ == FileKind::pipe && name.starts_with("ENGINE")) return {value, true};
    if (name == "TAGS") return {fmt::format("{}", fmt::join(read_list(source_, in), ", ")), true};
    if (name == "ENGINE") return {std::string(engine_name(value)), true};
    if (name == "ENGINE_SETTINGS") return {settings(in.value), true};
    if (name.starts_with("ENGINE_") || name == "SORTING_KEY") {
      if (value.empty()) return {value, true};
      auto tokens = tokenize(in.value, false);
      tokens.pop_back();
      return {key_text(name, tokens), true};
    }
    constexpr std::array<std::string_view, 8> lower_case = {
        "TYPE",         "BACKFILL", "COPY_MODE", "DEPLOYMENT_METHOD", "ON_DEMAND_COMPUTE", "KAFKA_AUTO_OFFSET_RESET",
        "IMPORT_FORMAT"};
    if (std::find(lower_case.begin(), lower_case.end(), name) != lower_case.end()) return {ascii::lower(value), false};
    return {value, false};
  }

  static std::string_view engine_name(const std::string& value) {
    for (const auto name : engine_names())
      if (equal_ignoring_case(name, value)) return name;
    return value;
  }

  static std::string settings(std::string_view value) {
    auto tokens = tokenize(value, false);
    tokens.pop_back();
    std::string out;
    for (const auto item : split_list(tokens)) {
      if (item.size() < 3) continue;  // between two commas
      out += fmt::format("{}{} = ", out.empty() ? "" : ", ", item[0].text);
      for (const auto& part : item.subspan(2)) out += part.text;
    }
    return out;
  }

  /// TOKEN "name" SCOPE; as written when a comment follows. No scope is added: it may publish a pipe.
  std::string token(const Instruction& in) {
    const auto raw = trim(in.raw);
    std::vector<TokenGrant> grants;
    read_token(source_, in, kind_ == FileKind::pipe, grants);
    if (grants.empty() || raw.find('#') != std::string_view::npos) return fmt::format("TOKEN {}", raw);
    const auto& grant = grants.front();
    const char quote = grant.name.find('"') == std::string::npos ? '"' : '\'';
    const bool create = raw.size() > 6 && equal_ignoring_case(raw.substr(raw.size() - 6), "CREATE");
    if (!names_token_scope(in)) return fmt::format("TOKEN {}{}{}", quote, grant.name, quote);
    return fmt::format("TOKEN {}{}{} {}", quote, grant.name, quote,
                       grant.permission == TokenGrant::Permission::read ? "READ"
                       : create                                         ? "CREATE"
                                                                        : "APPEND");
  }

  /// One workspace a line, comments between them kept.
  static std::string workspaces(const Instruction& in) {
    std::vector<std::string> lines;
    std::size_t last = 0;  // the last line that is no comment
    for (std::string_view rest = in.raw; !rest.empty();) {
      const auto end = rest.find('\n');
      auto line = trim(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      if (line.starts_with('#')) {
        lines.emplace_back(line);
        continue;
      }
      for (const auto& item : read_items(line)) {
        last = lines.size();
        lines.push_back(fmt::format("{},", item));
      }
    }
    if (last < lines.size() && lines[last].ends_with(',')) lines[last].pop_back();
    return fmt::format("{}", fmt::join(lines, "\n"));
  }

  /// One column or index a line. Comments stay before what they stood before; one blank line between two stays.
  std::string definitions(const Instruction& in) {
    struct Entry {
      std::uint32_t line = 0, column = 0;
      std::string text;
      bool comment = false;
    };
    std::vector<Entry> entries;
    const bool columns = in.rule->name == "SCHEMA";
    const auto add = [&](Position at, std::string text, bool comment) {
      entries.push_back({.line = at.line, .column = at.column, .text = std::move(text), .comment = comment});
    };
    if (columns)
      for (const auto& column : read_columns(source_, in.value)) add(column.position, column_line(column), false);
    else
      for (const auto& index : read_indexes(source_, in.value)) add(index.position, index_line(index), false);
    const auto last = entries.size();
    if (columns)
      for (std::size_t i = 0; i + 1 < last; ++i) entries[i].text += ',';
    std::vector<std::string_view> comments;
    (void)tokenize(in.value, true, &comments);
    for (const auto comment : comments) add(source_.position(comment), std::string(comment), true);
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::pair(a.line, a.column) < std::pair(b.line, b.column); });
    const auto blank = blank_lines();
    std::string out;
    for (const auto& entry : entries) {
      if (!out.empty()) out += blank.at(entry.line - 1) ? "\n\n" : "\n";
      out += entry.text;
    }
    return out;
  }

  /// Which lines of the file are blank; line 1 is the first.
  std::vector<bool> blank_lines() const {
    std::vector<bool> out = {false};
    for (std::string_view rest = source_.text(); !rest.empty();) {
      const auto end = rest.find('\n');
      out.push_back(trim(rest.substr(0, end)).empty());
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return out;
  }

  Source& source_;
  FileKind kind_;
  SyntaxTree tree_;
  std::vector<Item> items_;
  int section_ = 0;
};

std::unexpected<Error> refuse(const Diagnostic& first) {
  Diagnostic bare = first;
  bare.hint.clear();
  return fail(Error{.code = Code::invalid, .message = to_string(bare), .hint = first.hint});
}

const Diagnostic* first_error(const std::vector<Diagnostic>& found) {
  const auto at = std::find_if(found.begin(), found.end(), [](const auto& d) { return d.severity == Severity::error; });
  return at == found.end() ? nullptr : &*at;
}

/// The model printed, which shows every field; or the first error.
Result<std::string> model_of(const SourceFile& file, FileKind kind) {
  const auto print_of = [&](const auto& parsed) -> Result<std::string> {
    if (const auto* error = first_error(parsed.diagnostics)) return refuse(*error);
    return print(parsed.resource);
  };
  switch (kind) {
    case FileKind::data_source:
      return print_of(parse_data_source(file));
    case FileKind::pipe:
      return print_of(parse_pipe(file));
    case FileKind::connection:
      return print_of(parse_connection(file));
    case FileKind::token:
      break;
  }
  return std::string();
}

}  // namespace

Result<std::string> format_datafile(const SourceFile& file) {
  const auto dot = file.name.rfind('.');
  const auto extension = upper(dot == std::string::npos ? std::string_view() : std::string_view(file.name).substr(dot));
  FileKind kind = FileKind::data_source;
  if (extension == ".PIPE" || extension == ".ENDPOINT")
    kind = FileKind::pipe;
  else if (extension == ".CONNECTION")
    kind = FileKind::connection;
  else if (extension != ".DATASOURCE")
    return fail(Error{.code = Code::unsupported,
                      .message = fmt::format("{}: not a file that can be formatted", file.name),
                      .hint = "files that can: .datasource, .pipe, .endpoint, .connection"});

  std::vector<Diagnostic> found;
  Source source(file.name, file.text, found);
  if (!source.check_text()) return refuse(found.front());
  Formatter formatter(source, kind);
  const bool included = formatter.has_include();
  std::string before;
  if (!included) {
    auto model = model_of(file, kind);
    if (!model) return fail(std::move(model).error());
    before = std::move(*model);
  }
  auto out = formatter.format();
  if (const auto* error = first_error(found)) return refuse(*error);
  if (included) return out;
  // A formatter that damages a file is worse than none: what it wrote must read as the same model.
  const auto after = model_of({.name = file.name, .text = out}, kind);
  if (!after || *after != before)
    return fail(Code::internal, "{}: the formatted text would not mean the same; the file stays as it is", file.name);
  return out;
}

}  // namespace kinglet::datafile
