#include "runtime/gpu_device.h"

#ifdef ADZE_CUDA_HEADERS

#include <fmt/format.h>

#include <cstring>
#include <map>

#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/cuda_program.h"

namespace adze {
namespace {

constexpr std::size_t kMarks = 8;

CUdeviceptr address(const void* memory) {
  return reinterpret_cast<CUdeviceptr>(memory);
}

}  // namespace

CudaDevice::CudaDevice(const CudaDriver& driver, int ordinal) : context_(driver, ordinal) {
  const CudaContext::Current current(context_);
  state_ = std::make_unique<State>(context_);
}

CudaDevice::~CudaDevice() {
  const CudaContext::Current current(context_, std::nothrow);
  context_.driver.cuStreamSynchronize(state_->copies);
  context_.driver.cuStreamSynchronize(state_->compute);
  state_.reset();
}

void* CudaDevice::allocate(std::size_t bytes) {
  const CudaContext::Current current(context_);
  const std::lock_guard lock(mutex_);
  return state_->memory.allocate(bytes);
}

void CudaDevice::free(void* memory, std::size_t) noexcept {
  const CudaContext::Current current(context_, std::nothrow);
  const std::lock_guard lock(mutex_);
  // Who gets this memory next works on the compute stream, behind the copy.
  if (const auto copy = state_->ahead.find(memory); copy != state_->ahead.end()) {
    if (context_.driver.cuStreamWaitEvent(state_->compute, copy->second, 0) != CUDA_SUCCESS) {
      context_.driver.cuStreamSynchronize(state_->copies);
    }
    state_->ahead.erase(copy);
  }
  state_->memory.free(memory, state_->work);
}

void CudaDevice::copy_in(void* to, const void* from, std::size_t bytes) {
  const CudaContext::Current current(context_);
  void* const used[] = {to};
  before_work(used);
  // From memory that is not pinned: the driver has read it when this returns.
  context_.check(context_.driver.cuMemcpyHtoDAsync(address(to), from, bytes, state_->compute),
                 "cuMemcpyHtoDAsync", fmt::format("copying {} bytes to the device", bytes));
  after_work();
}

void CudaDevice::copy_out(void* to, const void* from, std::size_t bytes) {
  const CudaContext::Current current(context_);
  void* const used[] = {const_cast<void*>(from)};
  before_work(used);
  context_.check(context_.driver.cuMemcpyDtoHAsync(to, address(from), bytes, state_->compute),
                 "cuMemcpyDtoHAsync", fmt::format("copying {} bytes from the device", bytes));
  after_work();
  context_.check(context_.driver.cuStreamSynchronize(state_->compute), "cuStreamSynchronize",
                 "waiting for a copy from the device");
}

void CudaDevice::copy_within(void* to, const void* from, std::size_t bytes) {
  const CudaContext::Current current(context_);
  void* const used[] = {to, const_cast<void*>(from)};
  before_work(used);
  context_.check(context_.driver.cuMemcpyDtoDAsync(address(to), address(from), bytes, state_->compute),
                 "cuMemcpyDtoDAsync", fmt::format("copying {} bytes on the device", bytes));
  after_work();
}

void CudaDevice::copy_in_ahead(void* to, const void* from, std::size_t bytes) {
  const CudaContext::Current current(context_);
  const std::lock_guard lock(mutex_);
  State& state = *state_;
  PinnedStaging::Slot& slot = state.staging.take(bytes);
  std::memcpy(slot.memory, from, bytes);
  // The memory may be that of an Array which work under way still reads.
  if (const std::uint64_t last = state.memory.last_use(to); last > 0) {
    context_.check(context_.driver.cuStreamWaitEvent(state.copies, moment_after(last), 0),
                   "cuStreamWaitEvent", "ordering a copy behind earlier work");
  }
  const auto ahead = state.ahead.emplace(to, slot.copied).first;
  const std::string doing = fmt::format("copying {} bytes ahead to the device", bytes);
  try {
    context_.check(context_.driver.cuMemcpyHtoDAsync(address(to), slot.memory, bytes, state.copies),
                   "cuMemcpyHtoDAsync", doing);
    context_.check(context_.driver.cuEventRecord(slot.copied, state.copies), "cuEventRecord", doing);
  } catch (...) {
    context_.driver.cuStreamSynchronize(state.copies);
    state.ahead.erase(ahead);
    throw;
  }
}

void CudaDevice::synchronize() {
  const CudaContext::Current current(context_);
  context_.check(context_.driver.cuStreamSynchronize(state_->copies), "cuStreamSynchronize",
                 "waiting for copies");
  context_.check(context_.driver.cuStreamSynchronize(state_->compute), "cuStreamSynchronize",
                 "waiting for its work");
}

std::unique_ptr<GpuProgram> CudaDevice::load(const loop::Program& program, CompileContext& context) {
  return load_cuda_program(*this, program, context);
}

void CudaDevice::before_work(std::span<void* const> addresses) {
  const std::lock_guard lock(mutex_);
  if (state_->ahead.empty()) return;
  for (void* const memory : addresses) wait_for_copy(memory);
}

void CudaDevice::after_work() noexcept {
  const std::lock_guard lock(mutex_);
  note_work();
}

void CudaDevice::wait_for_copy(void* memory) {
  const auto copy = state_->ahead.find(memory);
  if (copy == state_->ahead.end()) return;
  context_.check(context_.driver.cuStreamWaitEvent(state_->compute, copy->second, 0), "cuStreamWaitEvent",
                 "ordering work behind a copy");
  state_->ahead.erase(copy);
}

/// Counts it. Once copies run ahead, also leaves a mark behind it for them to wait for.
void CudaDevice::note_work() noexcept {
  State& state = *state_;
  ++state.work;
  if (state.marks.empty()) return;
  Mark& mark = state.marks[state.next_mark];
  mark.work = 0;  // of no use unless the record below succeeds
  if (context_.driver.cuEventRecord(mark.event, state.compute) != CUDA_SUCCESS) return;
  mark.work = state.work;
  state.next_mark = (state.next_mark + 1) % state.marks.size();
}

/// An event behind at least the first `work` pieces of work, and behind as little else as is known.
CUevent CudaDevice::moment_after(std::uint64_t work) {
  State& state = *state_;
  if (state.marks.empty()) {
    state.marks.reserve(kMarks);
    for (std::size_t i = 0; i < kMarks; ++i) state.marks.push_back({CudaEvent(context_), 0});
  }
  const Mark* best = nullptr;
  for (const Mark& mark : state.marks) {
    if (mark.work >= work && (best == nullptr || mark.work < best->work)) best = &mark;
  }
  if (best != nullptr) return best->event;
  Mark& mark = state.marks[state.next_mark];
  mark.work = 0;
  context_.check(context_.driver.cuEventRecord(mark.event, state.compute), "cuEventRecord",
                 "ordering a copy behind earlier work");
  mark.work = state.work;
  state.next_mark = (state.next_mark + 1) % state.marks.size();
  return mark.event;
}

int cuda_device_count() {
  return cuda_driver().device_count();
}

std::unique_ptr<GpuDevice> open_cuda_device(int ordinal) {
  return std::make_unique<CudaDevice>(cuda_driver(), ordinal);
}

GpuDevice& cuda_device(int ordinal) {
  static std::mutex mutex;
  // Never closed: Arrays that live in static variables are freed after everything that could close it, and
  // the driver takes all back when the process ends.
  static auto* const devices = new std::map<int, std::unique_ptr<GpuDevice>>;
  const std::lock_guard lock(mutex);
  std::unique_ptr<GpuDevice>& device = (*devices)[ordinal];
  if (device == nullptr) device = open_cuda_device(ordinal);
  return *device;
}

}  // namespace adze

#else

#include "ir/errors.h"

namespace adze {

namespace {

[[noreturn]] void fail_not_built() {
  throw RuntimeError(
      "cuda: Adze was built without the CUDA headers: configure it where CMake finds cuda.h and nvrtc.h");
}

}  // namespace

int cuda_device_count() {
  fail_not_built();
}

std::unique_ptr<GpuDevice> open_cuda_device(int) {
  fail_not_built();
}

GpuDevice& cuda_device(int) {
  fail_not_built();
}

}  // namespace adze

#endif
