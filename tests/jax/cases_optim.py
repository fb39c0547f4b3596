"""Optimizers on a stream of gradients, where optax defines the same formula."""

import jax
import numpy as np
import optax

from cases import Case, Draw

STEPS = 12


def path(optimizer):
    def run(weights, gradients):
        def step(carry, gradient):
            w, state = carry
            updates, state = optimizer.update(gradient, state, w)
            return (optax.apply_updates(w, updates), state), None

        return jax.lax.scan(step, (weights, optimizer.init(weights)), gradients)[0][0]

    return run


OPTIMIZERS = {
    "sgd": optax.sgd(0.1),
    "momentum": optax.sgd(0.1, momentum=0.9),
    "nesterov": optax.sgd(0.1, momentum=0.9, nesterov=True),
    "rmsprop": optax.rmsprop(0.01, decay=0.9, eps=1e-8, eps_in_sqrt=False),
    "adadelta": optax.adadelta(1.0, rho=0.9, eps=1e-6),
    "adam": optax.adam(1e-2),
    "adamw": optax.adamw(1e-2, weight_decay=0.1),
    "clipped_adamw_warmup_cosine": optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(optax.warmup_cosine_decay_schedule(1e-3, 1e-2, 3, 10, 1e-4), weight_decay=1e-4)),
    "sgd_exponential": optax.sgd(optax.exponential_decay(0.1, 4, 0.5)),
    "sgd_cosine": optax.sgd(optax.cosine_decay_schedule(0.1, 6, 0.1)),
    "sgd_steps": optax.sgd(optax.exponential_decay(0.1, 3, 0.5, staircase=True)),
    "decayed_clipped_sgd": optax.chain(optax.add_decayed_weights(0.1), optax.clip(0.5), optax.sgd(0.1)),
}


def cases(seed, count):
    found = []
    for name, optimizer in OPTIMIZERS.items():
        draw = Draw(seed, name)
        for dtype in (np.float32, np.float64):
            inputs = [draw.normal((7,), dtype), draw.normal((STEPS, 7), dtype)]
            # optax computes these rates in f32.
            rough = dtype is np.float64 and name in ("clipped_adamw_warmup_cosine", "sgd_exponential", "sgd_steps")
            found.append(Case(name, f"optim.{name}", path(optimizer), inputs, mode="values",
                              tolerance=1e6 if rough else 1))
    return found
