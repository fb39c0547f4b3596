#include <adze/adze.h>

#include <cstdio>

int main() {
  auto square_sum = [](const adze::Array& x) { return adze::sum(x * x); };
  const adze::Array x = adze::arange(3);
  const adze::Array gradient = adze::compile(adze::grad(square_sum))(adze::astype(x, adze::DType::kF32));
  const std::vector<float> values = gradient.to_vector<float>();
  std::printf("%g %g %g\n", values[0], values[1], values[2]);
  return values[2] == 4.0f ? 0 : 1;
}
