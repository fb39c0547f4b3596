// What generated kernels stand on. The scalar helpers mean what ir/scalar_host.h says, bit for bit but for elementary
// functions, which are CUDA's own. codegen/cuda/host_shim.h comes before this text where it is compiled as C++.
#ifndef ADZE_PRELUDE
#define ADZE_PRELUDE

#define ADZE_DEVICE static __device__ __forceinline__

template <int count>
struct AdzePointers {
  void* at[count];
};

// How kernels name memory. On the device these are plain pointers and arrays; behind the shim, checked accessors.
#ifndef ADZE_HOST
#define ADZE_ENTRY(threads) extern "C" __global__ void __launch_bounds__(threads)
#define ADZE_KERNEL static __device__ void
#define ADZE_GLOBAL(type, name, count, pointer) type* const name = static_cast<type*>(pointer)
#define ADZE_SHARED_MEMORY(bytes) __shared__ __align__(64) unsigned char adze_shared[bytes]
#define ADZE_SHARED(type, name, count, offset) type* const name = reinterpret_cast<type*>(adze_shared + (offset))
#define ADZE_REGISTERS(type, name, count) type name[count]
#define ADZE_GRID_BARRIER_REACHED()
#define ADZE_GRID_BARRIER_LEFT()
#endif

// Element types.

template <class T, class U>
struct AdzeSame {
  static constexpr bool value = false;
};
template <class T>
struct AdzeSame<T, T> {
  static constexpr bool value = true;
};

// f16 and bf16: 16 bits that convert from and to float.
struct AdzeHalf {
  unsigned short bits;
};
struct AdzeBfloat16 {
  unsigned short bits;
};
#define ADZE_HALF_VECTORS(T, two, four) \
  struct alignas(4) two {               \
    T x, y;                             \
  };                                    \
  struct alignas(8) four {              \
    T x, y, z, w;                       \
  };
ADZE_HALF_VECTORS(AdzeHalf, AdzeHalf2, AdzeHalf4)
ADZE_HALF_VECTORS(AdzeBfloat16, AdzeBfloat16_2, AdzeBfloat16_4)
#undef ADZE_HALF_VECTORS

template <class T>
struct AdzeType;
#define ADZE_TYPE(T, is_float_, is_signed_, U, two_, four_, limit_, least_) \
  template <>                                                               \
  struct AdzeType<T> {                                                      \
    static constexpr bool is_float = is_float_, is_signed = is_signed_;     \
    using Unsigned = U;                                                     \
    using Two = two_;                                                       \
    using Four = four_;                                                     \
    static constexpr double limit = limit_; /* the first number above all */ \
    static constexpr auto least = least_;                                   \
  };
ADZE_TYPE(bool, false, false, bool, uchar2, uchar4, 2.0, false)
ADZE_TYPE(signed char, false, true, unsigned char, char2, char4, 128.0, -128)
ADZE_TYPE(unsigned char, false, false, unsigned char, uchar2, uchar4, 256.0, 0)
ADZE_TYPE(short, false, true, unsigned short, short2, short4, 32768.0, -32768)
ADZE_TYPE(unsigned short, false, false, unsigned short, ushort2, ushort4, 65536.0, 0)
ADZE_TYPE(int, false, true, unsigned, int2, int4, 2147483648.0, -2147483647 - 1)
ADZE_TYPE(unsigned, false, false, unsigned, uint2, uint4, 4294967296.0, 0)
ADZE_TYPE(long long, false, true, unsigned long long, longlong2, void, 9223372036854775808.0, -9223372036854775807ll - 1)
ADZE_TYPE(unsigned long long, false, false, unsigned long long, ulonglong2, void, 18446744073709551616.0, 0)
ADZE_TYPE(AdzeHalf, true, true, unsigned short, AdzeHalf2, AdzeHalf4, 0, 0)
ADZE_TYPE(AdzeBfloat16, true, true, unsigned short, AdzeBfloat16_2, AdzeBfloat16_4, 0, 0)
ADZE_TYPE(float, true, true, unsigned, float2, float4, 0, 0)
ADZE_TYPE(double, true, true, unsigned long long, double2, void, 0, 0)
#undef ADZE_TYPE

// Scalar instructions: the CUDA column of ir/scalar_ops.def.

// What integer arithmetic wraps in: C++ computes narrow integers in int, where products may overflow.
template <class T>
ADZE_DEVICE auto adze_wrapping(T a) {
  if constexpr (sizeof(T) < sizeof(unsigned))
    return static_cast<unsigned>(a);
  else
    return static_cast<typename AdzeType<T>::Unsigned>(a);
}

template <class T>
ADZE_DEVICE T adze_neg(T a) {
  return static_cast<T>(0 - adze_wrapping(a));
}

template <class T>
ADZE_DEVICE T adze_abs(T a) {
  if constexpr (AdzeType<T>::is_signed)
    return a < 0 ? adze_neg(a) : a;
  else
    return a;
}

template <class T>
ADZE_DEVICE T adze_sign(T a) {
  if constexpr (AdzeType<T>::is_float)
    return a > 0 ? T(1) : a < 0 ? T(-1) : a;
  else if constexpr (AdzeType<T>::is_signed)
    return static_cast<T>((a > 0) - (a < 0));
  else
    return static_cast<T>(a > 0);
}

template <class T>
ADZE_DEVICE T adze_add(T a, T b) {
  return static_cast<T>(adze_wrapping(a) + adze_wrapping(b));
}

template <class T>
ADZE_DEVICE T adze_sub(T a, T b) {
  return static_cast<T>(adze_wrapping(a) - adze_wrapping(b));
}

template <class T>
ADZE_DEVICE T adze_mul(T a, T b) {
  return static_cast<T>(adze_wrapping(a) * adze_wrapping(b));
}

template <class T>
ADZE_DEVICE T adze_div(T a, T b) {
  if (b == 0) return static_cast<T>(~adze_wrapping(b));
  if constexpr (AdzeType<T>::is_signed) {
    if (b == -1) return adze_neg(a);
  }
  return static_cast<T>(a / b);
}

template <class T>
ADZE_DEVICE T adze_rem(T a, T b) {
  if (b == 0) return a;
  if constexpr (AdzeType<T>::is_signed) {
    if (b == -1) return 0;
  }
  return static_cast<T>(a % b);
}

template <class T>
ADZE_DEVICE T adze_max(T a, T b) {
  return a > b || a != a ? a : b;
}

template <class T>
ADZE_DEVICE T adze_min(T a, T b) {
  return a < b || a != a ? a : b;
}

template <class T>
ADZE_DEVICE T adze_not(T a) {
  if constexpr (AdzeSame<T, bool>::value)
    return !a;
  else
    return static_cast<T>(~a);
}

template <class T>
ADZE_DEVICE T adze_and(T a, T b) {
  return static_cast<T>(a & b);
}

template <class T>
ADZE_DEVICE T adze_or(T a, T b) {
  return static_cast<T>(a | b);
}

template <class T>
ADZE_DEVICE T adze_xor(T a, T b) {
  return static_cast<T>(a ^ b);
}

template <class T>
ADZE_DEVICE T adze_shl(T a, T b) {
  using U = typename AdzeType<T>::Unsigned;
  return static_cast<U>(b) >= 8 * sizeof(T) ? T(0) : static_cast<T>(adze_wrapping(a) << b);
}

template <class T>
ADZE_DEVICE T adze_shr(T a, T b) {
  using U = typename AdzeType<T>::Unsigned;
  return static_cast<U>(b) >= 8 * sizeof(T) ? T(0) : static_cast<T>(a >> b);
}

template <class T>
ADZE_DEVICE T adze_popcnt(T a) {
  using U = typename AdzeType<T>::Unsigned;
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__popcll(static_cast<U>(a)));
  else
    return static_cast<T>(__popc(static_cast<U>(a)));
}

template <class T>
ADZE_DEVICE T adze_clz(T a) {
  using U = typename AdzeType<T>::Unsigned;
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__clzll(static_cast<long long>(a)));
  else
    return static_cast<T>(__clz(static_cast<int>(static_cast<U>(a))) - (32 - 8 * static_cast<int>(sizeof(T))));
}

template <class T>
ADZE_DEVICE T adze_fma(T a, T b, T c) {
  return adze_add(adze_mul(a, b), c);
}

template <class T>
ADZE_DEVICE T adze_rsqrt(T a) {
  return T(1) / sqrt(a);
}

template <class T>
ADZE_DEVICE T adze_logistic(T x) {
  if constexpr (AdzeSame<T, float>::value) {
    return static_cast<float>(adze_logistic(static_cast<double>(x)));
  } else {
    if (x >= 0) return T(1) / (T(1) + exp(-x));
    const T e = exp(x);
    return e / (T(1) + e);
  }
}

// Long functions are called: inlined wherever they stand, they would take most of the time that a kernel takes to compile.
#define ADZE_CALLED(name)                                \
  template <class T, class... More>                      \
  static __device__ __noinline__ T adze_##name(T x, More... y) { \
    return name(x, y...);                                \
  }
ADZE_CALLED(cos)
ADZE_CALLED(erf)
ADZE_CALLED(erfc)
ADZE_CALLED(fmod)
ADZE_CALLED(lgamma)
ADZE_CALLED(pow)
ADZE_CALLED(sin)
ADZE_CALLED(tan)
#undef ADZE_CALLED

ADZE_DEVICE float adze_to_float(AdzeBfloat16 x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}
ADZE_DEVICE AdzeBfloat16 adze_from_float(AdzeBfloat16, float x) {
  const unsigned bits = __float_as_uint(x);
  if (x != x) return {static_cast<unsigned short>((bits >> 16) | 0x40)};
  return {static_cast<unsigned short>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}
#ifndef ADZE_HOST
ADZE_DEVICE float adze_to_float(AdzeHalf x) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(x.bits));
  return result;
}
ADZE_DEVICE AdzeHalf adze_from_float(AdzeHalf, float x) {
  AdzeHalf result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
  return result;
}
#else  // as ir/half.h and codegen/llvm/scalar_printer.cpp do it
ADZE_DEVICE float adze_to_float(AdzeHalf x) {
  const unsigned sign = (x.bits & 0x8000u) << 16, magnitude = x.bits & 0x7fffu;
  if (magnitude >= 0x7c00) return __uint_as_float(sign | 0x7f800000 | magnitude << 13);
  return __uint_as_float(sign | __float_as_uint(__uint_as_float(magnitude << 13) * 0x1p112f));
}
ADZE_DEVICE AdzeHalf adze_from_float(AdzeHalf, float x) {
  const unsigned bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  unsigned result = 0x7c00;
  if (x != x)
    result = 0x7e00 | (magnitude >> 13 & 0x3ff);
  else if (magnitude < 0x38800000)  // subnormal: beside 0.5 a float has their resolution
    result = __float_as_uint(__uint_as_float(magnitude) + 0.5f) - 0x3f000000;
  else if (magnitude < 0x47800000)
    result = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
  return {static_cast<unsigned short>(sign | result)};
}
#endif

template <class T>
struct AdzeIsHalf {
  static constexpr bool value = AdzeSame<T, AdzeHalf>::value || AdzeSame<T, AdzeBfloat16>::value;
};

// Halves convert from and to float only.
template <class To, class From>
ADZE_DEVICE To adze_convert(From x) {
  if constexpr (AdzeIsHalf<From>::value) {
    return adze_to_float(x);
  } else if constexpr (AdzeIsHalf<To>::value) {
    return adze_from_float(To{}, x);
  } else if constexpr (AdzeSame<To, bool>::value) {
    return x != From(0);
  } else if constexpr (AdzeType<From>::is_float && !AdzeType<To>::is_float) {
    constexpr From above = static_cast<From>(AdzeType<To>::limit);
    constexpr To least = AdzeType<To>::least;
    if (x != x) return 0;
    if (x >= above) return static_cast<To>(~static_cast<typename AdzeType<To>::Unsigned>(least));
    if (x <= static_cast<From>(least)) return least;
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

// Bits as an unsigned integer of the same size, and back.
template <class T>
ADZE_DEVICE auto adze_to_bits(T x) {
  if constexpr (AdzeIsHalf<T>::value)
    return x.bits;
  else if constexpr (AdzeSame<T, float>::value)
    return __float_as_uint(x);
  else if constexpr (AdzeSame<T, double>::value)
    return static_cast<unsigned long long>(__double_as_longlong(x));
  else
    return static_cast<typename AdzeType<T>::Unsigned>(x);
}
template <class To, class From>
ADZE_DEVICE To adze_bitcast(From x) {
  const auto bits = adze_to_bits(x);
  if constexpr (AdzeIsHalf<To>::value)
    return {bits};
  else if constexpr (AdzeSame<To, float>::value)
    return __uint_as_float(bits);
  else if constexpr (AdzeSame<To, double>::value)
    return __longlong_as_double(static_cast<long long>(bits));
  else
    return static_cast<To>(bits);
}

// Memory. Two or four neighbouring elements in one access; with `n`, only those before n.

#ifndef ADZE_HOST
template <class T, class Index, class Value>
ADZE_DEVICE void adze_store(T* x, Index i, Value value) {
  x[i] = static_cast<T>(value);
}
template <class T, class Index>
ADZE_DEVICE typename AdzeType<T>::Two adze_load2(const T* x, Index i) {
  return *reinterpret_cast<const typename AdzeType<T>::Two*>(x + i);
}
template <class T, class Index>
ADZE_DEVICE typename AdzeType<T>::Four adze_load4(const T* x, Index i) {
  return *reinterpret_cast<const typename AdzeType<T>::Four*>(x + i);
}
template <class T, class Index>
ADZE_DEVICE void adze_store2(T* x, Index i, typename AdzeType<T>::Two value) {
  *reinterpret_cast<typename AdzeType<T>::Two*>(x + i) = value;
}
template <class T, class Index>
ADZE_DEVICE void adze_store4(T* x, Index i, typename AdzeType<T>::Four value) {
  *reinterpret_cast<typename AdzeType<T>::Four*>(x + i) = value;
}
#endif

template <class Buffer, class Index, class Limit>
ADZE_DEVICE auto adze_load2(const Buffer& x, Index i, Limit n) {
  if (n >= 2) return adze_load2(x, i);
  decltype(adze_load2(x, i)) value = {};
  if (n > 0) value.x = x[i];
  return value;
}
template <class Buffer, class Index, class Limit>
ADZE_DEVICE auto adze_load4(const Buffer& x, Index i, Limit n) {
  if (n >= 4) return adze_load4(x, i);
  decltype(adze_load4(x, i)) value = {};
  if (n > 0) value.x = x[i];
  if (n > 1) value.y = x[i + 1];
  if (n > 2) value.z = x[i + 2];
  return value;
}
template <class Buffer, class Index, class Value, class Limit>
ADZE_DEVICE void adze_store2(const Buffer& x, Index i, Value value, Limit n) {
  if (n >= 2) return adze_store2(x, i, value);
  if (n > 0) adze_store(x, i, value.x);
}
template <class Buffer, class Index, class Value, class Limit>
ADZE_DEVICE void adze_store4(const Buffer& x, Index i, Value value, Limit n) {
  if (n >= 4) return adze_store4(x, i, value);
  if (n > 0) adze_store(x, i, value.x);
  if (n > 1) adze_store(x, i + 1, value.y);
  if (n > 2) adze_store(x, i + 2, value.z);
}

// Control flow. A predicate is read anew every time, by all threads.

#ifndef ADZE_HOST
template <class T>
ADZE_DEVICE T adze_predicate(const void* at) {
  return *static_cast<const volatile T*>(at);
}
#endif
ADZE_DEVICE bool adze_within(int value, int low, int high) {
  return low <= value && value <= high;
}

// Threads.

template <class T>
ADZE_DEVICE T adze_shuffle_xor(T value, int mask) {
  if constexpr (AdzeSame<T, bool>::value)
    return __shfl_xor_sync(0xffffffffu, static_cast<int>(value), mask) != 0;
  else if constexpr (sizeof(T) < sizeof(int))
    return static_cast<T>(__shfl_xor_sync(0xffffffffu, static_cast<int>(value), mask));
  else
    return __shfl_xor_sync(0xffffffffu, value, mask);
}

// Waits for all blocks of a cooperative launch. `state` is how many have arrived and a generation: the last to arrive
// resets the one and advances the other, which the rest wait for, so the next barrier and launch find it ready.
ADZE_DEVICE void adze_grid_barrier(void* state) {
  unsigned* const arrived = static_cast<unsigned*>(state);
  unsigned* const generation = arrived + 1;
  __syncthreads();
  if (threadIdx.x == 0) {
    ADZE_GRID_BARRIER_REACHED();
    const unsigned before = *static_cast<volatile unsigned*>(generation);
    __threadfence();
    if (atomicAdd(arrived, 1u) == gridDim.x - 1) {
      *static_cast<volatile unsigned*>(arrived) = 0;
      __threadfence();
      atomicAdd(generation, 1u);
    } else {
      while (*static_cast<volatile unsigned*>(generation) == before) __nanosleep(32);
    }
    __threadfence();
    ADZE_GRID_BARRIER_LEFT();
  }
  __syncthreads();
}

#endif
