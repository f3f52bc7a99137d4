import pytest
import torch

from cartograd.architectures.cnn.inception_v3 import InceptionV3
from tests.architectures.cnn.support import count, giga, narrowed, published, same, shapes, stirred
from tests.reference import Reference

torchvision = Reference("torchvision")


def reference(auxiliary, **args):
    with torch.device("meta"):
        return torchvision.models.inception_v3(aux_logits=auxiliary, init_weights=False, **args)


@pytest.mark.oracle("inception-v3")
@pytest.mark.parametrize("auxiliary", [False, True])
def test_equals_torchvision_with_gradients(auxiliary):
    ours = stirred(InceptionV3(width=4, classes=5, dropout=0.0, aux_logits=auxiliary))
    theirs = reference(auxiliary, num_classes=5, dropout=0.0)
    same(ours, narrowed(theirs, ours), size=299 if auxiliary else 123)


@pytest.mark.oracle("inception-v3")
@pytest.mark.parametrize("auxiliary", [False, True])
def test_state_dict_fits_torchvisions(auxiliary):
    with torch.device("meta"):
        ours = dict(shapes(InceptionV3(aux_logits=auxiliary)))
        assert ours == dict(shapes(reference(auxiliary)))


@pytest.mark.paper("inception-v3")
def test_published_parameters_and_multiply_adds():
    parameters, operations = published("inception_v3")
    assert count("inception-v3-auxiliary") == parameters == 27_161_264
    assert count("inception-v3") == 23_834_568
    assert giga("inception-v3", size=299) == operations == 5.713


@pytest.mark.parametrize("size", [8, 28, 64])
def test_small_images_keep_their_size_in_the_stem(size):
    model = InceptionV3(width=2, channels=1, size=size, classes=3, aux_logits=True)
    x = torch.rand(2, 1, size, size)
    assert [z.shape for z in model(x)] == [(2, 3)] * 2
    assert model.eval()(x).shape == (2, 3)
    assert model.Conv2d_1a_3x3(x).shape[2:] == (size, size)
