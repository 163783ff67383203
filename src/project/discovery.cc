// SPDX-License-Identifier: Apache-2.0
// The walk over a project's folder.
#include "project/discovery.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "base/spelling.h"
#include "datafile/source.h"
#include "project/pattern.h"

namespace kinglet::project {
namespace {

namespace fs = std::filesystem;
using datafile::Diagnostic;
using datafile::Severity;
using datafile::internal::upper;

bool is_datafile(const fs::path& path) {
  const auto kind = upper(path.extension().string());
  return kind == ".DATASOURCE" || kind == ".PIPE" || kind == ".ENDPOINT" || kind == ".CONNECTION" || kind == ".INCL" ||
         kind == ".TOKEN";
}

std::optional<FixtureFormat> fixture_format(const fs::path& path) {
  const auto kind = upper(path.extension().string());
  if (kind == ".NDJSON") return FixtureFormat::ndjson;
  if (kind == ".CSV") return FixtureFormat::csv;
  if (kind == ".PARQUET") return FixtureFormat::parquet;
  return std::nullopt;
}

bool is_program(const fs::path& path) {
  const auto kind = upper(path.extension().string());
  return kind == ".TS" || kind == ".JS" || kind == ".PY" || kind == ".MJS" || kind == ".CJS" || kind == ".TSX";
}

bool is_left_out(const std::string& folder) {
  return folder.starts_with('.') || folder == "node_modules";
}

class Finder {
 public:
  Status choose_root(const std::string& folder) {
    const fs::path start = folder.empty() ? fs::path(".") : fs::path(folder);
    std::error_code error;
    if (fs::is_regular_file(start, error))
      return fail(Error{.code = Code::invalid,
                        .message = fmt::format("{} is a file, not a folder", folder),
                        .hint = "name the folder of the project"});
    if (!fs::is_directory(start, error)) return fail(Code::invalid, "there is no folder {}", folder);
    const auto canonical = fs::canonical(start, error);
    if (error) return fail(Code::invalid, "{} cannot be read: {}", folder, error.message());
    out_.config = find_config(start, out_.findings);
    out_.root = canonical;
    const auto base = out_.config.file.parent_path();
    const bool applies = !base.empty() && (folder.empty() || base == canonical);
    if (applies) {
      out_.root = base;
      if (out_.config.folder && out_.config.include.empty()) {
        TRY_VOID(go_to(base / out_.config.folder->text));
      }
      includes_ = !out_.config.include.empty();
    } else if (folder.empty()) {
      TRY(const auto credentials, find_credentials(start));
      if (!credentials.cwd.empty()) {
        TRY_VOID(go_to(credentials.file.parent_path() / credentials.cwd));
      }
    }
    config_name_ = base.empty() ? std::string() : out_.config.file.lexically_relative(out_.root).generic_string();
    for (auto& finding : out_.findings)  // its names are relative to where the search began
      finding.file = (canonical / finding.file).lexically_normal().lexically_relative(out_.root).generic_string();
    out_.shown = shown(folder, canonical);
    return {};
  }

  Status find_files() {
    if (has_errors()) return {};  // wrong settings: which files are meant is not known
    if (includes_) {
      for (const auto& item : out_.config.include) {
        TRY_VOID(take_item(item));
      }
    } else {
      TRY_VOID(walk(out_.root, [](const fs::path&) { return true; }));
    }
    for (auto& [name, file] : files_) out_.files.push_back(std::move(file));
    if (!out_.files.empty() || has_errors()) return {};
    return fail(Error{
        .code = Code::invalid,
        .message = fmt::format("no .datasource or .pipe file in {}", out_.shown.empty() ? "this folder" : out_.shown),
        .hint = "run it in the project's folder, or name the folder"});
  }

  Status find_companions() {
    for (const auto& home : homes()) {
      take_fixtures(home / "fixtures");
      take_fixtures(home / "datasources" / "fixtures");
      take_tests(home / "tests");
      TRY_VOID(take_vendor(home / "vendor"));
    }
    std::ranges::sort(out_.fixtures, {}, &Fixture::name);
    std::ranges::sort(out_.tests, {}, &DataTest::name);
    std::ranges::sort(out_.vendored, {}, [](const Vendored& v) { return v.file.name; });
    take_secrets();
    return {};
  }

  Discovered take() { return std::move(out_); }

 private:
  Status go_to(const fs::path& folder) {
    std::error_code error;
    const auto found = fs::canonical(folder, error);
    if (error || !fs::is_directory(found, error))
      return fail(Error{.code = Code::invalid,
                        .message = fmt::format("the settings of the project name the folder {}, which does not exist",
                                               datafile::internal::quoted(folder.filename().string())),
                        .hint = "correct folder in tinybird.config.json, or cwd in .tinyb"});
    out_.root = found;
    return {};
  }

  /// How a reader at the working directory writes the root.
  std::string shown(const std::string& folder, const fs::path& start) const {
    std::error_code ignored;
    std::string text;
    if (!folder.empty() && out_.root == start)
      text = fs::path(folder).lexically_normal().generic_string();
    else
      text = out_.root.lexically_relative(fs::current_path(ignored)).generic_string();
    if (text == "." || text == "./" || text.empty()) return {};
    if (text.starts_with("./")) text.erase(0, 2);
    return text.ends_with('/') ? text : text + '/';
  }

  void add(Severity severity, std::string file, datafile::Position at, std::string message, std::string hint = {}) {
    out_.findings.push_back({.severity = severity,
                             .file = std::move(file),
                             .position = at,
                             .message = std::move(message),
                             .hint = std::move(hint)});
  }
  bool has_errors() const {
    return std::ranges::any_of(out_.findings, [](const Diagnostic& d) { return d.severity == Severity::error; });
  }

  std::string name_of(const fs::path& path) const {
    return path.lexically_normal().lexically_relative(out_.root).generic_string();
  }

  Status take_item(const Config::Item& item) {
    const auto wrong = [&](std::string message, std::string hint = {}) {
      add(Severity::error, config_name_, item.position, std::move(message), std::move(hint));
    };
    std::error_code ignored;
    const auto path = (out_.root / item.text).lexically_normal();
    if (!is_pattern(item.text) || fs::exists(path, ignored)) {
      if (fs::is_directory(path, ignored)) return walk(path, [](const fs::path&) { return true; });
      if (fs::is_regular_file(path, ignored)) {
        if (is_datafile(path)) return take_file(path);
        if (is_program(path))
          add(Severity::warning, config_name_, item.position,
              fmt::format("{} is a program; it is not run, so what it defines is not seen",
                          datafile::internal::quoted(item.text)),
              "let its SDK write datafiles, and include those");
        else
          wrong(fmt::format("include names {}, which is not a datafile", datafile::internal::quoted(item.text)));
        return {};
      }
      wrong(fmt::format("include names {}, but there is no such file or folder", datafile::internal::quoted(item.text)),
            near(path));
      return {};
    }
    auto prefix = item.text.substr(0, item.text.find_first_of("*?[{"));
    prefix.erase(prefix.rfind('/') == std::string::npos ? 0 : prefix.rfind('/') + 1);
    const auto base = (out_.root / prefix).lexically_normal();
    const auto pattern = item.text.substr(prefix.size());
    if (!fs::is_directory(base, ignored)) {
      wrong(fmt::format("include names {}, but there is no folder {}", datafile::internal::quoted(item.text),
                        datafile::internal::quoted(prefix)),
            near(base));
      return {};
    }
    const auto before = files_.size();
    TRY_VOID(walk(base, [&](const fs::path& file) {
      return matches_pattern(file.lexically_relative(base).generic_string(), pattern);
    }));
    if (files_.size() == before && !is_program(pattern))
      add(Severity::warning, config_name_, item.position,
          fmt::format("no datafile matches {}", datafile::internal::quoted(item.text)));
    return {};
  }

  /// "did you mean …?" for a path of which all but the last part exists.
  static std::string near(const fs::path& path) {
    std::error_code ignored;
    std::vector<std::string> names;
    const auto wanted = path.has_filename() ? path : path.parent_path();
    for (fs::directory_iterator it(wanted.parent_path(), ignored), end; !ignored && it != end; it.increment(ignored)) {
      if (names.size() >= ProjectLimits::include_items_max) break;
      names.push_back(it->path().filename().string());
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    return did_you_mean(wanted.filename().string(), views);
  }

  template <class Accept>
  Status walk(const fs::path& folder, Accept accept) {
    std::error_code error;
    auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
      if (++entries_ > ProjectLimits::entries_max)
        return fail(Error{.code = Code::invalid,
                          .message = fmt::format("more than {} files and folders below {}", ProjectLimits::entries_max,
                                                 out_.shown.empty() ? "this folder" : out_.shown),
                          .hint = "is this the project's folder? name it, or list its files in include of "
                                  "tinybird.config.json"});
      std::error_code ignored;
      if (it->is_directory(ignored)) {
        const auto name = it->path().filename().string();
        if (is_left_out(name) || name == "vendor" || static_cast<std::size_t>(it.depth()) >= ProjectLimits::depth_max)
          it.disable_recursion_pending();
        continue;
      }
      if (is_datafile(it->path()) && accept(it->path())) {
        TRY_VOID(take_file(it->path()));
      }
    }
    if (error)
      return fail(Code::invalid, "{} cannot be read: {}", out_.shown.empty() ? "the folder" : out_.shown,
                  error.message());
    return {};
  }

  /// The text of a file; nothing when a finding says why not. Errors: the limit of all files together.
  Result<std::optional<std::string>> read(const fs::path& path, const std::string& name) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
      add(Severity::error, name, {}, "the name of a datafile, but it is no file");
      return std::nullopt;
    }
    const auto size = fs::file_size(path, error);
    if (!error && size > ProjectLimits::file_bytes_max) {
      add(Severity::error, name, {},
          fmt::format("the file has {} bytes, the limit is {}", size, ProjectLimits::file_bytes_max));
      return std::nullopt;
    }
    std::ifstream in(path, std::ios::binary);
    std::string text(error ? 0 : static_cast<std::size_t>(size), '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (error || !in) {
      add(Severity::error, name, {}, "the file cannot be read");
      return std::nullopt;
    }
    bytes_ += text.size();
    if (bytes_ > ProjectLimits::bytes_max)
      return fail(Code::invalid, "the datafiles of the project have more than {} bytes", ProjectLimits::bytes_max);
    return text;
  }

  Status take_file(const fs::path& path) {
    auto name = name_of(path);
    if (files_.contains(name)) return {};
    if (files_.size() + out_.vendored.size() >= ProjectLimits::files_max)
      return fail(Code::invalid, "the project has more than {} datafiles", ProjectLimits::files_max);
    TRY(auto text, read(path, name));
    if (!text) return {};
    const auto base = path.stem().string();
    const auto dot = base.find('.');
    if (dot != std::string::npos && dot > 0 && upper(path.extension().string()) == ".DATASOURCE") {
      // Older clients wrote what another workspace shares as `workspace.name.datasource` beside the own files.
      out_.vendored.push_back({.workspace = base.substr(0, dot),
                               .source = base.substr(dot + 1),
                               .file = {.name = std::move(name), .text = std::move(*text)}});
      return {};
    }
    auto key = name;
    files_.emplace(std::move(key), datafile::SourceFile{.name = std::move(name), .text = std::move(*text)});
    return {};
  }

  /// Folders beside which fixtures/, tests/ and vendor/ stand: the root, those of datafiles, and one above these.
  std::set<fs::path> homes() const {
    std::set<fs::path> out = {out_.root};
    for (const auto& file : out_.files) {
      auto folder = fs::path(file.name).parent_path();
      for (int level = 0; level < 2 && !folder.empty() && *folder.begin() != ".."; ++level) {
        out.insert(out_.root / folder);
        folder = folder.parent_path();
      }
    }
    return out;
  }

  template <class Take>
  void list(const fs::path& folder, Take take) {
    if (!listed_.insert(folder).second) return;  // datasources/fixtures is met from two sides
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      if (++entries_ > ProjectLimits::entries_max) return;
      std::error_code ignored;
      if (it->is_regular_file(ignored)) take(it->path());
    }
  }

  void take_fixtures(const fs::path& folder) {
    list(folder, [&](const fs::path& path) {
      const auto format = fixture_format(path);
      if (format && !path.filename().string().starts_with('.'))
        out_.fixtures.push_back(
            {.source = path.stem().string(), .name = name_of(path), .path = path, .format = *format});
    });
  }

  void take_tests(const fs::path& folder) {
    list(folder, [&](const fs::path& path) {
      const auto kind = upper(path.extension().string());
      if ((kind == ".YAML" || kind == ".YML") && !path.filename().string().starts_with('.'))
        out_.tests.push_back({.pipe = path.stem().string(), .name = name_of(path), .path = path});
    });
  }

  Status take_vendor(const fs::path& folder) {
    std::error_code error;
    if (!fs::is_directory(folder, error)) return {};
    auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
      if (++entries_ > ProjectLimits::entries_max) return {};
      std::error_code ignored;
      if (it->is_directory(ignored)) {
        if (is_left_out(it->path().filename().string()) || it.depth() >= 3) it.disable_recursion_pending();
        continue;
      }
      if (it.depth() == 0 || upper(it->path().extension().string()) != ".DATASOURCE") continue;
      if (files_.size() + out_.vendored.size() >= ProjectLimits::files_max)
        return fail(Code::invalid, "the project has more than {} datafiles", ProjectLimits::files_max);
      auto name = name_of(it->path());
      TRY(auto text, read(it->path(), name));
      if (!text) continue;
      out_.vendored.push_back({.workspace = it->path().lexically_relative(folder).begin()->string(),
                               .source = it->path().stem().string(),
                               .file = {.name = std::move(name), .text = std::move(*text)}});
    }
    return {};
  }

  void take_secrets() {
    const auto beside = out_.config.file.empty() ? out_.root : out_.config.file.parent_path();
    for (const auto& folder : {out_.root, beside}) {
      const auto path = folder / ".env.local";
      std::error_code error;
      if (!fs::is_regular_file(path, error)) continue;
      std::ifstream in(path, std::ios::binary);
      std::string text(std::istreambuf_iterator<char>(in), {});
      out_.secrets = parse_variables(text, name_of(path), out_.findings);
      return;
    }
  }

  Discovered out_;
  bool includes_ = false;
  std::string config_name_;  // relative to the root
  std::set<fs::path> listed_;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
  std::map<std::string, datafile::SourceFile, std::less<>> files_;
};

}  // namespace

std::string Discovered::place(std::string_view name) const {
  return fs::path(shown + std::string(name)).lexically_normal().generic_string();
}

Result<Discovered> discover(const std::string& folder) {
  Finder finder;
  TRY_VOID(finder.choose_root(folder));
  TRY_VOID(finder.find_files());
  TRY_VOID(finder.find_companions());
  return finder.take();
}

}  // namespace kinglet::project
