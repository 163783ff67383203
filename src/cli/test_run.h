// SPDX-License-Identifier: Apache-2.0
// Data tests: the workspace they run in, and what came of each.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/fixtures.h"
#include "cli/session.h"
#include "cli/throwaway_server.h"
#include "project/discovery.h"
#include "project/test_file.h"

namespace kinglet::cli {

/// A server of its own with the project built and its fixtures loaded. It ends with this value.
class TestWorkspace {
 public:
  /// Errors: invalid (the build failed: all its faults, a line each), unavailable.
  static Result<TestWorkspace> make(const project::Discovered& project);

  const Session& session() const { return session_; }
  const std::vector<AppendedFixture>& fixtures() const { return fixtures_; }
  /// What a user should know about this workspace, such as secrets that it does not have.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  TestWorkspace(ThrowawayServer server, Session session) : server_(std::move(server)), session_(std::move(session)) {}
  void send_secrets(const project::Discovered& project);

  ThrowawayServer server_;
  Session session_;
  std::vector<AppendedFixture> fixtures_;
  std::vector<std::string> warnings_;
};

/// What an endpoint answered: rows as NDJSON, or the message of its error.
struct Answer {
  int status = 0;
  std::string result;
  std::chrono::nanoseconds duration{};
  /// The server could not do it now (5xx, 408, 429): no answer that a test could expect.
  bool transient() const { return status >= 500 || status == 408 || status == 429; }
};
/// Errors: unavailable.
Result<Answer> ask(const Session& session, const std::string& pipe, const project::TestCase& test);

struct Outcome {
  bool passed = false;
  Answer answer;
  std::string difference;  // for a reader, lines that end with a line end; empty when passed
};
Outcome judge(const project::TestCase& test, Answer answer);

namespace internal {
/// A query string as a test has it, fit for a request: what may not stand in an address is percent-encoded, all else is
/// left as it is.
std::string request_query(const project::TestCase& test);
}  // namespace internal

}  // namespace kinglet::cli
