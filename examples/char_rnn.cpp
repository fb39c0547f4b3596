// Trains a recurrent network (GRU) on a text, character by character, and lets it write. The whole training
// step is one compiled function, in which `scan` walks along the text. By default on 99 KB of Shakespeare,
// which come with Adze.

#include <adze/adze.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>
#include <vector>

using namespace adze;

namespace {

struct Options {
  std::string text = SHAKESPEARE_TXT;
  std::int64_t length = 64, hidden = 128, batch = 16;
  int steps = 1000, report_every = 100, sample = 300;
  double learning_rate = 5e-3, temperature = 0.8;
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

struct CharRnn {
  Array embedding;  ///< [vocabulary, hidden]
  nn::GruCell cell;
  nn::Linear head;

  /// (the state after the characters, the logits of the next one): states [batch, hidden] and ids i32[batch]
  /// -> [batch, hidden], [batch, vocabulary].
  std::pair<Array, Array> operator()(const Array& state, const Array& ids) const {
    const auto [next, output] = cell(state, matmul(one_hot(ids, embedding.shape()[0]), embedding));
    return {next, head(output)};
  }
};

CharRnn char_rnn(const Array& key, std::int64_t vocabulary, std::int64_t hidden) {
  auto [ke, kc, kh] = random::split<3>(key);
  return {random::normal(ke, {vocabulary, hidden}), nn::gru_cell(kc, hidden, hidden),
          nn::linear(kh, hidden, vocabulary)};
}

/// The mean cross-entropy of the next character, in nats, from state 0: ids and next i32[length, batch],
/// `next` one character further on.
Array loss(const CharRnn& model, const Array& ids, const Array& next) {
  const auto along_text = [&](const Array& state, const Array& at) { return model(state, at); };
  const auto [state, logits] = scan(along_text, model.cell.initial_state({ids.shape()[1]}), ids);
  return mean(nn::softmax_cross_entropy(logits, next));
}

/// Windows of the text from random places: what the model reads, and the same one character further on.
std::pair<Array, Array> random_windows(const Text& text, const Options& options, std::uint32_t step) {
  const auto last = static_cast<std::int64_t>(text.ids.size()) - options.length - 1;
  const Array starts = random::randint(random::fold_in(random::key(options.seed + 1), step), {options.batch},
                                       0, static_cast<std::int32_t>(last + 1));
  std::vector<std::int32_t> ids, next;
  for (std::int64_t i = 0; i < options.length; ++i) {
    for (const std::int32_t start : starts.data<std::int32_t>()) {
      const auto at = static_cast<std::size_t>(start + i);
      ids.push_back(text.ids[at]);
      next.push_back(text.ids[at + 1]);
    }
  }
  const Dims shape = {options.length, options.batch};
  return {Array(ids, shape), Array(next, shape)};
}

/// Continues the text's first character: each next one is drawn from the model's distribution, in one
/// compiled function with the step of the network.
std::string write(const CharRnn& model, const Text& text, const Options& options, const Device& device) {
  auto step = compile(
      [&](const CharRnn& m, const Array& state, const Array& id, const Array& key) {
        auto [next, use] = random::split<2>(key);
        const auto [state2, logits] = m(state, id);
        return std::tuple(state2, random::categorical(use, logits / options.temperature), next);
      },
      {.name = "write", .device = device});
  Array state = model.cell.initial_state({1}), id({text.ids[0]}, {1}), key = random::key(options.seed + 2);
  std::string written;
  for (int i = 0; i < options.sample; ++i) {
    std::tie(state, id, key) = step(model, state, id, key);
    written += text.characters[static_cast<std::size_t>(id.data<std::int32_t>()[0])];
  }
  return written;
}

void train(const Options& options) {
  const Text text = read_text(options.text);
  if (static_cast<std::int64_t>(text.ids.size()) <= options.length + 1) {
    throw IoError(options.text + ": shorter than a window of " + std::to_string(options.length));
  }
  std::printf("%zu characters, %zu different ones\n", text.ids.size(), text.characters.size());

  const Device device = parse_device(options.device);
  CharRnn model =
      char_rnn(random::key(options.seed), static_cast<std::int64_t>(text.characters.size()), options.hidden);
  const auto optimizer = optim::chain(optim::clip_by_global_norm(1.0), optim::adam(options.learning_rate));
  auto state = optimizer.init(model);
  auto step = compile(
      [&](CharRnn m, auto s, Array ids, Array next) {
        auto [l, gradient] = value_and_grad(loss)(m, ids, next);
        auto [m2, s2] = optimizer.apply(m, gradient, s);
        return std::tuple(l, m2, s2);
      },
      {.name = "training_step", .device = device});

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
    std::printf("step %5d  loss %.4f nats a character\n", i + 1, last);
    std::fflush(stdout);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (options.sample > 0) std::printf("---\n%s\n---\n", write(model, text, options, device).c_str());
  std::printf("first_loss=%.4f last_loss=%.4f steps=%d seconds=%.1f\n", first, last, options.steps,
              took.count());
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Trains a recurrent network on a text and lets it write."};
  const auto add = [&](const char* name, auto& value, const char* help) {
    return app.add_option(name, value, help)->capture_default_str();
  };
  add("--text", options.text, "the text to learn");
  add("--length", options.length, "characters of a window of text")->check(CLI::Range(1, 4096));
  add("--hidden", options.hidden, "units of the GRU")->check(CLI::Range(1, 4096));
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
