// SPDX-License-Identifier: Apache-2.0
#include "server/app.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "api/clickhouse/interface.h"
#include "api/gateway.h"
#include "base/log.h"
#include "catalog/catalog.h"
#include "deploy/deployer.h"
#include "engine/process.h"
#include "ingest/books_watch.h"
#include "ingest/intake.h"
#include "jobs/jobs.h"
#include "query/runner.h"
#include "runtime/deadline.h"
#include "server/descriptors.h"
#include "server/status.h"
#include "service/writer.h"
#include "spool/landing_engine.h"

namespace kinglet::server {

namespace {

namespace fs = std::filesystem;
constexpr auto engine_start_patience = std::chrono::seconds(60);
/// A start goes on without an engine behind a URL that is away this long.
constexpr auto engine_url_patience = std::chrono::seconds(3);
constexpr auto reader_idle_seconds = "60";
constexpr auto reader_memory_bytes = "1073741824";  // of all its decoders; its process has a hard limit above it
constexpr auto engine_stop_grace = std::chrono::milliseconds(5000);
/// sun_path holds 108 bytes with its end; a longer data folder gets its sockets under the system's folder for such
/// files.
constexpr std::size_t socket_path_max = 100;

Result<fs::path> make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return fail(Code::unavailable, "the folder {} cannot be made: {}", path.string(), error.message());
  ::chmod(path.c_str(), 0700);
  return path;
}

Result<std::string> executable_folder() {
  std::error_code error;
  const auto self = fs::read_symlink("/proc/self/exe", error);
  if (error) return fail(Code::internal, "the program cannot find its own file: {}", error.message());
  return self.parent_path().string();
}

Result<std::string> engine_binary(const Config& config) {
  std::string path = config.engine_binary;
  if (path.empty()) {
    TRY(const auto folder, executable_folder());
    path = folder + "/kinglet-engine";
  }
  if (::access(path.c_str(), X_OK) != 0) {
    Error error{.code = Code::invalid, .message = fmt::format("the engine program {} is not there", path)};
    error.hint =
        "build it (./dev build), name it with --engine-binary, or use a ClickHouse server with --engine http://…";
    return fail(std::move(error));
  }
  return path;
}

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

/// Lets rows into the engine only once what a killed deployment left is gone: an orphaned view would take part in them.
class GatedLanding final : public spool::Landing {
 public:
  GatedLanding(std::unique_ptr<spool::Landing> inner, const std::atomic<bool>& open)
      : inner_(std::move(inner)), open_(open) {}
  Task<spool::LandingAnswer> land(const spool::LandingPart& part, Deadline deadline) override {
    if (!open_)
      co_return spool::LandingAnswer{.verdict = spool::Verdict::unreachable,
                                     .error = {.code = Code::unavailable, .message = "the tables are not checked yet"}};
    auto answer = co_await inner_->land(part, deadline);
    co_return answer;
  }
  Task<Result<std::vector<spool::CrowdedTable>>> crowded(std::uint64_t in_partition, std::uint64_t in_all,
                                                         Deadline deadline) override {
    return inner_->crowded(in_partition, in_all, deadline);
  }
  Task<Result<std::uint64_t>> partitions(std::string database, Deadline deadline) override {
    return inner_->partitions(std::move(database), deadline);
  }

 private:
  std::unique_ptr<spool::Landing> inner_;
  const std::atomic<bool>& open_;
};

/// Declared in start order; destroyed in reverse.
struct App::Parts {
  Config config;
  fs::path data, run;
  std::unique_ptr<catalog::Catalog> catalog;
  observe::Observer observer;
  auth::RateLimiter limiter;
  std::unique_ptr<IoThreads> threads;
  std::unique_ptr<engine::Process> store, reader;  // null with an engine behind a URL; the reader is always ours
  std::unique_ptr<query::Runners> runners;
  std::atomic<bool> tables_known{false};  // what a killed deployment left is gone: rows may land
  std::unique_ptr<ingest::Books> books;
  std::unique_ptr<spool::Spool> spool;
  std::unique_ptr<deploy::Deployer> deployer;
  std::unique_ptr<ingest::Intake> intake;
  std::unique_ptr<ingest::BooksWatch> books_watch;
  std::unique_ptr<jobs::Jobs> jobs;
  std::unique_ptr<service::Writer> service_writer;
  std::unique_ptr<StatusPage> status_page;
  std::unique_ptr<api::Services> services;
  std::unique_ptr<api::Gateway> gateway;
  std::unique_ptr<http::Server> server, clickhouse_server;
  engine::Address engine_address;
  std::string url, clickhouse_url;
  bool stopped = false;

  Result<std::string> socket_path(const std::string& name) {
    const auto path = (run / (name + ".sock")).string();
    if (path.size() <= socket_path_max) return path;
    std::string folder = (fs::temp_directory_path() / "kinglet-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr)
      return fail(Code::unavailable, "no folder for the engine's socket can be made");
    run = folder;
    return (run / (name + ".sock")).string();
  }

  Status open_catalog() {
    TRY(const auto folder, make_folder(data / "catalog"));
    catalog::Options options{.folder = folder};
    options.user_token = variable("TB_LOCAL_USER_TOKEN");
    options.workspace_token = variable("TB_LOCAL_WORKSPACE_TOKEN");
    TRY(catalog, catalog::Catalog::open(std::move(options)));
    return {};
  }

  Result<std::unique_ptr<engine::Process>> make_process(const std::string& role, const fs::path& folder,
                                                        bool on_demand) {
    TRY(const auto binary, engine_binary(config));
    TRY(const auto made, make_folder(folder));
    TRY(const auto socket, socket_path(role));
    engine::Process::Options options{
        .name = role,
        .executable = binary,
        .arguments = {"--role", role, "--data", made.string(), "--socket", socket, "--parent-pid",
                      std::to_string(::getpid()), "--log-format", config.log_format},
        .address = {},
        .on_demand = on_demand,
        .on_up = {}};
    options.address.socket_path = socket;
    if (role == "store" && config.durability == "fsync") options.arguments.emplace_back("--durable");
    if (on_demand)
      options.arguments.insert(options.arguments.end(),
                               {"--idle-seconds", reader_idle_seconds, "--memory-max", reader_memory_bytes});
    if (!config.libchdb.empty()) options.arguments.insert(options.arguments.end(), {"--libchdb", config.libchdb});
    return std::make_unique<engine::Process>(threads->executor(0), std::move(options));
  }

  Status start_engine() {
    engine::Address address;
    if (config.engine == "embedded") {
      TRY(store, make_process("store", data / "engine", false));
      address.socket_path = (run / "store.sock").string();
      store->start();
    } else {
      auto parsed = engine::Address::parse(config.engine);
      if (!parsed) {
        parsed.error().message = "--engine is `embedded` or the URL of an engine: " + parsed.error().message;
        return fail(std::move(parsed.error()));
      }
      address = std::move(*parsed);
    }
    // Files that users bring are decoded by a process of ours whatever engine holds the tables. Without the program,
    // only such files are refused.
    if (auto made = make_process("reader", data / "reader", true))
      reader = std::move(*made);
    else if (store)
      return fail(std::move(made.error()));
    else
      log::warning("no reader engine: Parquet files will be refused", {{"reason", made.error().message}});
    const query::RunLimits limits{.seconds_max = config.query_seconds_max,
                                  .memory_bytes_max = config.query_memory_bytes_max,
                                  .response_bytes_max = config.response_bytes_max,
                                  .threads_max = config.query_threads_max};
    runners = std::make_unique<query::Runners>(*threads, address, store.get(), limits);
    service_writer =
        std::make_unique<service::Writer>(*threads, *catalog, observer, service::WriterOptions{.address = address});
    engine_address = address;
    return open_spool(address);
  }

  Status open_spool(const engine::Address& address) {
    TRY(const auto folder, make_folder(data / "spool"));
    spool::SpoolOptions options;
    options.folder = folder.string();
    options.durability = *spool::parse_durability(config.durability);  // checked by the flag
    options.flush_interval = std::chrono::milliseconds(config.flush_interval_ms);
    options.wait_flush = std::chrono::milliseconds(config.wait_flush_ms);
    options.spool_bytes_max = config.spool_bytes_max;
    options.table_bytes_max = std::max<std::uint64_t>(config.spool_bytes_max / 2, 64u << 20);
    TRY(books, ingest::Books::open(*threads, *catalog, observer));
    auto callbacks = books->spool_callbacks();
    auto landing = [this, address](asio::any_io_executor executor) -> std::unique_ptr<spool::Landing> {
      const auto make = spool::engine_landing({.client = {.address = address}});
      return std::make_unique<GatedLanding>(make(std::move(executor)), tables_known);
    };
    TRY(spool, spool::Spool::open(std::move(options), std::move(landing), std::move(callbacks)));
    return {};
  }

  /// Waits for the engine, then clears what an interrupted deployment left. A server behind a URL may be away: it is
  /// asked again until it answers, and rows wait in the spool meanwhile.
  Status settle_tables() {
    auto status = threads->run(0, [this] { return settle(Clock::now() + engine_start_patience); });
    if (status) {
      tables_known = true;
      return {};
    }
    if (store && store->restart_count() > 0)
      return fail(status.error().code, "the engine did not start in {} tries: the messages above say why",
                  store->restart_count());
    if (store) return status;
    log::warning("started without the engine; rows wait in the spool until it answers",
                 {{"error", status.error().message}});
    asio::co_spawn(threads->executor(0), settle_later(), asio::detached);
    return {};
  }

  Task<Status> settle(Deadline deadline) {
    auto& runner = runners->here();
    CO_TRY_VOID(co_await runner.engine_ready(deadline));
    if (!store) {
      const bool answers = co_await runner.client().ping(Clock::now() + engine_url_patience);
      if (!answers) co_return fail(Code::unavailable, "no answer from the engine's URL");
    }
    auto status = co_await reconcile();
    co_return status;
  }

  /// Half-done replaces first: what they still need, reconciling would drop.
  Task<Status> reconcile() {
    CO_TRY_VOID(co_await jobs::finish_replacements(*catalog, *runners));
    auto status = co_await deployer->reconcile();
    co_return status;
  }

  Task<void> settle_later() {
    while (!tables_known) {
      co_await sleep_until(Clock::now() + std::chrono::seconds(1));
      const auto settled = co_await reconcile();
      if (settled) tables_known = true;
    }
  }

  Status listen() {
    http::ServerOptions options;
    options.ip = config.listen;
    options.port = config.port;
    const std::size_t connections = descriptors_for_connections(raise_descriptor_limit());
    auto& limits = options.limits;
    limits.connections_max = std::min<std::size_t>(config.connections_max, connections);
    limits.connections_per_peer_max = config.connections_per_peer_max;
    limits.head_timeout = std::chrono::milliseconds(config.head_timeout_ms);
    limits.body_idle_timeout = std::chrono::milliseconds(config.body_timeout_ms);
    limits.body_bytes_per_second_min = config.body_bytes_per_second_min;
    limits.keep_alive_timeout = std::chrono::milliseconds(config.keep_alive_timeout_ms);
    limits.write_idle_timeout = std::chrono::milliseconds(config.reply_timeout_ms);
    if (limits.connections_max < config.connections_max)
      log::info("the limit of open files leaves room for fewer connections than --connections-max",
                {{"connections", limits.connections_max}});
    TRY(server, http::Server::listen(*threads, options, [this](http::Request& r) { return gateway->handle(r); }));
    const std::string host = config.listen.find(':') == std::string::npos ? config.listen : "[" + config.listen + "]";
    const std::string shown = config.listen == "0.0.0.0" || config.listen == "::" ? "localhost" : host;
    url = fmt::format("http://{}:{}", shown, server->port());
    if (services->public_url.empty()) services->public_url = config.public_url.empty() ? url : config.public_url;
    options.port = config.clickhouse_port;
    TRY(clickhouse_server, http::Server::listen(*threads, options, [this](http::Request& r) {
          return api::handle_clickhouse(*services, r);
        }));
    clickhouse_url = fmt::format("http://{}:{}", shown, clickhouse_server->port());
    return {};
  }

  Status start() {
    std::error_code error;
    data = fs::absolute(config.data, error);
    TRY(data, make_folder(data));
    TRY(run, make_folder(data / "run"));
    TRY_VOID(open_catalog());
    const auto cores = std::max(1u, std::thread::hardware_concurrency());
    threads = std::make_unique<IoThreads>(config.io_threads == 0 ? cores : config.io_threads);
    TRY_VOID(start_engine());
    deployer = std::make_unique<deploy::Deployer>(*catalog, *runners, *spool);
    TRY_VOID(settle_tables());
    service_writer->start();
    ingest::IntakeOptions intake_options;
    intake_options.workers = config.row_threads == 0 ? cores : config.row_threads;
    intake_options.memory.total_bytes_max = config.intake_memory_bytes_max;
    if (config.invalid_text == "replace") intake_options.mapping.invalid_text = rows::InvalidText::replace;
    intake_options.quarantine = {.rows_per_second = config.quarantine_rows_per_second,
                                 .rows_burst = config.quarantine_rows_burst,
                                 .bytes_per_second = config.quarantine_bytes_per_second,
                                 .bytes_burst = config.quarantine_bytes_burst,
                                 .table_bytes_max = config.quarantine_bytes_max};
    intake = std::make_unique<ingest::Intake>(*catalog, *spool, observer, intake_options);
    if (config.books_interval_ms > 0) {
      books_watch = std::make_unique<ingest::BooksWatch>(
          *threads, *catalog, observer, *books, intake->quarantine_limit(),
          ingest::BooksWatchOptions{.address = engine_address,
                                    .interval = std::chrono::milliseconds(config.books_interval_ms)});
      books_watch->start();
    }
    jobs = std::make_unique<jobs::Jobs>(jobs::Jobs::Parts{.threads = *threads,
                                                          .catalog = *catalog,
                                                          .runners = *runners,
                                                          .intake = *intake,
                                                          .spool = *spool,
                                                          .deployer = *deployer,
                                                          .observer = observer,
                                                          .reader = reader.get()},
                                        jobs::Jobs::Options{.scratch = (data / "reader" / "scratch").string(),
                                                            .import_bytes_max = config.import_bytes_max,
                                                            .private_addresses = config.import_private_addresses});
    TRY_VOID(jobs->start());
    status_page = std::make_unique<StatusPage>(StatusPage::Parts{.store = store.get(),
                                                                 .reader = reader.get(),
                                                                 .runners = *runners,
                                                                 .spool = *spool,
                                                                 .intake = *intake,
                                                                 .observer = observer,
                                                                 .books_watch = books_watch.get(),
                                                                 .catalog = *catalog,
                                                                 .limiter = limiter,
                                                                 .tables_known = tables_known});
    services = std::make_unique<api::Services>(api::Services{
        .catalog = *catalog,
        .observer = observer,
        .limiter = limiter,
        .intake = *intake,
        .runners = *runners,
        .deployer = *deployer,
        .jobs = *jobs,
        .public_url = config.public_url,
        .limits = {.events_body_bytes_max = config.events_body_bytes_max,
                   .upload_bytes_max = config.upload_bytes_max,
                   .data_source_requests_per_second = static_cast<double>(config.data_source_requests_per_second),
                   .token_requests_per_second = static_cast<double>(config.token_requests_per_second)},
        .health = [this] { return status_page->health(); },
        .metrics = [this] { return status_page->metrics(server ? server->statistics() : http::ServerStatistics{}); }});
    gateway = std::make_unique<api::Gateway>(*services);
    return listen();
  }

  void stop() {
    if (stopped) return;
    stopped = true;
    const auto deadline = Clock::now() + std::chrono::seconds(config.shutdown_seconds);
    if (server) server->stop(deadline);
    if (clickhouse_server) clickhouse_server->stop(deadline);
    if (jobs) jobs->stop(deadline);
    if (books_watch) books_watch->stop(deadline);
    if (spool) {
      const auto left = threads->run(0, [this, deadline] { return spool->drain(deadline); });
      if (left > 0) log::info("accepted rows wait in the spool for the next start", {{"bytes", left}});
      if (const auto kept = threads->run(0, [this] { return books->write_repeats(); }); !kept)
        log::warning("counts of repeated requests are not in the books on disk", {{"error", kept.error().message}});
      spool->stop();
    }
    if (service_writer) service_writer->stop(deadline);
    if (reader) reader->stop(engine_stop_grace);
    if (store) store->stop(engine_stop_grace);
    if (catalog) catalog->stop();
    if (threads) threads->stop();
  }
};

App::App(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
App::~App() {
  stop();
}

Result<std::unique_ptr<App>> App::start(const Config& config) {
  raise_descriptor_limit();  // before the engine starts, which inherits it
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  const auto status = parts->start();
  if (!status) {
    parts->stop();
    return fail(status.error());
  }
  return std::unique_ptr<App>(new App(std::move(parts)));
}

const std::string& App::url() const {
  return parts_->url;
}
const std::string& App::clickhouse_url() const {
  return parts_->clickhouse_url;
}
int App::engine_pid() const {
  return parts_->store ? parts_->store->pid() : 0;
}
void App::stop() {
  if (parts_) parts_->stop();
}

}  // namespace kinglet::server
