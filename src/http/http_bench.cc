// SPDX-License-Identifier: Apache-2.0
// Parser benchmarks, and with `--serve PORT` a constant answer on one io thread for wrk (ends with its standard input).
#include <benchmark/benchmark.h>

#include <cstdio>

#include "http/chunked.h"
#include "http/head.h"
#include "http/multipart.h"
#include "http/server.h"

namespace kinglet::http {
namespace {

const std::string request_head =
    "POST /v0/events?name=page_views&wait=false HTTP/1.1\r\nHost: localhost:7181\r\nUser-Agent: wrk/4.1\r\n"
    "Authorization: Bearer p.eyJ1IjoiYWJjIn0.c2lnbmF0dXJl\r\nContent-Type: application/json\r\nContent-Length: "
    "129\r\n\r\n";

void parse_head(benchmark::State& state) {
  for (auto _ : state) {
    internal::HeadScanner scanner;
    benchmark::DoNotOptimize(scanner.scan(request_head, {1 << 20, 64 << 10}));
    auto head = internal::parse_request_head(request_head, 200);
    auto target = internal::parse_target(head->target, 100);
    benchmark::DoNotOptimize(target);
  }
}
BENCHMARK(parse_head);

void decode_chunks(benchmark::State& state) {
  const std::string chunk(static_cast<std::size_t>(state.range(0)), 'x');
  std::string body;
  for (int i = 0; i < 64; ++i) body += fmt::format("{:x}\r\n", chunk.size()) + chunk + "\r\n";
  body += "0\r\n\r\n";
  std::string out(64 << 10, '\0');
  for (auto _ : state) {
    internal::ChunkedDecoder decoder;
    std::string_view rest = body;
    while (!decoder.done()) rest.remove_prefix(decoder.decode(rest, out)->consumed);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * 64 * state.range(0));
}
BENCHMARK(decode_chunks)->Arg(100)->Arg(16 << 10);

void parse_multipart(benchmark::State& state) {
  std::string body = "--XX\r\nContent-Disposition: form-data; name=f; filename=x.csv\r\n\r\n";
  for (int i = 0; i < 100'000; ++i) body += "1,2026-03-01 00:00:00,hello world\r\n";
  body += "\r\n--XX--\r\n";
  for (auto _ : state) {
    MultipartParser parser("XX");
    std::string_view rest = body;
    while (true) {
      auto event = parser.next();
      if (event->kind == MultipartParser::Kind::end) break;
      if (event->kind != MultipartParser::Kind::need_more) continue;
      parser.feed(rest.substr(0, 64 << 10));
      rest.remove_prefix(std::min<std::size_t>(rest.size(), 64 << 10));
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(parse_multipart);

/// GET answers a constant; POST counts the lines of its body.
Task<Response> answer(Request& request) {
  Response response;
  response.headers.add("Content-Type", "application/json");
  if (request.method == Method::get) {
    response.body = "{\"answer\":42}";
    co_return response;
  }
  auto body = co_await request.body->read_all(10 << 20);
  response.body = fmt::format("{{\"lines\":{}}}", body ? std::count(body->begin(), body->end(), '\n') : -1);
  co_return response;
}

int serve(std::uint16_t port) {
  IoThreads threads(1);
  auto server = Server::listen(threads, {.port = port}, answer);
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("http://127.0.0.1:%d\n", (*server)->port());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace
}  // namespace kinglet::http

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--serve") {
    return kinglet::http::serve(static_cast<std::uint16_t>(std::atoi(argv[2])));
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
