// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <vector>

#include "base/spelling.h"
#include "cli/data_commands.h"
#include "cli/project_commands.h"
#include "cli/registrar.h"
#include "cli/test_command.h"

namespace kinglet::cli {
namespace {

struct Globals {
  std::shared_ptr<GlobalFlags> flags = std::make_shared<GlobalFlags>();
  std::shared_ptr<std::string> output = std::make_shared<std::string>("human");
};

void add_globals(CLI::App& app, const Globals& globals, const char* group) {
  const auto add = [&](const char* name, std::string& value, const char* text) {
    return app.add_option(name, value, text)->group(group);
  };
  add("--host", globals.flags->host, "server address (KINGLET_HOST, TB_HOST); default http://localhost:7181");
  add("--token", globals.flags->token,
      "token (KINGLET_TOKEN, TB_TOKEN); default what the server on this machine tells");
  add("--output", *globals.output, "human, json or csv")->check(CLI::IsMember({"human", "json", "csv"}));
}

/// The global flags are understood behind a subcommand as well; there the help does not list them again. Not behind one
/// that takes flags of any name: they may be an endpoint's parameters.
void add_globals_below(CLI::App& app, const Globals& globals) {
  for (auto* sub : app.get_subcommands({})) {
    if (sub->get_name() == "serve" || sub->get_allow_extras()) continue;
    add_globals(*sub, globals, "");
    add_globals_below(*sub, globals);
  }
}

}  // namespace

void add_commands(CLI::App& app, std::function<int()>& command) {
  const Globals globals;
  add_globals(app, globals, "Options");
  Registrar registrar{
      .app = app, .run = [flags = globals.flags, output = globals.output, &command](Action action) {
        return [flags, output, &command, action = std::move(action)] {
          command = [flags, output, action] {
            flags->output = *output == "json" ? Output::json : *output == "csv" ? Output::csv : Output::human;
            return action(*flags);
          };
        };
      }};
  add_project_commands(registrar);
  add_data_commands(registrar);
  add_test_commands(registrar);
  add_globals_below(app, globals);
}

std::optional<std::string> unknown_subcommand(const CLI::App& app, std::span<const char* const> arguments) {
  const auto* at = &app;
  std::string before = app.get_name();
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string word = arguments[i];
    const auto known = at->get_subcommands({});
    if (known.empty()) return {};  // what follows are the subcommand's own words
    if (word.starts_with('-')) {
      const auto* option = at->get_option_no_throw(word);
      if (option != nullptr && option->get_expected_max() > 0) ++i;  // its value
      continue;
    }
    const auto found = std::ranges::find_if(known, [&](const auto* sub) { return sub->check_name(word); });
    if (found == known.end()) {
      std::vector<std::string> names;
      for (const auto* sub : known) names.push_back(sub->get_name());
      const std::vector<std::string_view> candidates(names.begin(), names.end());
      const auto hint = did_you_mean(word, candidates);
      return fmt::format("{0} has no subcommand '{1}' ({2}); {0} --help tells more", before, word,
                         hint.empty() ? fmt::format("there are {}", fmt::join(names, ", ")) : hint);
    }
    before += " " + word;
    at = *found;
  }
  return {};
}

}  // namespace kinglet::cli
