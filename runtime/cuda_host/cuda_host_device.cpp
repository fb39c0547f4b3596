#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "codegen/cuda/emit_cuda.h"
#include "ir/buffer_table.h"
#include "ir/errors.h"
#include "ir/types.h"
#include "runtime/cuda_host/cuda_host.h"
#include "runtime/cuda_host/grid_runner.h"
#include "runtime/cuda_host/host_compiler.h"

namespace adze {
namespace {

constexpr int kComputeCapability = 90, kMultiprocessors = 3;

/// Memory handed out by the device, and memory of programs that it may read (constants).
class Memory {
 public:
  void* allocate(std::size_t bytes) {
    void* result = nullptr;
    if (posix_memalign(&result, kAlignment, std::max<std::size_t>(1, bytes)) != 0) {
      throw RuntimeError(fmt::format("out of memory on cuda-host: {} bytes", bytes));
    }
    std::memset(result, 0xfb, bytes);  // unspecified contents stand out
    const std::lock_guard lock(mutex_);
    blocks_[static_cast<std::byte*>(result)] = bytes;
    return result;
  }
  void free(void* memory) {
    {
      const std::lock_guard lock(mutex_);
      blocks_.erase(static_cast<std::byte*>(memory));
    }
    std::free(memory);
  }
  bool owns(const void* data, std::size_t bytes) const {
    const std::lock_guard lock(mutex_);
    const auto* begin = static_cast<const std::byte*>(data);
    auto after = blocks_.upper_bound(const_cast<std::byte*>(begin));
    if (after == blocks_.begin()) return false;
    --after;
    return begin + bytes <= after->first + after->second;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::byte*, std::size_t> blocks_;
};

class CudaHostDevice;

class HostProgram final : public GpuProgram {
 public:
  HostProgram(CudaHostDevice& device, const loop::Program& program, CudaSource source,
              std::shared_ptr<const cuda_host::HostModule> module, std::size_t place);
  void run(std::span<void* const> pointers, void* arena) const override;

 private:
  CudaHostDevice& device_;
  std::string name_;
  loop::BufferTable table_;
  CudaSource source_;
  std::shared_ptr<const cuda_host::HostModule> module_;
  std::vector<cuda_host::HostModule::Entry> entries_;
  alignas(64) mutable std::array<std::uint32_t, 2> grid_barrier_{};  ///< guarded by the device's lock
};

class CudaHostDevice final : public GpuDevice {
 public:
  CudaHostDevice()
      : runner_([this](const void* data, std::size_t bytes) { return memory_.owns(data, bytes); }) {
    if (const std::string problem = cuda_host::host_compiler_problem(); !problem.empty()) {
      throw RuntimeError(problem);
    }
  }
  const std::string& name() const override { return name_; }
  const Target& target() const override { return target_; }

  void* allocate(std::size_t bytes) override { return memory_.allocate(bytes); }
  void free(void* memory, std::size_t) noexcept override { memory_.free(memory); }
  // All work is done when a call returns, so copies wait for nothing.
  void copy_in(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void copy_out(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void copy_within(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void copy_in_ahead(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }
  void synchronize() override {}

  std::unique_ptr<GpuProgram> load(const loop::Program& program, CompileContext& context) override {
    const loop::Program* const programs[] = {&program};
    return std::move(load_all(programs, context)[0]);
  }

  std::vector<std::unique_ptr<GpuProgram>> load_all(std::span<const loop::Program* const> programs,
                                                    CompileContext& context) {
    std::vector<CudaSource> sources;
    for (const loop::Program* program : programs) {
      sources.push_back(context.timed("emit_cuda", [&] { return emit_cuda(*program); }));
      context.write_dump("cuda", program->name, [&] { return sources.back().text; });
    }
    const std::shared_ptr<const cuda_host::HostModule> module =
        context.timed("compile", [&] { return cuda_host::HostModule::compile(sources, context); });
    std::vector<std::unique_ptr<GpuProgram>> loaded;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      loaded.push_back(std::make_unique<HostProgram>(*this, *programs[i], std::move(sources[i]), module, i));
    }
    return loaded;
  }

  /// One run at a time: `body(runner)`.
  template <class F>
  void with_runner(F&& body) {
    const std::lock_guard lock(run_mutex_);
    body(runner_);
  }

 private:
  static void copy(void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memmove(to, from, bytes);
  }

  std::string name_ = "cuda-host";
  Target target_ = gpu_target(kComputeCapability, kMultiprocessors);
  Memory memory_;
  std::mutex run_mutex_;
  cuda_host::GridRunner runner_;
};

HostProgram::HostProgram(CudaHostDevice& device, const loop::Program& program, CudaSource source,
                         std::shared_ptr<const cuda_host::HostModule> module, std::size_t place)
    : device_(device),
      name_(program.name),
      table_(program),
      source_(std::move(source)),
      module_(std::move(module)) {
  for (std::size_t e = 0; e < source_.entries.size(); ++e) entries_.push_back(module_->entry(place, e));
  source_.text.clear();
}

void HostProgram::run(std::span<void* const> pointers, void* arena) const {
  device_.with_runner([&](cuda_host::GridRunner& runner) {
    module_->attach(runner.host());
    runner.forget();
    grid_barrier_ = {};  // a run that failed leaves it anyhow
    std::size_t phase = 0;
    for (const CudaSource::Call& call : source_.calls) {
      if (call.phase != phase) runner.begin_phase();
      phase = call.phase;
      std::vector<void*> arguments;
      for (const loop::BufferRef& ref : call.buffers)
        arguments.push_back(table_.address(ref, pointers, arena));
      const bool cooperative = source_.entries[call.entry].cooperative;
      if (cooperative) arguments.push_back(grid_barrier_.data());
      runner.run({.entry = entries_[call.entry],
                  .pointers = arguments.data(),
                  .blocks = static_cast<std::uint32_t>(call.blocks),
                  .threads = static_cast<std::uint32_t>(source_.threads),
                  .cooperative = cooperative});
    }
    runner.forget();
  });
}

CudaHostDevice& host_device() {
  // Never closed: Arrays and compiled functions that live in static variables give memory back after
  // everything that could close it.
  static auto* const device = new CudaHostDevice;
  return *device;
}

}  // namespace

GpuDevice& cuda_host_device() {
  return host_device();
}

std::vector<std::unique_ptr<GpuProgram>> load_on_cuda_host(std::span<const loop::Program* const> programs,
                                                           CompileContext& context) {
  return host_device().load_all(programs, context);
}

}  // namespace adze
