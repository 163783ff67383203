// SPDX-License-Identifier: Apache-2.0
// The datafiles page, section 4: pipes, and those that write into sinks.
#include "datafile/conformance_testing.h"

namespace kinglet::datafile {
namespace {

using namespace testing;  // NOLINT: the test kit of this module

TEST(Conformance, Section41Pipes) {
  pipe_rows({
      {"4.1 TAGS", "TAGS \"a\", b\n", {"= TAGS \"a, b\""}},
      {"4.1 TYPE", "TYPE ENDPOINT\n", {"= TYPE endpoint"}},
      {"4.1 TYPE", "TYPE \"endpoint\"\n", {"= TYPE endpoint"}},
      {"4.1 TYPE", "TYPE COPY\nTARGET_DATASOURCE t\n", {"= TYPE copy"}},
      {"4.1 TYPE", "TYPE MATERIALIZED\nDATASOURCE t\n", {"= TYPE materialized\nDATASOURCE t"}},
      {"4.1 TYPE",
       "TYPE endpont\n",
       {"there is no pipe type 'endpont'; there are endpoint, materialized, copy and sink (did you mean endpoint?)"}},
      {"4.1 TYPE", "TYPE\n", {"TYPE needs a value"}},
      {"4.1 CACHE", "TYPE endpoint\nCACHE 0\n", {"= CACHE 0"}},
      {"4.1 CACHE", "TYPE endpoint\nCACHE -1\n", {"CACHE is a whole number of seconds"}},
      {"4.1 CACHE", "TYPE copy\nTARGET_DATASOURCE t\nCACHE 5\n", {"CACHE goes with TYPE endpoint"}},
      {"4.1 DATASOURCE", "TYPE materialized\n", {"TYPE materialized needs DATASOURCE"}},
      {"4.1 DATASOURCE", "TYPE copy\nDATASOURCE t\n", {"the target of a copy is TARGET_DATASOURCE"}},
      {"4.1 DEPLOYMENT_METHOD",
       "TYPE materialized\nDATASOURCE t\nDEPLOYMENT_METHOD alter\n",
       {"= DEPLOYMENT_METHOD alter"}},
      {"4.1 DEPLOYMENT_METHOD", "TYPE materialized\nDATASOURCE t\nDEPLOYMENT_METHOD altr\n", {"(did you mean alter?)"}},
      {"4.1 TARGET_DATASOURCE", "TYPE copy\n", {"TYPE copy needs TARGET_DATASOURCE"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE \"0 * * * *\"\n",
       {"= COPY_SCHEDULE 0 * * * *"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE @on-demand\n",
       {"= COPY_SCHEDULE @on-demand"}},
      {"4.1 COPY_SCHEDULE", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE @once\n", {"= COPY_SCHEDULE @once"}},
      {"4.1 COPY_SCHEDULE", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE @auto\n", {"there is no schedule '@auto'"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE 0 0 30 2 *\n",
       {"this cron line never runs"}},
      {"4.1 COPY_SCHEDULE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_SCHEDULE {{ tb_secret('S') }}\n",
       {"COPY_SCHEDULE cannot read a secret"}},
      {"4.1 COPY_MODE", "TYPE copy\nTARGET_DATASOURCE t\nCOPY_MODE REPLACE\n", {"= COPY_MODE replace"}},
      {"4.1 COPY_MODE",
       "TYPE copy\nTARGET_DATASOURCE t\nCOPY_MODE overwrite\n",
       {"COPY_MODE is append or replace, not 'overwrite'"}},
      {"4.1 ON_DEMAND_COMPUTE",
       "TYPE copy\nTARGET_DATASOURCE t\nON_DEMAND_COMPUTE true\n",
       {"warning: ON_DEMAND_COMPUTE has no effect"}},
      {"4.1 ENGINE",
       "TYPE materialized\nDATASOURCE t\nENGINE MergeTree\nENGINE_SORTING_KEY a\n",
       {"= DATASOURCE t\nENGINE \"MergeTree\"\nENGINE_SORTING_KEY \"a\""}},
      {"4.1 ENGINE",
       "TYPE endpoint\nENGINE MergeTree\n",
       {"warning: ENGINE in a pipe describes the target of TYPE materialized"}},
      {"4.1 VERSION", "VERSION 2\n", {"warning: VERSION belongs to older projects"}},
      {"4.1", "", {"= NODE n"}},
      {"4.1",
       "TOKEN t READ\n",
       {"warning: a pipe with TOKEN … READ and no TYPE has its last node published", "= TYPE endpoint"}},
      {"4.7", "CACHE 5\n", {"CACHE needs TYPE endpoint, but the pipe has no TYPE"}},
      {"4.7", "TYPE endpoint\nEXPORT_FORMAT csv\n", {"EXPORT_FORMAT goes with TYPE sink"}},
  });
  pipe_rows({{"4.1 NODE", "DESCRIPTION x\n", {"a pipe needs at least one node"}},
             {"4.1 NODE", "NODE\nSQL >\n    SELECT 1\n", {"NODE needs a name"}},
             {"4.1 NODE", "NODE 1a\nSQL >\n    SELECT 1\n", {"'1a' is no name for a node"}},
             {"4.1 SQL", "NODE n\n", {"the node 'n' has no SQL"}}},
            "");
}

TEST(Conformance, Section46Sinks) {
  const std::string kafka = "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_KAFKA_TOPIC t\n";
  const std::string bucket =
      "TYPE SINK\nEXPORT_CONNECTION_NAME c\nEXPORT_BUCKET_URI s3://b/x\nEXPORT_FILE_TEMPLATE events_{date}\n";
  pipe_rows({
      {"4.6", kafka, {"= TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_KAFKA_TOPIC t"}},
      {"4.6", bucket, {"= EXPORT_FILE_TEMPLATE events_{date}"}},
      {"4.6", "TYPE sink\nEXPORT_KAFKA_TOPIC t\n", {"TYPE sink needs EXPORT_CONNECTION_NAME"}},
      {"4.6", "TYPE sink\nEXPORT_CONNECTION_NAME c\n", {"TYPE sink needs EXPORT_KAFKA_TOPIC, or EXPORT_BUCKET_URI"}},
      {"4.6", bucket + "EXPORT_KAFKA_TOPIC t\n", {"a sink writes to Kafka or to a bucket, not to both"}},
      {"4.6",
       "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_BUCKET_URI s3://b\n",
       {"TYPE sink needs EXPORT_FILE_TEMPLATE"}},
      {"4.6 SERVICE", bucket + "EXPORT_SERVICE s3_iamrole\n", {"= EXPORT_SERVICE s3_iamrole"}},
      {"4.6 SERVICE", bucket + "EXPORT_SERVICE gcs_hmac\n"},
      {"4.6 SERVICE", kafka + "EXPORT_SERVICE kafka\n"},
      {"4.6 SERVICE", kafka + "EXPORT_SERVICE kafkaa\n", {"(did you mean kafka?)"}},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE */5 * * * *\n", {"= EXPORT_SCHEDULE */5 * * * *"}},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE @on-demand\n"},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE @once\n"},
      {"4.6 SCHEDULE", bucket + "EXPORT_SCHEDULE {{ tb_secret('S') }}\n", {"EXPORT_SCHEDULE cannot read a secret"}},
      {"4.6 URI",
       "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_BUCKET_URI ftp://x\nEXPORT_FILE_TEMPLATE x\n",
       {"EXPORT_BUCKET_URI starts with s3:// or gs://"}},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT CSV\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT ndjson\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT json\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT parquet\n"},
      {"4.6 FORMAT", bucket + "EXPORT_FORMAT parket\n", {"(did you mean parquet?)"}},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION none\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION gzip\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION gz\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION snappy\n"},
      {"4.6 COMPRESSION", bucket + "EXPORT_COMPRESSION snapy\n", {"(did you mean snappy?)"}},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY \"replace\" \n", {"= EXPORT_STRATEGY replace"}},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY @new\n"},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY create_new\n"},
      {"4.6 STRATEGY", bucket + "EXPORT_WRITE_STRATEGY truncate\n"},
      {"4.6 STRATEGY", bucket + "EXPORT_STRATEGY replase\n", {"(did you mean replace?)"}},
      {"4.6",
       kafka + "EXPORT_FORMAT csv\nEXPORT_STRATEGY @new\n",
       {"warning: EXPORT_FORMAT has no effect on a Kafka sink", "warning: EXPORT_STRATEGY has no effect"}},
      {"9", kafka + "EXPORT_SERVICE kafka\n"},
      {"9",
       "TYPE sink\nEXPORT_CONNECTION_NAME c\nEXPORT_KAFKA_TOPIC {{ tb_secret('T', 't') }}\n",
       {"= EXPORT_KAFKA_TOPIC {{ tb_secret('T', 't') }}"}},
  });
}

}  // namespace
}  // namespace kinglet::datafile
