#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "ir/errors.h"
#include "tools/commands.h"

extern char** environ;

namespace adze::tool {
namespace {

namespace fs = std::filesystem;

/// Folders where the CUDA toolkit's programs may be, the most wanted first.
std::vector<fs::path> program_folders() {
  std::vector<fs::path> folders;
  if (const char* path = std::getenv("PATH")) {
    std::string_view rest = path;
    while (!rest.empty()) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      if (colon > 0) folders.emplace_back(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  }
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    const char* root = std::getenv(variable);
    if (root && *root) folders.push_back(fs::path(root) / "bin");
  }
  folders.emplace_back("/usr/local/cuda/bin");
  return folders;
}

/// The command that disassembles a CUBIN, without the file.
std::vector<std::string> disassembler() {
  for (const char* name : {"nvdisasm", "cuobjdump"}) {
    for (const fs::path& folder : program_folders()) {
      const std::string path = (folder / name).string();
      if (::access(path.c_str(), X_OK) != 0 || fs::is_directory(path)) continue;
      if (std::string_view(name) == "nvdisasm") return {path, "--print-code"};
      return {path, "--dump-sass"};
    }
  }
  throw RuntimeError(
      "--emit=sass needs nvdisasm or cuobjdump of the CUDA toolkit: there is none on PATH, in "
      "$CUDA_HOME/bin, "
      "$CUDA_PATH/bin or /usr/local/cuda/bin (--emit=ptx needs neither)");
}

/// A file for the length of a call.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& content) {
    std::error_code error;
    const fs::path folder = fs::temp_directory_path(error);
    path_ = ((error ? fs::path("/tmp") : folder) / "adze-XXXXXX").string();
    const int file = ::mkstemp(path_.data());
    if (file < 0) throw IoError(path_ + ": cannot be made: " + std::strerror(errno));
    ::close(file);
    std::ofstream out(path_, std::ios::binary);
    out << content;
    out.close();
    if (!out) {
      ::unlink(path_.c_str());
      throw IoError(path_ + ": cannot be written");
    }
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What the command prints. RuntimeError where it fails, with what it said.
std::string output_of(const std::vector<std::string>& command) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw RuntimeError(std::string("pipe: ") + std::strerror(errno));
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string output;
  char buffer[4096];
  for (ssize_t got = 0;
       error == 0 && ((got = ::read(ends[0], buffer, sizeof buffer)) > 0 || (got < 0 && errno == EINTR));) {
    if (got > 0) output.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  if (error != 0) throw RuntimeError(fmt::format("{}: {}", command[0], std::strerror(error)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) throw RuntimeError(fmt::format("{} failed:\n{}", fmt::join(command, " "), output));
  return output;
}

}  // namespace

void check_disassembler() {
  disassembler();
}

std::string disassemble(const std::string& cubin) {
  std::vector<std::string> command = disassembler();
  const TemporaryFile file(cubin);
  command.push_back(file.path());
  return output_of(command);
}

}  // namespace adze::tool
