#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "passes/decompose.h"
#include "passes/fusion.h"
#include "passes/lower_to_loops.h"
#include "passes/memory_plan.h"
#include "passes/schedule_cpu.h"
#include "passes/simplify_loops.h"
#include "runtime/loop_interpreter.h"
#include "support/literals.h"
#include "support/random_values.h"

/// Graphs taken down to loops and run there.
namespace adze::testing {

inline Target avx512() {
  return {.cpu = "x86-64-v4",
          .features = "",
          .vector_bytes = 64,
          .vector_registers = 32,
          .has_fma = true,
          .has_masks = true};
}
inline Target avx2() {
  return {.cpu = "x86-64-v3", .features = "", .vector_bytes = 32, .vector_registers = 16, .has_fma = true};
}
inline Target sse2() {
  return {};
}

/// How far down to take a program.
struct LoopOptions {
  bool fuse = true;
  bool simplify = true;
  const Target* target = nullptr;  ///< none: serial loops
  std::vector<bool> donated = {};

  std::string name() const {
    return std::string(fuse ? "fused" : "node by node") + (simplify ? ", simplified" : "") +
           (target ? ", " + target->cpu : ", serial");
  }
};

inline loop::Program lower_program(const Graph& composite, const LoopOptions& options) {
  const Graph graph = decompose(composite);
  std::vector<KernelGroup> groups = options.fuse ? fuse(graph) : group_each_node(graph);
  groups = order_kernels(graph, std::move(groups));
  std::vector<bool> donated = options.donated;
  donated.resize(graph.parameters().size());
  loop::Program program = lower_to_loops(graph, groups, plan_memory(graph, groups, donated));
  loop::verify(program);
  for (loop::Kernel& kernel : program.kernels) {
    if (options.simplify) kernel = simplify_loops(std::move(kernel));
    loop::verify(kernel);
    if (options.target) kernel = schedule_cpu(std::move(kernel), *options.target);
    loop::verify(kernel);
  }
  return program;
}

inline std::vector<Literal> run_program(const loop::Program& program, std::vector<Literal> arguments,
                                        const std::vector<bool>& donated = {}) {
  std::vector<Literal> results, constants;
  for (const TensorType& type : program.result_types) results.emplace_back(type);
  for (const auto& constant : program.constants) constants.push_back(*constant);
  std::vector<std::byte*> buffers;
  const std::vector<Literal> before = arguments;
  for (Literal& literal : arguments) buffers.push_back(literal.bytes());
  for (Literal& literal : results) buffers.push_back(literal.bytes());
  for (Literal& literal : constants) buffers.push_back(literal.bytes());
  std::vector<std::byte> arena(static_cast<std::size_t>(program.arena_bytes), std::byte{0x5a});
  interpret(program, buffers, arena.data());
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (i < donated.size() && donated[i]) continue;
    EXPECT_TRUE(before[i] == arguments[i]) << "parameter " << i << " was overwritten";
  }
  return results;
}

/// The graph gives the same in loops as in the graph interpreter, on each list of arguments, at every stage
/// and for every target: the same bits, or within `tolerance`.
inline void check_loops(const Graph& graph, const std::vector<std::vector<Literal>>& inputs,
                        Tolerance tolerance = {}) {
  std::vector<std::vector<Literal>> expected;
  for (const std::vector<Literal>& arguments : inputs) expected.push_back(interpret(graph, arguments));
  const Target targets[] = {avx512(), avx2(), sse2()};
  std::vector<LoopOptions> runs{{true, false}, {true, true}, {false, true}};
  for (const Target& target : targets) {
    runs.push_back({true, true, &target});
    runs.push_back({false, true, &target});
  }
  runs.push_back({true, false, &targets[0]});
  for (const LoopOptions& options : runs) {
    SCOPED_TRACE(options.name());
    const loop::Program program = lower_program(graph, options);
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      const std::vector<Literal> actual = run_program(program, inputs[k]);
      for (std::size_t i = 0; i < expected[k].size(); ++i) {
        ASSERT_EQ(difference(actual[i], expected[k][i], tolerance), "")
            << "result " << i << " of input " << k << '\n'
            << print(graph) << loop::print(program);
      }
    }
  }
}

inline void check_loops(std::string_view text, Tolerance tolerance = {}) {
  const Graph graph = parse_graph(text);
  check_loops(graph, {random_arguments(graph, 3)}, tolerance);
}

}  // namespace adze::testing
