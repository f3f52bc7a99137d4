"""Modules as other people write them, of each kind that behaves in a way of its own.

Each comes with data that it fits, how it is signed, and the verbs that refuse it, with a word of
the sentence that says why and what to do.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

import cartograd as cg

TOKENS = "only real numbers have a gradient"
SEVERAL = "several inputs"


@dataclass(frozen=True)
class Kind:
    """A kind of module."""

    make: Callable[[], nn.Module]
    data: Callable[[], Any]
    output: Any = None
    refused: dict[str, str] = field(default_factory=dict)
    few: bool = False
    """Whether only the verbs are tried that may treat it otherwise than the plain one."""


def _seeded(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def rows() -> Any:
    x = _seeded(60, 2)
    return cg.tensors(x, (x[:, 0] > x[:, 1]).long(), bounds=(0.0, 1.0), name="rows")


def pictures() -> Any:
    return cg.tensors(_seeded(60, 1, 6, 6), torch.arange(60) % 3, name="pictures")


def raw_pictures() -> Any:
    x, y = _seeded(60, 1, 6, 6), torch.arange(60) % 3
    return cg.tensors(x, y, standardise=False, name="raw")


def series() -> Any:
    return cg.tensors(_seeded(60, 7, 4), torch.arange(60) % 2, kind="vector", name="series")


def values() -> Any:
    return cg.tensors(_seeded(60, 3), _seeded(60, 2), name="values")


def _ids() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randint(1, 20, (60, 6), generator=torch.Generator().manual_seed(1))
    return x, (x[:, 0] > 10).long()


def tokens() -> Any:
    x, y = _ids()
    return cg.tensors(x, y, kind="text", bounds=(0, 19), name="tokens")


def masked_tokens() -> Any:
    x, y = _ids()
    mask = (torch.arange(6) < 4).expand(60, 6).clone()
    mask[0] = True
    return cg.tensors({"input_ids": x, "attention_mask": mask}, y, name="masked")


def two() -> Any:
    a, b = _seeded(60, 3), _seeded(60, 2)
    return cg.tensors((a, b), (a[:, 0] > b[:, 0]).long(), name="two")


def mlp(outputs: int = 2) -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, outputs))


class Wrapped(nn.Module):
    """Puts the logits into what a function makes of them."""

    def __init__(self, pack: Callable[[torch.Tensor], Any], inner: nn.Module | None = None):
        super().__init__()
        self.inner, self.pack = inner or mlp(), pack

    def forward(self, x):
        return self.pack(self.inner(x))


@dataclass
class Answer:
    logits: torch.Tensor
    hidden: torch.Tensor


class Heads(nn.Module):
    def __init__(self, aux_logits: bool):
        super().__init__()
        self.inner, self.side, self.aux_logits = mlp(), nn.Linear(2, 2), aux_logits

    def forward(self, x):
        return (self.inner(x), self.side(x)) if self.training else self.inner(x)


class InPlace(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(64, 3)

    def forward(self, x):
        x.mul_(2).sub_(1)
        return self.head(nn.functional.relu_(self.conv(x)).flatten(1))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(2, 2)

    def forward(self, a, b):
        return self.a(a) + self.b(b)


class Texts(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(20, 8), nn.Linear(8, 2)

    def forward(self, input_ids, attention_mask=None):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        mask = mask[..., None].float()
        return self.head((self.table(input_ids) * mask).sum(1) / mask.sum(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.read, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.read(x)[0][:, -1])


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.out(self.b(self.a(x).tanh()).tanh())


class NoWeights(nn.Module):
    def forward(self, x):
        return torch.stack([x[:, 0], x[:, 1]], 1)


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return mlp()


def normed() -> nn.Module:
    return nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
    )


def lazy() -> nn.Module:
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3))


def parametrized() -> nn.Module:
    normal = torch.nn.utils.parametrizations
    return nn.Sequential(normal.spectral_norm(nn.Linear(2, 4)), normal.weight_norm(nn.Linear(4, 2)))


class ExtraState(nn.Module):
    """Keeps a dictionary beside its weights."""

    def __init__(self):
        super().__init__()
        self.inner, self.count = mlp(), 0

    def forward(self, x):
        self.count += self.training
        return self.inner(x)

    def get_extra_state(self):
        return {"count": self.count, "words": ["a", "b"]}

    def set_extra_state(self, state):
        self.count = state["count"]


class Spectral(nn.Module):
    """Complex weights; it overwrites what the gradient of its product needs if told to."""

    def __init__(self, in_place: bool):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2, 2, dtype=torch.cfloat))
        self.head, self.in_place = nn.Linear(36, 3), in_place

    def forward(self, x):
        waves = torch.fft.fft2(x[:, 0]).clone()
        if self.in_place:
            waves[:, :2, :2] = waves[:, :2, :2] * self.scale
        else:
            waves[:, :2, :2] = waves[:, :2, :2].clone() * self.scale
        return self.head(torch.fft.ifft2(waves).real.flatten(1))


class Counted(nn.Module):
    """Numbers its layers by the process, and its copies too, as Keras does."""

    made = 0

    def __init__(self):
        super().__init__()
        Counted.made += 1
        name = f"net_{Counted.made}/dense_{Counted.made + 8}/kernel"
        self.held = nn.ParameterDict({name: nn.Parameter(torch.ones(2, 2))})

    def __deepcopy__(self, memo):
        other = Counted()
        for new, old in zip(other.parameters(), self.parameters(), strict=True):
            new.data.copy_(old.data)
        return other

    def forward(self, x):
        return x @ next(iter(self.held.values()))


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear})


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(mlp())


def own_names() -> nn.Module:
    """Has attributes that are called as those that Cartograd gives."""
    model = mlp()
    model.signature, model.spec = "mine", "mine too"
    return model


def bert() -> nn.Module:
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(
        BertConfig(
            vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=8, max_position_embeddings=8, num_labels=2,
        )
    )  # fmt: skip


ALL = ("sign", "train")
NO_ATTACK = {"attack": TOKENS}
OF_TWO = {"explain": SEVERAL, "attack": SEVERAL, "serve": "In Python: cartograd.predict"}

KINDS = {
    "plain": Kind(mlp, rows),
    "normed": Kind(normed, rows),
    "in-place": Kind(InPlace, raw_pictures),
    "lazy": Kind(lazy, pictures),
    "tied": Kind(Tied, rows),
    "parametrized": Kind(parametrized, rows),
    "no-weights": Kind(NoWeights, rows, refused={"train": "no weights to train"}),
    "dict": Kind(lambda: Wrapped(lambda z: {"logits": z, "hidden": z * 2}), rows, "logits"),
    "object": Kind(lambda: Wrapped(lambda z: Answer(z, z * 2)), rows, "logits"),
    "list": Kind(lambda: Wrapped(lambda z: [z * 2, z]), rows, 1),
    "dict-unsaid": Kind(
        lambda: Wrapped(lambda z: {"logits": z}), rows,
        refused=dict.fromkeys(ALL, "output='logits'"),
    ),
    "heads": Kind(lambda: Heads(aux_logits=True), rows),
    "tuple-unsaid": Kind(
        lambda: Wrapped(lambda z: (z, z * 2)), rows, refused=dict.fromkeys(ALL, "output=0")
    ),
    "two-inputs": Kind(Two, two, refused=OF_TWO),
    "masked": Kind(Texts, masked_tokens, refused=OF_TWO),
    "tokens": Kind(Texts, tokens, refused=NO_ATTACK),
    "bert": Kind(bert, tokens, "logits", refused=NO_ATTACK),
    "recurrent": Kind(Recurrent, series),
    "single-logit": Kind(lambda: mlp(1), rows),
    "float64": Kind(lambda: mlp().double(), rows),
    "bfloat16": Kind(
        lambda: mlp().bfloat16(), rows, refused={"export": "export the model in float32"}
    ),
    "regression": Kind(
        lambda: nn.Linear(3, 2), values, refused={"attack": "attacks mislead classifiers"}
    ),
    "meta": Kind(on_meta, rows, refused=dict.fromkeys(ALL, "meta device")),
    "too-wide": Kind(lambda: mlp(5), rows, refused=dict.fromkeys(ALL, "each of 2 classes")),
    "other-size": Kind(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 3)), pictures,
        refused=dict.fromkeys(ALL, "does not take what the signature says"),
    ),
    "extra-state": Kind(ExtraState, rows, few=True),
    "complex": Kind(lambda: Spectral(in_place=False), pictures, few=True),
    "overwritten": Kind(
        lambda: Spectral(in_place=True), pictures, few=True,
        refused={"train": "modified by an inplace operation"},
    ),
    "counted": Kind(Counted, rows, few=True, refused={"diagnose": "the layers cannot be looked"}),
    "quantised": Kind(quantised, rows, few=True, refused={"train": "no weights to train"}),
    "scripted": Kind(
        scripted, rows, few=True,
        refused={"diagnose": "layers of a scripted module", "export": "a scripted module runs"},
    ),
    "own-names": Kind(own_names, rows, few=True),
    "traced-graph": Kind(lambda: torch.fx.symbolic_trace(mlp()), rows, few=True),
    "bag": Kind(
        lambda: nn.Sequential(nn.EmbeddingBag(20, 8), nn.Linear(8, 2)), tokens, few=True,
        refused={"explain": "looks them up in no nn.Embedding"},
    ),
}  # fmt: skip
