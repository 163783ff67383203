// SPDX-License-Identifier: Apache-2.0
#include "cli/fixtures.h"

#include <algorithm>
#include <fstream>
#include <map>

#include "datafile/parse.h"

namespace kinglet::cli {
namespace {

constexpr auto append_patience = std::chrono::seconds(3600);

/// Reads a file while it is sent.
class FixtureBody final : public http::BodySource {
 public:
  explicit FixtureBody(const std::filesystem::path& path) : in_(path, std::ios::binary) {}
  Task<Result<std::string>> next() override {
    std::string piece(256u << 10, '\0');
    in_.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (in_.bad()) co_return fail(Code::invalid, "the file cannot be read");
    piece.resize(static_cast<std::size_t>(in_.gcount()));
    co_return piece;
  }

 private:
  std::ifstream in_;
};

std::string_view media_type(project::FixtureFormat format) {
  switch (format) {
    case project::FixtureFormat::ndjson:
      return "application/x-ndjson";
    case project::FixtureFormat::csv:
      return "text/csv";
    case project::FixtureFormat::parquet:
      return "application/vnd.apache.parquet";
  }
  return "";
}

bool is_old(const project::Fixture& fixture) {
  return fixture.name.starts_with("datasources/fixtures/") ||
         fixture.name.find("/datasources/fixtures/") != std::string::npos;
}

std::uint64_t number(const json::object& o, std::string_view key) {
  const auto* found = o.if_contains(key);
  return found != nullptr && found->is_number() ? found->to_number<std::uint64_t>() : 0;
}

Result<AppendedFixture> append(const Session& session, const project::Fixture& fixture) {
  AppendedFixture out{.name = fixture.name, .source = fixture.source};
  std::error_code error;
  const auto size = std::filesystem::file_size(fixture.path, error);
  if (error) {
    out.fault = error.message();
    return out;
  }
  if (size == 0) return out;
  Session::Request request{
      .method = "POST", .path = "/v0/datasources", .query = {{"name", fixture.source}, {"mode", "append"}}};
  request.content_type = media_type(fixture.format);
  request.stream = std::make_unique<FixtureBody>(fixture.path);
  request.stream_length = size;
  request.patience = append_patience;
  TRY(const auto reply, session.send(std::move(request)));
  if (reply.status < 200 || reply.status > 299) {
    out.fault = reply_error(reply).message;
    return out;
  }
  TRY(const auto body, json::parse(reply.body));
  if (const auto* o = body.if_object()) {
    out.rows = number(*o, "successful_rows");
    out.quarantined = number(*o, "quarantined_rows");
    const auto* errors = o->if_contains("errors");
    if (errors != nullptr && errors->is_array() && !errors->get_array().empty() && errors->get_array()[0].is_string())
      out.fault = errors->get_array()[0].get_string();
  }
  out.appended = true;
  return out;
}

}  // namespace

Result<std::vector<AppendedFixture>> append_fixtures(const Session& session, const project::Discovered& project,
                                                     OldFixtures old) {
  // Of several files for a data source the one of fixtures/ counts, and of these NDJSON before CSV before Parquet.
  std::map<std::string, const project::Fixture*, std::less<>> chosen;
  for (const auto& fixture : project.fixtures) {
    if (is_old(fixture) && old == OldFixtures::left_out) continue;
    auto& best = chosen[fixture.source];
    if (best == nullptr || std::pair(is_old(fixture), fixture.format) < std::pair(is_old(*best), best->format))
      best = &fixture;
  }
  std::vector<const project::Fixture*> wanted;
  for (const auto& [source, fixture] : chosen) {
    const bool known = std::ranges::any_of(project.files, [&wanted_name = source](const datafile::SourceFile& file) {
      return datafile::resource_name(file.name) == wanted_name && file.name.ends_with(".datasource");
    });
    if (!known) continue;
    Session::Request request{.path = "/v0/datasources/" + http::percent_encode(source)};
    TRY(const auto reply, session.send(std::move(request)));
    if (reply.status != 200) continue;  // shared by another workspace, or not on this server
    TRY(const auto shown, json::parse(reply.body));
    const auto* statistics = shown.is_object() ? shown.get_object().if_contains("statistics") : nullptr;
    if (statistics != nullptr && statistics->is_object() && number(statistics->get_object(), "row_count") > 0) continue;
    wanted.push_back(fixture);
  }
  std::vector<AppendedFixture> done;
  for (const auto* fixture : wanted) {
    TRY(auto appended, append(session, *fixture));
    done.push_back(std::move(appended));
  }
  return done;
}

void show_fixtures(const Terminal& terminal, const std::vector<AppendedFixture>& fixtures) {
  for (const auto& f : fixtures) {
    const auto why = f.fault.empty() ? std::string() : ": " + f.fault;
    if (f.appended && f.quarantined > 0)
      terminal.warn(fmt::format("{}: {} of {} rows do not fit, see {}_quarantine{}", f.name, grouped(f.quarantined),
                                grouped(f.rows + f.quarantined), f.source, why));
    else if (f.appended)
      terminal.done(fmt::format("{} rows of {} appended to {}", grouped(f.rows), f.name, f.source));
    else if (!f.fault.empty())
      terminal.warn(f.name + why);
  }
}

}  // namespace kinglet::cli
