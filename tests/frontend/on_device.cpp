#include <gtest/gtest.h>

#include <memory>

#include "adze/device.h"
#include "support/test_device.h"

// With ADZE_TEST_DEVICE set, all tests of this binary run there: what says no device means that one.

namespace adze {
namespace {

class OnTestDevice final : public ::testing::Environment {
  void SetUp() override {
    if (const std::optional<Device> device = testing::test_device())
      scope_ = std::make_unique<DeviceScope>(*device);
  }
  void TearDown() override { scope_.reset(); }
  std::unique_ptr<DeviceScope> scope_;
};

[[maybe_unused]] const auto* const registered = ::testing::AddGlobalTestEnvironment(new OnTestDevice);

}  // namespace
}  // namespace adze
