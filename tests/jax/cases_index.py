"""Gathers, scatters and slices at computed places, the records of JAX's gradient table."""

import itertools

import numpy as np
from jax import lax

from cases import Case, Draw

FLOATS = [np.float32, np.float64]
MODES = ["clip", "fill", "promise_in_bounds"]
GATHERS = [  # operand, number of indices, offset_dims, collapsed_slice_dims, slice_sizes, bound of an index
    ((5,), 2, (), (0,), (1,), 5),
    ((10,), 3, (1,), (), (2,), 9),
    ((10, 5), 3, (1,), (0,), (1, 3), 3),
]
SCATTERS = [  # operand, number of indices, updates, update_window_dims, inserted_window_dims, bound of an index
    ((5,), 2, (2,), (), (0,), 4),
    ((10,), 3, (3, 2), (1,), (), 9),
    ((10, 5), 3, (3, 3), (1,), (0,), 3),
]


def indices_for(draw, mode, count, bound, dtype=np.int32):
    """Beyond the bounds too, unless they are promised."""
    low, high = (0, bound) if mode == "promise_in_bounds" else (-bound, 2 * bound)
    return draw.integers((count, 1), dtype, low, high)


def gathers(seed, count):
    draw = Draw(seed, "gather")
    for (shape, rows, offset, collapsed, sizes, bound), mode, dtype, index in draw.pick(
            itertools.product(GATHERS, MODES, FLOATS, [np.int32, np.int64]), 3 * count):
        numbers = lax.GatherDimensionNumbers(offset, collapsed, (0,))

        def adze(g, x, i, o=offset, c=collapsed, s=sizes, m=mode):
            return g.op("gather", x, i, offset_dims=o, collapsed_slice_dims=c, start_index_map=[0], slice_sizes=s, mode=m,
                        fill_value=-1.0)

        yield Case("gather", adze,
                   lambda x, i, n=numbers, s=sizes, m=mode: lax.gather(x, i, n, s, mode=m, fill_value=-1),
                   [draw.normal(shape, dtype), indices_for(draw, mode, rows, bound, index)], detail=f"{shape} {mode}")
    batched = lax.GatherDimensionNumbers((1,), (1,), (1,), (0,), (0,))
    yield Case("gather_batching",
               lambda g, x, i: g.op("gather", x, i, offset_dims=[1], collapsed_slice_dims=[1], start_index_map=[1],
                                    operand_batching_dims=[0], start_indices_batching_dims=[0], slice_sizes=[1, 1, 3],
                                    mode="clip"),
               lambda x, i: lax.gather(x, i, batched, (1, 1, 3), mode="clip"),
               [draw.normal((4, 6, 3), np.float32), draw.integers((4, 1), np.int32, 0, 6)])
    draw = Draw(seed, "index_take")
    table = [([[0, 2, 1]], (0,)), ([[-1, -2]], (0,)), ([[0, 2], [1, 3]], (0, 1)), ([[0, 2], [1, 3]], (0, 2))]
    for (at, axes), dtype in itertools.product(table, FLOATS):
        shape = (3, 4, 5)
        inside = np.array([[i % shape[axis] for i in row] for row, axis in zip(at, axes)], np.int32).T
        sizes = [1 if d in axes else n for d, n in enumerate(shape)]

        def adze(g, x, i, axes=axes, sizes=sizes):
            return g.op("gather", x, i, offset_dims=range_list(1, 4 - len(axes)), collapsed_slice_dims=axes,
                        start_index_map=axes, slice_sizes=sizes, mode="promise_in_bounds")

        yield Case("index_take", adze,
                   lambda x, i, t=at, a=axes: lax.index_take(x, tuple(np.array(row) for row in t), a),
                   [draw.normal(shape, dtype), inside], detail=f"{at} {axes}")


def range_list(begin, end):
    return list(range(begin, end))


def scatters(seed, count):
    for op, function in [("scatter", lax.scatter), ("scatter_add", lax.scatter_add), ("scatter_mul", lax.scatter_mul),
                         ("scatter_min", lax.scatter_min), ("scatter_max", lax.scatter_max)]:
        draw = Draw(seed, op)
        for (shape, rows, updates, window, inserted, bound), mode, dtype in draw.pick(
                itertools.product(SCATTERS, MODES, FLOATS), 2 * count):
            # Updates that meet have no derivative of these in JAX: places apart from each other.
            apart = op in ("scatter", "scatter_mul")
            if apart:
                step = 2 if updates[1:] == (2,) else 1
                indices = (step * draw.generator.permutation(bound // step)[:rows].reshape(rows, 1)).astype(np.int32)
            else:
                # JAX's derivatives of extremes are those of unclipped indices.
                unclipped = mode == "clip" and op != "scatter_add"
                indices = indices_for(draw, "promise_in_bounds" if unclipped else mode, rows, bound)
            numbers = lax.ScatterDimensionNumbers(window, inserted, (0,))

            def adze(g, x, i, u, op=op, w=window, n=inserted, m=mode, unique=apart):
                return g.op(op, x, i, u, update_window_dims=w, inserted_window_dims=n, scatter_dims_to_operand_dims=[0],
                            mode=m, unique_indices=unique)

            def reference(x, i, u, f=function, n=numbers, m=mode, unique=apart):
                return f(x, i, u, n, mode=m, unique_indices=unique)

            yield Case(op, adze, reference, [draw.normal(shape, dtype), indices, draw.normal(updates, dtype)],
                       detail=f"{shape} {mode} {indices.ravel()}")
        x, u = draw.integers((6,), np.int32, -5, 5), draw.integers((4,), np.int32, -5, 5)
        i = draw.integers((4, 1), np.int32, -2, 8) if op != "scatter" else np.array([[3], [0], [5], [9]], np.int32)
        numbers = lax.ScatterDimensionNumbers((), (0,), (0,))
        yield Case(f"{op}_integers",
                   lambda g, x, i, u, op=op: g.op(op, x, i, u, update_window_dims=[], inserted_window_dims=[0],
                                                  scatter_dims_to_operand_dims=[0]),
                   lambda x, i, u, f=function, n=numbers: f(x, i, u, n), [x, i, u], mode="values")


def dynamic_slices(seed, count):
    draw = Draw(seed, "dynamic_slice")
    table = [((3,), (1,), (1,)), ((5, 3), (1, 1), (3, 1)), ((7, 5, 3), (4, 1, 0), (2, 0, 1)), ((5, 5), (-8, 0), (1, 5)),
             ((5, 5), (7, 3), (2, 3))]
    for (shape, starts, sizes), dtype in itertools.product(table, FLOATS):
        at = [np.array(i, np.int32) for i in starts]
        yield Case("dynamic_slice", lambda g, x, *i, s=sizes: g.op("dynamic_slice", x, *i, slice_sizes=s),
                   lambda x, *i, s=sizes: lax.dynamic_slice(x, i, s), [draw.normal(shape, dtype), *at],
                   detail=f"{shape} {starts} {sizes}")
        yield Case("dynamic_update_slice", lambda g, x, u, *i: g.op("dynamic_update_slice", x, u, *i),
                   lambda x, u, *i: lax.dynamic_update_slice(x, u, i),
                   [draw.normal(shape, dtype), draw.normal(sizes, dtype), *at], detail=f"{shape} {starts} {sizes}")


def cases(seed, count):
    return [*gathers(seed, count), *scatters(seed, count), *dynamic_slices(seed, count)]
