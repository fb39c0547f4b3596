// The accuracy campaign behind docs/numerics.md: every function that expand_math writes as arithmetic, over
// stratified inputs, interpreted with and without fused multiply-adds and as machine code for this host.
//   ./run ulp [log2 of the inputs a function, default 20]

#include <cstdio>
#include <cstdlib>
#include <string>

#include "codegen/cpu_backend.h"
#include "codegen/host_target.h"
#include "runtime/loop_interpreter.h"
#include "tests/support/ulp.h"

namespace adze {
namespace {

void run_interpreter(const loop::Kernel& kernel, const std::vector<std::byte*>& arguments) {
  interpret(kernel, arguments);
}

void run_native(const loop::Kernel& kernel, const std::vector<std::byte*>& arguments) {
  loop::Program program;
  program.name = kernel.name;
  loop::KernelCall call;
  for (std::size_t i = 0; i < kernel.argument_count; ++i) {
    const loop::BufferType& type = kernel.buffers[i].type;
    program.parameter_types.push_back({type.dtype, type.shape});
    call.arguments.push_back({loop::BufferRef::Place::kParameter, static_cast<std::int64_t>(i)});
  }
  program.kernels = {kernel};
  program.calls = {call};
  CompileContext context;
  context.target = host_target();
  const auto code = compile_native(program, context);
  const std::vector<void*> buffers(arguments.begin(), arguments.end());
  code->entry()(buffers.data(), nullptr);
}

int campaign(std::size_t count) {
  const bool host_has_fma = host_target().has_fma;
  std::printf("%zu stratified inputs a function; errors in ULP of the exact value\n", count);
  std::printf("%-10s %-5s %9s %9s %9s   %s\n", "function", "dtype", "fma", "no fma", "native",
              "worst input (of all three)");
  double largest = 0;
  for (const auto& [op, dtype] : ulp::expanded_functions()) {
    const ulp::Result results[] = {ulp::measure(op, dtype, true, count, run_interpreter),
                                   ulp::measure(op, dtype, false, count, run_interpreter),
                                   ulp::measure(op, dtype, host_has_fma, count, run_native)};
    const ulp::Result& worst =
        *std::max_element(std::begin(results), std::end(results),
                          [](const auto& a, const auto& b) { return a.max_ulp < b.max_ulp; });
    std::printf("%-10s %-5s %9.2f %9.2f %9.2f   %.17g", std::string(to_string(op)).c_str(),
                std::string(to_string(dtype)).c_str(), results[0].max_ulp, results[1].max_ulp,
                results[2].max_ulp, worst.x);
    if (loop::arity(op) == 2) std::printf(", %.17g", worst.y);
    std::printf("\n");
    largest = std::max(largest, worst.max_ulp);
  }
  std::printf("largest error %.2f ULP, allowed 4\n", largest);
  return largest <= 4 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace adze

int main(int argc, char** argv) {
  const int bits = argc > 1 ? std::atoi(argv[1]) : 20;
  if (bits < 6 || bits > 30) {
    std::fprintf(stderr, "usage: ulp [log2 of the inputs a function, 6 to 30]\n");
    return 2;
  }
  return adze::campaign(std::size_t{1} << bits);
}
