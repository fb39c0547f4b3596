#include <gtest/gtest.h>

#include <random>

#include "ir/errors.h"
#include "ir/graph_builder.h"
#include "ir/op.h"
#include "ir/text.h"

namespace adze {
namespace {

/// What parse_graphs(text) throws, or "no error".
std::string error_of(std::string_view text) {
  try {
    parse_graphs(text, "f.adze");
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

std::string first_line(std::string_view text) {
  const std::string error = error_of(text);
  return error.substr(0, error.find('\n'));
}

/// The error of a function with `body` on its second line, which must be in that line (or `line`); the file
/// name, the line's text and the caret line are checked and left out: "column: message" and notes remain.
std::string body_error(const std::string& body) {
  const std::string error =
      error_of("func @f(%x: f32[4], %w: f32[4,2] \"model.w\") -> f32[4] {\n" + body + "\n  return %x\n}\n");
  constexpr std::string_view kStart = "f.adze:2:";
  if (!error.starts_with(kStart)) return error;
  const std::size_t message_end = error.find('\n');
  const std::string message = error.substr(kStart.size(), message_end - kStart.size());
  const std::size_t caret = error.find("^", message_end);
  EXPECT_NE(error.find("\n  " + body + "\n"), std::string::npos) << error;
  const std::size_t caret_line = error.rfind('\n', caret);
  EXPECT_EQ(message.substr(0, message.find(':')), std::to_string(caret - caret_line - 2)) << error;
  return message + error.substr(caret + 1);
}

TEST(TextErrors, ShowTheLineAndACaret) {
  EXPECT_EQ(error_of("func @f(%x: f32[4]) -> f32[4] {\n  %y = ad %x, %x : f32[4]\n  return %y\n}\n"),
            "f.adze:2:8: there is no op 'ad'; did you mean 'add'?\n"
            "    %y = ad %x, %x : f32[4]\n"
            "         ^");
}

TEST(TextErrors, InStatements) {
  EXPECT_EQ(body_error("%y = frobnicate %x"), "6: there is no op 'frobnicate'");
  EXPECT_EQ(body_error("%x = neg %x"), "1: %x is already defined at line 1");
  EXPECT_EQ(body_error("%y = neg %xx"), "10: %xx is not defined");
  EXPECT_EQ(body_error("%y = neg %unheard_of"), "10: %unheard_of is not defined");
  EXPECT_EQ(body_error("%y = neg %y"), "10: %y is not defined");
  EXPECT_EQ(body_error("%y = neg"), "6: neg: takes 1 operand, got 0");
  EXPECT_EQ(body_error("%y = add %x"), "6: add: takes 2 operands, got 1\n  lhs %0 f32[4] x f.adze:1");
  EXPECT_EQ(
      body_error("%y = neg %x, %x"),
      "6: neg: takes 1 operand, got 2\n  operand %0 f32[4] x f.adze:1\n  operand 1 %0 f32[4] x f.adze:1");
  EXPECT_EQ(body_error("%y, %z = neg %x"), "1: neg gives 1 result, but 2 are named here");
  EXPECT_EQ(body_error("%y = neg %x : f32[3]"), "15: declared f32[3], but neg gives f32[4]");
  EXPECT_EQ(body_error("%y = neg %x : f64[4]"), "15: declared f64[4], but neg gives f32[4]");
  EXPECT_EQ(body_error("%y = neg %x : f32[4], f32[4]"), "23: more types than results");
  EXPECT_EQ(body_error("%y = neg %x : f33[4]"), "15: expected a type, such as f32[2,3], found 'f33'");
  // What is missing is noticed at the next line.
  EXPECT_EQ(
      body_error("%y = neg %x : f32"),
      "f.adze:3:3: expected '[' and the sizes after a dtype, such as f32[2,3] or f32[], found 'return'\n"
      "    return %x\n    ^");
  EXPECT_EQ(body_error("%y = neg %x,"),
            "f.adze:3:3: expected an operand, such as %x, found 'return'\n    return %x\n    ^");
  EXPECT_EQ(body_error("%y neg %x"), "4: expected '=' after the names of the results, found 'neg'");
  EXPECT_EQ(body_error("%y = %x"), "6: expected the name of an op, found '%x'");
  EXPECT_EQ(body_error("y = neg %x"), "1: expected '%name = ...' or 'return', found 'y'");
  EXPECT_EQ(body_error("% = neg %x"), "1: a name must follow %");
  EXPECT_EQ(body_error("%y = neg %x ; comment"), "13: unexpected character ';'");
  EXPECT_EQ(body_error("%y = neg %x \xe2\x80\x93"), "13: unexpected byte 0xe2");
}

TEST(TextErrors, AbbreviationsSuggestTheWholeName) {
  EXPECT_EQ(first_line("func @f() -> () { %x = iota {dim = 0} return }"),
            "f.adze:1:30: iota has no attribute 'dim'; did you mean 'dimension'?");
}

TEST(TextErrors, UndefinedNamesSuggestTheNearest) {
  EXPECT_EQ(first_line("func @f(%weights: f32[], %bias: f32[]) -> f32[] { return %wieghts }"),
            "f.adze:1:58: %wieghts is not defined; did you mean '%weights'?");
}

TEST(TextErrors, UseBeforeDefinition) {
  EXPECT_EQ(error_of("func @f(%x: f32[]) -> f32[] {\n  %a = neg %b\n  %b = neg %a\n  return %a\n}"),
            "f.adze:2:12: %b is used before its definition at line 3\n    %a = neg %b\n             ^");
}

TEST(TextErrors, InTypes) {
  EXPECT_EQ(body_error("%y = neg %x : f32[4,-1]"), "18: a size is negative: -1");
  EXPECT_EQ(body_error("%y = neg %x : f32[9999999999999999999]"),
            "19: '9999999999999999999' does not fit i64");
  EXPECT_EQ(body_error("%y = neg %x : f32[1048576,1048576,1048576]"),
            "18: shape [1048576,1048576,1048576] is too large (more than 2^48 elements)");
  EXPECT_EQ(body_error("%y = neg %x : f32[1.5]"), "19: '1.5' is not an integer");
  EXPECT_EQ(body_error("%y = neg %x : f32[4 "),
            "f.adze:3:3: expected ',' or ']' in a list of integers, found 'return'\n"
            "    return %x\n    ^");
  EXPECT_EQ(body_error("%y = neg %x : f32[4;"), "20: unexpected character ';'");
  std::string rank = "1";
  for (int i = 0; i < 64; ++i) rank += ",1";
  EXPECT_EQ(first_line("func @f(%x: f32[" + rank + "]) -> () { return }"),
            "f.adze:1:16: rank 65 is above 64");
}

TEST(TextErrors, InAttributes) {
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dim = [0], shape = [4]}"),
            "27: broadcast_in_dim has no attribute 'dim'; did you mean 'dims'?");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims = [0], dims = [4]}"),
            "39: attribute 'dims' is given twice");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims = 0, shape = [4]}"),
            "34: attribute 'dims' of broadcast_in_dim is a list of integers, not an integer");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims = [0]}"),
            "6: broadcast_in_dim: attribute 'shape' is missing\n  operand %0 f32[4] x f.adze:1");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims = [0], shape = [3]}"),
            "6: broadcast_in_dim: size 4 of operand dimension 0 does not fit size 3 of result dimension 0\n"
            "  operand %0 f32[4] x f.adze:1");
  EXPECT_EQ(
      body_error("%y = broadcast_in_dim %x {dims = }"),
      "34: expected a value: a number, true, false, a dtype, a list, a string, a constant or a function, "
      "found '}'");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims = [0}"),
            "36: expected ',' or ']' in a list of integers, found '}'");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims [0]}"),
            "32: expected '=' after an attribute's name, found '['");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims = \"0\\q\"}"),
            "34: bad escape in a string: use \\\" \\\\ \\n \\t \\r or \\x and two hexadecimal digits");
  EXPECT_EQ(body_error("%y = broadcast_in_dim %x {dims = \"0}"),
            "34: the string that begins here has no end");
}

TEST(TextErrors, InConstants) {
  const auto constant_error = [](const std::string& value) {
    return body_error("%y = constant {value = " + value + "}");
  };
  EXPECT_EQ(constant_error("f32[2] [1, 2, 3]"), "36: expected ']' after 2 elements, found ','");
  EXPECT_EQ(constant_error("f32[2] [1]"),
            "33: expected ',' in a list of 2 elements, of which 1 is given, found ']'");
  EXPECT_EQ(constant_error("f32[2,1] [[1], 2]"),
            "39: expected '[' in a constant of type f32[2,1], found '2'");
  EXPECT_EQ(constant_error("f32[2] 1"), "31: expected '[' in a constant of type f32[2], found '1'");
  EXPECT_EQ(constant_error("f32[] x"), "30: 'x' is not a number");
  EXPECT_EQ(constant_error("f32[] 1e99"), "30: '1e99' does not fit f32");
  EXPECT_EQ(constant_error("f32[] 0x1ffffffff"), "30: '0x1ffffffff' does not fit f32");
  EXPECT_EQ(constant_error("i32[] 1.5"), "30: '1.5' is not an integer");
  EXPECT_EQ(constant_error("i32[] 2147483648"), "30: '2147483648' does not fit i32");
  EXPECT_EQ(constant_error("u32[] -1"), "30: '-1' does not fit u32");
  EXPECT_EQ(constant_error("bool[] 1"), "31: '1' is neither true nor false");
  EXPECT_EQ(constant_error("f16[] 65520"), "30: '65520' does not fit f16");
  EXPECT_EQ(constant_error("bf16[] 0x12345"), "31: '0x12345' does not fit bf16");
  EXPECT_EQ(constant_error("i8[] 128"), "29: '128' does not fit i8");
  EXPECT_EQ(constant_error("u64[] 18446744073709551616"), "30: '18446744073709551616' does not fit u64");
  EXPECT_EQ(constant_error("f32[2] hex \"00\""), "35: 2 hexadecimal digits, but f32[2] has 8 bytes");
  EXPECT_EQ(constant_error("f32[1] hex \"0000003g\""), "35: not all of these are hexadecimal digits");
  EXPECT_EQ(constant_error("f32[1000000,1000000] [1"),
            "27: the file ends before the 1000000000000 elements of f32[1000000,1000000]");
  EXPECT_EQ(constant_error("f32[0] [1]"), "32: expected ']' for a constant without elements, found '1'");
}

TEST(TextErrors, InFunctions) {
  EXPECT_EQ(error_of(""), "f.adze:1:1: expected a function ('func'), found the end of the file\n  \n  ^");
  EXPECT_EQ(error_of("fun @f"), "f.adze:1:1: expected a function ('func'), found 'fun'\n  fun @f\n  ^");
  EXPECT_EQ(error_of("func f() -> () { return }"),
            "f.adze:1:6: expected the function's name, such as @main, found 'f'\n  func f() -> () { return "
            "}\n       ^");
  const std::string line = "func @f(%x: f32[], %x: f32[]) -> () { return }";
  EXPECT_EQ(error_of(line),
            "f.adze:1:20: %x is already defined at line 1\n  " + line + "\n" + std::string(21, ' ') + "^");
  EXPECT_EQ(first_line("func @f(%x: f32[]) -> (f32[], f32[]) { return %x }"),
            "f.adze:1:40: returns 1 value, but the function declares 2");
  EXPECT_EQ(first_line("func @f(%x: f32[]) -> f64[] { return %x }"),
            "f.adze:1:38: returns f32[], but the function declares f64[]");
  EXPECT_EQ(error_of("func @f() -> () { return }\nfunc @f() -> () { return }"),
            "f.adze:2:1: function @f is already defined at line 1\n  func @f() -> () { return }\n  ^");
  EXPECT_EQ(first_line("func @f(%x: f32[]) { return }"),
            "f.adze:1:20: expected '->' and the types of the results, found '{'");
}

TEST(TextErrors, OneFunctionOnly) {
  try {
    parse_graph("func @f() -> () { return }\nfunc @g() -> () { return }", "f.adze");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 49), "f.adze:2:1: only one function was expected here\n ");
  }
}

TEST(TextErrors, LongLinesAreCutAroundTheCaret) {
  const std::string filler(5000, ' ');
  EXPECT_EQ(error_of("func @f(%x: f32[]) -> () {\n" + filler + "%y = nag %x" + filler),
            "f.adze:2:5006: there is no op 'nag'; did you mean 'neg'?\n  " + std::string(45, ' ') +
                "%y = nag %x" + std::string(44, ' ') + "\n  " + std::string(50, ' ') + "^");
}

TEST(TextErrors, ControlCharactersAreNotEchoed) {
  EXPECT_EQ(error_of("func\t@f\x1b[31m(").substr(0, 60),
            "f.adze:1:8: unexpected byte 0x1b\n  func @f.[31m(\n         ^");
}

TEST(TextErrors, DeepNesting) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "func @f() -> () { %x = constant {value = ";
  EXPECT_EQ(first_line(text).substr(0, 60), "f.adze:1:1313: functions are nested more than 32 deep");
  EXPECT_EQ(first_line("func @f() -> () { %x = constant {value = f32[2] " + std::string(100000, '[')),
            "f.adze:1:50: expected a number, found '['");
}

/// A file that uses every part of the grammar the real ops allow.
std::string sample() {
  return R"(// A sample.
func @main(%x: f32[2,3] "model.x\"y", %0: f32[3], %9: bool[]) -> (f32[2,3], f32[]) {
  %b = broadcast_in_dim %0 {dims = [1], shape = [2,3]} : f32[2,3]
  %c = constant {value = f32[2,3] [[1, -2.5, inf], [nan, 0x7fc00001, 1e-3]]} : f32[2,3]
  %s = add %x, %b : f32[2,3]
  %d = constant {value = i64[2] hex "00000000000000000100000000000000"}
  %t = mul %s, %c
  %u = constant {value = f32[] 1} // a scalar
  return %t, %u
}
func @"second one"() -> () { return }
)";
}

TEST(TextRobustness, EveryPrefixIsReadOrRejected) {
  const std::string text = sample();
  ASSERT_EQ(error_of(text), "no error");
  int good = 0;
  for (std::size_t length = 0; length < text.size(); ++length) {
    const std::string error = error_of(std::string_view(text).substr(0, length));
    if (error == "no error") {
      ++good;
    } else {
      EXPECT_TRUE(error.starts_with("f.adze:")) << error;
    }
  }
  EXPECT_LE(good, 3);  // after each function, and before the newline
}

TEST(TextRobustness, MutationsAreReadOrRejected) {
  const std::string text = sample();
  const std::string_view pieces[] = {"%x",      "[",  "]",   "{",     "}",  ",",  "=",      "f32[2]",
                                     "func @g", "-",  "0x",  "1e999", "\"", "\\", "return", "999999999999",
                                     "\n",      "\0", "hex", "x",     "->", "("};
  std::mt19937 random(12345);
  const auto pick = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
  for (int i = 0; i < 20000; ++i) {
    std::string mutated = text;
    for (std::size_t edits = 1 + pick(3); edits-- > 0;) {
      const std::size_t at = pick(mutated.size());
      switch (pick(4)) {
        case 0:
          mutated[at] = static_cast<char>(random());
          break;
        case 1:
          mutated.erase(at, 1 + pick(8));
          break;
        case 2:
          mutated.insert(at, pieces[pick(std::size(pieces))]);
          break;
        default:
          mutated.insert(at, mutated.substr(pick(mutated.size()), pick(40)));
      }
      if (mutated.empty()) mutated = "f";
    }
    std::vector<Graph> graphs;
    try {
      graphs = parse_graphs(mutated, "f.adze");
    } catch (const IoError& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with("f.adze:")) << error.what();
    }
    for (const Graph& graph : graphs) {
      verify(graph);
      EXPECT_TRUE(parse_graph(print(graph)) == graph) << mutated;
    }
  }
}

TEST(TextRobustness, LargeFilesTakeLinearTime) {
  // Anything quadratic would run into the test's timeout.
  std::string text = "func @f(%x: f32[8]) -> f32[8] {\n  %v0 = neg %x\n";
  constexpr int kNodes = 20000;
  for (int i = 1; i < kNodes; ++i) {
    text += "  %v" + std::to_string(i) + " = add %v" + std::to_string(i - 1) + ", %x : f32[8]\n";
  }
  const Graph graph = parse_graph(text + "  return %v" + std::to_string(kNodes - 1) + "\n}\n");
  EXPECT_EQ(graph.nodes().size(), static_cast<std::size_t>(kNodes));
  verify(graph);
  EXPECT_TRUE(parse_graph(print(graph)) == graph);
  EXPECT_EQ(first_line(text + "  %y = neg %nowhere\n").substr(0, 37),
            "f.adze:20002:12: %nowhere is not defi");
}

}  // namespace
}  // namespace adze
