#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "ir/errors.h"
#include "ir/types.h"

namespace adze {

/// A dense tensor on the host: the payload of `constant` nodes and the interpreter's value.
class Literal {
 public:
  Literal() : Literal(TensorType{}) {}
  /// Zero-filled.
  explicit Literal(TensorType type);
  /// Every element converted from `value`.
  static Literal full(TensorType type, double value);
  template <class T>
  static Literal from(Dims shape, std::span<const T> values) {
    Literal result(TensorType{dtype_of<T>(), std::move(shape)});
    ADZE_CHECK(values.size() == static_cast<std::size_t>(result.type().element_count()), "literal size");
    for (std::size_t i = 0; i < values.size(); ++i) result.set_raw(i, values[i]);
    return result;
  }

  const TensorType& type() const { return type_; }
  std::int64_t size() const { return count_; }
  const std::byte* bytes() const { return data_.data(); }
  std::byte* bytes() { return data_.data(); }
  std::size_t byte_size() const { return data_.size(); }

  template <class T>
  std::span<const T> data() const {
    check<T>();
    return {reinterpret_cast<const T*>(data_.data()), static_cast<std::size_t>(count_)};
  }
  template <class T>
  std::span<T> data() {
    check<T>();
    return {reinterpret_cast<T*>(data_.data()), static_cast<std::size_t>(count_)};
  }

  /// Element `i` converted to double (exact but for large i64 and u64) or to i64 (large u64 wrap); and back,
  /// converting.
  double as_double(std::int64_t i) const;
  std::int64_t as_int(std::int64_t i) const;
  void set_double(std::int64_t i, double value);
  void set_int(std::int64_t i, std::int64_t value);

  /// Same type and same bits (NaNs compare by their bits).
  friend bool operator==(const Literal& a, const Literal& b) {
    return a.type_ == b.type_ && a.data_ == b.data_;
  }

 private:
  template <class T>
  void check() const {
    ADZE_CHECK(type_.dtype == dtype_of<T>(), "literal read as another dtype than " + to_string(type_));
  }
  template <class T>
  void set_raw(std::size_t i, T value) {
    std::memcpy(data_.data() + i * sizeof(T), &value, sizeof(T));
  }

  TensorType type_;
  std::int64_t count_ = 1;
  std::vector<std::byte> data_;
};

}  // namespace adze
