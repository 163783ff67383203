// SPDX-License-Identifier: Apache-2.0
#include "cli/quarantine_command.h"

#include <CLI/CLI.hpp>

#include "cli/file_commands.h"
#include "cli/online.h"

namespace kinglet::cli {
namespace {

constexpr std::size_t cell_bytes_max = 60;

struct QuarantineOptions {
  std::string name, column, import_id, since, into;
  std::uint64_t limit = 20;
  bool group = false, replay = false, clear = false, yes = false;
};

std::string path_of(const QuarantineOptions& options, std::string_view action = "") {
  return fmt::format("/v0/datasources/{}/quarantine{}", http::percent_encode(options.name), action);
}

Parameters filter_of(const QuarantineOptions& options) {
  Parameters out;
  for (const auto& [name, value] : {std::pair("column", options.column), std::pair("import_id", options.import_id),
                                    std::pair("since", options.since)})
    if (!value.empty()) out.emplace_back(name, value);
  return out;
}

/// One line, and not all of a long value.
std::string cell(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  if (text.size() <= cell_bytes_max) return text;
  std::size_t end = cell_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

/// Prints a reply as it came, unless people read it.
Result<std::optional<json::array>> rows_of(const Session& session, const Terminal& terminal,
                                           const QuarantineOptions& options, Parameters query) {
  TRY(const auto reply, session.get(path_of(options), std::move(query)));
  if (terminal.output() != Output::human) {
    terminal.line(json::write(reply));
    return std::nullopt;
  }
  return reply.as_object().at("data").as_array();
}

Status show_groups(const Session& session, const Terminal& terminal, const QuarantineOptions& options) {
  auto query = filter_of(options);
  query.emplace_back("group", "true");
  TRY(const auto found, rows_of(session, terminal, options, std::move(query)));
  if (!found) return {};
  std::vector<std::vector<std::string>> rows;
  for (const auto& entry : *found) {
    const auto& o = entry.as_object();
    const auto column = text(o, "column");
    const auto& sample = o.at("sample").as_object();
    rows.push_back({column.empty() ? "(no row)" : column, cell(text(o, "error")),
                    grouped(number(o.if_contains("rows"))), text(o, "first_seen"), text(o, "last_seen"),
                    cell(column.empty() ? text(o, "sample_error") : text(sample, column))});
  }
  if (rows.empty())
    terminal.line(fmt::format("nothing of {} is in quarantine", options.name));
  else
    terminal.table({"column", "error", "rows", "first", "last", "a value"}, rows);
  return {};
}

Status show_rows(const Session& session, const Terminal& terminal, const QuarantineOptions& options) {
  auto query = filter_of(options);
  query.emplace_back("limit", std::to_string(options.limit));
  TRY(const auto found, rows_of(session, terminal, options, std::move(query)));
  if (!found) return {};
  for (const auto& entry : *found) {
    const auto& o = entry.as_object();
    const auto import_id = text(o, "c__import_id");
    terminal.line(fmt::format("{}{}", terminal.bold(text(o, "insertion_date")),
                              import_id.empty() ? "" : terminal.dim("  import " + import_id)));
    for (const auto& error : o.at("c__error").as_array())
      terminal.line("  " + terminal.mark_failed(cell(std::string(error.as_string()))));
    for (const auto& [name, value] : o)
      if (!value.is_null() && !name.starts_with("c__") && name != "insertion_date")
        terminal.line(fmt::format("    {} = {}", std::string_view(name), cell(text(o, name))));
  }
  if (found->empty())
    terminal.line(fmt::format("nothing of {} is in quarantine", options.name));
  else if (found->size() == options.limit)
    terminal.line(terminal.dim("more with --limit; --group shows what they have in common"));
  return {};
}

/// Exit code 1 when rows went back.
Status replay(const Session& session, const Terminal& terminal, const QuarantineOptions& options) {
  auto query = filter_of(options);
  if (!options.into.empty()) query.emplace_back("into", options.into);
  TRY(const auto begun,
      session.json({.method = "POST", .path = path_of(options, "/replay"), .query = std::move(query)}));
  TRY(const auto job, wait_for_job(session, terminal, text(begun.as_object(), "id")));
  const auto& o = job.as_object();
  const auto stored = number(o.if_contains("successful_rows")), back = number(o.if_contains("quarantined_rows"));
  if (terminal.output() == Output::json)
    terminal.line(json::write(job));
  else
    terminal.done(fmt::format("{} of {} fit now and {} in {}", rows_text(stored),
                              grouped(number(o.if_contains("rows_chosen"))), stored == 1 ? "is" : "are",
                              options.into.empty() ? options.name : options.into));
  if (back > 0)
    return fail(Code::invalid, "{} still {} not fit: see --group", rows_text(back), back == 1 ? "does" : "do");
  return {};
}

Status clear(const Session& session, const Terminal& terminal, const QuarantineOptions& options) {
  if (!options.yes)
    return fail(Code::invalid, "this deletes rows from the quarantine of {} for good; add --yes", options.name);
  TRY(const auto reply,
      session.json({.method = "POST", .path = path_of(options, "/clear"), .query = filter_of(options)}));
  if (terminal.output() == Output::json)
    terminal.line(json::write(reply));
  else
    terminal.done(fmt::format("{} removed from the quarantine of {}",
                              rows_text(number(reply.as_object().if_contains("deleted_rows"))), options.name));
  return {};
}

}  // namespace

void add_quarantine_command(Registrar& registrar, CLI::App& data_source) {
  auto options = std::make_shared<QuarantineOptions>();
  auto* command = data_source.add_subcommand("quarantine", "rows that did not fit: see them, send them again");
  command->add_option("name", options->name, "the data source")->required();
  auto* group = command->add_flag("--group", options->group, "what they have in common: column and error, with counts");
  auto* replay_flag = command->add_flag("--replay", options->replay,
                                        "after a fix of the schema: send them through it again; each row ends in the "
                                        "data source or in quarantine, once");
  auto* clear_flag = command->add_flag("--clear", options->clear, "remove them for good; needs --yes");
  group->excludes(replay_flag)->excludes(clear_flag);
  replay_flag->excludes(clear_flag);
  command->add_option("--into", options->into, "with --replay: the data source that takes them; default: their own");
  command->add_option("--column", options->column, "only rows in which this column failed");
  command->add_option("--import-id", options->import_id, "only rows of this import");
  command->add_option("--since", options->since, "only rows since YYYY-MM-DD[ HH:MM:SS], UTC");
  command->add_option("--limit", options->limit, "most rows to show")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  command->add_flag("--yes", options->yes, "do it without asking");
  command->callback(registrar.run([options](const GlobalFlags& flags) {
    return with_session(flags, [&](const Session& session, const Terminal& terminal) {
      if (options->replay) return replay(session, terminal, *options);
      if (options->clear) return clear(session, terminal, *options);
      return options->group ? show_groups(session, terminal, *options) : show_rows(session, terminal, *options);
    });
  }));
}

}  // namespace kinglet::cli
