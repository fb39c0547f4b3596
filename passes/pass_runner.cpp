#include "passes/pass_runner.h"

namespace adze {

void PassRunner::run(std::string_view pass, bool keeps_level, const std::function<void()>& body,
                     const std::function<void()>& instead, const Subject& subject) {
  const std::string pass_name(pass);
  const std::function<void()>& chosen = context_.enabled(pass_name) ? body : instead;
  if (!chosen) return;

  const bool dumped = context_.dump.contains(pass_name);
  const std::string before = dumped && keeps_level ? subject.print() : std::string();
  context_.timed(pass_name, chosen);
  if (context_.verify) context_.timed("verify", subject.verify);
  if (!dumped) return;
  context_.write_dump(pass_name, name_, [&] {
    std::string after = subject.print();
    return keeps_level && after == before ? std::string("(unchanged)\n") : after;
  });
}

void PassRunner::dump_stage(std::string_view stage, const Subject& subject) {
  context_.write_dump(std::string(stage), name_, subject.print);
}

}  // namespace adze
