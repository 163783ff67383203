// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <set>

#include "jobs/container_parts.h"

namespace kinglet::jobs::internal {
namespace {

/// Named types may name themselves: a row would have no end. Source: Avro specification 1.11, "Schema Declaration".
class AvroSchema {
 public:
  explicit AvroSchema(const ContainerLimits& limits) : limits_(limits) {}

  Status check(const boost::json::value& schema, std::size_t depth = 0) {
    if (depth > limits_.depth_max) return too_deep(limits_);
    if (++nodes_ > nodes_max()) return damaged("its schema is larger than is accepted");
    if (schema.is_string()) return check_name(std::string_view(schema.get_string()));
    if (schema.is_array()) {
      for (const auto& branch : schema.get_array()) TRY_VOID(check(branch, depth + 1));
      return {};
    }
    if (!schema.is_object()) return damaged("its schema is not one of Avro");
    const auto& o = schema.get_object();
    const auto* type = o.if_contains("type");
    if (type == nullptr) return damaged("its schema is not one of Avro");
    if (!type->is_string()) return check(*type, depth + 1);
    const std::string_view kind = type->get_string();
    if (kind == "record" || kind == "error") return check_record(o, depth);
    const auto part = [&](const char* key) -> Status {
      const auto* inner = o.if_contains(key);
      return inner == nullptr ? Status(damaged("its schema is not one of Avro")) : check(*inner, depth + 1);
    };
    if (kind == "array") return part("items");
    if (kind == "map") return part("values");
    if (kind == "enum" || kind == "fixed") return {};
    return check_name(kind);
  }

 private:
  std::size_t nodes_max() const { return 10 * limits_.columns_max; }
  Status check_name(std::string_view name) {
    const auto dot = name.rfind('.');
    const std::string short_name(dot == name.npos ? name : name.substr(dot + 1));
    if (open_.contains(short_name))
      return fail(Code::invalid, "its schema is cyclic: the type {} holds itself", name.substr(0, 64));
    // A type that is named again is written out again by whoever reads the file.
    if (const auto known = sizes_.find(short_name); known != sizes_.end()) nodes_ += known->second;
    if (nodes_ > nodes_max()) return damaged("its schema is larger than is accepted");
    return {};
  }
  Status check_record(const boost::json::object& o, std::size_t depth) {
    const auto* fields = o.if_contains("fields");
    const auto* name = o.if_contains("name");
    if (fields == nullptr || !fields->is_array() || name == nullptr || !name->is_string())
      return damaged("its schema is not one of Avro");
    if (fields->get_array().size() > limits_.columns_max) return too_many_columns(limits_);
    const std::string_view full = name->get_string();
    const auto dot = full.rfind('.');
    const std::string short_name(dot == full.npos ? full : full.substr(dot + 1));
    const bool fresh = open_.insert(short_name).second;
    const auto before = nodes_;
    for (const auto& field : fields->get_array()) {
      const auto* type = field.is_object() ? field.get_object().if_contains("type") : nullptr;
      if (type == nullptr) return damaged("its schema is not one of Avro");
      TRY_VOID(check(*type, depth + 1));
    }
    if (fresh) open_.erase(short_name);
    sizes_[short_name] = nodes_ - before;
    return {};
  }

  const ContainerLimits& limits_;
  std::set<std::string> open_;                // records that are being described, without namespace
  std::map<std::string, std::size_t> sizes_;  // of records that were described
  std::size_t nodes_ = 0;
};

}  // namespace

/// Source: Avro specification 1.11, "Object Container Files".
Result<ContainerFacts> check_avro(Source& source, const ContainerLimits& limits) {
  constexpr std::uint64_t header_bytes_max = 4u << 20;
  TRY(const auto bytes, source.read(0, std::min<std::uint64_t>(source.size(), header_bytes_max)));
  if (!bytes.starts_with(std::string_view("Obj\x01", 4))) return damaged("it does not begin with Obj1");
  std::size_t at = 4;
  const auto number = [&]() -> Result<std::int64_t> {
    constexpr std::string_view damage = "its header is damaged";
    TRY(const auto raw, read_varint(bytes, at, damage, damage));
    return zigzag(raw);
  };
  const auto text = [&]() -> Result<std::string_view> {
    TRY(const auto size, number());
    if (size < 0 || static_cast<std::uint64_t>(size) > bytes.size() - at) return damaged("its header is cut short");
    const auto out = std::string_view(bytes).substr(at, static_cast<std::size_t>(size));
    at += static_cast<std::size_t>(size);
    return out;
  };
  bool schema_seen = false;
  for (;;) {
    TRY(auto count, number());
    if (count == 0) break;
    if (count < 0) {
      TRY([[maybe_unused]] const auto size, number());
      if (count == INT64_MIN) return damaged("its header is damaged");
      count = -count;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      TRY(const auto key, text());
      TRY(const auto value, text());
      if (key == "avro.codec" && value != "null" && value != "deflate" && value != "snappy" && value != "zstandard") {
        if (value == "brotli") return brotli();
        return unknown_codec(value.substr(0, 32));
      }
      if (key != "avro.schema") continue;
      boost::system::error_code error;
      boost::json::parse_options options;
      options.max_depth = 4 * limits.depth_max;
      const auto schema = boost::json::parse(value, error, {}, options);
      if (error) return damaged("its schema is not JSON text, or nested too deeply");
      TRY_VOID(AvroSchema(limits).check(schema));
      schema_seen = true;
    }
  }
  if (!schema_seen) return damaged("it has no schema");
  if (source.size() < at + 16) return damaged("it is cut short");
  return ContainerFacts{.format = FileFormat::avro, .rows = 0};
}

}  // namespace kinglet::jobs::internal
