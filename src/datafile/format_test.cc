// SPDX-License-Identifier: Apache-2.0
// The formatter: canonical layout, comments kept, the same model, and nothing left to do the second time. Covers
// D-files of tests/cases and demo, and files made of random pieces.
#include "datafile/format.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "datafile/print.h"
#include "datafile/tree.h"

namespace kinglet::datafile {
namespace {

std::string formatted(const std::string& name, const std::string& text) {
  const auto out = format_datafile({.name = name, .text = text});
  if (!out) return fmt::format("error: {} ({})", out.error().message, out.error().hint);
  EXPECT_EQ(format_datafile({.name = name, .text = *out}).value_or("refused"), *out);
  return *out;
}

TEST(Format, DataSourceInCanonicalOrderWithItsComments) {
  const std::string expected = R"df(# Header of the file

DESCRIPTION >
    of t

TAGS "a, b"

SCHEMA > # columns
    # the key
    `id` UInt64,
    `org` String `json:$.org` DEFAULT 'x, # y',

    # when
    `at` DateTime64(3) CODEC(ZSTD(1)),
    `place` Tuple(lat Float64)
    # inside
    # end of the columns

ENGINE "ReplacingMergeTree"
ENGINE_SORTING_KEY "id, lower( org )"
# the newest row wins
ENGINE_VER "at" # grows
ENGINE_SETTINGS "index_granularity = 256, a = 'x'"

KAFKA_TOPIC events
KAFKA_CONNECTION_NAME k
KAFKA_AUTO_OFFSET_RESET latest

# who reads it
TOKEN "web site" READ

SHARED_WITH >
    one,
    # second
    two
)df";
  EXPECT_EQ(formatted("t.datasource",
                      "# Header of the file\r\n"
                      "\r\n"
                      "# who reads it\n"
                      "TOKEN   'web site'  read\n"
                      "ENGINE_SETTINGS index_granularity=256 ,a='x'\n"
                      "# the newest row wins\n"
                      "ENGINE_VER   \"at\"   # grows\n"
                      "ENGINE_SORTING_KEY ( id,lower( org ) )\n"
                      "ENGINE replacingmergetree\n"
                      "DESCRIPTION of t\n"
                      "KAFKA_TOPIC \"events\"\n"
                      "KAFKA_CONNECTION_NAME  k \n"
                      "KAFKA_AUTO_OFFSET_RESET Latest\n"
                      "SCHEMA > # columns\n"
                      "# the key\n"
                      "id UInt64, org VARCHAR DEFAULT 'x, # y' `json:$.org`,\n"
                      "\n"
                      "  # when\n"
                      "  at DateTime64(3) CODEC(ZSTD(1)),\n"
                      "  place Tuple(\n"
                      "    # inside\n"
                      "    lat Float64\n"
                      "  )\n"
                      "  # end of the columns\n"
                      "SHARED_WITH >\n"
                      "  one,\n"
                      "  # second\n"
                      "  two\n"
                      "TAGS a,\"b\"\n"),
            expected);
}

TEST(Format, CommentsThatStandAloneKeepTheOrderOfTheFile) {
  EXPECT_EQ(formatted("t.datasource", "TOKEN r READ\n# --- columns ---\n\nSCHEMA >\n\ta String\n# the end\n"),
            "TOKEN \"r\" READ\n\n# --- columns ---\n\nSCHEMA >\n    `a` String\n\n# the end\n");
}

TEST(Format, PipeKeepsItsNodesAndItsSql) {
  const std::string expected = R"(DESCRIPTION >
    Of the pipe
     - item

TOKEN "reader"

# first step
NODE first
SQL >
    %
    SELECT *   -- all
      FROM t

# about the second
NODE second
DESCRIPTION >
    Of the node

SQL >
    SELECT 1
    # part of the SQL

TYPE endpoint
CACHE 60
)";
  EXPECT_EQ(formatted("p.pipe",
                      "TOKEN reader\n"
                      "DESCRIPTION >\n"
                      "\n"
                      "  Of the pipe\n"
                      "   - item\n"
                      "\n"
                      "# first step\n"
                      "NODE   \"first\"\n"
                      "SQL >\n"
                      "\n"
                      "\t\t%\n"
                      "\t\tSELECT *   -- all\n"
                      "\t\t  FROM t\n"
                      "# about the second\n"
                      "NODE second\n"
                      "DESCRIPTION >\n"
                      "   Of the node\n"
                      "SQL >\n"
                      "SELECT 1\n"
                      "# part of the SQL\n"
                      "CACHE   60\n"
                      "TYPE 'ENDPOINT'\n"),
            expected);
}

TEST(Format, ConnectionStartsWithItsType) {
  EXPECT_EQ(formatted("k.connection",
                      "KAFKA_BOOTSTRAP_SERVERS \"b:9092\"\n# user\nKAFKA_KEY u\nKAFKA_SECRET {{ tb_secret('S') }}\n"
                      "TYPE KAFKA\nKAFKA_SSL_CA_PEM >\n  -----BEGIN\n  abc\n"),
            "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b:9092\n# user\nKAFKA_KEY u\nKAFKA_SECRET {{ tb_secret('S') }}\n\n"
            "KAFKA_SSL_CA_PEM >\n    -----BEGIN\n    abc\n");
}

TEST(Format, BlanksAndReturnsAtTheEndOfSqlGo) {
  const auto text = format_datafile({.name = "a.pipe", .text = "NODE n\nSQL >\n    SELECT 1\r\r\t\r\r"});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, "NODE n\nSQL >\n    SELECT 1\n");
}

TEST(Format, EngineLinesInsideAPipeStayAsWritten) {
  EXPECT_EQ(
      formatted(
          "p.pipe",
          "NODE n\nSQL >\n    SELECT a\nTYPE materialized\nDATASOURCE t\nENGINE mergeTREE\nENGINE_SORTING_KEY (a,b)\n"),
      "NODE n\nSQL >\n    SELECT a\n\nTYPE materialized\nDATASOURCE t\nENGINE \"mergeTREE\"\nENGINE_SORTING_KEY "
      "\"(a,b)\"\n");
}

TEST(Format, FilesWithIncludeKeepTheirOrder) {
  EXPECT_EQ(formatted("p.pipe", "INCLUDE \"../x.incl\"   \"A=1\"\nTOKEN t READ\nDESCRIPTION x\n"),
            "INCLUDE \"../x.incl\"   \"A=1\"\n\nTOKEN \"t\" READ\n\nDESCRIPTION >\n    x\n");
}

TEST(Format, FilesWithErrorsAreRefusedWithTheirPlace) {
  EXPECT_EQ(formatted("a/t.datasource", "SCHEMA >\n    a Strin\n    b Int32\n"),
            "error: a/t.datasource:2:7: there is no type 'Strin' (did you mean String?)");
  EXPECT_EQ(formatted("p.pipe", "NODE a\nSQL >\n    SELECT 1\nTYPO endpoint\n").substr(0, 50),
            "error: p.pipe:4:1: unknown keyword 'TYPO' (did you");
  EXPECT_EQ(formatted("t.datasource", "\n"), "error: t.datasource:1:1: the file is empty ()");
  EXPECT_EQ(formatted("t.datasource", "SCHEMA >\n    \xff"),
            "error: t.datasource:2:5: this byte is not UTF-8 (save the file with the encoding UTF-8)");
  EXPECT_EQ(format_datafile({.name = "x.incl", .text = "NODE a\n"}).error().code, Code::unsupported);
  EXPECT_EQ(format_datafile({.name = "README", .text = "NODE a\n"}).error().code, Code::unsupported);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string model(const SourceFile& file) {
  const auto text = [](const auto& parsed) { return parsed.ok() ? print(parsed.resource) : std::string("wrong"); };
  if (file.name.ends_with(".datasource")) return text(parse_data_source(file));
  if (file.name.ends_with(".pipe")) return text(parse_pipe(file));
  return text(parse_connection(file));
}

std::string pieces_of(const SourceFile& file) {
  std::vector<Diagnostic> found;
  internal::Source source(file.name, file.text, found);
  const auto kind = file.name.ends_with(".pipe")         ? internal::FileKind::pipe
                    : file.name.ends_with(".connection") ? internal::FileKind::connection
                                                         : internal::FileKind::data_source;
  std::string out;
  for (const auto& piece : internal::read_tree(source, kind).pieces) out += piece.text;
  return out;
}

/// Every datafile of the repository, and of the folder that KINGLET_CORPUS names.
TEST(Format, EveryDatafileReadsTheSameAfterwards) {
  std::size_t seen = 0, good = 0;
  std::vector<std::filesystem::path> folders = {"demo", "tests/cases"};
  if (const char* corpus = std::getenv("KINGLET_CORPUS")) folders.emplace_back(corpus);
  for (const auto& folder : folders) {
    ASSERT_TRUE(std::filesystem::is_directory(folder)) << "run from the root of the repository: no " << folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".datasource" && extension != ".pipe" && extension != ".connection") continue;
      ++seen;
      const SourceFile file{.name = entry.path().string(), .text = read_file(entry.path())};
      EXPECT_EQ(pieces_of(file), file.text) << file.name;
      const auto out = format_datafile(file);
      if (!out) {
        EXPECT_EQ(out.error().code, Code::invalid) << out.error().message;
        EXPECT_EQ(model(file), "wrong") << out.error().message;
        continue;
      }
      ++good;
      EXPECT_EQ(format_datafile({.name = file.name, .text = *out}).value_or("refused"), *out) << file.name;
      EXPECT_EQ(model({.name = file.name, .text = *out}), model(file)) << file.name;
    }
  }
  EXPECT_GT(seen, 100u);
  EXPECT_GT(good, 20u);
}

/// Lines of files, right and wrong, in any order.
std::vector<std::string> lines_of_files() {
  return {"DESCRIPTION >\n",
          "DESCRIPTION of it\n",
          "    indented text\n",
          "SCHEMA >\n",
          "SCHEMA > # why\n",
          "    `a` String `json:$.a`,\n",
          "    b Int32 DEFAULT 1,\n",
          "\tc VARCHAR CODEC(ZSTD(1))\n",
          "a UInt8, d Date\n",
          "# comment\n",
          "    # inner comment\n",
          "\n",
          "  \r\n",
          "ENGINE MergeTree\n",
          "ENGINE \"Null\" # x\n",
          "ENGINE_SORTING_KEY a,  b\n",
          "ENGINE_SORTING_KEY >\n",
          "ENGINE_TTL ''\n",
          "TOKEN \"x y\" READ\n",
          "TOKEN z APPEND # c\n",
          "TAGS a, b\n",
          "TAGS >\n",
          "SHARED_WITH >\n",
          "    one, two,\n",
          "INDEXES >\n",
          "    i a TYPE minmax GRANULARITY 1\n",
          "NODE n\n",
          "NODE 'm' # c\n",
          "SQL >\n",
          "    SELECT 1\n",
          "SELECT *\n",
          "\tFROM t\n",
          "%\n",
          "TYPE endpoint\n",
          "TYPE COPY\n",
          "TARGET_DATASOURCE t\n",
          "COPY_SCHEDULE 0 * * * *\n",
          "COPY_MODE Append\n",
          "CACHE 5\n",
          "TYPE kafka\n",
          "KAFKA_BOOTSTRAP_SERVERS b\n",
          "KAFKA_TOPIC \"x\"\n",
          "KAFKA_CONNECTION_NAME c\n",
          "VERSION 1\n",
          "INCLUDE \"x.incl\"\n",
          "FORWARD_QUERY >\n",
          "BACKFILL skip",
          "x",
          ">\n",
          "\"\n",
          "'\n",
          "\xEF\xBB\xBF",
          "IMPORT_QUERY >\n",
          "  'q\n"};
}

rc::Gen<std::string> any_file() {
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(lines_of_files())),
                      [](const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "")); });
}

TEST(Tree, PiecesAreTheFileByteForByte) {
  EXPECT_TRUE(rc::check([] {
    const auto text = *any_file();
    for (const std::string name : {"a.datasource", "a.pipe", "a.connection"})
      RC_ASSERT(pieces_of({.name = name, .text = text}) == text);
  }));
}

TEST(Format, AnyFileThatReadsIsFormattedOnceForAll) {
  EXPECT_TRUE(rc::check([] {
    const auto text = *any_file();
    for (const std::string name : {"a.datasource", "a.pipe", "a.connection"}) {
      const auto once = format_datafile({.name = name, .text = text});
      if (!once) {
        RC_ASSERT(once.error().code == Code::invalid);
        continue;
      }
      const auto twice = format_datafile({.name = name, .text = *once});
      RC_ASSERT(twice.has_value());
      RC_ASSERT(*twice == *once);
      std::multiset<std::string> comments, kept;
      const auto comments_of = [](const std::string& file, std::multiset<std::string>& out) {
        std::istringstream in(file);
        for (std::string line; std::getline(in, line);)
          if (const auto at = line.find('#'); at != std::string::npos)
            out.insert(line.substr(at, line.find_last_not_of(" \r") - at + 1));
      };
      comments_of(text, comments);
      comments_of(*once, kept);
      RC_ASSERT(kept == comments);
    }
  }));
}

}  // namespace
}  // namespace kinglet::datafile
