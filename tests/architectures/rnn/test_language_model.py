import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError

CELLS = ["rnn", "lstm", "gru"]


def made(cell="lstm", **args):
    torch.manual_seed(0)
    given = {"vocabulary": 11, "dim": 6, "depth": 2} | args
    return build("recurrent-language-model", cell=cell, **given).double().eval()


def tokens(rows=3, steps=9):
    return torch.randint(11, (rows, steps), generator=torch.Generator().manual_seed(1))


def same(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.oracle("recurrent-language-model")
def test_equals_torchs_parts():
    model = made()
    lstm = nn.LSTM(6, 6, 2, batch_first=True).double()
    lstm.load_state_dict(model.memory.kernel.state_dict())
    shared = [model.embedding.weight, model.head.weight, model.head.bias]
    expected = F.linear(lstm(F.embedding(tokens(), shared[0]))[0], *shared[1:])
    same(model(tokens()), expected)
    own = torch.autograd.grad(model(tokens()).square().sum(), [*shared, *model.memory.parameters()])
    theirs = torch.autograd.grad(expected.square().sum(), [*shared, *lstm.parameters()])
    for a, b in zip(own, theirs, strict=True):
        same(a, b)


@pytest.mark.law("recurrent-language-model")
@pytest.mark.parametrize("cell", CELLS)
def test_reading_in_pieces(cell):
    model, x = made(cell), tokens()
    decoder = model.decoder(3, 9)
    parts = [decoder.read(x[:, :4]), decoder.read(x[:, 4:5]), decoder.read(x[:, 5:])]
    same(torch.cat(parts, 1), model(x))
    assert decoder.length == 9
    same(model.decoder(3, 9).read(x, last=True), model(x)[:, -1:])


@pytest.mark.law("recurrent-language-model")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("first", [2, 5])
def test_padding_at_the_left(cell, first):
    model, x = made(cell), tokens()
    starts = torch.tensor([0, 3, 1])
    decoder = model.decoder(3, 9, starts=starts)
    found = torch.cat([decoder.read(x[:, :first]), decoder.read(x[:, first:])], 1)
    for row, start in enumerate(starts.tolist()):
        same(found[row, start:], model(x[row : row + 1, start:])[0])


@pytest.mark.law("recurrent-language-model")
@pytest.mark.parametrize("length", [0, 2, 4, 6, 7])
def test_going_back_and_another_order(length):
    model, x = made(), tokens()
    rows, starts = torch.tensor([2, 0, 0, 1]), torch.tensor([0, 3, 1])
    decoder = model.decoder(3, 9, starts=starts)
    decoder.read(x[:, :4])
    decoder.read(x[:, 4:7])
    decoder.reorder(rows)
    decoder.rewind(length)
    assert decoder.length == length
    other = tokens(4)[:, length:]
    whole = torch.cat([x[rows, :length], other], 1)
    found = decoder.read(other)
    for row, start in enumerate(starts[rows].tolist()):
        expected = model(whole[row : row + 1, start:])[0]
        begin = max(start, length)
        same(found[row, begin - length :], expected[begin - start :])


@pytest.mark.law("recurrent-language-model")
def test_a_token_changes_nothing_before_it():
    model, x = made(), tokens()
    other = x.clone()
    other[:, 5] = (other[:, 5] + 1) % 11
    same(model(x)[:, :5], model(other)[:, :5])
    assert (model(x)[:, 5] - model(other)[:, 5]).abs().max() > 1e-6


def test_too_many_tokens_and_going_forward_are_refused():
    decoder = made().decoder(3, 8)
    with pytest.raises(UsageError, match="9 tokens"):
        decoder.read(tokens())
    decoder.read(tokens()[:, :4])
    with pytest.raises(UsageError, match="cannot go back to 5 of 4"):
        decoder.rewind(5)
