#include <bit>

#include "frontend/io/gzip.h"
#include "frontend/io/tables.h"

namespace adze::io {
namespace {

struct ElementType {
  unsigned char code;
  std::size_t bytes;
  DType dtype;
};

// The IDX element types: u8, i8, i16, i32, f32, f64, big-endian.
constexpr ElementType kElementTypes[] = {{0x08, 1, DType::kI32}, {0x09, 1, DType::kI32},
                                         {0x0B, 2, DType::kI32}, {0x0C, 4, DType::kI32},
                                         {0x0D, 4, DType::kF32}, {0x0E, 8, DType::kF64}};

std::uint64_t big_endian(const char* at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

}  // namespace

Literal read_idx(const std::string& path) {
  const std::string content = read_maybe_gzip(path);
  const auto fail = [&](std::size_t byte, const std::string& message) {
    throw IoError(path + ": byte " + std::to_string(byte) + ": " + message);
  };
  if (content.size() < 4) fail(content.size(), "the file ends inside the magic number of an IDX file");
  if (content[0] != 0 || content[1] != 0) fail(0, "not an IDX file: it must start with two zero bytes");
  const auto code = static_cast<unsigned char>(content[2]);
  const ElementType* type = nullptr;
  for (const ElementType& candidate : kElementTypes) {
    if (candidate.code == code) type = &candidate;
  }
  if (!type) fail(2, "unknown IDX element type " + std::to_string(code));
  const auto rank = static_cast<std::size_t>(static_cast<unsigned char>(content[3]));
  const std::size_t header = 4 + 4 * rank;
  if (rank == 0 || rank > 8) fail(3, "IDX rank must be 1 to 8, not " + std::to_string(rank));
  if (content.size() < header) fail(content.size(), "the file ends inside the sizes of its dimensions");
  Dims shape;
  for (std::size_t i = 0; i < rank; ++i) {
    shape.push_back(static_cast<std::int64_t>(big_endian(content.data() + 4 + 4 * i, 4)));
  }
  std::int64_t count = 0;
  try {
    count = element_count(shape);
  } catch (const TypeError& error) {
    fail(4, error.what());
  }
  const std::size_t expected = header + static_cast<std::size_t>(count) * type->bytes;
  if (content.size() != expected) {
    fail(content.size(), to_string(shape) + " needs a file of " + std::to_string(expected) + " bytes, not " +
                             std::to_string(content.size()));
  }
  Literal result({type->dtype, shape});
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t bits =
        big_endian(content.data() + header + static_cast<std::size_t>(i) * type->bytes, type->bytes);
    switch (code) {
      case 0x08:
        result.set_int(i, static_cast<std::int64_t>(bits));
        break;
      case 0x09:
        result.set_int(i, static_cast<std::int8_t>(bits));
        break;
      case 0x0B:
        result.set_int(i, static_cast<std::int16_t>(bits));
        break;
      case 0x0C:
        result.set_int(i, static_cast<std::int32_t>(bits));
        break;
      case 0x0D:
        result.data<float>()[static_cast<std::size_t>(i)] =
            std::bit_cast<float>(static_cast<std::uint32_t>(bits));
        break;
      default:
        result.data<double>()[static_cast<std::size_t>(i)] = std::bit_cast<double>(bits);
    }
  }
  return result;
}

}  // namespace adze::io
