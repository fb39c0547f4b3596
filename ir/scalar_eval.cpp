#include "ir/scalar_eval.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>
#include <unordered_map>

#include "ir/errors.h"
#include "ir/scalar_host.h"
#include "ir/with_type.h"

namespace adze::loop {
namespace {

using Function = void (*)(const std::uint64_t*, const std::uint64_t*, const std::uint64_t*, std::uint64_t*,
                          std::size_t);

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// By instruction: the domain column of scalar_ops.def.
constexpr Domain kDomains[] = {
#define ADZE_SCALAR_OP(name, arity, rule, domain, ...) Domain::domain,
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
};

template <class T>
constexpr bool defined_on(ScalarOp op) {
  // Halves are moved and chosen, never computed with.
  if (is_half_type<T>) return op == ScalarOp::select;
  switch (kDomains[static_cast<std::size_t>(op)]) {
    case Domain::kAll:
      return true;
    case Domain::kNumbers:
      return !std::is_same_v<T, bool>;
    case Domain::kFloats:
    case Domain::kElementary:
      return std::is_floating_point_v<T>;
    case Domain::kBits:
      return std::is_integral_v<T>;
    case Domain::kIntegers:
      return std::is_integral_v<T> && !std::is_same_v<T, bool>;
  }
  return false;
}

// The last column of scalar_ops.def, as functions. P is bool for select and T otherwise.
template <ScalarOp op>
struct Meaning;
#define ADZE_SCALAR_OP(name, arity, rule, domain, cost, llvm, cuda, host_meaning)         \
  template <>                                                                             \
  struct Meaning<ScalarOp::name> {                                                        \
    template <class P, class T>                                                           \
    static auto apply([[maybe_unused]] P a, [[maybe_unused]] T b, [[maybe_unused]] T c) { \
      return host_meaning;                                                                \
    }                                                                                     \
  };
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP

template <ScalarOp op, class T>
void run_op(const std::uint64_t* a, const std::uint64_t* b, const std::uint64_t* c, std::uint64_t* out,
            std::size_t count) {
  using P = std::conditional_t<op == ScalarOp::select, bool, T>;
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = to_bits(
        Meaning<op>::template apply<P, T>(from_bits<P>(a[i]), from_bits<T>(b[i]), from_bits<T>(c[i])));
  }
}

template <class F>
auto dispatch(DType dtype, F&& body) {
  return with_type(dtype, [&]<class T>() { return body(T{}); });
}

template <ScalarOp op>
Function function_for(DType dtype) {
  return dispatch(dtype, [](auto zero) -> Function {
    using T = decltype(zero);
    if constexpr (defined_on<T>(op))
      return &run_op<op, T>;
    else
      return nullptr;
  });
}

Function function_for(ScalarOp op, DType dtype) {
  Function function = nullptr;
  switch (op) {
#define ADZE_SCALAR_OP(name, ...)                   \
  case ScalarOp::name:                              \
    function = function_for<ScalarOp::name>(dtype); \
    break;
#include "ir/scalar_ops.def"
#undef ADZE_SCALAR_OP
  }
  ADZE_CHECK(function != nullptr,
             std::string(to_string(op)) + " is not defined on " + std::string(adze::to_string(dtype)));
  return function;
}

template <class From, class To>
void run_convert(const std::uint64_t* a, const std::uint64_t*, const std::uint64_t*, std::uint64_t* out,
                 std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = to_bits(host::convert<To>(from_bits<From>(a[i])));
}

void run_bitcast(const std::uint64_t* a, const std::uint64_t*, const std::uint64_t*, std::uint64_t* out,
                 std::size_t count) {
  std::copy(a, a + count, out);
}

Function convert_function(DType from, DType to) {
  return dispatch(from, [&](auto source) {
    return dispatch(to,
                    [](auto target) -> Function { return &run_convert<decltype(source), decltype(target)>; });
  });
}

}  // namespace

std::uint64_t read_element(DType dtype, const std::byte* at) {
  return dispatch(dtype, [&](auto zero) {
    decltype(zero) value;
    if constexpr (std::is_same_v<decltype(zero), bool>)
      value = *at != std::byte{0};
    else
      std::memcpy(&value, at, sizeof(value));
    return to_bits(value);
  });
}

void write_element(DType dtype, std::byte* at, std::uint64_t bits) {
  dispatch(dtype, [&](auto zero) {
    const auto value = from_bits<decltype(zero)>(bits);
    std::memcpy(at, &value, sizeof(value));
  });
}

bool is_defined(ScalarOp op, DType dtype) {
  return dispatch(dtype, [&](auto zero) { return defined_on<decltype(zero)>(op); });
}

DType result_dtype(ScalarOp op, DType dtype) {
  switch (op) {
    case ScalarOp::is_finite:
    case ScalarOp::eq:
    case ScalarOp::ne:
    case ScalarOp::lt:
    case ScalarOp::le:
    case ScalarOp::gt:
    case ScalarOp::ge:
      return DType::kBool;
    default:
      return dtype;
  }
}

std::uint64_t evaluate(ScalarOp op, DType dtype, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  std::uint64_t out = 0;
  function_for(op, dtype)(&a, &b, &c, &out, 1);
  return out;
}

std::uint64_t convert_bits(std::uint64_t bits, DType from, DType to) {
  std::uint64_t out = 0;
  convert_function(from, to)(&bits, nullptr, nullptr, &out, 1);
  return out;
}

std::uint64_t unspecified(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0x7fc0dead;
    case DType::kF64:
      return 0x7ff800000000dead;
    case DType::kF16:
      return 0x7ead;
    case DType::kBF16:
      return 0x7fad;
    case DType::kBool:
      return 1;
    default:
      return 0x5a5a5a5a5a5a5a5a >> (64 - 8 * byte_size(dtype));
  }
}

std::uint64_t identity(Combine combine, DType dtype) {
  return dispatch(dtype, [&](auto zero) -> std::uint64_t {
    using T = decltype(zero);
    using Limits = std::numeric_limits<T>;
    switch (combine) {
      case Combine::kSum:
        return is_float_type<T> ? to_bits(static_cast<T>(-0.0)) : 0;
      case Combine::kProd:
        return to_bits(static_cast<T>(1));
      case Combine::kMax:
        if constexpr (is_float_type<T>)
          return to_bits(static_cast<T>(-kInfinity));
        else
          return to_bits(Limits::lowest());
      case Combine::kMin:
        if constexpr (is_float_type<T>)
          return to_bits(static_cast<T>(kInfinity));
        else
          return to_bits(Limits::max());
      case Combine::kAnd:
        if constexpr (std::is_integral_v<T>) return to_bits(host::bit_not(T{}));
        break;
      case Combine::kOr:
        if constexpr (std::is_integral_v<T>) return 0;
        break;
    }
    internal_error(__FILE__, __LINE__,
                   "combine " + std::string(to_string(combine)) + " is not defined on " +
                       std::string(adze::to_string(dtype)));
  });
}

ScalarOp combine_op(Combine combine) {
  switch (combine) {
    case Combine::kSum:
      return ScalarOp::add;
    case Combine::kProd:
      return ScalarOp::mul;
    case Combine::kMax:
      return ScalarOp::max;
    case Combine::kMin:
      return ScalarOp::min;
    case Combine::kAnd:
      return ScalarOp::and_;
    case Combine::kOr:
      return ScalarOp::or_;
  }
  internal_error(__FILE__, __LINE__, "unknown combine");
}

std::uint64_t fold_lanes(Combine combine, DType dtype, std::vector<std::uint64_t>& lanes) {
  ADZE_CHECK(!lanes.empty(), "folding no lanes");
  const Function function = function_for(combine_op(combine), dtype);
  lanes.resize(std::bit_ceil(lanes.size()), identity(combine, dtype));
  for (std::size_t half = lanes.size() / 2; half > 0; half /= 2) {
    function(lanes.data(), lanes.data() + half, lanes.data(), lanes.data(), half);
  }
  return lanes[0];
}

ScalarCode::ScalarCode(const Exprs& exprs, std::span<const ExprId> roots, std::size_t lanes) : lanes_(lanes) {
  // What the roots need: arguments have smaller ids than what uses them, so one backward sweep marks them
  // all.
  std::uint32_t last = 0;
  for (const ExprId root : roots) last = std::max(last, root.index);
  std::vector<bool> needed(last + 1, false);
  for (const ExprId root : roots) needed[root.index] = true;
  for (std::uint32_t i = last + 1; i-- > 0;) {
    if (!needed[i]) continue;
    for (const ExprId arg : exprs[{i}].args) {
      if (!arg) continue;
      ADZE_CHECK(arg.index < i, "an expression uses a later one");
      needed[arg.index] = true;
    }
  }

  std::vector<std::size_t> slot_of(last + 1, 0);
  for (std::uint32_t i = 0; i <= last; ++i) {
    if (!needed[i]) continue;
    const Expr& expr = exprs[{i}];
    const std::size_t slot = slots_.size() / lanes_;
    slot_of[i] = slot;
    slots_.resize(slots_.size() + lanes_, expr.kind == ExprKind::kConst ? expr.bits : 0);
    if (expr.kind == ExprKind::kConst) continue;

    Step step;
    step.kind = expr.kind;
    step.dtype = expr.dtype;
    step.out = slot;
    const auto argument = [&](std::size_t k) { return expr.args[k] ? slot_of[expr.args[k].index] : slot; };
    step.a = argument(0);
    step.b = argument(1);
    step.c = argument(2);
    switch (expr.kind) {
      case ExprKind::kVar:
        step.source = expr.var.index;
        break;
      case ExprKind::kLoad:
        step.source = expr.buffer.index;
        step.guarded = static_cast<bool>(expr.args[1]);
        break;
      case ExprKind::kScalar:
        step.function = function_for(expr.op, exprs.dtype(expr.args[expr.op == ScalarOp::select ? 1 : 0]));
        break;
      case ExprKind::kConvert:
        step.function = convert_function(exprs.dtype(expr.args[0]), expr.dtype);
        break;
      case ExprKind::kBitcast:
        step.function = &run_bitcast;
        break;
      case ExprKind::kConst:
        break;
    }
    steps_.push_back(step);
  }
  for (const ExprId root : roots) {
    roots_.push_back(slot_of[root.index]);
    root_dtypes_.push_back(exprs.dtype(root));
  }
  flags_.resize(lanes_);
}

void ScalarCode::run(std::span<const std::uint64_t> vars, std::size_t count,
                     std::span<const std::uint8_t> active, LoadSource* loads) {
  ADZE_CHECK(count <= lanes_, "more lanes than the code was compiled for");
  const auto at = [&](std::size_t slot) { return slots_.data() + slot * lanes_; };
  for (const Step& step : steps_) {
    std::uint64_t* out = at(step.out);
    switch (step.kind) {
      case ExprKind::kVar: {
        const std::uint64_t* from = vars.data() + step.source * lanes_;
        std::copy(from, from + count, out);
        break;
      }
      case ExprKind::kLoad: {
        ADZE_CHECK(loads != nullptr, "a load where there is no memory");
        bool all = true;
        for (std::size_t i = 0; i < count; ++i) {
          const bool reads = (active.empty() || active[i] != 0) && (!step.guarded || at(step.b)[i] != 0);
          flags_[i] = reads;
          all = all && reads;
        }
        if (!all) std::fill(out, out + count, unspecified(step.dtype));
        loads->load({step.source}, step.dtype, {at(step.a), count}, {flags_.data(), count}, {out, count});
        break;
      }
      default:
        step.function(at(step.a), at(step.b), at(step.c), out, count);
        break;
    }
  }
}

}  // namespace adze::loop
