#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adze/array.h"
#include "adze/device.h"

/// Data sets on the host: files in, batches out.
namespace adze::data {

/// A table of numbers, comma-separated, one row a line, gzip or plain: f32[rows, columns]. IoError
/// "path:line:column: ..." when malformed.
Array read_csv(const std::string& path);

/// An IDX file (MNIST's format), gzip or plain. u8 elements become i32. IoError "path: byte N: ..." when
/// malformed.
Array read_idx(const std::string& path);

/// The rows of `array` (its entries along axis 0) at `rows`, in that order. RuntimeError when one is out of
/// range.
Array take_rows(const Array& array, const std::vector<std::int64_t>& rows);

struct BatchOptions {
  std::int64_t batch_size = 64;
  bool shuffle = true;  ///< a permutation drawn from `seed`; give each epoch its own
  std::uint64_t seed = 0;
  bool drop_last =
      true;  ///< leave out the last rows when they do not fill a batch (a second shape to compile)
};

/// What `batches` returns: a range of (inputs, labels).
class Batches {
 public:
  Batches(Array inputs, Array labels, const BatchOptions& options);

  class Iterator {
   public:
    using value_type = std::pair<Array, Array>;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator(const Batches* batches, std::int64_t position) : batches_(batches), position_(position) {}
    value_type operator*() const { return batches_->at(position_); }
    Iterator& operator++() {
      ++position_;
      return *this;
    }
    void operator++(int) { ++position_; }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Batches* batches_;
    std::int64_t position_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }
  std::int64_t size() const;                                ///< number of batches
  std::pair<Array, Array> at(std::int64_t position) const;  ///< one batch

 private:
  Array inputs_, labels_;
  BatchOptions options_;
  std::vector<std::int64_t> order_;
};

/// The rows of `inputs` and `labels` in batches. RuntimeError when their numbers of rows differ.
///
///   for (auto [x, y] : data::batches(images, labels, {.batch_size = 64, .seed = epoch})) ...
Batches batches(const Array& inputs, const Array& labels, const BatchOptions& options = {});

/// What `prefetch` returns: the same batches, on their way to a device.
class Prefetched {
 public:
  Prefetched(Batches batches, Device device);

  /// One pass; copies of an iterator are the same pass.
  class Iterator {
   public:
    using value_type = std::pair<Array, Array>;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    value_type operator*() const;
    Iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, std::default_sentinel_t) { return a.at_end(); }

   private:
    friend class Prefetched;
    struct Pass;
    explicit Iterator(std::shared_ptr<Pass> pass) : pass_(std::move(pass)) {}
    bool at_end() const;
    std::shared_ptr<Pass> pass_;
  };
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }
  std::int64_t size() const { return batches_.size(); }

 private:
  Batches batches_;
  Device device_;
};

/// The batches, each copied to the GPU while the step before it runs there: when the loop has batch n, the
/// copy of batch n + 1 has been started, through pinned memory and beside all other work. On other devices
/// the batches are passed on as they are. RuntimeError where the device cannot be used.
///
///   for (auto [x, y] : data::prefetch(data::batches(images, labels), cuda(0))) ... step(model, x, y) ...
Prefetched prefetch(Batches batches, Device device);

}  // namespace adze::data
