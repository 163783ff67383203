// SPDX-License-Identifier: Apache-2.0
#include "cli/file_commands.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <thread>

#include "cli/online.h"

namespace kinglet::cli {
namespace {

constexpr auto poll_pause = std::chrono::milliseconds(250);
constexpr auto upload_patience = std::chrono::hours(1);

/// Reads a file, or standard input, while it is sent.
class FileBody final : public http::BodySource {
 public:
  FileBody(const std::string& path, Progress& progress) : progress_(progress) {
    if (path == "-") return;
    file_.open(path, std::ios::binary);
    in_ = &file_;
  }
  Task<Result<std::string>> next() override {
    std::string piece(256u << 10, '\0');
    in_->read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (in_->bad() || (in_ == &file_ && !file_.is_open())) co_return fail(Code::invalid, "the file cannot be read");
    piece.resize(static_cast<std::size_t>(in_->gcount()));
    progress_.advance(piece.size());
    co_return piece;
  }

 private:
  std::ifstream file_;
  std::istream* in_ = &std::cin;
  Progress& progress_;
};

bool is_url(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

std::string media_type(std::string_view name) {
  for (const std::string_view packed : {".gz", ".zst", ".lz4"})
    if (name.ends_with(packed)) name.remove_suffix(packed.size());
  using Named = std::pair<std::string_view, std::string_view>;
  for (const auto& [suffix, type] :
       {Named{".csv", "text/csv"}, Named{".tsv", "text/csv"}, Named{".ndjson", "application/x-ndjson"},
        Named{".jsonl", "application/x-ndjson"}, Named{".json", "application/x-ndjson"},
        Named{".parquet", "application/vnd.apache.parquet"}, Named{".arrow", "application/vnd.apache.arrow.file"},
        Named{".arrows", "application/vnd.apache.arrow.stream"}, Named{".orc", "application/vnd.apache.orc"},
        Named{".avro", "application/avro"}})
    if (name.ends_with(suffix)) return std::string(type);
  return "application/octet-stream";  // the server looks at the first bytes
}

struct FileOptions {
  std::string name, file, url, events, format, condition, target;
  bool skip_incompatible = false, truncate_when_empty = false;
};

/// `file` may be an address, too.
Status one_input(FileOptions& options, bool events) {
  if (is_url(options.file) && options.url.empty()) std::swap(options.url, options.file);
  const auto given = static_cast<int>(!options.file.empty()) + static_cast<int>(!options.url.empty()) +
                     static_cast<int>(!options.events.empty());
  if (given == 1) return {};
  return fail(Code::invalid, "give one of: a file (- for standard input), an address, --url{}",
              events ? ", --events" : "");
}

/// The body of a request: a file of known size, standard input in chunks, or text.
Status add_body(Session::Request& request, const FileOptions& options, Progress& progress, std::uint64_t size) {
  if (options.file.empty()) {
    request.body = options.events;
    request.content_type = "application/x-ndjson";
    return {};
  }
  request.content_type = media_type(options.file);
  request.stream = std::make_unique<FileBody>(options.file, progress);
  if (options.file != "-") request.stream_length = size;
  return {};
}

Result<std::uint64_t> size_of(const FileOptions& options) {
  if (options.file.empty()) return options.events.size();
  if (options.file == "-") return 0;
  std::error_code error;
  const auto size = std::filesystem::file_size(options.file, error);
  if (error) return fail(Code::invalid, "{}: {}", options.file, error.message());
  return size;
}

}  // namespace

Result<json::value> wait_for_job(const Session& session, const Terminal& terminal, const std::string& id) {
  std::optional<Progress> progress;
  std::uint64_t shown = 0;
  for (;;) {
    TRY(auto job, session.get("/v0/jobs/" + id));
    const auto& o = job.as_object();
    const auto status = text(o, "status");
    if (status == "error" || status == "cancelled") return fail(Code::invalid, "{}", text(o, "error"));
    if (status == "done") return job;
    const auto* statistics = o.if_contains("statistics");
    const auto bytes =
        statistics != nullptr && statistics->is_object() ? number(statistics->get_object().if_contains("bytes")) : 0;
    if (!progress) progress.emplace(terminal, status, 0);
    if (bytes > shown) progress->advance(bytes - shown);
    shown = std::max(shown, bytes);
    std::this_thread::sleep_for(poll_pause);
  }
}

namespace {

Status append(const Session& session, const Terminal& terminal, FileOptions options, const std::string& mode) {
  TRY_VOID(one_input(options, mode == "append"));
  const auto started = std::chrono::steady_clock::now();
  Session::Request request{
      .method = "POST", .path = "/v0/datasources", .query = {{"name", options.name}, {"mode", mode}}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) request.query.emplace_back(name, value);
  };
  add("format", options.format);
  add("replace_condition", options.condition);
  if (options.skip_incompatible) add("skip_incompatible_partition_key", "true");
  if (options.truncate_when_empty) add("replace_truncate_when_empty", "true");
  json::value reply;
  if (!options.url.empty()) {
    add("url", options.url);
    TRY(const auto begun, session.json(std::move(request)));
    const auto id = text(begun.as_object(), "id");
    terminal.step(fmt::format("job {} imports {}", id, options.url));
    TRY(reply, wait_for_job(session, terminal, id));
    auto& o = reply.as_object();
    o["successful_rows"] = o["statistics"].is_object() ? o["statistics"].as_object()["row_count"] : json::value(0);
    o["quarantined_rows"] = o["quarantine_rows"];
  } else {
    TRY(const auto size, size_of(options));
    request.patience = upload_patience;
    Progress progress(terminal, options.name, size);
    TRY_VOID(add_body(request, options, progress, size));
    TRY(reply, session.json(std::move(request)));
  }
  const auto& o = reply.as_object();
  const auto good = number(o.if_contains("successful_rows")), bad = number(o.if_contains("quarantined_rows"));
  const auto broken = number(o.if_contains("invalid_lines"));
  if (terminal.output() == Output::json) {
    terminal.line(json::write(reply));
  } else {
    terminal.done(fmt::format("{} {} {} in {}", rows_text(good),
                              mode == "append"            ? "appended to"
                              : options.condition.empty() ? "now make up"
                                                          : "replaced in",
                              options.name, duration_text(std::chrono::steady_clock::now() - started)));
    if (const auto dropped = number(o.if_contains("dropped_rows")); dropped > 0)
      terminal.warn(
          fmt::format("{} outside the condition {} left out", rows_text(dropped), dropped == 1 ? "was" : "were"));
    if (broken > 0 && broken != bad)
      terminal.warn(fmt::format("{} of the file {} no {}", broken == 1 ? "1 line" : grouped(broken) + " lines",
                                broken == 1 ? "is" : "are", broken == 1 ? "row" : "rows"));
    if (bad > 0)
      terminal.warn(
          fmt::format("{} {} not fit: see {}_quarantine", rows_text(bad), bad == 1 ? "does" : "do", options.name));
    if (const auto* errors = o.if_contains("errors"); errors != nullptr && errors->is_array())
      for (const auto& e : errors->get_array()) terminal.line("  " + std::string(e.as_string()));
  }
  if (bad > 0) return fail(Code::invalid, "{} in quarantine", rows_text(bad));
  if (broken > 0)
    return fail(Code::invalid, "{} that {} no rows", broken == 1 ? "1 line" : grouped(broken) + " lines",
                broken == 1 ? "is" : "are");
  return {};
}

Result<json::value> ask_analysis(const Session& session, const Terminal& terminal, FileOptions options) {
  TRY_VOID(one_input(options, false));
  Session::Request request{.method = "POST", .path = "/v0/analyze"};
  if (!options.format.empty()) request.query.emplace_back("format", options.format);
  if (!options.url.empty()) {
    request.query.emplace_back("url", options.url);
    return session.json(std::move(request));
  }
  TRY(const auto size, size_of(options));
  request.patience = upload_patience;
  Progress progress(terminal, options.file, size);
  TRY_VOID(add_body(request, options, progress, size));
  return session.json(std::move(request));
}

/// A ready .datasource file. Arrays that some rows lack get a DEFAULT: they cannot be Nullable.
std::string datafile_text(const json::object& analysis) {
  std::string out = "SCHEMA >\n";
  const auto& columns = analysis.at("columns").as_array();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& column = columns[i].as_object();
    const auto type = text(column, "recommended_type"), path = text(column, "path");
    out += fmt::format("    `{}` {}", text(column, "name"), type);
    if (!path.empty()) out += fmt::format(" `json:{}`", path);
    const auto* present = column.if_contains("present_pct");
    if (type.starts_with("Array(") && present != nullptr && present->is_number() && present->to_number<double>() < 1)
      out += " DEFAULT []";
    out += i + 1 < columns.size() ? ",\n" : "\n";
  }
  return out + "\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"tuple()\"\n";
}

Status analyze(const Session& session, const Terminal& terminal, const FileOptions& options) {
  TRY(const auto reply, ask_analysis(session, terminal, options));
  if (terminal.output() == Output::json) {
    terminal.line(json::write(reply));
    return {};
  }
  const auto& analysis = reply.as_object().at("analysis").as_object();
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : analysis.at("columns").as_array()) {
    const auto& column = entry.as_object();
    const auto* present = column.if_contains("present_pct");
    const double part = present != nullptr && present->is_number() ? present->to_number<double>() : 0;
    rows.push_back({text(column, "name"), text(column, "recommended_type"), fmt::format("{:.0f} %", part * 100),
                    text(column, "path")});
  }
  terminal.table({"name", "type", "present", "path"}, rows);
  const auto& statistics = reply.as_object().at("preview").as_object().at("statistics").as_object();
  terminal.line(terminal.dim(
      fmt::format("from {} of {}", rows_text(number(statistics.if_contains("rows_read"))), text(analysis, "format"))));
  terminal.line("");
  terminal.line(datafile_text(analysis));
  return {};
}

/// Writes the datafile and touches no server but for the analysis.
Status create(const Session& session, const Terminal& terminal, const FileOptions& options) {
  const auto folder = std::filesystem::is_directory("datasources") ? std::filesystem::path("datasources") : ".";
  const auto path = folder / (options.name + ".datasource");
  if (std::filesystem::exists(path)) return fail(Code::conflict, "{} is there already", path.string());
  TRY(const auto reply, ask_analysis(session, terminal, options));
  std::ofstream out(path);
  out << datafile_text(reply.as_object().at("analysis").as_object());
  out.close();
  if (!out) return fail(Code::unavailable, "{} cannot be written", path.string());
  terminal.done(fmt::format("{} written; choose its sorting key, then `kinglet deploy`", path.string()));
  return {};
}

}  // namespace

void add_file_commands(Registrar& registrar, CLI::App& data_source) {
  using Body = Status (*)(const Session&, const Terminal&, const FileOptions&);
  const auto input = [](CLI::App* command, FileOptions& options) {
    command->add_option(
        "file,--file", options.file,
        "CSV, NDJSON, Parquet, Arrow, ORC or Avro, .gz and .zst too; - for standard input; or an address");
    command->add_option("--url", options.url, "address that the server fetches");
    command->add_option("--format", options.format, "when neither name nor content tells");
  };
  for (const auto* mode : {"append", "replace"}) {
    const bool appends = std::string_view(mode) == "append";
    auto options = std::make_shared<FileOptions>();
    auto* command = data_source.add_subcommand(mode, appends ? "add the rows of a file, address or text"
                                                             : "put the rows of a file or address in place of others");
    command->add_option("name", options->name, "the data source")->required();
    input(command, *options);
    if (appends) command->add_option("--events", options->events, "JSON rows as text");
    if (!appends) {
      command->add_option("--condition,--sql-condition", options->condition,
                          "replace the rows that fulfil it, by partition; without it all rows");
      command->add_flag("--skip-incompatible-partition-key", options->skip_incompatible,
                        "leave data sources of views with other partitions as they are");
      command->add_flag("--truncate-when-empty", options->truncate_when_empty,
                        "remove rows that fulfil the condition also where nothing new comes");
    }
    command->callback(registrar.run([options, mode = std::string(mode)](const GlobalFlags& flags) {
      return with_session(flags, [&](const Session& s, const Terminal& t) { return append(s, t, *options, mode); });
    }));
  }
  const auto add = [&](const char* name, const char* what, Body body, bool named) {
    auto options = std::make_shared<FileOptions>();
    auto* command = data_source.add_subcommand(name, what);
    if (named) command->add_option("--name", options->name, "of the data source")->required();
    input(command, *options);
    command->callback(registrar.run([options, body](const GlobalFlags& flags) {
      return with_session(flags, [&](const Session& s, const Terminal& t) { return body(s, t, *options); });
    }));
  };
  add("analyze", "show the columns that a file needs, and a .datasource file for it", analyze, false);
  add("create", "write the .datasource file that a file needs", create, true);
}

}  // namespace kinglet::cli
