"""The elementary and special functions beside those of cases_elementwise.py, and ops on bits."""

import itertools

import jax
import numpy as np
from jax import lax

from cases import Case, Draw, dtype_name
from cases_elementwise import (BROADCASTS, FLOATS, INF, NAN, SHAPES, apply, between, binary_cases, normal, not_small,
                               positive, small, unary_cases)

UNARY = [
    ("ceil", lax.ceil, between(-3, 3), [-0.0, -0.5, 2.0, INF, NAN]),
    ("exp2", lax.exp2, small, [0.0, 10.0, -10.0, INF, -INF, NAN]),
    ("cbrt", lax.cbrt, not_small, [0.0, -0.0, 27.0, -1e-30, 1e30, INF, -INF, NAN]),
    ("tan", lax.tan, between(-1.3, 1.3), [0.0, -0.0, 1e-6, 100.0, INF, NAN]),
    ("asin", lax.asin, between(-0.95, 0.95), [0.0, 1e-6, 1.0, -1.0, 1.5, NAN]),
    ("acos", lax.acos, between(-0.95, 0.95), [0.0, 1e-6, 1.0, -1.0, 1.5, NAN]),
    ("atan", lax.atan, normal, [0.0, -0.0, 1e-6, 1000.0, INF, -INF, NAN]),
    ("sinh", lax.sinh, normal, [0.0, 1e-6, INF, -INF, NAN]),
    ("cosh", lax.cosh, normal, [0.0, 1e-6, INF, -INF, NAN]),
    ("asinh", lax.asinh, normal, [0.0, 1e-6, 1e10, -1e10, INF, -INF, NAN]),
    ("acosh", lax.acosh, between(1.1, 5), [1.0, 1e10, 0.5, INF, NAN]),
    ("atanh", lax.atanh, between(-0.95, 0.95), [0.0, 1e-6, 1.0, -1.0, 1.5, NAN]),
    ("erf", lax.erf, small, [0.0, 1e-6, 10.0, -10.0, INF, -INF, NAN]),
    ("erfc", lax.erfc, small, [0.0, 1e-6, 5.0, -10.0, INF, -INF, NAN]),
    ("erf_inv", lax.erf_inv, between(-0.95, 0.95), [0.0, 1e-6, 1.0, -1.0, 1.5, NAN]),
    ("digamma", lax.digamma, between(2.5, 8), [1.0, 0.25, 100.0, NAN]),
    ("square", lax.square, normal, [-0.0, -3.0, INF, NAN]),
]
SHIFTS = [("shift_left", lax.shift_left), ("shift_right_arithmetic", lax.shift_right_arithmetic),
          ("shift_right_logical", lax.shift_right_logical)]


def functions(seed, count):
    yield from unary_cases(UNARY, seed, count)
    yield from binary_cases([("atan2", lax.atan2, normal)], seed, count)
    points = [0.0, 1.0, -1.0, 1e-30, 3.4e38, INF, NAN]
    for dtype in FLOATS:
        a, b = (np.array(x, dtype) for x in zip(*itertools.product(points, points)))
        yield Case("nextafter", apply("nextafter"), lax.nextafter, [a, b], mode="values", exact=True)
    for method, name in [(lax.RoundingMethod.AWAY_FROM_ZERO, "away_from_zero"),
                         (lax.RoundingMethod.TO_NEAREST_EVEN, "to_nearest_even")]:
        draw = Draw(seed, "round")
        for dtype in FLOATS:
            yield Case("round", apply("round", method=name), lambda x, m=method: lax.round(x, m),
                       [draw.uniform((3, 4), dtype, 0.1, 0.4)])
            yield Case("round_points", apply("round", method=name), lambda x, m=method: lax.round(x, m),
                       [np.array([0.5, -0.5, 1.5, 2.5, -2.5, 0.49999997, 8388609, INF, NAN, -0.0], dtype)],
                       mode="values", exact=True)
    draw = Draw(seed, "integer_pow")
    for y, dtype in itertools.product([-3, -1, 0, 1, 2, 3, 7], FLOATS):
        yield Case("integer_pow", apply("integer_pow", y=y), lambda x, y=y: lax.integer_pow(x, y),
                   [draw.not_small((3, 4), dtype)], pointwise=True, detail=f"{y}")
    draw = Draw(seed, "lgamma")
    for shape, dtype in itertools.product(SHAPES, FLOATS):  # XLA's is some 1e-6 off in f32, and so is its polygamma
        yield Case("lgamma", apply("lgamma"), lax.lgamma, [draw.uniform(shape, dtype, 2.5, 8)], tolerance=4)
    draw = Draw(seed, "polygamma")
    for n, dtype in itertools.product([1, 2], FLOATS):
        yield Case("polygamma", apply("polygamma", n=n),
                   lambda x, n=n: lax.polygamma(lax.full_like(x, n), x), [draw.uniform((3, 4), dtype, 1, 5)], tolerance=4)


def clamps(seed, count):
    """The middle one of three, in each place."""
    draw = Draw(seed, "clamp")
    for shape, dtype, place in itertools.product([(), (2, 3)], FLOATS, range(3)):
        x = draw.normal(shape, dtype)
        inputs = [(x - 10).astype(dtype), x, (x + 10).astype(dtype)]
        inputs = inputs[place:] + inputs[:place]
        yield Case("clamp", apply("clamp"), lax.clamp, inputs, detail=f"{shape} {place}")
    yield Case("clamp_integers", apply("clamp"), lax.clamp,
               [draw.integers((20,), np.int32, -9, 9) for _ in range(3)], mode="values")


def bits(seed, count):
    draw = Draw(seed, "bits")
    for dtype in [np.int32, np.int64, np.uint32]:
        info = np.iinfo(dtype)
        x = draw.integers((40,), dtype, info.min, info.max)
        x[:4] = [0, 1, info.max, info.min]
        yield Case("population_count", apply("population_count"), lax.population_count, [x], mode="values")
        yield Case("clz", apply("clz"), lax.clz, [x], mode="values")
        yield Case("not_integers", apply("not"), lax.bitwise_not, [x], mode="values")
        by = draw.integers((40,), dtype, 0, info.bits + 4)  # all the way out and beyond
        for op, function in SHIFTS:
            yield Case(op, apply(op), function, [x, by], mode="values")
        for op, function in [("and", lax.bitwise_and), ("or", lax.bitwise_or), ("xor", lax.bitwise_xor)]:
            yield Case(f"{op}_integers", apply(op), function, [x, x[::-1].copy()], mode="values")
    yield Case("xor", apply("xor"), lax.bitwise_xor, [draw.booleans((20,)), draw.booleans((20,))], mode="values")
    for source, target in [(np.float32, np.int32), (np.int32, np.float32), (np.uint32, np.float32),
                           (np.float64, np.int64), (np.int64, np.float64), (np.int32, np.uint32)]:
        x = draw.integers((20,), np.int64, -2**30, 2**30).astype(source)
        yield Case("bitcast_convert", apply("bitcast_convert", dtype=dtype_name(target)),
                   lambda x, t=target: lax.bitcast_convert_type(x, t), [x], mode="values", exact=True)
    for exponent, mantissa, dtype in itertools.product([5, 8], [7, 10, 23], FLOATS):
        x = np.concatenate([draw.normal((20,), dtype), np.array([0, -0.0, 65504, 65520, 1e-7, 1e30, INF, NAN], dtype)])
        yield Case("reduce_precision", apply("reduce_precision", exponent_bits=exponent, mantissa_bits=mantissa),
                   lambda x, e=exponent, m=mantissa: lax.reduce_precision(x, e, m), [x], mode="values", exact=True)
        yield Case("reduce_precision", apply("reduce_precision", exponent_bits=exponent, mantissa_bits=mantissa),
                   lambda x, e=exponent, m=mantissa: lax.reduce_precision(x, e, m), [draw.normal((5,), dtype)],
                   exact=dtype is np.float32 and mantissa == 23)


def cases(seed, count):
    return [*functions(seed, count), *clamps(seed, count), *bits(seed, count)]
