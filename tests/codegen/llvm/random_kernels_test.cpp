#include <gtest/gtest.h>

#include "tests/support/random_kernels.h"

// Random kernels, compiled against interpreted.

namespace adze {
namespace {

using namespace loop;
using namespace testing;

TEST(RandomKernels, EqualTheInterpreter) {
  const Arrays arrays = random_kernels::arguments();
  const char* count = std::getenv("ADZE_TEST_RANDOM_KERNELS");  // more, after a change to the emitter
  for (unsigned seed = 0; seed < (count == nullptr ? 24u : static_cast<unsigned>(std::atoi(count))); ++seed) {
    const Kernel kernel = random_kernels::RandomKernel(seed).build();
    expect_native_equals_interpreter(kernel, arrays);
    if (::testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace adze
