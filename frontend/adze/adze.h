#pragma once

// Everything a user of Adze includes.
#include "adze/array.h"
#include "adze/compile.h"
#include "adze/data.h"
#include "adze/device.h"
#include "adze/einsum.h"
#include "adze/io.h"
#include "adze/nn.h"
#include "adze/ops.h"
#include "adze/optim.h"
#include "adze/random.h"
#include "adze/trace.h"
#include "adze/transforms.h"
#include "adze/tree.h"
#include "ir/errors.h"
#include "ir/location.h"
#include "ir/types.h"
