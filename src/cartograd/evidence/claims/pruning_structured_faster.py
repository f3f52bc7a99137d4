"""The same share of a network's weights, cut out as channels or set to zero one by one."""

import warnings

import torch
from torch import Tensor, nn

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.turns import least_seconds

CLAIM = Claim(
    id="pruning-structured-faster",
    place="compress/prune-structured",
    en="Structured pruning speeds up, unstructured alone does not",
    zh="结构化剪枝便于加速",
    hypothesis="Half of the channels of a ResNet-18 of width 32 (pictures of 3 x 32 x 32) go, and "
    "half of the units of an MLP 2048-2048: 0.75 and 0.60 of their weights. Each then takes less "
    "processor time, for 64 pictures at once and for one; with as many weights set to zero where "
    "they stand it takes more than 0.9 of the whole network's. The least of calls in turns, one "
    "thread, as ratios; the weights are drawn, for no time depends on what they say.",
    rule=(
        "ratio ResNet cut, 64 < 1",
        "ratio ResNet cut, one < 1",
        "ratio ResNet zeros, 64 > 0.9",
        "ratio ResNet zeros, one > 0.9",
        "ratio MLP cut, 64 < 1",
        "ratio MLP cut, one < 1",
        "ratio MLP zeros, 64 > 0.9",
        "ratio MLP zeros, one > 0.9",
    ),
    requires=("every shares apart < 0.001",),
    seeds=20,
    first=100,
    remark="For one picture the MLP's products wait for memory, and how fast that is differs from "
    "copy to copy of the same matrices: three seeds, 0 to 2, left that cell of eight open (0.78 to "
    "1.12) where the others held, so twenty others are asked by the same rule. A ratio is "
    "that of one machine. Of the MLP the products with rows that list what is "
    "not zero (CSR) are told besides: that is what it takes for zeros to save time, and how much "
    "they save at this share.",
    draw=("ResNet cut, 64", "ResNet zeros, 64", "MLP cut, 64", "MLP zeros, 64", "MLP CSR, 64"),
    axes=("processor time over that of the whole network", ""),
)
NETWORKS = {"ResNet": "resnet18:width=32", "MLP": "mlp:widths=[2048,2048]"}
TURNS = {"64": 10, "one": 100}
"""How often each is asked, by how many pictures at once."""


class Listed(nn.Module):
    """A linear layer whose weights are listed by rows, without the zeros."""

    def __init__(self, layer: nn.Linear):
        super().__init__()
        with warnings.catch_warnings(action="ignore"):  # torch calls the layout new
            self.rows = layer.weight.detach().to_sparse_csr()
        self.bias = layer.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """As the layer does."""
        return torch.addmm(self.bias[:, None], self.rows, x.mT).mT


def measure(seed: int, /) -> Measured:
    """Times of both ways, as shares of the whole network's."""
    torch.manual_seed(seed)
    picture, label = Port("image", "image", (3, 32, 32)), Port("class", "label", (10,))
    x, found = torch.rand(64, 3, 32, 32), {"shares apart": 0.0}
    for name, spec in NETWORKS.items():
        whole = build(spec, signature=Signature((picture,), (label,))).eval()
        cut = build("prune-channels:amount=0.5", kind="compressor")(whole).eval()
        gone = 1 - _left(cut) / _left(whole)
        zeros = build(f"prune-magnitude:amount={gone}", kind="compressor")(whole).eval()
        apart = abs(1 - _left(zeros) / _left(whole) - gone)
        found["shares apart"] = max(apart, found["shares apart"])
        forms = {"whole": whole, "cut": cut, "zeros": zeros}
        if name == "MLP":
            forms["CSR"] = build(f"prune-magnitude:amount={gone}", kind="compressor")(whole).eval()
            for path, layer in [*forms["CSR"].named_modules()]:
                if isinstance(layer, nn.Linear):
                    forms["CSR"].set_submodule(path, Listed(layer))
        for many, turns in TURNS.items():
            times = least_seconds([*forms.values()], x[: 64 if many == "64" else 1], turns)
            for form, spent in zip(forms, times, strict=True):
                found[f"{name} {form}, {many}"] = spent / times[0]
        found[f"{name} share gone"] = gone
    return {name: value for name, value in found.items() if " whole, " not in name}


def _left(model: nn.Module) -> int:
    """Weights of matrices and kernels that are not zero."""
    return sum(int((one != 0).sum()) for one in model.parameters() if one.ndim > 1)
