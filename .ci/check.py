"""Our `check` against onnx.checker: the same verdict on sound models and on broken ones.

    check.py --command onnx-rewrite --work DIR --conformance DIR [--models DIR] [--every N] [--broken N] [--all]

Part 1: every N-th model of the conformance archives, and every .onnx below --models. Part 2: --broken models made from them by one
change each, chosen with a fixed seed. A model is refused when onnx.checker with full_check raises, and by us when `check` reports an
error or the model does not load. Where the two differ, the difference must be one of ALLOWED, which docs/checks.md explains.
--all prints every difference, allowed ones too.
"""
import argparse
import collections
import concurrent.futures
import concurrent.futures.process
import json
import os
import random
import re
import subprocess
import sys
import tarfile

import onnx
from onnx import TensorProto, helper

# Who refuses alone, in which models (those that are as they are have their own names), and what it says. Each has its row in docs/checks.md.
SEEN_FURTHER = r"op/(shape|stated-type) "
ALLOWED = [
    # We refuse, the checker accepts.
    ("ours", r"^opset_twice ", r"verify/import "),
    ("ours", r"^attribute_reference ", r"outside of a function"),
    ("ours", r"^output_type ", r"op/formal .*has no element type"),
    ("ours", r"^function_output_missing ", r"verify/output function"),
    ("ours", r"^function_too_many_inputs ", r"function local.F has"),
    ("ours", r"^function_attribute_missing ", r"op/function-call "),
    ("ours", r"^subgraph_input_shadow ", r"verify/ssa "),
    ("ours", r"^unknown_operator ", r"there is no operator ai.onnx.preview"),
    ("ours", r"^function_undeclared_reference ", r"op/function-call "),
    ("ours", r"^(attribute_(list|value)|drop_attribute|input_(dim|rank|type|kind)|output_(dim|rank|type)|swap_inputs|(drop_last|extra)_input"
             r"|value_info_wrong|unknown_operator|function_(undeclared_reference|attribute_missing)) ", SEEN_FURTHER),
    # The checker refuses, we accept.
    ("theirs", r"test_mvn$", r"One and only one of the attributes"),
    ("theirs", r"test_maxpool_2d_ceil_output_size_reduce_by_one", r"differ in dimension"),
    ("theirs", r"^unknown_domain ", r"No opset import for domain 'ai.onnx'"),
    ("theirs", r"^input_dim_negative ", r"InferenceError"),
    ("theirs", r"^input_dim ", r"op_type:Expand.*differ in rank"),
    ("theirs", r"^function_(attribute_missing|undeclared_reference) ", r"op_type:F\): \[ShapeInferenceError\] Inference error"),
    ("theirs", r"", r"^CRASH$"),
]
# Conditions of single operators that lead to no shape: the checker's inference knows more of them than ours. At most 1 in 100 broken models.
SINGLE = ("theirs", r"^(attribute_(list|value)|drop_(attribute|last_input)|omit_first_input|extra_input|swap_inputs|input_(dim|rank|type)|opset) ", r"^InferenceError")


def read(conformance, every):
    """Yields name and bytes of each N-th conformance model."""
    i = 0
    for archive in sorted(os.listdir(conformance)):
        if not archive.endswith(".tar.gz"):
            continue
        with tarfile.open(os.path.join(conformance, archive)) as tar:
            for member in tar:
                if member.isfile() and member.name.endswith("/model.onnx"):
                    i += 1
                    if i % every == 0:
                        yield archive + ":" + member.name.split("/")[-2], tar.extractfile(member).read()


def theirs(path):
    """What onnx.checker says against the model; "" when it accepts. In a process of its own, for it may crash."""
    try:
        onnx.checker.check_model(path, full_check=True)
        return ""
    except Exception as e:  # noqa: BLE001 any refusal counts
        return type(e).__name__ + ": " + " ".join(str(e).split())


def ours(command, path):
    p = subprocess.run([command, "check", path, "--json"], capture_output=True, text=True)
    if p.returncode not in (0, 1, 2) or "goroutine" in p.stderr:
        return f"CRASH exit {p.returncode}: {p.stderr[:500]}"
    try:
        found = json.loads(p.stdout)["findings"]
    except (json.JSONDecodeError, KeyError):
        return "load: " + " ".join(p.stderr.split()) if p.returncode else ""
    return " | ".join(f"{f.get('rule', '')} {f['where']}: {f['message']}" for f in found if f["severity"] == "error")


# --- one change each -------------------------------------------------------------------------------------------------------------------

def nodes(g):
    """All nodes of a graph and its subgraphs."""
    for n in g.node:
        yield n
        for a in n.attribute:
            for sub in ([a.g] if a.HasField("g") else []) + list(a.graphs):
                yield from nodes(sub)


def pick(rng, items):
    items = list(items)
    return rng.choice(items) if items else None


CHANGES = {}


def change(f):
    CHANGES[f.__name__] = f
    return f


def with_attr(m):
    return [n for n in nodes(m.graph) if n.attribute]


@change
def drop_attribute(m, rng):
    n = pick(rng, with_attr(m))
    if n is None:
        return False
    del n.attribute[rng.randrange(len(n.attribute))]


@change
def attribute_kind(m, rng):
    n = pick(rng, with_attr(m))
    if n is None:
        return False
    a = n.attribute[rng.randrange(len(n.attribute))]
    name = a.name
    new = helper.make_attribute(name, rng.choice([1, 2.5, "text", [1, 2], [0.5], ["a"]]))
    if new.type == a.type:
        return False
    a.CopyFrom(new)


@change
def attribute_untyped(m, rng):
    n = pick(rng, with_attr(m))
    if n is None:
        return False
    n.attribute[0].ClearField("type")


@change
def attribute_two_values(m, rng):
    n = pick(rng, [n for n in with_attr(m) if n.attribute[0].type == 2])
    if n is None:
        return False
    n.attribute[0].f = 1.5


@change
def attribute_twice(m, rng):
    n = pick(rng, with_attr(m))
    if n is None:
        return False
    n.attribute.append(n.attribute[0])


@change
def attribute_unknown(m, rng):
    n = pick(rng, nodes(m.graph))
    if n is None:
        return False
    n.attribute.append(helper.make_attribute("no_such_attribute", 1))


@change
def attribute_reference(m, rng):
    n = pick(rng, with_attr(m))
    if n is None:
        return False
    a = n.attribute[0]
    t, name = a.type, a.name
    a.Clear()
    a.name, a.type, a.ref_attr_name = name, t, "outer"


@change
def attribute_value(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if any(a.type == 2 for a in n.attribute)])
    if n is None:
        return False
    pick(rng, [a for a in n.attribute if a.type == 2]).i = rng.choice([-99, 99, 7, 1 << 40])


@change
def attribute_list(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if any(a.type == 7 for a in n.attribute)])
    if n is None:
        return False
    a = pick(rng, [a for a in n.attribute if a.type == 7])
    if rng.random() < 0.5 and len(a.ints) > 0:
        del a.ints[-1]
    else:
        a.ints.append(rng.choice([0, 1, 2, -5, 99]))


@change
def drop_last_input(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if n.input])
    if n is None:
        return False
    del n.input[-1]


@change
def omit_first_input(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if n.input])
    if n is None:
        return False
    n.input[0] = ""


@change
def extra_input(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if n.input and n.input[0]])
    if n is None:
        return False
    for _ in range(rng.choice([1, 4])):
        n.input.append(n.input[0])


@change
def extra_output(m, rng):
    n = pick(rng, nodes(m.graph))
    if n is None:
        return False
    for i in range(rng.choice([1, 4])):
        n.output.append(f"extra_{i}")


@change
def drop_output(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if n.output])
    if n is None:
        return False
    del n.output[-1]


@change
def undefined_input(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if n.input])
    if n is None:
        return False
    n.input[rng.randrange(len(n.input))] = "no_such_value"


@change
def swap_inputs(m, rng):
    n = pick(rng, [n for n in nodes(m.graph) if len(n.input) > 1])
    if n is None:
        return False
    n.input[0], n.input[-1] = n.input[-1], n.input[0]


@change
def unknown_operator(m, rng):
    n = pick(rng, nodes(m.graph))
    if n is None:
        return False
    n.op_type = rng.choice(["NoSuchOperator", "", n.op_type.lower(), "Upsample", "LayerNormalization"])


@change
def unknown_domain(m, rng):
    n = pick(rng, nodes(m.graph))
    if n is None:
        return False
    n.domain = rng.choice(["no.such.domain", "ai.onnx.ml", "ai.onnx", "com.microsoft"])


@change
def unknown_domain_imported(m, rng):
    n = pick(rng, nodes(m.graph))
    if n is None:
        return False
    n.domain = "no.such.domain"
    m.opset_import.append(helper.make_opsetid("no.such.domain", 1))


@change
def input_type(m, rng):
    v = pick(rng, [v for v in m.graph.input if v.type.HasField("tensor_type")])
    if v is None:
        return False
    v.type.tensor_type.elem_type = rng.choice([1, 7, 8, 9, 10, 11, 12, 14, 16, 17, 22])


@change
def output_type(m, rng):
    v = pick(rng, [v for v in m.graph.output if v.type.HasField("tensor_type")])
    if v is None:
        return False
    v.type.tensor_type.elem_type = rng.choice([1, 7, 8, 9, 0, 99])


@change
def input_kind(m, rng):
    v = pick(rng, [v for v in m.graph.input if v.type.HasField("tensor_type")])
    if v is None:
        return False
    t = onnx.TypeProto()
    t.CopyFrom(v.type)
    v.type.Clear()
    if rng.random() < 0.5:
        v.type.sequence_type.elem_type.CopyFrom(t)
    else:
        v.type.optional_type.elem_type.CopyFrom(t)


@change
def formal_type_gone(m, rng):
    v = pick(rng, list(m.graph.input) + list(m.graph.output))
    if v is None:
        return False
    v.ClearField("type")


@change
def formal_shape_gone(m, rng):
    v = pick(rng, [v for v in list(m.graph.input) + list(m.graph.output) if v.type.HasField("tensor_type")])
    if v is None:
        return False
    v.type.tensor_type.ClearField("shape")


@change
def input_rank(m, rng):
    v = pick(rng, [v for v in m.graph.input if v.type.tensor_type.HasField("shape")])
    if v is None:
        return False
    dims = v.type.tensor_type.shape.dim
    if dims and rng.random() < 0.5:
        del dims[-1]
    else:
        dims.add().dim_value = 2


@change
def input_dim(m, rng):
    v = pick(rng, [v for v in m.graph.input if v.type.tensor_type.shape.dim])
    if v is None:
        return False
    pick(rng, v.type.tensor_type.shape.dim).dim_value = rng.choice([0, 1, 2, 7, 1000])


@change
def input_dim_negative(m, rng):
    v = pick(rng, [v for v in m.graph.input if v.type.tensor_type.shape.dim])
    if v is None:
        return False
    pick(rng, v.type.tensor_type.shape.dim).dim_value = -1


@change
def output_dim(m, rng):
    v = pick(rng, [v for v in m.graph.output if v.type.tensor_type.shape.dim])
    if v is None:
        return False
    pick(rng, v.type.tensor_type.shape.dim).dim_value = 977


@change
def output_rank(m, rng):
    v = pick(rng, [v for v in m.graph.output if v.type.tensor_type.HasField("shape")])
    if v is None:
        return False
    v.type.tensor_type.shape.dim.add().dim_value = 2


@change
def value_info_wrong(m, rng):
    v = pick(rng, m.graph.value_info)
    if v is None or not v.type.HasField("tensor_type"):
        return False
    v.type.tensor_type.elem_type = rng.choice([8, 9])


@change
def value_info_twice(m, rng):
    v = pick(rng, m.graph.value_info)
    if v is None:
        return False
    m.graph.value_info.append(v)


@change
def value_info_of_nothing(m, rng):
    m.graph.value_info.append(helper.make_tensor_value_info("no_such_value", 1, [2]))


@change
def opset(m, rng):
    if not m.opset_import:
        return False
    m.opset_import[0].version = rng.choice([0, 1, 5, 7, 9, 11, 13, 15, 17, 18, 20, 22, 28, 99])


@change
def opset_gone(m, rng):
    del m.opset_import[:]


@change
def opset_twice(m, rng):
    if not m.opset_import:
        return False
    m.opset_import.append(m.opset_import[0])
    if rng.random() < 0.5:
        m.opset_import[-1].version += 1


@change
def ir_version(m, rng):
    m.ir_version = rng.choice([0, 1, 2, 3, 4, 8, 15, 99])


@change
def graph_gone(m, rng):
    m.ClearField("graph")


@change
def graph_name_gone(m, rng):
    m.graph.ClearField("name")


@change
def name_defined_twice(m, rng):
    n = pick(rng, [n for n in m.graph.node if n.output])
    if n is None or not m.graph.input:
        return False
    n.output[0] = m.graph.input[0].name


@change
def output_defined_twice(m, rng):
    n = pick(rng, [n for n in m.graph.node if n.output])
    if n is None:
        return False
    m.graph.node.append(n)


@change
def reverse_nodes(m, rng):
    if len(m.graph.node) < 2:
        return False
    reverse = list(m.graph.node)[::-1]
    del m.graph.node[:]
    m.graph.node.extend(reverse)


@change
def cycle(m, rng):
    if len(m.graph.node) < 2 or not m.graph.node[0].input:
        return False
    m.graph.node[0].input[0] = m.graph.node[-1].output[0]


@change
def output_not_computed(m, rng):
    v = pick(rng, m.graph.output)
    if v is None:
        return False
    v.name = "no_such_value"


@change
def output_twice(m, rng):
    v = pick(rng, m.graph.output)
    if v is None:
        return False
    m.graph.output.append(v)


@change
def input_twice(m, rng):
    v = pick(rng, m.graph.input)
    if v is None:
        return False
    m.graph.input.append(v)


@change
def no_outputs(m, rng):
    del m.graph.output[:]


@change
def formal_unnamed(m, rng):
    v = pick(rng, list(m.graph.input) + list(m.graph.output))
    if v is None:
        return False
    v.name = ""


@change
def initializer_twice(m, rng):
    if not m.graph.initializer:
        m.graph.initializer.append(helper.make_tensor("extra", 1, [2], [1.0, 2.0]))
    m.graph.initializer.append(m.graph.initializer[0])


@change
def initializer_unnamed(m, rng):
    m.graph.initializer.append(helper.make_tensor("", 1, [2], [1.0, 2.0]))


@change
def initializer_too_short(m, rng):
    m.graph.initializer.append(helper.make_tensor("extra", 1, [2], [1.0, 2.0]))
    m.graph.initializer[-1].dims[0] = 3


@change
def initializer_two_fields(m, rng):
    m.graph.initializer.append(helper.make_tensor("extra", 1, [2], [1.0, 2.0]))
    m.graph.initializer[-1].raw_data = bytes(8)


@change
def initializer_wrong_field(m, rng):
    m.graph.initializer.append(helper.make_tensor("extra", 1, [2], [1.0, 2.0]))
    m.graph.initializer[-1].data_type = rng.choice([0, 7, 11, 8, 99])


@change
def initializer_negative(m, rng):
    m.graph.initializer.append(helper.make_tensor("extra", 1, [2], [1.0, 2.0]))
    m.graph.initializer[-1].dims[0] = -2


@change
def initializer_no_data(m, rng):
    m.graph.initializer.append(TensorProto(name="extra", data_type=1, dims=[2]))


@change
def initializer_external(m, rng):
    t = TensorProto(name="extra", data_type=1, dims=[2], data_location=TensorProto.EXTERNAL)
    key = rng.choice(["location", "file"])
    t.external_data.add(key=key, value=rng.choice(["missing.bin", "../x.bin", "/etc/hostname", ""]))
    m.graph.initializer.append(t)


@change
def initializer_not_input(m, rng):
    m.graph.initializer.append(helper.make_tensor("extra", 1, [2], [1.0, 2.0]))
    m.ir_version = 3


@change
def initializer_type_differs(m, rng):
    v = pick(rng, [v for v in m.graph.input if v.type.HasField("tensor_type")])
    if v is None:
        return False
    m.graph.initializer.append(helper.make_tensor(v.name, 6, [1, 1, 3], [1, 2, 3]))


def sparse(m, **kw):
    s = m.graph.sparse_initializer.add()
    s.values.CopyFrom(helper.make_tensor("sparse_extra", 1, [2], [1.0, 2.0]))
    s.indices.CopyFrom(helper.make_tensor("i", 7, [2], [0, 3]))
    s.dims.append(5)
    return s


@change
def sparse_sound(m, rng):
    sparse(m)
    m.ir_version = max(m.ir_version, 8)


@change
def sparse_order(m, rng):
    sparse(m).indices.CopyFrom(helper.make_tensor("i", 7, [2], [3, 0]))


@change
def sparse_outside(m, rng):
    sparse(m).indices.CopyFrom(helper.make_tensor("i", 7, [2], [0, 5]))


@change
def sparse_index_type(m, rng):
    sparse(m).indices.CopyFrom(helper.make_tensor("i", 6, [2], [0, 3]))


@change
def sparse_count(m, rng):
    sparse(m).indices.CopyFrom(helper.make_tensor("i", 7, [3], [0, 1, 2]))


@change
def sparse_unnamed(m, rng):
    sparse(m).values.name = ""


def holders(m):
    return [(n, a) for n in nodes(m.graph) for a in n.attribute if a.HasField("g")]


@change
def subgraph_undefined(m, rng):
    h = pick(rng, [h for h in holders(m) if any(n.input for n in h[1].g.node)])
    if h is None:
        return False
    n = pick(rng, [n for n in h[1].g.node if n.input])
    n.input[0] = "no_such_value"


@change
def subgraph_shadow(m, rng):
    h = pick(rng, [h for h in holders(m) if any(n.output for n in h[1].g.node)])
    if h is None or not m.graph.input:
        return False
    n = pick(rng, [n for n in h[1].g.node if n.output])
    old, new = n.output[0], m.graph.input[0].name
    n.output[0] = new
    for v in h[1].g.output:
        if v.name == old:
            v.name = new


@change
def subgraph_input_shadow(m, rng):
    h = pick(rng, [h for h in holders(m) if h[1].g.input])
    if h is None or not m.graph.input:
        return False
    old, new = h[1].g.input[0].name, m.graph.input[0].name
    h[1].g.input[0].name = new
    for n in nodes(h[1].g):
        for i, x in enumerate(n.input):
            if x == old:
                n.input[i] = new


@change
def subgraph_outputs(m, rng):
    h = pick(rng, [h for h in holders(m) if h[1].g.output])
    if h is None:
        return False
    if rng.random() < 0.5:
        h[1].g.output.append(h[1].g.output[0])
    else:
        del h[1].g.output[-1]


@change
def subgraph_inputs(m, rng):
    h = pick(rng, holders(m))
    if h is None:
        return False
    h[1].g.input.append(helper.make_tensor_value_info("extra_formal", 1, [2]))


@change
def subgraph_gone(m, rng):
    h = pick(rng, holders(m))
    if h is None:
        return False
    h[1].ClearField("g")


@change
def subgraph_unsorted(m, rng):
    h = pick(rng, [h for h in holders(m) if len(h[1].g.node) > 1])
    if h is None:
        return False
    reverse = list(h[1].g.node)[::-1]
    del h[1].g.node[:]
    h[1].g.node.extend(reverse)


def outlined(m, rng):
    """Moves one node into a function, so that there is one to spoil. Returns function and call."""
    for o in m.opset_import:
        if o.domain in ("", "ai.onnx"):
            version = o.version
            break
    else:
        return None
    n = pick(rng, [n for n in m.graph.node if n.domain in ("", "ai.onnx") and all(n.input) and all(n.output) and not any(
        a.HasField("g") for a in n.attribute)])
    if n is None:
        return None
    body = onnx.NodeProto()
    body.CopyFrom(n)
    body.input[:] = [f"i{k}" for k in range(len(n.input))]
    body.output[:] = [f"o{k}" for k in range(len(n.output))]
    f = helper.make_function("local", "F", list(body.input), list(body.output), [body], [helper.make_opsetid("", version)])
    m.functions.append(f)
    m.opset_import.append(helper.make_opsetid("local", 1))
    m.ir_version = max(m.ir_version, 8)
    n.op_type, n.domain = "F", "local"
    del n.attribute[:]
    return m.functions[-1], n


@change
def function_sound(m, rng):
    if outlined(m, rng) is None:
        return False


def function_change(spoil):
    def f(m, rng):
        o = outlined(m, rng)
        if o is None:
            return False
        return spoil(m, rng, *o)
    f.__name__ = spoil.__name__
    return change(f)


@function_change
def function_domain_not_imported(m, rng, f, n):
    del m.opset_import[-1]


@function_change
def function_no_imports(m, rng, f, n):
    del f.opset_import[:]


@function_change
def function_other_opset(m, rng, f, n):
    f.opset_import[0].version = rng.choice([1, 6, 7, 9, 11, 13, 16, 18, 21])


@function_change
def function_cycle(m, rng, f, n):
    f.node[0].op_type, f.node[0].domain = "F", "local"
    f.opset_import.append(helper.make_opsetid("local", 1))
    del f.node[0].attribute[:]


@function_change
def function_twice(m, rng, f, n):
    m.functions.append(f)


@function_change
def function_undefined(m, rng, f, n):
    if not f.node[0].input:
        return False
    f.node[0].input[0] = "no_such_value"


@function_change
def function_output_missing(m, rng, f, n):
    f.output[0] = "no_such_value"


@function_change
def function_input_twice(m, rng, f, n):
    if not f.input:
        return False
    f.input.append(f.input[0])


@function_change
def function_too_many_inputs(m, rng, f, n):
    if not n.input:
        return False
    n.input.append(n.input[0])


@function_change
def function_unknown_attribute(m, rng, f, n):
    n.attribute.append(helper.make_attribute("k", 1))


@function_change
def function_undeclared_reference(m, rng, f, n):
    if not f.node[0].attribute:
        return False
    a = f.node[0].attribute[0]
    t, name = a.type, a.name
    a.Clear()
    a.name, a.type, a.ref_attr_name = name, t, "outer"


@function_change
def function_attribute_missing(m, rng, f, n):
    if not f.node[0].attribute:
        return False
    a = f.node[0].attribute[0]
    t, name = a.type, a.name
    a.Clear()
    a.name, a.type, a.ref_attr_name = name, t, "outer"
    f.attribute.append("outer")


@function_change
def function_unnamed(m, rng, f, n):
    f.name = ""


@function_change
def function_attribute_twice(m, rng, f, n):
    f.attribute.extend(["k", "k"])


@function_change
def function_unknown_operator(m, rng, f, n):
    f.node[0].op_type = "NoSuchOperator"


@function_change
def function_old_ir(m, rng, f, n):
    m.ir_version = 7


@change
def training_info(m, rng):
    t = m.training_info.add()
    t.algorithm.name = "a"
    t.algorithm.node.append(helper.make_node("Relu", ["nothing"], ["y"]))


def broken(seed, sources, count, folder):
    """Writes count models, each a source with one change, taking the changes in turn."""
    rng = random.Random(seed)
    names = list(CHANGES)
    out = []
    for i in range(count * 20):
        if len(out) == count:
            break
        kind = names[i % len(names)]
        name, data = rng.choice(sources)
        m = onnx.ModelProto()
        m.ParseFromString(data)
        if CHANGES[kind](m, rng) is False:
            continue
        path = os.path.join(folder, f"{len(out):05d}.{kind}.onnx")
        with open(path, "wb") as f:
            f.write(m.SerializeToString())
        out.append((f"{kind} of {name}", path))
    return out


def matches(a, name, direction, text):
    return a[0] == direction and re.search(a[1], name) and re.search(a[2], text)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--command", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--conformance", required=True)
    p.add_argument("--models")
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--broken", type=int, default=400)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--all", action="store_true")
    p.add_argument("--jobs", type=int, default=2)
    args = p.parse_args()
    os.makedirs(args.work, exist_ok=True)

    sources = list(read(args.conformance, args.every))
    jobs = []
    for i, (name, data) in enumerate(sources):
        path = os.path.join(args.work, f"sound.{i:05d}.onnx")
        with open(path, "wb") as f:
            f.write(data)
        jobs.append((name, path))
    if args.models:
        for folder, _, files in sorted(os.walk(args.models)):
            if "graphs" in folder.split(os.sep):  # graphs without their weights
                continue
            jobs += [(os.path.join(folder, f), os.path.join(folder, f)) for f in sorted(files) if f.endswith(".onnx")]
    sound = len(jobs)
    jobs += broken(args.seed, sources, args.broken, args.work)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as threads:
        mine = list(threads.map(lambda j: ours(args.command, j[1]), jobs))
    its = []
    at = 0
    while at < len(jobs):  # a checker that crashes takes its process with it: go on behind that model
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            try:
                for r in pool.map(theirs, [j[1] for j in jobs[at:]]):
                    its.append(r)
            except concurrent.futures.process.BrokenProcessPool:
                its.append("CRASH")
        at = len(its)

    count, bad = collections.Counter(), 0
    for i, ((name, path), a, b) in enumerate(zip(jobs, mine, its)):
        part = "as they are" if i < sound else "broken"
        if bool(a) == bool(b):
            count[part, "refused by both" if a else "accepted by both"] += 1
            if a.startswith("CRASH"):
                bad += 1
                print(f"CRASH {name}: {a}")
            continue
        direction, text = ("ours", a) if a else ("theirs", b)
        ok = any(matches(a, name, direction, text) for a in ALLOWED)
        if not ok and i >= sound and matches(SINGLE, name, direction, text) and count["broken", "single conditions"] < len(jobs[sound:]) / 100:
            count["broken", "single conditions"] += 1
            ok = True
        count[part, f"refused by {direction} only" + (", explained" if ok else "")] += 1
        if not ok:
            bad += 1
        if args.all or not ok:
            print(f"{'explained' if ok else 'DIFFERS'} {direction} {name}: {text[:600]}", flush=True)
    for key, n in sorted(count.items()):
        print(f"{key[0]}: {key[1]}: {n}")
    if bad:
        sys.exit(f"{bad} verdicts differ from onnx.checker's without being explained in docs/checks.md")


if __name__ == "__main__":
    main()
