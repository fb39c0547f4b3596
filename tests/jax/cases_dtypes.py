"""The narrow dtypes: f16 and bf16 to units in their last place, integers exactly."""

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax

import cases_elementwise
from cases import BF16, NAMES, Case, Draw, dtype_name, pair
from cases_elementwise import apply

HALVES = [np.float16, BF16]
INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.uint64]


def halves(seed, count):
    for op, function, values, _ in cases_elementwise.UNARY:
        draw = Draw(seed, f"{op}_narrow")
        for dtype in HALVES:
            yield Case(f"{op}_narrow", apply(op), function, [values(draw, (3, 7), dtype)])
    for op, function, values in cases_elementwise.BINARY:
        draw = Draw(seed, f"{op}_narrow")
        for dtype in HALVES:
            # Remainders are exact, and far from smooth: not to the last place of a narrow dtype.
            yield Case(f"{op}_narrow", apply(op), function, [values(draw, (3, 7), dtype), values(draw, (3, 7), dtype)],
                       mode="values" if op == "rem" else "jvp_vjp")
    draw = Draw(seed, "narrow")
    for dtype in HALVES:
        yield Case("dot_narrow", lambda g, a, b: g.op("dot_general", a, b, contract=pair([1], [0])), lax.dot,
                   [draw.normal((5, 9), dtype), draw.normal((9, 4), dtype)])
        yield Case("sum_narrow", lambda g, x: g.op("reduce_sum", x, axes=[1]), lambda x: jnp.sum(x, 1),
                   [draw.uniform((4, 33), dtype, -0.5, 1.5)])
        yield Case("max_narrow", lambda g, x: g.op("reduce_max", x, axes=[1]), lambda x: jnp.max(x, 1),
                   [draw.unique((4, 9), dtype)])


def integers(seed, count):
    draw = Draw(seed, "narrow integers")
    for dtype in INTEGERS:
        info = np.iinfo(dtype)
        a, b = (draw.generator.integers(info.min, info.max, (5, 9), dtype, endpoint=True) for _ in range(2))
        for op, function in [*cases_elementwise.INTEGER_BINARY, ("and", lax.bitwise_and), ("eq", lax.eq), ("lt", lax.lt)]:
            yield Case(f"{op}_narrow_integers", apply(op), function, [a, np.where(b == 0, 1, b).astype(dtype)],
                       mode="values", detail=NAMES[np.dtype(dtype)])
        yield Case("sum_narrow_integers", lambda g, x: g.op("reduce_sum", x, axes=[1]),
                   lambda x, t=dtype: jnp.sum(x, 1, dtype=t), [a], mode="values")


def converts(seed, count):
    draw = Draw(seed, "narrow converts")
    floats = [*HALVES, np.float32, np.float64]
    everything = [*floats, *INTEGERS, np.int32, np.uint32, np.int64, np.bool_]
    for source, target in itertools.product(everything, everything):
        if np.dtype(source).itemsize > 2 and np.dtype(target).itemsize > 2 and np.uint64 not in (source, target):
            continue  # those of cases_elementwise.py
        x = draw.booleans((2, 9)) if source is np.bool_ else draw.uniform((2, 9), np.float64, 0, 100).astype(source)
        yield Case("convert_narrow", apply("convert", dtype=dtype_name(target)),
                   lambda x, t=target: lax.convert_element_type(x, t), [x], exact=True,
                   mode="jvp_vjp" if source in floats and target in floats else "values",
                   detail=f"{NAMES[np.dtype(source)]} {NAMES[np.dtype(target)]}")


def cases(seed, count):
    return [*halves(seed, count), *integers(seed, count), *converts(seed, count)]
