// SPDX-License-Identifier: Apache-2.0
// Bodies through the whole intake into a spool: pieces, keys, cuts of the stream, broken ends, memory.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "catalog/testing.h"
#include "ingest/intake.h"
#include "rows/compress_testing.h"
#include "rows/row_testing.h"
#include "spool/spool_testing.h"

namespace kinglet::ingest {
namespace {

using rows::testing::gzipped;
using Rows = std::vector<std::string>;

/// What lands, row by row; like the engine it takes a token once.
class Tables {
 public:
  spool::LandingAnswer land(const spool::LandingPart& part) {
    const std::lock_guard lock(mutex_);
    if (!tokens_.insert(part.layout.table.table + part.token).second) return {.verdict = spool::Verdict::stored};
    auto& rows = rows_[part.layout.table.table];
    for (const auto bytes : part.blocks) {
      const auto block = engine::Block::decode(bytes);
      if (!block) return {.verdict = spool::Verdict::refused_all, .error = block.error()};
      for (std::size_t row = 0; row < block->row_count(); ++row)
        rows.push_back(rows::testing::cell(block->column(0), row));
    }
    return {.verdict = spool::Verdict::stored};
  }
  Rows rows(const std::string& table) {
    const std::lock_guard lock(mutex_);
    return rows_[table];
  }

 private:
  std::mutex mutex_;
  std::set<std::string> tokens_;
  std::map<std::string, Rows> rows_;
};

class Landing final : public spool::Landing {
 public:
  explicit Landing(Tables& tables) : tables_(tables) {}
  Task<spool::LandingAnswer> land(const spool::LandingPart& part, Deadline) override { co_return tables_.land(part); }

 private:
  Tables& tables_;
};

/// A body that comes in pieces of one size and may break at its end.
class Body final : public http::BodyReader {
 public:
  Body(std::string_view bytes, std::size_t piece, bool tells_length, std::optional<Error> end = {})
      : bytes_(bytes), piece_(piece), end_(std::move(end)) {
    if (tells_length) length_ = bytes.size();
  }
  Task<Result<std::size_t>> read_some(std::span<char> to) override {
    if (bytes_.empty() && end_) co_return fail(*end_);
    const auto size = std::min({to.size(), piece_, bytes_.size()});
    bytes_.copy(to.data(), size);
    bytes_.remove_prefix(size);
    co_return size;
  }
  std::optional<std::uint64_t> content_length() const override { return length_; }

 private:
  std::string_view bytes_;
  std::size_t piece_;
  std::optional<std::uint64_t> length_;
  std::optional<Error> end_;
};

/// A server's intake over a spool of its own.
class Place {
 public:
  explicit Place(IntakeOptions options = {}) {
    auto made = spool::Spool::open(spool::testing::quick_options(folder_.path()),
                                   [this](asio::any_io_executor) { return std::make_unique<Landing>(tables_); });
    spool_ = std::move(made.value());
    catalog_ = catalog::testing::open(catalog_folder_.path());
    intake_ = std::make_unique<Intake>(*catalog_, *spool_, observer_, options);
    auto workspace = std::make_shared<catalog::Workspace>();
    workspace->id = "w";
    workspace->database = "db";
    workspace_ = workspace;
    auto source = std::make_shared<catalog::DataSource>();
    source->id = source->table = "rows";
    source->name = "rows";
    source->quarantine_table = "bad";
    source->definition = rows::testing::source_of({{"a", "Int64"}});
    source_ = source;
  }
  ~Place() {
    intake_.reset();
    spool_->stop();
    catalog_->stop();
  }

  EventsAnswer send(Body&& body, const std::string& key = {}, const std::string& encoding = {}, bool wait = true) {
    EventsRequest request{
        .workspace = workspace_, .source = source_, .content_encoding = encoding, .idempotency_key = key, .wait = wait};
    return threads_.run(0, intake_->events(std::move(request), body));
  }
  Rows rows() { return tables_.rows("rows"); }
  std::size_t bad() { return tables_.rows("bad").size(); }
  Intake& intake() { return *intake_; }
  observe::RowCounts counts() { return observer_.rows("w", "rows", "rows")->read(); }
  IoThreads& threads() { return threads_; }

 private:
  spool::testing::TempFolder folder_, catalog_folder_;
  IoThreads threads_{1};
  Tables tables_;
  observe::Observer observer_;
  std::unique_ptr<spool::Spool> spool_;
  std::unique_ptr<catalog::Catalog> catalog_;
  std::unique_ptr<Intake> intake_;
  std::shared_ptr<const catalog::Workspace> workspace_;
  std::shared_ptr<const catalog::DataSource> source_;
};

IntakeOptions small_pieces(std::size_t rows) {
  return {.workers = 2, .memory = {}, .pieces = {.rows_max = rows}, .mapping = {}};
}

std::string numbers(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) text += fmt::format("{{\"a\":{}}}\n", i);
  return text;
}
Rows texts(int from, int to) {
  Rows out;
  for (int i = from; i < to; ++i) out.push_back(std::to_string(i));
  return out;
}
std::string show(const EventsAnswer& answer) {
  return fmt::format("{}+{}{}{}", answer.successful_rows, answer.quarantined_rows, answer.replayed ? " replayed" : "",
                     answer.error ? " " + std::string(code_name(answer.error->code)) : "");
}

TEST(Events, ALargeBodyIsStoredPieceByPieceInOrder) {
  Place place(small_pieces(10));
  const std::string text = numbers(0, 95) + "{\"a\":\"x\"}\n" + numbers(95, 100);
  EXPECT_EQ(show(place.send(Body(text, 64, true))), "100+1");
  EXPECT_EQ(place.rows(), texts(0, 100));
  EXPECT_EQ(place.bad(), 1u);
  EXPECT_EQ(place.counts().accepted, 101u);
}

TEST(Events, ARepeatOfAHalfReceivedBodyStoresEachPieceOnceR10) {
  for (const bool tells_length : {true, false}) {
    Place place(small_pieces(10));
    const std::string text = numbers(0, 57);
    const Error left{.code = Code::cancelled, .message = "the peer left"};
    // 33 whole rows came: three pieces are stored, three rows are not.
    const auto cut =
        place.send(Body(std::string_view(text).substr(0, numbers(0, 33).size() + 3), 50, false, left), "key");
    EXPECT_EQ(show(cut), "30+0 cancelled");
    EXPECT_EQ(show(place.send(Body(text, 17, tells_length), "key")), "57+0");
    EXPECT_EQ(place.rows(), texts(0, 57));
    EXPECT_EQ(show(place.send(Body(text, SIZE_MAX, tells_length), "key")), "57+0 replayed");
    EXPECT_EQ(show(place.send(Body(gzipped(text), 20, true), "key", "gzip")), "57+0 replayed");
    EXPECT_EQ(place.rows(), texts(0, 57));
    // Every row is in the books: those of repeated pieces as such.
    const auto counts = place.counts();
    EXPECT_EQ(counts.accepted, 30u + 3 * 57);
    EXPECT_EQ(counts.deduplicated, 30u + 2 * 57);
  }
}

TEST(Events, AKeyThatIsUsedForAnotherBodyIsRefusedInAnyPiece) {
  Place place(small_pieces(10));
  const std::string text = numbers(0, 35);
  EXPECT_EQ(show(place.send(Body(text, 64, true), "key")), "35+0");
  EXPECT_EQ(show(place.send(Body(numbers(1, 36), 64, true), "key")), "0+0 conflict");
  EXPECT_EQ(show(place.send(Body(numbers(0, 25) + numbers(50, 60), 64, true), "key")), "20+0 conflict");
  EXPECT_EQ(place.rows(), texts(0, 35));
}

TEST(Events, AnErrorTellsWhatIsStored) {
  Place place(small_pieces(10));
  std::string bytes = gzipped(numbers(0, 1000));
  bytes.resize(bytes.size() - 4);  // its checksum is cut
  const auto answer = place.send(Body(bytes, 100, true), {}, "gzip");
  EXPECT_EQ(show(answer), "1000+0 invalid");
  EXPECT_EQ(place.counts().accepted, 1000u);

  // One piece is all or nothing.
  Place whole;
  EXPECT_EQ(show(whole.send(Body(bytes, 100, true), {}, "gzip")), "0+0 invalid");
  EXPECT_EQ(whole.counts().accepted, 0u);
}

TEST(Events, ABodyWithoutOneRowIsRefusedHoweverLongItIs) {
  Place place(small_pieces(10));
  std::string junk;
  for (int i = 0; i < 1000; ++i) junk += "junk\n";
  const auto answer = place.send(Body(junk, 64, true));
  EXPECT_EQ(show(answer), "0+0 invalid");
  EXPECT_NE(answer.error->message.find("line 1"), std::string::npos);
  EXPECT_EQ(place.counts().accepted, 0u);
}

TEST(EventsLaws, HowTheBytesArriveChangesNothing) {
  const std::vector<std::string> lines = {"{\"a\":1}\n",     "{\"a\":-2}\r\n", "\n",
                                          "{\"a\":\"x\"}\n", "junk\n",         "{\"a\":3} \n"};
  // One pair of places for all cases; each case looks at what it added.
  Place whole(small_pieces(5)), pieces(small_pieces(5));
  std::size_t seen = 0, seen_bad = 0;
  int number = 0;
  EXPECT_TRUE(rc::check([&] {
    std::string text = *rc::gen::element<std::string>("", "[", "{\n\"a\":7}\n", "{\"a\":0}\n");
    for (const auto pick :
         *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, lines.size())))
      text += lines[pick];
    const std::string key = std::to_string(number++);
    const auto expected = whole.send(Body(text, SIZE_MAX, true), key);
    const bool packed = *rc::gen::arbitrary<bool>();
    const std::string bytes = packed ? gzipped(text) : text;
    const auto answer = pieces.send(Body(bytes, *rc::gen::inRange<std::size_t>(1, 40), *rc::gen::arbitrary<bool>()),
                                    key, packed ? "gzip" : "");
    RC_ASSERT(show(answer) == show(expected));
    const auto rows = whole.rows();
    RC_ASSERT(pieces.rows() == rows);
    RC_ASSERT(pieces.bad() == whole.bad());
    RC_ASSERT(rows.size() - seen == expected.successful_rows);
    RC_ASSERT(whole.bad() - seen_bad == expected.quarantined_rows);
    seen = rows.size();
    seen_bad = whole.bad();
  }));
}

TEST(Events, WorkersReadWhatIsTooLongForTheIoThread) {
  Place place;
  std::string text;
  Rows expected;
  for (int i = 0; i < 200'000; ++i) {
    text += fmt::format("{{\"a\":{}}}\n", i);
    expected.push_back(std::to_string(i));
  }
  ASSERT_GT(text.size(), 4 * IntakeLimits::buffer_bytes);
  EXPECT_EQ(show(place.send(Body(text, SIZE_MAX, true))), "200000+0");
  EXPECT_EQ(show(place.send(Body(text, 100'000, false))), "200000+0");
  EXPECT_EQ(show(place.send(Body(gzipped(text), SIZE_MAX, true), {}, "gzip")), "200000+0");
  auto rows = place.rows();
  ASSERT_EQ(rows.size(), 3 * expected.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), rows.begin()));
  const auto memory = place.intake().memory();
  EXPECT_EQ(memory.small_bytes + memory.large_bytes, 0u);
}

TEST(Events, OneRowOfManyMegabytesInSmallPieces) {
  Place place;
  const std::string text = "{\"a\":1,\"more\":\"" + std::string(5 << 20, 'x') + "\"}\n{\"a\":2}\n";
  EXPECT_EQ(show(place.send(Body(text, 8'000, false))), "2+0");
  EXPECT_EQ(place.rows(), (Rows{"1", "2"}));
}

}  // namespace
}  // namespace kinglet::ingest
