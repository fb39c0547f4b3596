#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "ir/literal.h"
#include "passes/compile_context.h"
#include "runtime/device.h"

/// The subcommands of the `adze` tool. Each reads a file, writes to the standard output or to files, and
/// gives the exit code; errors are thrown.
namespace adze::tool {

enum ExitCode : int { kGood = 0, kCheckFailed = 1, kUsage = 2, kBadInput = 3, kInternalError = 4 };

/// The command line asks for something that does not exist: exit code 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What all subcommands take.
struct CommonOptions {
  std::string file;                   ///< an .adze file, or "-" for the standard input
  std::string function;               ///< empty: all (print, grad, check) or the only one (run)
  std::string cpu;                    ///< empty: ADZE_CPU or the host
  std::vector<std::string> disabled;  ///< passes to skip, besides those of ADZE_DISABLE
  std::string target;                 ///< "sm_90": compile for such a GPU; empty: for `cpu`
  int multiprocessors = 132;          ///< of that GPU; an H100 has 132
  std::string launch;                 ///< persistent or graph; empty: ADZE_LAUNCH or plan_launch's choice
};

struct PrintOptions {
  std::string emit = "graph";
  std::vector<std::size_t> donated;  ///< parameters whose memory may be overwritten
};

struct GradOptions {
  std::vector<std::size_t> wrt;  ///< parameters to differentiate with respect to; empty: all float ones
  bool with_value = false;
};

struct RunOptions {
  std::vector<std::string> inputs;
  std::string output_directory;
  std::string device = "cpu";  ///< as parse_device reads it
};

struct CheckOptions {
  std::string device = "cpu";
  std::uint64_t seed = 0;
  std::optional<double> tolerance;  ///< none: by dtype
};

int print_command(const CommonOptions& common, const PrintOptions& options);
int grad_command(const CommonOptions& common, const GradOptions& options);
int run_command(const CommonOptions& common, const RunOptions& options);
int check_command(const CommonOptions& common, const CheckOptions& options);
int devices_command();
/// The op table: each op's pattern, rules and signature; how many there are in the last line.
int ops_command();

/// The functions asked for, parsed and verified. Throws IoError, UsageError.
std::vector<Graph> load_functions(const CommonOptions& common);
/// The one function asked for.
Graph load_function(const CommonOptions& common);
/// Settings of the environment and of the command line together.
CompileContext make_context(const CommonOptions& common);
/// One flag a parameter, true at `positions`. Throws UsageError for a position that is not there.
std::vector<bool> parameter_flags(const Graph& graph, const std::vector<std::size_t>& positions);
/// Throws RuntimeError when some value alone is larger than the memory of this machine.
void check_sizes(const Graph& graph);

/// The device of that name. UsageError where there is no such name, or where the options are about another.
Device device_named(const std::string& name, const CommonOptions& common);

/// Builds for the device and runs once, as a user's call would.
std::vector<Literal> run_on(Device device, const Graph& graph, const std::vector<Literal>& inputs,
                            CompileContext& context);

/// A CUBIN as SASS, by the toolkit's disassembler. RuntimeError where there is none, which
/// `check_disassembler` says before anything is compiled.
std::string disassemble(const std::string& cubin);
void check_disassembler();

}  // namespace adze::tool
