#pragma once

#include "runtime/buffer.h"

namespace adze {

/// An argument of an executable.
struct Argument {
  BufferPtr buffer;
  /// The caller gives the memory up. Honoured where `build` was told so too and `buffer` is the last
  /// reference; otherwise the program works on a copy.
  bool donated = false;
};

}  // namespace adze
