"""Random numbers: the same bits as JAX's for the same key, the same values up to erf_inv and log for normal ones."""

import jax
import jax.numpy as jnp
import numpy as np

from cases import Case

SHAPES = [(), (1,), (7,), (3, 5), (2, 0, 3), (1000,), (4, 33, 2)]  # those of functions_random.cpp
KEYS = [np.array(key, np.uint32) for key in ([0, 0], [0, 42], [0xdeadbeef, 0xffffffff])]
EXACT = {
    "bits": lambda k, s: jax.random.bits(k, s, np.uint32),
    "uniform": lambda k, s: jax.random.uniform(k, s, np.float32),
    "uniform_f64": lambda k, s: jax.random.uniform(k, s, np.float64),
    "uniform_range": lambda k, s: jax.random.uniform(k, s, np.float32, -3, 0.5),
    "bernoulli": lambda k, s: jax.random.bernoulli(k, np.float32(0.3), s),
    "randint": lambda k, s: jax.random.randint(k, s, -10, 1000, np.int32),
    "randint_wide": lambda k, s: jax.random.randint(k, s, -2**31, 2**31 - 1, np.int32),
}
CLOSE = {
    "normal": lambda k, s: jax.random.normal(k, s, np.float32),
    "normal_f64": lambda k, s: jax.random.normal(k, s, np.float64),
    "truncated_normal": lambda k, s: jax.random.truncated_normal(k, -1.5, 2, s, np.float32),
    "gumbel": lambda k, s: jax.random.gumbel(k, s, np.float32),
}
INITIALISERS = {
    "xavier_uniform": jax.nn.initializers.glorot_uniform(),
    "xavier_normal": jax.nn.initializers.glorot_normal(),
    "he_uniform": jax.nn.initializers.he_uniform(),
    "he_normal": jax.nn.initializers.he_normal(),
    "lecun_uniform": jax.nn.initializers.lecun_uniform(),
    "lecun_normal": jax.nn.initializers.lecun_normal(),
}


def cases(seed, count):
    rng = np.random.default_rng(seed)
    keys = [*KEYS, rng.integers(0, 2**32, 2, np.uint32)]
    found = []

    def add(name, reference, *inputs, exact=True, prefix="random"):
        found.append(Case(name, f"{prefix}.{name}", reference, list(inputs), mode="values", exact=exact))

    def shape_text(shape):
        return f"[{','.join(map(str, shape))}]"

    for i, shape in enumerate(SHAPES):
        key = keys[i % len(keys)]
        for table, exact in [(EXACT, True), (CLOSE, False)]:
            for name, function in table.items():
                found.append(Case(name, f"random.{name}{shape_text(shape)}", lambda k, f=function, s=shape: f(k, s), [key],
                                  mode="values", exact=exact))
    for key in keys:
        add("split", lambda k: tuple(jax.random.split(k, 5)), key)
        add("split_stacked", lambda k: jax.random.split(k, 7), key)
        for n in (1, 8, 257):
            add(f"permutation{n}", lambda k, n=n: jax.random.permutation(k, n).astype(np.int32), key)
        for data in (0, 1, 2**32 - 1):
            add("fold_in", jax.random.fold_in, key, np.array(data, np.uint32))
        logits = rng.standard_normal((40, 9)).astype(np.float32)
        add("categorical", lambda k, x: jax.random.categorical(k, x).astype(np.int32), key, logits)
        add("categorical_axis0", lambda k, x: jax.random.categorical(k, x, 0, (6, 9)).astype(np.int32), key, logits)
        for name, initialiser in INITIALISERS.items():
            add(name, lambda k, f=initialiser: f(k, (12, 20), np.float32), key, exact=False, prefix="init")
        add("he_normal_conv", lambda k: INITIALISERS["he_normal"](k, (3, 3, 4, 6), np.float32), key, exact=False,
            prefix="init")
    return found
