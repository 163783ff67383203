// SPDX-License-Identifier: Apache-2.0
// .pipe files.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/spelling.h"
#include "datafile/limits.h"
#include "datafile/parts.h"
#include "datafile/values.h"

namespace kinglet::datafile::internal {
namespace {

constexpr std::array<std::string_view, 4> types = {"endpoint", "materialized", "copy", "sink"};
constexpr std::uint32_t cache_seconds_max = 365 * 24 * 3600;

std::string_view type_name(PipeType type) {
  switch (type) {
    case PipeType::plain:
      return "plain";
    case PipeType::endpoint:
      return "endpoint";
    case PipeType::materialized:
      return "materialized";
    case PipeType::copy:
      return "copy";
    case PipeType::sink:
      return "sink";
  }
  return "";
}

class PipeReader {
 public:
  PipeReader(Source& source, std::string name) : source_(source) { out_.name = std::move(name); }

  Pipe read() {
    for (const auto& instruction : read_tree(source_, FileKind::pipe).instructions()) read_instruction(instruction);
    finish_node();
    if (out_.nodes.empty() && !node_seen_)
      source_.error(Position{.line = 1, .column = 1}, "a pipe needs at least one node",
                    "write 'NODE name', then 'SQL >' and an indented SELECT");
    if (!type_ || out_.output_node >= out_.nodes.size())
      out_.output_node = out_.nodes.empty() ? 0 : out_.nodes.size() - 1;
    publish_older_pipe();
    read_target_engine();
    if (!type_unknown_) check_options();
    return std::move(out_);
  }

 private:
  void read_instruction(const Instruction& in) {
    const auto name = in.rule->name;
    if (name == "DESCRIPTION")
      read_description(in);
    else if (name == "TAGS")
      out_.tags = read_list(source_, in);
    else if (name == "TOKEN")
      read_token_line(in);
    else if (name == "NODE")
      read_node(in);
    else if (name == "SQL")
      read_sql(in);
    else if (name == "TYPE")
      read_pipe_type(in);
    else if (in.rule->classic)
      read_classic(in);
    else
      options_.insert_or_assign(name, in);
  }

  void read_token_line(const Instruction& in) {
    read_token(source_, in, true, out_.tokens);
    if (!read_written_ && names_token_scope(in)) read_written_ = source_.position(in.keyword);
  }

  void read_description(const Instruction& in) {
    auto& text = node_ ? node_->description : out_.description;
    if (!text.empty())
      source_.warning(in.keyword, fmt::format("a second DESCRIPTION of {}; the last one counts",
                                              node_ ? fmt::format("node {}", quoted(node_->name)) : "the pipe"));
    text = read_text(in);
  }

  void read_node(const Instruction& in) {
    finish_node();
    node_seen_ = true;
    if (out_.nodes.size() >= limits::nodes_max) {
      if (out_.nodes.size() == limits::nodes_max)
        source_.error(in.keyword, fmt::format("a pipe has at most {} nodes", limits::nodes_max));
      return;
    }
    node_ = Node{};
    node_->position = source_.position(in.keyword);
    node_keyword_ = in.keyword;
    sql_seen_ = false;
    if (in.value.empty()) {
      source_.error(in.keyword, "NODE needs a name", "for example NODE filtered_events");
      return;
    }
    if (!is_identifier(in.value))
      source_.error(
          in.value,
          fmt::format("{} is no name for a node: letters, digits and _ only, no digit first, at most {} bytes",
                      quoted(in.value), limits::name_bytes_max));
    node_->name = in.value;
    const auto same =
        std::find_if(out_.nodes.begin(), out_.nodes.end(), [&](const Node& n) { return n.name == node_->name; });
    if (same != out_.nodes.end())
      source_.error(in.value,
                    fmt::format("the node {} is already defined in line {}", quoted(node_->name), same->position.line));
  }

  void read_sql(const Instruction& in) {
    if (!node_) {
      if (!node_seen_)
        source_.error(in.keyword, "SQL stands before the first NODE", "write 'NODE name' on a line before it");
      node_seen_ = true;
      return;
    }
    if (sql_seen_) {
      source_.error(in.keyword, fmt::format("the node {} has two SQL blocks", quoted(node_->name)),
                    "start another node with 'NODE name' before the second");
      return;
    }
    sql_seen_ = true;
    auto text = dedent(in.value);
    const auto body = trim(text.text);
    if (body.empty() || body == "%") {
      source_.error(in.keyword,
                    fmt::format("the SQL of node {} is {}", quoted(node_->name),
                                body.empty() ? "empty" : "only a %, which announces a template"),
                    "write a SELECT in the lines below");
      node_->sql = "SELECT 1";  // keeps later checks quiet; the file has an error
      return;
    }
    node_->sql = std::move(text.text);
    node_->sql_indent = static_cast<std::uint32_t>(text.indent);
    node_->sql_position = source_.position(text.first_line);
  }

  void finish_node() {
    if (!node_) return;
    if (!sql_seen_) {
      source_.error(node_keyword_, fmt::format("the node {} has no SQL", quoted(node_->name)),
                    "write 'SQL >' and an indented SELECT below it");
    } else if (!node_->name.empty()) {
      out_.nodes.push_back(std::move(*node_));
    }
    node_.reset();
  }

  void read_pipe_type(const Instruction& in) {
    if (in.value.empty()) {
      type_unknown_ = true;
      return source_.error(in.keyword, "TYPE needs a value: endpoint, materialized, copy or sink");
    }
    if (!node_seen_) source_.error(in.keyword, "TYPE stands before the first NODE; it belongs to the node it follows");
    if (type_) {
      return source_.error(
          in.keyword,
          fmt::format("a second TYPE; line {} has the first, and a pipe has one output node", out_.type_position.line),
          "move the other output to a pipe of its own");
    }
    const auto choice =
        std::find_if(types.begin(), types.end(), [&](std::string_view t) { return equal_ignoring_case(t, in.value); });
    type_ = in;
    out_.type_position = source_.position(in.keyword);
    out_.output_node = out_.nodes.size();  // the node being read; it is added at the next NODE or the end
    if (choice == types.end()) {
      type_unknown_ = true;
      std::string hint = did_you_mean(in.value, types);
      if (hint.empty()) hint = "leave TYPE out for a pipe that only other pipes read";
      return source_.error(
          in.value,
          fmt::format("there is no pipe type {}; there are endpoint, materialized, copy and sink", quoted(in.value)),
          std::move(hint));
    }
    constexpr std::array values = {PipeType::endpoint, PipeType::materialized, PipeType::copy, PipeType::sink};
    out_.type = values[static_cast<std::size_t>(choice - types.begin())];
  }

  void read_classic(const Instruction& in) {
    if (in.rule->name.starts_with("ENGINE")) {
      engine_.push_back(in);
      return;
    }
    source_.warning(in.keyword, fmt::format("{} belongs to older projects and is ignored", in.rule->name));
  }

  /// Older projects published the last node of a pipe with `TOKEN name READ` and no TYPE, or named .endpoint. Without
  /// the READ, which newer projects may leave out, a pipe with no TYPE is what it is there: plain.
  void publish_older_pipe() {
    if (type_ || out_.nodes.empty()) return;
    const bool named_endpoint = upper(source_.name()).ends_with(".ENDPOINT");
    if (!named_endpoint && !read_written_) return;
    out_.type = PipeType::endpoint;
    out_.type_position = named_endpoint ? out_.nodes.back().position : *read_written_;
    const auto why = named_endpoint ? "a file .endpoint of older projects" : "a pipe with TOKEN … READ and no TYPE";
    source_.warning(out_.type_position, fmt::format("{} has its last node published as an endpoint", why),
                    fmt::format("write TYPE endpoint under the node {}", out_.nodes.back().name));
  }

  void read_target_engine() {
    if (engine_.empty()) return;
    const bool has_type = type_ || out_.type != PipeType::plain;  // written, or published as older projects did
    if (has_type && out_.type != PipeType::materialized && !type_unknown_)
      return source_.warning(
          engine_.front().keyword,
          fmt::format("{} in a pipe describes the target of TYPE materialized; it has no effect here",
                      engine_.front().rule->name));
    out_.target_engine_position = source_.position(engine_.front().keyword);
    for (const auto& in : engine_) out_.target_engine.emplace_back(in.rule->name, in.value);
  }

  const Instruction* option(std::string_view name) const {
    const auto found = options_.find(name);
    return found == options_.end() ? nullptr : &found->second;
  }

  void check_options() {
    refuse_foreign_options();
    switch (out_.type) {
      case PipeType::plain:
        break;
      case PipeType::endpoint:
        read_cache();
        break;
      case PipeType::materialized:
        read_materialized();
        break;
      case PipeType::copy:
        read_copy();
        break;
      case PipeType::sink:
        read_sink();
        break;
    }
  }

  void refuse_foreign_options() {
    struct Owner {
      std::string_view key;
      PipeType type;
    };
    constexpr std::array owners = {Owner{"CACHE", PipeType::endpoint},
                                   Owner{"DATASOURCE", PipeType::materialized},
                                   Owner{"DEPLOYMENT_METHOD", PipeType::materialized},
                                   Owner{"TARGET_DATASOURCE", PipeType::copy},
                                   Owner{"COPY_SCHEDULE", PipeType::copy},
                                   Owner{"COPY_MODE", PipeType::copy},
                                   Owner{"ON_DEMAND_COMPUTE", PipeType::copy}};
    for (const auto& [key, in] : options_) {
      PipeType owner = PipeType::sink;  // EXPORT_*
      for (const auto& o : owners)
        if (o.key == key) owner = o.type;
      if (owner == out_.type) continue;
      if (out_.type == PipeType::plain)
        source_.error(in.keyword, fmt::format("{} needs TYPE {}, but the pipe has no TYPE", key, type_name(owner)),
                      fmt::format("write TYPE {} under the output node", type_name(owner)));
      else
        source_.error(
            in.keyword,
            fmt::format("{} goes with TYPE {}, this pipe is of TYPE {}", key, type_name(owner), type_name(out_.type)),
            key == "DATASOURCE" && out_.type == PipeType::copy ? "the target of a copy is TARGET_DATASOURCE"
            : key == "TARGET_DATASOURCE" && out_.type == PipeType::materialized
                ? "the target of a materialized pipe is DATASOURCE"
                : "");
    }
  }

  void read_cache() {
    const Instruction* in = option("CACHE");
    if (in == nullptr) return;
    std::uint32_t seconds = 0;
    const auto parsed = std::from_chars(in->value.data(), in->value.data() + in->value.size(), seconds);
    if (parsed.ec != std::errc() || parsed.ptr != in->value.data() + in->value.size() || seconds > cache_seconds_max)
      return source_.error(in->value.empty() ? in->keyword : in->value,
                           fmt::format("CACHE is a whole number of seconds from 0 to {}, found {}", cache_seconds_max,
                                       in->value.empty() ? "nothing" : quoted(in->value)),
                           "for example CACHE 60");
    out_.cache_seconds = seconds;
  }

  void read_target(std::string_view key) {
    const Instruction* in = option(key);
    if (in == nullptr)
      return source_.error(out_.type_position, fmt::format("TYPE {} needs {}", type_name(out_.type), key),
                           fmt::format("name the data source that gets the rows: {} my_target", key));
    if (!require_value(source_, *in, "my_target")) return;
    out_.target = in->value;
    out_.target_position = source_.position(in->value);
    if (!is_identifier(in->value))
      source_.error(in->value, fmt::format("{} is no name of a data source", quoted(in->value)));
  }

  void read_materialized() {
    read_target("DATASOURCE");
    constexpr std::array<std::string_view, 1> methods = {"alter"};
    if (const auto* in = option("DEPLOYMENT_METHOD"))
      out_.deployment_alter = read_choice(source_, *in, methods).has_value();
  }

  void read_copy() {
    read_target("TARGET_DATASOURCE");
    constexpr std::array<std::string_view, 2> modes = {"append", "replace"};
    constexpr std::array<std::string_view, 2> booleans = {"true", "false"};
    if (const auto* in = option("COPY_MODE"))
      if (const auto mode = read_choice(source_, *in, modes)) out_.copy_mode = *mode;
    if (const auto* in = option("COPY_SCHEDULE")) {
      check_schedule(source_, *in, false);
      out_.copy_schedule = in->value;
    }
    if (const auto* in = option("ON_DEMAND_COMPUTE"))
      if (read_choice(source_, *in, booleans))
        source_.warning(in->keyword, "ON_DEMAND_COMPUTE has no effect: copies run on this server");
  }

  void read_sink() {
    constexpr std::array<std::string_view, 4> formats = {"csv", "ndjson", "json", "parquet"};
    constexpr std::array<std::string_view, 5> services = {"kafka", "s3", "s3_iamrole", "gcs", "gcs_hmac"};
    constexpr std::array<std::string_view, 4> compressions = {"none", "gzip", "gz", "snappy"};
    constexpr std::array<std::string_view, 6> strategies = {"create_new", "@new",     "new",
                                                            "replace",    "truncate", "overwrite"};
    for (const auto& [key, in] : options_) {
      if (!key.starts_with("EXPORT_")) continue;
      if (key == "EXPORT_SCHEDULE")
        check_schedule(source_, in, false);
      else
        check_secrets(source_, in);
      if (key == "EXPORT_SERVICE") (void)read_choice(source_, in, services);
      if (key == "EXPORT_FORMAT") (void)read_choice(source_, in, formats);
      if (key == "EXPORT_COMPRESSION") (void)read_choice(source_, in, compressions);
      if (key == "EXPORT_STRATEGY" || key == "EXPORT_WRITE_STRATEGY") (void)read_choice(source_, in, strategies);
      if (key == "EXPORT_BUCKET_URI" && !in.value.starts_with("s3://") && !in.value.starts_with("gs://") &&
          in.value.find("{{") == std::string_view::npos)
        source_.error(in.value.empty() ? in.keyword : in.value,
                      fmt::format("EXPORT_BUCKET_URI starts with s3:// or gs://, found {}", quoted(in.value)));
    }
    for (const auto& in : in_file_order()) out_.sink.emplace_back(in.rule->name, in.value);
    check_sink_keys();
  }

  std::vector<Instruction> in_file_order() const {
    std::vector<Instruction> out;
    for (const auto& [key, in] : options_)
      if (key.starts_with("EXPORT_")) out.push_back(in);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.keyword.data() < b.keyword.data(); });
    return out;
  }

  void check_sink_keys() {
    const auto* topic = option("EXPORT_KAFKA_TOPIC");
    const auto* uri = option("EXPORT_BUCKET_URI");
    const auto* file = option("EXPORT_FILE_TEMPLATE");
    const auto need = [&](std::string_view key, std::string_view what) {
      if (option(key) == nullptr || option(key)->value.empty())
        source_.error(out_.type_position, fmt::format("TYPE sink needs {}: {}", key, what));
    };
    need("EXPORT_CONNECTION_NAME", "the name of a .connection file");
    if (topic != nullptr && (uri != nullptr || file != nullptr))
      return source_.error(topic->keyword,
                           fmt::format("a sink writes to Kafka or to a bucket, not to both: EXPORT_KAFKA_TOPIC and {}",
                                       (uri != nullptr ? uri : file)->rule->name));
    if (topic == nullptr && uri == nullptr && file == nullptr)
      return source_.error(out_.type_position,
                           "TYPE sink needs EXPORT_KAFKA_TOPIC, or EXPORT_BUCKET_URI with EXPORT_FILE_TEMPLATE");
    if (topic != nullptr) {
      for (const std::string_view key :
           {"EXPORT_FORMAT", "EXPORT_STRATEGY", "EXPORT_WRITE_STRATEGY", "EXPORT_COMPRESSION"})
        if (const auto* in = option(key))
          source_.warning(in->keyword, fmt::format("{} has no effect on a Kafka sink; messages are JSON", key));
      return;
    }
    need("EXPORT_BUCKET_URI", "where to write, s3://bucket/path or gs://bucket/path");
    need("EXPORT_FILE_TEMPLATE", "the name of a file, for example events_{8}");
  }

  Source& source_;
  Pipe out_;
  std::optional<Node> node_;
  std::string_view node_keyword_;
  bool node_seen_ = false, sql_seen_ = false;
  std::optional<Instruction> type_;
  bool type_unknown_ = false;
  std::optional<Position> read_written_;  // of the first TOKEN … READ
  std::map<std::string_view, Instruction> options_;
  std::vector<Instruction> engine_;  // ENGINE lines of older projects
};

}  // namespace

Pipe read_pipe(Source& source, std::string name) {
  return PipeReader(source, std::move(name)).read();
}

}  // namespace kinglet::datafile::internal
