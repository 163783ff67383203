// SPDX-License-Identifier: Apache-2.0
// The keywords of every kind of datafile (datafiles spec 3.1, 3.8, 3.9, 3.10, 4.1, 4.6, 6).
#include "datafile/keywords.h"

#include <array>

namespace kinglet::datafile::internal {
namespace {

using enum KeywordForm;

constexpr std::array data_source_keywords = {
    KeywordRule{"DESCRIPTION", text},
    KeywordRule{"TAGS"},
    KeywordRule{"TOKEN", line, true},
    KeywordRule{"SCHEMA", columns},
    KeywordRule{"ENGINE"},
    KeywordRule{"ENGINE_SORTING_KEY"},
    KeywordRule{"ENGINE_PARTITION_KEY"},
    KeywordRule{"ENGINE_PRIMARY_KEY"},
    KeywordRule{"ENGINE_SAMPLING_KEY"},
    KeywordRule{"ENGINE_TTL"},
    KeywordRule{"ENGINE_VER"},
    KeywordRule{"ENGINE_IS_DELETED"},
    KeywordRule{"ENGINE_SIGN"},
    KeywordRule{"ENGINE_VERSION"},
    KeywordRule{"ENGINE_SUMMING_COLUMNS"},
    KeywordRule{"ENGINE_SETTINGS"},
    KeywordRule{"INDEXES", columns},
    KeywordRule{"INDICES", columns},
    KeywordRule{"BACKFILL"},
    KeywordRule{"FORWARD_QUERY", sql},
    KeywordRule{"SHARED_WITH"},
    KeywordRule{"KAFKA_CONNECTION_NAME"},
    KeywordRule{"KAFKA_TOPIC"},
    KeywordRule{"KAFKA_GROUP_ID"},
    KeywordRule{"KAFKA_AUTO_OFFSET_RESET"},
    KeywordRule{"KAFKA_STORE_RAW_VALUE"},
    KeywordRule{"KAFKA_STORE_HEADERS"},
    KeywordRule{"KAFKA_VALUE_FORMAT"},
    KeywordRule{"KAFKA_KEY_FORMAT"},
    KeywordRule{"KAFKA_STORE_BINARY_HEADERS"},
    KeywordRule{"KAFKA_TARGET_PARTITIONS"},
    KeywordRule{"KAFKA_KEY_AVRO_DESERIALIZATION"},
    KeywordRule{"IMPORT_CONNECTION_NAME"},
    KeywordRule{"IMPORT_BUCKET_URI"},
    KeywordRule{"IMPORT_SCHEDULE"},
    KeywordRule{"IMPORT_FROM_TIMESTAMP"},
    KeywordRule{"IMPORT_FORMAT"},
    KeywordRule{"IMPORT_TABLE_ARN"},
    KeywordRule{"IMPORT_EXPORT_BUCKET"},
    KeywordRule{"IMPORT_SERVICE", line, false, true},
    KeywordRule{"IMPORT_STRATEGY", line, false, true},
    KeywordRule{"IMPORT_QUERY", text, false, true},
    KeywordRule{"IMPORT_EXTERNAL_DATASOURCE", line, false, true},
    KeywordRule{"VERSION", line, false, true},
    KeywordRule{"INCLUDE", line, true, true},
    KeywordRule{"SORTING_KEY", line, false, true},
    KeywordRule{"KEY", line, false, true},
    KeywordRule{"TYPE", line, false, true},
    KeywordRule{"ENGINE_JOIN_STRICTNESS", line, false, true},
    KeywordRule{"ENGINE_JOIN_TYPE", line, false, true},
    KeywordRule{"ENGINE_KEY_COLUMNS", line, false, true},
    KeywordRule{"KAFKA_BOOTSTRAP_SERVERS", line, false, true},
    KeywordRule{"KAFKA_KEY", line, false, true},
    KeywordRule{"KAFKA_SECRET", line, false, true},
    KeywordRule{"KAFKA_SECURITY_PROTOCOL", line, false, true},
    KeywordRule{"KAFKA_SASL_MECHANISM", line, false, true},
    KeywordRule{"KAFKA_SCHEMA_REGISTRY_URL", line, false, true},
};

constexpr std::array pipe_keywords = {
    KeywordRule{"DESCRIPTION", text, true},
    KeywordRule{"TAGS"},
    KeywordRule{"TOKEN", line, true},
    KeywordRule{"NODE", line, true},
    KeywordRule{"SQL", sql, true},
    KeywordRule{"TYPE", line, true},
    KeywordRule{"CACHE"},
    KeywordRule{"DATASOURCE"},
    KeywordRule{"DEPLOYMENT_METHOD"},
    KeywordRule{"TARGET_DATASOURCE"},
    KeywordRule{"COPY_SCHEDULE"},
    KeywordRule{"COPY_MODE"},
    KeywordRule{"ON_DEMAND_COMPUTE"},
    KeywordRule{"EXPORT_CONNECTION_NAME"},
    KeywordRule{"EXPORT_SERVICE"},
    KeywordRule{"EXPORT_KAFKA_TOPIC"},
    KeywordRule{"EXPORT_SCHEDULE"},
    KeywordRule{"EXPORT_BUCKET_URI"},
    KeywordRule{"EXPORT_FILE_TEMPLATE"},
    KeywordRule{"EXPORT_FORMAT"},
    KeywordRule{"EXPORT_COMPRESSION"},
    KeywordRule{"EXPORT_STRATEGY"},
    KeywordRule{"EXPORT_WRITE_STRATEGY"},
    KeywordRule{"VERSION", line, false, true},
    KeywordRule{"INCLUDE", line, true, true},
    KeywordRule{"ENGINE", line, false, true},
    KeywordRule{"ENGINE_SORTING_KEY", line, false, true},
    KeywordRule{"ENGINE_PARTITION_KEY", line, false, true},
    KeywordRule{"ENGINE_PRIMARY_KEY", line, false, true},
    KeywordRule{"ENGINE_TTL", line, false, true},
    KeywordRule{"ENGINE_VER", line, false, true},
    KeywordRule{"ENGINE_SETTINGS", line, false, true},
    KeywordRule{"ENGINE_SIGN", line, false, true},
    KeywordRule{"ENGINE_SAMPLING_KEY", line, false, true},
    KeywordRule{"ENGINE_SUMMING_COLUMNS", line, false, true},
    KeywordRule{"ENGINE_IS_DELETED", line, false, true},
    KeywordRule{"ENGINE_VERSION", line, false, true},
};

/// The public description names SCOPE lines and a FILTER block; the rest of the grammar is not known.
constexpr std::array token_keywords = {
    KeywordRule{"DESCRIPTION", text},
    KeywordRule{"SCOPE", line, true},
    KeywordRule{"FILTER", sql, true},
};

constexpr std::array connection_keywords = {
    KeywordRule{"DESCRIPTION", text},
    KeywordRule{"TYPE"},
    KeywordRule{"KAFKA_BOOTSTRAP_SERVERS"},
    KeywordRule{"KAFKA_SECURITY_PROTOCOL"},
    KeywordRule{"KAFKA_SASL_MECHANISM"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_METHOD"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_AWS_REGION"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_AWS_ROLE_ARN"},
    KeywordRule{"KAFKA_SASL_OAUTHBEARER_AWS_EXTERNAL_ID"},
    KeywordRule{"KAFKA_KEY"},
    KeywordRule{"KAFKA_SECRET"},
    KeywordRule{"KAFKA_SCHEMA_REGISTRY_URL"},
    KeywordRule{"KAFKA_SSL_CA_PEM", text},
    KeywordRule{"S3_REGION"},
    KeywordRule{"S3_ARN"},
    KeywordRule{"S3_ACCESS_KEY"},
    KeywordRule{"S3_SECRET"},
    KeywordRule{"GCS_SERVICE_ACCOUNT_CREDENTIALS_JSON", text},
    KeywordRule{"GCS_HMAC_ACCESS_ID"},
    KeywordRule{"GCS_HMAC_SECRET"},
    KeywordRule{"DYNAMODB_ARN"},
    KeywordRule{"DYNAMODB_REGION"},
};

}  // namespace

std::span<const KeywordRule> keywords_of(FileKind kind) {
  switch (kind) {
    case FileKind::data_source:
      return data_source_keywords;
    case FileKind::pipe:
      return pipe_keywords;
    case FileKind::connection:
      return connection_keywords;
    case FileKind::token:
      return token_keywords;
  }
  return {};
}

}  // namespace kinglet::datafile::internal
