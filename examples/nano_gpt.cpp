// Trains a small transformer on a text, character by character, and lets it write. The whole training step is
// one compiled function. By default on 99 KB of Shakespeare, which come with Adze.

#include <adze/adze.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "transformer.h"

using namespace adze;

namespace {

struct Options {
  std::string text = SHAKESPEARE_TXT;
  transformer::Config config;
  std::int64_t batch = 8;
  int steps = 500, report_every = 50, sample = 300;
  double learning_rate = 3e-3, temperature = 0.8;
  std::uint64_t seed = 0;
  std::string device = "cpu";
};

/// A text as numbers: each character's place among those that occur.
struct Text {
  std::string characters;         ///< ascending
  std::vector<std::int32_t> ids;  ///< one a character of the text
};

Text read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError(path + ": cannot be read");
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  Text text{content, {}};
  std::sort(text.characters.begin(), text.characters.end());
  text.characters.erase(std::unique(text.characters.begin(), text.characters.end()), text.characters.end());
  for (const char c : content) {
    text.ids.push_back(static_cast<std::int32_t>(text.characters.find(c)));
  }
  return text;
}

/// Windows of the text from random places: what the model reads, and the same one character further on.
std::pair<Array, Array> random_windows(const Text& text, const Options& options, std::uint32_t step) {
  const std::int64_t length = options.config.context;
  const auto last = static_cast<std::int64_t>(text.ids.size()) - length - 1;
  const Array starts = random::randint(random::fold_in(random::key(options.seed + 1), step), {options.batch},
                                       0, static_cast<std::int32_t>(last + 1));
  std::vector<std::int32_t> ids, next;
  for (const std::int32_t start : starts.data<std::int32_t>()) {
    const auto begin = text.ids.begin() + start;
    ids.insert(ids.end(), begin, begin + length);
    next.insert(next.end(), begin + 1, begin + length + 1);
  }
  return {Array(ids, {options.batch, length}), Array(next, {options.batch, length})};
}

/// Continues the text's first character, one character at a time, each drawn from the model's distribution.
template <class Predict>
std::string write(const transformer::Transformer& model, const Predict& predict, const Text& text,
                  const Options& options) {
  const auto length = static_cast<std::size_t>(options.config.context);
  const std::size_t vocabulary = text.characters.size();
  std::mt19937_64 generator(options.seed);
  std::vector<std::int32_t> ids = {text.ids[0]};
  std::string written;
  for (int i = 0; i < options.sample; ++i) {
    // The last `context` characters; a shorter text is filled up behind, where nothing before it looks.
    const std::size_t begin = ids.size() > length ? ids.size() - length : 0;
    std::vector<std::int32_t> window(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.end());
    const std::size_t at = window.size() - 1;
    window.resize(length, 0);
    const Array logits = predict(model, Array(window, {1, options.config.context}));
    const std::span<const float> row = logits.data<float>().subspan(at * vocabulary, vocabulary);
    const float largest = *std::max_element(row.begin(), row.end());
    std::vector<double> weights;
    for (const float logit : row) weights.push_back(std::exp((logit - largest) / options.temperature));
    ids.push_back(std::discrete_distribution<std::int32_t>(weights.begin(), weights.end())(generator));
    written += text.characters[static_cast<std::size_t>(ids.back())];
  }
  return written;
}

void train(Options options) {
  const Text text = read_text(options.text);
  if (static_cast<std::int64_t>(text.ids.size()) <= options.config.context + 1) {
    throw IoError(options.text + ": shorter than the context of " + std::to_string(options.config.context));
  }
  if (options.config.width % options.config.heads != 0) {
    throw TypeError("a width of " + std::to_string(options.config.width) + " cannot be shared by " +
                    std::to_string(options.config.heads) + " heads");
  }
  options.config.vocabulary = static_cast<std::int64_t>(text.characters.size());
  std::printf("%zu characters, %zu different ones\n", text.ids.size(), text.characters.size());

  const CompileOptions compilation{.name = "training_step", .device = parse_device(options.device)};
  auto model = transformer::transformer(random::key(options.seed), options.config);
  const auto optimizer = optim::chain(optim::clip_by_global_norm(1.0), optim::adam(options.learning_rate));
  auto state = optimizer.init(model);
  auto step = compile(
      [&](transformer::Transformer m, auto s, Array ids, Array next) {
        auto [l, gradient] = value_and_grad(transformer::loss)(m, ids, next);
        auto [m2, s2] = optimizer.apply(m, gradient, s);
        return std::tuple(l, m2, s2);
      },
      compilation);
  const auto predict = compile([](const transformer::Transformer& m, const Array& ids) { return m(ids); },
                               {.name = "predict", .device = compilation.device});

  double first = 0, last = 0, sum = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < options.steps; ++i) {
    const auto [ids, next] = random_windows(text, options, static_cast<std::uint32_t>(i));
    Array l;
    std::tie(l, model, state) = step(std::move(model), std::move(state), ids, next);
    sum += l.item<double>();
    const int in_report = i % options.report_every + 1;
    if (i == 0) first = sum;
    if (in_report < options.report_every && i + 1 < options.steps) continue;
    last = sum / in_report;
    sum = 0;
    std::printf("step %5d  loss %.4f\n", i + 1, last);
    std::fflush(stdout);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (options.sample > 0) std::printf("---\n%s\n---\n", write(model, predict, text, options).c_str());
  std::printf("first_loss=%.4f last_loss=%.4f steps=%d seconds=%.1f\n", first, last, options.steps,
              took.count());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Trains a small transformer on a text and lets it write."};
  const auto add = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  add("--text", options.text, "the text to learn");
  add("--context", options.config.context, "characters the model sees")->check(CLI::Range(1, 4096));
  add("--width", options.config.width, "of the model")->check(CLI::Range(1, 4096));
  add("--heads", options.config.heads, "of attention; they share the width")->check(CLI::Range(1, 64));
  add("--layers", options.config.layers, "of attention and MLP")->check(CLI::Range(1, 64));
  add("--batch", options.batch, "windows of text a step")->check(CLI::Range(1, 4096));
  add("--steps", options.steps, "of training")->check(CLI::Range(1, 10000000));
  add("--report-every", options.report_every, "steps a line")->check(CLI::Range(1, 10000000));
  add("--sample", options.sample, "characters to write at the end")->check(CLI::Range(0, 1000000));
  add("--learning-rate", options.learning_rate, "of Adam");
  add("--temperature", options.temperature, "of the writing: below 1 it is more careful")
      ->check(CLI::PositiveNumber);
  add("--seed", options.seed, "of weights, windows and writing");
  add("--device", options.device, "cpu, cuda or cuda:N (a GPU), cuda-host or interpreter");
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
