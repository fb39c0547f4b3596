#include "ir/text.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "ir/errors.h"
#include "ir/graph_builder.h"
#include "ir/lexer.h"
#include "ir/number_text.h"
#include "ir/op.h"

namespace adze {
namespace {

// Two ops no program needs, to reach what the first real ops do not have: every kind of attribute, several
// results, no operands, subgraphs.
const OpDef op_everything = {
    .name = "everything",
    .operand_names = {},
    .attrs = {{"a_dims", Dims{}, Dims{}},
              {"b_bool", false, false},
              {"c_dtype", DType::kF32, DType::kF32},
              {"d_float", 0.0, 0.0},
              {"e_int", std::int64_t{0}, std::int64_t{0}},
              {"f_pair", DimPair{}, DimPair{}},
              {"g_text", std::string(), std::string()},
              {"h_constant", std::make_shared<const Literal>(), std::make_shared<const Literal>()}},
    .infer_types =
        [](InferContext&) {
          return std::vector<TensorType>{{DType::kF32, {}}};
        },
};
const OpDef op_split = {
    .name = "split",
    .attrs = {{"body", std::make_shared<const Graph>()}},
    .infer_types =
        [](InferContext& c) {
          return std::vector<TensorType>{c.operand(0), {DType::kI32, {2}}};
        },
};

const OpDef* find_test_op(std::string_view name) {
  if (name == op_everything.name) return &op_everything;
  if (name == op_split.name) return &op_split;
  return find_op(name);
}

void expect_round_trip(const Graph& graph) {
  const std::string text = print(graph);
  const Graph parsed = parse_graph(text, "<text>", find_test_op);
  EXPECT_TRUE(parsed == graph) << text << print(parsed);
  EXPECT_EQ(print(parsed), text);
  verify(parsed);
}

Graph with_attribute(const std::string& name, AttrValue value) {
  GraphBuilder b;
  return b.finish({b.emit(op_everything, {}, {{name, std::move(value)}})});
}

TEST(Text, PrintsTheFormOfTheDesign) {
  constexpr std::string_view text =
      R"(func @loss(%0: f32[2,3] "x", %1: f32[3] "model.hidden.bias") -> f32[2,3] {
  %2 = broadcast_in_dim %1 {dims = [1], shape = [2,3]} : f32[2,3]
  %3 = add %0, %2 : f32[2,3]
  return %3
}
)";
  EXPECT_EQ(print(parse_graph(text)), text);
}

TEST(Text, ReadsWhatAHumanWrites) {
  const Graph graph = parse_graph(R"(
// A comment; types after values may be left out, names are free.
func @f(%x:f32[2], %w: f32[ 2 ] "path",
        %1: f32[2]) -> f32[2]
{
  %a.b = add %x,%w   // and here
  %2 = mul %a.b, %1 : f32[2] return %2 }
)");
  EXPECT_EQ(print(graph), R"(func @f(%0: f32[2] "x", %1: f32[2] "path", %2: f32[2]) -> f32[2] {
  %3 = add %0, %1 : f32[2]
  %4 = mul %3, %2 : f32[2]
  return %4
}
)");
  expect_round_trip(graph);
}

TEST(Text, KeepsTheIdsOfParametersThatComeLate) {
  GraphBuilder b;
  const ValueId x = b.parameter({DType::kF32, {4}}, "x");
  const ValueId y = b.emit(op_neg, {x});
  const ValueId late = b.parameter({DType::kF32, {4}}, "captured");
  const ValueId sum = b.emit(op_add, {y, late});
  const ValueId unused = b.parameter({DType::kF64, {}});
  const Graph graph = b.finish({sum, unused});
  EXPECT_EQ(print(graph), R"(func @main(%0: f32[4] "x", %2: f32[4] "captured", %4: f64[]) -> (f32[4], f64[]) {
  %1 = neg %0 : f32[4]
  %3 = add %1, %2 : f32[4]
  return %3, %4
}
)");
  expect_round_trip(graph);
}

TEST(Text, NumbersAsParameterNamesAreOnlyWishes) {
  // %9 cannot be value 9, and is needed at once; %0 comes after it.
  const Graph graph = parse_graph(R"(func @f(%9: f32[2], %0: f32[2]) -> f32[2] {
    %5 = sub %9, %0
    return %5
  })");
  EXPECT_EQ(print(graph), R"(func @f(%0: f32[2], %1: f32[2]) -> f32[2] {
  %2 = sub %0, %1 : f32[2]
  return %2
}
)");
}

TEST(Text, KeepsDuplicateAndDeadNodes) {
  const Graph graph = parse_graph(R"(func @f(%x: f32[2]) -> f32[2] {
    %a = neg %x
    %b = neg %x
    %c = add %b, %a
    return %c
  })");
  EXPECT_EQ(graph.nodes().size(), 3U);
  EXPECT_EQ(graph.nodes()[2].operands, (std::vector<ValueId>{{2}, {1}}));
  expect_round_trip(graph);
}

TEST(Text, FunctionsWithoutParametersOrResults) {
  expect_round_trip(GraphBuilder().finish({}));
  EXPECT_EQ(print(GraphBuilder().finish({})), "func @main() -> () {\n  return\n}\n");
}

TEST(Text, NamesThatNeedQuotes) {
  GraphBuilder b;
  b.set_name("a function\n\"with\" odd \\ characters\x01\xff");
  const Graph graph = b.finish({b.parameter({DType::kF32, {}}, "tree[\"key\"].\ttab")});
  expect_round_trip(graph);
  EXPECT_EQ(print(graph).substr(0, 61), R"(func @"a function\n\"with\" odd \\ characters\x01)"
                                        "\xff\"(%0: f32[]");
}

TEST(Text, EveryKindOfAttribute) {
  const auto attribute_text = [](AttrValue value, const std::string& name) {
    const Graph graph = with_attribute(name, std::move(value));
    expect_round_trip(graph);
    const std::string text = print(graph);
    const std::size_t begin = text.find(name), end = text.rfind("} : f32[]");
    return begin == std::string::npos ? "(left out)"
                                      : text.substr(begin + name.size() + 3, end - begin - name.size() - 3);
  };
  EXPECT_EQ(attribute_text(Dims{1, -2, 3}, "a_dims"), "[1,-2,3]");
  EXPECT_EQ(attribute_text(Dims{}, "a_dims"), "(left out)");  // the default
  EXPECT_EQ(attribute_text(true, "b_bool"), "true");
  EXPECT_EQ(attribute_text(DType::kBF16, "c_dtype"), "bf16");
  EXPECT_EQ(attribute_text(0.1, "d_float"), "0.1");
  EXPECT_EQ(attribute_text(2.0, "d_float"), "2.0");
  EXPECT_EQ(attribute_text(-0.0, "d_float"), "-0.0");
  EXPECT_EQ(attribute_text(1e300, "d_float"), "1e+300");
  EXPECT_EQ(attribute_text(5e-324, "d_float"), "5e-324");
  EXPECT_EQ(attribute_text(HUGE_VAL, "d_float"), "inf");
  EXPECT_EQ(attribute_text(-HUGE_VAL, "d_float"), "-inf");
  EXPECT_EQ(attribute_text(std::numeric_limits<double>::quiet_NaN(), "d_float"), "nan");
  EXPECT_EQ(attribute_text(std::bit_cast<double>(0xfff0000000000001), "d_float"), "0xfff0000000000001");
  EXPECT_EQ(attribute_text(std::numeric_limits<std::int64_t>::min(), "e_int"), "-9223372036854775808");
  EXPECT_EQ(attribute_text(DimPair{{1}, {0, 2}}, "f_pair"), "[1] x [0,2]");
  EXPECT_EQ(attribute_text(std::string("a \"b\" // } \\ \r\n"), "g_text"), R"("a \"b\" // } \\ \r\n")");
}

TEST(Text, ConstantsOfEveryDType) {
  const auto constant_text = [](const Literal& literal) {
    const Graph graph = with_attribute("h_constant", std::make_shared<const Literal>(literal));
    expect_round_trip(graph);
    const std::string text = print(graph);
    const std::size_t begin = text.find("h_constant = "), end = text.rfind("} : ");
    return text.substr(begin + 13, end - begin - 13);
  };
  const auto floats = [](Dims shape, std::vector<float> values) {
    return Literal::from<float>(std::move(shape), values);
  };
  EXPECT_EQ(constant_text(floats({}, {0.1F})), "f32[] 0.1");
  EXPECT_EQ(constant_text(floats({2, 1, 2}, {1, 2, 3, 1e-45F})), "f32[2,1,2] [[[1, 2]], [[3, 1e-45]]]");
  EXPECT_EQ(constant_text(floats({0, 3}, {})), "f32[0,3] []");
  EXPECT_EQ(constant_text(floats({1000000000, 0}, {})), "f32[1000000000,0] []");
  EXPECT_EQ(constant_text(floats({3}, {-INFINITY, NAN, std::bit_cast<float>(0xffc00000)})),
            "f32[3] [-inf, nan, 0xffc00000]");
  EXPECT_EQ(constant_text(Literal::from<double>({2}, std::vector<double>{1.0 / 3, -0.0})),
            "f64[2] [0.3333333333333333, -0]");
  EXPECT_EQ(constant_text(Literal::from<std::int32_t>({2}, std::vector<std::int32_t>{INT32_MIN, 7})),
            "i32[2] [-2147483648, 7]");
  EXPECT_EQ(constant_text(Literal::from<std::int64_t>({1}, std::vector<std::int64_t>{INT64_MAX})),
            "i64[1] [9223372036854775807]");
  EXPECT_EQ(constant_text(Literal::from<std::uint32_t>({1}, std::vector<std::uint32_t>{UINT32_MAX})),
            "u32[1] [4294967295]");
  Literal flags({DType::kBool, {2}});
  flags.set_int(1, 1);
  EXPECT_EQ(constant_text(flags), "bool[2] [false, true]");
  Literal halves({DType::kF16, {1}});
  set_element_bits(halves, 0, 0x3c00);
  EXPECT_EQ(constant_text(halves), "f16[1] [1]");
  EXPECT_EQ(constant_text(Literal::full({DType::kU32, {65}}, 258)).substr(0, 30),
            "u32[65] hex \"02010000020100000");
}

TEST(Text, EveryFloatComesBackBitForBit) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = random();
    const ParsedNumber f64 = parse_number(DType::kF64, format_number(DType::kF64, bits));
    EXPECT_EQ(f64.bits, bits) << format_number(DType::kF64, bits) << f64.error;
    const std::uint64_t low = bits & 0xffffffff;
    const ParsedNumber f32 = parse_number(DType::kF32, format_number(DType::kF32, low));
    EXPECT_EQ(f32.bits, low) << format_number(DType::kF32, low) << f32.error;
  }
}

TEST(Text, SeveralResultsAndSubgraphs) {
  GraphBuilder inner;
  inner.set_name("body");
  const ValueId p = inner.parameter({DType::kF32, {}});
  const auto body = std::make_shared<const Graph>(inner.finish({inner.emit(op_add, {p, p})}));
  GraphBuilder middle;
  const ValueList halves =
      middle.emit_multi(op_split, {middle.parameter({DType::kF64, {2}})}, {{"body", body}});
  const auto nested = std::make_shared<const Graph>(middle.finish({halves[1]}));
  GraphBuilder b;
  const ValueList results = b.emit_multi(op_split, {b.parameter({DType::kF32, {}})}, {{"body", nested}});
  const Graph graph = b.finish({results[1], results[0]});
  expect_round_trip(graph);
  EXPECT_EQ(print(graph), R"(func @main(%0: f32[]) -> (i32[2], f32[]) {
  %1, %2 = split %0 {body = func @main(%0: f64[2]) -> i32[2] {
    %1, %2 = split %0 {body = func @body(%0: f32[]) -> f32[] {
      %1 = add %0, %0 : f32[]
      return %1
    }} : f64[2], i32[2]
    return %2
  }} : f32[], i32[2]
  return %2, %1
}
)");
}

TEST(Text, OpsWithoutOperandsEndAtTheirLine) {
  const Graph graph = parse_graph(R"(func @f() -> f32[] {
    %a = everything
    %b = everything {d_float = 1}
    return %b
  })",
                                  "<text>", find_test_op);
  EXPECT_EQ(graph.nodes().size(), 2U);
  EXPECT_EQ(graph.nodes()[1].attrs.get<double>("d_float"), 1.0);
}

TEST(Text, SeveralFunctions) {
  const std::vector<Graph> graphs = parse_graphs(
      "func @f() -> () { return }\n"
      "func @g(%x: f32[]) -> f32[] { return %x }\n");
  ASSERT_EQ(graphs.size(), 2U);
  EXPECT_EQ(graphs[0].name(), "f");
  EXPECT_EQ(graphs[1].name(), "g");
}

TEST(Text, NodesKnowTheirLineInTheFile) {
  const Graph graph =
      parse_graph("func @f(%x: f32[])\n -> f32[] {\n  %y = neg %x\n  return %y\n}", "dir/f.adze");
  EXPECT_EQ(to_string(graph.nodes()[0].location), "f.adze:3");
  EXPECT_EQ(print(graph, {.locations = true}), R"(func @f(%0: f32[] "x") -> f32[] {
  %1 = neg %0 : f32[]                                                   // f.adze:3
  return %1
}
)");
}

TEST(Text, DescribesValues) {
  GraphBuilder b;
  const ValueId x = b.parameter({DType::kF32, {64, 10}}, "model.out.weight");
  const ValueId plain = b.parameter({DType::kI32, {}});
  const ValueId y = b.emit(op_neg, {x}, {}, Location{"src/net.cpp", 41, "relu"});
  const ValueId z = b.emit(op_neg, {y});
  const Graph graph = b.finish({z});
  EXPECT_EQ(describe(graph, x), "%0 f32[64,10] model.out.weight");
  EXPECT_EQ(describe(graph, plain), "%1 i32[] parameter 1");
  EXPECT_EQ(describe(graph, y), "%2 f32[64,10] relu net.cpp:41");
  EXPECT_EQ(describe(graph, z), "%3 f32[64,10] neg");
  EXPECT_EQ(describe(graph, kNoValue), "no value");
  EXPECT_EQ(describe(graph, ValueId{9}), "%9 (no such value)");
}

// A graph that is broken can only be had by changing an op's mind after the builder has asked it.
TEST(Verifier, ThrowsWithAnExcerpt) {
  static bool lie = false;
  static const OpDef op_fickle = {
      .name = "fickle",
      .infer_types =
          [](InferContext& c) {
            TensorType type = c.operand(0);
            if (lie) type.dtype = DType::kF64;
            return std::vector<TensorType>{type};
          },
  };
  GraphBuilder b;
  ValueId x = b.parameter({DType::kF32, {3}});
  for (int i = 0; i < 15; ++i) x = b.emit(op_neg, {x}, {}, Location{"net.cpp", i, ""});
  x = b.emit(op_fickle, {x});
  const Graph graph = b.finish({x});
  verify(graph);
  lie = true;
  std::string message;
  try {
    verify(graph);
  } catch (const InternalError& error) {
    message = error.what();
  }
  lie = false;
  EXPECT_EQ(message.substr(0, message.find('\n')),
            "verify: @main: node 15: %16 is f32[3], but fickle gives f64[3]");
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 11);  // ten nodes before it, and itself
  EXPECT_NE(message.find("\n   %6 = neg %5 : f32[3]  // net.cpp:5\n"), std::string::npos) << message;
  EXPECT_TRUE(message.ends_with("\n-> %16 = fickle %15 : f32[3]")) << message;
}

TEST(Verifier, LooksIntoSubgraphs) {
  static bool fail = false;
  static const OpDef op_fickle = {
      .name = "fickle",
      .infer_types =
          [](InferContext& c) {
            if (fail) c.fail("changed its mind");
            return std::vector<TensorType>{c.operand(0)};
          },
  };
  GraphBuilder inner;
  inner.set_name("inner");
  const auto body = std::make_shared<const Graph>(
      inner.finish({inner.emit(op_fickle, {inner.parameter({DType::kF32, {}})})}));
  GraphBuilder b;
  const ValueList results = b.emit_multi(op_split, {b.parameter({DType::kF32, {}})}, {{"body", body}});
  const Graph graph = b.finish({results[0]});
  verify(graph);
  fail = true;
  EXPECT_THROW(
      {
        try {
          verify(graph);
        } catch (const InternalError& error) {
          EXPECT_EQ(std::string(error.what()),
                    "verify: @inner: node 0: fickle: changed its mind\n-> %1 = fickle %0 : f32[]");
          throw;
        }
      },
      InternalError);
  fail = false;
}

}  // namespace
}  // namespace adze
