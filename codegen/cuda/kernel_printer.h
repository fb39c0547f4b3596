#pragma once

#include <string>

#include "ir/loop_ir.h"

namespace adze::cuda {

/// The body of the device function of a kernel in the form that a GPU runs: statements on its arguments,
/// which it finds in the parameters p0, p1, ... (void pointers).
struct KernelText {
  std::string body;
  std::int64_t shared_bytes = 0;
};
KernelText print_kernel(const loop::Kernel& kernel);

}  // namespace adze::cuda
