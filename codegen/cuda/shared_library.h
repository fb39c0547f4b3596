#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace adze {

/// A library that is looked for when the program runs, so that one binary runs with and without it.
class SharedLibrary {
 public:
  /// The file that the environment variable `override_variable` names, or else the first of `names` that can
  /// be loaded. Throws RuntimeError: what was tried and why the last try failed.
  static SharedLibrary open(const std::string& what, const char* override_variable,
                            std::span<const std::string> names);

  /// Throws RuntimeError: this library has no such function, so it is too old.
  void* find(const char* function) const;
  template <class Function>
  void find(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(find(name));
  }
  const std::string& path() const { return path_; }  ///< as it was asked for

 private:
  struct Close {
    void operator()(void* handle) const;
  };
  SharedLibrary(std::string what, std::string path, void* handle)
      : what_(std::move(what)), path_(std::move(path)), handle_(handle) {}
  std::string what_, path_;
  std::unique_ptr<void, Close> handle_;
};

}  // namespace adze
