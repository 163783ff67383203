// SPDX-License-Identifier: Apache-2.0
#include "cli/test_command.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>

#include "base/spelling.h"
#include "cli/registrar.h"
#include "cli/test_run.h"
#include "datafile/source.h"
#include "project/test_edit.h"
#include "template/template.h"

namespace kinglet::cli {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string folder;
  std::vector<std::string> names;  // pipes or files
  bool update = false;
  // of `create`
  std::string pipe, name, description;
  std::optional<std::string> parameters;
};

/// Beside and renamed: a reader sees the old text or the new one.
Status write_file(const fs::path& given, std::string_view text, const std::string& shown) {
  std::error_code error;
  const auto found = fs::canonical(given, error);  // a link stays one
  const auto path = error ? given : found;
  auto beside = path;
  beside += ".new";
  {
    std::ofstream out(beside, std::ios::binary | std::ios::trunc);
    out << text;
    out.flush();
    if (!out) {
      fs::remove(beside, error);
      return fail(Code::unavailable, "{} cannot be written", shown);
    }
  }
  if (const auto mode = fs::status(path, error).permissions(); !error && mode != fs::perms::unknown)
    fs::permissions(beside, mode, error);
  fs::rename(beside, path, error);
  if (error) return fail(Code::unavailable, "{} cannot be written: {}", shown, error.message());
  return {};
}

/// A test file that is to be run, with its text.
struct Loaded {
  datafile::SourceFile source;
  fs::path path;
  project::TestFile tests;
};

std::string finding_text(const project::Discovered& project, datafile::Diagnostic d) {
  d.file = project.place(d.file);
  return datafile::to_string(d);
}

std::vector<std::string> pipe_names(const project::Discovered& project) {
  std::vector<std::string> names;
  for (const auto& file : project.files)
    if (file.name.ends_with(".pipe")) names.push_back(datafile::resource_name(file.name));
  return names;
}

std::string near(std::string_view name, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  return did_you_mean(name, views);
}

/// True when `word` names this file: its pipe, its file name, or its path as a reader at the working directory has it.
bool names_file(std::string_view word, const project::DataTest& test, const project::Discovered& project) {
  if (word == test.pipe || word == test.name || word == project.place(test.name)) return true;
  std::error_code error;
  return fs::equivalent(fs::path(word), test.path, error) && !error;
}

class TestCommand {
 public:
  TestCommand(const GlobalFlags& flags, const Options& options)
      : options_(options), terminal_(flags.output), json_(flags.output == Output::json) {}

  int run() {
    if (!load() || !make_workspace()) return 1;
    if (files_.empty()) return finish();
    terminal_.step("Running tests");
    for (auto& file : files_)
      if (!run_file(file)) return 1;
    return finish();
  }

  int create() {
    if (!discover()) return 1;
    auto added = new_case();
    if (!added) return failed(added.error());
    if (!make_workspace()) return 1;
    auto answer = ask(workspace_->session(), options_.pipe, added->test);
    if (!answer) return failed(answer.error());
    if (answer->transient())
      return failed(
          Error{.code = Code::unavailable,
                .message = fmt::format("no test was written: status {}: {}", answer->status, answer->result)});
    if (answer->status == 400 && !added->unknown.empty())
      return failed(Error{
          .code = Code::invalid,
          .message = fmt::format("{} answers: {}", options_.pipe, answer->result),
          .hint = fmt::format("no value is known for {}, say which: --parameters 'name=value&…'", added->unknown)});
    added->test.expected_http_status = answer->status;
    added->test.expected_result = std::move(answer->result);
    auto text = project::with_test(added->file.source, added->test);
    if (!text) return failed(text.error());
    std::error_code ignored;  // what cannot be made is told by the next line
    fs::create_directories(added->file.path.parent_path(), ignored);
    const auto shown = project_->place(added->file.source.name);
    if (const auto written = write_file(added->file.path, *text, shown); !written) return failed(written.error());
    if (json_) {
      terminal_.line(json::write(json::object{{"file", shown},
                                              {"name", added->test.name},
                                              {"parameters", added->test.query},
                                              {"expected_http_status", added->test.expected_http_status},
                                              {"expected_result", added->test.expected_result}}));
      return 0;
    }
    terminal_.done(fmt::format("{}: test {} written, {}", shown, added->test.name,
                               answer->status == 200
                                   ? fmt::format("{} rows", std::ranges::count(added->test.expected_result, '\n'))
                                   : fmt::format("status {}: {}", answer->status, added->test.expected_result)));
    terminal_.line("Read it: what the endpoint answers now is what it must answer from now on.");
    return 0;
  }

 private:
  int failed(const Error& error) {
    terminal_.failed(error);
    return 1;
  }

  bool discover() {
    auto found = project::discover(options_.folder);
    if (!found) return failed(found.error()) == 0;
    project_ = std::move(*found);
    return show(project_->findings);
  }

  /// False when one is an error.
  bool show(std::vector<datafile::Diagnostic> findings) {
    bool good = true;
    for (auto& d : findings) {
      const bool error = d.severity == datafile::Severity::error;
      good = good && !error;
      if (error)
        terminal_.failed(finding_text(*project_, std::move(d)));
      else if (json_)
        warnings_.emplace_back(finding_text(*project_, std::move(d)));
      else
        terminal_.warn(finding_text(*project_, std::move(d)));
    }
    return good;
  }

  void warn(const std::string& text) {
    if (json_)
      warnings_.emplace_back(text);
    else
      terminal_.warn(text);
  }

  /// Reads the files that are to be run. Every fault of all of them is shown before anything is started.
  bool load() {
    if (!discover()) return false;
    bool good = true;
    for (const auto& word : options_.names)
      if (std::ranges::none_of(project_->tests, [&](const auto& t) { return names_file(word, t, *project_); })) {
        std::vector<std::string> known;
        for (const auto& test : project_->tests) known.push_back(test.pipe);
        failed(Error{.code = Code::invalid,
                     .message = fmt::format("there is no test file for {}", datafile::internal::quoted(word)),
                     .hint = near(word, known)});
        good = false;
      }
    const auto pipes = pipe_names(*project_);
    for (const auto& test : project_->tests) {
      const auto chosen = [&](const std::string& word) { return names_file(word, test, *project_); };
      if (!options_.names.empty() && std::ranges::none_of(options_.names, chosen)) continue;
      auto text = project::read_test_text(test, project_->place(test.name));
      if (!text) {
        good = failed(text.error()) == 0;
        continue;
      }
      Loaded loaded{.source = {.name = test.name, .text = std::move(*text)}, .path = test.path, .tests = {}};
      auto read = project::read_tests(loaded.source);
      if (read.ok() && !read.file.classic && std::ranges::find(pipes, test.pipe) == pipes.end())
        read.diagnostics.push_back({.severity = datafile::Severity::error,
                                    .file = test.name,
                                    .position = {1, 1},
                                    .message = fmt::format("the project has no pipe {}: a test file is named after its "
                                                           "pipe",
                                                           datafile::internal::quoted(test.pipe)),
                                    .hint = near(test.pipe, pipes)});
      good = show(std::move(read.diagnostics)) && good;
      loaded.tests = std::move(read.file);
      if (!loaded.tests.classic && !loaded.tests.cases.empty()) files_.push_back(std::move(loaded));
    }
    warn_of_shell_tests();
    if (good && files_.empty()) warn("no test to run; `kinglet test create PIPE` writes the first one of a pipe");
    return good;
  }

  void warn_of_shell_tests() {
    std::size_t count = 0;
    std::error_code error;
    for (fs::directory_iterator it(project_->root / "tests", error), end; !error && it != end; it.increment(error))
      if (it->path().extension() == ".test") ++count;
    if (count > 0 && options_.names.empty())
      warn(fmt::format("{} shell test{} of Classic (tests/*.test) {} not run", count, count == 1 ? "" : "s",
                       count == 1 ? "is" : "are"));
  }

  bool make_workspace() {
    if (files_.empty() && options_.pipe.empty()) return true;
    terminal_.step("Building test environment");
    std::fflush(stdout);  // also into a pipe: this takes a second
    auto made = TestWorkspace::make(*project_);
    if (!made) return not_built(made.error());
    workspace_.emplace(std::move(*made));
    for (const auto& text : workspace_->warnings()) warn(text);
    if (json_) {
      for (const auto& f : workspace_->fixtures())
        if (!f.fault.empty()) warnings_.emplace_back(fmt::format("{}: {}", f.name, f.fault));
    } else {
      show_fixtures(terminal_, workspace_->fixtures());
    }
    terminal_.done("Done!");
    return true;
  }

  /// Each fault of the project on its own, as `kinglet build` shows them. Always false.
  bool not_built(const Error& error) {
    std::size_t count = 0;
    for (std::string_view rest = error.message; !rest.empty(); ++count) {
      const auto end = rest.find('\n');
      terminal_.failed(Error{.code = error.code, .message = std::string(rest.substr(0, end)), .hint = error.hint});
      rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
    if (count > 0 && error.code == Code::invalid) terminal_.failed("the project does not build, so no test was run");
    return false;
  }

  /// False when the server is gone: then no later test can tell anything.
  bool run_file(Loaded& file) {
    if (!json_) terminal_.line(fmt::format("* {}", project_->place(file.source.name)));
    json::array cases;
    std::vector<project::NewExpectation> expectations;
    for (std::size_t i = 0; i < file.tests.cases.size(); ++i) {
      const auto& test = file.tests.cases[i];
      auto answer = ask(workspace_->session(), file.tests.pipe, test);
      if (!answer) return failed(answer.error()) == 0;
      auto outcome = judge(test, std::move(*answer));
      bool updated = false;
      if (options_.update && !outcome.passed && !outcome.answer.transient()) {
        expectations.push_back({.index = i, .result = outcome.answer.result, .status = outcome.answer.status});
        updated = true;
      }
      ++count_;
      if (outcome.passed || updated) ++passed_;
      if (json_)
        cases.push_back(outcome_json(file, test, outcome, updated));
      else
        show_outcome(file, test, outcome, updated);
      std::fflush(stdout);
    }
    if (!expectations.empty()) {
      const auto text = project::with_expectations(file.source, expectations);
      const auto written =
          text ? write_file(file.path, *text, project_->place(file.source.name)) : Status(fail(text.error()));
      if (!written) {
        failed(written.error());
        passed_ -= expectations.size();
      }
    }
    json_files_.push_back(json::object{
        {"file", project_->place(file.source.name)}, {"pipe", file.tests.pipe}, {"tests", std::move(cases)}});
    return true;
  }

  void show_outcome(const Loaded& file, const project::TestCase& test, const Outcome& outcome, bool updated) {
    if (outcome.passed || updated) {
      terminal_.done(fmt::format("{} {}", test.name, !options_.update ? "passed" : updated ? "updated" : "unchanged"));
      return;
    }
    terminal_.line(terminal_.mark_failed(fmt::format("{} failed", test.name)));
    auto place = fmt::format("{}:{}:{}", project_->place(file.source.name), test.position.line, test.position.column);
    const auto query = internal::request_query(test);
    if (!query.empty()) place += "  " + query;
    terminal_.line("    " + terminal_.dim(place));
    std::string_view rest = outcome.difference;
    while (!rest.empty()) {
      const auto end = rest.find('\n');
      terminal_.line(fmt::format("    {}", rest.substr(0, end)));
      rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    }
  }

  json::object outcome_json(const Loaded& file, const project::TestCase& test, const Outcome& outcome, bool updated) {
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(outcome.answer.duration).count();
    json::object o{
        {"name", test.name},        {"file", project_->place(file.source.name)}, {"line", test.position.line},
        {"passed", outcome.passed}, {"status", outcome.answer.status},           {"duration_ms", milliseconds}};
    if (options_.update) o["updated"] = updated;
    if (!outcome.passed) {
      o["expected_http_status"] = test.expected_http_status;
      o["expected_result"] = test.expected_result;
      o["result"] = outcome.answer.result;
      o["difference"] = outcome.difference;
    }
    return o;
  }

  int finish() {
    const bool good = passed_ == count_;
    if (json_)
      terminal_.line(json::write(json::object{{"passed", passed_},
                                              {"failed", count_ - passed_},
                                              {"files", std::move(json_files_)},
                                              {"warnings", std::move(warnings_)}}));
    else if (count_ > 0)
      good ? terminal_.done(fmt::format("{}/{} {}", passed_, count_, options_.update ? "up to date" : "passed"))
           : terminal_.failed(fmt::format("{}/{} passed", passed_, count_));
    return good ? 0 : 1;
  }

  // ---- create
  // ----------------------------------------------------------------------------------------------------------

  struct NewCase {
    Loaded file;
    project::TestCase test;
    std::string unknown;  // parameters without example and default, which are not sent
  };

  Result<NewCase> new_case() {
    auto parsed = datafile::parse_project(project_->files);
    const auto pipe = parsed.project.pipes.find(options_.pipe);
    if (pipe == parsed.project.pipes.end())
      return fail(Error{.code = Code::invalid,
                        .message = fmt::format("the project has no pipe {}", datafile::internal::quoted(options_.pipe)),
                        .hint = near(options_.pipe, pipe_names(*project_))});
    if (pipe->second.type != datafile::PipeType::endpoint)
      return fail(Error{.code = Code::invalid,
                        .message = fmt::format("the pipe {} is no endpoint", options_.pipe),
                        .hint = "tests are requests to endpoints: pipes with TYPE endpoint"});
    NewCase made;
    const auto found = std::ranges::find(project_->tests, options_.pipe, &project::DataTest::pipe);
    if (found != project_->tests.end()) {
      TRY(auto text, project::read_test_text(*found, project_->place(found->name)));
      made.file = {.source = {.name = found->name, .text = std::move(text)}, .path = found->path, .tests = {}};
    } else {
      const auto name = fmt::format("tests/{}.yaml", options_.pipe);
      made.file = {.source = {.name = name, .text = {}}, .path = project_->root / name, .tests = {}};
    }
    auto read = project::read_tests(made.file.source);
    for (auto& d : read.diagnostics)
      if (d.severity == datafile::Severity::error)
        return fail(Code::invalid, "{}", finding_text(*project_, std::move(d)));
    made.test.description = options_.description;
    if (options_.parameters) {
      made.test.query = *options_.parameters;
    } else {
      made.test.query = usual_parameters(pipe->second, made.unknown);
    }
    TRY(made.test.name, free_name(read.file));
    return made;
  }

  Result<std::string> free_name(const project::TestFile& file) const {
    const auto taken = [&](const std::string& name) {
      return std::ranges::find(file.cases, name, &project::TestCase::name) != file.cases.end();
    };
    if (!options_.name.empty()) {
      if (taken(options_.name))
        return fail(Error{.code = Code::invalid,
                          .message = fmt::format("{} has a test {} already", project_->place(file.name), options_.name),
                          .hint = "`kinglet test update` writes its result anew"});
      return options_.name;
    }
    const auto base = options_.pipe + (options_.parameters ? "_parameters" : "_default");
    auto name = base;
    for (std::size_t n = 2; taken(name); ++n) name = fmt::format("{}_{}", base, n);
    return name;
  }

  static std::string parameter_text(const json::value& value) {
    if (value.is_string()) return std::string(value.get_string());
    if (!value.is_array()) return json::write(value);
    std::string out;
    for (const auto& element : value.get_array()) out += (out.empty() ? "" : ",") + parameter_text(element);
    return out;
  }

  /// Each parameter with its example, else its default, else the first of its enum. An empty default is not sent: to
  /// `defined()` it would be a value.
  static std::string usual_parameters(const datafile::Pipe& pipe, std::string& unknown) {
    std::vector<templates::Parameter> parameters;
    for (const auto& node : pipe.nodes)
      if (const auto compiled = templates::Template::compile(node.sql))
        templates::merge_parameters(parameters, compiled->parameters());
    std::string query;
    for (const auto& p : parameters) {
      std::string value;
      for (const auto* text : {&p.example_json, &p.default_json})
        if (value.empty() && *text)
          if (const auto document = json::parse(**text)) value = parameter_text(*document);
      if (value.empty() && p.required && !p.enum_values.empty()) value = p.enum_values.front();
      if (!value.empty())
        query +=
            fmt::format("{}{}={}", query.empty() ? "" : "&", http::percent_encode(p.name), http::percent_encode(value));
      else if (p.required)
        unknown += (unknown.empty() ? "" : ", ") + p.name;
    }
    return query;
  }

  const Options& options_;
  const Terminal terminal_;
  const bool json_;
  std::optional<project::Discovered> project_;
  std::optional<TestWorkspace> workspace_;
  std::vector<Loaded> files_;
  std::size_t count_ = 0, passed_ = 0;
  json::array json_files_, warnings_;
};

}  // namespace

void add_test_commands(Registrar& registrar) {
  auto options = std::make_shared<Options>();
  const auto folder = [&](CLI::App* app) {
    app->add_option("-C,--folder", options->folder, "the project's folder; default here");
  };
  const auto names = [&](CLI::App* app) {
    app->add_option("names", options->names, "pipes or files of tests/; default all");
  };

  auto* test = registrar.app.add_subcommand(
      "test",
      "run tests/<pipe>.yaml on the project and its fixtures, on a server of their own; `test` alone is `test run`");
  test->require_subcommand(0, 1);
  const auto run_callback =
      registrar.run([options](const GlobalFlags& flags) { return TestCommand(flags, *options).run(); });

  auto* run = test->add_subcommand("run", "run the tests; exit status 1 when one fails");
  auto* update = test->add_subcommand("update", "run them, and write what came as what is expected");
  for (auto* app : {test, run, update}) folder(app);
  for (auto* app : {run, update}) names(app);
  for (auto* app : {test, run}) app->add_flag("--update", options->update, "the same as `test update`");
  run->callback(run_callback);
  update->callback(registrar.run([options](const GlobalFlags& flags) {
    options->update = true;
    return TestCommand(flags, *options).run();
  }));

  auto* create = test->add_subcommand("create", "add a test of an endpoint with the result that it has now");
  folder(create);
  create->add_option("pipe", options->pipe, "the endpoint")->required();
  create->add_option("--name", options->name, "name of the test; default PIPE_default");
  create->add_option("--description", options->description, "what the test is about");
  create->add_option("--parameters", options->parameters,
                     "query string a=1&b=2; default each parameter's example or default");
  create->callback(
      registrar.run([options](const GlobalFlags& flags) { return TestCommand(flags, *options).create(); }));

  test->callback([test, run_callback] {
    if (test->get_subcommands().empty()) run_callback();  // CLI11 calls this behind a subcommand's callback too
  });
}

}  // namespace kinglet::cli
