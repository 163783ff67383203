// SPDX-License-Identifier: Apache-2.0
#include "query/composer.h"

#include <charconv>

#include "base/spelling.h"
#include "json/document.h"
#include "query/service_names.h"
#include "sql/functions.h"
#include "sql/parser.h"
#include "sql/printer.h"

namespace kinglet::query {

namespace {
/// Pipes inside pipes inside pipes; a cycle ends here too, with a clear text.
constexpr std::size_t pipe_depth_max = 32;
constexpr std::string_view quarantine_suffix = "_quarantine";

std::string unknown_resource(std::string_view name) {
  return fmt::format("Resource '{}' not found", name);
}

/// `'` and `\` escaped, as the engine reads a string inside a Map literal of a setting.
std::string setting_string(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out += '\'';
}

/// Takes "line 3, column 7: " off a message.
std::optional<templates::TextPosition> take_place(std::string& message) {
  templates::TextPosition place;
  std::string_view text = message;
  const auto number = [&text](std::string_view word, std::uint32_t& out) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return error == std::errc();
  };
  if (!number("line ", place.line) || !number(", column ", place.column) || !text.starts_with(": "))
    return std::nullopt;
  message.erase(0, message.size() - text.size() + 2);
  return place;
}

std::vector<std::string> to_texts(const json::value& v) {
  if (v.is_array()) {
    std::vector<std::string> texts;
    for (const auto& e : v.get_array()) texts.push_back(e.is_string() ? std::string(e.get_string()) : json::write(e));
    return texts;
  }
  if (v.is_null()) return {};
  return {v.is_string() ? std::string(v.get_string()) : json::write(v)};
}
}  // namespace

struct Composer::State {
  World world;
  PipeCache& cache;
  templates::Arguments arguments;
  templates::StandIns stand_ins;

  bool stood_in = false;                                    // a template with parameters was rendered with stand-ins
  std::optional<Refusal> raised;                            // the first template error, with its status and body
  std::pair<const catalog::Pipe*, std::size_t> fault = {};  // the first node that could not be made
  std::vector<std::string> required_met;
  std::vector<std::pair<std::string, std::string>> settings;
  std::map<std::string, std::string> filters;  // physical "db.table" -> condition
  std::set<std::string> data_sources, pipes;
  std::set<std::string> external_tables;
  bool service_read = false;
  std::vector<const catalog::Pipe*> open_pipes;  // being rendered, outermost first
  /// Nodes already resolved in this request, by what the token fixed for them: used twice, rendered once. Null: at
  /// work.
  std::map<std::tuple<const catalog::Pipe*, std::size_t, templates::Arguments>, std::shared_ptr<const sql::Query>> done;

  templates::RenderInput input_for(const templates::Arguments& fixed, const templates::NameSet& arrays,
                                   bool from_request) {
    return {.arguments = &arguments,
            .fixed = &fixed,
            .array_parameters = &arrays,
            .secret = world.secret && !from_request ? &world.secret : nullptr,
            .stand_ins = stand_ins,
            .from_request = from_request,
            .required_met = &required_met};
  }

  /// An error of the rendered SQL, as one of the text that its author wrote.
  static Error in_source(const templates::Template& compiled, const templates::RenderInput& input, Error error) {
    const auto place = take_place(error.message);
    if (!place) return error;
    const auto at = compiled.source_of(input, *place).position;
    error.message = fmt::format("line {}, column {}: {}", at.line, at.column, error.message);
    return error;
  }

  std::unexpected<Error> raise(Refusal refusal) {
    auto error = refusal.error;
    if (!raised) raised = std::move(refusal);
    return fail(std::move(error));
  }

  Result<std::string> render(const templates::Template& compiled, const templates::Arguments& fixed,
                             const templates::NameSet& arrays, bool from_request) {
    auto rendered = compiled.render(input_for(fixed, arrays, from_request));
    if (!rendered) {
      auto& e = rendered.error();
      return raise({.error = {.code = Code::invalid, .message = e.message},
                    .status = e.status,
                    .body_json = e.body_json,
                    .by_author = e.kind == templates::RenderError::Kind::raised});
    }
    stood_in = stood_in || (stand_ins != templates::StandIns::off && !compiled.parameters().empty());
    settings.insert(settings.end(), rendered->settings.begin(), rendered->settings.end());
    return std::move(rendered->sql);
  }

  /// Parameters that the caller's token fixes for this pipe, and for every pipe that it reads.
  templates::Arguments fixed_for(const catalog::Pipe& pipe) const {
    templates::Arguments fixed;
    if (world.access == nullptr) return fixed;
    const auto add = [&](const catalog::Pipe& p) {
      for (const auto& [name, value] : world.access->fixed_params(p)) fixed.try_emplace(name, to_texts(value));
    };
    for (const auto* open : open_pipes) add(*open);
    add(pipe);
    return fixed;
  }

  Result<sql::Target> physical(const catalog::DataSource& source, bool quarantine) {
    const auto& table = quarantine ? source.quarantine_table : source.table;
    data_sources.insert(quarantine ? source.name + std::string(quarantine_suffix) : source.name);
    if (world.access != nullptr && !quarantine) {
      std::string condition;
      for (const auto& filter : world.access->filters(source)) {
        TRY(const auto printed, sql::checked_expression(filter));
        condition += (condition.empty() ? "(" : " OR (") + printed + ")";
      }
      if (!condition.empty()) filters[fmt::format("{}.{}", world.database, table)] = condition;
    }
    return sql::Target(sql::PhysicalTable{.database = std::string(world.database), .table = table});
  }

  /// A data source, a quarantine table or a pipe of the workspace. `asked`: the caller wrote the name itself, so its
  /// token must hold it; names inside stored pipes are the author's.
  Result<sql::Target> resource(std::string_view name, bool asked, sql::Position where) {
    const auto* access = asked ? world.access : nullptr;
    if (const auto source = world.resources->data_sources.find(name); source && source->name == name) {
      if (access != nullptr && !access->reads(*source)) return fail(Code::not_found, "{}", unknown_resource(name));
      return physical(*source, false);
    }
    if (const auto pipe = world.resources->pipes.find(name); pipe && pipe->name == name) {
      if (access != nullptr && !access->reads(*pipe)) return fail(Code::not_found, "{}", unknown_resource(name));
      TRY(auto query, output(pipe));
      return sql::Target(sql::Inlined{.query = std::move(query)});
    }
    if (name.ends_with(quarantine_suffix)) {
      const auto base = name.substr(0, name.size() - quarantine_suffix.size());
      if (const auto source = world.resources->data_sources.find(base); source && source->name == base) {
        if (access != nullptr && !access->reads_quarantine(*source))
          return fail(Code::not_found, "{}", unknown_resource(name));
        return physical(*source, true);
      }
    }
    if (is_service_name(name)) return service_resource(name, access, where);
    return fail(Code::not_found, "{}", unknown_resource(name));
  }

  Result<sql::Target> service_resource(std::string_view name, const auth::Access* access, sql::Position where) {
    if (access != nullptr && !reads_service(*access, name)) return fail(Code::not_found, "{}", unknown_resource(name));
    if (std::ranges::any_of(open_pipes,
                            [](const auto* p) { return p->definition.type == datafile::PipeType::materialized; }))
      return fail(Code::invalid,
                  "line {}, column {}: '{}' is a service data source, which a materialized view cannot read; an "
                  "endpoint or a copy pipe can",
                  where.line, where.column, name);
    auto target = service_target(name, {.database = world.database,
                                        .workspace_id = workspace_id(),
                                        .workspace_name = workspace_name(),
                                        .organization_id = world.organization_id});
    if (!target) {
      if (target.error().code != Code::not_found) return fail(std::move(target.error()));
      return fail(
          Error{.code = Code::invalid,
                .message = fmt::format("line {}, column {}: {}", where.line, where.column, unknown_resource(name)),
                .hint = std::move(target.error().hint)});
    }
    service_read = true;
    return target;
  }
  std::string_view workspace_id() const {
    return world.access == nullptr ? std::string_view() : world.access->workspace().id;
  }
  std::string_view workspace_name() const {
    return world.access == nullptr ? std::string_view() : world.access->workspace().name;
  }

  /// The nearest name that the caller may know. Texts of stored pipes are their author's: a caller of them hears
  /// nothing.
  std::string suggestion(std::string_view name, bool asked, const datafile::Pipe* nodes) const {
    const auto* access = world.access;
    if (!asked && access != nullptr) return {};
    std::vector<std::string_view> names;
    for (const auto& [known, source] : world.resources->data_sources.by_name())
      if (access == nullptr || access->reads(*source)) names.push_back(known);
    for (const auto& [known, pipe] : world.resources->pipes.by_name())
      if (access == nullptr || access->reads(*pipe)) names.push_back(known);
    if (nodes != nullptr)
      for (const auto& node : nodes->nodes) names.push_back(node.name);
    const auto near = nearest(name, names);
    return near.empty() ? std::string() : fmt::format("did you mean '{}'?", near);
  }

  struct NodeScope final : sql::Scope {
    State& state;
    CompiledPipePtr pipe;
    std::size_t self;
    NodeScope(State& s, CompiledPipePtr p, std::size_t i) : state(s), pipe(std::move(p)), self(i) {}
    Result<sql::Target> table(std::string_view name, sql::Position where) override {
      const auto& nodes = pipe->definition().nodes;
      for (std::size_t i = 0; i < nodes.size(); ++i)
        if (i != self && nodes[i].name == name) {
          TRY(auto query, state.node_query(pipe, i));
          return sql::Target(sql::Inlined{.query = std::move(query)});
        }
      auto found = state.resource(name, false, where);
      if (!found && found.error().code == Code::not_found && found.error().hint.empty())
        found.error().hint = nodes[self].name == name ? std::string("a node cannot read itself")
                                                      : state.suggestion(name, false, &pipe->definition());
      return found;
    }
  };

  struct RequestScope final : sql::Scope {
    State& state;
    CompiledPipePtr pipeline;
    bool granted_pipeline = false;
    explicit RequestScope(State& s) : state(s) {}
    Result<sql::Target> table(std::string_view name, sql::Position where) override {
      if (pipeline) {
        const auto& nodes = pipeline->definition().nodes;
        if (name == "_") {
          TRY(auto query, state.output(pipeline->pipe));
          return sql::Target(sql::Inlined{.query = std::move(query)});
        }
        for (std::size_t i = 0; i < nodes.size(); ++i)
          if (nodes[i].name == name && state.world.access != nullptr && state.world.access->reads_all()) {
            TRY(auto query, state.node_query(pipeline, i));
            return sql::Target(sql::Inlined{.query = std::move(query)});
          }
      }
      auto found = state.resource(name, true, where);
      const bool sees_nodes = pipeline && state.world.access != nullptr && state.world.access->reads_all();
      if (!found && found.error().code == Code::not_found && found.error().hint.empty())
        found.error().hint = state.suggestion(name, true, sees_nodes ? &pipeline->definition() : nullptr);
      return found;
    }
  };

  Result<std::shared_ptr<const sql::Query>> output(const std::shared_ptr<const catalog::Pipe>& pipe) {
    pipes.insert(pipe->name);
    const auto compiled = cache.get(pipe);
    if (!compiled) {
      if (fault.first == nullptr) fault = {pipe.get(), 0};
      return fail(compiled.error());
    }
    auto query = node_query(*compiled, pipe->definition.output_node);
    // The name is known and granted: what its text may not do is told, and not as if there were no such pipe.
    if (!query && query.error().code == Code::forbidden) query.error().code = Code::invalid;
    return query;
  }

  Result<std::shared_ptr<const sql::Query>> node_query(const CompiledPipePtr& pipe, std::size_t index) {
    auto fixed = fixed_for(*pipe->pipe);
    const auto key = std::tuple(pipe->pipe.get(), index, std::move(fixed));
    if (const auto found = done.find(key); found != done.end()) {
      if (!found->second)
        return fail(Code::invalid, "node '{}' of pipe '{}' reads itself", pipe->definition().nodes[index].name,
                    pipe->pipe->name);
      return found->second;
    }
    if (open_pipes.size() >= pipe_depth_max)
      return fail(Code::invalid, "pipes are nested more than {} deep at '{}'", pipe_depth_max, pipe->pipe->name);
    done[key] = nullptr;
    open_pipes.push_back(pipe->pipe.get());
    auto made = make_node(pipe, index, std::get<2>(key));
    open_pipes.pop_back();
    if (!made) {
      done.erase(key);
      if (fault.first == nullptr) fault = {pipe->pipe.get(), index};
      return fail(std::move(made.error()));
    }
    done[key] = *made;
    return made;
  }

  Result<std::shared_ptr<const sql::Query>> make_node(const CompiledPipePtr& pipe, std::size_t index,
                                                      const templates::Arguments& fixed) {
    const auto text = render(pipe->nodes[index], fixed, pipe->array_parameters, false);
    if (!text) {
      // A deployment tells the author which node refuses; a request's answer has the message alone.
      if (raised && stand_ins != templates::StandIns::off)
        raised->error.message =
            fmt::format("node '{}': {}", pipe->definition().nodes[index].name, raised->error.message);
      return fail(text.error());
    }
    const auto placed = [&](Error error) {
      return in_source(pipe->nodes[index], input_for(fixed, pipe->array_parameters, false), std::move(error));
    };
    auto parsed = sql::parse_query(*text);
    if (!parsed) return fail(in_node(pipe, index, placed(parsed.error())));
    NodeScope scope(*this, pipe, index);
    // The output node of an endpoint may carry a SETTINGS clause (datafiles.md 4.2); it counts for the whole query.
    sql::ResolveOptions options;
    options.settings = open_pipes.size() == 1 && index == pipe->definition().output_node;
    // A deployment lets a copy pipe name tables elsewhere; what it composes of them is checked, never run.
    options.external_tables =
        world.access == nullptr && open_pipes.front()->definition.type == datafile::PipeType::copy;
    auto resolved = sql::resolve(std::move(*parsed), scope, options);
    if (!resolved) return fail(in_node(pipe, index, raised ? resolved.error() : placed(resolved.error())));
    for (const auto& name : resolved->table_functions)
      if (sql::table_function_kind(name) == sql::TableFunctionKind::external) external_tables.insert(name);
    settings.insert(settings.end(), resolved->settings.begin(), resolved->settings.end());
    return std::make_shared<const sql::Query>(std::move(resolved->query));
  }

  Error in_node(const CompiledPipePtr& pipe, std::size_t index, Error error) const {
    if (raised) return error;
    if (open_pipes.size() > 1 || !error.message.starts_with("node '"))
      error.message = fmt::format("node '{}': {}", pipe->definition().nodes[index].name, error.message);
    return error;
  }

  std::expected<Composed, Refusal> finish(Result<std::shared_ptr<const sql::Query>> query) {
    if (!query) {
      Refusal refusal = raised ? std::move(*raised) : Refusal{.error = std::move(query.error())};
      refusal.fault = fault;
      return std::unexpected(std::move(refusal));
    }
    return finish(std::move(*query));
  }

  std::expected<Composed, Refusal> finish(std::shared_ptr<const sql::Query> query) {
    Composed composed;
    composed.stand_ins = stood_in;
    composed.sql = sql::print(*query);
    composed.query = std::move(query);
    composed.settings = std::move(settings);
    if (!filters.empty()) {
      std::string map = "{";
      for (const auto& [table, condition] : filters) {
        if (map.size() > 1) map += ',';
        map += setting_string(table) + ':' + setting_string(condition);
      }
      composed.settings.emplace_back("additional_table_filters", map + "}");
    }
    composed.data_sources.assign(data_sources.begin(), data_sources.end());
    composed.pipes.assign(pipes.begin(), pipes.end());
    composed.external_tables.assign(external_tables.begin(), external_tables.end());
    for (const auto& [key, made] : done) composed.nodes.emplace_back(std::get<0>(key), std::get<1>(key));
    composed.reads_service = service_read;
    return composed;
  }

  std::expected<Composed, Refusal> ad_hoc(std::string_view text, CompiledPipePtr pipeline,
                                          const templates::Arguments& fixed) {
    const auto refuse = [&](Error error) -> std::unexpected<Refusal> {
      if (raised) return std::unexpected(std::move(*raised));
      return std::unexpected(Refusal{.error = std::move(error)});
    };
    auto compiled = templates::Template::compile_query(text);
    if (!compiled) return refuse(compiled.error().to_error());
    auto rendered = render(*compiled, fixed, compiled->array_parameters(), true);
    if (!rendered) return refuse(std::move(rendered.error()));
    auto made = resolve_text(*rendered, std::move(pipeline));
    if (!made && !raised && compiled->is_template())
      made.error().error =
          in_source(*compiled, input_for(fixed, compiled->array_parameters(), true), std::move(made.error().error));
    return made;
  }

  std::expected<Composed, Refusal> resolve_text(std::string_view text, CompiledPipePtr pipeline) {
    const auto refuse = [&](Error error) -> std::unexpected<Refusal> {
      if (raised) return std::unexpected(std::move(*raised));
      return std::unexpected(Refusal{.error = std::move(error)});
    };
    auto parsed = sql::parse_query(text);
    if (!parsed) return refuse(std::move(parsed.error()));
    RequestScope scope(*this);
    scope.pipeline = std::move(pipeline);
    sql::ResolveOptions options;
    options.settings = options.format = true;
    auto resolved = sql::resolve(std::move(*parsed), scope, options);
    if (!resolved) return refuse(std::move(resolved.error()));
    settings.insert(settings.end(), resolved->settings.begin(), resolved->settings.end());
    auto composed = finish(std::make_shared<const sql::Query>(std::move(resolved->query)));
    if (composed) composed->format = std::move(resolved->format);
    return composed;
  }
};

Composer::Composer(World world, PipeCache& cache, templates::Arguments arguments, templates::StandIns stand_ins)
    : state_(new State{.world = std::move(world),
                       .cache = cache,
                       .arguments = std::move(arguments),
                       .stand_ins = stand_ins,
                       .raised = {},
                       .required_met = {},
                       .settings = {},
                       .filters = {},
                       .data_sources = {},
                       .pipes = {},
                       .external_tables = {},
                       .service_read = false,
                       .open_pipes = {},
                       .done = {}}) {}
Composer::~Composer() = default;

std::expected<Composed, Refusal> Composer::endpoint(const std::shared_ptr<const catalog::Pipe>& pipe,
                                                    std::optional<std::string_view> q) {
  if (!q) return state_->finish(state_->output(pipe));
  auto compiled = state_->cache.get(pipe);
  if (!compiled) return std::unexpected(Refusal{.error = std::move(compiled.error())});
  return state_->ad_hoc(*q, *compiled, state_->fixed_for(*pipe));
}

std::expected<Composed, Refusal> Composer::node(const std::shared_ptr<const catalog::Pipe>& pipe, std::size_t index) {
  auto compiled = state_->cache.get(pipe);
  if (!compiled) return std::unexpected(Refusal{.error = std::move(compiled.error())});
  return state_->finish(state_->node_query(*compiled, index));
}

std::expected<Composed, Refusal> Composer::plain_statement(std::string_view text) {
  return state_->resolve_text(text, nullptr);
}

std::expected<Composed, Refusal> Composer::statement(std::string_view text,
                                                     const std::shared_ptr<const catalog::Pipe>& pipeline) {
  if (!pipeline) return state_->ad_hoc(text, nullptr, {});
  auto compiled = state_->cache.get(pipeline);
  if (!compiled) return std::unexpected(Refusal{.error = std::move(compiled.error())});
  return state_->ad_hoc(text, *compiled, state_->fixed_for(*pipeline));
}

}  // namespace kinglet::query
