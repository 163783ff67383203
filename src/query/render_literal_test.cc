// SPDX-License-Identifier: Apache-2.0
// S2, S3: whatever a caller sends, a placeholder prints exactly one literal or one identifier, as our SQL lexer cuts
// it, and the author's tokens around it stay what they are.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "sql/lexer.h"
#include "template/template.h"

namespace kinglet::query {
namespace {

using sql::Token;
using Type = Token::Type;

/// Reads one printed value from `at` on; false when what stands there is none.
class LiteralReader {
 public:
  LiteralReader(const std::vector<Token>& tokens, std::string_view text, std::size_t at)
      : tokens_(tokens), text_(text), at_(at) {}
  std::size_t at() const { return at_; }

  bool literal(bool nested = false) {
    const auto& token = tokens_[at_];
    if (token.type == Type::string || token.type == Type::number) return take();
    if (token.is("[")) return list();
    if (token.is("(")) return take() && symbol("-") && number() && symbol(")");
    if (token.is("-")) return nested && take() && number();
    if (token.type != Type::word) return false;
    const auto word = sql::token_value(token, text_);
    if (word == "true" || word == "false" || word == "NULL") return take();
    // toDate('…'), toInt128('…'), toDateTime64('…', 3), toDecimal64('…', 2)
    if (!word.starts_with("to")) return false;
    return take() && symbol("(") && string() && (!tokens_[at_].is(",") || (take() && number())) && symbol(")");
  }
  bool identifier() { return quoted() && (!tokens_[at_].is(".") || (take() && identifier())); }
  bool identifiers() { return identifier() && (!tokens_[at_].is(",") || (take() && identifiers())); }

 private:
  bool take() { return ++at_ < tokens_.size(); }
  bool symbol(std::string_view text) { return tokens_[at_].is(text) && take(); }
  bool number() { return tokens_[at_].type == Type::number && take(); }
  bool string() { return tokens_[at_].type == Type::string && take(); }
  bool quoted() { return tokens_[at_].type == Type::quoted && take(); }
  bool list() {
    take();
    if (tokens_[at_].is("]")) return take();
    for (;;) {
      if (!literal(true)) return false;
      if (tokens_[at_].is("]")) return take();
      if (!symbol(",")) return false;
    }
  }

  const std::vector<Token>& tokens_;
  std::string_view text_;
  std::size_t at_;
};

bool same_token(const Token& a, std::string_view a_text, const Token& b, std::string_view b_text) {
  return a.type == b.type && a_text.substr(a.where.offset, a.size) == b_text.substr(b.where.offset, b.size);
}

constexpr std::array type_functions = {"String",     "UUID",       "Boolean",    "Int",      "Integer",   "Int8",
                                       "Int16",      "Int32",      "Int64",      "Int128",   "Int256",    "UInt8",
                                       "UInt16",     "UInt32",     "UInt64",     "UInt128",  "UInt256",   "Float32",
                                       "Float64",    "Decimal",    "Date",       "DateTime", "Decimal32", "Decimal64",
                                       "Decimal128", "Decimal256", "DateTime64", "JSON"};

/// Texts of every kind: any bytes, quotes and comment marks, and mutations of texts that types accept.
rc::Gen<std::string> sent_text() {
  const auto valid = rc::gen::element<std::string>(
      "1", "-5", "+7", "127", "18446744073709551615", "1.50", "-1e-7", "true", "FALSE", "0", "2024-01-31", "20240131",
      "2024-01-31 10:00:00", "2024-01-31T10:00:00Z", "2024-01-31 10:00:00.123456",
      "123e4567-e89b-12d3-a456-426614174000", "[1,\"a'b\"]", "{\"k\":\"\\\\\"}", "a,b", "1,2,3", ",", "");
  const auto sharp =
      rc::gen::element<std::string>("'", "\\", "\"", "`", "--", "/*", "*/", "#", "\n", "\r", ";", ")", "(", "]", "[",
                                    ",", "x'", "b'", "$$", "$a$", "{{", "}}", "{%", "\xE2\x80\x98", "\xE2\x88\x92", " ",
                                    " OR 1=1 ", "UNION ALL SELECT", "toDate(", "0x41", "1e", "\xC3", "\x80");
  const auto piece = rc::gen::oneOf(valid, sharp, rc::gen::arbitrary<std::string>());
  return rc::gen::map(rc::gen::resize(6, rc::gen::container<std::vector<std::string>>(piece)), [](const auto& pieces) {
    std::string joined;
    for (const auto& one : pieces) joined += one;
    return joined;
  });
}

struct Context {
  const char* before;
  const char* after;
};
constexpr std::array contexts = {
    Context{"SELECT ", " AS x FROM t"},        Context{"SELECT a -", ", b"},
    Context{"SELECT a IN", " AND c"},          Context{"SELECT f(", ", 1) FROM t"},
    Context{"SELECT 'q' AS q, ", "-- x\n, 1"}, Context{"/* c */ SELECT ", "/* d */"},
    Context{"SELECT 1 LIMIT ", " OFFSET 2"},   Context{"SELECT [", "]"},
    Context{"SELECT a OR", " AND b"},          Context{"SELECT \"a\" = ", " AND `b` = 'c'"},
};

/// Renders `before {{call}} after` with p=`text`, and checks what the placeholder became. Refusals are fine.
template <class Read>
void check(const Context& context, const std::string& call, const std::string& text, Read read) {
  const auto compiled =
      templates::Template::compile(fmt::format("%{}{{{{ {} }}}}{}", context.before, call, context.after));
  RC_ASSERT(compiled.has_value());
  const templates::Arguments arguments = {{"p", {text}}};
  const auto made = compiled->render({.arguments = &arguments});
  if (!made) return;
  // Digits may join the author's word: c{{i}}.
  const char last = context.before[std::string_view(context.before).size() - 1];
  const char first = made->sql[std::string_view(context.before).size()];
  if (first >= '0' && first <= '9' && last >= 'A' && last <= 'Z') return;
  const auto tokens = sql::tokenize(made->sql);
  if (!tokens) {
    // Bytes that are no UTF-8 are refused as a whole by the lexer; nothing else may be.
    RC_ASSERT(tokens.error().message.find("UTF-8") != std::string::npos);
    return;
  }
  const std::string_view before = context.before, after = context.after;
  const auto head = sql::tokenize(before), tail = sql::tokenize(after);
  RC_ASSERT(head.has_value() && tail.has_value());
  std::size_t at = head->size() - 1;
  RC_ASSERT(tokens->size() > at);
  for (std::size_t i = 0; i < at; ++i) RC_ASSERT(same_token((*tokens)[i], made->sql, (*head)[i], before));
  LiteralReader reader(*tokens, made->sql, at);
  RC_ASSERT(read(reader));
  at = reader.at();
  RC_ASSERT(tokens->size() - at == tail->size());
  for (std::size_t i = 0; i < tail->size(); ++i) RC_ASSERT(same_token((*tokens)[at + i], made->sql, (*tail)[i], after));
}

bool one_literal(LiteralReader& reader) {
  return reader.literal();
}

RC_GTEST_PROP(Rendered, EveryTypeFunctionPrintsOneLiteral, ()) {
  const auto text = *sent_text();
  const auto context = *rc::gen::elementOf(contexts);
  const std::string type = *rc::gen::elementOf(type_functions);
  check(context, type + "(p)", text, one_literal);
  check(context, fmt::format("Array(p, '{}')", type), text, one_literal);
}

RC_GTEST_PROP(Rendered, ValuesOfExpressionsPrintOneLiteral, ()) {
  const auto text = *sent_text();
  const auto context = *rc::gen::elementOf(contexts);
  const std::string call = *rc::gen::element<std::string>(
      "p", "p + p", "p.split(',')", "split_to_array(p)", "split_to_array(p, separator='\\'')", "[p, [p, 1, -2, None]]",
      "{'k': p, 'l': [p]}", "p.lower()", "p.replace('a', '\\'')", "JSON(p)", "','.join([p, p])", "len(p)", "p == 'a'",
      "p if p else None", "Int64(p) - 1", "Float64(p) * -1", "day_diff(p, '2024-01-01')", "String(p, 'x')", "p or 'x'",
      "defined(p)", "Boolean(p) == 1", "p in ['a']", "p[0:3]");
  check(context, call, text, one_literal);
}

RC_GTEST_PROP(Rendered, StringsKeepTheirBytes, ()) {
  const auto text = *sent_text();
  const auto made = [&] {
    const templates::Arguments arguments = {{"p", {text}}};
    return templates::Template::compile("%{{String(p)}}")->render({.arguments = &arguments});
  }();
  if (!made) {
    RC_ASSERT(text.find('\0') != std::string::npos);
    return;
  }
  const auto tokens = sql::tokenize(made->sql);
  if (!tokens) return;
  RC_ASSERT(tokens->size() == 2u && (*tokens)[0].type == Type::string);
  RC_ASSERT(sql::token_value((*tokens)[0], made->sql) == text);
}

RC_GTEST_PROP(Rendered, ColumnsPrintIdentifiersOnly, ()) {
  const auto text = *rc::gen::oneOf(
      sent_text(), rc::gen::container<std::string>(rc::gen::element('a', '_', '.', '1', ',', ' ', '`')));
  const Context context = *rc::gen::element(Context{"SELECT ", " FROM t"}, Context{"SELECT 1 ORDER BY ", " DESC"});
  check(context, "column(p)", text, [](LiteralReader& reader) { return reader.identifier(); });
  check(context, "symbol(p)", text, [](LiteralReader& reader) { return reader.identifier(); });
  check(context, "columns(p)", text, [](LiteralReader& reader) { return reader.identifiers(); });
}

}  // namespace
}  // namespace kinglet::query
