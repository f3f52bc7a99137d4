import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.training.diagnosis.position_loss import position_loss

SIZES = torch.arange(11) % 3 + 1


def model():
    torch.manual_seed(0)
    made = build("llama:vocabulary=11,dim=8,depth=2,heads=2,ffn_dim=12,context=40")
    for weight in made.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return made.eval()


def texts(n=3, t=31):
    return torch.randint(11, (n, t), generator=torch.Generator().manual_seed(1))


@pytest.mark.law("position-loss")
@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_equals_the_cross_entropy_of_the_whole(chunk):
    made, given = model(), texts()
    found = position_loss(made.decoder, given, SIZES, bins=4, chunk=chunk)
    with torch.no_grad():
        losses = cross_entropy(made(given[:, :-1]).mT, given[:, 1:], reduction="none")
    assert (found.starts[0], found.ends[-1], found.texts) == (1, 31, 3)
    assert found.ends[:-1] == found.starts[1:]
    for a, b, bits, low, high in zip(
        found.starts, found.ends, found.bits, found.low, found.high, strict=True
    ):
        own = losses[:, a - 1 : b - 1].sum(1) / SIZES[given[:, a:b]].sum(1) / math.log(2)
        assert bits == pytest.approx(own.mean().item(), rel=1e-5)
        half = 4.302653 * own.std().item() / math.sqrt(3)  # Student's t of two degrees
        assert (high - low) / 2 == pytest.approx(half, rel=1e-4)
    whole = position_loss(made.decoder, given, torch.ones(11).long(), bins=1, chunk=chunk)
    assert whole.bits[0] == pytest.approx(losses.mean().item() / math.log(2), rel=1e-5)


def test_tells_of_each_text():
    told = []
    position_loss(model().decoder, texts(), SIZES, lambda done, of: told.append((done, of)), bins=2)
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("n", "t"), [(1, 31), (3, 8)])
def test_refused(n, t):
    with pytest.raises(UsageError, match=f"{n} texts of {t} tokens; expected at least 2 texts"):
        position_loss(model().decoder, texts(n, t), SIZES)
