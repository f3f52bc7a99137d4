import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cartograd as cg
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.example import drawn_for
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.engine.files import rebuild
from cartograd.engine.files.bundle import load, write_bundle
from cartograd.practice.compression import integer_kernels
from cartograd.practice.compression.folding import folded
from cartograd.practice.compression.grid import Grid, extents, grid_of
from cartograd.practice.compression.integer_kernels import Geometry, geometry_of
from cartograd.practice.compression.observers import Histogram, counted, grid_for, weight_grid
from cartograd.practice.compression.quantised_layer import QuantisedLayer
from cartograd.practice.compression.quantize_static import quantize_static
from tests.conformance.support import signature_of

PICTURE = Signature((Port("image", "image", (3, 9, 9)),), (Port("class", "label", (4,)),))


class Residual(nn.Module):
    """Norms after layers, one that must stay, a depthwise layer, and a sum."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding="same", bias=False), nn.BatchNorm2d(8)
        self.wide, self.deep = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.normed = nn.BatchNorm2d(8)
        self.around = nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")
        self.last = nn.BatchNorm2d(8)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        y = self.normed(self.deep(F.relu(self.wide(x))))
        x = F.relu(x + y)
        return self.out(F.relu(self.last(x + self.around(x))).mean((2, 3)))


@pytest.fixture
def model():
    """A network whose norms have seen something."""
    torch.manual_seed(0)
    made = Residual()
    for part in made.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.2, 3)
            part.weight.data.uniform_(0.5, 2)
            part.bias.data.normal_()
    return Signed(made, PICTURE).eval()


class drawn:  # noqa: N801
    """Batches of drawn pictures, without a right answer."""

    def __init__(self, *shape, batches=2):
        draw = torch.Generator().manual_seed(1)
        self.given = [(torch.rand(shape, generator=draw),) for _ in range(batches)]

    def __len__(self):
        return len(self.given)

    def epoch(self, number, /, *, seed, start=0):
        yield from self.given[start:]


PICTURES = drawn(40, 3, 9, 9)


@pytest.mark.law("quantize-static")
def test_folded_and_equalised_answers_are_the_same(model):
    x = PICTURES.given[0][0]
    before = model(x)
    plain, even = folded(model, [x[:2]]), folded(model, [x[:2]], equalised=True)
    norms = [name for name, part in plain.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert norms == ["model.last"]  # before it stands a sum
    for made in (plain, even):
        torch.testing.assert_close(made(x), before, rtol=1e-4, atol=1e-5)
    first, second = even.model.wide.weight, even.model.deep.weight
    a, b = (one.detach().abs().flatten(1).amax(1) for one in (first, second))
    torch.testing.assert_close(a, b, rtol=1e-3, atol=0)
    assert not torch.allclose(plain.model.wide.weight, first)
    assert torch.equal(model(x), before)


def reference(weight, x):
    """Scales and zeros as torch's observers have them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both = (
            torch.ao.quantization.MinMaxObserver(dtype=torch.quint8),
            torch.ao.quantization.PerChannelMinMaxObserver(
                ch_axis=0, dtype=torch.qint8, qscheme=torch.per_channel_symmetric,
                quant_min=-127, quant_max=127,
            ),
        )  # fmt: skip
    for one, seen in zip(both, (x, weight), strict=True):
        one(seen)
    return [one.calculate_qparams() for one in both]


@pytest.mark.oracle("quantize-static")
def test_scales_and_zeros_are_torchs():
    torch.manual_seed(0)
    layer, data = nn.Conv2d(3, 5, 3), drawn(20, 3, 9, 9, batches=3)
    port = Port("maps", "image", (5, 7, 7))
    model = Signed(nn.Sequential(layer), Signature((PICTURE.input,), (port,)))
    made = quantize_static(model, data, observer="min-max").model[0]
    x = torch.cat([one for (one,) in data.given])
    (scale, zero), (rows, _) = reference(layer.weight.detach(), x)
    torch.testing.assert_close(made.input_scale.reshape(1), scale)
    assert made.input_zero.item() == zero.item()
    torch.testing.assert_close(made.scale, rows)


LAYERS = [
    (nn.Linear(70, 33), (5, 70)), (nn.Linear(16, 8, bias=False), (2, 3, 16)),
    (nn.Conv1d(6, 9, 5, padding=2, stride=2), (3, 6, 17)),
    (nn.Conv2d(12, 8, 3, padding=1, groups=4), (2, 12, 8, 8)),
    (nn.Conv2d(3, 7, 3, dilation=2, bias=False), (2, 3, 9, 9)),
    (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular"), (2, 4, 6, 6)),
    (nn.Conv3d(2, 4, 3, padding=1), (1, 2, 4, 5, 6)),
]  # fmt: skip


def whole(layer, bits=8):
    """A layer as whole numbers, for inputs from -1 to 2."""
    weight = layer.weight.detach()
    return QuantisedLayer(
        weight, None if layer.bias is None else layer.bias.detach(),
        of_weight=weight_grid(weight, "min-max", bits=bits),
        of_input=grid_of(torch.tensor(-1.0), torch.tensor(2.0), bits=bits, symmetric=False),
        geometry=geometry_of(layer),
    )  # fmt: skip


def apart(layer, x):
    """How far the kernel is from floats of the same numbers, of the largest answer."""
    fast = layer(x)
    layer.kernel = None
    slow = layer(x)
    return ((fast - slow).abs().max() / slow.abs().max()).item()


@pytest.mark.law("quantize-static")
@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_integer_kernels_give_what_floats_give(layer, shape):
    draw = torch.Generator().manual_seed(3)
    x = torch.rand(shape, generator=draw) * 3 - 1
    made = whole(layer)
    assert made.kernel is not None, "oneDNN's integer kernels are exact on every known processor"
    exact = layer(x).detach()
    assert (made(x) - exact).norm() < 0.02 * exact.norm()
    assert apart(made, x) < 1e-5
    assert made(x).is_contiguous()


@pytest.mark.law("quantize-static")
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("shape", [(1, 64), (5, 64), (2, 3, 64), (16, 64)])
def test_a_compiled_product_gives_the_same_whole_numbers(there, bits, shape):
    """Scales are powers of two, so that nothing but whole numbers counts."""
    draw, layer = torch.Generator().manual_seed(2), nn.Linear(64, 37)
    numbers = torch.randint(-127, 128, (37, 64), generator=draw).float()
    numbers[:, 0], numbers[0] = 127, 127
    layer.weight.data, layer.bias.data = numbers / 64, torch.arange(37.0)
    given = layer.weight.detach(), layer.bias.detach()
    grid = Grid(torch.tensor(0.125), torch.tensor(5.0), 0, 2**bits - 1)
    of_weight = grid_of(*extents(given[0], each=(0,)), bits=8)
    made = QuantisedLayer(*given, of_weight=of_weight, of_input=grid)
    assert (made.few is not None) == there
    assert made.kernel is None or not there
    x = torch.randn(shape, generator=draw) * 20  # some are cut off
    x[..., 1] = 0.0625  # between two numbers: to the even one
    whole = grid.quantised(x).double() - 5
    expected = whole @ numbers.double().mT / 8 / 64 + torch.arange(37.0)
    assert torch.equal(made(x), expected.float())
    assert torch.equal(made(x), expected.float())  # also where the form was chosen before
    assert made.form == "integers"
    assert not made.halved
    with rebuild.simulated(made):
        torch.testing.assert_close(made(x), expected.float())


def test_a_compiled_product_is_left_to_torch_where_something_else_is_wanted(there):
    layer, x = whole(nn.Linear(64, 33)), torch.rand(5, 64)
    expected = layer(x)
    (grad,) = torch.autograd.grad(layer(x.requires_grad_()).sum(), x)
    assert grad.abs().sum() > 0
    x.requires_grad_(requires_grad=False)
    torch.testing.assert_close(torch.func.vmap(layer)(x[:, None])[:, 0], expected)
    turned = torch.complex(torch.zeros_like(x), -x).conj().imag  # its sign is not in memory
    torch.testing.assert_close(layer(turned), expected)
    torch.testing.assert_close(layer(x.double()), expected)
    with pytest.raises(RuntimeError):
        layer(torch.rand(5, 40))
    assert isinstance(there, bool)


def cut_off(numbers, scale, bias, step, zero, to):
    """What a processor without VNNI does: pairs of products are added in 16 bits."""

    def run(x):
        assert to.groups == 1
        rows, weight = x.float(), numbers.float()
        if numbers.ndim == 4:
            size, pad = numbers.shape[2], to.padding[0]
            rows = F.unfold(F.pad(rows, [pad] * 4, value=zero), size, stride=to.stride).mT
            weight = weight.flatten(1)
        odd = rows.shape[-1] % 2
        rows, weight = F.pad(rows, (0, odd)), F.pad(weight, (0, odd))
        pairs = (rows[..., None, :] * weight).unflatten(-1, (-1, 2)).sum(-1)
        sums = pairs.clamp(-(2**15), 2**15 - 1).double().sum(-1) - zero * weight.double().sum(-1)
        y = (sums * step * scale + (0 if bias is None else bias)).float()
        if numbers.ndim == 2:
            return y
        side = (x.shape[-1] + 2 * pad - size) // to.stride[0] + 1
        return y.mT.unflatten(-1, (side, side))

    return run


@pytest.fixture
def old_processor(monkeypatch):
    """Kernels in the place of oneDNN's, which cut off what does not fit."""
    few = [case for case in integer_kernels.CONVOLUTIONS if case[-1] == 1][1:]
    monkeypatch.setattr(integer_kernels, "CONVOLUTIONS", few)
    monkeypatch.setattr(integer_kernels, "SHAPES", ((64, 48), (37, 53)))
    monkeypatch.setattr(integer_kernels, "kernel", cut_off)
    monkeypatch.setattr("cartograd.practice.compression.quantised_layer.kernel", cut_off)
    integer_kernels.input_bits.cache_clear()
    yield
    monkeypatch.undo()
    integer_kernels.input_bits.cache_clear()


@pytest.mark.law("quantize-static")
@pytest.mark.parametrize(("layer", "shape"), [LAYERS[0], (nn.Conv2d(8, 6, 3), (2, 8, 7, 7))])
def test_where_sums_are_cut_off_inputs_have_half_as_many_numbers(old_processor, layer, shape):
    ndim = layer.weight.ndim
    assert (integer_kernels.exact(8, ndim), integer_kernels.input_bits(ndim)) == (False, 7)
    assert integer_kernels.choice(ndim).chosen == "integers, 7-bit inputs"
    layer.weight.data.uniform_(0.5, 1)
    x = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 0.5 + 1.5
    made, exact = whole(layer), layer(x).detach()
    assert made.halved
    assert (made(x) - exact).norm() < 0.02 * exact.norm()
    assert apart(made, x) < 1e-5
    grid = Grid(made.input_scale, made.input_zero.float(), 0, 255)
    raw = cut_off(made.numbers, made.scale, made.bias, grid.scale, grid.zero, made.geometry)
    assert (raw(grid.quantised(x)) - exact).norm() > 0.05 * exact.norm()
    assert not whole(layer, bits=7).halved


@pytest.mark.parametrize("broken", [lambda *_: lambda x: torch.zeros(1), None])
def test_kernels_that_are_wrong_are_not_taken(monkeypatch, broken):
    def missing(*_):
        raise NotImplementedError

    monkeypatch.setattr(integer_kernels, "kernel", broken or missing)
    integer_kernels.input_bits.cache_clear()
    said = integer_kernels.choice(4)
    assert said.chosen == said.fallback == "floats of the rounded numbers"
    made = whole(nn.Conv2d(2, 3, 3))
    integer_kernels.input_bits.cache_clear()
    assert made.kernel is None
    assert made(torch.rand(1, 2, 5, 5)).shape == (1, 3, 3, 3)


@pytest.mark.law("quantize-static")
@pytest.mark.parametrize("layer", [nn.Conv2d(3, 6, 3), nn.Conv2d(3, 6, 3, groups=3, bias=False)])
def test_a_corrected_bias_leaves_no_mean_error(layer):
    port = Port("maps", "image", (6, 7, 7))
    layer.weight.data.uniform_(0.1, 1)
    # Pictures whose middle is like their edges: the mean of a window is that of the whole.
    values = torch.rand(40, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    data = drawn(1)
    data.given = [(values.expand(-1, -1, 9, 9).contiguous(),)]
    model = Signed(nn.Sequential(layer), Signature((PICTURE.input,), (port,)))
    x = data.given[0][0]
    off = []
    for corrects in (False, True):
        made = quantize_static(model, data, bits=3, bias_correction=corrects).model[0]
        floats = F.conv2d(x, made.weight, made.bias, groups=layer.groups)
        off.append((floats - model(x)).mean((0, 2, 3)).abs().max().item())
    assert off[1] < 1e-5 < off[0]


def test_observers_weigh_what_is_cut_off_against_how_fine_the_grid_is():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(20000, generator=draw).abs()
    x[0] = 40
    seen = Histogram(counted(x, 0.0, 40.0), 0.0, 40.0)
    grids = {name: grid_for(seen, name, bits=4) for name in ("min-max", "percentile", "mse", "kl")}
    errors = {name: ((grid.nearest(x) - x) ** 2).mean().item() for name, grid in grids.items()}
    assert min(errors, key=errors.get) == "mse"
    assert all(grid.scale < grids["min-max"].scale / 2 for grid in list(grids.values())[1:])
    top = grids["percentile"].scale * 15
    assert 0.5e-4 / 2 <= (x > top).float().mean() <= 2e-4
    even = torch.rand(20000, generator=draw) * 2 - 1
    seen = Histogram(counted(even, -1.0, 1.0), -1.0, 1.0)
    none = Histogram(counted(torch.zeros(5), 0.0, 0.0), 0.0, 0.0)
    assert not any(grid_for(none, name, bits=8).nearest(torch.zeros(1)) for name in grids)
    for name in ("percentile", "mse", "kl"):  # nothing stands out: nothing is cut off
        assert grid_for(seen, name, bits=8).scale > 0.9 * 2 / 255


def test_weights_of_few_bits_have_the_scale_of_least_error():
    weight = torch.randn(4, 400, generator=torch.Generator().manual_seed(0))
    best, whole = (weight_grid(weight, name, bits=3) for name in ("mse", "min-max"))
    error = [((grid.nearest(weight) - weight) ** 2).mean(1) for grid in (best, whole)]
    assert (error[0] < 0.8 * error[1]).all()
    assert torch.equal(whole.scale, grid_of(*extents(weight, each=(0,)), bits=3).scale)


def test_a_bundle_is_read_again_without_data(tmp_path):
    torch.manual_seed(0)
    digits = cg.dataset("digits")
    net = cg.build("resnet20:width=4", signature=digits.signature).eval()
    small = cg.compress(net, digits, method="quantize-static:bits=5,equalisation=true")
    x = digits.test.inputs[:20].clone()
    again = load(write_bundle(tmp_path / "small", small, examples=x)).model
    assert torch.equal(again(x), small(x))
    assert str(again.spec).startswith("quantize-static:bits=5")
    assert "layers" not in str(again.spec)
    x.requires_grad_()
    again(x).sum().backward()  # explanations and attacks ask for this
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("made", "data", "said"),
    [
        (lambda: Signed(nn.Conv2d(3, 4, 9), PICTURE), None, "needs examples"),
        (lambda: Signed(nn.ReLU(), PICTURE), PICTURES, "no convolution and no linear layer"),
        (lambda: Signed(nn.Sequential(nn.Hardtanh(-torch.inf, torch.inf), nn.Conv2d(3, 4, 9)),
                        PICTURE), drawn(2, 3, 9, 9), "not finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_rounded_is_refused(made, data, said):
    if said == "not finite":
        data.given[0][0][0, 0, 0, 0] = torch.inf
    with pytest.raises(UsageError, match=said):
        quantize_static(made(), data)


def test_data_of_another_kind_are_refused():
    net = build("lenet5", kind="model", signature=cg.dataset("digits").signature)
    with pytest.raises(UsageError):
        cg.compress(net, "xor", method="quantize-static")


def test_geometry_is_the_layers():
    same = geometry_of(nn.Conv2d(1, 1, (3, 5), padding="same"))
    assert (same.around, same.padding) == ((2, 2, 1, 1), (0, 0))
    assert geometry_of(nn.Linear(2, 2)) == Geometry()


def test_one_layer_under_two_names_stays_one():
    layer = nn.Conv2d(3, 3, 3, padding=1)
    port = Port("maps", "image", (3, 9, 9))
    model = Signed(nn.Sequential(layer, nn.ReLU(), layer), Signature((PICTURE.input,), (port,)))
    small = quantize_static(model, PICTURES).model
    assert isinstance(small[0], QuantisedLayer)
    assert small[0] is small[2]


def network(name):
    """A small one of the library, of drawn weights."""
    card = next(c for c in registry.cards().values() if (c.name, c.kind) == (name, "model"))
    torch.manual_seed(0)
    return build(name, kind="model", signature=signature_of(card), **card.tiny).eval()


@pytest.mark.parametrize("name", ["densenet", "unet", "vit", "gpt", "lstm", "t5", "tcn"])
def test_any_network_is_rounded_and_made_again_by_name(name):
    model = network(name)
    x, data = drawn_for(model, model.signature), drawn(1)
    data.given = [x]
    small = quantize_static(model, data, observer="min-max")
    before, after = model(*x).detach(), small(*x)
    assert 0 < (after - before).norm() < 0.05 * before.norm()
    state = small.model.state_dict()
    again = rebuild.made(
        Spec("quantize-static", {"model": model.spec}), model.signature, state, "it"
    )
    again.model.load_state_dict(state)
    assert torch.equal(again.eval()(*x), after)


@pytest.mark.parametrize(
    ("name", "said"),
    [("wavenet", "looks into its layers"), ("pixelcnn", "takes their weights alone")],
)
def test_networks_that_look_into_their_layers_are_refused(name, said):
    model = network(name)
    data = drawn(1)
    data.given = [drawn_for(model, model.signature)]
    with pytest.raises(UsageError, match=said):
        quantize_static(model, data)(*data.given[0])
