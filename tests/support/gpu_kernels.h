#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/cuda_host.h"
#include "tests/support/native_kernels.h"

/// Hand-built kernels in the form that a GPU runs, executed as CUDA source on the host.
namespace adze::testing {

/// As KernelBuilder, with the loops over blocks and threads: `g` and `t` are their variables.
struct GpuKernelBuilder : KernelBuilder {
  loop::VarId grid, block;
  explicit GpuKernelBuilder(std::int64_t blocks, std::int64_t threads = 256, std::string name = "k")
      : KernelBuilder(std::move(name)), grid(e.new_var("g", blocks)), block(e.new_var("t", threads)) {}
  loop::ExprId g() { return e.var(grid); }
  loop::ExprId t() { return e.var(block); }

  loop::BufferId shared(const std::string& name, DType dtype, std::int64_t size) {
    shared_.push_back(kernel.add_buffer(name, {dtype, {size}, {}}, loop::Scope::kShared));
    return shared_.back();
  }
  /// The kernel whose threads run `body`.
  loop::Kernel build(std::vector<loop::Stmt> body) {
    body = {loop::Stmt::make_for(block, e.var_extent(block), loop::LoopKind::kBlock, std::move(body))};
    for (std::size_t i = shared_.size(); i-- > 0;)
      body = {loop::Stmt::make_alloc(shared_[i], std::move(body))};
    kernel.body = {loop::Stmt::make_for(grid, e.var_extent(grid), loop::LoopKind::kGrid, std::move(body))};
    verify(kernel);
    return std::move(kernel);
  }

 private:
  std::vector<loop::BufferId> shared_;
};

/// A program that calls the kernels one after the other on the same parameters, each in a phase of its own.
inline loop::Program gpu_program_of(std::vector<loop::Kernel> kernels, loop::Launch::Mode mode,
                                    std::int64_t blocks = 3) {
  loop::Program program = program_of(kernels[0]);
  for (std::size_t k = 1; k < kernels.size(); ++k) {
    loop::KernelCall call = program.calls[0];
    call.kernel = call.phase = k;
    program.calls.push_back(std::move(call));
  }
  program.kernels = std::move(kernels);
  program.launch = {mode, blocks, loop::block_extent(program.kernels[0])};
  verify(program);
  return program;
}

/// Runs a loaded program; `arrays` are its parameters, changed in place.
inline void run_on_cuda_host(const loop::Program& program, const GpuProgram& loaded, Arrays& arrays) {
  GpuDevice& device = cuda_host_device();
  std::vector<std::unique_ptr<DeviceMemory>> memory;
  std::vector<void*> pointers;
  for (const auto& array : arrays) {
    memory.push_back(std::make_unique<DeviceMemory>(device, array.size()));
    device.copy_in(memory.back()->data(), array.data(), array.size());
    pointers.push_back(memory.back()->data());
  }
  const DeviceMemory arena(device, static_cast<std::size_t>(program.arena_bytes));
  loaded.run(pointers, arena.data());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    device.copy_out(arrays[i].data(), pointers[i], arrays[i].size());
  }
}

inline void run_on_cuda_host(const loop::Program& program, Arrays& arrays) {
  CompileContext context;
  run_on_cuda_host(program, *cuda_host_device().load(program, context), arrays);
}

}  // namespace adze::testing
