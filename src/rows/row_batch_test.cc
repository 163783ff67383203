// SPDX-License-Identifier: Apache-2.0
// Batches: what counts, what is quarantined, forms of bodies, limits, and that cuts of the stream change nothing.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "rows/row_testing.h"

namespace kinglet::rows {
namespace {

using testing::ColumnText;
using testing::Outcome;
using testing::read_all;
using testing::source_of;
using Rows = std::vector<std::string>;

const std::vector<ColumnText> simple = {{"a", "Int32"}, {"s", "String", "", "''"}};

std::string counts(const Outcome& out) {
  return fmt::format("{}+{} malformed {}{}", out.batch.counts.successful, out.batch.counts.quarantined,
                     out.batch.counts.malformed, out.nothing_parsed ? " nothing" : "");
}

TEST(BatchBuilder, LinesThatAreNoRowsGoToQuarantineAndAreNeverRunI1) {
  auto out = read_all(source_of(simple),
                      "{\"a\":1}\n\n  \r\n{\"a\":2\n; DROP TABLE x\n\nDROP TABLE events;\n[1]\n\"x\"\n5\n{\"a\":3} "
                      "x\n{\"a\":4}{\"a\":5}\n{\"a\":6}");
  EXPECT_EQ(counts(out), "2+8 malformed 8");
  EXPECT_EQ(out.rows(), (Rows{"1;NULL", "6;NULL"}));
  EXPECT_EQ(out.bad()[1], "[];[not a JSON object: ; DROP TABLE x];NULL;NULL;NULL");
  EXPECT_EQ(out.batch.errors[1].row, 5u);
}

TEST(BatchBuilder, SecondOfThreeIsBad) {
  auto out =
      read_all(source_of(simple),
               "{\"a\":1,\"s\":\"x\"}\r\n{\"a\":\"x\",\"s\":{\"q\": [1, \"\\\"\"]}}\r\n{\"a\":3,\"s\":\"y\"}\r\n",
               {.format = InputFormat::ndjson, .csv = {}, .import_id = "01H", .now_seconds = 77});
  EXPECT_EQ(counts(out), "2+1 malformed 0");
  EXPECT_EQ(out.rows(), (Rows{"1;x", "3;y"}));
  EXPECT_EQ(out.bad(), (Rows{"[a];[value 'x' on column 'a' is not Int32];01H;x;{\"q\":[1,\"\\\"\"]}"}));
  EXPECT_EQ(testing::cell(out.batch.quarantine.column(5), 0), "77");
  ASSERT_EQ(out.batch.errors.size(), 1u);
  EXPECT_EQ(out.batch.errors[0].row, 2u);
  EXPECT_EQ(out.batch.errors[0].column, "a");
}

TEST(BatchBuilder, AllFailingColumnsAreNamed) {
  auto out = read_all(source_of({{"a", "Int8"}, {"b", "UUID"}, {"c", "String"}, {"d", "Array(Int8)"}}),
                      R"({"a":1.5,"b":"","c":"ok","d":[1,2,"x"]})");
  EXPECT_EQ(out.bad(), (Rows{"[a,b,d];[value '1.5' on column 'a' is not Int8,value '' on column 'b' is not UUID,value "
                             "'[1,2,\"x\"]' on column 'd' is not Array(Int8)];"
                             "NULL;1.5;;ok;[1,2,\"x\"]"}));
}

TEST(BatchBuilder, ErrorsNameTheLine) {
  auto out = read_all(source_of(simple), "\n \r\n{\"a\":1}\n\n{\"a\":\"x\"}\n");
  ASSERT_EQ(out.batch.errors.size(), 1u);
  EXPECT_EQ(out.batch.errors[0].row, 5u);
}

TEST(BatchBuilder, QuarantineCanKeepJsonQuotes) {
  auto out = read_all(source_of(simple), "{\"a\":\"x\",\"s\":\"y\\\"\"}", {}, {.quarantine_json_text = true});
  EXPECT_EQ(out.bad(), (Rows{"[a];[value 'x' on column 'a' is not Int32];NULL;\"x\";\"y\\\"\""}));
}

TEST(BatchBuilder, NothingParsed) {
  EXPECT_EQ(counts(read_all(source_of(simple), "hello")), "0+1 malformed 1 nothing");
  EXPECT_EQ(counts(read_all(source_of(simple), "a=1&b=2\nfoo\n")), "0+2 malformed 2 nothing");
  EXPECT_EQ(counts(read_all(source_of(simple), "")), "0+0 malformed 0");
  EXPECT_EQ(counts(read_all(source_of(simple), "\n \n")), "0+0 malformed 0");
  EXPECT_EQ(counts(read_all(source_of(simple), "x\n{\"a\":null}")), "0+2 malformed 1");
}

TEST(BatchBuilder, ByteOrderMarkIsSkippedOnce) {
  EXPECT_EQ(counts(read_all(source_of(simple), "\xef\xbb\xbf{\"a\":1}\n{\"a\":2}")), "2+0 malformed 0");
  EXPECT_EQ(counts(read_all(source_of(simple), "\xef\xbb\xbf[{\"a\":1}]")), "1+0 malformed 0");
  EXPECT_EQ(counts(read_all(source_of(simple), "\xef\xbb\xbf\xef\xbb\xbf{\"a\":1}")), "0+1 malformed 1 nothing");
  EXPECT_EQ(counts(read_all(source_of(simple), "\xef\xbb")), "0+1 malformed 1 nothing");
}

TEST(BatchBuilder, ObjectsOverSeveralLinesAndArrays) {
  const auto source = source_of(simple);
  EXPECT_EQ(read_all(source, "{\n  \"a\": 1,\n  \"s\": \"x\"\n}\n").rows(), (Rows{"1;x"}));
  EXPECT_EQ(read_all(source, "{\n\"a\": 1}\n{\n\"a\":2}").rows(), (Rows{"1;NULL", "2;NULL"}));
  EXPECT_EQ(read_all(source, " \n[ {\"a\":1} ,\n {\"a\":2}]\n").rows(), (Rows{"1;NULL", "2;NULL"}));
  EXPECT_EQ(read_all(source, "[]").rows(), (Rows{}));
  const BatchOptions json{.format = InputFormat::json};
  EXPECT_EQ(read_all(source, "{\"a\":1}", json).rows(), (Rows{"1;NULL"}));
  EXPECT_EQ(read_all(source, "{\"a\":1}\n{\"a\":2} {\"a\":3}", json).rows(), (Rows{"1;NULL", "2;NULL", "3;NULL"}));
  EXPECT_EQ(read_all(source, "[{\"a\":1},[{\"a\":2}],3,\"x\",null,{\"a\":4}]", json).rows(),
            (Rows{"1;NULL", "4;NULL"}));
  EXPECT_EQ(counts(read_all(source, "[{\"a\":1},[{\"a\":2}],3,\"x\",null,{\"a\":4}]", json)), "2+4 malformed 4");
  EXPECT_EQ(counts(read_all(source, "[{\"a\":1}{\"a\":2}]", json)), "2+1 malformed 1");
  EXPECT_EQ(counts(read_all(source, "[{\"a\":1},]", json)), "1+1 malformed 1");
  EXPECT_EQ(counts(read_all(source, "[{\"a\":1},{\"a\":2}", json)), "2+1 malformed 1");
  EXPECT_EQ(counts(read_all(source, "[{\"a\":1},{\"a\":", json)), "1+1 malformed 1");
  EXPECT_EQ(counts(read_all(source, "[{\"a\":1},{\"a\":[1}},{\"a\":2}]", json)), "1+1 malformed 1");
  EXPECT_EQ(counts(read_all(source, "[{\"a\":1},{\"a\":\"\xff\"},{\"a\":2}]", json)), "2+1 malformed 1");
}

TEST(BatchBuilder, ABrokenFirstLineDoesNotSwallowTheOthers) {
  EXPECT_EQ(counts(read_all(source_of(simple), "{\"a\":1\n{\"a\":2}\n{\"a\":3}\n")), "2+1 malformed 1");
  EXPECT_EQ(counts(read_all(source_of(simple), "{\"a\":\"x\n{\"a\":2}\n")), "1+1 malformed 1");
  EXPECT_EQ(counts(read_all(source_of(simple), "{\"a\":{\n{\"a\":2}}\n{\"a\":3}\n")), "1+2 malformed 2");
  std::string many = "{\"a\":1\n";
  for (int i = 0; i < 150'000; ++i) many += "{\"a\":2}\n";
  EXPECT_EQ(counts(read_all(source_of(simple), many, {.rows_max = 1'000'000})), "150000+1 malformed 1");
}

TEST(BatchBuilder, PathsReadWhatTheyName) {
  auto source = source_of({{"whole", "String", "$"},
                           {"ab", "Nullable(Int8)", "$.a.b"},
                           {"a", "String", "$.a", "''"},
                           {"ids", "Array(Int8)", "$.items[:].id", "[]"},
                           {"items", "Array(String)", "$.items[:]", "[]"},
                           {"deep", "Array(Array(Int8))", "$.m[:].n[:].x", "[]"},
                           {"none", "String", "-"}});
  auto out = read_all(source,
                      R"({"a":{"b":1,"c":2},"items":[{"id":1},{"id":2,"id":3}],"m":[{"n":[{"x":1},{"x":2}]},{"n":[]}]})"
                      "\n"
                      R"({"a":{"b":1},"a":{"c":2}})"
                      "\n{\"a\":[1],\"\\u0061\":7}\n{}\n{\"items\":[1]}\n{\"items\":{}}\n{\"A\":1,\"items\":[]}\n");
  EXPECT_EQ(
      out.rows(),
      (Rows{
          R"({"a":{"b":1,"c":2},"items":[{"id":1},{"id":2,"id":3}],"m":[{"n":[{"x":1},{"x":2}]},{"n":[]}]};1;{"b":1,"c":2};[1,3];[{"id":1},{"id":2,"id":3}];[[1,2],[]])",
          R"({"a":{"b":1},"a":{"c":2}};NULL;{"c":2};[];[];[])", R"({"a":[1],"\u0061":7};NULL;7;[];[];[])",
          "{};NULL;NULL;[];[];[]", R"({"A":1,"items":[]};NULL;NULL;[];[];[])"}));
  EXPECT_EQ(out.batch.counts.quarantined, 2u);
}

TEST(BatchBuilder, ColumnsByNameWhenThereAreNoPaths) {
  EXPECT_EQ(read_all(source_of({{"a", "Int8", "-"}, {"b", "String", "-"}}), R"({"b":"x","a":1})").rows(),
            (Rows{"1;x"}));
}

TEST(BatchBuilder, NewKeysAreNoticedAndBounded) {
  auto out = read_all(source_of({{"a", "Int8"}, {"d", "Nullable(Int8)", "$.c.d"}}),
                      R"({"a":1,"new":2,"c":{"d":1,"e":{"f":1}}})"
                      "\n{\"a\":1,\"new\":null,\"A\":1}\n");
  EXPECT_EQ(out.new_columns, (Rows{"A", "c.e", "new"}));
  std::string wide = "{\"a\":1";
  for (int i = 0; i < 1000; ++i) wide += fmt::format(",\"k{}\":0", i);
  EXPECT_EQ(read_all(source_of(simple), wide + "}").new_columns.size(), 64u);
}

TEST(BatchBuilder, DefaultsOnlyTheEngineCanEvaluateMakeASecondBlock) {
  auto source = source_of({{"k", "UInt8"},
                           {"tags", "Array(String)", "", "splitByChar(',', toString(k))"},
                           {"n", "Nullable(Int8)", "", "k * 2"}});
  auto out = read_all(source,
                      "{\"k\":1}\n{\"k\":2,\"tags\":[\"x\"],\"n\":1}\n{\"k\":3,\"tags\":null,\"n\":null}\n{\"k\":4,"
                      "\"n\":4}\n{\"k\":\"x\"}\n");
  EXPECT_EQ(counts(out), "4+1 malformed 0");
  ASSERT_EQ(out.batch.rows.size(), 3u);
  EXPECT_EQ(out.rows(), (Rows{"2;[x];1", "3;NULL", "4;4", "1"}));
  EXPECT_EQ(out.batch.rows[1].column_names(), (Rows{"k", "n"}));
  EXPECT_EQ(out.batch.rows[2].column_names(), (Rows{"k"}));
  // A block without any column would stop the engine's input: such a row is refused instead.
  auto only = read_all(source_of({{"tags", "Array(String)", "", "someFunction()"}}), "{}\n{\"tags\":[]}\n");
  EXPECT_EQ(counts(only), "1+1 malformed 0");
}

TEST(BatchBuilder, TooManySetsOfLeftOutColumnsEndTheBatch) {
  std::vector<ColumnText> columns = {{"k", "UInt8"}};
  for (int i = 0; i < 10; ++i) columns.push_back({fmt::format("a{}", i), "Array(Int8)", "", "f()"});
  std::string text;
  for (int mask = 0; mask < 1000; ++mask) {
    text += "{\"k\":1";
    for (int i = 0; i < 10; ++i)
      if ((mask >> i & 1) != 0) text += fmt::format(",\"a{}\":[]", i);
    text += "}\n";
  }
  BatchBuilder builder(RowMapping::compile(source_of(columns)).value(), {});
  std::string_view rest = text;
  std::uint64_t rows = 0;
  while (!rest.empty()) {
    rest.remove_prefix(builder.feed(rest).value());
    if (!builder.full()) continue;
    const Batch batch = builder.take();
    EXPECT_LE(batch.rows.size(), BatchBuilder::groups_max + 1);
    rows += batch.counts.successful;
  }
  EXPECT_EQ(rows + builder.take().counts.successful, 1000u);
}

TEST(BatchBuilder, AggregateStatesAreLeftOut) {
  EXPECT_EQ(read_all(source_of({{"a", "Int8"}, {"st", "AggregateFunction(count)", "-"}}), "{\"a\":1}").rows(),
            (Rows{"1"}));
  EXPECT_NE(read_all(source_of({{"st", "AggregateFunction(count)"}}), "").fault, "");
  EXPECT_NE(read_all(source_of({{"a", "Foo"}}), "").fault, "");
  EXPECT_NE(read_all(source_of({{"a", "Int8", "$.x[:]"}, {"b", "Int8", "$.y[:].z"}}), "").fault, "");
}

TEST(BatchBuilder, DeepNestingHasALimitI3) {
  const auto nested = [](int levels) {
    return "{\"a\":1,\"x\":" + std::string(levels, '[') + std::string(levels, ']') + "}\n";
  };
  EXPECT_EQ(counts(read_all(source_of(simple), nested(127))), "1+0 malformed 0");
  EXPECT_EQ(counts(read_all(source_of(simple), nested(128))), "0+1 malformed 1 nothing");
  EXPECT_EQ(counts(read_all(source_of(simple), nested(100'000) + nested(1))), "1+1 malformed 1");
  EXPECT_EQ(counts(read_all(source_of({{"w", "String", "$"}}), std::string(100'000, '{') + "\n{}")), "1+1 malformed 1");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_EQ(counts(read_all(source_of({{"a", "JSON"}}), objects + "\n{\"a\":{}}")), "1+1 malformed 1");
  EXPECT_EQ(counts(read_all(source_of(simple), objects, {.format = InputFormat::json})), "0+1 malformed 1 nothing");
}

TEST(BatchBuilder, ManyKeysBigKeysDuplicateKeysI3) {
  std::string many = "{";
  for (int i = 0; i < 1'000'000; ++i) many += fmt::format("\"k{}\":1,", i);
  many += "\"a\":1,\"a\":2}\n{\"" + std::string(10 << 20, 'k') +
          "\":1,\"a\":3}\n{\"a\":NaN,\"a\":1}\n{\"a\":\"x\",\"a\":4}\n{\"a\":5,\"a\":\"x\"}\n";
  auto out = read_all(source_of(simple), many);
  EXPECT_EQ(out.rows(), (Rows{"2;NULL", "3;NULL", "4;NULL"}));
  EXPECT_EQ(counts(out), "3+2 malformed 1");
}

TEST(BatchBuilder, LongRowsAreMalformedAndForgottenI3) {
  const std::string big = "{\"a\":1,\"s\":\"" + std::string(3000, 'x') + "\"}";
  for (const std::size_t piece : {std::size_t{7}, std::size_t{4096}, SIZE_MAX}) {
    auto out = read_all(source_of(simple), big + "\n{\"a\":2}\n" + big, {}, {.row_bytes_max = 2000}, piece);
    EXPECT_EQ(counts(out), "1+2 malformed 2") << piece;
    auto array = read_all(source_of(simple), "[" + big + ",{\"a\":2}]", {}, {.row_bytes_max = 2000}, piece);
    EXPECT_EQ(counts(array), "1+1 malformed 1") << piece;
    auto fits = read_all(source_of(simple), big + "\n", {}, {.row_bytes_max = big.size()}, piece);
    EXPECT_EQ(counts(fits), "1+0 malformed 0") << piece;
  }
}

TEST(BatchBuilder, UnusedValuesAreCheckedToo) {
  for (const char* line :
       {R"({"a":1,"x":tru})", R"({"a":1,"x":[1,]})", R"({"a":1,"x":{"y":01}})", R"({"a":1,"x":"\q"})",
        R"({"a":1,"\q":1})", R"({"a":1,})", R"({"a":1 "x":1})", R"({"a":1,x:1})", R"({a:1})", R"({'a':1})",
        R"({"a":1,"x":NaN})", R"({"a" 1})", R"({"a":1]})", R"({"a":1,"x":"y"z})", "{\"a\":1,\"x\":\"\x01\"}",
        "{\"a\":1}\x0c", "{\"a\":1,\x1a}"})
    EXPECT_EQ(counts(read_all(source_of(simple), line)), "0+1 malformed 1 nothing") << line;
}

TEST(BatchBuilder, FullBuilderStopsAtARowAndGoesOn) {
  auto mapping = RowMapping::compile(source_of(simple)).value();
  BatchBuilder builder(mapping, {.rows_max = 3});
  std::string text;
  for (int i = 0; i < 10; ++i) text += fmt::format("{{\"a\":{}}}\n", i % 4 == 3 ? "\"x\"" : std::to_string(i));
  std::string_view rest = text;
  std::vector<std::size_t> sizes;
  while (!rest.empty()) {
    rest.remove_prefix(builder.feed(rest).value());
    if (builder.full()) {
      EXPECT_EQ(builder.feed(rest).value(), 0u);
      Batch batch = builder.take();
      sizes.push_back(batch.counts.successful + batch.counts.quarantined);
      builder.recycle(std::move(batch));
    }
  }
  EXPECT_TRUE(builder.finish().value());
  builder.take();
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 3}));
  EXPECT_EQ(builder.totals(), (BatchCounts{.successful = 8, .quarantined = 2, .malformed = 0}));
}

TEST(BatchBuilder, BytesLimitStopsToo) {
  auto mapping = RowMapping::compile(source_of(simple)).value();
  BatchBuilder builder(mapping, {.bytes_max = 1 << 20});
  std::string text;
  for (int i = 0; i < 100; ++i) text += "{\"a\":1,\"s\":\"" + std::string(50'000, 'x') + "\"}\n";
  EXPECT_LT(builder.feed(text).value(), text.size());
  EXPECT_TRUE(builder.full());
  EXPECT_LT(builder.take().rows[0].byte_size(), (1u << 20) + 200'000);
}

/// Everything that a caller can see, except where batches were cut.
std::string all_of(const Outcome& out) {
  std::string text = counts(out) + out.fault;
  for (const auto& row : out.rows()) text += "\n" + row;
  for (const auto& row : out.bad()) text += "\n" + row;
  for (const auto& error : out.batch.errors) text += fmt::format("\n{} {} {}", error.row, error.column, error.error);
  for (const auto& key : out.new_columns) text += "\n" + key;
  return text;
}

TEST(BatchBuilderLaws, CutsOfTheStreamChangeNothing) {
  const std::vector<std::string> parts = {"{\"a\":1}",
                                          "{\"a\":2,\"s\":\"x\\n\xc3\xa9\"}",
                                          "\n",
                                          "\r\n",
                                          "{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          "\"",
                                          "\\",
                                          "{\"a\":",
                                          "\xef\xbb\xbf",
                                          " ",
                                          "{\"a\":\"x\"}",
                                          "{\n\"a\":3\n}",
                                          "nonsense",
                                          "\xff",
                                          "{\"s\":{\"n\":[1,2]},\"a\":9}",
                                          "\"a;b\"",
                                          "1;2",
                                          "a,s",
                                          "1,\"x\"\"y\"",
                                          "\\N"};
  EXPECT_TRUE(rc::check([&] {
    const auto picks = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, parts.size()));
    const auto piece = *rc::gen::inRange<std::size_t>(1, 9);
    const auto format = *rc::gen::element(InputFormat::ndjson, InputFormat::json, InputFormat::csv);
    const auto limit = *rc::gen::element<std::size_t>(16, 1 << 20);
    std::string text;
    for (const std::size_t pick : picks) text += parts[pick];
    const BatchOptions options{.format = format};
    const std::string whole = all_of(read_all(source_of(simple), text, options, {.row_bytes_max = limit}));
    RC_ASSERT(all_of(read_all(source_of(simple), text, options, {.row_bytes_max = limit}, piece)) == whole);
  }));
}

/// Reads `text` in chunks of `piece` bytes; what each batch holds, one text a batch.
std::vector<std::string> batches_of(BatchBuilder& builder, std::string_view text, std::size_t piece) {
  std::vector<std::string> out;
  const auto take = [&] {
    Outcome one;
    one.batch = builder.take();
    const bool nothing = one.batch.rows.empty() && one.batch.quarantine.empty();
    if (!nothing) out.push_back(all_of(one) + fmt::format("\n{:x}", one.batch.text_hash));
    builder.recycle(std::move(one.batch));
  };
  while (!text.empty()) {
    const std::string chunk(text.substr(0, piece));
    text.remove_prefix(chunk.size());
    std::string_view rest = chunk;
    while (!rest.empty()) {
      const auto used = builder.feed(rest);
      if (!used) return {used.error().message};
      rest.remove_prefix(*used);
      if (builder.full()) take();
    }
  }
  for (bool ended = false; !ended;) {
    const auto done = builder.finish();
    if (!done) return {done.error().message};
    ended = *done;
    take();
  }
  return out;
}

/// Bodies of every shape, with the texts that decide on the form first.
std::string any_body() {
  static const std::vector<std::string> heads = {"",        "\xef\xbb\xbf", "\n \r\n", "[", "{\n\"a\":3\n}",
                                                 "{\"a\":", "a;s\n"};
  static const std::vector<std::string> lines = {"{\"a\":1}\n",
                                                 "{\"a\":2,\"s\":\"x\\n\xc3\xa9\"}\r\n",
                                                 "{\"a\":\"x\"},",
                                                 "{}\n",
                                                 "\n",
                                                 "junk\n",
                                                 "{\"a\":1,\"s\":\"a long text, longer than the rest of them all\"}\n",
                                                 "{\"a\":9} {\"a\":8}\n",
                                                 "1;\"x\"\n",
                                                 "]\n"};
  std::string text = *rc::gen::elementOf(heads);
  const auto picks = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, lines.size()));
  for (const std::size_t pick : picks) text += lines[pick];
  return text;
}

BatchOptions any_limits() {
  BatchOptions options;
  options.format = *rc::gen::element(InputFormat::ndjson, InputFormat::json, InputFormat::csv);
  options.rows_max = *rc::gen::element<std::size_t>(1, 2, 3, 7, SIZE_MAX);
  options.text_bytes_max = *rc::gen::element<std::uint64_t>(10, 50, UINT64_MAX);
  options.hash_text = true;
  return options;
}

TEST(BatchBuilderLaws, WhereBatchesEndDoesNotDependOnTheCutsOfTheStream) {
  const auto mapping = RowMapping::compile(source_of(simple)).value();
  EXPECT_TRUE(rc::check([&] {
    const std::string text = any_body();
    const BatchOptions options = any_limits();
    BatchBuilder whole(mapping, options), pieces(mapping, options);
    const auto expected = batches_of(whole, text, SIZE_MAX);
    RC_ASSERT(batches_of(pieces, text, *rc::gen::inRange<std::size_t>(1, 9)) == expected);
  }));
}

TEST(BatchBuilderLaws, ARestartedBuilderIsAsGoodAsNew) {
  const auto mapping = RowMapping::compile(source_of(simple)).value();
  EXPECT_TRUE(rc::check([&] {
    BatchBuilder used(mapping, any_limits());
    const std::string earlier = any_body();
    (void)used.feed(earlier);  // and nothing more: it stops anywhere
    const std::string text = any_body();
    const BatchOptions options = any_limits();
    used.restart(options);
    BatchBuilder fresh(mapping, options);
    RC_ASSERT(batches_of(used, text, 7) == batches_of(fresh, text, 7));
    RC_ASSERT(used.totals() == fresh.totals());
    RC_ASSERT(used.nothing_parsed() == fresh.nothing_parsed());
    RC_ASSERT(used.new_columns() == fresh.new_columns());
  }));
}

TEST(BatchBuilder, TextLimitCutsBehindTheRowThatReachesIt) {
  BatchBuilder builder(RowMapping::compile(source_of(simple)).value(), {.text_bytes_max = 14});
  const auto batches = batches_of(builder, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", 5);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_TRUE(batches[0].starts_with("2+0")) << batches[0];
}

TEST(BatchBuilder, TheHashTellsTextsApart) {
  const auto mapping = RowMapping::compile(source_of(simple)).value();
  const auto hash = [&](std::string_view text) {
    BatchBuilder builder(mapping, {.hash_text = true});
    (void)builder.feed(text);
    (void)builder.finish();
    return builder.take().text_hash;
  };
  const std::string first = "{\"a\":1}\n{\"a\":2}\n";
  EXPECT_EQ(hash(first), hash("\n{\"a\":1}\n\n{\"a\":2}"));  // blank lines are no rows
  EXPECT_NE(hash(first), hash("{\"a\":2}\n{\"a\":1}\n"));
  EXPECT_NE(hash(first), hash("{\"a\":1}\n"));
  EXPECT_NE(hash(first), hash("{\"a\":1}\n{\"a\":3}\n"));
  EXPECT_NE(hash("{\"a\":1,\"unknown\":1}"), hash("{\"a\":1,\"unknown\":2}"));
  EXPECT_NE(hash("junk 1\n"), hash("junk 2\n"));
}

TEST(BatchBuilderLaws, EveryLineIsCountedOnce) {
  const std::vector<std::string> lines = {
      "{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":1,\"s\":\"\\ud800\"}", "junk", "{\"a\":1", "\"", "{\"a\":\"\xff\"}", "[1]",
      "{}",        "{\"a\":[}"};
  EXPECT_TRUE(rc::check([&] {
    const auto picks = *rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(0, lines.size()));
    std::string text = "{\"a\":0}\n";
    for (const std::size_t pick : picks) text += lines[pick] + "\n";
    const auto out = read_all(source_of(simple), text);
    RC_ASSERT(out.batch.counts.successful + out.batch.counts.quarantined == picks.size() + 1);
    RC_ASSERT(out.rows().size() == out.batch.counts.successful);
    RC_ASSERT(out.bad().size() == out.batch.counts.quarantined);
    // Each line alone has the same fate.
    std::uint64_t good = 1;
    for (const std::size_t pick : picks)
      good += read_all(source_of(simple), "{\"a\":0}\n" + lines[pick]).batch.counts.successful - 1;
    RC_ASSERT(out.batch.counts.successful == good);
  }));
}

}  // namespace
}  // namespace kinglet::rows
