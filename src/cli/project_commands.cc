// SPDX-License-Identifier: Apache-2.0
#include "cli/project_commands.h"

#include <CLI/CLI.hpp>

#include "cli/check_command.h"
#include "cli/fixtures.h"
#include "cli/format_command.h"
#include "project/discovery.h"

namespace kinglet::cli {
namespace {

struct Options {
  std::string folder;
  bool check = false;
  bool wait = true;
  bool automatic = true;
  bool destructive = false;
};

std::vector<std::string> names(const json::object& o, std::string_view key) {
  std::vector<std::string> list;
  if (const auto* found = o.if_contains(key); found != nullptr && found->is_array())
    for (const auto& n : found->get_array())
      if (n.is_string()) list.emplace_back(n.get_string());
  return list;
}

/// `file:line:column`, so that editors and terminals lead to the place.
std::string place(const project::Discovered& found, std::string_view file, std::uint64_t line, std::uint64_t column) {
  auto out = found.place(file);
  if (line != 0) out += fmt::format(":{}:{}", line, column);
  return out;
}

std::uint64_t number(const json::object& o, std::string_view key) {
  const auto* found = o.if_contains(key);
  return found != nullptr && found->is_number() ? found->to_number<std::uint64_t>() : 0;
}

void print_errors(const Terminal& terminal, const project::Discovered& found, const json::array& errors) {
  for (const auto& entry : errors) {
    if (!entry.is_object()) continue;
    const auto& e = entry.get_object();
    auto message = std::string(json::get_string(e, "error").value_or("unknown error"));
    const auto line = number(e, "line"), column = number(e, "column");
    const auto prefix = fmt::format("{}:{}: ", line, column);
    if (line != 0 && message.starts_with(prefix)) message.erase(0, prefix.size());
    const auto file = json::get_string(e, "filename").value_or("");
    terminal.failed(file.empty() ? message : fmt::format("{}: {}", place(found, file, line, column), message));
  }
}

void print_changes(const Terminal& terminal, const json::object& o) {
  struct Kind {
    const char* key;
    const char* label;
  };
  for (const auto [key, label] :
       {Kind{"datasource", "datasource"}, Kind{"pipe", "pipe"}, Kind{"data_connector", "connection"}})
    for (const auto [prefix, verb] :
         {std::pair("new", "created"), std::pair("changed", "changed"), std::pair("deleted", "deleted")})
      for (const auto& name : names(o, fmt::format("{}_{}_names", prefix, key)))
        terminal.done(fmt::format("{}.{} {}", name, label, verb));
}

void print_warnings(const Terminal& terminal, const json::object& o) {
  const auto* feedback = o.if_contains("feedback");
  if (feedback == nullptr || !feedback->is_array()) return;
  for (const auto& entry : feedback->get_array()) {
    const auto& f = entry.as_object();
    if (json::get_string(f, "level") == "WARNING")
      terminal.warn(fmt::format("{}: {}", json::get_string(f, "resource").value_or(""),
                                json::get_string(f, "message").value_or("")));
  }
}

/// Rows of fixtures/ for data sources that have none yet. What is wrong with one is told and fails no build.
void load_fixtures(const Terminal& terminal, const Session& session, const project::Discovered& project) {
  const auto appended = append_fixtures(session, project);
  if (appended)
    show_fixtures(terminal, *appended);
  else
    terminal.warn(fmt::format("the fixtures were not appended: {}", appended.error().message));
}

/// Sends the project and shows what came of it. `what` holds the changes in a good reply: "build" or "deployment".
int send_project(const GlobalFlags& flags, const Options& options, const std::string& path, Parameters query,
                 const std::string& what) {
  const Terminal terminal(flags.output);
  const auto started = std::chrono::steady_clock::now();
  const auto files = project::discover(options.folder);
  if (!files) {
    terminal.failed(files.error());
    return 1;
  }
  bool sound = true;
  for (const auto& finding : files->findings) {
    const auto text = fmt::format("{}: {}", place(*files, finding.file, finding.position.line, finding.position.column),
                                  finding.message);
    const bool error = finding.severity == datafile::Severity::error;
    sound = sound && !error;
    if (error)
      terminal.failed(Error{.code = Code::invalid, .message = text, .hint = finding.hint});
    else
      terminal.warn(text);
  }
  if (!sound) return 1;
  const auto session = Session::open(flags);
  if (!session) {
    terminal.failed(session.error());
    return 1;
  }
  terminal.step(
      fmt::format("{} {} files to {}", options.check ? "checking" : "sending", files->files.size(), session->host()));
  Session::Request request{.method = "POST", .path = path, .query = std::move(query)};
  request.body = project_body(files->files, request.content_type);
  request.patience = std::chrono::seconds(3600);
  const auto reply = session->send(std::move(request));
  if (!reply) {
    terminal.failed(reply.error());
    return 1;
  }
  const auto document = json::parse(reply->body);
  const auto* body = document ? document->if_object() : nullptr;
  const auto result = body == nullptr ? std::nullopt : json::get_string(*body, "result");
  if (!result) {
    terminal.failed(reply_error(*reply));
    return 1;
  }
  if (flags.output == Output::json) terminal.line(reply->body);
  const auto took = duration_text(std::chrono::steady_clock::now() - started);
  if (*result == "failed") {
    const auto* errors = body->if_contains("errors");
    if (flags.output != Output::json) {
      if (errors != nullptr && errors->is_array())
        print_errors(terminal, *files, errors->get_array());
      else
        terminal.failed(reply_error(*reply));
      terminal.failed(fmt::format("{} failed; nothing was changed", what == "build" ? "Build" : "Deploy"));
    }
    return 1;
  }
  if (const auto* part = body->if_contains(what); part != nullptr && part->is_object()) {
    print_warnings(terminal, part->get_object());
    print_changes(terminal, part->get_object());
    if (const auto id = json::get_string(part->get_object(), "id");
        what == "deployment" && id && !options.check && *result == "success") {
      const auto* live = part->get_object().if_contains("live");
      const bool is_live = live != nullptr && live->is_bool() && live->get_bool();
      terminal.done(is_live ? fmt::format("Deployment #{} is live", *id)
                            : fmt::format("Deployment #{} waits to be promoted", *id));
    }
  }
  if (*result == "no_changes")
    terminal.warn("No changes: the server has this project already");
  else
    terminal.done(fmt::format("{} completed in {}",
                              options.check     ? "Check"
                              : what == "build" ? "Build"
                                                : "Deploy",
                              took));
  if (what == "build") load_fixtures(terminal, *session, *files);
  return 0;
}

}  // namespace

void add_project_commands(Registrar& registrar) {
  add_check_command(registrar);
  add_format_command(registrar);
  auto options = std::make_shared<Options>();
  const auto folder = [&](CLI::App* app) {
    app->add_option("folder", options->folder,
                    "the project's folder (default: this one, or as tinybird.config.json says)");
  };

  auto* build =
      registrar.app.add_subcommand("build", "apply a project to the workspace at once; what is not in it is deleted");
  folder(build);
  build->callback(registrar.run(
      [options](const GlobalFlags& flags) { return send_project(flags, *options, "/v1/build", {}, "build"); }));

  auto* deploy = registrar.app.add_subcommand("deploy", "check a project on the server and make it live");
  folder(deploy);
  deploy->add_flag("--check", options->check, "validate only: change nothing");
  deploy->add_flag("--auto,!--no-auto", options->automatic,
                   "make it live when it is ready (default), or leave it to be promoted");
  deploy->add_flag("--allow-destructive-operations", options->destructive,
                   "data sources that are not in the project are deleted with their rows");
  deploy->callback(registrar.run([options](const GlobalFlags& flags) {
    Parameters query;
    if (options->check)
      query.emplace_back("check", "true");
    else if (options->automatic)
      query.emplace_back("auto_promote", "true");
    if (options->destructive) query.emplace_back("allow_destructive_operations", "true");
    return send_project(flags, *options, "/v1/deploy", std::move(query), "deployment");
  }));
}

}  // namespace kinglet::cli
