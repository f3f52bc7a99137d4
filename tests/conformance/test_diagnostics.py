"""Every diagnostic looks at what is trained and leaves no trace; its findings are one line each."""

import copy
import dataclasses
import inspect

import pytest
import torch

from cartograd.core import registry
from cartograd.core.build import build, entry
from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.needle import Haystack
from tests.conformance.support import global_state_untouched, judged_model, over, untouched

HISTORY = [{"epoch": n, "train/loss": 1 / n, "valid/loss": 0.5 + 1 / n} for n in range(1, 9)]
HAYSTACK = Haystack((5, 6, 7), [((1, 2), (2,)), ((1, 3), (3,)), ((1, 4), (4, 4))], (1,))


def given(card):
    """What a diagnostic is given: an objective and a batch or batches, a history, or a writer."""
    first, *rest = [
        name
        for name, item in inspect.signature(entry(card)).parameters.items()
        if item.kind is inspect.Parameter.POSITIONAL_ONLY
    ]
    if first == "history":
        return None, (HISTORY,)
    if first == "begin":
        writer = build("llama", **registry.find("llama", kind="model")[0].tiny).eval()
        texts = torch.arange(20).view(2, 10) % 11
        data = {"haystack": (HAYSTACK,), "texts": (texts, torch.ones(11, dtype=torch.int64))}
        return writer, (writer.decoder, *data[rest[0]])
    model, x, y = judged_model()
    objective = build("classify", model=model)
    return model, (objective, (x, y) if rest == ["batch"] else [(x, y), (x, y)])


def looked(card, data):
    return build(card.name, kind=card.kind, **card.tiny)(*data)


@over("diagnostic")
def test_diagnostic_leaves_no_trace(card):
    model, data = given(card)
    with global_state_untouched(), untouched(model or torch.nn.Identity()):
        looked(card, data)


@over("diagnostic")
def test_diagnostic_repeats(card):
    _, data = given(card)
    assert repr(looked(card, data)) == repr(looked(card, data))


@over("diagnostic")
def test_diagnostic_is_the_same_in_any_mode(card):
    """Also of examples that were made in inference mode; weights that were are refused."""
    _, data = given(card)
    expected = repr(looked(card, data))
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert repr(looked(card, copied(data))) == expected
    if isinstance(data[0], torch.nn.Module):
        with torch.inference_mode():
            made = copy.deepcopy(data[0])
        with pytest.raises(UsageError, match="made in torch"):
            looked(card, (made, *data[1:]))


def copied(data):
    """The same with copies of all tensors."""
    if isinstance(data, torch.Tensor):
        return data.clone()
    return type(data)(map(copied, data)) if isinstance(data, list | tuple) else data


@over("diagnostic")
def test_diagnostic_gives_plain_numbers(card):
    """What comes out can be kept and shown: no tensor, no module."""
    _, data = given(card)
    found = looked(card, data)
    parts = found if isinstance(found, tuple) else (found,)

    def check(value):
        if isinstance(value, dict | list | tuple):
            for item in value.values() if isinstance(value, dict) else value:
                check(item)
        else:
            assert value is None or isinstance(value, bool | int | float | str)

    for part in parts:
        check(dataclasses.asdict(part))
