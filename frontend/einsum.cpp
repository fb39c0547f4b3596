#include "adze/einsum.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <numeric>
#include <optional>
#include <string>

#include "adze/ops.h"
#include "emit.h"

namespace adze {
namespace {

/// A letter, or kEllipsis + i for the i-th axis of "..." counted from the last.
using Label = int;
constexpr Label kEllipsis = 256;
using Labels = std::vector<Label>;

bool contains(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

/// One term of the specification: its letters, and where among them "..." stands.
struct Term {
  std::string letters;
  std::optional<std::size_t> ellipsis;
};

/// An operand, or an intermediate result: an Array and what its axes are called.
struct Tensor {
  Array array;
  Labels labels;
};

std::int64_t size_of(const Tensor& tensor, const std::map<Label, std::int64_t>& sizes) {
  std::int64_t size = 1;
  for (const Label label : tensor.labels) size *= sizes.at(label);
  return size;
}

class Einsum {
 public:
  Einsum(std::string_view spec, std::span<const Operand> operands) : operands_(operands) {
    for (const char c : spec) {
      if (!std::isspace(static_cast<unsigned char>(c))) spec_ += c;
    }
  }

  Array run() {
    parse();
    bind_operands();
    name_output();
    const DType dtype = detail::common_dtype(operands_);
    for (Tensor& tensor : tensors_) tensor.array = astype(tensor.array, dtype);
    for (std::size_t i = 0; i < tensors_.size(); ++i) sum_alone(i);
    while (tensors_.size() > 1) {
      const auto [i, k] = next_pair();
      Tensor product = contract(tensors_[i], tensors_[k], needed_without(i, k));
      tensors_.erase(tensors_.begin() + static_cast<std::ptrdiff_t>(k));
      tensors_[i] = std::move(product);
    }
    return arrange(tensors_[0], output_);
  }

 private:
  [[noreturn]] void fail(const std::string& message, std::size_t operand = 0) const {
    detail::fail(operands_[operand], fmt::format("einsum \"{}\": {}", spec_, message));
  }

  // Reading the specification.

  Term parse_term(std::string_view text) const {
    Term term;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text.substr(i, 3) == "...") {
        if (term.ellipsis) fail(fmt::format("\"{}\" has two ellipses", text));
        term.ellipsis = term.letters.size();
        i += 2;
      } else if (std::isalpha(static_cast<unsigned char>(text[i]))) {
        term.letters += text[i];
      } else {
        fail(fmt::format("'{}' is no letter; a term is letters and at most one \"...\"", text[i]));
      }
    }
    return term;
  }

  void parse() {
    const std::size_t arrow = spec_.find("->");
    const std::string_view inputs = std::string_view(spec_).substr(0, arrow);
    if (arrow != std::string::npos) output_term_ = parse_term(std::string_view(spec_).substr(arrow + 2));
    for (std::size_t begin = 0;;) {
      const std::size_t end = std::min(inputs.find(',', begin), inputs.size());
      terms_.push_back(parse_term(inputs.substr(begin, end - begin)));
      if (end == inputs.size()) break;
      begin = end + 1;
    }
    if (terms_.size() != operands_.size()) {
      fail(fmt::format("{} terms for {} operands", terms_.size(), operands_.size()));
    }
  }

  // Giving each axis its label and each label its size.

  void bind_operands() {
    for (std::size_t i = 0; i < terms_.size(); ++i) {
      const TensorType type = operands_[i].type();
      const Term& term = terms_[i];
      const std::int64_t open = type.rank() - static_cast<std::int64_t>(term.letters.size());
      if (open < 0 || (open > 0 && !term.ellipsis)) {
        fail(fmt::format("operand {} is {}, but its term names {}{} axes", i, to_string(type),
                         term.ellipsis ? "at least " : "", term.letters.size()),
             i);
      }
      Labels labels(term.letters.begin(), term.letters.end());
      if (term.ellipsis) {
        Labels extra;
        for (std::int64_t axis = open; axis-- > 0;) extra.push_back(kEllipsis + static_cast<Label>(axis));
        labels.insert(labels.begin() + static_cast<std::ptrdiff_t>(*term.ellipsis), extra.begin(),
                      extra.end());
        ellipsis_rank_ = std::max(ellipsis_rank_, open);
      }
      for (std::size_t axis = 0; axis < labels.size(); ++axis) {
        const std::int64_t size = type.shape[axis];
        const auto [known, first] = sizes_.emplace(labels[axis], size);
        if (first || known->second == size) continue;
        const bool broadcasts = labels[axis] >= kEllipsis && (size == 1 || known->second == 1);
        if (!broadcasts) {
          const std::string name =
              labels[axis] >= kEllipsis ? "an axis of \"...\"" : fmt::format("'{}'", char(labels[axis]));
          fail(fmt::format("{} has size {} in operand {}, {} elsewhere", name, size, i, known->second), i);
        }
        known->second = std::max(known->second, size);
      }
      tensors_.push_back({operands_[i].array(), std::move(labels)});
    }
    // An axis that broadcasts is left out: what it is multiplied with has it.
    for (Tensor& tensor : tensors_) {
      Labels kept;
      Dims dropped;
      for (std::size_t axis = 0; axis < tensor.labels.size(); ++axis) {
        if (tensor.array.shape()[axis] == sizes_.at(tensor.labels[axis]))
          kept.push_back(tensor.labels[axis]);
        else
          dropped.push_back(static_cast<std::int64_t>(axis));
      }
      if (!dropped.empty()) tensor = {squeeze(tensor.array, dropped), std::move(kept)};
    }
  }

  void name_output() {
    Labels ellipsis;
    for (std::int64_t axis = ellipsis_rank_; axis-- > 0;) {
      ellipsis.push_back(kEllipsis + static_cast<Label>(axis));
    }
    if (!output_term_) {
      std::map<char, int> counts;
      for (const Term& term : terms_) {
        for (const char letter : term.letters) ++counts[letter];
      }
      output_ = ellipsis;
      for (const auto& [letter, count] : counts) {
        if (count == 1) output_.push_back(letter);
      }
      return;
    }
    const std::string& letters = output_term_->letters;
    for (std::size_t i = 0; i < letters.size(); ++i) {
      if (letters.find(letters[i]) != i) fail(fmt::format("the output has '{}' twice", letters[i]));
      if (!sizes_.contains(letters[i])) fail(fmt::format("no operand has the output's '{}'", letters[i]));
    }
    if (ellipsis_rank_ > 0 && !output_term_->ellipsis) {
      fail("\"...\" stands for axes of the operands, so the output must have it");
    }
    output_.assign(letters.begin(), letters.end());
    output_.insert(output_.begin() + static_cast<std::ptrdiff_t>(output_term_->ellipsis.value_or(0)),
                   ellipsis.begin(), ellipsis.end());
  }

  // The work.

  /// The labels that the output or an operand other than these two has.
  Labels needed_without(std::size_t i, std::size_t k) const {
    Labels needed = output_;
    for (std::size_t other = 0; other < tensors_.size(); ++other) {
      if (other == i || other == k) continue;
      needed.insert(needed.end(), tensors_[other].labels.begin(), tensors_[other].labels.end());
    }
    return needed;
  }

  /// Takes diagonals and sums over what no one else has.
  void sum_alone(std::size_t i) {
    Tensor& tensor = tensors_[i];
    for (std::size_t axis = 0; axis < tensor.labels.size();) {
      const auto later = std::find(tensor.labels.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                                   tensor.labels.end(), tensor.labels[axis]);
      if (later == tensor.labels.end()) {
        ++axis;
        continue;
      }
      const std::int64_t other = later - tensor.labels.begin();
      const Dims& shape = tensor.array.shape();
      const Array diagonal = iota(shape, static_cast<std::int64_t>(axis)) == iota(shape, other);
      tensor.array = sum(where(diagonal, tensor.array, zeros({}, tensor.array.dtype())), other);
      tensor.labels.erase(later);
    }
    const Labels needed = needed_without(i, i);
    Labels kept;
    Dims summed;
    for (std::size_t axis = 0; axis < tensor.labels.size(); ++axis) {
      if (contains(needed, tensor.labels[axis]))
        kept.push_back(tensor.labels[axis]);
      else
        summed.push_back(static_cast<std::int64_t>(axis));
    }
    if (!summed.empty()) tensor = {sum(tensor.array, summed), std::move(kept)};
  }

  /// The pair whose product adds the least to the elements there are.
  std::pair<std::size_t, std::size_t> next_pair() const {
    std::pair<std::size_t, std::size_t> best(0, 1);
    std::optional<std::int64_t> least;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      for (std::size_t k = i + 1; k < tensors_.size(); ++k) {
        const Labels needed = needed_without(i, k);
        std::int64_t result = 1;
        for (const auto& [label, size] : sizes_) {
          const bool present = contains(tensors_[i].labels, label) || contains(tensors_[k].labels, label);
          if (present && contains(needed, label)) result *= size;
        }
        const std::int64_t growth = result - size_of(tensors_[i], sizes_) - size_of(tensors_[k], sizes_);
        if (!least || growth < *least) {
          least = growth;
          best = {i, k};
        }
      }
    }
    return best;
  }

  Tensor contract(const Tensor& a, const Tensor& b, const Labels& needed) const {
    DotDims dims;
    Labels batch, free_a, free_b;
    for (std::size_t axis = 0; axis < a.labels.size(); ++axis) {
      const Label label = a.labels[axis];
      const auto place = std::find(b.labels.begin(), b.labels.end(), label);
      if (place == b.labels.end()) {
        free_a.push_back(label);
        continue;
      }
      const bool kept = contains(needed, label);
      (kept ? dims.lhs_batch : dims.lhs_contract).push_back(static_cast<std::int64_t>(axis));
      (kept ? dims.rhs_batch : dims.rhs_contract).push_back(place - b.labels.begin());
      if (kept) batch.push_back(label);
    }
    for (const Label label : b.labels) {
      if (!contains(a.labels, label)) free_b.push_back(label);
    }
    Labels labels = batch;
    labels.insert(labels.end(), free_a.begin(), free_a.end());
    labels.insert(labels.end(), free_b.begin(), free_b.end());
    if (!dims.lhs_contract.empty()) return {dot_general(a.array, b.array, dims), std::move(labels)};
    return {spread(a, labels) * spread(b, labels), std::move(labels)};  // nothing to sum
  }

  /// `tensor` with its axes in the order of `labels`, and axes of size 1 for those it lacks.
  static Array spread(const Tensor& tensor, const Labels& labels) {
    Labels own;
    Dims missing;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (contains(tensor.labels, labels[i]))
        own.push_back(labels[i]);
      else
        missing.push_back(static_cast<std::int64_t>(i));
    }
    const Array arranged = arrange(tensor, own);
    return missing.empty() ? arranged : expand_dims(arranged, missing);
  }

  static Array arrange(const Tensor& tensor, const Labels& labels) {
    if (tensor.labels == labels) return tensor.array;
    Dims permutation;
    for (const Label label : labels) {
      permutation.push_back(std::find(tensor.labels.begin(), tensor.labels.end(), label) -
                            tensor.labels.begin());
    }
    return transpose(tensor.array, permutation);
  }

  std::string spec_;
  std::span<const Operand> operands_;
  std::vector<Term> terms_;
  std::optional<Term> output_term_;
  std::vector<Tensor> tensors_;
  std::map<Label, std::int64_t> sizes_;
  std::int64_t ellipsis_rank_ = 0;
  Labels output_;
};

Array run_einsum(std::string_view spec, std::span<const Operand> operands) {
  const Composition here("einsum", operands[0].at());
  return Einsum(spec, operands).run();
}

}  // namespace

Array einsum(std::string_view spec, Operand a) {
  return run_einsum(spec, std::array{a});
}
Array einsum(std::string_view spec, Operand a, Operand b) {
  return run_einsum(spec, std::array{a, b});
}
Array einsum(std::string_view spec, Operand a, Operand b, Operand c) {
  return run_einsum(spec, std::array{a, b, c});
}
Array einsum(std::string_view spec, const std::vector<Array>& operands, Location at) {
  if (operands.empty()) throw TypeError(fmt::format("einsum \"{}\": no operands given", spec));
  std::vector<Operand> list;
  for (const Array& operand : operands) list.emplace_back(operand, at);
  return run_einsum(spec, list);
}

}  // namespace adze
