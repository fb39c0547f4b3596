#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "passes/pipeline.h"
#include "runtime/loop_interpreter.h"
#include "support/literals.h"
#include "support/random_values.h"

/// Graphs taken down to GPU kernels and run there by the loop interpreter, which finds races.
namespace adze::testing {

inline Lowered lower_for_gpu(const Graph& graph, const std::set<std::string>& disabled = {},
                             const std::vector<bool>& donated = {}, int multiprocessors = 4) {
  CompileContext context;
  context.target = gpu_target(90, multiprocessors);
  context.disabled = disabled;
  return lower(graph, donated, context);
}

/// Results of a lowered program; those that take over a donated parameter are read from its memory.
inline std::vector<Literal> run_lowered(const Lowered& lowered, std::vector<Literal> arguments) {
  const loop::Program& program = lowered.program;
  std::vector<Literal> results, constants;
  for (const TensorType& type : program.result_types) results.emplace_back(type);
  for (const auto& constant : program.constants) constants.push_back(*constant);
  std::vector<std::byte*> buffers;
  for (Literal& literal : arguments) buffers.push_back(literal.bytes());
  const auto alias = [&](std::size_t k) {
    return k < lowered.plan.result_aliases.size() ? lowered.plan.result_aliases[k] : std::nullopt;
  };
  for (std::size_t k = 0; k < results.size(); ++k)
    buffers.push_back(alias(k) ? arguments[*alias(k)].bytes() : results[k].bytes());
  for (Literal& literal : constants) buffers.push_back(literal.bytes());
  std::vector<std::byte> arena(static_cast<std::size_t>(program.arena_bytes), std::byte{0x5a});
  interpret(program, buffers, arena.data());
  for (std::size_t k = 0; k < results.size(); ++k)
    if (alias(k)) std::copy_n(arguments[*alias(k)].bytes(), results[k].byte_size(), results[k].bytes());
  return results;
}

inline bool is_on_one_thread(const loop::Kernel& kernel) {
  return std::find(kernel.schedule.begin(), kernel.schedule.end(), "one thread") != kernel.schedule.end();
}

/// Elements of all results of a kernel.
inline std::int64_t result_elements(const loop::Kernel& kernel) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < kernel.argument_count; ++i)
    if (kernel.written[i]) count += kernel.buffers[i].type.element_count();
  return count;
}

/// The graph gives the same as GPU kernels as in the graph interpreter, on each list of arguments, however
/// many passes are off: the same bits, or within `tolerance`. Schedules keep to the target's shared memory
/// and leave nothing larger than a handful of elements to one thread.
inline void check_gpu(const Graph& graph, const std::vector<std::vector<Literal>>& inputs,
                      Tolerance tolerance = {}, const std::vector<bool>& donated = {}) {
  std::vector<std::vector<Literal>> expected;
  for (const std::vector<Literal>& arguments : inputs) expected.push_back(interpret(graph, arguments));
  const std::set<std::string> runs[] = {{}, {"fuse"}, {"simplify_loops"}};
  for (const std::set<std::string>& disabled : runs) {
    SCOPED_TRACE(disabled.empty() ? "all passes" : "without " + *disabled.begin());
    const Lowered lowered = lower_for_gpu(graph, disabled, donated);
    for (const loop::Kernel& kernel : lowered.program.kernels) {
      ASSERT_TRUE(loop::is_gpu_kernel(kernel)) << loop::print(kernel);
      ASSERT_LE(loop::scratch_bytes(kernel), Target{}.shared_bytes) << loop::print(kernel);
      ASSERT_TRUE(!is_on_one_thread(kernel) || result_elements(kernel) <= 4) << loop::print(kernel);
    }
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      std::vector<Literal> actual;
      try {
        actual = run_lowered(lowered, inputs[k]);
      } catch (const InternalError& error) {
        FAIL() << error.what() << '\n' << print(graph) << loop::print(lowered.program);
      }
      for (std::size_t i = 0; i < expected[k].size(); ++i) {
        ASSERT_EQ(difference(actual[i], expected[k][i], tolerance), "")
            << "result " << i << " of input " << k << '\n'
            << print(graph) << loop::print(lowered.program);
      }
    }
  }
}

inline void check_gpu(std::string_view text, Tolerance tolerance = {},
                      const std::vector<bool>& donated = {}) {
  const Graph graph = parse_graph(text);
  check_gpu(graph, {random_arguments(graph, 3)}, tolerance, donated);
}

}  // namespace adze::testing
