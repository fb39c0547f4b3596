#include "passes/math/num.h"

// pow of f32 as 2^(y log2 |x|) in f64 lanes, whose extra bits make up for the size of the product and whose
// exponent range leaves overflow and subnormal results to the final conversion; then the special cases of C.

namespace adze::math {
namespace {

// log2 of a finite positive f64 that was an f32, relative error 2.7e-14.
Num log2_positive(Num x) {
  const Num bits = x.bits();
  const Num from_sqrt_half = bits - bits.like_bits(0x3fe6a09e667f3bcd);
  const Num z = (bits - (from_sqrt_half & bits.like_bits(0xfff0000000000000))).as(DType::kF64);
  const Num shifted = ((from_sqrt_half >> 52) + bits.like_bits(0x4338000000000000)).as(DType::kF64);
  const Num s = (z - 1) / (z + 1);
  const Num s2 = s * s;
  const Num q = horner(s2, {2.885390081777849946575997819309122860431671142578125,
                            0.96179669411355117603079634136520326137542724609375,
                            0.57707794229210918057759727162192575633525848388671875,
                            0.412209260591546777785509902969351969659328460693359375,
                            0.319905330522148256822134726462536491453647613525390625,
                            0.282905768047488848093706792496959678828716278076171875});
  return mul_add(s, q, shifted - 0x1.8p52);
}

// 2^t for |t| < 1000, relative error 4.7e-11.
Num exp2_moderate(Num t) {
  const Num shifted = t + 0x1.8p52;
  const Num f = t - (shifted - 0x1.8p52);
  const Num p = horner(f, {1, 0.69314718070453162912514244453632272779941558837890625,
                           0.2402265106656094884041152681675157509744167327880859375,
                           5.5504103659933336223364364059307263232767581939697265625e-2,
                           9.618038132069899048826044918314437381923198699951171875e-3,
                           1.333393505426451984552382867832420743070542812347412109375e-3,
                           1.546675631633612831451057845200125484552700072526931762695312e-4,
                           1.519615679964046953283850205362881524706608615815639495849609e-5});
  const Num exponent = shifted.bits() << 52;
  return p * (exponent + exponent.like_bits(0x3ff0000000000000)).as(DType::kF64);
}

Num is_integer(Num y) {
  return (y + 0x1.8p52) - 0x1.8p52 == y;
}

}  // namespace

Num expand_pow(Num x, Num y) {
  const Num magnitude = abs(x).to(DType::kF64), exponent = y.to(DType::kF64);
  // log2 of the limits: 0 -> -inf, inf -> inf, NaN -> NaN.
  const Num finite = select(magnitude < kInfinity, log2_positive(magnitude), magnitude);
  const Num log2 = select(magnitude == 0, magnitude.like(-kInfinity), finite);
  // |x| = 1 and y = 0 give 1, whatever the other is.
  const Num one = (log2 == 0) | (exponent == 0);
  const Num product = select(one, exponent.like(0), exponent * log2);
  const Num power = exp2_moderate(at_least(at_most(product, 200), -200)).to(DType::kF32);

  const Num whole = is_integer(exponent);  // infinities are even
  const Num odd = whole & !is_integer(exponent * 0.5);
  const Num negative = (x.bits() < 0) & odd;  // -0 counts
  const Num undefined = (x < 0) & (x > -kInfinity) & !whole;
  return select(undefined, x.like(kNan), select(negative, -power, power));
}

}  // namespace adze::math
