"""Sorting and the largest elements, the records of JAX's gradient table."""

import itertools

import numpy as np
from jax import lax

from cases import Case, Draw

FLOATS = [np.float32, np.float64]


def cases(seed, count):
    found = []
    draw = Draw(seed, "sort")
    for shape, dtype in itertools.product([(0,), (5,), (5, 7), (4, 9, 3), (300,)], FLOATS):
        axis = len(shape) - 1
        found.append(Case("sort", lambda g, x, a=axis: g.op("sort", x, dimension=a),
                          lambda x, a=axis: lax.sort(x, dimension=a), [draw.unique(shape, dtype)], detail=f"{shape}"))
    for shape, axis, dtype in itertools.product([(6, 5)], [0, 1], [np.int32, np.uint32, np.int64, np.float32]):
        x = draw.integers(shape, dtype, 0, 9)
        if dtype == np.float32:
            x[0, 0], x[2, 1], x[3, 3] = np.nan, -np.inf, np.inf
        found.append(Case("sort_ties", lambda g, x, a=axis: g.op("sort", x, dimension=a),
                          lambda x, a=axis: lax.sort(x, dimension=a), [x], mode="values"))
    for shape, dtype in itertools.product([(3,), (5, 3), (4, 9, 3)], FLOATS):
        axis = len(shape) - 1
        found.append(Case("sort_key_val", lambda g, k, v, a=axis: g.op("sort", k, v, results=2, dimension=a, num_keys=1),
                          lambda k, v, a=axis: lax.sort_key_val(k, v, a),
                          [draw.unique(shape, dtype), draw.normal(shape, dtype)], detail=f"{shape}"))
    for keys in (1, 2):  # stable: places of equal keys stay in order
        operands = [draw.integers((50,), np.int32, 0, 5), draw.integers((50,), np.float32, 0, 4),
                    np.arange(50, dtype=np.int32)]
        found.append(Case("sort_keys", lambda g, *x, n=keys: g.op("sort", *x, results=3, dimension=0, num_keys=n),
                          lambda *x, n=keys: tuple(lax.sort(x, dimension=0, num_keys=n)), operands, mode="values"))
    draw = Draw(seed, "top_k")
    for shape, k, dtype in itertools.product([(4,), (5, 5), (3, 1, 4)], [1, 3], FLOATS):
        found.append(Case("top_k", lambda g, x, k=k: g.op("top_k", x, results=2, k=k), lambda x, k=k: tuple(lax.top_k(x, k)),
                          [draw.unique(shape, dtype)], detail=f"{shape} {k}"))
        found.append(Case("top_k_ties", lambda g, x, k=k: g.op("top_k", x, results=2, k=k),
                          lambda x, k=k: tuple(lax.top_k(x, k)), [draw.integers(shape, dtype, 0, 3)], mode="values"))
    return found
