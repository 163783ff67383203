// SPDX-License-Identifier: Apache-2.0
// The lexer: one pass over the bytes, no look-ahead beyond a few bytes.
#include "sql/lexer.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace kinglet::sql {
namespace {

enum : std::uint8_t {
  digit_class = 1,
  hex_class = 2,
  word_class = 4,
  blank_class = 8,
  blank_start_class = 16,
  symbol_class = 32,
  long_symbol_class = 64,  // a symbol of several bytes begins with it
  dollar_class = 128
};

// Longest first: the first one that matches is the token.
constexpr auto long_symbols =
    std::to_array<std::string_view>({"<=>", "::", "->", "==", "!=", "<>", "<=", ">=", "||", "@@"});
constexpr std::string_view short_symbols = "()[]{},;.+-*/%=<>?:^@|$";

/// What each byte may be.
constexpr auto classes = [] {
  std::array<std::uint8_t, 256> out{};
  for (int c = 0; c < 256; ++c) {
    const bool digit = c >= '0' && c <= '9';
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    auto& kind = out[static_cast<std::size_t>(c)];
    if (digit) kind |= digit_class;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) kind |= hex_class;
    if (digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') kind |= word_class;
    if (blank) kind |= blank_class;
    if (blank || c >= 0x80 || c == '-' || c == '/' || c == '#') kind |= blank_start_class;
  }
  out['$'] |= dollar_class;
  for (const char c : short_symbols) out[static_cast<unsigned char>(c)] |= symbol_class;
  for (const auto symbol : long_symbols) out[static_cast<unsigned char>(symbol[0])] |= long_symbol_class;
  return out;
}();

bool is_a(char c, std::uint8_t kind) {
  return (classes[static_cast<unsigned char>(c)] & kind) != 0;
}
bool is_digit(char c) {
  return is_a(c, digit_class);
}
bool is_hex(char c) {
  return is_a(c, hex_class);
}
bool is_word(char c) {
  return is_a(c, word_class);
}
bool is_blank(char c) {
  return is_a(c, blank_class);
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  return (c | 0x20) - 'a' + 10;
}

/// One UTF-8 character at `p`: its size, 0 when the bytes are not UTF-8 (overlong forms and surrogates included).
std::size_t decode_utf8(const char* p, const char* end, char32_t& out) {
  const auto byte = [&](int i) { return static_cast<unsigned char>(p[i]); };
  const auto follow = [&](int i) { return p + i < end && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return out = first, 1;
  if (first >= 0xC2 && first < 0xE0 && follow(1)) return out = (first & 0x1Fu) << 6 | (byte(1) & 0x3Fu), 2;
  if (first >= 0xE0 && first < 0xF0 && follow(1) && follow(2)) {
    out = (first & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    return out < 0x800 || (out >= 0xD800 && out < 0xE000) ? 0 : 3;
  }
  if (first >= 0xF0 && first < 0xF5 && follow(1) && follow(2) && follow(3)) {
    out = (first & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
    return out < 0x10000 || out > 0x10FFFF ? 0 : 4;
  }
  return 0;
}

/// White space beyond ASCII, also the zero-width kinds: the engine skips exactly these.
bool is_unicode_blank(char32_t c) {
  return c == 0x85 || c == 0xA0 || c == 0x180E || (c >= 0x2000 && c <= 0x200D) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x2060 || c == 0x3000 || c == 0xFEFF;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text)
      : begin_(text.data()), p_(begin_), end_(begin_ + text.size()), counted_(begin_) {}

  Result<std::vector<Token>> run() {
    TRY_VOID(check_bytes());
    std::vector<Token> tokens;
    tokens.reserve(static_cast<std::size_t>(end_ - begin_) / 4 + 8);
    while (true) {
      if (p_ < end_ && is_a(*p_, blank_start_class)) TRY_VOID(skip_blanks());
      Token& token = tokens.emplace_back();
      TRY_VOID(next(token));
      if (token.type == Token::Type::end) return tokens;
      previous_type_ = token.type;
      previous_symbol_ = token.symbol[0];
    }
  }

 private:
  static constexpr std::string_view close_comment = "*/";

  [[nodiscard]] bool starts_with(std::string_view text) const {
    return static_cast<std::size_t>(end_ - p_) >= text.size() && std::memcmp(p_, text.data(), text.size()) == 0;
  }
  [[nodiscard]] char peek(std::ptrdiff_t n) const { return end_ - p_ > n ? p_[n] : '\0'; }

  /// Goes on from the last place asked for, so that the whole text is counted once.
  Position position(const char* at) {
    while (at > next_line_) {  // that line break lies before
      counted_ = next_line_ + 1;
      ++line_;
      column_ = 1;
      find_line_end();
    }
    if (ascii_) {
      column_ += static_cast<std::uint32_t>(at - counted_);
      counted_ = at;
    } else {
      for (; counted_ < at; ++counted_)
        if ((static_cast<unsigned char>(*counted_) & 0xC0) != 0x80) ++column_;
    }
    return {static_cast<std::uint32_t>(at - begin_), line_, column_};
  }

  void find_line_end() {
    const auto size = static_cast<std::size_t>(end_ - counted_);
    const void* found = size == 0 ? nullptr : std::memchr(counted_, '\n', size);
    next_line_ = found == nullptr ? end_ : static_cast<const char*>(found);
  }

  template <class... Args>
  std::unexpected<Error> error(const char* at, fmt::format_string<Args...> format, Args&&... args) {
    const Position where = position(at);
    return fail(Code::invalid, "line {}, column {}: {}", where.line, where.column,
                fmt::format(format, std::forward<Args>(args)...));
  }

  Status check_bytes() {
    unsigned all = 0;
    for (const char* at = begin_; at < end_; ++at) all |= static_cast<unsigned char>(*at);
    ascii_ = all < 0x80;
    find_line_end();
    if (ascii_) {
      const auto size = static_cast<std::size_t>(end_ - begin_);
      const void* zero = size == 0 ? nullptr : std::memchr(begin_, '\0', size);
      if (zero == nullptr) return {};
      return error(static_cast<const char*>(zero), "a NUL byte is not allowed");
    }
    for (const char* at = begin_; at < end_;) {
      if (*at == '\0') return error(at, "a NUL byte is not allowed");
      if (static_cast<unsigned char>(*at) < 0x80) {
        ++at;
        continue;
      }
      char32_t c = 0;
      const std::size_t size = decode_utf8(at, end_, c);
      if (size == 0) return error(at, "the text is not valid UTF-8");
      at += size;
    }
    return {};
  }

  Status skip_blanks() {
    while (true) {
      const char* p = p_;
      while (p < end_ && is_blank(*p)) ++p;
      p_ = p;
      if (p == end_) return {};
      if (static_cast<unsigned char>(*p_) >= 0x80) {
        char32_t c = 0;
        const std::size_t size = decode_utf8(p_, end_, c);
        if (!is_unicode_blank(c)) return {};
        p_ += size;
      } else if (starts_with("--") || starts_with("//") || starts_with("# ") || starts_with("#!")) {
        p_ = std::find(p_, end_, '\n');
      } else if (starts_with("/*")) {
        TRY_VOID(skip_comment());
      } else {
        return {};
      }
    }
  }

  Status skip_comment() {
    const char* const start = p_;
    std::size_t depth = 0;
    while (p_ < end_) {
      if (starts_with("/*")) {
        ++depth;
        p_ += 2;
      } else if (starts_with(close_comment)) {
        p_ += 2;
        if (--depth == 0) return {};
      } else {
        ++p_;
      }
    }
    return error(start, "the comment is not closed: expected */");
  }

  Status make(Token& token, Token::Type type, const char* start) {
    token.type = type;
    token.size = static_cast<std::uint32_t>(p_ - start);
    token.where = position(start);
    return {};
  }

  Status next(Token& token) {
    const char* const start = p_;
    if (p_ == end_) return make(token, Token::Type::end, start);
    const char c = *p_;
    if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !dot_is_access())) return number(token);
    if (c == '\'') return quoted(token, Token::Type::string, '\'');
    if (c == '`' || c == '"') return quoted(token, Token::Type::quoted, c);
    if ((c == 'x' || c == 'X' || c == 'b' || c == 'B') && peek(1) == '\'') return digits_string(token);
    if (c == '$') {
      if (const char* const close = heredoc_end(); close != nullptr) {
        p_ = close;
        return make(token, Token::Type::heredoc, start);
      }
      if (is_word(peek(1)) && ++open_tags_ > open_tags_max)
        return error(start, "more than {} words with '$' that could begin a $tag$ text", open_tags_max);
    }
    if (is_word(c) || (c == '$' && (is_word(peek(1)) || peek(1) == '$'))) return word(token);
    if (static_cast<unsigned char>(c) >= 0x80) return unicode(token);
    if (is_a(c, long_symbol_class)) {
      for (const auto symbol : long_symbols) {
        if (!starts_with(symbol)) continue;
        p_ += symbol.size();
        return make_symbol(token, symbol, start);
      }
    }
    if (is_a(c, symbol_class)) {
      ++p_;
      return make_symbol(token, std::string_view(start, 1), start);
    }
    if (c == '#') return error(start, "unexpected '#': a comment starts with \"# \" or \"#!\"");
    if (c == '\\') return error(start, "unexpected character '\\'");
    return error(start, "unexpected character '{}'", c < 0x20 || c == 0x7F ? '?' : c);
  }

  Status make_symbol(Token& token, std::string_view symbol, const char* start) {
    std::copy(symbol.begin(), symbol.end(), token.symbol);
    return make(token, Token::Type::symbol, start);
  }

  Status unicode(Token& token) {
    const char* const start = p_;
    char32_t c = 0;
    const std::size_t size = decode_utf8(p_, end_, c);
    if (c == 0x2212) {
      p_ += size;
      return make_symbol(token, "-", start);
    }
    if (c >= 0x2018 && c <= 0x201F)
      return error(start, "typographic quotes are not allowed: use ' for text and ` or \" for names");
    return error(start, "unexpected character '{}': a name with it needs quotes (`…`)", std::string_view(start, size));
  }

  /// A dot with a digit behind it is access to a tuple element when something to access stands before it.
  [[nodiscard]] bool dot_is_access() const {
    switch (previous_type_) {
      case Token::Type::word:
      case Token::Type::quoted:
      case Token::Type::number:
        return true;
      case Token::Type::symbol:
        return previous_symbol_ == ')' || previous_symbol_ == ']';
      default:
        return false;
    }
  }

  void skip_digits(bool hex, bool block_start) {
    const auto digit = [&](char c) { return hex ? is_hex(c) : is_digit(c); };
    while (p_ < end_) {
      if (digit(*p_)) {
        ++p_;
      } else if (*p_ == '_' && !block_start && p_[-1] != '_' && digit(peek(1))) {
        ++p_;
      } else {
        return;
      }
      block_start = false;
    }
  }

  Status number(Token& token) {
    const char* const start = p_;
    if (previous_symbol_ == '.') {
      skip_digits(false, false);
    } else {
      bool hex = false;
      if (*p_ == '0' && (peek(1) | 0x20) == 'x' && is_hex(peek(2))) {
        hex = true;
        p_ += 2;
      } else if (*p_ == '0' && (peek(1) | 0x20) == 'b' && (peek(2) == '0' || peek(2) == '1')) {
        p_ += 2;
      }
      if (*p_ != '.') skip_digits(hex, false);
      if (peek(0) == '.') {
        ++p_;
        skip_digits(hex, true);
      }
      if ((peek(0) | 0x20) == (hex ? 'p' : 'e')) {
        const std::ptrdiff_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
        if (is_digit(peek(1 + sign))) {
          p_ += 1 + sign;
          skip_digits(false, true);
        } else if (sign == 1) {
          return error(start, "the number has an exponent without digits");
        }
      }
    }
    if (p_ < end_ && is_word(*p_)) {
      while (p_ < end_ && is_word(*p_)) ++p_;
      if (!std::all_of(start, p_, is_word)) return error(start, "'{}' is not a number", std::string_view(start, p_));
      return named(token, Token::Type::word, start);
    }
    return make(token, Token::Type::number, start);
  }

  /// The name itself is measured, not its quotes and escapes: the printed name may need others.
  Status named(Token& token, Token::Type type, const char* start) {
    TRY_VOID(make(token, type, start));
    if (token.size > limits::name_bytes &&
        token_value(token, std::string_view(begin_, end_)).size() > limits::name_bytes)
      return error(start, "the name is longer than {} bytes", limits::name_bytes);
    // EXPLAIN AST writes names as they are, one node a line.
    if (type == Token::Type::quoted &&
        token_value(token, std::string_view(begin_, end_)).find_first_of("\n\r") != std::string::npos)
      return error(start, "a name may not hold line breaks");
    return {};
  }

  Status word(Token& token) {
    const char* const start = p_;
    const char* p = start;  // a local: the bytes read could lie anywhere, also in p_
    while (p < end_ && is_a(*p, word_class | dollar_class)) ++p;
    p_ = p;
    token.keyword = find_keyword(std::string_view(start, p));
    if (p - start <= static_cast<std::ptrdiff_t>(limits::name_bytes)) return make(token, Token::Type::word, start);
    return named(token, Token::Type::word, start);
  }

  Status quoted(Token& token, Token::Type type, char quote) {
    const char* const start = p_++;
    while (p_ < end_) {
      if (*p_ == '\\') {
        if (peek(1) == 'x' && !(is_hex(peek(2)) && is_hex(peek(3))))
          return error(p_, "\\x needs two hexadecimal digits");
        p_ = std::min(p_ + 2, end_);
      } else if (*p_ != quote) {
        ++p_;
      } else if (peek(1) == quote) {
        p_ += 2;
      } else {
        ++p_;
        if (type == Token::Type::string) return make(token, type, start);
        if (p_ - start == 2) return error(start, "a name may not be empty");
        return named(token, type, start);
      }
    }
    return error(start, "the {} is not closed: expected {}", type == Token::Type::string ? "string" : "name", quote);
  }

  /// x'…' and b'…'
  Status digits_string(Token& token) {
    const char* const start = p_;
    const bool hex = (*p_ | 0x20) == 'x';
    p_ += 2;
    while (p_ < end_ && (hex ? is_hex(*p_) : *p_ == '0' || *p_ == '1')) ++p_;
    if (peek(0) != '\'') return error(start, "the string is not closed, or has a character that is not a digit");
    ++p_;
    return make(token, hex ? Token::Type::hex_string : Token::Type::bin_string, start);
  }

  /// The end of `$tag$ … $tag$` when one starts here.
  [[nodiscard]] const char* heredoc_end() const {
    const char* tag_end = p_ + 1;
    while (tag_end < end_ && is_word(*tag_end)) ++tag_end;
    if (tag_end == end_ || *tag_end != '$') return nullptr;
    const std::string_view tag(p_, ++tag_end);
    const auto rest = std::string_view(tag_end, end_);
    const auto found = rest.find(tag);
    return found == std::string_view::npos ? nullptr : rest.data() + found + tag.size();
  }

  const char* const begin_;
  const char* p_;
  const char* const end_;
  // Each looks through the rest of the text.
  static constexpr std::uint32_t open_tags_max = 100;
  std::uint32_t open_tags_ = 0;
  bool ascii_ = false;
  const char* counted_;
  const char* next_line_ = nullptr;
  std::uint32_t line_ = 1;
  std::uint32_t column_ = 1;
  Token::Type previous_type_ = Token::Type::end;
  char previous_symbol_ = '\0';  // no two symbols begin with a dot or a closing bracket
};

/// What stands between the quotes: `\` escapes as the engine decodes them, doubled quotes.
std::string unescape(std::string_view text, char quote) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == quote) {
      out += c;
      ++i;  // the second of two
      continue;
    }
    if (c != '\\' || i + 1 >= text.size()) {
      out += c;
      continue;
    }
    const char e = text[++i];
    switch (e) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case '0':
        out += '\0';
        break;
      case 'a':
        out += '\a';
        break;
      case 'v':
        out += '\v';
        break;
      case 'e':
        out += '\x1B';
        break;
      case 'N':
        break;
      case 'x':
        if (i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]))
          out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
        i += 2;
        break;
      case '\\':
      case '\'':
      case '"':
      case '`':
      case '/':
      case '=':
        out += e;
        break;
      default:
        if (static_cast<unsigned char>(e) >= 0x20) out += '\\';
        out += e;
    }
  }
  return out;
}

/// Digits to bytes from the left; an incomplete group comes first, as in the engine.
std::string decode_digits(std::string_view digits, std::size_t per_byte, int base) {
  std::string out;
  std::size_t group = digits.size() % per_byte;
  if (group == 0) group = per_byte;
  for (std::size_t i = 0; i < digits.size(); group = per_byte) {
    int value = 0;
    for (const std::size_t stop = i + group; i < stop; ++i) value = value * base + hex_value(digits[i]);
    out += static_cast<char>(value);
  }
  return out;
}

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text) {
  return Lexer(text).run();
}

std::string token_value(const Token& token, std::string_view text) {
  const std::string_view raw = text.substr(token.where.offset, token.size);
  switch (token.type) {
    case Token::Type::string:
    case Token::Type::quoted:
      return unescape(raw.substr(1, raw.size() - 2), raw[0]);
    case Token::Type::hex_string:
      return decode_digits(raw.substr(2, raw.size() - 3), 2, 16);
    case Token::Type::bin_string:
      return decode_digits(raw.substr(2, raw.size() - 3), 8, 2);
    case Token::Type::heredoc: {
      const std::size_t tag = raw.find('$', 1) + 1;
      return std::string(raw.substr(tag, raw.size() - 2 * tag));
    }
    default:
      return std::string(raw);
  }
}

}  // namespace kinglet::sql
