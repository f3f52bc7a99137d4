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
    return Signed(model or nn.Identity(), Signature((port,), (output,)))


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


ROW = Port("row", "vector", (2,))
YES = Port("yes", "label", (2,))


class Packs(nn.Module):
    """Answers with the logits in what a function makes of them."""

    def __init__(self, pack):
        super().__init__()
        self.inner, self.pack = nn.Linear(2, 2), pack

    def forward(self, x):
        return self.pack(self.inner(x))


@pytest.mark.parametrize(
    ("pack", "output"),
    [
        (lambda z: {"hidden": 2 * z, "logits": z}, "logits"),
        (lambda z: (2 * z, z), 1),
        (lambda z: [z, 2 * z], "0"),
        (lambda z: torch.return_types.max((z, z)), "values"),
    ],
)
def test_the_part_that_counts_is_taken(pack, output):
    model, x = Packs(pack), torch.rand(3, 2)
    signed = sign(model, Signature((ROW,), (YES,)), output=output)
    assert torch.equal(signed(x), model.inner(x))
    assert torch.equal(sign(signed, signed.signature)(x), model.inner(x))  # it is kept


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Packs(lambda z: {"logits": z}), r"a dict of 'logits' \(2, 2\).*output='logits'"),
        (Packs(lambda z: (z, 2 * z)), r"a tuple of 0 \(2, 2\), 1 \(2, 2\).*output=0"),
        (Packs(str), "a str, no tensor"),
        (nn.Linear(3, 2), r"Linear does not take what the signature says \(row \(2,\) of float32"),
        (nn.Linear(2, 5), r"shape \(2, 5\); expected \(2, 2\), one score for each of 2 classes"),
        (nn.Linear(2, 2, device="meta"), "on the meta device"),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_signed(model, message):
    with pytest.raises(UsageError, match=message):
        sign(model, Signature((ROW,), (YES,)))


def test_a_part_that_is_not_there():
    with pytest.raises(UsageError, match=r"which has no tensor 'logit'.*output='logits'"):
        sign(Packs(lambda z: {"logits": z}), Signature((ROW,), (YES,)), output="logit")


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_inputs_come_in_the_type_of_the_weights(dtype):
    model, x = nn.Linear(2, 2).to(dtype), torch.rand(3, 2)
    signed = sign(model, Signature((Port("row", "vector", (2,), mean=(0.5,), std=(2.0,)),), (YES,)))
    assert torch.equal(signed(x), model(((x - 0.5) / 2).to(dtype)))


def test_a_model_that_changes_its_inputs_gets_copies():
    class Changes(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    x = torch.rand(3, 2)
    before = x.clone()
    assert torch.equal(sign(Changes(), Signature((ROW,), (YES,)))(x), 2 * before)
    assert torch.equal(x, before)


def test_a_single_logit_for_two_classes_makes_a_port_of_one():
    assert sign(nn.Linear(2, 1), Signature((ROW,), (YES,))).signature.output.dims == (1,)


def test_lazy_layers_get_their_weights():
    signed = sign(nn.Sequential(nn.LazyLinear(4), nn.LazyLinear(2)), Signature((ROW,), (YES,)))
    assert sum(p.numel() for p in signed.parameters()) == 2 * 4 + 4 + 4 * 2 + 2


def test_several_inputs_go_by_name_where_the_model_has_these_names():
    class Minus(nn.Module):
        def forward(self, b, a):
            return a - b

    a, b = Port("a", "vector", (2,)), Port("b", "vector", (2,))
    x, y = torch.rand(2, 3, 2)
    assert torch.equal(sign(Minus(), Signature((a, b), (YES,)))(x, y), x - y)
    other = (Port("c", "vector", (2,)), b)
    assert torch.equal(sign(Minus(), Signature(other, (YES,)))(x, y), y - x)
