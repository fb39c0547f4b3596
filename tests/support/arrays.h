#pragma once

#include <gtest/gtest.h>

#include <adze/adze.h>
#include <cmath>
#include <string>
#include <vector>

#include "ir/with_type.h"

namespace adze::testing {

/// The elements of any dtype as doubles.
inline std::vector<double> values_of(const Array& array) {
  std::vector<double> result;
  const auto append = [&](auto elements) {
    for (const auto element : elements) result.push_back(static_cast<double>(element));
  };
  with_type(array.dtype(), [&]<class T>() { append(array.data<T>()); });
  return result;
}

/// Type and elements; NaN equals NaN.
inline void expect_array(const Array& array, const std::string& type, const std::vector<double>& values,
                         double tolerance = 0) {
  ASSERT_EQ(to_string(array.type()), type);
  const std::vector<double> actual = values_of(array);
  ASSERT_EQ(actual.size(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i]) && std::isnan(actual[i])) continue;
    if (actual[i] == values[i]) continue;  // infinities too
    EXPECT_NEAR(actual[i], values[i], tolerance * std::max(1.0, std::abs(values[i]))) << "element " << i;
  }
}

/// Same type, elements within `tolerance` relative to the largest.
inline void expect_close(const Array& actual, const Array& expected, double tolerance) {
  ASSERT_EQ(to_string(actual.type()), to_string(expected.type()));
  const std::vector<double> a = values_of(actual), b = values_of(expected);
  double largest = 1e-30;
  for (const double value : b) largest = std::max(largest, std::abs(value));
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    if (a[i] == b[i]) continue;
    EXPECT_NEAR(a[i], b[i], tolerance * largest) << "element " << i;
  }
}

/// The message of the error of type E that `f` must throw.
template <class E, class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return "another kind of error: " + std::string(error.what());
  }
  return "no error";
}

}  // namespace adze::testing
