"""Mean and standard deviation of a port, measured on the training split only."""

from dataclasses import replace

import torch
from jaxtyping import Shaped
from torch import Tensor

from cartograd.core.ports import Port
from cartograd.data.decode.stored import as_port


def measured(port: Port, stored: Shaped[Tensor, "n ..."], /) -> Port:
    """The port with the statistics of these examples.

    Per channel for an image or a series, per number for a vector or value, one for all otherwise;
    a constant number gets a standard deviation of 1. Rounded to 7 digits, so that they read well in
    files.
    """
    keep = {"image": 1, "series": 1, "vector": 1, "value": 1}.get(port.kind)
    total = square = torch.zeros((), dtype=torch.float64)
    count = 0
    for part in stored.split(4096):
        values = as_port(part, port.kind).double()
        axes = [axis for axis in range(values.ndim) if axis != keep]
        total = total + values.sum(axes)
        square = square + values.square().sum(axes)
        count += values.numel() // (values.shape[keep] if keep else 1)
    mean = total / max(count, 1)
    std = (square / max(count, 1) - mean.square()).clamp_min(0).sqrt()
    std = torch.where(std > 1e-7 * mean.abs().clamp_min(1e-30), std, torch.ones_like(std))
    return replace(port, mean=_rounded(mean), std=_rounded(std))


def _rounded(values: Tensor) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in values.reshape(-1).tolist())
