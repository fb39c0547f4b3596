#pragma once

// What generated CUDA source, compiled for the host, and the library that runs it know of each other. Part of
// the text that is compiled at run time: no includes.

extern "C" {

/// Elements that threads of one launch share, and who touched them.
struct AdzeHostRegion {
  void* data;
};

/// An access, for its checks and messages.
struct AdzeHostAccess {
  AdzeHostRegion* region;
  const char* kernel;
  const char* buffer;
  long long count, index;
  int lanes;  ///< neighbouring elements
  bool write;
};

/// The launch under way, as its threads see it. None of these return where something is wrong.
struct AdzeHost {
  void* runner;
  unsigned thread, block, threads, blocks;  ///< of the thread that runs now
  void (*synchronize)(AdzeHost*, int line);
  unsigned long long (*shuffle_xor)(AdzeHost*, unsigned long long bits, int mask);
  void (*sleep)(AdzeHost*);
  void (*grid_barrier)(AdzeHost*, bool left);
  void (*changed)(AdzeHost*);  ///< memory that sleeping threads may wait for
  AdzeHostRegion* (*global)(AdzeHost*, const char* kernel, const char* buffer, void* data, long long count,
                            int size, bool written);
  AdzeHostRegion* (*shared)(AdzeHost*, const char* kernel, const char* buffer, long long offset,
                            long long count, int size, long long memory);
  void (*access)(AdzeHost*, const AdzeHostAccess*);
  void (*register_out_of_bounds)(AdzeHost*, const char* kernel, const char* buffer, long long index,
                                 long long count);
};
}
