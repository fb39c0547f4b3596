#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>

#include "support/gpu_checks.h"
#include "support/op_samples.h"
#include "support/programs.h"
#include "support/random_graph.h"

namespace adze::testing {
namespace {

constexpr Tolerance kReordered{.relative = 2e-5};

TEST(ScheduleGpu, MapsOfAnySize) {
  for (const int n : {1, 3, 64, 255, 342, 1024, 1025, 1031, 1366}) {
    SCOPED_TRACE(n);
    check_gpu(fmt::format(R"(
func @f(%x: f32[3,{0}], %b: f32[{0}], %s: f32[3]) -> (f32[3,{0}], f32[{0},3], f32[3,{0}]) {{
  %0 = broadcast_in_dim %b {{dims = [1], shape = [3,{0}]}} : f32[3,{0}]
  %1 = broadcast_in_dim %s {{dims = [0], shape = [3,{0}]}} : f32[3,{0}]
  %2 = mul %x, %0 : f32[3,{0}]
  %3 = sub %2, %1 : f32[3,{0}]
  %4 = transpose %3 {{permutation = [1,0]}} : f32[{0},3]
  %5 = neg %x : f32[3,{0}]
  return %3, %4, %5
}}
)",
                          n));
    if (HasFatalFailure()) return;
  }
}

TEST(ScheduleGpu, MapsOfMixedWidths) {
  for (const int n : {37, 1024, 1537}) {
    check_gpu(fmt::format(R"(
func @f(%x: f32[{0}], %y: f64[{0}], %k: i64[{0}], %p: bool[{0}]) -> (f64[{0}], bool[{0}], i32[{0}]) {{
  %0 = convert %x {{dtype = f64}} : f64[{0}]
  %1 = add %0, %y : f64[{0}]
  %2 = convert %k {{dtype = f64}} : f64[{0}]
  %3 = lt %1, %2 : bool[{0}]
  %4 = and %3, %p : bool[{0}]
  %5 = select %4, %1, %2 : f64[{0}]
  %6 = convert %k {{dtype = i32}} : i32[{0}]
  return %5, %4, %6
}}
)",
                          n));
  }
}

TEST(ScheduleGpu, ManyFoldsOfOneKernelFitIntoSharedMemory) {
  // Column sums whose warps would each leave a row of values for every sum.
  std::string body, previous = "%x";
  for (int i = 0; i < 26; ++i) {
    body += fmt::format(R"(
  %e{0} = {2} {1}
  %s{0} = reduce_sum %e{0} {{axes = [0]}}
  %b{0} = broadcast_in_dim %s{0} {{dims = [1], shape = [100,16000]}}
  %d{0} = sub {1}, %b{0})",
                        i, previous, i % 2 ? "sin" : "tanh");
    previous = fmt::format("%d{}", i);
  }
  CompileContext context;
  context.target = gpu_target(90, 132);
  const Lowered lowered = lower(parse_graph("func @f(%x: f64[100,16000]) -> f64[100,16000] {" + body +
                                            "\n  return " + previous + "\n}"),
                                {}, context);
  for (const loop::Kernel& kernel : lowered.program.kernels) {
    EXPECT_LE(loop::scratch_bytes(kernel), context.target.shared_bytes);
    EXPECT_EQ(std::count(kernel.schedule.begin(), kernel.schedule.end(), "one thread"), 0);
  }
}

TEST(ScheduleGpu, ReductionsOfAnyShape) {
  const int shapes[][2] = {{1, 1},  {1, 3},   {1, 257}, {3, 5},    {5, 3},    {64, 10},  {10, 64}, {33, 40},
                           {7, 33}, {300, 2}, {2, 300}, {9, 1100}, {1100, 9}, {500, 31}, {40, 129}};
  for (const auto& [m, n] : shapes) {
    for (const int axis : {0, 1}) {
      SCOPED_TRACE(fmt::format("{}x{} over {}", m, n, axis));
      check_gpu(fmt::format(R"(
func @f(%x: f32[{0},{1}], %y: f32[{2}], %z: f32[{2}]) -> (f32[{2}], f32[{2}]) {{
  %0 = exp %x : f32[{0},{1}]
  %1 = reduce_sum %0 {{axes = [{3}]}} : f32[{2}]
  %2 = mul %1, %y : f32[{2}]
  %3 = reduce_max %x {{axes = [{3}]}} : f32[{2}]
  %4 = add %3, %z : f32[{2}]
  return %2, %4
}}
)",
                            m, n, axis == 0 ? n : m, axis),
                kReordered, {false, true, true});
      if (HasFatalFailure()) return;
    }
  }
}

TEST(ScheduleGpu, ReductionsOfEveryKind) {
  for (const int n : {3, 40, 700}) {
    check_gpu(fmt::format(R"(
func @f(%x: f32[5,{0}], %p: bool[5,{0}], %k: i64[5,{0}]) -> (f32[5], bool[5], bool[5], i64[5], i64[5], i32[5], f32[]) {{
  %0 = reduce_min %x {{axes = [1]}} : f32[5]
  %1 = reduce_and %p {{axes = [1]}} : bool[5]
  %2 = reduce_or %p {{axes = [1]}} : bool[5]
  %3 = reduce_sum %k {{axes = [1]}} : i64[5]
  %4 = reduce_prod %k {{axes = [1]}} : i64[5]
  %5 = argmax %x {{axis = 1}} : i32[5]
  %6 = reduce_max %x {{axes = [0,1]}} : f32[]
  return %0, %1, %2, %3, %4, %5, %6
}}
)",
                          n));
  }
}

TEST(ScheduleGpu, RowsOfSeveralSweeps) {
  for (const auto& [m, n] : {std::pair{1, 1}, {9, 17}, {64, 10}, {3, 700}, {130, 33}, {2, 2100}}) {
    SCOPED_TRACE(fmt::format("{}x{}", m, n));
    check_gpu(fmt::format(R"(
func @softmax(%x: f32[{0},{1}], %s: f32[{0}]) -> (f32[{0},{1}], f32[{0}]) {{
  %m = reduce_max %x {{axes = [1]}} : f32[{0}]
  %mb = broadcast_in_dim %m {{dims = [0], shape = [{0},{1}]}} : f32[{0},{1}]
  %d = sub %x, %mb : f32[{0},{1}]
  %e = exp %d : f32[{0},{1}]
  %z = reduce_sum %e {{axes = [1]}} : f32[{0}]
  %zs = mul %z, %s : f32[{0}]
  %zb = broadcast_in_dim %zs {{dims = [0], shape = [{0},{1}]}} : f32[{0},{1}]
  %p = div %e, %zb : f32[{0},{1}]
  %l = log %z : f32[{0}]
  return %p, %l
}}
)",
                          m, n),
              {.relative = 2e-4}, {true, true});
    if (HasFatalFailure()) return;
  }
}

/// One block does several rounds of rows, and joins its warps in each of them.
TEST(ScheduleGpu, RoundsOfLongRows) {
  check_gpu(R"(
func @f(%x: f32[5,3000]) -> f32[] {
  %0 = reduce_max %x {axes = [1]} : f32[5]
  %1 = exp %0 : f32[5]
  %2 = reduce_sum %1 {axes = [0]} : f32[]
  return %2
}
)",
            kReordered);
}

/// Serial loops read a row before they store its result: it may take the place of what all threads of a team
/// read.
TEST(ScheduleGpu, RowsInPlace) {
  for (const auto& [m, n] : {std::pair{5, 40}, {3, 3000}, {40, 5}}) {
    const Graph graph = parse_graph(fmt::format(R"(
func @f(%x: f32[{0},{1}], %s: f32[{0}]) -> f32[{0}] {{
  %0 = broadcast_in_dim %s {{dims = [0], shape = [{0},{1}]}} : f32[{0},{1}]
  %1 = mul %x, %0 : f32[{0},{1}]
  %2 = reduce_max %1 {{axes = [1]}} : f32[{0}]
  return %2
}}
)",
                                                m, n));
    const Lowered lowered = lower_for_gpu(graph);
    ASSERT_EQ(lowered.program.kernels.size(), 1u);
    std::vector<Literal> arguments = random_arguments(graph, 1);
    const std::vector<Literal> expected = interpret(graph, arguments);
    std::vector<std::byte*> memory;
    for (const loop::BufferRef& ref : lowered.program.calls[0].arguments)
      memory.push_back(
          arguments[ref.place == loop::BufferRef::Place::kResult ? 1 : static_cast<std::size_t>(ref.position)]
              .bytes());
    interpret(lowered.program.kernels[0], memory);
    EXPECT_EQ(difference(arguments[1], expected[0]), "");
  }
}

TEST(ScheduleGpu, WholeKernelReductions) {
  for (const int n : {1, 10, 63, 256, 257, 5000}) {
    check_gpu(fmt::format(R"(
func @f(%x: f32[{0}], %c: f32[]) -> (f32[], f32[], f32[]) {{
  %0 = mul %x, %x : f32[{0}]
  %1 = reduce_sum %0 {{axes = [0]}} : f32[]
  %2 = mul %1, %c : f32[]
  %3 = reduce_max %x {{axes = [0]}} : f32[]
  %4 = add %c, %1 : f32[]
  return %2, %3, %4
}}
)",
                          n),
              kReordered, {false, true});
    if (HasFatalFailure()) return;
  }
}

TEST(ScheduleGpu, RowsThatFoldIntoAScalar) {
  for (const auto& [m, n] : {std::pair{2, 3}, {64, 10}, {300, 4}, {7, 500}, {40, 40}, {5, 3000}}) {
    SCOPED_TRACE(fmt::format("{}x{}", m, n));
    check_gpu(fmt::format(R"(
func @loss(%x: f32[{0},{1}], %labels: i32[{0}]) -> (f32[], f32[{0},{1}], f32[{0}]) {{
  %m = reduce_max %x {{axes = [1]}} : f32[{0}]
  %mb = broadcast_in_dim %m {{dims = [0], shape = [{0},{1}]}} : f32[{0},{1}]
  %d = sub %x, %mb : f32[{0},{1}]
  %e = exp %d : f32[{0},{1}]
  %z = reduce_sum %e {{axes = [1]}} : f32[{0}]
  %l = log %z : f32[{0}]
  %zb = broadcast_in_dim %z {{dims = [0], shape = [{0},{1}]}} : f32[{0},{1}]
  %p = div %e, %zb : f32[{0},{1}]
  %total = reduce_sum %l {{axes = [0]}} : f32[]
  %count = constant {{value = f32[] {0}}} : f32[]
  %mean = div %total, %count : f32[]
  return %mean, %p, %l
}}
)",
                          m, n),
              {.relative = 2e-4}, {true, false});
    if (HasFatalFailure()) return;
  }
}

/// Rows x columns x steps; which operand is transposed.
TEST(ScheduleGpu, ContractionsOfAnySize) {
  const int sizes[][3] = {{1, 1, 1},     {2, 3, 4},     {4, 4, 8},    {5, 10, 7},
                          {64, 10, 33},  {7, 170, 9},   {29, 33, 4},  {64, 64, 16},
                          {65, 130, 17}, {1, 128, 300}, {200, 1, 40}, {33, 5, 100}};
  for (const auto& [m, n, k] : sizes) {
    for (const char* form : {"nn", "nt", "tn", "tt"}) {
      const bool lt = form[0] == 't', rt = form[1] == 't';
      SCOPED_TRACE(fmt::format("{}x{}x{} {}", m, n, k, form));
      check_gpu(fmt::format(R"(
func @f(%x: f32[{3},{4}], %w: f32[{5},{6}], %b: f32[{1}], %y: f32[{0},{1}]) -> (f32[{0},{1}], f32[{0},{1}]) {{
  %0 = dot_general %x, %w {{contract = [{7}] x [{8}]}} : f32[{0},{1}]
  %1 = broadcast_in_dim %b {{dims = [1], shape = [{0},{1}]}} : f32[{0},{1}]
  %2 = add %0, %1 : f32[{0},{1}]
  %3 = tanh %2 : f32[{0},{1}]
  %4 = sub %y, %0 : f32[{0},{1}]
  return %3, %4
}}
)",
                            m, n, k, lt ? k : m, lt ? m : k, rt ? n : k, rt ? k : n, lt ? 0 : 1, rt ? 1 : 0),
                kReordered, {false, false, false, true});
      if (HasFatalFailure()) return;
    }
  }
}

TEST(ScheduleGpu, BatchesAndPrologues) {
  check_gpu(R"(
func @f(%x: f32[3,9,12], %g: f32[3,9,12], %w: f32[3,12,20]) -> f32[3,9,20] {
  %zero = constant {value = f32[] 0} : f32[]
  %0 = broadcast_in_dim %zero {dims = [], shape = [3,9,12]} : f32[3,9,12]
  %1 = gt %x, %0 : bool[3,9,12]
  %2 = select %1, %g, %0 : f32[3,9,12]
  %3 = dot_general %2, %w {batch = [0] x [0], contract = [2] x [1]} : f32[3,9,20]
  return %3
}
)",
            kReordered);
  check_gpu(R"(
func @f(%x: f64[6,5,12], %w: f64[12,2,20], %v: f64[6,12,20]) -> (f64[6,5,2,20], f64[5,20]) {
  %0 = dot_general %x, %w {contract = [2] x [0]} : f64[6,5,2,20]
  %1 = dot_general %x, %v {contract = [0,2] x [0,1]} : f64[5,20]
  return %0, %1
}
)",
            kReordered);
  for (const std::string dtype : {"i32", "i64"}) {
    check_gpu(fmt::format(R"(
func @f(%x: {0}[6,12], %w: {0}[12,20]) -> {0}[6,20] {{
  %0 = dot_general %x, %w {{contract = [1] x [0]}} : {0}[6,20]
  return %0
}}
)",
                          dtype));
  }
}

/// The text of a product of matrices, either of which may be transposed.
std::string matrix_product(int m, int n, int k, bool lt, bool rt) {
  return fmt::format(R"(
func @f(%x: f32[{3},{4}], %w: f32[{5},{6}]) -> f32[{0},{1}] {{
  %0 = dot_general %x, %w {{contract = [{7}] x [{8}]}} : f32[{0},{1}]
  return %0
}}
)",
                     m, n, k, lt ? k : m, lt ? m : k, rt ? n : k, rt ? k : n, lt ? 0 : 1, rt ? 1 : 0);
}

/// The most different words of one bank that the 32 threads of a warp touch at once, over all accesses to
/// shared memory: 1 where there are no conflicts.
std::size_t bank_conflicts(loop::Kernel kernel) {
  using namespace loop;
  Exprs& e = kernel.exprs;
  const VarId thread = kernel.body[0].body[0].body[0].body[0].var;  // below the grid and two shared tiles
  std::size_t most = 0;
  const auto access = [&](BufferId buffer, ExprId address) {
    if (kernel.buffers[buffer.index].scope != Scope::kShared) return;
    for (const std::int64_t warp : {0, 3}) {
      std::map<std::int64_t, std::set<std::int64_t>> words;
      for (std::int64_t t = 0; t < kWarpThreads; ++t) {
        std::unordered_map<std::uint32_t, ExprId> values;
        for (std::uint32_t v = 0; v < e.var_count(); ++v)
          if (e.var_dtype({v}) == DType::kI64) values.emplace(v, e.index(0));
        values[thread.index] = e.index(warp * kWarpThreads + t);
        const auto at = e.as_index(e.substitute(address, values));
        ASSERT_TRUE(at.has_value());
        words[*at % 32].insert(*at);
      }
      for (const auto& [bank, different] : words) most = std::max(most, different.size());
    }
  };
  const auto visit = [&](auto&& self, const std::vector<Stmt>& body) -> void {
    for (const Stmt& stmt : body) {
      if (stmt.kind == StmtKind::kStore) access(stmt.buffer, stmt.index);
      std::vector<ExprId> stack{stmt.value};
      while (!stack.empty()) {
        const ExprId id = stack.back();
        stack.pop_back();
        if (!id) continue;
        const Expr expr = e[id];
        if (expr.kind == ExprKind::kLoad) access(expr.buffer, expr.args[0]);
        stack.insert(stack.end(), expr.args.begin(), expr.args.end());
      }
      self(self, stmt.body);
    }
  };
  visit(visit, kernel.body);
  return most;
}

TEST(ScheduleGpu, TilesOfEveryKind) {
  // Fewer multiprocessors, larger tiles.
  std::set<std::string> tiles;
  for (const auto& [m, n, k] :
       {std::array{130, 140, 20}, {256, 130, 9}, {20, 200, 33}, {200, 9, 64}, {40, 36, 24}}) {
    for (const int multiprocessors : {1, 3, 8, 132}) {
      for (const char* form : {"nn", "tt"}) {
        const Graph graph = parse_graph(matrix_product(m, n, k, form[0] == 't', form[1] == 't'));
        const Lowered lowered = lower_for_gpu(graph, {}, {}, multiprocessors);
        ASSERT_EQ(lowered.program.kernels.size(), 1u);
        const loop::Kernel& kernel = lowered.program.kernels[0];
        SCOPED_TRACE(loop::print(kernel));
        if (!kernel.schedule.at(0).starts_with("tile")) continue;  // too few results: rows
        EXPECT_EQ(bank_conflicts(kernel), 1u);
        if (!tiles.insert(kernel.schedule.at(0)).second) continue;
        const std::vector<Literal> arguments = random_arguments(graph, 1);
        // The sum of each result takes its terms in the order of the serial loop: the same bits.
        const Lowered serial = lower_for_gpu(graph, {"schedule_gpu"});
        EXPECT_EQ(difference(run_lowered(lowered, arguments)[0], run_lowered(serial, arguments)[0]), "");
      }
    }
  }
  EXPECT_TRUE(tiles.contains("tile 128x128x8, thread 8x8"));
  EXPECT_TRUE(tiles.contains("tile 16x16x64, thread 1x1"));
  EXPECT_GE(tiles.size(), 6u) << fmt::format("{}", fmt::join(tiles, "; "));
}

TEST(ScheduleGpu, NothingToDo) {
  check_gpu(R"(
func @f(%x: f32[3,0], %y: f32[0]) -> (f32[3,0], f32[3], f32[], f32[0]) {
  %0 = neg %x : f32[3,0]
  %1 = reduce_sum %x {axes = [1]} : f32[3]
  %2 = reduce_max %x {axes = [0,1]} : f32[]
  %3 = reduce_sum %x {axes = [0]} : f32[0]
  return %0, %1, %2, %3
}
)");
}

TEST(ScheduleGpu, WholePrograms) {
  for (const std::string dtype : {"f32", "f64"}) {
    for (const std::string_view text : {kMlpLoss, kRowSoftmax, kMixedReductions, kMovementChain}) {
      const Graph graph = parse_as(text, dtype);
      check_gpu(graph, {random_arguments(graph, 1)}, kReordered);
    }
    const Graph step = mlp_training_step(dtype);
    check_gpu(step, {random_arguments(step, 1)}, kReordered, {false, false, true, true, true, true});
  }
}

TEST(ScheduleGpu, RandomGraphs) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    const Graph graph = RandomGraph(seed, {.dtype = seed % 2 ? DType::kF32 : DType::kF64}).make();
    check_gpu(graph, {random_arguments(graph, seed)}, {.relative = 1e-4});
    if (HasFatalFailure()) return;
  }
}

TEST(ScheduleGpu, EverySampleOfEveryOp) {
  for (const OpDef* op : testing::ops_with_values()) {
    for (const OpSample& sample : op->samples()) {
      SCOPED_TRACE(std::string(op->name));
      check_gpu(sample_graph(*op, sample), value_inputs(sample),
                {.max_ulp = sample.max_ulp, .relative = sample.relative_tolerance});
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace adze::testing
