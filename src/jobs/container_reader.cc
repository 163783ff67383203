// SPDX-License-Identifier: Apache-2.0
#include "jobs/container_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "json/document.h"
#include "sql/printer.h"

namespace kinglet::jobs {
namespace {

constexpr auto start_patience = std::chrono::seconds(20);
constexpr auto disk_patience = std::chrono::minutes(1);
constexpr std::size_t error_bytes_max = 300;
// Of one file in the reader. Its process has a hard limit above this one (kinglet-engine --memory-max).
constexpr std::string_view memory_bytes_max = "805306368";

std::string_view engine_format(FileFormat format) {
  switch (format) {
    case FileFormat::parquet:
      return "Parquet";
    case FileFormat::arrow:
      return "Arrow";
    case FileFormat::arrow_stream:
      return "ArrowStream";
    case FileFormat::orc:
      return "ORC";
    default:
      return "Avro";
  }
}

/// What the reader said about a file, without its paths and its inner names.
std::string shown(std::string text, std::string_view path) {
  // The engine wraps what its decoders say: "The table structure cannot be extracted … Error:\nCode: 1001.
  // DB::Exception:"
  for (const std::string_view lead : {"Error:\n", "Exception: "})
    if (const auto at = text.find(lead); at != text.npos) text.erase(0, at + lead.size());
  if (const auto at = text.find(" (version "); at != text.npos) text.resize(at);
  for (const std::string_view mark : {": While executing", ": (in file", " (in file",
                                      ": Cannot extract table structure", ". You can specify the structure"})
    if (const auto at = text.find(mark); at != text.npos) text.resize(at);
  while (true) {
    const auto at = text.find(path);
    if (at == text.npos) break;
    // The folder before it is the server's.
    auto from = at;
    while (from > 0 && text[from - 1] != ' ' && text[from - 1] != '\'' && text[from - 1] != '"' &&
           text[from - 1] != '`')
      --from;
    text.replace(from, at + path.size() - from, "it");
  }
  if (text.size() > error_bytes_max) text.resize(error_bytes_max);
  return text;
}

}  // namespace

// ---- the file ------------------------------------------------------------------------------------------------------

ScratchFile::ScratchFile(const ReaderTools& tools, std::string name)
    : tools_(tools), name_(std::move(name)), path_(tools.scratch + "/" + name_) {}

ScratchFile::~ScratchFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!keep_) ::unlink(path_.c_str());
}

std::string ScratchFile::reader_path() const {
  return std::filesystem::path(tools_.scratch).filename().string() + "/" + name_;
}

Task<Status> ScratchFile::append(std::string_view bytes) {
  auto work = [this, bytes]() -> Status {
    if (fd_ < 0) fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd_ < 0)
      return fail(Code::unavailable, "the file cannot be kept on the server's disk: {}", std::strerror(errno));
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const auto count = ::write(fd_, rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return fail(Code::unavailable, "no room for the file on the server's disk");
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  };
  auto status = co_await tools_.files->run(Clock::now() + disk_patience, std::move(work));
  co_return status;
}

Task<Status> ScratchFile::close() {
  return finish(false);
}
Task<Status> ScratchFile::sync() {
  return finish(true);
}

Task<Status> ScratchFile::finish(bool durable) {
  CO_TRY_VOID(co_await append({}));  // an empty file is a file, too
  auto work = [this, durable]() -> Status {
    const bool synced = !durable || ::fdatasync(fd_) == 0;
    const bool closed = ::close(std::exchange(fd_, -1)) == 0;
    if (!synced || !closed) return fail(Code::unavailable, "the file cannot be kept on the server's disk");
    return {};
  };
  auto status = co_await tools_.files->run(Clock::now() + disk_patience, std::move(work));
  co_return status;
}

// ---- the rows ------------------------------------------------------------------------------------------------------

struct ContainerRows::State {
  ReaderTools tools;
  std::string path;
  Options options;
  std::shared_ptr<ImportControl> control;
  std::unique_ptr<engine::Client> client;
  std::unique_ptr<engine::Reply> reply;

  std::string table() const {
    return fmt::format("file({}, '{}')", sql::quote_string(path), engine_format(options.format));
  }

  engine::QueryOptions query(std::string format) const {
    engine::QueryOptions out;
    out.format = std::move(format);
    out.deadline = Clock::now() + options.seconds_max + std::chrono::seconds(5);
    // The rows come as fast as the spool takes them, so the engine's time for an ordinary query is too short.
    out.settings = {{"max_execution_time", std::to_string(options.seconds_max.count())},
                    {"max_memory_usage", std::string(memory_bytes_max)},
                    {"output_format_json_quote_64bit_integers", "0"},
                    {"output_format_json_quote_decimals", "0"},
                    // NaN and infinities as text, which no number column takes: as null they would vanish.
                    {"output_format_json_quote_denormals", "1"},
                    {"output_format_json_escape_forward_slashes", "0"},
                    // With a Z at the end: an instant stays one whatever the time zone of its column.
                    {"date_time_output_format", "iso"}};
    return out;
  }

  Error presentable(Error error) const {
    if (error.code == Code::cancelled) return error;
    constexpr int memory = 241, time = 159;
    if (error.engine_code == memory)
      return {.code = Code::invalid, .message = "the file cannot be read: decoding it takes more memory than is given"};
    if (error.engine_code == time || error.code == Code::timeout)
      return {.code = Code::invalid, .message = "the file cannot be read: decoding it takes more time than is given"};
    if (error.engine_code != 0)
      return {.code = Code::invalid,
              .message = fmt::format("the {} file cannot be read: {}", engine_format(options.format),
                                     shown(std::move(error.message), path))};
    return {.code = Code::invalid,
            .message = fmt::format("the {} file cannot be read: its decoder ended before the file did",
                                   engine_format(options.format))};
  }
};

ContainerRows::ContainerRows(std::unique_ptr<State> state) : state_(std::move(state)) {}
ContainerRows::~ContainerRows() = default;

Task<Result<std::unique_ptr<ContainerRows>>> ContainerRows::open(ReaderTools tools, std::string reader_path,
                                                                 Options options,
                                                                 std::shared_ptr<ImportControl> control) {
  if (tools.process == nullptr)
    co_return fail(Code::unavailable, "files of this format cannot be read: kinglet-engine is not installed");
  auto starting = [](engine::Process& process) -> Task<Result<bool>> {
    CO_TRY_VOID(co_await process.ready(Clock::now() + start_patience));
    co_return true;
  };
  auto step = starting(*tools.process);
  auto up = co_await control->run(std::move(step));
  if (!up) co_return fail(std::move(up.error()));
  const auto executor = co_await asio::this_coro::executor;
  auto state = std::make_unique<State>(State{.tools = tools,
                                             .path = std::move(reader_path),
                                             .options = options,
                                             .control = std::move(control),
                                             .client = nullptr,
                                             .reply = nullptr});
  state->client = std::make_unique<engine::Client>(executor, engine::Client::Options{.address = tools.address});
  co_return std::unique_ptr<ContainerRows>(new ContainerRows(std::move(state)));
}

Task<Result<std::vector<ContainerColumn>>> ContainerRows::columns() {
  State& s = *state_;
  auto options = s.query("JSONEachRow");
  options.read_only = false;  // what users send is SELECTs; this one is ours
  auto asked = s.client->query(fmt::format("DESCRIBE TABLE {}", s.table()), std::move(options));
  auto reply = co_await s.control->run(std::move(asked));
  if (!reply) co_return fail(s.presentable(std::move(reply.error())));
  std::vector<ContainerColumn> columns;
  std::string_view rest = reply->body;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    CO_TRY(const auto row, json::parse(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!row.is_object()) continue;
    columns.push_back({.name = std::string(json::get_string(row.get_object(), "name").value_or("")),
                       .type = std::string(json::get_string(row.get_object(), "type").value_or(""))});
  }
  co_return columns;
}

Task<Result<std::string>> ContainerRows::next() {
  State& s = *state_;
  if (!s.reply) {
    auto sql = fmt::format("SELECT * FROM {}", s.table());
    if (s.options.rows_max > 0) sql += fmt::format(" LIMIT {}", s.options.rows_max);
    auto opening = s.client->open(std::move(sql), s.query("JSONEachRow"));
    auto reply = co_await s.control->run(std::move(opening));
    if (!reply) co_return fail(s.presentable(std::move(reply.error())));
    s.reply = std::move(*reply);
  }
  auto step = s.reply->next();
  auto piece = co_await s.control->run(std::move(step));
  if (!piece) co_return fail(s.presentable(std::move(piece.error())));
  co_return std::move(*piece);
}

}  // namespace kinglet::jobs
