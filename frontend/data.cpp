#include "adze/data.h"

#include <cstring>
#include <numeric>
#include <random>

#include "emit.h"
#include "frontend/io/tables.h"
#include "ir/with_type.h"

namespace adze::data {
namespace {

template <class T>
Array take_rows_of(const Array& array, const std::vector<std::int64_t>& rows) {
  const std::span<const T> source = array.data<T>();
  Dims shape = array.shape();
  const std::int64_t available = shape[0];
  const auto row_size = available ? source.size() / static_cast<std::size_t>(available) : 0;
  shape[0] = static_cast<std::int64_t>(rows.size());
  const std::unique_ptr<T[]> taken(new T[rows.size() * row_size]);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0 || rows[i] >= available) {
      throw RuntimeError("take_rows: row " + std::to_string(rows[i]) + " of " + std::to_string(available));
    }
    std::memcpy(taken.get() + i * row_size, source.data() + static_cast<std::size_t>(rows[i]) * row_size,
                row_size * sizeof(T));
  }
  return {std::span<const T>(taken.get(), rows.size() * row_size), std::move(shape)};
}

/// The same permutation on every machine: the standard fixes mt19937_64 but not std::shuffle.
std::vector<std::int64_t> permutation(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 engine(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[engine() % i]);
  return order;
}

}  // namespace

Array read_csv(const std::string& path) {
  return detail::to_array(io::read_csv(path));
}
Array read_idx(const std::string& path) {
  return detail::to_array(io::read_idx(path));
}

Array take_rows(const Array& array, const std::vector<std::int64_t>& rows) {
  if (array.rank() == 0) throw RuntimeError("take_rows: the array has rank 0");
  return with_type(array.dtype(), [&]<class T>() { return take_rows_of<T>(array, rows); });
}

Batches::Batches(Array inputs, Array labels, const BatchOptions& options)
    : inputs_(std::move(inputs)), labels_(std::move(labels)), options_(options) {
  if (inputs_.rank() == 0 || labels_.rank() == 0 || inputs_.shape()[0] != labels_.shape()[0]) {
    throw RuntimeError("data::batches: inputs " + to_string(inputs_.type()) + " and labels " +
                       to_string(labels_.type()) + " must have the same number of rows");
  }
  if (options_.batch_size < 1) {
    throw RuntimeError("data::batches: batch_size must be at least 1, not " +
                       std::to_string(options_.batch_size));
  }
  const std::int64_t rows = inputs_.shape()[0];
  if (options_.shuffle) {
    order_ = permutation(rows, options_.seed);
  } else {
    order_.resize(static_cast<std::size_t>(rows));
    std::iota(order_.begin(), order_.end(), 0);
  }
}

std::int64_t Batches::size() const {
  const auto rows = static_cast<std::int64_t>(order_.size());
  return options_.drop_last ? rows / options_.batch_size
                            : (rows + options_.batch_size - 1) / options_.batch_size;
}

std::pair<Array, Array> Batches::at(std::int64_t position) const {
  if (position < 0 || position >= size()) {
    throw RuntimeError("data::batches: batch " + std::to_string(position) + " of " + std::to_string(size()));
  }
  const std::int64_t begin = position * options_.batch_size;
  const std::int64_t end = std::min(begin + options_.batch_size, static_cast<std::int64_t>(order_.size()));
  const std::vector<std::int64_t> rows(order_.begin() + begin, order_.begin() + end);
  return {take_rows(inputs_, rows), take_rows(labels_, rows)};
}

Batches batches(const Array& inputs, const Array& labels, const BatchOptions& options) {
  return {inputs, labels, options};
}

}  // namespace adze::data
