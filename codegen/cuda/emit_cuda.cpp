#include "codegen/cuda/emit_cuda.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "codegen/cuda/embedded.h"
#include "codegen/cuda/kernel_printer.h"
#include "codegen/cuda/scalar_text.h"
#include "ir/errors.h"
#include "ir/regions.h"

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
    std::string text = functions_[kernel] + "(";
    for (std::size_t i = 0; i < arguments.size(); ++i) text += (i == 0 ? "" : ", ") + arguments[i];
    return text + ");\n";
  }

  std::string entry_prefix() const { return "adze_" + cuda::identifier(program_.name); }

  void print_entry(const std::string& name, std::size_t pointers, bool cooperative, const std::string& body) {
    source_.entries.push_back({name, pointers, cooperative});
    source_.text += fmt::format("\nADZE_ENTRY({}) {}(const AdzePointers<{}> pointers) {{\n{}}}\n",
                                source_.threads, name, pointers + (cooperative ? 1 : 0), body);
  }

  /// One entry that runs all calls, with a barrier wherever a phase ends. At a region's border there is one
  /// before the predicate is read, at the end of each iteration, and behind what may be left at different
  /// times: no block reads a predicate that another may have changed.
  void print_persistent() {
    for (const loop::KernelCall& kernel_call : program_.calls) {
      for (const BufferRef& ref : kernel_call.arguments) slot(ref);
    }
    for (const loop::Region& region : program_.regions) {
      if (region.kind != loop::Region::Kind::kLoop) slot(region.predicate);
    }
    print_range(0, program_.calls.size(), 0, 1);
    print_entry(entry_prefix(), buffers_.size(), true, body_);
    source_.calls.push_back({0, std::move(buffers_), program_.launch->blocks, 0});
  }

  void print_range(std::size_t begin, std::size_t end, std::size_t first_region, int depth) {
    loop::walk_calls(
        program_, begin, end, first_region,
        [&](std::size_t c) {
          if (c > 0 && program_.calls[c].phase != program_.calls[c - 1].phase) barrier(depth);
          std::vector<std::string> arguments;
          for (const BufferRef& ref : program_.calls[c].arguments) arguments.push_back(pointer(ref));
          body_ += indent(depth) + call(program_.calls[c].kernel, arguments);
          working_ = true;
        },
        [&](std::size_t r) { print_region(r, depth); });
  }

  void print_region(std::size_t r, int depth) {
    const loop::Region& region = program_.regions[r];
    const auto predicate = [&](const char* type) {
      return fmt::format("adze_predicate<{}>({})", type, pointer(region.predicate));
    };
    const bool is_branch = region.kind == loop::Region::Kind::kBranch;
    barrier(depth);
    body_ += indent(depth);
    if (region.kind == loop::Region::Kind::kLoop) {
      body_ += fmt::format("for (long long r{0} = 0; r{0} < {1}; ++r{0}) {{\n", r, region.count);
    } else if (region.kind == loop::Region::Kind::kWhile) {
      body_ += fmt::format("while ({}) {{\n", predicate("unsigned char"));
    } else {
      body_ += fmt::format("if (adze_within({}, {}, {})) {{\n", predicate("int"), int_text(region.low),
                           int_text(region.high));
    }
    print_range(region.begin, region.end, r + 1, depth + 1);
    if (!is_branch) barrier(depth + 1);
    body_ += indent(depth) + "}\n";
    working_ = true;  // blocks may be on both sides of the brace, reading the predicate
    if (region.kind == loop::Region::Kind::kLoop) working_ = false;
  }

  static std::string int_text(std::int32_t value) {
    return value == INT32_MIN ? "-2147483647 - 1" : std::to_string(value);
  }
  static std::string indent(int depth) { return std::string(static_cast<std::size_t>(2 * depth), ' '); }

  void barrier(int depth) {
    if (!working_) return;
    // Its argument comes behind all buffers.
    body_ += indent(depth) + fmt::format("adze_grid_barrier(pointers.at[{}]);\n", buffers_.size());
    working_ = false;
  }

  /// The place of a buffer among the entry's pointers; the arena has one.
  std::size_t slot(const BufferRef& ref) {
    const BufferRef base{ref.place, ref.place == BufferRef::Place::kArena ? 0 : ref.position};
    const auto at = std::find(buffers_.begin(), buffers_.end(), base);
    const auto result = static_cast<std::size_t>(at - buffers_.begin());
    if (at == buffers_.end()) buffers_.push_back(base);
    return result;
  }

  std::string pointer(const BufferRef& ref) {
    const std::string text = fmt::format("pointers.at[{}]", slot(ref));
    const std::int64_t offset = ref.place == BufferRef::Place::kArena ? ref.position : ref.offset;
    if (offset == 0 && ref.slices.empty()) return text;
    std::string address = fmt::format("static_cast<char*>({})", text);
    if (offset != 0) address += fmt::format(" + {}", offset);
    for (const loop::Slice& slice : ref.slices) {
      address +=
          fmt::format(" {} {} * r{}", slice.stride < 0 ? "-" : "+", std::abs(slice.stride), slice.region);
    }
    return address;
  }

  void print_graph() {
    ADZE_CHECK(program_.regions.empty(), "a CUDA graph has no loops: plan_launch makes it one launch");
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
                    indent(1) + call(kernel_call.kernel, arguments));
      }
      source_.calls.push_back({at->second, kernel_call.arguments,
                               std::clamp<std::int64_t>(loop::grid_extent(kernel), 1, INT32_MAX),
                               kernel_call.phase});
    }
  }

  const loop::Program& program_;
  CudaSource source_;
  std::vector<std::string> functions_;  ///< by kernel
  // Of a persistent launch.
  std::vector<BufferRef> buffers_;
  std::string body_;
  bool working_ = false;  ///< since the last barrier something was called, or a predicate read
};

}  // namespace

CudaSource emit_cuda(const loop::Program& program) {
  return ProgramPrinter(program).run();
}

}  // namespace adze
