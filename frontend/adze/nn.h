#pragma once

/// Layers, losses, initial values. A layer is an aggregate of Arrays with a call operator: write your own the
/// same way. Where shapes are given, "..." stands for any leading dimensions.
#include "adze/nn/attention.h"
#include "adze/nn/conv.h"
#include "adze/nn/init.h"
#include "adze/nn/layers.h"
#include "adze/nn/losses.h"
#include "adze/nn/recurrent.h"
#include "adze/ops.h"

namespace adze::nn {

using adze::elu;
using adze::gelu;
using adze::glu;
using adze::leaky_relu;
using adze::log_softmax;
using adze::logsumexp;
using adze::relu;
using adze::selu;
using adze::sigmoid;
using adze::silu;
using adze::softmax;
using adze::softplus;
using adze::tanh;

}  // namespace adze::nn
