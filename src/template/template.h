// SPDX-License-Identifier: Apache-2.0
// SQL templates: a node's text, compiled once, rendered for each request.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kinglet::templates {

namespace internal {
struct Program;
}

/// Request parameters by name: every value sent for a key, in order. No value at all counts as absent.
using Arguments = std::map<std::string, std::vector<std::string>, std::less<>>;
using NameSet = std::set<std::string, std::less<>>;

/// Where something stands in the node's SQL text, from 1; columns count characters.
struct TextPosition {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  bool operator==(const TextPosition&) const = default;
};

struct CompileError {
  std::string message;  // without the position
  std::string hint;     // "did you mean 'String'?", or empty
  TextPosition position;
  /// Code::invalid, with "line L, column C: " before the message.
  Error to_error() const;
};

/// Something a deployment should tell its author, and that does not stop it.
struct Warning {
  std::string message;
  TextPosition position;
};

/// A parameter that the text declares: what API documentation shows.
struct Parameter {
  std::string name;
  std::string type = "String";              // as written: "Int32", "Array", "column"…; String when only named
  std::string element_type;                 // of an Array
  std::optional<std::string> default_json;  // a constant default as JSON text: `"a"`, `10`, `["a","b"]`
  bool required = true;
  std::string description;
  std::string format;
  std::optional<std::string> example_json;
  std::vector<std::string> enum_values;
  TextPosition position = {};  // where it is first met
  // What merging needs to know of the calls that made it.
  std::uint32_t calls = 0;  // of type functions; 0 for a name that is only used
  bool optional = false;    // one of them has a default or required=False
  bool operator==(const Parameter&) const = default;
};
/// Joins the parameters of several nodes or pipes, in order, by the rules for several calls of one name.
void merge_parameters(std::vector<Parameter>& into, const std::vector<Parameter>& from);

struct RenderError {
  enum class Kind : std::uint8_t {
    missing_parameter,  // a parameter without default was not sent
    invalid_value,      // a value that its type does not accept
    raised,             // the author called error() or custom_error(); no fault when a deployment checks with stand-ins
    refused,            // wrong operands, an identifier that is none, a placeholder inside quotes…
    limit,              // one of Limits
  };
  Kind kind = Kind::refused;
  int status = 400;
  std::string message;
  std::optional<std::string> body_json = {};  // custom_error(): the whole body of the answer
  TextPosition position = {};
};

/// What stands for parameters that nobody sent, when a deployment checks a node (templates.md 11).
enum class StandIns : std::uint8_t {
  off,           // a request: a missing parameter is an error
  none_defined,  // defined() is false; a call without default gives a value valid for its type
  all_defined,   // defined() is true and every branch that asks for it is taken
};

/// Everything one rendering may read. Pointers must outlive the call; those that are null count as empty.
struct RenderInput {
  const Arguments* arguments = nullptr;
  /// fixed_params of the token: win over `arguments`, whatever was sent for the same name.
  const Arguments* fixed = nullptr;
  /// Names used with Array() anywhere in the pipe (union of Template::array_parameters): these behave as lists.
  const NameSet* array_parameters = nullptr;
  /// Null refuses tb_secret(). Nothing returned means there is no such secret.
  const std::function<std::optional<std::string>(std::string_view)>* secret = nullptr;
  StandIns stand_ins = StandIns::off;
  /// The text comes from the caller (/v0/sql): it may not `set` a name that the token fixes.
  bool from_request = false;
  /// With stand-ins, takes this branch of an `if` and what leads to it, whatever the conditions say; error() and
  /// custom_error() then do nothing. For finding out what a branch reads.
  std::optional<std::uint32_t> branch = {};
  /// Default-less parameters met so far, for the missing-parameter message. One list for all renderings of a request.
  std::vector<std::string>* required_met = nullptr;
};

struct Rendered {
  std::string sql;
  std::vector<std::pair<std::string, std::string>> settings;  // "max_threads"
  std::vector<bool> branches_taken = {};                      // only with stand-ins: by branch
};

/// Where a place of a rendered text comes from.
struct SourcePlace {
  TextPosition position;  // in the node's text; of a value that of its tag
  bool is_value = false;  // a tag printed it
};

/// A node's SQL, compiled. Immutable and cheap to copy; shared between threads.
class Template {
 public:
  /// A text is a template when its first non-blank character is '%'; any other text is SQL as it stands.
  static std::expected<Template, CompileError> compile(std::string_view sql);
  /// For the text of a query request. Clients wrap what their user typed, so `SELECT * FROM (% …)` is a template too.
  static std::expected<Template, CompileError> compile_query(std::string_view sql);
  /// For .connection files and connector settings: `{{ tb_secret(...) }}` works without '%', and values print bare.
  static std::expected<Template, CompileError> compile_setting(std::string_view text);

  bool is_template() const;
  /// Declared parameters, in the order they are first met; several calls of one name are merged.
  const std::vector<Parameter>& parameters() const;
  /// Parameters used with Array() in this text.
  const NameSet& array_parameters() const;
  /// Names of the secrets that the text reads; `true` for those with a default.
  const std::map<std::string, bool, std::less<>>& secrets() const;
  const std::vector<Warning>& warnings() const;
  /// Branches of all `if`s of the text, in its order.
  std::uint32_t branch_count() const;

  /// Cost: 2 KB with 10 parameters in under 10 µs. Thread: any. Errors are the caller's (400) or the author's.
  std::expected<Rendered, RenderError> render(const RenderInput& input) const;

  /// What stands at `place` of the SQL that render() made of `input`. For errors: renders once more, without noting
  /// anything in `input`.
  SourcePlace source_of(RenderInput input, TextPosition place) const;

 private:
  explicit Template(std::shared_ptr<const internal::Program> program);
  std::shared_ptr<const internal::Program> program_;
};

}  // namespace kinglet::templates
