// SPDX-License-Identifier: Apache-2.0
// Pipes: lists, details, datafile text, and the way to their endpoints (http-api.md 5).
#include "api/reply.h"
#include "api/services.h"
#include "api/v0/openapi.h"
#include "api/v0/query.h"
#include "deploy/views.h"
#include "query/format.h"
#include "query/parameters.h"
#include "query/runner.h"

namespace kinglet::api {
namespace {

std::string_view type_name(datafile::PipeType type) {
  switch (type) {
    case datafile::PipeType::plain:
      return "default";
    case datafile::PipeType::endpoint:
      return "endpoint";
    case datafile::PipeType::materialized:
      return "materialized";
    case datafile::PipeType::copy:
      return "copy";
    case datafile::PipeType::sink:
      return "sink";
  }
  return "default";
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::array show_parameters(const std::vector<templates::Parameter>& parameters) {
  json::array list;
  for (const auto& p : parameters) {
    json::object o{
        {"name", p.name}, {"type", p.type}, {"required", p.required}, {"description", text_or_null(p.description)}};
    o["default"] = nullptr;
    if (p.default_json)
      if (auto value = json::parse(*p.default_json)) o["default"] = std::move(*value);
    if (!p.element_type.empty()) o["element_type"] = p.element_type;
    if (!p.enum_values.empty()) o["enum"] = json::array(p.enum_values.begin(), p.enum_values.end());
    if (!p.format.empty()) o["format"] = p.format;
    if (p.example_json)
      if (auto value = json::parse(*p.example_json)) o["example"] = std::move(*value);
    list.push_back(std::move(o));
  }
  return list;
}

json::object show(const Services& services, const catalog::Workspace& workspace, const query::CompiledPipe& compiled,
                  query::PipeCache& cache) {
  const auto& pipe = *compiled.pipe;
  const auto& definition = pipe.definition;
  const auto created = catalog::format_time(pipe.created_at), updated = catalog::format_time(pipe.updated_at);
  json::array nodes;
  for (std::size_t i = 0; i < definition.nodes.size(); ++i) {
    const auto& node = definition.nodes[i];
    const bool output = i == definition.output_node;
    json::object o{{"id", pipe.node_ids[i]},
                   {"name", node.name},
                   {"sql", node.sql},
                   {"description", text_or_null(node.description)},
                   {"node_type", output ? type_name(definition.type) : "standard"},
                   {"created_at", created},
                   {"updated_at", updated},
                   {"version", 0},
                   {"project", nullptr},
                   {"result", nullptr},
                   {"cluster", nullptr},
                   {"ignore_sql_errors", false},
                   {"tags", json::object{}}};
    o["materialized"] = nullptr;
    if (output && definition.type == datafile::PipeType::materialized) {
      const auto target = workspace.data_source(definition.target);
      o["materialized"] = target ? target->id : definition.target;
    }
    o["params"] = show_parameters(compiled.nodes[i].parameters());
    nodes.push_back(std::move(o));
  }
  const json::array dependencies(compiled.reads.begin(), compiled.reads.end());
  for (auto& node : nodes) node.as_object()["dependencies"] = dependencies;
  json::object o{{"id", pipe.id},
                 {"name", pipe.name},
                 {"description", text_or_null(definition.description)},
                 {"type", type_name(definition.type)},
                 {"created_at", created},
                 {"updated_at", updated},
                 {"parent", nullptr},
                 {"nodes", std::move(nodes)},
                 {"tags", json::object{}}};
  // What a call may send, with what the pipes in FROM take; nodes[].params has each node's own.
  o["params"] = show_parameters(query::parameters_of(compiled, *workspace.resources, cache));
  o["endpoint"] = nullptr;
  if (definition.type == datafile::PipeType::endpoint) {
    o["endpoint"] = pipe.output_node_id();
    o["url"] = fmt::format("{}/v0/pipes/{}.json", services.public_url, pipe.name);
  }
  if (definition.type == datafile::PipeType::materialized) o["materialized_datasource"] = definition.target;
  if (definition.type == datafile::PipeType::copy) {
    o["copy_target_datasource"] = definition.target;
    o["copy_node"] = pipe.output_node_id();
    o["copy_schedule"] = text_or_null(definition.copy_schedule);
    o["copy_mode"] = definition.copy_mode.empty() ? "append" : definition.copy_mode;
  }
  if (definition.type == datafile::PipeType::sink) o["sink_node"] = pipe.output_node_id();
  return o;
}

/// The output node's columns, as the engine says of a call without optional parameters. Left out when it says nothing:
/// it is away, or the pipe asks for a parameter.
Task<void> add_columns(Services& services, const catalog::Workspace& workspace,
                       const std::shared_ptr<const catalog::Pipe>& pipe, json::object& shown) {
  auto& runner = services.runners.here();
  const query::World world{.resources = workspace.resources.get(),
                           .database = workspace.database,
                           .access = nullptr,
                           .secret = [](std::string_view) { return std::optional<std::string>(""); }};
  query::Composer composer(world, runner.pipes(), {}, templates::StandIns::none_defined);
  const auto composed = composer.node(pipe, pipe->definition.output_node);
  if (!composed) co_return;
  const auto ready = co_await runner.engine_ready(Clock::now());
  if (!ready) co_return;
  const auto columns = co_await deploy::output_columns(runner, *composed);
  if (!columns) co_return;
  json::array list;
  for (const auto& column : *columns) list.push_back(json::object{{"name", column.name}, {"type", column.type}});
  shown["nodes"].as_array()[pipe->definition.output_node].as_object()["columns"] = std::move(list);
}

/// Keeps only the fields named in `attrs` (comma list), when it is given and not empty.
void restrict_to(json::object& object, std::optional<std::string_view> attributes) {
  if (!attributes || attributes->empty()) return;
  json::object kept;
  for (const auto& [key, value] : object) {
    const auto list = fmt::format(",{},", *attributes);
    if (list.find(fmt::format(",{},", std::string_view(key))) != list.npos || key == "nodes") kept[key] = value;
  }
  object = std::move(kept);
}

Task<Result<http::Response>> list(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_read_workspace());  // JWTs call endpoints and run queries, nothing else (platform.md 2.7)
  auto& cache = call.services.runners.here().pipes();
  json::array pipes;
  for (const auto& [name, pipe] : access.workspace().resources->pipes.by_name()) {
    if (!access.reads(*pipe)) continue;
    CO_TRY(const auto compiled, cache.get(pipe));
    auto shown = show(call.services, access.workspace(), *compiled, cache);
    restrict_to(shown, call.request.query.get("attrs"));
    if (const auto attributes = call.request.query.get("node_attrs"); attributes && shown.contains("nodes"))
      for (auto& node : shown["nodes"].as_array()) restrict_to(node.as_object(), attributes);
    pipes.push_back(std::move(shown));
  }
  co_return json_reply(json::object{{"pipes", std::move(pipes)}});
}

Task<Result<http::Response>> get(Call& call) {
  const std::string_view text = call.path[0];
  std::string_view name = text, suffix;
  if (const auto dot = text.rfind('.'); dot != text.npos) {
    name = text.substr(0, dot);
    suffix = text.substr(dot + 1);
  }
  if (query::format_of_suffix(suffix)) {
    auto reply = co_await call_endpoint(call, name, suffix);
    co_return reply;
  }
  CO_TRY(const auto access, call.authenticate_workspace());
  CO_TRY_VOID(access.may_read_workspace());
  if (!suffix.empty() && suffix != "pipe") {  // names of pipes hold no dot
    CO_TRY(const auto pipe, access.readable_pipe(name));
    co_return fail(Code::not_found, "there is no format '{}'; the endpoint '{}' answers as {}", suffix.substr(0, 32),
                   pipe->name, fmt::join(query::format_suffixes(), ", "));
  }
  const bool wants_text = suffix == "pipe" || call.request.query.get("format") == "pipe";
  CO_TRY(const auto pipe, access.readable_pipe(suffix == "pipe" ? name : text));
  if (wants_text) co_return text_reply(pipe->text);
  auto& cache = call.services.runners.here().pipes();
  CO_TRY(const auto compiled, cache.get(pipe));
  auto shown = show(call.services, access.workspace(), *compiled, cache);
  co_await add_columns(call.services, access.workspace(), pipe, shown);
  co_return json_reply(shown);
}

Task<Result<http::Response>> post(Call& call) {
  const std::string_view text = call.path[0];
  if (const auto dot = text.rfind('.'); dot != text.npos && query::format_of_suffix(text.substr(dot + 1))) {
    auto reply = co_await call_endpoint(call, text.substr(0, dot), text.substr(dot + 1));
    co_return reply;
  }
  CO_TRY(const auto access, call.authenticate_workspace());
  co_return fail(Code::not_found, "POST calls an endpoint with its format: /v0/pipes/{}.json", text.substr(0, 128));
}

/// One document of the endpoints that the token can read; a JWT's fixed parameters are not the caller's, so they are
/// not in it.
Task<Result<http::Response>> openapi_document(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  auto& cache = call.services.runners.here().pipes();
  const auto& workspace = access.workspace();
  std::vector<openapi::Endpoint> endpoints;
  for (const auto& [name, pipe] : workspace.resources->pipes.by_name()) {
    if (pipe->definition.type != datafile::PipeType::endpoint || !access.reads(*pipe)) continue;
    CO_TRY(const auto compiled, cache.get(pipe));
    auto parameters = query::parameters_of(*compiled, *workspace.resources, cache);
    const auto fixed = access.fixed_params(*pipe);
    std::erase_if(parameters, [&](const auto& parameter) { return fixed.contains(parameter.name); });
    const auto& definition = pipe->definition;
    const auto& output = definition.nodes[definition.output_node];
    endpoints.push_back({.name = name,
                         .description = definition.description.empty() ? output.description : definition.description,
                         .parameters = std::move(parameters)});
  }
  co_return json_reply(openapi::document(workspace.name, call.services.public_url, endpoints));
}

/// Classic management of pipes: this is a Forward workspace (http-api.md 0.2).
Task<Result<http::Response>> classic(Call& call) {
  CO_TRY(const auto access, call.authenticate_workspace());
  co_return fail(Code::invalid,
                 "This is a Tinybird Forward workspace: pipes come from deployments. The operation exists only "
                 "in Tinybird Classic workspaces; change the project's files and deploy them");
}

}  // namespace

void add_pipe_routes(Router& router, Services& services) {
  for (const auto* base : {"/v0/pipes", "/v1/pipes"}) {
    router.add(http::Method::get, base, handle(services, list));
    // Before {name}: the JSON of a pipe called `openapi` is asked for with its id.
    router.add(http::Method::get, std::string(base) + "/openapi.json", handle(services, openapi_document));
    router.add(http::Method::get, std::string(base) + "/{name}", handle(services, get));
    router.add(http::Method::post, std::string(base) + "/{name}", handle(services, post));
  }
  router.add(http::Method::post, "/v0/pipes", handle(services, classic));
  router.add(http::Method::put, "/v0/pipes/{name}", handle(services, classic));
  router.add(http::Method::delete_, "/v0/pipes/{name}", handle(services, classic));
}

}  // namespace kinglet::api
