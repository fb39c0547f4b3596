#include "jax/functions.h"

namespace adze::testing {
namespace {

using Arrays = std::vector<Array>;

/// (weights, gradients[steps, ...]) -> the weights after all steps.
template <class Optimizer>
Function path(Optimizer optimizer) {
  return {2, [optimizer](const Arrays& a) {
            Array weights = a[0];
            auto state = optimizer.init(weights);
            for (std::int64_t i = 0; i < a[1].shape()[0]; ++i) {
              std::tie(weights, state) = optimizer.apply(weights, index(a[1], i), state);
            }
            return Arrays{weights};
          }};
}

}  // namespace

FunctionTable optim_functions() {
  using namespace optim;
  return {
      {"optim.sgd", path(sgd(0.1))},
      {"optim.momentum", path(momentum(0.1))},
      {"optim.nesterov", path(nesterov({.learning_rate = 0.1}))},
      {"optim.rmsprop", path(rmsprop(0.01))},
      {"optim.adadelta", path(adadelta())},
      {"optim.adam", path(adam(1e-2))},
      {"optim.adamw", path(adamw({.learning_rate = 1e-2, .weight_decay = 0.1}))},
      {"optim.clipped_adamw_warmup_cosine",
       path(chain(clip_by_global_norm(1.0), adamw(warmup_cosine_decay(1e-2, 3, 10, 1e-3, 1e-4))))},
      {"optim.sgd_exponential", path(sgd(exponential_decay(0.1, 0.5, 4)))},
      {"optim.sgd_cosine", path(sgd(cosine_decay(0.1, 6, 0.1)))},
      {"optim.sgd_steps", path(sgd(step_decay(0.1, 0.5, 3)))},
      {"optim.decayed_clipped_sgd",
       path(chain(add_decayed_weights(0.1), clip(0.5), scale_by_learning_rate(0.1)))},
  };
}

}  // namespace adze::testing
