"""Models made smaller, beside what they were made from and beside other makers of small models.

Linear layers in eight bits: four of 1,024 units with ReLU between them, a row at a time and 16 rows
at a time. torchao rounds inputs and weights to eight bits as ours; ONNX Runtime's dynamic
quantisation does so with one range for all rows; OpenVINO runs the same file. A ResNet-18 without
half of its channels is timed beside the whole one; what it costs in accuracy is a row of
the acceptance (`pruned-fashion`). All on one thread.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.case import FOLDER, Case, Timer

WIDTH, LAYERS, CALLS = 1024, 4, 40


def _network() -> Any:
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = [part for _ in range(LAYERS) for part in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    return nn.Sequential(*layers[:-1]).eval()


def _rows(count: int) -> Any:
    import torch

    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(1))


def prepare(folder: Path, /) -> None:
    """Export the network and let ONNX Runtime quantise it."""
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    rows = torch.export.Dim("rows")
    program = torch.onnx.export(
        _network(), (_rows(2),), dynamo=True, verbose=False, dynamic_shapes=({0: rows},),
        input_names=["x"],
    )  # fmt: skip
    assert program is not None
    program.save(str(folder / "whole.onnx"))
    quantize_dynamic(
        folder / "whole.onnx", folder / "small.onnx", weight_type=QuantType.QInt8, per_channel=True
    )


def _timed(clock: Timer, count: int, make: Callable[[], Callable[[Any], Any]]) -> list[float]:
    import torch

    answer, x = make(), _rows(count)
    found = answer(x)
    with torch.inference_mode():
        for _ in range(5):
            answer(x)
        with clock(CALLS):
            for _ in range(CALLS):
                found = answer(x)
    return torch.as_tensor(found).flatten().tolist()


def _ours() -> Callable[[Any], Any]:
    import cartograd as cg

    given = cg.Port("input", "vector", (WIDTH,))
    answer = cg.Port("value", "vector", (WIDTH,), task="regress")
    model = cg.sign(_network(), cg.Signature((given,), (answer,)))
    return cg.compress(model, method="int8-weights")


def _torchao() -> Callable[[Any], Any]:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    network = _network()
    quantize_(network, Int8DynamicActivationInt8WeightConfig())
    return network


def _onnx_runtime() -> Callable[[Any], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    file = str(Path(os.environ[FOLDER]) / "small.onnx")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x.numpy()})[0]


def _openvino() -> Callable[[Any], Any]:
    import openvino

    file = str(Path(os.environ[FOLDER]) / "small.onnx")
    compiled = openvino.compile_model(file, "CPU", {"INFERENCE_NUM_THREADS": 1})
    return lambda x: compiled(x.numpy())[0]


MAKERS: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "cartograd": _ours,
    "float32": _network,
    "torchao": _torchao,
    "ONNX Runtime": _onnx_runtime,
    "OpenVINO": _openvino,
}


def _side(make: Callable[[], Callable[[Any], Any]], count: int) -> Callable[[Timer], list[float]]:
    return lambda clock: _timed(clock, count, make)


def _resnet(*, amount: float) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import torch

        import cartograd as cg

        torch.manual_seed(3)
        picture = cg.Port("input", "image", (3, 32, 32))
        answer = cg.Port("label", "label", (10,), labels=tuple(map(str, range(10))))
        model = cg.build("resnet:depth=18", signature=cg.Signature((picture,), (answer,)))
        if amount:
            model = cg.compress(model, method=f"prune-channels:amount={amount}")
        x = torch.randn(8, 3, 32, 32)
        with torch.inference_mode():
            for _ in range(3):
                model.eval()(x)
            with clock(10):
                for _ in range(10):
                    model(x)
        return [0.0]  # random weights: only the time counts

    return side


CASES = (
    *(
        Case(
            name=f"linear layers in eight bits, {words}",
            what=f"{LAYERS} linear layers of {WIDTH} units with ReLU, {words} a call. Answers "
            "differ by what they are rounded.",
            unit="call",
            sides={name: _side(make, count) for name, make in MAKERS.items()},
            asked={"float32": 2.0, "ONNX Runtime": 1.0},
            tolerance=0.1,
            prepare=prepare,
        )
        for count, words in ((1, "one row"), (16, "16 rows"))
    ),
    Case(
        name="half of ResNet-18",
        what="A ResNet-18 for 32x32 pictures without half of each layer's channels (3,055,880 "
        "parameters), beside the whole one; 8 pictures a call.",
        unit="call",
        sides={"cartograd": _resnet(amount=0.5), "the whole": _resnet(amount=0.0)},
        asked={"the whole": 2.0},
    ),
)
