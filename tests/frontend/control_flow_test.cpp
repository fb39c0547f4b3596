// Loops and branches as users write them: values and gradients against plain C++ loops, and what is refused.
#include <gtest/gtest.h>

#include "adze/adze.h"
#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_array;
using testing::expect_close;

struct Cell {
  Array w, u, b;
};
struct State {
  Array h;
  Array steps;
};

Cell cell() {
  return {Array({0.1, -0.2, 0.3, 0.4}, {2, 2}), Array({0.5, -0.5, 0.25, 0.75, -0.1, 0.2}, {3, 2}),
          Array({0.05, -0.05}, {2})};
}
State state() {
  return {Array({0.2, -0.1}, {2}), Array(0)};
}
Array sequence() {
  return Array({1.0, 2.0, -1.0, 0.5, -0.5, 1.5, 0.25, 0.75, -0.75, 1.0, 0.0, -1.0}, {4, 3});
}
State next(const Cell& p, const State& s, const Array& x) {
  return {tanh(matmul(s.h, p.w) + matmul(x, p.u) + p.b), s.steps + 1};
}

Array by_scan(const Cell& p, const Array& xs, const ScanOptions& options = {}) {
  const auto step = [&](const State& s, const Array& x) {
    State to = next(p, s, x);
    Array y = sum(to.h * to.h);
    return std::pair(std::move(to), std::move(y));
  };
  const auto [last, ys] = scan(step, state(), xs, options);
  return sum(ys) + sum(last.h);
}
Array by_loop(const Cell& p, const Array& xs, bool reverse = false) {
  State s = state();
  Array total(0.0);
  for (std::int64_t t = 0; t < xs.shape()[0]; ++t) {
    s = next(p, s, index(xs, reverse ? xs.shape()[0] - 1 - t : t));
    total += sum(s.h * s.h);
  }
  return total + sum(s.h);
}

void expect_same(const Cell& a, const Cell& b) {
  expect_close(a.w, b.w, 1e-13);
  expect_close(a.u, b.u, 1e-13);
  expect_close(a.b, b.b, 1e-13);
}

class ControlFlow : public ::testing::TestWithParam<bool> {
 protected:
  DeviceScope device_{GetParam() ? cpu() : interpreter()};
};

TEST_P(ControlFlow, ScanIsTheUnrolledLoop) {
  expect_close(by_scan(cell(), sequence()), by_loop(cell(), sequence()), 1e-14);
  expect_same(grad(by_scan)(cell(), sequence(), ScanOptions{}),
              grad([](const Cell& p, const Array& xs) { return by_loop(p, xs); })(cell(), sequence()));
}

TEST_P(ControlFlow, ScanReversedAndUnrolled) {
  for (const bool reverse : {false, true}) {
    const Array expected = by_loop(cell(), sequence(), reverse);
    const Cell gradient = grad([&](const Cell& p) { return by_loop(p, sequence(), reverse); })(cell());
    for (const std::int64_t unroll : {1, 2, 3, 4, 9}) {
      SCOPED_TRACE(unroll);
      const auto loss = [&](const Cell& p) {
        return by_scan(p, sequence(), {.reverse = reverse, .unroll = unroll});
      };
      expect_close(compile(loss)(cell()), expected, 1e-14);
      expect_same(compile(grad(loss))(cell()), gradient);
    }
  }
}

TEST_P(ControlFlow, ScanKeepsThePlacesOfYs) {
  const auto step = [](const Array& c, const Array& x) { return std::pair(c + x, c); };
  const Array xs({1, 2, 3, 4}, {4});
  const auto [forward, before] = scan(step, Array(0), xs);
  expect_array(forward, "i32[]", {10});
  expect_array(before, "i32[4]", {0, 1, 3, 6});
  expect_array(scan(step, Array(0), xs, {.reverse = true}).second, "i32[4]", {9, 7, 4, 0});
  expect_array(scan(step, Array(5), slice_axis(xs, 0, 0, 0)).first, "i32[]", {5});
}

TEST_P(ControlFlow, MapAndForiLoop) {
  expect_array(map([](const Array& x) { return x * x; }, Array({1, 2, 3}, {3})), "i32[3]", {1, 4, 9});
  const auto power = [](const Array& x, std::int64_t n) {
    return fori_loop(
        0, n, [&](const Array&, const Array& p) { return p * x; }, ones_like(x));
  };
  expect_array(power(Array(3.0), 4), "f64[]", {81});
  expect_array(grad([&](const Array& x) { return power(x, 4); })(Array(3.0)), "f64[]", {108}, 1e-14);
  expect_array(power(Array(3.0), -2), "f64[]", {1});
  // With a bound that is only known when the program runs.
  const auto sum_below = compile([](const Array& n) {
    return fori_loop(
        0, n, [](const Array& i, const Array& s) { return s + i; }, Array(0));
  });
  expect_array(sum_below(Array(5)), "i32[]", {10});
  expect_array(sum_below(Array(0)), "i32[]", {0});
}

TEST_P(ControlFlow, WhileLoopHasForwardMode) {
  const auto f = [](const Array& x) {
    return while_loop([](const Array& y) { return y < 100; }, [&](const Array& y) { return y * x; }, x);
  };
  expect_array(f(Array(3.0)), "f64[]", {243});
  const auto [value, tangent] = jvp(f, Array(3.0), Array(1.0));
  expect_array(tangent, "f64[]", {5 * 81}, 1e-14);
  EXPECT_NE(error_of<CompileError>([&] { grad(f)(Array(3.0)); }).find("reverse-mode"), std::string::npos);
}

TEST_P(ControlFlow, CondAndSwitch) {
  const Array two(2.0);
  const auto f = [&](const Array& x) {
    return cond(
        x > 1, [&](const Array& a) { return a * a * two; }, [](const Array& a) { return -a; }, x);
  };
  expect_array(f(Array(3.0)), "f64[]", {18});
  expect_array(f(Array(0.5)), "f64[]", {-0.5});
  expect_array(grad(f)(Array(3.0)), "f64[]", {12});
  expect_array(grad(f)(Array(0.5)), "f64[]", {-1});
  const auto g = [](const Array& i) {
    return switch_(i,
                   std::tuple([](const Array& a) { return a + 1; }, [](const Array& a) { return a * 10; },
                              [](const Array& a) { return a - a; }),
                   Array(7));
  };
  expect_array(g(Array(-3)), "i32[]", {8});
  expect_array(g(Array(1)), "i32[]", {70});
  expect_array(g(Array(9)), "i32[]", {0});
}

TEST_P(ControlFlow, AssociativeScan) {
  for (const std::int64_t n : {0, 1, 2, 3, 4, 7, 8, 13}) {
    SCOPED_TRACE(n);
    const Array x = arange(n);
    std::vector<double> forward, backward;
    double total = 0;
    for (std::int64_t i = 0; i < n; ++i) forward.push_back(total += static_cast<double>(i));
    for (std::int64_t i = 0; i < n; ++i)
      backward.push_back(total - (i > 0 ? forward[static_cast<std::size_t>(i - 1)] : 0));
    const auto plus = [](const Array& a, const Array& b) { return a + b; };
    const std::string type = "i32[" + std::to_string(n) + "]";
    expect_array(associative_scan(plus, x), type, forward);
    expect_array(associative_scan(plus, x, 0, true), type, backward);
  }
  // Affine maps x -> a x + b compose: a linear recurrence along axis 1, on a tree.
  using Map = std::pair<Array, Array>;
  const auto after = [](const Map& f, const Map& g) {
    return Map(f.first * g.first, g.first * f.second + g.second);
  };
  const Array a({0.5, 2.0, -1.0, 0.25, 1.0, 3.0}, {2, 3}), b({1.0, 0.0, 2.0, -1.0, 0.5, 1.0}, {2, 3});
  const Map prefixes = associative_scan(after, Map(a, b), -1);
  expect_array(prefixes.second, "f64[2,3]", {1, 2, 0, -1, -0.5, -0.5}, 1e-15);
}

TEST_P(ControlFlow, CheckpointChangesNoNumbers) {
  for (const CheckpointPolicy policy :
       {CheckpointPolicy::kNothingSaveable, CheckpointPolicy::kDotsSaveable,
        CheckpointPolicy::kDotsWithNoBatchDimsSaveable, CheckpointPolicy::kEverythingSaveable}) {
    const auto loss = [&](const Cell& p) {
      const auto step = checkpoint(
          [&](const State& s, const Array& x) { return std::pair(next(p, s, x), Array(sum(s.h))); }, policy);
      const auto [last, ys] = scan(step, state(), sequence());
      return sum(ys) + sum(last.h);
    };
    const auto plain = [&](const Cell& p) {
      State s = state();
      Array total(0.0);
      for (std::int64_t t = 0; t < 4; ++t) {
        total += sum(s.h);
        s = next(p, s, index(sequence(), t));
      }
      return total + sum(s.h);
    };
    expect_same(compile(grad(loss))(cell()), grad(plain)(cell()));
  }
}

TEST_P(ControlFlow, CustomDerivatives) {
  const auto f = [](const Array& x, const Array& n) { return x * x * astype(n, DType::kF64); };
  // Rules that are recognisable because they are wrong.
  const auto forward =
      custom_jvp(f, [&](const std::tuple<Array, Array>& p, const std::tuple<Array, Array>& t) {
        return std::pair(f(std::get<0>(p), std::get<1>(p)), 100 * std::get<0>(p) * std::get<0>(t));
      });
  expect_array(forward(Array(3.0), Array(2)), "f64[]", {18});
  expect_array(grad(forward)(Array(3.0), Array(2)), "f64[]", {300});
  expect_array(grad([&](const Array& x) { return grad(forward)(x, Array(2)); })(Array(3.0)), "f64[]", {100});
  const auto reverse = custom_vjp(
      f, [&](const Array& x, const Array& n) { return std::pair(f(x, n), std::pair(x, n)); },
      [](const std::pair<Array, Array>& saved, const Array& g) {
        return std::tuple(saved.first * g * 10, zeros_like(saved.second));
      });
  expect_array(reverse(Array(3.0), Array(2)), "f64[]", {18});
  expect_array(grad(reverse)(Array(3.0), Array(2)), "f64[]", {30});
  expect_array(grad([&](const Array& x) { return grad(reverse)(x, Array(2)); })(Array(3.0)), "f64[]", {10});
  EXPECT_NE(error_of<CompileError>([&] {
              jvp([&](const Array& x) { return reverse(x, Array(2)); }, Array(3.0), Array(1.0));
            }).find("custom_jvp"),
            std::string::npos);
  const auto captured = [&](const Array& y) {
    const auto g =
        custom_vjp([&](const Array& x) { return x * y; }, [&](const Array& x) { return std::pair(x * y, y); },
                   [](const Array& saved, const Array& ct) { return saved * ct; });
    return g(Array(2.0));
  };
  EXPECT_NE(error_of<CompileError>([&] { grad(captured)(Array(3.0)); }).find("captures"), std::string::npos);
}

TEST_P(ControlFlow, LinearizeAndHvp) {
  const auto f = [](const Array& x) { return sin(x) * x; };
  const Array x({0.3, 0.7}, {2}), v({1.0, -2.0}, {2});
  const auto [y, push] = linearize(f, x);
  expect_close(y, f(x), 1e-15);
  expect_close(push(v), jvp(f, x, v).second, 1e-15);
  const auto loss = [&](const Array& z) { return sum(f(z) * z); };
  expect_close(hvp(loss, x, v), grad([&](const Array& z) { return sum(grad(loss)(z) * v); })(x), 1e-14);
}

TEST_P(ControlFlow, SecondDerivativesOfANetworkAgree) {
  const Cell p = cell();
  const auto u = [&](const Array& x) {
    return sum(tanh(matmul(tanh(reshape(x, {1, 1}) * slice_axis(p.u, 0, 0, 1)), p.w)));
  };
  const auto by_jvp = [&](const Array& x) {
    return jvp([&](const Array& y) { return jvp(u, y, Array(1.0)).second; }, x, Array(1.0)).second;
  };
  const auto by_grad = grad([&](const Array& x) { return grad(u)(x); });
  expect_close(by_jvp(Array(0.4)), by_grad(Array(0.4)), 1e-13);
}

INSTANTIATE_TEST_SUITE_P(Devices, ControlFlow, ::testing::Values(true, false),
                         [](const auto& device) { return device.param ? "cpu" : "interpreter"; });

TEST(Jacobians, ForwardAndReverseAgree) {
  const Array w({0.1, -0.2, 0.3, 0.4, 0.5, -0.6}, {3, 2}), x({0.5, -1.0, 2.0}, {3});
  const auto f = [&](const Array& z) { return tanh(matmul(z, w)); };
  const Array j = jacfwd(f)(x);
  EXPECT_EQ(to_string(j.type()), "f64[2,3]");
  expect_close(jacrev(f)(x), j, 1e-14);
  expect_close(jacfwd<1>([&](const Array& a, const Array& z) { return f(a * z); })(ones_like(x), x), j,
               1e-14);
  const auto energy = [&](const Array& z) { return sum(f(z) * f(z)); };
  const Array h = hessian(energy)(x);
  EXPECT_EQ(to_string(h.type()), "f64[3,3]");
  expect_close(h, transpose(h), 1e-13);
  expect_close(matmul(h, x), hvp(energy, x, x), 1e-13);
  expect_close(compile(hessian(energy))(x), h, 1e-13);
}

TEST(Vmap, AxesPerArgumentAndLeaf) {
  const Array x({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3}), w({1.0, 10.0, 100.0}, {3});
  const auto f = [](const Array& a, const Array& b) { return a * b; };
  expect_array(vmap(f, {.in_axes = {0, std::nullopt}})(x, w), "f64[2,3]", {1, 20, 300, 4, 50, 600});
  expect_array(vmap(f, {.in_axes = {1, 0}})(x, w), "f64[3,2]", {1, 4, 20, 50, 300, 600});
  expect_array(vmap(f, {.in_axes = {-1, 0}, .out_axes = 1})(x, w), "f64[2,3]", {1, 20, 300, 4, 50, 600});
  using Two = std::pair<Array, Array>;
  const auto g = [](const Two& t) { return t.first * t.second; };
  expect_array(vmap(g, {.in_axes = {0, std::nullopt}})(Two(x, w)), "f64[2,3]", {1, 20, 300, 4, 50, 600});
  expect_array(
      vmap([](const Array& a) { return std::pair(a, Array(2.0)); }, {.out_axes = {0, std::nullopt}})(w)
          .second,
      "f64[]", {2});
}

TEST(Vmap, Errors) {
  const Array x({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {2, 3}), w({1.0, 10.0, 100.0}, {3});
  const auto f = [](const Array& a, const Array& b) { return a * b; };
  EXPECT_NE(
      error_of<TypeError>([&] { vmap(f)(x, w); }).find("has a batch of 3 on axis 0, but arg0 f64[2,3] has 2"),
      std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              vmap(f, {.in_axes = {0, 1}})(x, w);
            }).find("axis 1 is out of range for arg1"),
            std::string::npos);
  EXPECT_NE(
      error_of<TypeError>([&] { vmap(f, {.in_axes = std::nullopt})(x, w); }).find("no argument is batched"),
      std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              vmap(f, {.in_axes = {0, 0, 0}})(x, w);
            }).find("in_axes has 3 axes"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              vmap([](const Array& a) { return sin(a); }, {.out_axes = std::nullopt})(x);
            }).find("depends on the batch"),
            std::string::npos);
}

TEST(ControlFlowErrors, SayWhatIsWrong) {
  const Array x({1.0, 2.0}, {2});
  const auto bad = [](const Array& c, const Array&) { return std::pair(astype(c, DType::kF32), c); };
  EXPECT_NE(error_of<TypeError>([&] {
              scan(bad, Array(1.0), x);
            }).find("scan: carry enters as f64[], but the body returns f32[]: a carry keeps its type"),
            std::string::npos);
  const auto step = [](const Array& c, const Array& y) { return std::pair(c + y, y); };
  EXPECT_NE(error_of<TypeError>([&] { scan(step, Array(1.0), Array(2.0)); }).find("x is a scalar"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] { scan(step, Array(1.0), x, {.length = 3}); }).find("but length is 3"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] { scan(step, Array(1.0), x, {.unroll = 0}); }).find("unroll"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              while_loop([](const Array& a) { return a; }, [](const Array& a) { return a; }, x);
            }).find("cond must return bool[]"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              cond(
                  x, [](const Array& a) { return a; }, [](const Array& a) { return a; }, x);
            }).find("must be a bool or number of rank 0"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              cond(
                  Array(true), [](const Array& a) { return a; }, [](const Array& a) { return sum(a); }, x);
            }).find("result 0 of branch 1"),
            std::string::npos);
  EXPECT_NE(error_of<TypeError>([&] {
              associative_scan([](const Array& a, const Array& b) { return a + b; }, x, 1);
            }).find("axis 1 is out of range"),
            std::string::npos);
}

TEST(ControlFlowErrors, BranchingOnATracedValue) {
  const auto f = compile([](const Array& x) {
    if (x > 0) return x;
    return -x;
  });
  const std::string message = error_of<TypeError>([&] { f(Array(1.0)); });
  for (const char* word : {"bool", "cond", "where", "while_loop"})
    EXPECT_NE(message.find(word), std::string::npos) << message;
  EXPECT_TRUE(Array(1.0) > 0);
  EXPECT_FALSE(static_cast<bool>(Array(0)));
}

}  // namespace
}  // namespace adze
