"""Contractions, the records of JAX's gradient table."""

import itertools

import numpy as np
from jax import lax

from cases import Case, Draw, pair

FLOATS = [np.float32, np.float64]


def dot(seed, count):
    """lax.dot."""
    draw = Draw(seed, "dot")
    for lhs, rhs, dtype in itertools.product([(2,), (3, 2)], [(2,), (2, 4)], FLOATS):
        contract = pair([len(lhs) - 1], [0])
        yield Case("dot", lambda g, a, b, c=contract: g.op("dot_general", a, b, contract=c), lax.dot,
                   [draw.normal(lhs, dtype), draw.normal(rhs, dtype)], detail=f"{lhs} {rhs}")


def dot_general(seed, count):
    draw = Draw(seed, "dot_general")
    table = [((3, 2), (2, 4), (([1], [0]), ([], []))), ((3, 5), (2, 5), (([1], [1]), ([], []))),
             ((5, 3), (5, 2), (([0], [0]), ([], []))), ((3, 3, 2), (3, 2, 4), (([2], [1]), ([0], [0]))),
             ((3, 5, 2), (2, 4, 5), (([2], [0]), ([1], [2]))),
             ((7, 3, 5, 2), (2, 2, 4, 5), (([3], [0]), ([2], [3])))]
    for (lhs, rhs, dims), dtype in itertools.product(table, FLOATS):
        (contract, batch) = dims
        yield Case("dot_general",
                   lambda g, a, b, c=pair(*contract), m=pair(*batch): g.op("dot_general", a, b, contract=c, batch=m),
                   lambda a, b, d=dims: lax.dot_general(a, b, d), [draw.normal(lhs, dtype), draw.normal(rhs, dtype)],
                   detail=f"{lhs} {rhs} {dims}")


def cases(seed, count):
    return [*dot(seed, count), *dot_general(seed, count)]
