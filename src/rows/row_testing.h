// SPDX-License-Identifier: Apache-2.0
// For tests: data sources in one line, rows in, cells of blocks as text.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "rows/row_batch.h"

namespace kinglet::rows::testing {

/// name, type, path ("" for $.name, "-" for none), default ("" for none)
struct ColumnText {
  std::string name, type, path = {}, default_expression = {};
};

inline datafile::JsonPath path_of(const std::string& text) {
  datafile::JsonPath path{.steps = {}, .text = text};
  std::size_t at = 1;
  while (at < text.size()) {
    if (text.compare(at, 3, "[:]") == 0) {
      path.steps.push_back({.key = {}, .each = true});
      at += 3;
      continue;
    }
    ++at;  // the dot
    const std::size_t end = std::min(text.find_first_of(".[", at), text.size());
    path.steps.push_back({.key = text.substr(at, end - at), .each = false});
    at = end;
  }
  return path;
}

inline datafile::DataSource source_of(const std::vector<ColumnText>& columns) {
  datafile::DataSource source;
  source.name = "events";
  for (const ColumnText& text : columns) {
    datafile::ColumnDefinition column;
    column.name = text.name;
    column.type = text.type;
    if (text.path != "-") column.path = path_of(text.path.empty() ? "$." + text.name : text.path);
    if (!text.default_expression.empty()) column.default_expression = text.default_expression;
    source.columns.push_back(std::move(column));
  }
  return source;
}

inline std::string cell(const engine::Column& column, std::size_t row) {
  using engine::Kind;
  const engine::Type& type = column.type();
  const auto list = [&](const auto& each) {
    std::string out;
    const std::uint64_t from = row == 0 ? 0 : column.end_of(row - 1);
    for (std::uint64_t i = from; i < column.end_of(row); ++i) out += (i > from ? "," : "") + each(i);
    return out;
  };
  switch (column.shape()) {
    case engine::Column::Shape::nullable:
      return column.is_null(row) ? "NULL" : cell(column.child(0), row);
    case engine::Column::Shape::string:
      return std::string(column.string_at(row));
    case engine::Column::Shape::array:
      if (type.kind == Kind::map)
        return "{" + list([&](std::uint64_t i) { return cell(column.child(0), i) + ":" + cell(column.child(1), i); }) +
               "}";
      if (type.kind == Kind::nested)
        return "<" + list([&](std::uint64_t i) { return cell(column.child(0), i) + "|" + cell(column.child(1), i); }) +
               ">";
      return "[" + list([&](std::uint64_t i) { return cell(column.child(0), i); }) + "]";
    case engine::Column::Shape::tuple: {
      std::string out = "(";
      for (std::size_t i = 0; i < column.element_count(); ++i) out += (i > 0 ? "," : "") + cell(column.child(i), row);
      return out + ")";
    }
    case engine::Column::Shape::fixed:
      break;
  }
  const auto& data = column.data();
  switch (type.kind) {
    case Kind::float32:
      return fmt::format("{}", data.at<float>(row));
    case Kind::float64:
      return fmt::format("{}", data.at<double>(row));
    case Kind::fixed_string:
      return std::string(data.data() + row * type.width, type.width);
    case Kind::uint8:
    case Kind::boolean:
      return fmt::format("{}", data.at<std::uint8_t>(row));
    case Kind::uint16:
    case Kind::date:
      return fmt::format("{}", data.at<std::uint16_t>(row));
    case Kind::uint32:
    case Kind::date_time:
      return fmt::format("{}", data.at<std::uint32_t>(row));
    case Kind::uint64:
      return fmt::format("{}", data.at<std::uint64_t>(row));
    default:
      break;
  }
  switch (type.width) {
    case 1:
      return fmt::format("{}", data.at<std::int8_t>(row));
    case 2:
      return fmt::format("{}", data.at<std::int16_t>(row));
    case 4:
      if (type.kind != Kind::ipv4) return fmt::format("{}", data.at<std::int32_t>(row));
      break;
    case 8:
      return fmt::format("{}", data.at<std::int64_t>(row));
    default:
      break;
  }
  std::string out;
  for (std::uint32_t i = 0; i < type.width; ++i)
    out += fmt::format("{:02x}", static_cast<unsigned char>(data.data()[row * type.width + i]));
  return out;
}

struct Outcome {
  Batch batch;
  bool nothing_parsed = false;
  std::vector<std::string> new_columns;
  std::string fault;
  /// All good rows, cells joined by ';', in order of the blocks.
  std::vector<std::string> rows() const {
    std::vector<std::string> out;
    for (const engine::Block& block : batch.rows)
      for (std::size_t row = 0; row < block.row_count(); ++row) {
        std::string line;
        for (std::size_t i = 0; i < block.column_count(); ++i) line += (i > 0 ? ";" : "") + cell(block.column(i), row);
        out.push_back(line);
      }
    return out;
  }
  /// Quarantine rows without insertion_date.
  std::vector<std::string> bad() const {
    std::vector<std::string> out;
    for (std::size_t row = 0; row < batch.quarantine.row_count(); ++row) {
      std::string line;
      for (std::size_t i = 0; i + 1 < batch.quarantine.column_count(); ++i)
        line += (i > 0 ? ";" : "") + cell(batch.quarantine.column(i), row);
      out.push_back(line);
    }
    return out;
  }
};

inline Outcome read_with(std::shared_ptr<const RowMapping> mapping, std::string_view text, BatchOptions options,
                         std::size_t piece = SIZE_MAX) {
  Outcome out;
  // Whole streams in one batch, however long they are.
  options.rows_max = options.bytes_max = SIZE_MAX;
  BatchBuilder builder(std::move(mapping), std::move(options));
  while (!text.empty()) {
    // A copy of each piece: nothing may be read beyond its end or after the call.
    const std::string chunk(text.substr(0, piece));
    std::string_view rest = chunk;
    while (!rest.empty()) {
      auto used = builder.feed(rest);
      if (!used) {
        out.fault = used.error().message;
        return out;
      }
      rest.remove_prefix(*used);
    }
    text.remove_prefix(chunk.size());
  }
  if (auto done = builder.finish(); !done) out.fault = done.error().message;
  out.nothing_parsed = builder.nothing_parsed();
  out.new_columns = builder.new_columns();
  out.batch = builder.take();
  return out;
}

inline Outcome read_all(const datafile::DataSource& source, std::string_view text, BatchOptions options = {},
                        const MappingOptions& mapping = {}, std::size_t piece = SIZE_MAX) {
  auto compiled = RowMapping::compile(source, mapping);
  if (compiled) return read_with(*compiled, text, std::move(options), piece);
  Outcome out;
  out.fault = compiled.error().message;
  return out;
}

}  // namespace kinglet::rows::testing
