"""Ops that move elements: the records of JAX's gradient table."""

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax

from cases import Case, Draw, Text, dtype_name

FLOATS = [np.float32, np.float64]


def concatenate(seed, count):
    draw = Draw(seed, "concatenate")
    shapes = [(base, axis) for base in [(4,), (3, 4), (2, 3, 4)] for axis in range(len(base))]
    for (base, axis), dtype in draw.pick(itertools.product(shapes, FLOATS), count):
        parts = [draw.normal(base[:axis] + (size,) + base[axis + 1:], dtype) for size in (3, 1, 4)]
        yield Case("concatenate", lambda g, *names, a=axis: g.op("concatenate", *names, dimension=a),
                   lambda *parts, a=axis: lax.concatenate(parts, a), parts, detail=f"{base} {axis}")


def split(seed, count):
    """lax.split is slices."""
    draw = Draw(seed, "split")
    shapes = [(base, axis) for base in [(4,), (3, 4), (2, 3, 4)] for axis in range(len(base))]
    for (base, axis), pieces, dtype in draw.pick(itertools.product(shapes, [1, 2, 3], FLOATS), count):
        sizes = [int(n) for n in draw.integers(pieces, np.int64, 1, 5)]
        shape = base[:axis] + (sum(sizes),) + base[axis + 1:]

        def adze(g, x, axis=axis, sizes=sizes, shape=shape):
            names, at = [], 0
            for size in sizes:
                start, limit = [0] * len(shape), list(shape)
                start[axis], limit[axis] = at, at + size
                names.append(g.op("slice", x, start=start, limit=limit))
                at += size
            return names

        yield Case("split", adze, lambda x, s=sizes, a=axis: lax.split(x, s, a), [draw.normal(shape, dtype)],
                   detail=f"{shape} {sizes} {axis}")


def broadcast(seed, count):
    draw = Draw(seed, "broadcast")
    for shape, sizes, dtype in draw.pick(itertools.product([(), (2, 3)], [(), (2,), (1, 2)], FLOATS), count):
        dims = list(range(len(sizes), len(sizes) + len(shape)))
        yield Case("broadcast",
                   lambda g, x, o=sizes + shape, d=dims: g.op("broadcast_in_dim", x, shape=o, dims=d),
                   lambda x, s=sizes: lax.broadcast(x, s), [draw.normal(shape, dtype)], detail=f"{shape} {sizes}")
    table = [((2,), (2, 2), (0,)), ((2,), (2, 2), (1,)), ((2,), (2, 3), (0,)), ((), (2, 3), ())]
    for (shape, out, dims), dtype in itertools.product(table, FLOATS):
        yield Case("broadcast_in_dim", lambda g, x, o=out, d=dims: g.op("broadcast_in_dim", x, shape=o, dims=d),
                   lambda x, o=out, d=dims: lax.broadcast_in_dim(x, o, d), [draw.normal(shape, dtype)],
                   detail=f"{shape} {out} {dims}")


def reshape(seed, count):
    draw = Draw(seed, "reshape")
    table = [((3, 4), (12,), None), ((2, 1, 4), (8,), None), ((2, 2, 4), (2, 8), None), ((3, 4), (12,), (0, 1)),
             ((3, 4), (12,), (1, 0)), ((2, 1, 4), (8,), (0, 2, 1)), ((2, 1, 4), (8,), (2, 0, 1)),
             ((2, 2, 4), (2, 8), (0, 2, 1)), ((2, 2, 4), (2, 8), (2, 0, 1))]
    for (shape, out, permutation), dtype in draw.pick(itertools.product(table, FLOATS), 2 * count):

        def adze(g, x, out=out, permutation=permutation):
            if permutation:
                x = g.op("transpose", x, permutation=permutation)
            return g.op("reshape", x, shape=out)

        yield Case("reshape", adze, lambda x, o=out, p=permutation: lax.reshape(x, o, p), [draw.normal(shape, dtype)],
                   detail=f"{shape} {out} {permutation}")


def transpose(seed, count):
    draw = Draw(seed, "transpose")
    table = [((3, 4), (1, 0)), ((3, 4), (0, 1)), ((3, 4, 5), (2, 1, 0)), ((3, 4, 5), (1, 0, 2))]
    for (shape, permutation), dtype in itertools.product(table, FLOATS):
        yield Case("transpose", lambda g, x, p=permutation: g.op("transpose", x, permutation=p),
                   lambda x, p=permutation: lax.transpose(x, p), [draw.normal(shape, dtype)])


def slices(seed, count):
    draw = Draw(seed, "slice")
    table = [((3,), (1,), (2,), None), ((7,), (4,), (7,), None), ((5,), (1,), (5,), (2,)), ((8,), (1,), (6,), (2,)),
             ((5, 3), (1, 1), (3, 2), None), ((5, 3), (1, 1), (3, 1), None), ((7, 5, 3), (4, 0, 1), (7, 1, 3), None),
             ((5, 3), (1, 1), (2, 1), (1, 1)), ((5, 3), (1, 1), (5, 3), (2, 1)),
             ((3, 3, 5), (0, 2, 0), (3, 2, 5), (1, 2, 1))]
    for (shape, start, limit, strides), dtype in draw.pick(itertools.product(table, FLOATS), 3 * count):
        more = {"strides": strides} if strides else {}
        yield Case("slice", lambda g, x, s=start, l=limit, m=more: g.op("slice", x, start=s, limit=l, **m),
                   lambda x, s=start, l=limit, t=strides: lax.slice(x, s, l, t), [draw.normal(shape, dtype)],
                   detail=f"{shape} {start} {limit} {strides}")


def pad(seed, count):
    draw = Draw(seed, "pad")
    table = [((), ()), ((2, 3), ((1, 2, 1), (0, 1, 0))), ((2, 3), ((-1, 0, 0), (-1, 0, 2)))]
    for (shape, pads), dtype in itertools.product(table, FLOATS):
        low, high, interior = ([p[i] for p in pads] for i in range(3))
        yield Case("pad",
                   lambda g, x, v, l=low, h=high, i=interior: g.op("pad", x, v, low=l, high=h, interior=i),
                   lambda x, v, p=pads: lax.pad(x, v, p), [draw.normal(shape, dtype), draw.normal((), dtype)],
                   detail=f"{shape} {pads}")


def reverse(seed, count):
    draw = Draw(seed, "reverse")
    for (shape, dims), dtype in itertools.product([((3,), (0,)), ((2, 3), (0, 1)), ((2, 3, 4), (1,))], FLOATS):
        yield Case("reverse", lambda g, x, d=dims: g.op("reverse", x, dims=d), lambda x, d=dims: lax.rev(x, d),
                   [draw.normal(shape, dtype)])


def tile(seed, count):
    """lax.tile is a broadcast and a reshape."""
    draw = Draw(seed, "tile")
    for (shape, reps), dtype in itertools.product([((3,), (2,)), ((2, 3), (1, 2)), ((1, 1, 4), (1, 3, 1))], FLOATS):

        def adze(g, x, shape=shape, reps=reps):
            wide = [n for pair in zip(reps, shape) for n in pair]
            dims = [2 * d + 1 for d in range(len(shape))]
            out = [r * n for r, n in zip(reps, shape)]
            return g.op("reshape", g.op("broadcast_in_dim", x, shape=wide, dims=dims), shape=out)

        yield Case("tile", adze, lambda x, r=reps: jnp.tile(x, r), [draw.normal(shape, dtype)])


def iota(seed, count):
    for dtype, (shape, axis) in itertools.product([np.int32, np.int64, np.uint32, np.float32, np.float64],
                                                  [((5,), 0), ((3, 4), 0), ((3, 4), 1)]):
        yield Case("iota", lambda g, t=dtype, s=shape, a=axis: g.op("iota", dtype=dtype_name(t), shape=s, dimension=a),
                   lambda t=dtype, s=shape, a=axis: lax.broadcasted_iota(t, s, a), [], mode="values")


def cases(seed, count):
    families = [concatenate, split, broadcast, reshape, transpose, slices, pad, reverse, tile, iota]
    return [case for family in families for case in family(seed, count)]
