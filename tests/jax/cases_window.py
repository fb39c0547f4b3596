"""Reductions over windows, the records of JAX's gradient table."""

import itertools

import numpy as np
from jax import lax

from cases import Case, Draw, pair

FLOATS = [np.float32, np.float64]
TABLE = [
    ([(4, 6)], [(2, 1), (1, 2)], [(1, 1), (2, 1), (1, 2)], ["VALID", "SAME", [(0, 3), (1, 2)]], [(1, 1), (2, 3)],
     [(1, 1), (1, 2)]),
    ([(3, 2, 4, 6)], [(1, 1, 2, 1), (2, 1, 2, 1)], [(1, 2, 2, 1), (1, 1, 1, 1)],
     ["VALID", "SAME", [(0, 1), (1, 0), (2, 3), (0, 2)]], [(1, 1, 1, 1), (2, 1, 3, 2)], [(1, 1, 1, 1), (1, 2, 2, 1)]),
]


def pads(shape, window, strides, padding, base_dilation, window_dilation):
    """Padding by name as sizes."""
    if not isinstance(padding, str):
        return padding
    dilated = lambda sizes, factors: [(n - 1) * f + 1 for n, f in zip(sizes, factors)]
    return lax.padtype_to_pads(dilated(shape, base_dilation), dilated(window, window_dilation), strides, padding)


def cases(seed, count):
    found = []
    for op, function, start in [("sum", lax.add, 0), ("max", lax.max, -np.inf), ("min", lax.min, np.inf),
                                ("prod", lax.mul, 1)]:
        record = f"reduce_window_{op}"
        draw = Draw(seed, record)
        every = [p for table in TABLE for p in itertools.product(*table)]
        # JAX differentiates extremes over dilated windows no more than other monoids.
        every = [p for p in every if op == "sum" or set(p[-1]) == {1}]
        for parameters in draw.pick(every, 4 * count):
            shape, window, strides, padding, base, dilation = parameters
            sizes = pads(*parameters)
            for dtype in FLOATS:
                def adze(g, x, record=record, p=parameters, sizes=sizes):
                    return g.op(record, x, window_dimensions=p[1], window_strides=p[2], padding=pair(*zip(*sizes)),
                                base_dilation=p[4], window_dilation=p[5])

                def reference(x, p=parameters, sizes=sizes, f=function, s=start):
                    return lax.reduce_window(x, np.array(s, x.dtype), f, p[1], p[2], sizes, p[4], p[5])

                x = draw.unique(shape, dtype) if op in ("max", "min") else draw.normal(shape, dtype)
                found.append(Case(record, adze, reference, [x], detail=f"{parameters}",
                                  mode="values" if op == "prod" else "jvp_vjp"))
    return found
