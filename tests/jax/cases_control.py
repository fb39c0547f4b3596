"""Loops and branches whose bodies are functions."""

import itertools

import jax.numpy as jnp
import numpy as np
from jax import lax

from cases import NAMES, Case, Draw, Text

FLOATS = [np.float32, np.float64]


def cell(dtype):
    t = NAMES[np.dtype(dtype)]
    return Text(f"""func @cell(%w: {t}[3,3], %h: {t}[3], %x: {t}[3]) -> ({t}[3], {t}[3]) {{
      %a = dot_general %h, %w {{contract = [0] x [0]}}
      %b = add %a, %x
      %c = tanh %b
      %d = mul %c, %h
      return %c, %d
    }}""")


def scans(seed, count):
    draw = Draw(seed, "scan")
    for length, reverse, dtype in itertools.product([0, 1, 7], [False, True], FLOATS):

        def adze(g, w, h, xs, n=length, r=reverse, t=dtype):
            return g.op("scan", w, h, xs, results=2, body=cell(t), length=n, reverse=r, num_consts=1, num_carry=1)

        def reference(w, h, xs, n=length, r=reverse):
            def step(h, x):
                c = jnp.tanh(h @ w + x)
                return c, c * h

            return lax.scan(step, h, xs, n, r)

        yield Case("scan", adze, reference,
                   [draw.normal((3, 3), dtype, 0.4), draw.normal((3,), dtype), draw.normal((length, 3), dtype)],
                   detail=f"length {length}{' reverse' if reverse else ''}")


def whiles(seed, count):
    """Forward mode only, as in JAX."""
    draw = Draw(seed, "while")
    for dtype, start in itertools.product(FLOATS, [0, 3, 9]):
        t = NAMES[np.dtype(dtype)]
        test = Text("""func @below(%i: i32[], %x: """ + t + """[3]) -> bool[] {
          %limit = constant {value = i32[] 8}
          %go = lt %i, %limit
          return %go
        }""")
        body = Text(f"""func @body(%w: {t}[3], %i: i32[], %x: {t}[3]) -> (i32[], {t}[3]) {{
          %one = constant {{value = i32[] 1}}
          %j = add %i, %one
          %y = mul %x, %w
          %z = sin %y
          return %j, %z
        }}""")

        def reference(w, i, x):
            return lax.while_loop(lambda s: s[0] < 8, lambda s: (s[0] + 1, jnp.sin(s[1] * w)), (i, x))

        yield Case("while", lambda g, w, i, x, c=test, b=body: g.op("while", w, i, x, results=2, cond=c, body=b,
                                                                     body_consts=1),
                   reference, [draw.normal((3,), dtype), np.array(start, np.int32), draw.normal((3,), dtype)], mode="jvp",
                   detail=f"from {start}")


def conds(seed, count):
    draw = Draw(seed, "cond")
    for dtype, index in itertools.product(FLOATS, [-1, 0, 1, 2, 5]):
        t = NAMES[np.dtype(dtype)]
        branch = lambda name, lines, result: f"func @{name}(%x: {t}[3], %y: {t}[3]) -> {t}[3] {{ {lines} return {result} }}"
        branches = Text("[" + ", ".join([branch("product", "%p = mul %x, %y\n", "%p"), branch("first", "", "%x"),
                                         branch("sine", "%s = sin %x\n%d = sub %s, %y\n", "%d")]) + "]")
        yield Case("cond", lambda g, i, x, y, b=branches: g.op("cond", i, x, y, branches=b),
                   lambda i, x, y: lax.switch(i, [lambda x, y: x * y, lambda x, y: x, lambda x, y: jnp.sin(x) - y], x, y),
                   [np.array(index, np.int32), draw.normal((3,), dtype), draw.normal((3,), dtype)], detail=f"{index}")


def cases(seed, count):
    return [*scans(seed, count), *whiles(seed, count), *conds(seed, count)]
