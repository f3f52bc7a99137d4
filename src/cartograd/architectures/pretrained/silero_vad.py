r"""Silero VAD's published weights: where in a recording somebody is speaking.

The file holds the network of `speech/silero_vad.py` for 16,000 samples per second under the names
of the authors' own minimal version; its LSTM cell becomes an LSTM and its last 1x1 convolution a
dense layer. It is of another training than the TorchScript and ONNX files of the same package: down
to a thirtieth of an audio book's loudness both hear the same speech, at a hundredth it says 0.67
on average where the TorchScript file says 0.78.

Shapes: sounds `b 1 n`; logits of speech `b t 1`, one for each 512 samples.

References:
    Silero Team. Silero VAD: pre-trained enterprise-grade voice activity detector. 2021-2025.
    https://github.com/snakers4/silero-vad

>>> silero_vad("no/such/file")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/file ...
"""

from pathlib import Path

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.speech.mel import RATE
from cartograd.core.card import Card
from cartograd.core.key_map import Op
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.store import packages
from cartograd.engine.files.tensor_files import read_tensors

CARD = Card(
    name="silero-vad",
    kind="weights",
    entry="silero_vad",
    nodes=("transfer/pretrain-finetune",),
    title="Silero VAD's weights",
    zh="Silero VAD 预训练权重",
    paper="Silero VAD: pre-trained enterprise-grade voice activity detector",
    year=2021,
    url="https://github.com/snakers4/silero-vad",
    proofs=(
        "oracle: the same weights in the package's own network (its TorchScript file), on loud and "
        "quiet speech, to 1e-5",
        "oracle: the TorchScript file's own weights hear the same speech, loud and quiet",
        "law: high on recorded speech, low on noise",
    ),
)

FLAT = Op(lambda weight: weight[:, :, 0], lambda weight: weight[:, :, None])
"""A convolution of width 1 as a dense layer."""

KEYS = (
    (r"(stft_conv|conv\d)\.(weight|bias)", r"\1.\2"),
    (r"lstm_cell\.(weight|bias)_(ih|hh)", r"lstm.kernel.\1_\2_l0"),
    (r"final_conv\.weight", "out.weight", FLAT),
    (r"final_conv\.bias", "out.bias"),
)


def silero_vad(path: str | Path | None = None, /) -> Signed:
    """Silero VAD.

    Args:
        path: silero_vad_16k.safetensors; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or the file is damaged or of another model.
    """
    file = (
        packages.where("silero-vad") / "silero_vad_16k.safetensors" if path is None else Path(path)
    )
    sound = Port("sound", "audio", (1, "n"), bounds=(-1.0, 1.0), rate=RATE)
    speech = Port("speech", "label", ("t", 1), labels=("speech",), task="tag")
    return filled("vad", Signature((sound,), (speech,)), read_tensors(file), KEYS, source=str(file))
