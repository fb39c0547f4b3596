#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"
#include "ir/loop_ir.h"
#include "passes/code_cache.h"
#include "passes/target.h"

namespace adze {

/// All settings and records of one compilation: passed along, never global.
struct CompileContext {
  Target target;
  std::set<std::string> disabled;  ///< ADZE_DISABLE: names of passes that are skipped
  std::set<std::string> dump;  ///< ADZE_DUMP: graph, fuse, plan, loops, llvm, asm, cuda, ptx, or a pass name
  std::string dump_directory;  ///< ADZE_DUMP_DIR; empty: stderr
  bool verify = true;          ///< ADZE_VERIFY=0 turns the verifiers between passes off
  bool report_time = false;    ///< ADZE_TIME=1: the table of passes, in ms, on stderr
  std::optional<loop::Launch::Mode>
      launch;  ///< ADZE_LAUNCH=persistent|graph: instead of plan_launch's choice
  /// Where back ends look for machine code before they make it; none: they always make it. Not owned.
  CodeCache* cache = nullptr;

  struct Timing {
    std::string pass;
    double milliseconds = 0;
  };
  std::vector<Timing> timings;  ///< in the order run

  bool enabled(const std::string& pass) const { return !disabled.contains(pass); }
  /// Runs `body` and records its time under `pass`.
  template <class F>
  auto timed(const std::string& pass, F&& body) {
    struct Stop {
      CompileContext& context;
      const std::string& name;
      std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
      ~Stop() {
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        context.timings.push_back({name, took.count()});
      }
    } stop{*this, pass};
    return std::forward<F>(body)();
  }
  /// Writes `text` where ADZE_DUMP asked for `stage`; nothing otherwise. Files are <dir>/<name>.<nn>.<stage>.
  void write_dump(const std::string& stage, const std::string& name,
                  const std::function<std::string()>& text);
  int dump_count = 0;

  /// The table behind ADZE_TIME: one line a pass (repeated runs are summed) and the total, in ms.
  std::string time_table(const std::string& name) const;
  /// Writes it to stderr where `report_time` is set. Whoever ran the last step calls this.
  void write_time_table(const std::string& name) const;

  /// Settings from the environment (ADZE_DISABLE, ADZE_DUMP, ADZE_DUMP_DIR, ADZE_VERIFY, ADZE_TIME,
  /// ADZE_LAUNCH). The target is left at its default: codegen knows the host. Unknown names or values:
  /// CompileError.
  static CompileContext from_environment();
};

}  // namespace adze
