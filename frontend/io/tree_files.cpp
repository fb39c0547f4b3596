#include <cstring>
#include <map>

#include "adze/io.h"
#include "frontend/io/safetensors.h"

namespace adze::io::detail {
namespace {

/// Calls `f` with a value of the dtype's C++ type.
template <class F>
auto with_element_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kBool:
      return f(bool{});
    case DType::kI32:
      return f(std::int32_t{});
    case DType::kI64:
      return f(std::int64_t{});
    case DType::kU32:
      return f(std::uint32_t{});
    case DType::kF64:
      return f(double{});
    default:
      return f(float{});
  }
}

}  // namespace

void save(const std::string& path, const std::vector<std::string>& names,
          const std::vector<const Array*>& leaves) {
  NamedLiterals tensors;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Array& leaf = *leaves[i];
    tensors.emplace_back(names[i].empty() ? "value" : names[i],
                         with_element_type(leaf.dtype(), [&](auto element) {
                           return Literal::from(leaf.shape(), leaf.data<decltype(element)>());
                         }));
  }
  save_safetensors(path, tensors);
}

void load(const std::string& path, const std::vector<std::string>& names, const std::vector<Array*>& leaves) {
  std::map<std::string, Literal> tensors;
  for (auto& [name, literal] : load_safetensors(path)) tensors.emplace(name, std::move(literal));
  std::vector<Array> loaded;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::string name = names[i].empty() ? "value" : names[i];
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw IoError(path + ": has no tensor '" + name + "'");
    const Literal& literal = found->second;
    if (literal.type() != leaves[i]->type()) {
      throw IoError(path + ": tensor '" + name + "' is " + to_string(literal.type()) +
                    ", but the tree wants " + to_string(leaves[i]->type()));
    }
    loaded.push_back(with_element_type(literal.type().dtype, [&](auto element) {
      return Array(literal.data<decltype(element)>(), literal.type().shape);
    }));
    tensors.erase(found);
  }
  if (!tensors.empty())
    throw IoError(path + ": tensor '" + tensors.begin()->first + "' has no place in the tree");
  for (std::size_t i = 0; i < leaves.size(); ++i) *leaves[i] = loaded[i];
}

}  // namespace adze::io::detail
