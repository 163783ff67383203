// SPDX-License-Identifier: Apache-2.0
// Constant DEFAULT expressions, read as literals; anything else is left to the engine.
#include "rows/mapping.h"

namespace kinglet::rows::internal {
namespace {

class Literal {
 public:
  explicit Literal(std::string_view text) : text_(text) {}

  std::optional<std::string> whole() {
    std::string out;
    if (!value(out, 0)) return std::nullopt;
    blanks();
    return at_ == text_.size() ? std::optional(std::move(out)) : std::nullopt;
  }

 private:
  static constexpr int depth_max = 16;

  void blanks() {
    while (at_ < text_.size() && Tokens::is_blank(text_[at_])) ++at_;
  }
  bool take(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool string(std::string& decoded) {
    if (!take('\'')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\'') {
        if (at_ >= text_.size() || text_[at_] != '\'') return true;
        decoded += '\'';
        ++at_;
      } else if (c == '\\') {
        if (at_ >= text_.size()) return false;
        switch (text_[at_++]) {
          case 'n':
            decoded += '\n';
            break;
          case 't':
            decoded += '\t';
            break;
          case 'r':
            decoded += '\r';
            break;
          case '\\':
            decoded += '\\';
            break;
          case '\'':
            decoded += '\'';
            break;
          case '"':
            decoded += '"';
            break;
          default:
            return false;  // rarer escapes: the engine knows best
        }
      } else {
        decoded += c;
      }
    }
    return false;
  }

  bool list(char close, std::string& out, int depth) {
    out += '[';
    if (!take(close)) {
      do {
        if (out.back() != '[') out += ',';
        if (!value(out, depth + 1)) return false;
      } while (take(','));
      if (!take(close)) return false;
    }
    out += ']';
    return true;
  }

  /// Pairs of key and value up to `close`; `between` stands between key and value.
  bool pairs(char close, char between, std::string& out, int depth) {
    out += '{';
    if (!take(close)) {
      do {
        if (out.back() != '{') out += ',';
        std::string key;
        blanks();
        if (at_ < text_.size() && text_[at_] == '\'') {
          if (!string(key)) return false;
        } else if (!number(key)) {
          return false;
        }
        quote_json(key, out);
        out += ':';
        if (!take(between) || !value(out, depth + 1)) return false;
      } while (take(','));
      if (!take(close)) return false;
    }
    out += '}';
    return true;
  }

  bool number(std::string& out) {
    blanks();
    const std::size_t start = at_;
    while (at_ < text_.size() && (static_cast<unsigned char>(text_[at_] - '0') < 10 || text_[at_] == '-' ||
                                  text_[at_] == '.' || text_[at_] == 'e'))
      ++at_;
    const std::string_view found = text_.substr(start, at_ - start);
    if (!is_json_number(found)) return false;
    out += found;
    return true;
  }

  bool value(std::string& out, int depth) {
    if (depth > depth_max) return false;
    blanks();
    if (at_ >= text_.size()) return false;
    const char c = text_[at_];
    if (c == '\'') {
      std::string decoded;
      if (!string(decoded)) return false;
      quote_json(decoded, out);
      return true;
    }
    if (c == '[') {
      ++at_;
      return list(']', out, depth);
    }
    if (c == '{') {
      ++at_;
      return pairs('}', ':', out, depth);
    }
    if (c == '-' || static_cast<unsigned char>(c - '0') < 10) return number(out);
    std::string word;
    while (at_ < text_.size() && (static_cast<unsigned char>((text_[at_] | 32) - 'a') < 26 ||
                                  static_cast<unsigned char>(text_[at_] - '0') < 10))
      word += text_[at_++];
    std::string lowered = word;
    for (char& letter : lowered) letter = static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + 32 : letter);
    if (lowered == "null" || lowered == "true" || lowered == "false") {
      out += lowered;
      return true;
    }
    if (!take('(')) return false;
    if (word == "array") return list(')', out, depth);
    if (word == "map") return pairs(')', ',', out, depth);
    if (word.starts_with("emptyArray") && take(')')) {
      out += "[]";
      return true;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> constant_as_json(std::string_view expression) {
  return Literal(expression).whole();
}

}  // namespace kinglet::rows::internal
