#ifdef ADZE_CUDA_HEADERS

#include "runtime/cuda/cuda_program.h"

#include <fmt/format.h>

#include "codegen/cuda/nvrtc.h"
#include "ir/errors.h"

namespace adze {
namespace {

constexpr std::size_t kGridBarrierBytes = 2 * sizeof(std::uint32_t);

}  // namespace

std::unique_ptr<GpuProgram> load_cuda_program(CudaDevice& device, const loop::Program& program,
                                              CompileContext& context) {
  const int capability = device.target().compute_capability;
  CudaSource source = context.timed("emit_cuda", [&] { return emit_cuda(program); });
  context.write_dump("cuda", program.name, [&] { return source.text; });
  context.write_dump("ptx", program.name, [&] {
    return compile_cuda(source.text, program.name, capability, CudaCode::kPtx, context);
  });
  const std::string image = context.timed("compile", [&] {
    return source.calls.empty()
               ? std::string()
               : compile_cuda(source.text, program.name, capability, CudaCode::kCubin, context);
  });
  return context.timed(
      "load", [&] { return std::make_unique<CudaProgram>(device, program, std::move(source), image); });
}

CudaProgram::Module::Module(const CudaContext& in, const std::string& image, const std::string& name)
    : context(in) {
  context.check(context.driver.cuModuleLoadData(&module, image.data()), "cuModuleLoadData",
                fmt::format("loading the code of {}", name));
}

CudaProgram::Graph::~Graph() {
  if (executable != nullptr) context.driver.cuGraphExecDestroy(executable);
  if (graph != nullptr) context.driver.cuGraphDestroy(graph);
}

CudaProgram::CudaProgram(CudaDevice& device, const loop::Program& program, CudaSource source,
                         const std::string& image)
    : device_(device),
      context_(device.context()),
      name_(program.name),
      table_(program),
      source_(std::move(source)) {
  source_.text.clear();
  if (source_.calls.empty()) return;
  const CudaContext::Current current(context_);
  try {
    load(image);
  } catch (...) {
    module_.reset();
    if (grid_barrier_ != nullptr) device_.free(grid_barrier_, kGridBarrierBytes);
    throw;
  }
}

CudaProgram::~CudaProgram() {
  if (module_ == nullptr) return;
  const CudaContext::Current current(context_, std::nothrow);
  context_.driver.cuStreamSynchronize(device_.stream());  // a run may be under way
  graph_.reset();
  module_.reset();
  if (grid_barrier_ != nullptr) device_.free(grid_barrier_, kGridBarrierBytes);
}

void CudaProgram::load(const std::string& image) {
  const CudaDriver& cu = context_.driver;
  module_ = std::make_unique<Module>(context_, image, name_);
  bool cooperative = false;
  for (const CudaSource::Entry& entry : source_.entries) {
    CUfunction& function = functions_.emplace_back();
    context_.check(cu.cuModuleGetFunction(&function, module_->module, entry.name.c_str()),
                   "cuModuleGetFunction", fmt::format("looking for kernel {} of {}", entry.name, name_));
    cooperative = cooperative || entry.cooperative;
  }
  if (!cooperative) return;
  if (!context_.cooperative()) {
    throw RuntimeError(
        fmt::format("{}: cooperative launch refused: the device has none; ADZE_LAUNCH=graph runs {} "
                    "without",
                    context_.name(), name_));
  }
  for (const CudaSource::Call& call : source_.calls) {
    if (source_.entries[call.entry].cooperative) check_fits(call);
  }
  grid_barrier_ = device_.allocate(kGridBarrierBytes);
  context_.check(cu.cuMemsetD8Async(reinterpret_cast<CUdeviceptr>(grid_barrier_), 0, kGridBarrierBytes,
                                    device_.stream()),
                 "cuMemsetD8Async", fmt::format("loading {}", name_));
  device_.after_work();
}

/// Blocks of a cooperative launch wait for each other, so all of them must run at once.
void CudaProgram::check_fits(const CudaSource::Call& call) const {
  int blocks = 0;
  context_.check(context_.driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                     &blocks, functions_[call.entry], static_cast<int>(source_.threads), 0),
                 "cuOccupancyMaxActiveBlocksPerMultiprocessor", doing("checking", call));
  const std::int64_t at_once = std::int64_t{blocks} * context_.target().multiprocessors;
  if (call.blocks <= at_once) return;
  throw RuntimeError(fmt::format(
      "{}: cooperative launch refused: kernel {} of {} wants {} blocks of {} threads at "
      "once, the device has room for {}; ADZE_LAUNCH=graph runs it without",
      context_.name(), source_.entries[call.entry].name, name_, call.blocks, source_.threads, at_once));
}

std::string CudaProgram::doing(const char* what, const CudaSource::Call& call) const {
  return fmt::format("{} kernel {} of {}", what, source_.entries[call.entry].name, name_);
}

std::vector<void*> CudaProgram::arguments_of(const CudaSource::Call& call, std::span<void* const> pointers,
                                             void* arena) const {
  std::vector<void*> result;
  result.reserve(call.buffers.size() + 1);
  for (const loop::BufferRef& ref : call.buffers) result.push_back(table_.address(ref, pointers, arena));
  if (source_.entries[call.entry].cooperative) result.push_back(grid_barrier_);
  return result;
}

void CudaProgram::run(std::span<void* const> pointers, void* arena) const {
  if (source_.calls.empty()) return;
  const CudaContext::Current current(context_);
  const std::lock_guard lock(mutex_);
  std::vector<std::vector<void*>> arguments;
  arguments.reserve(source_.calls.size());
  for (const CudaSource::Call& call : source_.calls) arguments.push_back(arguments_of(call, pointers, arena));
  device_.before_work(pointers);
  if (arguments.size() == 1) {
    launch(source_.calls[0], arguments[0]);
  } else {
    launch_graph(std::move(arguments));
  }
  device_.after_work();
}

void CudaProgram::launch(const CudaSource::Call& call, std::vector<void*>& arguments) const {
  // One argument: a struct of addresses, by value.
  void* parameters[] = {arguments.data()};
  const auto blocks = static_cast<unsigned>(call.blocks), threads = static_cast<unsigned>(source_.threads);
  const CUfunction function = functions_[call.entry];
  if (source_.entries[call.entry].cooperative) {
    context_.check(context_.driver.cuLaunchCooperativeKernel(function, blocks, 1, 1, threads, 1, 1, 0,
                                                             device_.stream(), parameters),
                   "cuLaunchCooperativeKernel", doing("launching", call));
  } else {
    context_.check(context_.driver.cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, device_.stream(),
                                                  parameters, nullptr),
                   "cuLaunchKernel", doing("launching", call));
  }
}

CUDA_KERNEL_NODE_PARAMS CudaProgram::node_params(const CudaSource::Call& call, void** parameters) const {
  CUDA_KERNEL_NODE_PARAMS params = {};
  params.func = functions_[call.entry];
  params.gridDimX = static_cast<unsigned>(call.blocks);
  params.blockDimX = static_cast<unsigned>(source_.threads);
  params.gridDimY = params.gridDimZ = params.blockDimY = params.blockDimZ = 1;
  params.kernelParams = parameters;
  return params;
}

std::unique_ptr<CudaProgram::Graph> CudaProgram::make_graph(
    std::vector<std::vector<void*>>& arguments) const {
  const CudaDriver& cu = context_.driver;
  std::unique_ptr<Graph> made(new Graph{context_, nullptr, nullptr, {}, {}});
  context_.check(cu.cuGraphCreate(&made->graph, 0), "cuGraphCreate", fmt::format("preparing {}", name_));
  std::vector<CUgraphNode> before, current;  // of the previous phase and of this one
  std::size_t phase = source_.calls[0].phase;
  for (std::size_t i = 0; i < source_.calls.size(); ++i) {
    const CudaSource::Call& call = source_.calls[i];
    if (call.phase != phase) before = std::exchange(current, {});
    phase = call.phase;
    void* parameters[] = {arguments[i].data()};
    const CUDA_KERNEL_NODE_PARAMS params = node_params(call, parameters);
    CUgraphNode node = nullptr;
    context_.check(cu.cuGraphAddKernelNode(&node, made->graph, before.data(), before.size(), &params),
                   "cuGraphAddKernelNode", doing("preparing", call));
    current.push_back(node);
    made->nodes.push_back(node);
  }
  context_.check(cu.cuGraphInstantiate(&made->executable, made->graph, 0), "cuGraphInstantiate",
                 fmt::format("preparing {}", name_));
  made->arguments = std::move(arguments);
  return made;
}

void CudaProgram::launch_graph(std::vector<std::vector<void*>> arguments) const {
  const CudaDriver& cu = context_.driver;
  if (graph_ == nullptr) {
    graph_ = make_graph(arguments);
  } else {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i] == graph_->arguments[i]) continue;
      const CudaSource::Call& call = source_.calls[i];
      void* parameters[] = {arguments[i].data()};
      const CUDA_KERNEL_NODE_PARAMS params = node_params(call, parameters);
      context_.check(cu.cuGraphExecKernelNodeSetParams(graph_->executable, graph_->nodes[i], &params),
                     "cuGraphExecKernelNodeSetParams", doing("preparing", call));
      graph_->arguments[i] = std::move(arguments[i]);
    }
  }
  context_.check(cu.cuGraphLaunch(graph_->executable, device_.stream()), "cuGraphLaunch",
                 fmt::format("launching {} kernels of {}", source_.calls.size(), name_));
}

}  // namespace adze

#endif
