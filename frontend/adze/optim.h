#pragma once

// Optimizers, what they are made of, and schedules of their learning rates.
#include "adze/optim/optimizers.h"
#include "adze/optim/schedules.h"
#include "adze/optim/transformations.h"
