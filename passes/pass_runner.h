#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "passes/compile_context.h"

namespace adze {

/// Runs the passes of one compilation, each in the same way: on or off, timed, verified after, dumped on
/// request.
class PassRunner {
 public:
  /// What a pass works on: how to check it and how to show it.
  struct Subject {
    std::function<void()> verify;
    std::function<std::string()> print;
  };

  /// `name` is the compiled function's, for dumps.
  PassRunner(CompileContext& context, std::string name) : context_(context), name_(std::move(name)) {}

  /// Runs `pass`, or `instead` where `pass` is disabled (may be empty: nothing happens, nothing is timed).
  /// Then verifies, and dumps the text after the pass, or "(unchanged)" where it `keeps_level` and the text
  /// is as before.
  void run(std::string_view pass, bool keeps_level, const std::function<void()>& body,
           const std::function<void()>& instead, const Subject& subject);

  /// Dumps the subject under the name of a stage, such as "loops".
  void dump_stage(std::string_view stage, const Subject& subject);

 private:
  CompileContext& context_;
  std::string name_;
};

}  // namespace adze
