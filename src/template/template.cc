// SPDX-License-Identifier: Apache-2.0
#include "template/template.h"

#include <fmt/format.h>

#include "template/evaluator.h"
#include "template/parser.h"

namespace kinglet::templates {
namespace {

std::expected<std::shared_ptr<const internal::Program>, CompileError> compile_text(std::string_view text, bool is_setting) {
  auto program = std::make_shared<internal::Program>();
  const auto start = text.find_first_not_of(" \t\r\n\f\v");
  program->is_template = is_setting || (start != text.npos && text[start] == '%');
  program->is_setting = is_setting;
  program->source = text;
  if (!program->is_template) return program;
  const auto error_of = [&](internal::SyntaxError error) {
    return std::unexpected(CompileError{std::move(error.message), std::move(error.hint), internal::position_at(text, error.offset)});
  };
  if (text.size() > Limits::source_bytes_max)
    return error_of({fmt::format("the text is longer than {} bytes", Limits::source_bytes_max), {}, 0});
  if (auto parsed = internal::parse_template(*program, is_setting ? 0 : start + 1); !parsed) return error_of(std::move(parsed.error()));
  if (auto found = internal::discover(*program); !found) return error_of(std::move(found.error()));
  return program;
}

}  // namespace

Error CompileError::to_error() const {
  return {.code = Code::invalid, .message = fmt::format("line {}, column {}: {}", position.line, position.column, message), .hint = hint};
}

Template::Template(std::shared_ptr<const internal::Program> program) : program_(std::move(program)) {}

std::expected<Template, CompileError> Template::compile(std::string_view sql) {
  auto program = compile_text(sql, false);
  if (!program) return std::unexpected(std::move(program.error()));
  return Template(std::move(*program));
}

std::expected<Template, CompileError> Template::compile_setting(std::string_view text) {
  auto program = compile_text(text, true);
  if (!program) return std::unexpected(std::move(program.error()));
  return Template(std::move(*program));
}

bool Template::is_template() const { return program_->is_template; }
const std::vector<Parameter>& Template::parameters() const { return program_->parameters; }
const NameSet& Template::array_parameters() const { return program_->array_parameters; }
const std::map<std::string, bool, std::less<>>& Template::secrets() const { return program_->secrets; }
const std::vector<Warning>& Template::warnings() const { return program_->warnings; }

std::expected<Rendered, RenderError> Template::render(const RenderInput& input) const {
  if (!program_->is_template) return Rendered{.sql = program_->source, .settings = {}};
  return internal::Evaluator(*program_, input).run();
}

}  // namespace kinglet::templates
