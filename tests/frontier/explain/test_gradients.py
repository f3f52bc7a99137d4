"""SmoothGrad, DeepLIFT, LRP and Grad-CAM against captum and against what they must be."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import cartograd as cg
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.frontier.explain.deep_lift import deep_lift
from cartograd.frontier.explain.grad_cam import FORMS, grad_cam
from cartograd.frontier.explain.gradient_shap import gradient_shap
from cartograd.frontier.explain.integrated_gradients import integrated_gradients
from cartograd.frontier.explain.lrp import lrp
from cartograd.frontier.explain.saliency import saliency
from cartograd.frontier.explain.shap_exact import exact_shap
from cartograd.frontier.explain.smoothgrad import smoothgrad
from tests.frontier.explain.test_one_number import language_model, rows
from tests.frontier.explain.test_rules import WAYS, Written
from tests.reference import Reference

captum = Reference("captum.attr")
own_rules = Reference("captum.attr._utils.lrp_rules")
TARGET = torch.tensor([0, 2, 1])


def net(activation=nn.ReLU, pool=None, bias=True):
    torch.manual_seed(0)
    pool = pool or nn.AvgPool2d(2)
    layers = (
        nn.Conv2d(2, 4, 3, bias=bias), activation(), pool, nn.Conv2d(4, 5, 2, bias=bias),
        activation(), nn.Flatten(), nn.Linear(5, 3, bias=bias),
    )  # fmt: skip
    return nn.Sequential(*layers).double().eval()


def pictures(seed=1):
    return torch.rand(3, 2, 7, 7, generator=torch.Generator().manual_seed(seed)).double()


def change(model, x, origin):
    with torch.no_grad():
        return (model(x) - model(origin)).gather(1, TARGET[:, None])[:, 0]


@pytest.mark.oracle("smoothgrad")
@pytest.mark.parametrize(("form", "named"), [("mean", "smoothgrad"), ("square", "smoothgrad_sq"),
                                             ("variance", "vargrad")])  # fmt: skip
def test_smoothgrad_is_captums(form, named):
    model, x = net(nn.Tanh), pictures()
    found = smoothgrad(model, x, target=TARGET, form=form, draws=4000, noise=0.2)
    torch.manual_seed(0)
    tunnel = captum.NoiseTunnel(captum.Saliency(model))
    spread = 0.2 * float(x.max() - x.min())
    expected = tunnel.attribute(
        x.clone().requires_grad_(), nt_type=named, nt_samples=4000, nt_samples_batch_size=500,
        stdevs=spread, target=TARGET, abs=False,
    )  # fmt: skip
    torch.testing.assert_close(found, expected, rtol=0.1, atol=0.02 * float(expected.abs().max()))


@pytest.mark.law("smoothgrad")
def test_the_square_is_the_variance_and_the_mean():
    model, x = net(), pictures()
    mean, square, variance = (
        smoothgrad(model, x, target=TARGET, form=form, draws=9)
        for form in ("mean", "square", "variance")
    )
    torch.testing.assert_close(square, variance + mean**2)
    plain = smoothgrad(model, x, target=TARGET, noise=0, draws=2).abs()
    torch.testing.assert_close(plain, saliency(model, x, target=TARGET))
    again = smoothgrad(model, x[:1], target=TARGET[:1], noise=0.1, draws=9)
    same = smoothgrad(model, x[:1], target=TARGET[:1], noise=0.1, draws=9)
    assert torch.equal(again, same)
    texts = rows("the cat", "a")
    found = cg.explain(language_model(), texts, target="s", method="smoothgrad:draws=2")
    assert found.shape == texts.shape
    assert (found[1, 1:] == 0).all()
    with pytest.raises(UsageError, match="draws=0"):
        smoothgrad(model, x, draws=0)


@pytest.mark.oracle("deep-lift")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.Softplus])
def test_deep_lift_is_captums(activation):
    model, x, origin = net(activation), pictures(), pictures(2)
    found = deep_lift(model, x, target=TARGET, baseline=origin)
    if activation in (nn.ReLU, nn.Tanh, nn.Softplus):  # captum has no rule for the others
        expected = captum.DeepLift(model).attribute(x, baselines=origin, target=TARGET)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(found.flatten(1).sum(1), change(model, x, origin))


@pytest.mark.law("deep-lift")
@pytest.mark.parametrize("way", WAYS)
def test_contributions_add_up_however_it_is_written(way):
    model, x, origin = Written(WAYS[way]).double(), pictures(), pictures(2)
    found = deep_lift(model, x, target=TARGET, baseline=origin)
    torch.testing.assert_close(found.flatten(1).sum(1), change(model, x, origin))
    pooled = net(pool=nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True))
    pooled[-1] = nn.LazyLinear(3).double()
    added = deep_lift(pooled, x, target=TARGET, baseline=origin).flatten(1).sum(1)
    torch.testing.assert_close(added, change(pooled, x, origin))


@pytest.mark.oracle("lrp")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("rule", "theirs"), [("epsilon", "EpsilonRule"), ("gamma", "GammaRule"),
                                              ("alpha1beta0", "Alpha1_Beta0_Rule")])  # fmt: skip
def test_lrp_is_captums(rule, theirs):
    model, x = net(bias=rule == "epsilon"), pictures()
    for layer in model:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.rule = getattr(own_rules, theirs)()
        elif not isinstance(layer, nn.ReLU):
            layer.rule = own_rules.EpsilonRule()
    expected = captum.LRP(model).attribute(x, target=TARGET).detach()
    found = lrp(model, x, target=TARGET, rule=rule, eps=1e-9)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.law("lrp")
@pytest.mark.parametrize("rule", ["epsilon", "gamma", "alpha1beta0"])
def test_relevance_is_kept_without_biases(rule):
    model, x = net(bias=False), pictures()
    model[-1].weight.data.abs_()  # else nothing may speak for a class
    found = lrp(model, x, target=TARGET, rule=rule, eps=0).flatten(1).sum(1)
    answer = model(x).gather(1, TARGET[:, None])[:, 0].detach()
    torch.testing.assert_close(found, answer)
    plain = x.clone().requires_grad_()
    model(plain).gather(1, TARGET[:, None]).sum().backward()
    torch.testing.assert_close(
        lrp(model, x, target=TARGET, eps=0), (plain.grad * x), rtol=1e-6, atol=1e-12
    )
    with pytest.raises(UsageError, match="calls no dense layer or convolution"):
        lrp(nn.Softmax(1), torch.rand(2, 3))


@pytest.mark.oracle("grad-cam")
def test_grad_cam_is_captums_of_the_last_convolution():
    model, x = net(), pictures()
    theirs = captum.LayerGradCam(model, model[0])
    expected = theirs.attribute(x, target=TARGET, relu_attributions=True)
    large = F.interpolate(expected, size=(7, 7), mode="bilinear").detach()
    for layer in ("0", None):
        cut = model if layer else nn.Sequential(*model[:3], nn.Flatten(), model_tail(model))
        found = grad_cam(cut, x, target=TARGET, layer=layer)
        torch.testing.assert_close(found.sum(1, keepdim=True), large, rtol=0, atol=1e-10)


def model_tail(model):
    """The layers after the first convolution as one that calls no convolution."""

    class Tail(nn.Module):
        def forward(self, h):
            h = h.unflatten(1, (4, 2, 2)).unfold(2, 2, 1).unfold(3, 2, 1)
            h = torch.einsum("bcyxuv,kcuv->bkyx", h, model[3].weight) + model[3].bias[:, None, None]
            return model[6](model[5](model[4](h)))

    return Tail()


@pytest.mark.law("grad-cam")
def test_with_average_pooling_it_is_the_class_map():
    torch.manual_seed(0)
    conv, last = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(4, 3, bias=False)
    model = nn.Sequential(conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), last).double()
    x = pictures()
    own = torch.einsum("bk,bkyx->byx", last.weight[TARGET], conv(x)).detach()
    expected = (own / 49).clamp_min(0)
    for form in ("grad-cam", "hires-cam"):
        found = grad_cam(model, x, target=TARGET, form=form).sum(1)
        torch.testing.assert_close(found, expected)
    last.weight.data.mul_(2)
    torch.testing.assert_close(grad_cam(model, x, target=TARGET).sum(1), 2 * expected)
    assert not conv._forward_hooks


class Words(nn.Module):
    """Convolutions over words, of which nothing learns."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table, self.conv = nn.Embedding(9, 4), nn.Conv1d(4, 5, 3)
        self.last = nn.Linear(5, 3)
        self.requires_grad_(False)

    def forward(self, tokens):
        return self.last(self.conv(self.table(tokens).mT).relu().mean(2))


class Patched(nn.Module):
    """A class token that looks at patches, in the second layer alone."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.cut, self.own = nn.Conv2d(1, 4, 2, 2), nn.Identity()
        self.late, self.last = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        patches = self.own(self.cut(x).flatten(2).mT)
        both = torch.cat([patches.mean(1, keepdim=True), patches], 1)
        return self.last(self.late(both)[:, 0])


def test_patches_that_lie_in_no_square_or_are_not_heard_are_refused():
    model = Patched()
    assert grad_cam(model, torch.rand(2, 1, 6, 6), layer="own").shape == (2, 1, 6, 6)
    with pytest.raises(UsageError, match="depends on the class token alone"):
        grad_cam(model, torch.rand(2, 1, 6, 6), layer="late")
    with pytest.raises(UsageError, match="6 patches of a picture of 4 x 6"):
        grad_cam(model, torch.rand(2, 1, 4, 6), layer="own")


class InPlace(nn.Module):
    """One network, in which what can be changed in place is, or nothing."""

    def __init__(self, really):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last, self.really = nn.Linear(4 * 9, 3), really

    def forward(self, x):
        if self.really:
            h = F.max_pool2d(self.one(x.sub_(0.3)), 2).relu_()
            h = F.gelu(self.two(h).add_(h)).mul_(2).clamp_(min=-0.2)
            return self.last(h.flatten(1))
        h = F.max_pool2d(self.one(x - 0.3), 2).relu()
        h = (F.gelu(self.two(h) + h) * 2).clamp(min=-0.2)
        return self.last(h.flatten(1))


@pytest.mark.law("deep-lift", "lrp", "grad-cam", "smoothgrad", "guided-backprop")
@pytest.mark.parametrize(
    "name", ["deep-lift", "lrp", "lrp:rule=gamma", "lrp:rule=alpha1beta0", "guided-backprop",
             "smoothgrad:draws=2", "grad-cam", "saliency", "integrated_gradients:steps=2",
             "occlusion"],
)  # fmt: skip
def test_what_a_model_changes_in_place_makes_no_difference(name):
    x, explainer = pictures(), cg.build(name, kind="explainer")
    found, expected = (explainer(InPlace(way).double(), x, target=TARGET) for way in (True, False))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(x, pictures(), rtol=0, atol=0)
    if name == "deep-lift":
        model = InPlace(True).double()
        moved = (model(x.clone()) - model(0 * x))[range(3), TARGET]
        torch.testing.assert_close(found.flatten(1).sum(1), moved)


@pytest.mark.law("deep-lift")
@pytest.mark.parametrize("name", [
    "clamp", "threshold", "hardshrink", "softshrink", "prelu", "rrelu", "power", "logarithm",
    "leaky in place", "tanh_",
])  # fmt: skip
def test_a_line_stands_for_each_operation_on_each_number(name):
    operations = {
        "clamp": lambda h: h.clamp(-0.2, 0.5),
        "threshold": nn.Threshold(0.1, 0.3),
        "hardshrink": nn.Hardshrink(),
        "softshrink": nn.Softshrink(),
        "prelu": nn.PReLU().double(),
        "rrelu": nn.RReLU(),
        "power": lambda h: h**2,
        "logarithm": lambda h: (h.abs() + 1).log(),
        "leaky in place": nn.LeakyReLU(inplace=True),
        "tanh_": lambda h: h.tanh_(),
    }

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.one, self.two = nn.Linear(5, 8), nn.Linear(8, 2)
            self.how = operations[name]

        def forward(self, x):
            return self.two(self.how(self.one(x)))

    model, x = Net().double().eval(), torch.randn(4, 5).double()
    found = deep_lift(model, x, target=1).sum(1)
    torch.testing.assert_close(found, (model(x) - model(0 * x))[:, 1].detach())


@pytest.mark.law("grad-cam")
def test_hires_cam_of_a_dense_end_adds_up_to_the_output():
    torch.manual_seed(0)
    conv, last = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(4 * 49, 3, bias=False)
    model = nn.Sequential(conv, nn.Flatten(), last).double()
    last.weight.data.abs_()
    conv.weight.data.abs_()  # else the map is cut off at zero
    conv.bias.data.abs_()
    x = pictures()
    found = grad_cam(model, x, target=TARGET, form="hires-cam").flatten(1).sum(1)
    torch.testing.assert_close(found, model(x).gather(1, TARGET[:, None])[:, 0].detach())


@pytest.mark.law("grad-cam")
def test_texts_patches_and_series_have_maps_and_what_keeps_no_places_is_refused():
    texts = rows("the cat", "a")
    method = "grad-cam:layer=blocks.0"
    found = cg.explain(language_model(), texts, target="s", method=method)
    assert found.shape == texts.shape
    for form in FORMS:
        assert (grad_cam(net(), pictures(), target=TARGET, form=form, layer="0") >= 0).all()
    series = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(15, 2))
    assert grad_cam(series, torch.rand(4, 2, 7)).shape == (4, 2, 7)
    words = Words()
    for layer, wide in (("conv", 6), ("table", 6)):
        assert grad_cam(words, torch.arange(12).reshape(2, 6) % 9, layer=layer).shape == (2, wide)
    named = Signature((Port("steps", "vector", (6, 2)),), (Port("y", "value", (1,)),))
    steps = cg.sign(
        nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Flatten(), nn.Linear(24, 1)), named
    )
    found = grad_cam(steps, torch.rand(3, 6, 2), layer="0", form="hires-cam")
    assert found.shape == (3, 6, 2)
    assert torch.equal(found[..., 0], found[..., 1])
    with pytest.raises(UsageError, match="keeps no places"):
        grad_cam(net(), pictures(), layer="6")
    with pytest.raises(UsageError, match="unknown layer '7'"):
        grad_cam(net(), pictures(), layer="7")
    with pytest.raises(UsageError, match="calls no convolution"):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(98, 3)).double(), pictures())


@pytest.mark.oracle("gradient-shap")
def test_gradient_shap_is_captums():
    model, x, grounds = net(nn.Tanh), pictures(), pictures(2)
    found = gradient_shap(model, x, target=TARGET, baseline=grounds, draws=600)
    torch.manual_seed(0)
    expected = captum.GradientShap(model).attribute(
        x, baselines=grounds, n_samples=3000, stdevs=0.0, target=TARGET
    )
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.03 * float(expected.abs().max()))


@pytest.mark.law("gradient-shap")
def test_gradient_shap_tends_to_the_mean_of_integrated_gradients():
    model, x, grounds = net(nn.Tanh), pictures(), pictures(2)
    several = [integrated_gradients(model, x, target=TARGET, baseline=one) for one in grounds]
    expected = torch.stack(several).mean(0)
    errors = [
        float((gradient_shap(model, x, target=TARGET, baseline=grounds, draws=n) - expected).norm())
        for n in (6, 60, 600)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.01 * float(expected.norm())
    squares = Squares()
    rows_, origins = x.flatten(1)[:, :4], grounds.flatten(1)[:, :4]
    found = gradient_shap(squares, rows_, target=0, baseline=origins, draws=900)
    exact = exact_shap(squares, rows_, target=0, baseline=origins)
    torch.testing.assert_close(found, exact, rtol=0.02, atol=1e-3)


class Squares(nn.Module):
    def forward(self, x):
        return torch.stack([x.square().sum(1) + x[:, 0] * x[:, 1], x[:, 2]], 1)


@pytest.mark.law("gradient-shap")
def test_gradient_shap_of_a_linear_model_is_exact():
    torch.manual_seed(0)
    model = nn.Linear(5, 3).double()
    x, grounds = (torch.randn(n, 5).double() for n in (3, 4))
    found = gradient_shap(model, x, target=TARGET, baseline=grounds, draws=4)
    torch.testing.assert_close(found, exact_shap(model, x, target=TARGET, baseline=grounds))
    texts = rows("the cat", "a")
    told = cg.explain(language_model(), texts, target="s", method="gradient-shap:draws=8")
    assert told.shape == texts.shape
    assert (told[1, 1:] == 0).all()
    with pytest.raises(UsageError, match="draws=0"):
        gradient_shap(model, x, draws=0)
    with pytest.raises(UsageError, match="the backgrounds are of shape"):
        gradient_shap(model, x, baseline=grounds[:, :4])


class Ordered(nn.Module):
    """Convolutions called in another order than they stand in, with a way around the last.

    Args:
        order: which are called, by number, three of them.
    """

    def __init__(self, order):
        super().__init__()
        torch.manual_seed(0)
        self.parts = nn.ModuleList(nn.Conv2d(2, 2, 3, padding=1) for _ in range(3))
        self.last, self.order, self.runs = nn.Linear(2, 3), order, 0

    def forward(self, x):
        self.runs += 1
        first, second, third = (self.parts[place] for place in self.order)
        h = second(F.relu(first(x)))
        h = h + third(F.relu(h))
        return self.last(F.gelu(h).mean((2, 3)))


@pytest.mark.law("grad-cam")
@pytest.mark.parametrize(("order", "runs"), [((0, 1, 2), 1), ((2, 1, 0), 1), ((0, 2, 2), 1),
                                             ((0, 1, 1), 2)])  # fmt: skip
def test_what_is_before_the_layer_needs_no_gradient(order, runs):
    model, x, given = Ordered(order).double(), pictures(), []
    model.parts[0].bias.requires_grad_(False)
    asked = [weight.requires_grad for weight in model.parameters()]
    hook = model.parts[order[-1]].register_forward_hook(lambda *seen: given.append(seen[-1]))
    model(x).gather(1, TARGET[:, None]).sum().backward(inputs=[given[-1]])
    hook.remove()
    a, g = given[-1].detach(), given[-1].grad
    for form in FORMS:
        model.runs = 0
        found = grad_cam(model, x, target=TARGET, form=form)
        torch.testing.assert_close(found.sum(1), FORMS[form](a, g).clamp_min(0))
        assert model.runs == runs
    with pytest.raises(UsageError, match="outputs"):
        grad_cam(model, x, target=9)
    assert asked == [weight.requires_grad for weight in model.parameters()]
    assert not any(weight.grad is not None for weight in model.parameters())
    assert not any(part._forward_pre_hooks for part in model.modules())


def test_a_mode_of_the_models_own_hides_no_convolution():
    class Own(Ordered):
        def forward(self, x):
            with torch.device("cpu"):  # a mode, too
                h = self.parts[2](x)
            return self.last(self.parts[0](F.relu(h)).mean((2, 3)))

    model, x = Own(()).double(), pictures()
    expected = grad_cam(model, x, target=TARGET, layer="parts.0")
    torch.testing.assert_close(grad_cam(model, x, target=TARGET), expected)
    with pytest.raises(UsageError, match=r"does not call layer parts\.1; name one"):
        grad_cam(model, x, layer="parts.1")
