#include <gtest/gtest.h>
#include <zlib.h>

#include <functional>

#include "frontend/io/file.h"
#include "frontend/io/gzip.h"
#include "frontend/io/safetensors.h"
#include "frontend/io/tables.h"
#include "support/temp_dir.h"

// Data files: what is read, and the exact words for what cannot be.

namespace adze {
namespace {

using testing::TempDir;

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const IoError& error) {
    return error.what();
  }
  return "no IoError";
}

std::string gzip(const std::string& text) {
  std::string result(text.size() + 256, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  deflate(&stream, Z_FINISH);
  result.resize(stream.total_out);
  deflateEnd(&stream);
  return result;
}

TEST(Csv, ReadsPlainAndGzip) {
  const TempDir dir;
  const std::string text = "# comment\n1,2.5,-3e2\r\n\n 4 , 5,6\n";
  for (const std::string& path : {dir.write("a.csv", text), dir.write("a.csv.gz", gzip(text))}) {
    const Literal table = io::read_csv(path);
    EXPECT_EQ(to_string(table.type()), "f32[2,3]");
    EXPECT_EQ(std::vector<float>(table.data<float>().begin(), table.data<float>().end()),
              (std::vector<float>{1, 2.5, -300, 4, 5, 6}));
  }
}

TEST(Csv, SaysWhatIsWrong) {
  const TempDir dir;
  const std::pair<std::string, std::string> cases[] = {
      {"1,2\n3\n", ":2:1: has 1 numbers, but the rows before have 2"},
      {"1,x\n", ":1:3: expected a number"},
      {"1,2\n3,\n", ":2:3: expected a number"},
      {"1 2\n", ":1:3: expected ',' after a number"},
      {"1e99\n", ":1:1: number out of the range of f32"},
      {"", ":1:1: holds no rows"},
      {"# nothing\n", ":1:1: holds no rows"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string path = dir.write("a.csv", text);
    EXPECT_EQ(message_of([&] { io::read_csv(path); }), path + expected);
  }
  EXPECT_EQ(message_of([&] { io::read_csv(dir / "absent"); }),
            (dir / "absent") + ": No such file or directory");
  EXPECT_EQ(message_of([&] { io::read_csv(dir / ""); }), (dir / "") + ": is not a regular file");
  const std::string packed = gzip("1,2\n3,4\n");
  const std::string cut = dir.write("cut.gz", packed.substr(0, packed.size() - 6));
  EXPECT_EQ(message_of([&] { io::read_csv(cut); }), cut + ": the gzip data is truncated");
}

TEST(Gzip, BoundsTheContent) {
  const TempDir dir;
  const std::string path = dir.write("big.gz", gzip(std::string(4 << 20, 'a')));
  EXPECT_EQ(message_of([&] { io::read_maybe_gzip(path, 1000); }), path + ": holds more than 1000 bytes");
}

TEST(Idx, ReadsEveryElementType) {
  const TempDir dir;
  const auto idx = [&](char code, const std::string& data, char size) {
    return dir.write("a.idx", std::string{0, 0, code, 1, 0, 0, 0, size} + data);
  };
  EXPECT_EQ(io::read_idx(idx(0x08, "\xff\x01", 2)).as_int(0), 255);
  EXPECT_EQ(io::read_idx(idx(0x09, "\xff\x01", 2)).as_int(0), -1);
  EXPECT_EQ(io::read_idx(idx(0x0B, "\xff\xfe", 1)).as_int(0), -2);
  EXPECT_EQ(io::read_idx(idx(0x0C, std::string("\0\0\1\0", 4), 1)).as_int(0), 256);
  EXPECT_EQ(io::read_idx(idx(0x0D, std::string("\x3f\x80\0\0", 4), 1)).as_double(0), 1.0);
  EXPECT_EQ(io::read_idx(idx(0x0E, std::string("\xc0\0\0\0\0\0\0\0", 8), 1)).as_double(0), -2.0);
}

TEST(Idx, SaysWhatIsWrong) {
  const TempDir dir;
  const std::pair<std::string, std::string> cases[] = {
      {std::string("\0\0", 2), ": byte 2: the file ends inside the magic number of an IDX file"},
      {"PNG!", ": byte 0: not an IDX file: it must start with two zero bytes"},
      {std::string("\0\0\7\1", 4), ": byte 2: unknown IDX element type 7"},
      {std::string("\0\0\x08\0", 4), ": byte 3: IDX rank must be 1 to 8, not 0"},
      {std::string("\0\0\x08\1\0\0", 6), ": byte 6: the file ends inside the sizes of its dimensions"},
      {std::string("\0\0\x08\1\0\0\0\5abc", 11), ": byte 11: [5] needs a file of 13 bytes, not 11"},
      {std::string("\0\0\x08\2\xff\xff\xff\xff\xff\xff\xff\xff", 12),
       ": byte 4: shape [4294967295,4294967295] is too large (more than 2^48 elements)"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string path = dir.write("a.idx", text);
    EXPECT_EQ(message_of([&] { io::read_idx(path); }), path + expected);
  }
}

io::NamedLiterals some_tensors() {
  const float weights[] = {1, 2, 3, 4, 5, 6};
  const std::int64_t steps[] = {7};
  io::NamedLiterals tensors;
  tensors.emplace_back("model.\"w\"", Literal::from<float>({2, 3}, weights));
  tensors.emplace_back("step", Literal::from<std::int64_t>({}, steps));
  tensors.emplace_back("empty", Literal({DType::kBool, {0, 4}}));
  return tensors;
}

TEST(Safetensors, RoundTrips) {
  const TempDir dir;
  const std::string path = dir / "w.safetensors";
  io::save_safetensors(path, some_tensors());
  EXPECT_EQ(io::load_safetensors(path), some_tensors());
  EXPECT_EQ(dir.file_count(), 1u);  // no temporary file is left
}

TEST(Safetensors, ATensorWithoutBytesMayBeginWhereAnotherDoes) {
  const TempDir dir;
  const std::string header =
      R"({"full":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"empty":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})";
  std::string size(8, '\0');
  size[0] = static_cast<char>(header.size());
  const io::NamedLiterals tensors = io::load_safetensors(dir.write("w", size + header + "abcd"));
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_EQ(tensors[0].second.type(), (TensorType{DType::kF32, {0}}));
  EXPECT_EQ(tensors[1].first, "full");
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const TempDir dir;
  const std::string path = dir / "w.safetensors";
  io::save_safetensors(path, some_tensors());
  const std::string whole = TempDir::read(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = dir.write("cut", whole.substr(0, size));
    EXPECT_EQ(message_of([&] { io::load_safetensors(cut); }).substr(0, cut.size() + 2), cut + ": ");
  }
}

TEST(Safetensors, SaysWhatIsWrong) {
  const TempDir dir;
  const auto file = [&](const std::string& header, const std::string& data) {
    std::string content(8, '\0');
    content[0] = static_cast<char>(header.size());
    return dir.write("w", content + header + data);
  };
  const auto tensor = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::pair<std::string, std::string> cases[] = {
      {"[]",
       ": the header is not a JSON object: The JSON element does not have the requested "
       "type."},
      {tensor("F8_E4M3", "[2]", "[0,4]"), ": tensor 'w': dtype F8_E4M3 is not supported"},
      {tensor("F32", "[2]", "[0,8]"),
       ": tensor 'w': data_offsets [0, 8] reach outside the file's 4 bytes of data"},
      {tensor("F32", "[2]", "[4,0]"),
       ": tensor 'w': data_offsets [4, 0] reach outside the file's 4 bytes of data"},
      {tensor("F32", "[2]", "[0,4]"), ": tensor 'w': f32[2] needs 8 bytes, but data_offsets span 4"},
      {tensor("F32", "[-1]", "[0,4]"), ": tensor 'w': 'shape' must hold sizes"},
      {tensor("F32", "[1]", "[0]"), ": tensor 'w': 'data_offsets' must be two byte offsets"},
      {tensor("F32", "[99999999999,99999999999]", "[0,4]"),
       ": tensor 'w': shape [99999999999,99999999999] is too large (more than 2^48 elements)"},
      {tensor("F32", "[0]", "[0,0]"), ": the tensors cover 0 of the file's 4 bytes of data"},
      {tensor("F32", "[0]", "[4,4]"),
       ": tensor 'w': data_offsets begin at 4, but the tensors before end at 0"},
      {R"({"w":{}})", ": tensor 'w': 'dtype' is missing or not a string"},
  };
  for (const auto& [header, expected] : cases) {
    const std::string path = file(header, "abcd");
    EXPECT_EQ(message_of([&] { io::load_safetensors(path); }), path + expected) << header;
  }
  const std::string huge = dir.write("huge", std::string(8, '\xff') + "{}");
  EXPECT_EQ(message_of([&] { io::load_safetensors(huge); }),
            huge + ": byte 0: the header size 18446744073709551615 exceeds the file's 10 bytes");
  io::NamedLiterals twice = some_tensors();
  twice.push_back(twice[0]);
  EXPECT_EQ(message_of([&] { io::save_safetensors(dir / "twice", twice); }),
            (dir / "twice") + ": tensor name 'model.\"w\"' is used twice");
}

TEST(WriteFile, ReplacesFilesOnlyAndFollowsLinks) {
  const TempDir dir;
  const std::string path = dir.write("a", "old");
  std::filesystem::create_symlink(path, dir / "link");
  io::write_file(dir / "link", "new");
  EXPECT_EQ(TempDir::read(path), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_EQ(message_of([&] { io::write_file("/dev/null", "x"); }), "/dev/null: is not a regular file");
}

TEST(WriteFile, LeavesTheOldContentOnFailure) {
  const TempDir dir;
  EXPECT_EQ(message_of([&] { io::write_file(dir / "absent/a", "x"); }),
            (dir / "absent/a") + ": No such file or directory");
  const std::string path = dir.write("a", "old");
  io::write_file(path, "new");
  EXPECT_EQ(TempDir::read(path), "new");
  EXPECT_EQ(dir.file_count(), 1u);
}

}  // namespace
}  // namespace adze
