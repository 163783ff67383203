// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/service.h"

#include <unistd.h>

#include <boost/json.hpp>
#include <random>

#include "engine/embedded/commit_files.h"
#include "engine/embedded/errors.h"
#include "engine/embedded/host.h"
#include "engine/embedded/read_query.h"

namespace kinglet::embedded {
namespace {

constexpr std::string_view plain_text = "text/plain; charset=UTF-8";
constexpr auto queue_wait_max = std::chrono::seconds(5);
constexpr std::size_t insert_buffer_bytes = 8u << 20;  // read before a worker is taken: a slow peer holds none
constexpr std::size_t insert_piece_bytes = 1u << 20;

http::Response error_response(const Engine& engine, const Error& error, std::string_view query_id) {
  const int engine_code = error.engine_code != 0 ? error.engine_code : number::unknown_exception;
  http::Response response;
  response.status = status_of(engine_code);
  response.headers = {{"Content-Type", std::string(plain_text)},
                      {"X-ClickHouse-Query-Id", std::string(query_id)},
                      {"X-ClickHouse-Exception-Code", fmt::format("{}", engine_code)}};
  if (response.status == 503) response.headers.add("Retry-After", "1");
  response.body = error_body(error, engine.version);
  return response;
}

/// 16 random lower-case letters, new for each reply, so that rows cannot imitate the error block.
std::string exception_tag() {
  static thread_local std::random_device device;
  std::string tag(16, 'a');
  for (char& c : tag) c = static_cast<char>('a' + device() % 26);
  return tag;
}

http::Response reply_head(const EngineRequest& asked, std::string_view format, std::string_view content_type) {
  http::Response response;
  response.headers = {{"Content-Type", std::string(content_type)},
                      {"X-ClickHouse-Query-Id", asked.query_id},
                      {"X-ClickHouse-Timezone", "UTC"},
                      {"X-ClickHouse-Exception-Tag", exception_tag()}};
  if (!format.empty()) response.headers.add("X-ClickHouse-Format", std::string(format));
  return response;
}

std::uint64_t resident_kilobytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  const int fields = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return fields == 2 ? resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 1024 : 0;
}

boost::json::object load_object(const WorkerPool::Load& load) {
  return {{"threads", load.threads}, {"busy", load.busy}, {"waiting", load.waiting}};
}

/// Counts a statement as activity from its begin to its end.
class Activity {
 public:
  Activity(std::atomic<int>& active, std::atomic<std::int64_t>& last_used) : active_(active), last_used_(last_used) {
    ++active_;
  }
  ~Activity() {
    last_used_ = Clock::now().time_since_epoch().count();
    --active_;
  }
  Activity(const Activity&) = delete;
  Activity& operator=(const Activity&) = delete;

 private:
  std::atomic<int>& active_;
  std::atomic<std::int64_t>& last_used_;
};

/// ClickHouse notes a token in memory and on disk before it commits the part. When the commit fails at a file, the
/// token stays, and the same insert sent again would be dropped: only a new process reads the record after
/// take_back_lost_tokens().
bool may_leave_its_token(const Error& error) {
  constexpr std::array file_errors{75, 76, 77, 88, 1001};  // cannot write, open, close, truncate; std::filesystem's own
  if (std::ranges::find(file_errors, error.engine_code) == file_errors.end()) return false;
  // Without space an insert fails while the part is written, as it does without descriptors (commit_files.h). Only a
  // rename is later.
  const auto says = [&](std::string_view text) { return error.message.find(text) != error.message.npos; };
  return says("in rename") || !(says("No space left") || says("Too many open files"));
}

/// An insert between its steps; they run on the leased worker.
struct Insert {
  EngineRequest request;
  Profile profile;
  std::string text;  // with settings
  std::shared_ptr<RunningQuery> running;
  std::unique_ptr<Connection> connection;
  std::unique_ptr<StreamInsert> stream;
  bool into_store = false;
  Clock::time_point begun_at = Clock::now();

  void abandon() {
    stream.reset();
    connection.reset();
  }
  Status begin(ConnectionCache& cache) {
    const RunningQuery::Step step(*running);
    TRY(connection, cache.take(profile));
    TRY(stream, connection->insert(text, request.input_format));
    return {};
  }
  Status append(std::string_view bytes) {
    if (running->cancel_requested()) return refuse(number::query_was_cancelled, "Query was cancelled");
    const RunningQuery::Step step(*running);
    return end_if_token_stays(stream->append(bytes));
  }
  Result<Statistics> finish(ConnectionCache& cache) {
    if (running->cancel_requested()) return refuse(number::query_was_cancelled, "Query was cancelled");
    const RunningQuery::Step step(*running);
    TRY(auto statistics, end_if_token_stays(stream->finish()));
    stream.reset();
    cache.put(profile, std::move(connection));
    return statistics;
  }

 private:
  /// At once: a merge over the place of the part that failed would look as if it held its rows.
  template <class Outcome>
  Outcome end_if_token_stays(Outcome outcome) const {
    if (!outcome && into_store && may_leave_its_token(outcome.error()))
      end_process(3, "an insert failed at its files; the next start puts right its token: " + outcome.error().message);
    return outcome;
  }
};

struct Piece {
  std::string bytes;
  bool last = false;
};

/// Fills `piece` with the next `bytes_max` bytes of the body, fewer at its end.
Task<Status> read_piece(http::BodyReader& body, std::size_t bytes_max, Piece& piece) {
  piece.bytes.resize(bytes_max);
  std::size_t size = 0;
  while (size < bytes_max) {
    auto got = co_await body.read_some({piece.bytes.data() + size, bytes_max - size});
    if (!got) {
      co_return refuse(number::cannot_read_all_data,
                       fmt::format("The rows could not be read: {}", got.error().message));
    }
    if (*got == 0) {
      piece.last = true;
      break;
    }
    size += *got;
  }
  piece.bytes.resize(size);
  co_return Status{};
}

/// `a = 'b', …` for the statement: as connection settings they would stay on every later insert.
std::string insert_settings(const Settings& given) {
  Settings settings = given;
  for (const char* name :
       {"async_insert", "input_format_native_allow_types_conversion", "input_format_skip_unknown_fields"}) {
    if (std::ranges::find(settings, name, &Settings::value_type::first) == settings.end())
      settings.emplace_back(name, "0");
  }
  std::string text;
  for (const auto& [name, value] : settings)
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, quote(value));
  return text;
}

}  // namespace

std::chrono::nanoseconds Service::idle() const {
  if (active_ > 0) return {};
  return Clock::now().time_since_epoch() - std::chrono::nanoseconds(last_used_);
}

Task<http::Response> Service::handle(http::Request& request) {
  Engine* engine = engine_;
  if (engine == nullptr) {
    http::Response response;
    response.status = 503;
    response.headers = {{"Content-Type", std::string(plain_text)}, {"Retry-After", "1"}};
    response.body = "The engine is starting\n";
    co_return response;
  }
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  if (reads && request.path == "/ping") {
    http::Response response;
    response.headers = {{"Content-Type", "text/html; charset=UTF-8"}};
    response.body = "Ok.\n";
    co_return response;
  }
  if (reads && request.path == "/status") co_return status(*engine);
  if (request.path != "/" || request.method != http::Method::post) {
    http::Response response;
    response.status = request.path == "/" ? 405 : 404;
    response.headers = {{"Content-Type", std::string(plain_text)}};
    response.body = "POST / runs a statement; GET /ping and GET /status tell how the engine is\n";
    co_return response;
  }
  const Activity activity(active_, last_used_);
  auto response = co_await statement(*engine, request);
  co_return response;
}

Task<http::Response> Service::statement(Engine& engine, http::Request& request) {
  auto head = read_request_head(request);
  if (!head) co_return error_response(engine, head.error(), request.query.get("query_id").value_or(request.id));
  EngineRequest asked = std::move(*head);
  if (asked.insert) {
    auto response = co_await insert(engine, request, std::move(asked));
    co_return response;
  }
  auto sql = co_await request.body->read_all(statement_bytes_max);
  if (!sql) {
    const auto refused =
        refuse(number::bad_arguments, fmt::format("The statement could not be read: {}", sql.error().message));
    co_return error_response(engine, refused.error(), asked.query_id);
  }
  if (auto status = read_request_statement(asked, *sql); !status)
    co_return error_response(engine, status.error(), asked.query_id);
  if (asked.statement.kind == Statement::Kind::kill) co_return kill(engine, asked);
  auto response = co_await run(engine, request, std::move(asked));
  co_return response;
}

Task<http::Response> Service::run(Engine& engine, http::Request& request, EngineRequest asked) {
  auto profile = asked.readonly ? engine.profiles->user(asked.settings) : engine.profiles->own(asked.settings);
  if (!profile) co_return error_response(engine, profile.error(), asked.query_id);
  const std::string query_id = asked.query_id;
  const bool selects =
      asked.statement.kind == Statement::Kind::select || asked.statement.kind == Statement::Kind::explain_ast;
  const auto running = engine.running->add(query_id, profile->seconds_max);
  if (running == nullptr) {
    const auto refused =
        refuse(number::query_with_same_id, fmt::format("Query with id = {} is already running", query_id));
    co_return error_response(engine, refused.error(), query_id);
  }
  // A statement that changes something runs to its end even when nobody waits for it.
  if (selects) request.cancel_on_disconnect();
  auto leased = co_await (selects ? engine.read_pool : engine.own_pool)->lease(Clock::now() + queue_wait_max);
  if (!leased) co_return error_response(engine, leased.error(), query_id);
  leased->on_cancel([&engine, running] { engine.running->cancel(running); });

  auto query = std::make_shared<ReadQuery>(std::move(asked), std::move(*profile), engine.profiles->admin(), running);
  const bool durable = !selects && tokens_are_durable();
  auto step = [query, durable, &engine](ConnectionCache& cache) -> Result<ReadQuery::Chunk> {
    auto chunk = query->begin(cache);
    // Tables, their definitions and parts that change hands: which files, only libchdb knows.
    if (chunk && durable)
      if (auto synced = sync_file_system(engine.options.engine_path); !synced) return fail(std::move(synced).error());
    return chunk;
  };
  auto first = co_await leased->run(std::move(step));
  if (!first) co_return error_response(engine, first.error(), query_id);

  const OutputFormat& format = *query->request().format;
  http::Response response =
      reply_head(query->request(), selects ? format.name : std::string_view{}, format.content_type);
  if (first->last) {
    response.headers.add("X-ClickHouse-Summary", query->summary());
    response.body = std::move(first->bytes);
    co_return response;
  }
  const std::string tag(response.headers.get("X-ClickHouse-Exception-Tag").value_or(""));
  response.stream =
      std::make_unique<QueryBody>(engine, std::move(query), std::move(*leased), std::move(first->bytes), tag);
  co_return response;
}

Task<http::Response> Service::insert(Engine& engine, http::Request& request, EngineRequest asked) {
  const std::string query_id = asked.query_id;
  auto profile = engine.profiles->own(asked.settings);  // checks names and values
  if (!profile) co_return error_response(engine, profile.error(), query_id);
  auto text = insert_with_settings(asked.statement.text, insert_settings(asked.settings));
  if (!text) co_return error_response(engine, text.error(), query_id);
  const auto running = engine.running->add(query_id, profile->seconds_max);
  if (running == nullptr) {
    const auto refused =
        refuse(number::query_with_same_id, fmt::format("Query with id = {} is already running", query_id));
    co_return error_response(engine, refused.error(), query_id);
  }
  auto insert = std::make_shared<Insert>();
  insert->running = running;
  insert->into_store = engine.options.role == Role::store;
  insert->request = std::move(asked);
  insert->text = std::move(*text);
  insert->profile = *engine.profiles->own({});

  // The body must be complete before a worker waits for it, unless it is too big for that.
  const std::uint64_t announced = request.body->content_length().value_or(insert_buffer_bytes);
  const std::size_t first_bytes = std::min<std::uint64_t>(announced, insert_buffer_bytes) + 1;
  Piece piece;
  auto read = co_await read_piece(*request.body, first_bytes, piece);
  if (!read) co_return error_response(engine, read.error(), query_id);
  // A block without columns and rows is the engine's end mark: it would drop the rest and report success.
  if (insert->request.input_format == "Native" && piece.bytes.starts_with(std::string_view("\0\0", 2))) {
    const auto refused = refuse(number::bad_arguments, "The first block has no columns and no rows");
    co_return error_response(engine, refused.error(), query_id);
  }

  auto leased = co_await engine.write_pool->lease(Clock::now() + queue_wait_max);
  if (!leased) co_return error_response(engine, leased.error(), query_id);
  leased->on_cancel([&engine, running] { engine.running->cancel(running); });
  auto begin = [insert](ConnectionCache& cache) { return insert->begin(cache); };
  Status status = co_await leased->run(std::move(begin));
  while (status) {
    if (!piece.bytes.empty()) {
      auto append = [insert, bytes = std::move(piece.bytes)](ConnectionCache&) { return insert->append(bytes); };
      piece.bytes.clear();
      status = co_await leased->run(std::move(append));
    }
    if (!status || piece.last) break;
    status = co_await read_piece(*request.body, insert_piece_bytes, piece);
  }
  Statistics statistics;
  if (status) {
    auto finish = [insert](ConnectionCache& cache) { return insert->finish(cache); };
    auto finished = co_await leased->run(std::move(finish));
    if (finished) {
      statistics = *finished;
    } else {
      status = fail(std::move(finished).error());
    }
  }
  if (!status) {
    // Without finish() nothing of the last part is stored.
    leased->release([insert](ConnectionCache&) { insert->abandon(); });
    co_return error_response(engine, status.error(), query_id);
  }
  http::Response response = reply_head(insert->request, {}, plain_text);
  response.headers.add("X-ClickHouse-Summary", summary_text(statistics, Clock::now() - insert->begun_at));
  co_return response;
}

http::Response Service::kill(Engine& engine, const EngineRequest& asked) {
  auto id = killed_query_id(asked.statement.text);
  if (!id) return error_response(engine, id.error(), asked.query_id);
  http::Response response = reply_head(asked, "TabSeparated", "text/tab-separated-values; charset=UTF-8");
  if (engine.running->cancel(*id)) response.body = fmt::format("waiting\t{}\tdefault\t\n", *id);
  return response;
}

http::Response Service::status(Engine& engine) const {
  const FenceState& fence = engine.fence;
  boost::json::object landlock{
      {"state", fence.enforced ? "enforced" : "off"}, {"abi", fence.abi}, {"network", fence.network}};
  if (!fence.reason.empty()) landlock["reason"] = fence.reason;
  const auto uptime = std::chrono::duration<double>(Clock::now() - engine.started_at).count();
  const boost::json::object status{{"pid", ::getpid()},
                                   {"role", engine.options.role == Role::reader ? "reader" : "store"},
                                   {"version", KINGLET_VERSION},
                                   {"engine_version", engine.version},
                                   {"uptime_seconds", uptime},
                                   {"landlock", std::move(landlock)},
                                   {"resident_kilobytes", resident_kilobytes()},
                                   {"queries_running", engine.running->size()},
                                   {"queries_killed", engine.running->kill_count()},
                                   {"read", load_object(engine.read_pool->load())},
                                   {"write", load_object(engine.write_pool->load())},
                                   {"own", load_object(engine.own_pool->load())}};
  http::Response response;
  response.headers = {{"Content-Type", "application/json; charset=UTF-8"}};
  response.body = boost::json::serialize(status) + "\n";
  return response;
}

}  // namespace kinglet::embedded
