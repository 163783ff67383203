// SPDX-License-Identifier: Apache-2.0
#include "spool/segment_writer.h"

#include <algorithm>
#include <array>

#include "base/byte_pieces.h"
#include "base/check.h"
#include "spool/segment_checksum.h"

namespace kinglet::spool::internal {
std::string segment_name(std::uint64_t segment_id) {
  return fmt::format("{:016x}.segment", segment_id);
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(SpoolFolder& folder, std::string name,
                                                             const SegmentHeader& header, SegmentSpace space,
                                                             Sync sync) {
  TRY(auto file, folder.create(name));
  std::unique_ptr<SegmentWriter> writer(
      new SegmentWriter(std::move(file), std::move(name), header, space.reserved, sync));
  const std::string head = encode_segment_header(header);
  const std::string_view pieces[] = {head};
  const auto prepare = [&]() -> Status {
    TRY_VOID(writer->reserve(segment_header_size));
    TRY_VOID(writer->file_->write(0, pieces));
    if (space.zeroed > segment_header_size) TRY_VOID(writer->zero(std::min(space.zeroed, space.reserved)));
    if (sync == Sync::page_cache) return {};
    TRY_VOID(writer->file_->sync());
    return folder.sync();
  };
  if (auto prepared = prepare(); !prepared) {
    // Nothing in it was acknowledged; a leftover without a whole header is removed at the next start.
    (void)folder.remove(writer->name_);
    return std::unexpected(std::move(prepared).error());
  }
  return writer;
}

Status SegmentWriter::zero(std::uint64_t size) {
  static constexpr std::array<char, 64u << 10> zeros{};
  std::vector<std::string_view> pieces;
  for (std::uint64_t at = segment_header_size; at < size; at += zeros.size())
    pieces.emplace_back(zeros.data(), std::min<std::uint64_t>(zeros.size(), size - at));
  return file_->write(segment_header_size, pieces);
}

Status SegmentWriter::reserve(std::uint64_t size) {
  if (size <= allocated_ || chunk_ == 0) return {};
  const std::uint64_t wanted = (size + chunk_ - 1) / chunk_ * chunk_;
  TRY_VOID(file_->allocate(wanted));
  allocated_ = wanted;
  return {};
}

namespace {

/// Records in the making.
class Records {
 public:
  Records(const SegmentHeader& segment, std::uint64_t offset) : segment_(segment), offset_(offset) {}

  /// A frame with the meta part that `encode` appends.
  template <class Encode>
  void add(RecordType type, std::uint64_t blocks_size, std::uint32_t blocks_checksum, Encode encode) {
    std::string& bytes = bytes_.own();
    const std::size_t at = bytes.size();
    bytes.resize(at + record_header_size);
    encode(bytes);
    const std::string_view meta = std::string_view(bytes).substr(at + record_header_size);
    write_record_header(bytes.data() + at,
                        {.type = type,
                         .meta_size = static_cast<std::uint32_t>(meta.size()),
                         .meta_checksum = crc32c(meta),
                         .blocks_size = blocks_size,
                         .blocks_checksum = blocks_checksum},
                        segment_, offset_);
    offset_ += bytes.size() - at;
  }
  void add_block(std::string_view block) {
    offset_ += block.size();
    bytes_.add(block);
  }
  void pad() {
    const std::uint64_t rest = offset_ % record_alignment;
    if (rest == 0) return;
    bytes_.own().append(record_alignment - rest, '\0');
    offset_ += record_alignment - rest;
  }
  std::uint64_t offset() const { return offset_; }
  /// Valid until the next add.
  std::vector<std::string_view> pieces() {
    std::vector<std::string_view> out;
    bytes_.list(out);
    return out;
  }

 private:
  const SegmentHeader& segment_;
  std::uint64_t offset_;
  BytePieces bytes_;
};

}  // namespace

Status SegmentWriter::append(std::span<const WriterInput> inputs) {
  CHECK(usable_, "a segment whose write failed takes nothing more");
  Records records(header_, durable_size_);
  std::vector<LayoutRef> added;
  std::vector<SectionMeta> sections;
  std::uint64_t rows = 0;
  for (const auto& input : inputs) {
    sections.clear();
    std::uint64_t blocks_size = 0;
    for (const auto& section : input.sections) {
      auto known = layouts_.find(section.layout);
      if (known == layouts_.end()) {
        known = layouts_.emplace(section.layout, static_cast<std::uint32_t>(layouts_.size())).first;
        added.push_back(section.layout);
        records.add(RecordType::layout, 0, 0, [&](std::string& out) { out += encode_layout(*section.layout); });
        records.pad();
      }
      sections.push_back({.layout = known->second,
                          .kind = section.kind,
                          .row_count = section.row_count,
                          .block_size = section.block.size()});
      blocks_size += section.block.size();
      rows += section.row_count;
    }
    records.add(RecordType::request, blocks_size, input.blocks_checksum,
                [&](std::string& out) { append_request(out, *input.meta, sections); });
    for (const auto& section : input.sections) records.add_block(section.block);
    records.pad();
  }

  if (auto reserved = reserve(records.offset()); !reserved) {
    for (const auto& layout : added) layouts_.erase(layout);
    return reserved;
  }
  if (auto written = file_->write(durable_size_, records.pieces()); !written) {
    usable_ = false;
    return written;
  }
  if (sync_ == Sync::disk) {
    const auto start = std::chrono::steady_clock::now();
    auto synced = file_->sync();
    last_sync_ = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
    if (!synced) {
      usable_ = false;
      return synced;
    }
  }
  durable_size_ = records.offset();
  request_count_ += static_cast<std::uint32_t>(inputs.size());
  row_count_ += rows;
  ++append_count_;
  return {};
}

Status SegmentWriter::append_record(RecordType type, const std::string& meta) {
  Records records(header_, durable_size_);
  records.add(type, 0, 0, [&](std::string& out) { out += meta; });
  records.pad();
  TRY_VOID(reserve(records.offset()));
  if (auto written = file_->write(durable_size_, records.pieces()); !written) {
    usable_ = false;
    return written;
  }
  durable_size_ = records.offset();
  return {};
}

void SegmentWriter::seal() {
  // A failure leaves zeros, or bytes of an unacknowledged write, behind the durable records.
  (void)file_->truncate(durable_size_);
}

}  // namespace kinglet::spool::internal
