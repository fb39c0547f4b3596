// Trains a small network on handwritten digits: the whole training step, forward, backward and optimizer, is
// one compiled function. By default on the 5,620 digits of the UCI repository, which come with Adze.

#include <adze/adze.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#if defined(__unix__)
#include <unistd.h>
#endif

using namespace adze;

namespace {

struct Mlp {
  nn::Linear hidden, out;
  Array operator()(const Array& x) const { return out(relu(hidden(x))); }
};

Array loss(const Mlp& model, const Array& x, const Array& labels) {
  return mean(nn::softmax_cross_entropy(model(x), labels));
}

struct Split {
  Array images;  // f32[n, pixels], 0 to 1
  Array labels;  // i32[n]
};

struct Dataset {
  Split train, test;
};

std::vector<std::int64_t> row_range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = begin; i < end; ++i) rows.push_back(i);
  return rows;
}

/// The digits that come with Adze: 64 pixels of 0..16 and the label a row; 3,823 rows to train, 1,797 to
/// test.
Dataset load_bundled_digits() {
  const Array table = data::read_csv(DIGITS_CSV);
  const auto split = [&](std::int64_t begin, std::int64_t end) {
    const Array rows = data::take_rows(table, row_range(begin, end));
    const Array images = slice(rows, {0, 0}, {end - begin, 64}) / 16;
    return Split{images, astype(reshape(slice(rows, {0, 64}, {end - begin, 65}), {-1}), DType::kI32)};
  };
  return {split(0, 3823), split(3823, table.shape()[0])};
}

/// An IDX file of that name in `directory`, plain or gzip.
Array read_idx_in(const std::string& directory, const std::string& name) {
  const std::filesystem::path plain = std::filesystem::path(directory) / name;
  return data::read_idx(std::filesystem::exists(plain) ? plain.string() : plain.string() + ".gz");
}

Split load_idx(const std::string& directory, const std::string& prefix) {
  const Array images = read_idx_in(directory, prefix + "-images-idx3-ubyte");
  const Array labels = read_idx_in(directory, prefix + "-labels-idx1-ubyte");
  if (images.rank() != 3 || labels.rank() != 1 || images.shape()[0] != labels.shape()[0]) {
    throw IoError(directory + ": " + prefix + " images must be [n, height, width] and labels [n], not " +
                  to_string(images.shape()) + " and " + to_string(labels.shape()));
  }
  return {reshape(astype(images, DType::kF32), {images.shape()[0], -1}) / 255, astype(labels, DType::kI32)};
}

/// MNIST's four files; where there is no training set, the last fifth of the test set tests and the rest
/// trains.
Dataset load_idx_directory(const std::string& directory) {
  const Split test = load_idx(directory, "t10k");
  const auto exists = [&](const char* name) {
    return std::filesystem::exists(std::filesystem::path(directory) / name);
  };
  if (exists("train-images-idx3-ubyte") || exists("train-images-idx3-ubyte.gz")) {
    return {load_idx(directory, "train"), test};
  }
  const std::int64_t count = test.labels.shape()[0], cut = count * 4 / 5;
  const auto part = [&](std::int64_t begin, std::int64_t end) {
    const std::vector<std::int64_t> rows = row_range(begin, end);
    return Split{data::take_rows(test.images, rows), data::take_rows(test.labels, rows)};
  };
  return {part(0, cut), part(cut, count)};
}

/// The first `count` rows; all where that is 0 or more than there are.
Split first_rows(const Split& split, std::int64_t count) {
  if (count == 0 || count >= split.labels.shape()[0]) return split;
  const std::vector<std::int64_t> rows = row_range(0, count);
  return {data::take_rows(split.images, rows), data::take_rows(split.labels, rows)};
}

double microseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// One line that grows on a terminal; nothing elsewhere (the epoch's own line follows in any case).
void show_progress(std::int64_t epoch, std::int64_t epochs, std::int64_t done, std::int64_t all) {
#if defined(__unix__)
  static const bool terminal = isatty(STDOUT_FILENO) != 0;
#else
  static const bool terminal = false;
#endif
  if (!terminal || (done % 4 && done != all)) return;
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(done * kWidth / std::max<std::int64_t>(all, 1));
  std::printf("\repoch %2lld/%lld [%.*s%*s]\033[K", static_cast<long long>(epoch),
              static_cast<long long>(epochs), filled, "##############################", kWidth - filled, "");
  if (done == all) std::printf("\r\033[K");
  std::fflush(stdout);
}

struct Options {
  std::string data, output = "digits.safetensors";
  std::int64_t hidden = 128, batch_size = 64, epochs = 60;
  float learning_rate = 0.2f, momentum = 0.9f;
  std::uint64_t seed = 0;
  std::string device = "cpu";
  std::int64_t train_rows = 0, test_rows = 0;  ///< 0: all
  int eager_steps = 60;
};

void train(const Options& options) {
  Dataset digits = options.data.empty() ? load_bundled_digits() : load_idx_directory(options.data);
  digits.train = first_rows(digits.train, options.train_rows);
  digits.test = first_rows(digits.test, options.test_rows);
  const Device device = parse_device(options.device);
  const std::int64_t pixels = digits.train.images.shape()[1];
  std::printf("%lld training and %lld test images of %lld pixels\n",
              static_cast<long long>(digits.train.images.shape()[0]),
              static_cast<long long>(digits.test.images.shape()[0]), static_cast<long long>(pixels));

  auto [k1, k2] = random::split<2>(random::key(options.seed));
  Mlp model{nn::linear(k1, pixels, options.hidden), nn::linear(k2, options.hidden, 10)};
  const auto optimizer =
      optim::momentum({.learning_rate = options.learning_rate, .momentum = options.momentum});
  auto state = optimizer.init(model);

  // The whole training step: one program. The same lambda runs op by op when it is called without `compile`.
  const auto step_by_ops = [&](Mlp m, auto s, Array x, Array y) {
    auto [l, g] = value_and_grad(loss)(m, x, y);
    auto [m2, s2] = optimizer.apply(m, g, s);
    return std::tuple(l, m2, s2);
  };
  auto step = compile(step_by_ops, {.name = "training_step", .device = device});
  auto correct = compile([](const Mlp& m, const Array& x,
                            const Array& y) { return mean(astype(argmax(m(x), 1) == y, DType::kF32)); },
                         {.name = "accuracy", .device = device});

  std::vector<double> compiled_us;
  const auto begin = std::chrono::steady_clock::now();
  for (std::int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    const auto batches = data::batches(
        digits.train.images, digits.train.labels,
        {.batch_size = options.batch_size, .seed = options.seed + static_cast<std::uint64_t>(epoch)});
    double loss_sum = 0;
    std::int64_t done = 0;
    for (auto [x, y] : batches) {
      Array l;
      const auto start = std::chrono::steady_clock::now();
      std::tie(l, model, state) = step(std::move(model), std::move(state), x, y);
      loss_sum += l.item<double>();  // waits for a GPU
      compiled_us.push_back(microseconds_since(start));
      show_progress(epoch, options.epochs, ++done, batches.size());
    }
    std::printf("epoch %2lld  loss %.6f  test accuracy %.4f\n", static_cast<long long>(epoch),
                loss_sum / static_cast<double>(done),
                correct(model, digits.test.images, digits.test.labels).item<double>());
  }
  std::printf("trained in %.2f s\n", microseconds_since(begin) / 1e6);

  const double accuracy = correct(model, digits.test.images, digits.test.labels).item<double>();
  io::save(options.output, model);
  std::printf("weights written to %s\n", options.output.c_str());

  // The same step, op by op.
  const DeviceScope scope(device);
  const auto [x, y] =
      data::batches(digits.train.images, digits.train.labels, {.batch_size = options.batch_size}).at(0);
  std::vector<double> eager_us;
  for (int i = 0; i < options.eager_steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    std::get<0>(step_by_ops(model, state, x, y)).item<double>();
    const double took = microseconds_since(start);
    if (i >= options.eager_steps / 6) eager_us.push_back(took);  // the first calls compile the ops
  }
  const CompileReport stats =
      step.report(std::move(model), std::move(state), x, y);  // what ran: model and state donated
  const double compiled = median(compiled_us), eager = median(eager_us);
  std::printf("memory plan: arena of %lld bytes (no plan needs less than %lld)\n",
              static_cast<long long>(stats.arena_bytes), static_cast<long long>(stats.lower_bound_bytes));
  std::printf(
      "test_accuracy=%.4f compiled_step_us=%.1f eager_step_us=%.1f speedup=%.1f compile_ms=%.1f "
      "arena_bytes=%lld\n",
      accuracy, compiled, eager, eager / compiled, stats.compile_ms,
      static_cast<long long>(stats.arena_bytes));
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{
      "Trains a network (pixels - hidden - 10, ReLU, softmax cross-entropy, momentum SGD) on handwritten "
      "digits."};
  app.add_option(
      "--data", options.data,
      "directory with IDX files in MNIST's names (t10k-images-idx3-ubyte[.gz], ...); default: the UCI "
      "digits that come with Adze");
  app.add_option("--output", options.output, "where the trained weights go, as safetensors")
      ->capture_default_str();
  app.add_option("--hidden", options.hidden, "hidden units")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--batch", options.batch_size, "images a step")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  app.add_option("--epochs", options.epochs, "passes over the training images")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--learning-rate", options.learning_rate, "step size")->capture_default_str();
  app.add_option("--momentum", options.momentum, "share of the last step that is kept")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "initial weights and order of images")->capture_default_str();
  app.add_option("--device", options.device,
                 "cpu, cuda or cuda:N (a GPU), cuda-host (the GPU's source on the host: slow) or interpreter")
      ->capture_default_str();
  app.add_option("--train-rows", options.train_rows, "train on so many images only; 0: on all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--test-rows", options.test_rows, "test on so many images only; 0: on all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--eager-steps", options.eager_steps, "how often the step also runs op by op, to compare")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    train(options);
    return 0;
  } catch (const IoError& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 3;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
