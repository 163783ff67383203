// SPDX-License-Identifier: Apache-2.0
// The datafiles page, sections 1, 2, 9 and 11: names, lines, values, blocks, secrets, and faults of form.
#include "datafile/conformance_testing.h"

namespace kinglet::datafile {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

TEST(Conformance, Section1Names) {
  expect({"1.2", "a connection", {"= TYPE kafka"}},
         outcome(parse_connection(
             {"connections/lfx-oracle-kafka-streaming.connection", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b\n"})));
  for (const auto& [file, message] : std::vector<std::pair<std::string, std::string>>{
           {"1st.datasource", "'1st' is no name for a resource"}, {"a-b.datasource", "'a-b' is no name for"}})
    expect({"1.2", file, {message}}, outcome(parse_data_source({file, "SCHEMA >\n    a String\n"})));
  expect({"1.2", "_a1.pipe", {"= NODE n"}}, outcome(parse_pipe({"_a1.pipe", "NODE n\nSQL >\n    SELECT 1\n"})));
  data_source_rows({{"1.2",
                     "KAFKA_CONNECTION_NAME lfx-oracle-kafka-streaming\nKAFKA_TOPIC t",
                     {"= KAFKA_CONNECTION_NAME lfx-oracle-kafka-streaming"}}});
}

TEST(Conformance, Section2Lines) {
  file_rows({
      {"2.1.1", "SCHEMA >\r\n    a String\r\n", {"= `a` String"}},
      {"2.1.2", "SCHEMA >\n    a String\nENGINE MergeTree\n"},
      {"2.1.3", "schema >\n    a String\n", {"keywords are written in upper case: SCHEMA instead of schema"}},
      {"2.1.4", "  SCHEMA >\n    a String\n", {"SCHEMA is indented; a keyword starts in the first column"}},
      {"2.1.5", "", {"the file is empty"}},
      {"2.1.5", " \n\t\n", {"the file is empty"}},
      {"2.1.6",
       "# first\n  # second\nSCHEMA >\n    # third\n    a String\nINDEXES >\n    # fourth\n    i a TYPE minmax "
       "GRANULARITY 1\n"},
      {"2.1.7",
       "SCHEMA >\n    a String\nENGINE \"MergeTree\" # why\nENGINE_SORTING_KEY 'a' # b\n",
       {"= ENGINE_SORTING_KEY \"a\""}},
      {"2.1.8",
       "SCHEMA >\n    a String\nENGINE   MergeTree  \t\nENGINE_SORTING_KEY \"a\" \n",
       {"= ENGINE_SORTING_KEY \"a\"\n"}},
  });
  pipe_rows({{"2.1.6", "NODE m\nSQL >\n    SELECT 1\n    # in the SQL\n", {"= # in the SQL"}}}, "");
}

TEST(Conformance, Section2Values) {
  data_source_rows({
      {"2.2", "ENGINE_SORTING_KEY \"org, id\"", {"= ENGINE_SORTING_KEY \"org, id\""}},
      {"2.2", "ENGINE_SORTING_KEY 'org, id'", {"= ENGINE_SORTING_KEY \"org, id\""}},
      {"2.2", "ENGINE_SORTING_KEY org, id", {"= ENGINE_SORTING_KEY \"org, id\""}},
      {"2.2", "ENGINE_TTL at + INTERVAL 90 DAY", {"= ENGINE_TTL \"at + INTERVAL 90 DAY\""}},
      {"2.2", "ENGINE \"MergeTree", {"the value of ENGINE opens a quote that is never closed"}},
      {"2.2",
       "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID {{ tb_secret(\"NAME\") }}",
       {"= {{ tb_secret(\"NAME\") }}"}},
      {"2.2",
       "KAFKA_CONNECTION_NAME k\nKAFKA_TOPIC t\nKAFKA_GROUP_ID {{tb_secret('N', 'd')}}",
       {"= {{tb_secret('N', 'd')}}"}},
      {"2.2",
       "IMPORT_SERVICE bigquery\nIMPORT_QUERY > \n    \"select *\n    from x\"",
       {"warning: IMPORT_QUERY reads BigQuery"}},
  });
  pipe_rows({{"2.2", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE 0 * * * *\n", {"= COPY_SCHEDULE 0 * * * *"}}});
  pipe_rows({{"2.2", "NODE \"quoted_name\"\nSQL >\n    SELECT 1\n", {"= NODE quoted_name"}}}, "");
}

TEST(Conformance, Section2Blocks) {
  pipe_rows(
      {
          {"2.3",
           "NODE n\nSQL >\nSELECT a\nFROM t\nWHERE b\nGROUP BY a\nORDER BY a\nUNION ALL\nSELECT 1\n",
           {"= UNION ALL\n    SELECT 1"}},
          {"2.3", "NODE n\nSQL >\n\n\t%\n\tSELECT 1\n", {"= %\n    SELECT 1"}},
          {"2.3", "NODE n\nSQL >\n%\n  SELECT 1\n", {"= %\n      SELECT 1"}},
          {"2.3",
           "NODE n\nSQL >\n    SELECT\n        TYPE,\n        ENGINE AS DESCRIPTION\n    FROM t\n    SETTINGS x = 1\n",
           {"= ENGINE AS DESCRIPTION"}},
          {"2.3", "NODE n\nSQL >\n    SELECT 1\nTYPE endpoint\n", {"= TYPE endpoint"}},
          {"2.3",
           "DESCRIPTION generated from agents.csv\nNODE n\nSQL >\n    SELECT 1\n",
           {"= generated from agents.csv"}},
          {"2.3", "DESCRIPTION >\nNODE n\nSQL >\n    SELECT 1\n"},
          {"2.3", "DESCRIPTION\nNODE n\nSQL >\n    SELECT 1\n"},
          {"2.3",
           "DESCRIPTION >\n    # *Title*\n    {% if defined %}\nNODE n\nSQL >\n    SELECT 1\n",
           {"= {% if defined %}"}},
          {"2.3", "NODE n\n\nDESCRIPTION >\n    of n\n\nSQL >\n    SELECT 1\n", {"= of n"}},
          {"2.3", "NODE n\nSQL >\n\n", {"the SQL of node 'n' is empty"}},
          {"2.3", "NODE n\nSQL >\n    %\n", {"the SQL of node 'n' is only a %"}},
      },
      "");
  file_rows({
      {"2.3", "SCHEMA >\n", {"the SCHEMA has no column"}},
      {"2.3", "SCHEMA >\n    a String\nINDEXES >\n", {"INDEXES has no index"}},
      {"2.3", "SCHEMA >\n    a String\nFORWARD_QUERY >\n\n", {"the FORWARD_QUERY is empty"}},
  });
}

TEST(Conformance, Section2OrderAndRepetition) {
  file_rows({
      {"2.4",
       "TOKEN a READ\nENGINE MergeTree\nSCHEMA >\n    a String\nDESCRIPTION last\n",
       {"= DESCRIPTION >\n    last"}},
      {"2.4", "TOKEN a READ\nTOKEN b READ\nTOKEN a APPEND\nSCHEMA >\n    a String\n"},
      {"2.4",
       "SCHEMA >\n    a String,\n    b String\nENGINE_SORTING_KEY a\nENGINE_SORTING_KEY b\n",
       {"warning: ENGINE_SORTING_KEY is given twice; the last one counts", "= ENGINE_SORTING_KEY \"b\""}},
      {"2.4", "SCHEMA >\n    a String\nENGIN MergeTree\n", {"unknown keyword 'ENGIN' (did you mean ENGINE?)"}},
      {"2.4", "SCHEMA >\n    a String\nNODE x\n", {"NODE belongs in a .pipe file"}},
  });
  pipe_rows(
      {{"2.4",
        "DESCRIPTION of p\nNODE a\nDESCRIPTION of a\nSQL >\n    SELECT 1\nTYPE endpoint\nNODE b\nSQL >\n    SELECT 2\n",
        {"= DESCRIPTION >\n    of p\n\nNODE a\nDESCRIPTION >\n    of a\n\nSQL >\n    SELECT 1\n\nTYPE endpoint\n\nNODE "
         "b"}}},
      "");
}

// Section 9 (places of secrets) and the rows of 11 that no section above holds.
TEST(Conformance, Section9And11) {
  connection_rows({{"9", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {{tb_secret('A')}}:{{ tb_secret(\"B\", \"1\") }}\n"},
                   {"9", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {{ env('A') }}\n", {"only tb_secret is possible"}},
                   {"9", "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {{ tb_secret('A')\n", {"a '{{' is never closed"}}});
  pipe_rows({{"9", "NODE n\nSQL >\n    %\n    SELECT {{ tb_secret('A', 'b') }}\n", {"= tb_secret('A', 'b')"}}}, "");
  pipe_rows({
      {"11 stray description", "DESCRIPTION a\nDESCRIPTION b\n", {"warning: a second DESCRIPTION of node 'n'"}},
      {"11 second TYPE", "TYPE endpoint\nTYPE copy\n", {"a second TYPE; line 4 has the first"}},
      {"11 unknown keyword", "TYPE: endpoint\n", {"no ':' between TYPE and its value; a blank is enough"}},
      {"11 unknown keyword", "CACH 5\n", {"unknown keyword 'CACH' (did you mean CACHE?)"}},
  });
  file_rows(
      {{"11 column line without name", "SCHEMA >\n    `` String\n", {"the name of a column has 1 to 256 bytes"}},
       {"11",
        "SCHEMA >\n    a String\nENGINE MergeTree\nORDER BY a\n",
        {"unknown keyword 'ORDER' (write ENGINE_SORTING_KEY)"}},
       {"11", "SCHEMA >\n    a String\nENGINE MergeTree\nTTL a\n", {"unknown keyword 'TTL' (write ENGINE_TTL)"}},
       {"11", "SCHEMA >\n    a String json:$.a\n", {"the JSONPath of column 'a' needs backticks (write `json:$.a`)"}},
       {"11", "SCHEMA >\n    a String `$.a`\n", {"does not start with json: (write `json:$.a`)"}},
       {"11", "SCHEMA >\n    'a' String\n", {"expected the name of a column, found 'a' ("}},
       {"11",
        "SCHEMA >\n    a String,\n    b DateTime DEFAULT tomorow\n",
        {"the DEFAULT of column 'b' names 'tomorow', which is not a column of the SCHEMA"}},
       {"11", "SCHEMA >\n    a String,\n    b Int8 DEFAULT CAST(a AS Int8) + a::Int8\n"},
       {"11 malformed index", "SCHEMA >\n    a String\nINDEXES >\n    i\n", {"index 'i' has no expression"}}});
}

}  // namespace
}  // namespace kinglet::datafile
