r"""Resemblyzer's published weights: whose voice it is.

The file is a pickle of a training state. It is read by torch.load(weights_only=True), which
runs no code, and of what it holds the network's weights are taken; the optimizer's state and the
two numbers of the GE2E loss are left out.

Shapes: sounds `b 1 n`; embeddings of length one `b 256`.

References:
    Corentin Jemine, Resemble AI. Resemblyzer. 2019. https://github.com/resemble-ai/Resemblyzer

>>> resemblyzer("no/such/file")
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/file ...
"""

from pathlib import Path

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.pickled import pickled
from cartograd.architectures.speech.mel import RATE
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.data.store import packages

CARD = Card(
    name="resemblyzer",
    kind="weights",
    entry="resemblyzer",
    nodes=("transfer/pretrain-finetune",),
    title="Resemblyzer's weights",
    zh="Resemblyzer 预训练权重",
    paper="Resemblyzer",
    year=2019,
    url="https://github.com/resemble-ai/Resemblyzer",
    proofs=(
        "law: two recordings of a voice are nearer to each other than to those of other voices",
    ),
)

KEYS = (
    (r"lstm\.(.*)", r"lstm.kernel.\1"),
    (r"linear\.(weight|bias)", r"linear.\1"),
    (r"similarity_(weight|bias)", None),
)


def resemblyzer(path: str | Path | None = None, /) -> Signed:
    """Resemblyzer's voice encoder.

    Args:
        path: pretrained.pt; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or the file is damaged or of another model.
    """
    file = packages.where("resemblyzer") / "pretrained.pt" if path is None else Path(path)
    held = pickled(file)
    if "model_state" not in held:
        raise UsageError(f"{file} is of another model: it holds no 'model_state'")
    sound = Port("sound", "audio", (1, "n"), bounds=(-1.0, 1.0), rate=RATE)
    voice = Port("voice", "vector", (256,), task="embed")
    return filled(
        "speaker-encoder", Signature((sound,), (voice,)), held["model_state"], KEYS,
        source=str(file),
    )  # fmt: skip
