// SPDX-License-Identifier: Apache-2.0
#include "catalog/record_json.h"

#include "json/document.h"

namespace kinglet::catalog::internal {

namespace {

/// Readers below keep going after a wrong field and report one failure at the end: the file is ours, so a wrong field
/// means damage, not user error.
class Reader {
 public:
  explicit Reader(std::string_view text) {
    Result<json::value> parsed = json::parse(text);
    if (parsed && parsed->is_object())
      object_ = std::move(parsed->get_object());
    else
      good_ = false;
  }
  explicit Reader(const json::value& value) {
    if (value.is_object())
      object_ = value.get_object();
    else
      good_ = false;
  }

  std::string text(std::string_view key) {
    const auto* found = object_.if_contains(key);
    if (found == nullptr) return {};
    if (!found->is_string()) return wrong<std::string>();
    return std::string(found->get_string());
  }
  bool boolean(std::string_view key) {
    const auto* found = object_.if_contains(key);
    if (found == nullptr) return false;
    if (!found->is_bool()) return wrong<bool>();
    return found->get_bool();
  }
  std::optional<std::int64_t> integer(std::string_view key) {
    const auto* found = object_.if_contains(key);
    if (found == nullptr) return std::nullopt;
    if (!found->is_int64()) return wrong<std::optional<std::int64_t>>();
    return found->get_int64();
  }
  std::optional<std::uint64_t> count(std::string_view key) {
    const auto* found = object_.if_contains(key);
    if (found == nullptr) return std::nullopt;
    if (found->is_uint64()) return found->get_uint64();
    if (!found->is_int64() || found->get_int64() < 0) return wrong<std::optional<std::uint64_t>>();
    return static_cast<std::uint64_t>(found->get_int64());
  }
  std::optional<double> number(std::string_view key) {
    const auto* found = object_.if_contains(key);
    if (found == nullptr) return std::nullopt;
    if (found->is_double()) return found->get_double();
    if (!found->is_int64()) return wrong<std::optional<double>>();
    return static_cast<double>(found->get_int64());
  }
  Time time(std::string_view key) { return Time(std::chrono::microseconds(integer(key).value_or(0))); }
  std::vector<std::string> strings(std::string_view key) {
    std::vector<std::string> out;
    for (const json::value& one : array(key)) {
      if (!one.is_string()) return wrong<std::vector<std::string>>();
      out.emplace_back(one.get_string());
    }
    return out;
  }
  const json::array& array(std::string_view key) {
    static const json::array empty;
    const auto* found = object_.if_contains(key);
    if (found == nullptr) return empty;
    if (!found->is_array()) {
      good_ = false;
      return empty;
    }
    return found->get_array();
  }
  Status status(std::string_view what) const {
    if (!good_) return fail(Code::unavailable, "the catalog is damaged: a stored {} cannot be read", what);
    return {};
  }
  void bad() { good_ = false; }

 private:
  template <class T>
  T wrong() {
    good_ = false;
    return {};
  }
  json::object object_;
  bool good_ = true;
};

json::array to_array(const std::vector<std::string>& strings) {
  json::array out;
  for (const std::string& one : strings) out.emplace_back(one);
  return out;
}

void put(json::object& out, std::string_view key, const std::string& value) {
  if (!value.empty()) out[key] = value;
}
void put(json::object& out, std::string_view key, const std::optional<std::uint64_t>& value) {
  if (value) out[key] = *value;
}
std::int64_t micros(Time time) {
  return time.time_since_epoch().count();
}

json::object names_object(const ChangeNames& names) {
  return {
      {"created", to_array(names.created)}, {"changed", to_array(names.changed)}, {"deleted", to_array(names.deleted)}};
}

}  // namespace

std::string scopes_text(const std::vector<Scope>& scopes) {
  json::array out;
  for (const Scope& scope : scopes) {
    json::object one{{"type", scope_kind_name(scope.kind)}};
    if (!scope.resource.empty()) one["resource"] = scope.resource;
    out.emplace_back(std::move(one));
  }
  return json::write(out);
}

Result<std::vector<Scope>> scopes_from(std::string_view text) {
  std::vector<Scope> out;
  Result<json::value> parsed = json::parse(text);
  if (!parsed || !parsed->is_array())
    return fail(Code::unavailable, "the catalog is damaged: a token's scopes cannot be read");
  for (const json::value& one : parsed->get_array()) {
    Reader reader(one);
    const auto kind = scope_kind_from(reader.text("type"));
    if (!kind) reader.bad();
    out.push_back(Scope{.kind = kind.value_or(ScopeKind::pipes_read), .resource = reader.text("resource")});
    TRY_VOID(reader.status("scope"));
  }
  return out;
}

std::string strings_text(const std::vector<std::string>& strings) {
  return json::write(to_array(strings));
}

Result<std::vector<std::string>> strings_from(std::string_view text) {
  Reader reader(std::string(R"({"s":)").append(text).append("}"));
  std::vector<std::string> out = reader.strings("s");
  TRY_VOID(reader.status("list"));
  return out;
}

std::string job_text(const Job& job) {
  json::object out{{"id", job.id},
                   {"kind", job.kind},
                   {"status", job_status_name(job.status)},
                   {"is_cancellable", job.is_cancellable},
                   {"created_at", micros(job.created_at)},
                   {"updated_at", micros(job.updated_at)}};
  if (job.started_at) out["started_at"] = micros(*job.started_at);
  put(out, "error", job.error);
  if (!job.errors.empty()) out["errors"] = to_array(job.errors);
  put(out, "data_source_id", job.data_source_id);
  put(out, "data_source_name", job.data_source_name);
  put(out, "pipe_id", job.pipe_id);
  put(out, "pipe_name", job.pipe_name);
  put(out, "mode", job.mode);
  put(out, "url", job.url);
  put(out, "format", job.format);
  put(out, "token_id", job.token_id);
  put(out, "row_count", job.row_count);
  put(out, "bytes", job.bytes);
  put(out, "quarantine_rows", job.quarantine_rows);
  put(out, "invalid_lines", job.invalid_lines);
  put(out, "rows_affected", job.rows_affected);
  put(out, "delete_condition", job.delete_condition);
  if (job.progress_percentage) out["progress_percentage"] = *job.progress_percentage;
  put(out, "parameters", job.parameters);
  if (job.attempts > 0) out["attempts"] = job.attempts;
  return json::write(out);
}

Result<Job> job_from(std::string_view text) {
  Reader reader(text);
  Job job;
  job.id = reader.text("id");
  job.kind = reader.text("kind");
  const auto status = job_status_from(reader.text("status"));
  if (!status) reader.bad();
  job.status = status.value_or(JobStatus::error);
  job.is_cancellable = reader.boolean("is_cancellable");
  job.created_at = reader.time("created_at");
  job.updated_at = reader.time("updated_at");
  if (const auto at = reader.integer("started_at")) job.started_at = Time(std::chrono::microseconds(*at));
  job.error = reader.text("error");
  job.errors = reader.strings("errors");
  job.data_source_id = reader.text("data_source_id");
  job.data_source_name = reader.text("data_source_name");
  job.pipe_id = reader.text("pipe_id");
  job.pipe_name = reader.text("pipe_name");
  job.mode = reader.text("mode");
  job.url = reader.text("url");
  job.format = reader.text("format");
  job.token_id = reader.text("token_id");
  job.row_count = reader.count("row_count");
  job.bytes = reader.count("bytes");
  job.quarantine_rows = reader.count("quarantine_rows");
  job.invalid_lines = reader.count("invalid_lines");
  job.rows_affected = reader.count("rows_affected");
  job.delete_condition = reader.text("delete_condition");
  job.progress_percentage = reader.number("progress_percentage");
  job.parameters = reader.text("parameters");
  job.attempts = reader.count("attempts").value_or(0);
  TRY_VOID(reader.status("job"));
  return job;
}

std::string deployment_text(const Deployment& deployment) {
  json::array feedback;
  for (const Feedback& one : deployment.feedback)
    feedback.push_back({{"resource", one.resource}, {"level", one.level}, {"message", one.message}});
  const json::object out{{"id", deployment.id},
                         {"is_build", deployment.is_build},
                         {"status", deployment_status_name(deployment.status)},
                         {"live", deployment.live},
                         {"created_at", micros(deployment.created_at)},
                         {"updated_at", micros(deployment.updated_at)},
                         {"data_sources", names_object(deployment.data_sources)},
                         {"pipes", names_object(deployment.pipes)},
                         {"connections", names_object(deployment.connections)},
                         {"feedback", std::move(feedback)}};
  return json::write(out);
}

Result<Deployment> deployment_from(std::string_view text) {
  Result<json::value> parsed = json::parse(text);
  Reader reader(parsed ? *parsed : json::value());
  Deployment out;
  out.id = reader.text("id");
  out.is_build = reader.boolean("is_build");
  const std::string status = reader.text("status");
  bool known = false;
  for (const auto one : {DeploymentStatus::pending, DeploymentStatus::data_ready, DeploymentStatus::failed,
                         DeploymentStatus::deleting, DeploymentStatus::deleted}) {
    if (deployment_status_name(one) != status) continue;
    out.status = one;
    known = true;
  }
  if (!known) reader.bad();
  out.live = reader.boolean("live");
  out.created_at = reader.time("created_at");
  out.updated_at = reader.time("updated_at");
  TRY_VOID(reader.status("deployment"));
  const auto names = [&](std::string_view key) {
    const auto* found = parsed->get_object().if_contains(key);
    Reader part(found != nullptr ? *found : json::value());
    ChangeNames lists{part.strings("created"), part.strings("changed"), part.strings("deleted")};
    if (!part.status("deployment")) reader.bad();
    return lists;
  };
  out.data_sources = names("data_sources");
  out.pipes = names("pipes");
  out.connections = names("connections");
  for (const json::value& one : reader.array("feedback")) {
    Reader part(one);
    out.feedback.push_back({part.text("resource"), part.text("level"), part.text("message")});
    if (!part.status("deployment")) reader.bad();
  }
  TRY_VOID(reader.status("deployment"));
  return out;
}

}  // namespace kinglet::catalog::internal
