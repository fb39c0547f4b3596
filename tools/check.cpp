#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "ir/interpreter.h"
#include "ir/number_text.h"
#include "tools/commands.h"

namespace adze::tool {
namespace {

/// Uniform in [-1, 1) for floats, 0 to 9 for integers (labels, mostly), either bool. Written out so that a
/// seed means the same inputs everywhere: the standard's distributions are not portable.
Literal random_literal(const TensorType& type, std::mt19937_64& random) {
  Literal literal(type);
  for (std::int64_t i = 0; i < literal.size(); ++i) {
    const std::uint64_t bits = random();
    if (is_float(type.dtype)) {
      literal.set_double(i, static_cast<double>(bits >> 11) * 0x1p-52 - 1);
    } else if (type.dtype == DType::kBool) {
      literal.set_int(i, static_cast<std::int64_t>(bits >> 63));
    } else {
      literal.set_int(i, static_cast<std::int64_t>(bits % 10));
    }
  }
  return literal;
}

/// The place where two literals of one type differ most.
struct Difference {
  double relative =
      0;  ///< |got - expected| over the largest finite |expected|; infinite for unlike NaNs, infinities
  std::int64_t at = -1;
};

Difference largest_difference(const Literal& got, const Literal& expected) {
  double scale = 0;
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    const double magnitude = std::fabs(expected.as_double(i));
    if (std::isfinite(magnitude)) scale = std::max(scale, magnitude);
  }
  Difference largest;
  const bool is_exact = !is_float(got.type().dtype);
  for (std::int64_t i = 0; i < expected.size(); ++i) {
    double difference = 0;
    if (is_exact) {
      difference = got.as_int(i) == expected.as_int(i) ? 0 : INFINITY;
    } else {
      const double a = got.as_double(i), b = expected.as_double(i);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      const bool both_finite = std::isfinite(a) && std::isfinite(b);
      difference = both_finite && scale > 0 ? std::fabs(a - b) / scale : INFINITY;
    }
    if (difference > largest.relative) largest = {difference, i};
  }
  return largest;
}

std::string index_text(const TensorType& type, std::int64_t position) {
  Dims index(type.shape.size(), 0);
  for (std::size_t dim = index.size(); dim-- > 0;) {
    index[dim] = position % type.shape[dim];
    position /= type.shape[dim];
  }
  return to_string(index);
}

std::string element_text(const Literal& literal, std::int64_t i) {
  return format_number(literal.type().dtype, element_bits(literal, i));
}

double default_tolerance(DType dtype) {
  switch (dtype) {
    case DType::kF64:
      return 1e-12;
    case DType::kF32:
      return 1e-5;
    case DType::kF16:
      return 0x1p-9;
    case DType::kBF16:
      return 0x1p-6;
    default:
      return 0;
  }
}

/// Prints one line a result; true when all are close enough.
bool check_function(const Graph& graph, Device device, const CheckOptions& options, CompileContext& context) {
  check_sizes(graph);
  std::mt19937_64 random(options.seed);
  std::vector<Literal> inputs;
  for (const Parameter& parameter : graph.parameters()) {
    inputs.push_back(random_literal(graph.type(parameter.value), random));
  }
  const std::vector<Literal> expected = interpret(graph, inputs);
  const std::vector<Literal> got = run_on(device, graph, inputs, context);
  bool all_good = true;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const TensorType& type = expected[i].type();
    const double tolerance = options.tolerance.value_or(default_tolerance(type.dtype));
    const Difference difference = largest_difference(got[i], expected[i]);
    const bool good = difference.relative <= tolerance;
    all_good = all_good && good;
    std::string line = fmt::format("@{} result {} {}: {}, largest difference {:.3g}", graph.name(), i,
                                   to_string(type), good ? "good" : "FAILED", difference.relative);
    if (difference.at >= 0) {
      line += fmt::format(" at {}: compiled {}, interpreter {}", index_text(type, difference.at),
                          element_text(got[i], difference.at), element_text(expected[i], difference.at));
    }
    if (!good) line += fmt::format(" (tolerance {:.3g}, seed {})", tolerance, options.seed);
    fmt::print("{}\n", line);
  }
  if (expected.empty()) fmt::print("@{}: good, no results\n", graph.name());
  return all_good;
}

}  // namespace

int check_command(const CommonOptions& common, const CheckOptions& options) {
  const Device device = device_named(options.device, common);
  CompileContext context = make_context(common);
  bool all_good = true;
  for (const Graph& graph : load_functions(common)) {
    all_good = check_function(graph, device, options, context) && all_good;
  }
  return all_good ? kGood : kCheckFailed;
}

}  // namespace adze::tool
