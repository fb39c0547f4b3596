#include "passes/compile_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "ir/errors.h"
#include "passes/pipeline.h"

namespace adze {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? std::string_view(value) : std::string_view();
}

/// The names in a comma-separated list, each of which must be one of `allowed`.
std::set<std::string> read_names(const char* variable, const std::vector<std::string>& allowed) {
  std::set<std::string> names;
  std::string_view rest = environment(variable);
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string name(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    std::erase_if(name, [](unsigned char c) { return std::isspace(c) != 0; });
    if (name.empty()) continue;
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      throw CompileError(
          fmt::format("{}: unknown name '{}'; known are {}", variable, name, fmt::join(allowed, ", ")));
    }
    names.insert(std::move(name));
  }
  return names;
}

bool read_flag(const char* variable, bool otherwise) {
  const std::string_view value = environment(variable);
  if (value.empty()) return otherwise;
  if (value == "0" || value == "1") return value == "1";
  throw CompileError(fmt::format("{}: expected 0 or 1, got '{}'", variable, value));
}

std::vector<std::string> dump_names() {
  std::vector<std::string> names = {"graph", "plan", "loops",          "llvm",        "asm",
                                    "cuda",  "ptx",  "lower_to_loops", "plan_launch", "plan_transfers"};
  names.insert(names.end(), pass_names().begin(), pass_names().end());
  return names;
}

/// Function names come from users: keep what is safe in a file name.
std::string file_name(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-') c = '_';
  }
  return result.empty() ? "main" : result;
}

void write_file(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  {
    std::ofstream out(temporary, std::ios::binary);
    out << text;
    out.close();
    if (!out) throw IoError(path.string() + ": cannot be written (ADZE_DUMP_DIR)");
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) throw IoError(path.string() + ": cannot be written: " + error.message());
}

}  // namespace

void CompileContext::write_dump(const std::string& stage, const std::string& name,
                                const std::function<std::string()>& text) {
  if (!dump.contains(stage)) return;
  const int number = dump_count++;
  if (dump_directory.empty()) {
    const std::string block = fmt::format("// {}: {}\n{}\n", name, stage, text());
    std::fwrite(block.data(), 1, block.size(), stderr);
    return;
  }
  std::error_code error;
  std::filesystem::create_directories(dump_directory, error);
  if (error) throw IoError(dump_directory + ": cannot be made (ADZE_DUMP_DIR): " + error.message());
  write_file(
      std::filesystem::path(dump_directory) / fmt::format("{}.{:02}.{}", file_name(name), number, stage),
      text());
}

std::string CompileContext::time_table(const std::string& name) const {
  std::vector<Timing> sums;
  double total = 0;
  for (const Timing& timing : timings) {
    total += timing.milliseconds;
    const auto known =
        std::find_if(sums.begin(), sums.end(), [&](const Timing& sum) { return sum.pass == timing.pass; });
    if (known == sums.end()) {
      sums.push_back(timing);
    } else {
      known->milliseconds += timing.milliseconds;
    }
  }
  std::string table = fmt::format("compile @{}\n", name);
  for (const Timing& sum : sums) table += fmt::format("  {:<16} {:>9.3f} ms\n", sum.pass, sum.milliseconds);
  return table + fmt::format("  {:<16} {:>9.3f} ms\n", "total", total);
}

void CompileContext::write_time_table(const std::string& name) const {
  if (!report_time) return;
  const std::string table = time_table(name);
  std::fwrite(table.data(), 1, table.size(), stderr);
}

CompileContext CompileContext::from_environment() {
  CompileContext context;
  context.disabled = read_names("ADZE_DISABLE", pass_names());
  context.dump = read_names("ADZE_DUMP", dump_names());
  context.dump_directory = environment("ADZE_DUMP_DIR");
  context.verify = read_flag("ADZE_VERIFY", context.verify);
  context.report_time = read_flag("ADZE_TIME", context.report_time);
  if (const std::string_view mode = environment("ADZE_LAUNCH"); !mode.empty()) {
    using Mode = loop::Launch::Mode;
    if (mode != "persistent" && mode != "graph") {
      throw CompileError(fmt::format("ADZE_LAUNCH: expected persistent or graph, got '{}'", mode));
    }
    context.launch = mode == "graph" ? Mode::kGraph : Mode::kPersistent;
  }
  return context;
}

}  // namespace adze
