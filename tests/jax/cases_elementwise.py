"""Elementwise ops, on the shapes that JAX's gradient table gives them."""

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.random import threefry2x32_p

from cases import Case, Draw, Text, dtype_name

FLOATS = [np.float32, np.float64]
SHAPES = [(3,), (), (3, 4), (3, 1), (1, 4), (2, 3, 4), (2, 1, 4)]
BROADCASTS = [group for shapes in ([(3,)], [(), (3, 4), (3, 1), (1, 4)], [(2, 3, 4), (2, 1, 4)])
              for group in itertools.combinations_with_replacement(shapes, 2)]
INF, NAN = np.inf, np.nan

# op, JAX's function, how inputs are drawn, points beside them
small = lambda d, s, t: d.normal(s, t, 0.5)
normal = lambda d, s, t: d.normal(s, t)
wide = lambda d, s, t: d.normal(s, t, 10)
positive = lambda d, s, t: d.positive(s, t)
not_small = lambda d, s, t: d.not_small(s, t)
between = lambda low, high: lambda d, s, t: d.uniform(s, t, low, high)
UNARY = [
    ("neg", lax.neg, normal, [0.0, -0.0, INF, NAN]),
    ("abs", lax.abs, normal, [-0.0, -INF, NAN]),
    ("sign", lax.sign, normal, [0.0, -0.0, INF, NAN]),
    ("floor", lax.floor, between(-3, 3), [-0.0, 2.0, -2.0, INF, NAN]),
    ("exp", lax.exp, small, [0.0, 80.0, -80.0, INF, -INF, NAN]),
    ("expm1", lax.expm1, normal, [0.0, 1e-6, -80.0, INF, -INF, NAN]),
    ("log", lax.log, positive, [0.0, 1.0, 1e30, 1e-30, INF, -1.0, NAN]),
    ("log1p", lax.log1p, positive, [0.0, 1e-6, -1.0, INF, -2.0, NAN]),
    ("tanh", lax.tanh, normal, [0.0, 1e-6, 1000.0, -1000.0, NAN]),
    ("logistic", lax.logistic, normal, [0.0, 80.0, -80.0, INF, -INF, NAN]),
    ("sqrt", lax.sqrt, positive, [0.0, 1e30, INF, -1.0, NAN]),
    ("rsqrt", lax.rsqrt, positive, [0.0, 1e30, INF, -1.0, NAN]),
    ("sin", lax.sin, normal, [0.0, np.pi / 2, np.pi / 4, 100.0, INF, NAN]),
    ("cos", lax.cos, normal, [0.0, np.pi, np.pi / 4, 100.0, INF, NAN]),
]
BINARY = [
    ("add", lax.add, normal),
    ("sub", lax.sub, normal),
    ("mul", lax.mul, normal),
    ("div", lax.div, not_small),
    ("pow", lax.pow, positive),
    ("max", lax.max, normal),
    ("min", lax.min, normal),
    ("rem", lax.rem, between(0.1, 5)),
]
COMPARISONS = [("eq", lax.eq), ("ne", lax.ne), ("lt", lax.lt), ("le", lax.le), ("gt", lax.gt), ("ge", lax.ge)]
INTEGER_BINARY = [("add", lax.add), ("sub", lax.sub), ("mul", lax.mul), ("max", lax.max), ("min", lax.min),
                  ("div", lax.div), ("rem", lax.rem)]
LOGICAL = [("and", lax.bitwise_and), ("or", lax.bitwise_or)]


def apply(op, **attributes):
    return lambda g, *names: g.op(op, *names, **attributes)


def broadcasting(op, lhs, rhs):
    """The op on operands that are broadcast first, as lax does it."""
    shape = np.broadcast_shapes(lhs, rhs)

    def widened(g, name, from_shape):
        if from_shape == shape:
            return name
        offset = len(shape) - len(from_shape)
        kept = [d for d, size in enumerate(from_shape) if size == shape[offset + d]]
        if len(kept) < len(from_shape):
            name = g.op("reshape", name, shape=[from_shape[d] for d in kept])
        return g.op("broadcast_in_dim", name, shape=shape, dims=[offset + d for d in kept])

    return lambda g, a, b: g.op(op, widened(g, a, lhs), widened(g, b, rhs))


def unary_cases(table, seed, count):
    for op, function, values, points in table:
        draw = Draw(seed, op)
        for shape, dtype in draw.pick(itertools.product(SHAPES, FLOATS), count):
            yield Case(op, apply(op), function, [values(draw, shape, dtype)], pointwise=True, detail=f"{shape} {dtype}")
        for dtype in FLOATS:  # values at special points
            yield Case(f"{op}_points", apply(op), function, [np.array(points, dtype)], mode="values", pointwise=True,
                       detail=f"{points}")


def binary_cases(table, seed, count):
    for op, function, values in table:
        draw = Draw(seed, op)
        for (lhs, rhs), dtype in draw.pick(itertools.product(BROADCASTS, FLOATS), count):
            shape = np.broadcast_shapes(lhs, rhs)
            inputs = [values(draw, lhs, dtype), values(draw, rhs, dtype)]
            yield Case(op, broadcasting(op, lhs, rhs),
                       lambda a, b, f=function, s=shape: f(jnp.broadcast_to(a, s), jnp.broadcast_to(b, s)), inputs,
                       pointwise=True, detail=f"{lhs} {rhs}")
        for dtype in FLOATS:
            points = [0.0, -0.0, 1.0, -2.5, INF, -INF, NAN]
            a, b = (np.array(x, dtype) for x in zip(*itertools.product(points, points)))
            yield Case(f"{op}_points", apply(op), function, [a, b], mode="values", pointwise=True)


def integers(seed, count):
    for op, function in INTEGER_BINARY:
        draw = Draw(seed, f"{op}_integers")
        for dtype in [np.int32, np.int64, np.uint32]:
            low = 0 if np.issubdtype(dtype, np.unsignedinteger) else -20
            a, b = draw.integers((4, 5), dtype, low, 20), draw.integers((4, 5), dtype, 1, 7)
            yield Case(f"{op}_integers", apply(op), function, [a, b], mode="values")
    for op, function in COMPARISONS:
        draw = Draw(seed, op)
        for dtype in [np.float32, np.float64, np.int32, np.int64, np.uint32]:
            a, b = draw.integers((4, 5), dtype, 0, 3), draw.integers((4, 5), dtype, 0, 3)
            if np.issubdtype(dtype, np.floating):
                a[0, 0] = b[0, 1] = NAN
            yield Case(op, apply(op), function, [a, b], mode="values")
    for op, function in LOGICAL:
        draw = Draw(seed, op)
        yield Case(op, apply(op), function, [draw.booleans((3, 5)), draw.booleans((3, 5))], mode="values")


def other(seed, count):
    draw = Draw(seed, "other")
    yield Case("not", apply("not"), lax.bitwise_not, [draw.booleans((3, 5))], mode="values")
    for dtype in FLOATS:
        yield Case("is_finite", apply("is_finite"), lax.is_finite, [np.array([0, 1, INF, -INF, NAN], dtype)],
                   mode="values")
    for dtype in FLOATS:
        for shape in [(), (3,), (2, 3)]:
            yield Case("select", apply("select"), lax.select,
                       [draw.booleans(shape), draw.normal(shape, dtype), draw.normal(shape, dtype)])
    floats, integers = FLOATS, [np.int32, np.int64, np.uint32]
    for source, target in itertools.product([*floats, *integers, np.bool_], [*floats, *integers, np.bool_]):
        x = draw.booleans((2, 3)) if source is np.bool_ else np.abs(draw.normal((2, 3), np.float64, 5)).astype(source)
        yield Case("convert", apply("convert", dtype=dtype_name(target)),
                   lambda x, t=target: lax.convert_element_type(x, t), [x],
                   mode="jvp_vjp" if source in floats and target in floats else "values",
                   detail=f"{source.__name__} {target.__name__}")

    def stopped(g, x):
        return g.op("mul", g.op("sin", x), g.op("cos", g.op("stop_gradient", x)))

    for dtype in FLOATS:
        yield Case("stop_gradient", stopped, lambda x: lax.sin(x) * lax.cos(lax.stop_gradient(x)),
                   [draw.normal((3,), dtype)])

    def reciprocal(g, x):
        one = g.op("broadcast_in_dim", g.constant("f32[] 1"), shape=[3], dims=[])
        return g.op("div", one, x)

    words = [draw.integers((3, 5), np.uint32, 0, 2**32) for _ in range(4)]
    for word in (0, 1):
        yield Case("threefry2x32", apply("threefry2x32", word=word), lambda *x, w=word: threefry2x32_p.bind(*x)[w], words,
                   mode="values")
    yield Case("reciprocal", reciprocal, lambda x: 1 / x, [draw.not_small((3,), np.float32)])


def cases(seed, count):
    return [*unary_cases(UNARY, seed, count), *binary_cases(BINARY, seed, count), *integers(seed, count),
            *other(seed, count)]
