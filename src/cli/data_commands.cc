// SPDX-License-Identifier: Apache-2.0
#include "cli/data_commands.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "cli/file_commands.h"
#include "cli/online.h"
#include "cli/quarantine_command.h"

namespace kinglet::cli {
namespace {

/// The rows of a query reply as a table with names and types, then its statistics.
void print_result(const Terminal& terminal, const json::object& reply) {
  std::vector<std::string> names, types;
  for (const auto& column : reply.at("meta").as_array()) {
    names.push_back(text(column.as_object(), "name"));
    types.push_back(terminal.dim(text(column.as_object(), "type")));
  }
  std::vector<std::vector<std::string>> rows{types};
  for (const auto& row : reply.at("data").as_array()) {
    std::vector<std::string> cells;
    for (const auto& name : names) cells.push_back(text(row.as_object(), name));
    rows.push_back(std::move(cells));
  }
  if (rows.size() == 1)
    terminal.line("no rows");
  else
    terminal.table(names, rows);
}

void print_statistics(const Terminal& terminal, const json::object& reply) {
  if (const auto* found = reply.if_contains("statistics"); found != nullptr && found->is_object()) {
    const auto& s = found->get_object();
    const auto elapsed = std::chrono::duration<double>(s.contains("elapsed") ? s.at("elapsed").to_number<double>() : 0);
    terminal.line(terminal.dim(
        fmt::format("{} · read {} rows, {} in {}", rows_text(number(reply.if_contains("rows"))),
                    grouped(number(s.if_contains("rows_read"))), bytes_text(number(s.if_contains("bytes_read"))),
                    duration_text(std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed)))));
  }
}

/// Runs a request whose reply is a query result, in the output that was asked for.
Status show_query(const Session& session, const Terminal& terminal, Session::Request request) {
  TRY(const auto reply, session.send(std::move(request)));
  if (reply.status != 200) return fail(reply_error(reply));
  if (terminal.output() != Output::human) {
    std::fwrite(reply.body.data(), 1, reply.body.size(), stdout);
    if (!reply.body.ends_with('\n')) std::fputc('\n', stdout);
    return {};
  }
  TRY(const auto document, json::parse(reply.body));
  print_result(terminal, document.as_object());
  print_statistics(terminal, document.as_object());
  return {};
}

/// The query stands one line lower in what is sent than in what the user wrote.
std::string with_own_lines(std::string message) {
  constexpr std::string_view word = "line ";
  const auto at = message.find(word);
  if (at == message.npos) return message;
  unsigned line = 0;
  const auto* begin = message.data() + at + word.size();
  const auto [end, error] = std::from_chars(begin, message.data() + message.size(), line);
  if (error != std::errc() || line < 2) return message;
  message.replace(at + word.size(), static_cast<std::size_t>(end - begin), std::to_string(line - 1));
  return message;
}

Status sql(const Session& session, const Terminal& terminal, const std::string& query, std::uint64_t limit) {
  Session::Request request{.method = "POST", .path = "/v0/sql"};
  auto body = query;
  while (!body.empty() && (std::isspace(static_cast<unsigned char>(body.back())) != 0 || body.back() == ';'))
    body.pop_back();
  const auto format = terminal.output() == Output::csv ? "CSVWithNames" : "JSON";
  request.body = fmt::format("SELECT * FROM (\n{}\n) LIMIT {} FORMAT {}", body, limit, format);
  request.content_type = "text/plain";
  auto shown = show_query(session, terminal, std::move(request));
  if (!shown) shown.error().message = with_own_lines(std::move(shown.error().message));
  return shown;
}

Status list_data_sources(const Session& session, const Terminal& terminal) {
  TRY(const auto reply, session.get("/v0/datasources"));
  if (terminal.output() == Output::json) {
    terminal.line(json::write(reply));
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : reply.as_object().at("datasources").as_array()) {
    const auto& o = entry.as_object();
    const auto& statistics = o.at("statistics").as_object();
    rows.push_back({text(o, "name"), grouped(number(statistics.if_contains("row_count"))),
                    bytes_text(number(statistics.if_contains("bytes"))),
                    grouped(number(o.if_contains("quarantine_rows"))), text(o, "updated_at").substr(0, 19)});
  }
  if (rows.empty())
    terminal.line("no data sources; `kinglet deploy` makes those of a project");
  else
    terminal.table({"name", "rows", "size", "quarantined", "updated"}, rows);
  return {};
}

Status list_endpoints(const Session& session, const Terminal& terminal) {
  TRY(const auto reply, session.get("/v0/pipes"));
  json::array endpoints;
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : reply.as_object().at("pipes").as_array()) {
    const auto& o = entry.as_object();
    if (text(o, "type") != "endpoint") continue;
    std::string parameters;
    for (const auto& node : o.at("nodes").as_array())
      for (const auto& p : node.as_object().at("params").as_array()) {
        const auto name = text(p.as_object(), "name");
        if ((" " + parameters + ",").find(" " + name + ",") == std::string::npos)
          parameters += (parameters.empty() ? "" : ", ") + name;
      }
    rows.push_back({text(o, "name"), parameters, text(o, "description").substr(0, 60)});
    endpoints.push_back(json::object{{"name", o.at("name")}, {"url", o.at("url")}});
  }
  if (terminal.output() == Output::json)
    terminal.line(json::write(json::object{{"endpoints", std::move(endpoints)}}));
  else if (rows.empty())
    terminal.line("no endpoints; a pipe with TYPE endpoint makes one");
  else
    terminal.table({"name", "parameters", "description"}, rows);
  return {};
}

/// `--name value` or `--name=value`, as often as wanted.
Result<Parameters> parameters_of(const std::vector<std::string>& rest) {
  Parameters parameters;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const auto& word = rest[i];
    if (!word.starts_with("--") || word.size() < 3)
      return fail(Code::invalid, "'{}' is no parameter: write --name value", word);
    const auto equals = word.find('=');
    if (equals != word.npos) {
      parameters.emplace_back(word.substr(2, equals - 2), word.substr(equals + 1));
    } else if (i + 1 < rest.size()) {
      parameters.emplace_back(word.substr(2), rest[++i]);
    } else {
      return fail(Code::invalid, "the parameter {} has no value", word);
    }
  }
  return parameters;
}

Status endpoint_data(const Session& session, const Terminal& terminal, const std::string& name,
                     const std::string& query, const std::vector<std::string>& rest) {
  TRY(auto parameters, parameters_of(rest));
  if (!query.empty()) parameters.emplace_back("q", query);
  const auto* suffix = terminal.output() == Output::csv ? "csvwithnames" : "json";
  Session::Request request;
  request.path = fmt::format("/v0/pipes/{}.{}", http::percent_encode(name), suffix);
  request.query = std::move(parameters);
  return show_query(session, terminal, std::move(request));
}

/// The address of an endpoint with its defaults as parameters, and with a token that may read it and nothing else when
/// there is one.
Status endpoint_url(const Session& session, const Terminal& terminal, const std::string& name) {
  TRY(const auto pipe, session.get("/v0/pipes/" + http::percent_encode(name)));
  const auto& o = pipe.as_object();
  if (text(o, "type") != "endpoint") return fail(Code::not_found, "the pipe '{}' does not have an endpoint", name);
  std::string token = session.token();
  if (const auto tokens = session.get("/v0/tokens"); tokens)
    for (const auto& entry : tokens->as_object().at("tokens").as_array())
      for (const auto& scope : entry.as_object().at("scopes").as_array())
        if (text(scope.as_object(), "type") == "PIPES:READ" && text(scope.as_object(), "resource") == name)
          token = text(entry.as_object(), "token");
  std::string url = fmt::format("{}/v0/pipes/{}.json?token={}", session.host(), name, token);
  for (const auto& node : o.at("nodes").as_array())
    for (const auto& p : node.as_object().at("params").as_array()) {
      const auto parameter = text(p.as_object(), "name"), value = text(p.as_object(), "default");
      if (!value.empty() && url.find(fmt::format("&{}=", parameter)) == std::string::npos)
        url += fmt::format("&{}={}", parameter, http::percent_encode(value));
    }
  if (terminal.output() == Output::json)
    terminal.line(json::write(json::object{{"url", url}}));
  else
    terminal.line(url);
  return {};
}

Status list_tokens(const Session& session, const Terminal& terminal, bool show) {
  TRY(const auto reply, session.get("/v0/tokens"));
  if (terminal.output() == Output::json) {
    terminal.line(json::write(reply));
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : reply.as_object().at("tokens").as_array()) {
    const auto& o = entry.as_object();
    std::string scopes;
    for (const auto& scope : o.at("scopes").as_array()) {
      const auto resource = text(scope.as_object(), "resource");
      scopes +=
          (scopes.empty() ? "" : ", ") + text(scope.as_object(), "type") + (resource.empty() ? "" : ":" + resource);
    }
    const auto value = text(o, "token");
    rows.push_back({text(o, "name"), scopes,
                    show ? value : value.substr(0, 6) + "…" + value.substr(value.size() > 4 ? value.size() - 4 : 0)});
  }
  terminal.table({"name", "scopes", "token"}, rows);
  if (!show) terminal.line(terminal.dim("--show prints whole tokens"));
  return {};
}

Status list_failed(const Session& session, const Terminal& terminal) {
  TRY(const auto reply, session.get("/v0/spool/failed"));
  if (terminal.output() == Output::json) {
    terminal.line(json::write(reply));
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : reply.as_object().at("batches").as_array()) {
    const auto& o = entry.as_object();
    const auto source = text(o, "data_source") + (text(o, "quarantine") == "true" ? "_quarantine" : "");
    rows.push_back({text(o, "id"), source, grouped(number(o.if_contains("rows"))),
                    text(o, "rows_stored") == "true" ? "stored, not in a view" : "not stored", text(o, "failed_at"),
                    text(o, "error").substr(0, 120)});
  }
  if (rows.empty())
    terminal.line("no batch was refused by the engine");
  else
    terminal.table({"batch", "data source", "rows", "state", "failed", "error"}, rows);
  return {};
}

Status change_failed(const Session& session, const Terminal& terminal, const std::string& batch, bool again) {
  Session::Request request{.method = again ? "POST" : "DELETE",
                           .path = "/v0/spool/failed/" + http::percent_encode(batch) + (again ? "/retry" : "")};
  TRY(const auto reply, session.json(std::move(request)));
  if (terminal.output() == Output::json)
    terminal.line(json::write(reply));
  else
    terminal.done(again ? fmt::format("batch {} is on its way to the engine again", batch)
                        : fmt::format("batch {} is gone", batch));
  return {};
}

Status info(const Session& session, const Terminal& terminal) {
  TRY(const auto workspace, session.get("/v1/workspace"));
  TRY(const auto health, session.get("/health"));
  const auto& w = workspace.as_object();
  const auto& h = health.as_object();
  if (terminal.output() == Output::json) {
    terminal.line(json::write(json::object{{"host", session.host()}, {"workspace", w}, {"health", h}}));
    return {};
  }
  terminal.line(fmt::format("server     {} ({}, version {})", session.host(), text(h, "status"), text(h, "version")));
  terminal.line(fmt::format("workspace  {} ({})", text(w, "name"), text(w, "id")));
  terminal.line(fmt::format("user       {}", text(w, "user_email")));
  if (const auto* reasons = h.if_contains("reasons"); reasons != nullptr && reasons->is_array())
    for (const auto& reason : reasons->get_array()) terminal.warn(std::string_view(reason.as_string()));
  return {};
}

}  // namespace

void add_data_commands(Registrar& registrar) {
  auto& app = registrar.app;
  const auto on = [&](CLI::App* command, std::function<Status(const Session&, const Terminal&)> body) {
    command->callback(
        registrar.run([body = std::move(body)](const GlobalFlags& flags) { return with_session(flags, body); }));
  };

  auto query = std::make_shared<std::string>();
  auto limit = std::make_shared<std::uint64_t>(100);
  auto* sql_command = app.add_subcommand("sql", "run a SELECT");
  sql_command->add_option("query", *query, "the SQL text")->required();
  sql_command->add_option("--rows-limit", *limit, "most rows to show")->capture_default_str();
  on(sql_command, [query, limit](const Session& s, const Terminal& t) { return sql(s, t, *query, *limit); });

  auto* data_source =
      app.add_subcommand("datasource", "data sources: ls, append, replace, analyze, create, truncate, quarantine");
  data_source->require_subcommand(1);
  on(data_source->add_subcommand("ls", "list them, with rows and size"), list_data_sources);
  add_file_commands(registrar, *data_source);
  add_quarantine_command(registrar, *data_source);
  auto truncated = std::make_shared<std::string>();
  auto confirmed = std::make_shared<bool>(false);
  auto* truncate = data_source->add_subcommand("truncate", "delete all rows");
  truncate->add_option("name", *truncated, "the data source")->required();
  truncate->add_flag("--yes", *confirmed, "do it without asking");
  on(truncate, [truncated, confirmed](const Session& s, const Terminal& t) -> Status {
    if (!*confirmed) return fail(Code::invalid, "this deletes all rows of {}; add --yes", *truncated);
    Session::Request request{.method = "POST",
                             .path = fmt::format("/v0/datasources/{}/truncate", http::percent_encode(*truncated))};
    TRY(const auto reply, s.json(std::move(request)));
    t.done(fmt::format("{} is empty", *truncated));
    return {};
  });

  auto* endpoint = app.add_subcommand("endpoint", "endpoints: ls, data, url");
  endpoint->require_subcommand(1);
  on(endpoint->add_subcommand("ls", "list them with their parameters"), list_endpoints);
  auto name = std::make_shared<std::string>();
  auto over = std::make_shared<std::string>();
  auto* data = endpoint->add_subcommand("data", "call one; its parameters follow as --name value");
  data->add_option("name", *name, "the endpoint")->required();
  data->add_option("--query", *over, "SQL over the result, which is called _");
  data->allow_extras();
  data->callback(registrar.run([data, name, over](const GlobalFlags& flags) {
    const auto rest = data->remaining();
    return with_session(flags,
                        [&](const Session& s, const Terminal& t) { return endpoint_data(s, t, *name, *over, rest); });
  }));
  auto* url = endpoint->add_subcommand("url", "print the address, ready for curl");
  url->add_option("name", *name, "the endpoint")->required();
  on(url, [name](const Session& s, const Terminal& t) { return endpoint_url(s, t, *name); });

  auto show = std::make_shared<bool>(false);
  auto* token = app.add_subcommand("token", "tokens: ls");
  token->require_subcommand(1);
  auto* tokens = token->add_subcommand("ls", "list them with their scopes");
  tokens->add_flag("--show", *show, "print whole tokens");
  on(tokens, [show](const Session& s, const Terminal& t) { return list_tokens(s, t, *show); });

  auto* spool = app.add_subcommand("spool", "accepted rows on their way to the engine: failed");
  spool->require_subcommand(1);
  auto* failed = spool->add_subcommand("failed", "batches that the engine refused for good: list, try again, drop");
  auto again = std::make_shared<std::string>();
  auto dropped = std::make_shared<std::string>();
  auto* retry_flag = failed->add_option("--retry", *again, "send this batch to the engine once more");
  failed->add_option("--drop", *dropped, "delete this batch: its rows are gone")->excludes(retry_flag);
  on(failed, [again, dropped](const Session& s, const Terminal& t) {
    if (again->empty() && dropped->empty()) return list_failed(s, t);
    return change_failed(s, t, again->empty() ? *dropped : *again, !again->empty());
  });

  on(app.add_subcommand("info", "which server, which workspace, how it is"), info);
}

}  // namespace kinglet::cli
