// SPDX-License-Identifier: Apache-2.0
#include "template/template.h"

#include <fmt/format.h>

#include <algorithm>

#include "template/evaluator.h"
#include "template/parser.h"

namespace kinglet::templates {
namespace {

constexpr std::string_view blanks = " \t\r\n\f\v";

/// Where the '%' stands after `SELECT * FROM (`, in any case and with any blanks; no SQL can begin like this.
std::optional<std::size_t> wrapped_marker(std::string_view sql) {
  std::size_t at = 0;
  for (const std::string_view word : {"select", "*", "from", "(", "%"}) {
    at = sql.find_first_not_of(blanks, at);
    if (at == sql.npos) return std::nullopt;
    for (const char c : word) {
      if (at == sql.size() || (c >= 'a' ? (sql[at] | 0x20) : sql[at]) != c) return std::nullopt;
      ++at;
    }
  }
  return at - 1;
}

enum class Origin : std::uint8_t { node, query, setting };

std::expected<std::shared_ptr<const internal::Program>, CompileError> compile_text(std::string_view text,
                                                                                   Origin origin) {
  auto program = std::make_shared<internal::Program>();
  program->source = text;
  program->is_setting = origin == Origin::setting;
  program->is_template = program->is_setting;
  std::size_t start = 0;  // of the template's text
  if (const auto marker = text.find_first_not_of(blanks);
      !program->is_setting && marker != text.npos && text[marker] == '%') {
    program->is_template = true;
    start = marker + 1;
  } else if (const auto wrapped = origin == Origin::query ? wrapped_marker(text) : std::nullopt) {
    program->is_template = true;
    program->source[*wrapped] = ' ';
  }
  if (!program->is_template) return program;
  const auto error_of = [&](internal::SyntaxError error) {
    return std::unexpected(
        CompileError{std::move(error.message), std::move(error.hint), internal::position_at(text, error.offset)});
  };
  if (text.size() > Limits::source_bytes_max)
    return error_of({fmt::format("the text is longer than {} bytes", Limits::source_bytes_max), {}, 0});
  if (auto parsed = internal::parse_template(*program, start); !parsed) return error_of(std::move(parsed.error()));
  if (auto found = internal::discover(*program); !found) return error_of(std::move(found.error()));
  return program;
}

}  // namespace

Error CompileError::to_error() const {
  return {.code = Code::invalid,
          .message = fmt::format("line {}, column {}: {}", position.line, position.column, message),
          .hint = hint};
}

Template::Template(std::shared_ptr<const internal::Program> program) : program_(std::move(program)) {}

std::expected<Template, CompileError> Template::compile(std::string_view sql) {
  auto program = compile_text(sql, Origin::node);
  if (!program) return std::unexpected(std::move(program.error()));
  return Template(std::move(*program));
}

std::expected<Template, CompileError> Template::compile_query(std::string_view sql) {
  auto program = compile_text(sql, Origin::query);
  if (!program) return std::unexpected(std::move(program.error()));
  return Template(std::move(*program));
}

std::expected<Template, CompileError> Template::compile_setting(std::string_view text) {
  auto program = compile_text(text, Origin::setting);
  if (!program) return std::unexpected(std::move(program.error()));
  return Template(std::move(*program));
}

bool Template::is_template() const {
  return program_->is_template;
}
const std::vector<Parameter>& Template::parameters() const {
  return program_->parameters;
}
const NameSet& Template::array_parameters() const {
  return program_->array_parameters;
}
const std::map<std::string, bool, std::less<>>& Template::secrets() const {
  return program_->secrets;
}
const std::vector<Warning>& Template::warnings() const {
  return program_->warnings;
}

std::uint32_t Template::branch_count() const {
  return program_->branch_count;
}

std::expected<Rendered, RenderError> Template::render(const RenderInput& input) const {
  if (!program_->is_template) return Rendered{.sql = program_->source, .settings = {}, .branches_taken = {}};
  return internal::Evaluator(*program_, input).run();
}

SourcePlace Template::source_of(RenderInput input, TextPosition place) const {
  input.required_met = nullptr;
  std::vector<internal::Origin> origins;
  if (!program_->is_template) return {.position = place};
  internal::Evaluator evaluator(*program_, input, &origins);
  const auto rendered = evaluator.run();
  if (!rendered) return {.position = rendered.error().position};
  const auto offset = internal::offset_at(rendered->sql, place);
  const auto after =
      std::upper_bound(origins.begin(), origins.end(), offset,
                       [](std::size_t at, const internal::Origin& origin) { return at < origin.rendered; });
  if (after == origins.begin()) return {.position = place};
  const auto& origin = *(after - 1);
  const auto within = origin.is_value ? 0 : offset - origin.rendered;
  return {.position = internal::position_at(program_->source, origin.source + within), .is_value = origin.is_value};
}

}  // namespace kinglet::templates
