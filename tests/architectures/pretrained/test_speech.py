"""The published weights of the speech room, on real recordings; skipped where they are not."""

import re
import struct
from pathlib import Path

import matplotlib
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from cartograd.apps.load.pretrained import pretrained
from cartograd.architectures.decoding.ctc import ctc_beam_search, greedy
from cartograd.architectures.decoding.transcribe import transcribe
from cartograd.architectures.pretrained.whisper_base import converted
from cartograd.core.errors import UsageError
from cartograd.data.decode import sounds
from cartograd.data.decode.read import read
from cartograd.data.store import packages

TORCHSCRIPT = (
    (r"encoder\.0\.reparam_conv\.(\w+)", r"conv1.\1"),
    (r"encoder\.1\.reparam_conv\.(\w+)", r"conv2.\1"),
    (r"encoder\.2\.reparam_conv\.(\w+)", r"conv3.\1"),
    (r"encoder\.3\.reparam_conv\.(\w+)", r"conv4.\1"),
    (r"decoder\.rnn\.(\w+)", r"lstm.kernel.\1_l0"),
    (r"decoder\.decoder\.2\.weight", "out.weight"),
    (r"decoder\.decoder\.2\.bias", "out.bias"),
    (r"stft\.forward_basis_buffer", "stft_conv.weight"),
)
"""The names in the TorchScript file, whose own weights are of another training."""


def there(name):
    """The folder of a set, or why the test is skipped."""
    try:
        return packages.where(name)
    except UsageError as error:
        pytest.skip(str(error))


def sound(path):
    return sounds.sound(path, rate=16000).samples[None, None]


def librivox(number):
    folder = there("librivox") / "librivox"
    return sound(folder / f"sense_and_sensibility_01_austen_64kb-0{number}.wav")


def in_their_network(weights):
    """The package's own network (its TorchScript file) with other weights of ours; all are set."""
    theirs = torch.jit.load(there("silero-vad") / "silero_vad.jit")
    tensors = dict(theirs._model.named_parameters()) | dict(theirs._model.named_buffers())
    for pattern, name, *_ in TORCHSCRIPT:
        for key, tensor in tensors.items():
            if re.fullmatch(pattern, key):
                tensor.copy_(weights.pop(re.sub(pattern, name, key)).reshape(tensor.shape))
    assert not weights
    return theirs


def heard(theirs, x):
    theirs.reset_states()
    return torch.stack([theirs(part[0], 16000) for part in x.split(512, 2)], 1)


@pytest.mark.oracle("silero-vad")
@pytest.mark.filterwarnings("ignore:.torch.jit.load:DeprecationWarning")
@pytest.mark.parametrize("loud", [1.0, 0.1, 0.01])
@torch.inference_mode()
def test_the_shipped_weights_answer_as_in_the_packages_own_network(loud):
    there("silero-vad")
    model, x = pretrained("silero-vad"), loud * librivox(880)[:, :, : 60 * 512]
    theirs = in_their_network(dict(model.model.state_dict()))
    torch.testing.assert_close(model(x).sigmoid(), heard(theirs, x), rtol=0, atol=1e-5)


@pytest.mark.oracle("silero-vad")
@pytest.mark.filterwarnings("ignore:.torch.jit.load:DeprecationWarning")
@pytest.mark.parametrize("loud", [1.0, 0.1, 0.03])
@torch.inference_mode()
def test_shipped_and_torchscript_weights_hear_the_same_speech(loud):
    """Two trainings: they need not agree to a digit, but on who speaks when, loud and quiet."""
    folder, x = there("silero-vad"), loud * librivox(870)[:, :, : 120 * 512]
    found = pretrained("silero-vad")(x).sigmoid()
    expected = heard(torch.jit.load(folder / "silero_vad.jit"), x)
    assert ((found > 0.5) == (expected > 0.5)).double().mean() > 0.93
    assert (found.mean() - expected.mean()).abs() < 0.05


@pytest.mark.law("silero-vad")
@torch.inference_mode()
def test_silero_hears_speech_and_not_noise():
    there("silero-vad")
    model, x = pretrained("silero-vad"), librivox(870)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)) * x.std()
    assert model(x).sigmoid().mean() > 0.85
    assert model(noise).sigmoid().mean() < 0.1


@pytest.mark.law("resemblyzer")
@torch.inference_mode()
def test_resemblyzer_knows_a_voice():
    there("resemblyzer")
    prompts, voices = there("prompts") / "en", there("prompts-voices")
    model = pretrained("resemblyzer")
    names = ("vm-intro", "agent-incorrect")
    english = [model(sound(prompts / f"{name}.wav")) for name in names]
    others = [
        model(sound(voices / language / f"{name}.wav"))
        for language in ("fr", "it", "ru")
        for name in names
    ]
    own = min((english[i] @ english[j].T).item() for i in range(2) for j in range(i))
    far = max((one @ other.T).item() for one in english for other in others)
    assert own > 0.9 > far + 0.03


def written(text, folder):
    """A picture of a line of text, in the font that comes with matplotlib."""
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 40)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 20, int(bottom - top) + 20), 255)
    ImageDraw.Draw(image).text((10 - left, 10 - top), text, fill=0, font=font)
    image.save(folder / "line.png")
    return folder / "line.png"


@pytest.mark.law("easyocr")
@pytest.mark.parametrize(
    "text", ["Hello World 2026", "deep learning map", "ResNet-50: 76.13%", "Lazy dogs?"]
)
@torch.inference_mode()
def test_easyocr_reads(text, tmp_path):
    there("easyocr")
    model = pretrained("easyocr")
    logits = model(read(model.signature.input, written(text, tmp_path)))
    labels = model.signature.output.labels
    assert "".join(labels[place] for place in greedy(logits)[0]) == text
    assert "".join(labels[place] for place in ctc_beam_search(logits[0])[0].tokens) == text


def word(text):
    return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"


def ctranslate2(tensors, name="WhisperSpec"):
    """A file as CTranslate2 writes it, in half precision."""
    out = struct.pack("<I", 6) + word(name) + struct.pack("<II", 3, len(tensors))
    for key, tensor in tensors.items():
        values = tensor.numpy().astype("<f2").tobytes()
        sizes = struct.pack(f"<B{tensor.ndim}I", tensor.ndim, *tensor.shape)
        out += word(key) + sizes + struct.pack("<BI", 4, len(values)) + values
    return out + struct.pack("<I", 1) + word("decoder/projection/weight") + word("a")


@pytest.mark.law("whisper-base")
def test_ctranslate2s_format_is_read_or_refused(tmp_path):
    file = tmp_path / "model.bin"
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b/c": torch.tensor(4.0)}
    data = ctranslate2(tensors)
    file.write_bytes(data)
    found = converted(file)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    for damaged in (data[:50], data[:10], b"", b"no file of that kind at all"):
        file.write_bytes(damaged)
        with pytest.raises(UsageError, match=r"model.bin is damaged or no file of CTranslate2"):
            converted(file)
    file.write_bytes(ctranslate2(tensors, "TransformerSpec"))
    with pytest.raises(UsageError, match=r"holds no Whisper"):
        converted(file)
    file.write_bytes(data)
    with pytest.raises(UsageError, match="of another model: it lacks 'decoder/embeddings/weight'"):
        pretrained(f"whisper-base:{tmp_path}")


@pytest.mark.law("whisper-base")
@torch.inference_mode()
def test_whisper_transcribes():
    there("whisper-base")
    model = pretrained("whisper-base")
    found = transcribe(model.model, librivox(880)[0, 0], model.tokenizer)
    assert found[:2] == ("He was not an ill-disposed young man.", "en")
    assert found.no_speech < 0.1
    silent = transcribe(model.model, torch.zeros(32_000), model.tokenizer)
    assert silent.text == ""
    assert silent.no_speech > 0.6
    tensors = converted(packages.where("whisper-base") / "model.bin")
    torch.testing.assert_close(
        model.model.listener.positions, tensors["encoder/position_encodings/encodings"],
        rtol=0, atol=1e-3,
    )  # fmt: skip
