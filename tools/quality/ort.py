"""Reads [{"file":, "ids":}] from standard input; writes [{"nats":, "checker":}]: quality in ONNX Runtime, and onnx.checker's word on the file."""
import json
import sys

import numpy as np
import onnx
import onnxruntime as ort

ort.set_default_logger_severity(4)
results = []
for case in json.load(sys.stdin):
    checker = "ok"
    try:
        onnx.checker.check_model(case["file"], full_check=True)
    except Exception as e:  # the checker's complaint is a result
        checker = str(e) or type(e).__name__
    session = ort.InferenceSession(case["file"], providers=["CPUExecutionProvider"])
    windows = np.load(case["ids"])
    total = 0.0
    for i in range(0, len(windows), 32):
        w = windows[i : i + 32]
        logits = session.run(None, {"input_ids": w[:, :-1]})[0].astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        total += (np.log(np.exp(logits).sum(-1)) - np.take_along_axis(logits, w[:, 1:, None], -1)[..., 0]).sum()
    results.append({"nats": float(total / windows[:, 1:].size), "checker": checker})
    print(f"  {case['file']}: {results[-1]['nats']:.6f} nats", file=sys.stderr, flush=True)
json.dump(results, sys.stdout)
