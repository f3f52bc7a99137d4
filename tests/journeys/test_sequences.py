"""Models of sequences go the whole way, like any other: trained, evaluated, read back."""

import cartograd as cg


def test_a_language_model_of_bytes(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat and the dog sat on the cat. " * 60)
    data = cg.dataset(f"text:{path},window=16")
    model = "lstm-language-model:dim=16"
    cg.train(model, data, folder=tmp_path / "run", epochs=2, optimizer="adamw:lr=0.02")
    found = cg.evaluate(tmp_path / "run", data)
    assert list(found.metrics) == ["accuracy", "nll", "perplexity", "bits-per-byte"]
    assert found.examples == 16 * len(data.test)
    assert found.metrics["accuracy"] > 0.15
    assert (tmp_path / "run" / "report.html").exists()


def test_images_row_by_row(tmp_path):
    run = cg.train("gru:dim=16", "digits", folder=tmp_path / "run", epochs=2)
    assert cg.evaluate(run, "digits").metrics["accuracy"] > 0.5
    [row] = cg.predict(tmp_path / "run", [cg.dataset("digits").test.inputs[0]], top=1)
    assert row
