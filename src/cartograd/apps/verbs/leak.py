"""Leak: what a model gives away of the examples that it learned from."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cartograd.apps.load.as_learned import as_learned
from cartograd.apps.load.parts import about_of
from cartograd.apps.load.source import Data, dataset, examples_for
from cartograd.apps.load.target import Target, as_signed, name_of
from cartograd.apps.results.leakage import Leakage
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.protocols import CALLS
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.core.study import PrivacyAttack
from cartograd.data.dataset.canaries import Canaries, with_canaries
from cartograd.data.dataset.dataset import Dataset, Examples
from cartograd.engine.device.device import pick
from cartograd.engine.optim.schedule_names import ours
from cartograd.frontier.inputs import check_one_input

METHOD = "loss-threshold"

EXAMPLES = 500
"""Members and others that are looked at by default."""

BY_THE_NUMBER = (
    "sgd", "adam", "adamw", "nadam", "radam", "adagrad", "adadelta", "adamax", "rmsprop", "rprop",
    "lion", "momentum", "nesterov", "yogi",
)  # fmt: skip
"""Optimizers that step each number by itself, so that stacked networks are stepped as each would
be."""


def leak(
    target: Target,
    data: Data | None = None,
    /,
    *,
    method: str | Spec = METHOD,
    examples: int = EXAMPLES,
    epsilon: float | None = None,
    delta: float | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Leakage:
    """What a model gives away of the examples that it learned from, by an attack on privacy.

    Args:
        target: a classifier with a signature, a run, a bundle, or the path of one.
        data: what it was trained on, a dataset or its spec; by default what its bundle names. Its
            training part are the members, its test part the others.
        method: spec of a privacy attack. What it is not told of how shadow models learn is as the
            run did.
        examples: how many members and how many others are looked at, drawn by the seed; of
            canaries all are.
        epsilon: what the training is said to keep; by default what the run's account says.
        delta: the chance with which more may be told; alike.
        seed: of all draws.
        device: `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: the model, the data or the method is not one, they do not belong together, or
            nothing was held back that it has not learned from.
    """
    about, signed = about_of(target), as_signed(target)
    signed.signature.task.check("attack")
    check_one_input(signed)
    if examples < 1:
        raise UsageError(f"examples={examples} leaves nothing to look at; expected at least 1")
    spec = Spec.parse(method)
    card, _ = registry.find(spec.name, kind="privacy-attack")
    known = about.get("privacy") or {}
    told: dict[str, Any] = {
        "epsilon": known.get("epsilon") if epsilon is None else epsilon,
        "delta": known.get("delta") if delta is None else delta,
        "seed": seed,
    }
    lessons, notes = _lessons(about)
    takes = hyperparameters(card)
    given = {
        key: value
        for key, value in (lessons | told).items()
        if key in takes and key not in spec.args and value is not None
    }
    attack: PrivacyAttack = build(spec, kind="privacy-attack", **given)
    assert isinstance(attack, CALLS["privacy-attack"])
    source, read, more = _read(data, about)
    audited = _canaries(read, about)
    if card.name == "canaries":
        members, others = _of_canaries(audited)
    else:
        members, others = _parts(signed, audited.data if audited else read, examples, seed, source)
        if audited is not None:
            more.append(f"{len(audited.members)} training examples are canaries, of wrong class")
    signed = signed.to(pick(device))
    where = next((p.device for p in signed.parameters()), torch.device("cpu"))
    found = attack(signed, _moved(members, where), _moved(others, where))
    shown = [*more, *(notes if "shadows" in takes else ())]
    return Leakage(
        str(spec), name_of(signed), source, signed.signature.input, len(members), seed, found,
        tuple(shown),
    )  # fmt: skip


def _lessons(about: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """How the model learned, as far as shadows can learn so, and lines on what they cannot."""
    settings, told = about.get("settings") or {}, list[str]()
    found = {key: settings[key] for key in ("epochs", "batch_size") if key in settings}
    word = settings.get("optimizer")
    if isinstance(word, str) and Spec.parse(word).name in BY_THE_NUMBER:
        found["shadow_optimizer"] = word
    elif word is not None:
        told.append(f"shadow models learn by adamw, as {word} does not step each number by itself")
    plan = settings.get("schedule")
    if isinstance(plan, str) and ours(plan).name != "plateau":
        found["shadow_schedule"] = plan
    for name in ("augment", "privacy", "federated", "poison", "adapter", "freeze"):
        if settings.get(name):
            told.append(f"shadow models learn without {name}={settings[name]}")
    return found, told


def _read(data: Data | None, about: Mapping[str, Any]) -> tuple[str, Any, list[str]]:
    """The name of the data, the data in parts as the model reads them, and lines on them."""
    trained: Any = about.get("data")
    given: Any = trained if data is None else data
    if given is None:
        raise UsageError(
            "this model does not say what it was trained on; give its data, whose training part it "
            "has learned from"
        )
    read, lines = as_learned(given, trained)
    if isinstance(read, Examples) and not isinstance(read, Dataset):
        raise UsageError(
            "these examples are one part alone; give the whole dataset, whose training part the "
            "model has learned from and whose test part it has not"
        )
    return given.name if isinstance(given, Dataset) else str(given), read, lines


def _parts(
    model: Signed, data: Any, examples: int, seed: int, source: str
) -> tuple[Examples, Examples]:
    """As many members as others, drawn by the seed."""
    members, others = (
        examples_for(model.signature, data, part, tokenizer=model.tokenizer)
        for part in ("train", "test")
    )
    count = min(examples, len(members), len(others))
    if not count:
        raise UsageError(
            f"{source} has {len(members)} training and {len(others)} test examples; members are "
            "compared with such as the model has not learned from, so both are needed"
        )
    draw = torch.Generator().manual_seed(seed)
    chosen = [
        part.select(torch.randperm(len(part), generator=draw)[:count]) for part in (members, others)
    ]
    return chosen[0], chosen[1]


def _canaries(data: Any, about: Mapping[str, Any]) -> Canaries | None:
    """The data as a run with canaries saw them."""
    settings = about.get("settings") or {}
    count = settings.get("canaries")
    if not count:
        return None
    return with_canaries(dataset(data), count, seed=settings.get("seed", 0))


def _of_canaries(found: Canaries | None) -> tuple[Examples, Examples]:
    """Those that the run learned from, and those that it did not."""
    if found is None:
        raise UsageError(
            "this model was trained without canaries; train it with --set canaries=200, or find "
            "members by --method lira"
        )
    return found.members, found.others


def _moved(part: Examples, where: torch.device) -> tuple[Tensor, Tensor]:
    """Inputs and classes on a device."""
    split = part.select(range(len(part)))
    return split.inputs.to(where), split.targets.to(where)
