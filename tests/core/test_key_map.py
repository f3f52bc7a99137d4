"""Key maps are complete on both sides, say what is wrong, and lead back."""

import pytest
import torch
from torch import nn

from cartograd.core.errors import UsageError
from cartograd.core.key_map import parts, renamed, transposed, unpaired
from cartograd.core.key_map_inverse import written


class Net(nn.Module):
    """Three projections apart, two in one, and a weight that is used twice."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(4, 4) for name in ("q", "k", "v")}) for _ in range(2)
        )
        self.up = nn.Linear(4, 6, bias=False)
        self.words = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5, bias=False)
        self.head.weight = self.words.weight


TABLE = (
    (r"(?:net\.)?h\.(\d+)\.qkv\.weight", tuple(rf"layers.\1.{n}.weight" for n in "qkv"), parts(3)),
    (r"(?:net\.)?h\.(\d+)\.([qkv])_bias", r"layers.\1.\2.bias"),
    (r"c_fc\.gate\.weight", "up.weight#0"),
    (r"c_fc\.up\.weight", "up.weight#1"),
    (r"wte\.weight", "words.weight", transposed),
    (r"lm_head\.weight", "words.weight"),
    (r"h\.\d+\.mask", None),
)


def file():
    torch.manual_seed(0)
    tensors = {f"h.{i}.qkv.weight": torch.randn(12, 4) for i in range(2)}
    tensors |= {f"h.{i}.{n}_bias": torch.randn(4) for i in range(2) for n in "qkv"}
    tensors |= {f"c_fc.{n}.weight": torch.randn(3, 4) for n in ("up", "gate")}
    return tensors | {"wte.weight": torch.randn(4, 5)}


def load(tensors, table=TABLE):
    return renamed(tensors, table, into=Net(), source="file")


def test_every_tensor_finds_its_place():
    tensors = file()
    found, net = load(tensors | {"h.0.mask": torch.ones(1)}), Net()
    net.load_state_dict(found)
    assert torch.equal(net.layers[1]["k"].weight, tensors["h.1.qkv.weight"][4:8])
    assert torch.equal(net.layers[0]["v"].bias, tensors["h.0.v_bias"])
    assert torch.equal(
        net.up.weight, torch.cat([tensors["c_fc.gate.weight"], tensors["c_fc.up.weight"]])
    )
    assert torch.equal(net.head.weight, tensors["wte.weight"].T)
    assert list(found) == list(net.state_dict())


def test_a_prefix_may_be_there():
    tensors = {f"net.{n}" if n.startswith("h.") else n: t for n, t in file().items()}
    assert len(load(tensors)) == len(Net().state_dict())


def test_the_way_back():
    tensors = file()
    back = written(load(tensors), TABLE, source="file")
    assert set(back) == set(tensors)
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())


def test_weights_written_twice_have_to_agree():
    tensors = file()
    again = {"lm_head.weight": tensors["wte.weight"].T.clone()}
    assert torch.equal(load(tensors | again)["head.weight"], tensors["wte.weight"].T)
    with pytest.raises(UsageError, match=r"'wte.weight' and 'lm_head.weight' differ"):
        load(tensors | {"lm_head.weight": torch.zeros(5, 4)})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"h.0.new": torch.ones(7)}, r"nothing is known of 'h.0.new' of shape \(7,\)$"),
        ({"h.0.q_bias": None, "h.1.q_bias": None}, r"lacks 'layers.0.q.bias' .*\(and 1 more\)"),
        ({"h.2.q_bias": torch.ones(4)}, r"'h.2.q_bias' would be 'layers.2.q.bias'"),
        ({"wte.weight": torch.ones(4, 6)}, r"'wte.weight' becomes 'words.weight' of shape \(6, 4\)"
         r".*expects shape \(5, 4\)"),
        ({"wte.weight": torch.ones(4, 5).byte()}, "'wte.weight' is of torch.uint8"),
        ({"h.0.qkv.weight": torch.ones(11, 4)}, r"'h.0.qkv.weight' of shape \(11, 4\) is not of"),
        ({"wte.weight": torch.ones(4)}, r"'wte.weight' of shape \(4,\) is not of the form"),
        pytest.param(
            {"wte.weight": 3}, "'wte.weight' is no tensor but a int", marks=pytest.mark.untyped
        ),
        ({"c_fc.gate.weight": None}, r"lacks part 1 of 'up.weight'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change, told):
    tensors = {name: t for name, t in (file() | change).items() if t is not None}
    with pytest.raises(UsageError, match=told):
        load(tensors)


def test_no_way_back_is_said():
    one = {"a.weight": torch.ones(2)}
    with pytest.raises(UsageError, match="no row of its table leads there"):
        written({"b": torch.ones(1)}, ((r"x", "a.weight"),), source="file")
    with pytest.raises(UsageError, match=r"'x.\*' cannot be turned round"):
        written(one, ((r"x.*", "a.weight"),), source="file")
    with pytest.raises(UsageError, match="no way back for 'x'"):
        written(one, ((r"x", "a.weight", torch.neg),), source="file")
    with pytest.raises(UsageError, match="part 2 of 'x' is not there"):
        written(one, ((r"x", ("a.weight", "b.weight"), parts(2)),), source="file")


def test_rotary_pairs_become_halves_head_by_head():
    rows = torch.arange(12).reshape(12, 1)
    found = unpaired(2)(rows).flatten().tolist()
    assert found == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    assert torch.equal(unpaired(2).back(unpaired(2)(rows)), rows)


def test_nothing_is_read_of_a_model_without_numbers():
    """Counts are checked on the meta device: a map works there too."""
    with torch.device("meta"):
        net = Net()
    meta = {name: tensor.to("meta") for name, tensor in file().items()}
    assert all(t.is_meta for t in renamed(meta, TABLE, into=net, source="file").values())
