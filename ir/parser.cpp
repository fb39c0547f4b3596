#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <optional>
#include <unordered_map>

#include "ir/graph_builder.h"
#include "ir/lexer.h"
#include "ir/number_text.h"
#include "ir/op.h"
#include "ir/suggest.h"
#include "ir/text.h"

namespace adze {
namespace {

// Bounds that no sane program meets; they keep recursion and tables small on hostile input.
constexpr int kDeepestNesting = 32;
constexpr std::size_t kHighestRank = 64;

std::string describe_token(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the file";
    case TokenKind::kValue:
      return fmt::format("'%{}'", printable(token.text));
    case TokenKind::kFunction:
      return fmt::format("'@{}'", printable(token.text));
    case TokenKind::kString:
      return "a string";
    default:
      return fmt::format("'{}'", printable(token.text));
  }
}

/// What is known of the function being parsed.
struct FunctionScope {
  struct Name {
    ValueId value;  ///< none: a parameter that is still to be placed
    int line = 0;
  };
  /// Parameters are values like any other, and the printer names a value by its id. So a parameter called %7
  /// gets id 7 if it can: it is placed when seven values exist, or when it is first used. A parameter with a
  /// word for a name is placed as soon as those before it are.
  struct PendingParameter {
    Token name;
    TensorType type;
    std::string path;
    std::size_t wanted_id = 0;
  };

  GraphBuilder builder{{.fold = false, .cse = false}};
  std::unordered_map<std::string_view, Name> names;
  std::deque<PendingParameter> pending;
};

class Parser {
 public:
  Parser(std::string_view text, const std::string& file, OpLookup lookup)
      : lookup_(lookup), lexer_(text, file), file_(intern(file)), token_(lexer_.next()) {}

  Graph function();
  std::vector<Graph> all();
  void expect_end() {
    if (token_.kind != TokenKind::kEnd) fail("only one function was expected here");
  }

 private:
  [[noreturn]] void fail(std::string_view message) const { lexer_.fail(token_, message); }
  [[noreturn]] void fail_expected(std::string_view what) const {
    fail(fmt::format("expected {}, found {}", what, describe_token(token_)));
  }
  Token advance() {
    const Token token = token_;
    token_ = lexer_.next();
    return token;
  }
  bool skip(char c) {
    if (!token_.is(c)) return false;
    advance();
    return true;
  }
  void expect(char c, std::string_view context) {
    if (!skip(c)) fail_expected(fmt::format("'{}' {}", c, context));
  }
  Token expect(TokenKind kind, std::string_view what) {
    if (token_.kind != kind) fail_expected(what);
    return advance();
  }

  std::string function_name();
  void parameters(FunctionScope& scope);
  std::vector<TensorType> result_types();
  void statement(FunctionScope& scope);
  Graph finish(FunctionScope& scope, const std::vector<TensorType>& declared);

  void define(FunctionScope& scope, const Token& name, ValueId value);
  ValueId use(FunctionScope& scope, const Token& name);
  void place_parameter(FunctionScope& scope);
  void place_ready_parameters(FunctionScope& scope);
  [[noreturn]] void fail_undefined(const FunctionScope& scope, const Token& name) const;
  std::optional<int> line_of_later_definition(std::string_view name) const;

  TensorType type();
  TensorType type_of(DType dtype);
  std::int64_t integer(std::string_view what);
  Dims dims();
  Attrs attributes(const OpDef& op);
  AttrValue attribute(const AttrValue* kind);
  AttrValue number_attribute(const AttrValue* kind);
  ConstantRef constant(DType dtype);
  void listed_elements(Literal& literal);
  void element(Literal& literal, std::int64_t i);

  Location location(const Token& token) const { return {file_, token.line, ""}; }

  OpLookup lookup_;
  Lexer lexer_;
  const char* file_;
  Token token_;  ///< the one being looked at
  int depth_ = 0;
};

std::vector<Graph> Parser::all() {
  std::vector<Graph> graphs;
  std::unordered_map<std::string, int> lines;
  while (token_.kind != TokenKind::kEnd) {
    const Token start = token_;
    graphs.push_back(function());
    const auto [before, is_new] = lines.emplace(graphs.back().name(), start.line);
    if (!is_new) {
      lexer_.fail(start, fmt::format("function @{} is already defined at line {}",
                                     printable(graphs.back().name()), before->second));
    }
  }
  if (graphs.empty()) fail_expected("a function ('func')");
  return graphs;
}

Graph Parser::function() {
  if (!token_.is_word("func")) fail_expected("a function ('func')");
  if (depth_ >= kDeepestNesting) fail(fmt::format("functions are nested more than {} deep", kDeepestNesting));
  ++depth_;
  advance();
  FunctionScope scope;
  scope.builder.set_name(function_name());
  parameters(scope);
  const std::vector<TensorType> declared = result_types();
  expect('{', "before the body of the function");
  while (!token_.is_word("return")) {
    if (token_.kind != TokenKind::kValue) fail_expected("'%name = ...' or 'return'");
    statement(scope);
  }
  Graph graph = finish(scope, declared);
  expect('}', "after the returned values");
  --depth_;
  return graph;
}

std::string Parser::function_name() {
  if (token_.kind == TokenKind::kFunction) return std::string(advance().text);
  if (!skip('@')) fail_expected("the function's name, such as @main");
  const Token name = expect(TokenKind::kString, "the function's name, such as @main");
  return decode_string(lexer_, name);
}

void Parser::parameters(FunctionScope& scope) {
  expect('(', "before the parameters");
  while (!token_.is(')')) {
    FunctionScope::PendingParameter parameter;
    parameter.name = expect(TokenKind::kValue, "a parameter, such as %x: f32[2,3]");
    expect(':', "and a type after a parameter's name");
    parameter.type = type();
    const ParsedNumber id = parse_number(DType::kU32, parameter.name.text);
    if (id.error.empty()) {
      parameter.wanted_id = static_cast<std::size_t>(id.bits);
    } else {
      parameter.path = parameter.name.text;
    }
    if (token_.kind == TokenKind::kString) parameter.path = decode_string(lexer_, advance());
    define(scope, parameter.name, kNoValue);
    scope.pending.push_back(std::move(parameter));
    if (!token_.is(')')) expect(',', "or ')' after a parameter");
  }
  advance();
}

std::vector<TensorType> Parser::result_types() {
  if (token_.kind != TokenKind::kArrow) fail_expected("'->' and the types of the results");
  advance();
  if (!skip('(')) return {type()};
  std::vector<TensorType> types;
  while (!token_.is(')')) {
    types.push_back(type());
    if (!token_.is(')')) expect(',', "or ')' after a result's type");
  }
  advance();
  return types;
}

void Parser::statement(FunctionScope& scope) {
  std::vector<Token> names;
  do {
    names.push_back(expect(TokenKind::kValue, "the name of a result"));
  } while (skip(','));
  expect('=', "after the names of the results");

  const Token op_name = expect(TokenKind::kWord, "the name of an op");
  const OpDef* op = lookup_(op_name.text);
  if (!op) {
    std::vector<std::string_view> known;
    for (const OpDef* each : all_ops()) known.push_back(each->name);
    lexer_.fail(op_name, fmt::format("there is no op '{}'{}", printable(op_name.text),
                                     did_you_mean(op_name.text, known)));
  }
  place_ready_parameters(scope);
  std::vector<ValueId> operands;
  // An op without operands may be followed by the next statement's name, on its own line.
  if (token_.kind == TokenKind::kValue && token_.line == op_name.line) {
    do {
      operands.push_back(use(scope, expect(TokenKind::kValue, "an operand, such as %x")));
    } while (skip(','));
  }
  Attrs attrs = token_.is('{') ? attributes(*op) : Attrs();
  std::vector<Token> type_tokens;
  std::vector<TensorType> declared;
  if (skip(':')) {
    do {
      type_tokens.push_back(token_);
      declared.push_back(type());
    } while (skip(','));
  }

  place_ready_parameters(scope);
  ValueList results;
  try {
    results = scope.builder.emit_multi(*op, std::move(operands), std::move(attrs), location(op_name));
  } catch (const TypeError& error) {
    std::string_view what = error.what();
    const std::string place = "\n  at " + to_string(location(op_name));  // the caret says as much
    if (what.ends_with(place)) what.remove_suffix(place.size());
    const std::size_t end = std::min(what.find('\n'), what.size());
    lexer_.fail(op_name, what.substr(0, end), end < what.size() ? what.substr(end + 1) : "");
  }
  if (names.size() != results.size()) {
    lexer_.fail(names[0], fmt::format("{} gives {} result{}, but {} named here", op->name, results.size(),
                                      results.size() == 1 ? "" : "s",
                                      names.size() == 1 ? "1 is" : fmt::format("{} are", names.size())));
  }
  for (std::size_t i = 0; i < declared.size(); ++i) {
    if (i >= results.size()) lexer_.fail(type_tokens[i], "more types than results");
    const TensorType& inferred = scope.builder.type(results[i]);
    if (declared[i] == inferred) continue;
    lexer_.fail(type_tokens[i], fmt::format("declared {}, but {} gives {}", to_string(declared[i]), op->name,
                                            to_string(inferred)));
  }
  if (!declared.empty() && declared.size() < results.size()) {
    lexer_.fail(type_tokens.back(), "fewer types than results");
  }
  for (std::size_t i = 0; i < names.size(); ++i) define(scope, names[i], results[i]);
}

Graph Parser::finish(FunctionScope& scope, const std::vector<TensorType>& declared) {
  const Token start = advance();
  std::vector<ValueId> results;
  while (token_.kind == TokenKind::kValue) {
    const Token name = advance();
    const ValueId value = use(scope, name);
    if (results.size() < declared.size() && scope.builder.type(value) != declared[results.size()]) {
      lexer_.fail(
          name, fmt::format("returns {}, but the function declares {}", to_string(scope.builder.type(value)),
                            to_string(declared[results.size()])));
    }
    results.push_back(value);
    if (!skip(',')) break;
    if (token_.kind != TokenKind::kValue) fail_expected("a returned value, such as %x");
  }
  if (results.size() != declared.size()) {
    lexer_.fail(start, fmt::format("returns {} value{}, but the function declares {}", results.size(),
                                   results.size() == 1 ? "" : "s", declared.size()));
  }
  while (!scope.pending.empty()) place_parameter(scope);
  return scope.builder.finish(std::move(results));
}

void Parser::define(FunctionScope& scope, const Token& name, ValueId value) {
  const auto [before, is_new] = scope.names.emplace(name.text, FunctionScope::Name{value, name.line});
  if (is_new) return;
  lexer_.fail(name,
              fmt::format("%{} is already defined at line {}", printable(name.text), before->second.line));
}

ValueId Parser::use(FunctionScope& scope, const Token& name) {
  const auto found = scope.names.find(name.text);
  if (found == scope.names.end()) fail_undefined(scope, name);
  while (!found->second.value) place_parameter(scope);
  return found->second.value;
}

void Parser::place_parameter(FunctionScope& scope) {
  ADZE_CHECK(!scope.pending.empty(), "a parameter is neither placed nor pending");
  FunctionScope::PendingParameter parameter = std::move(scope.pending.front());
  scope.pending.pop_front();
  scope.names.at(parameter.name.text).value =
      scope.builder.parameter(std::move(parameter.type), std::move(parameter.path), location(parameter.name));
}

void Parser::place_ready_parameters(FunctionScope& scope) {
  while (!scope.pending.empty() && scope.pending.front().wanted_id <= scope.builder.graph().values().size()) {
    place_parameter(scope);
  }
}

void Parser::fail_undefined(const FunctionScope& scope, const Token& name) const {
  if (const std::optional<int> line = line_of_later_definition(name.text)) {
    lexer_.fail(name,
                fmt::format("%{} is used before its definition at line {}", printable(name.text), *line));
  }
  std::vector<std::string_view> known;
  for (const auto& [each, unused] : scope.names) known.push_back(each);
  std::sort(known.begin(), known.end());  // the nearest of several must not depend on the hash table
  lexer_.fail(name,
              fmt::format("%{} is not defined{}", printable(name.text), did_you_mean(name.text, known, "%")));
}

std::optional<int> Parser::line_of_later_definition(std::string_view name) const {
  Lexer lexer = lexer_;
  int open = 0;
  std::optional<int> candidate;  // the line of `%name` while only names and commas have followed it
  try {
    for (Token token = token_; token.kind != TokenKind::kEnd && open >= 0; token = lexer.next()) {
      if (token.is('{')) ++open;
      if (token.is('}')) --open;
      if (token.is('=') && candidate) return candidate;
      const bool is_name_list = token.kind == TokenKind::kValue || token.is(',');
      if (!is_name_list || open > 0) candidate.reset();
      if (token.kind == TokenKind::kValue && open == 0 && token.text == name) candidate = token.line;
    }
  } catch (const IoError&) {  // the rest of the file is broken too: the first error is the one to report
  }
  return {};
}

TensorType Parser::type() {
  const Token name = token_;
  const std::optional<DType> dtype =
      name.kind == TokenKind::kWord ? parse_dtype(name.text) : std::optional<DType>();
  if (!dtype) fail_expected("a type, such as f32[2,3]");
  advance();
  return type_of(*dtype);
}

TensorType Parser::type_of(DType dtype) {
  const Token start = token_;
  if (!start.is('[')) fail_expected("'[' and the sizes after a dtype, such as f32[2,3] or f32[]");
  TensorType type{dtype, dims()};
  if (type.shape.size() > kHighestRank) {
    lexer_.fail(start, fmt::format("rank {} is above {}", type.shape.size(), kHighestRank));
  }
  for (const std::int64_t size : type.shape) {
    if (size < 0) lexer_.fail(start, fmt::format("a size is negative: {}", size));
  }
  try {
    element_count(type.shape);
  } catch (const TypeError& error) {
    lexer_.fail(start, error.what());
  }
  return type;
}

std::int64_t Parser::integer(std::string_view what) {
  const Token token = expect(TokenKind::kNumber, what);
  const ParsedNumber number = parse_number(DType::kI64, token.text);
  if (!number.error.empty()) lexer_.fail(token, fmt::format("'{}' {}", printable(token.text), number.error));
  return static_cast<std::int64_t>(number.bits);
}

Dims Parser::dims() {
  Dims values;
  expect('[', "before a list of integers");
  while (!token_.is(']')) {
    values.push_back(integer("an integer or ']'"));
    if (!token_.is(']')) expect(',', "or ']' in a list of integers");
  }
  advance();
  return values;
}

Attrs Parser::attributes(const OpDef& op) {
  Attrs attrs;
  expect('{', "before the attributes");
  while (!token_.is('}')) {
    const Token name = expect(TokenKind::kWord, "the name of an attribute or '}'");
    const auto spec = std::find_if(op.attrs.begin(), op.attrs.end(),
                                   [&](const AttrSpec& each) { return each.name == name.text; });
    if (spec == op.attrs.end()) {
      std::vector<std::string_view> known;
      for (const AttrSpec& each : op.attrs) known.push_back(each.name);
      lexer_.fail(name, fmt::format("{} has no attribute '{}'{}", op.name, printable(name.text),
                                    did_you_mean(name.text, known)));
    }
    if (attrs.find(name.text)) {
      lexer_.fail(name, fmt::format("attribute '{}' is given twice", name.text));
    }
    expect('=', "after an attribute's name");
    const Token start = token_;
    AttrValue value = attribute(&spec->kind);
    if (value.index() != spec->kind.index()) {
      lexer_.fail(start, fmt::format("attribute '{}' of {} is {}, not {}", name.text, op.name,
                                     attr_kind_name(spec->kind.index()), attr_kind_name(value.index())));
    }
    attrs.set(name.text, std::move(value));
    if (!token_.is('}')) expect(',', "or '}' after an attribute");
  }
  advance();
  return attrs;
}

AttrValue Parser::attribute(const AttrValue* kind) {
  if (token_.kind == TokenKind::kString) return decode_string(lexer_, advance());
  if (token_.is_word("func")) return std::make_shared<const Graph>(function());
  if (token_.is_word("true") || token_.is_word("false")) return advance().text == "true";
  if (token_.is('[') && std::holds_alternative<GraphList>(*kind)) {
    GraphList functions;
    advance();
    while (!token_.is(']')) {
      if (!token_.is_word("func")) fail_expected("a function or ']'");
      functions.push_back(std::make_shared<const Graph>(function()));
      if (!token_.is(']')) expect(',', "or ']' in a list of functions");
    }
    advance();
    return functions;
  }
  if (token_.is('[')) {
    Dims lhs = dims();
    if (!token_.is_word("x")) return lhs;
    advance();
    return DimPair{std::move(lhs), dims()};
  }
  if (token_.kind == TokenKind::kNumber || token_.is_word("inf") || token_.is_word("nan")) {
    return number_attribute(kind);
  }
  if (token_.kind == TokenKind::kWord) {
    if (const std::optional<DType> dtype = parse_dtype(token_.text)) {
      advance();
      if (token_.is('[')) return constant(*dtype);
      return *dtype;
    }
  }
  fail_expected("a value: a number, true, false, a dtype, a list, a string, a constant or a function");
}

AttrValue Parser::number_attribute(const AttrValue* kind) {
  const Token token = advance();
  const bool looks_integer = token.text.find_first_not_of("-0123456789") == std::string_view::npos;
  const bool is_integer = looks_integer && !std::holds_alternative<double>(*kind);
  const ParsedNumber number = parse_number(is_integer ? DType::kI64 : DType::kF64, token.text);
  if (!number.error.empty()) lexer_.fail(token, fmt::format("'{}' {}", printable(token.text), number.error));
  if (is_integer) return static_cast<std::int64_t>(number.bits);
  double value = 0;
  std::memcpy(&value, &number.bits, sizeof value);
  return value;
}

ConstantRef Parser::constant(DType dtype) {
  const Token start = token_;
  const TensorType type = type_of(dtype);
  // Nothing is allocated for elements that the file cannot hold: each takes at least two characters.
  const std::size_t possible = lexer_.remaining() / 2 + 1;
  if (type.element_count() > static_cast<std::int64_t>(possible)) {
    lexer_.fail(start, fmt::format("the file ends before the {} elements of {}", type.element_count(),
                                   to_string(type)));
  }
  auto literal = std::make_shared<Literal>(type);
  if (token_.is_word("hex")) {
    advance();
    const Token data = expect(TokenKind::kString, "a string of hexadecimal bytes");
    if (data.text.size() != literal->byte_size() * 2) {
      lexer_.fail(data, fmt::format("{} hexadecimal digits, but {} has {} bytes", data.text.size(),
                                    to_string(type), literal->byte_size()));
    }
    if (!from_hex(data.text, *literal)) lexer_.fail(data, "not all of these are hexadecimal digits");
  } else if (literal->size() == 0) {
    expect('[', "and ']' for a constant without elements");
    expect(']', "for a constant without elements");
  } else {
    listed_elements(*literal);
  }
  return literal;
}

void Parser::listed_elements(Literal& literal) {
  const Dims& shape = literal.type().shape;
  const std::size_t rank = shape.size();
  Dims index(rank, 0);  // place of the element, or of the list, being read
  std::size_t depth = 0;
  for (std::int64_t i = 0; i < literal.size(); ++i) {
    for (; depth < rank; ++depth)
      expect('[', fmt::format("in a constant of type {}", to_string(literal.type())));
    element(literal, i);
    while (depth > 0) {
      const std::size_t dim = depth - 1;
      if (++index[dim] < shape[dim]) {
        expect(',', fmt::format("in a list of {} elements, of which {} {} given", shape[dim], index[dim],
                                index[dim] == 1 ? "is" : "are"));
        break;
      }
      index[dim] = 0;
      expect(']', fmt::format("after {} element{}", shape[dim], shape[dim] == 1 ? "" : "s"));
      --depth;
    }
  }
}

void Parser::element(Literal& literal, std::int64_t i) {
  const Token token = token_;
  if (token.kind != TokenKind::kNumber && token.kind != TokenKind::kWord) fail_expected("a number");
  const ParsedNumber number = parse_number(literal.type().dtype, token.text);
  if (!number.error.empty()) fail(fmt::format("'{}' {}", printable(token.text), number.error));
  set_element_bits(literal, i, number.bits);
  advance();
}

}  // namespace

Graph parse_graph(std::string_view text, const std::string& file, OpLookup lookup) {
  Parser parser(text, file, lookup);
  Graph graph = parser.function();
  parser.expect_end();
  return graph;
}

std::vector<Graph> parse_graphs(std::string_view text, const std::string& file, OpLookup lookup) {
  return Parser(text, file, lookup).all();
}

}  // namespace adze
