// All pairs and triples of transforms, nested: against Taylor series, which know nothing of graphs.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <functional>

#include "adze/adze.h"

namespace adze {
namespace {

// The reference: a function R -> R gives its Taylor series at a point.

constexpr std::size_t kTerms = 8;
using Series = std::array<double, kTerms>;
using Reference = std::function<Series(double)>;

Series operator+(Series a, const Series& b) {
  for (std::size_t k = 0; k < kTerms; ++k) a[k] += b[k];
  return a;
}

Series operator*(const Series& a, const Series& b) {
  Series product{};
  for (std::size_t i = 0; i < kTerms; ++i)
    for (std::size_t k = 0; i + k < kTerms; ++k) product[i + k] += a[i] * b[k];
  return product;
}

Series operator*(double factor, Series a) {
  for (double& term : a) term *= factor;
  return a;
}

/// f(inner(x)).
Series compose(const Reference& f, Series inner) {
  const Series outer = f(inner[0]);
  inner[0] = 0;
  Series power{1}, result{};
  for (std::size_t k = 0; k < kTerms; ++k) {
    result = result + outer[k] * power;
    power = power * inner;
  }
  return result;
}

Series derivative(const Series& f) {
  Series result{};
  for (std::size_t k = 0; k + 1 < kTerms; ++k) result[k] = static_cast<double>(k + 1) * f[k + 1];
  return result;
}

// The function: x sin x.

Array f(const Array& x) {
  return x * sin(x);
}

Series series_of_f(double x) {
  Series sine{};
  double factorial = 1;
  for (std::size_t k = 0; k < kTerms; ++k) {
    if (k > 0) factorial *= static_cast<double>(k);
    sine[k] = std::sin(x + static_cast<double>(k) * std::acos(0.0)) / factorial;
  }
  return Series{x, 1} * sine;
}

// The transforms: of a function, and of its series.

using Function = std::function<Array(const Array&)>;
struct Transform {
  const char* name;
  Function (*apply)(Function);
  Reference (*reference)(Reference);
};

const std::array<Transform, 7> kTransforms = {{
    {"grad", [](Function g) -> Function { return grad(g); },
     [](Reference g) -> Reference { return [g](double x) { return derivative(g(x)); }; }},
    {"jvp",
     [](Function g) -> Function { return [g](const Array& x) { return jvp(g, x, Array(2.0)).second; }; },
     [](Reference g) -> Reference { return [g](double x) { return 2.0 * derivative(g(x)); }; }},
    {"vmap",
     [](Function g) -> Function {
       return [g](const Array& x) { return sum(vmap(g)(stack({x, x + 0.25}))); };
     },
     [](Reference g) -> Reference { return [g](double x) { return g(x) + g(x + 0.25); }; }},
    {"checkpoint", [](Function g) -> Function { return checkpoint(g); }, [](Reference g) { return g; }},
    {"compile", [](Function g) -> Function { return compile(g); }, [](Reference g) { return g; }},
    // Two steps c += w g(c), and the sum of all c.
    {"scan",
     [](Function g) -> Function {
       return [g](const Array& x) {
         const auto step = [&](const Array& c, const Array& w) { return std::pair(c + w * g(c), c); };
         const auto [last, all] = scan(step, x, Array({0.5, 0.25}, {2}));
         return last + sum(all);
       };
     },
     [](Reference g) -> Reference {
       return [g](double x) {
         const Series c0{x, 1};
         const Series c1 = c0 + 0.5 * compose(g, c0);
         return c0 + c1 + (c1 + 0.25 * compose(g, c1));
       };
     }},
    {"cond",
     [](Function g) -> Function {
       return [g](const Array& x) {
         return cond(
             x > 0.6, g, [&](const Array& y) { return 3 * g(y) * y; }, x);
       };
     },
     [](Reference g) -> Reference {
       return [g](double x) { return x > 0.6 ? g(x) : 3.0 * (g(x) * Series{x, 1}); };
     }},
}};

using Chain = std::vector<std::size_t>;  ///< outermost first

std::vector<Chain> chains(std::size_t depth) {
  if (depth == 0) return {{}};
  std::vector<Chain> result;
  for (const Chain& inner : chains(depth - 1)) {
    for (std::size_t t = 0; t < kTransforms.size(); ++t) {
      Chain chain{t};
      chain.insert(chain.end(), inner.begin(), inner.end());
      result.push_back(std::move(chain));
    }
  }
  return result;
}

std::string name_of(const Chain& chain) {
  std::string name = "f";
  for (std::size_t i = chain.size(); i-- > 0;) name = kTransforms[chain[i]].name + ("(" + name + ")");
  return name;
}

void check(const Chain& chain, bool compiled) {
  SCOPED_TRACE(name_of(chain));
  Function function = f;
  Reference reference = series_of_f;
  for (std::size_t i = chain.size(); i-- > 0;) {
    function = kTransforms[chain[i]].apply(function);
    reference = kTransforms[chain[i]].reference(reference);
  }
  if (compiled) function = compile(function);
  for (const double x : {0.3, 0.8}) {
    double value = 0;
    ASSERT_NO_THROW(value = function(Array(x)).item<double>());
    const double expected = reference(x)[0];
    EXPECT_NEAR(value, expected, 1e-10 * std::max(1.0, std::fabs(expected))) << "at " << x;
  }
}

TEST(Nesting, SinglesPairsAndTriplesCompiled) {
  for (const std::size_t depth : {1, 2, 3})
    for (const Chain& chain : chains(depth)) check(chain, true);
}

TEST(Nesting, PairsOutsideOfTraces) {
  for (const Chain& chain : chains(2)) check(chain, false);
}

TEST(Nesting, TriplesByTheInterpreter) {
  const DeviceScope scope(interpreter());
  for (const Chain& chain : chains(3)) check(chain, true);
}

}  // namespace
}  // namespace adze
