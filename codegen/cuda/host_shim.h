#pragma once

// Makes generated CUDA source compile as C++17 behind this text: the CUDA vocabulary it uses, in terms of the
// callbacks of host_interface.h. No includes: every program is compiled on its own.

#define ADZE_HOST
#define __global__
#define __device__
#define __forceinline__ inline
#define __noinline__
#define blockIdx (AdzeIndex{adze_host->block})
#define threadIdx (AdzeIndex{adze_host->thread})
#define gridDim (AdzeIndex{adze_host->blocks})
#define blockDim (AdzeIndex{adze_host->threads})
#define __syncthreads() adze_host->synchronize(adze_host, __LINE__)
#define __nanosleep(nanoseconds) adze_host->sleep(adze_host)
#define __threadfence()

#define ADZE_ENTRY(threads) static void
#define ADZE_KERNEL static void
#define ADZE_GLOBAL(type, name, count, pointer) const AdzeBuffer<type> name(__func__, #name, pointer, count)
#define ADZE_SHARED_MEMORY(bytes) constexpr long long adze_shared = bytes
#define ADZE_SHARED(type, name, count, offset) \
  const AdzeBuffer<type> name(__func__, #name, offset, count, adze_shared)
#define ADZE_REGISTERS(type, name, count) AdzeRegisters<type, count> name(__func__, #name)
#define ADZE_GRID_BARRIER_REACHED() adze_host->grid_barrier(adze_host, false)
#define ADZE_GRID_BARRIER_LEFT() adze_host->grid_barrier(adze_host, true)

static AdzeHost* adze_host = nullptr;
extern "C" void adze_attach(AdzeHost* host) {
  adze_host = host;
}

struct AdzeIndex {
  unsigned x;
};

#define ADZE_VECTOR(T, name) \
  struct name##2 {           \
    T x, y;                  \
  };                         \
  struct name##4 {           \
    T x, y, z, w;            \
  };
ADZE_VECTOR(unsigned char, uchar)
ADZE_VECTOR(signed char, char)
ADZE_VECTOR(short, short)
ADZE_VECTOR(unsigned short, ushort)
ADZE_VECTOR(int, int)
ADZE_VECTOR(unsigned, uint)
ADZE_VECTOR(long long, longlong)
ADZE_VECTOR(unsigned long long, ulonglong)
ADZE_VECTOR(float, float)
ADZE_VECTOR(double, double)
#undef ADZE_VECTOR

// The mathematical functions of CUDA that the C library has too.
#define ADZE_MATH1(name)                    \
  extern "C" double name(double) noexcept;  \
  extern "C" float name##f(float) noexcept; \
  static inline float name(float x) {       \
    return name##f(x);                      \
  }
#define ADZE_MATH2(name)                           \
  extern "C" double name(double, double) noexcept; \
  extern "C" float name##f(float, float) noexcept; \
  static inline float name(float x, float y) {     \
    return name##f(x, y);                          \
  }
#define ADZE_MATH3(name)                                   \
  extern "C" double name(double, double, double) noexcept; \
  extern "C" float name##f(float, float, float) noexcept;  \
  static inline float name(float x, float y, float z) {    \
    return name##f(x, y, z);                               \
  }
// clang-format off
ADZE_MATH1(acos) ADZE_MATH1(acosh) ADZE_MATH1(asin) ADZE_MATH1(asinh) ADZE_MATH1(atan) ADZE_MATH1(atanh)
ADZE_MATH1(cbrt) ADZE_MATH1(ceil) ADZE_MATH1(cos) ADZE_MATH1(cosh) ADZE_MATH1(erf) ADZE_MATH1(erfc)
ADZE_MATH1(exp) ADZE_MATH1(exp2) ADZE_MATH1(expm1) ADZE_MATH1(fabs) ADZE_MATH1(floor) ADZE_MATH1(lgamma)
ADZE_MATH1(log) ADZE_MATH1(log10) ADZE_MATH1(log1p) ADZE_MATH1(log2) ADZE_MATH1(logb) ADZE_MATH1(nearbyint)
ADZE_MATH1(rint) ADZE_MATH1(round) ADZE_MATH1(sin) ADZE_MATH1(sinh) ADZE_MATH1(sqrt) ADZE_MATH1(tan)
ADZE_MATH1(tanh) ADZE_MATH1(tgamma) ADZE_MATH1(trunc)
ADZE_MATH2(atan2) ADZE_MATH2(copysign) ADZE_MATH2(fdim) ADZE_MATH2(fmax) ADZE_MATH2(fmin) ADZE_MATH2(fmod)
ADZE_MATH2(hypot) ADZE_MATH2(nextafter) ADZE_MATH2(pow) ADZE_MATH2(remainder)
ADZE_MATH3(fma)
// clang-format on
#undef ADZE_MATH1
#undef ADZE_MATH2
#undef ADZE_MATH3

                                    template <class T>
                                    static inline bool isfinite(T x) {
  return __builtin_isfinite(x);
}
template <class T>
static inline bool isinf(T x) {
  return __builtin_isinf(x);
}
template <class T>
static inline bool isnan(T x) {
  return __builtin_isnan(x);
}
template <class T>
static inline bool signbit(T x) {
  return __builtin_signbit(x);
}

template <class To, class From>
static inline To adze_bits(From x) {
  static_assert(sizeof(To) == sizeof(From), "a bit cast between sizes");
  To result;
  __builtin_memcpy(&result, &x, sizeof(To));
  return result;
}
static inline int __float_as_int(float x) {
  return adze_bits<int>(x);
}
static inline unsigned __float_as_uint(float x) {
  return adze_bits<unsigned>(x);
}
static inline float __int_as_float(int x) {
  return adze_bits<float>(x);
}
static inline float __uint_as_float(unsigned x) {
  return adze_bits<float>(x);
}
static inline long long __double_as_longlong(double x) {
  return adze_bits<long long>(x);
}
static inline double __longlong_as_double(long long x) {
  return adze_bits<double>(x);
}

static inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
static inline int __popcll(unsigned long long x) {
  return __builtin_popcountll(x);
}
static inline int __clz(int x) {
  return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
static inline int __clzll(long long x) {
  return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}

template <class T>
static inline T __shfl_xor_sync(unsigned, T value, int mask) {
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof(T));
  bits = adze_host->shuffle_xor(adze_host, bits, mask);
  __builtin_memcpy(&value, &bits, sizeof(T));
  return value;
}
static inline unsigned atomicAdd(unsigned* at, unsigned value) {
  const unsigned before = *at;
  *at += value;
  if (value != 0) adze_host->changed(adze_host);
  return before;
}

template <class T>
struct AdzeUnqualified {
  using Type = T;
  static constexpr bool is_const = false;
};
template <class T>
struct AdzeUnqualified<const T> {
  using Type = T;
  static constexpr bool is_const = true;
};
template <class T>
struct AdzeType;

/// Global or shared memory: every access is reported before it happens.
template <class Q>
class AdzeBuffer {
 public:
  using T = typename AdzeUnqualified<Q>::Type;
  AdzeBuffer(const char* kernel, const char* name, void* data, long long count)
      : region_(adze_host->global(adze_host, kernel, name, data, count, sizeof(T),
                                  !AdzeUnqualified<Q>::is_const)),
        kernel_(kernel),
        name_(name),
        count_(count) {}
  AdzeBuffer(const char* kernel, const char* name, long long offset, long long count, long long memory)
      : region_(adze_host->shared(adze_host, kernel, name, offset, count, sizeof(T), memory)),
        kernel_(kernel),
        name_(name),
        count_(count) {}
  T operator[](long long i) const { return *access(i, 1, false); }
  T* access(long long i, int lanes, bool write) const {
    const AdzeHostAccess access{region_, kernel_, name_, count_, i, lanes, write};
    adze_host->access(adze_host, &access);
    return static_cast<T*>(region_->data) + i;
  }

 private:
  AdzeHostRegion* region_;
  const char *kernel_, *name_;
  long long count_;
};

template <class T, class Value>
static inline void adze_store(const AdzeBuffer<T>& x, long long i, Value value) {
  *x.access(i, 1, true) = static_cast<T>(value);
}
template <class Vector, class Q>
static inline Vector adze_load_lanes(const AdzeBuffer<Q>& x, long long i, int lanes) {
  Vector value;
  __builtin_memcpy(&value, x.access(i, lanes, false), sizeof(Vector));
  return value;
}
template <class Q>
static inline auto adze_load2(const AdzeBuffer<Q>& x, long long i) {
  return adze_load_lanes<typename AdzeType<typename AdzeBuffer<Q>::T>::Two>(x, i, 2);
}
template <class Q>
static inline auto adze_load4(const AdzeBuffer<Q>& x, long long i) {
  return adze_load_lanes<typename AdzeType<typename AdzeBuffer<Q>::T>::Four>(x, i, 4);
}
template <class T>
static inline void adze_store2(const AdzeBuffer<T>& x, long long i, typename AdzeType<T>::Two value) {
  __builtin_memcpy(x.access(i, 2, true), &value, sizeof(value));
}
template <class T>
static inline void adze_store4(const AdzeBuffer<T>& x, long long i, typename AdzeType<T>::Four value) {
  __builtin_memcpy(x.access(i, 4, true), &value, sizeof(value));
}

template <class T>
static inline T adze_predicate(void* at) {
  return AdzeBuffer<const T>("control flow", "predicate", at, 1)[0];
}

/// A thread's own array; fresh ones hold what stands out.
template <class T, long long count>
class AdzeRegisters {
 public:
  AdzeRegisters(const char* kernel, const char* name) : kernel_(kernel), name_(name) {
    __builtin_memset(values_, sizeof(T) == 1 ? 1 : AdzeType<T>::is_float ? 0xff : 0x5a, sizeof(values_));
  }
  T& operator[](long long i) {
    if (i < 0 || i >= count) adze_host->register_out_of_bounds(adze_host, kernel_, name_, i, count);
    return values_[i];
  }

 private:
  T values_[count];
  const char *kernel_, *name_;
};
