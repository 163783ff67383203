// SPDX-License-Identifier: Apache-2.0
// From a request to one statement: what names mean, who may name them, and what a token fixes.
#include "query/composer.h"

#include <gtest/gtest.h>

#include "datafile/parse.h"

namespace kinglet::query {
namespace {

using auth::Access;
using auth::Grant;
using catalog::ScopeKind;

constexpr std::string_view source_text = "SCHEMA >\n    `id` Int64 `json:$.id`,\n    `org` String `json:$.org`\n";

/// Resources made from datafile texts; physical names are "t_NAME".
std::shared_ptr<catalog::Resources> resources_of(std::vector<datafile::SourceFile> files) {
  for (const char* name : {"events", "users", "secret"})
    files.push_back({.name = fmt::format("{}.datasource", name), .text = std::string(source_text)});
  auto parsed = datafile::parse_project(std::move(files));
  for (const auto& d : parsed.diagnostics) EXPECT_NE(d.severity, datafile::Severity::error) << datafile::to_string(d);
  auto out = std::make_shared<catalog::Resources>();
  for (const auto& [name, definition] : parsed.project.data_sources) {
    auto source = std::make_shared<catalog::DataSource>();
    source->id = "id_" + name;
    source->name = name;
    source->table = "t_" + name;
    source->quarantine_table = source->table + "_quarantine";
    source->definition = definition;
    out->data_sources.put(source);
  }
  for (const auto& [name, definition] : parsed.project.pipes) {
    auto pipe = std::make_shared<catalog::Pipe>();
    pipe->id = "id_" + name;
    pipe->name = name;
    pipe->node_ids.assign(definition.nodes.size(), "n");
    pipe->definition = definition;
    out->pipes.put(pipe);
  }
  return out;
}

datafile::SourceFile pipe_file(const std::string& name, std::vector<std::pair<std::string, std::string>> nodes) {
  std::string text;
  for (const auto& [node, sql] : nodes) {
    text += fmt::format("NODE {}\nSQL >\n", node);
    std::size_t at = 0;
    while (at <= sql.size()) {
      const auto end = std::min(sql.find('\n', at), sql.size());
      text += "    " + sql.substr(at, end - at) + "\n";
      at = end + 1;
    }
    text += "\n";
  }
  return {.name = name + ".pipe", .text = text + "TYPE endpoint\n"};
}

class ComposerTest : public ::testing::Test {
 protected:
  ComposerTest() {
    use({pipe_file("top", {{"top_first", "SELECT id, org FROM events"}, {"top_last", "SELECT id FROM top_first"}}),
         pipe_file("outer", {{"outer_node", "SELECT * FROM top"}}),
         pipe_file("by_org", {{"by_org_node", "%\nSELECT id FROM events WHERE org = {{String(org, 'none')}}"}}),
         pipe_file("over_by_org", {{"over_node", "SELECT * FROM by_org"}}),
         pipe_file("second_over", {{"second_node", "SELECT * FROM by_org"}}),
         pipe_file("both", {{"both_node", "SELECT * FROM second_over UNION ALL SELECT * FROM over_by_org"}}),
         pipe_file("hidden", {{"hidden_node", "SELECT id FROM secret"}})});
  }
  void use(std::vector<datafile::SourceFile> files) {
    resources_ = resources_of(std::move(files));
    auto workspace = std::make_shared<catalog::Workspace>();
    workspace->id = "0d2f0b5e-5f0c-4b1e-9a3d-0123456789ab";
    workspace->database = "ws_1";
    workspace->resources = resources_;
    workspace_ = workspace;
  }
  std::shared_ptr<const catalog::Pipe> pipe(std::string_view name) const { return resources_->pipes.find(name); }
  Access access(std::vector<Grant> grants) const {
    return Access({.kind = auth::TokenKind::jwt,
                   .workspace = workspace_,
                   .token_id = "",
                   .token_name = "t",
                   .grants = std::move(grants)});
  }
  static Grant reads_source(std::string name, std::string filter = "") {
    return {.scope = {.kind = ScopeKind::data_sources_read, .resource = std::move(name), .filter = std::move(filter)}};
  }
  static Grant reads_pipe(std::string name, std::vector<std::pair<std::string, json::value>> fixed = {}) {
    return {.scope = {.kind = ScopeKind::pipes_read, .resource = std::move(name)}, .fixed_params = std::move(fixed)};
  }
  Composer composer(const Access* caller = nullptr, templates::Arguments arguments = {}) {
    return Composer({.resources = resources_.get(), .database = "ws_1", .access = caller, .secret = {}}, cache_,
                    std::move(arguments));
  }
  static std::string sql(const std::expected<Composed, Refusal>& composed) {
    return composed ? composed->sql : "error: " + composed.error().error.message;
  }
  /// What the engine is asked for an ad-hoc text, or the error.
  std::string ask(std::string_view text, const Access* caller = nullptr, templates::Arguments arguments = {}) {
    return sql(composer(caller, std::move(arguments)).statement(text, nullptr));
  }
  std::string call(std::string_view name, const Access* caller = nullptr, templates::Arguments arguments = {}) {
    return sql(composer(caller, std::move(arguments)).endpoint(pipe(name), std::nullopt));
  }
  static std::string filters(const std::expected<Composed, Refusal>& composed) {
    if (!composed) return "error: " + composed.error().error.message;
    for (const auto& [name, value] : composed->settings)
      if (name == "additional_table_filters") return value;
    return "";
  }

  std::shared_ptr<catalog::Resources> resources_;
  std::shared_ptr<const catalog::Workspace> workspace_;
  PipeCache cache_;
};

constexpr std::string_view not_found = "error: line 1, column 15: Resource '{}' not found";
std::string missing(std::string_view name) {
  return fmt::format(fmt::runtime(not_found), name);
}

// ---- what may be named ---------------------------------------------------------------------------------------------

TEST_F(ComposerTest, S9UnknownAndNotGrantedAreOneText) {
  const auto caller = access({reads_source("events"), reads_pipe("top")});
  EXPECT_EQ(ask("SELECT 1 FROM secret", &caller), missing("secret"));
  EXPECT_EQ(ask("SELECT 1 FROM absent", &caller), missing("absent"));
  EXPECT_EQ(ask("SELECT 1 FROM hidden", &caller), missing("hidden"));
  EXPECT_EQ(ask("SELECT 1 FROM secret_quarantine", &caller), missing("secret_quarantine"));
  EXPECT_EQ(ask("SELECT 1 FROM absent_quarantine", &caller), missing("absent_quarantine"));
}

TEST_F(ComposerTest, S9OnlyNamesThatTheCallerMayReadAreSuggested) {
  const auto hint = [&](std::string_view text, const Access* caller) {
    const auto composed = composer(caller).statement(text, nullptr);
    return composed ? "none" : composed.error().error.hint;
  };
  const auto caller = access({reads_source("events"), reads_pipe("top")});
  EXPECT_EQ(hint("SELECT 1 FROM evnts", &caller), "did you mean 'events'?");
  EXPECT_EQ(hint("SELECT 1 FROM topp", &caller), "did you mean 'top'?");
  // Near to what is hidden, and to nothing: the same words, for the hidden names themselves too.
  for (const std::string_view name : {"secrett", "hiddn", "secret", "hidden", "top_frst", "t_secret", "xyzzy"})
    EXPECT_EQ(hint(fmt::format("SELECT 1 FROM {}", name), &caller), "") << name;
  const auto nobody = access({});
  EXPECT_EQ(hint("SELECT 1 FROM evnts", &nobody), "");
  EXPECT_EQ(hint("SELECT 1 FROM secrett", nullptr), "did you mean 'secret'?");  // a deployment, of its own project
}

TEST_F(ComposerTest, S9TextsOfStoredPipesSuggestNothingToTheirCallers) {
  use({pipe_file("broken", {{"one", "SELECT 1 FROM secrett"}}), pipe_file("circle", {{"ring", "SELECT 1 FROM ring"}}),
       pipe_file("nodes", {{"first_one", "SELECT 1 AS a"}, {"last_one", "SELECT a FROM frst_one"}})});
  const auto hint = [&](std::string_view name, const Access* caller) {
    const auto composed = composer(caller).endpoint(pipe(name), std::nullopt);
    return composed ? "none" : composed.error().error.hint;
  };
  const auto caller = access({reads_pipe("broken"), reads_source("secret")});
  EXPECT_EQ(hint("broken", &caller), "");
  EXPECT_EQ(hint("broken", nullptr), "did you mean 'secret'?");
  EXPECT_EQ(hint("nodes", nullptr), "did you mean 'first_one'?");
  EXPECT_EQ(hint("circle", nullptr), "a node cannot read itself");
}

TEST_F(ComposerTest, S9PhysicalNamesAndIdsAreNoNames) {
  for (const std::string_view name :
       {"t_events", "t_events_quarantine", "id_events", "id_top", "top_first", "top_last", "_"})
    EXPECT_EQ(ask(fmt::format("SELECT 1 FROM {}", name)), missing(name));
  for (const std::string_view text : {"SELECT 1 FROM ws_1.t_events", "SELECT 1 FROM system.tables",
                                      "SELECT 1 FROM merge('ws_1', '.*')", "SELECT 1 FROM `ws_1.t_events`"})
    EXPECT_TRUE(ask(text).starts_with("error: ")) << text;
}

TEST_F(ComposerTest, S9TablesInInAndSubQueriesNeedTheirGrant) {
  const auto caller = access({reads_source("events")});
  for (const std::string_view text :
       {"SELECT id IN secret FROM events", "SELECT in(id, secret) FROM events",
        "SELECT id FROM events WHERE id GLOBAL NOT IN secret",
        "SELECT id FROM events WHERE id IN (SELECT id FROM secret)", "SELECT (SELECT max(id) FROM secret) FROM events",
        "SELECT id FROM events JOIN secret USING id", "WITH c AS (SELECT id FROM secret) SELECT id FROM c",
        "SELECT id FROM events UNION ALL SELECT id FROM secret",
        "SELECT arrayExists(x -> x IN secret, [1]) FROM events"}) {
    const auto out = ask(text, &caller);
    EXPECT_EQ(out.find("t_secret"), std::string::npos) << text << " -> " << out;
  }
  EXPECT_EQ(ask("SELECT id IN users FROM events"),
            "SELECT `id` IN (SELECT * FROM `ws_1`.`t_users` AS `users`) FROM `ws_1`.`t_events` AS `events`");
}

TEST_F(ComposerTest, StoredPipesReadWhatTheirAuthorNamed) {
  const auto caller = access({reads_pipe("hidden")});
  EXPECT_EQ(call("hidden", &caller), "SELECT `id` FROM `ws_1`.`t_secret` AS `secret`");
  EXPECT_NE(ask("SELECT 1 FROM hidden", &caller).find("t_secret"), std::string::npos);
  EXPECT_EQ(ask("SELECT 1 FROM secret", &caller), missing("secret"));
}

TEST_F(ComposerTest, QuarantineOfADataSource) {
  EXPECT_EQ(ask("SELECT id FROM events_quarantine"),
            "SELECT `id` FROM `ws_1`.`t_events_quarantine` AS `events_quarantine`");
  const auto composed = composer().statement("SELECT id FROM events_quarantine", nullptr);
  EXPECT_EQ(composed->data_sources, std::vector<std::string>{"events_quarantine"});
}

TEST_F(ComposerTest, ServiceDataSourcesStandInTheirOwnDatabaseAndAreHiddenFromReaders) {
  EXPECT_EQ(ask("SELECT 1 FROM tinybird.pipe_stats"), "SELECT 1 FROM `ws_1_service`.`pipe_stats` AS `pipe_stats`");
  const auto reader = access({reads_pipe("hidden")});
  EXPECT_EQ(ask("SELECT 1 FROM tinybird.pipe_stats", &reader), missing("tinybird.pipe_stats"));
  EXPECT_EQ(ask("SELECT 1 FROM organization.workspaces", &reader), missing("organization.workspaces"));
  EXPECT_TRUE(composer().statement("SELECT 1 FROM tinybird.pipe_stats", nullptr)->reads_service);
  EXPECT_FALSE(composer().statement("SELECT 1 FROM events", nullptr)->reads_service);
}

// ---- nodes and pipes -----------------------------------------------------------------------------------------------

TEST_F(ComposerTest, NodesAndPipesStandAsSubQueries) {
  const std::string top = "SELECT `id` FROM (SELECT `id`, `org` FROM `ws_1`.`t_events` AS `events`) AS `top_first`";
  EXPECT_EQ(call("top"), top);
  EXPECT_EQ(call("outer"), fmt::format("SELECT * FROM ({}) AS `top`", top));
  const auto composed = composer().endpoint(pipe("outer"), std::nullopt);
  EXPECT_EQ(composed->data_sources, std::vector<std::string>{"events"});
  EXPECT_EQ(composed->pipes, (std::vector<std::string>{"outer", "top"}));
}

TEST_F(ComposerTest, OneNodeOfAPipe) {
  EXPECT_EQ(sql(composer().node(pipe("top"), 0)), "SELECT `id`, `org` FROM `ws_1`.`t_events` AS `events`");
}

TEST_F(ComposerTest, S13CirclesEnd) {
  use({pipe_file("a", {{"na", "SELECT * FROM b"}}), pipe_file("b", {{"nb", "SELECT * FROM a"}}),
       pipe_file("twins", {{"n1", "SELECT * FROM n2"}, {"n2", "SELECT * FROM n1"}}),
       pipe_file("self", {{"ns", "SELECT * FROM ns"}})});
  EXPECT_NE(call("a").find("reads itself"), std::string::npos) << call("a");
  EXPECT_NE(call("twins").find("reads itself"), std::string::npos) << call("twins");
  EXPECT_NE(ask("SELECT * FROM a").find("reads itself"), std::string::npos);
  EXPECT_NE(call("self").find("Resource 'ns' not found"), std::string::npos) << call("self");
}

TEST_F(ComposerTest, S13PipesInPipesHaveALimit) {
  std::vector<datafile::SourceFile> files = {pipe_file("p0", {{"n0", "SELECT id FROM events"}})};
  for (int i = 1; i <= 40; ++i)
    files.push_back(
        pipe_file(fmt::format("p{}", i), {{fmt::format("n{}", i), fmt::format("SELECT id FROM p{}", i - 1)}}));
  use(std::move(files));
  EXPECT_TRUE(call("p31").starts_with("SELECT"));
  EXPECT_NE(call("p32").find("nested more than 32 deep"), std::string::npos) << call("p32");
  EXPECT_TRUE(call("p40").starts_with("error: "));
}

TEST_F(ComposerTest, AFaultInANodeNamesTheNode) {
  use({pipe_file("bad", {{"bad_node", "SELECT 1\nFROM absent"}})});
  EXPECT_EQ(call("bad"), "error: node 'bad_node': line 2, column 6: Resource 'absent' not found");
}

// ---- text over a pipe ----------------------------------------------------------------------------------------------

TEST_F(ComposerTest, UnderscoreIsThePipeOfTheRequest) {
  const std::string top = "SELECT `id` FROM (SELECT `id`, `org` FROM `ws_1`.`t_events` AS `events`) AS `top_first`";
  EXPECT_EQ(sql(composer().endpoint(pipe("top"), "SELECT count() FROM _")),
            fmt::format("SELECT count() FROM ({}) AS `_`", top));
  EXPECT_EQ(sql(composer().statement("SELECT count() FROM _", pipe("top"))),
            fmt::format("SELECT count() FROM ({}) AS `_`", top));
}

TEST_F(ComposerTest, S9TextOverAPipeReachesNothingElse) {
  const auto caller = access({reads_pipe("top")});
  EXPECT_TRUE(sql(composer(&caller).endpoint(pipe("top"), "SELECT id FROM _")).starts_with("SELECT"));
  for (const std::string_view name : {"events", "secret", "hidden", "top_first", "top_last", "outer"})
    EXPECT_EQ(sql(composer(&caller).endpoint(pipe("top"), fmt::format("SELECT 1 FROM {}", name))), missing(name));
  const auto admin = access({{.scope = {.kind = ScopeKind::admin}}});
  EXPECT_EQ(sql(composer(&admin).endpoint(pipe("top"), "SELECT id FROM top_first")),
            "SELECT `id` FROM (SELECT `id`, `org` FROM `ws_1`.`t_events` AS `events`) AS `top_first`");
}

TEST_F(ComposerTest, S4OnlyOneSelectIsTaken) {
  for (const std::string_view text :
       {"", " ", "SELECT 1; SELECT 2", "DROP TABLE events", "INSERT INTO events SELECT 1", "SELECT 1 INTO OUTFILE 'x'",
        "SHOW TABLES", "SELECT 1 FORMAT Null", "KILL QUERY WHERE 1", "SELECT 1 /* open"})
    EXPECT_TRUE(ask(text).starts_with("error: ")) << text;
}

TEST_F(ComposerTest, S5SettingsOfACallerAreCheckedByName) {
  const auto good = composer().statement("SELECT 1 SETTINGS max_threads = 1 FORMAT csv", nullptr);
  ASSERT_TRUE(good) << good.error().error.message;
  EXPECT_EQ(good->sql, "SELECT 1");
  EXPECT_EQ(good->settings, (std::vector<std::pair<std::string, std::string>>{{"max_threads", "1"}}));
  for (const std::string_view text :
       {"SELECT 1 SETTINGS readonly = 0", "SELECT 1 SETTINGS allow_ddl = 1",
        "SELECT 1 SETTINGS additional_table_filters = {}", "SELECT 1 SETTINGS additional_table_filters = ''",
        "SELECT 1 FROM (SELECT 1 SETTINGS max_threads = 1)"})
    EXPECT_TRUE(ask(text).starts_with("error: ")) << text;
}

// ---- row filters ---------------------------------------------------------------------------------------------------

TEST_F(ComposerTest, S10FiltersTravelBesideTheText) {
  const auto caller = access({reads_source("events", "org = 'acme'"), reads_source("users")});
  const auto composed = composer(&caller).statement("SELECT e.id FROM events AS e JOIN users ON 1 = 1", nullptr);
  EXPECT_EQ(filters(composed), R"({'ws_1.t_events':'(`org` = \'acme\')'})");
  EXPECT_EQ(composed->sql.find("acme"), std::string::npos);
  EXPECT_EQ(filters(composer(&caller).statement("SELECT id FROM users", nullptr)), "");
}

TEST_F(ComposerTest, S10SeveralFiltersAreAlternativesEachInBrackets) {
  const auto caller = access({reads_source("events", "org = 'a' OR id = 1"), reads_source("events", "org = 'b'")});
  EXPECT_EQ(filters(composer(&caller).statement("SELECT id FROM events", nullptr)),
            R"({'ws_1.t_events':'(`org` = \'a\' OR `id` = 1) OR (`org` = \'b\')'})");
}

TEST_F(ComposerTest, S10FiltersHoldInsidePipesToo) {
  const auto caller = access({reads_source("events", "org = 'acme'"), reads_pipe("outer")});
  const std::string expected = R"({'ws_1.t_events':'(`org` = \'acme\')'})";
  EXPECT_EQ(filters(composer(&caller).endpoint(pipe("outer"), std::nullopt)), expected);
  EXPECT_EQ(filters(composer(&caller).endpoint(pipe("outer"), "SELECT id FROM _")), expected);
  EXPECT_EQ(filters(composer(&caller).statement("SELECT id IN events FROM outer", nullptr)), expected);
}

TEST_F(ComposerTest, S10AFilterThatBreaksOutOfItsPlaceIsAnError) {
  for (const std::string filter : {"1) OR (1", "org = 'a", "1; DROP TABLE x", "id IN (SELECT id FROM secret)",
                                   "(SELECT 1)", "1 SETTINGS x = 1", "file('/etc/passwd') != ''", " ", "-- nothing"}) {
    const auto caller = access({reads_source("events", filter)});
    EXPECT_TRUE(ask("SELECT id FROM events", &caller).starts_with("error: ")) << filter;
  }
}

TEST_F(ComposerTest, S10OfAFilterOnlyItsExpressionGoesOn) {
  const auto comment = access({reads_source("events", "org = 'a' -- ) OR (1")});
  EXPECT_EQ(filters(composer(&comment).statement("SELECT id FROM events", nullptr)),
            R"({'ws_1.t_events':'(`org` = \'a\')'})");
  // After IN a name is a column: no table of ours has it.
  const auto table = access({reads_source("events", "id IN secret")});
  EXPECT_EQ(filters(composer(&table).statement("SELECT id FROM events", nullptr)),
            "{'ws_1.t_events':'(`id` IN `secret`)'}");
}

TEST_F(ComposerTest, S10QuotesInAFilterStayInsideTheSetting) {
  const auto caller = access({reads_source("events", R"(org = 'it\'s \\')")});
  EXPECT_EQ(filters(composer(&caller).statement("SELECT id FROM events", nullptr)),
            R"({'ws_1.t_events':'(`org` = \'it\\\'s \\\\\')'})");
}

// ---- fixed parameters ----------------------------------------------------------------------------------------------

const std::string org_a = "SELECT `id` FROM `ws_1`.`t_events` AS `events` WHERE `org` = 'a'";
const std::string org_b = "SELECT `id` FROM `ws_1`.`t_events` AS `events` WHERE `org` = 'b'";

TEST_F(ComposerTest, S11TheTokensValueWinsOverTheRequests) {
  const auto caller = access({reads_pipe("by_org", {{"org", "a"}})});
  EXPECT_EQ(call("by_org", &caller, {{"org", {"b"}}}), org_a);
  EXPECT_EQ(call("by_org", &caller, {{"org", {"b", "c"}}}), org_a);
  EXPECT_EQ(call("by_org", &caller, {{"ORG", {"b"}}, {"org[]", {"b"}}}), org_a);
  EXPECT_EQ(call("by_org", &caller), org_a);
  EXPECT_NE(ask("SELECT * FROM by_org", &caller, {{"org", {"b"}}}).find(org_a), std::string::npos);
}

TEST_F(ComposerTest, S11TheValueHoldsInNestedPipes) {
  // Fixed for the outer pipe: it holds for all that it reads. Fixed for the inner one: it holds wherever that is read.
  for (const char* fixed_for : {"over_by_org", "by_org"}) {
    const auto caller =
        access({reads_pipe("over_by_org", fixed_for == std::string_view("over_by_org")
                                              ? std::vector<std::pair<std::string, json::value>>{{"org", "a"}}
                                              : std::vector<std::pair<std::string, json::value>>{}),
                reads_pipe("by_org", {{"org", "a"}})});
    const auto out = call("over_by_org", &caller, {{"org", {"b"}}});
    EXPECT_NE(out.find(org_a), std::string::npos) << out;
    EXPECT_EQ(out.find(org_b), std::string::npos) << out;
  }
}

TEST_F(ComposerTest, S11ANodeRenderedForAnotherPipeIsNotUsedWhereAValueIsFixed) {
  // `both` reads by_org twice: by way of a pipe without, and of one with a fixed value.
  const auto caller = access({reads_pipe("both"), reads_pipe("over_by_org", {{"org", "a"}})});
  EXPECT_EQ(call("both", &caller, {{"org", {"b"}}}),
            fmt::format("SELECT * FROM (SELECT * FROM ({}) AS `by_org`) AS `second_over` UNION ALL SELECT * FROM "
                        "(SELECT * FROM ({}) AS "
                        "`by_org`) AS `over_by_org`",
                        org_b, org_a));
}

TEST_F(ComposerTest, S11TextOfTheCallerCannotSetAFixedName) {
  const auto caller = access({reads_pipe("by_org", {{"org", "a"}})});
  for (const std::string_view text :
       {"% {% set org = 'b' %} SELECT * FROM _", "% {% set org = 'b' %} SELECT {{org}} FROM _"}) {
    const auto out = sql(composer(&caller).endpoint(pipe("by_org"), text));
    EXPECT_EQ(out.find("'b'"), std::string::npos) << out;
  }
  EXPECT_EQ(sql(composer(&caller, {{"org", {"b"}}}).endpoint(pipe("by_org"), "% SELECT {{String(org)}} FROM _")),
            fmt::format("SELECT 'a' FROM ({}) AS `_`", org_a));
}

TEST_F(ComposerTest, A8TextOfTheCallerReadsNoSecret) {
  const auto caller = access({{.scope = {.kind = ScopeKind::admin}}});
  Composer c({.resources = resources_.get(),
              .database = "ws_1",
              .access = &caller,
              .secret = [](std::string_view) { return std::optional<std::string>("hush"); }},
             cache_, {});
  const auto out = sql(c.statement("% SELECT {{tb_secret('key')}}", nullptr));
  EXPECT_TRUE(out.starts_with("error: ")) << out;
  EXPECT_EQ(out.find("hush"), std::string::npos);
}

// ---- templates -----------------------------------------------------------------------------------------------------

TEST_F(ComposerTest, S2ParametersAreValuesWhateverTheyHold) {
  for (const std::string value :
       {"a' OR '1'='1", "a\\", "a\\' OR 1 --", "'; DROP TABLE x; --", "{org:String}", "{{ 1 }}", "\xe2\x80\x99"}) {
    const auto out = call("by_org", nullptr, {{"org", {value}}});
    std::string escaped;
    for (const char c : value) escaped += (c == '\'' || c == '\\') ? std::string("\\") + c : std::string(1, c);
    EXPECT_EQ(out, fmt::format("SELECT `id` FROM `ws_1`.`t_events` AS `events` WHERE `org` = '{}'", escaped));
  }
}

TEST_F(ComposerTest, ATemplateMayChooseStatusAndBody) {
  use({pipe_file("says", {{"says_node",
                           "%\n{% if not defined(x) %}{{ custom_error({'why': 'no x'}, 418) }}{% end %}\nSELECT 1"}})});
  const auto composed = composer().endpoint(pipe("says"), std::nullopt);
  ASSERT_FALSE(composed);
  EXPECT_EQ(composed.error().status, 418);
  ASSERT_TRUE(composed.error().body_json);
  EXPECT_NE(composed.error().body_json->find("no x"), std::string::npos);
  EXPECT_TRUE(call("says", nullptr, {{"x", {"1"}}}).starts_with("SELECT 1"));
}

TEST_F(ComposerTest, NodesThatTheTakenBranchDoesNotNameAreNotRendered) {
  use({pipe_file("branch",
                 {{"strict", "%\nSELECT {{Int32(must)}} AS n"},
                  {"answer", "%\n{% if defined(deep) %}SELECT * FROM strict{% else %}SELECT 1 AS n{% end %}"}})});
  EXPECT_EQ(call("branch"), "SELECT 1 AS `n`");
  EXPECT_TRUE(call("branch", nullptr, {{"deep", {"1"}}}).starts_with("error: "));
}

}  // namespace
}  // namespace kinglet::query
