#include <nvrtc.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "fake_state.h"

// An NVRTC that checks its options and hands the source on: the fake driver compiles it for the host. A line
// with
// "#error" is an error in the source.

struct _nvrtcProgram {
  std::string source, name, log, code;
};

namespace {

constexpr const char* kArchitecture = "--gpu-architecture=";

#define FAKE_ENTER()                        \
  fake_cuda::State& s = fake_cuda::state(); \
  const std::lock_guard lock(s.mutex);      \
  if (s.enter(__func__, false) != CUDA_SUCCESS) return NVRTC_ERROR_INTERNAL_ERROR

nvrtcResult put(const std::string& text, char* to) {
  std::memcpy(to, text.c_str(), text.size() + 1);
  return NVRTC_SUCCESS;
}

}  // namespace

extern "C" {

nvrtcResult nvrtcVersion(int* major, int* minor) {
  FAKE_ENTER();
  *major = 99;  // no real one: what it makes must never come from a cache
  *minor = 0;
  return NVRTC_SUCCESS;
}

const char* nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
    case NVRTC_ERROR_COMPILATION:
      return "NVRTC_ERROR_COMPILATION";
    case NVRTC_ERROR_INVALID_OPTION:
      return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_INTERNAL_ERROR:
      return "NVRTC_ERROR_INTERNAL_ERROR";
    default:
      return "NVRTC_ERROR unknown";
  }
}

nvrtcResult nvrtcGetNumSupportedArchs(int* count) {
  FAKE_ENTER();
  *count = static_cast<int>(s.settings().architectures.size());
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int* architectures) {
  FAKE_ENTER();
  std::copy(s.settings().architectures.begin(), s.settings().architectures.end(), architectures);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* source, const char* name, int,
                               const char* const*, const char* const*) {
  FAKE_ENTER();
  *program = new _nvrtcProgram{source, name, {}, {}};
  ++s.programs;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program) {
  fake_cuda::State& s = fake_cuda::state();
  const std::lock_guard lock(s.mutex);
  --s.programs;
  delete *program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int count, const char* const* options) {
  FAKE_ENTER();
  std::string architecture;
  bool contracts = true;
  for (int i = 0; i < count; ++i) {
    const std::string option = options[i];
    if (option == "--fmad=false") contracts = false;
    if (option == "--minimal" && !s.settings().knows_minimal) {
      program->log = "nvrtc: error: unrecognized option --minimal found\n";
      return NVRTC_ERROR_INVALID_OPTION;
    }
    if (option.rfind(kArchitecture, 0) == 0) architecture = option.substr(std::strlen(kArchitecture));
  }
  if (contracts) s.report("compiled with contraction of multiply and add");
  const std::size_t at = architecture.find('_');
  const int number = at == std::string::npos ? 0 : std::stoi(architecture.substr(at + 1));
  const auto& known = s.settings().architectures;
  if (std::find(known.begin(), known.end(), number) == known.end()) {
    program->log = "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
    return NVRTC_ERROR_INVALID_OPTION;
  }
  if (const std::size_t error = program->source.find("#error"); error != std::string::npos) {
    const auto line = 1 + std::count(program->source.begin(),
                                     program->source.begin() + static_cast<std::ptrdiff_t>(error), '\n');
    program->log =
        program->name + "(" + std::to_string(line) + "): error: #error directive\n\n1 error detected\n";
    return NVRTC_ERROR_COMPILATION;
  }
  program->code = fake_cuda::kCubinHead + std::to_string(number) + "\n" + program->source;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, std::size_t* size) {
  FAKE_ENTER();
  *size = program->log.size() + 1;
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char* log) {
  FAKE_ENTER();
  return put(program->log, log);
}
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, std::size_t* size) {
  FAKE_ENTER();
  *size = program->code.size() + 1;
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char* ptx) {
  FAKE_ENTER();
  return put(program->code, ptx);
}
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, std::size_t* size) {
  FAKE_ENTER();
  *size = program->code.size() + 1;
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* cubin) {
  FAKE_ENTER();
  return put(program->code, cubin);
}

}  // extern "C"
