"""A bundle whose parts do not fit each other is refused where it is loaded, in one line."""

import json

import pytest
import torch

import cartograd as cg
from cartograd.core.column import Column
from cartograd.core.errors import UsageError
from cartograd.core.files import write_manifest
from cartograd.engine.files.bundle import load, write_bundle

ROW = cg.Port("row", "table", (4,), columns=(Column("age"), Column("town", ("a", "b", "c"))))
SIDE = cg.Port("side", "label", (3,), labels=("left", "right", "none"))
TEXT = cg.Port("text", "text", ("t",), dtype="int64", bounds=(0, 19))
NEXT = cg.Port("next", "label", ("t", 20), task="next-token")
PICTURE = cg.Port("picture", "image", (1, 8, 8), bounds=(0.0, 1.0), mean=(0.5,), std=(0.2,))


def changed(folder, part, **change):
    """Change a port in the document, and seal it again: what a hostile sender would do."""
    file = folder / "signature.json"
    said = json.loads(file.read_text())
    said[part][0] |= change
    file.write_text(json.dumps(said))
    (folder / "manifest.json").unlink()
    write_manifest(folder)


@pytest.mark.parametrize(
    ("spec", "ports", "part", "change", "message"),
    [
        ("mlp:widths=[4]", (ROW, SIDE), "inputs", {"columns": [{"name": "age"}]},
         r"its columns become 1 features, and dims=\(4,\)"),
        ("mlp:widths=[4]", (ROW, SIDE), "outputs", {"labels": ["left", "right"]},
         "2 labels for 3 classes"),
        ("mlp:widths=[4]", (ROW, SIDE), "inputs", {"dtype": "float33"}, "float33"),
        ("mlp:widths=[4]", (ROW, SIDE), "inputs", {"dtype": "int64"},
         "signature and network do not fit: MLP does not take"),
        ("lenet5", (PICTURE, SIDE), "inputs", {"mean": [0.5] * 3, "std": [1] * 3},
         "3 numbers in mean"),
        ("gpt:dim=8,depth=1,heads=1,vocabulary=20", (TEXT, NEXT), "inputs", {"bounds": [0, 900]},
         "signature and network do not fit: GPT does not take.*IndexError"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("golden", [True, False])
def test_other_sizes_are_refused_at_loading(tmp_path, spec, ports, part, change, message, golden):
    model = cg.build(spec, kind="model", signature=cg.Signature(ports[:1], ports[1:]))
    port = ports[0]
    shape = (4, *(dim if isinstance(dim, int) else 5 for dim in port.dims))
    examples = torch.zeros(shape, dtype=getattr(torch, port.dtype)) if golden else None
    folder = write_bundle(tmp_path / "bundle", model, examples=examples)
    assert load(folder).signature == model.signature
    changed(folder, part, **change)
    with pytest.raises(UsageError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_no_tokenizer_nested_without_end(tmp_path):
    model = cg.build("mlp:widths=[4]", kind="model", signature=cg.Signature((ROW,), (SIDE,)))
    folder = write_bundle(tmp_path / "bundle", model)
    for content in (b"[" * 100_000, b"\xff"):
        for name in ("tokenizer.json", "manifest.json"):
            before = (folder / name).read_bytes() if (folder / name).exists() else None
            (folder / name).write_bytes(content)
            if name != "manifest.json":
                (folder / "manifest.json").unlink()
                write_manifest(folder)
            with pytest.raises(UsageError, match="unreadable"):
                load(folder)
            if before is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(before)
                write_manifest(folder)
