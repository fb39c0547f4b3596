#include <fmt/format.h>

#include <cmath>
#include <cstring>

#include "ir/eval_helpers.h"
#include "ir/loops_context.h"
#include "ir/op_helpers.h"

namespace adze {

// Triangular systems and the Cholesky factor, over any leading batch dims.

namespace {

using loop::ScalarOp;

Dims batch_of(const Dims& shape) {
  return {shape.begin(), shape.end() - 2};
}

/// The last two dims, which must be there and of one size.
std::int64_t check_square(const InferContext& c, std::size_t i) {
  const TensorType& a = c.operand(i);
  if (a.rank() < 2 || a.shape[a.shape.size() - 2] != a.shape.back()) {
    c.fail(fmt::format("{} must be square in its last two dimensions: {}", operand_name(c, i), to_string(a)));
  }
  return a.shape.back();
}

std::vector<Scalar> with_place(std::vector<Scalar> batch, Scalar row, Scalar column) {
  batch.push_back(row);
  batch.push_back(column);
  return batch;
}

// --- Emission ---

/// The lower (or upper) triangle of x, with `diagonals` of them left out from the main one on; zeros
/// elsewhere.
ValueId emit_triangle(RuleContext& c, ValueId x, bool lower, std::int64_t diagonals = 0) {
  GraphBuilder& b = c.builder();
  const TensorType type = c.type(x);
  const std::int64_t last = type.rank() - 1;
  const auto iota = [&](std::int64_t dimension) {
    return c.emit(op_iota, {}, {{"shape", type.shape}, {"dimension", dimension}, {"dtype", DType::kI32}});
  };
  const ValueId row = iota(last - 1), column = iota(last);
  const ValueId small = lower ? column : row, large = lower ? row : column;
  const ValueId bound = c.add(small, b.scalar(DType::kI32, static_cast<double>(diagonals)));
  return c.select(c.emit(op_ge, {large, bound}), x, kNoValue);
}

ValueId emit_matmul(RuleContext& c, ValueId x, ValueId y) {
  const std::int64_t rank = c.type(x).rank();
  const Dims batch = iota_dims(rank - 2);
  return c.emit(op_dot_general, {x, y},
                {{"contract", DimPair{{rank - 1}, {rank - 2}}}, {"batch", DimPair{batch, batch}}});
}

ValueId emit_matrix_transpose(RuleContext& c, ValueId x) {
  Dims order = iota_dims(c.type(x).rank());
  std::swap(order[order.size() - 2], order[order.size() - 1]);
  return emit_transpose(c.builder(), x, std::move(order));
}

// --- triangular_solve ---

struct Triangular {
  bool left_side, lower, transpose_a, unit_diagonal;
};

Triangular triangular_of(const Attrs& attrs) {
  return {attrs.get<bool>("left_side"), attrs.get<bool>("lower"), attrs.get<bool>("transpose_a"),
          attrs.get<bool>("unit_diagonal")};
}

Attrs attrs_of(const Triangular& t) {
  return {{"left_side", t.left_side},
          {"lower", t.lower},
          {"transpose_a", t.transpose_a},
          {"unit_diagonal", t.unit_diagonal}};
}

std::vector<TensorType> infer_triangular_solve(InferContext& c) {
  for (std::size_t i = 0; i < 2; ++i) check_dtype(c, i, DTypeSet::kWide);
  const TensorType& a = c.operand(0);
  const TensorType& b = c.operand(1);
  if (a.dtype != b.dtype) {
    c.fail(fmt::format("operands must have the same dtype: {} vs {}", to_string(a), to_string(b)));
  }
  const std::int64_t n = check_square(c, 0);
  if (b.rank() != a.rank() || batch_of(a.shape) != batch_of(b.shape)) {
    c.fail(
        fmt::format("a and b must have the same leading dimensions: {} vs {}", to_string(a), to_string(b)));
  }
  const bool left = c.attr<bool>("left_side");
  const std::int64_t size = b.shape[b.shape.size() - (left ? 2 : 1)];
  if (size != n) {
    c.fail(
        fmt::format("b must have {} {}: {} vs {}", n, left ? "rows" : "columns", to_string(a), to_string(b)));
  }
  return {b};
}

/// Column by column of b (row by row on the right side), each by substitution. What is solved is M x = b
/// with M = op(a), or its transpose on the right side; M is lower or upper, which says where to begin.
void lower_triangular_solve(LoopsContext& c) {
  const Triangular t = triangular_of(c.attrs());
  loop::Exprs& e = c.exprs();
  ScalarBuilder s(e, c.result_type().dtype, c.attrs());
  const Dims& shape = c.result_type().shape;
  const bool transposed = t.transpose_a == t.left_side;
  const bool forward = t.lower != transposed;
  const std::size_t rank = shape.size();
  const std::int64_t n = shape[rank - (t.left_side ? 2 : 1)];
  Dims systems = batch_of(shape);
  systems.push_back(shape[rank - (t.left_side ? 1 : 2)]);
  c.loops(
      systems,
      [&](const std::vector<Scalar>& system) {
        const std::vector<Scalar> batch(system.begin(), system.end() - 1);
        const auto of_a = [&](Scalar i, Scalar j) {
          return transposed ? with_place(batch, j, i) : with_place(batch, i, j);
        };
        const auto of_x = [&](Scalar i) {
          return t.left_side ? with_place(batch, i, system.back()) : with_place(batch, system.back(), i);
        };
        const auto place = [&](Scalar step) { return forward ? step : e.add(e.mul(step, -1), n - 1); };
        c.loop("s", n, [&](Scalar step) {
          const Scalar i = place(step);
          c.with_register("rest", c.load(1, of_x(i)), [&](LoopsContext::Register rest) {
            c.loop("t", n, [&](Scalar earlier) {
              const Scalar j = place(earlier);
              const Scalar known = e.apply(ScalarOp::lt, {earlier, step});
              const Scalar product = s.mul(c.load(0, of_a(i, j), known), c.load_result(0, of_x(j), known));
              c.set(rest, s.sub(c.get(rest), s.select(known, product, s.like(product, 0))));
            });
            const Scalar value = c.get(rest);
            c.store(0, of_x(i), t.unit_diagonal ? value : s.div(value, c.load(0, of_a(i, i))));
          });
        });
      },
      loop::LoopKind::kParallel);
}

void eval_triangular_solve(EvalContext& c) {
  const Triangular t = triangular_of(c.attrs);
  const Literal& a = *c.operands[0];
  const Literal& b = *c.operands[1];
  Literal& x = c.results[0];
  const Dims& shape = b.type().shape;
  const std::int64_t n = a.type().shape.back(), columns = shape.back();
  if (n == 0) return;
  const std::int64_t systems = t.left_side ? columns : shape[shape.size() - 2];
  const std::int64_t batches = a.size() / (n * n);
  for (std::int64_t batch = 0; batch < batches; ++batch) {
    // op(a)(i, j) on the left, op(a)(j, i) on the right.
    const auto m = [&](std::int64_t i, std::int64_t j) {
      const bool swap = t.transpose_a == t.left_side;
      return a.as_double(batch * n * n + (swap ? j * n + i : i * n + j));
    };
    const bool forward = t.lower != (t.transpose_a == t.left_side);
    for (std::int64_t k = 0; k < systems; ++k) {
      const auto at = [&](std::int64_t i) {
        return batch * n * systems + (t.left_side ? i * columns + k : k * columns + i);
      };
      std::vector<double> solved(static_cast<std::size_t>(n));
      for (std::int64_t step = 0; step < n; ++step) {
        const std::int64_t i = forward ? step : n - 1 - step;
        double rest = b.as_double(at(i));
        for (std::int64_t j = forward ? 0 : i + 1; j < (forward ? i : n); ++j) {
          rest -= m(i, j) * solved[static_cast<std::size_t>(j)];
        }
        solved[static_cast<std::size_t>(i)] = t.unit_diagonal ? rest : rest / m(i, i);
        x.set_double(at(i), solved[static_cast<std::size_t>(i)]);
      }
    }
  }
}

/// d(op(a)^-1 b) = op(a)^-1 (db - d op(a) x), on either side. What is smaller is solved for.
ValueList triangular_solve_jvp(JvpContext& c) {
  const Triangular t = triangular_of(c.attrs());
  const auto solve = [&](ValueId rhs) {
    return rhs ? c.emit(c.op(), {c.primal(0), rhs}, c.attrs()) : kNoValue;
  };
  if (!c.has_tangent(0)) return solve(c.tangent(1));
  ValueId da = emit_triangle(c, c.tangent(0), t.lower, t.unit_diagonal ? 1 : 0);
  if (t.transpose_a) da = emit_matrix_transpose(c, da);
  const ValueId moved = t.left_side ? emit_matmul(c, da, c.output()) : emit_matmul(c, c.output(), da);
  return solve(c.sub(c.tangent(1), moved));
}

ValueList transpose_triangular_solve(TransposeContext& c) {
  Triangular t = triangular_of(c.attrs());
  t.transpose_a = !t.transpose_a;
  return {kNoValue, c.emit(c.op(), {c.operand(0), c.cotangent()}, attrs_of(t))};
}

/// Makes a matrix whose triangular parts are well conditioned.
void strengthen_diagonal(std::vector<Literal>& inputs) {
  Literal& a = inputs[0];
  const std::int64_t n = a.type().shape.back();
  for (std::int64_t i = 0; i < a.size(); ++i) {
    if (i / n % n == i % n) a.set_double(i, a.as_double(i) + (a.as_double(i) < 0 ? -3 : 3));
  }
}

std::vector<OpSample> triangular_solve_samples() {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims a, Dims b, Triangular t, int derivative_order) {
    samples.push_back({.operands = {{dtype, std::move(a)}, {dtype, std::move(b)}},
                       .attrs = attrs_of(t),
                       .low = -1,
                       .high = 1,
                       .relative_tolerance = dtype == DType::kF32 ? 1e-5 : 1e-12,
                       .adjust = strengthen_diagonal,
                       .derivative_order = derivative_order});
  };
  for (const bool left : {true, false}) {
    for (const bool lower : {true, false}) {
      for (const bool transpose : {true, false}) {
        const Triangular t{left, lower, transpose, left == transpose};
        add(DType::kF32, {5, 5}, left ? Dims{5, 3} : Dims{3, 5}, t, 0);
        add(DType::kF64, {2, 2}, left ? Dims{2, 1} : Dims{1, 2}, t, 2);
      }
    }
  }
  add(DType::kF32, {2, 3, 7, 7}, {2, 3, 7, 17}, {true, true, false, false}, 0);
  add(DType::kF32, {2, 4, 4}, {2, 3, 4}, {false, true, true, false}, 0);
  add(DType::kF32, {1, 1}, {1, 1}, {true, false, false, false}, 0);
  add(DType::kF32, {0, 0}, {0, 3}, {true, true, false, false}, 0);
  add(DType::kF32, {0, 2, 2}, {0, 2, 3}, {true, true, false, false}, 0);
  add(DType::kF64, {9, 9}, {9, 4}, {true, false, false, false}, 0);
  add(DType::kF64, {2, 2, 2}, {2, 2, 2}, {true, true, false, false}, 2);
  return samples;
}

// --- cholesky ---

/// Column by column; the rows of one come from those before it. A matrix that is not positive definite gives
/// NaN.
void lower_cholesky(LoopsContext& c) {
  loop::Exprs& e = c.exprs();
  ScalarBuilder s(e, c.result_type().dtype, c.attrs());
  const Dims& shape = c.result_type().shape;
  const std::int64_t n = shape.back();
  if (n == 0) return;
  c.loops(
      batch_of(shape),
      [&](const std::vector<Scalar>& batch) {
        const auto at = [&](Scalar i, Scalar j) { return with_place(batch, i, j); };
        c.loop("j", n, [&](Scalar j) {
          c.loop("i", n, [&](Scalar i) {
            const Scalar in_triangle = e.apply(ScalarOp::ge, {i, j});
            c.with_register("rest", c.load(0, at(i, j)), [&](LoopsContext::Register rest) {
              c.loop("k", n, [&](Scalar k) {
                const Scalar known = e.both(in_triangle, e.apply(ScalarOp::lt, {k, j}));
                const Scalar product =
                    s.mul(c.load_result(0, at(i, k), known), c.load_result(0, at(j, k), known));
                c.set(rest, s.sub(c.get(rest), s.select(known, product, s.like(product, 0))));
              });
              const Scalar value = c.get(rest);
              const Scalar below = e.apply(ScalarOp::gt, {i, j});
              const Scalar root = s.select(s.gt(value, s.like(value, 0)), s.sqrt(value), s.like(value, kNan));
              const Scalar diagonal = c.load_result(0, at(j, j), below);
              const Scalar divided = s.div(value, s.select(below, diagonal, s.like(value, 1)));
              const Scalar lower = s.select(below, divided, root);
              c.store(0, at(i, j), s.select(in_triangle, lower, s.like(value, 0)));
            });
          });
        });
        // A failure has reached the last element by now; it makes all of the factor NaN.
        const Scalar last = c.let("last", c.load_result(0, at(e.index(n - 1), e.index(n - 1))));
        c.loops({n, n}, [&](const std::vector<Scalar>& place) {
          const Scalar fails = e.both(s.ne(last, last), e.apply(ScalarOp::ge, {place[0], place[1]}));
          const std::vector<Scalar> index = at(place[0], place[1]);
          c.store(0, index, s.select(fails, s.like(last, kNan), c.load_result(0, index)));
        });
      },
      loop::LoopKind::kParallel);
}

void eval_cholesky(EvalContext& c) {
  const Literal& a = *c.operands[0];
  const std::int64_t n = a.type().shape.back();
  if (n == 0) return;
  for (std::int64_t base = 0; base < a.size(); base += n * n) {
    std::vector<double> factor(static_cast<std::size_t>(n * n));
    const auto at = [&](std::int64_t i, std::int64_t j) -> double& {
      return factor[static_cast<std::size_t>(i * n + j)];
    };
    bool fails = false;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        double rest = a.as_double(base + i * n + j);
        for (std::int64_t k = 0; k < j; ++k) rest -= at(i, k) * at(j, k);
        at(i, j) = i == j ? std::sqrt(rest) : rest / at(j, j);
        fails = fails || (i == j && !(rest > 0));
      }
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j <= i; ++j)
        c.results[0].set_double(base + i * n + j, fails ? kNan : at(i, j));
    }
  }
}

/// dL = L phi(L^-1 dA L^-T), phi taking the lower triangle and half of the diagonal (Murray,
/// arXiv:1602.07527). Only the lower triangle of A is read, and so only that of dA.
ValueList cholesky_jvp(JvpContext& c) {
  const ValueId factor = c.output();
  const ValueId below = emit_triangle(c, c.tangent(0), true, 1);
  const ValueId symmetric = c.add(emit_triangle(c, c.tangent(0), true), emit_matrix_transpose(c, below));
  const ValueId right =
      c.emit(op_triangular_solve, {factor, symmetric}, attrs_of({false, true, true, false}));
  const ValueId both = c.emit(op_triangular_solve, {factor, right}, attrs_of({true, true, false, false}));
  const ValueId half = c.mul(c.add(emit_triangle(c, both, true), emit_triangle(c, both, true, 1)),
                             c.builder().scalar(c.result_type().dtype, 0.5));
  return emit_matmul(c, factor, half);
}

/// R R^T + the identity, of a random R.
void make_positive_definite(std::vector<Literal>& inputs) {
  Literal& a = inputs[0];
  const Literal r = a;
  const std::int64_t n = a.type().shape.back();
  for (std::int64_t at = 0; at < a.size(); ++at) {
    const std::int64_t base = at / (n * n) * (n * n), i = at / n % n, j = at % n;
    double sum = i == j ? 1 : 0;
    for (std::int64_t k = 0; k < n; ++k) sum += r.as_double(base + i * n + k) * r.as_double(base + j * n + k);
    a.set_double(at, sum);
  }
}

std::vector<OpSample> cholesky_samples() {
  std::vector<OpSample> samples;
  const auto add = [&](DType dtype, Dims shape, int derivative_order) {
    samples.push_back({.operands = {{dtype, std::move(shape)}},
                       .low = -1,
                       .high = 1,
                       .relative_tolerance = dtype == DType::kF32 ? 1e-5 : 1e-12,
                       .adjust = make_positive_definite,
                       .derivative_order = derivative_order});
  };
  for (const std::int64_t n : {1, 2, 7, 17}) add(DType::kF32, {n, n}, 0);
  add(DType::kF32, {3, 4, 4}, 0);
  add(DType::kF32, {0, 0}, 0);
  add(DType::kF32, {0, 2, 2}, 0);
  add(DType::kF64, {9, 9}, 0);
  add(DType::kF64, {2, 2}, 2);
  add(DType::kF64, {2, 3, 3}, 2);
  // Not positive definite.
  samples.push_back({.operands = {{DType::kF32, {3, 3}}}, .low = -2, .high = -1, .derivative_order = 0});
  return samples;
}

ValueList batch_all(BatchContext& c) {
  std::vector<ValueId> operands;
  for (std::size_t i = 0; i < c.size(); ++i) operands.push_back(c.with_batch(i));
  return c.emit(c.op(), std::move(operands), c.attrs());
}

}  // namespace

/// Solves op(a) x = b, or x op(a) = b where not `left_side`, for triangular matrices a[..., n, n]; op
/// transposes where `transpose_a`. Only the `lower` or upper triangle of a is read, without the diagonal
/// where that counts as ones.
const OpDef op_triangular_solve{
    .name = "triangular_solve",
    .pattern = OpPattern::kLoops,
    .operand_names = {"a", "b"},
    .attrs = {{"left_side", true, true},
              {"lower", true, true},
              {"transpose_a", false, false},
              {"unit_diagonal", false, false}},
    .infer_types = infer_triangular_solve,
    .jvp = triangular_solve_jvp,
    .transpose = transpose_triangular_solve,
    .batch = batch_all,
    .loops = lower_triangular_solve,
    .eval = eval_triangular_solve,
    .samples = triangular_solve_samples,
};

/// The lower triangular factor L of a = L L^T, for positive definite matrices a[..., n, n], of which the
/// lower triangle is read; NaN for others.
const OpDef op_cholesky{
    .name = "cholesky",
    .pattern = OpPattern::kLoops,
    .infer_types = [](InferContext& c) -> std::vector<TensorType> {
      check_dtype(c, 0, DTypeSet::kWide);
      check_square(c, 0);
      return {c.operand(0)};
    },
    .jvp = cholesky_jvp,
    .batch = batch_all,
    .loops = lower_cholesky,
    .eval = eval_cholesky,
    .samples = cholesky_samples,
};

}  // namespace adze
