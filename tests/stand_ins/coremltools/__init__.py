"""What an exporter asks of coremltools 9: a translation, the ports it tells, and a package."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import torch

target = SimpleNamespace(iOS17="iOS17")
precision = SimpleNamespace(FLOAT32="float32")
GRAPHS: dict[bytes, bytes] = {}
"""Graphs by their weights: as torch writes one, it is other bytes each time."""
DATE = "com.github.apple.coremltools.conversion_date"


class TensorType:
    def __init__(self, *, name):
        self.name = name


def convert(program, *, outputs, compute_precision, minimum_deployment_target, skip_model_load):
    assert isinstance(program, torch.export.ExportedProgram)
    assert (compute_precision, minimum_deployment_target, skip_model_load) == (
        "float32", "iOS17", True,
    )  # fmt: skip
    names = program.graph_signature.user_inputs
    limits = program.range_constraints
    inputs = [
        port(f"inputs_{n}", [
            one if isinstance(one, int) else int(limits[one.node.expr].lower)
            for one in node.meta["val"].shape
        ])
        for n, node in enumerate(one for one in program.graph.nodes if one.name in names)
    ]  # fmt: skip
    content = io.BytesIO()
    torch.export.save(program, content)
    weights = b"".join(one.detach().numpy().tobytes() for one in program.state_dict.values())
    GRAPHS[weights] = content.getvalue()
    told = SimpleNamespace(
        input=inputs, output=[port(one.name, []) for one in outputs],
        metadata=SimpleNamespace(userDefined={DATE: "today"}),
    )  # fmt: skip
    return MLModel(SimpleNamespace(description=told), weights_dir=weights)


def port(name, shape):
    kind = SimpleNamespace(multiArrayType=SimpleNamespace(shape=shape))
    return SimpleNamespace(name=name, type=kind)


class MLModel:
    def __init__(self, model, *, weights_dir=None, skip_model_load=False):
        self.spec, self.weights_dir = model, weights_dir
        if isinstance(model, str):
            kept = json.loads((Path(model) / "Data" / "model.mlmodel").read_text())
            about = SimpleNamespace(metadata=SimpleNamespace(userDefined=kept["about"]))
            about.input = [port(*one) for one in kept["input"]]
            about.output = [port(*one) for one in kept["output"]]
            self.spec = SimpleNamespace(description=about)
            self.weights_dir = (Path(model) / "Data" / "weight.bin").read_bytes()

    def get_spec(self):
        return self.spec

    def save(self, path):
        data = Path(path) / "Data"
        data.mkdir(parents=True)
        told = self.spec.description
        ports = {
            part: [(one.name, one.type.multiArrayType.shape) for one in getattr(told, part)]
            for part in ("input", "output")
        }
        about = json.dumps({"about": told.metadata.userDefined} | ports)
        (data / "model.mlmodel").write_text(about)
        (data / "weight.bin").write_bytes(self.weights_dir)
        drawn = str(torch.randint(10**9, (1,), generator=DRAW).item())
        entries = {drawn: {"path": "model.mlmodel"}}
        manifest = {"itemInfoEntries": entries, "rootModelIdentifier": drawn}
        (Path(path) / "Manifest.json").write_text(json.dumps(manifest))

    def predict(self, given):
        program = torch.export.load(io.BytesIO(GRAPHS[self.weights_dir])).module()
        with torch.no_grad():
            answer = program(*(torch.from_numpy(one) for one in given.values()))
        return {self.spec.description.output[0].name: answer.numpy()}


DRAW = torch.Generator()
"""As uuids, others each time."""


def _rename(spec, old, new):
    (one,) = [one for one in spec.description.input if one.name == old]
    one.name = new


utils = SimpleNamespace(rename_feature=_rename)
models = SimpleNamespace(MLModel=MLModel)
