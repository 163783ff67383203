// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"

#include <CLI/CLI.hpp>

#include "cli/data_commands.h"
#include "cli/project_commands.h"
#include "cli/registrar.h"

namespace kinglet::cli {

void add_commands(CLI::App& app, std::function<int()>& command) {
  auto flags = std::make_shared<GlobalFlags>();
  auto output = std::make_shared<std::string>("human");
  app.add_option("--host", flags->host, "server address (KINGLET_HOST, TB_HOST); default http://localhost:7181");
  app.add_option("--token", flags->token,
                 "token (KINGLET_TOKEN, TB_TOKEN); default what the server on this machine tells");
  app.add_option("--output", *output, "human, json or csv")->check(CLI::IsMember({"human", "json", "csv"}));

  Registrar registrar{
      .app = app, .run = [flags, output, &command](Action action) {
        return [flags, output, &command, action = std::move(action)] {
          command = [flags, output, action] {
            flags->output = *output == "json" ? Output::json : *output == "csv" ? Output::csv : Output::human;
            return action(*flags);
          };
        };
      }};
  add_project_commands(registrar);
  add_data_commands(registrar);
}

}  // namespace kinglet::cli
