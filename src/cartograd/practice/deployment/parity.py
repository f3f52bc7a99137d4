"""A model and its exported file side by side: do they agree, and which is faster?"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from cartograd.core.eval_mode import evaluating
from cartograd.engine.files.onnx_session import session
from cartograd.engine.files.rebuild import rounding_steps
from cartograd.engine.files.rebuild import tolerance as rounded

TOLERANCE = 1e-4
"""Largest difference that counts as rounding, as a share of the largest output (or of 1); of layers
that round their inputs, see `engine.files.rebuild`."""

SECONDS = 0.5
"""How long each runtime is timed for, at most."""


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
    onnx_ms: float | None
    """Median time of onnxruntime for them, on as many threads."""
    ratio: float | None
    """How many times faster onnxruntime was."""
    size: int
    """Bytes of the file, or of the folder's."""


def check(
    model: nn.Module, path: str | Path, inputs: Shaped[Tensor, "b ..."] | tuple[Tensor, ...], /
) -> Check:
    """Run a model and its exported file on the same inputs: do they agree, and which is faster?

    Args:
        model: the one that was exported.
        path: the ONNX file.
        inputs: real examples, in the units of the input ports.

    Raises:
        UsageError: onnxruntime is not installed, or the file is not one that it can run.
    """
    given, run = _each(inputs), session(Path(path))
    difference, tolerance = _compared(model, run, given)
    arrays = [part.cpu().numpy() for part in given]
    with evaluating(model), torch.inference_mode():
        times = _times(lambda: model(*given), lambda: run(arrays))
    return Check(
        difference=difference,
        tolerance=tolerance,
        agree=difference <= tolerance,
        torch_ms=times[0],
        onnx_ms=times[1],
        ratio=times[0] / times[1],
        size=Path(path).stat().st_size,
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
        written_size(path),
    )  # fmt: skip


def written_size(path: Path, /) -> int:
    """Bytes of a file, or of all files of a folder."""
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


def _each(inputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(part.detach() for part in (inputs if isinstance(inputs, tuple) else (inputs,)))


def _compared(
    model: nn.Module, run: Callable[[list[np.ndarray]], np.ndarray], given: tuple[Tensor, ...]
) -> tuple[float, float]:
    """The largest difference, over the batch and over a batch of one, and the tolerance."""
    arrays = [part.cpu().numpy() for part in given]
    with evaluating(model), torch.inference_mode():
        with rounding_steps(model) as steps:
            expected = model(*given).cpu().numpy()
        alone = model(*(part[:1] for part in given)).cpu().numpy()
    found = max(
        _difference(run(arrays), expected), _difference(run([a[:1] for a in arrays]), alone)
    )
    share = rounded(steps) if any(steps) else TOLERANCE
    return found, share * max(1.0, float(np.abs(expected).max()))


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found.astype(np.float64) - expected).max())


def _times(*runs: Callable[[], Any]) -> list[float]:
    """Median milliseconds of each, taken in turns so that both meet the same machine."""
    spent: list[list[float]] = [[] for _ in runs]
    end = time.perf_counter() + SECONDS * len(runs)
    while len(spent[0]) < 3 or (time.perf_counter() < end and len(spent[0]) < 200):
        for run, kept in zip(runs, spent, strict=True):
            start = time.perf_counter()
            run()
            kept.append((time.perf_counter() - start) * 1000)
    return [median(kept) for kept in spent]
