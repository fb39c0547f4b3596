"""Runs a suite of cases through JAX and through Adze and compares: compare.py SUITE --evaluate=PROGRAM.

Values of f32 must agree to 1e-6, derivatives to 1e-5, those of f64 to 1e-13 and 1e-12, relative to the largest
element of the array (to the element itself where a case is pointwise); those of bf16 and f16 to 1 and 8 units in the
last place. Integers, booleans, infinities and NaN must be the same. Exits with 77 where JAX is not installed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

try:
    # XLA's optimisations take most of the time here and gain nothing.
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true "
                          "--xla_cpu_use_fusion_emitters=false")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax
except ImportError as error:
    print(f"skipped: {error} ({sys.executable}); ./run jax installs what this needs")
    sys.exit(77)

import importlib

import numpy as np

import tensors
from cases import BF16, Draw, is_float, numbered

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_threefry_partitionable", True)

SUITES = {
    "ops": ["cases_elementwise", "cases_functions", "cases_dtypes", "cases_shape", "cases_reduce", "cases_window",
            "cases_linear", "cases_conv", "cases_index", "cases_sort", "cases_control"],
    "nn": ["cases_nn", "cases_optim"],
    "random": ["cases_random"],
}
BATCH = 64  # cases that JAX compiles together: one at a time takes ten times as long
TOLERANCES = {  # of values, of derivatives
    np.dtype(np.float64): (1e-13, 1e-12),
    np.dtype(np.float32): (1e-6, 1e-5),
    np.dtype(np.float16): (2.0**-10, 2.0**-7),
    np.dtype(BF16): (2.0**-7, 2.0**-4),
}


def split_floats(results):
    """The leaves as (floats, others), and where they stood."""
    leaves = jax.tree.leaves(results)
    return [x for x in leaves if is_float(x.dtype)], [x for x in leaves if not is_float(x.dtype)]


def reference(case):
    """JAX's function of (inputs, cotangents, tangents): the results of the case, in evaluate.cpp's order."""
    flags = case.flags()

    def of_active(inputs, active):
        replaced, chosen = list(inputs), iter(active)
        for i, flag in enumerate(flags):
            if flag:
                replaced[i] = next(chosen)
        return jax.tree.leaves(case.jax(*replaced))

    def value(inputs):
        return lambda *active: of_active(inputs, active)

    def floats(inputs):
        return lambda *active: [x for x in of_active(inputs, active) if is_float(x.dtype)]

    def run(inputs, cotangents, tangents):
        active = tuple(x for x, flag in zip(inputs, flags) if flag)
        results = of_active(inputs, active)
        if case.mode == "values":
            return results, []
        if case.mode == "jvp":
            return results, list(jax.jvp(floats(inputs), active, tangents)[1])

        def reverse(*active):
            primal, pullback = jax.vjp(floats(inputs), *active)
            return primal, pullback(cotangents)

        if case.mode == "vjp":
            return results, list(reverse(*active)[1])
        (_, first), second = jax.jvp(reverse, active, tangents)
        return results, list(first) + list(second[0]) + list(second[1])

    return run


def tangent_inputs(case, draw):
    """Cotangents and tangents, in the order in which they are parameters."""
    results = jax.tree.leaves(jax.eval_shape(case.jax, *case.inputs))
    make = lambda x: draw.uniform(x.shape, x.dtype, -1, 1)
    cotangents = [make(x) for x in results if is_float(x.dtype)] if "vjp" in case.mode else []
    active = [x for x, flag in zip(case.inputs, case.flags()) if flag]
    tangents = tuple(make(x) for x in active) if "jvp" in case.mode else ()
    return cotangents, tangents


def run_jax(cases, derivatives):
    """The results of each case: (values, derivatives)."""
    results = []
    for begin in range(0, len(cases), BATCH):
        batch = cases[begin:begin + BATCH]
        functions = [reference(case) for case in batch]
        together = jax.jit(lambda arguments: [f(*a) for f, a in zip(functions, arguments)])
        arguments = [(case.inputs, *derivatives[case.name]) for case in batch]
        results += jax.tree.map(np.asarray, together(arguments))
    return results


def run_adze(program, cases, derivatives, directory, device):
    """Results by name, and error messages."""
    path = lambda name: os.path.join(directory, name)
    inputs = {}
    for case in cases:
        cotangents, tangents = derivatives[case.name]
        for i, x in enumerate([*case.inputs, *cotangents, *tangents]):
            inputs[f"{case.name}/{i}"] = x
    tensors.save(path("inputs.safetensors"), inputs)
    with open(path("graphs.adze"), "w") as file:
        file.write("".join(case.graph() for case in cases if not isinstance(case.adze, str)))
    with open(path("cases.txt"), "w") as file:
        for case in cases:
            function = case.adze if isinstance(case.adze, str) else case.name
            flags = "".join("01"[flag] for flag in case.flags()) or "-"
            file.write(f"{case.name} {function} {flags} {case.mode}\n")
    done = subprocess.run([program, path("cases.txt"), path("graphs.adze"), path("inputs.safetensors"),
                           path("results.safetensors"), device], stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"error: {program} ended with {done.returncode}\n{done.stdout}")
    return tensors.load(path("results.safetensors")), done.stdout.strip()


def deviation(got, want, pointwise):
    """The largest difference, relative; infinite where shapes, dtypes or what is not finite differ."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return np.inf
    if got.size == 0:
        return 0.0
    if not is_float(want.dtype):
        return 0.0 if np.array_equal(got, want) else np.inf
    got, want = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(want)
    if not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return np.inf
    got, want = got[finite], want[finite]
    difference = np.abs(got - want)
    if difference.size == 0 or not difference.any():
        return 0.0
    scale = np.abs(want) if pointwise else np.abs(want).max()
    return float(np.max(difference / np.maximum(scale, 1e-37)))


class Comparison:
    """Collects what the cases of a suite give."""

    def __init__(self):
        self.failures, self.worst = [], {}

    def add(self, case, got, want):
        values, derivatives = want
        if len(got) != len(values) + len(derivatives):
            self.failures.append(f"{case.name}: {len(got)} results, JAX gives {len(values) + len(derivatives)}")
            return
        for i, (g, w) in enumerate(zip(got, [*values, *derivatives])):
            is_value = i < len(values)
            found = deviation(g, w, case.pointwise and is_value)
            allowed = 0.0
            if is_float(w.dtype) and not case.exact:
                allowed = TOLERANCES[w.dtype][0 if is_value else 1] * case.tolerance
            kind = (str(w.dtype), "values" if is_value else "derivatives")
            if is_float(w.dtype) and np.isfinite(found) and found >= self.worst.get(kind, (-1, ""))[0]:
                self.worst[kind] = (found, case.name)
            if not found <= allowed:
                what = f"value {i}" if is_value else f"derivative {i - len(values)}"
                self.failures.append(f"{case.name} ({case.adze if isinstance(case.adze, str) else case.detail}): {what} "
                                     f"differs by {found:.2e} (allowed {allowed:.1e})\n  Adze {summary(g)}\n"
                                     f"  JAX  {summary(w)}")
                return


def summary(array):
    text = np.array2string(array, threshold=24, max_line_width=100000).replace("\n", "")
    return f"{array.dtype}{list(array.shape)} {text}"


def run(options):
    begin = time.time()
    cases = []
    for module in SUITES[options.suite]:
        cases += importlib.import_module(module).cases(options.seed, options.count)
    cases = [case for case in numbered(cases) if options.only in case.name]
    derivatives = {case.name: tangent_inputs(case, Draw(options.seed, case.name)) for case in cases}
    with tempfile.TemporaryDirectory() as scratch:
        directory = options.keep or scratch
        os.makedirs(directory, exist_ok=True)
        start = time.time()
        results, errors = run_adze(options.evaluate, cases, derivatives, directory, options.device)
        adze_seconds = time.time() - start
    start = time.time()
    wanted = run_jax(cases, derivatives)
    jax_seconds = time.time() - start
    comparison = Comparison()
    for case, want in zip(cases, wanted):
        got = []
        while f"{case.name}/{len(got)}" in results:
            got.append(results[f"{case.name}/{len(got)}"])
        if got:
            comparison.add(case, got, want)
    failures = errors.splitlines() + comparison.failures if errors else comparison.failures
    for failure in failures[:options.show]:
        print(failure)
    for (dtype, kind), (found, name) in sorted(comparison.worst.items()):
        print(f"worst {dtype} {kind}: {found:.2e} ({name})")
    records = len({case.record for case in cases})
    failed = sum(case.name + ":" in errors for case in cases) + len(comparison.failures)
    print(f"suite={options.suite} seed={options.seed} records={records} cases={len(cases)} failures={failed} "
          f"jax={jax_seconds:.1f}s adze={adze_seconds:.1f}s all={time.time() - begin:.1f}s")
    return 1 if failures or not cases else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--evaluate", required=True, help="the program jax_evaluate")
    parser.add_argument("--seed", type=int, default=0, help="of inputs and of the choice of cases")
    parser.add_argument("--count", type=int, default=3, help="cases a record at most")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--device", default="cpu", help="what runs Adze's side")
    parser.add_argument("--keep", default="", help="a directory for the cases, their inputs and results")
    parser.add_argument("--show", type=int, default=20, help="failures that are printed")
    sys.exit(run(parser.parse_args()))


if __name__ == "__main__":
    main()
