"""Every exporter writes one whole file, and leaves the model as it found it."""

import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.conformance.support import global_state_untouched, judged_model, over, untouched


@over("exporter")
def test_export_repeats_and_leaves_model_and_global_state_alone(card, tmp_path):
    model, _, _ = judged_model()
    export = build(card.name, kind=card.kind, **card.tiny)
    with untouched(model), global_state_untouched():
        one = export(model, tmp_path / "one")
    assert one.stat().st_size > 1000
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert export(model, tmp_path / "two").read_bytes() == one.read_bytes()


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
