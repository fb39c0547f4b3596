#include "codegen/cuda/emit_cuda.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "codegen/cuda/embedded.h"
#include "codegen/cuda/kernel_printer.h"
#include "codegen/cuda/scalar_text.h"
#include "ir/errors.h"

namespace adze {
namespace {

using loop::BufferRef;

class ProgramPrinter {
 public:
  explicit ProgramPrinter(const loop::Program& program) : program_(program) {
    ADZE_CHECK(program.launch.has_value(),
               "program @" + program.name + " has no launch: plan_launch makes it");
    source_.threads = program.launch->threads;
  }

  CudaSource run() {
    source_.text = kCudaPrelude;
    if (program_.calls.empty()) return std::move(source_);
    const bool persistent = program_.launch->mode == loop::Launch::Mode::kPersistent;
    print_kernels(persistent);
    if (persistent) {
      print_persistent();
    } else {
      print_graph();
    }
    return std::move(source_);
  }

 private:
  void print_kernels(bool share_memory) {
    std::vector<cuda::KernelText> texts;
    std::int64_t most = 0;
    for (const loop::Kernel& kernel : program_.kernels) {
      texts.push_back(cuda::print_kernel(kernel));
      most = std::max(most, texts.back().shared_bytes);
    }
    // Kernels of one launch take turns in one block of shared memory.
    if (share_memory && most > 0) source_.text += fmt::format("\nADZE_SHARED_MEMORY({});\n", most);
    std::map<std::string, std::size_t> printed;  // equal kernels are printed once
    for (std::size_t k = 0; k < texts.size(); ++k) {
      const auto [at, is_new] = printed.emplace(texts[k].body, k);
      if (!is_new) {
        functions_.push_back(functions_[at->second]);
        continue;
      }
      const loop::Kernel& kernel = program_.kernels[k];
      functions_.push_back(fmt::format("{}_k{}", cuda::identifier(kernel.name), k));
      std::string parameters;
      for (std::size_t i = 0; i < kernel.argument_count; ++i) {
        parameters += fmt::format("{}void* p{}", i == 0 ? "" : ", ", i);
      }
      source_.text += '\n';
      for (const std::string& line : kernel.schedule) source_.text += "// " + line + "\n";
      source_.text += fmt::format("ADZE_KERNEL {}({}) {{\n", functions_.back(), parameters);
      if (!share_memory && texts[k].shared_bytes > 0) {
        source_.text += fmt::format("  ADZE_SHARED_MEMORY({});\n", texts[k].shared_bytes);
      }
      source_.text += texts[k].body + "}\n";
    }
  }

  std::string call(std::size_t kernel, const std::vector<std::string>& arguments) const {
    std::string text = "  " + functions_[kernel] + "(";
    for (std::size_t i = 0; i < arguments.size(); ++i) text += (i == 0 ? "" : ", ") + arguments[i];
    return text + ");\n";
  }

  std::string entry_prefix() const { return "adze_" + cuda::identifier(program_.name); }

  void print_entry(const std::string& name, std::size_t pointers, bool cooperative, const std::string& body) {
    source_.entries.push_back({name, pointers, cooperative});
    source_.text += fmt::format("\nADZE_ENTRY({}) {}(const AdzePointers<{}> pointers) {{\n{}}}\n",
                                source_.threads, name, pointers + (cooperative ? 1 : 0), body);
  }

  void print_persistent() {
    std::vector<BufferRef> buffers;
    const auto pointer = [&](const BufferRef& ref) {
      const bool in_arena = ref.place == BufferRef::Place::kArena;
      const BufferRef base = in_arena ? BufferRef{ref.place, 0} : ref;
      const auto at = std::find(buffers.begin(), buffers.end(), base);
      const std::string text = fmt::format("pointers.at[{}]", at - buffers.begin());
      if (at == buffers.end()) buffers.push_back(base);
      return in_arena && ref.position > 0 ? fmt::format("static_cast<char*>({}) + {}", text, ref.position)
                                          : text;
    };
    std::string body;
    std::size_t phase = program_.calls[0].phase;
    std::vector<std::string> lines;
    for (const loop::KernelCall& kernel_call : program_.calls) {
      if (kernel_call.phase != phase)
        lines.emplace_back();  // a barrier, whose argument comes behind all buffers
      phase = kernel_call.phase;
      std::vector<std::string> arguments;
      for (const BufferRef& ref : kernel_call.arguments) arguments.push_back(pointer(ref));
      lines.push_back(call(kernel_call.kernel, arguments));
    }
    for (const std::string& line : lines) {
      body += line.empty() ? fmt::format("  adze_grid_barrier(pointers.at[{}]);\n", buffers.size()) : line;
    }
    print_entry(entry_prefix(), buffers.size(), true, body);
    source_.calls.push_back({0, std::move(buffers), program_.launch->blocks, 0});
  }

  void print_graph() {
    std::map<std::string, std::size_t> entries;  // by function
    for (const loop::KernelCall& kernel_call : program_.calls) {
      const loop::Kernel& kernel = program_.kernels[kernel_call.kernel];
      const std::string& function = functions_[kernel_call.kernel];
      const auto [at, is_new] = entries.emplace(function, source_.entries.size());
      if (is_new) {
        std::vector<std::string> arguments;
        for (std::size_t i = 0; i < kernel.argument_count; ++i) {
          arguments.push_back(fmt::format("pointers.at[{}]", i));
        }
        print_entry(entry_prefix() + "_" + function, kernel.argument_count, false,
                    call(kernel_call.kernel, arguments));
      }
      source_.calls.push_back({at->second, kernel_call.arguments,
                               std::clamp<std::int64_t>(loop::grid_extent(kernel), 1, INT32_MAX),
                               kernel_call.phase});
    }
  }

  const loop::Program& program_;
  CudaSource source_;
  std::vector<std::string> functions_;  ///< by kernel
};

}  // namespace

CudaSource emit_cuda(const loop::Program& program) {
  return ProgramPrinter(program).run();
}

}  // namespace adze
