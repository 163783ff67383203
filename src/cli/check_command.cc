// SPDX-License-Identifier: Apache-2.0
#include "cli/check_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/ascii.h"
#include "datafile/check.h"
#include "http/multipart.h"
#include "project/check.h"

namespace kinglet::cli {
namespace {

using datafile::Diagnostic;
using datafile::Severity;

struct Options {
  std::string folder;
  bool server = false;
  bool no_server = false;
};

constexpr std::size_t excerpt_characters_max = 120;

/// How many of something: "1 pipe", "2 pipes".
std::string counted(std::size_t n, std::string_view what) {
  return fmt::format("{} {}{}", grouped(n), what, n == 1 ? "" : "s");
}

std::size_t length_of(char first) {
  const auto c = static_cast<unsigned char>(first);
  return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

std::string_view severity_name(const Diagnostic& d) {
  return d.severity == Severity::error ? "error" : "warning";
}

/// `file:line:column: message`, as a server writes it into one text.
std::string without_place(std::string message, std::uint64_t line, std::uint64_t column) {
  const auto prefix = fmt::format("{}:{}: ", line, column);
  if (line != 0 && message.starts_with(prefix)) message.erase(0, prefix.size());
  return message;
}

std::uint32_t number(const json::object& o, std::string_view key) {
  const auto* found = o.if_contains(key);
  return found != nullptr && found->is_int64() && found->get_int64() >= 0 && found->get_int64() <= UINT32_MAX
             ? static_cast<std::uint32_t>(found->get_int64())
             : 0;
}

/// What a server finds in the project: its errors, and warnings of its feedback.
Result<std::vector<Diagnostic>> ask_server(const GlobalFlags& flags, const project::Discovered& found,
                                           std::string& host) {
  TRY(const auto session, Session::open(flags));
  host = session.host();
  Session::Request request{.method = "POST", .path = "/v1/deploy", .query = {{"check", "true"}}};
  request.body = project_body(found.files, request.content_type);
  request.patience = std::chrono::seconds(3600);
  TRY(const auto reply, session.send(std::move(request)));
  const auto document = json::parse(reply.body);
  const auto* body = document ? document->if_object() : nullptr;
  if (body == nullptr || !json::get_string(*body, "result")) return fail(reply_error(reply));
  std::vector<Diagnostic> out;
  const auto text = [](const json::object& o, std::string_view key) {
    return std::string(json::get_string(o, key).value_or(""));
  };
  if (const auto* errors = body->if_contains("errors"); errors != nullptr && errors->is_array())
    for (const auto& entry : errors->get_array()) {
      if (!entry.is_object()) continue;
      const auto& e = entry.get_object();
      const auto line = number(e, "line"), column = number(e, "column");
      out.push_back({.severity = Severity::error,
                     .file = text(e, "filename"),
                     .position = {.line = line, .column = column},
                     .message = without_place(text(e, "error"), line, column)});
    }
  if (out.empty() && json::get_string(*body, "result") == "failed") return fail(reply_error(reply));
  const auto* deployment = body->if_contains("deployment");
  const auto* feedback =
      deployment != nullptr && deployment->is_object() ? deployment->get_object().if_contains("feedback") : nullptr;
  if (feedback != nullptr && feedback->is_array())
    for (const auto& entry : feedback->get_array())
      if (entry.is_object() && json::get_string(entry.get_object(), "level") == "WARNING")
        out.push_back({.severity = Severity::warning,
                       .file = text(entry.get_object(), "resource"),
                       .position = {},
                       .message = text(entry.get_object(), "message")});
  return out;
}

/// Adds what is new: a server tells again, in its own words, much of what was found here.
void merge(std::vector<Diagnostic>& all, std::vector<Diagnostic> more) {
  const auto before = all.size();
  for (auto& d : more) {
    const bool told =
        std::any_of(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(before), [&](const Diagnostic& a) {
          const bool same_place = a.file == d.file && a.position.line == d.position.line && d.position.line != 0;
          return (same_place && a.severity == Severity::error) || d.message.find(a.message) != std::string::npos;
        });
    if (!told) all.push_back(std::move(d));
  }
  datafile::sort_diagnostics(all);
}

class Report {
 public:
  Report(const Terminal& terminal, const project::Discovered& found, std::span<const datafile::SourceFile> tests)
      : terminal_(terminal), found_(found) {
    for (const auto& file : found.files) texts_.emplace(file.name, file.text);
    for (const auto& file : tests) texts_.emplace(file.name, file.text);
  }

  void show(const Diagnostic& d) const {
    auto text = d.file.empty() ? std::string() : found_.place(d.file);
    if (d.position.line != 0) text += fmt::format(":{}:{}", d.position.line, d.position.column);
    if (!text.empty()) text += ": ";
    text += d.message;
    if (const auto file = texts_.find(d.file); file != texts_.end() && d.position.line != 0)
      if (const auto shown = excerpt(file->second, d.position.line, d.position.column); !shown.empty())
        text += '\n' + shown;
    if (!d.hint.empty()) text += fmt::format("\n      {}", d.hint);
    d.severity == Severity::error ? terminal_.failed(text) : terminal_.warn(text);
  }

 private:
  const Terminal& terminal_;
  const project::Discovered& found_;
  std::map<std::string_view, std::string_view> texts_;
};

std::string contents(const project::Discovered& found, const datafile::Project& project) {
  std::size_t nodes = 0;
  for (const auto& [name, pipe] : project.pipes) nodes += pipe.nodes.size();
  std::vector<std::string> parts;
  const auto add = [&](std::size_t n, std::string_view what) {
    if (n > 0) parts.push_back(counted(n, what));
  };
  add(project.data_sources.size(), "data source");
  add(project.pipes.size(), "pipe");
  add(nodes, "node");
  add(project.connections.size(), "connection");
  add(found.tests.size(), "test file");
  return fmt::format("{}{}{}", counted(found.files.size(), "file"), parts.empty() ? "" : ": ", fmt::join(parts, ", "));
}

int check(const GlobalFlags& flags, const Options& options) {
  const Terminal terminal(flags.output);
  const auto started = std::chrono::steady_clock::now();
  const auto found = project::discover(options.folder);
  if (!found) {
    terminal.failed(found.error());
    return 1;
  }
  auto checked = project::check(*found);
  const bool server = !options.no_server && (options.server || !flags.host.empty() || !flags.token.empty());
  std::string host;
  bool asked = false;
  if (server) {
    auto told = ask_server(flags, *found, host);
    asked = told.has_value();
    if (asked)
      merge(checked.diagnostics, std::move(*told));
    else
      checked.diagnostics.push_back({.severity = Severity::error,
                                     .file = {},
                                     .position = {},
                                     .message = "the server could not be asked: " + told.error().message,
                                     .hint = told.error().hint});
  }
  const auto took = std::chrono::steady_clock::now() - started;
  const auto errors = checked.error_count();
  const auto warnings = checked.diagnostics.size() - errors;
  if (flags.output == Output::json) {
    json::array list;
    for (const auto& d : checked.diagnostics)
      list.push_back(json::object{{"file", d.file},
                                  {"line", d.position.line},
                                  {"column", d.position.column},
                                  {"severity", severity_name(d)},
                                  {"message", d.message},
                                  {"hint", d.hint}});
    terminal.line(json::write(json::object{{"files", found->files.size()},
                                           {"errors", errors},
                                           {"warnings", warnings},
                                           {"server", asked},
                                           {"seconds", std::chrono::duration<double>(took).count()},
                                           {"diagnostics", std::move(list)}}));
    return errors == 0 ? 0 : 1;
  }
  const Report report(terminal, *found, checked.tests);
  for (const auto& d : checked.diagnostics) report.show(d);
  auto summary = fmt::format("{}; {}, {} ({})", contents(*found, checked.project), counted(errors, "error"),
                             counted(warnings, "warning"), duration_text(took));
  errors == 0 ? terminal.done(summary) : terminal.failed(summary);
  terminal.step(asked    ? fmt::format("checked here and by {}", host)
                : server ? std::string("checked here only")
                         : "checked without a server; --server asks one about types and rows as well");
  return errors == 0 ? 0 : 1;
}

}  // namespace

std::string excerpt(std::string_view text, std::uint32_t line, std::uint32_t column) {
  for (auto left = line; left > 1; --left) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.find_first_not_of(" \t") == std::string_view::npos) return {};
  // Characters, as columns count them; tabs and what a terminal could obey are shown as blanks.
  std::vector<std::string_view> characters;
  for (std::size_t i = 0; i < text.size();) {
    const auto length = std::min(length_of(text[i]), text.size() - i);
    const bool control = static_cast<unsigned char>(text[i]) < 0x20 || text[i] == 0x7f;
    characters.push_back(control ? std::string_view(" ") : text.substr(i, length));
    i += length;
  }
  const auto at = column == 0 ? 0 : std::min<std::size_t>(column - 1, characters.size());
  std::size_t from = 0;
  if (characters.size() > excerpt_characters_max && at > excerpt_characters_max * 2 / 3)
    from = std::min(at - excerpt_characters_max / 2, characters.size() - excerpt_characters_max);
  const auto to = std::min(characters.size(), from + excerpt_characters_max);
  auto end = at;
  while (end < to && characters[end].size() == 1 && ascii::is_word(characters[end].front())) ++end;
  std::string shown, marks;
  for (auto i = from; i < to; ++i) shown += characters[i];
  marks.append(at - from, ' ');
  marks.append(std::max<std::size_t>(1, end - at), '^');
  return fmt::format("{:>5} | {}\n      | {}", line, shown, marks);
}

std::string project_body(const std::vector<datafile::SourceFile>& files, std::string& content_type) {
  http::MultipartWriter writer;
  for (const auto& file : files) writer.add("data_project://", file.text, file.name, "text/plain");
  content_type = writer.content_type();
  return writer.take();
}

void add_check_command(Registrar& registrar) {
  auto options = std::make_shared<Options>();
  auto* app = registrar.app.add_subcommand("check",
                                           "report every fault of a project's files; needs no server, and can ask one");
  app->add_option("folder", options->folder,
                  "the project's folder (default: this one, or as tinybird.config.json says)");
  auto* server = app->add_flag("--server", options->server,
                               "ask a server too, as with --host or --token: it knows types and rows");
  app->add_flag("--no-server", options->no_server, "ask none, whatever else is said")->excludes(server);
  app->callback(registrar.run([options](const GlobalFlags& flags) { return check(flags, *options); }));
}

}  // namespace kinglet::cli
