#include "adze/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "adze/indexing.h"
#include "adze/trace.h"
#include "frontend/emit.h"
#include "frontend/random/host.h"

namespace adze::random {
namespace {

/// Are the numbers made at once? Else they become part of the trace. TypeError unless it is a key.
bool at_once(const char* what, const Array& key) {
  if (key.type() != TensorType{DType::kU32, {2}}) {
    throw TypeError(fmt::format("random::{}: a key is u32[2], got {}", what, to_string(key.type())));
  }
  return !adze::detail::tracing() && !key.traced();
}

void check_float(const char* what, DType dtype) {
  if (dtype == DType::kF32 || dtype == DType::kF64) return;
  throw TypeError(fmt::format("random::{}: dtype must be f32 or f64, not {}", what, adze::to_string(dtype)));
}

/// Both words of the cipher for the counters 0, 1, ... of each element, flat.
struct Words {
  Array first, second;
};

Words cipher(const Array& key, Operand high, Operand low) {
  const Array k0 = index(key, 0), k1 = index(key, 1);
  const auto word = [&](std::int64_t i) {
    return adze::detail::apply_numpy(op_threefry2x32, {k0, k1, high, low}, {{"word", i}});
  };
  return {word(0), word(1)};
}

Words words(const Array& key, std::int64_t count) {
  if (count > std::int64_t{1} << 32) {
    throw TypeError(fmt::format("random: {} elements are too many for one draw inside a trace", count));
  }
  return cipher(key, zeros({}, DType::kU32), iota({count}, 0, DType::kU32));
}

Array flat_bits(const Array& key, std::int64_t count) {
  const Words w = words(key, count);
  return adze::detail::apply_numpy(op_xor_, {w.first, w.second});
}

Array shift_right(const Array& bits, int count) {
  return adze::detail::apply_numpy(op_shift_right_logical, {bits, count});
}

/// In [0, 1), flat: what JAX makes by putting the bits into the mantissa of a number in [1, 2).
Array unit(const Array& key, std::int64_t count, DType dtype) {
  if (dtype == DType::kF32) {
    return astype(astype(shift_right(flat_bits(key, count), 9), DType::kI32), DType::kF32) * 0x1p-23;
  }
  const Words w = words(key, count);
  return astype(w.first, DType::kF64) * 0x1p-32 + astype(shift_right(w.second, 12), DType::kF64) * 0x1p-52;
}

Array traced_uniform(const Array& key, const Dims& shape, double low, double high, DType dtype) {
  const Array u = unit(key, element_count(shape), dtype);
  double span = high - low;
  if (dtype == DType::kF32) span = static_cast<double>(static_cast<float>(high) - static_cast<float>(low));
  return reshape(maximum(u * span + low, low), shape);
}

/// The first number after -1 in `dtype`.
double after_minus_one(DType dtype) {
  return dtype == DType::kF32 ? static_cast<double>(std::nextafter(-1.0f, 0.0f)) : std::nextafter(-1.0, 0.0);
}

/// sqrt(2) erf_inv(u) for u uniform in [low, high).
Array normal_between(const char* what, const Array& key, Dims shape, double low, double high, DType dtype) {
  if (at_once(what, key)) {
    return host::normal_between(host::read_key(key), std::move(shape), low, high, dtype);
  }
  constexpr double kSqrtTwo = 1.41421356237309504880;
  return kSqrtTwo * adze::detail::apply(op_erf_inv, {traced_uniform(key, shape, low, high, dtype)});
}

}  // namespace

Array key(std::uint64_t seed) {
  return host::to_array({static_cast<std::uint32_t>(seed >> 32), static_cast<std::uint32_t>(seed)});
}

Array split_stacked(const Array& key, std::int64_t n) {
  if (n < 0) throw TypeError(fmt::format("random::split: into {} keys", n));
  if (at_once("split", key)) {
    const host::Key from = host::read_key(key);
    std::vector<std::uint32_t> keys;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto wide = static_cast<std::uint64_t>(i);
      const host::Key next = host::threefry2x32(
          from, {static_cast<std::uint32_t>(wide >> 32), static_cast<std::uint32_t>(wide)});
      keys.insert(keys.end(), {next.a, next.b});
    }
    return Array(keys, {n, 2});
  }
  const Words w = words(key, n);
  return stack({w.first, w.second}, 1);
}

void detail::split_into(const Array& key, Array* keys, std::size_t n) {
  const Array all = split_stacked(key, static_cast<std::int64_t>(n));
  for (std::size_t i = 0; i < n; ++i) {
    if (all.traced()) {
      keys[i] = index(all, static_cast<std::int64_t>(i));
    } else {
      keys[i] = Array(all.data<std::uint32_t>().subspan(2 * i, 2), {2});
    }
  }
}

std::vector<Array> split(const Array& key, std::size_t n) {
  std::vector<Array> keys(n);
  detail::split_into(key, keys.data(), n);
  return keys;
}

Array fold_in(const Array& key, std::uint32_t data) {
  if (at_once("fold_in", key)) return host::to_array(host::threefry2x32(host::read_key(key), {0, data}));
  return fold_in(key, astype(Array(static_cast<std::int64_t>(data)), DType::kU32));
}

Array fold_in(const Array& key, const Array& data) {
  if (data.rank() != 0 || !is_integer(data.dtype())) {
    throw TypeError("random::fold_in: the number must be an integer scalar, got " + to_string(data.type()));
  }
  if (at_once("fold_in", key) && !data.traced()) return fold_in(key, data.item<std::uint32_t>());
  const Words w = cipher(key, zeros({}, DType::kU32), astype(data, DType::kU32));
  return stack({w.first, w.second}, 0);
}

Array bits(const Array& key, Dims shape, DType dtype) {
  const bool now = at_once("bits", key);
  switch (dtype) {
    case DType::kU32:
      if (now) return host::bits(host::read_key(key), std::move(shape));
      return reshape(flat_bits(key, element_count(shape)), shape);
    case DType::kU8:
    case DType::kU16:
      return astype(bits(key, std::move(shape)), dtype);  // the lowest ones
    case DType::kU64: {
      const Words w = words(key, element_count(shape));
      const Array high = adze::detail::apply_numpy(op_shift_left, {astype(w.first, dtype), 32});
      return reshape(high | astype(w.second, dtype), shape);
    }
    default:
      throw TypeError(
          fmt::format("random::bits: dtype must be u8, u16, u32 or u64, not {}", adze::to_string(dtype)));
  }
}

Array uniform(const Array& key, Dims shape, double low, double high, DType dtype) {
  const bool now = at_once("uniform", key);
  check_float("uniform", dtype);
  if (now) return host::uniform(host::read_key(key), std::move(shape), low, high, dtype);
  return traced_uniform(key, shape, low, high, dtype);
}

Array normal(const Array& key, Dims shape, DType dtype) {
  check_float("normal", dtype);
  return normal_between("normal", key, std::move(shape), after_minus_one(dtype), 1, dtype);
}

Array truncated_normal(const Array& key, Dims shape, double low, double high, DType dtype) {
  check_float("truncated_normal", dtype);
  if (!(low < high)) {
    throw TypeError(fmt::format("random::truncated_normal: no numbers between {} and {}", low, high));
  }
  const double sqrt_half = std::sqrt(0.5);
  const Array z = normal_between("truncated_normal", key, std::move(shape),
                                 std::max(std::erf(low * sqrt_half), after_minus_one(dtype)),
                                 std::min(std::erf(high * sqrt_half), 1.0), dtype);
  // Rounding must not lead to the ends or past them.
  if (dtype == DType::kF64) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    return clip(z, std::nextafter(low, kInf), std::nextafter(high, -kInf));
  }
  constexpr float kInf = std::numeric_limits<float>::infinity();
  return clip(z, std::nextafter(static_cast<float>(low), kInf),
              std::nextafter(static_cast<float>(high), -kInf));
}

Array gumbel(const Array& key, Dims shape, DType dtype) {
  check_float("gumbel", dtype);
  const double tiny = dtype == DType::kF64 ? std::numeric_limits<double>::min()
                                           : static_cast<double>(std::numeric_limits<float>::min());
  return -log(-log(uniform(key, std::move(shape), tiny, 1, dtype)));
}

Array categorical(const Array& key, Operand logits, std::int64_t axis, std::optional<Dims> shape) {
  const Composition here("categorical", logits.at());
  const TensorType type = logits.type();
  const std::int64_t place = adze::detail::checked(
      logits, [&] { return adze::detail::resolve_axis("categorical", axis, type.rank()); });
  // The result's own leading dimensions, then the batch of the logits with the classes in their place.
  Dims batch = type.shape;
  batch.erase(batch.begin() + place);
  const Dims whole = shape.value_or(batch);
  if (whole.size() < batch.size() || !std::equal(batch.rbegin(), batch.rend(), whole.rbegin())) {
    adze::detail::fail(logits, fmt::format("categorical: the shape {} does not end in the logits' {}",
                                           to_string(whole), to_string(batch)));
  }
  const std::int64_t leading = static_cast<std::int64_t>(whole.size() - batch.size());
  Dims noise = whole;
  noise.insert(noise.begin() + leading + place, type.shape[static_cast<std::size_t>(place)]);
  return argmax(gumbel(key, noise, type.dtype) + logits, leading + place);
}

Array bernoulli(const Array& key, double p, Dims shape) {
  if (at_once("bernoulli", key)) return host::bernoulli(host::read_key(key), p, std::move(shape));
  return traced_uniform(key, shape, 0, 1, DType::kF32) < static_cast<double>(static_cast<float>(p));
}

Array randint(const Array& key, Dims shape, std::int32_t low, std::int32_t high) {
  if (high <= low) throw TypeError(fmt::format("random::randint: no integers in [{}, {})", low, high));
  host::RandintSpan span{static_cast<std::uint32_t>(high) - static_cast<std::uint32_t>(low), 0};
  const std::uint32_t half = 65536u % span.size;
  span.multiplier = half * half % span.size;
  if (at_once("randint", key)) return host::randint(host::read_key(key), std::move(shape), low, span);
  const auto [first, second] = split<2>(key);
  const std::int64_t count = element_count(shape);
  const Array upper = flat_bits(first, count) % span.size * span.multiplier;
  const Array offset = (upper + flat_bits(second, count) % span.size) % span.size;
  return reshape(astype(offset, DType::kI32) + low, shape);
}

Array permutation(const Array& key, std::int64_t n) {
  if (n < 0 || n > INT32_MAX) throw TypeError(fmt::format("random::permutation: of {} elements", n));
  // Sorting by random words; more than once where equal words would be likely.
  const double size = static_cast<double>(std::max<std::int64_t>(n, 1));
  const int rounds = static_cast<int>(std::ceil(3 * std::log(size) / std::log(4294967295.0)));
  if (at_once("permutation", key)) return host::permutation(host::read_key(key), n, rounds);
  Array from = key, order = iota({n}, 0);
  for (int round = 0; round < rounds; ++round) {
    const auto [next, draw] = split<2>(from);
    from = next;
    order = sort({bits(draw, {n}), order})[1];
  }
  return order;
}

Array permutation(const Array& key, const Array& x, std::int64_t axis) {
  const Operand operand(x);
  const std::int64_t place = adze::detail::checked(
      operand, [&] { return adze::detail::resolve_axis("random::permutation", axis, x.rank()); });
  const Array order = permutation(key, x.shape()[static_cast<std::size_t>(place)]);
  return take(x, order, place, IndexMode::kPromiseInBounds);
}

}  // namespace adze::random
