import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.training.adapters.beside import check_merges, kept_names, merged
from cartograd.training.adapters.lora import lora


def test_running_statistics_stay_and_dropout_goes_on():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    lora(model, rank=1)
    before = model[1].running_mean.clone()
    model.train()
    model(torch.randn(5, 3))
    assert torch.equal(model[1].running_mean, before)
    assert [part.training for part in model] == [True, False, True]


def test_what_is_new_belongs_to_the_adapter():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    lora(model, rank=1, match="0")
    model[1].requires_grad_()
    own, others = kept_names(model)
    assert others == ["0.weight", "0.bias"]
    assert own == ["0.adapter.up", "0.adapter.down.weight", "1.weight", "1.bias"]


def test_without_changes_it_is_merged_already():
    model = nn.Linear(2, 2)
    assert merged(model) is model


class Reads(nn.Module):
    """Uses a layer's weight, and not the layer."""

    def __init__(self):
        super().__init__()
        self.seen, self.read = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return self.seen(x) @ self.read.weight


def test_a_change_that_would_be_lost_is_refused():
    model, x = Reads(), (torch.randn(2, 3),)
    lora(model, rank=1)
    with pytest.raises(UsageError, match=r"lost in Reads, .*: read is not called in one"):
        check_merges(model, x)
    model = Reads()
    lora(model, rank=1, match="seen")
    check_merges(model, x)
    check_merges(Reads(), x)


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ("2", "2 is a convolution in groups or a transposed one, which an adapter cannot change"),
        ("tied", "the weight of tied is that of another part"),
        ("first", "unknown layer to put an adapter beside 'first'"),
    ],
)
def test_where_it_cannot_work_is_said(match, message):
    model = nn.ModuleDict(
        {"0": nn.Linear(4, 4), "2": nn.Conv2d(4, 4, 3, groups=2), "tied": nn.Linear(4, 5),
         "words": nn.Embedding(5, 4)}
    )  # fmt: skip
    model["tied"].weight = model["words"].weight
    with pytest.raises(UsageError, match=message):
        lora(model, match=match)
    assert all(weight.requires_grad for weight in model.parameters())


def test_two_are_refused_until_one_is_merged():
    model = nn.Sequential(nn.Linear(4, 4))
    lora(model, rank=1)
    with pytest.raises(UsageError, match="has an adapter already"):
        lora(model, rank=1)
    lora(merged(model), rank=1)
    assert all(weight.requires_grad == (".adapter." in name)
               for name, weight in model.named_parameters())  # fmt: skip
