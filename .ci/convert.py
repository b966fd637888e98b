"""Other people's code judges what we convert between opsets.

    convert.py --models DIR --conformance DIR [--theirs]
    convert.py --exports DIR --command onnx-rewrite --work DIR [--every N]

DIR holds models that were converted, NAME--TARGET.onnx, and pairs.tsv with all pairs that were tried (go test ./passes/opset -run
TestConformance with ONNX_REWRITE_CONVERT_EXPORT=DIR). Every model passes onnx.checker with full shape inference if its original does, and
gives the recorded outputs in ONNX Runtime if its original gives them there and the runtime knows the opset.

--exports converts every N-th of the exporters' models with the command, up and down: the result passes the checker if the original does, and
gives the outputs of the original in ONNX Runtime on the recorded inputs.

--theirs also gives every pair to onnx.version_converter and prints how many it converts, how many of those the checker accepts, and how many
of those give the recorded outputs, beside ours.
"""
import argparse
import collections
import glob
import multiprocessing
import os
import subprocess
import sys
import tarfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper, version_converter

ort.set_default_logger_severity(4)

# What the checker says against sound models.
KNOWN = [
    ("test_mvn", "One and only one of the attributes"),  # it does not follow the operator's own function body
]


def archives(folder, wanted):
    """The files of the wanted tests by archive/test."""
    tests = collections.defaultdict(dict)
    for name in sorted({w.split("/")[0] for w in wanted}):
        with tarfile.open(os.path.join(folder, name + ".tar.gz")) as tar:
            for member in tar:
                parts = member.name.split("/", 2)
                if member.isfile() and len(parts) == 3 and name + "/" + parts[1] in wanted:
                    tests[name + "/" + parts[1]][parts[2]] = tar.extractfile(member).read()
    return tests


def tensor(data):
    t = onnx.TensorProto()
    t.ParseFromString(data)
    return numpy_helper.to_array(t)


def refused(model):
    """What the checker says against a model; "" when nothing."""
    try:
        onnx.checker.check_model(model, full_check=True)
        return ""
    except Exception as e:  # noqa: BLE001
        return " ".join(str(e).split()) or type(e).__name__


def runs(model, files):
    """None when the outputs are the recorded ones, else what is wrong; "unknown: ..." when ONNX Runtime cannot tell."""
    try:
        s = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        inits = {i.name for i in onnx.load_from_string(model).graph.initializer}
        names = [i.name for i in s.get_inputs() if i.name not in inits]
        feeds = {}
        for i, n in enumerate(names):
            data = files.get(f"test_data_set_0/input_{i}.pb")
            if data is not None:
                feeds[n] = tensor(data)
        got = s.run(None, feeds)
    except Exception as e:  # noqa: BLE001
        return "unknown: " + " ".join(str(e).split())[:200]
    for i, x in enumerate(got):
        data = files.get(f"test_data_set_0/output_{i}.pb")
        if data is None:
            return "unknown: no recorded output"
        try:
            want = tensor(data)
        except Exception as e:  # noqa: BLE001
            return "unknown: " + str(e)
        if not isinstance(x, np.ndarray):
            return "unknown: not a tensor"
        if x.shape != want.shape or x.dtype != want.dtype:
            return f"output {i} is {x.dtype}{x.shape}, recorded {want.dtype}{want.shape}"
        if x.dtype.kind in "OSU":
            if x.tolist() != want.tolist():
                return f"output {i}: strings differ"
            continue
        loose = 4e-3 if x.dtype.itemsize == 2 else 1e-3
        if not np.allclose(x.astype(np.complex128), want.astype(np.complex128), rtol=loose, atol=loose / 100, equal_nan=True):
            return f"output {i} differs"
    return None


def judge(args):
    name, target, result, file, folder, files, theirs = args
    out = {"name": name, "target": target, "ours": result, "problem": "", "ran": "", "theirs": "", "their_check": "", "their_run": ""}
    original = files["model.onnx"]
    clean = refused(onnx.load_from_string(original)) == ""
    random = "bernoulli" in name or "training" in name or "dropout" in name
    fine = runs(original, files) is None and not random
    if result == "converted":
        with open(os.path.join(folder, file), "rb") as f:
            data = f.read()
        why = refused(onnx.load_from_string(data)) if clean else ""
        if why and not any(k in name and w in why for k, w in KNOWN):
            out["problem"] = "checker: " + why
        if fine:
            why = runs(data, files)
            out["ran"] = "same" if why is None else why
    if theirs:
        try:
            model = version_converter.convert_version(onnx.load_from_string(original), target)
            out["theirs"] = "converted"
            out["their_check"] = "" if not clean else ("ok" if refused(model) == "" else "refused")
            if fine:
                why = runs(model.SerializeToString(), files)
                out["their_run"] = "same" if why is None else why
        except Exception as e:  # noqa: BLE001
            out["theirs"] = "refused: " + " ".join(str(e).split())[:120]
    return out


def session_outputs(path, folder):
    """Outputs by name on the inputs recorded beside a model."""
    s = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {}
    for i, x in enumerate(s.get_inputs()):
        file = os.path.join(folder, f"input_{i}.pb")
        if os.path.exists(file):
            with open(file, "rb") as f:
                feeds[x.name] = tensor(f.read())
    return {o.name: v for o, v in zip(s.get_outputs(), s.run(None, feeds))}


def checked(path):
    try:
        onnx.checker.check_model(path, full_check=True)
        return ""
    except Exception as e:  # noqa: BLE001
        return " ".join(str(e).split()) or type(e).__name__


def exports(args):
    count, failures = collections.Counter(), []
    models = sorted(glob.glob(os.path.join(args.exports, "*", "model.onnx")))
    out = os.path.join(args.work, "converted.onnx")
    for i, path in enumerate(models):
        sets = sorted(glob.glob(os.path.join(os.path.dirname(path), "test_data_set_*")))
        for k, target in enumerate([9, 11, 13, 15, 17, 19, 21, 23]):
            if (i + k) % args.every or not sets:
                continue
            name = f"{os.path.basename(os.path.dirname(path))} to {target}"
            for old in glob.glob(out + "*"):
                os.remove(old)
            p = subprocess.run([args.command, "convert", path, "--opset", str(target), "-o", out, "--json"], capture_output=True, text=True)
            if p.returncode == 1:
                said = (p.stderr.strip().splitlines() or [""])[-1]
                kind = "of that version already" if "of that version already" in said else "refused" if "cannot be converted" in said else "other"
                count[kind] += 1
                if kind == "other":
                    failures.append(f"{name}: {said}")
                continue
            if p.returncode:
                failures.append(f"{name}: exit {p.returncode}: {p.stderr.strip()[-300:]}")
                continue
            count["converted"] += 1
            why = checked(out)
            if why and not checked(path):
                failures.append(f"{name}: checker: {why[:300]}")
            elif not why:
                count["accepted by the checker"] += 1
            try:
                want = session_outputs(path, sets[0])
            except Exception:  # noqa: BLE001
                count["original not run by ONNX Runtime"] += 1
                continue
            try:
                got = session_outputs(out, sets[0])
            except Exception as e:  # noqa: BLE001
                failures.append(f"{name}: ONNX Runtime: {' '.join(str(e).split())[:300]}")
                continue
            bad = ""
            for key, w in want.items():
                g = got[key]
                if not isinstance(w, np.ndarray) or w.dtype.kind in "OSU":
                    continue
                if g.shape != w.shape or g.dtype != w.dtype:
                    bad = f"output {key} is {g.dtype}{g.shape}, was {w.dtype}{w.shape}"
                    continue
                top = float(np.abs(w.astype(np.float64)).max(initial=0)) or 1.0
                loose = 2e-2 if w.dtype.itemsize == 2 and w.dtype.kind == "f" else 1e-3
                if not np.allclose(g.astype(np.float64), w.astype(np.float64), rtol=0, atol=loose * top, equal_nan=True):
                    bad = f"output {key} differs by {np.abs(g.astype(np.float64) - w.astype(np.float64)).max()} of {top}"
            if bad:
                failures.append(f"{name}: {bad}")
            else:
                count["the original's outputs in ONNX Runtime"] += 1
    for k in sorted(count):
        print(f"{count[k]:7d} {k}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models")
    parser.add_argument("--conformance")
    parser.add_argument("--exports")
    parser.add_argument("--command")
    parser.add_argument("--work", default=".")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--theirs", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", help="write every judgement there")
    args = parser.parse_args()
    failures = exports(args) if args.exports else pairs(args)
    for f in failures[:60]:
        print("FAIL", f)
    if failures:
        sys.exit(f"{len(failures)} failures")


def pairs(args):
    """Judges every pair of the table."""
    with open(os.path.join(args.models, "pairs.tsv")) as f:
        table = [line.rstrip("\n").split("\t") for line in f][:: args.every]
    tests = archives(args.conformance, {p[0] for p in table})
    jobs = [(p[0], int(p[1]), p[2], p[3], args.models, tests[p[0]], args.theirs) for p in table]
    results = []
    done = 0
    while done < len(jobs):  # a crash in somebody's C++ costs a process, not the run
        results_before = len(results)
        with multiprocessing.Pool(args.processes, maxtasksperchild=400) as pool:
            it = pool.imap(judge, jobs[done:])
            try:
                for _ in range(done, len(jobs)):
                    results.append(it.next(timeout=120))
            except multiprocessing.TimeoutError:
                n, t = jobs[len(results)][:2]
                results.append({"name": n, "target": t, "ours": jobs[len(results)][2], "problem": "", "ran": "", "theirs": "crashed", "their_check": "", "their_run": ""})
                pool.terminate()
        done = len(results)
        if len(results) == results_before:
            break
    count = collections.Counter()
    failures = []
    for r in results:
        count["pairs"] += 1
        count["ours " + r["ours"]] += 1
        if r["problem"]:
            failures.append(f"{r['name']} to {r['target']}: {r['problem'][:300]}")
        if r["ran"] == "same":
            count["ours, the recorded outputs in ONNX Runtime"] += 1
        elif r["ran"].startswith("unknown"):
            count["ours, not run by ONNX Runtime"] += 1
        elif r["ran"]:
            failures.append(f"{r['name']} to {r['target']}: ONNX Runtime: {r['ran']}")
        if args.theirs:
            count["theirs " + r["theirs"].split(":")[0]] += 1
            if r["their_check"]:
                count["theirs, checker " + r["their_check"]] += 1
            if r["their_run"]:
                count["theirs, " + ("the recorded outputs in ONNX Runtime" if r["their_run"] == "same" else "not run by ONNX Runtime" if r["their_run"].startswith("unknown") else "other outputs in ONNX Runtime")] += 1
            count[f"{r['ours']} by us, {r['theirs'].split(':')[0]} by theirs"] += 1
    if args.out:
        with open(args.out, "w") as f:
            for r in results:
                f.write("\t".join(str(r[k]) for k in ("name", "target", "ours", "problem", "ran", "theirs", "their_check", "their_run")) + "\n")
    for k in sorted(count):
        print(f"{count[k]:7d} {k}")
    return failures


if __name__ == "__main__":
    main()
