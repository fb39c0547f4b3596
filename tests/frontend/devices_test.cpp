#include <gtest/gtest.h>

#include <algorithm>

#include "adze/adze.h"
#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;

TEST(Devices, NamesAreReadAsTheyArePrinted) {
  for (const Device device : {cpu(), interpreter(), cuda(), cuda(3), cuda_host()}) {
    EXPECT_EQ(parse_device(to_string(device)), device);
  }
  EXPECT_EQ(to_string(cuda(3)), "cuda:3");
  EXPECT_EQ(parse_device("cuda"), cuda(0));
  EXPECT_EQ(cpu(), Device::kCpu);
  EXPECT_NE(cuda(0), cuda(1));
}

TEST(Devices, WrongNames) {
  for (const char* name : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999", "CPU"}) {
    const std::string message = error_of<RuntimeError>([&] { parse_device(name); });
    EXPECT_EQ(message.find("there is no device '" + std::string(name) + "'"), 0u) << message;
    EXPECT_NE(message.find("(known: cpu, interpreter, cuda"), std::string::npos) << message;
  }
  EXPECT_NE(error_of<RuntimeError>([] { parse_device("cuda_host"); }).find("did you mean 'cuda-host'?"),
            std::string::npos);
}

TEST(Devices, TheListSaysWhatCanBeUsedAndWhyNot) {
  const std::vector<DeviceInfo> found = devices();
  const auto info_of = [&](DeviceKind kind) {
    return *std::find_if(found.begin(), found.end(),
                         [&](const auto& info) { return info.device.kind == kind; });
  };
  EXPECT_EQ(info_of(DeviceKind::kCpu).problem, "");
  EXPECT_EQ(info_of(DeviceKind::kInterpreter).problem, "");
  for (const DeviceKind kind : {DeviceKind::kCuda, DeviceKind::kCudaHost}) {
    EXPECT_NE(info_of(kind).problem.empty(), info_of(kind).description.empty());
  }
}

// What the list says of a GPU is what its use says.
TEST(Devices, UseOfADeviceThatIsNotThere) {
  for (const DeviceInfo& info : devices()) {
    if (info.problem.empty()) continue;
    const auto f = compile([](const Array& x) { return x + 1; }, {.device = info.device});
    EXPECT_NE(error_of<RuntimeError>([&] { f(ones({2})); }).find(info.problem), std::string::npos);
    const DeviceScope scope(info.device);
    EXPECT_NE(error_of<RuntimeError>([] { Array(1.0f) + Array(2.0f); }).find(info.problem),
              std::string::npos);
  }
}

}  // namespace
}  // namespace adze
