// SPDX-License-Identifier: Apache-2.0
// Rows into blocks: feeds from the cutters, walks, converts, quarantines.
#include "rows/row_batch.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "rows/ndjson.h"
#include "rows/quarantine.h"
#include "rows/row_walk.h"

namespace kinglet::rows {

using internal::Fault;
using internal::Tokens;

struct BatchBuilder::Impl : internal::JsonSink, internal::CsvSink {
  /// Rows with the same set of columns.
  struct Group {
    std::vector<std::uint32_t> columns;  // indexes into RowMapping::columns()
    engine::Block block;
  };

  Impl(std::shared_ptr<const RowMapping> mapping_in, BatchOptions options_in)
      : mapping(std::move(mapping_in)), walk(*mapping), quarantine(*mapping) {
    state.options = &mapping->options();
    state.zones.resize(mapping->zone_count());
    restart(std::move(options_in));
  }

  void restart(BatchOptions options_in) {
    const bool other_columns =
        main == nullptr || (options.format == InputFormat::csv) != (options_in.format == InputFormat::csv);
    options = std::move(options_in);
    if (other_columns) {
      filled = options.format == InputFormat::csv ? mapping->csv_columns() : mapping->json_columns();
      may_leave_out = std::ranges::any_of(
          filled, [&](std::uint32_t column) { return mapping->columns()[column].absent == Absent::left_out; });
      row_width = 0;
      for (const std::uint32_t column : filled) {
        const std::uint32_t width = mapping->columns()[column].convert.type.width;
        row_width += width > 0 ? width : 8;
      }
      groups.clear();
      main = &groups.emplace(0, make_group(0)).first->second;
    } else {
      std::erase_if(groups, [](const auto& entry) { return entry.first != 0; });
      main->block.clear();
    }
    quarantine.clear();
    json.reset();
    csv.reset();
    if (options.format == InputFormat::csv) {
      csv.emplace(options.csv, mapping->options().row_bytes_max, *this);
    } else {
      json.emplace(options.format == InputFormat::json ? internal::JsonForm::json : internal::JsonForm::ndjson,
                   mapping->options().row_bytes_max, *this);
    }
    batch = totals = {};
    is_full = false;
    bytes_unseen = text_bytes = text_hash = row_number = 0;
    errors.clear();
    status = {};
    cell_of.clear();
    csv_unknown.clear();
    walk.forget_unknown_keys();
    state.trim();
    index.shrink(index_kept_max);
  }

  // ---- where rows go

  Group make_group(std::uint32_t left_out) const {
    Group fresh;
    for (const std::uint32_t number : filled) {
      const MappedColumn& column = mapping->columns()[number];
      if (column.absent == Absent::left_out && (left_out >> column.left_out_bit & 1) != 0) continue;
      fresh.columns.push_back(number);
    }
    add_columns(fresh);
    return fresh;
  }
  void add_columns(Group& to) const {
    for (const std::uint32_t number : to.columns) {
      const MappedColumn& column = mapping->columns()[number];
      to.block.add(column.name, column.make_column());
    }
  }
  /// take() left the main block without columns, and no batch came back to be filled again.
  void before_rows() {
    if (main->block.column_count() == 0) add_columns(*main);
  }

  Group& group(std::uint32_t left_out) {
    const auto found = groups.find(left_out);
    if (found != groups.end()) return found->second;
    Group fresh = make_group(left_out);
    // Each set of absent columns is an insert of its own: too many of them end the batch.
    if (groups.size() >= BatchBuilder::groups_max) is_full = true;
    return groups.emplace(left_out, std::move(fresh)).first->second;
  }

  std::size_t rows() const { return batch.successful + quarantine.block().row_count(); }
  bool full() const override { return is_full; }

  std::size_t byte_size() const {
    std::size_t bytes = quarantine.block().byte_size();
    for (const auto& [mask, one] : groups) bytes += one.block.byte_size();
    return bytes;
  }

  void row_done(std::string_view text) {
    text_bytes += text.size();
    if (options.hash_text) text_hash = hash_of(text_hash, text);
    if (rows() >= options.rows_max || text_bytes >= options.text_bytes_max) is_full = true;
    // Short rows can make wide ones of defaults.
    bytes_unseen += text.size() + row_width;
    if (bytes_unseen < 64 << 10) return;
    bytes_unseen = 0;
    if (byte_size() >= options.bytes_max) is_full = true;
  }

  /// Multiplies 16 bytes at a time into 128 bits and folds them.
  static std::uint64_t hash_of(std::uint64_t seed, std::string_view text) {
    __extension__ using Wide = unsigned __int128;
    const auto mix = [](std::uint64_t a, std::uint64_t b) {
      const Wide product = static_cast<Wide>(a) * b;
      return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
    };
    constexpr std::uint64_t odd[] = {0xa0761d6478bd642full, 0xe7037ed1a0b428dbull};
    std::uint64_t hash = mix(seed ^ odd[0], text.size() ^ odd[1]);
    std::uint64_t words[2];
    while (text.size() >= sizeof words) {
      std::memcpy(words, text.data(), sizeof words);
      hash = mix(words[0] ^ odd[0], words[1] ^ hash);
      text.remove_prefix(sizeof words);
    }
    words[0] = words[1] = 0;
    if (!text.empty()) std::memcpy(words, text.data(), text.size());
    return mix(words[0] ^ odd[0], words[1] ^ hash);
  }

  void sample(std::string_view column, std::string_view error) {
    if (errors.size() < options.samples_max) errors.push_back({row_number, std::string(column), std::string(error)});
  }

  /// A row that the cutter of the stream could not complete.
  void malformed(std::string_view head, std::string_view why) override {
    ++row_number;
    no_row(head, why);
  }

  /// The present line, element or record is no row.
  void no_row(std::string_view head, std::string_view why) {
    ++batch.malformed;
    const std::string text = shorten(head, QuarantineLimits::line_bytes_max);
    const std::string error = fmt::format("{}: {}", why, text);
    sample({}, shorten(error, 2 * QuarantineLimits::error_value_bytes_max));
    if (!csv) {
      ++batch.quarantined;
      quarantine.add_line(error, options.import_id, options.now_seconds);
    }
    row_done(head);
  }

  // ---- one row, from JSON or CSV: `cells` has value(column) → Fault and text(column) → optional<string>

  Fault put_absent(const MappedColumn& column, engine::Column& out) const {
    switch (column.absent) {
      case Absent::fault:
        return Fault::missing;
      case Absent::null:
      case Absent::engine_default:
        out.add_null();
        return Fault::none;
      case Absent::constant:
        return out.append(*column.constant) ? Fault::none : Fault::missing;
      case Absent::left_out:
        return Fault::missing;
    }
    return Fault::missing;
  }

  Fault put_null(const MappedColumn& column, engine::Column& out) const {
    if (column.nullable) {
      out.add_null();
      return Fault::none;
    }
    if (column.has_default) return mapping->options().null_uses_default ? put_absent(column, out) : Fault::null_value;
    if (column.sent.kind == engine::Kind::json) {
      out.add_default();
      return Fault::none;
    }
    return Fault::null_value;
  }

  static engine::Column& present(const MappedColumn& column, engine::Column& out) {
    return column.nullable || column.absent == Absent::engine_default ? out.present() : out;
  }

  /// `row` answers absent(column), left_out(column), convert(column, out) and text(column). False: the row is
  /// malformed.
  template <class Row>
  bool put_row(const Row& row, std::string_view row_text) {
    Group* target = main;
    if (may_leave_out) {
      std::uint32_t mask = 0;
      for (const std::uint32_t number : filled) {
        const MappedColumn& column = mapping->columns()[number];
        if (column.absent == Absent::left_out && row.takes_default(column, number)) mask |= 1u << column.left_out_bit;
      }
      if (mask != 0) target = &group(mask);
      if (target->columns.empty()) target = main;  // nothing would be left to send: the row is refused as missing
    }
    const std::size_t before = target->block.row_count();
    failures.clear();
    for (std::size_t i = 0; i < target->columns.size(); ++i) {
      const MappedColumn& column = mapping->columns()[target->columns[i]];
      const Fault fault = row.put(column, target->columns[i], target->block.column(i));
      if (fault == Fault::none) [[likely]]
        continue;
      if (fault == Fault::malformed) {
        target->block.truncate(before);
        return false;
      }
      failures.push_back({target->columns[i], fault});
    }
    if (failures.empty()) [[likely]] {
      ++batch.successful;
    } else {
      // Columns before a fault are a row ahead, the faulty one may be half-written.
      target->block.truncate(before);
      quarantine_row(row);
    }
    row_done(row_text);
    return true;
  }

  template <class Row>
  void quarantine_row(const Row& row) {
    std::vector<std::optional<std::string>> values(mapping->columns().size());
    std::vector<QuarantineBuilder::Failure> reasons;
    for (const std::uint32_t number : filled)
      values[number] = row.text(number, mapping->options().quarantine_json_text);
    for (const auto& [number, fault] : failures) {
      const MappedColumn& column = mapping->columns()[number];
      const std::string shown = row.text(number, false).value_or("");
      reasons.push_back({number, quarantine_error(fault, shown, column.name, column.type_text)});
      sample(column.name, reasons.back().error);
    }
    quarantine.add_row(values, reasons, options.import_id, options.now_seconds);
    ++batch.quarantined;
  }

  // ---- JSON

  struct JsonRow {
    Impl& in;
    const Tokens& tokens;

    bool is_null(std::uint32_t token) const { return tokens.at(token) == 'n' && tokens.scalar(token) == "null"; }

    bool takes_default(const MappedColumn& column, std::uint32_t) const {
      const std::uint32_t token = in.walk.value(column.node);
      return token == internal::RowWalk::absent ||
             (!column.nullable && in.mapping->options().null_uses_default && is_null(token));
    }
    Fault put(const MappedColumn& column, std::uint32_t, engine::Column& out) const {
      const std::uint32_t token = in.walk.value(column.node);
      if (token == internal::RowWalk::absent) return in.put_absent(column, out);
      if (is_null(token)) return in.put_null(column, out);
      engine::Column& target = present(column, out);
      if (column.steps.empty()) [[likely]]
        return internal::convert_value(in.state, tokens, token, column.convert, target);
      const Fault fault = internal::convert_steps(in.state, tokens, token, column.steps, column.convert, target);
      const char first = tokens.at(token);
      // A scalar where an array was expected has not been looked at.
      if (fault != Fault::none && first != '"' && first != '[' && first != '{' &&
          !internal::is_json_scalar(tokens.scalar(token)))
        return Fault::malformed;
      return fault;
    }
    std::optional<std::string> text(std::uint32_t number, bool quotes) const {
      const std::uint32_t token = in.walk.value(in.mapping->columns()[number].node);
      if (token == internal::RowWalk::absent || is_null(token)) return std::nullopt;
      std::string out;
      std::string_view raw;
      if (tokens.at(token) == '"' && !quotes && tokens.raw_string(token, raw)) {
        // What has no text (a lone surrogate) is kept as it was written.
        if (!internal::unescape(raw, InvalidText::reject, out)) out = raw;
        return out;
      }
      internal::compact(tokens, token, out);
      return out;
    }
  };

  void row_of(const Tokens& tokens, std::uint32_t first, std::string_view text) {
    if (walk.read(tokens, first) && put_row(JsonRow{*this, tokens}, text)) return;
    no_row(text.substr(0, QuarantineLimits::line_bytes_max), "not a JSON object");
  }

  /// The tokens of `text`, which `index` was built over.
  Tokens tokens_of(std::string_view text) const {
    return {.text = text.data(),
            .index = index.begin(),
            .token_end = index.size(),
            .end = static_cast<std::uint32_t>(text.size()),
            .escapes = text.find('\\') != std::string_view::npos};
  }

  /// A row whose text could not be indexed with others.
  void row_alone(std::string_view text) {
    if (text.size() > mapping->options().row_bytes_max) {
      no_row(text.substr(0, QuarantineLimits::line_bytes_max), "the row is longer than the limit");
      return;
    }
    std::string repaired;
    bool indexed = index.build(text);
    if (!indexed && mapping->options().invalid_text == InvalidText::replace &&
        !simdjson::validate_utf8(text.data(), text.size())) {
      repaired = internal::replace_invalid_utf8(text);
      text = repaired;
      indexed = index.build(text);
    }
    if (!indexed) {
      no_row(text.substr(0, QuarantineLimits::line_bytes_max), "not valid JSON text");
      return;
    }
    if (index.size() > 0) row_of(tokens_of(text), 0, text);
  }

  static constexpr std::size_t window_bytes = 64 << 10;
  static constexpr std::size_t index_kept_max = 1u << 20;  // text bytes

  std::size_t lines(std::string_view text) override {
    // As many whole lines as fit a window, at least one.
    std::size_t size = text.size();
    if (size > window_bytes) {
      size = text.rfind('\n', window_bytes - 1) + 1;
      if (size == 0) size = std::min(text.find('\n', window_bytes - 1), text.size() - 1) + 1;
    }
    std::string_view window = text.substr(0, size);
    const bool together = window.size() <= mapping->options().row_bytes_max && index.build(window);
    Tokens tokens = together ? tokens_of(window) : Tokens{};
    std::uint32_t token = 0;
    for (std::size_t at = 0; at < window.size();) {
      const auto* newline = static_cast<const char*>(std::memchr(window.data() + at, '\n', window.size() - at));
      const std::size_t end = newline == nullptr ? window.size() : static_cast<std::size_t>(newline - window.data());
      const std::string_view line = window.substr(at, end - at);
      ++row_number;
      if (together) {
        tokens.end = static_cast<std::uint32_t>(end);
        if (tokens.at(token) != '\n') row_of(tokens, token, line);
        while (token < tokens.token_end && tokens.index[token] < end) ++token;
      } else {
        row_alone(line);
      }
      at = end + 1;
      if (is_full) return std::min(at, window.size());
    }
    return window.size();
  }

  void skip_lines(std::size_t count) override { row_number += count; }

  void document(std::string_view text) override {
    ++row_number;
    row_alone(text);
  }

  bool is_object(std::string_view text) override {
    if (!index.build(text) || index.size() == 0 || text[index.begin()[0]] != '{') return false;
    return internal::skip_checked(tokens_of(text), 0, mapping->options().depth_max) == index.size();
  }

  // ---- CSV

  static constexpr std::uint32_t no_cell = UINT32_MAX;

  struct CsvRow {
    Impl& in;
    const std::vector<internal::CsvCell>& cells;

    const internal::CsvCell* cell(std::uint32_t number) const {
      const std::uint32_t place = in.cell_of[number];
      return place < cells.size() ? &cells[place] : nullptr;
    }
    /// NULL spellings: `\N` quoted or not; an empty cell without quotes unless an empty text is a value of the column.
    static bool is_null(const MappedColumn& column, const internal::CsvCell& cell) {
      if (cell.text == "\\N") return true;
      if (!cell.text.empty()) return false;
      if (column.nullable || column.has_default)
        return !cell.quoted || column.convert.type.kind != engine::Kind::string;
      return false;
    }
    bool takes_default(const MappedColumn& column, std::uint32_t number) const {
      const internal::CsvCell* found = cell(number);
      return found == nullptr || (!column.nullable && is_null(column, *found));
    }
    Fault put(const MappedColumn& column, std::uint32_t number, engine::Column& out) const {
      const internal::CsvCell* found = cell(number);
      if (found == nullptr) return in.put_absent(column, out);
      if (is_null(column, *found)) {
        // An empty cell is "no value": it takes the DEFAULT whatever null does.
        if (found->text.empty() && !column.nullable) return in.put_absent(column, out);
        return in.put_null(column, out);
      }
      if (!in.cells_are_text && !simdjson::validate_utf8(found->text.data(), found->text.size())) {
        if (in.mapping->options().invalid_text == InvalidText::reject) return Fault::bad_text;
        const std::string repaired = internal::replace_invalid_utf8(found->text);
        return internal::convert_cell(in.state, repaired, column.convert, present(column, out));
      }
      return internal::convert_cell(in.state, found->text, column.convert, present(column, out));
    }
    std::optional<std::string> text(std::uint32_t number, bool) const {
      const internal::CsvCell* found = cell(number);
      if (found == nullptr || found->text == "\\N") return std::nullopt;
      return std::string(found->text);
    }
  };

  /// By the header's text, else by the name that an analysis of the file gives such a column.
  std::optional<std::uint32_t> find_column(std::string_view header) const {
    const auto exact = mapping->find(header);
    return exact || header.empty() ? exact : mapping->find(column_name(header));
  }

  /// Decides on the header with the first record; true when it was one.
  bool read_header(const std::vector<internal::CsvCell>& cells) {
    cell_of.assign(mapping->columns().size(), no_cell);
    std::size_t known = 0;
    for (std::uint32_t i = 0; i < cells.size(); ++i) {
      const std::string_view name = trimmed(cells[i].text);
      const auto column = find_column(name);
      if (!column) continue;
      ++known;
      if (mapping->columns()[*column].insertable) cell_of[*column] = i;  // a name twice: the last
    }
    const bool header = options.csv.header.value_or(known > 0 && known * 2 >= cells.size());
    if (header) {
      if (known == 0)
        status =
            fail(Code::invalid, "no column of the CSV header is a column of the data source; the first one is '{}'",
                 shorten(cells[0].text, QuarantineLimits::error_value_bytes_max));
      for (const internal::CsvCell& cell : cells) {
        const std::string name = shorten(trimmed(cell.text), internal::RowWalk::unknown_key_bytes_max);
        if (!name.empty() && !find_column(name) && csv_unknown.size() < internal::RowWalk::unknown_keys_max)
          csv_unknown.push_back(name);
      }
    } else {
      std::ranges::fill(cell_of, no_cell);
      for (std::uint32_t i = 0; i < filled.size(); ++i) cell_of[filled[i]] = i;
    }
    by_position = !header;
    cells_expected = cells.size();
    return header;
  }

  static std::string_view trimmed(std::string_view text) {
    while (!text.empty() && Tokens::is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && Tokens::is_blank(text.back())) text.remove_suffix(1);
    return text;
  }

  void record(const std::vector<internal::CsvCell>& cells) override {
    if (!status) return;
    ++row_number;
    if (cell_of.empty() && read_header(cells)) return;
    if (!status) return;
    const char* from = cells.front().text.data();
    const std::string_view whole(from,
                                 static_cast<std::size_t>(cells.back().text.data() + cells.back().text.size() - from));
    if (cells.size() != cells_expected || (cells.size() > filled.size() && by_position)) {
      no_row(whole.substr(0, QuarantineLimits::line_bytes_max),
             fmt::format("{} cells where {} were expected", cells.size(),
                         by_position ? std::min(cells_expected, filled.size()) : cells_expected));
      return;
    }
    cells_are_text = simdjson::validate_utf8(whole.data(), whole.size());
    put_row(CsvRow{*this, cells}, whole);
  }

  // ---- state

  std::shared_ptr<const RowMapping> mapping;
  BatchOptions options;
  internal::ConvertState state;
  internal::RowWalk walk;
  internal::TokenIndex index;
  QuarantineBuilder quarantine;
  std::vector<std::uint32_t> filled;
  bool may_leave_out = false;
  std::map<std::uint32_t, Group> groups;
  Group* main = nullptr;
  std::optional<internal::JsonFeed> json;
  std::optional<internal::CsvFeed> csv;

  BatchCounts batch, totals;
  bool is_full = false;
  std::size_t row_width = 0;  // bytes in a block of one row's fixed columns
  std::size_t bytes_unseen = 0;
  std::uint64_t text_bytes = 0, text_hash = 0;  // of the open batch
  std::uint64_t row_number = 0;
  std::vector<RowError> errors;
  std::vector<std::pair<std::uint32_t, Fault>> failures;

  Status status;
  std::vector<std::uint32_t> cell_of;  // of each column: its cell; empty before the first record
  std::size_t cells_expected = 0;
  bool cells_are_text = true;
  bool by_position = false;
  std::vector<std::string> csv_unknown;
};

BatchBuilder::BatchBuilder(std::shared_ptr<const RowMapping> mapping, BatchOptions options)
    : impl_(std::make_unique<Impl>(std::move(mapping), std::move(options))) {}
BatchBuilder::~BatchBuilder() = default;
BatchBuilder::BatchBuilder(BatchBuilder&&) noexcept = default;

Result<std::size_t> BatchBuilder::feed(std::string_view chunk) {
  impl_->before_rows();
  const std::size_t used = impl_->csv ? impl_->csv->feed(chunk) : impl_->json->feed(chunk);
  TRY_VOID(std::as_const(impl_->status));
  return used;
}

Result<bool> BatchBuilder::finish() {
  impl_->before_rows();
  const bool ended = impl_->csv ? impl_->csv->finish() : impl_->json->finish();
  TRY_VOID(std::as_const(impl_->status));
  return ended;
}

void BatchBuilder::restart(BatchOptions options) {
  impl_->restart(std::move(options));
}

void BatchBuilder::drop_memory() {
  if (!empty()) return;
  impl_->main->block = {};
  impl_->quarantine.take();
}

std::size_t BatchBuilder::byte_size() const {
  return impl_->byte_size();
}

std::size_t BatchBuilder::memory() const {
  std::size_t size = impl_->quarantine.block().memory();
  for (const auto& [mask, group] : impl_->groups) size += group.block.memory();
  return size;
}

std::size_t BatchBuilder::open_bytes() const {
  return impl_->csv ? impl_->csv->open_bytes() : impl_->json->open_bytes();
}

const std::shared_ptr<const RowMapping>& BatchBuilder::mapping() const {
  return impl_->mapping;
}

bool BatchBuilder::full() const {
  return impl_->is_full;
}
bool BatchBuilder::empty() const {
  return impl_->rows() == 0 && impl_->batch.malformed == 0;
}

Batch BatchBuilder::take() {
  Impl& in = *impl_;
  Batch out;
  out.counts = std::exchange(in.batch, {});
  in.totals.successful += out.counts.successful;
  in.totals.quarantined += out.counts.quarantined;
  in.totals.malformed += out.counts.malformed;
  out.errors = std::exchange(in.errors, {});
  out.text_hash = std::exchange(in.text_hash, 0);
  in.text_bytes = 0;
  if (!in.quarantine.block().empty()) out.quarantine = in.quarantine.take();
  for (auto& [mask, group] : in.groups)
    if (!group.block.empty()) out.rows.push_back(std::exchange(group.block, {}));
  std::erase_if(in.groups, [](const auto& entry) { return entry.first != 0; });
  in.is_full = false;
  in.bytes_unseen = 0;
  in.index.shrink(Impl::index_kept_max);
  return out;
}

void BatchBuilder::recycle(Batch&& batch) {
  Impl& in = *impl_;
  // The main block is the first one, when it has rows; a block without some columns is not worth keeping.
  if (!batch.rows.empty() && in.main->block.column_count() == 0 &&
      batch.rows[0].column_count() == in.main->columns.size()) {
    batch.rows[0].clear();
    in.main->block = std::move(batch.rows[0]);
  }
  if (batch.quarantine.column_count() > 0) in.quarantine.recycle(std::move(batch.quarantine));
}

const BatchCounts& BatchBuilder::totals() const {
  return impl_->totals;
}

bool BatchBuilder::nothing_parsed() const {
  const Impl& in = *impl_;
  const std::uint64_t malformed = in.totals.malformed + in.batch.malformed;
  const std::uint64_t good = in.totals.successful + in.batch.successful;
  const std::uint64_t bad = in.totals.quarantined + in.batch.quarantined;
  return malformed > 0 && good == 0 && (in.csv ? bad == 0 : bad == malformed);
}

std::vector<std::string> BatchBuilder::new_columns() const {
  std::vector<std::string> out(impl_->walk.unknown_keys().begin(), impl_->walk.unknown_keys().end());
  out.insert(out.end(), impl_->csv_unknown.begin(), impl_->csv_unknown.end());
  std::ranges::sort(out);
  return out;
}

}  // namespace kinglet::rows
