#include "frontend/io/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "frontend/io/file.h"
#include "ir/errors.h"

// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

namespace adze::io {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

struct Descr {
  DType dtype;
  std::string_view text;
};
constexpr Descr kDescrs[] = {{DType::kF16, "<f2"}, {DType::kF32, "<f4"}, {DType::kF64, "<f8"},
                             {DType::kI8, "|i1"},  {DType::kI16, "<i2"}, {DType::kI32, "<i4"},
                             {DType::kI64, "<i8"}, {DType::kU8, "|u1"},  {DType::kU16, "<u2"},
                             {DType::kU32, "<u4"}, {DType::kU64, "<u8"}, {DType::kBool, "|b1"}};

/// Reads the pieces of a .npy file in order, knowing at which byte it is.
class NpyReader {
 public:
  NpyReader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}
  Literal read();

 private:
  [[noreturn]] void fail(std::size_t at, std::string_view message) const {
    throw IoError(fmt::format("{}: byte {}: {}", name_, at, message));
  }
  void skip_space() {
    constexpr std::string_view kSpace = " \t\n\r";
    while (position_ < header_end_ && kSpace.find(bytes_[position_]) != kSpace.npos) ++position_;
  }
  bool skip(char c) {
    skip_space();
    if (position_ >= header_end_ || bytes_[position_] != c) return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (!skip(c)) fail(position_, fmt::format("malformed header: expected '{}'", c));
  }

  void preamble();
  void header();
  std::string_view quoted();
  DType descr();
  bool boolean();
  Dims shape();
  Literal data();

  std::string_view bytes_;
  const std::string& name_;
  std::size_t position_ = 0;
  std::size_t header_end_ = 0;
  std::optional<DType> dtype_;
  std::optional<bool> fortran_order_;
  std::optional<Dims> shape_;
};

Literal NpyReader::read() {
  preamble();
  header();
  return data();
}

void NpyReader::preamble() {
  if (bytes_.substr(0, kMagic.size()) != kMagic) fail(0, "not a .npy file (no \\x93NUMPY at its start)");
  if (bytes_.size() < 8) fail(bytes_.size(), "the file ends before the version");
  const int major = static_cast<unsigned char>(bytes_[6]), minor = static_cast<unsigned char>(bytes_[7]);
  if (major < 1 || major > 3 || minor != 0) fail(6, fmt::format("unknown version {}.{}", major, minor));
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (bytes_.size() < 8 + length_bytes) fail(bytes_.size(), "the file ends before the length of the header");
  std::uint32_t length = 0;  // little-endian
  for (std::size_t i = 0; i < length_bytes; ++i) {
    length |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes_[8 + i])) << (8 * i);
  }
  position_ = 8 + length_bytes;
  if (length > bytes_.size() - position_) {
    fail(8, fmt::format("a header of {} bytes is declared, but the file has {} more", length,
                        bytes_.size() - position_));
  }
  header_end_ = position_ + length;
}

void NpyReader::header() {
  const std::size_t start = position_;
  expect('{');
  while (!skip('}')) {
    skip_space();
    const std::size_t key_at = position_;
    const std::string_view key = quoted();
    expect(':');
    if (key == "descr" && !dtype_) {
      dtype_ = descr();
    } else if (key == "fortran_order" && !fortran_order_) {
      fortran_order_ = boolean();
    } else if (key == "shape" && !shape_) {
      shape_ = shape();
    } else {
      fail(key_at, fmt::format("unknown or repeated key '{}' in the header", key.substr(0, 40)));
    }
    if (!skip(',')) {
      expect('}');
      break;
    }
  }
  if (!dtype_ || !fortran_order_ || !shape_) {
    fail(start, fmt::format("the header has no '{}'", !dtype_           ? "descr"
                                                      : !fortran_order_ ? "fortran_order"
                                                                        : "shape"));
  }
  skip_space();
  if (position_ != header_end_) fail(position_, "malformed header: something follows the dictionary");
}

std::string_view NpyReader::quoted() {
  skip_space();
  const std::size_t start = position_;
  if (start >= header_end_ || (bytes_[start] != '\'' && bytes_[start] != '"')) {
    fail(start, "malformed header: expected a quoted name");
  }
  const std::size_t end = bytes_.find(bytes_[start], start + 1);
  if (end >= header_end_) fail(start, "malformed header: a quoted name has no end");
  position_ = end + 1;
  return bytes_.substr(start + 1, end - start - 1);
}

DType NpyReader::descr() {
  skip_space();
  const std::size_t at = position_;
  if (at < header_end_ && bytes_[at] == '[') fail(at, "structured arrays are not supported");
  const std::string_view text = quoted();
  for (const Descr& known : kDescrs) {
    if (text == known.text || (known.dtype == DType::kBool && text == "?")) return known.dtype;
  }
  if (text.starts_with('>')) fail(at, fmt::format("big-endian data ('{}') is not supported", text));
  std::vector<std::string_view> supported;
  for (const Descr& known : kDescrs) supported.push_back(known.text);
  fail(at, fmt::format("element type '{}' is not supported; supported are {}", text.substr(0, 40),
                       fmt::join(supported, ", ")));
}

bool NpyReader::boolean() {
  skip_space();
  for (const bool value : {true, false}) {
    const std::string_view word = value ? "True" : "False";
    if (bytes_.substr(position_, std::min(word.size(), header_end_ - position_)) != word) continue;
    position_ += word.size();
    return value;
  }
  fail(position_, "malformed header: expected True or False");
}

Dims NpyReader::shape() {
  expect('(');
  const std::size_t start = position_;
  Dims shape;
  while (!skip(')')) {
    skip_space();
    std::int64_t size = 0;
    const char* first = bytes_.data() + position_;
    const auto [end, code] = std::from_chars(first, bytes_.data() + header_end_, size);
    if (code == std::errc::invalid_argument) fail(position_, "malformed header: expected a size in 'shape'");
    if (code != std::errc() || size < 0) fail(position_, "a size in 'shape' is negative or too large");
    position_ += static_cast<std::size_t>(end - first);
    shape.push_back(size);
    if (!skip(',')) {
      expect(')');
      break;
    }
  }
  try {
    element_count(shape);
  } catch (const TypeError& error) {
    fail(start, error.what());
  }
  return shape;
}

Literal NpyReader::data() {
  const TensorType type{*dtype_, *shape_};
  const auto wanted = static_cast<std::size_t>(type.byte_size());
  const std::size_t there = bytes_.size() - header_end_;
  // Compared before anything of the declared size is allocated.
  if (there < wanted) {
    fail(bytes_.size(), fmt::format("the file is cut off: {} needs {} bytes of data, {} are there",
                                    to_string(type), wanted, there));
  }
  if (there > wanted) {
    fail(header_end_ + wanted,
         fmt::format("{} bytes follow the data of {}", there - wanted, to_string(type)));
  }
  Literal literal(type);
  if (wanted == 0) return literal;
  const char* const source = bytes_.data() + header_end_;
  if (!*fortran_order_ || type.rank() < 2) {
    std::memcpy(literal.bytes(), source, wanted);
  } else {
    // Each element in row-major order from its column-major place.
    const std::size_t size = byte_size(type.dtype);
    for (std::int64_t i = 0; i < literal.size(); ++i) {
      std::int64_t rest = i, offset = 0, stride = literal.size();
      for (std::size_t dim = type.shape.size(); dim-- > 0;) {
        stride /= type.shape[dim];
        offset += rest % type.shape[dim] * stride;
        rest /= type.shape[dim];
      }
      std::memcpy(literal.bytes() + static_cast<std::size_t>(i) * size,
                  source + static_cast<std::size_t>(offset) * size, size);
    }
  }
  if (type.dtype == DType::kBool) {
    for (std::size_t i = 0; i < wanted; ++i) {
      literal.bytes()[i] = static_cast<std::byte>(literal.bytes()[i] != std::byte{0});
    }
  }
  return literal;
}

}  // namespace

Literal parse_npy(std::string_view bytes, const std::string& name) {
  return NpyReader(bytes, name).read();
}

Literal load_npy(const std::string& path) {
  return parse_npy(read_file(path), path);
}

std::string npy_bytes(const Literal& literal) {
  const TensorType& type = literal.type();
  std::string_view descr;
  for (const Descr& known : kDescrs) {
    if (known.dtype == type.dtype) descr = known.text;
  }
  if (descr.empty()) throw IoError(fmt::format(".npy files cannot hold {}", to_string(type.dtype)));
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr,
                                   fmt::join(type.shape, ", "), type.rank() == 1 ? "," : "");
  // Data begin at a multiple of 64 bytes; version 2 has a longer length field for absurdly many dimensions.
  const auto padded = [&](std::size_t before) {
    return (before + header.size() + 1 + 63) / 64 * 64 - before;
  };
  const bool is_short = padded(10) <= 0xffff;
  const std::size_t length = padded(is_short ? 10 : 12);
  header.append(length - header.size() - 1, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += is_short ? '\1' : '\2';
  bytes += '\0';
  for (std::size_t i = 0; i < (is_short ? 2U : 4U); ++i) bytes += static_cast<char>(length >> (8 * i) & 0xff);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(literal.bytes()), literal.byte_size());
  return bytes;
}

void save_npy(const std::string& path, const Literal& literal) {
  write_file(path, npy_bytes(literal));
}

}  // namespace adze::io
