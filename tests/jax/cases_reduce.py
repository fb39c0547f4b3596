"""Reductions, the records of JAX's gradient table."""

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax

from cases import NAMES, Case, Draw, Text, dtype_name

FLOATS = [np.float32, np.float64]
SHAPES = [((), ()), ((3, 4, 5), ()), ((3, 4, 5), (0,)), ((3, 4, 5), (1, 2)), ((3, 4, 5), (0, 2)),
          ((3, 4, 5), (0, 1, 2)), ((3, 1), (1,)), ((3, 0, 5), (1,))]


def reductions(seed, count):
    table = [("reduce_sum", jnp.sum, lambda d, s, t: d.uniform(s, t, -0.5, 1.5)),
             ("reduce_prod", jnp.prod, lambda d, s, t: d.normal(s, t)),
             ("reduce_max", jnp.max, lambda d, s, t: d.unique(s, t)),
             ("reduce_min", jnp.min, lambda d, s, t: d.unique(s, t))]
    for op, function, values in table:
        draw = Draw(seed, op)
        for (shape, axes), dtype in draw.pick(itertools.product(SHAPES, FLOATS), 2 * count):
            if 0 in shape and function in (jnp.max, jnp.min):
                continue  # without an element JAX has no largest one
            yield Case(op, lambda g, x, o=op, a=axes: g.op(o, x, axes=a), lambda x, f=function, a=axes: f(x, axis=a),
                       [values(draw, shape, dtype)], detail=f"{shape} {axes}")
        x = draw.integers((4, 6), np.int32, -3, 4)
        yield Case(f"{op}_integers", lambda g, x, o=op: g.op(o, x, axes=[1]),
                   lambda x, f=function: f(x, axis=1).astype(np.int32), [x], mode="values")
    for op, function in [("reduce_max", jnp.max), ("reduce_min", jnp.min)]:  # ties share the cotangent
        draw = Draw(seed, f"{op}_ties")
        for dtype in FLOATS:
            yield Case(f"{op}_ties", lambda g, x, o=op: g.op(o, x, axes=[1]), lambda x, f=function: f(x, axis=1),
                       [draw.integers((4, 6), dtype, 0, 3)])
    draw = Draw(seed, "reduce_logical")
    for op, function in [("reduce_and", jnp.all), ("reduce_or", jnp.any)]:
        for shape, axes in SHAPES:
            yield Case(op, lambda g, x, o=op, a=axes: g.op(o, x, axes=a), lambda x, f=function, a=axes: f(x, axis=a),
                       [draw.booleans(shape)], mode="values")


def positions(seed, count):
    for op, function in [("argmax", lax.argmax), ("argmin", lax.argmin)]:
        draw = Draw(seed, op)
        for (shape, axis), index in itertools.product([((5,), 0), ((3, 4), 0), ((2, 3, 4), 2)], [np.int32, np.int64]):
            for dtype in [np.float32, np.float64, np.int32]:
                x = draw.integers(shape, dtype, 0, 4)  # with ties
                yield Case(op, lambda g, x, o=op, a=axis, i=index: g.op(o, x, axis=a, index_dtype=dtype_name(i)),
                           lambda x, f=function, a=axis, i=index: f(x, a, i), [x], mode="values")
        x = np.array([[1, np.nan, 3], [np.nan, np.nan, 0]], np.float32)
        yield Case(f"{op}_nan", lambda g, x, o=op: g.op(o, x, axis=1), lambda x, f=function: f(x, 1, np.int32), [x],
                   mode="values")


def cumulative(seed, count):
    table = [("cumsum", lax.cumsum), ("cumprod", lax.cumprod), ("cummax", lax.cummax), ("cummin", lax.cummin),
             ("cumlogsumexp", lax.cumlogsumexp)]
    for op, function in table:
        draw = Draw(seed, op)
        shapes = [((10,), 0), *(((3, 4, 5), axis) for axis in range(3))]
        for (shape, axis), reverse, dtype in draw.pick(itertools.product(shapes, [False, True], FLOATS), 4 * count):
            x = draw.unique(shape, dtype) if op in ("cummax", "cummin") else draw.uniform(shape, dtype, -0.5, 1.5)
            yield Case(op, lambda g, x, o=op, a=axis, r=reverse: g.op(o, x, axis=a, reverse=r),
                       lambda x, f=function, a=axis, r=reverse: f(x, axis=a, reverse=r), [x],
                       detail=f"{shape} {axis} {reverse}")


def pairs(seed, count):
    """A sum and a product at once."""
    draw = Draw(seed, "reduce")
    for (shape, axes), dtype in draw.pick(itertools.product(SHAPES[1:], FLOATS), 3 * count):
        t = NAMES[np.dtype(dtype)]
        body = Text(f"""func @pair(%s: {t}[], %p: {t}[], %x: {t}[], %y: {t}[]) -> ({t}[], {t}[]) {{
          %t = add %s, %x
          %q = mul %p, %y
          return %t, %q
        }}""")
        starts = [np.array(0, dtype), np.array(1, dtype)]
        yield Case("reduce", lambda g, x, y, s, p, a=axes, b=body: g.op("reduce", x, y, s, p, results=2, axes=a, body=b),
                   lambda x, y, s, p, a=axes: tuple(lax.reduce((x, y), (s, p), lambda v, w: (v[0] + w[0], v[1] * w[1]), a)),
                   [draw.uniform(shape, dtype, -0.5, 1.5), draw.not_small(shape, dtype), *starts],
                   active=[True, True, False, False], detail=f"{shape} {axes}")


def cases(seed, count):
    return [*pairs(seed, count), *reductions(seed, count), *positions(seed, count), *cumulative(seed, count)]
