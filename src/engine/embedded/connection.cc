// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/connection.h"

#include <pthread.h>

#include "engine/embedded/errors.h"

namespace kinglet::embedded {
namespace {

/// Destroys a result on every path.
class OwnedResult {
 public:
  OwnedResult(const ChdbApi& api, ChdbResult* result) : api_(api), result_(result) {}
  ~OwnedResult() {
    if (result_ != nullptr) api_.destroy_query_result(result_);
  }
  OwnedResult(const OwnedResult&) = delete;
  OwnedResult& operator=(const OwnedResult&) = delete;
  ChdbResult* get() const { return result_; }

 private:
  const ChdbApi& api_;
  ChdbResult* result_;
};

/// Names and values of parameters as the C interface wants them. Views into `parameters`.
struct ParameterArrays {
  explicit ParameterArrays(const Parameters& parameters) {
    for (const auto& [name, value] : parameters) {
      names.push_back(name.data());
      name_lengths.push_back(name.size());
      values.push_back(value.data());
      value_lengths.push_back(value.size());
    }
  }
  std::vector<const char*> names, values;
  std::vector<std::size_t> name_lengths, value_lengths;
};

std::string bytes_of(const ChdbApi& api, ChdbResult* result) {
  const std::size_t length = api.result_length(result);
  return length == 0 ? std::string{} : std::string(api.result_buffer(result), length);
}

void add(Statistics& sum, const ChdbApi& api, ChdbResult* result) {
  sum.read_rows += api.result_storage_rows_read(result);
  sum.read_bytes += api.result_storage_bytes_read(result);
  sum.result_rows += api.result_rows_read(result);
  sum.result_bytes += api.result_bytes_read(result);
  sum.written_rows += api.result_rows_written(result);
  sum.written_bytes += api.result_bytes_written(result);
}

/// libchdb does not say why it gives no connection; that there are no threads can be asked.
bool can_start_thread() {
  pthread_t thread{};
  if (::pthread_create(&thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) != 0) return false;
  ::pthread_join(thread, nullptr);
  return true;
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const ChdbApi& api, const std::vector<std::string>& arguments) {
  std::vector<std::string> owned{"clickhouse"};
  owned.insert(owned.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  pointers.reserve(owned.size());
  for (auto& argument : owned) pointers.push_back(argument.data());
  ChdbConnection* handle = api.connect(static_cast<int>(pointers.size()), pointers.data());
  if (handle == nullptr && !can_start_thread())
    return refuse(number::cannot_schedule_task,
                  "The system starts no more threads: raise the limit of threads and processes");
  if (handle == nullptr)
    return refuse(number::cannot_parse_number, "A setting has a value that the engine does not take");
  return std::unique_ptr<Connection>(new Connection(api, handle));
}

Connection::~Connection() {
  api_.close_conn(handle_);
}

std::unexpected<Error> Connection::failed(std::string_view text) {
  broken_ = true;
  return fail(engine_error(text));
}

Status Connection::status_of_result(ChdbResult* result) {
  if (result == nullptr) return failed("the engine gave no result");
  if (const char* text = api_.result_error(result); text != nullptr && *text != '\0') return failed(text);
  return {};
}

Result<ChdbClassification> Connection::classify(std::string_view sql) {
  ChdbClassification classification;
  if (api_.classify_query_n(*handle_, sql.data(), sql.size(), nullptr, 0, &classification) != 0) {
    return failed("Code: 62. DB::Exception: The statement cannot be classified. (SYNTAX_ERROR)");
  }
  return classification;
}

Result<WholeResult> Connection::query(std::string_view sql, std::string_view format, const Parameters& parameters) {
  ChdbResult* raw = nullptr;
  if (parameters.empty()) {
    raw = api_.query_n(*handle_, sql.data(), sql.size(), format.data(), format.size());
  } else {
    const ParameterArrays arrays(parameters);
    raw = api_.query_with_params_n(*handle_, sql.data(), sql.size(), format.data(), format.size(), arrays.names.data(),
                                   arrays.name_lengths.data(), arrays.values.data(), arrays.value_lengths.data(),
                                   arrays.names.size());
  }
  const OwnedResult result(api_, raw);
  TRY_VOID(status_of_result(result.get()));
  WholeResult whole;
  whole.body = bytes_of(api_, result.get());
  add(whole.statistics, api_, result.get());
  return whole;
}

Result<std::unique_ptr<StreamQuery>> Connection::stream(std::string_view sql, std::string_view format,
                                                        const Parameters& parameters) {
  ChdbResult* raw = nullptr;
  if (parameters.empty()) {
    raw = api_.stream_query_n(*handle_, sql.data(), sql.size(), format.data(), format.size());
  } else {
    const ParameterArrays arrays(parameters);
    raw = api_.stream_query_with_params_n(*handle_, sql.data(), sql.size(), format.data(), format.size(),
                                          arrays.names.data(), arrays.name_lengths.data(), arrays.values.data(),
                                          arrays.value_lengths.data(), arrays.names.size());
  }
  if (auto status = status_of_result(raw); !status) {
    if (raw != nullptr) api_.destroy_query_result(raw);
    return fail(std::move(status).error());
  }
  return std::unique_ptr<StreamQuery>(new StreamQuery(*this, raw));
}

StreamQuery::~StreamQuery() {
  if (!ended_) {
    connection_.api_.stream_cancel_query(*connection_.handle_, handle_);
    connection_.broken_ = true;
  }
  connection_.api_.destroy_query_result(handle_);
}

Result<std::string> StreamQuery::fetch() {
  if (ended_) return std::string{};
  const ChdbApi& api = connection_.api_;
  const OwnedResult chunk(api, api.stream_fetch_result(*connection_.handle_, handle_));
  if (auto status = connection_.status_of_result(chunk.get()); !status) {
    ended_ = true;  // the engine has already ended it
    return fail(std::move(status).error());
  }
  add(statistics_, api, chunk.get());
  std::string bytes = bytes_of(api, chunk.get());
  if (bytes.empty()) ended_ = true;
  return bytes;
}

Result<std::unique_ptr<StreamInsert>> Connection::insert(std::string_view sql, std::string_view format) {
  ChdbInsert* raw = api_.stream_insert_n(*handle_, sql.data(), sql.size(), format.data(), format.size());
  if (raw == nullptr) return failed("the engine did not begin the insert");
  std::unique_ptr<StreamInsert> insert(new StreamInsert(*this, raw));
  if (const char* text = api_.stream_insert_error(raw); text != nullptr && *text != '\0') return failed(text);
  return insert;
}

StreamInsert::~StreamInsert() {
  if (!finished_) {
    connection_.api_.stream_cancel_insert(handle_);
    connection_.broken_ = true;
  }
  connection_.api_.destroy_insert_stream(handle_);
}

Status StreamInsert::append(std::string_view bytes) {
  if (connection_.api_.stream_append(handle_, bytes.data(), bytes.size()) == 0) return {};
  const char* text = connection_.api_.stream_insert_error(handle_);
  return connection_.failed(text == nullptr ? "" : text);
}

Result<Statistics> StreamInsert::finish() {
  finished_ = true;
  const OwnedResult result(connection_.api_, connection_.api_.stream_done(handle_));
  TRY_VOID(connection_.status_of_result(result.get()));
  Statistics statistics;
  statistics.written_rows = connection_.api_.result_rows_written(result.get());
  statistics.written_bytes = connection_.api_.result_bytes_written(result.get());
  return statistics;
}

}  // namespace kinglet::embedded
