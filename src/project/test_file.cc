// SPDX-License-Identifier: Apache-2.0
#include "project/test_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <map>
#include <set>

#include "base/spelling.h"
#include "datafile/check.h"
#include "datafile/limits.h"
#include "json/document.h"
#include "project/test_yaml.h"

namespace kinglet::project {
namespace {

using datafile::internal::Source;
using internal::YamlNode;
using Kind = YamlNode::Kind;

std::string in_quotes(std::string_view text) {
  return datafile::internal::quoted(text);
}

constexpr std::array<std::string_view, 5> keys{"name", "description", "parameters", "expected_result",
                                               "expected_http_status"};

std::string_view kind_name(const YamlNode& node) {
  switch (node.kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "text";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "";
}

const YamlNode* find(const YamlNode& map, std::string_view key) {
  for (const auto& [k, v] : map.entries)
    if (k.text == key) return &v;
  return nullptr;
}

/// A test of Classic: `- <name>: {max_bytes_read, max_time, pipe, sql}`, or a rule of regression.yaml:
/// `- pipe: <name>, tests: […]`. Source: datafiles.md 7.2.
bool is_classic(const YamlNode& item) {
  if (item.kind != Kind::map || find(item, "name") != nullptr) return false;
  if (find(item, "pipe") != nullptr && (find(item, "tests") != nullptr || find(item, "config") != nullptr)) return true;
  if (item.entries.size() != 1 || item.entries[0].second.kind != Kind::map) return false;
  const auto& [key, body] = item.entries[0];
  return std::ranges::find(keys, key.text) == keys.end() &&
         std::ranges::any_of(std::array{"sql", "max_bytes_read", "max_time", "pipe"},
                             [&](const char* k) { return find(body, k) != nullptr; });
}

/// A scalar by YAML's rules for plain ones, as far as JSON knows them; whatever is quoted is text.
json::value to_json(const YamlNode& node) {
  switch (node.kind) {
    case Kind::null:
      return nullptr;
    case Kind::scalar: {
      if (!node.plain) return json::value(node.text);
      if (node.text == "true" || node.text == "false") return node.text == "true";
      const bool number = !node.text.empty() && node.text.find_first_not_of("+-.0123456789eE") == node.text.npos;
      if (auto value = number ? json::parse(node.text) : Result<json::value>(nullptr); value && value->is_number())
        return std::move(*value);
      return json::value(node.text);
    }
    case Kind::list: {
      json::array list;
      for (const auto& item : node.items) list.push_back(to_json(item));
      return list;
    }
    case Kind::map: {
      json::object object;
      for (const auto& [key, value] : node.entries) object[key.text] = to_json(value);
      return object;
    }
  }
  return nullptr;
}

class Reader {
 public:
  Reader(Source& source, TestFile& file) : source_(source), file_(file) {}

  void read(const YamlNode& root) {
    if (root.kind == Kind::null) {
      source_.warning(root.place, "the file holds no test");
      return;
    }
    if (root.kind != Kind::list) {
      source_.error(root.place, fmt::format("a list of tests was expected, this is {}", kind_name(root)),
                    "start each test with `- name: …`");
      return;
    }
    if (!root.items.empty() && std::ranges::all_of(root.items, is_classic)) {
      file_.classic = true;
      source_.warning(root.items.front().place, "tests of Classic are not run",
                      "write an endpoint that returns the rows that must not be there, and a test of it with "
                      "expected_result: ''");
      return;
    }
    if (root.items.size() > TestLimits::cases_max) {
      source_.error(root.items[TestLimits::cases_max].place,
                    fmt::format("the file has {} tests, the limit is {}", root.items.size(), TestLimits::cases_max),
                    "a long list of requests is better generated outside");
      return;
    }
    for (const auto& item : root.items) read_case(item);
  }

 private:
  void read_case(const YamlNode& item) {
    if (is_classic(item)) {
      source_.error(item.place, "this is a test of Classic, in a file with other tests", "move it into its own file");
      return;
    }
    if (item.kind != Kind::map) {
      source_.error(item.place, fmt::format("a test was expected, this is {}", kind_name(item)),
                    "start each test with `- name: …`");
      return;
    }
    TestCase test{.name = {}, .position = source_.position(item.place)};
    std::set<std::string_view> seen;
    for (const auto& [key, value] : item.entries) {
      if (key.kind != Kind::scalar) {
        source_.error(key.place, "a key was expected");
        continue;
      }
      if (std::ranges::find(keys, key.text) == keys.end()) {
        auto hint = did_you_mean(key.text, keys);
        if (hint.empty()) hint = fmt::format("a test has the keys {}", fmt::join(keys, ", "));
        source_.error(key.place, fmt::format("unknown key {}", in_quotes(key.text)), std::move(hint));
        continue;
      }
      if (!seen.insert(key.text).second) {
        source_.error(key.place, fmt::format("{} is given twice", key.text));
        continue;
      }
      read_value(test, key, value);
    }
    if (!seen.contains("name")) {
      source_.error(item.place, "the test has no name", "start it with `- name: …`");
    } else if (!test.name.empty()) {
      if (const auto [first, is_new] = names_.try_emplace(test.name, test.position); !is_new)
        source_.warning(find(item, "name")->place, fmt::format("the name {} is taken by the test in line {}",
                                                               in_quotes(test.name), first->second.line));
    }
    file_.cases.push_back(std::move(test));
  }

  void read_value(TestCase& test, const YamlNode& key, const YamlNode& value) {
    if (key.text == "expected_result") {
      if (value.kind == Kind::list)
        read_rows(test, value);
      else
        test.expected_result = text_of(key, value, "rows as NDJSON, or an error's message,");
    } else if (key.text == "parameters") {
      if (value.kind == Kind::map)
        read_parameters(test, value);
      else
        read_query(test, value, text_of(key, value, "a query string like a=1&b=2, or a map,"));
    } else if (key.text == "expected_http_status") {
      read_status(test, value);
    } else if (key.text == "description") {
      test.description = text_of(key, value, "a text");
    } else {
      test.name = text_of(key, value, "a text");
      if (value.kind == Kind::null || (value.kind == Kind::scalar && test.name.empty()))
        source_.error(value.place, "the name is empty");
      else if (test.name.size() > datafile::limits::name_bytes_max)
        source_.error(value.place, fmt::format("the name has {} bytes, the limit is {}", test.name.size(),
                                               datafile::limits::name_bytes_max));
      else if (test.name.find('\n') != test.name.npos)
        source_.error(value.place, "the name has more than one line");
    }
  }

  std::string text_of(const YamlNode& key, const YamlNode& value, std::string_view wanted) {
    if (value.kind == Kind::list || value.kind == Kind::map)
      source_.error(value.place, fmt::format("{}: {} was expected, this is {}", key.text, wanted, kind_name(value)));
    return value.text;
  }

  void read_query(TestCase& test, const YamlNode& value, std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    if (text.starts_with('?')) text.erase(0, 1);
    if (text.size() > TestLimits::query_bytes_max)
      source_.error(value.place, fmt::format("the parameters have {} bytes, the limit is {}", text.size(),
                                             TestLimits::query_bytes_max));
    else if (text.find('\n') != text.npos)
      source_.error(value.place, "the query string has more than one line", "write line breaks in values as %0A");
    else
      test.query = std::move(text);
  }

  /// Lists become what Array() reads: values with commas between.
  void read_parameters(TestCase& test, const YamlNode& map) {
    if (map.entries.size() > TestLimits::parameters_max) {
      source_.error(map.place, fmt::format("the test has {} parameters, the limit is {}", map.entries.size(),
                                           TestLimits::parameters_max));
      return;
    }
    std::set<std::string_view> seen;
    for (const auto& [name, value] : map.entries) {
      if (name.kind != Kind::scalar || name.text.empty()) {
        source_.error(name.place, "the name of a parameter was expected");
        continue;
      }
      if (!seen.insert(name.text).second) {
        source_.error(name.place, fmt::format("the parameter {} is given twice", in_quotes(name.text)));
        continue;
      }
      std::string text = value.text;
      bool simple = value.kind != Kind::map;
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        simple = simple && value.items[i].kind == Kind::scalar;
        text += (i == 0 ? "" : ",") + value.items[i].text;
      }
      if (!simple)
        source_.error(value.place, fmt::format("the parameter {}: a text, a number or a list of them was expected",
                                               in_quotes(name.text)));
      else if (text.size() > TestLimits::query_bytes_max)
        source_.error(value.place,
                      fmt::format("the value has {} bytes, the limit is {}", text.size(), TestLimits::query_bytes_max));
      else
        test.parameters.emplace_back(name.text, std::move(text));
    }
  }

  void read_rows(TestCase& test, const YamlNode& list) {
    for (const auto& row : list.items) {
      if (row.kind != Kind::map) {
        source_.error(row.place,
                      fmt::format("expected_result: a row as a map was expected, this is {}", kind_name(row)));
        continue;
      }
      test.expected_result += json::write(to_json(row)) + '\n';
    }
  }

  void read_status(TestCase& test, const YamlNode& value) {
    const auto& text = value.text;
    int status = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), status);
    if (value.kind != Kind::scalar || error != std::errc() || end != text.data() + text.size() || status < 100 ||
        status > 599)
      source_.error(value.place, fmt::format("expected_http_status: a status from 100 to 599 was expected, this is {}",
                                             value.kind == Kind::scalar ? in_quotes(text) : kind_name(value)));
    else
      test.expected_http_status = status;
  }

  Source& source_;
  TestFile& file_;
  std::map<std::string, datafile::Position, std::less<>> names_;
};

}  // namespace

Result<std::string> read_test_text(const DataTest& test, const std::string& shown) {
  std::error_code error;
  const auto size = std::filesystem::file_size(test.path, error);
  if (error) return fail(Code::invalid, "{} cannot be read: {}", shown, error.message());
  if (size > datafile::limits::file_bytes_max)
    return fail(Code::invalid, "{} has {} bytes, the limit is {}", shown, size, datafile::limits::file_bytes_max);
  std::ifstream in(test.path, std::ios::binary);
  std::string text(size, '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() != size) return fail(Code::invalid, "{} cannot be read", shown);
  return text;
}

bool ReadTests::ok() const {
  return std::ranges::none_of(diagnostics, [](const auto& d) { return d.severity == datafile::Severity::error; });
}

ReadTests read_tests(const datafile::SourceFile& file) {
  ReadTests read{.file = {.name = file.name, .pipe = datafile::resource_name(file.name)}, .diagnostics = {}};
  Source source(file.name, file.text, read.diagnostics);
  if (const auto root = internal::read_yaml(source)) Reader(source, read.file).read(*root);
  datafile::sort_diagnostics(read.diagnostics);
  return read;
}

}  // namespace kinglet::project
