// SPDX-License-Identifier: Apache-2.0
#include "query/runner.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "base/ids.h"
#include "base/log.h"
#include "sql/engine_tree.h"
#include "sql/printer.h"

namespace kinglet::query {

namespace {

constexpr std::size_t logged_bytes_max = 4096;  // of a statement's shape

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
}

/// Settings of the text that may only lower a limit of ours; everything else passes as the resolver let it through.
void apply_setting(engine::Settings& settings, const std::string& name, const std::string& value) {
  for (auto& [known, current] : settings) {
    if (known != name) continue;
    double wanted = 0, now = 0;
    std::from_chars(value.data(), value.data() + value.size(), wanted);
    std::from_chars(current.data(), current.data() + current.size(), now);
    const bool limit = name.starts_with("max_");
    if (!limit || (wanted > 0 && wanted < now)) current = value;
    return;
  }
  settings.emplace_back(name, value);
}

}  // namespace

namespace {
/// " (0d2f0b5e-…)" after a table's name: the engine's own id of it.
void cut_ids(std::string& text) {
  constexpr std::size_t id_size = 36;
  for (std::size_t at = 0; (at = text.find('(', at)) != text.npos;) {
    const bool id = at + id_size + 1 < text.size() && text[at + id_size + 1] == ')' &&
                    is_uuid(std::string_view(text).substr(at + 1, id_size));
    if (!id) {
      ++at;
      continue;
    }
    text.erase(at, id_size + 2);
    if (at > 0 && text[at - 1] == ' ') text.erase(--at, 1);
  }
}
}  // namespace

Error presentable(Error error, const catalog::Resources& resources, std::string_view database) {
  if (error.engine_code == 0) return error;
  auto& text = error.message;
  switch (error.engine_code) {
    case 60:
      text = "a table of the query does not exist";
      return error;
    case 81:
      text = "a database of the query does not exist";
      return error;
    case 164:
    case 497:
      text = "the query does something that is not allowed here";
      return error;
    case 159:
      text = "the query ran longer than it may and was stopped";
      return error;
    case 241:
      text = "the query needs more memory than it may use";
      return error;
    // Files, sums, disk space, exceptions from below the engine: their texts hold paths of the host.
    case 33:
    case 40:
    case 74:
    case 75:
    case 76:
    case 107:
    case 226:
    case 243:
    case 1000:
    case 1001:
    case 1002:
      text = text.contains("Too many open files") ? "the engine has no file descriptor left: it needs two for each "
                                                    "data source; raise the limit of open files"
             : error.engine_code == 243 || text.contains("No space left on device") ? "the disk of the engine is full"
                                                                                    : "the engine could not do it";
      return error;
    default:
      break;
  }
  // "Code: 47. DB::Exception: …": once or twice in front.
  while (text.starts_with("Code: ")) {
    const auto at = text.find("DB::Exception: ");
    if (at == text.npos) break;
    text.erase(0, at + 15);
  }
  for (const std::string_view mark :
       {" In scope", ": In scope", " in scope", "Maybe you meant", "maybe you meant", ": while ", ": While ",
        " while processing ", ". In query ", " in query", "(version", " (version", ": default expression"})
    if (const auto at = text.find(mark); at != text.npos) text.erase(at);
  // The error's name in brackets at the end: "(UNKNOWN_IDENTIFIER)".
  while (!text.empty() && (text.back() == ' ' || text.back() == '.' || text.back() == ':')) text.pop_back();
  if (text.ends_with(')')) {
    const auto open = text.rfind('(');
    const auto name = std::string_view(text).substr(open + 1, text.size() - open - 2);
    if (open != text.npos && !name.empty() &&
        std::ranges::all_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_' || (c >= '0' && c <= '9'); }))
      text.erase(open);
  }
  cut_ids(text);
  for (const auto& [name, source] : resources.data_sources.by_name()) {
    if (text.find(source->table) == text.npos && text.find(source->quarantine_table) == text.npos) continue;
    replace_all(text, source->quarantine_table, name + "_quarantine");
    replace_all(text, source->table, name);
  }
  if (!database.empty()) {
    replace_all(text, fmt::format("`{}`.", database), "");
    replace_all(text, fmt::format("{}.", database), "");
    replace_all(text, database, "the workspace");
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '.' || text.back() == ',')) text.pop_back();
  text = fmt::format("[Error] {}", text);
  return error;
}

Runner::Runner(asio::any_io_executor executor, engine::Address address, engine::Process* process, RunLimits limits,
               OpinionCounts& opinions)
    : process_(process),
      limits_(limits),
      opinions_(opinions),
      client_(std::move(executor), {.address = std::move(address)}) {}

Task<Status> Runner::agree(const sql::Query& query, Deadline deadline) {
  auto shape = sql::shape_key(query);
  if (agreements_.contains(shape)) co_return Status{};
  CO_TRY(const auto tree, co_await client_.explain_tree(sql::print(query), deadline));
  ++opinions_.asked;
  if (const auto agreed = sql::agrees(query, tree); !agreed) {
    ++opinions_.differed;
    log::error("the engine reads a statement otherwise than we do; it was not run",
               {{"difference", agreed.error().message}, {"shape", shape.substr(0, logged_bytes_max)}});
    co_return fail(Code::internal,
                   "the statement was not run: the engine reads it otherwise than the check of this server does. This "
                   "is a fault of the server, please report it with the statement");
  }
  agreements_.add(std::move(shape));
  co_return Status{};
}

Task<Status> Runner::engine_ready(Deadline deadline) {
  if (process_ == nullptr) co_return Status{};
  auto status = co_await process_->ready(deadline);
  co_return status;
}

Task<Result<Answer>> Runner::run_once(const Composed& composed, engine::QueryOptions options, Format format) {
  if (composed.query) CO_TRY_VOID(co_await agree(*composed.query, options.deadline));
  Answer answer{.format = format, .first = {}, .rest = nullptr, .summary = {}};
  if (format.whole) {
    auto whole = co_await client_.query(composed.sql, std::move(options), limits_.response_bytes_max);
    if (!whole) {
      if (whole.error().code == Code::too_large)
        co_return fail(Code::too_large, "the response is larger than {} MB; ask for fewer rows or columns",
                       limits_.response_bytes_max >> 20);
      co_return fail(std::move(whole.error()));
    }
    answer.first = std::move(whole->body);
    answer.summary = whole->summary;
    co_return answer;
  }
  CO_TRY(auto reply, co_await client_.open(composed.sql, std::move(options)));
  CO_TRY(answer.first, co_await reply->next());
  if (answer.first.empty()) {
    answer.summary = reply->summary();
    co_return answer;
  }
  answer.rest = std::move(reply);
  co_return answer;
}

Task<Result<Answer>> Runner::run(const Composed& composed, Format format, const catalog::Resources& resources,
                                 std::string_view database, engine::Settings extra) {
  auto answer = co_await run_patiently(composed, format, std::move(extra));
  if (!answer) co_return fail(presentable(std::move(answer.error()), resources, database));
  co_return answer;
}

Task<Result<Answer>> Runner::run_patiently(const Composed& composed, Format format, engine::Settings extra) {
  engine::QueryOptions options;
  options.format = format.engine_name;
  options.whole = format.whole;
  options.read_only = true;
  options.settings = {
      {"max_execution_time", std::to_string(limits_.seconds_max)},
      {"max_memory_usage", std::to_string(limits_.memory_bytes_max)},
      {"max_threads", std::to_string(limits_.threads_max)},
      {"max_result_bytes", std::to_string(limits_.response_bytes_max)},
      // The engine's own choice since 24.11, parallel_hash, gives the rows of a join in another order on each call.
      {"join_algorithm", "direct,hash"},
      {"output_format_json_quote_64bit_integers", "0"},
      {"output_format_json_quote_denormals", "0"},
  };
  for (const auto& [name, value] : composed.settings) apply_setting(options.settings, name, value);
  for (const auto& [name, value] : extra) apply_setting(options.settings, name, value);
  options.deadline = Clock::now() + std::chrono::seconds(limits_.seconds_max) + std::chrono::seconds(5);

  const auto restarts = process_ == nullptr ? 0 : process_->restart_count();
  for (;;) {
    const auto patience = Clock::now() + limits_.engine_patience;
    CO_TRY_VOID(co_await engine_ready(patience));
    auto answer = co_await run_once(composed, options, format);
    // An engine that went away mid-query is started again in a moment; nothing was sent to the caller yet. A second end
    // may be this query's doing: then the caller hears of it.
    const bool again = !answer && answer.error().code == Code::unavailable && process_ != nullptr &&
                       process_->restart_count() - restarts < 2 && Clock::now() < options.deadline;
    if (!again) co_return answer;
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer pause(executor, std::chrono::milliseconds(50));
    co_await pause.async_wait(use_task);
  }
}

Task<Result<std::string>> Runner::run_whole(const Composed& composed, Format format,
                                            const catalog::Resources& resources, std::string_view database) {
  auto body = co_await whole(composed, format);
  if (!body) co_return fail(presentable(std::move(body.error()), resources, database));
  co_return body;
}

Task<Result<std::string>> Runner::whole(const Composed& composed, Format format) {
  CO_TRY(auto answer, co_await run_patiently(composed, format, {}));
  std::string body = std::move(answer.first);
  while (answer.rest) {
    CO_TRY(const auto more, co_await answer.rest->next());
    if (more.empty()) break;
    if (body.size() + more.size() > limits_.response_bytes_max)
      co_return fail(Code::too_large, "the result is too large");
    body += more;
  }
  co_return body;
}

Runners::Runners(IoThreads& threads, const engine::Address& address, engine::Process* process,
                 const RunLimits& limits) {
  for (std::size_t i = 0; i < threads.size(); ++i)
    runners_.push_back(std::make_unique<Runner>(threads.executor(i), address, process, limits, opinions_));
}

Runner& Runners::here() {
  const auto index = IoThreads::current_index();
  CHECK(index && *index < runners_.size(), "queries run on io threads");
  return *runners_[*index];
}

}  // namespace kinglet::query
