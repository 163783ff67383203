// SPDX-License-Identifier: Apache-2.0
// .connection files.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/spelling.h"
#include "datafile/parts.h"
#include "datafile/tree.h"
#include "datafile/values.h"

namespace kinglet::datafile::internal {
namespace {

constexpr std::array<std::string_view, 4> types = {"kafka", "s3", "gcs", "dynamodb"};

class ConnectionReader {
 public:
  ConnectionReader(Source& source, std::string name) : source_(source) { out_.name = std::move(name); }

  Connection read() {
    const auto instructions = read_tree(source_, FileKind::connection).instructions();
    for (const auto& in : instructions)
      if (in.rule->name == "TYPE") read_type(in);
    if (type_.empty()) {
      source_.error(Position{.line = 1, .column = 1}, "a connection needs a TYPE: kafka, s3, gcs or dynamodb",
                    "for example TYPE kafka");
      return std::move(out_);
    }
    if (out_.type.empty()) return std::move(out_);
    for (const auto& in : instructions)
      if (in.rule->name != "TYPE" && in.rule->name != "DESCRIPTION") read_value(in);
    check_required();
    return std::move(out_);
  }

 private:
  void read_type(const Instruction& in) {
    type_ = in.keyword;
    if (in.value.empty()) return source_.error(in.keyword, "TYPE needs a value: kafka, s3, gcs or dynamodb");
    const auto found =
        std::find_if(types.begin(), types.end(), [&](std::string_view t) { return equal_ignoring_case(t, in.value); });
    if (found != types.end()) {
      out_.type = *found;
    } else if (equal_ignoring_case(in.value, "s3_iamrole") || equal_ignoring_case(in.value, "gcs_hmac")) {
      out_.type = upper(in.value).starts_with("S3") ? "s3" : "gcs";
      source_.warning(in.value,
                      fmt::format("the type {} belongs to older projects; write {}", quoted(in.value), out_.type));
    } else if (equal_ignoring_case(in.value, "bigquery") || equal_ignoring_case(in.value, "snowflake")) {
      source_.error(in.value, fmt::format("connections to {} are not supported", in.value),
                    "export to a bucket and import from there");
    } else {
      source_.error(
          in.value,
          fmt::format("there is no connection type {}; there are kafka, s3, gcs and dynamodb", quoted(in.value)),
          did_you_mean(in.value, types));
    }
  }

  void read_value(const Instruction& in) {
    const auto key = in.rule->name;
    const std::string prefix = upper(out_.type) + "_";
    if (!key.starts_with(prefix)) {
      return source_.error(in.keyword, fmt::format("{} does not belong in a connection of TYPE {}", key, out_.type));
    }
    std::string value = in.block ? dedent(in.raw).text : std::string(in.value);
    if (in.rule->form == KeywordForm::text && !value.empty()) {
      bool closed = true;
      value = std::string(unquote(std::string_view(value), closed));
    }
    if (value.empty()) return source_.error(in.keyword, fmt::format("{} needs a value", key));
    check_secrets(source_, in);
    constexpr std::array<std::string_view, 4> protocols = {"SASL_SSL", "PLAINTEXT", "SASL_PLAINTEXT", "SSL"};
    constexpr std::array<std::string_view, 4> mechanisms = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"};
    constexpr std::array<std::string_view, 1> methods = {"AWS"};
    const bool secret = value.find("{{") != std::string::npos;
    std::optional<std::string> chosen = value;
    if (key == "KAFKA_SECURITY_PROTOCOL" && !secret) chosen = read_choice(source_, in, protocols);
    if (key == "KAFKA_SASL_MECHANISM" && !secret) chosen = read_choice(source_, in, mechanisms);
    if (key == "KAFKA_SASL_OAUTHBEARER_METHOD" && !secret) chosen = read_choice(source_, in, methods);
    given_.push_back(key);
    if (!chosen) return;
    const auto same =
        std::find_if(out_.values.begin(), out_.values.end(), [&](const auto& v) { return v.first == key; });
    if (same != out_.values.end())
      same->second = *chosen;
    else
      out_.values.emplace_back(key, *chosen);
  }

  bool has(std::string_view key) const { return std::find(given_.begin(), given_.end(), key) != given_.end(); }

  void require(std::string_view key, std::string_view hint) {
    if (!has(key))
      source_.error(type_, fmt::format("a connection of TYPE {} needs {}", out_.type, key), std::string(hint));
  }
  void pair(std::string_view a, std::string_view b) {
    if (has(a) != has(b))
      source_.error(type_, fmt::format("{} and {} go together, {} is missing", a, b, has(a) ? b : a));
  }

  void check_required() {
    if (out_.type == "kafka") {
      require("KAFKA_BOOTSTRAP_SERVERS", "for example KAFKA_BOOTSTRAP_SERVERS broker:9092");
      pair("KAFKA_KEY", "KAFKA_SECRET");
    } else if (out_.type == "s3") {
      require("S3_REGION", "for example S3_REGION eu-west-1");
      pair("S3_ACCESS_KEY", "S3_SECRET");
      if (!has("S3_ARN") && !has("S3_ACCESS_KEY") && !has("S3_SECRET"))
        source_.error(type_, "a connection of TYPE s3 needs S3_ARN, or S3_ACCESS_KEY with S3_SECRET");
    } else if (out_.type == "gcs") {
      pair("GCS_HMAC_ACCESS_ID", "GCS_HMAC_SECRET");
      if (!has("GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON") && !has("GCS_HMAC_ACCESS_ID") && !has("GCS_HMAC_SECRET"))
        source_.error(type_,
                      "a connection of TYPE gcs needs GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON, or GCS_HMAC_ACCESS_ID with "
                      "GCS_HMAC_SECRET");
    } else {
      require("DYNAMODB_ARN", "the role that may read the table");
      require("DYNAMODB_REGION", "for example DYNAMODB_REGION eu-west-1");
    }
  }

  Source& source_;
  Connection out_;
  std::string_view type_;
  std::vector<std::string_view> given_;
};

}  // namespace

Connection read_connection(Source& source, std::string name) {
  return ConnectionReader(source, std::move(name)).read();
}

}  // namespace kinglet::datafile::internal
