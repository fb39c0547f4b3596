#include "tests/fuzz/oracles.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>

#include "ir/interpreter.h"
#include "ir/text.h"
#include "passes/batching.h"
#include "tests/fuzz/wrap.h"
#include "tests/support/cuda_host.h"
#include "tests/support/derivative_checks.h"
#include "tests/support/gpu_checks.h"
#include "tests/support/run_compiled.h"

namespace adze::fuzz {
namespace {

using Literals = std::vector<Literal>;

/// Two roundings of a dtype.
double epsilon(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return 0x1p-52;
    case DType::kF32:
      return 0x1p-23;
    case DType::kF16:
      return 0x1p-10;
    case DType::kBF16:
      return 0x1p-7;
    default:
      return 0;
  }
}

/// The coarsest among the floats of a graph.
double coarsest(const Graph& graph) {
  double found = epsilon(DType::kF64);
  for (const Value& value : graph.values()) found = std::max(found, epsilon(value.type.dtype));
  return found;
}

/// Floats moved by a few roundings.
Literals rounded(const Literals& inputs, double by, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Literals moved = inputs;
  for (Literal& input : moved) {
    if (!is_float(input.type().dtype)) continue;
    const double step = std::max(by, epsilon(input.type().dtype));
    for (std::int64_t i = 0; i < input.size(); ++i) {
      const double value = input.as_double(i);
      const double size = std::max(std::abs(value), 1e-3);
      input.set_double(i, value + step * size * (2 * testing::uniform(random) - 1));
    }
  }
  return moved;
}

/// Both beyond what f32 holds, or NaN: overflow depends on the order of sums.
bool same_but_for_overflow(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || a == b || (!(std::abs(a) < 1e30) && !(std::abs(b) < 1e30));
}

}  // namespace

std::string disagreement(const Program& program, const Literals& results) {
  const Literals expected = interpret(program.graph, program.inputs);
  if (results.size() != expected.size()) return "another number of results";
  std::vector<Literals> moved;  // what the interpreter gives for inputs rounded otherwise
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const Literal &a = results[k], &e = expected[k];
    if (a.type() != e.type()) return "result " + std::to_string(k) + " has type " + to_string(a.type());
    const double relative = 512 * coarsest(program.graph);  // an f64 may have been an f32 on its way
    double largest = is_float(e.type().dtype) ? 1 : 0;
    for (std::int64_t i = 0; i < e.size(); ++i) {
      if (std::abs(e.as_double(i)) < 1e30) largest = std::max(largest, std::abs(e.as_double(i)));
    }
    for (std::int64_t i = 0; i < e.size(); ++i) {
      const double x = a.as_double(i), y = e.as_double(i);
      if (same_but_for_overflow(x, y) || std::abs(x - y) <= relative * largest) continue;
      if (moved.empty()) {
        for (std::uint64_t seed = 0; seed < 8; ++seed)
          moved.push_back(
              interpret(program.graph, rounded(program.inputs, 4 * coarsest(program.graph), seed)));
      }
      double spread = 0;
      bool jumps = false;
      for (const Literals& other : moved) {
        const double z = other[k].as_double(i);
        if (std::isfinite(y) && std::isfinite(z))
          spread = std::max(spread, std::abs(z - y));
        else
          jumps = jumps || std::isnan(z) != std::isnan(y) || std::isinf(z) != std::isinf(y);
      }
      if (jumps || std::abs(x - y) <= 100 * spread) continue;
      std::ostringstream message;
      message.precision(17);
      message << "element " << i << " of result " << k << ", " << to_string(e.type()) << ", is " << x
              << " instead of " << y;
      return message.str();
    }
  }
  return {};
}

Oracle text_oracle() {
  return {"text", [](const Program& program) -> std::string {
            verify(program.graph);
            const std::string text = adze::print(program.graph);
            const Graph parsed = parse_graph(text);
            if (!(parsed == program.graph)) return "another graph comes back";
            return adze::print(parsed) == text ? "" : "another text comes back";
          }};
}

Oracle compiled_oracle(const std::vector<std::string>& disabled) {
  std::string name = "compiled";
  for (const std::string& pass : disabled) name += " without " + pass;
  return {name, [disabled](const Program& program) {
            CompileContext context;
            context.disabled.insert(disabled.begin(), disabled.end());
            return disagreement(program, testing::run_compiled(program.graph, program.inputs, context));
          }};
}

Oracle gpu_loops_oracle() {
  return {"gpu loops", [](const Program& program) {
            const Lowered lowered = testing::lower_for_gpu(program.graph, std::set<std::string>{});
            return disagreement(program, testing::run_lowered(lowered, program.inputs));
          }};
}

Oracle cuda_host_oracle() {
  return {"cuda-host", [](const Program& program) {
            return disagreement(program, testing::run_on_cuda_host(program.graph, program.inputs));
          }};
}

Oracle batch_oracle(std::uint64_t seed) {
  return {"batch", [seed](const Program& program) -> std::string {
            const BatchInputs batch = draw_batch(program, seed);
            const std::vector<bool> all(program.graph.results().size(), true);
            const Graph over = batch_graph(program.graph, batch.batched, batch.size, {}, all).graph;
            verify(over);
            const Literals together = interpret(over, batch.stacked);
            for (std::size_t m = 0; m < batch.members.size(); ++m) {
              Literals own;
              for (std::size_t k = 0; k < together.size(); ++k) {
                Literal part(program.graph.type(program.graph.results()[k]));
                std::copy_n(together[k].bytes() + m * part.byte_size(), part.byte_size(), part.bytes());
                own.push_back(std::move(part));
              }
              const std::string found = disagreement({program.graph, batch.members[m]}, own);
              if (!found.empty()) return "member " + std::to_string(m) + ": " + found;
            }
            return {};
          }};
}

Oracle derivative_oracle(std::uint64_t seed) {
  return {"derivative", [seed](const Program& program) -> std::string {
            const Graph& graph = program.graph;
            const std::vector<bool> active = testing::float_parameters(graph);
            const testing::Directions d = testing::random_directions(graph, active, seed);
            if (d.u.empty() || d.v.empty()) return {};
            double forward = 0, reverse = 0;
            try {
              forward = testing::by_jvp(graph, active, program.inputs, d);
              reverse = testing::by_vjp(graph, active, program.inputs, d);
            } catch (const CompileError&) {
              return {};  // an op without this derivative
            }
            if (!std::isfinite(forward) || !(std::abs(forward) < 1e6)) return {};
            // How far the derivative itself moves when the inputs are rounded: it jumps at ties and kinks.
            const auto spread = [&](double by) {
              double found = 0;
              for (std::uint64_t s = 0; s < 6; ++s) {
                const double moved = testing::by_jvp(graph, active, rounded(program.inputs, by, s), d);
                found = std::max(found, std::abs(moved - forward));
              }
              return found;
            };
            const double size = std::max(1.0, std::abs(forward));
            std::ostringstream message;
            message.precision(17);
            if (!(std::abs(forward - reverse) <= 1e-9 * size) &&
                std::abs(forward - reverse) > 100 * spread(1e-13)) {
              message << "forward " << forward << ", reverse " << reverse;
              return message.str();
            }
            const auto numeric = [&](double step) {
              return testing::finite_difference(graph, active, program.inputs, d, step);
            };
            const double coarse = numeric(4e-4), fine = numeric(1e-4);
            const double uncertain = std::abs(coarse - fine);
            if (!(uncertain < 1e-4 * size) || std::abs(forward - fine) <= 1e-4 * size + 10 * uncertain)
              return {};
            if (std::abs(forward - fine) <= 10 * spread(4e-4)) return {};
            message << "forward " << forward << ", by finite differences " << fine;
            return message.str();
          }};
}

}  // namespace adze::fuzz
