// SPDX-License-Identifier: Apache-2.0
// tinybird.config.json and .tinyb: found upwards, read with every fault at its place.
#include "project/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>

#include "base/spelling.h"
#include "datafile/source.h"
#include "json/document.h"
#include "project/limits.h"

namespace kinglet::project {
namespace {

namespace fs = std::filesystem;
using datafile::Diagnostic;
using datafile::Position;
using datafile::Severity;
using datafile::internal::Source;

/// Where the keys of the outermost object and the texts inside their values stand.
class JsonPlaces {
 public:
  explicit JsonPlaces(std::string_view text) {
    std::size_t depth = 0;
    std::vector<std::string_view>* values = nullptr;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '{' || text[i] == '[') ++depth;
      if ((text[i] == '}' || text[i] == ']') && depth > 0) --depth;
      if (text[i] != '"') continue;
      const auto from = ++i;
      for (; i < text.size() && text[i] != '"'; ++i)
        if (text[i] == '\\') ++i;
      const auto word = text.substr(from, std::min(i, text.size()) - from);
      const auto next = i < text.size() ? text.find_first_not_of(" \t\r\n", i + 1) : std::string_view::npos;
      if (depth == 1 && next != std::string_view::npos && text[next] == ':') {
        auto& entry = keys_[word];
        entry = {word, {}};
        values = &entry.values;
      } else if (values != nullptr) {
        values->push_back(word);
      }
    }
  }
  std::string_view key(std::string_view name) const {
    const auto found = keys_.find(name);
    return found == keys_.end() ? std::string_view() : found->second.key;
  }
  /// The text number `index` in the value of `name`, else the key.
  std::string_view value(std::string_view name, std::size_t index = 0) const {
    const auto found = keys_.find(name);
    if (found == keys_.end()) return {};
    return index < found->second.values.size() ? found->second.values[index] : found->second.key;
  }

 private:
  struct Entry {
    std::string_view key;
    std::vector<std::string_view> values;
  };
  std::map<std::string_view, Entry> keys_;
};

/// "JSON: syntax error at byte 12" -> the message without the place, and the place.
std::pair<std::string, std::size_t> take_offset(const std::string& message) {
  constexpr std::string_view mark = "at byte ";
  const auto at = message.rfind(mark);
  std::size_t offset = 0;
  if (at == std::string::npos) return {message, 0};
  std::from_chars(message.data() + at + mark.size(), message.data() + message.size(), offset);
  auto text = message.substr(0, at);
  while (text.ends_with(' ') || text.ends_with(',')) text.pop_back();
  return {text, offset};
}

/// The object of a settings file; nothing when a finding says why not.
std::optional<json::object> read_object(Source& source) {
  if (source.text().size() > ProjectLimits::settings_bytes_max) {
    source.error(Position{}, fmt::format("the file has {} bytes, the limit is {}", source.text().size(),
                                         ProjectLimits::settings_bytes_max));
    return std::nullopt;
  }
  const auto document = json::parse(source.text());
  if (!document) {
    const auto [message, offset] = take_offset(document.error().message);
    source.error(source.text().substr(std::min(offset, source.text().size())), message,
                 "the file must be one JSON object");
    return std::nullopt;
  }
  if (document->is_object()) return document->get_object();
  source.error(Position{.line = 1, .column = 1}, "a JSON object { … } is expected here");
  return std::nullopt;
}

class ConfigReader {
 public:
  ConfigReader(std::string_view text, const std::string& name, std::vector<Diagnostic>& findings)
      : source_(name, text, findings), places_(source_.text()) {}

  Config read() {
    const auto object = read_object(source_);
    if (!object) return std::move(config_);
    for (const auto& [key, value] : *object) read_key(key, value);
    if (config_.dev_mode == DevMode::local && !config_.branch_data_mode.empty())
      source_.warning(places_.key("branch_data_mode"), "branch_data_mode has no meaning with dev_mode local");
    return std::move(config_);
  }

 private:
  static constexpr std::array<std::string_view, 9> known = {
      "include", "folder", "dev_mode", "devMode", "branch_data_mode", "branchDataMode", "token", "baseUrl", "base_url"};

  void read_key(std::string_view key, const json::value& value) {
    if (key == "include") return read_include(value);
    if (key == "$schema") return;
    if (key == "branch_data_on_create" || key == "branchDataOnCreate")
      return source_.error(places_.key(key), fmt::format("{} is no setting any more", key),
                           "its name is branch_data_mode now");
    if (std::ranges::find(known, key) == known.end()) {
      const auto near = did_you_mean(key, known);
      return source_.warning(
          places_.key(key), fmt::format("{} is no setting; it is ignored", datafile::internal::quoted(key)),
          near.empty() ? "settings: include, folder, dev_mode, branch_data_mode, token, baseUrl" : near);
    }
    if (!value.is_string()) return source_.error(places_.key(key), fmt::format("{} must be a text", key));
    const std::string text(value.get_string());
    const auto place = places_.value(key);
    if (key == "folder") {
      if (text.empty()) return source_.error(places_.key(key), "folder is empty", "\".\" is the folder of this file");
      config_.folder = Config::Item{.text = text, .position = source_.position(place)};
    } else if (key == "dev_mode" || key == "devMode") {
      read_dev_mode(key, text, place);
    } else if (key == "branch_data_mode" || key == "branchDataMode") {
      if (text != "last_partition")
        return source_.error(place, fmt::format("{} {} is unknown", key, datafile::internal::quoted(text)),
                             "it can be last_partition");
      config_.branch_data_mode = text;
    } else if (key == "token") {
      config_.token = text;
    } else {
      config_.base_url = text;
    }
  }

  void read_dev_mode(std::string_view key, const std::string& text, std::string_view place) {
    constexpr std::array<std::pair<std::string_view, DevMode>, 3> modes = {
        {{"branch", DevMode::branch}, {"local", DevMode::local}, {"manual", DevMode::manual}}};
    for (const auto& [name, mode] : modes)
      if (text == name) {
        config_.dev_mode = mode;
        return;
      }
    source_.error(place, fmt::format("{} {} is unknown", key, datafile::internal::quoted(text)),
                  "it can be branch, local or manual");
  }

  void read_include(const json::value& value) {
    if (!value.is_array())
      return source_.error(places_.key("include"), "include must be a list of files, folders and patterns",
                           R"(for example: "include": ["tinybird"])");
    std::size_t index = 0;
    for (const auto& item : value.get_array()) {
      const auto place = places_.value("include", index++);
      if (!item.is_string() || item.get_string().empty())
        return source_.error(place, "an item of include must be the name of a file or folder, or a pattern");
      if (config_.include.size() >= ProjectLimits::include_items_max)
        return source_.error(place, fmt::format("include has more than {} items", ProjectLimits::include_items_max));
      if (item.get_string().size() > ProjectLimits::pattern_bytes_max)
        return source_.error(
            place, fmt::format("an item of include has more than {} bytes", ProjectLimits::pattern_bytes_max));
      config_.include.push_back({.text = std::string(item.get_string()), .position = source_.position(place)});
    }
    if (config_.include.empty())
      source_.error(places_.key("include"), "include is empty, so nothing belongs to the project");
  }

  Source source_;
  JsonPlaces places_;
  Config config_;
};

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/// `folder` and those above it, at most levels_up_max.
template <class Visit>
void upwards(const fs::path& folder, Visit visit) {
  std::error_code error;
  auto at = fs::weakly_canonical(folder, error);
  if (error) return;
  for (std::size_t level = 0; level < ProjectLimits::levels_up_max; ++level) {
    if (visit(at) || at == at.root_path()) return;
    at = at.parent_path();
  }
}

}  // namespace

Config parse_config(std::string_view text, const std::string& name, std::vector<Diagnostic>& findings) {
  return ConfigReader(text, name, findings).read();
}

Config find_config(const fs::path& folder, std::vector<Diagnostic>& findings) {
  Config out;
  const auto start = fs::weakly_canonical(folder);
  upwards(folder, [&](const fs::path& at) {
    const auto shown = [&](const fs::path& file) { return file.lexically_relative(start).generic_string(); };
    for (const char* name : {"tinybird.config.json", "tinybird.json"})
      if (is_file(at / name)) {
        out = parse_config(read_text(at / name), shown(at / name), findings);
        out.file = at / name;
        return true;
      }
    for (const char* name : {"tinybird.config.mjs", "tinybird.config.cjs", "tinybird.config.py", "tinybird_config.py"})
      if (is_file(at / name)) {
        findings.push_back({.severity = Severity::warning,
                            .file = shown(at / name),
                            .position = {},
                            .message = "settings that are a program are not run, so they have no effect here",
                            .hint = "write a tinybird.config.json beside it"});
        return true;
      }
    return false;
  });
  return out;
}

Result<Credentials> find_credentials(const fs::path& folder) {
  Credentials out;
  std::vector<Diagnostic> findings;
  upwards(folder, [&](const fs::path& at) {
    const auto path = at / ".tinyb";
    if (!is_file(path)) return false;
    out.file = path;
    const auto text = read_text(path);
    Source source(".tinyb", text, findings);
    if (const auto object = read_object(source)) {
      const auto get = [&](std::string_view key) { return std::string(json::get_string(*object, key).value_or("")); };
      out.host = get("host");
      out.token = get("token");
      out.cwd = get("cwd");
      if (out.token.empty() && !out.host.empty())
        if (const auto* tokens = object->if_contains("tokens"); tokens != nullptr && tokens->is_object())
          out.token = std::string(json::get_string(tokens->get_object(), out.host).value_or(""));
    }
    return true;
  });
  if (findings.empty()) return out;
  const auto& first = findings.front();
  return fail(Error{
      .code = Code::invalid,
      .message = fmt::format("{}:{}:{}: {}", first.file, first.position.line, first.position.column, first.message),
      .hint = first.hint});
}

}  // namespace kinglet::project
