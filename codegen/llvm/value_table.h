#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace llvm {
class Value;
}

namespace adze {

/// Value numbering while printing: the same operation on the same operands is printed once. Scopes follow
/// dominance: what was printed inside a loop or a branch is forgotten at its end.
class ValueTable {
 public:
  /// What identifies a value: a tag for the operation, operands, anything else that matters.
  using Key = std::array<std::uint64_t, 6>;

  /// The value printed for `key` before, or that of `make()` from now on.
  template <class Make>
  llvm::Value* get(const Key& key, Make&& make) {
    if (const auto found = values_.find(key); found != values_.end()) return found->second;
    llvm::Value* value = make();
    values_.emplace(key, value);
    log_.push_back(key);
    return value;
  }

  void push_scope() { scopes_.push_back(log_.size()); }
  void pop_scope() {
    for (std::size_t i = scopes_.back(); i < log_.size(); ++i) values_.erase(log_[i]);
    log_.resize(scopes_.back());
    scopes_.pop_back();
  }

 private:
  struct Hash {
    std::size_t operator()(const Key& key) const {
      std::uint64_t hash = 0;
      for (const std::uint64_t word : key) {
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
      }
      return hash;
    }
  };
  std::unordered_map<Key, llvm::Value*, Hash> values_;
  std::vector<Key> log_;
  std::vector<std::size_t> scopes_;
};

}  // namespace adze
