"""Detectors and segmenters made smaller, and served: each step works or is refused by name."""

import base64

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import cartograd as cg
from cartograd.apps.server.app import application
from cartograd.apps.server.load import load
from cartograd.apps.verbs.compress_steps import compress_steps
from cartograd.apps.verbs.compress_within import _ways
from cartograd.core.errors import UsageError
from tests.conformance.boxed import coco_files

FCOS = 'fcos:encoder="resnet:depth=8,width=4",width=8'
LEARNS = {"boxes": "fine-tune", "masks": "distill"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A detector and a segmenter of a second of training each."""
    root = tmp_path_factory.mktemp("smaller")
    coco_files(root / "boxes")
    draw = np.random.default_rng(0)
    for i in range(24):
        mask = np.zeros((12, 12), dtype=np.uint8)
        mask[i % 6 : i % 6 + 5, 2:8] = 1
        values = (draw.integers(0, 60, (12, 12)) + 120 * mask).astype(np.uint8)
        for kind, one in (("images", values), ("masks", mask)):
            (root / "masks" / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(one).save(root / "masks" / kind / f"{i}.png")
    cg.train(FCOS, f"coco:{root / 'boxes'},size=16", epochs=1, folder=root / "boxes-run")
    net = "unet:width=8,scales=1,norm=group"
    cg.train(net, root / "masks", epochs=2, folder=root / "masks-run")
    return root


@pytest.fixture(scope="module")
def smaller(runs):
    """Channels are cut from both among all models in `test_prune_every_model`."""
    return {
        kind: compress_steps(
            runs / f"{kind}-run", (f"{step}:epochs=1", "quantize-static"), folder=runs / kind / "to"
        )
        for kind, step in LEARNS.items()
    }


@pytest.mark.parametrize("kind", LEARNS)
def test_it_is_taught_and_rounded(smaller, kind):
    original, taught, rounded = smaller[kind].stages
    assert rounded.size < 0.6 * taught.size == 0.6 * original.size
    assert all(0 <= one.value <= 1 for one in smaller[kind].stages)
    assert smaller[kind].metric == {"boxes": "coco-map", "masks": "mask-iou"}[kind]


@pytest.mark.parametrize("kind", LEARNS)
def test_within_a_budget_it_learns_what_it_can(runs, kind, monkeypatch):
    """Boxes name no classes, which could be learned from the original's answers."""
    monkeypatch.setattr("cartograd.apps.verbs.compress_within.compress", lambda *_, **__: None)
    ways = list(_ways(cg.load(runs / f"{kind}-run").model, 2, {}))
    assert ways[0] == (None, ("half-weights",))
    assert ways[3][1] == (
        "prune-channels:amount=0.25",
        f"{LEARNS[kind]}:epochs=2",
        "quantize-static",
    )


@pytest.mark.parametrize("kind", LEARNS)
def test_what_is_served_is_what_it_predicts(runs, smaller, kind, monkeypatch):
    """Before and after; the bytes of a picture, and several in JSON."""
    monkeypatch.setattr("cartograd.apps.answers.detect.LIKELY", 0.01)
    pictures = sorted((runs / kind / "images").rglob("*.png"))[:2]
    coded = [{"base64": base64.b64encode(one.read_bytes()).decode()} for one in pictures]
    for path in (runs / f"{kind}-run", runs / kind / "to" / "bundle"):
        with TestClient(application(load(path))) as http:
            found = http.post("/predict", json={"inputs": coded}).json()["predictions"]
            sent = {"content": pictures[0].read_bytes(), "headers": {"Content-Type": "image/png"}}
            alone = http.post("/predict", **sent).json()["predictions"]
        assert found == _answers(path, pictures)
        assert alone == _answers(path, pictures[:1])
        assert all(one.get("boxes") or one["mask"] for one in found)


def _answers(path, pictures):
    """Without the names of the files, which a server does not know."""
    return [{k: v for k, v in one.items() if k != "source"} for one in cg.predict(path, pictures)]


@pytest.mark.parametrize("kind", LEARNS)
def test_a_step_that_cannot_be_leaves_nothing(runs, kind):
    with pytest.raises(UsageError, match="quantize-static rounds convolutions"):
        compress_steps(runs / f"{kind}-run", "int8-weights", folder=runs / "none")
    with pytest.raises(UsageError, match=r"no list of like blocks|less than one block"):
        compress_steps(runs / f"{kind}-run", "prune-blocks", folder=runs / "none")
    assert not (runs / "none").exists()


def test_boxes_are_not_distilled(runs):
    with pytest.raises(UsageError, match=r"distill is of classes.*'detect'; take fine-tune"):
        compress_steps(runs / "boxes-run", "distill", folder=runs / "none")
    assert not (runs / "none").exists()
