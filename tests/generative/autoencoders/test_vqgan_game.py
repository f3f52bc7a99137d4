import pytest
import torch

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.engine.loop.fit import fit
from cartograd.generative.autoencoders.vqgan_game import LITTLE, balance

SMALL = "vqgan:widths=[2,2],groups=1,codes=3,dim=2,width=4,heads=1,depth=1"


def again():
    """Pictures, to be made again."""
    given = Port("image", "image", (1, 24, 24))
    return Signature((given,), (Port("again", "image", (1, 24, 24), task="reconstruct"),))


def network(spec=SMALL):
    """A small one, whose transformer has something to say."""
    model = build(spec, kind="model", signature=again())
    torch.nn.init.normal_(model.model.prior.head.weight)
    return model


def taught():
    """What objectives are tried with."""
    draw = torch.Generator().manual_seed(1)

    def batch(n):
        x = torch.rand(n, 1, 24, 24, generator=draw)
        return x, x

    return network, batch


@pytest.mark.law("vqgan-game")
def test_the_critics_weight_is_the_ratio_of_two_gradients_lengths():
    torch.manual_seed(0)
    objective = build("vqgan-game", model=network(), width=2).double()
    x, last = torch.rand(4, 1, 24, 24).double(), objective.inner.decoder.last.weight
    far, told = objective._apart(2 * x - 1, objective.inner.coded(x).rebuilt)
    found = balance(far.mean(), -told.mean(), last)
    slopes = [torch.autograd.grad(one.mean(), last, retain_graph=True)[0] for one in (far, told)]
    expected = slopes[0].norm() / (slopes[1].norm() + LITTLE)
    assert found.item() == pytest.approx(expected.item(), rel=1e-12)
    weighed = torch.autograd.grad(-found * told.mean(), last)[0].norm()
    assert weighed.item() == pytest.approx(slopes[0].norm().item(), rel=1e-2)
    assert not found.requires_grad


@pytest.mark.law("vqgan-game")
def test_the_transformer_moves_no_code():
    torch.manual_seed(0)
    model = network()
    inner = model.model
    coded = inner.coded(torch.rand(2, 1, 24, 24))
    inner.nats(coded.number).sum().backward()
    reached = {name.partition(".")[0] for name, one in inner.named_parameters()
               if one.grad is not None}  # fmt: skip
    assert reached == {"prior"}


def test_it_learns_squares_that_a_code_can_tell():
    """Pictures of nine squares, black or white: rebuilt, and their codes foretold."""
    torch.manual_seed(0)
    x = torch.rand(32, 1, 3, 3).round().repeat_interleave(8, 2).repeat_interleave(8, 3)
    model = network("vqgan:widths=[8,8,8],groups=2,codes=8,dim=4,width=8,heads=1,depth=1")
    batches = [(part, part) for part in x.split(8)]
    objective = build("vqgan-game", model=model, width=4, critic_weight=0.1)
    fit(objective, batches, optimizers="adam:lr=1e-2,betas=[0.5,0.9]", epochs=8, device="cpu")
    model.eval()
    with torch.no_grad():
        assert (model(x) - x).abs().mean() < 0.2  # one grey for all is 0.5 away
        assert model.model.numbers(x).unique().numel() >= 2


def test_small_pictures_and_other_models_are_refused():
    small = Port("image", "image", (1, 4, 4))
    signature = Signature((small,), (Port("again", "image", (1, 4, 4), task="reconstruct"),))
    with pytest.raises(UsageError, match="patches of 16 judge pictures of side 6"):
        build("vqgan-game", model=build(SMALL, kind="model", signature=signature))
    with pytest.raises(UsageError, match="teaches a vqgan with a signature; got Linear"):
        build("vqgan-game", model=torch.nn.Linear(1, 1))
