"""What a case is: the same function twice, as .adze text (or the name of a function of functions.cpp) and in JAX."""

import dataclasses
import itertools
from typing import Any, Callable

import jax
import ml_dtypes
import numpy as np

BF16 = ml_dtypes.bfloat16
NAMES = {
    np.dtype(np.bool_): "bool", np.dtype(np.int8): "i8", np.dtype(np.int16): "i16", np.dtype(np.int32): "i32",
    np.dtype(np.int64): "i64", np.dtype(np.uint8): "u8", np.dtype(np.uint16): "u16", np.dtype(np.uint32): "u32",
    np.dtype(np.uint64): "u64", np.dtype(np.float16): "f16", np.dtype(BF16): "bf16", np.dtype(np.float32): "f32",
    np.dtype(np.float64): "f64",
}


def is_float(dtype):
    return np.dtype(dtype) in (np.float16, BF16, np.float32, np.float64)


class Text(str):
    """An attribute that is written as it is: a pair of lists, a function, a dtype."""


def pair(lhs, rhs):
    return Text(f"{list(lhs)} x {list(rhs)}")


def dtype_name(dtype):
    return Text(NAMES[np.dtype(dtype)])


def type_text(value):
    return f"{NAMES[np.dtype(value.dtype)]}[{','.join(map(str, value.shape))}]"


def _attribute(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(str(int(v)) for v in value) + "]"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return repr(float(value))


class GraphText:
    """Writes the statements of one function."""

    def __init__(self):
        self.lines, self.count = [], 0

    def op(self, op, *operands, results=1, **attributes):
        """The name of the result of an op; a tuple of names where it has several."""
        names = tuple(f"%v{self.count + i}" for i in range(results))
        self.count += results
        written = ", ".join(f"{key} = {_attribute(value)}" for key, value in attributes.items())
        self.lines.append(f"  {', '.join(names)} = {op} {', '.join(operands)}" + (f" {{{written}}}" if written else ""))
        return names[0] if results == 1 else names

    def constant(self, text):
        return self.op("constant", value=Text(text))


@dataclasses.dataclass
class Case:
    """`adze(graph, *names)` writes the function and gives its results' names; or it is a function's name."""

    record: str
    adze: Callable | str
    jax: Callable
    inputs: list
    mode: str = "jvp_vjp"  # values, vjp, jvp, jvp_vjp: see evaluate.cpp
    active: list | None = None  # by which inputs derivatives are taken; None: all floats
    exact: bool = False  # results must have the same bits
    pointwise: bool = False  # values are compared element by element, not to the scale of the array
    tolerance: float = 1  # times what is usual; above 1 with the reason beside it
    detail: str = ""  # parameters, for messages
    name: str = ""  # given by `numbered`

    def flags(self):
        if self.mode == "values":
            return [False] * len(self.inputs)
        return [is_float(x.dtype) for x in self.inputs] if self.active is None else self.active

    def graph(self):
        names = [f"%a{i}" for i in range(len(self.inputs))]
        writer = GraphText()
        results = self.adze(writer, *names)
        results = [results] if isinstance(results, str) else list(results)
        types = [type_text(t) for t in jax.tree.leaves(jax.eval_shape(self.jax, *self.inputs))]
        declared = types[0] if len(types) == 1 else f"({', '.join(types)})"
        parameters = ", ".join(f"{n}: {type_text(x)}" for n, x in zip(names, self.inputs))
        body = "\n".join(writer.lines + [f"  return {', '.join(results)}"])
        return f"func @{self.name}({parameters}) -> {declared} {{\n{body}\n}}\n"


def numbered(cases):
    """Names the cases: record_0, record_1, ..."""
    counts = {}
    for case in cases:
        number = counts.setdefault(case.record, itertools.count())
        case.name = f"{case.record}_{next(number)}"
    return cases


class Draw:
    """Inputs of a record, from its own seed."""

    def __init__(self, seed, record):
        self.generator = np.random.default_rng([seed, *record.encode()])

    def normal(self, shape, dtype, scale=1.0):
        return (scale * self.generator.standard_normal(shape)).astype(dtype)

    def uniform(self, shape, dtype, low=0.0, high=1.0):
        return self.generator.uniform(low, high, shape).astype(dtype)

    def positive(self, shape, dtype):
        return (np.abs(self.generator.standard_normal(shape)) + 0.05).astype(dtype)

    def not_small(self, shape, dtype):
        x = self.generator.standard_normal(shape)
        return (x + np.where(x >= 0, 0.5, -0.5)).astype(dtype)

    def unique(self, shape, dtype):
        """Whole numbers, all different."""
        return self.generator.permutation(int(np.prod(shape, dtype=int))).reshape(shape).astype(dtype)

    def integers(self, shape, dtype, low, high):
        return self.generator.integers(low, high, shape).astype(dtype)

    def booleans(self, shape):
        return self.generator.integers(0, 2, shape).astype(bool)

    def pick(self, choices, count):
        """`count` of the choices, each at most once, in their order."""
        choices = list(choices)
        if count >= len(choices):
            return choices
        chosen = self.generator.choice(len(choices), count, replace=False)
        return [choices[i] for i in sorted(chosen)]
