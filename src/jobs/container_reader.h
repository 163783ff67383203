// SPDX-License-Identifier: Apache-2.0
// Parquet, Arrow, ORC and Avro files through the reader engine: a file in its scratch folder in, lines of JSON out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/process.h"
#include "jobs/file_format.h"
#include "jobs/import_control.h"
#include "runtime/blocking_pool.h"

namespace kinglet::jobs {

/// The reader engine, and the one folder that it may read.
struct ReaderTools {
  engine::Process* process = nullptr;  // null: container files are refused
  engine::Address address = {};
  std::string scratch = {};
  BlockingPool* files = nullptr;  // for calls that block on the disk
};

/// A file in the scratch folder, removed when it is done with.
class ScratchFile {
 public:
  ScratchFile(const ReaderTools& tools, std::string name);
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  /// Errors: unavailable (disk full).
  Task<Status> append(std::string_view bytes);
  /// After the last byte.
  Task<Status> close();
  /// The same, and the file outlives a power cut.
  Task<Status> sync();
  const std::string& path() const { return path_; }
  /// As the reader engine sees it.
  std::string reader_path() const;
  /// It stays when this object goes, and is somebody else's to remove.
  void keep() { keep_ = true; }

 private:
  const ReaderTools& tools_;
  std::string name_, path_;
  int fd_ = -1;
  bool keep_ = false;

  Task<Status> finish(bool durable);
};

struct ContainerColumn {
  std::string name;
  std::string type;  // as the engine infers it
};

/// One file being decoded. The file must have passed check_container().
/// Errors of all calls: invalid (the decoder refuses the file, or died of it, or needs more memory or time than it
/// gets); unavailable (no reader engine); cancelled.
class ContainerRows {
 public:
  struct Options {
    FileFormat format = FileFormat::parquet;
    std::uint64_t rows_max = 0;  // 0: all
    std::chrono::seconds seconds_max{3600};
  };
  static Task<Result<std::unique_ptr<ContainerRows>>> open(ReaderTools tools, std::string reader_path, Options options,
                                                           std::shared_ptr<ImportControl> control);
  ~ContainerRows();
  /// Columns and their types, without reading rows.
  Task<Result<std::vector<ContainerColumn>>> columns();
  /// The next lines of JSON; empty at the end.
  Task<Result<std::string>> next();

 private:
  struct State;
  explicit ContainerRows(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kinglet::jobs
