// SPDX-License-Identifier: Apache-2.0
// The settings of a project: tinybird.config.json, .tinyb, .env.local and .env.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "datafile/model.h"

namespace kinglet::project {

/// One line `NAME=value` of an .env file.
struct Variable {
  std::string name;
  std::string value;
  datafile::Position position = {};
};

/// Lines `NAME=value`, `export NAME="value" # comment`; the last of a name wins. Faults go to `findings`, under `file`.
std::vector<Variable> parse_variables(std::string_view text, const std::string& file,
                                      std::vector<datafile::Diagnostic>& findings);

/// Finds the value of a variable.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
/// The process's own variables, then .env.local, then .env of `folder`.
Environment environment_of(const std::filesystem::path& folder);
/// Replaces each ${NAME}. Errors: invalid, naming a variable that is not set.
Result<std::string> interpolate(std::string_view text, const Environment& environment);

enum class DevMode : std::uint8_t { unset, branch, local, manual };

/// tinybird.config.json, or tinybird.json of older projects.
struct Config {
  struct Item {
    std::string text;
    datafile::Position position = {};
  };
  std::filesystem::path file;  // empty: there is none
  std::vector<Item> include;   // files, folders, patterns; relative to the file's folder
  std::optional<Item> folder;  // the project's folder, relative to the file's
  DevMode dev_mode = DevMode::unset;
  std::string branch_data_mode;
  std::string token, base_url;  // as written: interpolate() gives the value
};

/// Reads the text of a configuration file. Unknown keys, wrong values and wrong JSON go to `findings` under `name`.
Config parse_config(std::string_view text, const std::string& name, std::vector<datafile::Diagnostic>& findings);

/// The nearest configuration in `folder` or above. A program (.mjs, .cjs, .py) is not run: a warning says so.
/// Names in findings are relative to `folder`.
Config find_config(const std::filesystem::path& folder, std::vector<datafile::Diagnostic>& findings);

/// `.tinyb`: what the published client writes at login.
struct Credentials {
  std::filesystem::path file;  // empty: there is none
  std::string host, token;
  std::string cwd;  // the folder of the datafiles, relative to the file's
};
/// The nearest .tinyb in `folder` or above. Errors: invalid, with file, line and column.
Result<Credentials> find_credentials(const std::filesystem::path& folder);

}  // namespace kinglet::project
