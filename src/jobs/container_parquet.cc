// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <functional>
#include <vector>

#include "jobs/container_parts.h"
#include "jobs/container_thrift.h"

namespace kinglet::jobs::internal {
namespace {

/// Source: parquet-format, parquet.thrift (FileMetaData, SchemaElement, RowGroup, ColumnChunk, ColumnMetaData).
class ParquetFooter {
 public:
  ParquetFooter(std::string_view bytes, std::uint64_t file_size, const ContainerLimits& limits)
      : in_(bytes), file_size_(file_size), limits_(limits) {}

  Result<std::uint64_t> check() {
    TRY_VOID(in_.fields(0, [this](int id, Thrift::Type type) -> Result<bool> {
      if (id == 2) return each(type, [this] { return schema_element(); });
      if (id == 3) return number(type, Thrift::i64, rows_);
      if (id == 4) return each(type, [this] { return row_group(); });
      if (id == 8 || id == 9) return fail(Code::unsupported, "it is encrypted");
      return false;
    }));
    TRY_VOID(check_schema());
    if (rows_ < 0) return damaged("it says that it has fewer than no rows");
    if (groups_seen_ > 0 && group_rows_ != static_cast<std::uint64_t>(rows_))
      return fail(Code::invalid, "its header says {} rows, its row groups {}", rows_, group_rows_);
    if (groups_seen_ == 0 && rows_ != 0)
      return fail(Code::invalid, "its header says {} rows, but it holds none", rows_);
    return static_cast<std::uint64_t>(rows_);
  }

 private:
  Result<bool> number(Thrift::Type type, Thrift::Type wanted, std::int64_t& out) {
    if (type != wanted) return damaged("its footer holds a field of the wrong type");
    TRY(out, in_.integer());
    return true;
  }
  Result<bool> each(Thrift::Type type, const std::function<Status()>& element) {
    if (type != Thrift::list) return damaged("its footer holds a field of the wrong type");
    TRY(const auto count, in_.list_of(Thrift::structure));
    for (std::uint64_t i = 0; i < count; ++i) TRY_VOID(element());
    return true;
  }

  Status schema_element() {
    std::int64_t children = 0;
    TRY_VOID(in_.fields(1, [&](int id, Thrift::Type type) -> Result<bool> {
      return id == 5 ? number(type, Thrift::i32, children) : Result<bool>(false);
    }));
    if (children < 0) return damaged("its schema is not a tree");
    children_.push_back(static_cast<std::uint64_t>(children));
    if (children_.size() > limits_.columns_max + 1) return too_many_columns(limits_);
    return {};
  }
  /// The elements are a tree in preorder: each is the child of the nearest one before it that still misses some.
  Status check_schema() const {
    if (children_.empty()) return damaged("it has no schema");
    std::vector<std::uint64_t> missing;
    for (std::size_t i = 0; i < children_.size(); ++i) {
      if (i > 0) {
        while (!missing.empty() && missing.back() == 0) missing.pop_back();
        if (missing.empty()) return damaged("its schema is not a tree");
        --missing.back();
      }
      if (children_[i] > 0) missing.push_back(children_[i]);
      if (missing.size() > limits_.depth_max) return too_deep(limits_);
    }
    for (const auto left : missing)
      if (left != 0) return damaged("its schema is not a tree");
    return {};
  }

  Status row_group() {
    std::int64_t rows = 0;
    TRY_VOID(in_.fields(1, [&](int id, Thrift::Type type) -> Result<bool> {
      if (id == 1) return each(type, [this] { return column_chunk(); });
      return id == 3 ? number(type, Thrift::i64, rows) : Result<bool>(false);
    }));
    ++groups_seen_;
    if (rows < 0 || !add_within(group_rows_, static_cast<std::uint64_t>(rows), INT64_MAX))
      return damaged("the rows of its groups do not add up");
    return {};
  }
  Status column_chunk() {
    return in_.fields(2, [this](int id, Thrift::Type type) -> Result<bool> {
      if (id == 1) return fail(Code::unsupported, "its columns are in other files");
      if (id == 8 || id == 9) return fail(Code::unsupported, "it is encrypted");
      if (id != 3) return false;
      if (type != Thrift::structure) return damaged("its footer holds a field of the wrong type");
      TRY_VOID(column_metadata());
      return true;
    });
  }
  Status column_metadata() {
    std::int64_t codec = 0, unpacked = 0, packed = 0, data_at = 0, dictionary_at = -1;
    TRY_VOID(in_.fields(3, [&](int id, Thrift::Type type) -> Result<bool> {
      switch (id) {
        case 4: {
          TRY(const bool taken, number(type, Thrift::i32, codec));
          TRY_VOID(check_codec(codec));
          return taken;
        }
        case 6:
          return number(type, Thrift::i64, unpacked);
        case 7:
          return number(type, Thrift::i64, packed);
        case 9:
          return number(type, Thrift::i64, data_at);
        case 11:
          return number(type, Thrift::i64, dictionary_at);
        default:
          return false;
      }
    }));
    const auto outside = [this](std::int64_t offset) {
      return offset < 0 || static_cast<std::uint64_t>(offset) > file_size_;
    };
    if (outside(packed) || outside(data_at) || (dictionary_at != -1 && outside(dictionary_at)))
      return damaged("its pages lie outside the file");
    if (unpacked < 0 || static_cast<std::uint64_t>(unpacked) > limits_.piece_bytes_max ||
        !add_within(content_, static_cast<std::uint64_t>(unpacked), limits_.content_bytes_max))
      return damaged("its pages unpack to more than is accepted");
    return {};
  }
  static Status check_codec(std::int64_t codec) {
    constexpr std::array names{"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};
    if (codec == 4) return brotli();
    if (codec == 3 || codec < 0 || codec >= static_cast<std::int64_t>(names.size()))
      return unknown_codec(codec == 3 ? "LZO" : "unknown");
    return {};
  }

  Thrift in_;
  std::uint64_t file_size_;
  const ContainerLimits& limits_;
  std::vector<std::uint64_t> children_;  // of each schema element
  std::int64_t rows_ = 0;
  std::uint64_t group_rows_ = 0, groups_seen_ = 0, content_ = 0;
};

}  // namespace

Result<ContainerFacts> check_parquet(Source& source, const ContainerLimits& limits) {
  if (source.size() < 12) return damaged("it is cut short");
  TRY(const auto head, source.read(0, 4));
  TRY(const auto tail, source.read(source.size() - 8, 8));
  if (head == "PARE" || tail.ends_with("PARE")) return fail(Code::unsupported, "it is encrypted");
  if (head != "PAR1") return damaged("it does not begin with PAR1");
  if (!tail.ends_with("PAR1")) return damaged("it does not end with PAR1: is it whole?");
  const std::uint64_t size = little<std::uint32_t>(tail, 0);
  if (size > limits.metadata_bytes_max) return damaged("its footer is larger than is accepted");
  if (size > source.size() - 12) return damaged("its footer is larger than the file");
  TRY(const auto bytes, source.read(source.size() - 8 - size, size));
  TRY(const auto rows, ParquetFooter(bytes, source.size(), limits).check());
  TRY_VOID(check_rows(rows, source.size(), limits));
  return ContainerFacts{.format = FileFormat::parquet, .rows = rows};
}

}  // namespace kinglet::jobs::internal
