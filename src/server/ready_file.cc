// SPDX-License-Identifier: Apache-2.0
#include "server/ready_file.h"

#include <cstdio>
#include <fstream>

#include "json/document.h"

namespace kinglet::server {

Status write_ready_file(const std::string& path, const ReadyFile& ready) {
  if (path.empty()) return {};
  const json::object document{{"url", ready.url},
                              {"clickhouse_url", ready.clickhouse_url},
                              {"pid", ready.pid},
                              {"engine_pid", ready.engine_pid}};
  const std::string beside = path + ".new";
  {
    std::ofstream out(beside, std::ios::trunc);
    out << json::write(document) << '\n';
    if (!out.flush()) return fail(Code::unavailable, "the ready file {} cannot be written", path);
  }
  if (std::rename(beside.c_str(), path.c_str()) != 0) {
    (void)std::remove(beside.c_str());  // nothing reads it; the error below is what counts
    return fail(Code::unavailable, "the ready file {} cannot be put in place", path);
  }
  return {};
}

}  // namespace kinglet::server
