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
    static constexpr T least = least_;                                      \
  };
ADZE_TYPE(bool, false, false, bool, uchar2, uchar4, 2.0, false)
ADZE_TYPE(int, false, true, unsigned, int2, int4, 2147483648.0, -2147483647 - 1)
ADZE_TYPE(unsigned, false, false, unsigned, uint2, uint4, 4294967296.0, 0)
ADZE_TYPE(long long, false, true, unsigned long long, longlong2, void, 9223372036854775808.0, -9223372036854775807ll - 1)
ADZE_TYPE(float, true, true, unsigned, float2, float4, 0, 0)
ADZE_TYPE(double, true, true, unsigned long long, double2, void, 0, 0)
#undef ADZE_TYPE

// Scalar instructions: the CUDA column of ir/scalar_ops.def.

template <class T>
ADZE_DEVICE T adze_neg(T a) {
  using U = typename AdzeType<T>::Unsigned;
  return static_cast<T>(U(0) - static_cast<U>(a));
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
  using U = typename AdzeType<T>::Unsigned;
  return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
}

template <class T>
ADZE_DEVICE T adze_sub(T a, T b) {
  using U = typename AdzeType<T>::Unsigned;
  return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
}

template <class T>
ADZE_DEVICE T adze_mul(T a, T b) {
  using U = typename AdzeType<T>::Unsigned;
  return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
}

template <class T>
ADZE_DEVICE T adze_div(T a, T b) {
  using U = typename AdzeType<T>::Unsigned;
  if (b == 0) return static_cast<T>(~U(0));
  if constexpr (AdzeType<T>::is_signed) {
    if (b == -1) return adze_neg(a);
  }
  return a / b;
}

template <class T>
ADZE_DEVICE T adze_rem(T a, T b) {
  if (b == 0) return a;
  if constexpr (AdzeType<T>::is_signed) {
    if (b == -1) return 0;
  }
  return a % b;
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
    return ~a;
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
  return static_cast<U>(b) >= 8 * sizeof(T) ? T(0) : static_cast<T>(static_cast<U>(a) << b);
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

template <class To, class From>
ADZE_DEVICE To adze_convert(From x) {
  if constexpr (AdzeSame<To, bool>::value) {
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

template <class To>
ADZE_DEVICE To adze_bitcast(To x) {
  return x;
}
template <class To>
ADZE_DEVICE To adze_bitcast(float x) {
  return static_cast<To>(__float_as_int(x));
}
template <class To>
ADZE_DEVICE To adze_bitcast(int x) {
  if constexpr (AdzeType<To>::is_float)
    return __int_as_float(x);
  else
    return static_cast<To>(x);
}
template <class To>
ADZE_DEVICE To adze_bitcast(unsigned x) {
  return adze_bitcast<To>(static_cast<int>(x));
}
template <class To>
ADZE_DEVICE To adze_bitcast(double x) {
  return __double_as_longlong(x);
}
template <class To>
ADZE_DEVICE To adze_bitcast(long long x) {
  return __longlong_as_double(x);
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
