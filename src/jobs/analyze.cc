// SPDX-License-Identifier: Apache-2.0
#include "jobs/analyze.h"

#include <map>

#include "catalog/model.h"
#include "jobs/import.h"

namespace kinglet::jobs {
namespace {

/// The declared type of a container's column, when it is one that a data source can have. The engine writes instants
/// with UTC, and low cardinality as it was in the file.
std::string declared_type(std::string_view type) {
  std::string out(type);
  for (const std::string_view zone : {", 'UTC'", "('UTC')"})
    for (auto at = out.find(zone); at != out.npos; at = out.find(zone)) out.erase(at, zone.size());
  for (const std::string_view odd :
       {"Tuple(", "Nested(", "Variant(", "Dynamic", "Enum", "Nothing", "Time(", "Time64", "Interval", "Object("})
    for (auto at = out.find(odd); at != out.npos; at = out.find(odd, at + 1))
      if (at == 0 || out[at - 1] == '(' || out[at - 1] == ' ') return {};
  return out;
}

/// Columns as the file declares them, with what the sample says about those that it does not declare in our types.
std::vector<rows::InferredColumn> merged(std::vector<rows::InferredColumn> inferred,
                                         const std::vector<ContainerColumn>& declared) {
  std::map<std::string, std::string> types;
  for (const auto& column : declared) types[column.name] = declared_type(column.type);
  for (auto& column : inferred) {
    auto key = column.path.substr(std::min<std::size_t>(2, column.path.size()));
    if (key.ends_with("[:]")) key.resize(key.size() - 3);
    const auto found = types.find(key);
    if (found == types.end() || found->second.empty()) continue;
    const bool array = found->second.starts_with("Array(");
    if (array && !column.path.ends_with("[:]")) column.path += "[:]";
    const bool nullable =
        found->second.starts_with("Nullable(") || found->second.starts_with("LowCardinality(Nullable(");
    column.type = column.present_pct < 1 && !nullable && !array && !found->second.starts_with("Map(")
                      ? fmt::format("Nullable({})", found->second)
                      : found->second;
  }
  return inferred;
}

Task<Status> sample_text(FileReader& reader, const AnalyzeRequest& request, rows::SchemaInference& inference,
                         Analysis& out) {
  std::string text;
  bool whole = false;
  while (!inference.full() && out.bytes < request.sample_bytes) {
    CO_TRY(auto piece, co_await reader.next());
    if (piece.empty()) {
      whole = true;
      break;
    }
    out.bytes += piece.size();
    if (request.charset != rows::Charset::utf8) {
      text.clear();
      rows::to_utf8(request.charset, piece, text);
      piece = text;
    }
    inference.feed(piece);
  }
  inference.finish(whole);
  co_return Status{};
}

Task<Result<std::vector<ContainerColumn>>> sample_container(ReaderTools tools, FileReader& reader,
                                                            const AnalyzeRequest& request,
                                                            rows::SchemaInference& inference, Analysis& out,
                                                            std::shared_ptr<ImportControl> control) {
  if (tools.process == nullptr)
    co_return fail(Code::unavailable, "{} files cannot be read: kinglet-engine is not installed",
                   format_name(out.format));
  ScratchFile file(tools, fmt::format("analyze-{}", catalog::new_uuid()));
  CO_TRY(out.format, co_await keep_container(tools, reader, out.format, file, request.container_bytes_max,
                                             [&](std::size_t count) { out.bytes += count; }));
  CO_TRY(const auto rows, co_await ContainerRows::open(
                              tools, file.reader_path(),
                              {.format = out.format,
                               .rows_max = request.sample_rows,
                               .seconds_max = std::chrono::duration_cast<std::chrono::seconds>(analyze_patience)},
                              control));
  CO_TRY(auto columns, co_await rows->columns());
  std::uint64_t bytes = 0;
  while (!inference.full() && bytes < request.sample_bytes) {
    CO_TRY(const auto piece, co_await rows->next());
    if (piece.empty()) break;
    bytes += piece.size();
    inference.feed(piece);
  }
  inference.finish(bytes < request.sample_bytes);
  co_return columns;
}

}  // namespace

Task<Result<Analysis>> analyze(ReaderTools tools, AnalyzeRequest request, http::BodyReader& body,
                               std::shared_ptr<ImportControl> control) {
  const auto begun = Clock::now();
  FileReader reader(body,
                    {.content_encoding = request.content_encoding,
                     .bytes_max = request.container_bytes_max,
                     .content_bytes_max = request.container_bytes_max},
                    control);
  auto work = [](ReaderTools t, FileReader& file, AnalyzeRequest asked,
                 std::shared_ptr<ImportControl> watched) -> Task<Result<Analysis>> {
    Analysis out;
    CO_TRY(const auto head, co_await file.peek());
    out.format = asked.format.value_or(format_of_bytes(head));
    rows::SchemaInference inference({.csv = out.format == FileFormat::csv,
                                     .dialect = asked.csv,
                                     .type_guessing = asked.type_guessing,
                                     .rows_max = asked.sample_rows});
    std::vector<ContainerColumn> declared;
    if (is_container(out.format)) {
      CO_TRY(declared, co_await sample_container(t, file, asked, inference, out, watched));
    } else {
      CO_TRY_VOID(co_await sample_text(file, asked, inference, out));
    }
    out.rows = inference.row_count();
    out.malformed = inference.malformed_count();
    if (out.rows == 0)
      co_return fail(Code::invalid, "the file holds no row that can be read ({} lines are none)", out.malformed);
    out.columns = inference.columns();
    if (asked.type_guessing) out.columns = merged(std::move(out.columns), declared);
    out.preview = inference.preview();
    co_return out;
  };
  auto analysis = co_await work(tools, reader, std::move(request), control);
  if (analysis) analysis->elapsed = Clock::now() - begun;
  co_return analysis;
}

std::string schema_text(const std::vector<rows::InferredColumn>& columns) {
  std::string out;
  for (const auto& column : columns) {
    if (!out.empty()) out += ", ";
    out += fmt::format("{} {}", column.name, column.type);
    if (!column.path.empty()) out += fmt::format(" `json:{}`", column.path);
  }
  return out;
}

}  // namespace kinglet::jobs
