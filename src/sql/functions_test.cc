// SPDX-License-Identifier: Apache-2.0
#include "sql/functions.h"

#include <gtest/gtest.h>

namespace kinglet::sql {
namespace {

std::string_view found(std::string_view name) {
  const Function* function = find_function(name);
  return function == nullptr ? "" : function->name;
}

TEST(Functions, AreFoundAsTheEngineFindsThem) {
  EXPECT_EQ(found("countIf"), "count");
  EXPECT_EQ(found("SUMIf"), "sum");
  EXPECT_EQ(found("uniqStateArrayIf"), "uniq");
  EXPECT_EQ(found("quantileTDigestMerge"), "quantileTDigest");
  EXPECT_EQ(found("sumSimpleState"), "sum");
  EXPECT_EQ(found("COUNT"), "count");
  EXPECT_EQ(found("countDistinct"), "count");
  for (const std::string_view unknown :
       {"FILE", "tostring", "sumif", "toStringIf", "State", "", "nosuch", "sumIfX", "lambda", "all"})
    EXPECT_EQ(found(unknown), "") << unknown;
}

// attacks.md S8 S9 S12: each group of the deny list, in each spelling that the engine knows.
TEST(Functions, DeniedOnes) {
  for (const std::string_view name : {"file",
                                      "joinGet",
                                      "joinGetOrNull",
                                      "hasColumnInTable",
                                      "naiveBayesClassifier",
                                      "dictGet",
                                      "dictGetUInt8OrDefault",
                                      "dictHas",
                                      "catboostEvaluate",
                                      "regionToName",
                                      "aiGenerate",
                                      "AIGenerate",
                                      "getSetting",
                                      "getSettingOrDefault",
                                      "getServerSetting",
                                      "getMacro",
                                      "tcpPort",
                                      "globalVariable",
                                      "hostName",
                                      "hostname",
                                      "HOSTNAME",
                                      "FQDN",
                                      "fqdn",
                                      "fullHostName",
                                      "serverUUID",
                                      "filesystemAvailable",
                                      "currentUser",
                                      "current_user",
                                      "CURRENT_USER",
                                      "user",
                                      "USER",
                                      "currentDatabase",
                                      "DATABASE",
                                      "database",
                                      "current_database",
                                      "queryID",
                                      "query_id",
                                      "currentQueryID",
                                      "transactionID",
                                      "sleep",
                                      "sleepEachRow",
                                      "addressToLine",
                                      "demangle",
                                      "logTrace",
                                      "mergeTreePartInfo",
                                      "isMergeTreePartCoveredBy",
                                      "__getScalar",
                                      "_CAST",
                                      "nested",
                                      "fuzzBits",
                                      "obfuscateQuery",
                                      "structureToProtobufSchema",
                                      "generateRandomStructure",
                                      "showCertificate",
                                      "currentProfiles",
                                      "enabledRoles"}) {
    const auto checked = check_function(name, {});
    EXPECT_FALSE(checked) << name;
    if (find_function(name) != nullptr) EXPECT_EQ(checked.error().code, Code::forbidden) << name;
  }
  for (const std::string_view name :
       {"version", "rand", "generateUUIDv4", "formatQuery", "throwIf", "now", "timezone", "rowNumberInBlock",
        "replaceRegexpAll", "levenshteinDistance", "finalizeAggregation", "row_number", "untuple", "IF"})
    EXPECT_TRUE(check_function(name, {})) << name;
}

TEST(Functions, TableFunctionsAreAnAllowList) {
  EXPECT_EQ(table_function_kind("numbers"), TableFunctionKind::rows);
  EXPECT_EQ(table_function_kind("values"), TableFunctionKind::structure);
  EXPECT_EQ(table_function_kind("s3"), TableFunctionKind::external);
  for (const std::string_view name :
       {"url_", "NUMBERS", "file", "merge", "loop", "remote", "cluster", "s3Cluster", "view", "zeros", "executable",
        "sqlite", "input", "dictionary", "prometheusQuery", "timeSeriesData", "arrowstream", "eval", "icebergLocal"})
    EXPECT_EQ(table_function_kind(name), TableFunctionKind::denied) << name;
}

TEST(Functions, SettingsAndFormats) {
  EXPECT_EQ(setting_rule("join_algorithm"), SettingRule::allowed);
  EXPECT_EQ(setting_rule("max_memory_usage"), SettingRule::lower_only);
  for (const std::string_view name : {"readonly", "allow_ddl", "additional_table_filters", "MAX_THREADS", ""})
    EXPECT_EQ(setting_rule(name), SettingRule::refused) << name;
  EXPECT_EQ(find_format("json"), "JSON");
  EXPECT_EQ(find_format("CsvWithNames"), "CSVWithNames");
  for (const std::string_view name : {"Template", "Protobuf", "Null", "PNG", "Hash", "SQLInsert", "MySQLWire", ""})
    EXPECT_EQ(find_format(name), "") << name;
}

}  // namespace
}  // namespace kinglet::sql
