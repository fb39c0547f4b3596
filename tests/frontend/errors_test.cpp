#include "support/arrays.h"

namespace adze {
namespace {

using testing::error_of;

std::string at_line(int line) {
  return "errors_test.cpp:" + std::to_string(line);
}

// The network of the design's example, a layer of it too narrow.

struct Mlp {
  nn::Linear hidden, out;
  Array operator()(const Array& x) const { return out(relu(hidden(x))); }
};
const int kNetLine = __LINE__ - 2;

Array loss(const Mlp& model, const Array& x, const Array& labels) {
  return mean(nn::softmax_cross_entropy(model(x), labels));
}

Mlp broken_model() {
  return {{zeros({64, 128}), zeros({128})}, {zeros({64, 10}), zeros({10})}};
}

TEST(Errors, NameTheOpItsOperandsAndThePlaces) {
  const auto compiled = compile(loss, {.name = "loss", .arguments = {"model", "x", "labels"}});
  const Array x = zeros({32, 64}), labels = zeros({32}, DType::kI32);
  const int line = __LINE__ + 1;
  const std::string error = error_of<TypeError>([&] { compiled(broken_model(), x, labels); });
  EXPECT_EQ(error,
            "dot_general: contracting dimensions differ: 128 vs 64\n"
            "  lhs %12 f32[32,128] relu " +
                at_line(kNetLine) +
                "\n"
                "  rhs %2 f32[64,10] model.out.weight\n"
                "  at " +
                at_line(kNetLine) + ", while tracing loss called at " + at_line(line));
}

TEST(Errors, NamesReachThroughNestedTransformations) {
  const auto step = compile([](const Mlp& m, const Array& x, const Array& y) { return grad(loss)(m, x, y); },
                            {.name = "step", .arguments = {"model"}});
  const int inner = __LINE__ - 2;
  const Array x = zeros({32, 64}), labels = zeros({32}, DType::kI32);
  const int line = __LINE__ + 1;
  const std::string error = error_of<TypeError>([&] { step(broken_model(), x, labels); });
  EXPECT_EQ(error,
            "dot_general: contracting dimensions differ: 128 vs 64\n"
            "  lhs %12 f32[32,128] relu " +
                at_line(kNetLine) +
                "\n"
                "  rhs %2 f32[64,10] model.out.weight\n"
                "  at " +
                at_line(kNetLine) + ", while tracing the function of grad called at " + at_line(inner) +
                "\n"
                "  while tracing step called at " +
                at_line(line));
}

TEST(Errors, UnnamedFunctionsAreKnownByTheirPlace) {
  const auto f = compile([](const Array& x) { return x + zeros({5}); });
  const int made = __LINE__ - 1;
  const int line = __LINE__ + 1;
  const std::string error = error_of<TypeError>([&] { f(zeros({4})); });
  EXPECT_EQ(error,
            "add: shapes f32[4] and f32[5] do not broadcast\n"
            "  lhs %0 f32[4] arg0\n"
            "  rhs %2 f32[5] broadcast_in_dim " +
                at_line(made) +
                "\n"
                "  at " +
                at_line(made) + ", while tracing the function of compile at " + at_line(made) +
                " called at " + at_line(line));
}

TEST(Errors, OfEagerOps) {
  const int line = __LINE__ + 1;
  const std::string error = error_of<TypeError>([] { zeros({3}) + zeros({4}); });
  EXPECT_EQ(error,
            "add: shapes f32[3] and f32[4] do not broadcast\n"
            "  lhs %0 f32[3] parameter 0\n"
            "  rhs %1 f32[4] parameter 1\n"
            "  at " +
                at_line(line));
}

TEST(Errors, OfShapeFunctions) {
  const Array x = zeros({2, 3});
  const auto first_line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  const auto check = [&](auto f, const std::string& expected) {
    EXPECT_EQ(first_line(error_of<TypeError>(f)), expected);
  };
  check([&] { reshape(x, {4}); }, "reshape: f32[2,3] does not fit [4]");
  check([&] { reshape(x, {-1, 4}); }, "reshape: f32[2,3] does not fit [-1,4]");
  check([&] { reshape(x, {-1, -1}); }, "reshape: f32[2,3] does not fit [-1,-1]");
  check([&] { reshape(zeros({0}), {-1, 0}); }, "reshape: f32[0] does not fit [-1,0]");
  check([&] { sum(x, 2); }, "sum: axis 2 is out of range for rank 2");
  check([&] { sum(x, {0, -2}); }, "sum: axes [0,-2] name one twice");
  check([&] { squeeze(x, 0); }, "squeeze: axis 0 of f32[2,3] has size 2, not 1");
  check([&] { split(x, 2, 1); }, "split: axis 1 of f32[2,3] cannot be cut into 2 equal parts");
  check([&] { index(x, 2); }, "index: 2 is out of range for axis 0 of f32[2,3]");
  check([&] { broadcast_to(x, {3}); }, "broadcast_to: f32[2,3] does not broadcast to [3]");
  check([&] { matmul(x, Array(1.0f)); }, "matmul: needs operands of rank 1 or more, got f32[2,3] and f32[]");
  check([&] { one_hot(x, 3); }, "one_hot: labels must be integers, got f32[2,3]");
  check([&] { concatenate({}); }, "concatenate: no Arrays given");
  check([&] { transpose(x, Dims{0, 5}); }, "transpose: axis 5 is out of range for rank 2");
  check([&] { nn::softmax_cross_entropy(x, zeros({3}, DType::kI32)); },
        "softmax_cross_entropy: labels i32[3] do not fit logits f32[2,3]");
}

TEST(Errors, ReadingATracedArray) {
  const int line = __LINE__ + 1;
  const auto f = compile([](const Array& x) { return Array((x * 2).item<float>()); }, {.name = "f"});
  const std::string message = error_of<RuntimeError>([&] { f(Array(1.0f)); });
  EXPECT_EQ(message, "item: a traced Array has no elements to read: f32[] made at " + at_line(line) +
                         " while tracing f\n  while tracing f called at " + at_line(line + 1));
}

TEST(Errors, EscapedTracedArrays) {
  Array escaped;
  const auto f = compile(
      [&](const Array& x) {
        escaped = x * 2;
        return x;
      },
      {.name = "f"});
  const int made = __LINE__ - 4;
  f(Array(1.0f));
  const std::string reason = "is a traced Array used outside its trace: f32[] made at " + at_line(made) +
                             " while tracing f\n  return it from the traced function instead";
  EXPECT_EQ(error_of<RuntimeError>([&] { escaped + 1; }), "add: lhs " + reason);
  EXPECT_EQ(error_of<RuntimeError>([&] {
              compile([&](const Array& x) { return x + escaped; })(Array(1.0f));
            }).substr(0, reason.size() + 9),
            "add: rhs " + reason);
  EXPECT_NE(error_of<RuntimeError>([&] { f(escaped); }).find("argument arg0 is a traced Array"),
            std::string::npos);
  EXPECT_NE(
      error_of<RuntimeError>([&] { grad(f)(escaped); }).find("is a traced Array used outside its trace"),
      std::string::npos);
}

TEST(Errors, AThrowingFunctionEndsItsTrace) {
  const auto f = compile([](const Array& x) -> Array {
    if (x.rank() == 1) throw std::runtime_error("mine");
    return x + 1;
  });
  EXPECT_THROW(f(ones({2})), std::runtime_error);
  EXPECT_EQ(f(Array(1.0f)).item<float>(), 2.0f);
  EXPECT_EQ((Array(1.0f) + 1).item<float>(), 2.0f);
}

}  // namespace
}  // namespace adze
