#include <cstring>
#include <map>

#include "adze/io.h"
#include "frontend/emit.h"
#include "frontend/io/safetensors.h"
#include "ir/with_type.h"

namespace adze::io::detail {

void save(const std::string& path, const std::vector<std::string>& names,
          const std::vector<const Array*>& leaves) {
  NamedLiterals tensors;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const Array& leaf = *leaves[i];
    tensors.emplace_back(names[i].empty() ? "value" : names[i], with_type(leaf.dtype(), [&]<class T>() {
                           return Literal::from(leaf.shape(), leaf.data<T>());
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
    loaded.push_back(adze::detail::to_array(literal));
    tensors.erase(found);
  }
  if (!tensors.empty())
    throw IoError(path + ": tensor '" + tensors.begin()->first + "' has no place in the tree");
  for (std::size_t i = 0; i < leaves.size(); ++i) *leaves[i] = loaded[i];
}

}  // namespace adze::io::detail
