import wave
from pathlib import Path

import pytest
import torch

import cartograd as cg
from cartograd.apps.report.samples import check_kind, write_samples
from cartograd.apps.verbs import judges
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port
from cartograd.data.dataset.own_targets import own_targets


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """A generator of digits that has learned nothing."""
    signature = own_targets(cg.dataset("digits"), "generate", conditional=True, latent=8).signature
    folder = tmp_path_factory.mktemp("drawn") / "bundle"
    cg.save(cg.build("gan:width=4,latent=8", signature=signature), folder)
    return folder


def test_a_page_shows_each_picture_its_class_and_the_line_that_repeats_it(generator, cli_run):
    words = ("generate", str(generator), "--class", "3", "--count", "4", "--seed", "5")
    assert cli_run(*words, "--out", "page.html").code == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") == 4
    assert page.count('alt="picture') == 4
    assert f"cartograd generate {generator} --class 3 --count 4 --seed 5 --out page.html" in page
    assert "gan" in page


def test_sounds_are_a_file_that_plays_one_after_the_other(tmp_path):
    port = Port("sound", "audio", (1, 100), rate=1000)
    x = torch.linspace(-1, 1, 200).reshape(2, 1, 100)
    with wave.open(str(write_samples(tmp_path / "a.wav", port, x))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (1000, 1, 2)
        found = torch.frombuffer(bytearray(file.readframes(10_000)), dtype=torch.int16)
    assert len(found) == 100 + 300 + 100
    assert (found[:100] / 32767 - x[0, 0]).abs().max() < 1e-4
    assert not found[100:400].any()
    assert (found[400:] / 32767 - x[1, 0]).abs().max() < 1e-4


def test_what_a_file_cannot_show_is_refused(tmp_path):
    points = Port("x", "vector", (2,))
    for name, message in (("a.wav", "sounds are of samples"), ("a.html", "are of pictures")):
        with pytest.raises(UsageError, match=message):
            check_kind(tmp_path / name, points)


MISTAKES = {
    ("--class", "11"): "unknown class '11'",
    ("--class", "boot"): "unknown class 'boot'",
    ("--sampler", "ddim:steps=20"): "is for diffusion models",
    ("--count", "0"): "count=0 examples",
    ("--temperature", "-1"): "temperature=-1",
    ("--out", "page.txt"): "unknown kind",
    ("--out", "page.wav"): "sounds are of samples",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_are_one_line_and_nothing_is_written(generator, cli_run, words):
    done = cli_run("generate", str(generator), *words)
    assert done.code == 2
    assert MISTAKES[words] in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not list((generator).glob("samples*"))


def test_a_generator_is_measured_by_judges_that_are_trained_once(
    generator, cli_run, monkeypatch, tmp_path
):
    monkeypatch.setenv("CARTOGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(judges, "SEVERAL", 0)
    monkeypatch.setattr(judges, "FEATURES", ("mlp:widths=[12]", 1))
    monkeypatch.setattr(judges, "CLASSES", ("softmax-regression", 2))
    words = ("evaluate", str(generator), "--data", "digits", "--part", "test")
    words += ("--metrics", "normalised-frechet", "--json")
    first, again = (cli_run(*words) for _ in range(2))
    assert first.code == again.code == 0
    assert first.err.count("training a judge of digits") == 2
    assert "training" not in again.err
    assert "measured by the judges of digits (" in again.err
    assert first.json["metrics"] == again.json["metrics"]
    accuracy = first.json["metrics"]["accuracy (of the judge)"]
    assert accuracy["value"] < 0.3
    assert "12 features" in first.json["metrics"]["normalised-frechet"]["approximate"]
    kept = list((tmp_path / "cache" / "judges").iterdir())
    assert sorted(path.name.rpartition("-")[0] for path in kept) == [
        "digits-mlp", "digits-softmax-regression",
    ]  # fmt: skip
