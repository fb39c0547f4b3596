#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "adze/array.h"

/// Functions of Arrays. Elementwise ones broadcast as numpy does (TypeError where the shapes do not fit) and
/// convert their operands to one dtype by the table of docs/numerics.md (JAX's): bool < integers < floats,
/// the wider of two, f32 for f16 with bf16; plain C++ scalars adopt the Arrays' dtype. Where nothing else is
/// said a float dtype is needed, and axes may be negative: counted from the last.
namespace adze {

/// The axes of a reduction: all of them by default, `1`, or `{0, -1}`.
class Axes {
 public:
  Axes() = default;
  Axes(int axis) : list_(Dims{axis}) {}                                  // NOLINT: implicit on purpose
  Axes(std::int64_t axis) : list_(Dims{axis}) {}                         // NOLINT
  Axes(std::initializer_list<std::int64_t> axes) : list_(Dims(axes)) {}  // NOLINT
  Axes(Dims axes) : list_(std::move(axes)) {}                            // NOLINT
  /// Ascending, in [0, rank). TypeError "<what>: ..." for one out of range or given twice.
  Dims resolve(const char* what, std::int64_t rank) const;
  bool is_all() const { return !list_; }
  std::int64_t count() const { return list_ ? static_cast<std::int64_t>(list_->size()) : 0; }  ///< named axes

 private:
  std::optional<Dims> list_;
};

// Construction.

Array zeros(Dims shape, DType dtype = DType::kF32, Location at = Location::current());
Array ones(Dims shape, DType dtype = DType::kF32, Location at = Location::current());
Array full(Dims shape, Operand value, std::optional<DType> dtype = {});
Array zeros_like(Operand x);
Array ones_like(Operand x);
/// 0, 1, ..., stop - 1.
Array arange(std::int64_t stop, DType dtype = DType::kI32, Location at = Location::current());
namespace detail {
Array arange(double start, double stop, double step, DType dtype, Location at);
}
/// start, start + step, ... before `stop`; i32 for integers, f32 otherwise, unless a dtype is given.
template <detail::Arithmetic T>
Array arange(T start, T stop, T step = 1, std::optional<DType> dtype = {},
             Location at = Location::current()) {
  return detail::arange(static_cast<double>(start), static_cast<double>(stop), static_cast<double>(step),
                        dtype.value_or(std::is_integral_v<T> ? DType::kI32 : DType::kF32), at);
}
/// `count` values from `start` to `stop`, both included.
Array linspace(double start, double stop, std::int64_t count, DType dtype = DType::kF32,
               Location at = Location::current());
/// The n x m (default n x n) matrix with ones where column - row = diagonal.
Array eye(std::int64_t n, std::optional<std::int64_t> m = {}, DType dtype = DType::kF32,
          std::int64_t diagonal = 0, Location at = Location::current());
/// Its own index along `axis`.
Array iota(Dims shape, std::int64_t axis, DType dtype = DType::kI32, Location at = Location::current());

// Elementwise arithmetic, all number dtypes. Integers divide as in C++, towards zero; division by zero gives
// an unspecified number.

Array operator+(Operand a, Operand b);
Array operator-(Operand a, Operand b);
Array operator*(Operand a, Operand b);
Array operator/(Operand a, Operand b);
Array operator%(Operand a, Operand b);  ///< remainder with the sign of a, as std::fmod
Array operator-(Operand a);
Array add(Operand a, Operand b);
Array subtract(Operand a, Operand b);
Array multiply(Operand a, Operand b);
Array divide(Operand a, Operand b);
Array remainder(Operand a, Operand b);
Array negative(Operand a);
Array maximum(Operand a, Operand b);  ///< NaN where either is NaN; at a tie the gradient is shared
Array minimum(Operand a, Operand b);
Array pow(Operand base, Operand exponent);
/// x^y by repeated multiplication; of integers y must not be negative.
Array integer_pow(Operand x, std::int64_t y);
Array abs(Operand x);
Array sign(Operand x);
Array square(Operand x);
/// minimum(maximum(x, low), high): gradients are shared at a tie.
Array clip(Operand x, Operand low, Operand high);
/// The same values; the gradient goes to x strictly between the bounds, to a bound where x is beyond it.
Array clamp(Operand low, Operand x, Operand high);
Array& operator+=(Array& a, Operand b);
Array& operator-=(Array& a, Operand b);
Array& operator*=(Array& a, Operand b);
Array& operator/=(Array& a, Operand b);

// Comparisons, elementwise, giving bool.

Array operator==(Operand a, Operand b);
Array operator!=(Operand a, Operand b);
Array operator<(Operand a, Operand b);
Array operator<=(Operand a, Operand b);
Array operator>(Operand a, Operand b);
Array operator>=(Operand a, Operand b);

// Logic on bool, bitwise on integers. (&& and || would lose their short circuit: use & and |.)

Array operator&(Operand a, Operand b);
Array operator|(Operand a, Operand b);
Array operator^(Operand a, Operand b);
Array operator!(const Array& a);  ///< not an Operand: that would be as good as the conversion to bool
Array operator~(Operand a);
Array logical_and(Operand a, Operand b);
Array logical_or(Operand a, Operand b);
Array logical_not(Operand a);

// Bits of integers. The count of a shift is unsigned: what is negative or at least the width moves every bit
// out.

Array shift_left(Operand x, Operand count);
Array shift_right_logical(Operand x, Operand count);     ///< fills with zeros
Array shift_right_arithmetic(Operand x, Operand count);  ///< fills with the highest bit
Array population_count(Operand x);                       ///< how many bits are one
Array clz(Operand x);                                    ///< how many above the highest one are zero
/// The same bits as another number type of as many.
Array bitcast_convert(Operand x, DType dtype);

/// condition ? a : b, elementwise.
Array where(Operand condition, Operand a, Operand b);

// Elementary functions of floats.

Array floor(Operand x);
Array ceil(Operand x);
/// Where halves go.
enum class Rounding { kAwayFromZero, kToNearestEven };
Array round(Operand x, Rounding halves = Rounding::kAwayFromZero);
/// The number after x on the way to y (f32, f64). Its derivative is that of x.
Array nextafter(Operand x, Operand y);
/// Rounded as if to a float of so many exponent and mantissa bits, subnormal ones being zero: (5, 10) is
/// f16's format.
Array reduce_precision(Operand x, int exponent_bits, int mantissa_bits);
Array exp(Operand x);
Array exp2(Operand x);
Array log(Operand x);
Array log1p(Operand x);
Array expm1(Operand x);
Array tanh(Operand x);
Array sqrt(Operand x);
Array rsqrt(Operand x);  ///< 1 / sqrt(x)
Array cbrt(Operand x);
Array reciprocal(Operand x);
Array sin(Operand x);
Array cos(Operand x);
Array tan(Operand x);
Array asin(Operand x);
Array acos(Operand x);
Array atan(Operand x);
Array atan2(Operand y, Operand x);  ///< the angle of the point (x, y)
Array sinh(Operand x);
Array cosh(Operand x);
Array asinh(Operand x);
Array acosh(Operand x);
Array atanh(Operand x);
Array erf(Operand x);
Array erfc(Operand x);  ///< 1 - erf(x), without its cancellation
Array erf_inv(Operand x);
Array lgamma(Operand x);                     ///< log |gamma(x)|
Array digamma(Operand x);                    ///< the derivative of lgamma
Array polygamma(std::int64_t n, Operand x);  ///< the n-th derivative of digamma, n in [0, 20]
Array isfinite(Operand x);
Array isnan(Operand x);

/// To another dtype. Floats become integers by truncation, saturating, NaN becoming 0; any number but 0 is
/// true.
Array astype(Operand x, DType dtype);
/// x, whose derivative is zero.
Array stop_gradient(Operand x);

// Activations.

Array relu(Operand x);
Array leaky_relu(Operand x, double slope = 0.01);
Array elu(Operand x, double alpha = 1);
/// 1.0507 elu(x, 1.6733): keeps mean 0 and variance 1. Klambauer et al., "Self-normalizing neural networks",
/// 2017.
Array selu(Operand x);
Array sigmoid(Operand x);
Array silu(Operand x);
/// x P(X <= x) for a standard normal X: by tanh, near enough to 5e-4, or exactly by erf. Hendrycks and
/// Gimpel, "Gaussian error linear units", 2016.
Array gelu(Operand x, bool approximate = true);
/// a sigmoid(b) for the two halves of x along `axis`. Dauphin et al., "Language modeling with gated
/// convolutional networks", 2017.
Array glu(Operand x, std::int64_t axis = -1);
/// log(1 + exp(x)), without overflow.
Array softplus(Operand x);
Array softmax(Operand x, Axes axes = -1);
Array log_softmax(Operand x, Axes axes = -1);
/// log(sum(exp(x))), without overflow.
Array logsumexp(Operand x, Axes axes = {}, bool keepdims = false);

// Reductions. The axes go away, or stay with size 1 where `keepdims`. Sums and products of bool, i8
// and i16 are i32, of u8 and u16 u32; means of halves are computed in f32.

Array sum(Operand x, Axes axes = {}, bool keepdims = false);
Array prod(Operand x, Axes axes = {}, bool keepdims = false);
Array max(Operand x, Axes axes = {}, bool keepdims = false);
Array min(Operand x, Axes axes = {}, bool keepdims = false);
Array all(Operand x, Axes axes = {}, bool keepdims = false);
Array any(Operand x, Axes axes = {}, bool keepdims = false);
Array mean(Operand x, Axes axes = {}, bool keepdims = false);  ///< of integers and bool: f32
Array var(Operand x, Axes axes = {}, bool keepdims = false);   ///< mean squared deviation, divided by n
Array stddev(Operand x, Axes axes = {}, bool keepdims = false);
/// The square root of the sum of squares.
Array norm(Operand x, Axes axes = {}, bool keepdims = false);
/// The first index (i32) of the extreme element along `axis`, of the flattened x where none is given.
Array argmax(Operand x, std::optional<std::int64_t> axis = {}, bool keepdims = false);
Array argmin(Operand x, std::optional<std::int64_t> axis = {}, bool keepdims = false);

// Products.

/// numpy's matmul: vectors, matrices, and stacks of matrices whose leading dimensions broadcast.
Array matmul(Operand a, Operand b);
/// numpy's dot for ranks 0 to 2; a scalar multiplies.
Array dot(Operand a, Operand b);
Array outer(Operand a, Operand b);
/// Sums over pairs of contracted dimensions; batch dimensions come first in the result, then the lhs's
/// others, then the rhs's.
struct DotDims {
  Dims lhs_contract, rhs_contract;
  Dims lhs_batch = {}, rhs_batch = {};
  /// Of the result, and of the sums: f32 for bf16 operands, i32 for i8 ones. The operands' dtype where left
  /// out.
  std::optional<DType> preferred_element_type = {};
};
Array dot_general(Operand a, Operand b, const DotDims& dims);

// Shapes. One size in `reshape` may be -1: what is left.

Array reshape(Operand x, Dims shape);
Array ravel(Operand x);
/// Reverses the axes, or orders them as `permutation` says.
Array transpose(Operand x, std::optional<Dims> permutation = {});
Array swapaxes(Operand x, std::int64_t a, std::int64_t b);
Array moveaxis(Operand x, std::int64_t from, std::int64_t to);
/// New axes of size 1, at these places of the result.
Array expand_dims(Operand x, Axes axes);
/// Drops axes of size 1: all, or those named.
Array squeeze(Operand x, Axes axes = {});
Array broadcast_to(Operand x, Dims shape);
/// Places operand dimension i at result dimension dims[i].
Array broadcast_in_dim(Operand x, Dims shape, Dims dims);
Array concatenate(const std::vector<Array>& parts, std::int64_t axis = 0, Location at = Location::current());
/// Along a new axis.
Array stack(const std::vector<Array>& parts, std::int64_t axis = 0, Location at = Location::current());
/// `parts` pieces of equal size along `axis`.
std::vector<Array> split(Operand x, std::int64_t parts, std::int64_t axis = 0);
/// The elements start <= i < limit of every dimension, every stride-th.
Array slice(Operand x, Dims start, Dims limit, Dims strides = {});
/// The elements start <= i < stop along `axis`; negative ones count from the end, no `stop` means the end.
Array slice_axis(Operand x, std::int64_t axis, std::int64_t start, std::optional<std::int64_t> stop = {},
                 std::int64_t stride = 1);
/// The element `i` along `axis`, which goes away; a negative i counts from the end.
Array index(Operand x, std::int64_t i, std::int64_t axis = 0);
/// Pads each dimension with `value`; negative sizes cut. `interior`: between elements.
Array pad(Operand x, Dims low, Dims high, Operand value = 0, Dims interior = {});
Array reverse(Operand x, Axes axes);

/// labels[..., k] == k as `dtype`, for integer labels of any shape; a label out of range gives zeros.
Array one_hot(Operand labels, std::int64_t classes, DType dtype = DType::kF32);

}  // namespace adze
