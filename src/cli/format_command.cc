// SPDX-License-Identifier: Apache-2.0
#include "cli/format_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <iterator>

#include "base/ascii.h"
#include "datafile/format.h"
#include "project/discovery.h"
#include "project/line_diff.h"

namespace kinglet::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> paths;
  bool check = false;
  bool diff = false;
  bool from_stdin = false;
  bool yes = false;
  int line_length = 0;
};

struct File {
  fs::path path;
  datafile::SourceFile source;  // named as the reader writes it
};

/// Beside and renamed, with the mode of the old file: a reader sees the old text or the new one.
Status replace_file(const fs::path& path, std::string_view text, const std::string& shown) {
  std::error_code error;
  const auto real = fs::canonical(path, error);  // a link stays one
  const auto mode = fs::status(real, error).permissions();
  if (error) return fail(Code::invalid, "{} cannot be read: {}", shown, error.message());
  std::string beside = (real.parent_path() / (".kinglet-fmt-XXXXXX")).string();
  const int out = ::mkstemp(beside.data());
  if (out < 0) return fail(Code::invalid, "{} cannot be written: {}", shown, std::generic_category().message(errno));
  bool written = true;
  for (std::string_view rest = text; written && !rest.empty();) {
    const auto n = ::write(out, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    written = n > 0;
    if (written) rest.remove_prefix(static_cast<std::size_t>(n));
  }
  written = written && ::fsync(out) == 0;
  written = ::close(out) == 0 && written;
  if (written) fs::permissions(beside, mode, error);
  if (written && !error) fs::rename(beside, real, error);
  if (written && !error) return {};
  std::error_code ignored;
  fs::remove(beside, ignored);
  return fail(Code::invalid, "{} cannot be written", shown);
}

bool is_formatted_kind(const std::string& name) {
  const auto kind = ascii::lower(fs::path(name).extension().string());
  return kind == ".datasource" || kind == ".pipe" || kind == ".endpoint" || kind == ".connection";
}

Result<File> read_one(const std::string& path) {
  if (!is_formatted_kind(path))
    return fail(Error{.code = Code::invalid,
                      .message = fmt::format("{} is no datafile", path),
                      .hint = "the name of a datafile ends in .datasource, .pipe or .connection"});
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return fail(Code::invalid, "{} cannot be read: {}", path, error.message());
  if (size > project::ProjectLimits::file_bytes_max)
    return fail(Code::invalid, "{} has {} bytes, the limit is {}", path, size, project::ProjectLimits::file_bytes_max);
  File out{.path = path, .source = {.name = path, .text = std::string(static_cast<std::size_t>(size), '\0')}};
  std::FILE* in = std::fopen(path.c_str(), "rb");
  const bool read = in != nullptr && std::fread(out.source.text.data(), 1, out.source.text.size(), in) == size;
  if (in != nullptr) std::fclose(in);
  if (!read) return fail(Code::invalid, "{} cannot be read", path);
  return out;
}

/// The files of a folder, or of the project when `folder` is empty. .incl and .token files are left out: their layout
/// is that of the files that they are pasted into.
Result<std::vector<File>> read_folder(const std::string& folder) {
  TRY(auto found, project::discover(folder));
  std::vector<File> out;
  for (auto& file : found.files)
    if (is_formatted_kind(file.name))
      out.push_back(
          {.path = found.root / file.name, .source = {.name = found.place(file.name), .text = std::move(file.text)}});
  return out;
}

class Formatter {
 public:
  Formatter(const Terminal& terminal, const Options& options) : terminal_(terminal), options_(options) {}

  int run() {
    if (options_.from_stdin) return of_stdin();
    if (options_.paths.empty()) take(read_folder({}));
    for (const auto& path : options_.paths) {
      std::error_code ignored;
      if (fs::is_directory(path, ignored)) {
        take(read_folder(path));
        continue;
      }
      auto file = read_one(path);
      if (!file) {
        failed(file.error());
        continue;
      }
      one(*file);
    }
    return finish();
  }

 private:
  void failed(const Error& error) {
    errors_.push_back(json::object{{"message", error.message}, {"hint", error.hint}});
    if (terminal_.output() != Output::json) terminal_.failed(error);
  }

  void take(Result<std::vector<File>> files) {
    if (!files) return failed(files.error());
    for (const auto& file : *files) one(file);
  }

  void one(const File& file) {
    ++count_;
    const auto& name = file.source.name;
    const auto formatted = datafile::format_datafile(file.source);
    if (!formatted) return failed(formatted.error());
    if (*formatted == file.source.text) return;
    if (options_.diff && terminal_.output() != Output::json) show_diff(file, *formatted);
    if (!options_.check && !options_.diff) {
      const auto written = replace_file(file.path, *formatted, name);
      if (!written) return failed(written.error());
      terminal_.done(fmt::format("{} formatted", name));
    } else if (!options_.diff) {
      terminal_.warn(fmt::format("{} would change", name));
    }
    changed_.emplace_back(name);
  }

  void show_diff(const File& file, const std::string& formatted) const {
    const auto diff = project::unified_diff(file.source.text, formatted, file.source.name);
    std::fwrite(diff.data(), 1, diff.size(), stdout);
  }

  int of_stdin() {
    if (options_.paths.size() != 1) {
      terminal_.failed(
          "--stdin needs the name of the file whose text comes in: kinglet fmt --stdin top.pipe < top.pipe");
      return 2;
    }
    std::string text(std::istreambuf_iterator<char>(std::cin), {});
    const File file{.path = {}, .source = {.name = options_.paths.front(), .text = std::move(text)}};
    const auto formatted = datafile::format_datafile(file.source);
    if (!formatted) {
      terminal_.failed(formatted.error());
      return 1;
    }
    const bool same = *formatted == file.source.text;
    if (options_.diff)
      show_diff(file, *formatted);
    else if (!options_.check)
      std::fwrite(formatted->data(), 1, formatted->size(), stdout);
    return options_.check && !same ? 1 : 0;
  }

  int finish() {
    const auto changed = changed_.size();
    if (terminal_.output() == Output::json)
      terminal_.line(json::write(json::object{{"files", count_}, {"changed", changed_}, {"errors", errors_}}));
    else if (errors_.empty() && !options_.diff)
      terminal_.done(changed == 0 ? fmt::format("{} files, all formatted", count_)
                                  : fmt::format("{} files, {} {}", count_, changed,
                                                options_.check ? "not formatted; `kinglet fmt` does it" : "changed"));
    return !errors_.empty() || (options_.check && changed > 0) ? 1 : 0;
  }

  const Terminal& terminal_;
  const Options& options_;
  std::size_t count_ = 0;
  json::array changed_, errors_;
};

int format(const GlobalFlags& flags, const Options& options) {
  const Terminal terminal(flags.output);
  if (options.line_length != 0)
    terminal.warn("--line-length has no effect: SQL is indented as a whole, its lines stay as they are");
  return Formatter(terminal, options).run();
}

}  // namespace

void add_format_command(Registrar& registrar) {
  auto options = std::make_shared<Options>();
  auto* app = registrar.app.add_subcommand("fmt", "bring datafiles into one layout; comments and SQL stay");
  app->add_option("paths", options->paths, "files and folders (default: the project of this folder)");
  app->add_flag("--check", options->check, "change nothing; exit status 1 when a file would change");
  app->add_flag("--diff", options->diff, "change nothing; show what would change");
  app->add_flag("--stdin", options->from_stdin, "format standard input, named by the one path, to standard output");
  app->add_flag("--yes", options->yes, "no effect: nothing is asked");
  app->add_option("--line-length", options->line_length, "no effect: lines of SQL stay as they are");
  app->callback(registrar.run([options](const GlobalFlags& flags) { return format(flags, *options); }));
}

}  // namespace kinglet::cli
