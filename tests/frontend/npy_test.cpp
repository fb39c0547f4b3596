#include "frontend/io/npy.h"

#include <gtest/gtest.h>

#include <random>

#include "frontend/io/file.h"
#include "ir/errors.h"
#include "support/temp_dir.h"

namespace adze {
namespace {

using testing::TempDir;

/// A file of version 1.0 with `dict` as its header, unpadded.
std::string npy(const std::string& dict, const std::string& data = "", char major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += major;
  bytes += '\0';
  bytes += static_cast<char>(dict.size() & 0xff);
  bytes += static_cast<char>(dict.size() >> 8);
  if (major > 1) bytes += std::string(2, '\0');
  return bytes + dict + data;
}

std::string error_of(const std::string& bytes) {
  try {
    io::parse_npy(bytes, "a.npy");
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

template <class T>
std::vector<T> values(const Literal& literal) {
  return {literal.data<T>().begin(), literal.data<T>().end()};
}

TEST(Npy, WritesTheBytesOfNumpy) {
  // np.save of np.array([[1, 2, 3]], dtype=np.int32).
  const std::vector<std::int32_t> data = {1, 2, 3};
  const std::string bytes = io::npy_bytes(Literal::from<std::int32_t>({1, 3}, data));
  std::string expected =
      npy("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 3), }" + std::string(58, ' ') + "\n");
  expected += std::string("\1\0\0\0\2\0\0\0\3\0\0\0", 12);
  EXPECT_EQ(bytes, expected);
  EXPECT_EQ((bytes.size() - 12) % 64, 0U);
}

TEST(Npy, RoundTripOfEveryDType) {
  const TempDir dir;
  std::mt19937 random(3);
  for (const DType dtype : all_dtypes()) {
    if (dtype == DType::kBF16) continue;  // numpy has none
    for (const Dims& shape : {Dims{}, Dims{3}, Dims{2, 3}, Dims{0, 4}, Dims{1, 1, 5, 1}}) {
      Literal literal({dtype, shape});
      for (std::size_t i = 0; i < literal.byte_size(); ++i) {
        literal.bytes()[i] = static_cast<std::byte>(dtype == DType::kBool ? random() & 1 : random());
      }
      io::save_npy(dir / "a.npy", literal);
      EXPECT_TRUE(io::load_npy(dir / "a.npy") == literal) << to_string(literal.type());
      EXPECT_EQ(dir.file_count(), 1U);
    }
  }
}

TEST(Npy, AbsurdRanksNeedTheLongHeader) {
  const Literal literal({DType::kF32, Dims(30000, 1)});
  const std::string bytes = io::npy_bytes(literal);
  EXPECT_EQ(bytes[6], '\2');
  EXPECT_TRUE(io::parse_npy(bytes, "a.npy") == literal);
}

TEST(Npy, ReadsOtherSpellings) {
  const std::string data("\1\2", 2);
  const Literal flags =
      io::parse_npy(npy("{\"shape\":(2,),\"fortran_order\":True,\"descr\":\"?\"}\n\n", data), "a.npy");
  EXPECT_EQ(to_string(flags.type()), "bool[2]");
  EXPECT_EQ(values<bool>(flags), (std::vector<bool>{true, true}));  // any byte but 0 is true
  for (const char major : {'\2', '\3'}) {
    const std::string dict = "{'descr': '<f4', 'fortran_order': False, 'shape': ()}";
    EXPECT_EQ(to_string(io::parse_npy(npy(dict, std::string(4, '\0'), major), "a.npy").type()), "f32[]");
  }
}

TEST(Npy, FortranOrderBecomesRowMajor) {
  // [[1, 2, 3], [4, 5, 6]] stored by columns, with a middle dim of 1.
  const std::vector<std::int32_t> columns = {1, 4, 2, 5, 3, 6};
  const std::string data(reinterpret_cast<const char*>(columns.data()), 24);
  const Literal literal =
      io::parse_npy(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 1, 3)}", data), "a.npy");
  EXPECT_EQ(values<std::int32_t>(literal), (std::vector<std::int32_t>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, SaysWhatIsWrongAndAtWhichByte) {
  const std::string f4 = "{'descr': '<f4', 'fortran_order': False, 'shape': ";
  EXPECT_EQ(error_of(""), "a.npy: byte 0: not a .npy file (no \\x93NUMPY at its start)");
  EXPECT_EQ(error_of("PK\3\4 something else"), "a.npy: byte 0: not a .npy file (no \\x93NUMPY at its start)");
  EXPECT_EQ(error_of("\x93NUMPY\1"), "a.npy: byte 7: the file ends before the version");
  EXPECT_EQ(error_of(std::string("\x93NUMPY\4\0\1\0", 10)), "a.npy: byte 6: unknown version 4.0");
  EXPECT_EQ(error_of(std::string("\x93NUMPY\1\0\1", 9)),
            "a.npy: byte 9: the file ends before the length of the header");
  EXPECT_EQ(error_of(std::string("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14)),
            "a.npy: byte 8: a header of 4294967295 bytes is declared, but the file has 2 more");
  EXPECT_EQ(error_of(npy("['descr']")), "a.npy: byte 10: malformed header: expected '{'");
  EXPECT_EQ(error_of(npy("{descr: 1}")), "a.npy: byte 11: malformed header: expected a quoted name");
  EXPECT_EQ(error_of(npy("{'descr")), "a.npy: byte 11: malformed header: a quoted name has no end");
  EXPECT_EQ(error_of(npy("{'descr' '<f4'}")), "a.npy: byte 19: malformed header: expected ':'");
  EXPECT_EQ(error_of(npy("{'a': 1}")), "a.npy: byte 11: unknown or repeated key 'a' in the header");
  EXPECT_EQ(error_of(npy("{'descr': '<f4', 'descr': '<f4'}")),
            "a.npy: byte 27: unknown or repeated key 'descr' in the header");
  EXPECT_EQ(error_of(npy("{'descr': '<f4' 'shape': ()}")), "a.npy: byte 26: malformed header: expected '}'");
  EXPECT_EQ(error_of(npy("{'descr': '<f4', 'shape': ()}")),
            "a.npy: byte 10: the header has no 'fortran_order'");
  EXPECT_EQ(error_of(npy("{}")), "a.npy: byte 10: the header has no 'descr'");
  EXPECT_EQ(error_of(npy("{'descr': '<c8'}")),
            "a.npy: byte 20: element type '<c8' is not supported; supported are <f2, <f4, <f8, "
            "|i1, <i2, <i4, <i8, |u1, <u2, <u4, <u8, |b1");
  EXPECT_EQ(error_of(npy("{'descr': '>f4'}")), "a.npy: byte 20: big-endian data ('>f4') is not supported");
  EXPECT_EQ(error_of(npy("{'descr': [('x', '<f4')]}")),
            "a.npy: byte 20: structured arrays are not supported");
  EXPECT_EQ(error_of(npy("{'fortran_order': 0}")),
            "a.npy: byte 28: malformed header: expected True or False");
  EXPECT_EQ(error_of(npy(f4 + "[2]}")), "a.npy: byte 60: malformed header: expected '('");
  EXPECT_EQ(error_of(npy(f4 + "(2, x)}")), "a.npy: byte 64: malformed header: expected a size in 'shape'");
  EXPECT_EQ(error_of(npy(f4 + "(-2,)}")), "a.npy: byte 61: a size in 'shape' is negative or too large");
  EXPECT_EQ(error_of(npy(f4 + "(99999999999999999999,)}")),
            "a.npy: byte 61: a size in 'shape' is negative or too large");
  EXPECT_EQ(error_of(npy(f4 + "(4294967296, 4294967296)}")),
            "a.npy: byte 61: shape [4294967296,4294967296] is too large (more than 2^48 elements)");
  EXPECT_EQ(error_of(npy(f4 + "(2,)} x")),
            "a.npy: byte 66: malformed header: something follows the dictionary");
  EXPECT_EQ(
      error_of(npy(f4 + "(100000000000,)}", "1234")),
      "a.npy: byte 80: the file is cut off: f32[100000000000] needs 400000000000 bytes of data, 4 are there");
  EXPECT_EQ(error_of(npy(f4 + "(1,)}", "12345678")), "a.npy: byte 69: 4 bytes follow the data of f32[1]");
}

TEST(Npy, EveryPrefixIsRejected) {
  const std::vector<double> data = {1, 2};
  const std::string bytes = io::npy_bytes(Literal::from<double>({2}, data));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_NE(error_of(bytes.substr(0, length)), "no error") << length;
  }
}

TEST(Npy, MutationsAreReadOrRejected) {
  const std::vector<double> data = {1, 2, 3, 4, 5, 6};
  const std::string bytes = io::npy_bytes(Literal::from<double>({2, 3}, data));
  std::mt19937 random(11);
  for (int i = 0; i < 20000; ++i) {
    std::string mutated = bytes;
    for (std::size_t edits = 1 + random() % 3; edits-- > 0;) {
      // Mostly in the first 70 bytes: the rest is padding and data.
      mutated[random() % (random() % 4 ? 70 : mutated.size())] =
          random() % 2 ? "'{}(),: 0123456789<>|fiub"[random() % 25] : static_cast<char>(random());
    }
    error_of(mutated);  // throws nothing else
  }
}

TEST(Npy, MissingFileAndUnwritableDirectory) {
  const TempDir dir;
  const auto message = [](const auto& body) -> std::string {
    try {
      body();
    } catch (const IoError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message([&] { io::load_npy(dir / "none.npy"); }),
            (dir / "none.npy") + ": No such file or directory");
  EXPECT_EQ(message([&] { io::save_npy(dir / "no/a.npy", Literal()); }),
            (dir / "no/a.npy") + ": No such file or directory");
  EXPECT_EQ(message([&] {
              io::save_npy(dir / "a.npy", Literal({DType::kBF16, {}}));
            }),
            ".npy files cannot hold bf16");
  EXPECT_EQ(dir.file_count(), 0U);
}

}  // namespace
}  // namespace adze
