"""Which weights Muon is for: the matrices of all layers but the last."""

import pytest
import torch
from torch import nn

from cartograd.core.build import build
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.engine.optim.hidden import hidden, output_layer
from tests.engine.toys import mlp


def rest(module):
    """The matrices that are not hidden."""
    return [n for n, p in module.named_parameters() if p.ndim > 1 and n not in hidden(module)]


class Tied(nn.Module):
    """A language model; its head is the embedding, as a layer of its own or by a product."""

    def __init__(self, *, layer, blocks=2):
        super().__init__()
        self.table = nn.Embedding(9, 4)
        self.blocks = nn.ModuleList(nn.ModuleDict({"up": nn.Linear(4, 4)}) for _ in range(blocks))
        if layer:
            self.head = nn.Linear(4, 9, bias=False)
            self.head.weight = self.table.weight


class Odd(nn.Module):
    """Parameters of all sorts; the last layer is registered last."""

    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(5, 4))
        self.filter = nn.Conv1d(4, 4, 3)
        self.memory = nn.LSTM(4, 4)
        self.attention = nn.MultiheadAttention(4, 2, add_bias_kv=True)
        self.norm = nn.LayerNorm([2, 4])
        self.bag = nn.EmbeddingBag(3, 4)
        self.out = nn.Linear(4, 2)


def test_weights_of_layers_are_hidden_and_all_else_is_not():
    assert hidden(Odd()) == {
        "filter.weight", "memory.weight_ih_l0", "memory.weight_hh_l0",
        "attention.in_proj_weight", "attention.out_proj.weight",
    }  # fmt: skip
    assert hidden(mlp(2, 4, 2)) == {"0.weight"}
    assert hidden(nn.Linear(2, 2)) == set()
    assert output_layer(nn.LayerNorm(2)) is None


@pytest.mark.parametrize("layer", [True, False])
def test_a_tied_head_is_the_embedding_and_the_last_block_is_hidden(layer):
    module = Tied(layer=layer)
    assert output_layer(module) is None
    assert rest(module) == ["table.weight"]


def test_the_output_port_tells_that_the_answer_is_by_table():
    words = Port("words", "text", ("t",), dtype="int64")
    for answers, out in ((9, None), (4, "model.blocks.0.up"), (7, "model.blocks.0.up")):
        port = Port("next", "label", ("t", answers), task="next-token")
        signed = Signed(Tied(layer=False, blocks=1), Signature((words,), (port,)))
        assert output_layer(signed) == out


def test_a_last_layer_beside_others_in_a_sequence_is_the_output():
    assert output_layer(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))) == "2"
    blocks = nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Sequential(nn.Linear(4, 2)))
    assert output_layer(blocks) is None  # alike by name: a model that ends in hidden features
    assert output_layer(nn.Sequential(blocks, nn.Linear(2, 2))) == "1"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("lenet5", ["output.weight"]),
        ("resnet:depth=18,width=8", ["fc.weight"]),
        ("vit:depth=2,dim=16,heads=2", ["positions", "head.weight"]),
        ("gpt:depth=2,dim=16,heads=2", ["tokens.weight", "positions.weight"]),
        ("lstm:dim=8,vocabulary=9,classes=3", ["steps.embedding.weight", "head.weight"]),
    ],
)
def test_models_of_the_library(spec, expected):
    assert rest(build(spec)) == expected
