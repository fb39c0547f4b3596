#include "tests/fuzz/minimise.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>

namespace adze::fuzz {
namespace {

constexpr int kAttempts = 400;
constexpr unsigned kSeconds = 20;  ///< after which a process of its own is stopped

}  // namespace

std::string verdict(const Program& program, const Oracle& oracle) {
  try {
    return oracle.check(program);
  } catch (const std::exception& error) {
    return std::string("throws: ") + error.what();
  }
}

std::string isolated_verdict(const Program& program, const Oracle& oracle) {
  int ends[2];
  if (pipe(ends) != 0) return verdict(program, oracle);
  const pid_t child = fork();
  if (child == 0) {
    for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGILL, SIGBUS}) std::signal(signal, SIG_DFL);
    alarm(kSeconds);
    const std::string found = verdict(program, oracle);
    const auto written = write(ends[1], found.data(), found.size());
    _exit(written == static_cast<ssize_t>(found.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string found;
  char block[4096];
  for (ssize_t count = 0; (count = read(ends[0], block, sizeof block)) > 0;)
    found.append(block, static_cast<std::size_t>(count));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return "ends by signal " + std::to_string(WTERMSIG(status));
  return found;
}

Program minimise(const Program& program, const Oracle& oracle,
                 std::string (*judge)(const Program&, const Oracle&)) {
  std::vector<Literal> values;
  try {
    values = all_values(program);
  } catch (const std::exception&) {
    return program;  // the interpreter itself is what fails
  }
  int attempts = 0;
  const auto fails = [&](const Program& candidate) {
    return ++attempts < kAttempts && !judge(candidate, oracle).empty();
  };
  const Graph& graph = program.graph;
  std::vector<bool> cut(graph.values().size(), false);
  std::vector<ValueId> results(graph.results().begin(), graph.results().end());

  for (std::uint32_t v = 0; v < graph.values().size(); ++v) {  // the first value that fails alone
    if (graph.is_parameter({v}) || !fails(excerpt(program, {{v}}, cut, values))) continue;
    results = {{v}};
    break;
  }
  for (std::size_t n = graph.nodes().size(); n-- > 0;) {  // late nodes first: they take the most with them
    const Node& node = graph.nodes()[n];
    std::vector<bool> with = cut;
    bool is_result = false;
    for (std::uint32_t k = 0; k < node.result_count; ++k) {
      with[node.result_at(k).index] = true;
      for (const ValueId result : results) is_result = is_result || result == node.result_at(k);
    }
    if (!is_result && fails(excerpt(program, results, with, values))) cut = std::move(with);
  }
  Program smaller = excerpt(program, results, cut, values);
  return judge(smaller, oracle).empty() ? program : smaller;
}

}  // namespace adze::fuzz
