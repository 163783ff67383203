// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/chdb_api.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <vector>

namespace kinglet::embedded {
namespace {

constexpr std::string_view pinned_version = "26.7.3-stable.1";

template <class F>
bool find_symbol(void* library, const char* name, F& function, std::string& missing) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  if (function == nullptr) missing = name;
  return function != nullptr;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

}  // namespace

Result<ChdbApi> ChdbApi::load(const std::string& path) {
  // RTLD_NOW: a symbol that is missing is found here, not in the middle of a query. RTLD_LOCAL: its OpenSSL stays its
  // own.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(Code::unavailable, "libchdb cannot be loaded: {}", ::dlerror());
  ChdbApi api;
  std::string missing;
  const bool complete =
      find_symbol(library, "chdb_connect", api.connect, missing) &&
      find_symbol(library, "chdb_close_conn", api.close_conn, missing) &&
      find_symbol(library, "chdb_query_n", api.query_n, missing) &&
      find_symbol(library, "chdb_query_with_params_n", api.query_with_params_n, missing) &&
      find_symbol(library, "chdb_stream_query_n", api.stream_query_n, missing) &&
      find_symbol(library, "chdb_stream_query_with_params_n", api.stream_query_with_params_n, missing) &&
      find_symbol(library, "chdb_stream_fetch_result", api.stream_fetch_result, missing) &&
      find_symbol(library, "chdb_stream_cancel_query", api.stream_cancel_query, missing) &&
      find_symbol(library, "chdb_destroy_query_result", api.destroy_query_result, missing) &&
      find_symbol(library, "chdb_result_buffer", api.result_buffer, missing) &&
      find_symbol(library, "chdb_result_length", api.result_length, missing) &&
      find_symbol(library, "chdb_result_error", api.result_error, missing) &&
      find_symbol(library, "chdb_result_rows_read", api.result_rows_read, missing) &&
      find_symbol(library, "chdb_result_bytes_read", api.result_bytes_read, missing) &&
      find_symbol(library, "chdb_result_storage_rows_read", api.result_storage_rows_read, missing) &&
      find_symbol(library, "chdb_result_storage_bytes_read", api.result_storage_bytes_read, missing) &&
      find_symbol(library, "chdb_result_rows_written", api.result_rows_written, missing) &&
      find_symbol(library, "chdb_result_bytes_written", api.result_bytes_written, missing) &&
      find_symbol(library, "chdb_stream_insert_n", api.stream_insert_n, missing) &&
      find_symbol(library, "chdb_stream_append", api.stream_append, missing) &&
      find_symbol(library, "chdb_stream_done", api.stream_done, missing) &&
      find_symbol(library, "chdb_stream_insert_error", api.stream_insert_error, missing) &&
      find_symbol(library, "chdb_stream_cancel_insert", api.stream_cancel_insert, missing) &&
      find_symbol(library, "chdb_destroy_insert_stream", api.destroy_insert_stream, missing) &&
      find_symbol(library, "chdb_classify_query_n", api.classify_query_n, missing) &&
      find_symbol(library, "chdb_set_signal_handlers_enabled", api.set_signal_handlers_enabled, missing);
  if (!complete) return fail(Code::unavailable, "{} is not the libchdb we know: it has no {}", path, missing);
  return api;
}

Result<std::string> find_libchdb(const std::string& given) {
  if (!given.empty()) return given;
  if (std::string named = environment("KINGLET_LIBCHDB"); !named.empty()) return named;

  std::vector<std::filesystem::path> places;
  std::error_code error;
  if (auto self = std::filesystem::read_symlink("/proc/self/exe", error); !error) {
    places.push_back(self.parent_path().parent_path() / "lib" / "libchdb.so");
  }
  std::filesystem::path cache = environment("KINGLET_CACHE");
  if (cache.empty()) {
    if (std::string shared = environment("XDG_CACHE_HOME"); !shared.empty())
      cache = std::filesystem::path(shared) / "kinglet";
  }
  if (cache.empty()) {
    if (std::string home = environment("HOME"); !home.empty())
      cache = std::filesystem::path(home) / ".cache" / "kinglet";
  }
  if (!cache.empty()) places.push_back(cache / fmt::format("libchdb-{}", pinned_version) / "package" / "libchdb.so");
  for (const auto& place : places) {
    if (std::filesystem::is_regular_file(place, error)) return place.string();
  }
  return fail(Code::unavailable, "libchdb.so was not found: give --libchdb PATH or set KINGLET_LIBCHDB");
}

}  // namespace kinglet::embedded
