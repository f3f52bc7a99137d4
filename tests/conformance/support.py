"""Every check over every card of a kind, and the small inputs that the checks need."""

import importlib
import inspect
import math
import runpy
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from cartograd.architectures.transformer.vit import ViT
from cartograd.core import packages, registry
from cartograd.core.build import build, entry, hyperparameters
from cartograd.core.card import Card
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.task import find
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.frontier.explain.trees.random_forest import RandomForest
from tests.conformance.exceptions import EXPECTED
from tests.conformance.subjects import ATTENDING, GROWN, OF_PICTURES, OF_TEXTS, READING, SIGNATURES


def over(*kinds: str) -> Callable[[Any], Any]:
    """Run a check over every card of these kinds (of all kinds if none is named)."""

    def wrap(check: Any) -> Any:
        check.kinds = kinds
        cards = [card for card in registry.cards().values() if not kinds or card.kind in kinds]
        return pytest.mark.parametrize("card", [_case(card, check.__name__) for card in cards])(
            check
        )

    return wrap


TESTS = Path(__file__).parents[1]


def offered(card: Card, name: str, table: dict[str, Any]) -> Any:
    """What a check needs of a method that takes data of its own, or None.

    A line of a table of `subjects`, or the function `name` in the method's own test file
    (`test_NAME.py`), also in the folder `tests` beside a package of a user.
    """
    if card.name in table:
        return table[card.name]
    file = f"test_{card.name.replace('-', '_')}.py"
    package = packages.home(card.module)
    root = TESTS if package is None else package.place.parent / "tests"
    for path in _files(root).get(file, ()):
        if f"def {name}(" in path.read_text(encoding="utf-8"):
            return runpy.run_path(str(path))[name]
    return None


@cache
def _files(root: Path) -> dict[str, list[Path]]:
    """The test files of a folder by their names; walked once."""
    found: dict[str, list[Path]] = {}
    for path in root.rglob("test_*.py"):
        found.setdefault(path.name, []).append(path)
    return found


def _case(card: Card, check: str) -> Any:
    reason = EXPECTED.get((card.name, check))
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    return pytest.param(card, id=card.name, marks=marks)


def signature_of(card: Card, *, size: int | None = None) -> Signature:
    """A signature that the model of this card fits, as small as its `tiny` arguments say."""
    if card.name in SIGNATURES:
        return SIGNATURES[card.name]
    if card.answers:
        return _example_signature(card, size=size)
    known = hyperparameters(card)
    classes = card.tiny.get("classes", known["classes"].default if "classes" in known else 3)
    label = Port("class", "label", (classes,), labels=tuple(f"class {i}" for i in range(classes)))
    if "vocabulary" in known:
        return _text_signature(card)
    if "channels" in known:
        channels, side = card.tiny.get("channels", 1), size or card.tiny.get("size", 8)
        statistics = (0.5,) * channels, (0.25,) * channels
        image = Port("image", "image", (channels, side, side), "float32", (0.0, 1.0), *statistics)
        return Signature((image,), (label,))
    features = card.tiny.get("features", 4)
    row = Port(
        "row", "vector", (features,), "float32", (0.0, 1.0), (0.5,) * features, (0.25,) * features
    )
    return Signature((row,), (label,))


def _example_signature(card: Card, *, size: int | None = None) -> Signature:
    """Of a generative model: rows or pictures, and the class of each if `tiny` says how many."""
    tiny, row = card.tiny, Port("row", "vector", (card.tiny.get("features", 4),))
    if "channels" in tiny:
        side = size or tiny.get("size", 8)
        dims = (tiny["channels"], side, side)
        levels = tiny.get("levels", 0)
        row = Port("row", "image", dims, "float32", (0.0, 1.0), levels=levels)
    if find(card.answers).target == "whole":
        given = card.tiny.get("degradation", hyperparameters(card)["degradation"].default)
        seen = build(given, kind="degradation").port(row)
        return Signature((replace(seen, made_by=given),), (replace(row, task=card.answers),))
    inputs, answer = (row,), Port(card.answers, "value", (), task=card.answers)
    if find(card.answers).rebuilds:
        answer = replace(row, task=card.answers)
    if find(card.answers).draws:
        dims = (tiny["latent"],) if "latent" in tiny else row.dims
        inputs = (Port("noise", "vector", dims),)
        answer = replace(row, task=card.answers)
    elif find(card.answers).target == "value":
        answer = replace(row, name="answer", task=card.answers)
    if "classes" in tiny:
        labels = tuple(f"class {i}" for i in range(tiny["classes"]))
        inputs += (Port("class", "label", (), "int64", labels=labels),)
    return Signature(inputs, (answer,))


TOKEN_WISE = ("label-tokens", "masked-language-model", "scheduled-sampling", "crf")
"""Objectives whose models answer at each position."""


def _text_signature(card: Card) -> Signature:
    """Of a model that reads tokens: `tiny` says how many there are, and which one is padding.

    Its inputs are those of its `forward`: `tokens`, or `source` and `target`. It answers at each
    position (of the last input) if its objective says so: with one of `classes`, where it has
    them, else with a token.
    """
    known, tiny = hyperparameters(card), card.tiny
    forward = inspect.signature(entry(card).forward).parameters.values()
    names = [p.name for p in forward if p.default is p.empty and p.name != "self"]
    vocabulary = tiny["vocabulary"]
    ports = tuple(
        Port(name, "text", ("t",), "int64", (0, vocabulary - 1), padding_id=tiny.get("padding_id"))
        for name in names
    )
    tokens = "classes" not in known or card.objective == "masked-language-model"
    classes = vocabulary if tokens else tiny.get("classes", 3)
    dims = ("t", classes) if card.objective in TOKEN_WISE else (classes,)
    each = "translate" if len(ports) == 2 else "next-token" if tokens else "tag"
    masked = card.objective == "masked-language-model"
    task = "classify" if len(dims) == 1 else "masked-token" if masked else each
    return Signature(ports, (Port("answer", "label", dims, task=task),))


def model_of(card: Card, *, size: int | None = None) -> Signed:
    """The card's model, tiny, always with the same weights."""
    sizes = ("classes", "features", "channels", "size", "vocabulary", "padding_id")
    args = {key: value for key, value in card.tiny.items() if key not in sizes}
    torch.manual_seed(0)
    return build(card.name, signature=signature_of(card, size=size), **args)


LENGTH = 7
"""Tokens of a row."""


def inputs(signature: Signature, examples: int = 6, *, seed: int = 1) -> tuple[torch.Tensor, ...]:
    """Valid inputs of a signature's ports; rows of tokens end in padding, each elsewhere."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(_input(port, examples, generator) for port in signature.inputs)


def _input(port: Port, examples: int, generator: torch.Generator) -> torch.Tensor:
    if port.kind == "audio":
        return torch.rand(examples, *port.dims, generator=generator).sub(0.5).div(5)
    if port.kind == "label":
        return torch.arange(examples) % len(port.labels)
    numbered = [len(c.categories or ()) for c in port.columns if c.numbered for _ in range(c.width)]
    if numbered:
        drawn = torch.rand(examples, len(numbered), generator=generator)
        return (drawn * torch.tensor(numbered)).floor()
    if port.kind != "text":
        return torch.rand(examples, *port.dims, generator=generator)
    assert port.bounds is not None
    tokens = torch.randint(int(port.bounds[1]) + 1, (examples, LENGTH), generator=generator)
    if port.padding_id is None:
        return tokens
    tokens[tokens == port.padding_id] = (port.padding_id + 1) % (int(port.bounds[1]) + 1)
    shorter = torch.arange(LENGTH) > (torch.arange(examples) * 2 % LENGTH)[:, None]
    return tokens.masked_fill(shorter, port.padding_id)


def batch(card: Card, examples: int = 6) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
    """Inputs and targets for the model of a card."""
    signature = signature_of(card)
    given, shape = inputs(signature, examples), answer_shape(signature, examples)
    if signature.draws or signature.target == "whole":
        return given, torch.rand(shape, generator=torch.Generator().manual_seed(2))
    if signature.target == "example":
        return given, given[0]
    targets = torch.arange(math.prod(shape[:-1])).reshape(shape[:-1]) % shape[-1]
    padding = signature.inputs[-1].padding_id
    if padding is not None and given[-1].shape == targets.shape:
        targets = targets.masked_fill(given[-1] == padding, -100)
    return given, targets


def answer_shape(signature: Signature, examples: int = 6) -> tuple[int, ...]:
    """The shape of the answers to `inputs`."""
    dims = (LENGTH if isinstance(dim, str) else dim for dim in signature.output.dims)
    return (examples, *dims)


def double(given: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Numbers in double precision; tokens as they are."""
    return tuple(x.double() if x.is_floating_point() else x for x in given)


def loss_of(answer: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of an answer, at each position if it has several; of one number its square.

    The negative of a density; of an example the squared distance.
    """
    if answer.ndim == 1:
        return -answer.mean()
    if answer.shape == targets.shape:
        return (answer - targets).square().mean()
    if answer.shape[-1] == 1:
        return answer.square().mean()
    return torch.nn.functional.cross_entropy(answer.flatten(0, -2), targets.flatten())


def judged_model() -> tuple[Signed, torch.Tensor, torch.Tensor]:
    """A small network with every trap for what looks at models: normalisation in training mode,
    dropout, a frozen weight, a gradient that is there already, a hook of its owner.
    """
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Dropout(0.5),
        torch.nn.Flatten(), torch.nn.Linear(4 * 3 * 3, 3),
    )  # fmt: skip
    image = Port("image", "image", (2, 5, 5), "float32", (0.0, 1.0), (0.4, 0.6), (0.2, 0.3))
    model = Signed(layers, Signature((image,), (Port("class", "label", (3,)),)))
    layers[0].weight.requires_grad_(False)
    layers[1].train()
    layers[3].eval()
    layers[5].weight.grad = torch.ones_like(layers[5].weight)
    layers[2].register_forward_hook(lambda *given: None)
    return model, torch.rand(6, 2, 5, 5), torch.arange(6) % 3


def attending_model() -> tuple[Signed, torch.Tensor, torch.Tensor]:
    """A small transformer with the same traps."""
    torch.manual_seed(0)
    vit = ViT(size=8, channels=2, classes=5, dim=8, heads=2, depth=2, dropout=0.5)
    layers = torch.nn.Sequential(vit, torch.nn.Dropout(0.5), torch.nn.Linear(5, 3))
    image = Port("image", "image", (2, 8, 8), "float32", (0.0, 1.0), (0.4, 0.6), (0.2, 0.3))
    model = Signed(layers, Signature((image,), (Port("class", "label", (3,)),)))
    layers[2].weight.requires_grad_(False)
    layers[1].eval()
    vit.head.weight.grad = torch.ones_like(vit.head.weight)
    vit.blocks[0].attention.register_forward_hook(lambda *given: None)
    return model, torch.rand(6, 2, 8, 8), torch.arange(6) % 3


def grown_model() -> tuple[Signed, torch.Tensor, torch.Tensor]:
    """A small forest behind layers that do nothing in evaluation."""
    torch.manual_seed(0)
    forest = RandomForest(features=6, classes=3, depth=4, trees=3)
    x, y = torch.rand(40, 6), torch.arange(40) % 3
    layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), forest)
    row = Port("row", "vector", (6,), "float32", (0.0, 1.0), (0.4,) * 6, (0.2,) * 6)
    model = Signed(layers, Signature((row,), (Port("class", "label", (3,)),)))
    forest.grow((x - 0.4) / 0.2, y)
    layers[1].eval()
    forest.heap.says.grad = torch.ones_like(forest.heap.says)
    return model, x[:6], y[:6]


def looked_at(card: Card) -> tuple[Signed, torch.Tensor, torch.Tensor]:
    """A model with every trap, and examples: one that attends, that reads or that grew, for what
    needs it."""
    if card.name in ATTENDING:
        return attending_model()
    if card.name in READING:
        return reading_model()
    return grown_model() if card.name in GROWN else judged_model()


def exported_model(card: Card) -> Signed:
    """A model with every trap that an exporter takes: of any kind, of texts, or of pictures."""
    if card.name in OF_PICTURES:
        return published_network()
    if card.name not in OF_TEXTS:
        return judged_model()[0]
    torch.manual_seed(0)
    words = Tokenizer.bytes()
    text = Port("text", "text", ("t",), "int64", (0, words.vocabulary - 1))
    told = Signature((text,), (Port("next", "label", ("t", 256), task="next-token"),))
    model = build("llama:dim=8,depth=1,heads=2,ffn_dim=8,context=32", signature=told)
    model.tokenizer = words
    model.model.norm.weight.requires_grad_(False)
    model.model.blocks[0].eval()
    model.model.head.weight.grad = torch.ones_like(model.model.head.weight)
    model.model.norm.register_forward_hook(lambda *given: None)
    return model


def published_network() -> Signed:
    """A network that libraries have, with the same traps."""
    torch.manual_seed(0)
    image = Port("image", "image", (3, 80, 80), "float32", (0.0, 1.0), (0.4,), (0.2,))
    told = Signature((image,), (Port("class", "label", (3,), task="classify"),))
    model = build("efficientnet-b0", signature=told)
    last = model.model.classifier[1]
    last.weight.requires_grad_(False)
    last.bias.grad = torch.ones_like(last.bias)
    model.model.features[0].eval()
    model.model.features[1].register_forward_hook(lambda *given: None)
    return model


def reading_model() -> tuple[Signed, torch.Tensor, torch.Tensor]:
    """A small model of tokens with the same traps."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Embedding(12, 6), torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.ReLU(),
        torch.nn.Linear(6 * 5, 3),
    )  # fmt: skip
    text = Port("text", "text", (5,), "int64", (0, 11))
    model = Signed(layers, Signature((text,), (Port("class", "label", (3,)),)))
    layers[4].bias.requires_grad_(False)
    layers[2].eval()
    layers[4].weight.grad = torch.ones_like(layers[4].weight)
    layers[0].register_forward_hook(lambda *given: None)
    return model, torch.randint(0, 12, (6, 5)), torch.arange(6) % 3


@contextmanager
def untouched(model: torch.nn.Module):
    """The block leaves the model as it was: weights, buffers, gradients, modes, flags, hooks."""
    before = _look(model)
    yield
    assert _look(model) == before


def _look(model: torch.nn.Module) -> Any:
    state = {
        name: value.detach().clone().flatten().tolist()
        for name, value in model.state_dict().items()
    }
    flags = {
        name: (p.requires_grad, None if p.grad is None else p.grad.tolist())
        for name, p in model.named_parameters()
    }
    modules = {
        name: (module.training, *(len(getattr(module, kind)) for kind in HOOKS))
        for name, module in model.named_modules()
    }
    return state, flags, modules


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@contextmanager
def global_state_untouched():
    """The block draws nothing from torch's global generator and changes no global setting."""
    before = _settings()
    yield
    assert _settings() == before


def _settings() -> Any:
    return (
        torch.get_rng_state().tolist(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
    )


def source_of(card: Card) -> Any:
    """The module of a card."""
    return importlib.import_module(card.module)
