#pragma once

#include <gtest/gtest.h>

#include "codegen/cpu_backend.h"

/// The rest of a test is about machine code for the CPU: skipped in a build that makes none (ADZE_LLVM=OFF).
#define ADZE_NEEDS_NATIVE_CODE()                                                             \
  if (const std::string adze_problem = ::adze::native_code_problem(); !adze_problem.empty()) \
  GTEST_SKIP() << adze_problem
