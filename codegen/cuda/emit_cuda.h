#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ir/loop_ir.h"

namespace adze {

/// A program for a GPU as CUDA C++: header-free text, and the launches that run it.
struct CudaSource {
  /// extern "C" __global__ void NAME(AdzePointers<N> pointers): N pointers by value, in the order of
  /// Call::buffers; a cooperative one has one more, to the two counters of its grid barrier (u32, zero at the
  /// first launch, left ready for the next).
  struct Entry {
    std::string name;
    std::size_t pointers = 0;
    bool cooperative = false;
  };
  /// One launch. Calls of one phase may run at once; phases run one after the other.
  struct Call {
    std::size_t entry = 0;
    std::vector<loop::BufferRef> buffers;  ///< kArena: the arena from that byte on
    std::int64_t blocks = 1;
    std::size_t phase = 0;
  };
  std::string text;
  std::vector<Entry> entries;
  std::vector<Call> calls;
  std::int64_t threads = 256;  ///< of every block
};

/// Prints a program whose kernels are scheduled for a GPU (loop::Program::launch is set). It decides nothing:
/// one __device__ function a kernel, scalar instructions by the CUDA column of ir/scalar_ops.def; then one
/// cooperative entry with grid barriers between phases (persistent), or one entry a kernel (graph).
///
/// The same text compiles as C++ behind codegen/cuda/host_shim.h.
CudaSource emit_cuda(const loop::Program& program);

}  // namespace adze
