#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "codegen/cuda/emit_cuda.h"
#include "ir/buffer_table.h"
#include "runtime/cuda/cuda_device.h"

namespace adze {

/// Prints, compiles and loads a program (GpuDevice::load).
std::unique_ptr<GpuProgram> load_cuda_program(CudaDevice& device, const loop::Program& program,
                                              CompileContext& context);

/// A program loaded on a GPU. One call is launched by itself; several are nodes of a CUDA graph, made at the
/// first run, whose addresses are changed where those of a later run differ.
class CudaProgram final : public GpuProgram {
 public:
  /// `image`: the source as a CUBIN. RuntimeError where the driver does not take it, or where a cooperative
  /// launch has more blocks than run at once.
  CudaProgram(CudaDevice& device, const loop::Program& program, CudaSource source, const std::string& image);
  ~CudaProgram() override;
  void run(std::span<void* const> pointers, void* arena) const override;

 private:
  /// What is undone in this order when the constructor fails, too. The context is current.
  struct Module {
    Module(const CudaContext& context, const std::string& image, const std::string& name);
    ~Module() { context.driver.cuModuleUnload(module); }
    const CudaContext& context;
    CUmodule module = nullptr;
  };
  struct Graph {
    ~Graph();
    const CudaContext& context;
    CUgraph graph = nullptr;
    CUgraphExec executable = nullptr;
    std::vector<CUgraphNode> nodes;             ///< by call
    std::vector<std::vector<void*>> arguments;  ///< by call, as the executable has them
  };
  struct GridBarrier;

  void load(const std::string& image);
  void check_fits(const CudaSource::Call& call) const;
  std::vector<void*> arguments_of(const CudaSource::Call& call, std::span<void* const> pointers,
                                  void* arena) const;
  CUDA_KERNEL_NODE_PARAMS node_params(const CudaSource::Call& call, void** parameters) const;
  void launch(const CudaSource::Call& call, std::vector<void*>& arguments) const;
  void launch_graph(std::vector<std::vector<void*>> arguments) const;
  std::unique_ptr<Graph> make_graph(std::vector<std::vector<void*>>& arguments) const;
  std::string doing(const char* what, const CudaSource::Call& call) const;

  CudaDevice& device_;
  const CudaContext& context_;
  std::string name_;
  loop::BufferTable table_;
  CudaSource source_;             ///< without its text
  void* grid_barrier_ = nullptr;  ///< the counters of a cooperative launch
  std::unique_ptr<Module> module_;
  std::vector<CUfunction> functions_;  ///< by entry
  mutable std::mutex mutex_;           ///< of what follows, and of a run
  mutable std::unique_ptr<Graph> graph_;
};

}  // namespace adze
