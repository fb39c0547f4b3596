#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>

#include "adze/array.h"

/// Trees: Array, aggregates of trees, std::tuple, pair, array, vector, optional and map of trees. What holds
/// no Array (numbers, enums, strings, empty types) is static: it is part of a compiled function's cache key.
/// Classes that are no aggregates specialise `tree_traits`.
namespace adze {

/// Makes a class a tree:
///
///   template <> struct adze::tree_traits<Cell> {
///     template <class Field> static void visit(Cell& cell, Field&& field) {
///       field("weight", cell.weight_);
///       field("steps", cell.steps_);
///     }
///   };
template <class T>
struct tree_traits {};

namespace detail {

/// Sees the parts of a tree in order. `enter` and `leave` surround each part of a composite.
class TreeVisitor {
 public:
  virtual ~TreeVisitor() = default;
  virtual void leaf(Array& array) = 0;
  virtual void fixed(const void* /*bytes*/, std::size_t /*size*/) {}  ///< a static part
  virtual void enter(std::string_view /*name*/) {}
  virtual void enter(std::size_t /*index*/) {}
  virtual void leave() {}
};

// Member names: the address of a member of an object that is declared and never defined, as a template
// argument, printed by the compiler. The pointer sits in an aggregate because clang 14 and g++ 12 print a
// bare one differently.
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
template <class T>
struct Wrap {
  T value;
};
template <class T>
extern const Wrap<T> wrapped;
template <class P>
struct MemberPointer {
  P pointer;
};
template <class P>
MemberPointer(P) -> MemberPointer<P>;

/// "weight" out of "... [M = {&wrapped.value.weight}]" (clang) or "... ::value.Linear::weight)}; ..." (g++).
constexpr std::string_view last_member_name(std::string_view pretty) {
  std::size_t end = pretty.rfind('}');
  while (end > 0 && (pretty[end - 1] == ')' || pretty[end - 1] == '}')) --end;
  std::size_t begin = end;
  while (begin > 0 && pretty[begin - 1] != '.' && pretty[begin - 1] != ':') --begin;
  return pretty.substr(begin, end - begin);
}
template <auto Member>
constexpr std::string_view printed_member() {
#if defined(__clang__)
  return last_member_name(__PRETTY_FUNCTION__);
#else
  // g++ goes on after the argument: "...}; std::string_view = ...]".
  std::string_view pretty = __PRETTY_FUNCTION__;
  return last_member_name(pretty.substr(0, pretty.find("; std::string_view")));
#endif
}
template <class T, std::size_t I>
constexpr std::string_view member_name() {
  return printed_member<MemberPointer{&boost::pfr::get<I>(wrapped<T>.value)}>();
}
#if defined(__clang__)
#pragma clang diagnostic pop
#endif

template <class T>
inline constexpr bool kIsVector = false;
template <class T, class A>
inline constexpr bool kIsVector<std::vector<T, A>> = true;
template <class T>
inline constexpr bool kIsMap = false;
template <class K, class T, class C, class A>
inline constexpr bool kIsMap<std::map<K, T, C, A>> = true;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsTuple = false;
template <class... T>
inline constexpr bool kIsTuple<std::tuple<T...>> = true;
template <class A, class B>
inline constexpr bool kIsTuple<std::pair<A, B>> = true;
template <class T, std::size_t N>
inline constexpr bool kIsTuple<std::array<T, N>> = true;

struct AnyField {
  template <class T>
  void operator()(std::string_view, T&) const {}
};
template <class T>
concept HasTreeTraits = requires(T& tree, AnyField field) {
  tree_traits<T>::visit(tree, field);
};
/// A string literal counts too.
template <class T>
concept IsString = std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view> ||
    std::is_same_v<T, const char*> ||
    (std::is_array_v<T>&& std::is_same_v<std::remove_cv_t<std::remove_extent_t<T>>, char>);
/// Static parts whose bytes are their value.
template <class T>
concept IsPlain = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, std::nullptr_t> ||
    (std::is_pointer_v<T>&& std::is_function_v<std::remove_pointer_t<T>>);
template <class T>
inline constexpr bool kAlwaysFalse = false;

inline void visit_string(std::string_view text, TreeVisitor& visitor) {
  const std::size_t size = text.size();
  visitor.fixed(&size, sizeof size);
  visitor.fixed(text.data(), size);
}

template <class T>
std::string key_text(const T& key) {
  if constexpr (IsString<T>)
    return std::string(key);
  else
    return std::to_string(key);
}

template <class T>
void visit_tree(T& tree, TreeVisitor& visitor);

template <class T>
void visit_part(std::string_view name, T& part, TreeVisitor& visitor) {
  visitor.enter(name);
  visit_tree(part, visitor);
  visitor.leave();
}
template <class T>
void visit_part(std::size_t index, T& part, TreeVisitor& visitor) {
  visitor.enter(index);
  visit_tree(part, visitor);
  visitor.leave();
}

template <class T>
void visit_tree(T& tree, TreeVisitor& visitor) {
  if constexpr (std::is_const_v<T>) {
    static_assert(!std::is_same_v<T, const Array>, "a const Array cannot be part of a tree");
    visit_tree(const_cast<std::remove_const_t<T>&>(tree), visitor);  // a static part: only read
  } else if constexpr (std::is_same_v<T, Array>) {
    visitor.leaf(tree);
  } else if constexpr (HasTreeTraits<T>) {
    tree_traits<T>::visit(tree, [&](std::string_view name, auto& part) { visit_part(name, part, visitor); });
  } else if constexpr (IsPlain<T>) {
    visitor.fixed(&tree, sizeof(T));
  } else if constexpr (IsString<T>) {
    visit_string(tree, visitor);
  } else if constexpr (std::is_empty_v<T>) {
    // A tag or a lambda without captures: its type says it all.
  } else if constexpr (kIsTuple<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit_part(I, std::get<I>(tree), visitor), ...);
    }
    (std::make_index_sequence<std::tuple_size_v<T>>());
  } else if constexpr (kIsVector<T>) {
    const std::size_t size = tree.size();
    visitor.fixed(&size, sizeof size);
    for (std::size_t i = 0; i < size; ++i) {
      if constexpr (std::is_same_v<typename T::value_type, bool>) {
        const bool bit = tree[i];
        visitor.fixed(&bit, sizeof bit);
      } else {
        visit_part(i, tree[i], visitor);
      }
    }
  } else if constexpr (kIsOptional<T>) {
    const bool present = tree.has_value();
    visitor.fixed(&present, sizeof present);
    if (present) visit_tree(*tree, visitor);
  } else if constexpr (kIsMap<T>) {
    const std::size_t size = tree.size();
    visitor.fixed(&size, sizeof size);
    for (auto& [key, part] : tree) {
      const std::string text = key_text(key);
      visit_string(text, visitor);
      visit_part(text, part, visitor);
    }
  } else if constexpr (std::is_aggregate_v<T> && std::is_class_v<T>) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit_part(member_name<T, I>(), boost::pfr::get<I>(tree), visitor), ...);
    }
    (std::make_index_sequence<boost::pfr::tuple_size_v<T>>());
  } else {
    static_assert(kAlwaysFalse<T>, "not a tree: specialise adze::tree_traits for this type");
  }
}

/// For visitors that change nothing.
template <class T>
void visit_const_tree(const T& tree, TreeVisitor& visitor) {
  visit_tree(const_cast<T&>(tree), visitor);
}

/// Gathers pointers to the leaves.
class LeafCollector final : public TreeVisitor {
 public:
  void leaf(Array& array) override { leaves.push_back(&array); }
  std::vector<Array*> leaves;
};

/// Gathers the leaves' paths: root.member[index].
class PathCollector final : public TreeVisitor {
 public:
  explicit PathCollector(std::string root) : path_(std::move(root)) {}
  void leaf(Array&) override { paths.push_back(path_); }
  void enter(std::string_view name) override;
  void enter(std::size_t index) override;
  void leave() override;
  std::vector<std::string> paths;

 private:
  std::string path_;
  std::vector<std::size_t> lengths_;
};

/// Writes a tree's shape as bytes: static parts and the order of leaves, not the leaves' types.
class StructureWriter final : public TreeVisitor {
 public:
  void leaf(Array&) override { bytes.push_back('A'); }
  void fixed(const void* data, std::size_t size) override {
    bytes.append(static_cast<const char*>(data), size);
  }
  std::string bytes;
};

/// The pointers to the leaves of `tree`, which must outlive them.
template <class T>
std::vector<Array*> leaf_pointers(T& tree) {
  LeafCollector collector;
  visit_tree(tree, collector);
  return std::move(collector.leaves);
}
template <class T>
std::vector<const Array*> leaf_pointers(const T& tree) {
  LeafCollector collector;
  visit_const_tree(tree, collector);
  return {collector.leaves.begin(), collector.leaves.end()};
}

/// TypeError "<what>: trees differ in structure" unless both have the same static parts and number of leaves.
void check_same_structure(const char* what, const StructureWriter& a, const StructureWriter& b);
void replace_leaves(const std::vector<Array*>& leaves, std::vector<Array> values);
template <class T>
void check_same_trees(const char* what, const T& a, const T& b) {
  StructureWriter first, second;
  visit_const_tree(a, first);
  visit_const_tree(b, second);
  check_same_structure(what, first, second);
}

}  // namespace detail

/// The Arrays of a tree, in the order of declaration.
template <class T>
std::vector<Array> tree_leaves(const T& tree) {
  std::vector<Array> result;
  for (const Array* leaf : detail::leaf_pointers(tree)) result.push_back(*leaf);
  return result;
}

/// The path of each leaf: "model.hidden.weight", "model.layers[2].bias"; map keys are like members. `root` is
/// the name of the tree itself, such as "model"; it may be empty.
template <class T>
std::vector<std::string> tree_paths(const T& tree, std::string root = {}) {
  detail::PathCollector collector(std::move(root));
  detail::visit_const_tree(tree, collector);
  return std::move(collector.paths);
}

/// A copy of `tree` with `leaves` in the places of its Arrays, in order; TypeError when their number differs.
template <class T>
T tree_unflatten(T tree, std::vector<Array> leaves) {
  detail::replace_leaves(detail::leaf_pointers(tree), std::move(leaves));
  return tree;
}

Array zeros_like(Operand x);

/// Applies `f` to each Array, or to the Arrays in the same place of several trees of the same structure
/// (TypeError when it differs). Static parts are those of the first tree.
template <class F, class T, class... Rest>
T tree_map(F&& f, T tree, const Rest&... rest) {
  static_assert((std::is_same_v<T, Rest> && ...), "tree_map: trees of one type");
  (detail::check_same_trees("tree_map", tree, rest), ...);
  const std::vector<Array*> leaves = detail::leaf_pointers(tree);
  const std::array<std::vector<const Array*>, sizeof...(Rest)> others{detail::leaf_pointers(rest)...};
  [&]<std::size_t... I>(std::index_sequence<I...>) {
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      *leaves[i] = f(static_cast<const Array&>(*leaves[i]), *others[I][i]...);
    }
  }
  (std::index_sequence_for<Rest...>());
  return tree;
}

/// A tree of zeros of the same shapes and dtypes.
template <class T>
requires(!std::is_convertible_v<const T&, Operand>) T zeros_like(const T& tree) {
  return tree_map([](const Array& leaf) { return zeros_like(Operand(leaf)); }, tree);
}

}  // namespace adze
