"""Contractions, the records of JAX's gradient table."""

import itertools

import jax.numpy as jnp
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


def triangular_solve(seed, count):
    draw = Draw(seed, "triangular_solve")
    flags = list(itertools.product([False, True], repeat=4))
    for (left, lower, transposed, unit), batch, dtype in draw.pick(itertools.product(flags, [(), (2,)], FLOATS),
                                                                   8 * count):
        a = draw.normal((*batch, 4, 4), dtype) + 4 * np.eye(4, dtype=dtype)
        b = draw.normal((*batch, 4, 3) if left else (*batch, 3, 4), dtype)
        options = dict(left_side=left, lower=lower, transpose_a=transposed, unit_diagonal=unit)
        yield Case("triangular_solve", lambda g, a, b, o=options: g.op("triangular_solve", a, b, **o),
                   lambda a, b, o=options: lax.linalg.triangular_solve(a, b, **o), [a, b], detail=f"{batch} {options}")


def cholesky(seed, count):
    """Of the lower triangle, which is all that is read."""
    draw = Draw(seed, "cholesky")

    def reference(a):
        lower = jnp.tril(a)
        return lax.linalg.cholesky(lower + jnp.swapaxes(jnp.tril(a, -1), -1, -2), symmetrize_input=False)

    for shape, dtype in itertools.product([(1, 1), (4, 4), (2, 5, 5)], FLOATS):
        a = draw.normal(shape, dtype)
        a = a @ np.swapaxes(a, -1, -2) + 2 * np.eye(shape[-1], dtype=dtype)
        yield Case("cholesky", lambda g, a: g.op("cholesky", a), reference, [a], detail=f"{shape}")


def cases(seed, count):
    return [*dot(seed, count), *dot_general(seed, count), *triangular_solve(seed, count), *cholesky(seed, count)]
