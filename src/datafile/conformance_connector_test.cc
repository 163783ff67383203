// SPDX-License-Identifier: Apache-2.0
// The datafiles page, sections 3.9, 3.10 and 6: data sources that connectors fill, and connections.
#include "datafile/conformance_testing.h"
#include "datafile/ddl.h"

namespace kinglet::datafile {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

/// The columns of a table that a connector fills, `name type` each.
std::string filled_columns(const std::string& text) {
  const auto parsed = parse_data_source({"t.datasource", text});
  EXPECT_TRUE(parsed.ok()) << text;
  std::string columns;
  for (const auto& c : table_columns(parsed.resource)) columns += fmt::format("{} {}; ", c.name, c.type);
  return columns;
}

TEST(Conformance, Section39Kafka) {
  const std::string base = "KAFKA_CONNECTION_NAME c\nKAFKA_TOPIC t\n";
  data_source_rows({
      {"3.9", base, {"= KAFKA_CONNECTION_NAME c\nKAFKA_TOPIC t"}},
      {"3.9", "KAFKA_TOPIC t", {"KAFKA_CONNECTION_NAME is missing"}},
      {"3.9", "KAFKA_CONNECTION_NAME c", {"KAFKA_TOPIC is missing"}},
      {"3.9", base + "KAFKA_GROUP_ID g", {"= KAFKA_GROUP_ID g"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET earliest", {"= KAFKA_AUTO_OFFSET_RESET earliest"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET Latest", {"= KAFKA_AUTO_OFFSET_RESET latest"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET newest", {"KAFKA_AUTO_OFFSET_RESET is earliest or latest, not 'newest'"}},
      {"3.9", base + "KAFKA_AUTO_OFFSET_RESET earlyest", {"(did you mean earliest?)"}},
      {"3.9", base + "KAFKA_STORE_RAW_VALUE \"true\"", {"= KAFKA_STORE_RAW_VALUE True"}},
      {"3.9", base + "KAFKA_STORE_RAW_VALUE 0", {"= KAFKA_STORE_RAW_VALUE 0"}},
      {"3.9", base + "KAFKA_STORE_RAW_VALUE yes", {"KAFKA_STORE_RAW_VALUE is True, False, 1 or 0, not 'yes'"}},
      {"3.9", base + "KAFKA_STORE_HEADERS FALSE", {"= KAFKA_STORE_HEADERS False"}},
      {"3.9", base + "KAFKA_STORE_BINARY_HEADERS True", {"= KAFKA_STORE_BINARY_HEADERS True"}},
      {"3.9", base + "KAFKA_TARGET_PARTITIONS 'auto'", {"= KAFKA_TARGET_PARTITIONS auto"}},
      {"3.9", base + "KAFKA_KEY_AVRO_DESERIALIZATION ''"},
      {"3.9", base + "KAFKA_VALUE_FORMAT avro\nKAFKA_KEY_FORMAT json_with_schema", {"= KAFKA_VALUE_FORMAT avro"}},
      {"3.9", base + "KAFKA_VALUE_FORMAT arvo", {"(did you mean avro?)"}},
      {"3.9",
       base + "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI s3://b/x",
       {"fed by Kafka or by an import, not by both"}},
  });
  EXPECT_EQ(filled_columns("SCHEMA >\n    a String\n" + base + "KAFKA_STORE_HEADERS true\n"),
            "a String; __value String; __topic LowCardinality(String); __partition Int16; __offset Int64; __timestamp "
            "DateTime; "
            "__key String; __headers Map(String, String); ");
}

TEST(Conformance, Section39And310ColumnsOfConnectors) {
  EXPECT_EQ(filled_columns("SCHEMA >\n    __timestamp DateTime64(3),\n    a String\nKAFKA_CONNECTION_NAME c\n"
                           "KAFKA_TOPIC t\n"),
            "__timestamp DateTime64(3); a String; __value String; __topic LowCardinality(String); __partition Int16; "
            "__offset Int64; __key String; ")
      << "what is declared is not added again";
  EXPECT_EQ(
      filled_columns("SCHEMA >\n    a String `json:$.Item.a`,\n    _old_record Nullable(String) `json:$.OldImage`\n"
                     "ENGINE ReplacingMergeTree\nENGINE_PARTITION_KEY toYYYYMM(_timestamp)\nENGINE_SORTING_KEY a\n"
                     "ENGINE_VER _timestamp\nENGINE_IS_DELETED _is_deleted\nIMPORT_CONNECTION_NAME c\n"
                     "IMPORT_TABLE_ARN arn:aws:dynamodb:x\nIMPORT_EXPORT_BUCKET b\n"),
      "a String; _old_record Nullable(String); _timestamp DateTime64(3); _event_type LowCardinality(String); "
      "_is_deleted UInt8; _record Nullable(String); ");
}

TEST(Conformance, Section310Imports) {
  const std::string s3 = "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI s3://b/path/*.csv\n";
  data_source_rows({
      {"3.10", s3, {"= IMPORT_BUCKET_URI s3://b/path/*.csv"}},
      {"3.10", "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI gs://b/x", {"= gs://b/x"}},
      {"3.10", "IMPORT_BUCKET_URI s3://b/x", {"IMPORT_CONNECTION_NAME is missing"}},
      {"3.10", "IMPORT_CONNECTION_NAME c", {"IMPORT_BUCKET_URI is missing"}},
      {"3.10",
       "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI http://b/x",
       {"IMPORT_BUCKET_URI starts with s3:// or gs://"}},
      {"3.10", s3 + "IMPORT_SCHEDULE @auto", {"= IMPORT_SCHEDULE @auto"}},
      {"3.10", s3 + "IMPORT_SCHEDULE @on-demand"},
      {"3.10", s3 + "IMPORT_SCHEDULE \"@once\""},
      {"3.10", s3 + "IMPORT_SCHEDULE 0 */2 * * *"},
      {"3.10",
       s3 + "IMPORT_SCHEDULE @ondemand",
       {"there is no schedule '@ondemand'; there are @auto, @on-demand, @once and cron lines (did "
        "you mean @on-demand?)"}},
      {"3.10",
       "IMPORT_CONNECTION_NAME c\nIMPORT_BUCKET_URI gs://b/x\nIMPORT_SCHEDULE @auto",
       {"warning: Google Cloud Storage does not announce"}},
      {"3.10", s3 + "IMPORT_FROM_TIMESTAMP 2024-01-01T00:00:00Z", {"= IMPORT_FROM_TIMESTAMP 2024-01-01T00:00:00Z"}},
      {"3.10", s3 + "IMPORT_FORMAT NDJSON", {"= IMPORT_FORMAT ndjson"}},
      {"3.10", s3 + "IMPORT_FORMAT json", {"IMPORT_FORMAT is csv, ndjson or parquet, not 'json'"}},
      {"3.10", s3 + "IMPORT_FORMAT parqet", {"(did you mean parquet?)"}},
      {"3.10",
       "IMPORT_CONNECTION_NAME c\nIMPORT_TABLE_ARN arn:aws:dynamodb:x\nIMPORT_EXPORT_BUCKET b",
       {"= IMPORT_EXPORT_BUCKET b"}},
      {"3.10", "IMPORT_CONNECTION_NAME c\nIMPORT_TABLE_ARN arn", {"IMPORT_EXPORT_BUCKET is missing"}},
      {"3.10", "IMPORT_CONNECTION_NAME c\nIMPORT_EXPORT_BUCKET b", {"IMPORT_TABLE_ARN is missing"}},
      {"3.10", s3 + "IMPORT_SERVICE s3", {"warning: IMPORT_SERVICE belongs to older projects"}},
      {"3.10", s3 + "IMPORT_SERVICE s3_iamrole", {"warning: IMPORT_SERVICE belongs to older projects"}},
      {"3.10", "IMPORT_SERVICE snowflake", {"warning: IMPORT_SERVICE reads BigQuery or Snowflake"}},
      {"3.10",
       s3 + "IMPORT_SERVICE s4",
       {"IMPORT_SERVICE is s3, s3_iamrole, gcs, dynamodb, bigquery or snowflake, not 's4'"}},
      {"3.10", s3 + "IMPORT_STRATEGY APPEND", {"warning: IMPORT_STRATEGY belongs to older projects"}},
      {"3.10",
       s3 + "IMPORT_STRATEGY replace",
       {"warning: IMPORT_STRATEGY replace belongs to older projects; imports append here"}},
      {"3.10",
       "IMPORT_EXTERNAL_DATASOURCE a.b.c\nIMPORT_QUERY select 1",
       {"warning: IMPORT_EXTERNAL_DATASOURCE reads BigQuery"}},
  });
}

TEST(Conformance, Section6Connections) {
  const std::string kafka = "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS a:9092,b:9092\n";
  connection_rows({
      {"6 all", "TYPE \"kafka\"\nKAFKA_BOOTSTRAP_SERVERS b\n", {"= TYPE kafka"}},
      {"6 all", "TYPE Kafka\nKAFKA_BOOTSTRAP_SERVERS b\n", {"= TYPE kafka"}},
      {"6 all", "KAFKA_BOOTSTRAP_SERVERS b\n", {"a connection needs a TYPE"}},
      {"6 all",
       "TYPE kafak\n",
       {"there is no connection type 'kafak'; there are kafka, s3, gcs and dynamodb (did you mean kafka?)"}},
      {"6 all", "TYPE bigquery\n", {"connections to bigquery are not supported"}},
      {"6 all", "TYPE snowflake\n", {"connections to snowflake are not supported"}},
      {"6 all",
       "TYPE s3_iamrole\nS3_REGION r\nS3_ARN a\n",
       {"warning: the type 's3_iamrole' belongs to older projects; write s3", "= TYPE s3"}},
      {"6 all",
       "TYPE gcs_hmac\nGCS_HMAC_ACCESS_ID i\nGCS_HMAC_SECRET s\n",
       {"warning: the type 'gcs_hmac'", "= TYPE gcs"}},
      {"6 kafka", kafka, {"= KAFKA_BOOTSTRAP_SERVERS a:9092,b:9092"}},
      {"6 kafka", "TYPE kafka\n", {"a connection of TYPE kafka needs KAFKA_BOOTSTRAP_SERVERS"}},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL SASL_SSL\n"},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL plaintext\n", {"= KAFKA_SECURITY_PROTOCOL PLAINTEXT"}},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL SASL_PLAINTEXT\n"},
      {"6 kafka", kafka + "KAFKA_SECURITY_PROTOCOL SASL_SLL\n", {"(did you mean SASL_SSL?)"}},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM PLAIN\n"},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM SCRAM-SHA-256\n"},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM SCRAM-SHA-512\n"},
      {"6 kafka",
       kafka +
           "KAFKA_SASL_MECHANISM OAUTHBEARER\nKAFKA_SASL_OAUTHBEARER_METHOD AWS\nKAFKA_SASL_OAUTHBEARER_AWS_REGION r\n"
           "KAFKA_SASL_OAUTHBEARER_AWS_ROLE_ARN a\nKAFKA_SASL_OAUTHBEARER_AWS_EXTERNAL_ID e\n"},
      {"6 kafka", kafka + "KAFKA_SASL_MECHANISM SCRAM-SHA-521\n", {"(did you mean SCRAM-SHA-512?)"}},
      {"6 kafka", kafka + "KAFKA_KEY k\nKAFKA_SECRET {{ tb_secret(\"S\", \"d\") }}\n"},
      {"6 kafka", kafka + "KAFKA_KEY k\n", {"KAFKA_KEY and KAFKA_SECRET go together"}},
      {"6 kafka", kafka + "KAFKA_SCHEMA_REGISTRY_URL https://u:p@registry\n"},
      {"6 kafka", kafka + "KAFKA_SSL_CA_PEM one line\n"},
      {"6 kafka",
       kafka + "KAFKA_SSL_CA_PEM >\n    -----BEGIN\n    abc\n",
       {"= KAFKA_SSL_CA_PEM >\n    -----BEGIN\n    abc"}},
      {"6 s3", "TYPE s3\nS3_REGION r\nS3_ARN a\n"},
      {"6 s3", "TYPE s3\nS3_REGION r\nS3_ACCESS_KEY a\nS3_SECRET s\n"},
      {"6 s3", "TYPE s3\nS3_ARN a\n", {"a connection of TYPE s3 needs S3_REGION"}},
      {"6 s3", "TYPE s3\nS3_REGION r\n", {"needs S3_ARN, or S3_ACCESS_KEY with S3_SECRET"}},
      {"6 s3", "TYPE s3\nS3_REGION r\nS3_SECRET s\n", {"S3_ACCESS_KEY and S3_SECRET go together"}},
      {"6 gcs", "TYPE gcs\nGCS_SERVICE_ACCOUNT_CREDENTIALS_JSON {\"a\": 1}\n"},
      {"6 gcs", "TYPE gcs\nGCS_SERVICE_ACCOUNT_CREDENTIALS_JSON >\n    {\n      \"a\": 1\n    }\n"},
      {"6 gcs", "TYPE gcs\nGCS_HMAC_ACCESS_ID i\nGCS_HMAC_SECRET s\n"},
      {"6 gcs", "TYPE gcs\n", {"needs GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON"}},
      {"6 dynamodb", "TYPE dynamodb\nDYNAMODB_ARN a\nDYNAMODB_REGION r\n"},
      {"6 dynamodb", "TYPE dynamodb\nDYNAMODB_ARN a\n", {"a connection of TYPE dynamodb needs DYNAMODB_REGION"}},
      {"6",
       "TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS b\nS3_REGION r\n",
       {"S3_REGION does not belong in a connection of TYPE kafka"}},
  });
}

}  // namespace
}  // namespace kinglet::datafile
