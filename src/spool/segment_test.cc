// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "spool/segment_checksum.h"
#include "spool/segment_scan.h"

namespace kinglet::spool::internal {
namespace {

// RFC 3720 appendix B.4.
TEST(Crc32c, MatchesThePublishedVectors) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  EXPECT_EQ(crc32c(rising), 0x46DD794Eu);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
}

TEST(Crc32c, PiecesGiveTheSameAsTheWhole) {
  EXPECT_TRUE(
      rc::check([](const std::string& a, const std::string& b) { RC_ASSERT(crc32c(b, crc32c(a)) == crc32c(a + b)); }));
}

/// A segment built by hand, with the offset behind each record.
struct Built {
  SegmentHeader header{
      .spool_epoch = 7, .segment_id = 42, .created_at_ms = 1, .part_rows_max = 10, .part_bytes_max = 100};
  std::string bytes = encode_segment_header(header);
  std::vector<std::uint64_t> ends{bytes.size()};
  std::vector<std::size_t> requests_at_end{0};
  std::size_t request_count = 0;

  void add(RecordType type, const std::string& meta, const std::string& blocks = {}) {
    const RecordHeader record{.type = type,
                              .meta_size = static_cast<std::uint32_t>(meta.size()),
                              .meta_checksum = crc32c(meta),
                              .blocks_size = blocks.size(),
                              .blocks_checksum = crc32c(blocks)};
    const std::size_t start = bytes.size();
    bytes += encode_record_header(record, header, start) + meta + blocks;
    // Where it is whole: its padding carries nothing.
    ends.push_back(bytes.size());
    bytes.resize(start + record.padded_size());
    if (type == RecordType::request) ++request_count;
    requests_at_end.push_back(request_count);
  }
  void layout(const std::string& table) {
    add(RecordType::layout, encode_layout({.table = {.database = "db", .table = table}, .columns = {"a", "b"}}));
  }
  void request(const std::string& key, const std::vector<std::pair<std::uint32_t, std::string>>& blocks) {
    RequestMeta meta;
    meta.source = "t_1";
    meta.idempotency_key = key;
    meta.successful_rows = blocks.size();
    std::vector<SectionMeta> sections;
    std::string all;
    for (const auto& [layout, block] : blocks) {
      sections.push_back({.layout = layout, .kind = SectionKind::rows, .row_count = 1, .block_size = block.size()});
      all += block;
    }
    add(RecordType::request, encode_request(meta, sections), all);
  }
};

Built sample() {
  Built built;
  built.layout("t");
  built.request("k1", {{0, "first block"}});
  built.layout("t_quarantine");
  built.request("", {{0, "second"}, {1, "bad row"}});
  built.request("k3", {{1, std::string(100, 'x')}});
  return built;
}

TEST(SegmentScan, ReadsWhatWasWritten) {
  const Built built = sample();
  const auto scan = scan_segment(built.bytes + std::string(4096, '\0'));
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->end, SegmentEnd::clean);
  EXPECT_EQ(scan->valid_size, built.bytes.size());
  EXPECT_EQ(scan->header.segment_id, 42u);
  EXPECT_EQ(scan->header.part_rows_max, 10u);
  ASSERT_EQ(scan->layouts.size(), 2u);
  EXPECT_EQ(scan->layouts[1].table.table, "t_quarantine");
  EXPECT_EQ(scan->layouts[0].columns, (std::vector<std::string>{"a", "b"}));
  ASSERT_EQ(scan->requests.size(), 3u);
  EXPECT_EQ(scan->requests[0].meta.idempotency_key, "k1");
  EXPECT_EQ(scan->requests[0].meta.source, "t_1");
  const auto& section = scan->requests[1].sections.at(1);
  EXPECT_EQ(built.bytes.substr(section.offset, section.size), "bad row");
}

// attacks.md R4: a write that stopped at any byte.
TEST(SegmentScan, ACutAtEveryByteGivesAPrefixOfWholeRequests) {
  const Built built = sample();
  for (std::size_t size = 0; size <= built.bytes.size(); ++size) {
    const auto scan = scan_segment(std::string_view(built.bytes).substr(0, size));
    if (size < segment_header_size) {
      ASSERT_FALSE(scan) << size;
      continue;
    }
    ASSERT_TRUE(scan) << size;
    std::size_t whole = 0;
    while (whole + 1 < built.ends.size() && built.ends[whole + 1] <= size) ++whole;
    EXPECT_EQ(scan->requests.size(), built.requests_at_end[whole]) << size;
    EXPECT_NE(scan->end, SegmentEnd::damaged) << size;
    EXPECT_LE(scan->valid_size, size);
  }
}

// attacks.md R4: one flipped bit anywhere.
TEST(SegmentScan, AFlippedBitAtEveryByteNeverGivesOtherRows) {
  const Built built = sample();
  const auto good = scan_segment(built.bytes);
  for (std::size_t at = 0; at < built.bytes.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string bytes = built.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      const auto scan = scan_segment(bytes);
      if (!scan) {
        EXPECT_LT(at, segment_header_size);
        EXPECT_EQ(scan.error().code, Code::invalid) << at;
        continue;
      }
      ASSERT_LE(scan->requests.size(), good->requests.size());
      for (std::size_t i = 0; i < scan->requests.size(); ++i) {
        ASSERT_EQ(scan->requests[i].sections.size(), good->requests[i].sections.size());
        for (std::size_t s = 0; s < scan->requests[i].sections.size(); ++s) {
          const auto& mine = scan->requests[i].sections[s];
          const auto& theirs = good->requests[i].sections[s];
          EXPECT_EQ(bytes.substr(mine.offset, mine.size), built.bytes.substr(theirs.offset, theirs.size)) << at;
        }
      }
    }
  }
}

// attacks.md R4.
TEST(SegmentScan, TellsATornTailFromDamageBeforeValidRecords) {
  const Built built = sample();
  std::string torn = built.bytes;
  torn[built.ends[4] + 20] ^= 1;  // in the last record
  EXPECT_EQ(scan_segment(torn)->end, SegmentEnd::torn);
  EXPECT_EQ(scan_segment(torn)->requests.size(), 2u);

  std::string damaged = built.bytes;
  damaged[built.ends[2] - 1] ^= 1;  // the block of the first request
  const auto scan = scan_segment(damaged);
  EXPECT_EQ(scan->end, SegmentEnd::damaged);
  EXPECT_TRUE(scan->requests.empty());
  EXPECT_NE(scan->problem.find("checksum"), std::string::npos) << scan->problem;
}

TEST(SegmentScan, ARecordOfAnotherSegmentOrPlaceIsNotTaken) {
  const Built built = sample();
  Built other;
  other.header.segment_id = 43;
  const std::string stale = encode_segment_header(other.header) + built.bytes.substr(segment_header_size);
  const auto scan = scan_segment(stale);
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->valid_size, segment_header_size);
  EXPECT_EQ(scan->end, SegmentEnd::torn);

  // The same bytes once more behind themselves.
  const std::string twice = built.bytes + built.bytes.substr(segment_header_size);
  EXPECT_EQ(scan_segment(twice)->requests.size(), 3u);
}

TEST(SegmentScan, AnotherVersionIsRefusedByName) {
  std::string header = encode_segment_header({.spool_epoch = 1, .segment_id = 1, .created_at_ms = 0});
  header[8] = 2;
  EXPECT_EQ(scan_segment(header).error().code, Code::invalid) << "a flipped bit is damage, not a version";
  const std::uint32_t checksum = crc32c(std::string_view(header).substr(0, 60));
  std::memcpy(header.data() + 60, &checksum, 4);
  const auto scan = scan_segment(header);
  EXPECT_EQ(scan.error().code, Code::unsupported);
  EXPECT_NE(scan.error().message.find("version 2"), std::string::npos);
}

TEST(SegmentScan, ARequestThatNamesNoLayoutEndsThePrefix) {
  Built built;
  built.layout("t");
  built.request("", {{1, "x"}});
  const auto scan = scan_segment(built.bytes);
  EXPECT_TRUE(scan->requests.empty());
  EXPECT_EQ(scan->end, SegmentEnd::torn);
}

// attacks.md R4, at random: any contents, cut and changed anywhere.
TEST(SegmentScan, RecoveryIsAPrefixForAnyContents) {
  EXPECT_TRUE(rc::check([](const std::vector<std::vector<std::string>>& requests, std::uint32_t seed) {
    Built built;
    built.layout("t");
    for (const auto& blocks : requests) {
      std::vector<std::pair<std::uint32_t, std::string>> sections;
      for (const auto& block : blocks) sections.emplace_back(0, block);
      built.request("k", sections);
    }
    std::string bytes = built.bytes;
    const std::size_t at = segment_header_size + seed % (bytes.size() - segment_header_size);
    if (seed % 2 == 0)
      bytes.resize(at);
    else
      bytes[at] = static_cast<char>(bytes[at] + 1 + static_cast<char>(seed % 200));
    const auto scan = scan_segment(bytes);
    RC_ASSERT(scan.has_value());
    RC_ASSERT(scan->requests.size() <= requests.size());
    for (std::size_t i = 0; i < scan->requests.size(); ++i) {
      RC_ASSERT(scan->requests[i].sections.size() == requests[i].size());
      for (std::size_t s = 0; s < requests[i].size(); ++s)
        RC_ASSERT(bytes.substr(scan->requests[i].sections[s].offset, scan->requests[i].sections[s].size) ==
                  requests[i][s]);
    }
  }));
}

TEST(SegmentFormat, RequestsAndLayoutsComeBackAsTheyWere) {
  EXPECT_TRUE(rc::check([](const std::string& source, const std::string& key, std::uint64_t rows,
                           const std::vector<std::string>& columns) {
    RequestMeta meta;
    meta.source = source;
    meta.idempotency_key = key;
    meta.successful_rows = rows;
    meta.request_id[3] = 9;
    const auto back = decode_request(
        encode_request(meta, {{.layout = 3, .kind = SectionKind::copy, .row_count = 5, .block_size = rows}}));
    RC_ASSERT(back.has_value());
    RC_ASSERT(back->meta.source == source);
    RC_ASSERT(back->meta.idempotency_key == key);
    RC_ASSERT(back->meta.successful_rows == rows);
    RC_ASSERT(back->meta.request_id[3] == 9);
    RC_ASSERT(back->sections.at(0).block_size == rows);
    const Layout layout{.table = {.database = source, .table = "t" + key}, .columns = columns, .shape = rows};
    const auto layout_back = decode_layout(encode_layout(layout));
    RC_ASSERT(layout_back.has_value());
    RC_ASSERT(bool(*layout_back == layout));
  }));
}

TEST(SegmentFormat, FailuresComeBackAsTheyWere) {
  const FailureRecord failure{.token = "k",
                              .error = "Code: 53",
                              .engine_code = 53,
                              .failed_at_ms = 12,
                              .rows_stored = true,
                              .table = {.database = "d", .table = "t"},
                              .row_count = 7,
                              .byte_count = 8};
  const auto back = decode_failure(encode_failure(failure));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->error, "Code: 53");
  EXPECT_EQ(back->engine_code, 53);
  EXPECT_TRUE(back->rows_stored);
  EXPECT_EQ(back->table.table, "t");
  EXPECT_EQ(back->row_count, 7u);
  EXPECT_FALSE(decode_failure("short"));
}

}  // namespace
}  // namespace kinglet::spool::internal
