// SPDX-License-Identifier: Apache-2.0
#include "deploy/node_check.h"

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "deploy/error_place.h"
#include "deploy/target_fit.h"
#include "deploy/views.h"
#include "sql/printer.h"

namespace kinglet::deploy {

namespace {

constexpr auto question_patience = std::chrono::seconds(30);

using Columns = std::vector<OutputColumn>;
using NodeKey = std::pair<const catalog::Pipe*, std::size_t>;

/// Whether the engine refused a value rather than the query: with stand-ins for parameters that is no fault.
bool is_about_a_value(int engine_code) {
  constexpr std::array codes{6,   27,  32,  36,  38,  41,  43,  53,  69,  70, 72,
                             131, 153, 190, 321, 349, 386, 395, 440, 676, 677};
  return std::ranges::find(codes, engine_code) != codes.end();
}

/// Columns of a statement that are calls, by name: `count() AS n`, or `count()` itself.
std::map<std::string, std::string, std::less<>> calls_of(const sql::Query* query) {
  std::map<std::string, std::string, std::less<>> calls;
  if (query == nullptr) return calls;
  const auto* set = query->root;
  while (set != nullptr && !set->branches.empty() && set->branches.begin()->nested != nullptr)
    set = set->branches.begin()->nested;
  if (set == nullptr || set->branches.empty() || set->branches.begin()->select == nullptr) return calls;
  for (const auto* item : set->branches.begin()->select->items) {
    if (item->kind != sql::Expr::Kind::call) continue;
    if (!item->alias.empty())
      calls.emplace(item->alias, item->text);
    else if (item->args.empty())
      calls.emplace(fmt::format("{}()", item->text), item->text);
  }
  return calls;
}

class NodeChecks {
 public:
  NodeChecks(query::Runner& runner, std::string_view database, Plan& plan,
             const std::set<std::string, std::less<>>& missing)
      : runner_(runner), database_(database), plan_(plan), missing_(missing), answers_(plan.checks.size()) {}

  Task<Status> run() {
    using namespace asio::experimental::awaitable_operators;
    static_assert(node_checks_at_once == 4);
    co_await (ask_on() && ask_on() && ask_on() && ask_on());
    if (failure_) co_return fail(std::move(*failure_));
    for (std::size_t i = 0; i < answers_.size(); ++i) judge(i);
    CO_TRY_VOID(co_await ask_conversions());
    for (std::size_t i = 0; i < answers_.size(); ++i)
      if (goes_somewhere(i)) compare_with_target(i);
    for (auto& view : plan_.views) take_columns(view);
    co_return Status{};
  }

 private:
  struct Answer {
    bool asked = false;
    Columns columns;
    std::optional<Error> error;
  };

  bool leaves_out(const NodeCheck& check) const {
    return std::ranges::any_of(check.composed.data_sources, [&](const std::string& name) {
      constexpr std::string_view quarantine = "_quarantine";
      return missing_.contains(name) || (name.ends_with(quarantine) && missing_.contains(std::string_view(name).substr(
                                                                           0, name.size() - quarantine.size())));
    });
  }

  /// Takes the next check until there is none.
  Task<void> ask_on() {
    while (next_ < answers_.size() && !failure_) {
      const auto i = next_++;
      const auto& check = plan_.checks[i];
      if (leaves_out(check)) continue;
      auto columns = co_await output_columns(runner_, check.composed);
      answers_[i].asked = true;
      if (columns) {
        answers_[i].columns = std::move(*columns);
        continue;
      }
      // Internal: the engine reads the node otherwise than we do, which is about the node.
      if (columns.error().engine_code == 0 && columns.error().code != Code::internal) failure_ = columns.error();
      answers_[i].error = std::move(columns.error());
    }
  }

  NodeKey key_of(const NodeCheck& check) const { return {check.pipe.get(), check.node}; }

  /// Of checks without and with optional parameters the former come first, and a node's own before those that read it
  /// or behind them: failed_ is asked about all.
  bool told_elsewhere(const NodeCheck& check) const {
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      if (!answers_[i].error) continue;
      const auto& other = plan_.checks[i];
      if (other.all_defined && !check.all_defined) continue;
      const auto key = key_of(other);
      if (key == key_of(check)) {
        if (other.all_defined != check.all_defined) return true;
        continue;
      }
      if (std::ranges::find(check.composed.nodes, key) != check.composed.nodes.end()) return true;
    }
    return false;
  }

  void judge(std::size_t i) {
    const auto& check = plan_.checks[i];
    if (!answers_[i].error || told_elsewhere(check)) return;
    const auto& node = check.pipe->definition.nodes[check.node];
    const auto& raw = *answers_[i].error;
    const auto engine = read_engine_error(raw.message, database_);
    auto error = query::presentable(raw, plan_.checked, database_);
    constexpr std::string_view mark = "[Error] ";
    if (error.message.starts_with(mark)) error.message.erase(0, mark.size());
    if (raw.engine_code == 47 && !engine.name.empty() && !engine.function)
      error.message = fmt::format("there is no column `{}`", engine.name);
    if (!engine.hint.empty())
      error.hint = engine.hint;
    else if (!engine.function && !engine.name.empty() &&
             node.sql.find(fmt::format("\"{}\"", engine.name)) != node.sql.npos)
      error.hint = "double quotes name a column; texts stand in single quotes";
    if (!engine.name.empty())
      if (const auto place = place_of(node.sql, engine.name, engine.function))
        error.message = fmt::format("line {}, column {}: {}", place->line, place->column, error.message);
    auto finding = node_diagnostic(*check.pipe, check.node, error);
    if (check.composed.stand_ins && is_about_a_value(raw.engine_code)) {
      finding.severity = datafile::Severity::warning;
      finding.message += " (with a value that stands for a parameter)";
    } else if (check.all_defined) {
      finding.severity = datafile::Severity::warning;
      finding.message += " (when every optional parameter is sent)";
    }
    plan_.diagnostics.push_back(std::move(finding));
  }

  /// The output node of a materialized or copy pipe whose columns are known.
  bool goes_somewhere(std::size_t i) const {
    const auto& check = plan_.checks[i];
    const auto& definition = check.pipe->definition;
    const bool fills =
        definition.type == datafile::PipeType::materialized || definition.type == datafile::PipeType::copy;
    return fills && check.node == definition.output_node && !check.all_defined && answers_[i].asked &&
           !answers_[i].error && target_of(i) != nullptr;
  }
  const catalog::DataSource* target_of(std::size_t i) const {
    const auto& sources = plan_.checked.data_sources.by_name();
    const auto found = sources.find(plan_.checks[i].pipe->definition.target);
    if (found == sources.end() || plan_.broken.contains(found->first)) return nullptr;
    return found->second.get();
  }

  Task<Status> ask_conversions() {
    for (std::size_t i = 0; i < answers_.size(); ++i)
      if (goes_somewhere(i)) conversions_.merge(state_questions(answers_[i].columns, target_of(i)->definition));
    for (auto& [types, possible] : conversions_) {
      // Both types are as the engine and our own reader of types print them.
      auto sql = fmt::format("SELECT CAST(s, {}) FROM null({}) LIMIT 0", sql::quote_string(types.second),
                             sql::quote_string("s " + types.first));
      const auto status = co_await runner_.client().execute(std::move(sql), Clock::now() + question_patience);
      if (!status && status.error().engine_code == 0) co_return status;
      possible = status.has_value();
    }
    co_return Status{};
  }

  void compare_with_target(std::size_t i) {
    const auto& check = plan_.checks[i];
    const auto& pipe = *check.pipe;
    const auto& text = pipe.definition.nodes[check.node].sql;
    for (auto& misfit :
         misfits(answers_[i].columns, target_of(i)->definition, conversions_, calls_of(check.composed.query.get()))) {
      const auto place = misfit.column.empty() ? std::nullopt : place_of_alias(text, misfit.column);
      if (place) {
        auto finding = node_diagnostic(
            pipe, check.node,
            {.code = Code::invalid,
             .message = fmt::format("line {}, column {}: {}", place->line, place->column, misfit.message),
             .hint = std::move(misfit.hint)});
        finding.severity = misfit.severity;
        plan_.diagnostics.push_back(std::move(finding));
      } else {
        plan_.diagnostics.push_back({.severity = misfit.severity,
                                     .file = pipe.file,
                                     .position = pipe.definition.target_position,
                                     .message = std::move(misfit.message),
                                     .hint = std::move(misfit.hint)});
      }
    }
  }

  void take_columns(ViewPlan& view) const {
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      const auto& check = plan_.checks[i];
      if (check.pipe->name != view.pipe->name || check.node != view.node || check.all_defined) continue;
      view.columns.clear();
      for (const auto& column : answers_[i].columns) view.columns.push_back(column.name);
    }
  }

  query::Runner& runner_;
  std::string_view database_;
  Plan& plan_;
  const std::set<std::string, std::less<>>& missing_;
  std::vector<Answer> answers_;  // one for each check
  std::size_t next_ = 0;
  std::optional<Error> failure_;
  StateConversions conversions_;
};

}  // namespace

Task<Status> check_nodes(query::Runner& runner, std::string_view database, Plan& plan,
                         const std::set<std::string, std::less<>>& missing) {
  NodeChecks checks(runner, database, plan, missing);
  auto status = co_await checks.run();
  co_return status;
}

}  // namespace kinglet::deploy
