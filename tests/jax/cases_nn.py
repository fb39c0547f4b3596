"""Functions of a network, against jax.nn and optax."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cases import Case, Draw

FLOATS = [np.float32, np.float64]


def layer_norm(x, scale, bias):
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5) * scale + bias


ACTIVATIONS = [
    ("relu", jax.nn.relu), ("leaky_relu", jax.nn.leaky_relu), ("elu", jax.nn.elu),
    ("gelu_tanh", lambda x: jax.nn.gelu(x, approximate=True)), ("sigmoid", jax.nn.sigmoid), ("silu", jax.nn.silu),
    ("softplus", jax.nn.softplus), ("softmax", jax.nn.softmax), ("softmax_axis0", lambda x: jax.nn.softmax(x, 0)),
    ("log_softmax", jax.nn.log_softmax), ("logsumexp", lambda x: jax.nn.logsumexp(x, axis=-1)),
]


def cases(seed, count):
    found = []
    for name, reference in ACTIVATIONS:
        draw = Draw(seed, name)
        for shape, dtype in itertools.product([(4, 7), (2, 3, 33)], FLOATS):
            # JAX's second derivative of gelu in f32 is itself 1.5e-5 away from that in f64.
            tolerance = 3 if name == "gelu_tanh" else 1
            found.append(Case(name, f"nn.{name}", reference, [draw.normal(shape, dtype, 2)], tolerance=tolerance))
    draw = Draw(seed, "layers")
    for dtype in FLOATS:
        normal = lambda *shape: draw.normal(shape, dtype)
        found += [
            Case("layer_norm", "nn.layer_norm", layer_norm, [normal(4, 16), normal(16), normal(16)]),
            Case("linear", "nn.linear", lambda x, w, b: x @ w + b, [normal(4, 16), normal(16, 5), normal(5)]),
            Case("linear", "nn.linear", lambda x, w, b: x @ w + b, [normal(2, 4, 16), normal(16, 5), normal(5)]),
            Case("softmax_cross_entropy", "nn.softmax_cross_entropy", optax.softmax_cross_entropy_with_integer_labels,
                 [normal(6, 10), draw.integers((6,), np.int32, 0, 10)]),
            Case("softmax_cross_entropy", "nn.softmax_cross_entropy", optax.softmax_cross_entropy,
                 [normal(6, 10), np.asarray(jax.nn.softmax(normal(6, 10)))]),
            Case("sigmoid_cross_entropy", "nn.sigmoid_cross_entropy", optax.sigmoid_binary_cross_entropy,
                 [normal(6, 10), draw.uniform((6, 10), dtype)]),
            Case("mse", "nn.mse", lambda a, b: jnp.mean((a - b) ** 2), [normal(6, 10), normal(6, 10)]),
            Case("var", "var", lambda x: jnp.var(x, -1), [normal(6, 10)]),
            Case("norm", "norm", lambda x: jnp.linalg.norm(x, axis=-1), [normal(6, 10)]),
        ]
    return found
