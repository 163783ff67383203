// SPDX-License-Identifier: Apache-2.0
// Quarantine rows and the one table of error texts.
#include "rows/quarantine.h"

namespace kinglet::rows {
namespace {

engine::Column column_of(std::string_view type) {
  return engine::Column(*engine::parse_type(type));
}

/// {0} value, {1} column, {2} type. Only the first text is documented by the product that we follow
/// (spec/connectors.md 2.7).
constexpr fmt::format_string<std::string_view, std::string_view, std::string_view> texts(internal::Fault fault) {
  switch (fault) {
    case internal::Fault::null_value:
      return "null value not allowed on column '{1}' of type {2}";
    case internal::Fault::missing:
      return "value missing on column '{1}' of type {2}";
    case internal::Fault::bad_text:
      return "value '{0}' on column '{1}' is not valid Unicode text";
    case internal::Fault::bad_path:
      return "value '{0}' on column '{1}' has the same path twice, or too many paths, for {2}";
    default:
      return "value '{0}' on column '{1}' is not {2}";
  }
}

}  // namespace

std::string shorten(std::string_view text, std::size_t bytes_max) {
  std::size_t size = text.size();
  if (size > bytes_max) {
    size = bytes_max;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  }
  std::string out = internal::replace_invalid_utf8(text.substr(0, size));
  if (size < text.size()) out += "\xe2\x80\xa6";
  return out;
}

std::string quarantine_error(internal::Fault fault, std::string_view value, std::string_view column,
                             std::string_view type) {
  return fmt::format(fmt::runtime(texts(fault)), shorten(value, QuarantineLimits::error_value_bytes_max), column, type);
}

std::vector<std::pair<std::string, std::string>> quarantine_columns(const datafile::DataSource& source) {
  std::vector<std::pair<std::string, std::string>> out = {
      {"c__error_column", "Array(String)"}, {"c__error", "Array(String)"}, {"c__import_id", "Nullable(String)"}};
  for (const datafile::ColumnDefinition& column : source.columns) out.emplace_back(column.name, "Nullable(String)");
  out.emplace_back("insertion_date", "DateTime");
  return out;
}

void QuarantineBuilder::add_columns() {
  if (block_.column_count() > 0) return;
  block_.add("c__error_column", column_of("Array(String)"));
  block_.add("c__error", column_of("Array(String)"));
  const engine::Column text = column_of("Nullable(String)");
  block_.add("c__import_id", text);
  for (const MappedColumn& column : mapping_.columns()) block_.add(column.name, text);
  block_.add("insertion_date", column_of("DateTime"));
}

void QuarantineBuilder::recycle(engine::Block&& block) {
  if (block_.column_count() > 0) return;
  block_ = std::move(block);
  block_.clear();
}

void QuarantineBuilder::begin_row(std::string_view import_id) {
  if (import_id.empty()) {
    block_.column(2).add_null();
  } else {
    block_.column(2).present().add_string(import_id);
  }
}

void QuarantineBuilder::add_row(const std::vector<std::optional<std::string>>& values,
                                const std::vector<Failure>& failures, std::string_view import_id,
                                std::uint32_t now_seconds) {
  add_columns();
  for (const Failure& failure : failures) {
    block_.column(0).element(0).add_string(mapping_.columns()[failure.column].name);
    block_.column(1).element(0).add_string(failure.error);
  }
  block_.column(0).close_row();
  block_.column(1).close_row();
  begin_row(import_id);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i]) {
      block_.column(3 + i).present().add_string(*values[i]);
    } else {
      block_.column(3 + i).add_null();
    }
  }
  block_.column(3 + values.size()).add(now_seconds);
}

void QuarantineBuilder::add_line(std::string_view error, std::string_view import_id, std::uint32_t now_seconds) {
  add_columns();
  block_.column(0).close_row();
  block_.column(1).element(0).add_string(error);
  block_.column(1).close_row();
  begin_row(import_id);
  for (std::size_t i = 0; i < mapping_.columns().size(); ++i) block_.column(3 + i).add_null();
  block_.column(3 + mapping_.columns().size()).add(now_seconds);
}

}  // namespace kinglet::rows
