#include "codegen/cuda/nvrtc.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ir/errors.h"

#ifdef ADZE_CUDA_HEADERS

#include <nvrtc.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <mutex>
#include <sstream>

#include "codegen/cuda/shared_library.h"

namespace adze {
namespace {

constexpr std::string_view kWhat = "NVRTC (CUDA's run-time compiler)";

/// Sonames, by the loader's search path and then where toolkits are installed.
std::vector<std::string> library_names() {
  const std::vector<std::string> sonames = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
  std::vector<std::string> names = sonames;
  std::vector<std::string> roots;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    const char* const root = std::getenv(variable);
    if (root != nullptr && *root != '\0') roots.emplace_back(root);
  }
  roots.emplace_back("/usr/local/cuda");
  for (const std::string& root : roots) {
    for (const std::string& soname : sonames) names.push_back(root + "/lib64/" + soname);
  }
  return names;
}

/// The functions of the library that are used.
struct Nvrtc {
  SharedLibrary library;
  decltype(&::nvrtcVersion) version;
  decltype(&::nvrtcGetErrorString) error_string;
  decltype(&::nvrtcGetNumSupportedArchs) architecture_count;
  decltype(&::nvrtcGetSupportedArchs) architectures;
  decltype(&::nvrtcCreateProgram) create;
  decltype(&::nvrtcDestroyProgram) destroy;
  decltype(&::nvrtcCompileProgram) compile;
  decltype(&::nvrtcGetProgramLogSize) log_size;
  decltype(&::nvrtcGetProgramLog) log;
  decltype(&::nvrtcGetPTXSize) ptx_size;
  decltype(&::nvrtcGetPTX) ptx;
  decltype(&::nvrtcGetCUBINSize) cubin_size;
  decltype(&::nvrtcGetCUBIN) cubin;
  std::string version_text;
  /// Does it know --minimal? Found out by the first compilation.
  mutable std::atomic<bool> has_minimal = true;

  Nvrtc() : library(SharedLibrary::open(std::string(kWhat), "ADZE_NVRTC", library_names())) {
    library.find(version, "nvrtcVersion");
    library.find(error_string, "nvrtcGetErrorString");
    library.find(architecture_count, "nvrtcGetNumSupportedArchs");
    library.find(architectures, "nvrtcGetSupportedArchs");
    library.find(create, "nvrtcCreateProgram");
    library.find(destroy, "nvrtcDestroyProgram");
    library.find(compile, "nvrtcCompileProgram");
    library.find(log_size, "nvrtcGetProgramLogSize");
    library.find(log, "nvrtcGetProgramLog");
    library.find(ptx_size, "nvrtcGetPTXSize");
    library.find(ptx, "nvrtcGetPTX");
    library.find(cubin_size, "nvrtcGetCUBINSize");
    library.find(cubin, "nvrtcGetCUBIN");
    int major = 0, minor = 0;
    check(version(&major, &minor), "nvrtcVersion");
    version_text = fmt::format("{}.{}", major, minor);
  }

  void check(nvrtcResult result, const char* call) const {
    if (result == NVRTC_SUCCESS) return;
    throw CompileError(fmt::format("NVRTC {}: {} failed: {}", version_text, call, error_string(result)));
  }
};

/// Opened at the first use that succeeds and kept: code may be compiled until the process ends.
const Nvrtc& nvrtc() {
  static std::mutex mutex;
  static const Nvrtc* opened = nullptr;
  const std::lock_guard lock(mutex);
  if (opened == nullptr) {
    try {
      opened = new Nvrtc;
    } catch (const RuntimeError& error) {
      throw CompileError(error.what());
    }
  }
  return *opened;
}

/// A program until the end of its scope.
class Program {
 public:
  Program(const Nvrtc& library, const std::string& source, const std::string& name) : library_(library) {
    library_.check(library_.create(&program_, source.c_str(), name.c_str(), 0, nullptr, nullptr),
                   "nvrtcCreateProgram");
  }
  ~Program() { library_.destroy(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  nvrtcResult compile(const std::vector<std::string>& options) {
    std::vector<const char*> pointers;
    for (const std::string& option : options) pointers.push_back(option.c_str());
    return library_.compile(program_, static_cast<int>(pointers.size()), pointers.data());
  }
  template <class Size, class Get>
  std::string text(Size size, Get get, const char* call) const {
    std::size_t bytes = 0;
    library_.check(size(program_, &bytes), call);
    std::string result(bytes, '\0');
    library_.check(get(program_, result.data()), call);
    return result;
  }
  std::string log() const {
    std::string result = text(library_.log_size, library_.log, "nvrtcGetProgramLog");
    return result.substr(0, result.find('\0'));
  }

 private:
  const Nvrtc& library_;
  nvrtcProgram program_ = nullptr;
};

/// The log, and below each line of it that names a line of the source, that line.
std::string with_excerpts(const std::string& log, const std::string& source, const std::string& name) {
  std::vector<std::string> lines;
  for (std::istringstream in(source); in;) std::getline(in, lines.emplace_back());
  std::string result;
  std::istringstream in(log);
  for (std::string line; std::getline(in, line);) {
    if (line.empty()) continue;
    result += "\n  " + line;
    const std::string head = name + "(";
    const std::size_t at = line.find(head);
    if (at == std::string::npos) continue;
    std::size_t number = 0;
    std::from_chars(line.data() + at + head.size(), line.data() + line.size(), number);
    if (number >= 1 && number <= lines.size())
      result += fmt::format("\n  {:>5} | {}", number, lines[number - 1]);
  }
  return result;
}

std::string known_architectures(const Nvrtc& library) {
  int count = 0;
  if (library.architecture_count(&count) != NVRTC_SUCCESS || count == 0) return "unknown";
  std::vector<int> numbers(static_cast<std::size_t>(count));
  if (library.architectures(numbers.data()) != NVRTC_SUCCESS) return "unknown";
  std::sort(numbers.begin(), numbers.end());
  std::string result;
  for (const int number : numbers) result += fmt::format("{}sm_{}", result.empty() ? "" : ", ", number);
  return result;
}

/// For all architectures. Contracted multiply-adds would round otherwise than the other back ends do.
constexpr const char* kOptions[] = {"--fmad=false", "--std=c++17"};
/// Quicker to start, for sources that include nothing. Not there before CUDA 12.8.
constexpr const char* kMinimal = "--minimal";

std::string compile_with(const Nvrtc& library, const std::string& source, const std::string& name,
                         int compute_capability, CudaCode code) {
  const char* const kind = code == CudaCode::kCubin ? "sm" : "compute";
  const std::string architecture = fmt::format("--gpu-architecture={}_{}", kind, compute_capability);
  std::vector<std::string> options(std::begin(kOptions), std::end(kOptions));
  options.push_back(architecture);
  const std::string file = name + ".cu";
  for (;;) {
    const bool minimal = library.has_minimal;
    if (minimal) options.emplace_back(kMinimal);
    Program program(library, source, file);
    const nvrtcResult result = program.compile(options);
    if (result == NVRTC_SUCCESS && code == CudaCode::kCubin) {
      return program.text(library.cubin_size, library.cubin, "nvrtcGetCUBIN");
    }
    if (result == NVRTC_SUCCESS) {
      std::string ptx = program.text(library.ptx_size, library.ptx, "nvrtcGetPTX");
      return ptx.substr(0, ptx.find('\0'));
    }
    const std::string log = program.log();
    if (result == NVRTC_ERROR_INVALID_OPTION && log.find("gpu-architecture") != std::string::npos) {
      throw CompileError(fmt::format("NVRTC {} cannot compile for {}_{}; it knows {}", library.version_text,
                                     kind, compute_capability, known_architectures(library)));
    }
    if (result == NVRTC_ERROR_INVALID_OPTION && minimal) {
      library.has_minimal = false;
      options.pop_back();
      continue;
    }
    throw CompileError(fmt::format("NVRTC {} cannot compile {} for {}_{}: {}{}", library.version_text, file,
                                   kind, compute_capability, library.error_string(result),
                                   with_excerpts(log, source, file)));
  }
}

}  // namespace

std::string nvrtc_problem() {
  try {
    nvrtc();
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string nvrtc_version() {
  return nvrtc().version_text;
}

std::string compile_cuda(const std::string& source, const std::string& name, int compute_capability,
                         CudaCode code, CompileContext& context) {
  const Nvrtc& library = nvrtc();
  const char* const kind = code == CudaCode::kCubin ? "cubin" : "ptx";
  std::string content;
  if (context.cache != nullptr) {
    content = fmt::format("nvrtc {} {} sm {}\n{}", library.version_text, fmt::join(kOptions, " "),
                          compute_capability, source);
    if (std::optional<std::string> found = context.cache->find(kind, content)) return std::move(*found);
  }
  std::string result = compile_with(library, source, name, compute_capability, code);
  if (context.cache != nullptr) context.cache->insert(kind, content, result);
  return result;
}

}  // namespace adze

#else

namespace adze {

namespace {

constexpr const char* kNotBuilt =
    "Adze was built without the CUDA headers: configure it where CMake finds cuda.h and nvrtc.h";

}  // namespace

std::string nvrtc_problem() {
  return kNotBuilt;
}

std::string nvrtc_version() {
  throw CompileError(kNotBuilt);
}

std::string compile_cuda(const std::string&, const std::string&, int, CudaCode, CompileContext&) {
  throw CompileError(kNotBuilt);
}

}  // namespace adze

#endif
