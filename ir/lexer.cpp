#include "ir/lexer.h"

#include <fmt/format.h>

#include <algorithm>

namespace adze {
namespace {

constexpr std::size_t kExcerptWidth = 100;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word_part(char c) {
  return is_word_start(c) || is_digit(c);
}
bool is_name_part(char c) {
  return is_word_part(c) || c == '.' || c == '$';
}
bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <class Predicate>
std::size_t length_while(std::string_view text, std::size_t from, Predicate predicate) {
  std::size_t end = from;
  while (end < text.size() && predicate(text[end])) ++end;
  return end - from;
}

/// Letters, digits, dots, and a sign after an exponent: "1e-3", "0x7fc00001", "-inf". parse_number decides.
std::size_t number_length(std::string_view text) {
  std::size_t end = 1;
  const bool is_hex = text.starts_with("0x");
  while (end < text.size()) {
    const char c = text[end];
    const bool is_exponent_sign =
        (c == '-' || c == '+') && !is_hex && (text[end - 1] == 'e' || text[end - 1] == 'E');
    if (!is_word_part(c) && c != '.' && !is_exponent_sign) break;
    ++end;
  }
  return end;
}

}  // namespace

void Lexer::skip_space() {
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (c == '\n') {
      ++line_;
      line_start_ = ++position_;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++position_;
    } else if (text_.substr(position_, 2) == "//") {
      position_ = std::min(text_.find('\n', position_), text_.size());
    } else {
      return;
    }
  }
}

Token Lexer::take(TokenKind kind, std::size_t length, std::size_t skip_front, std::size_t skip_back) {
  Token token;
  token.kind = kind;
  token.text = text_.substr(position_ + skip_front, length - skip_front - skip_back);
  token.line = line_;
  token.column = static_cast<int>(std::min<std::size_t>(position_ - line_start_ + 1, INT32_MAX));
  token.offset = position_;
  position_ += length;
  return token;
}

Token Lexer::next() {
  skip_space();
  if (position_ >= text_.size()) return take(TokenKind::kEnd, 0);
  const std::string_view rest = text_.substr(position_);
  const char c = rest[0];
  const char second = rest.size() > 1 ? rest[1] : '\0';
  if (is_word_start(c)) return take(TokenKind::kWord, length_while(rest, 0, is_word_part));
  if (c == '-' && second == '>') return take(TokenKind::kArrow, 2);
  if (is_digit(c) || ((c == '-' || c == '.') && (is_word_part(second) || second == '.'))) {
    return take(TokenKind::kNumber, number_length(rest));
  }
  if (c == '%' && is_name_part(second)) {
    return take(TokenKind::kValue, 1 + length_while(rest, 1, is_name_part), 1);
  }
  if (c == '@' && is_name_part(second)) {
    return take(TokenKind::kFunction, 1 + length_while(rest, 1, is_name_part), 1);
  }
  if (c == '"') {
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != '"' && rest[end] != '\n') end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size() || rest[end] != '"') {
      fail(take(TokenKind::kString, 1), "the string that begins here has no end");
    }
    return take(TokenKind::kString, end + 1, 1, 1);
  }
  if (std::string_view("(){}[],:=@").find(c) != std::string_view::npos) {
    return take(TokenKind::kPunctuation, 1);
  }
  if (c == '%') fail(take(TokenKind::kPunctuation, 1), "a name must follow %");
  const bool is_ascii = !is_control(c) && static_cast<unsigned char>(c) < 0x80;
  fail(take(TokenKind::kPunctuation, 1),
       is_ascii ? fmt::format("unexpected character '{}'", c)
                : fmt::format("unexpected byte 0x{:02x}", static_cast<unsigned char>(c)));
}

void Lexer::fail(const Token& at, std::string_view message, std::string_view notes) const {
  const std::size_t start = at.offset - static_cast<std::size_t>(at.column - 1);
  const std::size_t end = std::min(text_.find('\n', at.offset), text_.size());
  // Lines of machine-written files can be megabytes long: show the part around the column.
  const std::size_t from = std::max(start, at.offset - std::min(at.offset, kExcerptWidth / 2));
  const std::size_t to = std::min(end, from + kExcerptWidth);
  std::string line(text_.substr(from, to - from));
  if (line.ends_with('\r')) line.pop_back();
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\t'; }, ' ');
  std::replace_if(line.begin(), line.end(), is_control, '.');
  throw IoError(fmt::format("{}:{}:{}: {}\n  {}\n  {}^{}{}", file_, at.line, at.column, message, line,
                            std::string(at.offset - from, ' '), notes.empty() ? "" : "\n", notes));
}

std::string decode_string(const Lexer& lexer, const Token& token) {
  std::string out;
  const std::string_view text = token.text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const char c = ++i < text.size() ? text[i] : '\0';
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (c == '"' || c == '\\') {
      out += c;
    } else if (c == 'n') {
      out += '\n';
    } else if (c == 't') {
      out += '\t';
    } else if (c == 'r') {
      out += '\r';
    } else if (c == 'x' && low >= 0) {
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      lexer.fail(token,
                 "bad escape in a string: use \\\" \\\\ \\n \\t \\r or \\x and two hexadecimal digits");
    }
  }
  return out;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (is_control(c)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool is_plain_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_name_part);
}

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string out(text.substr(0, kLongest));
  std::replace_if(out.begin(), out.end(), is_control, '.');
  return text.size() > kLongest ? out + "..." : out;
}

}  // namespace adze
