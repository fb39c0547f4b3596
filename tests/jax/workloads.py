"""The workloads of bench/ as JAX programs, from the same weights and on the same data: workloads.py --workloads=PROGRAM.

`workloads --dump=DIR` writes what each run began with and its first ten losses (of a forward pass: the sum of its
output); they must agree to 1e-4 relative. Exits with 77 where JAX is not installed.
"""

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
try:
    import jax
    import jax.numpy as jnp
    import optax
    from jax import lax
except ImportError as error:
    print(f"skipped: {error} ({sys.executable}); ./run jax installs what this needs")
    sys.exit(77)

import numpy as np

import tensors

STEPS = 10
TOLERANCE = 1e-4
SGD, ADAM = optax.sgd(0.01), optax.adam(1e-3)


def linear(layer, x):
    return x @ layer["weight"] + layer["bias"]


def mlp(model, x, names, activation=jnp.tanh):
    for name in names[:-1]:
        x = activation(linear(model[name], x))
    return linear(model[names[-1]], x)


def w1_loss(model, x, labels):
    logits = mlp(model, x, ["hidden", "out"], jax.nn.relu)
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))


def w2_loss(model, x, target):
    return jnp.mean((mlp(model, x, ["a", "b", "c"]) - target) ** 2)


def w3_logits(model, images):
    x = images
    for name, padding in [("first", [(2, 2)] * 2), ("second", "VALID")]:
        x = lax.conv_general_dilated(x, model[name]["kernel"], (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + model[name]["bias"])
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return mlp(model, x.reshape(x.shape[0], -1), ["a", "b", "c"], jax.nn.relu)


def w3_loss(model, images, labels):
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(w3_logits(model, images), labels))


def w4_policy(model, x):
    return mlp(model, x, ["a", "b", "c"])


def gru(cell, state, x):
    given, kept = x @ cell["input"] + cell["bias"], state @ cell["recurrent"]
    gates = [jnp.split(part, 3, -1) for part in (given, kept)]
    z, r = (jax.nn.sigmoid(gates[0][i] + gates[1][i]) for i in (0, 1))
    n = jnp.tanh(gates[0][2] + r * (gates[1][2] + cell["candidate_bias"]))
    return (1 - z) * n + z * state


def w5_step(model, state, x):
    return gru(model["cell"], state, x)


def w5_loss(model, sequence, target):
    """The sequence is [time, batch, features]."""
    state = jnp.zeros((sequence.shape[1], model["cell"]["recurrent"].shape[0]), sequence.dtype)
    last = lax.scan(lambda h, x: (gru(model["cell"], h, x), None), state, sequence)[0]
    return jnp.mean((linear(model["head"], last) - target) ** 2)


def w6_loss(model, points):
    u = lambda p: mlp(model, p, ["a", "b", "c", "d"])[0]
    laplacian = jax.vmap(lambda p: jnp.trace(jax.hessian(u)(p)))(points)
    source = jnp.prod(jnp.sin(jnp.pi * points), axis=1)
    return jnp.mean((laplacian + source) ** 2)


def layer_norm(layer, x):
    centred = x - jnp.mean(x, -1, keepdims=True)
    return centred * lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5) * layer["scale"] + layer["bias"]


def attention(layer, x, heads=4):
    query, key, value = (jnp.reshape(linear(layer[name], x), (*x.shape[:2], heads, -1))
                         for name in ("query", "key", "value"))
    return linear(layer["out"], jax.nn.dot_product_attention(query, key, value, is_causal=True).reshape(x.shape))


def w7_logits(model, ids):
    x = model["tokens"][ids] + model["positions"][:ids.shape[1]]
    for _, block in sorted(model["blocks"].items()):
        x = x + attention(block["attention"], layer_norm(block["before_attention"], x))
        y = jax.nn.gelu(linear(block["up"], layer_norm(block["before_mlp"], x)))
        x = x + linear(block["down"], y)
    return linear(model["head"], layer_norm(model["last"], x))


def w7_loss(model, ids, following):
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(w7_logits(model, ids), following))


def w9_state(model, state):
    return lax.scan(lambda h, _: (jnp.tanh(linear(model, h)), None), state, None, 1000)[0]


w9_gradient = jax.grad(lambda model, state: jnp.sum(w9_state(model, state)))


def w11_losses(model, x, target):
    def step(state, _):
        model, adam = state
        value, gradient = jax.value_and_grad(w2_loss)(model, x, target)
        updates, adam = ADAM.update(gradient, adam, model)
        return (optax.apply_updates(model, updates), adam), value

    return lax.scan(step, (model, ADAM.init(model)), None, 100)[1]


def w11(model, data):
    """The mean over the members, of the first steps."""
    losses = jax.jit(jax.vmap(w11_losses, (0, None, None)))(model, *data)
    return np.mean(losses, 0)[:STEPS]


def train(loss, optimizer):
    """The losses of the first steps; each is that before its update."""

    @jax.jit
    def step(model, state, data):
        value, gradient = jax.value_and_grad(loss)(model, *data)
        updates, state = optimizer.update(gradient, state, model)
        return value, optax.apply_updates(model, updates), state

    def run(model, data):
        state, losses = optimizer.init(model), []
        for _ in range(STEPS):
            value, model, state = step(model, state, data)
            losses.append(float(value))
        return losses

    return run


def forward(function):
    """The sum of all its results."""
    return lambda model, data: [sum(float(jnp.sum(x)) for x in jax.tree.leaves(jax.jit(function)(model, *data)))]


PROGRAMS = {
    "W1-B64": train(w1_loss, SGD),
    "W1-B1": train(w1_loss, SGD),
    "W1-B256": train(w1_loss, SGD),
    "W1-B64-adam": train(w1_loss, ADAM),
    "W2-B64": train(w2_loss, ADAM),
    "W2-B10000": train(w2_loss, ADAM),
    "W3-B64": train(w3_loss, SGD),
    "W3-B1": train(w3_loss, SGD),
    "W4-B1": forward(w4_policy),
    "W4-B256": forward(w4_policy),
    "W5": train(w5_loss, ADAM),
    "W5-step-B1": forward(w5_step),
    "W6-B1024": train(w6_loss, ADAM),
    "W6-B256": train(w6_loss, ADAM),
    "W7": train(w7_loss, ADAM),
    "W7-fwd-B1": forward(w7_logits),
    "W8": train(w2_loss, ADAM),
    "W9-fwd": forward(w9_state),
    "W9-grad": forward(w9_gradient),
    "W11": w11,
}


def tree(path):
    """A file's tensors: the model as nested dictionaries, the data, the losses."""
    model, data, losses = {}, [], None
    for name, array in tensors.load(path).items():
        if name == "losses":
            losses = array
        elif name.startswith("data["):
            data.append(array)
        else:
            *parents, leaf = name.replace("[", ".").replace("]", "").split(".")[1:] or ["model"]
            functools.reduce(lambda node, key: node.setdefault(key, {}), parents, model)[leaf] = array
    return model, data, losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workloads", required=True, help="the program bench/workloads")
    parser.add_argument("rows", nargs="*", help="such as W1-B64 or W1; default: all")
    options = parser.parse_args()
    begin, failures, worst = time.time(), 0, (0.0, "none")
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([options.workloads, *options.rows, f"--dump={directory}"], check=True, stdout=subprocess.DEVNULL)
        files = sorted(os.listdir(directory))
        for file in files:
            row = file.removesuffix(".safetensors")
            model, data, got = tree(os.path.join(directory, file))
            if row not in PROGRAMS:
                failures += 1
                print(f"{row}: has no JAX program")
                continue
            want = np.array(PROGRAMS[row](model, data))
            difference = np.inf
            if got.shape == want.shape and np.isfinite(got).all():
                difference = float(np.max(np.abs(got - want) / np.abs(want)))
            worst = max(worst, (difference, row))
            bad = not difference <= TOLERANCE
            failures += bad
            print(f"{row:12} {len(got):2} losses differ by {difference:.1e}, the last: {got[-1]:.6f}, JAX {want[-1]:.6f}"
                  f"{' WRONG' if bad else ''}")
    print(f"workloads={len(files)} failures={failures} worst={worst[0]:.1e} ({worst[1]}) all={time.time() - begin:.1f}s")
    sys.exit(1 if failures or not files else 0)


if __name__ == "__main__":
    main()
