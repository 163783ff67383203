// SPDX-License-Identifier: Apache-2.0
#include "auth/unique_keys.h"

#include <boost/json/basic_parser_impl.hpp>
#include <set>
#include <string>
#include <vector>

namespace kinglet::auth {

namespace {

/// Hears the events of Boost.JSON's parser; keeps only the keys of the open objects.
class Handler {
 public:
  using error_code = boost::json::error_code;
  using view = boost::json::string_view;
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  bool unique() const { return unique_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) {
    open_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    open_.pop_back();
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(view part, std::size_t, error_code&) {
    key_.append(part.data(), part.size());
    return true;
  }
  bool on_key(view rest, std::size_t, error_code& error) {
    key_.append(rest.data(), rest.size());
    if (!open_.back().insert(std::move(key_)).second) {
      unique_ = false;
      error = boost::json::error::extra_data;  // stops the parser
      return false;
    }
    key_.clear();
    return true;
  }
  bool on_string_part(view, std::size_t, error_code&) { return true; }
  bool on_string(view, std::size_t, error_code&) { return true; }
  bool on_number_part(view, error_code&) { return true; }
  bool on_int64(std::int64_t, view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, view, error_code&) { return true; }
  bool on_double(double, view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(view, error_code&) { return true; }
  bool on_comment(view, error_code&) { return true; }

 private:
  std::vector<std::set<std::string>> open_;
  std::string key_;
  bool unique_ = true;
};

}  // namespace

bool has_unique_keys(std::string_view json) {
  boost::json::parse_options options;
  options.max_depth = 64;
  boost::json::basic_parser<Handler> parser(options);
  boost::json::error_code error;
  const std::size_t read = parser.write_some(false, json.data(), json.size(), error);
  return !error && parser.done() && parser.handler().unique() && json.find_first_not_of(" \t\r\n", read) == json.npos;
}

}  // namespace kinglet::auth
