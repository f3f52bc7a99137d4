import pytest
import torch

from cartograd.core.build import build
from cartograd.generative.autoregressive.mu_law import coded, sounded


def made(**options):
    torch.manual_seed(0)
    usual = {"features": 40, "width": 5, "depth": 3, "repeats": 2, "levels": 16}
    return build("wavenet", **(usual | options)).double().eval()


@pytest.mark.place("ar/wavenet")
@pytest.mark.law("wavenet")
@pytest.mark.parametrize(("depth", "repeats"), [(3, 2), (4, 1), (1, 3)])
def test_each_sample_hears_the_past_that_the_formula_says_and_nothing_else(depth, repeats):
    model = made(depth=depth, repeats=repeats)
    assert model.receptive_field == repeats * (2**depth - 1) + 1
    x = torch.rand(1, 40).double() - 0.5
    others = x - x.sign() * torch.eye(40).double()  # row by row another sample: of the other sign
    with torch.no_grad():
        answers = model.parameters_of(torch.cat([x, others]))[:, 35]
    heard = (answers[1:] != answers[0]).any(1).nonzero()[:, 0].tolist()
    assert heard == list(range(35 - model.receptive_field, 35))


@pytest.mark.place("ar/wavenet")
@pytest.mark.law("wavenet")
@pytest.mark.parametrize("classes", [None, 2])
def test_drawing_with_queues_is_drawing_from_whole_passes(classes):
    model = made(classes=classes)
    y = None if classes is None else torch.tensor([0, 1, 1])
    u = torch.rand(3, 40, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    x, total = torch.zeros(3, 40, dtype=torch.float64), 0.0
    with torch.no_grad():
        for t in range(40):
            table = model.distribution.table(model.parameters_of(x, y)[:, t])
            level = (table.exp().cumsum(1) < u[:, t, None]).sum(1)
            x[:, t] = sounded(level, 16)
            total = total + table.gather(1, level[:, None])[:, 0]
        drawn = model.sample(3, torch.Generator().manual_seed(4), y=y)
        torch.testing.assert_close(drawn, x, rtol=0, atol=1e-10)
        torch.testing.assert_close(model(x, y), total)
    assert len(drawn.unique()) > 5


@pytest.mark.law("wavenet")
def test_mu_law_gives_every_step_back_and_is_fine_near_silence():
    step = torch.arange(256)
    sound = sounded(step, 256)
    assert torch.equal(coded(sound, 256), step)
    assert sound[0] == -1
    assert sound[-1] == 1
    assert sound.diff().min() < 1e-3 < 0.02 < sound.diff().max()
