"""Other people's code reads, checks and runs what we write.

    roundtrip.py --command onnx-rewrite --blocks DIR --forms DIR --work DIR --trained DIR

Part 1: every model in --blocks (one call of one variant of a sparse block, at several opsets) passes onnx.checker with full shape
inference, runs in ONNX Runtime, also on zero rows, and all body forms of a variant and all opsets give the same values.

Part 2: rewrites of feed-forward blocks in every form that exporters write, --forms NAME.onnx with NAME.in.npz and our outputs NAME.npz.

Part 3: models that the command rewrites pass the checker, run in ONNX Runtime, and give the outputs and the quality that our runtime gives.
"""
import argparse
import collections
import glob
import json
import os
import re
import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort

ort.set_default_logger_severity(4)
failures = []


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def check(path):
    """The checker on the file (so that external data is followed), with strict shape inference."""
    onnx.checker.check_model(path, full_check=True)


def fail(what, error):
    failures.append(what)
    text = " ".join(str(error).split())
    print(f"FAIL {what}: {text[:400]}", flush=True)


def blocks(folder):
    """The tables of shapes: rows and zero rows; every output is [..., 6] of inputs [..., 8]."""
    files = sorted(glob.glob(os.path.join(folder, "*.onnx")))
    if not files:
        fail("blocks", f"no model in {folder}")
    reference, kinds = {}, collections.Counter()
    for path in files:
        name = os.path.basename(path)[: -len(".onnx")]
        variant, opset = name.rsplit(".", 1)
        try:
            check(path)
            run = session(path)
            outputs = []
            for shape in [(2, 3, 8), (1, 1, 8), (1, 0, 8), (0, 4, 8)]:
                if 0 in shape and int(opset) < 14 and variant.startswith("MoEFFN"):
                    continue  # Reshape cannot name a zero dim before opset 14
                x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
                y = run.run(None, {"x": x})[0]
                if y.shape != shape[:2] + (6,):
                    raise ValueError(f"shape {y.shape} for input {shape}")
                outputs.append(y)
            # Forms of one block and its opsets share their weights.
            key = re.sub(r"_(loop|unrolled\d+|dense)(?=_|$)", "_form", variant)
            want = reference.setdefault(key, outputs[0])
            np.testing.assert_allclose(outputs[0], want, rtol=1e-5, atol=1e-6)
            kinds[variant.split("_")[0]] += 1
        except Exception as e:  # whatever a checker or a runtime throws is the finding
            fail(name, e)
    print(f"blocks: {len(files)} models, {len(reference)} different computations: " + ", ".join(f"{k} {n}" for k, n in sorted(kinds.items())))


def forms(folder):
    """Recorded inputs and outputs beside each model."""
    files = sorted(glob.glob(os.path.join(folder, "*.onnx")))
    if not files:
        fail("forms", f"no model in {folder}")
    largest = 0.0
    for path in files:
        base = path[: -len(".onnx")]
        try:
            check(path)
            inputs, want = np.load(base + ".in.npz"), np.load(base + ".npz")
            run = session(path)
            names = [o.name for o in run.get_outputs()]
            for name, got in zip(names, run.run(None, dict(inputs))):
                difference = float(np.abs(got - want[name]).max() / np.abs(want[name]).max())
                if got.shape != want[name].shape or not difference <= 1e-4:
                    raise ValueError(f"output {name} {got.shape} differs by {difference:.1e}")
                largest = max(largest, difference)
        except Exception as e:
            fail(os.path.basename(base), e)
    print(f"forms: {len(files)} models, outputs differ by at most {largest:.1e}")


def nats(logits, targets):
    """Mean negative log likelihood, in float64."""
    logits = logits.astype(np.float64)
    logits -= logits.max(-1, keepdims=True)
    log_sum = np.log(np.exp(logits).sum(-1))
    return float((log_sum - np.take_along_axis(logits, targets[..., None], -1)[..., 0]).mean())


def command(program, *args):
    done = subprocess.run([program, *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"exit code {done.returncode} of {' '.join(args)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


# Verb, flags, and the largest share of token rows in which the two runtimes may have chosen other experts or hidden values because
# two scores were nearly equal.
REWRITES = [
    ("prune", "--keep 0.75", True, 0),
    ("prune", "--keep 0.5 --score obs", True, 0),
    ("topk", "--keep 0.1", False, 0.01),
    ("topk", "--rule threshold --keep 0.25", True, 0.01),
    ("topk", "--rule stat --on signed --keep 0.25", True, 0.01),
    ("moe", "--experts 16 --active 4 --body loop", True, 0.01),
    ("moe", "--experts 16 --active 4 --shared 1 --body unrolled", True, 0.01),
    ("moe", "--experts 8 --active 2 --compensate mean --body dense", True, 0.01),
    ("topk", "--keep 0.25 --functions inline", False, 0.01),
    ("moe", "--experts 16 --active 4 --functions inline --external always", True, 0.01),
    ("mask", "--density 0.5", False, 0),
    ("mask", "--pattern 2:4", False, 0),
    ("mask", "--density 0.2 --store sparse", False, 0),
]


def agree(program, path, ids, ids_file, work, share):
    """Our outputs and quality for the model at path against ONNX Runtime's."""
    check(path)
    inputs, targets = ids[:, :-1], ids[:, 1:]
    theirs = session(path).run(None, {"input_ids": inputs})[0]
    np.save(os.path.join(work, "inputs.npy"), inputs)
    out = os.path.join(work, "outputs")
    command(program, "run", path, "-i", "input_ids=" + os.path.join(work, "inputs.npy"), "-o", out, "--json")
    ours = np.load(os.path.join(out, "logits.npy"))
    if ours.shape != theirs.shape:
        raise ValueError(f"our output is {ours.shape}, theirs {theirs.shape}")
    rows = np.abs(ours - theirs).max(-1) / np.abs(theirs).max()
    other = float((rows > 1e-4).mean())
    if other > share:
        raise ValueError(f"{100 * other:.2f} % of the rows differ, the largest by {rows.max():.2e}")
    got = json.loads(command(program, "eval", path, "--task", "lm", "--ids", ids_file, "--json"))["nats"]
    want = nats(theirs, targets)
    if not abs(got - want) <= 1e-4:
        raise ValueError(f"{got:.6f} nats here, {want:.6f} in ONNX Runtime")
    return got, float(np.median(rows)), other


def rewrites(program, trained, work, windows):
    for model in ["charlm_demo", "charlm_relu", "charlm_swiglu"]:
        source = os.path.join(trained, model, "model.onnx")
        ids = np.load(os.path.join(trained, model, "val_ids.npy"))
        ids = np.ascontiguousarray(ids[:: len(ids) // windows][:windows])
        ids_file = os.path.join(work, "ids.npy")
        np.save(ids_file, ids)
        cases = [("rewrite", "", False, 0), ("rewrite", "--clean", False, 0)] + REWRITES
        if model == "charlm_demo":
            initial = os.path.join(trained, model, "initial.onnx")
            cases = cases + [("mask", f"--initial {initial} --density 0.3", False, 0), ("mask", f"--initial {initial} --rewind --density 0.3 --criterion movement", False, 0)]
        for number, (verb, flags, data, share) in enumerate(cases):
            title = f"{model} {verb} {flags}".replace(trained + "/", "").strip()
            path = os.path.join(work, f"{model}_{number}.onnx")
            args = [verb, source, "-o", path, *flags.split()]
            if data:
                args += ["--data", os.path.join(trained, model, "calib_ids.npy"), "--every", "8" if model != "charlm_demo" else "2"]
            try:
                command(program, *args)
                got, middle, other = agree(program, path, ids, ids_file, work, share)
                print(f"{title:75} {got:.5f} nats, outputs differ by {middle:.1e} (median row), {100 * other:.2f} % of rows chose otherwise", flush=True)
            except Exception as e:
                fail(title, e)


def demo(program, work):
    """What the demo leaves behind: every model passes the checker and loads."""
    out = os.path.join(work, "demo")
    command(program, "demo", "-o", out)
    files = sorted(glob.glob(os.path.join(out, "**", "*.onnx"), recursive=True))
    if len(files) < 4:
        fail("demo", f"{len(files)} models in its folder")
    for path in files:
        try:
            check(path)
            logits = session(path).run(None, {"input_ids": np.arange(24, dtype=np.int64).reshape(2, 12)})[0]
            if logits.shape != (2, 12, 65) or not np.isfinite(logits).all():
                raise ValueError(f"logits {logits.shape}")
        except Exception as e:
            fail("demo " + os.path.basename(path), e)
    print(f"demo: {len(files)} models")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", required=True)
    parser.add_argument("--blocks", required=True)
    parser.add_argument("--forms", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--trained", required=True)
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--only", choices=["blocks", "forms", "rewrites", "demo"])
    args = parser.parse_args()
    print(f"onnx {onnx.__version__}, onnxruntime {ort.__version__}, numpy {np.__version__}")
    parts = {
        "blocks": lambda: blocks(args.blocks),
        "forms": lambda: forms(args.forms),
        "rewrites": lambda: rewrites(args.command, args.trained, args.work, args.windows),
        "demo": lambda: demo(args.command, args.work),
    }
    for name, part in parts.items():
        if args.only in (None, name):
            began = time.monotonic()
            try:
                part()
            except Exception as e:
                fail(name, e)
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    if failures:
        sys.exit(f"{len(failures)} failures: " + "; ".join(failures[:20]))


main()
