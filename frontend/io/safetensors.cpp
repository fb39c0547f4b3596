#include "frontend/io/safetensors.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>

#include "frontend/io/file.h"

// The format: https://github.com/huggingface/safetensors (README, "Format").

namespace adze::io {
namespace {

struct DTypeName {
  DType dtype;
  std::string_view name;
};
constexpr DTypeName kDTypeNames[] = {{DType::kBool, "BOOL"}, {DType::kI8, "I8"},     {DType::kI16, "I16"},
                                     {DType::kI32, "I32"},   {DType::kI64, "I64"},   {DType::kU8, "U8"},
                                     {DType::kU16, "U16"},   {DType::kU32, "U32"},   {DType::kU64, "U64"},
                                     {DType::kF16, "F16"},   {DType::kBF16, "BF16"}, {DType::kF32, "F32"},
                                     {DType::kF64, "F64"}};

std::string json_string(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char kHex[] = "0123456789abcdef";
      result += "\\u00";
      result += kHex[(c >> 4) & 15];
      result += kHex[c & 15];
    } else {
      result += c;
    }
  }
  return result + "\"";
}

/// One entry of the header, checked.
struct Entry {
  std::string name;
  TensorType type;
  std::uint64_t begin = 0, end = 0;
};

Entry read_entry(const std::string& path, std::string_view name, simdjson::dom::element value,
                 std::uint64_t data_bytes) {
  const auto fail = [&](const std::string& message) {
    throw IoError(path + ": tensor '" + std::string(name) + "': " + message);
  };
  Entry entry{.name = std::string(name), .type = {}, .begin = 0, .end = 0};
  std::string_view dtype;
  if (value["dtype"].get(dtype)) fail("'dtype' is missing or not a string");
  const auto* known = std::find_if(std::begin(kDTypeNames), std::end(kDTypeNames),
                                   [&](const auto& d) { return d.name == dtype; });
  if (known == std::end(kDTypeNames)) fail("dtype " + std::string(dtype) + " is not supported");
  entry.type.dtype = known->dtype;
  simdjson::dom::array shape, offsets;
  if (value["shape"].get(shape)) fail("'shape' is missing or not a list");
  for (const auto item : shape) {
    std::int64_t size = 0;
    if (item.get(size) || size < 0) fail("'shape' must hold sizes");
    entry.type.shape.push_back(size);
  }
  if (value["data_offsets"].get(offsets) || offsets.size() != 2 || offsets.at(0).get(entry.begin) ||
      offsets.at(1).get(entry.end)) {
    fail("'data_offsets' must be two byte offsets");
  }
  if (entry.begin > entry.end || entry.end > data_bytes) {
    fail("data_offsets [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) +
         "] reach outside the file's " + std::to_string(data_bytes) + " bytes of data");
  }
  std::int64_t expected = 0;
  try {
    expected = entry.type.byte_size();
  } catch (const TypeError& error) {
    fail(error.what());
  }
  if (entry.end - entry.begin != static_cast<std::uint64_t>(expected)) {
    fail(to_string(entry.type) + " needs " + std::to_string(expected) + " bytes, but data_offsets span " +
         std::to_string(entry.end - entry.begin));
  }
  return entry;
}

}  // namespace

void save_safetensors(const std::string& path, const NamedLiterals& tensors) {
  std::string header = "{";
  std::set<std::string> names;
  std::uint64_t offset = 0;
  for (const auto& [name, literal] : tensors) {
    if (name == "__metadata__" || !names.insert(name).second) {
      throw IoError(path + ": tensor name '" + name + "' is " +
                    (name == "__metadata__" ? "reserved by the format" : "used twice"));
    }
    const TensorType& type = literal.type();
    const auto* dtype = std::find_if(std::begin(kDTypeNames), std::end(kDTypeNames),
                                     [&](const auto& d) { return d.dtype == type.dtype; });
    ADZE_CHECK(dtype != std::end(kDTypeNames), "dtype without a safetensors name");
    if (header.size() > 1) header += ",";
    header += json_string(name) + ":{\"dtype\":\"" + std::string(dtype->name) +
              "\",\"shape\":" + to_string(type.shape) + ",\"data_offsets\":[" + std::to_string(offset) + "," +
              std::to_string(offset + literal.byte_size()) + "]}";
    offset += literal.byte_size();
  }
  header += "}";
  while (header.size() % 8) header += ' ';  // the data start aligned
  std::string content(8, '\0');
  const std::uint64_t header_bytes = header.size();
  for (std::size_t i = 0; i < 8; ++i) content[i] = static_cast<char>(header_bytes >> (8 * i) & 0xff);
  content += header;
  for (const auto& [name, literal] : tensors) {
    content.append(reinterpret_cast<const char*>(literal.bytes()), literal.byte_size());
  }
  write_file(path, content);
}

NamedLiterals load_safetensors(const std::string& path) {
  const std::string content = read_file(path);
  if (content.size() < 8)
    throw IoError(path + ": byte " + std::to_string(content.size()) +
                  ": the file ends inside the header size");
  std::uint64_t header_bytes = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    header_bytes |= static_cast<std::uint64_t>(static_cast<unsigned char>(content[i])) << (8 * i);
  }
  if (header_bytes > content.size() - 8) {
    throw IoError(path + ": byte 0: the header size " + std::to_string(header_bytes) +
                  " exceeds the file's " + std::to_string(content.size()) + " bytes");
  }
  const std::uint64_t data_bytes = content.size() - 8 - header_bytes;
  simdjson::dom::parser parser;
  simdjson::dom::object header;
  const simdjson::padded_string json(content.data() + 8, header_bytes);
  if (const auto error = parser.parse(json).get(header)) {
    throw IoError(path + ": the header is not a JSON object: " + simdjson::error_message(error));
  }
  std::vector<Entry> entries;
  std::set<std::string_view> names;
  for (const auto [name, value] : header) {
    if (!names.insert(name).second)
      throw IoError(path + ": tensor '" + std::string(name) + "' is there twice");
    if (name == "__metadata__") continue;
    entries.push_back(read_entry(path, name, value, data_bytes));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);  // one without bytes comes first
  });
  std::uint64_t covered = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != covered) {
      throw IoError(path + ": tensor '" + entry.name + "': data_offsets begin at " +
                    std::to_string(entry.begin) + ", but the tensors before end at " +
                    std::to_string(covered));
    }
    covered = entry.end;
  }
  if (covered != data_bytes) {
    throw IoError(path + ": the tensors cover " + std::to_string(covered) + " of the file's " +
                  std::to_string(data_bytes) + " bytes of data");
  }
  NamedLiterals tensors;
  for (const Entry& entry : entries) {
    Literal literal(entry.type);
    if (literal.byte_size() > 0) {
      std::memcpy(literal.bytes(), content.data() + 8 + header_bytes + entry.begin, literal.byte_size());
    }
    if (entry.type.dtype == DType::kBool) {  // any other byte than 0 and 1 is no bool
      for (std::int64_t i = 0; i < literal.size(); ++i)
        literal.set_int(i, literal.bytes()[i] != std::byte{0});
    }
    tensors.emplace_back(entry.name, std::move(literal));
  }
  return tensors;
}

}  // namespace adze::io
