"""Folders of timm: it gives our answers; what it has not is refused, and the reason told."""

import json

import pytest
import torch

from cartograd.apps.cli import main
from cartograd.architectures.pretrained.networks_back import network_of
from cartograd.architectures.pretrained.timm import NETWORKS, SAME, SEVEN, timm
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.key_map_inverse import written
from cartograd.core.ports import Port, Signature
from cartograd.engine.files.bundle import write_bundle
from cartograd.practice.deployment.timm_folder import timm_folder
from tests.practice.deployment.networks import made, same, seen
from tests.reference import Reference

reference = Reference("timm")

VALUES = {
    "efficientnet_b0": "efficientnet-b0",
    "tf_efficientnet_lite0": "efficientnet-lite0:same_padding=true,dropout=0.5",
}  # fmt: skip
NAMES = ("vgg11_bn", "resnet18", "inception_v3", "tf_efficientnet_b1")


@pytest.mark.oracle("timm-folder")
@pytest.mark.parametrize("name", VALUES)
def test_timm_gives_the_same_answers(name, tmp_path):
    model = made(VALUES[name])
    folder = timm_folder(model, tmp_path / "out")
    theirs = reference.create_model(f"local-dir:{folder}", pretrained=True)
    assert theirs.pretrained_cfg["architecture"] == name
    assert tuple(theirs.pretrained_cfg["mean"]) == model.signature.input.mean
    same(model, theirs)


@pytest.mark.oracle("timm-folder")
@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_has_its_place_in_theirs(name):
    known = NETWORKS[name]
    with torch.device("meta"):
        ours = build(name.removeprefix("tf_"), **known.get("args", {}), signature=seen(100))
        theirs = reference.create_model(name, num_classes=3)
    found, tensors = network_of(ours, NETWORKS, library="timm")
    assert found == name
    table = known.get("keys", SAME)
    theirs.load_state_dict(written(tensors, table, source=name), assign=True)


def test_a_dense_layer_is_a_convolution_over_all_places():
    weight = torch.rand(4, 3, 7, 7)
    assert torch.equal(SEVEN.back(SEVEN(weight)), weight)


@pytest.mark.law("timm-folder")
def test_what_is_read_back_is_what_was_written(tmp_path):
    model = made("efficientnet-b0:eps=1e-5", seen(88))
    again = timm(timm_folder(model, tmp_path / "out"))
    mine, found = model.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(found[name], value) for name, value in mine.items())
    assert found.keys() == mine.keys()
    (port,), (answer,) = model.signature.inputs, again.signature.outputs
    read = again.signature.input
    assert (read.dims, read.mean, read.std) == (port.dims, port.mean, port.std)
    assert answer.labels == model.signature.output.labels


OBLONG = Signature((Port("image", "image", (3, 96, 80), bounds=(0.0, 1.0)),), seen().outputs)
WIDE = Signature((Port("image", "image", (3, 96, 96), bounds=(0.0, 255.0)),), seen().outputs)
REFUSED = {
    "alexnet": (seen(), "alexnet is no network of timm's; the nearest is resnet; expected one of"),
    "resnet18:size=224": (seen(32), r"pictures are of \[32, 32\]; a folder of timm is for square"),
    "resnet34:size=224": (OBLONG, r"pictures are of \[96, 80\]"),
    "resnet50:size=224": (WIDE, r"takes pixels within \(0.0, 255.0\)"),
    "resnet18:norm=none": (seen(), "at 'bn1' it has nothing, and resnet18 has BatchNorm2d"),
}


@pytest.mark.parametrize("spec", REFUSED)
def test_what_timm_has_not_is_refused_by_name(spec, tmp_path):
    signature, told = REFUSED[spec]
    with torch.device("meta"):
        model = build(spec, signature=signature)
    with pytest.raises(UsageError, match=told):
        timm_folder(model, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_folder_and_checks_it(tmp_path, capsys):
    bundle = write_bundle(tmp_path / "bundle", made("efficientnet-lite0:same_padding=true"),
                          examples=(torch.rand(2, 3, 96, 96),))  # fmt: skip
    out = str(tmp_path / "out")
    assert main(["export", str(bundle), "--to", "timm", "--check", "--out", out, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agree"]
    assert told["loads"] == f"timm.create_model('local-dir:{out}', pretrained=True)"
    assert main(["export", str(bundle), "--to", "timm", "--out", out]) == 2
    assert "exists already" in capsys.readouterr().err
