// SPDX-License-Identifier: Apache-2.0
// Settings of `kinglet serve` from a TOML file: faults with their line, and who wins.
#include "server/config.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <fstream>

#include "catalog/testing.h"

namespace kinglet::server {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  /// Parses the command line, then a file with this text. The fault without the file's folder, or "".
  std::string apply(const std::string& toml, const std::vector<std::string>& flags = {}) {
    const auto path = (folder_.path() / "kinglet.toml").string();
    std::ofstream(path) << toml;
    return apply_path(path, flags);
  }
  std::string apply_path(const std::string& path, std::vector<std::string> flags = {}) {
    config_ = {};
    CLI::App app("test");
    auto* serve = app.add_subcommand("serve");
    std::string config_file;
    add_serve_options(*serve, config_, config_file);
    flags.insert(flags.begin(), "serve");
    std::ranges::reverse(flags);
    app.parse(flags);
    const auto applied = apply_file(*serve, path);
    if (applied) return "";
    EXPECT_EQ(applied.error().code, Code::invalid);
    auto message = applied.error().message;
    if (message.starts_with(folder_.path().string())) message.erase(0, folder_.path().string().size() + 1);
    return message;
  }

  catalog::testing::TempFolder folder_;
  Config config_;
};

TEST_F(ConfigTest, AnUnknownKeyIsNamedWithItsLine) {
  EXPECT_EQ(apply("port = 1\nprot = 2\n"), "kinglet.toml:2: unknown key `prot`; `kinglet serve --help` lists the keys");
  EXPECT_NE(apply("[server]\nport = 1\n"), "");
  EXPECT_NE(apply("query_seconds_max = 5\n"), "") << "keys are the flags, with dashes";
  EXPECT_NE(apply("config = \"other.toml\"\n"), "") << "a file names no other file";
  EXPECT_NE(apply("help = true\n"), "");
  EXPECT_NE(apply("\"\" = 1\n"), "");
}

TEST_F(ConfigTest, ValuesThatAreNoScalarAreFaults) {
  EXPECT_EQ(apply("\nport = [1]\n"), "kinglet.toml:2: `port` is a string, a whole number or true/false");
  for (const char* text : {"port = 1.5\n", "data = {}\n", "data = 2026-01-01\n"})
    EXPECT_NE(apply(text).find(":1: `"), std::string::npos) << text;
}

TEST_F(ConfigTest, ValuesOutOfRangeAreFaultsWithTheirLine) {
  for (const char* text :
       {"port = 65536\n", "port = -1\n", "port = \"http\"\n", "port = true\n", "query-seconds-max = 0\n",
        "query-seconds-max = 3601\n", "flush-interval-ms = 0\n", "log-level = \"loud\"\n", "log-format = \"xml\"\n",
        "listen = \"localhost\"\n", "io-threads = 257\n", "spool-bytes-max = -1\n",
        "import-private-addresses = \"perhaps\"\n"}) {
    const auto fault = apply(text);
    EXPECT_TRUE(fault.starts_with("kinglet.toml:1: ")) << text << " -> " << fault;
  }
}

TEST_F(ConfigTest, ATextThatIsNoTomlIsAFaultWithLineAndColumn) {
  EXPECT_TRUE(apply("port = \n").starts_with("kinglet.toml:1:8: ")) << apply("port = \n");
  EXPECT_TRUE(apply("port = 1\nport = 2\n").starts_with("kinglet.toml:2:")) << "a key stands once";
  EXPECT_NE(apply("port 1\n"), "");
}

TEST_F(ConfigTest, AFileThatIsMissingIsAFault) {
  EXPECT_NE(apply_path((folder_.path() / "absent.toml").string()), "");
}

TEST_F(ConfigTest, EveryKindOfValueIsTaken) {
  EXPECT_EQ(apply("port = 8001\ndata = \"rows\"\nlisten = \"::1\"\nspool-bytes-max = "
                  "10_000_000_000\nimport-private-addresses = true\n"),
            "");
  EXPECT_EQ(config_.port, 8001);
  EXPECT_EQ(config_.data, "rows");
  EXPECT_EQ(config_.listen, "::1");
  EXPECT_EQ(config_.spool_bytes_max, 10'000'000'000u);
  EXPECT_TRUE(config_.import_private_addresses);
  EXPECT_EQ(apply("import-private-addresses = false\n"), "");
  EXPECT_FALSE(config_.import_private_addresses);
}

TEST_F(ConfigTest, FlagWinsOverVariableOverFile) {
  EXPECT_EQ(apply("port = 1\n", {"--port", "2"}), "");
  EXPECT_EQ(config_.port, 2);
  EXPECT_EQ(apply("port = 7181\n", {"--port", "2"}), "") << "also when the file says the default";
  EXPECT_EQ(config_.port, 2);
  ::setenv("KINGLET_PORT", "3", 1);
  EXPECT_EQ(apply("port = 1\n"), "");
  EXPECT_EQ(config_.port, 3);
  EXPECT_EQ(apply("port = 1\n", {"--port", "2"}), "");
  EXPECT_EQ(config_.port, 2);
  ::unsetenv("KINGLET_PORT");
  EXPECT_EQ(apply("port = 1\n"), "");
  EXPECT_EQ(config_.port, 1);
}

}  // namespace
}  // namespace kinglet::server
