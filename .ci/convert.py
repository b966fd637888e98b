"""Other people's code judges what we convert between opsets.

    convert.py --models DIR --conformance DIR [--theirs]

DIR holds models that were converted, NAME--TARGET.onnx, and pairs.tsv with all pairs that were tried (go test ./passes/opset -run
TestConformance with ONNX_REWRITE_CONVERT_EXPORT=DIR). Every model passes onnx.checker with full shape inference if its original does, and
gives the recorded outputs in ONNX Runtime if its original gives them there and the runtime knows the opset.

--theirs also gives every pair to onnx.version_converter and prints how many it converts, how many of those the checker accepts, and how many
of those give the recorded outputs, beside ours.
"""
import argparse
import collections
import multiprocessing
import os
import sys
import tarfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper, version_converter

ort.set_default_logger_severity(4)


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
        if why:
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


def child(queue, args):
    queue.put(judge(args))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True)
    parser.add_argument("--conformance", required=True)
    parser.add_argument("--theirs", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", help="write every judgement there")
    args = parser.parse_args()
    with open(os.path.join(args.models, "pairs.tsv")) as f:
        pairs = [line.rstrip("\n").split("\t") for line in f]
    tests = archives(args.conformance, {p[0] for p in pairs})
    jobs = [(p[0], int(p[1]), p[2], p[3], args.models, tests[p[0]], args.theirs) for p in pairs]
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
    for f in failures[:60]:
        print("FAIL", f)
    if failures:
        sys.exit(f"{len(failures)} failures")


if __name__ == "__main__":
    main()
