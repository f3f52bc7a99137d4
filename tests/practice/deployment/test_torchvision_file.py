"""Files of torchvision: it gives our answers; what it has not is refused, and the reason told."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from cartograd.apps.cli import main
from cartograd.apps.load.pretrained import pretrained
from cartograd.architectures.pretrained.networks_back import network_of
from cartograd.architectures.pretrained.torchvision import NETWORKS, torchvision
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.narrowed import Narrowing
from cartograd.core.ports import Port, Signature
from cartograd.engine.files.bundle import write_bundle
from cartograd.practice.deployment.torchvision_file import torchvision_file
from tests.practice.deployment.networks import made, same, seen
from tests.reference import Reference

reference = Reference("torchvision")

VALUES = {
    "resnet18": ("resnet18", {}),
    "efficientnet_b0": ("efficientnet-b0", {}),
    "googlenet": ("googlenet", {"aux_logits": False, "init_weights": False}),
}
"""Ours by torchvision's names, and what its function is told."""
NAMES = (
    "alexnet", "vgg11_bn", "resnext50_32x4d", "inception_v3", "efficientnet_b1", "densenet121",
)  # fmt: skip


@pytest.mark.oracle("torchvision-file")
@pytest.mark.parametrize("name", VALUES)
def test_torchvision_gives_the_same_answers(name, tmp_path):
    spec, args = VALUES[name]
    model = made(spec)
    file = torchvision_file(model, tmp_path / "any.safetensors")
    theirs = reference.models.get_model(name, num_classes=3, **args)
    theirs.load_state_dict(load_file(file))
    same(model, theirs)


@pytest.mark.oracle("torchvision-file")
@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_has_its_place_in_theirs(name):
    known, heads = NETWORKS[name], {"aux_logits": False} if name == "inception_v3" else {}
    start = {"init_weights": False} if name.startswith(("inception", "vgg")) else {}
    with torch.device("meta"):
        ours = build(name, **known.get("args", {}), signature=seen(100))
        theirs = reference.models.get_model(name, num_classes=3, **heads, **start)
    found, tensors = network_of(ours, NETWORKS, library="torchvision")
    assert found == name
    theirs.load_state_dict(tensors, assign=True)


@pytest.mark.law("torchvision-file")
def test_what_is_read_back_is_what_was_written(tmp_path):
    model = made("efficientnet-b0:eps=1e-5,dropout=0.4", seen(88, fit="stretch"))
    again = pretrained(f"torchvision:{torchvision_file(model, tmp_path / 'any.safetensors')}")
    assert again.signature == model.signature
    mine, found = model.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in mine.items())
    assert found.keys() == mine.keys()


REFUSED = {
    "mlp": (seen(), "mlp is no network of torchvision's; expected one of alexnet"),
    "resnet18:norm=group": (seen(), "has norm=group, and resnet18 has norm=batch"),
    "resnet18:width=32": (
        seen(),
        r"at 'conv1' it has Conv2d\(3, 32.*and resnet18 has Conv2d\(3, 6",
    ),
    "resnet18": (seen(32), r"for pictures of 32 pixels \(size=224 gives theirs\)"),
    "resnet20": (seen(), "has depth=20"),
    "efficientnet-lite0": (seen(), "has lite=True, and efficientnet_b0 has lite=False"),
    "resnet34": (seen(mean=(0.5,), std=(0.5,)), ""),
}


@pytest.mark.parametrize("spec", REFUSED)
def test_what_torchvision_has_not_is_refused_by_name(spec, tmp_path):
    signature, told = REFUSED[spec]
    with torch.device("meta"):
        model = build(spec, signature=signature)
    if not told:
        assert network_of(model, NETWORKS, library="torchvision")[0] == spec
        return
    with pytest.raises(UsageError, match=told):
        torchvision_file(model, tmp_path / "out.safetensors")
    assert not list(tmp_path.iterdir())


def test_cut_layers_thresholds_and_foreign_modules_are_refused(tmp_path):
    with torch.device("meta"):
        cut, foreign = (build("resnet18", signature=seen()) for _ in range(2))
    cut.model.narrowing = Narrowing({"conv1.weight": (32, 3, 7, 7)})
    foreign.spec = None
    warm = Signature(seen().inputs, (Port("c", "label", (3,), task="classify", temperature=2.0),))
    with torch.device("meta"):
        decided = build("resnet18", signature=warm)
    for model, told in (
        (cut, "was pruned, and its layers have other sizes"),
        (foreign, "not made by name"),
        (decided, "'c' has a temperature or thresholds of its own"),
    ):
        with pytest.raises(UsageError, match=told):
            torchvision_file(model, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_damaged_header_is_told(tmp_path):
    last = {"classifier.1.weight": torch.zeros(3, 2)}
    save_file(last, tmp_path / "x", {"network": "efficientnet_b0", "signature": "{"})
    (tmp_path / "x").rename(tmp_path / "x.safetensors")
    with pytest.raises(UsageError, match="signature in its header is damaged"):
        torchvision(tmp_path / "x.safetensors")


def test_the_command_writes_a_file_and_checks_it(tmp_path, capsys):
    model = made("efficientnet-b0")
    bundle = write_bundle(tmp_path / "bundle", model, examples=(torch.rand(2, 3, 96, 96),))
    out = tmp_path / "out.safetensors"
    given = ["export", str(bundle), "--to", "torchvision", "--check", "--out", str(out), "--json"]
    assert main(given) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agree"]
    assert told["loads"].startswith(
        "torchvision.models.get_model('efficientnet_b0', num_classes=3)"
    )
