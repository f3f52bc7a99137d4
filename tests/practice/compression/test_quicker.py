import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.core.ports import Port
from cartograd.engine.device import measured
from cartograd.practice.compression import quicker
from cartograd.practice.compression.grid import Grid
from cartograd.practice.compression.int8_linear import Int8Linear
from cartograd.practice.compression.integer_kernels import geometry_of
from cartograd.practice.compression.observers import weight_grid
from cartograd.practice.compression.quantised_layer import QuantisedLayer


@pytest.fixture
def clock(monkeypatch):
    """A clock that forms set forward by what they are said to take."""
    now = [0.0]
    monkeypatch.setattr(quicker, "clock", lambda: now[0])

    def takes(*seconds):
        left = list(seconds)

        def form():
            now[0] += left.pop(0) if len(left) > 1 else left[0]

        return form

    return takes


@pytest.fixture
def shares(monkeypatch):
    """How long floats take, by what is asked; and what was asked."""
    asked = []

    def put(answer):
        def share(integers, floats):
            asked.append((integers(), floats()))
            return answer(len(asked)) if callable(answer) else answer

        monkeypatch.setattr(quicker, "share", share)
        quicker._shares().clear()
        return asked

    return put


def rounded(layer, high=255):
    grid = Grid(torch.tensor(0.031), torch.tensor(97.0), 0, high)
    return QuantisedLayer(
        layer.weight.detach(), layer.bias.detach(), of_input=grid, geometry=geometry_of(layer),
        of_weight=weight_grid(layer.weight.detach(), "min-max", bits=8),
    )  # fmt: skip


def test_the_best_of_calls_in_turns_counts(clock):
    assert quicker.share(clock(9.0, 2.0, 3.0), clock(9.0, 1.0, 5.0)) == 0.5
    integers, floats = clock(1e-4, 3e-4, 2e-4), clock(1e-4, 9e-4, 4e-4, 8e-4)
    assert quicker.share(integers, floats) == pytest.approx(2.0)


@pytest.mark.law("quantize-static")
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(30, 20), (5, 30)),
        (nn.Linear(30, 20), (2, 3, 30)),
        (nn.Conv2d(3, 8, 3, padding=1, stride=2), (4, 3, 9, 9)),
        (nn.Conv1d(4, 6, 5, padding=2, padding_mode="reflect", groups=2), (2, 4, 11)),
    ],
)
@pytest.mark.parametrize("high", [255, 15])
def test_integers_and_floats_are_the_same_numbers(shares, layer, shape, high):
    x, found = torch.randn(shape) * 3, {}
    for form, share in (("integers", 1.0), ("floats", 0.5)):
        shares(share)
        made = rounded(layer, high)
        with torch.no_grad():
            found[form] = made(x)
        assert made.form == form
        assert (made.whole is None) == (form == "integers")
        assert torch.equal(made.state_dict()["numbers"], rounded(layer).numbers)
    one = (made.weight.abs().amax() * made.input_scale).item()
    assert (found["integers"] - found["floats"]).abs().max() < 1e-4 * one * x[0].numel()
    assert (found["integers"] - layer(x)).abs().max() > 0


@pytest.mark.law("int8-weights")
@torch.no_grad()
def test_in_floats_answers_are_off_by_half_a_step_of_each_input_at_most(shares):
    weight, bias, x = torch.randn(20, 30), torch.randn(20), torch.randn(7, 30)
    shares(1.0)
    integers = Int8Linear(weight, bias)
    shares(0.5)
    floats = Int8Linear(weight, bias)
    assert (integers.form, floats.form) == ("integers", "floats")
    assert torch.equal(integers.numbers, floats.numbers)
    assert torch.equal(floats(x), F.linear(x, floats.floats(), bias))
    step = (x.amax(1) - x.amin(1)) / (2**integers.bits - 1)
    most = 0.51 * step[:, None] * integers.floats().abs().sum(1)
    off = (integers(x) - floats(x)).abs()
    assert off.max() > 0
    assert (off <= most).all()
    assert torch.equal(floats(x[None])[0], floats(x))


def test_many_rows_are_asked_apart_and_like_batches_once(shares):
    asked = shares(lambda number: 0.5 if number == 1 else 1.0)
    made, x = rounded(nn.Linear(30, 20)), torch.randn(40, 30)
    with torch.no_grad():
        answers = [made(x[:rows])[0] for rows in (1, 1, 33, 40, 1)]
    assert list(made.chosen.values()) == ["floats", "integers", "integers"]
    for answer in answers[1:]:
        torch.testing.assert_close(answer, answers[0], rtol=1e-5, atol=1e-5)
    assert len(asked) == 2
    again = rounded(nn.Linear(30, 20))  # another layer of the shape
    again(x[:1])
    assert len(asked) == 2


def test_one_layer_computes_one_row_as_many(shares):
    """Floats that are quicker for one row alone are not taken."""
    shares(lambda number: 0.5 if number == 1 else 1.0)
    assert Int8Linear(torch.randn(20, 30)).form == "integers"


def test_many_weights_stay_in_integers_unasked(shares):
    asked = shares(0.5)
    assert Int8Linear(torch.zeros(1100, 1000)).form == "integers"
    made = rounded(nn.Linear(1000, 1100))
    made(torch.zeros(1, 1000))
    assert made.form == "integers"
    assert not asked


def test_where_a_gradient_is_wanted_nothing_is_timed(shares):
    asked, x = shares(0.5), torch.randn(2, 30, requires_grad=True)
    made = rounded(nn.Linear(30, 20))
    made(x).sum().backward()
    assert x.grad is not None
    assert not asked
    assert made.form == ""


def test_what_was_measured_is_kept_for_the_machine(tmp_path, monkeypatch, shares):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path))
    monkeypatch.setattr(quicker, "keep", measured.keep)
    asked = shares(0.5)
    assert quicker.floats_are("a layer", lambda: 1, lambda: 2)
    (key,) = kept = json.loads((tmp_path / quicker.FILE).read_text())
    assert kept[key] == 0.5
    assert key.startswith("a layer | 1 threads")
    monkeypatch.setattr(quicker, "_shares", lambda: measured.known(quicker.FILE))
    assert quicker.floats_are("a layer", lambda: 1, lambda: 2)  # as another process
    assert asked == [(1, 2)]
    (tmp_path / quicker.FILE).write_text("[3]")
    assert measured.known(quicker.FILE) == {}


def test_what_computes_is_told(shares, tmp_path):
    port = Port("x", "vector", (12,)), Port("y", "label", (3,))
    model = cg.build("mlp:widths=(9,8)", signature=cg.Signature(port[:1], port[1:]))
    shares(lambda number: 1.0 if number == 3 else 0.5)
    small = cg.compress(model)
    assert quicker.told([small]) == (
        "1 rounded layers in integers, 2 in floats, which nothing is faster than here"
    )
    assert quicker.told([model]) == ""
