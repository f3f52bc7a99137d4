"""The parameters of GoogLeNet and AlexNet, in today's forms and in the papers'."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured

CLAIM = Claim(
    id="inception-thrifty",
    place="arch/googlenet",
    en="GoogLeNet has a twelfth of AlexNet's parameters",
    zh="GoogLeNet 参数仅 AlexNet 的 1/12",
    hypothesis="AlexNet has at least 11.5 times the parameters of GoogLeNet without its side "
    "heads, which would round to twelve: in today's forms, and in the papers' own.",
    rule=("every today's forms >= 11.5", "every papers' forms >= 11.5"),
    exact=True,
    remark="The paper itself says twelve. Counted are 9.2 in the forms of today's libraries "
    "(61,100,840 and 6,624,904) and 8.7 in the papers' own (60,965,224 and 6,998,552); with the "
    "side heads that training adds it is not even five.",
    draw=("today's forms", "papers' forms", "with side heads"),
    axes=("AlexNet's parameters in GoogLeNets", ""),
)


def measure(seed: int, /) -> Measured:
    """How many GoogLeNets make an AlexNet."""
    return {
        "today's forms": _count("alexnet") / _count("googlenet"),
        "papers' forms": _count("alexnet-2012") / _count("googlenet-2014"),
        "with side heads": _count("alexnet") / _count("googlenet-auxiliary"),
    }


def _count(name: str) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in build(name).parameters())
