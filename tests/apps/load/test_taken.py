"""What models take beside what data give: each pair fits, or is refused by what both are."""

import contextlib
import wave

import numpy as np
import pytest
import torch

import cartograd as cg
from cartograd.apps.load.taken import check_takes
from cartograd.apps.verbs.cost import cost
from cartograd.apps.verbs.plan import planned

TAKEN = {
    "resnet": {"picture"},
    "crnn": {"picture"},
    "vad": {"sound"},
    "speaker-encoder": {"sound"},
    "mel-resnet": {"sound"},
    "whisper": set(),  # a sound and a text, which none of these has
    "mlp": {"picture", "sound", "table", "numbers"},
    "real-nvp": {"picture", "sound", "table", "numbers"},
    "jukebox": {"sound", "numbers"},
    "spectrogram-diffusion": {"sound", "numbers"},
    "gru": {"picture", "sound", "table", "numbers", "series", "text"},
    "bert": {"text", "pairs"},
    "gpt": {"text"},
    "seq2seq": {"pairs"},
}
"""The kinds of examples that a model of each sort takes."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sources of every kind of example, by kind."""
    folder = tmp_path_factory.mktemp("data")
    for number, name in enumerate("ab" * 10):
        (folder / "sounds" / name).mkdir(parents=True, exist_ok=True)
        with wave.open(str(folder / "sounds" / name / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.arange(number, number + 800, dtype="<i2").tobytes())
    (folder / "table.csv").write_text("a,b,y\n" + "0.5,1.5,yes\n1.5,2.5,no\n" * 20)
    (folder / "pairs.tsv").write_text("".join(f"a {i}\tb {i}\n" for i in range(60)))
    (folder / "text.txt").write_text("the quick brown fox jumps. " * 80)
    return {
        "picture": "digits",
        "sound": f"wav:{folder / 'sounds'}",
        "table": f"csv:{folder / 'table.csv'},target=y",
        "numbers": "moons",
        "series": "adding",
        "text": f"text:{folder / 'text.txt'}",
        "pairs": f"pairs:{folder / 'pairs.tsv'}",
    }


def takes(model, examples):
    """Whether a model takes such examples."""
    with contextlib.suppress(cg.UsageError):
        check_takes(model, examples)
        return True
    return False


def test_a_model_takes_the_examples_of_its_kind_alone(data):
    read = {kind: cg.dataset(spec) for kind, spec in data.items()}
    for model, expected in TAKEN.items():
        taken = {kind for kind, examples in read.items() if takes(model, examples)}
        assert taken == expected, model


@pytest.mark.parametrize(
    ("model", "kind", "told"),
    [
        ("crnn", "sound", r"crnn takes pictures, and wav gives sounds \(1 x 800\)"),
        ("crnn", "table", r"crnn takes pictures, and csv gives rows of a table \(2\)"),
        ("crnn", "series", r"crnn takes pictures, and adding gives series \(t x 2\)"),
        ("mlp", "series", r"mlp takes rows of numbers, and adding gives series"),
        ("vad", "numbers", r"vad takes sounds, and moons gives rows of numbers \(2\)"),
        (
            "spectrogram-diffusion",
            "picture",
            r"takes sounds, and digits gives pictures \(1 x 8 x 8",
        ),
        ("v-diffusion:size=16", "picture", "v-diffusion: size=16, and digits has size=8; leave it"),
        ("pixelcnn:levels=4", "picture", "levels=4, and digits has levels=17"),
        ("real-nvp:features=3", "numbers", "features=3, and moons has features=2"),
        ("gan:classes=5", "picture", "gan: classes=5, and digits has classes=10"),
        (
            "spectrogram-diffusion:sample_rate=99",
            "sound",
            "sample_rate=99, and wav has",
        ),
        ("stylegan2-ffhq", "picture", "stylegan2-ffhq: channels=3, and digits has channels=1"),
        ("diffwave", "picture", "network=diffwave-net is for sounds, and these are pictures"),
        ("whisper", "pairs", r"whisper takes sounds and texts, and pairs gives texts .* and texts"),
        ("whisper", "sound", r"whisper takes sounds and texts, and wav gives sounds"),
        ("seq2seq", "text", r"seq2seq takes texts and texts, and text gives texts \(t\)"),
        ("vad", "sound", r"answers one example with shape \(1, 2, 1\), and wav wants one score"),
        ("decoder-classifier", "text", "objective=classify learns the task 'classify' and text is"),
    ],
)
def test_a_dry_run_says_what_the_model_wants(data, model, kind, told):
    with pytest.raises(cg.UsageError, match=told):
        planned(model, data[kind], meta=True)


def test_so_does_a_training_before_it_writes_anything(data, tmp_path):
    with pytest.raises(cg.UsageError, match="vad takes sounds, and csv gives rows of a table"):
        cg.train("vad", data["table"], folder=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Odd(torch.nn.Module):
    """It fails as no tensor does."""

    def forward(self, x):
        """Nothing."""
        raise LookupError("no such row")


def test_a_dry_run_says_what_went_wrong_in_a_module_of_anybody():
    plan = planned("mlp:widths=[4]", "moons", meta=True)
    plan.model.model = Odd()
    with pytest.raises(cg.UsageError, match=r"cannot take this data.*no such row"):
        cost(plan)
