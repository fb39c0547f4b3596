#include "runtime/cuda_host/host_compiler.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "codegen/cuda/embedded.h"
#include "ir/errors.h"

extern char** environ;

namespace adze::cuda_host {
namespace {

/// Multiplications and additions stay apart, as on the device. The rest is for quick compilation.
constexpr const char* kFlags[] = {
    "-x",        "c++", "-std=c++17", "-O1",  "-ffp-contract=off", "-fno-exceptions",
    "-fno-rtti", "-w",  "-shared",    "-fPIC"};

/// A directory of its own, removed with all that is in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
    if (error) {
      const char* const asked = std::getenv("TMPDIR");
      throw RuntimeError(fmt::format("cuda-host: no temporary directory: TMPDIR is '{}': {}",
                                     asked ? asked : "", error.message()));
    }
    std::string name = (parent / "adze-host-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw RuntimeError(
          fmt::format("cuda-host: {}: no temporary directory: {}", name, std::strerror(errno)));
    }
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

void write_file(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) throw RuntimeError(fmt::format("cuda-host: {}: cannot be written", path));
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

/// The words of ADZE_CXX: a compiler, perhaps behind a launcher.
std::vector<std::string> compiler_command() {
  const char* named = std::getenv("ADZE_CXX");
  std::istringstream words(named == nullptr ? "" : named);
  std::vector<std::string> command;
  for (std::string word; words >> word;) command.push_back(word);
  if (command.empty()) command.emplace_back("c++");
  return command;
}

struct Outcome {
  int status = 0;  ///< of the process; -1: it could not be started
  std::string output;
};

/// Runs a program without a shell; its output goes through the file `log`.
Outcome run_command(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> words;
  for (const std::string& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawnp(&child, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return {-1, std::strerror(error)};
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return {-1, std::strerror(errno)};
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(log)};
}

/// What the compiler says of its version: part of what an object depends on.
struct Compiler {
  std::vector<std::string> command;
  std::string version, problem;
};

Compiler find_compiler() {
  Compiler compiler{compiler_command(), {}, {}};
  const TemporaryDirectory directory;
  std::vector<std::string> command = compiler.command;
  command.emplace_back("--version");
  const Outcome outcome = run_command(command, directory.file("version"));
  compiler.version = outcome.output;
  if (outcome.status != 0) {
    compiler.problem = fmt::format(
        "cuda-host compiles kernels with a C++ compiler, but '{}' cannot be run ({}); ADZE_CXX names another "
        "one",
        fmt::join(compiler.command, " "),
        outcome.output.empty() ? fmt::format("status {}", outcome.status) : outcome.output);
  }
  return compiler;
}

std::string entry_name(std::size_t source, std::size_t entry) {
  return fmt::format("adze_run_{}_{}", source, entry);
}

/// The sources, each in a namespace of its own, behind the shim; and what calls their entries.
std::string translation_unit(std::span<const CudaSource> sources) {
  // The interface and the shim are one text here; only the first may say what it says once.
  std::string text(kCudaHostInterface);
  text += kCudaHostShim;
  text += kCudaPrelude;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    text += fmt::format("namespace adze_program_{} {{\n{}}}\n", s, sources[s].text);
    for (std::size_t e = 0; e < sources[s].entries.size(); ++e) {
      const CudaSource::Entry& entry = sources[s].entries[e];
      const std::size_t pointers = entry.pointers + (entry.cooperative ? 1 : 0);
      text += fmt::format(
          "extern \"C\" void {}(void* const* at) {{\n"
          "  AdzePointers<{}> pointers;\n"
          "  for (int i = 0; i < {}; ++i) pointers.at[i] = at[i];\n"
          "  adze_program_{}::{}(pointers);\n}}\n",
          entry_name(s, e), pointers, pointers, s, entry.name);
    }
  }
  return text;
}

std::string compile_object(const Compiler& compiler, const std::string& text,
                           const TemporaryDirectory& directory) {
  const std::string source = directory.file("kernels.cpp"), object = directory.file("kernels.so");
  write_file(source, text);
  std::vector<std::string> command = compiler.command;
  command.insert(command.end(), std::begin(kFlags), std::end(kFlags));
  command.insert(command.end(), {source, "-o", object, "-lm"});
  const Outcome outcome = run_command(command, directory.file("log"));
  if (outcome.status != 0) {
    throw CompileError(fmt::format("cuda-host: '{}' failed with status {}:\n{}",
                                   fmt::join(compiler.command, " "), outcome.status,
                                   outcome.output.substr(0, 4000)));
  }
  return read_file(object);
}

}  // namespace

std::string host_compiler_problem() {
  return find_compiler().problem;
}

std::shared_ptr<const HostModule> HostModule::compile(std::span<const CudaSource> sources,
                                                      CompileContext& context) {
  const Compiler compiler = find_compiler();
  if (!compiler.problem.empty()) throw RuntimeError(compiler.problem);
  const std::string text = translation_unit(sources);
  const TemporaryDirectory directory;
  std::string content;
  std::optional<std::string> object;
  if (context.cache != nullptr) {
    content = fmt::format("{} {}\n{}\n{}", fmt::join(compiler.command, " "), fmt::join(kFlags, " "),
                          compiler.version, text);
    object = context.cache->find("host", content);
  }
  if (!object) {
    object = compile_object(compiler, text, directory);
    if (context.cache != nullptr) context.cache->insert("host", content, *object);
  }
  const std::string path = directory.file("loaded.so");
  write_file(path, *object);
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // the file may go: it is mapped
  if (handle == nullptr) throw RuntimeError(fmt::format("cuda-host: compiled kernels: {}", dlerror()));
  return std::shared_ptr<const HostModule>(new HostModule(handle));
}

HostModule::HostModule(void* handle) : handle_(handle) {
  attach_ = reinterpret_cast<void (*)(AdzeHost*)>(symbol("adze_attach"));
}

HostModule::~HostModule() {
  dlclose(handle_);
}

void* HostModule::symbol(const std::string& name) const {
  void* found = dlsym(handle_, name.c_str());
  ADZE_CHECK(found != nullptr, "no symbol " + name + " in compiled kernels");
  return found;
}

HostModule::Entry HostModule::entry(std::size_t source, std::size_t entry) const {
  return reinterpret_cast<Entry>(symbol(entry_name(source, entry)));
}

}  // namespace adze::cuda_host
