// SPDX-License-Identifier: Apache-2.0
#include "spool/segment_writer.h"

#include <deque>

#include "base/check.h"
#include "spool/segment_checksum.h"

namespace kinglet::spool::internal {
namespace {

constexpr std::string_view padding{"\0\0\0\0\0\0\0\0", record_alignment};

}  // namespace

std::string segment_name(std::uint64_t segment_id) {
  return fmt::format("{:016x}.segment", segment_id);
}

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(SpoolFolder& folder, std::string name,
                                                             const SegmentHeader& header,
                                                             std::uint64_t preallocate_bytes) {
  TRY(auto file, folder.create(name));
  std::unique_ptr<SegmentWriter> writer(new SegmentWriter(std::move(file), std::move(name), header, preallocate_bytes));
  const std::string head = encode_segment_header(header);
  const std::string_view pieces[] = {head};
  const auto prepare = [&]() -> Status {
    TRY_VOID(writer->reserve(segment_header_size));
    TRY_VOID(writer->file_->write(0, pieces));
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

Status SegmentWriter::reserve(std::uint64_t size) {
  if (size <= allocated_ || chunk_ == 0) return {};
  const std::uint64_t wanted = (size + chunk_ - 1) / chunk_ * chunk_;
  TRY_VOID(file_->allocate(wanted));
  allocated_ = wanted;
  return {};
}

std::string SegmentWriter::frame(RecordType type, std::string_view meta, std::uint64_t blocks_size,
                                 std::uint32_t blocks_checksum, std::uint64_t offset) const {
  const RecordHeader record{.type = type,
                            .meta_size = static_cast<std::uint32_t>(meta.size()),
                            .meta_checksum = crc32c(meta),
                            .blocks_size = blocks_size,
                            .blocks_checksum = blocks_checksum};
  std::string out = encode_record_header(record, header_, offset);
  out.append(meta);
  return out;
}

Status SegmentWriter::append(std::span<const WriterInput> inputs) {
  CHECK(usable_, "a segment whose write failed takes nothing more");
  std::deque<std::string> owned;  // stable addresses
  std::vector<std::string_view> pieces;
  std::vector<std::map<Layout, std::uint32_t>::iterator> added;
  std::uint64_t offset = durable_size_;
  std::uint64_t rows = 0;

  const auto put = [&](RecordType type, const std::string& meta, std::uint64_t blocks_size,
                       std::uint32_t blocks_checksum) {
    pieces.push_back(owned.emplace_back(frame(type, meta, blocks_size, blocks_checksum, offset)));
    offset += pieces.back().size() + blocks_size;
  };
  const auto pad = [&] {
    const std::uint64_t rest = offset % record_alignment;
    if (rest == 0) return;
    pieces.push_back(padding.substr(rest));
    offset += record_alignment - rest;
  };
  for (const auto& input : inputs) {
    std::vector<SectionMeta> sections;
    std::uint64_t blocks_size = 0;
    for (const auto& section : input.sections) {
      auto known = layouts_.find(*section.layout);
      if (known == layouts_.end()) {
        known = layouts_.emplace(*section.layout, static_cast<std::uint32_t>(layouts_.size())).first;
        added.push_back(known);
        put(RecordType::layout, encode_layout(*section.layout), 0, 0);
        pad();
      }
      sections.push_back({.layout = known->second,
                          .kind = section.kind,
                          .row_count = section.row_count,
                          .block_size = section.block.size()});
      blocks_size += section.block.size();
      rows += section.row_count;
    }
    put(RecordType::request, encode_request(*input.meta, sections), blocks_size, input.blocks_checksum);
    for (const auto& section : input.sections) pieces.push_back(section.block);
    pad();
  }

  if (auto reserved = reserve(offset); !reserved) {
    for (const auto layout : added) layouts_.erase(layout);
    return reserved;
  }
  if (auto written = file_->write(durable_size_, pieces); !written) {
    usable_ = false;
    return written;
  }
  const auto start = std::chrono::steady_clock::now();
  auto synced = file_->sync();
  last_sync_ = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  if (!synced) {
    usable_ = false;
    return synced;
  }
  durable_size_ = offset;
  request_count_ += static_cast<std::uint32_t>(inputs.size());
  row_count_ += rows;
  return {};
}

Status SegmentWriter::append_record(RecordType type, const std::string& meta) {
  const std::string bytes = frame(type, meta, 0, 0, durable_size_);
  const std::uint64_t rest = bytes.size() % record_alignment;
  const std::string_view pieces[] = {bytes, rest == 0 ? std::string_view() : padding.substr(rest)};
  TRY_VOID(reserve(durable_size_ + bytes.size() + record_alignment));
  if (auto written = file_->write(durable_size_, pieces); !written) {
    usable_ = false;
    return written;
  }
  durable_size_ += pieces[0].size() + pieces[1].size();
  return {};
}

void SegmentWriter::seal() {
  // A failure leaves zeros, or bytes of an unacknowledged write, behind the durable records.
  (void)file_->truncate(durable_size_);
}

}  // namespace kinglet::spool::internal
