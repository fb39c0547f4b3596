#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ir/errors.h"

namespace adze {

enum class TokenKind : std::uint8_t {
  kEnd,
  kWord,      ///< func, add, f32, dims, x
  kValue,     ///< %x; `text` is without the %
  kFunction,  ///< @loss; `text` is without the @
  kNumber,    ///< 12, -0.5, 1e-3, 0x7fc00001, -inf
  kString,    ///< "..."; `text` is between the quotes, escapes not yet decoded
  kArrow,     ///< ->
  kPunctuation,
};

/// A piece of an .adze file; `text` points into it.
struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  int line = 1, column = 1;  ///< of the first character, from 1; columns count bytes
  std::size_t offset = 0;    ///< of the first character

  bool is(char c) const { return kind == TokenKind::kPunctuation && text[0] == c; }
  bool is_word(std::string_view word) const { return kind == TokenKind::kWord && text == word; }
};

/// Splits the text of an .adze file. Holds no more than a position, so a copy looks ahead.
class Lexer {
 public:
  Lexer(std::string_view text, std::string_view file) : text_(text), file_(file) {}
  /// The next token; kEnd for ever at the end. Throws IoError on a character that begins nothing.
  Token next();

  std::string_view file() const { return file_; }
  std::size_t remaining() const { return text_.size() - position_; }

  /// Throws IoError "file:line:column: <message>", the line (cut to a readable width) and a caret. `notes`
  /// are further lines, put after the caret.
  [[noreturn]] void fail(const Token& at, std::string_view message, std::string_view notes = {}) const;

 private:
  void skip_space();
  Token take(TokenKind kind, std::size_t length, std::size_t skip_front = 0, std::size_t skip_back = 0);

  std::string_view text_, file_;
  std::size_t position_ = 0;
  std::size_t line_start_ = 0;
  int line_ = 1;
};

/// `token.text` with escapes decoded. `lexer` is for errors.
std::string decode_string(const Lexer& lexer, const Token& token);
/// `text` between quotes, with \" \\ \n \t \r \xNN.
std::string quote(std::string_view text);
/// Can `text` stand after @ without quotes?
bool is_plain_name(std::string_view text);
/// A printable form of anything found in a file: cut to a readable length, control characters as dots.
std::string printable(std::string_view text);

}  // namespace adze
