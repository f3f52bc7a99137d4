"""Every exporter writes one whole file or folder, and leaves the model as it found it."""

import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.conformance.support import exported_model, global_state_untouched, over, untouched


@over("exporter")
def test_export_repeats_and_leaves_model_and_global_state_alone(card, tmp_path):
    model = exported_model(card)
    export = build(card.name, kind=card.kind, **card.tiny)
    with untouched(model), global_state_untouched():
        one = export(model, tmp_path / "one")
    assert len(content(one)) > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert content(export(model, tmp_path / "two")) == content(one)


def content(path):
    """The bytes of a file, or of all files of a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return b"".join(file.read_bytes() for file in files if file.is_file())


@over("exporter")
def test_export_into_a_file_that_is_a_folder_is_refused(card, tmp_path):
    model = exported_model(card)
    with pytest.raises(UsageError):
        build(card.name, kind=card.kind, **card.tiny)(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


@over("exporter")
def test_export_of_a_model_without_signature_is_refused(card, tmp_path):
    model = exported_model(card)
    with pytest.raises(UsageError, match="signature"):
        build(card.name, kind=card.kind, **card.tiny)(model.model, tmp_path / "model.file")
