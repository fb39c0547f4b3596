#include "codegen/cuda/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "ir/errors.h"

namespace adze {

void SharedLibrary::Close::operator()(void* handle) const {
  dlclose(handle);
}

SharedLibrary SharedLibrary::open(const std::string& what, const char* override_variable,
                                  std::span<const std::string> names) {
  const char* const chosen = std::getenv(override_variable);
  if (chosen != nullptr && *chosen != '\0') {
    void* const handle = dlopen(chosen, RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return {what, chosen, handle};
    throw RuntimeError(fmt::format("{} cannot be loaded from {} (named by {}): {}", what, chosen,
                                   override_variable, dlerror()));
  }
  std::string reason;
  for (const std::string& name : names) {
    void* const handle = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return {what, name, handle};
    reason = dlerror();
  }
  throw RuntimeError(fmt::format("{} is not there (looked for {}; {} can name its file): {}", what,
                                 fmt::join(names, ", "), override_variable, reason));
}

void* SharedLibrary::find(const char* function) const {
  void* const result = dlsym(handle_.get(), function);
  if (result != nullptr) return result;
  throw RuntimeError(fmt::format("{} ({}) is too old: it has no {}", what_, path_, function));
}

}  // namespace adze
