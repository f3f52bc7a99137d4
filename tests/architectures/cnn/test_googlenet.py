import pytest
import torch

from cartograd.architectures.cnn.googlenet import GoogLeNet, Inception
from cartograd.core.build import build
from tests.architectures.cnn.support import count, giga, narrowed, published, same, shapes, stirred
from tests.reference import Reference

torchvision = Reference("torchvision")


def reference(auxiliary, **args):
    make = torchvision.models.googlenet
    with torch.device("meta"):
        return make(aux_logits=auxiliary, init_weights=False, **args)


@pytest.mark.oracle("googlenet")
@pytest.mark.parametrize("auxiliary", [False, True])
def test_equals_torchvision_with_gradients(auxiliary):
    ours = stirred(GoogLeNet(width=16, classes=5, dropout=0.0, aux_logits=auxiliary))
    theirs = reference(auxiliary, num_classes=5, dropout=0.0, dropout_aux=0.0)
    same(ours, narrowed(theirs, ours), size=96)


@pytest.mark.oracle("googlenet")
@pytest.mark.parametrize("auxiliary", [False, True])
def test_state_dict_fits_torchvisions(auxiliary):
    with torch.device("meta"):
        assert shapes(GoogLeNet(aux_logits=auxiliary)) == shapes(reference(auxiliary))


@pytest.mark.paper("googlenet")
def test_published_parameters_and_multiply_adds():
    assert (count("googlenet"), giga("googlenet")) == published("googlenet") == (6_624_904, 1.498)
    assert count("googlenet-auxiliary") == 13_004_888
    assert count("googlenet-2014") == 6_998_552
    assert count("googlenet-2014-auxiliary") == 13_378_280


@pytest.mark.law("googlenet")
@pytest.mark.parametrize(("batch_norm", "field"), [(False, 5), (True, 3)])
def test_the_large_branch_sees_five_places_in_the_papers_form(batch_norm, field):
    module = Inception(3, 2, 2, 2, 2, 2, 2, batch_norm=batch_norm).eval()
    x = torch.zeros(1, 3, 9, 9, requires_grad=True)
    module.branch3[1].conv(module.branch3[0].conv(x))[0, :, 4, 4].sum().backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero().flatten()
    assert len(rows) == field


def test_the_answer_alone_in_evaluation():
    model = GoogLeNet(width=4, size=28, channels=1, classes=3, aux_logits=True)
    x = torch.rand(2, 1, 28, 28)
    assert [z.shape for z in model(x)] == [(2, 3)] * 3
    assert model.eval()(x).shape == (2, 3)


@pytest.mark.parametrize("size", [8, 28, 64, 65])
@pytest.mark.parametrize("form", ["googlenet", "googlenet-2014"])
def test_the_size_chooses_the_stem(size, form):
    model = build(form, width=4, channels=1, size=size, classes=3).eval()
    assert model.conv1.conv.stride == ((2, 2) if size > 64 else (1, 1))
    assert model(torch.rand(2, 1, size, size)).shape == (2, 3)
