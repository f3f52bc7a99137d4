"""Rules by themselves: nothing that numbers of a box give is beyond the box or the lines."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.foundations.activations.layer import Activation
from cartograd.frontier.security.pgd import pgd
from cartograd.frontier.verification import smooth
from cartograd.frontier.verification.network import read
from cartograd.frontier.verification.relaxed import Product, Softmax, through
from cartograd.frontier.verification.rules import Box
from cartograd.frontier.verification.standardised import Standardised
from tests.frontier.verification.nets import examples, networks, signed


def of_layer(layer):
    """The rule of a layer alone."""
    net = nn.Sequential(nn.Linear(5, 5), layer, nn.Linear(5, 2))
    return read(net.double().eval(), torch.rand(3, 5)).nodes[-2].rule


CURVES = {
    "elu": nn.ELU(1.5),
    "elu-spelled": Activation("elu:alpha=0.5"),
    "gelu-spelled": Activation("gelu"),
    "prelu": nn.PReLU(5),
    "softplus": nn.Softplus(2.0, 3.0),
    "mish": nn.Mish(),
    "hardswish": nn.Hardswish(),
}
SEEN = torch.tensor([True, True, False, True])
RULES = {
    "tanh": (smooth.tanh(), [(5,)]),
    "sigmoid": (smooth.sigmoid(), [(5,)]),
    "gelu": (smooth.gelu(tanh=False), [(5,)]),
    "gelu-tanh": (smooth.gelu(tanh=True), [(5,)]),
    "silu": (smooth.silu(), [(5,)]),
    "product": (Product(torch.mul, 1, apart=True), [(3, 4), (3, 4)]),
    "rows": (Product(torch.matmul, 4), [(3, 4), (4, 2)]),
    "softmax": (Softmax(4), [(3, 4)]),
    "masked": (Softmax(4, SEEN), [(3, 4)]),
    "standardised": (Standardised(6, 1e-5), [(2, 6)]),
    "of-length": (Standardised(6, 1e-3, centred=False), [(2, 6)]),
    **{name: (of_layer(layer), [(5,)]) for name, layer in CURVES.items()},
}


def back(rule, weights, boxes):
    """What the lines say of weighted sums: weights of what goes in, and constants."""
    if hasattr(rule, "back"):
        return rule.back(weights, *boxes)
    one, constant = through(rule.lines(boxes[0]), weights)
    return (one,), constant


@pytest.mark.law("ibp")
@pytest.mark.parametrize("name", ["elu", "elu-spelled", "prelu", "softplus"])
def test_of_a_rising_curve_the_box_is_met(name):
    rule = RULES[name][0]
    low = torch.linspace(-5, 5, 45, dtype=torch.float64).reshape(9, 5)
    found = rule.interval(Box(low, low + 2))
    room = 0.05 if name == "softplus" else 1e-12  # torch's jumps at its threshold
    torch.testing.assert_close(found.low, rule.value(low), rtol=0, atol=room)
    torch.testing.assert_close(found.high, rule.value(low + 2), rtol=0, atol=room)


@pytest.mark.law("crown")
def test_a_leaky_relu_that_is_spelled_out_is_the_one_of_torch():
    assert of_layer(Activation("leaky-relu:negative_slope=0.2")) == of_layer(nn.LeakyReLU(0.2))


@pytest.mark.law("ibp", "crown")
@pytest.mark.parametrize("width", [1e-13, 0.02, 0.5, 6.0])
@pytest.mark.parametrize("name", RULES)
def test_nothing_is_beyond_the_box_or_the_lines(name, width):
    rule, shapes = RULES[name]
    g = torch.Generator().manual_seed(len(name))

    def drawn(*shape):
        return torch.rand(shape, generator=g, dtype=torch.float64)

    boxes = []
    for shape in shapes:
        low = 4 * drawn(8, *shape) - 2
        boxes.append(Box(low, low + width * drawn(8, *shape)))
    value = rule.value(*(box.low for box in boxes))
    weights = 2 * drawn(8, 7, *value.shape[1:]) - 1
    pulled, constant = back(rule, weights, boxes)
    within = rule.interval(*boxes)
    nearest = torch.full(constant.shape, torch.inf, dtype=torch.float64)
    for _ in range(60):
        shares = [drawn(*box.low.shape) for box in boxes]
        shares = [one.round() if bool(drawn(1) < 0.5) else one for one in shares]
        points = [box.low + share * (box.high - box.low) for box, share in
                  zip(boxes, shares, strict=True)]  # fmt: skip
        value = rule.value(*points)
        assert (value >= within.low - 1e-11).all()
        assert (value <= within.high + 1e-11).all()
        sums = (weights * value[:, None]).flatten(2).sum(2)
        lines = constant + sum(
            (one * point[:, None]).flatten(2).sum(2)
            for one, point in zip(pulled, points, strict=True)
        )
        nearest = torch.minimum(nearest, sums - lines)
    assert (nearest >= -1e-10).all()
    if width == 0.02:  # lines are near the curve: what they miss falls with the width's square
        assert nearest.mean() < 0.005


@pytest.mark.law("crown")
@pytest.mark.parametrize("name", ["gelu", "gelu-tanh", "silu"])
def test_no_second_derivative_is_above_what_the_rule_takes(name):
    rule = RULES[name][0]
    x = torch.linspace(-9, 9, 20_001, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(rule.function(x).sum(), x, create_graph=True)
    (bend,) = torch.autograd.grad(slope.sum(), x)
    assert 0.97 * rule.bend < bend.abs().max() <= rule.bend
    least = rule.function(x).argmin()
    assert x[least].item() == pytest.approx(rule.bottom, abs=1e-3)


@pytest.mark.law("ibp")
def test_a_softmax_of_two_is_a_sigmoid_and_its_box_is_met():
    box = Box(torch.tensor([[0.2, -0.4]]).double(), torch.tensor([[0.7, 0.5]]).double())
    found = Softmax(2).interval(box)
    ends = torch.sigmoid(torch.tensor([0.2 - 0.5, 0.7 + 0.4]).double())
    torch.testing.assert_close(found.low[0, 0], ends[0])
    torch.testing.assert_close(found.high[0, 0], ends[1])
    torch.testing.assert_close(found.low[0, 1], 1 - ends[1])


@pytest.mark.law("ibp", "crown", "alpha-crown")
@pytest.mark.parametrize("name", ["relu", "pooled", "smooth"])
def test_no_input_of_a_ball_does_worse_than_the_bound(name):
    model = signed(networks()[name])
    x, y = examples(model)
    eps, draw = 0.3, torch.Generator().manual_seed(0)
    sizes = [
        build(method, kind="verifier", eps=eps, norm="l2")(model, x, y).size
        for method in ("ibp", "crown", "alpha-crown:steps=4")
    ]
    boxes = build("ibp", kind="verifier", eps=eps)(model, x, y).size
    worst = torch.full((len(x),), torch.inf)
    points = [pgd(model, x, y, eps=eps, steps=15, norm="l2")]
    for _ in range(40):
        moved = torch.randn(x.shape, generator=draw)
        far = eps / moved.flatten(1).norm(dim=1)
        points.append((x + moved * far[:, None, None, None]).clamp(0, 1))
    for point in points:
        with torch.no_grad():
            rows = model(point)
        own = rows.gather(1, y[:, None])[:, 0]
        rest = rows.scatter(1, y[:, None], -torch.inf).amax(1)
        worst = torch.minimum(worst, own - rest)
    for size in sizes:
        assert (worst >= size).all()
    assert (sizes[1] >= sizes[0]).all()
    assert (sizes[0] > boxes + 0.1).all()


@pytest.mark.law("ibp", "crown")
def test_of_a_linear_network_the_bound_of_a_ball_is_the_dual_norm():
    torch.manual_seed(0)
    layer = nn.Linear(5, 3).double()
    port = Port("row", "vector", (5,), "float64", (-9.0, 9.0))
    model = Signed(layer, Signature((port,), (Port("class", "label", (3,)),)))
    x = torch.rand(7, 5, dtype=torch.float64)
    answers = model(x).detach()
    y, eps = answers.argmax(1), 0.2
    apart = layer.weight[y][:, None] - layer.weight[None]
    least = answers.gather(1, y[:, None]) - answers - eps * apart.detach().norm(dim=2)
    least[torch.arange(7), y] = torch.inf
    for name in ("ibp", "crown"):
        found = build(name, kind="verifier", eps=eps, norm="l2")(model, x, y)
        torch.testing.assert_close(found.size, least.amin(1), rtol=0, atol=1e-6)
        assert (found.size <= least.amin(1)).all()


def text(name):
    """A classifier of texts of four tokens, and two texts, the second shorter."""
    torch.manual_seed(0)
    inner = build(name, kind="model")
    port = Port("text", "text", (4,), "int64", bounds=(0.0, 10.0), padding_id=0)
    tokens = torch.tensor([[3, 4, 5, 6], [8, 9, 2, 0]])
    return Signed(inner, Signature((port,), (Port("class", "label", (3,)),))).eval(), tokens


@pytest.mark.law("ibp", "crown")
@pytest.mark.parametrize(
    "name",
    [
        "gru:vocabulary=11,padding_id=0,dim=4,classes=3,bidirectional=true",
        "bert:vocabulary=11,padding_id=0,context=4,dim=8,heads=2,depth=1,head=classify,classes=3,"
        "dropout=0",
    ],
)
def test_of_texts_no_vectors_nearby_do_worse_than_the_bound(name):
    model, tokens = text(name)
    y = model(tokens).argmax(1)
    eps, draw = 0.002, torch.Generator().manual_seed(0)
    found = [build(way, kind="verifier", eps=eps)(model, tokens, y) for way in ("ibp", "crown")]
    assert (found[1].size > found[0].size).all()
    assert torch.equal(found[0].found, tokens)
    table = model.model.tokens if "bert" in name else model.model.steps.embedding
    before, worst = table.weight.detach().clone(), torch.full((2,), torch.inf)
    with torch.no_grad():
        for _ in range(40):
            moved = 2 * torch.rand(before.shape, generator=draw) - 1
            table.weight.copy_(before + eps * moved.sign())
            rows = model(tokens)
            own = rows.gather(1, y[:, None])[:, 0]
            worst = torch.minimum(worst, own - rows.scatter(1, y[:, None], -torch.inf).amax(1))
        table.weight.copy_(before)
    assert (worst >= found[1].size).all()
    assert (worst - found[1].size < 0.2 * (worst - found[0].size)).all()


@pytest.mark.untyped
def test_what_reads_tokens_is_refused_by_verifiers_of_boxes():
    model, tokens = text("lstm:vocabulary=11,padding_id=0,dim=6,classes=3")
    with pytest.raises(UsageError, match="their vectors can, which ibp"):
        build("branch-and-bound", kind="verifier")(model, tokens, tokens[:, 0] % 3)


@pytest.mark.law("crown")
def test_causal_and_masked_attention_are_read_as_they_are():
    class Looks(nn.Module):
        def __init__(self, **given):
            super().__init__()
            self.given = given

        def forward(self, x):
            return F.scaled_dot_product_attention(x, x, x, **self.given).flatten(1)

    from cartograd.frontier.verification.network import read

    x = torch.randn(3, 1, 4, 2, dtype=torch.float64)
    bias = torch.tensor([0.0, -1.5, -math.inf, 0.3]).double()
    for given in (
        {"is_causal": True},
        {"attn_mask": SEEN[None]},
        {"attn_mask": bias[None], "scale": 0.3},
    ):
        model = Looks(**given)
        torch.testing.assert_close(read(model, x)(x), model(x))
    with pytest.raises(UsageError, match="scaled_dot_product_attention"):
        read(Looks(attn_mask=torch.zeros(1, 4, dtype=torch.bool)), x)
