"""A signed model standardises its inputs itself, and answers in the units of its output."""

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.core.spec import Spec

LABEL = Port("digit", "label", (3,))


def signed(port, output=LABEL, model=None):
    return sign(model or nn.Identity(), Signature((port,), (output,)))


def test_per_channel():
    mean, std = (0.1, 0.2, 0.3), (1.0, 2.0, 4.0)
    x = torch.rand(2, 3, 4, 5)
    expected = (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    port = Port("image", "image", (3, 4, 5), mean=mean, std=std)
    torch.testing.assert_close(signed(port)(x), expected)


def test_per_feature():
    mean, std = (1.0, 2.0, 3.0), (1.0, 2.0, 4.0)
    x = torch.rand(2, 3)
    port = Port("row", "table", (3,), mean=mean, std=std)
    torch.testing.assert_close(signed(port)(x), (x - torch.tensor(mean)) / torch.tensor(std))


@pytest.mark.parametrize("dims", [(3,), (1, 4, 5), (3, 4, 5)])
def test_one_number_for_all(dims):
    x = torch.rand(2, *dims)
    port = Port("x", "image" if len(dims) == 3 else "vector", dims, mean=(0.5,), std=(0.25,))
    torch.testing.assert_close(signed(port)(x), (x - 0.5) / 0.25)


def test_without_statistics_the_values_pass_as_they_are():
    x = torch.randint(9, (2, 7))
    assert signed(Port("text", "text", ("t",), dtype="int64"))(x) is x


def test_values_come_back_in_the_unit_of_the_target():
    price = Port("price", "value", (1,), mean=(100.0,), std=(20.0,))
    x = torch.rand(4, 1)
    torch.testing.assert_close(signed(Port("x", "vector", (1,)), price)(x), x * 20 + 100)


@pytest.mark.parametrize(("task", "expected"), [("forecast", 5.0), ("density", 1.0)])
def test_the_task_says_whether_answers_have_a_unit(task, expected):
    output = Port("y", "value", (3,), mean=(2.0,), std=(3.0,), task=task)
    model = signed(Port("row", "vector", (3,)), output)
    assert model(torch.ones(1, 3)).tolist() == [[expected] * 3]


def test_logits_are_left_alone():
    label = Port("digit", "label", (3,), mean=(9.0,), std=(3.0,))
    x = torch.rand(2, 3)
    assert torch.equal(signed(Port("x", "vector", (3,)), label)(x), x)


def test_several_inputs_each_with_its_own_statistics():
    class Sum(nn.Module):
        def forward(self, a, b):
            return a + b

    a, b = (Port(name, "vector", (3,), mean=(m,), std=(2.0,)) for name, m in (("a", 1), ("b", 3)))
    model = sign(Sum(), Signature((a, b), (LABEL,)))
    x, y = torch.rand(2, 2, 3)
    torch.testing.assert_close(model(x, y), (x - 1) / 2 + (y - 3) / 2)


def test_float64_and_gradients():
    port = Port("row", "table", (3,), mean=(1.0, 2.0, 3.0), std=(1.0, 2.0, 4.0))
    model = signed(port, model=nn.Linear(3, 3)).double()
    x = torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(model, (x,))


def test_the_state_is_the_inner_models_alone():
    model = signed(Port("x", "vector", (3,), mean=(1.0,), std=(2.0,)), model=nn.Linear(3, 3))
    assert set(model.state_dict()) == {"model.weight", "model.bias"}


def test_signing_anew_replaces_the_signature_and_keeps_model_and_spec():
    spec = Spec("mlp")
    once = sign(nn.Linear(3, 3), Signature((Port("x", "vector", (3,)),), (LABEL,)), spec=spec)
    other = Signature((Port("y", "vector", (3,), mean=(1.0,), std=(1.0,)),), (LABEL,))
    again = sign(once, other)
    assert again.model is once.model
    assert not isinstance(again.model, Signed)
    assert again.signature is other
    assert again.spec is spec


def test_signature_of():
    signature = Signature((Port("x", "vector", (3,)),), (LABEL,))
    assert signature_of(sign(nn.Identity(), signature)) is signature
    assert signature_of(nn.Identity(), otherwise=signature) is signature
    with pytest.raises(UsageError, match=r"Identity has no signature; wrap it: cartograd.sign"):
        signature_of(nn.Identity())
