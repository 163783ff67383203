// SPDX-License-Identifier: Apache-2.0
// The functions of libchdb that we call, found by dlopen. Its package has no header; signatures are those of the
// exported symbols.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace kinglet::embedded {

/// libchdb's handles. A connection is passed by value of what chdb_connect's pointer points to.
using ChdbConnection = void*;
struct ChdbResult;
struct ChdbInsert;

/// What chdb_classify_query_n fills. `size` is set by the caller.
struct ChdbClassification {
  std::uint32_t size = sizeof(ChdbClassification);
  std::uint32_t statements = 0;
  std::uint32_t reserved = 0;
  std::uint32_t kind = 0;  // 0 reads, 1 writes or DDL, 3 other (KILL, INTO OUTFILE), 4 nothing
};

struct ChdbApi {
  ChdbConnection* (*connect)(int argc, char** argv) = nullptr;
  void (*close_conn)(ChdbConnection*) = nullptr;
  ChdbResult* (*query_n)(ChdbConnection, const char*, std::size_t, const char*, std::size_t) = nullptr;
  ChdbResult* (*query_with_params_n)(ChdbConnection, const char*, std::size_t, const char*, std::size_t,
                                     const char* const*, const std::size_t*, const char* const*, const std::size_t*,
                                     std::size_t) = nullptr;
  ChdbResult* (*stream_query_n)(ChdbConnection, const char*, std::size_t, const char*, std::size_t) = nullptr;
  ChdbResult* (*stream_query_with_params_n)(ChdbConnection, const char*, std::size_t, const char*, std::size_t,
                                            const char* const*, const std::size_t*, const char* const*,
                                            const std::size_t*, std::size_t) = nullptr;
  ChdbResult* (*stream_fetch_result)(ChdbConnection, ChdbResult*) = nullptr;
  void (*stream_cancel_query)(ChdbConnection, ChdbResult*) = nullptr;
  void (*destroy_query_result)(ChdbResult*) = nullptr;
  char* (*result_buffer)(ChdbResult*) = nullptr;
  std::size_t (*result_length)(ChdbResult*) = nullptr;
  const char* (*result_error)(ChdbResult*) = nullptr;
  std::uint64_t (*result_rows_read)(ChdbResult*) = nullptr;
  std::uint64_t (*result_bytes_read)(ChdbResult*) = nullptr;
  std::uint64_t (*result_storage_rows_read)(ChdbResult*) = nullptr;
  std::uint64_t (*result_storage_bytes_read)(ChdbResult*) = nullptr;
  std::uint64_t (*result_rows_written)(ChdbResult*) = nullptr;
  std::uint64_t (*result_bytes_written)(ChdbResult*) = nullptr;
  ChdbInsert* (*stream_insert_n)(ChdbConnection, const char*, std::size_t, const char*, std::size_t) = nullptr;
  int (*stream_append)(ChdbInsert*, const char*, std::size_t) = nullptr;
  ChdbResult* (*stream_done)(ChdbInsert*) = nullptr;
  const char* (*stream_insert_error)(ChdbInsert*) = nullptr;
  void (*stream_cancel_insert)(ChdbInsert*) = nullptr;
  void (*destroy_insert_stream)(ChdbInsert*) = nullptr;
  int (*classify_query_n)(ChdbConnection, const char*, std::size_t, const char*, std::size_t,
                          ChdbClassification*) = nullptr;
  void (*set_signal_handlers_enabled)(int) = nullptr;

  /// Loads the library; it is never unloaded. Errors: unavailable (no such file, a symbol is missing).
  static Result<ChdbApi> load(const std::string& path);
};

/// Where libchdb.so is: `given`, $KINGLET_LIBCHDB, <folder of the executable>/../lib/libchdb.so, then the cache folder.
/// Errors: unavailable, when none of them is a file.
Result<std::string> find_libchdb(const std::string& given);

}  // namespace kinglet::embedded
