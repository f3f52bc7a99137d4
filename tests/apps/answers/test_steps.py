"""Answers step by step: text, segments, voices; and what cannot be one."""

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from cartograd.apps.answers.asked import Asked, answers
from cartograd.apps.answers.tag import spans
from cartograd.apps.cli import main
from cartograd.apps.server.served import Served
from cartograd.apps.verbs.predict import predict
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature

SOUND = Port("sound", "audio", (1, "n"), bounds=(-1.0, 1.0), rate=16000)
SPEECH = Port("speech", "label", ("t", 1), labels=("speech",), task="tag")


@pytest.fixture
def wav(tmp_path):
    """A function that writes a file of noise."""

    def write(name, seconds):
        path = tmp_path / name
        noise = np.random.default_rng(0).normal(0, 0.1, int(seconds * 16000))
        soundfile.write(path, noise, 16000)
        return path

    return write


def of_steps(signature, x, outputs):
    """What a model says that gives these outputs, as JSON types."""
    model = Given(outputs)
    return [one.to_json() for one in answers(Asked(model, signature, x))]


class Given(torch.nn.Module):
    """Gives what it was given."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = outputs

    def forward(self, _):
        return self.outputs


def test_spans_bridge_short_pauses_and_leave_out_short_noises():
    assert spans([], 0.1) == []
    assert spans([0.9] * 4, 0.1) == [(0.0, 0.4)]
    assert spans([0.1, 0.4, 0.6, 0.4, 0.36, 0.3], 0.1) == [(0.2, 0.5)]
    assert spans([0.9, 0.9, 0.1, 0.9, 0.9], 0.09) == [(0.0, 0.45)]
    assert spans([0.9, 0.9, 0.1, 0.9, 0.9], 0.2) == [(0.0, 0.4), (0.6, 1.0)]
    assert spans([0.9, 0.9, 0.1], 0.1) == []


def test_what_is_heard_comes_as_segments():
    port = Port("speech", "label", ("t", 1), labels=("speech",), task="tag")
    logits = torch.tensor([[-3.0, 4, 4, -3]])[:, :, None]
    (answer,) = of_steps(Signature((SOUND,), (port,)), torch.zeros(1, 1, 16000), logits)
    assert answer["segments"] == [{"label": "speech", "start": 0.25, "end": 0.75}]
    assert answer["means"]["speech"] == pytest.approx(logits.sigmoid().mean().item())


def test_what_is_read_comes_as_text():
    line = Port("line", "image", (1, 32, "x"))
    port = Port("text", "label", ("t", 3), labels=("", "a", "b"), task="ctc")
    path = torch.tensor([[1, 1, 0, 1, 2]])
    logits = 20 * torch.nn.functional.one_hot(path, 3).float()
    (answer,) = of_steps(Signature((line,), (port,)), torch.zeros(1, 1, 32, 20), logits)
    assert answer["text"] == "aab"
    assert answer["probability"] > 0.99


def test_steps_of_a_table_are_nothing_to_show():
    port = Port("y", "label", ("t", 3), labels=("a", "b", "c"), task="tag")
    with pytest.raises(UsageError, match="sounds, texts and lines of text only"):
        of_steps(Signature((Port("x", "vector", (4,)),), (port,)), torch.zeros(1, 4),
                 torch.zeros(1, 2, 3))  # fmt: skip


def test_sounds_of_any_length(wav):
    detector = build("vad:width=8", signature=Signature(
        (SOUND,), (SPEECH,)))  # fmt: skip
    answers = predict(detector, [wav("a.wav", 0.5), wav("b.wav", 0.8)])
    assert [sorted(answer) for answer in answers] == [["means", "segments", "source"]] * 2


def test_voices_are_compared_with_the_first(wav):
    voice = build("speaker-encoder:width=8,dim=6", signature=Signature(
        (SOUND,), (Port("voice", "vector", (6,)),)))  # fmt: skip
    answers = predict(voice, [wav("a.wav", 1.7), wav("b.wav", 3.3)])
    one, two = (torch.tensor(answer["vector"]) for answer in answers)
    assert answers[0]["similarity"] == pytest.approx(1)
    assert answers[1]["similarity"] == pytest.approx((one @ two).item(), abs=1e-6)


def test_a_model_that_cannot_write_is_no_transcriber():
    ports = SOUND, Port("tokens", "text", ("t",), "int64", (0, 8))
    signature = Signature(ports, (Port("next", "label", ("t", 9), task="transcribe"),))
    served = Served("toy", None, torch.nn.Identity(), signature, torch.device("cpu"))
    with pytest.raises(UsageError, match="toy takes a sound and a text, but cannot write"):
        served.predict(torch.zeros(1, 1, 400))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.png", "not a readable sound"),
        ("empty.wav", "holds no samples"),
        ("none.wav", "there is no file or folder"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, wav, name, what):
    Image.new("L", (20, 20)).save(tmp_path / "a.png")
    wav("empty.wav", 0)
    detector = build("vad:width=8", signature=Signature(
        (SOUND,), (SPEECH,)))  # fmt: skip
    with pytest.raises(UsageError, match=what):
        predict(detector, [tmp_path / name])


def test_the_command_line_shows_each_kind(wav, tmp_path, capsys):
    from cartograd.engine.files.bundle import write_bundle

    kinds = {
        "vad": Port("speech", "label", ("t", 1), labels=("speech",), task="tag"),
        "speaker-encoder": Port("voice", "vector", (6,)),
    }
    for name, port in kinds.items():
        args = "width=8" if name == "vad" else "width=8,dim=6"
        model = build(f"{name}:{args}", signature=Signature((SOUND,), (port,)))
        write_bundle(tmp_path / name, model)
    path = str(wav("a.wav", 1))
    shown = {}
    for name in kinds:
        for flag in ([], ["--csv"], ["--json"]):
            assert main(["predict", str(tmp_path / name), path, *flag]) == 0
            shown[name, *flag] = capsys.readouterr().out
    assert "similarity to the first" in shown[("speaker-encoder",)]
    assert "heard" in shown[("vad",)]
    assert shown["vad", "--csv"].startswith("source,segments")
    assert shown["speaker-encoder", "--csv"].startswith("source,similarity,value1")
    assert '"means"' in shown["vad", "--json"]
