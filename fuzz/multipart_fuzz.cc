// SPDX-License-Identifier: Apache-2.0
// modules: http
// multipart/form-data and header parameters: no crash, and where the bytes are cut never changes the parts.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/multipart.h"

namespace {

using namespace kinglet::http;

std::string parse(std::string_view bytes, std::size_t step) {
  MultipartParser parser("b",
                         {.parts_max = 5, .part_head_bytes_max = 200, .part_headers_max = 3, .part_bytes_max = 100});
  std::string seen;
  while (true) {
    auto event = parser.next();
    if (!event) return seen + "!";
    switch (event->kind) {
      case MultipartParser::Kind::need_more:
        if (bytes.empty()) {
          parser.finish();
        } else {
          parser.feed(bytes.substr(0, step));
          bytes.remove_prefix(std::min(step, bytes.size()));
        }
        break;
      case MultipartParser::Kind::part:
        seen += "[" + event->part.name + "|" + event->part.filename.value_or("-") + "|";
        break;
      case MultipartParser::Kind::data:
        seen += event->data;
        break;
      case MultipartParser::Kind::part_end:
        seen += "]";
        break;
      case MultipartParser::Kind::end:
        return seen;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = data[0] % 32 + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = parse(bytes, bytes.size() + 1);
  const std::string pieces = parse(bytes, step);
  // A limit may end the data earlier in one of the two; a body that is accepted is the same.
  const bool whole_good = !whole.ends_with('!');
  const bool pieces_good = !pieces.ends_with('!');
  if ((whole_good || pieces_good) && whole != pieces) std::abort();
  auto parameter = header_parameter(bytes, "name");
  auto boundary = multipart_boundary(bytes);
  auto query = parse_query(bytes, 100);
  (void)parameter;
  (void)boundary;
  (void)query;
  return 0;
}
