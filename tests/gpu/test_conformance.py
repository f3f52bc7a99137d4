"""Every model answers on a GPU as on the processor, and every objective teaches there."""

import copy

import torch

from cartograd.core.protocols import Loss
from tests.conformance import support
from tests.conformance.support import over
from tests.conformance.test_objectives import batch, made, total


def there(items):
    return tuple(item.cuda() for item in items)


@over("model")
def test_a_model_answers_as_on_the_processor(card):
    model, (x, _) = support.model_of(card).eval(), support.batch(card)
    twin = copy.deepcopy(model).cuda()
    right, found = model(*x), twin(*there(x))
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), right, rtol=1e-3, atol=1e-4)


@over("model")
def test_its_gradients_are_those_of_the_processor(card):
    torch.manual_seed(0)
    model, (x, y) = support.model_of(card).eval().double(), support.batch(card)
    x = tuple(item.double() if item.is_floating_point() else item for item in x)
    twin = copy.deepcopy(model).cuda()
    with torch.backends.cudnn.flags(enabled=False):  # no gradients of recurrences in evaluation
        for network, inputs, targets in ((model, x, y), (twin, there(x), y.cuda())):
            support.loss_of(network(*inputs), targets).backward()
    for name, parameter in model.named_parameters():
        other = dict(twin.named_parameters())[name].grad
        if parameter.grad is not None:
            torch.testing.assert_close(other.cpu(), parameter.grad, rtol=1e-6, atol=1e-8, msg=name)


@over("objective")
def test_an_objective_teaches_there(card):
    objective = made(card).cuda()
    for loss in objective.losses(there(batch(card))):
        assert isinstance(loss, Loss)
        assert loss.value.is_cuda
        assert loss.value.isfinite().all()
        own = list(objective.players[loss.player].parameters())
        found = torch.autograd.grad(total([loss]), own)
        assert all(one.is_cuda and one.isfinite().all() for one in found)
