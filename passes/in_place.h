#pragma once

#include <cstddef>

#include "passes/fusion.h"
#include "passes/fusion_rules.h"

namespace adze {

/// Which outputs of one group may be written over which inputs: `can_alias` for many questions. The group
/// must outlive it.
class InPlace {
 public:
  explicit InPlace(const KernelGroup& group);
  bool allows(std::size_t input, std::size_t output) const;

 private:
  bool carries_through(ValueId from, ValueId to) const;

  const Graph& body_;
  KernelFacts facts_;
};

}  // namespace adze
