// SPDX-License-Identifier: Apache-2.0
#include "deploy/plan.h"

#include <algorithm>
#include <charconv>

#include "datafile/check.h"
#include "project/check.h"

namespace kinglet::deploy {

namespace {

using datafile::Diagnostic;
using datafile::PipeType;

/// Takes "line L, column C: " off the front of a message of the SQL parser or template compiler.
datafile::Position take_position(std::string& message) {
  datafile::Position position;
  std::string_view text = message;
  const auto number = [&text](std::string_view word, std::uint32_t& out) {
    if (!text.starts_with(word)) return false;
    text.remove_prefix(word.size());
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  };
  if (!number("line ", position.line) || !number(", column ", position.column) || !text.starts_with(": ")) return {};
  text.remove_prefix(2);
  message = std::string(text);
  return position;
}

std::string table_name(std::string_view id) {
  return std::string(id);
}

/// One thing that makes two definitions need different tables, and where the new one says it.
struct Difference {
  std::string text;
  datafile::Position position;
  /// A new column, by index: nothing that stands is touched.
  std::optional<std::size_t> added = {};
};

std::vector<Difference> physical_differences(const datafile::DataSource& live, const datafile::DataSource& wanted) {
  std::vector<Difference> differences;
  const auto add = [&](datafile::Position position, std::string text) {
    differences.push_back({std::move(text), position});
  };
  std::map<std::string_view, const datafile::ColumnDefinition*> before;
  for (const auto& column : live.columns) before[column.name] = &column;
  std::vector<std::string_view> kept;
  for (std::size_t i = 0; i < wanted.columns.size(); ++i) {
    const auto& column = wanted.columns[i];
    const auto it = before.find(column.name);
    if (it == before.end()) {
      differences.push_back(
          {.text = fmt::format("column `{}` is new", column.name), .position = column.position, .added = i});
      continue;
    }
    kept.push_back(column.name);
    const auto& old = *it->second;
    if (old.type != column.type)
      add(column.position,
          fmt::format("column `{}` changes its type from {} to {}", column.name, old.type, column.type));
    if (old.default_expression != column.default_expression)
      add(column.position, fmt::format("column `{}` changes its DEFAULT", column.name));
    if (old.codec != column.codec) add(column.position, fmt::format("column `{}` changes its CODEC", column.name));
    before.erase(it);
  }
  for (const auto& [name, column] : before) add({}, fmt::format("column `{}` is removed", name));
  if (before.empty() && !std::ranges::equal(live.columns, kept, {}, &datafile::ColumnDefinition::name))
    add({}, "the columns stand in another order");
  const auto& a = live.engine;
  const auto& b = wanted.engine;
  const auto compare = [&](const std::string& x, const std::string& y, std::string_view keyword) {
    if (x != y) add(b.position, fmt::format("{} changes from \"{}\" to \"{}\"", keyword, x, y));
  };
  compare(a.name, b.name, "ENGINE");
  compare(a.sorting_key, b.sorting_key, "ENGINE_SORTING_KEY");
  compare(a.partition_key, b.partition_key, "ENGINE_PARTITION_KEY");
  compare(a.primary_key, b.primary_key, "ENGINE_PRIMARY_KEY");
  compare(a.ttl, b.ttl, "ENGINE_TTL");
  if (differences.empty() && !(a == b)) add(b.position, "ENGINE options change");
  const auto index_text = [](const datafile::DataSource& d) {
    std::string text;
    for (const auto& i : d.indexes) text += fmt::format("{} {} {} {}\n", i.name, i.expression, i.type, i.granularity);
    return text;
  };
  if (index_text(live) != index_text(wanted)) add({}, "INDEXES change");
  return differences;
}

/// Composes one node in a world, the same way for every purpose of a deployment.
std::expected<query::Composed, query::Refusal> compose(const catalog::Resources& resources, std::string_view database,
                                                       query::PipeCache& cache,
                                                       const std::shared_ptr<const catalog::Pipe>& pipe,
                                                       std::size_t node, templates::StandIns stand_ins) {
  const query::World world{
      .resources = &resources, .database = database, .access = nullptr, .secret = [](std::string_view) {
        return std::optional<std::string>("__secret__");
      }};
  query::Composer composer(world, cache, {}, stand_ins);
  return composer.node(pipe, node);
}

class Planner {
 public:
  Planner(const catalog::Workspace& workspace, const std::vector<datafile::SourceFile>& files, bool removing_allowed)
      : workspace_(workspace), live_(*workspace.resources), files_(files), removing_allowed_(removing_allowed) {}

  Plan run() {
    auto parsed = datafile::parse_project(files_);
    plan_.diagnostics = std::move(parsed.diagnostics);
    project_ = std::move(parsed.project);
    auto texts = project::check(project_, {.complete = false});
    plan_.diagnostics.insert(plan_.diagnostics.end(), std::make_move_iterator(texts.begin()),
                             std::make_move_iterator(texts.end()));
    for (const auto& file : files_) plan_.change.files.push_back({.name = file.name, .text = file.text});
    note_broken();
    propose_data_sources();
    propose_pipes();
    propose_connections();
    plan_.checked = plan_.proposed;
    for (const auto& scratch : plan_.scratch_tables) plan_.checked.data_sources.put(scratch);
    check_nodes();
    if (plan_.ok()) plan_views();
    sort_names();
    return std::move(plan_);
  }

 private:
  void error(const datafile::Project::File& file, datafile::Position position, std::string message,
             std::string hint = {}) {
    plan_.diagnostics.push_back({.severity = datafile::Severity::error,
                                 .file = file.name,
                                 .position = position,
                                 .message = std::move(message),
                                 .hint = std::move(hint)});
  }

  void note_broken() {
    std::set<std::string_view> files;
    for (const auto& d : plan_.diagnostics)
      if (d.severity == datafile::Severity::error) files.insert(d.file);
    for (const auto& [name, definition] : project_.data_sources)
      if (files.contains(project_.files[name].name)) plan_.broken.insert(name);
  }

  /// A table of the new form that lives for the length of the checks.
  void add_scratch(const catalog::DataSource& wanted) {
    auto scratch = std::make_shared<catalog::DataSource>(wanted);
    scratch->table = table_name(catalog::new_resource_id());
    scratch->quarantine_table = scratch->table + "_quarantine";
    plan_.scratch_tables.push_back(std::move(scratch));
  }

  void propose_data_sources() {
    for (const auto& [name, definition] : project_.data_sources) {
      const auto& file = project_.files[name];
      auto wanted = std::make_shared<catalog::DataSource>();
      const auto old = live_.data_sources.by_name().contains(name) ? live_.data_sources.find(name) : nullptr;
      if (old) {
        *wanted = *old;
      } else {
        wanted->id = catalog::new_resource_id();
        wanted->name = name;
        wanted->table = table_name(wanted->id);
        wanted->quarantine_table = wanted->table + "_quarantine";
      }
      const bool changed = old && old->text != file.text;
      wanted->file = file.name;
      wanted->text = file.text;
      wanted->definition = definition;
      if (!old) {
        plan_.data_sources.created.push_back(name);
        plan_.new_tables.push_back(wanted);
        plan_.change.data_sources.push_back(*wanted);
      } else if (changed) {
        const auto differences = physical_differences(old->definition, definition);
        if (!differences.empty() && !plan_.broken.contains(name)) add_scratch(*wanted);
        const bool grows = !differences.empty() &&
                           std::ranges::all_of(differences, [](const Difference& d) { return d.added.has_value(); });
        if (grows) {
          TableGrowth growth{.source = wanted, .added = {}};
          for (const auto& difference : differences) growth.added.push_back(*difference.added);
          plan_.grown_tables.push_back(std::move(growth));
        }
        for (const auto& difference : differences)
          if (!difference.added)
            error(file, difference.position,
                  fmt::format("{}: this would rebuild the table, which this version cannot do yet", difference.text),
                  "take the change back, or deploy the data under a new name");
        plan_.data_sources.changed.push_back(name);
        plan_.change.data_sources.push_back(*wanted);
      }
      plan_.proposed.data_sources.put(std::move(wanted));
    }
    for (const auto& [name, source] : live_.data_sources.by_name()) {
      if (project_.data_sources.contains(name)) continue;
      plan_.data_sources.deleted.push_back(name);
      plan_.dropped_tables.push_back(source);
      plan_.change.removed_data_sources.push_back(name);
      if (!removing_allowed_)
        plan_.diagnostics.push_back(
            {.severity = datafile::Severity::error,
             .file = source->file,
             .position = {},
             .message = fmt::format("data source '{}' is not in the project: deploying would delete it "
                                    "with its rows",
                                    name),
             .hint = "allow_destructive_operations=true allows that"});
    }
  }

  void propose_pipes() {
    for (const auto& [name, definition] : project_.pipes) {
      const auto& file = project_.files[name];
      auto wanted = std::make_shared<catalog::Pipe>();
      const auto old = live_.pipes.by_name().contains(name) ? live_.pipes.find(name) : nullptr;
      if (old)
        *wanted = *old;
      else
        wanted->id = catalog::new_resource_id();
      wanted->name = name;
      wanted->file = file.name;
      wanted->text = file.text;
      wanted->definition = definition;
      const bool changed = !old || old->text != file.text;
      wanted->node_ids.clear();
      for (const auto& node : definition.nodes) {
        std::string id;
        if (old)
          for (std::size_t i = 0; i < old->definition.nodes.size(); ++i)
            if (old->definition.nodes[i].name == node.name) id = old->node_ids[i];
        wanted->node_ids.push_back(id.empty() ? catalog::new_resource_id() : id);
      }
      if (definition.type != PipeType::materialized) wanted->view.clear();
      if (!old)
        plan_.pipes.created.push_back(name);
      else if (changed)
        plan_.pipes.changed.push_back(name);
      if (old && !old->view.empty() && definition.type != PipeType::materialized)
        plan_.dropped_views.push_back(old->view);
      if (changed) changed_pipes_.insert(name);
      plan_.proposed.pipes.put(std::move(wanted));
    }
    for (const auto& [name, pipe] : live_.pipes.by_name()) {
      if (project_.pipes.contains(name)) continue;
      plan_.pipes.deleted.push_back(name);
      plan_.change.removed_pipes.push_back(name);
      if (!pipe->view.empty()) plan_.dropped_views.push_back(pipe->view);
    }
  }

  void propose_connections() {
    for (const auto& [name, definition] : project_.connections) {
      const auto& file = project_.connection_files[name];
      const auto old = live_.connections.by_name().contains(name) ? live_.connections.find(name) : nullptr;
      if (old && old->text == file.text) {
        plan_.proposed.connections.put(old);
        continue;
      }
      auto wanted = std::make_shared<catalog::Connection>();
      if (old)
        *wanted = *old;
      else
        wanted->id = catalog::new_resource_id();
      wanted->name = name;
      wanted->file = file.name;
      wanted->text = file.text;
      wanted->definition = definition;
      (old ? plan_.connections.changed : plan_.connections.created).push_back(name);
      plan_.change.connections.push_back(*wanted);
      plan_.proposed.connections.put(std::move(wanted));
    }
    for (const auto& [name, connection] : live_.connections.by_name())
      if (!project_.connections.contains(name)) {
        plan_.connections.deleted.push_back(name);
        plan_.change.removed_connections.push_back(name);
      }
  }

  /// Renders and resolves every node, with optional parameters absent and then all present (templates.md 11).
  void check_nodes() {
    query::PipeCache cache;
    std::set<std::string> touched;
    for (const auto* names : {&plan_.data_sources.created, &plan_.data_sources.changed, &plan_.data_sources.deleted,
                              &plan_.pipes.created, &plan_.pipes.changed, &plan_.pipes.deleted})
      touched.insert(names->begin(), names->end());
    std::set<std::string> reported, external_told;
    struct Follower {  // a node that only fails because one that it reads does
      Diagnostic finding;
      std::string file;  // of that one
    };
    std::vector<Follower> followers;
    for (const auto& d : plan_.diagnostics)
      if (d.severity == datafile::Severity::error) reported.insert(d.file);
    for (const auto& [name, pipe] : plan_.proposed.pipes.by_name()) {
      if (reported.contains(pipe->file)) continue;  // its text has faults that would only be told again
      for (std::size_t i = 0; i < pipe->definition.nodes.size(); ++i) {
        std::string first_sql;
        bool author_refuses = false;  // without parameters
        for (const auto stand_ins : {templates::StandIns::none_defined, templates::StandIns::all_defined}) {
          const bool all_defined = stand_ins == templates::StandIns::all_defined;
          auto composed = compose(plan_.checked, workspace_.database, cache, pipe, i, stand_ins);
          if (!composed) {
            // A template that asks for a parameter through error() is right to refuse stand-ins.
            const bool by_template = composed.error().status != 0;
            if (by_template && !all_defined) {
              author_refuses = composed.error().by_author;
              continue;
            }
            if (composed.error().by_author) continue;
            const auto [at_fault, node_at_fault] = composed.error().fault;
            auto finding = node_diagnostic(*pipe, i, composed.error().error);
            // The branches of a template may exclude each other, and it may refuse the values that stand in.
            if (!first_sql.empty() || (by_template && author_refuses)) {
              finding.severity = datafile::Severity::warning;
              finding.message += " (when every optional parameter is sent)";
            }
            if (at_fault == nullptr || (at_fault == pipe.get() && node_at_fault == i))
              plan_.diagnostics.push_back(std::move(finding));
            else
              followers.push_back({.finding = std::move(finding), .file = at_fault->file});
            break;
          }
          if (composed->sql == first_sql) break;
          first_sql = composed->sql;
          if (!composed->external_tables.empty()) {
            if (external_told.insert(name).second) note_external(*pipe, i, composed->external_tables);
            continue;
          }
          const bool affected =
              changed_pipes_.contains(name) || touched.contains(pipe->definition.target) ||
              std::ranges::any_of(composed->data_sources, [&](const auto& n) { return touched.contains(n); }) ||
              std::ranges::any_of(composed->pipes, [&](const auto& n) { return touched.contains(n); });
          if (affected)
            plan_.checks.push_back(
                {.pipe = pipe, .node = i, .composed = std::move(*composed), .all_defined = all_defined});
        }
      }
    }
    // A fault is told once, where it stands.
    const auto told = [&](const Follower& follower) {
      return std::ranges::any_of(plan_.diagnostics, [&](const Diagnostic& d) {
        return d.file == follower.file && d.severity <= follower.finding.severity;
      });
    };
    std::vector<Diagnostic> untold;
    for (auto& follower : followers)
      if (!told(follower)) untold.push_back(std::move(follower.finding));
    plan_.diagnostics.insert(plan_.diagnostics.end(), std::make_move_iterator(untold.begin()),
                             std::make_move_iterator(untold.end()));
  }

  /// Nothing outside is asked during a deployment: neither whether it is there nor what it has.
  void note_external(const catalog::Pipe& pipe, std::size_t node, const std::vector<std::string>& functions) {
    auto finding = node_diagnostic(
        pipe, node,
        {.code = Code::invalid,
         .message = fmt::format("{}() reads from outside this server: its columns are not checked before the copy runs",
                                fmt::join(functions, "(), "))});
    finding.severity = datafile::Severity::warning;
    plan_.diagnostics.push_back(std::move(finding));
  }

  void plan_views() {
    query::PipeCache cache, live_cache;
    std::vector<ViewPlan> views;
    for (const auto& [name, pipe] : plan_.proposed.pipes.by_name()) {
      if (pipe->definition.type != PipeType::materialized) {
        if (changed_pipes_.contains(name)) plan_.change.pipes.push_back(*pipe);
        continue;
      }
      const auto node = pipe->definition.output_node;
      auto composed = compose(plan_.proposed, workspace_.database, cache, pipe, node, templates::StandIns::off);
      if (!composed) {
        plan_.diagnostics.push_back(node_diagnostic(*pipe, node, composed.error().error));
        continue;
      }
      const auto old = live_.pipes.by_name().contains(name) ? live_.pipes.find(name) : nullptr;
      ViewPlan view{.pipe = pipe,
                    .node = node,
                    .sql = composed->sql,
                    .query = composed->query,
                    .reads = composed->data_sources,
                    .target = pipe->definition.target,
                    .columns = {},
                    .is_new = !old || old->view.empty(),
                    .backfill = false,
                    .replaced_view = {}};
      if (!view.is_new) {
        auto before =
            compose(live_, workspace_.database, live_cache, old, old->definition.output_node, templates::StandIns::off);
        const bool same = before && before->sql == view.sql && old->definition.target == view.target;
        if (same) {
          if (changed_pipes_.contains(name)) plan_.change.pipes.push_back(*pipe);
          continue;
        }
        if (!pipe->definition.deployment_alter || old->definition.target != view.target) {
          error(project_.files[name], pipe->definition.type_position,
                "the query of this materialized view changes: this would rebuild its data source, which this version "
                "cannot do yet",
                "`DEPLOYMENT_METHOD alter` changes the query for new rows only");
          continue;
        }
        view.replaced_view = old->view;
      }
      const auto target = plan_.proposed.data_sources.find(view.target);
      view.backfill = view.is_new && target && !target->definition.backfill_skip;
      auto named = std::make_shared<catalog::Pipe>(*pipe);
      named->view = fmt::format("{}_{}", pipe->id, catalog::new_resource_id().substr(2, 8));
      view.pipe = named;
      plan_.change.pipes.push_back(*named);
      views.push_back(std::move(view));
    }
    order_views(std::move(views));
  }

  /// Sources before targets, so that a chain is filled from its start. A cycle is an error.
  void order_views(std::vector<ViewPlan> views) {
    while (!views.empty()) {
      const auto ready = std::ranges::find_if(views, [&](const ViewPlan& candidate) {
        return std::ranges::none_of(views, [&](const ViewPlan& other) {
          return std::ranges::find(candidate.reads, other.target) != candidate.reads.end();
        });
      });
      if (ready == views.end()) {
        error(project_.files[views.front().pipe->name], views.front().pipe->definition.target_position,
              fmt::format("materialized views fill each other in a circle, by way of '{}'", views.front().target));
        return;
      }
      plan_.views.push_back(std::move(*ready));
      views.erase(ready);
    }
  }

  void sort_names() { datafile::sort_diagnostics(plan_.diagnostics); }

  const catalog::Workspace& workspace_;
  const catalog::Resources& live_;
  const std::vector<datafile::SourceFile>& files_;
  bool removing_allowed_;
  datafile::Project project_;
  std::set<std::string, std::less<>> changed_pipes_;
  Plan plan_;
};

}  // namespace

bool Plan::ok() const {
  return std::ranges::none_of(diagnostics, [](const Diagnostic& d) { return d.severity == datafile::Severity::error; });
}

bool Plan::no_changes() const {
  const auto empty = [](const catalog::ChangeNames& n) {
    return n.created.empty() && n.changed.empty() && n.deleted.empty();
  };
  return empty(data_sources) && empty(pipes) && empty(connections);
}

datafile::Diagnostic node_diagnostic(const catalog::Pipe& pipe, std::size_t index, const Error& error) {
  const auto& node = pipe.definition.nodes[index];
  Diagnostic diagnostic{.severity = datafile::Severity::error,
                        .file = pipe.file,
                        .position = node.sql_position,
                        .message = error.message,
                        .hint = error.hint};
  const auto prefix = fmt::format("node '{}': ", node.name);
  if (diagnostic.message.starts_with(prefix)) diagnostic.message.erase(0, prefix.size());
  constexpr std::string_view kind = "Template Syntax Error: ";
  if (diagnostic.message.starts_with(kind)) diagnostic.message.erase(0, kind.size());
  if (const auto inside = take_position(diagnostic.message); inside.line != 0) {
    diagnostic.position.line = node.sql_position.line + inside.line - 1;
    diagnostic.position.column = inside.column + node.sql_indent;
  }
  diagnostic.message = prefix + diagnostic.message;
  return diagnostic;
}

Plan make_plan(const catalog::Workspace& workspace, const std::vector<datafile::SourceFile>& files,
               bool removing_allowed) {
  return Planner(workspace, files, removing_allowed).run();
}

}  // namespace kinglet::deploy
