#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <new>

#include "ir/errors.h"
#include "tools/commands.h"

namespace adze::tool {
namespace {

void add_common(CLI::App& command, CommonOptions& options, const std::string& function_help) {
  command.add_option("FILE", options.file, "an .adze file, or - for the standard input")->required();
  command.add_option("--function", options.function, function_help)->type_name("NAME");
}

void add_compilation(CLI::App& command, CommonOptions& options) {
  command
      .add_option("--cpu", options.cpu,
                  "compile for this CPU: x86-64, x86-64-v3, x86-64-v4 or an LLVM name "
                  "(default: $ADZE_CPU, or this machine)")
      ->type_name("CPU");
  command.add_option("--disable", options.disabled, "passes to skip, separated by commas")
      ->delimiter(',')
      ->type_name("PASS,...");
}

/// A GPU instead of the CPU: levels of its compilation can be shown without one.
void add_gpu(CLI::App& command, CommonOptions& options) {
  command
      .add_option("--target", options.target,
                  "compile for a GPU of this architecture, which need not be there: sm_80, sm_90, ... "
                  "(default: for the CPU; sm_90 where only a GPU has the level)")
      ->type_name("SM")
      ->excludes("--cpu");
  command.add_option("--multiprocessors", options.multiprocessors, "how many that GPU has; an H100 has 132")
      ->check(CLI::Range(1, 1024))
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--launch", options.launch,
                  "how that GPU runs the program: one persistent launch, or a graph of kernels (default: "
                  "$ADZE_LAUNCH, or what the cost model says)")
      ->check(CLI::IsMember({"persistent", "graph"}))
      ->type_name("MODE");
}

void add_device(CLI::App& command, std::string& device) {
  command
      .add_option(
          "--device", device,
          "cpu, cuda or cuda:N (a GPU), cuda-host (the GPU's source, executed and checked by the host) or "
          "interpreter; `adze devices` lists them")
      ->type_name("DEVICE")
      ->capture_default_str();
}

int report(const char* message, int code) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", message);
  return code;
}

/// Runs a subcommand; every kind of error has its exit code.
int guarded(const std::function<int()>& command) {
  try {
    const int code = command();
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) throw IoError("<stdout>: cannot be written");
    return code;
  } catch (const UsageError& error) {
    return report(error.what(), kUsage);
  } catch (const InternalError& error) {
    return report(error.what(), kInternalError);
  } catch (const Error& error) {
    return report(error.what(), kBadInput);
  } catch (const std::bad_alloc&) {
    return report("out of memory", kBadInput);
  } catch (const std::exception& error) {
    return report(error.what(), kInternalError);
  }
}

int run_tool(int argc, char** argv) {
  CLI::App app("Adze: look at, differentiate, run and check functions in the .adze text form.", "adze");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 good, 1 a check failed, 2 usage, 3 bad input (or something that this machine lacks), 4 "
      "internal "
      "error.\n"
      "`adze COMMAND --help` explains a command.");
  CommonOptions common;
  std::function<int()> command;

  PrintOptions print_options;
  CLI::App& print = *app.add_subcommand("print", "show a function at a level of its compilation");
  add_common(print, common, "show only this function");
  print
      .add_option(
          "--emit", print_options.emit,
          "input (as read), graph (optimised), groups (fused kernels), plan (memory), loops (scheduled), "
          "llvm or asm (of the CPU), cuda, ptx or sass (of a GPU)")
      ->check(
          CLI::IsMember({"input", "graph", "groups", "plan", "loops", "llvm", "asm", "cuda", "ptx", "sass"}))
      ->type_name("LEVEL")
      ->capture_default_str();
  print.add_option("--donate", print_options.donated, "parameters whose memory may be overwritten, from 0")
      ->delimiter(',')
      ->type_name("N,...");
  add_compilation(print, common);
  add_gpu(print, common);
  print.callback([&] { command = [&] { return print_command(common, print_options); }; });

  GradOptions grad_options;
  CLI::App& grad = *app.add_subcommand("grad", "print the gradient of a function's first result, as .adze");
  add_common(grad, common, "differentiate only this function");
  grad.add_option("--wrt", grad_options.wrt,
                  "parameters to differentiate with respect to, from 0 (default: all of a float dtype)")
      ->delimiter(',')
      ->type_name("N,...");
  grad.add_flag("--with-value", grad_options.with_value, "return the value too, before the gradients");
  grad.callback([&] { command = [&] { return grad_command(common, grad_options); }; });

  RunOptions run_options;
  CLI::App& run = *app.add_subcommand("run", "run a function on .npy files; writes DIR/result0.npy, ...");
  add_common(run, common, "which function, where the file holds several");
  run.add_option("--input", run_options.inputs, "one .npy file a parameter, in order")
      ->type_name("FILE.npy ...");
  run.add_option("--output-dir", run_options.output_directory, "where results go; made if missing")
      ->required()
      ->type_name("DIR");
  add_device(run, run_options.device);
  add_compilation(run, common);
  run.callback([&] { command = [&] { return run_command(common, run_options); }; });

  CheckOptions check_options;
  CLI::App& check = *app.add_subcommand(
      "check",
      "parse, verify and compile each function, run it on random inputs and compare with the interpreter");
  add_common(check, common, "check only this function");
  add_device(check, check_options.device);
  check.add_option("--seed", check_options.seed, "of the random inputs")
      ->type_name("N")
      ->capture_default_str();
  check
      .add_option(
          "--tolerance", check_options.tolerance,
          "largest difference allowed, relative to the largest element of a result (default: 1e-5 for f32, "
          "1e-12 for f64; integers and bools must be equal)")
      ->type_name("X")
      ->check(CLI::NonNegativeNumber);
  add_compilation(check, common);
  check.callback([&] { command = [&] { return check_command(common, check_options); }; });

  CLI::App& list =
      *app.add_subcommand("devices", "list what programs can run on here, and why not on the rest");
  list.callback([&] { command = devices_command; });

  CLI::App& ops =
      *app.add_subcommand("ops", "list the primitives: pattern, samples, rules, operands and attributes");
  ops.callback([&] { command = ops_command; });

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    return app.exit(success);  // --help
  } catch (const CLI::ParseError& error) {
    return report((std::string(error.what()) + "\nTry `adze --help`.").c_str(), kUsage);
  }
  return guarded(command);
}

}  // namespace
}  // namespace adze::tool

int main(int argc, char** argv) {
  try {
    return adze::tool::run_tool(argc, argv);
  } catch (const std::exception& error) {  // CLI11 itself, or no memory for it
    return adze::tool::report(error.what(), adze::tool::kInternalError);
  }
}
