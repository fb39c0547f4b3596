#pragma once

#include <string_view>

/// Files of this folder as text, embedded when the library is built.
namespace adze {

extern const std::string_view kCudaPrelude;        ///< prelude.cuh: what generated kernels stand on
extern const std::string_view kCudaHostInterface;  ///< host_interface.h
extern const std::string_view kCudaHostShim;       ///< host_shim.h: makes them compile as C++

}  // namespace adze
