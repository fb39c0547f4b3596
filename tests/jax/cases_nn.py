"""Functions of a network, against jax.nn and optax."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cases import Case, Draw

FLOATS = [np.float32, np.float64]


def normalised(x, axes, epsilon):
    centred = x - jnp.mean(x, axes, keepdims=True)
    return centred / jnp.sqrt(jnp.mean(centred**2, axes, keepdims=True) + epsilon)


def layer_norm(x, scale, bias):
    return normalised(x, -1, 1e-5) * scale + bias


def rms_norm(x, scale):
    return x / jnp.sqrt(jnp.mean(x**2, -1, keepdims=True) + 1e-6) * scale


def batch_norm_training(x, scale, bias, mean, variance):
    axes = tuple(range(x.ndim - 1))
    batch = jax.lax.stop_gradient(x)  # the state is not differentiated
    return (normalised(x, axes, 1e-5) * scale + bias, 0.9 * mean + 0.1 * jnp.mean(batch, axes),
            0.9 * variance + 0.1 * jnp.var(batch, axes))


def batch_norm(x, scale, bias, mean, variance):
    return (x - mean) / jnp.sqrt(variance + 1e-5) * scale + bias


def dropout(x, key):
    return jnp.where(jax.random.bernoulli(key, jnp.float32(0.6), x.shape), x / 0.6, 0)


def attention(query, key, value, **options):
    if query.dtype == np.float32:
        return jax.nn.dot_product_attention(query, key, value, **options)
    scale, bias, mask = options.get("scale", query.shape[-1] ** -0.5), options.get("bias", 0), options.get("mask")
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) * scale + bias  # in f64, where JAX's own computes in f32
    if options.get("is_causal"):
        mask = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    weights = jax.nn.softmax(scores if mask is None else jnp.where(mask, scores, -1e30))
    return jnp.einsum("bhqk,bkhd->bqhd", weights, value)


def multi_head_attention(x, *layers):
    linear = lambda i, x: x @ layers[2 * i] + layers[2 * i + 1]
    heads = [linear(i, x).reshape(*x.shape[:-1], 4, -1) for i in range(3)]
    return linear(3, attention(*heads, is_causal=True).reshape(x.shape))


def smooth_cross_entropy(logits, labels):
    return optax.softmax_cross_entropy(logits, optax.smooth_labels(jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype), 0.1))


def conv(x, kernel, bias, strides=(1, 1), padding="SAME", dilation=(1, 1), groups=1):
    return jax.lax.conv_general_dilated(x, kernel, strides, padding, rhs_dilation=dilation, feature_group_count=groups,
                                        dimension_numbers=("NHWC", "HWIO", "NHWC")) + bias


def pool(x, function, start, window, strides, padding="VALID"):
    return jax.lax.reduce_window(x, np.array(start, x.dtype), function, (1, *window, 1), (1, *strides, 1), padding)


def rnn_cell(h, x, w, u, b):
    return jnp.tanh(x @ w + h @ u + b)


def gru_cell(h, x, w, u, b, c):
    given, kept = jnp.split(x @ w + b, 3, -1), jnp.split(h @ u, 3, -1)
    z, r = jax.nn.sigmoid(given[0] + kept[0]), jax.nn.sigmoid(given[1] + kept[1])
    return (1 - z) * jnp.tanh(given[2] + r * (kept[2] + c)) + z * h


def lstm_cell(h, c, x, w, u, b):
    i, f, g, o = jnp.split(x @ w + h @ u + b, 4, -1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


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
            # 1 - tanh(x)^2 cancels in the second derivative of gelu; JAX's in f32 is 1.5e-5 away from that in f64.
            scale, tolerance = (1, 3) if name == "gelu_tanh" else (2, 1)
            found.append(Case(name, f"nn.{name}", reference, [draw.normal(shape, dtype, scale)], tolerance=tolerance))
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
            Case("rms_norm", "nn.rms_norm", rms_norm, [normal(2, 4, 16), normal(16)]),
            Case("batch_norm_training", "nn.batch_norm_training", batch_norm_training,
                 [normal(9, 6), normal(6), normal(6), normal(6), abs(normal(6))],
                 active=[True, True, True, False, False]),
            Case("batch_norm_training", "nn.batch_norm_training", batch_norm_training,
                 [normal(3, 2, 4, 6), normal(6), normal(6), normal(6), abs(normal(6))],
                 active=[True, True, True, False, False]),
            Case("batch_norm", "nn.batch_norm", batch_norm,
                 [normal(9, 6), normal(6), normal(6), normal(6), abs(normal(6))], active=[True, True, True, False, False]),
            Case("dropout", "nn.dropout", dropout, [normal(5, 8), np.array([3, 7], np.uint32)]),
            Case("multi_head_attention", "nn.multi_head_attention", multi_head_attention,
                 [normal(2, 5, 8), *(normal(*s) / 2 for _ in range(4) for s in ((8, 8), (8,)))],
                 active=[i != 4 for i in range(9)]),  # the derivative by the keys' bias is zero, and rounding
            Case("smooth_cross_entropy", "nn.smooth_cross_entropy", smooth_cross_entropy,
                 [normal(6, 10), draw.integers((6,), np.int32, 0, 10)]),
            Case("huber", "nn.huber", lambda a, b: optax.huber_loss(a, b, delta=0.7), [normal(6, 10), normal(6, 10)]),
            Case("hinge", "nn.hinge", optax.hinge_loss,
                 [normal(6, 10), (2 * draw.integers((6, 10), np.int32, 0, 2) - 1).astype(dtype)],
                 active=[True, False]),
            Case("kl_divergence", "nn.kl_divergence", optax.kl_divergence,
                 [np.asarray(jax.nn.log_softmax(normal(6, 10))), np.asarray(jax.nn.softmax(normal(6, 10)))]),
            Case("rnn_cell", "nn.rnn_cell", rnn_cell, [normal(2, 5), normal(2, 4), normal(4, 5), normal(5, 5), normal(5)]),
            Case("gru_cell", "nn.gru_cell", gru_cell,
                 [normal(2, 5), normal(2, 4), normal(4, 15), normal(5, 15), normal(15), normal(5)]),
            Case("lstm_cell", "nn.lstm_cell", lstm_cell,
                 [normal(2, 5), normal(2, 5), normal(2, 4), normal(4, 20), normal(5, 20), normal(20)]),
            Case("conv", "nn.conv", lambda *x: conv(*x, strides=(2, 1)), [normal(2, 7, 6, 3), normal(3, 3, 3, 4), normal(4)]),
            Case("conv", "nn.conv_groups",
                 lambda *x: conv(*x, padding=[(1, 0), (0, 2)], dilation=(1, 2), groups=2),
                 [normal(2, 5, 6, 4), normal(2, 3, 2, 6), normal(6)]),
            Case("max_pool", "nn.max_pool", lambda x: pool(x, jax.lax.max, -np.inf, (2, 2), (2, 2)),
                 [draw.unique((2, 6, 5, 3), dtype)]),
            Case("max_pool", "nn.max_pool_same", lambda x: pool(x, jax.lax.max, -np.inf, (3, 3), (2, 2), "SAME"),
                 [draw.unique((2, 6, 5, 3), dtype)]),
            Case("avg_pool", "nn.avg_pool", lambda x: pool(x, jax.lax.add, 0, (2, 3), (2, 3)) / 6, [normal(2, 6, 7, 3)]),
            Case("embedding", "nn.embedding", lambda table, ids: table[ids],
                 [normal(7, 4), draw.integers((2, 5), np.int32, 0, 7)]),
            Case("einsum", "einsum_matrix_product", lambda a, b: jnp.einsum("ij,jk->ik", a, b), [normal(3, 4), normal(4, 5)]),
            Case("einsum", "einsum_batched", lambda a, b: jnp.einsum("bhqd,bkhd->bhqk", a, b),
                 [normal(2, 3, 5, 4), normal(2, 6, 3, 4)]),
            Case("einsum", "einsum_three", lambda a, b, c: jnp.einsum("i,ij,j->", a, b, c),
                 [normal(3), normal(3, 4), normal(4)]),
            Case("einsum", "einsum_trace", lambda a: jnp.einsum("ii->", a), [draw.uniform((4, 4), dtype)]),
            Case("einsum", "einsum_diagonal", lambda a: jnp.einsum("...ii->...i", a), [normal(2, 4, 4)]),
            Case("norm", "norm", lambda x: jnp.linalg.norm(x, axis=-1), [normal(6, 10)]),
        ]
        heads = [normal(2, 5, 3, 4), normal(2, 6, 3, 4), normal(2, 6, 3, 4)]
        mask = draw.booleans((2, 3, 5, 6))
        mask[..., 0] = True  # a query that may look nowhere is a matter of taste
        found += [
            Case("attention", "nn.attention", attention, heads),
            Case("attention", "nn.attention_causal", lambda *x: attention(*x, is_causal=True),
                 [normal(2, 5, 3, 4) for _ in range(3)]),
            Case("attention", "nn.attention_mask_bias",
                 lambda q, k, v, mask, bias: attention(q, k, v, mask=mask, bias=bias, scale=0.3),
                 [*heads, mask, normal(2, 3, 5, 6)]),
        ]
    return found
