// What simplify_control takes out, and that nothing changes by it.
#include "passes/simplify_control.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ir/control_flow.h"
#include "ir/interpreter.h"
#include "ir/text.h"
#include "tests/support/literals.h"
#include "tests/support/random_values.h"

namespace adze {
namespace {

/// Simplifies, checks the values, and gives what is left.
Graph simplified(std::string_view text) {
  const Graph graph = parse_graph(text);
  const Graph simple = simplify_control(graph);
  verify(simple);
  const std::vector<Literal> arguments = testing::random_arguments(graph, 3, -1, 1);
  const std::vector<Literal> expected = interpret(graph, arguments);
  const std::vector<Literal> actual = interpret(simple, arguments);
  for (std::size_t k = 0; k < expected.size(); ++k)
    EXPECT_EQ(testing::difference(actual[k], expected[k]), "") << print(simple);
  EXPECT_EQ(print(simplify_control(simple)), print(simple)) << "once is enough";
  return simple;
}

const Node* find(const Graph& graph, std::string_view op) {
  const auto found = std::find_if(graph.nodes().begin(), graph.nodes().end(),
                                  [&](const Node& node) { return node.op->name == op; });
  return found == graph.nodes().end() ? nullptr : &*found;
}

TEST(SimplifyControl, ScanKeepsWhatIsNeeded) {
  const Graph graph = simplified(R"(
func @main(%w: f64[2], %a: f64[2], %b: f64[2], %dead: f64[2], %xs: f64[3,2], %unused: f64[3]) -> (f64[2], f64[3,2], f64[2]) {
  %zero = constant {value = f64[] 0}
  %zeros = broadcast_in_dim %zero {shape = [3,2], dims = []}
  %r0, %r1, %r2, %r3, %r4, %r5, %r6 = scan %w, %w, %a, %b, %dead, %xs, %xs, %zeros, %unused {
    length = 3, num_consts = 2, num_carry = 3,
    body = func @body(%v: f64[2], %v2: f64[2], %c: f64[2], %same: f64[2], %d: f64[2], %x: f64[2], %x2: f64[2], %z: f64[2], %u: f64[]) -> (f64[2], f64[2], f64[2], f64[2], f64[2], f64[2], f64[2]) {
      %1 = mul %c, %v
      %2 = add %1, %x
      %3 = add %2, %x2
      %4 = mul %3, %v2
      %5 = add %4, %same
      %6 = add %5, %z
      %7 = mul %d, %x
      %8 = mul %v, %v2
      return %6, %same, %7, %c, %c, %8, %7
    }
  }
  %s = add %r3, %r4
  %t = add %s, %r5
  return %r0, %t, %r1
})");
  const Node* scan = find(graph, "scan");
  ASSERT_NE(scan, nullptr);
  const ScanLayout s = scan_layout(scan->attrs, scan->operands.size());
  EXPECT_EQ(s.consts, 2u) << print(graph);   // w and what was the unchanged carry
  EXPECT_EQ(s.carries, 1u) << print(graph);  // the dead one is gone
  EXPECT_EQ(s.xs, 1u) << print(graph);       // once, neither zeros nor what is not used
  EXPECT_EQ(s.ys, 1u) << print(graph);       // once, and not what is the same at every iteration
}

TEST(SimplifyControl, AScanOfOneIterationIsNoLoop) {
  const Graph graph = simplified(R"(
func @main(%a: f64[2], %xs: f64[1,2]) -> (f64[2], f64[1,2]) {
  %r0, %r1 = scan %a, %xs {length = 1, num_carry = 1,
    body = func @body(%c: f64[2], %x: f64[2]) -> (f64[2], f64[2]) {
      %1 = mul %c, %x
      return %1, %c
    }
  }
  return %r0, %r1
})");
  EXPECT_EQ(find(graph, "scan"), nullptr) << print(graph);
}

TEST(SimplifyControl, AScanOfNoIterationIsNone) {
  const Graph graph = simplified(R"(
func @main(%a: f64[2], %b: f64[2], %xs: f64[0,2]) -> (f64[2], f64[0,2], f64[0,2]) {
  %r0, %r1, %r2 = scan %b, %a, %xs {length = 0, num_consts = 1, num_carry = 1,
    body = func @body(%d: f64[2], %c: f64[2], %x: f64[2]) -> (f64[2], f64[2], f64[2]) {
      %1 = mul %c, %x
      %2 = mul %c, %d
      return %1, %c, %2
    }
  }
  return %r0, %r1, %r2
})");
  EXPECT_EQ(find(graph, "scan"), nullptr) << print(graph);
}

TEST(SimplifyControl, ScansInScansLoseWhatOnlyTheOuterOneDoesNotNeed) {
  const Graph graph = simplified(R"(
func @main(%a: f64[2], %b: f64[2]) -> f64[2] {
  %r0, %r1 = scan %a, %b {length = 3, num_carry = 2,
    body = func @outer(%c: f64[2], %d: f64[2]) -> (f64[2], f64[2]) {
      %1, %2 = scan %c, %d {length = 2, num_carry = 2,
        body = func @inner(%e: f64[2], %f: f64[2]) -> (f64[2], f64[2]) {
          %1 = mul %e, %e
          %2 = mul %f, %e
          return %1, %2
        }
      }
      return %1, %2
    }
  }
  return %r0
})");
  const Node* outer = find(graph, "scan");
  ASSERT_NE(outer, nullptr);
  EXPECT_EQ(outer->operands.size(), 1u);
  const Node* inner = find(*outer->attrs.get<GraphRef>("body"), "scan");
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(inner->operands.size(), 1u) << print(graph);
}

TEST(SimplifyControl, WhileKeepsWhatTheConditionNeeds) {
  const Graph graph = simplified(R"(
func @main(%x: f64[2], %dead: f64[2], %limit: f64[]) -> (f64[2], f64[]) {
  %zero = constant {value = i32[] 0}
  %r0, %r1, %r2, %r3 = while %limit, %zero, %x, %dead, %limit {cond_consts = 1, body_consts = 0,
    cond = func @cond(%l: f64[], %i: i32[], %c: f64[2], %d: f64[2], %k: f64[]) -> bool[] {
      %n = constant {value = i32[] 3}
      %p = lt %i, %n
      return %p
    },
    body = func @body(%i: i32[], %c: f64[2], %d: f64[2], %k: f64[]) -> (i32[], f64[2], f64[2], f64[]) {
      %one = constant {value = i32[] 1}
      %j = add %i, %one
      %b = broadcast_in_dim %k {shape = [2], dims = []}
      %e = mul %c, %b
      %f = mul %d, %c
      return %j, %e, %f, %k
    }
  }
  return %r1, %r3
})");
  const Node* loop = find(graph, "while");
  ASSERT_NE(loop, nullptr);
  const WhileLayout w = while_layout(loop->attrs, loop->operands.size());
  EXPECT_EQ(w.cond_consts, 0u) << print(graph);
  EXPECT_EQ(w.body_consts, 1u) << print(graph);
  EXPECT_EQ(w.carries, 2u) << print(graph);
}

TEST(SimplifyControl, CondDropsAndTakesTheBranchThatIsKnown) {
  constexpr std::string_view kText = R"(
func @main(%i: i32[], %x: f64[2], %y: f64[2], %z: f64[2]) -> (f64[2], f64[2], f64[2]) {
  INDEX
  %r0, %r1, %r2, %r3 = cond %k, %x, %y, %x, %z {branches = [
    func @a(%p: f64[2], %q: f64[2], %r: f64[2], %s: f64[2]) -> (f64[2], f64[2], f64[2], f64[2]) {
      %1 = mul %p, %r
      return %1, %q, %1, %s
    },
    func @b(%p: f64[2], %q: f64[2], %r: f64[2], %s: f64[2]) -> (f64[2], f64[2], f64[2], f64[2]) {
      %1 = add %p, %r
      return %1, %q, %1, %p
    }]}
  return %r0, %r1, %r2
})";
  const auto with_index = [&](std::string_view index) {
    std::string text(kText);
    return simplified(text.replace(text.find("INDEX"), 5, index));
  };
  const Graph open = with_index("%k = add %i, %i");
  const Node* node = find(open, "cond");
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->operands.size(), 2u) << print(open);  // the index and x
  EXPECT_EQ(node->result_count, 1u) << print(open);
  const Graph known = with_index("%k = constant {value = i32[] 5}");
  EXPECT_EQ(find(known, "cond"), nullptr);
  EXPECT_EQ(find(known, "mul"), nullptr);
  EXPECT_NE(find(known, "add"), nullptr);
}

TEST(SimplifyControl, CallLosesWhatIsNotNeeded) {
  const Graph graph = simplified(R"(
func @main(%x: f64[2], %y: f64[2]) -> f64[2] {
  %r0, %r1 = call %x, %y, %x {
    body = func @body(%p: f64[2], %q: f64[2], %r: f64[2]) -> (f64[2], f64[2]) {
      %1 = mul %p, %r
      %2 = mul %q, %1
      return %1, %2
    }
  }
  return %r0
})");
  const Node* call = find(graph, "call");
  ASSERT_NE(call, nullptr);
  EXPECT_EQ(call->operands.size(), 1u) << print(graph);
  EXPECT_EQ(call->result_count, 1u) << print(graph);
}

}  // namespace
}  // namespace adze
