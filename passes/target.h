#pragma once

#include <cstdint>
#include <string>

namespace adze {

/// What schedules need to know of a machine. Plain data: codegen/host_target.h fills it in from the host or
/// from ADZE_CPU; tests make their own.
struct Target {
  std::string cpu = "x86-64";  ///< an LLVM CPU name, or x86-64, x86-64-v3, x86-64-v4
  std::string features;        ///< LLVM feature string such as "+avx2,+fma"; empty: what `cpu` implies
  int vector_bytes = 16;       ///< 64 AVX-512, 32 AVX2, 16 SSE2 and NEON
  int vector_registers = 16;   ///< 32 with AVX-512 and NEON
  bool has_fma = false;
  bool has_masks = false;  ///< masked loads and stores cost the same as plain ones
  std::int64_t l1_bytes = 32 * 1024;
  std::int64_t l2_bytes = 1024 * 1024;
  int cores = 1;
};

}  // namespace adze
