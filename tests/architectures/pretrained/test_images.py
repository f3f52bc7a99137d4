"""torchvision's, timm's and Google's files of convolutional networks."""

import json

import pytest
import torch
from safetensors.torch import save_file

from cartograd.apps.load.pretrained import pretrained
from cartograd.architectures.pretrained import imagenet
from cartograd.architectures.pretrained.caffe import NETWORKS as CAFFE
from cartograd.architectures.pretrained.caffe import caffe
from cartograd.architectures.pretrained.efficientnet_lite0 import SPEC, efficientnet_lite0, keys
from cartograd.architectures.pretrained.timm import FLAT, timm
from cartograd.architectures.pretrained.timm import NETWORKS as TIMM
from cartograd.architectures.pretrained.torchvision import KEYS as PLAIN
from cartograd.architectures.pretrained.torchvision import NETWORKS, SIZES, torchvision
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.key_map import renamed
from cartograd.core.key_map_inverse import written
from cartograd.data.decode.read import read
from cartograd.data.store import packages
from tests.reference import Reference

reference = Reference("torchvision")
other = Reference("timm")


def stirred(model):
    """Running statistics that are not those of an untrained network."""
    for name, value in model.named_buffers():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5)
    return model.eval()


def same(card, theirs, file, **args):
    ours = build(f"{card}:{file}", **args)()
    port = ours.signature.input
    x = torch.rand(1, 3, 96, 96)
    mean, std = (torch.tensor(values)[:, None, None] for values in (port.mean, port.std))
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs((x - mean) / std), rtol=1e-4, atol=1e-6)
    assert not ours.training
    return ours


SOME = (
    "alexnet", "densenet161", "efficientnet_b2", "efficientnet_b5", "googlenet", "inception_v3",
    "resnet101", "vgg13_bn", "wide_resnet50_2",
)  # fmt: skip
FEW_OF_TIMM = (
    "densenet121", "efficientnet_lite2", "inception_v3", "tf_efficientnet_b3", "vgg16",
    "vgg11_bn", "wide_resnet50_2",
)  # fmt: skip
FAMILIES = ("resnet18", "resnext50_32x4d", "densenet121", "efficientnet_b0", "googlenet")


@pytest.mark.oracle("torchvision")
@pytest.mark.parametrize("name", FAMILIES)
def test_files_of_torchvision(name, tmp_path):
    args = {"init_weights": False} if name == "googlenet" else {}
    theirs = stirred(reference.models.get_model(name, num_classes=7, **args))
    file = tmp_path / f"{name}-0676ba61.pth"
    torch.save(theirs.state_dict(), file)
    ours = same("torchvision", theirs, file)
    assert ours.signature.output.dims == (7,)


CONFIG = {
    "architecture": "resnet18", "num_classes": 3, "num_features": 512, "global_pool": "avg",
    "pretrained_cfg": {
        "tag": "a1_in1k", "input_size": [3, 128, 128], "fixed_input_size": False, "crop_pct": 1.0,
        "interpolation": "bilinear", "crop_mode": "center", "mean": [0.4, 0.5, 0.6],
        "std": [0.1, 0.2, 0.3], "num_classes": 3, "pool_size": [2, 2], "first_conv": "conv1",
        "classifier": "fc", "license": "apache-2.0",
    },
}  # fmt: skip
KEYS_OF_TIMM = {
    "architecture": ("resnet34", "lacks|nothing"), "num_classes": (4, "num_classes"),
    "global_pool": ("max", "global_pool"), "label_names": (["a", "b", "c"], ""),
    "label_names ": (["a", "b"], "label_names"), "model_args": ({"act_layer": "gelu"}, "act_layer"),
    "model_args ": ({"in_chans": 3}, ""), "something_new": (1, "something_new"),
    "pretrained_cfg.mean": ([0.0, 0.0, 0.0], ""), "pretrained_cfg.mean ": ([0.5], "mean"),
    "pretrained_cfg.std": ([1.0, 0.0, 1.0], "std"), "pretrained_cfg.label_offset": (1, "label_off"),
    "pretrained_cfg.input_size": ([3, 64, 96], "input_size"),
    "pretrained_cfg.input_size ": ([3, 96, 96], ""), "pretrained_cfg.notes": (["x"], ""),
    "pretrained_cfg.input_size  ": ([3, 32, 32], "input_size"),
    "pretrained_cfg.num_classes": (9, "num_classes"),
    "pretrained_cfg.something_new": (1, "something_new"),
}  # fmt: skip
"""Keys of config.json with other values, and by what they are refused; empty if they are equal."""


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    return stirred(other.create_model("resnet18", num_classes=3))


def of_timm(folder, small, **changed):
    save_file(small.state_dict(), folder / "model.safetensors")
    said = CONFIG | {"pretrained_cfg": dict(CONFIG["pretrained_cfg"])}
    for key, value in changed.items():
        place, _, inner = key.strip().partition(".")
        (said[place] if inner else said).update({inner or place: value})
    (folder / "config.json").write_text(json.dumps(said))
    return folder


@pytest.mark.oracle("timm")
@pytest.mark.parametrize("key", ["tag", *KEYS_OF_TIMM])
def test_folders_of_timm(tmp_path, small, key):
    value, told = KEYS_OF_TIMM.get(key, ("x", ""))
    folder = of_timm(tmp_path, small, **({} if key == "tag" else {key: value}))
    if told:
        with pytest.raises(UsageError, match=told):
            timm(folder)
        return
    ours = same("timm", small, folder)
    said = json.loads((folder / "config.json").read_text())
    port = ours.signature.input
    assert list(port.mean) == said["pretrained_cfg"]["mean"]
    assert list(port.dims) == said["pretrained_cfg"]["input_size"]
    assert list(ours.signature.output.labels) == said.get("label_names", [])


def test_how_timm_scales_pictures_is_told(tmp_path, small):
    folder = of_timm(tmp_path, small, **{"pretrained_cfg.interpolation": "bicubic"})
    with pytest.warns(UserWarning, match=r"interpolation=bicubic: .* bilinearly"):
        timm(folder)


@pytest.mark.oracle("torchvision")
@pytest.mark.parametrize("name", SOME)
def test_networks_of_torchvision_have_their_place(name):
    args = {"init_weights": False} if name.startswith(("goog", "inception", "vgg")) else {}
    known = NETWORKS[name]
    with torch.device("meta"):
        theirs = reference.models.get_model(name, **args)
        heads = {"auxiliary": True} if name in ("googlenet", "inception_v3") else {}
        ours = build(name, **known.get("args", {}), **heads)
    renamed(theirs.state_dict(), ((r"(.*)", r"\1"),), into=ours, source=name)
    norms = [
        [m.eps for m in one.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        for one in (ours, theirs)
    ]
    assert norms[0] == norms[1]
    weights = reference.models.get_model_weights(name)
    transforms = next(iter(weights)).transforms()
    assert transforms.crop_size == [known.get("size", SIZES.get(name, 224))]


def test_old_files_of_densenet(tmp_path):
    theirs = stirred(reference.models.densenet121(num_classes=3))
    tensors = {}
    for name, value in theirs.state_dict().items():
        for part in ("norm1", "norm2", "conv1", "conv2"):
            name = name.replace(f".{part}.", f".{part[:4]}.{part[4]}.")
        if not name.endswith("num_batches_tracked"):
            tensors[name] = value
    assert "features.denseblock1.denselayer1.norm.1.weight" in tensors
    torch.save(tensors, tmp_path / "densenet121-a639ec97.pth")
    same("torchvision", theirs, tmp_path / "densenet121-a639ec97.pth")


@pytest.mark.oracle("timm")
@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "tf_efficientnet_lite0"])
def test_files_of_timm(name, tmp_path):
    theirs = stirred(other.create_model(name, num_classes=5))
    save_file(theirs.state_dict(), tmp_path / f"{name}.a1_in1k.safetensors")
    same("timm", theirs, tmp_path / f"{name}.a1_in1k.safetensors")


@pytest.mark.oracle("timm")
@pytest.mark.parametrize("name", FEW_OF_TIMM)
def test_networks_of_timm_have_their_place(name):
    known = TIMM[name]
    with torch.device("meta"):
        theirs = other.create_model(name)
        ours = build(name.removeprefix("tf_"), **known.get("args", {}))
    renamed(theirs.state_dict(), known.get("keys", PLAIN), into=ours, source=name)
    assert tuple(known.get("mean", imagenet.MEAN)) == tuple(theirs.pretrained_cfg["mean"])


def test_a_convolution_over_all_places_is_a_dense_layer():
    x, weight = torch.rand(2, 3, 7, 7), torch.rand(4, 3, 7, 7)
    dense = x.flatten(1) @ FLAT(weight).T
    torch.testing.assert_close(dense, torch.nn.functional.conv2d(x, weight).flatten(1))


def test_the_newer_recipe_of_timm_standardises_otherwise(tmp_path):
    theirs = other.create_model("efficientnet_b0.ra4_e3600_r224_in1k", num_classes=5)
    file = tmp_path / "efficientnet_b0.ra4_e3600_r224_in1k.safetensors"
    save_file(theirs.state_dict(), file)
    assert timm(file).signature.input.mean == tuple(theirs.pretrained_cfg["mean"])


def there(name):
    """The folder of a set, or why the test is skipped."""
    try:
        return packages.where(name)
    except UsageError as error:
        pytest.skip(str(error))


@pytest.mark.law("efficientnet-lite0-imagenet")
@torch.inference_mode()
def test_photos_are_what_they_show():
    there("efficientnet-lite0-imagenet")
    folder, model = there("photos"), pretrained("efficientnet-lite0-imagenet")
    files = ["chelsea.png", "coffee.png", "camera.png", "rocket.jpg"]
    answers = model(read(model.signature.input, [folder / file for file in files])).softmax(1)
    assert answers.argmax(1).tolist() == [285, 967, 872, 657]
    labels = model.signature.output.labels
    assert [labels[i] for i in answers.argmax(1)] == [
        "Egyptian cat",
        "espresso",
        "tripod",
        "missile",
    ]


@pytest.mark.oracle("efficientnet-lite0-imagenet")
@torch.inference_mode()
def test_a_random_twin_under_the_files_names_equals_timms(tmp_path):
    theirs = stirred(other.create_model("tf_efficientnet_lite0"))
    with torch.device("meta"):
        twin = build(SPEC)
    ours = renamed(theirs.state_dict(), TIMM["tf_efficientnet_lite0"]["keys"], into=twin, source="")
    file = tmp_path / "lite0.pth"
    torch.save(written(ours, keys(), source="twin"), file)
    x = torch.rand(2, 3, 75, 75)
    shifted = (x * 255 - 127) / 128
    torch.testing.assert_close(efficientnet_lite0(file)(x), theirs(shifted), rtol=1e-4, atol=1e-4)


@pytest.mark.oracle("efficientnet-lite0-imagenet")
@torch.inference_mode()
def test_the_published_weights_in_timms_network():
    there("efficientnet-lite0-imagenet")
    ours = pretrained("efficientnet-lite0-imagenet")
    theirs = other.create_model("tf_efficientnet_lite0").eval()
    table = TIMM["tf_efficientnet_lite0"]["keys"]
    theirs.load_state_dict(written(ours.model.state_dict(), table, source="timm"))
    x = read(ours.signature.input, there("photos") / "coffee.png")
    expected = theirs((x * 255 - 127) / 128)
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-4)


def test_the_thousand_names_are_torchvisions():
    categories = reference.models.ResNet18_Weights.DEFAULT.meta["categories"]
    assert list(imagenet.names()) == categories
    assert imagenet.signature(224).output.labels[285] == "Egyptian cat"


def test_what_is_wrong_with_a_file_is_told(tmp_path):
    theirs = reference.models.resnet18(num_classes=3).state_dict()
    torch.save(theirs, tmp_path / "mine.pth")
    with pytest.raises(UsageError, match="does not begin with a network's name: which network"):
        torchvision(tmp_path / "mine.pth")
    assert torchvision(tmp_path / "mine.pth", model="resnet18").signature.output.dims == (3,)
    with pytest.raises(UsageError, match=r"lacks 'layer1\.2\.conv1\.weight'"):
        torchvision(tmp_path / "mine.pth", model="resnet34")
    with pytest.raises(UsageError, match="'resnet19': which network is it"):
        torchvision(tmp_path / "mine.pth", model="resnet19")
    with pytest.raises(UsageError, match=r"of another model: it lacks 'classifier\.1\.weight'"):
        torchvision(tmp_path / "mine.pth", model="efficientnet_b0")
    torch.save(theirs | {"conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / "resnet18.pth")
    with pytest.raises(UsageError, match=r"'conv1.weight' of shape \(64, 1, 7, 7\)"):
        torchvision(tmp_path / "resnet18.pth")


@pytest.mark.law("caffe")
def test_files_under_the_papers_names(tmp_path):
    args = {"batch_norm": False, "classes": 5, "auxiliary": True}
    twin = build("googlenet", **args).eval()
    tensors = written(twin.state_dict(), CAFFE["googlenet"]["keys"], source="twin")
    assert len(tensors) == 2 * (2 + 1 + 9 * 6 + 2 * 3 + 1)
    assert tensors["inception_4c/5x5_reduce.weight"].shape == (24, 512, 1, 1)
    save_file(tensors, tmp_path / "bvlc.safetensors")
    ours = caffe(tmp_path / "bvlc.safetensors", model="googlenet")
    red, seen = torch.rand(1, 3, 96, 96), []
    ours.model.conv1.conv.register_forward_hook(lambda _, __, y: seen.append(y))
    mean = 255 * torch.tensor(ours.signature.input.mean)[:, None, None]
    blue = (255 * red - mean).flip(1)
    weight, bias = (tensors[f"conv1/7x7_s2.{part}"] for part in ("weight", "bias"))
    with torch.no_grad():
        assert torch.equal(ours(red), ours(red))
    expected = torch.nn.functional.conv2d(blue, weight, bias, 2, 3)
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-2)


@pytest.mark.law("caffe")
@pytest.mark.parametrize("name", ["alexnet", "vgg16", "vgg19"])
def test_every_tensor_of_the_papers_names_has_its_place(name):
    known = CAFFE[name]
    with torch.device("meta"):
        ours = build(known["spec"])
    tensors = written(ours.state_dict(), known["keys"], source=name)
    assert len(tensors) == len(ours.state_dict())
    renamed(tensors, known["keys"], into=ours, source=name)
    if name == "vgg19":
        assert {"conv1_1.weight", "conv5_4.bias", "fc6.weight"} <= set(tensors)
        assert tensors["conv4_1.weight"].shape == (512, 256, 3, 3)
