"""Convolutions, the records of JAX's gradient table."""

import itertools

import numpy as np
from jax import lax

from cases import Case, Draw, pair

FLOATS = [np.float32, np.float64]
# Layouts: names for JAX, and where batch, feature and spatial dimensions of NCHW and OIHW go.
LAYOUTS = [(("NCHW", "OIHW", "NCHW"), (0, 1, 2, 3), (0, 1, 2, 3)), (("NHWC", "HWIO", "NHWC"), (0, 2, 3, 1), (2, 3, 1, 0)),
           (("NHWC", "OIHW", "NCHW"), (0, 2, 3, 1), (0, 1, 2, 3))]


def case(record, draw, lhs, rhs, strides, padding, lhs_dilation, rhs_dilation, layout=None, features=1, batches=1,
         dtype=np.float32):
    rank = len(lhs) - 2
    if layout is None:
        plain = "".join("HWD"[:rank])
        layout = ((f"NC{plain}", f"OI{plain}", f"NC{plain}"), tuple(range(rank + 2)), tuple(range(rank + 2)))
    names, lhs_order, rhs_order = layout
    lhs, rhs = [lhs[d] for d in lhs_order], [rhs[d] for d in rhs_order]
    numbers = lax.conv_dimension_numbers(lhs, rhs, names)

    def adze(g, x, w):
        return g.op("conv_general_dilated", x, w, window_strides=strides, padding=pair(*zip(*padding)),
                    lhs_dilation=lhs_dilation, rhs_dilation=rhs_dilation, lhs_spec=numbers.lhs_spec,
                    rhs_spec=numbers.rhs_spec, out_spec=numbers.out_spec, feature_group_count=features,
                    batch_group_count=batches)

    def reference(x, w):
        return lax.conv_general_dilated(x, w, strides, padding, lhs_dilation, rhs_dilation, numbers, features, batches,
                                        precision=lax.Precision.HIGHEST)

    return Case(record, adze, reference, [draw.normal(lhs, dtype), draw.normal(rhs, dtype)],
                detail=f"{lhs} {rhs} {names} strides {strides} padding {padding} dilation {lhs_dilation} {rhs_dilation} "
                       f"groups {features} {batches}")


def cases(seed, count):
    found = []
    draw = Draw(seed, "conv")
    shapes = [((b, i, 3, 4), (j, i, 1, 2), s) for b, i, j in itertools.product([2, 3], repeat=3)
              for s in [(1, 1), (1, 2), (2, 1)]] + [((4, 2, 1), (3, 2, 1), (1,))]
    for (lhs, rhs, strides), name, dtype in draw.pick(itertools.product(shapes, ["VALID", "SAME"], FLOATS), 3 * count):
        ones = (1,) * len(strides)
        padding = lax.padtype_to_pads(lhs[2:], rhs[2:], strides, name)
        found.append(case("conv", draw, lhs, rhs, strides, padding, ones, ones, dtype=dtype))
    draw = Draw(seed, "conv_padded")
    table = [((b, i, 3, 4), (j, i, 1, 2), s, p, d, (1, 1)) for b, i, j in itertools.product([2, 3], repeat=3)
             for s in [(1, 1), (1, 2), (2, 1)]
             for p in [((0, 0), (0, 0)), ((-1, 0), (0, -1)), ((1, 0), (0, 1))] for d in [(1, 1), (2, 1)]]
    table += [((4, 2, 1), (3, 2, 1), (1,), p, d, e) for p in [((1, 1),), ((0, 0),)] for d in [(1,), (2,)]
              for e in [(1,), (2,)]]
    table += [((2, 3, 4, 5, 3), (4, 3, 2, 3, 1), (1, 2, 1), ((1, 0), (0, 1), (-1, 1)), (1, 1, 2), (2, 1, 1))]
    for (lhs, rhs, strides, padding, base, dilation), dtype in draw.pick(itertools.product(table, FLOATS), 4 * count):
        found.append(case("conv_padded", draw, lhs, rhs, strides, padding, base, dilation, dtype=dtype))
    draw = Draw(seed, "conv_general")
    table = []
    for (batches, features), (b, i, j), tall in itertools.product([(1, 1), (2, 1), (1, 2)],
                                                                  itertools.product([1, 2], repeat=3), [(6, 7), (0, 4)]):
        paddings = [((0, 0), (0, 0)), ((1, 0), (0, 1))] + ([((0, -1), (0, 0))] if tall[0] else [])
        table += [((b * batches, i * features, *tall), (j * batches * features, i, 1, 2), *rest, features, batches)
                  for rest in itertools.product([(1, 1), (1, 2), (2, 1)], paddings, [(1, 1), (2, 1)], [(1, 1), (2, 2)],
                                                LAYOUTS)]
    for parameters, dtype in draw.pick(itertools.product(table, FLOATS), 8 * count):
        found.append(case("conv_general", draw, *parameters, dtype=dtype))
    return found
