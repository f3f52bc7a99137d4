"""Activation patching: which layer carries what two answers differ in, by swapping what it gives.

Two examples get different answers. While the model runs on the second, one layer gives what it gave
for the first. As far as the answer goes over to the first's, the layer carries the difference: a
cause, not a correlate. Of one layer the same is asked of each part by itself, of each channel,
token or unit. The control swaps in a third example, which is answered as the second.

    effect = (d(x' with the layer of x) - d(x')) / (d(x) - d(x')),    d = f_a - f_b

Shapes: x (n ...); a and b the model's answers to x and x'.

Departures: the paper swaps the nodes of a causal graph; here they are what a model's parts give,
each part that runs once. Effects are means over pairs, with their standard errors. Values are
different answers where one is above the median of all and one is not.

References:
    Jesse Vig, Sebastian Gehrmann, Yonatan Belinkov, Sharon Qian, Daniel Nevo, Yaron Singer, Stuart
    Shieber. Investigating gender bias in language models using causal mediation analysis. NeurIPS
    2020. https://arxiv.org/abs/2004.12265
    Kevin Meng, David Bau, Alex Andonian, Yonatan Belinkov. Locating and editing factual
    associations in GPT. NeurIPS 2022. https://arxiv.org/abs/2202.05262

>>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
>>> x = torch.tensor([[9.0, 0.0], [-9.0, 0.0], [0.0, 9.0], [0.0, -9.0]]).repeat(5, 1)
>>> found = activation_patching(model, x, torch.zeros(20), pairs=4)
>>> found.names, found.effects.round().tolist()
(('0', '1', '2'), [1.0, 1.0, 1.0])
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import signature_if_any
from cartograd.frontier.explain.layers import layer_named
from cartograd.frontier.inputs import answers, check_takes, rows_at_once

CARD = Card(
    name="activation-patching",
    kind="study",
    entry="activation_patching",
    nodes=("xai/evaluation",),
    title="Activation patching",
    zh="激活修补",
    paper="Investigating gender bias in language models using causal mediation analysis",
    year=2020,
    url="https://arxiv.org/abs/2004.12265",
    aliases=("causal-tracing",),
    proofs=(
        "law: of two branches that are added the effects sum to 1, and one that is not used has "
        "none",
        "law: what all else follows from restores the whole difference, and a third example that "
        "is answered as the second none of it on average",
    ),
    tiny={"pairs": 4},
)


@dataclass(frozen=True)
class Patched:
    """What swapping restores of the difference between two answers.

    Attributes:
        layer: of whose parts it is; empty where it is of whole layers.
        names: of the layers or parts.
        effects, errors: means over pairs, and their standard errors.
        controls: the same of a third example, which is answered as the second.
        pairs: how many.
    """

    layer: str
    names: tuple[str, ...]
    effects: Float[Tensor, " k"]
    errors: Float[Tensor, " k"]
    controls: Float[Tensor, " k"]
    pairs: int

    columns = ("swapped", "restores", "standard error", "control")

    @property
    def notes(self) -> list[tuple[str, str]]:
        """In lines."""
        best = int(self.effects.argmax())
        what = f"of {self.layer}, each part by itself" if self.layer else "whole layers, one a time"
        told = f"{self.names[best]} restores {float(self.effects[best]):.2f}"
        lines = [("swapped", what), ("pairs", f"{self.pairs} of different answers"), ("most", told)]
        if not self.layer and float(self.effects.min()) > 0.999:
            lines.append(("note", "all goes through each of these; layer=NAME swaps its parts"))
        return lines

    def rows(self) -> list[tuple[str, ...]]:
        """A row for each layer in the order of the run, or for each part, the largest first."""
        order = range(len(self.names))
        if self.layer:
            order = self.effects.argsort(descending=True, stable=True).tolist()
        each = zip(*(x.tolist() for x in (self.effects, self.errors, self.controls)), strict=True)
        cells = [tuple(f"{value:.3f}" for value in row) for row in each]
        return [(self.names[at], *cells[at]) for at in order]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        each = zip(*(x.tolist() for x in (self.effects, self.errors, self.controls)), strict=True)
        keys = ("effect", "error", "control")
        found = {
            name: dict(zip(keys, row, strict=True))
            for name, row in zip(self.names, each, strict=True)
        }
        return {"layer": self.layer, "pairs": self.pairs, "effects": found}


def activation_patching(
    model: nn.Module,
    x: Shaped[Tensor, "n ..."],
    y: Shaped[Tensor, "n ..."],  # noqa: ARG001  the model's own answers count
    /,
    *,
    layer: str | None = None,
    pairs: int = 32,
    seed: int = 0,
) -> Patched:
    """What each layer, or each part of one, restores of the difference between two answers.

    Args:
        model: any module that answers.
        x: examples.
        y: their classes or values, which are not asked for.
        layer: whose parts are swapped by themselves (channels, tokens, units); by default whole
            layers are.
        pairs: how many pairs of examples.
        seed: of which.

    Raises:
        UsageError: all answers are the same, or a layer that does not exist or does not run once.
    """
    check_takes(model, x)
    with evaluating(model), torch.inference_mode(False), torch.no_grad():
        said = torch.cat([answers(model, part) for part in x.split(rows_at_once(x))])
        labels = said.argmax(1)
        if said.shape[1] == 1:
            labels = (said > _middle(model, said))[:, 0].long()
            said = torch.cat([-said, said], 1)
        first, second, third = _drawn(labels, pairs, seed)
        runs = _Runs(model, x, said, labels, first, second)
        seen = runs.recorded(first, layer)
        other = {name: runs.recorded(third, name)[name] for name in seen}
        if layer is None:
            swaps = [(name, name, slice(None)) for name in seen]
        else:
            count = seen[layer].shape[1]
            swaps = [(f"{layer}[{at}]", layer, slice(at, at + 1)) for at in range(count)]
        effects = [runs.effect(name, seen[name], part) for _, name, part in swaps]
        controls = [runs.effect(name, other[name], part).mean() for _, name, part in swaps]
    found = torch.stack(effects)
    errors = found.std(1) / len(first) ** 0.5 if len(first) > 1 else torch.zeros(len(found))
    names = tuple(name for name, _, _ in swaps)
    return Patched(layer or "", names, found.mean(1), errors, torch.stack(controls), len(first))


def _middle(model: nn.Module, said: Float[Tensor, "n 1"]) -> Float[Tensor, ""] | float:
    """What parts the answers of a single number: 0 of a logit, the median of values."""
    signature = signature_if_any(model)
    return said.median() if signature is not None and signature.task.name == "regress" else 0.0


def _drawn(
    said: Int[Tensor, " n"], pairs: int, seed: int
) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"], Int[Tensor, " m"]]:
    """Pairs of examples with different answers, and a third with the answer of the second."""
    draw = torch.Generator().manual_seed(seed)
    labels = said.cpu()
    if len(labels.unique()) < 2:
        raise UsageError(
            f"the model answers all {len(labels)} examples alike, and a pair of different answers "
            "is looked for; give other examples"
        )
    found = []
    for _ in range(pairs):
        one = int(torch.randint(len(labels), (), generator=draw))
        rest = (labels != labels[one]).nonzero()[:, 0]
        two = int(rest[torch.randint(len(rest), (), generator=draw)])
        like = (labels == labels[two]).nonzero()[:, 0]
        found.append((one, two, int(like[torch.randint(len(like), (), generator=draw)])))
    first, second, third = torch.tensor(found).T
    return first, second, third


class _Runs:
    """Runs of a model on the second examples of pairs, with what layers gave for others."""

    def __init__(
        self,
        model: nn.Module,
        x: Tensor,
        said: Tensor,
        labels: Tensor,
        first: Tensor,
        second: Tensor,
        /,
    ) -> None:
        self.model, self.x, self.second = model, x, second
        a, b = labels[first], labels[second]
        self.gap = partial(_gap, a=a, b=b)
        self.plain, self.whole = self.gap(said[second]), self.gap(said[first])

    def recorded(self, rows: Tensor, layer: str | None) -> dict[str, Tensor]:
        """What each part that runs once gives for some examples, by its name; or one alone."""
        given: dict[str, list[Any]] = {}
        parts = {name: part for name, part in self.model.named_modules() if name}
        if layer is not None:
            parts = {layer: layer_named(self.model, layer)}

        def note(name: str) -> Callable[..., None]:
            return lambda _, __, output: given.setdefault(name, []).append(_kept(output))

        hooks = [part.register_forward_hook(note(name)) for name, part in parts.items()]
        try:
            answers(self.model, self.x[rows])
        finally:
            for hook in hooks:
                hook.remove()
        found, known = dict[str, Tensor](), set[tuple[int, int]]()
        for name, outputs in given.items():
            output, version, value = outputs[0]
            once = len(outputs) == 1 and isinstance(value, Tensor) and value.ndim > 1
            if once and len(value) == len(rows) and (id(output), version) not in known:
                found[name] = value
                known.add((id(output), version))  # a container gives what its last part gave
        if not found:
            raise UsageError(
                f"{layer or 'no part of the model'} gives one tensor with a row for each example, "
                "once in a run; name a layer that does"
            )
        return found

    def effect(self, name: str, value: Tensor, part: slice) -> Float[Tensor, " n"]:
        """The share of the difference that a swap restores, for each pair."""
        with _given(layer_named(self.model, name), value, part):
            said = answers(self.model, self.x[self.second])
        if said.shape[1] == 1:
            said = torch.cat([-said, said], 1)
        return ((self.gap(said) - self.plain) / (self.whole - self.plain)).double().cpu()


def _kept(output: Any, /) -> tuple[Any, int, Any]:
    """What a part gave, how often that was changed in place, and its values before it is again."""
    is_one = isinstance(output, Tensor)
    return output, output._version if is_one else 0, output.clone() if is_one else None


def _gap(said: Float[Tensor, "n k"], *, a: Tensor, b: Tensor) -> Float[Tensor, " n"]:
    """How much more the first answer is said than the second."""
    return (said.gather(1, a[:, None]) - said.gather(1, b[:, None]))[:, 0]


@contextmanager
def _given(layer: nn.Module, value: Tensor, part: slice) -> Iterator[None]:
    """A layer gives another value, or one in a part of what it gives, within the block."""

    def swap(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        changed = output.clone()
        changed[:, part] = value[:, part]
        return changed

    hook = layer.register_forward_hook(swap)
    try:
        yield
    finally:
        hook.remove()
