"""Our texts in other people's parser, and theirs in ours.

  text.py standard DIR    every DIR/N.txt, which we printed of DIR/N.onnx, must be read by onnx.parser as that model, or be on the list below
                          of what its grammar or its code lacks; also writes DIR/N.printed, what onnx.printer prints
  text.py printed DIR     every DIR/N.back, which we read from DIR/N.printed, must be that model

Both compare nodes, attributes, types, initializers, functions and headers. What the syntax has no place for (notes in our texts) is left out of
the comparison: documentation and metadata below the model, denotations, annotations, the field that holds a tensor's values, and whether
an empty string is present or absent.
"""
import collections
import glob
import os
import re
import sys

import numpy as np
import onnx
import onnx.parser
import onnx.printer
from onnx import numpy_helper

PACKED = {onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.INT2, onnx.TensorProto.UINT2, onnx.TensorProto.FLOAT4E2M1}


def drop(m, *fields):
    for f in fields:
        if f in m.DESCRIPTOR.fields_by_name:
            m.ClearField(f)


def plain_tensor(t, from_text):
    """Values in one way, whatever field they were in."""
    drop(t, "doc_string", "metadata_props", "segment")
    if t.data_location == onnx.TensorProto.EXTERNAL:
        drop(t, "raw_data")
    elif t.data_type != onnx.TensorProto.STRING:
        if from_text and t.data_type in PACKED and len(t.int32_data):
            raw = pack(t)
        elif not values_of(t):
            raw = b""
        else:
            raw = numpy_helper.to_array(t)
            raw = (raw.view(np.uint8) if raw.dtype.itemsize == 1 else raw).tobytes()
        drop(t, "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
        drop(t, "raw_data")
        if raw:
            t.raw_data = raw
    if t.data_location != onnx.TensorProto.EXTERNAL:
        drop(t, "data_location", "external_data")
    if not t.name:
        drop(t, "name")


def values_of(t):
    """Whether a data field holds anything."""
    return t.raw_data or t.float_data or t.int32_data or t.int64_data or t.double_data or t.uint64_data


def pack(t):
    """onnx.parser leaves one number of int32_data for each element, where the format wants them packed: this is what it means."""
    bits = 2 if t.data_type in (onnx.TensorProto.INT2, onnx.TensorProto.UINT2) else 4
    values = [v & ((1 << bits) - 1) for v in t.int32_data]
    per = 8 // bits
    raw = bytearray((len(values) + per - 1) // per)
    for i, v in enumerate(values):
        raw[i // per] |= v << (bits * (i % per))
    x = onnx.TensorProto(data_type=t.data_type, dims=t.dims, raw_data=bytes(raw))
    return numpy_helper.to_array(x).view(np.uint8).tobytes()


def plain(m, from_text=False):
    """m without what the syntax has no place for."""
    for field, value in list(m.ListFields()):
        repeated = isinstance(value, collections.abc.Iterable) and not isinstance(value, (str, bytes))
        if field.type == field.TYPE_MESSAGE:
            for x in value if repeated else [value]:
                plain(x, from_text)
        elif isinstance(value, str) and not value:
            m.ClearField(field.name)
    name = m.DESCRIPTOR.name
    if name == "TensorProto":
        plain_tensor(m, from_text)
    elif name == "ModelProto":
        if not m.model_version:
            drop(m, "model_version")
    else:
        if name != "FunctionProto":
            drop(m, "doc_string")
        drop(m, "metadata_props", "denotation", "quantization_annotation", "device_configurations")
    if name == "AttributeProto":
        for f in ("f", "i", "s"):
            if m.HasField(f) and not getattr(m, f) and not str(getattr(m, f)).startswith("-"):
                m.ClearField(f)
    return m


# What stands in our text and has no form in the grammar, or a form that onnx.parser's code does not read. In this order.
LACKS = [
    ("attribute lists of tensors, graphs or types: read and forgotten", lambda t, m: re.search(r": (tensors|graphs|type_protos) = \[[^\]]", t)),
    ("sparse tensor constants", lambda t, m: re.search(r"sparse_tensor\([^)]*\) \S+ = \(|sparse_tensor\([^)]*\) \(", t)),
    ("the name of a tensor in an attribute, in quotes", lambda t, m: re.search(r'= \w+(\[[\d,]*\])? "[^"]*" = [{\[x]', t)),
    ("the name of a subgraph in quotes", lambda t, m: re.search(r' = (x?"[^"\n]*") \(', t)),
    ("an operator, domain, overload or attribute in quotes", lambda t, m: re.search(r'(?m)^ +(\["[^"]*"\] )?[^=\n]*= "[^"]*"[.:< (]|[<,] "[^"]*"(: \w+)? = |\."[^"]*"|:"[^"]*" [<(]', t)),
    ("an attribute without a value, or with several", lambda t, m: re.search(r": (undefined|float|int|string|tensor|graph|kind\(-?\d+\))[,> ]( ?[&,>])|& \w+ = ", t)),
    ("an element type that is not stated, or is not in the grammar", lambda t, m: re.search(r"undefined|dtype\(|float6e", t)),
    ("a type inside a sequence or optional that is not stated", lambda t, m: re.search(r"(seq|optional)\(\??\)", t)),
    ("a not-a-number with other bits", lambda t, m: "nan(0x" in t),
    ("values that do not fit the type and shape", lambda t, m: re.search(r'(?m)^[< ]\w+(\[[\d,-]*\])? \S+ = x"', t)),
    ("bytes that are not text", lambda t, m: re.search(r'\bx"[0-9a-f]*"', re.sub(r"(?m)^ *#@.*$", "", t))),
    ("training_info", lambda t, m: "training_info {" in t),
    ("a tensor without values", lambda t, m: re.search(r"(?m)^ *#@ tensor .*\bnone\b", t)),
]


def differ(a, b, path="model"):
    """The first place where two messages differ."""
    for f in a.DESCRIPTOR.fields:
        x, y = getattr(a, f.name), getattr(b, f.name)
        try:
            repeated = f.is_repeated
        except AttributeError:
            repeated = f.label == f.LABEL_REPEATED
        if repeated:
            if len(x) != len(y):
                return f"{path}.{f.name}: {len(x)}, then {len(y)}"
            for i, (u, v) in enumerate(zip(x, y)):
                if f.type == f.TYPE_MESSAGE:
                    if u.SerializeToString(deterministic=True) != v.SerializeToString(deterministic=True):
                        return differ(u, v, f"{path}.{f.name}[{i}]")
                elif u != v and not (u != u and v != v):
                    return f"{path}.{f.name}[{i}]: {str(u)[:80]!r}, then {str(v)[:80]!r}"
        elif f.type == f.TYPE_MESSAGE:
            if a.HasField(f.name) != b.HasField(f.name):
                return f"{path}.{f.name}: present {a.HasField(f.name)}, then {b.HasField(f.name)}"
            if x.SerializeToString(deterministic=True) != y.SerializeToString(deterministic=True):
                return differ(x, y, f"{path}.{f.name}")
        elif x != y and not (x != x and y != y):
            return f"{path}.{f.name}: {str(x)[:80]!r}, then {str(y)[:80]!r}"
        elif a.HasField(f.name) != b.HasField(f.name):
            return f"{path}.{f.name}: present {a.HasField(f.name)}, then {b.HasField(f.name)}"
    return ""


def same(a, b):
    return a.SerializeToString(deterministic=True) == b.SerializeToString(deterministic=True)


def load(path):
    return onnx.load(path, load_external_data=False)


def label(base):
    with open(base + ".name") as f:
        return f.read()


def standard(folder):
    files = sorted(glob.glob(os.path.join(folder, "*.txt")))
    counts, lacks, failures, unexpected = collections.Counter(), collections.Counter(), [], []
    for path in files:
        base = path[: -len(".txt")]
        with open(path, "rb") as f:
            text = f.read().decode("utf-8")
        model = load(base + ".onnx")
        try:
            with open(base + ".printed", "w", encoding="utf-8", newline="") as f:
                f.write(onnx.printer.to_text(model))
        except Exception:  # it refuses models whose tensors have no data
            os.remove(base + ".printed")
        reason = next((why for why, has in LACKS if has(text, model)), None)
        want = plain(model)
        try:
            got = plain(onnx.parser.parse_model(text), from_text=True)
            outcome = "equal" if same(want, got) else "different"
            detail = "" if outcome == "equal" else differ(want, got)
        except onnx.parser.ParseError as e:
            outcome, detail = "refused", " ".join(str(e).replace("\\n", " ").split())[:300]
        counts[outcome] += 1
        if outcome == "equal":
            continue
        if reason:
            lacks[f"{outcome}: {reason}"] += 1
        else:
            failures.append(f"{label(base)}: {outcome}: {detail}")
    print(f"onnx.parser {onnx.__version__} reads {len(files)} texts of ours: {counts['equal']} equal, {counts['different']} read otherwise, {counts['refused']} refused")
    for why, n in sorted(lacks.items()):
        print(f"  {n:4} {why}")
    return failures


def printed(folder):
    files = sorted(glob.glob(os.path.join(folder, "*.printed")))
    counts, reasons, failures = collections.Counter(), collections.Counter(), []
    for path in files:
        base = path[: -len(".printed")]
        with open(path, encoding="utf-8", newline="") as f:
            text = f.read()
        want = plain(load(base + ".onnx"))
        if os.path.exists(base + ".back"):
            with open(base + ".back", "rb") as f:
                got = plain(onnx.load_from_string(f.read()))
            outcome = "equal" if same(want, got) else "different"
            detail = "" if outcome == "equal" else differ(want, got)
        else:
            with open(base + ".refused") as f:
                outcome, detail = "refused", f.read()
        counts[outcome] += 1
        if outcome == "equal":
            continue
        # Is it the printer that left something out, or is not read by its own parser either?
        try:
            theirs = plain(onnx.parser.parse_model(text), from_text=True)
            reason = "not all of the model is in onnx.printer's text" if not same(want, theirs) else ""
        except onnx.parser.ParseError:
            reason = "onnx.parser does not read it either"
        if reason:
            reasons[f"{outcome}: {reason}"] += 1
        else:
            failures.append(f"{label(base)}: {outcome}: {detail}")
    print(f"{len(files)} texts of onnx.printer {onnx.__version__} here: {counts['equal']} equal, {counts['different']} read otherwise, {counts['refused']} refused")
    for why, n in sorted(reasons.items()):
        print(f"  {n:4} {why}")
    return failures


def main():
    failures = {"standard": standard, "printed": printed}[sys.argv[1]](sys.argv[2])
    for f in failures[:40]:
        print("FAIL " + f)
    if failures:
        sys.exit(f"{len(failures)} failures")


main()
