#include <algorithm>
#include <cstring>
#include <optional>
#include <regex>

#include "fake_state.h"
#include "ir/errors.h"
#include "runtime/cuda_host/grid_runner.h"
#include "runtime/cuda_host/host_compiler.h"
#include "runtime/kernel_cache.h"

namespace fake_cuda {
namespace {

using adze::CudaSource;
using adze::cuda_host::GridRunner;
using adze::cuda_host::HostModule;

/// Entries of a source, by what emit_cuda writes before them.
std::vector<CudaSource::Entry> entries_of(const std::string& text) {
  static const std::regex entry(R"(ADZE_ENTRY\(\d+\) (\w+)\(const AdzePointers<(\d+)>)");
  std::vector<CudaSource::Entry> entries;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), entry); it != std::sregex_iterator(); ++it) {
    entries.push_back({(*it)[1], std::stoull((*it)[2]), false});
  }
  return entries;
}

GridRunner& runner() {
  static auto* const kept = new GridRunner(
      [](const void* data, std::size_t bytes) { return state().owner(data, bytes) != nullptr; });
  return *kept;
}

}  // namespace

CUresult load_module(const char* image, Module& module) {
  if (std::strncmp(image, kCubinHead, std::strlen(kCubinHead)) != 0) return CUDA_ERROR_INVALID_IMAGE;
  const char* const line = std::strchr(image, '\n');
  CudaSource source;
  source.text = line + 1;
  source.entries = entries_of(source.text);
  std::shared_ptr<const HostModule> code;
  if (state().settings().execute) {
    static auto* const cache = new std::map<std::string, std::shared_ptr<const HostModule>>;
    std::shared_ptr<const HostModule>& kept = (*cache)[source.text];
    if (kept == nullptr) {
      adze::CompileContext context;
      context.cache = &adze::process_kernel_cache();
      kept = HostModule::compile(std::span<const CudaSource>(&source, 1), context);
    }
    code = kept;
  }
  for (std::size_t i = 0; i < source.entries.size(); ++i) {
    auto function = std::make_unique<Function>();
    function->module = &module;
    function->name = source.entries[i].name;
    function->pointers = source.entries[i].pointers;
    if (code != nullptr) function->entry = code->entry(0, i);
    module.functions[function->name] = std::move(function);
  }
  module.code = code;
  return CUDA_SUCCESS;
}

CUresult run_kernels(const std::vector<const Launch*>& launches) {
  runner().forget();
  for (const Launch* const launch : launches) {
    if (launch->function->entry == nullptr) continue;
    static_cast<const HostModule*>(launch->function->module->code.get())->attach(runner().host());
    try {
      runner().run({.entry = launch->function->entry,
                    .pointers = launch->pointers.data(),
                    .blocks = launch->blocks,
                    .threads = launch->threads,
                    .cooperative = launch->cooperative});
    } catch (const adze::Error& error) {
      return state().lose(CUDA_ERROR_LAUNCH_FAILED, error.what());
    }
  }
  runner().forget();
  return CUDA_SUCCESS;
}

}  // namespace fake_cuda
