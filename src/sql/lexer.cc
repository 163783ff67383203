// SPDX-License-Identifier: Apache-2.0
// The lexer: one pass over the bytes, no look-ahead beyond a few bytes.
#include "sql/lexer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace kinglet::sql {
namespace {

enum : std::uint8_t {
  digit_class = 1,
  hex_class = 2,
  word_class = 4,
  blank_class = 8,
  dollar_class = 16,
  comment_class = 32,  // what begins a comment, and bytes of longer characters, which may be blanks
};

/// What can begin with a byte.
enum class Start : std::uint8_t {
  none,
  blank_or_character,  // a byte of a longer character, maybe of a blank
  word,
  word_or_digits,  // x'4142', b'0101'
  number,
  dot,
  string,
  name,
  dollar,
  symbol,
  long_symbol,  // maybe one of several bytes
  opening,
  closing,
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
    auto& kind = out[static_cast<std::size_t>(c)];
    if (digit) kind |= digit_class;
    if (digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) kind |= hex_class;
    if (digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') kind |= word_class;
    if (c == ' ' || (c >= '\t' && c <= '\r')) kind |= blank_class;
    if (c == '-' || c == '/' || c == '#' || c >= 0x80) kind |= comment_class;
  }
  out['$'] |= dollar_class;
  return out;
}();

constexpr auto starts = [] {
  std::array<Start, 256> out{};
  const auto set = [&](std::string_view bytes, Start start) {
    for (const char c : bytes) out[static_cast<unsigned char>(c)] = start;
  };
  for (std::size_t c = 0; c < out.size(); ++c) {
    if ((classes[c] & word_class) != 0) out[c] = Start::word;
    if ((classes[c] & digit_class) != 0) out[c] = Start::number;
    if (c >= 0x80) out[c] = Start::blank_or_character;
  }
  set(short_symbols, Start::symbol);
  for (const auto symbol : long_symbols) set(symbol.substr(0, 1), Start::long_symbol);
  set("xXbB", Start::word_or_digits);
  set(".", Start::dot);
  set("'", Start::string);
  set("`\"", Start::name);
  set("$", Start::dollar);
  set("([", Start::opening);
  set(")]", Start::closing);
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

/// What reads a token or blanks starts at `p` and gives the end of what it read; null when it recorded an error.
class Lexer {
 public:
  explicit Lexer(std::string_view text)
      : begin_(text.empty() ? "" : text.data()),  // null means an error
        end_(begin_ + text.size()),
        line_begin_(begin_),
        counted_(begin_) {
    tokens_.reserve(text.size() / 4 + 8);
  }

  Result<std::vector<Token>> run() {
    if (!check_bytes()) return fail(std::move(error_));
    for (const char* p = begin_;;) {
      p = skip_blanks(p);
      if (p == nullptr) return fail(std::move(error_));
      Token& token = tokens_.emplace_back();
      if (p == end_) {
        make(token, Token::Type::end, p, p);
        break;
      }
      p = next(p, token);
      if (p == nullptr) return fail(std::move(error_));
    }
    while (open_ != no_token) open_ = std::exchange(tokens_[open_].partner, last_index());
    return std::move(tokens_);
  }

 private:
  static constexpr std::string_view close_comment = "*/";
  static constexpr std::uint32_t no_token = 0xFFFFFFFF;

  [[nodiscard]] bool starts_with(const char* p, std::string_view text) const {
    return static_cast<std::size_t>(end_ - p) >= text.size() && std::memcmp(p, text.data(), text.size()) == 0;
  }
  /// The byte `n` behind `p`.
  [[nodiscard]] char peek(const char* p, std::ptrdiff_t n) const { return end_ - p > n ? p[n] : '\0'; }
  /// Before the one that is being read.
  [[nodiscard]] const Token* previous() const { return tokens_.size() < 2 ? nullptr : &tokens_[tokens_.size() - 2]; }
  [[nodiscard]] std::uint32_t last_index() const { return static_cast<std::uint32_t>(tokens_.size() - 1); }

  /// Goes on from the last place asked for, so that the whole text is counted once.
  Position position(const char* at) {
    if (at > next_line_) next_line(at);
    if (!ascii_) count_bytes_within(at);
    return {static_cast<std::uint32_t>(at - begin_), line_,
            static_cast<std::uint32_t>(at - line_begin_) + 1 - bytes_within_};
  }

  [[gnu::noinline]] void next_line(const char* at) {
    while (at > next_line_) {  // that line break lies before
      line_begin_ = counted_ = next_line_ + 1;
      ++line_;
      bytes_within_ = 0;
      find_line_end();
    }
  }

  [[gnu::noinline]] void count_bytes_within(const char* at) {
    for (; counted_ < at; ++counted_)
      if ((static_cast<unsigned char>(*counted_) & 0xC0) == 0x80) ++bytes_within_;
  }

  void find_line_end() {
    const auto size = static_cast<std::size_t>(end_ - line_begin_);
    const void* found = size == 0 ? nullptr : std::memchr(line_begin_, '\n', size);
    next_line_ = found == nullptr ? end_ : static_cast<const char*>(found);
  }

  /// Records an error at `at`; null.
  template <class... Args>
  const char* error(const char* at, fmt::format_string<Args...> format, Args&&... args) {
    const Position where = position(at);
    error_ = {.code = Code::invalid,
              .message = fmt::format("line {}, column {}: {}", where.line, where.column,
                                     fmt::format(format, std::forward<Args>(args)...))};
    return nullptr;
  }

  bool check_bytes() {
    unsigned all = 0;
    for (const char* at = begin_; at < end_; ++at) all |= static_cast<unsigned char>(*at);
    ascii_ = all < 0x80;
    find_line_end();
    if (ascii_) {
      const auto size = static_cast<std::size_t>(end_ - begin_);
      const void* zero = size == 0 ? nullptr : std::memchr(begin_, '\0', size);
      if (zero != nullptr) error(static_cast<const char*>(zero), "a NUL byte is not allowed");
      return zero == nullptr;
    }
    for (const char* at = begin_; at < end_;) {
      if (*at == '\0') return error(at, "a NUL byte is not allowed") != nullptr;
      if (static_cast<unsigned char>(*at) < 0x80) {
        ++at;
        continue;
      }
      char32_t c = 0;
      const std::size_t size = decode_utf8(at, end_, c);
      if (size == 0) return error(at, "the text is not valid UTF-8") != nullptr;
      at += size;
    }
    return true;
  }

  /// Comments, too.
  const char* skip_blanks(const char* p) {
    while (true) {
      while (p < end_ && is_blank(*p)) ++p;
      if (p == end_ || !is_a(*p, comment_class)) return p;
      if (static_cast<unsigned char>(*p) >= 0x80) {
        char32_t character = 0;
        const std::size_t size = decode_utf8(p, end_, character);
        if (!is_unicode_blank(character)) return p;
        p += size;
      } else if (starts_with(p, "--") || starts_with(p, "//") || starts_with(p, "# ") || starts_with(p, "#!")) {
        p = std::find(p, end_, '\n');
      } else if (starts_with(p, "/*")) {
        p = skip_comment(p);
        if (p == nullptr) return nullptr;
      } else {
        return p;
      }
    }
  }

  const char* skip_comment(const char* p) {
    const char* const start = p;
    std::size_t depth = 0;
    while (p < end_) {
      if (starts_with(p, "/*")) {
        ++depth;
        p += 2;
      } else if (starts_with(p, close_comment)) {
        p += 2;
        if (--depth == 0) return p;
      } else {
        ++p;
      }
    }
    return error(start, "the comment is not closed: expected */");
  }

  const char* make(Token& token, Token::Type type, const char* p, const char* end) {
    token.type = type;
    token.size = static_cast<std::uint32_t>(end - p);
    token.where = position(p);
    return end;
  }

  const char* next(const char* p, Token& token) {
    const char c = *p;
    const Start start = starts[static_cast<unsigned char>(c)];
    if (start == Start::word) return word(p, token);
    if (start == Start::symbol) return symbol(p, token, 1);
    switch (start) {
      case Start::word_or_digits:
        return peek(p, 1) == '\'' ? digits_string(p, token) : word(p, token);
      case Start::number:
        return number(p, token);
      case Start::dot:
        return is_digit(peek(p, 1)) && !dot_is_access() ? number(p, token) : symbol(p, token, 1);
      case Start::string:
        return quoted(p, token, Token::Type::string);
      case Start::name:
        return quoted(p, token, Token::Type::quoted);
      case Start::dollar:
        return dollar(p, token);
      case Start::long_symbol:
        return long_symbol(p, token);
      case Start::opening:
        token.partner = std::exchange(open_, last_index());  // for now the bracket around it
        return symbol(p, token, 1);
      case Start::closing:
        if (open_ != no_token) open_ = std::exchange(tokens_[open_].partner, last_index());
        return symbol(p, token, 1);
      case Start::blank_or_character:
        return character(p, token);
      default:
        return unexpected(p);
    }
  }

  const char* unexpected(const char* p) {
    if (*p == '#') return error(p, "unexpected '#': a comment starts with \"# \" or \"#!\"");
    if (*p == '\\') return error(p, "unexpected character '\\'");
    return error(p, "unexpected character '{}'", *p < 0x20 || *p == 0x7F ? '?' : *p);
  }

  const char* symbol(const char* p, Token& token, std::size_t size) {
    token.symbol = symbol_code({p, size});
    return make(token, Token::Type::symbol, p, p + size);
  }

  const char* long_symbol(const char* p, Token& token) {
    for (const auto one : long_symbols)
      if (starts_with(p, one)) return symbol(p, token, one.size());
    return short_symbols.contains(*p) ? symbol(p, token, 1) : unexpected(p);
  }

  /// A text, a word or a symbol.
  const char* dollar(const char* p, Token& token) {
    if (const char* const end = heredoc_end(p); end != nullptr) return make(token, Token::Type::heredoc, p, end);
    if (is_word(peek(p, 1)) && ++open_tags_ > open_tags_max)
      return error(p, "more than {} words with '$' that could begin a $tag$ text", open_tags_max);
    return is_word(peek(p, 1)) || peek(p, 1) == '$' ? word(p, token) : symbol(p, token, 1);
  }

  /// Beyond ASCII.
  const char* character(const char* p, Token& token) {
    char32_t c = 0;
    const std::size_t size = decode_utf8(p, end_, c);
    if (c == 0x2212) {
      token.symbol = symbol_code("-");
      return make(token, Token::Type::symbol, p, p + size);
    }
    if (c >= 0x2018 && c <= 0x201F)
      return error(p, "typographic quotes are not allowed: use ' for text and ` or \" for names");
    return error(p, "unexpected character '{}': a name with it needs quotes (`…`)", std::string_view(p, size));
  }

  /// A dot with a digit behind it is access to a tuple element when something to access stands before it.
  [[nodiscard]] bool dot_is_access() const {
    const Token* const before = previous();
    if (before == nullptr) return false;
    switch (before->type) {
      case Token::Type::word:
      case Token::Type::quoted:
      case Token::Type::number:
        return true;
      default:
        return before->is(")") || before->is("]");
    }
  }

  [[nodiscard]] const char* skip_digits(const char* p, bool hex, bool block_start) const {
    const auto digit = [&](char c) { return hex ? is_hex(c) : is_digit(c); };
    while (p < end_) {
      if (digit(*p)) {
        ++p;
      } else if (*p == '_' && !block_start && p[-1] != '_' && digit(peek(p, 1))) {
        ++p;
      } else {
        break;
      }
      block_start = false;
    }
    return p;
  }

  const char* number(const char* const start, Token& token) {
    const char* p = start;
    if (previous() != nullptr && previous()->is(".")) {
      p = skip_digits(p, false, false);
    } else {
      bool hex = false;
      if (*p == '0' && (peek(p, 1) | 0x20) == 'x' && is_hex(peek(p, 2))) {
        hex = true;
        p += 2;
      } else if (*p == '0' && (peek(p, 1) | 0x20) == 'b' && (peek(p, 2) == '0' || peek(p, 2) == '1')) {
        p += 2;
      }
      if (*p != '.') p = skip_digits(p, hex, false);
      if (peek(p, 0) == '.') p = skip_digits(p + 1, hex, true);
      if ((peek(p, 0) | 0x20) == (hex ? 'p' : 'e')) {
        const std::ptrdiff_t sign = peek(p, 1) == '+' || peek(p, 1) == '-' ? 1 : 0;
        if (is_digit(peek(p, 1 + sign))) {
          p = skip_digits(p + 1 + sign, false, true);
        } else if (sign == 1) {
          return error(start, "the number has an exponent without digits");
        }
      }
    }
    if (p == end_ || !is_word(*p)) return make(token, Token::Type::number, start, p);
    while (p < end_ && is_word(*p)) ++p;
    if (!std::all_of(start, p, is_word)) return error(start, "'{}' is not a number", std::string_view(start, p));
    return named(token, Token::Type::word, start, p);
  }

  /// The name itself is measured, not its quotes and escapes: the printed name may need others.
  const char* named(Token& token, Token::Type type, const char* p, const char* end) {
    make(token, type, p, end);
    if (token.size > limits::name_bytes &&
        token_value(token, std::string_view(begin_, end_)).size() > limits::name_bytes)
      return error(p, "the name is longer than {} bytes", limits::name_bytes);
    // EXPLAIN AST writes names as they are, one node a line.
    if (type == Token::Type::quoted &&
        token_value(token, std::string_view(begin_, end_)).find_first_of("\n\r") != std::string::npos)
      return error(p, "a name may not hold line breaks");
    return end;
  }

  const char* word(const char* const start, Token& token) {
    const char* p = start;
    while (p < end_ && is_a(*p, word_class | dollar_class)) ++p;
    token.keyword = find_keyword(std::string_view(start, p));
    if (p - start <= static_cast<std::ptrdiff_t>(limits::name_bytes)) return make(token, Token::Type::word, start, p);
    return named(token, Token::Type::word, start, p);
  }

  const char* quoted(const char* const start, Token& token, Token::Type type) {
    const char quote = *start;
    const char* p = start + 1;
    while (p < end_) {
      if (*p == '\\') {
        if (peek(p, 1) == 'x' && !(is_hex(peek(p, 2)) && is_hex(peek(p, 3))))
          return error(p, "\\x needs two hexadecimal digits");
        p = std::min(p + 2, end_);
      } else if (*p != quote) {
        ++p;
      } else if (peek(p, 1) == quote) {
        p += 2;
      } else {
        ++p;
        if (type == Token::Type::string) return make(token, type, start, p);
        if (p - start == 2) return error(start, "a name may not be empty");
        return named(token, type, start, p);
      }
    }
    return error(start, "the {} is not closed: expected {}", type == Token::Type::string ? "string" : "name", quote);
  }

  /// x'…' and b'…'
  const char* digits_string(const char* const start, Token& token) {
    const bool hex = (*start | 0x20) == 'x';
    const char* p = start + 2;
    while (p < end_ && (hex ? is_hex(*p) : *p == '0' || *p == '1')) ++p;
    if (peek(p, 0) != '\'') return error(start, "the string is not closed, or has a character that is not a digit");
    return make(token, hex ? Token::Type::hex_string : Token::Type::bin_string, start, p + 1);
  }

  /// The end of `$tag$ … $tag$` when one starts here.
  [[nodiscard]] const char* heredoc_end(const char* p) const {
    const char* tag_end = p + 1;
    while (tag_end < end_ && is_word(*tag_end)) ++tag_end;
    if (tag_end == end_ || *tag_end != '$') return nullptr;
    const std::string_view tag(p, ++tag_end);
    const auto rest = std::string_view(tag_end, end_);
    const auto found = rest.find(tag);
    return found == std::string_view::npos ? nullptr : rest.data() + found + tag.size();
  }

  const char* const begin_;
  const char* const end_;
  // Each looks through the rest of the text.
  static constexpr std::uint32_t open_tags_max = 100;
  std::uint32_t open_tags_ = 0;
  bool ascii_ = false;
  const char* line_begin_;
  const char* next_line_ = nullptr;
  const char* counted_;  // up to here
  std::uint32_t line_ = 1;
  std::uint32_t bytes_within_ = 0;  // of this line: bytes of characters that began before them
  std::vector<Token> tokens_;
  std::uint32_t open_ = no_token;  // the innermost open bracket
  Error error_;
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
