#pragma once

#include <memory>
#include <span>
#include <string>

#include "codegen/cuda/emit_cuda.h"
#include "codegen/cuda/host_interface.h"
#include "passes/compile_context.h"

namespace adze::cuda_host {

/// "" where the C++ compiler that ADZE_CXX names (c++ by default) can be run; otherwise why not.
std::string host_compiler_problem();

/// CUDA sources compiled as C++ into one shared object, which is loaded.
class HostModule {
 public:
  /// One translation unit for all `sources`, through `context.cache` where that is set. CompileError with the
  /// compiler's message where it fails.
  static std::shared_ptr<const HostModule> compile(std::span<const CudaSource> sources,
                                                   CompileContext& context);
  ~HostModule();
  HostModule(const HostModule&) = delete;
  HostModule& operator=(const HostModule&) = delete;

  /// Whom the threads of this module call.
  void attach(AdzeHost* host) const { attach_(host); }
  using Entry = void (*)(void* const* pointers);
  Entry entry(std::size_t source, std::size_t entry) const;

 private:
  explicit HostModule(void* handle);
  void* symbol(const std::string& name) const;
  void* handle_;
  void (*attach_)(AdzeHost*);
};

}  // namespace adze::cuda_host
