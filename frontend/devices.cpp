#include "devices.h"

#include <utility>

#include "codegen/cpu_backend.h"
#include "codegen/host_target.h"
#include "ir/errors.h"
#include "runtime/gpu_device.h"
#include "runtime/kernel_cache.h"

namespace adze {
namespace {

thread_local Device device_of_thread = Device::kCpu;

}  // namespace

namespace detail {

Device current_device() {
  return device_of_thread;
}

CompileContext make_context(Device device) {
  CompileContext context = CompileContext::from_environment();
  static const Target host = host_target();
  context.target = is_gpu(device) ? gpu_device(device).target() : host;
  context.cache = &process_kernel_cache();
  return context;
}

}  // namespace detail

DeviceScope::DeviceScope(Device device) : saved_(std::exchange(device_of_thread, device)) {}

DeviceScope::~DeviceScope() {
  device_of_thread = saved_;
}

std::vector<DeviceInfo> devices() {
  std::vector<DeviceInfo> result;
  const auto add = [&](Device device, auto&& description) {
    try {
      result.push_back({device, description(), {}});
    } catch (const Error& error) {
      result.push_back({device, {}, error.what()});
    }
  };
  const auto add_gpu = [&](Device device) { add(device, [&] { return gpu_device(device).name(); }); };
  add(cpu(), [] {
    const std::string problem = native_code_problem();
    return "cpu (" + (problem.empty() ? host_target().cpu : "the interpreter stands in: " + problem) + ")";
  });
  add(interpreter(), [] { return "interpreter"; });
  try {
    const int count = cuda_device_count();
    for (int i = 0; i < count; ++i) add_gpu(cuda(i));
  } catch (const Error& error) {
    result.push_back({cuda(), {}, error.what()});
  }
  add_gpu(cuda_host());
  return result;
}

}  // namespace adze
