#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "codegen/cpu_backend.h"
#include "codegen/host_target.h"
#include "ir/errors.h"
#include "ir/loop_ir.h"
#include "ir/scalar_eval.h"
#include "passes/plan_scratch.h"
#include "runtime/buffer.h"
#include "runtime/loop_interpreter.h"

/// Runs hand-built kernels as machine code and against the loop interpreter.
namespace adze::testing {

/// The CPUs tests compile for: the 128-bit baseline, AVX2 and the host, as far as the host runs them.
inline std::vector<std::string> test_cpus() {
  std::vector<std::string> cpus;
  for (const char* cpu : {"x86-64", "x86-64-v3", "host"}) {
    try {
      target_for_cpu(cpu);
      cpus.push_back(cpu);
    } catch (const CompileError&) {
    }
  }
  return cpus;
}

/// Memory that ends at a page nobody may touch: reading or writing behind the end crashes.
class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t bytes) : bytes_(bytes) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + page - 1) / page * page + page;
    base_ = static_cast<std::byte*>(
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + mapped_ - page, page, PROT_NONE);
    data_ = base_ + mapped_ - page - bytes;
  }
  ~GuardedMemory() { munmap(base_, mapped_); }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  std::byte* data() const { return data_; }
  std::size_t size() const { return bytes_; }

 private:
  std::size_t bytes_, mapped_ = 0;
  std::byte *base_ = nullptr, *data_ = nullptr;
};

/// A kernel under construction; arguments are one-dimensional.
struct KernelBuilder {
  loop::Kernel kernel;
  loop::Exprs& e = kernel.exprs;

  explicit KernelBuilder(std::string name = "k") { kernel.name = std::move(name); }
  KernelBuilder(const KernelBuilder&) = delete;
  KernelBuilder& operator=(const KernelBuilder&) = delete;

  loop::BufferId input(const std::string& name, DType dtype, std::int64_t size) {
    return argument(name, dtype, size, false);
  }
  loop::BufferId output(const std::string& name, DType dtype, std::int64_t size) {
    return argument(name, dtype, size, true);
  }
  loop::BufferId argument(const std::string& name, DType dtype, std::int64_t size, bool written) {
    kernel.argument_count += 1;
    kernel.written.push_back(written);
    return kernel.add_buffer(name, {dtype, {size}, {}}, loop::Scope::kArgument);
  }
  loop::BufferId registers(const std::string& name, DType dtype, std::int64_t size) {
    return kernel.add_buffer(name, {dtype, {size}, {}}, loop::Scope::kRegister);
  }
  loop::ExprId load(loop::BufferId buffer, loop::ExprId index, loop::ExprId guard = {}) {
    return e.load(buffer, kernel.buffers[buffer.index].type.dtype, index, guard);
  }
  loop::ExprId f32(double value) { return e.constant(DType::kF32, value); }

  loop::Stmt serial(loop::VarId var, std::vector<loop::Stmt> body) {
    return loop::Stmt::make_for(var, e.var_extent(var), loop::LoopKind::kSerial, std::move(body));
  }
  loop::Stmt unroll(loop::VarId var, std::vector<loop::Stmt> body) {
    return loop::Stmt::make_for(var, e.var_extent(var), loop::LoopKind::kUnroll, std::move(body));
  }
  loop::Stmt vector(loop::VarId var, std::vector<loop::Stmt> body, loop::ExprId limit = {}) {
    return loop::Stmt::make_for(var, e.var_extent(var), loop::LoopKind::kVector, std::move(body), limit);
  }
};

/// Small numbers of both signs, none alike nearby.
template <class T>
std::vector<T> numbers(std::size_t count) {
  std::vector<T> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    result[i] =
        static_cast<T>((static_cast<double>(i * 37 % 101) - 50) * (std::is_floating_point_v<T> ? 0.25 : 1));
  }
  return result;
}

/// A program that calls `kernel` once; argument i is parameter i.
inline loop::Program program_of(loop::Kernel kernel) {
  loop::Program program;
  program.name = kernel.name;
  loop::KernelCall call;
  for (std::size_t i = 0; i < kernel.argument_count; ++i) {
    const loop::BufferType& type = kernel.buffers[i].type;
    program.parameter_types.push_back({type.dtype, type.shape});
    call.arguments.push_back({loop::BufferRef::Place::kParameter, static_cast<std::int64_t>(i)});
  }
  program.kernels.push_back(std::move(kernel));
  program.calls.push_back(std::move(call));
  return program;
}

using Arrays = std::vector<std::vector<std::byte>>;

template <class T>
std::vector<std::byte> to_bytes(const std::vector<T>& values) {
  std::vector<std::byte> result;
  for (const T value : values) {
    const auto* raw = reinterpret_cast<const std::byte*>(&value);
    result.insert(result.end(), raw, raw + sizeof(T));
  }
  return result;
}
template <class T>
std::vector<T> from_bytes(const std::vector<std::byte>& bytes) {
  std::vector<T> result;
  for (std::size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + i, sizeof(T));
    result.push_back(value);
  }
  return result;
}

/// Compiles and runs the program once; `arrays` are the parameters, changed in place.
inline void run_native(loop::Program program, const std::string& cpu, Arrays& arrays) {
  MemoryPlan plan;
  plan.arena_bytes = program.arena_bytes;
  plan_scratch(program, plan, false);
  CompileContext context;
  context.target = target_for_cpu(cpu);
  const auto code = compile_native(program, context);
  std::vector<std::unique_ptr<GuardedMemory>> memory;
  std::vector<void*> pointers;
  for (const auto& array : arrays) {
    memory.push_back(std::make_unique<GuardedMemory>(array.size()));
    if (!array.empty()) std::memcpy(memory.back()->data(), array.data(), array.size());
    pointers.push_back(memory.back()->data());
  }
  const BufferPtr arena = Buffer::allocate(static_cast<std::size_t>(program.arena_bytes));
  code->entry()(pointers.data(), arena->data());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (!arrays[i].empty()) std::memcpy(arrays[i].data(), memory[i]->data(), arrays[i].size());
  }
}

/// Equal bits; any two NaNs are equal.
inline ::testing::AssertionResult same_elements(DType dtype, const std::vector<std::byte>& expected,
                                                const std::vector<std::byte>& actual) {
  for (std::size_t i = 0; i * byte_size(dtype) < expected.size(); ++i) {
    const std::uint64_t want = loop::read_element(dtype, expected.data() + i * byte_size(dtype));
    const std::uint64_t got = loop::read_element(dtype, actual.data() + i * byte_size(dtype));
    const auto is_nan = [&](std::uint64_t bits) {
      return is_float(dtype) &&
             std::isnan(loop::from_bits<double>(loop::convert_bits(bits, dtype, DType::kF64)));
    };
    if (want == got || (is_nan(want) && is_nan(got))) continue;
    return ::testing::AssertionFailure()
           << "element " << i << " has the bits " << std::hex << got << ", not " << want << std::dec;
  }
  return ::testing::AssertionSuccess();
}

/// Runs `kernel` for every test CPU and expects what the loop interpreter computes. Returns the arrays after.
inline Arrays expect_native_equals_interpreter(const loop::Kernel& kernel, const Arrays& arrays) {
  verify(kernel);
  const loop::Program program = program_of(kernel);
  Arrays expected = arrays;
  std::vector<std::byte*> pointers;
  for (auto& array : expected) pointers.push_back(array.data());
  interpret(kernel, pointers);
  for (const std::string& cpu : test_cpus()) {
    Arrays actual = arrays;
    run_native(program, cpu, actual);
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      EXPECT_TRUE(same_elements(kernel.buffers[i].type.dtype, expected[i], actual[i]))
          << "for " << cpu << ", argument " << kernel.buffers[i].name << "\n"
          << print(kernel);
    }
  }
  return expected;
}

}  // namespace adze::testing
