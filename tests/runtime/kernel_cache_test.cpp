#include "runtime/kernel_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "ir/errors.h"
#include "support/temp_dir.h"

// The cache of machine code: what it keeps, what it does not believe, what it lets go.

namespace adze {
namespace {

namespace fs = std::filesystem;
using testing::TempDir;

constexpr std::uint64_t kBlock = CacheDirectory::kBlock;

/// Some code that says what it is the code of.
std::string code_of(const std::string& content, std::size_t size = 100) {
  std::string code;
  while (code.size() < size) code += "<code of " + content + ">";
  return code;
}

class KernelCacheTest : public ::testing::Test {
 protected:
  KernelCache::Options options() const { return {dir_ / "cache"}; }
  /// What another process would find.
  std::optional<std::string> find_on_disk(std::string_view kind, std::string_view content) const {
    return KernelCache(options()).find(kind, content);
  }
  fs::path path_of(std::string_view content) const {
    return CacheDirectory(options().directory, 1).path_of(KernelCache::key_of("cubin", content));
  }
  /// `count` contents whose files share a subdirectory.
  static std::vector<std::string> neighbours(std::size_t count) {
    std::vector<std::string> result;
    for (int i = 0; result.size() < count; ++i) {
      const std::string content = "content " + std::to_string(i);
      if (KernelCache::key_of("cubin", content).high >> 60 == 7) result.push_back(content);
    }
    return result;
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir_ / "cache")) {
      count += entry.is_regular_file() && entry.path().filename() != "lock" ? 1 : 0;
    }
    return count;
  }
  TempDir dir_;
};

TEST_F(KernelCacheTest, FindsWhatWasInserted) {
  KernelCache cache(options());
  EXPECT_EQ(cache.find("cubin", "a"), std::nullopt);
  cache.insert("cubin", "a", code_of("a"));
  cache.insert("llvm", "a", code_of("a for LLVM"));
  cache.insert("cubin", "empty", "");
  cache.insert("cubin", "large", std::string(1 << 20, '\0'));
  for (const bool other_process : {false, true}) {
    const auto find = [&](const char* kind, const char* content) {
      return other_process ? find_on_disk(kind, content) : cache.find(kind, content);
    };
    EXPECT_EQ(find("cubin", "a"), code_of("a"));
    EXPECT_EQ(find("llvm", "a"), code_of("a for LLVM"));
    EXPECT_EQ(find("cubin", "empty"), "");
    EXPECT_EQ(find("cubin", "large"), std::string(1 << 20, '\0'));
    EXPECT_EQ(find("host", "a"), std::nullopt);
    EXPECT_EQ(find("cubin", "A"), std::nullopt);
  }
  cache.insert("cubin", "a", "new");
  EXPECT_EQ(cache.find("cubin", "a"), "new");
  EXPECT_EQ(find_on_disk("cubin", "a"), "new");
  EXPECT_EQ(files(), 4U);
}

TEST_F(KernelCacheTest, OnlyItsOwnerCanReadIt) {
  const mode_t before = ::umask(0);
  KernelCache(options()).insert("cubin", "a", code_of("a"));
  ::umask(before);
  const auto mode = [](const fs::path& path) { return static_cast<int>(fs::status(path).permissions()); };
  EXPECT_EQ(mode(path_of("a")), 0600);
  EXPECT_EQ(mode(path_of("a").parent_path()), 0700);
  EXPECT_EQ(mode(dir_ / "cache"), 0700);
}

TEST_F(KernelCacheTest, WithoutADirectoryItKeepsThingsInMemory) {
  KernelCache cache({});
  cache.insert("cubin", "a", code_of("a"));
  EXPECT_EQ(cache.find("cubin", "a"), code_of("a"));
  EXPECT_EQ(KernelCache({}).find("cubin", "a"), std::nullopt);
}

TEST_F(KernelCacheTest, MemoryIsBoundedAndTheOldestGoesFirst) {
  KernelCache cache({{}, 0, 350});
  for (const char* content : {"a", "b", "c"}) cache.insert("cubin", content, code_of(content).substr(0, 100));
  EXPECT_TRUE(cache.find("cubin", "a"));  // used: now b is the oldest
  cache.insert("cubin", "d", code_of("d").substr(0, 100));
  EXPECT_TRUE(cache.find("cubin", "a"));
  EXPECT_FALSE(cache.find("cubin", "b"));
  EXPECT_TRUE(cache.find("cubin", "c"));
  EXPECT_TRUE(cache.find("cubin", "d"));
  cache.insert("cubin", "too large", std::string(351, 'x'));
  EXPECT_FALSE(cache.find("cubin", "too large"));
  EXPECT_TRUE(cache.find("cubin", "a"));
}

TEST_F(KernelCacheTest, AChangedByteAnywhereIsNoticedAndReplaced) {
  KernelCache(options()).insert("cubin", "a", code_of("a", 40));
  const std::string path = path_of("a").string(), whole = TempDir::read(path);
  ASSERT_GT(whole.size(), 40U);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const char change : {'\x01', '\x80'}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ change);
      std::ofstream(path, std::ios::binary) << changed;
      KernelCache cache(options());
      ASSERT_EQ(cache.find("cubin", "a"), std::nullopt) << "byte " << i;
      cache.insert("cubin", "a", code_of("a", 40));
      ASSERT_EQ(find_on_disk("cubin", "a"), code_of("a", 40)) << "byte " << i;
    }
  }
}

TEST_F(KernelCacheTest, ACutOrGrownFileIsNoticed) {
  KernelCache(options()).insert("cubin", "a", code_of("a", 40));
  const std::string path = path_of("a").string(), whole = TempDir::read(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    ASSERT_EQ(find_on_disk("cubin", "a"), std::nullopt) << size << " bytes";
  }
  for (const std::string& more : {std::string(1, '\0'), whole}) {
    std::ofstream(path, std::ios::binary) << whole << more;
    ASSERT_EQ(find_on_disk("cubin", "a"), std::nullopt);
  }
  std::ofstream(path, std::ios::binary) << whole;
  EXPECT_EQ(find_on_disk("cubin", "a"), code_of("a", 40));
}

TEST_F(KernelCacheTest, TheFileOfAnotherKeyIsNotBelieved) {
  KernelCache(options()).insert("cubin", "a", code_of("a"));
  fs::create_directories(path_of("b").parent_path());
  fs::copy_file(path_of("a"), path_of("b"));
  EXPECT_EQ(find_on_disk("cubin", "b"), std::nullopt);
}

TEST_F(KernelCacheTest, WhatOthersCouldHaveWrittenIsNotBelieved) {
  KernelCache(options()).insert("cubin", "a", code_of("a"));
  const fs::path path = path_of("a");
  fs::permissions(path, fs::perms::group_write, fs::perm_options::add);
  EXPECT_EQ(find_on_disk("cubin", "a"), std::nullopt);
  fs::permissions(path, fs::perms::group_write, fs::perm_options::remove);
  ASSERT_EQ(find_on_disk("cubin", "a"), code_of("a"));

  fs::rename(path, dir_ / "elsewhere");
  fs::create_symlink(dir_ / "elsewhere", path);
  EXPECT_EQ(find_on_disk("cubin", "a"), std::nullopt) << "a link";
  KernelCache(options()).insert("cubin", "a", "new");
  EXPECT_EQ(find_on_disk("cubin", "a"), "new");
  EXPECT_FALSE(fs::is_symlink(path));

  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(find_on_disk("cubin", "a"), std::nullopt) << "a pipe";
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(find_on_disk("cubin", "a"), std::nullopt) << "a directory";
  KernelCache(options()).insert("cubin", "a", code_of("a"));  // cannot replace it, and does not complain
  EXPECT_EQ(find_on_disk("cubin", "a"), std::nullopt);
  EXPECT_EQ(files(), 0U) << "no temporary file is left";
}

TEST_F(KernelCacheTest, AnotherUsersFilesAndDirectoriesAreNotUsed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make another user's files";
  KernelCache(options()).insert("cubin", "a", code_of("a"));
  ASSERT_EQ(::chown(path_of("a").c_str(), 1, 1), 0);
  EXPECT_EQ(find_on_disk("cubin", "a"), std::nullopt);
  ASSERT_EQ(::chown((dir_ / "cache").c_str(), 1, 1), 0);
  KernelCache(options()).insert("cubin", "b", code_of("b"));
  EXPECT_EQ(files(), 1U);
}

TEST_F(KernelCacheTest, WhereNothingCanBeWrittenItWorksInMemory) {
  dir_.write("file", "");
  for (const fs::path& directory :
       {fs::path(dir_ / "file"), fs::path(dir_ / "file/below"), fs::path("/dev/null/x")}) {
    KernelCache cache({directory});
    cache.insert("cubin", "a", code_of("a"));
    EXPECT_EQ(cache.find("cubin", "a"), code_of("a"));
    EXPECT_EQ(KernelCache({directory}).find("cubin", "a"), std::nullopt);
  }
}

TEST_F(KernelCacheTest, AFullDiskLeavesNothingBehind) {
  const pid_t child = ::fork();
  if (child == 0) {  // the limit on the size of files stands in for the end of the disk
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(2);
    KernelCache cache(options());
    cache.insert("cubin", "a", std::string(5000, 'x'));
    std::_Exit(cache.find("cubin", "a") == std::string(5000, 'x') ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(find_on_disk("cubin", "a"), std::nullopt);
}

TEST_F(KernelCacheTest, TheDirectoryIsBoundedAndWhatWasNotUsedGoesFirst) {
  KernelCache::Options small = options();
  small.most_bytes = CacheDirectory::kShards * 8 * kBlock;  // eight files a subdirectory
  const std::vector<std::string> contents = neighbours(9);
  for (std::size_t i = 0; i < 8; ++i) KernelCache(small).insert("cubin", contents[i], code_of(contents[i]));
  EXPECT_EQ(files(), 8U);
  // Written long ago, the first first; then the very first is used.
  const auto now = fs::file_time_type::clock::now();
  for (std::size_t i = 0; i < 8; ++i) {
    fs::last_write_time(path_of(contents[i]), now - std::chrono::hours(20 - i));
  }
  EXPECT_TRUE(KernelCache(small).find("cubin", contents[0]));
  KernelCache(small).insert("cubin", contents[8], code_of(contents[8]));
  EXPECT_EQ(files(), 7U);  // an eighth of the room is made free at once
  for (const std::size_t gone : {1U, 2U}) {
    EXPECT_EQ(find_on_disk("cubin", contents[gone]), std::nullopt) << gone;
  }
  for (const std::size_t kept : {0U, 3U, 4U, 5U, 6U, 7U, 8U}) {
    EXPECT_EQ(find_on_disk("cubin", contents[kept]), code_of(contents[kept])) << kept;
  }
  // What is larger than the share of a subdirectory is not written.
  KernelCache(small).insert("cubin", "large", std::string(8 * kBlock, 'x'));
  EXPECT_EQ(files(), 7U);
}

TEST_F(KernelCacheTest, OneProcessKeepsWithinTheBound) {
  KernelCache::Options small = options();
  small.most_bytes = CacheDirectory::kShards * 4 * kBlock;
  KernelCache cache(small);
  for (int i = 0; i < 400; ++i) {
    cache.insert("cubin", std::to_string(i), code_of(std::to_string(i)));
    ASSERT_LE(files(), CacheDirectory::kShards * 4) << i;
  }
  EXPECT_EQ(find_on_disk("cubin", "399"), code_of("399"));
}

TEST_F(KernelCacheTest, NobodyWaitsForTheLock) {
  KernelCache::Options small = options();
  small.most_bytes = CacheDirectory::kShards * 2 * kBlock;
  const std::vector<std::string> contents = neighbours(5);
  KernelCache(small).insert("cubin", contents[0], code_of(contents[0]));
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  char byte = 'x';
  if (child == 0) {
    const int lock = ::open((dir_ / "cache/lock").c_str(), O_RDWR);
    if (::flock(lock, LOCK_EX) != 0) std::_Exit(2);
    if (::write(ready[1], &byte, 1) != 1 || ::read(done[0], &byte, 1) != 1) std::_Exit(3);
    std::_Exit(0);
  }
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  for (const std::string& content : contents) KernelCache(small).insert("cubin", content, code_of(content));
  EXPECT_EQ(files(), 5U);  // too many, as nobody could clear up
  ASSERT_EQ(::write(done[1], &byte, 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  KernelCache(small).insert("cubin", contents[0], code_of(contents[0]));
  EXPECT_LE(files(), 2U);
}

TEST_F(KernelCacheTest, RemovesWhatCrashedWritersLeft) {
  KernelCache(options()).insert("cubin", "a", code_of("a"));
  const fs::path folder = path_of("a").parent_path();
  for (const char* name : {"writing-old", "writing-new", "notes.txt"}) std::ofstream(folder / name) << "x";
  for (const char* name : {"writing-old", "notes.txt"}) {
    fs::last_write_time(folder / name, fs::file_time_type::clock::now() - std::chrono::hours(2));
  }
  KernelCache(options()).insert("cubin", "a", code_of("a"));
  EXPECT_FALSE(fs::exists(folder / "writing-old"));
  EXPECT_TRUE(fs::exists(folder / "writing-new"));  // its writer may be at work
  EXPECT_TRUE(fs::exists(folder / "notes.txt"));    // not ours
}

/// Runs `work(k)` in `count` processes at once; all must return true.
void in_processes(int count, const std::function<bool(int)>& work) {
  std::vector<pid_t> children;
  for (int k = 0; k < count; ++k) {
    const pid_t child = ::fork();
    if (child == 0) std::_Exit(work(k) ? 0 : 1);
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
}

TEST_F(KernelCacheTest, ProcessesWriteTheSameAndDifferentKeysAtOnce) {
  in_processes(4, [&](int k) {
    for (int i = 0; i < 200; ++i) {
      const std::string shared = "shared " + std::to_string(i % 20);
      const std::string own = std::to_string(k) + " " + std::to_string(i);
      KernelCache cache(options());
      const auto found = cache.find("cubin", shared);
      if (found && *found != code_of(shared, 20000)) return false;
      cache.insert("cubin", shared, code_of(shared, 20000));
      cache.insert("cubin", own, code_of(own));
      if (find_on_disk("cubin", own) != code_of(own)) return false;
    }
    return true;
  });
  EXPECT_EQ(files(), 20U + 4U * 200U);
}

TEST_F(KernelCacheTest, ReadersSeeWholeFilesWhileOthersAreRemoved) {
  KernelCache::Options small = options();
  small.most_bytes = CacheDirectory::kShards * 10 * kBlock;
  const std::vector<std::string> contents = neighbours(12);
  in_processes(4, [&](int k) {
    int hits = 0;
    for (int i = 0; i < 300; ++i) {
      const std::string& content = contents[static_cast<std::size_t>(i * (k + 1)) % contents.size()];
      KernelCache cache(small);
      if (const auto found = cache.find("cubin", content)) {
        if (*found != code_of(content, 8000)) return false;
        ++hits;
      } else {
        cache.insert("cubin", content, code_of(content, 8000));
      }
    }
    return hits > 0;
  });
  KernelCache(small).insert("cubin", contents[0], code_of(contents[0]));
  EXPECT_LE(files(), 10U);
}

TEST_F(KernelCacheTest, ThreadsShareOneCache) {
  KernelCache::Options small = options();
  small.most_memory_bytes = 5 * 8000;
  KernelCache cache(small);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k) {
    threads.emplace_back([&, k] {
      for (int i = 0; i < 300; ++i) {
        const std::string content = std::to_string(i * (k + 1) % 17);
        if (const auto found = cache.find("cubin", content)) {
          if (*found != code_of(content, 8000)) ++wrong;
        } else {
          cache.insert("cubin", content, code_of(content, 8000));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

/// Sets environment variables for the length of a test.
class Environment {
 public:
  ~Environment() {
    for (const auto& [name, value] : saved_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }
  void set(const std::string& name, const char* value) {
    const char* before = std::getenv(name.c_str());
    saved_.emplace_back(name, before ? std::optional<std::string>(before) : std::nullopt);
    if (value) {
      ::setenv(name.c_str(), value, 1);
    } else {
      ::unsetenv(name.c_str());
    }
  }

 private:
  std::vector<std::pair<std::string, std::optional<std::string>>> saved_;
};

TEST(KernelCacheOptions, ComeFromTheEnvironment) {
  Environment environment;
  environment.set("ADZE_CACHE_DIR", nullptr);
  environment.set("ADZE_CACHE_MEGABYTES", nullptr);
  environment.set("XDG_CACHE_HOME", "/somewhere");
  environment.set("HOME", "/home/user");
  KernelCache::Options options = KernelCache::options_from_environment();
  EXPECT_EQ(options.directory, "/somewhere/adze");
  EXPECT_EQ(options.most_bytes, std::uint64_t{256} << 20);
  environment.set("XDG_CACHE_HOME", "relative");
  EXPECT_EQ(KernelCache::options_from_environment().directory, "/home/user/.cache/adze");
  environment.set("HOME", nullptr);
  EXPECT_EQ(KernelCache::options_from_environment().directory, "");
  environment.set("ADZE_CACHE_DIR", "here");
  environment.set("ADZE_CACHE_MEGABYTES", "3");
  options = KernelCache::options_from_environment();
  EXPECT_EQ(options.directory, fs::current_path() / "here");
  EXPECT_EQ(options.most_bytes, std::uint64_t{3} << 20);
  environment.set("ADZE_CACHE_DIR", "off");
  EXPECT_EQ(KernelCache::options_from_environment().directory, "");
  for (const char* wrong : {"many", "3MB", "-1", " 3", "99999999999"}) {
    environment.set("ADZE_CACHE_MEGABYTES", wrong);
    EXPECT_THROW(KernelCache::options_from_environment(), CompileError) << wrong;
  }
}

}  // namespace
}  // namespace adze
