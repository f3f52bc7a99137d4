"""Every exporter writes one whole file, and leaves the model as it found it."""

import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.conformance.support import global_state_untouched, judged_model, over, untouched


@over("exporter")
def test_export_leaves_model_and_global_state_alone(card, tmp_path):
    model, _, _ = judged_model()
    with untouched(model), global_state_untouched():
        written = build(card.name, kind=card.kind, **card.tiny)(model, tmp_path / "model.file")
    assert written.stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["model.file"]


@over("exporter")
def test_export_repeats(card, tmp_path):
    model, _, _ = judged_model()
    export = build(card.name, kind=card.kind, **card.tiny)
    one, two = (export(model, tmp_path / name).read_bytes() for name in ("one", "two"))
    assert one == two


@over("exporter")
def test_export_into_a_file_that_is_a_folder_is_refused(card, tmp_path):
    model, _, _ = judged_model()
    with pytest.raises(UsageError):
        build(card.name, kind=card.kind, **card.tiny)(model, tmp_path)
    assert list(tmp_path.iterdir()) == []


@over("exporter")
def test_export_of_a_model_without_signature_is_refused(card, tmp_path):
    model, _, _ = judged_model()
    with pytest.raises(UsageError, match="signature"):
        build(card.name, kind=card.kind, **card.tiny)(model.model, tmp_path / "model.file")
