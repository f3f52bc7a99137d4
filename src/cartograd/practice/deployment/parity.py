"""A model and its exported file side by side: do they agree, and which is faster?"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.eval_mode import evaluating
from cartograd.engine.files.onnx_parts import whole_size
from cartograd.engine.files.onnx_session import Run, session
from cartograd.engine.files.rebuild import simulated
from cartograd.practice.compression.quantised_layer import QuantisedLayer
from cartograd.practice.deployment import coreml, executorch, torch_export
from cartograd.practice.deployment.in_turns import in_turns

TOLERANCE = 1e-4
"""Largest difference that counts as rounding, as a share of the largest output (or of 1)."""

MOVED, DRAWS = 1e-3, 3
"""By which share of their range inputs are moved that both sides round to whole numbers, and how
often. Floats that differ in their last digits round a number that ends between two to either, so
the answers differ by whole steps. Floats differ by 1e-6: what a thousand times that does to the
answers counts as rounding, too."""

RUNTIMES: dict[str, tuple[str, Callable[[Path], Run]]] = {
    ".pt2": ("the program", torch_export.running),
    executorch.PHONES: ("ExecuTorch", executorch.running),
    coreml.MAC: ("Core ML", coreml.running),
}
"""What runs files whose names end so, beside onnxruntime: its name, and how it runs one."""


@dataclass(frozen=True)
class Check:
    """What came of running a model and its exported file on the same inputs."""

    difference: float
    """The largest difference of any output number, over the whole batch and a batch of one."""
    tolerance: float | None
    """The largest difference that counts as rounding; None of rounded weights."""
    agree: bool
    """Whether the difference is within the tolerance."""
    torch_ms: float | None
    """Median time of torch for these inputs, in milliseconds; None where there is one alone."""
    file_ms: float | None
    """Median time of the file's runtime for them, on as many threads."""
    ratio: float | None
    """How many times faster the file was: the median of pairs of calls that follow each other."""
    low: float | None
    """The lower end of that median's 95 % interval."""
    high: float | None
    """The upper end."""
    size: int
    """Bytes of the file, or of the folder's."""
    runtime: str = "onnxruntime"
    """What ran the file."""
    torch_half: tuple[float, float] | None = None
    """Between which milliseconds half of torch's calls were."""
    file_half: tuple[float, float] | None = None
    """The same of the file's runtime."""


def check(
    model: nn.Module, path: str | Path, inputs: Shaped[Tensor, "b ..."] | tuple[Tensor, ...], /
) -> Check:
    """Run a model and its exported file on the same inputs: do they agree, and which is faster?

    Args:
        model: the one that was exported.
        path: the ONNX file, or a program of one of the `RUNTIMES`.
        inputs: real examples, in the units of the input ports.

    Raises:
        UsageError: what runs it is not installed, or the file is not one that it can run.
    """
    name, opened = RUNTIMES.get(Path(path).suffix, ("onnxruntime", session))
    given, run = _each(inputs), opened(Path(path))
    difference, tolerance = _compared(model, run, given)
    arrays = [part.cpu().numpy() for part in given]
    with evaluating(model), torch.inference_mode():
        mine, other = in_turns([lambda: model(*given), lambda: run(arrays)])
    share, least, most = other.ratio
    return Check(
        difference=difference,
        tolerance=tolerance,
        agree=difference <= tolerance,
        torch_ms=1000 * mine.seconds,
        file_ms=1000 * other.seconds,
        ratio=1 / share,
        low=1 / most,
        high=1 / least,
        size=written_size(Path(path)),
        runtime=name,
        torch_half=_milliseconds(mine.half),
        file_half=_milliseconds(other.half),
    )


def reread(
    model: nn.Module, again: nn.Module, path: Path,
    inputs: Shaped[Tensor, "b ..."] | tuple[Tensor, ...], /, *, exact: bool = True,
) -> Check:  # fmt: skip
    """A model and what its file was read as: do they agree?

    Args:
        model: the one that was exported.
        again: read from the file.
        path: the file or folder.
        inputs: real examples, in the units of the input ports.
        exact: whether the file holds the weights as they are.
    """
    given = _each(inputs)

    def run(arrays: list[np.ndarray]) -> np.ndarray:
        with evaluating(again), torch.inference_mode():
            return again(*(torch.from_numpy(one) for one in arrays)).cpu().numpy()

    found, tolerance = _compared(model, run, given)
    return Check(
        found, tolerance if exact else None, not exact or found <= tolerance, None, None, None,
        None, None, written_size(path), "",
    )  # fmt: skip


def written_size(path: Path, /) -> int:
    """Bytes of a file, or of all files of a folder."""
    if path.suffix == ".onnx" and path.is_file():
        return whole_size(path)
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def difference(
    model: nn.Module, path: str | Path, inputs: Shaped[Tensor, "b ..."] | tuple[Tensor, ...], /
) -> tuple[float, float]:
    """How far a model and its file are apart, and the most that counts as rounding; as `check`.

    Raises:
        UsageError: as `check`.
    """
    return _compared(model, session(Path(path)), _each(inputs))


@dataclass(frozen=True)
class Beside:
    """Two files of one model, timed in turns by the same runtime.

    Attributes:
        fused: whether the runtime did its own optimisations.
        before_ms, after_ms: median times of the two.
        ratio: how many times faster the second was; low, high: its 95 % interval.
        before_half, after_half: between which milliseconds half of the calls were.
    """

    fused: bool
    before_ms: float
    after_ms: float
    ratio: float
    low: float
    high: float
    before_half: tuple[float, float]
    after_half: tuple[float, float]


def beside(
    before: Path, after: Path, inputs: Shaped[Tensor, "b ..."] | tuple[Tensor, ...], /
) -> tuple[Beside, ...]:
    """Two ONNX files on the same inputs, without and with what onnxruntime does to a graph itself.

    Args:
        before: the file as it was.
        after: the file that shall be faster.
        inputs: real examples, in the units of the input ports.

    Raises:
        UsageError: onnxruntime is not installed, or cannot run one of them.
    """
    arrays = [part.cpu().numpy() for part in _each(inputs)]
    found = []
    for fused in (False, True):
        calls = [partial(session(one, fused=fused), arrays) for one in (before, after)]
        mine, other = in_turns(calls)
        share, least, most = other.ratio
        found.append(Beside(
            fused, 1000 * mine.seconds, 1000 * other.seconds, 1 / share, 1 / most, 1 / least,
            _milliseconds(mine.half), _milliseconds(other.half),
        ))  # fmt: skip
    return tuple(found)


def _milliseconds(ends: tuple[float, float]) -> tuple[float, float]:
    return 1000 * ends[0], 1000 * ends[1]


def _each(inputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(part.detach() for part in (inputs if isinstance(inputs, tuple) else (inputs,)))


def _compared(
    model: nn.Module, run: Callable[[list[np.ndarray]], np.ndarray], given: tuple[Tensor, ...]
) -> tuple[float, float]:
    """The largest difference, over the batch and over a batch of one, and the tolerance."""
    arrays = [part.cpu().numpy() for part in given]
    with evaluating(model), torch.inference_mode(), simulated(model):
        expected = model(*given).cpu().numpy()
        alone = model(*(part[:1] for part in given)).cpu().numpy()
        moved = _moved(model, given, expected)
    found = max(
        _difference(run(arrays), expected), _difference(run([a[:1] for a in arrays]), alone)
    )
    return found, TOLERANCE * max(1.0, float(np.abs(expected).max())) + moved


def _moved(model: nn.Module, given: tuple[Tensor, ...], expected: np.ndarray) -> float:
    """The most that answers change where inputs that are rounded are moved a little first."""
    layers = [part for part in model.modules() if isinstance(part, QuantisedLayer)]
    draw = torch.Generator().manual_seed(0)

    def move(layer: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        by = MOVED * float(layer.input_scale) * layer.high
        noise = torch.rand(inputs[0].shape, generator=draw).mul_(2 * by).sub_(by)
        return (inputs[0] + noise.to(inputs[0]), *inputs[1:])

    hooks = [layer.register_forward_pre_hook(move) for layer in layers]
    try:
        draws = range(DRAWS if layers else 0)
        return max((_difference(model(*given).cpu().numpy(), expected) for _ in draws), default=0.0)
    finally:
        for hook in hooks:
            hook.remove()


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found.astype(np.float64) - expected).max())
