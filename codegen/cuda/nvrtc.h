#pragma once

#include <string>

#include "passes/compile_context.h"

namespace adze {

/// NVIDIA's run-time compiler, loaded (dlopen) at the first use; it needs no GPU.
enum class CudaCode { kPtx, kCubin };

/// "" where NVRTC can be used; otherwise why not, as a sentence: built without the CUDA headers, the library
/// not found (where it was looked for), or too old.
std::string nvrtc_problem();
/// "13.0"; part of cache keys. CompileError where there is none.
std::string nvrtc_version();

/// Compiles header-free CUDA C++ for sm_<compute_capability>, without contraction of multiply and add
/// (--fmad=false), through `context.cache` where that is set. Throws CompileError: NVRTC missing, an
/// architecture it does not know, or its log with the line of the source it complains about.
std::string compile_cuda(const std::string& source, const std::string& name, int compute_capability,
                         CudaCode code, CompileContext& context);

}  // namespace adze
