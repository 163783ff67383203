// SPDX-License-Identifier: Apache-2.0
#include "http/multipart.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace kinglet::http {
namespace {

/// A body that comes in pieces of given sizes, repeated.
class PiecesBody final : public BodyReader {
 public:
  PiecesBody(std::string bytes, std::vector<std::size_t> sizes) : bytes_(std::move(bytes)), sizes_(std::move(sizes)) {}
  Task<Result<std::size_t>> read_some(std::span<char> to) override {
    const std::size_t wanted = sizes_.empty() ? to.size() : sizes_[index_++ % sizes_.size()];
    const std::size_t size = std::min({wanted, to.size(), bytes_.size() - at_});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), size, to.begin());
    at_ += size;
    co_return size;
  }
  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

 private:
  std::string bytes_;
  std::vector<std::size_t> sizes_;
  std::size_t at_ = 0, index_ = 0;
};

template <class T>
T run(Task<T> task) {
  asio::io_context context;
  std::optional<T> result;
  asio::co_spawn(context, std::move(task), [&result](std::exception_ptr problem, T value) {
    if (problem) std::rethrow_exception(problem);
    result.emplace(std::move(value));
  });
  context.run();
  return std::move(*result);
}

const std::string content_type = "multipart/form-data; boundary=XX";

Result<std::vector<Part>> parts_of(std::string body, std::vector<std::size_t> sizes = {}, MultipartLimits limits = {},
                                   std::size_t bytes_max = 1 << 20) {
  PiecesBody reader(std::move(body), std::move(sizes));
  return run(read_all_parts(reader, content_type, bytes_max, limits));
}

std::string print(const Result<std::vector<Part>>& parts) {
  if (!parts) return "error: " + parts.error().message;
  std::string text;
  for (const Part& part : *parts) {
    text += fmt::format("[{}|{}|{}|{}]", part.head.name, part.head.filename.value_or("-"), part.head.content_type,
                        part.body);
  }
  return text;
}

TEST(Multipart, RepeatedFieldsKeepTheirOrder) {
  const std::string body =
      "--XX\r\nContent-Disposition: form-data; name=\"data_project://\"; filename=\"a/b.pipe\"\r\n"
      "Content-Type: text/plain\r\n\r\nNODE a\r\n--XX\r\n"
      "content-disposition: form-data; name=\"data_project://\"; filename=\"c.datasource\"\r\n\r\n\r\n--XX--\r\n";
  EXPECT_EQ(print(parts_of(body)), "[data_project://|a/b.pipe|text/plain|NODE a][data_project://|c.datasource||]");
}

TEST(Multipart, PreambleEpiloguePaddingAndBareParts) {
  EXPECT_EQ(print(parts_of("hello\r\n--XX \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--XX--\r\nbye")),
            "[a|-||1]");
  EXPECT_EQ(print(parts_of("--XX--")), "");
  // A part without a body at all.
  EXPECT_EQ(print(parts_of("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n--XX--")), "[a|-||]");
  // What looks like a boundary until its last character, and a dash line.
  EXPECT_EQ(print(parts_of("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XY\r\n--X\r\r\n--XX--")),
            "[a|-||\r\n--XY\r\n--X\r]");
}

TEST(Multipart, QuotedNamesAsBrowsersAndCurlWriteThem) {
  EXPECT_EQ(print(parts_of("--XX\r\nContent-Disposition: form-data; name=\"a;b\"; filename=\"C:\\dir\\x "
                           "\\\"y\\\".csv\"\r\n\r\n1\r\n--XX--")),
            "[a;b|C:\\dir\\x \"y\".csv||1]");
}

TEST(Multipart, WrongBodiesAreErrors) {
  const auto error_of = [](std::string body) { return print(parts_of(std::move(body))); };
  EXPECT_EQ(error_of(""), "error: The multipart body ends in the middle of its first boundary");
  EXPECT_EQ(error_of("--XX"), "error: The multipart body ends in the middle of a boundary line");
  EXPECT_EQ(error_of("--XXjunk\r\n"), "error: A multipart boundary line is malformed");
  EXPECT_EQ(error_of("--XX\r\nContent-Dispo"), "error: The multipart body ends in the middle of the head of a part");
  EXPECT_EQ(error_of("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nabc"),
            "error: The multipart body ends in the middle of a part");
  EXPECT_EQ(error_of("--XX\r\n\r\nabc\r\n--XX--"), "error: Multipart part 1 has no 'Content-Disposition: form-data'");
  EXPECT_EQ(error_of("--XX\r\nContent-Disposition: form-data\r\n\r\n\r\n--XX--"),
            "error: Multipart part 1 has no name");
  EXPECT_EQ(error_of("--XX\r\nContent-Disposition: attachment; name=a\r\n\r\n\r\n--XX--"),
            "error: Multipart part 1 has no 'Content-Disposition: form-data'");
  EXPECT_EQ(error_of("--XX\r\nContent-Disposition: form-data; name=a\r\n folded: x\r\n\r\n\r\n--XX--"),
            "error: A header of multipart part 1 is malformed");
  EXPECT_EQ(error_of("--XX\r\nno colon\r\n\r\n\r\n--XX--"), "error: A header of multipart part 1 is malformed");
}

TEST(Multipart, LimitsAreExact) {
  MultipartLimits limits{.parts_max = 2, .part_head_bytes_max = 60, .part_headers_max = 1, .part_bytes_max = 4};
  const auto part = [](std::string body) {
    return "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n" + body + "\r\n";
  };
  EXPECT_EQ(print(parts_of(part("1234") + part("") + "--XX--", {}, limits)), "[a|-||1234][a|-||]");
  EXPECT_EQ(parts_of(part("12345") + "--XX--", {}, limits).error().code, Code::too_large);
  EXPECT_EQ(parts_of(part("1") + part("2") + part("3") + "--XX--", {}, limits).error().code, Code::too_large);
  EXPECT_EQ(parts_of("--XX\r\nContent-Disposition: form-data; name=" + std::string(60, 'a') + "\r\n\r\n\r\n--XX--", {},
                     limits)
                .error()
                .code,
            Code::too_large);
  EXPECT_EQ(
      parts_of("--XX\r\nContent-Disposition: form-data; name=a\r\nA: b\r\n\r\n\r\n--XX--", {}, limits).error().code,
      Code::too_large);
  EXPECT_EQ(print(parts_of(part("123") + part("45") + "--XX--", {}, {}, 5)), "[a|-||123][a|-||45]");
  EXPECT_EQ(parts_of(part("123") + part("456") + "--XX--", {}, {}, 5).error().code, Code::too_large);
}

TEST(Multipart, AHeadAtItsLimitMayComeInPieces) {
  const std::string head = "Content-Disposition: form-data; name=a";
  const std::string body = "--XX\r\n" + head + "\r\n\r\n1\r\n--XX--\r\n";
  for (const std::size_t step : {1U, 2U, 3U, 5U, 1000U}) {
    EXPECT_EQ(print(parts_of(body, {step}, {.part_head_bytes_max = head.size()})), "[a|-||1]") << step;
    EXPECT_EQ(parts_of(body, {step}, {.part_head_bytes_max = head.size() - 1}).error().code, Code::too_large) << step;
  }
}

TEST(Multipart, ContentTypesThatAreNotMultipart) {
  EXPECT_EQ(multipart_boundary("text/csv").error().code, Code::unsupported);
  EXPECT_EQ(multipart_boundary("multipart/form-data").error().code, Code::invalid);
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=").error().code, Code::invalid);
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=\"a\r\nb\"").error().code, Code::invalid);
  EXPECT_EQ(*multipart_boundary("Multipart/Form-Data; charset=x; boundary=\"a b\""), "a b");
}

TEST(Multipart, SkippedPartsAndSmallPieces) {
  MultipartWriter writer;
  writer.add("a", std::string(200'000, 'x'), "big.bin", "application/octet-stream");
  writer.add("b", "second");
  PiecesBody body(writer.content_type().empty() ? "" : writer.take(), {100});
  auto task = [](BodyReader& reader, std::string type) -> Task<Result<std::string>> {
    CO_TRY(MultipartReader parts, MultipartReader::open(reader, type));
    auto first = co_await parts.next_part();
    auto some = co_await parts.read_some();
    if (!some || some->empty()) co_return fail(Code::internal, "no data");
    auto second = co_await parts.next_part();
    auto text = co_await parts.read_part(10);
    auto none = co_await parts.next_part();
    if (!first || !second || !text || !none || *none) co_return fail(Code::internal, "wrong");
    co_return (*first)->name + (*second)->name + *text;
  };
  EXPECT_EQ(*run(task(body, writer.content_type())), "absecond");
}

RC_GTEST_PROP(Multipart, SplitPointsNeverChangeTheResult, ()) {
  // Bodies made of the pieces that boundaries are made of, so that near misses are frequent.
  static const std::vector<std::string> pieces{
      "\r\n",     "--",
      "XX",       "\r",
      "\n",       "-",
      "X",        "a",
      "\r\n--XX", "Content-Disposition: form-data; name=a",
      "\r\n\r\n", "--XX\r\nContent-Disposition: form-data; name=b; filename=f\r\n\r\n",
      "--XX--",   " "};
  const auto chosen = *rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(pieces));
  const bool framed = *rc::gen::arbitrary<bool>();
  std::string body = framed ? "--XX\r\nContent-Disposition: form-data; name=p\r\n\r\n" : "";
  for (const std::string& piece : chosen) body += piece;
  if (framed) body += "\r\n--XX--\r\n";
  const auto sizes =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 20)));
  RC_ASSERT(print(parts_of(body)) == print(parts_of(body, sizes)));
  RC_ASSERT(print(parts_of(body)) == print(parts_of(body, {1})));
}

RC_GTEST_PROP(Multipart, WhatTheWriterWritesTheReaderReads, ()) {
  const auto bodies = *rc::gen::arbitrary<std::vector<std::string>>();
  MultipartWriter writer;
  for (const std::string& body : bodies) writer.add("f", body, "n");
  const std::string type = writer.content_type();
  PiecesBody reader(writer.take(), {7, 1, 300});
  auto parts = run(read_all_parts(reader, type, 1 << 20));
  RC_ASSERT(parts.has_value());
  RC_ASSERT(parts->size() == bodies.size());
  for (std::size_t i = 0; i < bodies.size(); ++i) RC_ASSERT((*parts)[i].body == bodies[i]);
}

TEST(Form, DecodesPlusAndRepeats) {
  PiecesBody body("a=1+2&b=%41&a=&c&=x&d=100%", {3});
  auto form = run(read_form(body, 1000));
  ASSERT_TRUE(form);
  EXPECT_EQ(form->get_all("a"), (std::vector<std::string_view>{"1 2", ""}));
  EXPECT_EQ(form->get("b"), "A");
  EXPECT_EQ(form->get("c"), "");
  EXPECT_EQ(form->get("d"), "100%");
  PiecesBody large("a=" + std::string(1000, 'x'), {});
  EXPECT_EQ(run(read_form(large, 1000)).error().code, Code::too_large);
}

}  // namespace
}  // namespace kinglet::http
