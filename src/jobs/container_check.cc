// SPDX-License-Identifier: Apache-2.0
#include "jobs/container_check.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace kinglet::jobs {
namespace {

/// Bytes at an offset of a file or of memory. Errors: invalid beyond the end.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::uint64_t size() const = 0;
  virtual Result<std::string> read(std::uint64_t offset, std::uint64_t count) = 0;
};

class FileSource final : public Source {
 public:
  explicit FileSource(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat state{};
    if (fd_ >= 0 && ::fstat(fd_, &state) == 0) size_ = static_cast<std::uint64_t>(state.st_size);
  }
  ~FileSource() override {
    if (fd_ >= 0) ::close(fd_);
  }
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  std::uint64_t size() const override { return size_; }
  Result<std::string> read(std::uint64_t offset, std::uint64_t count) override {
    if (offset > size_ || count > size_ - offset) return fail(Code::invalid, "it is cut short");
    std::string out(count, '\0');
    std::uint64_t done = 0;
    while (done < count) {
      const auto got = ::pread(fd_, out.data() + done, count - done, static_cast<off_t>(offset + done));
      if (got <= 0) return fail(Code::unavailable, "the file cannot be read back from the server's disk");
      done += static_cast<std::uint64_t>(got);
    }
    return out;
  }

 private:
  int fd_;
  std::uint64_t size_ = 0;
};

class MemorySource final : public Source {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Result<std::string> read(std::uint64_t offset, std::uint64_t count) override {
    if (offset > bytes_.size() || count > bytes_.size() - offset) return fail(Code::invalid, "it is cut short");
    return std::string(bytes_.substr(offset, count));
  }

 private:
  std::string_view bytes_;
};

template <class T>
T little(std::string_view bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

std::unexpected<Error> damaged(std::string_view what) {
  return fail(Code::invalid, "{}", what);
}

std::unexpected<Error> brotli() {
  return fail(Code::unsupported,
              "its pages are compressed with BROTLI, which is not accepted: write it with zstd, "
              "Snappy, LZ4, gzip or no compression");
}
std::unexpected<Error> unknown_codec(std::string_view name) {
  return fail(Code::unsupported, "its compression ({}) is not supported: write it with zstd, Snappy, gzip or none",
              name);
}

/// Adds without wrapping; false beyond `most`.
bool add_within(std::uint64_t& sum, std::uint64_t more, std::uint64_t most) {
  if (more > most || sum > most - more) return false;
  sum += more;
  return true;
}

Status check_rows(std::uint64_t rows, std::uint64_t size, const ContainerLimits& limits) {
  if (rows > limits.rows_free && rows / limits.rows_per_byte_max > size)
    return fail(Code::invalid, "it says that it has {} rows in {} bytes", rows, size);
  return {};
}

// ---- Thrift's compact protocol, as far as Parquet's footer needs it ------------------------------------------------

/// Source: thrift/doc/specs/thrift-compact-protocol.md.
class Thrift {
 public:
  enum Type : std::uint8_t { stop, yes, no, i8, i16, i32, i64, real, binary, list, set, map, structure };
  explicit Thrift(std::string_view bytes) : bytes_(bytes) {}

  /// Calls `field(id, type)` for each field; it reads the value, or answers false to have it skipped.
  Status fields(std::size_t depth, const std::function<Result<bool>(int, Type)>& field) {
    if (depth > depth_max) return damaged("its footer is nested too deeply");
    int id = 0;
    for (;;) {
      TRY(const auto head, byte());
      const auto type = static_cast<Type>(head & 15);
      if (type == stop) return {};
      if (type > structure) return damaged("its footer holds an unknown type");
      if ((head >> 4) != 0) {
        id += head >> 4;
      } else {
        TRY(const auto number, integer());
        id = static_cast<int>(number);
      }
      TRY(const bool taken, field(id, type));
      if (!taken) TRY_VOID(skip(type, depth + 1));
    }
  }
  Result<std::int64_t> integer() {
    TRY(const auto raw, varint());
    return static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
  }
  Result<std::string_view> text() {
    TRY(const auto size, varint());
    if (size > bytes_.size() - at_) return damaged("its footer is cut short");
    const auto out = bytes_.substr(at_, size);
    at_ += size;
    return out;
  }
  /// Element count, after the type was checked.
  Result<std::uint64_t> list_of(Type wanted) {
    TRY(const auto head, byte());
    std::uint64_t count = head >> 4;
    if (count == 15) {
      TRY(count, varint());
    }
    if (count > bytes_.size() - at_) return damaged("its footer promises more than it holds");  // a byte each at least
    if (count > 0 && (head & 15) != wanted) return damaged("its footer holds a list of the wrong type");
    return count;
  }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  static constexpr std::size_t depth_max = 32;

  Result<std::uint8_t> byte() {
    if (at_ >= bytes_.size()) return damaged("its footer is cut short");
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  Result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      TRY(const auto next, byte());
      value |= static_cast<std::uint64_t>(next & 127) << shift;
      if (next < 128) return value;
    }
    return damaged("its footer holds a number that is too long");
  }
  Status jump(std::uint64_t count) {
    if (count > bytes_.size() - at_) return damaged("its footer is cut short");
    at_ += count;
    return {};
  }
  Status skip(Type type, std::size_t depth) {
    if (depth > depth_max) return damaged("its footer is nested too deeply");
    switch (type) {
      case stop:
      case yes:
      case no:
        return {};
      case i8:
        return jump(1);
      case i16:
      case i32:
      case i64:
        if (const auto number = varint(); !number) return fail(number.error());
        return {};
      case real:
        return jump(8);
      case binary:
        if (const auto value = text(); !value) return fail(value.error());
        return {};
      case list:
      case set: {
        TRY(const auto head, byte());
        std::uint64_t count = head >> 4;
        if (count == 15) {
          TRY(count, varint());
        }
        if (count > bytes_.size() - at_) return damaged("its footer promises more than it holds");
        for (std::uint64_t i = 0; i < count; ++i) TRY_VOID(skip_element(static_cast<Type>(head & 15), depth));
        return {};
      }
      case map: {
        TRY(const auto count, varint());
        if (count == 0) return {};
        if (count > bytes_.size() - at_) return damaged("its footer promises more than it holds");
        TRY(const auto types, byte());
        for (std::uint64_t i = 0; i < count; ++i) {
          TRY_VOID(skip_element(static_cast<Type>(types >> 4), depth));
          TRY_VOID(skip_element(static_cast<Type>(types & 15), depth));
        }
        return {};
      }
      case structure:
        return fields(depth, [](int, Type) -> Result<bool> { return false; });
    }
    return damaged("its footer holds an unknown type");
  }
  /// Inside lists and maps a boolean has a byte of its own.
  Status skip_element(Type type, std::size_t depth) {
    if (type == yes || type == no) return jump(1);
    if (type == stop || type > structure) return damaged("its footer holds an unknown type");
    return skip(type, depth + 1);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

// ---- Parquet -------------------------------------------------------------------------------------------------------

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
    if (children_.size() > limits_.columns_max + 1)
      return fail(Code::invalid, "it has more than {} columns", limits_.columns_max);
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
      if (missing.size() > limits_.depth_max)
        return fail(Code::invalid, "its schema is nested more than {} levels deep", limits_.depth_max);
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

// ---- ORC -----------------------------------------------------------------------------------------------------------

/// Source: ORC v1 specification, "Postscript": protobuf, fields 1 footerLength, 2 compression, 3 compressionBlockSize,
/// 5 metadataLength, 8000 magic.
Result<ContainerFacts> check_orc(Source& source, const ContainerLimits& limits) {
  if (source.size() < 16) return damaged("it is cut short");
  TRY(const auto head, source.read(0, 3));
  if (head != "ORC") return damaged("it does not begin with ORC");
  TRY(const auto last, source.read(source.size() - 1, 1));
  const std::uint64_t size = static_cast<unsigned char>(last[0]);
  if (size < 4 || size > source.size() - 4) return damaged("its postscript does not fit in the file");
  TRY(const auto bytes, source.read(source.size() - 1 - size, size));
  std::uint64_t footer = 0, compression = 0, block = 0, metadata = 0;
  bool magic = false;
  std::size_t at = 0;
  const auto varint = [&]() -> Result<std::uint64_t> {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
      const auto next = static_cast<unsigned char>(bytes[at++]);
      value |= static_cast<std::uint64_t>(next & 127) << shift;
      if (next < 128) return value;
    }
    return damaged("its postscript is damaged");
  };
  while (at < bytes.size()) {
    TRY(const auto tag, varint());
    const auto field = tag >> 3;
    if ((tag & 7) == 0) {
      TRY(const auto value, varint());
      // Each occurrence counts: a decoder may take the first or the last of a field that is there twice.
      if (field == 2 && value == 6) return brotli();
      if (field == 2 && (value == 3 || value > 5)) return unknown_codec(value == 3 ? "LZO" : "unknown");
      if (field == 1) footer = std::max(footer, value);
      if (field == 2) compression = value;
      if (field == 3) block = std::max(block, value);
      if (field == 5) metadata = std::max(metadata, value);
    } else if ((tag & 7) == 2) {
      TRY(const auto length, varint());
      if (length > bytes.size() - at) return damaged("its postscript is damaged");
      magic = magic || (field == 8000 && std::string_view(bytes).substr(at, length) == "ORC");
      at += length;
    } else {
      return damaged("its postscript is damaged");
    }
  }
  (void)compression;
  if (!magic) return damaged("its postscript does not end with ORC: is it whole?");
  if (block > (256u << 20)) return damaged("its compression blocks are larger than is accepted");
  if (footer > limits.metadata_bytes_max || metadata > limits.metadata_bytes_max)
    return damaged("its footer is larger than is accepted");
  if (footer + metadata + size + 1 > source.size()) return damaged("its footer is larger than the file");
  return ContainerFacts{.format = FileFormat::orc, .rows = 0};
}

// ---- Avro ----------------------------------------------------------------------------------------------------------

/// Named types may name themselves: a row would have no end. Source: Avro specification 1.11, "Schema Declaration".
class AvroSchema {
 public:
  explicit AvroSchema(const ContainerLimits& limits) : limits_(limits) {}

  Status check(const boost::json::value& schema, std::size_t depth = 0) {
    if (depth > limits_.depth_max)
      return fail(Code::invalid, "its schema is nested more than {} levels deep", limits_.depth_max);
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
    if (fields->get_array().size() > limits_.columns_max)
      return fail(Code::invalid, "it has more than {} columns", limits_.columns_max);
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

/// Source: Avro specification 1.11, "Object Container Files".
Result<ContainerFacts> check_avro(Source& source, const ContainerLimits& limits) {
  constexpr std::uint64_t header_bytes_max = 4u << 20;
  TRY(const auto bytes, source.read(0, std::min<std::uint64_t>(source.size(), header_bytes_max)));
  if (!bytes.starts_with(std::string_view("Obj\x01", 4))) return damaged("it does not begin with Obj1");
  std::size_t at = 4;
  const auto number = [&]() -> Result<std::int64_t> {
    std::uint64_t raw = 0;
    for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
      const auto next = static_cast<unsigned char>(bytes[at++]);
      raw |= static_cast<std::uint64_t>(next & 127) << shift;
      if (next < 128) return static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
    }
    return damaged("its header is damaged");
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

// ---- Arrow ---------------------------------------------------------------------------------------------------------

/// A table of a FlatBuffer. Offsets go forward only, so there are no cycles; shared parts could be walked again and
/// again, which the counters of the callers bound. Source: flatbuffers.dev, "Internals".
class Table {
 public:
  static Result<Table> root(std::string_view bytes) {
    if (bytes.size() < 8) return damaged("a message in it is cut short");
    return at(bytes, little<std::uint32_t>(bytes, 0));
  }

  template <class T>
  T scalar(int field, T absent) const {
    const auto place = find(field, sizeof(T));
    return place == 0 ? absent : little<T>(bytes_, place);
  }
  bool has(int field) const { return find(field, 1) != 0; }
  Result<Table> table(int field) const {
    const auto place = find(field, 4);
    if (place == 0) return damaged("a message in it lacks a part");
    return at(bytes_, place + little<std::uint32_t>(bytes_, place));
  }
  /// Offset of the first element and number of elements.
  struct Vector {
    std::size_t begin = 0, count = 0;
  };
  Result<Vector> vector(int field, std::size_t element_bytes) const {
    const auto place = find(field, 4);
    if (place == 0) return Vector{};
    const auto begin = place + std::uint64_t{little<std::uint32_t>(bytes_, place)};
    if (begin + 4 > bytes_.size()) return damaged("a message in it is damaged");
    const std::uint64_t count = little<std::uint32_t>(bytes_, begin);
    if (count * element_bytes > bytes_.size() - begin - 4) return damaged("a message in it is damaged");
    return Vector{.begin = begin + 4, .count = count};
  }
  Result<Table> element(const Vector& tables, std::size_t index) const {
    const auto place = tables.begin + 4 * index;
    return at(bytes_, place + little<std::uint32_t>(bytes_, place));
  }
  std::string_view bytes() const { return bytes_; }

 private:
  static Result<Table> at(std::string_view bytes, std::uint64_t position) {
    Table out;
    out.bytes_ = bytes;
    if (position + 4 > bytes.size()) return damaged("a message in it is damaged");
    const auto virtual_table = static_cast<std::int64_t>(position) - little<std::int32_t>(bytes, position);
    if (virtual_table < 0 || static_cast<std::uint64_t>(virtual_table) + 4 > bytes.size())
      return damaged("a message in it is damaged");
    out.position_ = position;
    out.virtual_table_ = static_cast<std::size_t>(virtual_table);
    out.virtual_size_ = little<std::uint16_t>(bytes, out.virtual_table_);
    if (out.virtual_table_ + out.virtual_size_ > bytes.size()) return damaged("a message in it is damaged");
    return out;
  }
  std::size_t find(int field, std::size_t size) const {
    const auto slot = 4 + 2 * static_cast<std::size_t>(field);
    if (slot + 2 > virtual_size_) return 0;
    const std::size_t offset = little<std::uint16_t>(bytes_, virtual_table_ + slot);
    if (offset == 0 || position_ + offset + size > bytes_.size()) return 0;
    return position_ + offset;
  }

  std::string_view bytes_;
  std::size_t position_ = 0, virtual_table_ = 0, virtual_size_ = 0;
};

/// Source: arrow/format/Message.fbs, Schema.fbs, File.fbs; "IPC file format" and "IPC streaming format".
class ArrowCheck {
 public:
  ArrowCheck(Source& source, const ContainerLimits& limits) : source_(source), limits_(limits) {}

  Result<ContainerFacts> file() {
    if (source_.size() < 22) return damaged("it is cut short");
    TRY(const auto tail, source_.read(source_.size() - 10, 10));
    if (!tail.ends_with("ARROW1")) return damaged("it does not end with ARROW1: is it whole?");
    const auto size = little<std::int32_t>(tail, 0);
    if (size <= 0 || static_cast<std::uint64_t>(size) > source_.size() - 18)
      return damaged("its footer is larger than the file");
    if (static_cast<std::uint64_t>(size) > limits_.metadata_bytes_max)
      return damaged("its footer is larger than is accepted");
    TRY(const auto bytes,
        source_.read(source_.size() - 10 - static_cast<std::uint64_t>(size), static_cast<std::uint64_t>(size)));
    TRY(const auto footer, Table::root(bytes));
    TRY(const auto schema, footer.table(1));
    TRY_VOID(check_schema(schema));
    for (const int field : {2, 3}) {
      TRY(const auto blocks, footer.vector(field, 24));  // struct Block: offset, metaDataLength, padding, bodyLength
      for (std::size_t i = 0; i < blocks.count; ++i) {
        const auto place = blocks.begin + 24 * i;
        const auto offset = little<std::int64_t>(bytes, place), body = little<std::int64_t>(bytes, place + 16);
        if (offset < 0 || body < 0) return damaged("its blocks lie outside the file");
        TRY(const auto message, message_at(static_cast<std::uint64_t>(offset)));
        if (!message || message->body_size != static_cast<std::uint64_t>(body))
          return damaged("its blocks are not where its footer says");
      }
    }
    return done(FileFormat::arrow);
  }

  Result<ContainerFacts> stream() {
    std::uint64_t at = 0;
    std::size_t count = 0;
    while (at < source_.size()) {
      TRY(const auto message, message_at(at));
      if (!message) break;
      at = message->end;
      if (++count > messages_max) return damaged("it has more messages than are accepted");
    }
    if (!schema_seen_) return damaged("it has no schema");
    return done(FileFormat::arrow_stream);
  }

 private:
  static constexpr std::size_t messages_max = 1'000'000;
  struct Message {
    std::uint64_t end = 0, body_size = 0;
  };

  Result<ContainerFacts> done(FileFormat format) const {
    TRY_VOID(check_rows(rows_, source_.size(), limits_));
    return ContainerFacts{.format = format, .rows = rows_};
  }

  /// Nothing at the end-of-stream mark.
  Result<std::optional<Message>> message_at(std::uint64_t at) {
    TRY(auto head, source_.read(at, 4));
    std::uint64_t size = little<std::uint32_t>(head, 0);
    at += 4;
    if (size == 0xffffffff) {
      TRY(head, source_.read(at, 4));
      size = little<std::uint32_t>(head, 0);
      at += 4;
    }
    if (size == 0) return std::nullopt;
    if (!add_within(metadata_, size, limits_.metadata_bytes_max))
      return damaged("its messages have larger heads than are accepted");
    TRY(const auto bytes, source_.read(at, size));
    // A key of Arrow 0.17 by which a message could name any codec of the decoder's library.
    if (bytes.find("ARROW:experimental_compression") != bytes.npos) return unknown_codec("experimental");
    at += size;
    TRY(const auto message, Table::root(bytes));
    const auto body = message.scalar<std::int64_t>(3, 0);
    if (body < 0 || static_cast<std::uint64_t>(body) > source_.size() - at) return damaged("it is cut short");
    const auto kind = message.scalar<std::uint8_t>(1, 0);
    constexpr std::uint8_t schema = 1, dictionary = 2, batch = 3;
    if (kind == schema) {
      TRY(const auto header, message.table(2));
      TRY_VOID(check_schema(header));
    } else if (kind == dictionary) {
      TRY(const auto header, message.table(2));
      TRY(const auto data, header.table(1));
      TRY_VOID(check_batch(data, at, static_cast<std::uint64_t>(body), false));
    } else if (kind == batch) {
      TRY(const auto header, message.table(2));
      TRY_VOID(check_batch(header, at, static_cast<std::uint64_t>(body), true));
    } else {
      return damaged("it holds a message of an unknown kind");
    }
    return Message{.end = at + static_cast<std::uint64_t>(body), .body_size = static_cast<std::uint64_t>(body)};
  }

  Status check_batch(const Table& batch, std::uint64_t body_at, std::uint64_t body_size, bool counts) {
    const auto rows = batch.scalar<std::int64_t>(0, 0);
    if (rows < 0) return damaged("it says that a batch has fewer than no rows");
    if (counts && !add_within(rows_, static_cast<std::uint64_t>(rows), INT64_MAX))
      return damaged("the rows of its batches do not add up");
    if (!counts && static_cast<std::uint64_t>(rows) > limits_.rows_free) return damaged("a dictionary is too large");
    bool packed = false;
    if (batch.has(3)) {
      TRY(const auto compression, batch.table(3));
      const auto codec = compression.scalar<std::int8_t>(0, 0);
      if (codec != 0 && codec != 1) return unknown_codec("unknown");  // LZ4_FRAME, ZSTD
      packed = true;
    }
    TRY(const auto buffers, batch.vector(2, 16));
    std::uint64_t batch_bytes = 0;
    for (std::size_t i = 0; i < buffers.count; ++i) {
      const auto offset = little<std::int64_t>(batch.bytes(), buffers.begin + 16 * i);
      const auto length = little<std::int64_t>(batch.bytes(), buffers.begin + 16 * i + 8);
      if (offset < 0 || length < 0 || static_cast<std::uint64_t>(offset) > body_size ||
          static_cast<std::uint64_t>(length) > body_size - static_cast<std::uint64_t>(offset))
        return damaged("a buffer lies outside its message");
      auto unpacked = static_cast<std::uint64_t>(length);
      if (packed && length > 0) {
        if (length < 8) return damaged("a compressed buffer is too short");
        TRY(const auto prefix, source_.read(body_at + static_cast<std::uint64_t>(offset), 8));
        const auto said = little<std::int64_t>(prefix, 0);
        if (said < -1) return damaged("a compressed buffer says that it holds fewer than no bytes");
        if (said >= 0) unpacked = static_cast<std::uint64_t>(said);
      }
      if (!add_within(batch_bytes, unpacked, limits_.piece_bytes_max))
        return damaged("a batch in it unpacks to more than is accepted");
    }
    if (!add_within(content_, batch_bytes, limits_.content_bytes_max))
      return damaged("its batches unpack to more than is accepted");
    return {};
  }

  Status check_schema(const Table& schema) {
    schema_seen_ = true;
    fields_ = 0;
    TRY(const auto fields, schema.vector(1, 4));
    for (std::size_t i = 0; i < fields.count; ++i) {
      TRY(const auto field, schema.element(fields, i));
      TRY_VOID(check_field(field, 1));
    }
    return {};
  }
  Status check_field(const Table& field, std::size_t depth) {
    if (depth > limits_.depth_max)
      return fail(Code::invalid, "its schema is nested more than {} levels deep", limits_.depth_max);
    if (++fields_ > limits_.columns_max) return fail(Code::invalid, "it has more than {} columns", limits_.columns_max);
    TRY(const auto children, field.vector(5, 4));
    for (std::size_t i = 0; i < children.count; ++i) {
      TRY(const auto child, field.element(children, i));
      TRY_VOID(check_field(child, depth + 1));
    }
    return {};
  }

  Source& source_;
  const ContainerLimits& limits_;
  bool schema_seen_ = false;
  std::size_t fields_ = 0;
  std::uint64_t metadata_ = 0, rows_ = 0, content_ = 0;
};

std::string_view shown_name(FileFormat format) {
  switch (format) {
    case FileFormat::parquet:
      return "Parquet";
    case FileFormat::arrow:
    case FileFormat::arrow_stream:
      return "Arrow";
    case FileFormat::orc:
      return "ORC";
    default:
      return "Avro";
  }
}

Result<ContainerFacts> check(FileFormat format, Source& source, const ContainerLimits& limits) {
  auto facts = [&]() -> Result<ContainerFacts> {
    if (source.size() == 0) return damaged("it is empty");
    switch (format) {
      case FileFormat::parquet:
        return check_parquet(source, limits);
      case FileFormat::orc:
        return check_orc(source, limits);
      case FileFormat::avro:
        return check_avro(source, limits);
      case FileFormat::arrow:
      case FileFormat::arrow_stream: {
        TRY(const auto head, source.read(0, std::min<std::uint64_t>(source.size(), 6)));
        ArrowCheck arrow(source, limits);
        return head == "ARROW1" ? arrow.file() : arrow.stream();
      }
      case FileFormat::csv:
      case FileFormat::ndjson:
        break;
    }
    return damaged("its format has no container");
  }();
  if (!facts && (facts.error().code == Code::invalid || facts.error().code == Code::unsupported))
    facts.error().message = fmt::format("the {} file cannot be read: {}", shown_name(format), facts.error().message);
  return facts;
}

}  // namespace

Result<ContainerFacts> check_container(FileFormat format, const std::string& path, const ContainerLimits& limits) {
  FileSource source(path);
  return check(format, source, limits);
}

Result<ContainerFacts> check_container_bytes(FileFormat format, std::string_view bytes, const ContainerLimits& limits) {
  MemorySource source(bytes);
  return check(format, source, limits);
}

}  // namespace kinglet::jobs
