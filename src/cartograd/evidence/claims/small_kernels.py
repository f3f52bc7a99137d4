"""Two 3x3 convolutions in a row beside one of 5x5: what they see, and what they weigh."""

import torch
from torch import nn

from cartograd.evidence.claim import Claim, Curve, Measured

CLAIM = Claim(
    id="small-kernels",
    place="arch/vgg",
    en="Two 3x3 layers see as much as one 5x5 with fewer weights",
    zh="3×3 堆叠等效大核且参数更少",
    hypothesis="With 64 maps everywhere, the gradient of one output of two 3x3 convolutions in a "
    "row reaches the same 5 x 5 pixels as that of one 5x5 convolution, and three reach the 7 x 7 "
    "of one 7x7; the stacks have fewer weights: 18 c^2 against 25, 27 against 49.",
    rule=(
        "every pixels unlike < 1",
        "every weights two / one < 1",
        "every weights three / one < 1",
    ),
    exact=True,
    remark="What they see is alike, what they compute is not: a stack has a nonlinearity between, "
    "and cannot form every 5x5 kernel.",
    draw=("stacks of 3x3", "one large kernel"),
    axes=("rows that are seen", "weights, in c^2"),
)
MAPS = 64


def measure(seed: int, /) -> Measured:
    """Fields by gradients, and weights."""
    unlike, found = 0.0, {}
    names = {2: "two", 3: "three"}
    stacks, large = [9.0], [9.0]
    for count, name in names.items():
        kernel = 2 * count + 1
        stack = nn.Sequential(*(_layer(3) for _ in range(count)))
        one = nn.Sequential(_layer(kernel))
        unlike += (_seen(stack) != _seen(one)).sum().item()
        unlike += abs(_seen(one).sum().item() - kernel**2)
        weights = [sum(p.numel() for p in net.parameters()) for net in (stack, one)]
        found[f"weights {name} / one"] = weights[0] / weights[1]
        stacks.append(weights[0] / MAPS**2)
        large.append(weights[1] / MAPS**2)
    fields = [3.0, 5.0, 7.0]
    found |= {"stacks of 3x3": Curve(fields, stacks), "one large kernel": Curve(fields, large)}
    return found | {"pixels unlike": unlike}


def _layer(kernel: int) -> nn.Conv2d:
    layer = nn.Conv2d(MAPS, MAPS, kernel, padding=kernel // 2, bias=False)
    nn.init.ones_(layer.weight)
    return layer


def _seen(net: nn.Module) -> torch.Tensor:
    """Which pixels of the image one output in the middle depends on."""
    x = torch.zeros(1, MAPS, 15, 15, requires_grad=True)
    return torch.autograd.grad(net(x)[0, 0, 7, 7], x)[0][0, 0] != 0
