#include "passes/target.h"

namespace adze {

Target gpu_target(int compute_capability, int multiprocessors) {
  Target target;
  target.kind = TargetKind::kGpu;
  target.cpu = "sm_" + std::to_string(compute_capability);
  target.vector_bytes = 16;  // one access of a thread
  target.vector_registers = 128;
  target.has_fma = true;
  target.has_masks = true;
  target.has_math = true;
  target.compute_capability = compute_capability;
  target.multiprocessors = multiprocessors;
  return target;
}

}  // namespace adze
