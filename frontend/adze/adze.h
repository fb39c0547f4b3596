#pragma once

// Everything a user of Adze includes.
#include "ir/errors.h"
#include "ir/types.h"
