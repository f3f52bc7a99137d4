"""What of an answer is explained: which number, and what it is called."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cartograd.apps.answers import units
from cartograd.apps.answers.asked import Answer
from cartograd.core.errors import UsageError, unknown
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed
from cartograd.frontier.explain.one_number import (
    BoxScore,
    NextToken,
    NoAndYes,
    RegionScore,
    Similarity,
    Units,
)


def of_one_number(model: Signed) -> nn.Module:
    """A model as one that gives the number to explain."""
    if model.signature.task.of_pixels:
        return RegionScore(model)
    if model.signature.target == "boxes":
        return BoxScore(model)
    if model.signature.task.each:
        return NextToken(model)
    single = model.signature.task.explained == "class" and model.signature.classes == 1
    return NoAndYes(model) if single else model


def _compared(inputs: Tensor, target: int | str | None) -> Tensor:
    """Which example each is compared with: the first, and the first with the second.

    Raises:
        UsageError: there is but one, or a class is asked for.
    """
    if target is not None:
        raise UsageError(f"target={target} is a class, and this model answers with a vector")
    if len(inputs) < 2:
        raise UsageError(
            "a vector means something beside another: give two or more texts, whose similarity to "
            "the first is explained"
        )
    others = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)
    others[0] = 1
    return others


def class_of(model: Signed, target: int | str | None, /) -> int | None:
    """The number of a class that is given by number or label, or of a token by its text.

    Raises:
        UsageError: there is no such class, or the text is not one token.
    """
    port = model.signature.output
    if target is None:
        return None
    if isinstance(target, str) and model.signature.task.each and model.tokenizer is not None:
        return _token(model.tokenizer, target)
    if target in port.labels:
        return port.labels.index(str(target))
    if isinstance(target, str) and not target.isdecimal():
        raise unknown("class", target, port.labels)
    own = (model.signature.classes,) if model.signature.task.of_pixels else port.dims[-1:]
    own = (len(port.labels),) if model.signature.target == "boxes" else own
    sizes = [dim for dim in own if isinstance(dim, int)]
    classes = max(*sizes, len(port.labels), 0)  # a single logit chooses between two
    if not 0 <= int(target) < classes:
        raise UsageError(f"class {target} is out of range; expected 0 to {classes - 1}")
    return int(target)


def _token(tokenizer: Any, text: str) -> int:
    """The number of the token that a text is."""
    numbers = tokenizer.encode(text, special=False)
    if len(numbers) != 1:
        words = ", ".join(repr(tokenizer.decode([number])) for number in numbers)
        raise UsageError(
            f"{text!r} is {len(numbers)} tokens of this model ({words}), and one is explained at a "
            "time; give the first of them"
        )
    return numbers[0]


def asked_of(
    model: Signed, x: Tensor, target: int | str | None, layer: str | None, /
) -> tuple[nn.Module, dict[str, Any]]:
    """A model that gives the number to explain, and which of its numbers it is, where told.

    Args:
        model: answers.
        x: the examples.
        target: a class, a token, or a unit of the layer.
        layer: a hidden layer whose unit is explained.

    Raises:
        UsageError: there is no such class, layer or unit, or no text to compare with.
    """
    if layer is not None:
        units = Units(model, layer, each="," in str(target))
        unit = unit_of(units, x, target)
        return units, {} if unit is None else {"target": unit}
    if model.signature.task.explained == "similarity":
        with evaluating(model):
            return Similarity(model, x), {"target": _compared(x, target)}
    wanted = class_of(model, target)
    return of_one_number(model), {} if wanted is None else {"target": wanted}  # else its own answer


def unit_of(units: Units, x: Tensor, target: int | str | None, /) -> int | None:
    """The number of a unit, or of a neuron at a place, if one was named.

    Raises:
        UsageError: the layer has no such unit.
    """
    if target is None:
        return None
    with evaluating(units), torch.no_grad():
        sizes = units.given(x[:1]).shape[1:]
    words = str(target).split(",")
    sizes = sizes if units.each else units.counted(sizes)
    ranges = " x ".join(f"0..{size - 1}" for size in sizes)
    if len(words) != len(sizes) or any(
        not word.strip().isdecimal() or int(word) >= size
        for word, size in zip(words, sizes, strict=True)
    ):
        expected = f"places {ranges}" if units.each else f"a number from 0 to {sizes[0] - 1}"
        raise UsageError(f"unit {target} is none of layer {units.layer}; expected {expected}")
    number = 0
    for word, size in zip(words, sizes, strict=True):
        number = number * size + int(word)
    return number


def titles_of(
    model: Signed, x: Tensor, said: Sequence[Answer], target: int | str | None, layer: str | None, /
) -> list[str]:
    """What of each answer is explained, with the figure."""
    if layer is not None:
        return _units(model, layer, x, target)
    if model.signature.task.explained == "similarity":
        return _similarities(said)
    chosen = class_of(model, target)
    return [_title(one, model, chosen) for one in said]


def _units(model: Signed, layer: str, inputs: Tensor, target: int | str | None) -> list[str]:
    """What of a layer is explained, with the figure."""
    units = Units(model, layer, each="," in str(target))
    device = next((p.device for p in units.parameters()), inputs.device)
    with evaluating(units), torch.no_grad():
        found = units(inputs.to(device))
    unit = unit_of(units, inputs.to(device), target)
    own = found.argmax(1).tolist() if unit is None else [unit] * len(found)
    return [
        f"why unit {number if target is None else target} of {layer}? it says "
        f"{row[number].item():.3g}"
        for number, row in zip(own, found, strict=True)
    ]


def _similarities(said: Sequence[Any]) -> list[str]:
    """What is explained of vectors, with the figure."""
    near = [f"{answer.similarity:.3f}" for answer in said]
    return [f"similarity to the second {near[1]}", *(f"to the first {one}" for one in near[1:])]


def _title(answer: Answer, model: Signed, chosen: int | None) -> str:
    """What of an answer is explained: the number that the task names."""
    signature = model.signature
    told = answer.to_json()
    if signature.task.explained == "value":
        found = next(iter(told.values()))
        values = found if isinstance(found, list) else [found]
        return f"value {', '.join(map(units.number, values))}"
    if signature.task.of_pixels:
        return _of_mask(told, signature.output.labels, chosen)
    if signature.target == "boxes":
        return _of_boxes(told, signature.output.labels, chosen)
    shares: dict[str, float] = told["probabilities"]
    own = max(shares, key=shares.__getitem__)
    said = f"{own} ({shares[own]:.0%})"
    if told.get("labels") == []:
        said = f"none, {said} the likeliest"
    if chosen is None:
        return said
    if signature.task.each and model.tokenizer is not None:
        return f"why {model.tokenizer.decode([chosen])!r}? said {said}"
    names = signature.output.labels
    return f"why {names[chosen] if names else chosen}? said {said}"


def _of_mask(told: dict[str, Any], labels: tuple[str, ...], chosen: int | None) -> str:
    """Which class's score is explained, and which share of the picture it was said of."""
    pixels = [number for row in told["mask"] for number in row]
    if chosen is None:
        return "the class of the highest score, where it is said"
    name = labels[chosen] if labels else str(chosen)
    return f"why {name}? said of {pixels.count(chosen) / len(pixels):.0%} of the picture"


def _of_boxes(told: dict[str, Any], labels: tuple[str, ...], chosen: int | None) -> str:
    """Which class's surest box is explained, and what was found."""
    boxes = [box for box in told["boxes"] if chosen is None or box["label"] == labels[chosen]]
    if boxes:
        return f"{boxes[0]['label']} ({boxes[0]['score']:.0%}), its surest box"
    if chosen is None:
        return "the surest box, too unsure to be told"
    return f"why {labels[chosen]}? the surest box, too unsure to be told"
