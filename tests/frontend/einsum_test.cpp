#include <map>

#include "ir/text.h"
#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;
using testing::expect_close;
using testing::values_of;

/// By plain loops over all labels. Letters only: "..." is written out as capitals by the caller.
Array reference(const std::string& inputs, const std::string& output, const std::vector<Array>& operands) {
  std::vector<std::string> terms(1);
  for (const char c : inputs) {
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  }
  std::map<char, std::int64_t> sizes;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    for (std::size_t axis = 0; axis < terms[i].size(); ++axis) {
      std::int64_t& size = sizes[terms[i][axis]];
      size = std::max(size, operands[i].shape()[axis]);
    }
  }
  std::map<char, std::int64_t> at;
  for (const auto& [label, size] : sizes) at[label] = 0;
  const auto offset = [&](const std::string& term, const Dims& shape) {
    std::int64_t place = 0;
    for (std::size_t axis = 0; axis < term.size(); ++axis) {
      place = place * shape[axis] + (shape[axis] == 1 ? 0 : at[term[axis]]);
    }
    return static_cast<std::size_t>(place);
  };
  Dims shape;
  for (const char label : output) shape.push_back(sizes[label]);
  std::vector<double> result(static_cast<std::size_t>(element_count(shape)), 0.0);
  std::vector<std::vector<double>> values;
  for (const Array& operand : operands) values.push_back(values_of(operand));
  for (;;) {
    double product = 1;
    for (std::size_t i = 0; i < terms.size(); ++i)
      product *= values[i][offset(terms[i], operands[i].shape())];
    result[offset(output, shape)] += product;
    auto next = at.rbegin();
    for (; next != at.rend(); ++next) {
      if (++next->second < sizes[next->first]) break;
      next->second = 0;
    }
    if (next == at.rend()) break;
  }
  return Array(result, shape);
}

Array random_array(Dims shape) {
  static std::uint64_t seed = 0;
  return random::normal(random::key(++seed), std::move(shape), DType::kF64);
}

void expect_einsum(const std::string& spec, const std::vector<Dims>& shapes, const std::string& inputs,
                   const std::string& output) {
  SCOPED_TRACE(spec);
  std::vector<Array> operands;
  for (const Dims& shape : shapes) operands.push_back(random_array(shape));
  const Array expected = reference(inputs, output, operands);
  expect_close(einsum(spec, operands), expected, 1e-13);
  const auto f = [&](const std::vector<Array>& xs) { return einsum(spec, xs); };
  expect_close(compile(f)(operands), expected, 1e-13);
  // The derivative along a direction, against differences.
  std::vector<Array> direction;
  for (const Dims& shape : shapes) direction.push_back(random_array(shape));
  const auto along = [&](double h) {
    std::vector<Array> moved;
    for (std::size_t i = 0; i < operands.size(); ++i) moved.push_back(operands[i] + h * direction[i]);
    return sum(sin(einsum(spec, moved)));
  };
  const auto g = grad([&](const std::vector<Array>& xs) { return sum(sin(einsum(spec, xs))); })(operands);
  double slope = 0;
  for (std::size_t i = 0; i < g.size(); ++i) slope += sum(g[i] * direction[i]).item<double>();
  EXPECT_NEAR((along(1e-5) - along(-1e-5)).item<double>() / 2e-5, slope,
              1e-7 * std::max(1.0, std::abs(slope)));
}

TEST(Einsum, AgainstPlainLoops) {
  expect_einsum("ij,jk->ik", {{2, 3}, {3, 4}}, "ij,jk", "ik");
  expect_einsum("ij,jk", {{2, 3}, {3, 4}}, "ij,jk", "ik");
  expect_einsum("ij, kj -> ki", {{2, 3}, {4, 3}}, "ij,kj", "ki");
  expect_einsum("bij,bjk->bik", {{5, 2, 3}, {5, 3, 4}}, "bij,bjk", "bik");
  expect_einsum("bqhf,bkhf->bhqk", {{2, 3, 4, 5}, {2, 6, 4, 5}}, "bqhf,bkhf", "bhqk");
  expect_einsum("i,i->", {{4}, {4}}, "i,i", "");
  expect_einsum("i,j->ij", {{4}, {3}}, "i,j", "ij");
  expect_einsum("i,j->ji", {{4}, {3}}, "i,j", "ji");
  expect_einsum("ij,ij->ij", {{2, 3}, {2, 3}}, "ij,ij", "ij");
  expect_einsum("ij,j->ij", {{2, 3}, {3}}, "ij,j", "ij");
  expect_einsum("ij,ji->", {{2, 3}, {3, 2}}, "ij,ji", "");
  expect_einsum("ijk,l->kl", {{2, 3, 4}, {2}}, "ijk,l", "kl");
  expect_einsum(",i->i", {{}, {3}}, ",i", "i");
}

TEST(Einsum, OneOperand) {
  expect_einsum("ij->ji", {{2, 3}}, "ij", "ji");
  expect_einsum("ba", {{2, 3}}, "ba", "ab");
  expect_einsum("ij->", {{2, 3}}, "ij", "");
  expect_einsum("ijk->ki", {{2, 3, 4}}, "ijk", "ki");
  expect_einsum("ii->i", {{3, 3}}, "ii", "i");
  expect_einsum("ii", {{3, 3}}, "ii", "");
  expect_einsum("iji->ij", {{3, 2, 3}}, "iji", "ij");
  expect_einsum("iii->i", {{3, 3, 3}}, "iii", "i");
  expect_einsum("iijj->ji", {{3, 3, 2, 2}}, "iijj", "ji");
}

TEST(Einsum, ManyOperands) {
  expect_einsum("ij,jk,kl->il", {{2, 3}, {3, 4}, {4, 5}}, "ij,jk,kl", "il");
  expect_einsum("i,ij,j", {{3}, {3, 4}, {4}}, "i,ij,j", "");
  expect_einsum("ab,bc,cd,de->ae", {{2, 3}, {3, 2}, {2, 4}, {4, 3}}, "ab,bc,cd,de", "ae");
  expect_einsum("bi,bj,ij,b->ij", {{5, 2}, {5, 3}, {2, 3}, {5}}, "bi,bj,ij,b", "ij");
}

TEST(Einsum, Ellipsis) {
  expect_einsum("...ij,...jk->...ik", {{2, 3, 2, 4}, {2, 3, 4, 5}}, "XYij,XYjk", "XYik");
  expect_einsum("...ij,...jk", {{3, 2, 4}, {4, 5}}, "Xij,jk", "Xik");
  expect_einsum("...ij,jk...->...ki", {{2, 1, 2, 4}, {4, 5, 3}}, "XYij,jkY", "XYki");
  expect_einsum("...i->...", {{2, 3, 4}}, "XYi", "XY");
  expect_einsum("i...->...i", {{2, 3, 4}}, "iXY", "XYi");
  expect_einsum("...,...->...", {{3, 1}, {2, 1, 4}}, "YZ,XYZ", "XYZ");
  expect_einsum("...i,i->...", {{1, 4}, {4}}, "Xi,i", "X");
}

TEST(Einsum, IsOneContraction) {
  const Graph graph = trace([](const Array& a, const Array& b) { return einsum("bij,bjk->bik", a, b); },
                            zeros({2, 3, 4}), zeros({2, 4, 5}));
  EXPECT_EQ(graph.nodes().size(), 1u) << print(graph);
}

TEST(Einsum, ConvertsToOneDtype) {
  const Array result = einsum("i,i", Array({1, 2}, {2}), Array({0.5f, 0.25f}, {2}));
  testing::expect_array(result, "f32[]", {1});
}

TEST(Einsum, Errors) {
  const auto first_line = [](const std::string& spec, const std::vector<Array>& operands) {
    const std::string message = error_of<TypeError>([&] { einsum(spec, operands); });
    return message.substr(0, message.find('\n'));
  };
  const Array m = zeros({2, 3}), v = zeros({3});
  EXPECT_EQ(first_line("ij,jk->ik", {m}), "einsum \"ij,jk->ik\": 2 terms for 1 operands");
  EXPECT_EQ(first_line("ij->i", {v}), "einsum \"ij->i\": operand 0 is f32[3], but its term names 2 axes");
  EXPECT_EQ(first_line("ijk...", {m}),
            "einsum \"ijk...\": operand 0 is f32[2,3], but its term names at least 3 axes");
  EXPECT_EQ(first_line("ij,ik->jk", {m, transpose(m)}),
            "einsum \"ij,ik->jk\": 'i' has size 3 in operand 1, 2 elsewhere");
  EXPECT_EQ(first_line("...,...", {m, zeros({4})}),
            "einsum \"...,...\": an axis of \"...\" has size 4 in operand 1, 3 elsewhere");
  EXPECT_EQ(first_line("ij->ik", {m}), "einsum \"ij->ik\": no operand has the output's 'k'");
  EXPECT_EQ(first_line("ij->ii", {m}), "einsum \"ij->ii\": the output has 'i' twice");
  EXPECT_EQ(first_line("i1->i", {m}),
            "einsum \"i1->i\": '1' is no letter; a term is letters and at most one \"...\"");
  EXPECT_EQ(first_line("......->", {m}), "einsum \"......->\": \"......\" has two ellipses");
  EXPECT_EQ(first_line("...j->j", {m}),
            "einsum \"...j->j\": \"...\" stands for axes of the operands, so the output must have it");
  EXPECT_EQ(first_line("", {}), "einsum \"\": no operands given");
}

}  // namespace
}  // namespace adze
