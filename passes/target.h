#pragma once

#include <cstdint>
#include <string>

namespace adze {

enum class TargetKind : std::uint8_t { kCpu, kGpu };

/// What schedules need to know of a machine. Plain data: codegen/host_target.h fills it in from the host or
/// from ADZE_CPU, a GPU device from what its driver says; tests make their own.
struct Target {
  TargetKind kind = TargetKind::kCpu;
  std::string cpu = "x86-64";  ///< an LLVM CPU name, or x86-64, x86-64-v3, x86-64-v4
  std::string features;        ///< LLVM feature string such as "+avx2,+fma"; empty: what `cpu` implies
  int vector_bytes = 16;       ///< 64 AVX-512, 32 AVX2, 16 SSE2 and NEON
  int vector_registers = 16;   ///< 32 with AVX-512 and NEON
  bool has_fma = false;
  bool has_masks = false;  ///< masked loads and stores cost the same as plain ones
  std::int64_t l1_bytes = 32 * 1024;
  std::int64_t l2_bytes = 1024 * 1024;
  int cores = 1;
  /// Elementary functions are instructions that the back end prints accurately: expand_math leaves them.
  bool has_math = false;

  // Of a GPU.
  int compute_capability = 0;             ///< 80, 90: the sm_ number
  int multiprocessors = 0;                ///< how many blocks of a persistent launch run at once, one each
  std::int64_t block_threads = 256;       ///< of every block, a multiple of a warp
  std::int64_t shared_bytes = 48 * 1024;  ///< shared memory of a block
};

/// An NVIDIA GPU of that compute capability (80: A100, 90: H100), as schedules see it.
Target gpu_target(int compute_capability, int multiprocessors);

}  // namespace adze
