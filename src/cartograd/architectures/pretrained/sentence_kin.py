"""A folder of sentence-transformers whose model is another encoder than BERT, or has a layer more.

RoBERTa, XLM-R (E5, BGE), DistilBERT, ELECTRA, ModernBERT, DeBERTa v3, and the encoders of T5 and
mT5, whose vectors go through a layer (`Dense`).

References:
    Hugging Face: sentence-transformers 6.2, `Dense`. https://sbert.net
"""

from pathlib import Path
from typing import Any

from torch import Tensor

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.published_config import (
    settled,
    shown,
    typed,
)  # fmt: skip
from cartograd.architectures.pretrained.published_folder import configuration, tensors_of
from cartograd.architectures.pretrained.sentence_folder import (
    DENSE,
    POOLINGS,
    kinds_of,
    parts,
    told,
    whole,
)
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer

ENCODERS = ("bert", "deberta", "modernbert", "t5")
"""Our models that such folders may hold."""

LAYER = "2_Dense"
"""Where the layer behind the pooling lies."""

ACTIVATIONS = {
    "torch.nn.modules.linear.Identity": "identity", "torch.nn.modules.activation.Tanh": "tanh",
}  # fmt: skip
"""What it may end in."""

PLAIN = {"module_input_name": "sentence_embedding", "module_output_name": "sentence_embedding"}
"""Where it reads and writes."""


def sentence_kin(folder: Path, family: Any, /, *, prompt: str | None = None) -> Signed:
    """The encoder of a folder.

    Args:
        folder: of sentence-transformers.
        family: the module that knows the encoder's family.
        prompt: the name of the prompt that is put before each text; the folder's usual one, if it
            has any, if not given.

    Raises:
        UsageError: a file is damaged or missing, or asks for what this encoder has not.
    """
    head = next(theirs for theirs, ours in family.HEADS.items() if ours == "hidden")
    config = settled(whole(folder) | {"architectures": [head]}, family.READS)
    spec = family.spec(config)
    pooling, normalised = parts(folder, POOLINGS, dense=True)
    layer, tensors = _dense(folder) if DENSE in kinds_of(folder) else ({}, {})
    context, padding = spec.args.get("context"), config["pad_token_id"]
    words = told(folder, Tokenizer.from_folder(folder), context, prompt)
    text = Port("text", "text", ("t",), "int64", (0, config["vocab_size"] - 1), padding_id=padding)
    wide = layer.get("out_dim", spec.args["dim"])
    meaning = Port("meaning", "vector", (wide,), task="embed")
    keys: Any = family.KEYS
    rows: Any = keys(config) if callable(keys) else keys
    inside = [(row[0], *_inside(row[1]), *row[2:]) for row in rows]
    table = [*inside, (r"dense\.(weight|bias)", r"dense.\1")]
    args = layer | {"encoder": str(spec), "padding_id": padding}
    return filled(
        Spec("encoder-embedding", args | {"pooling": pooling, "normalised": normalised}),
        Signature((text,), (meaning,)), tensors_of(folder) | tensors, table,
        source=str(folder), tokenizer=words,
    )  # fmt: skip


def _inside(name: str | tuple[str, ...] | None) -> tuple[Any]:
    """Where a row of the family's map leads within ours; what pools is not read."""
    if isinstance(name, tuple):
        return (tuple(f"encoder.{one}" for one in name),)
    return (None if name is None or name.startswith("pooler") else f"encoder.{name}",)


def _dense(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Our settings of the layer behind the pooling, and its weights.

    Raises:
        UsageError: it is another layer, or elsewhere.
    """
    file = folder / LAYER / "config.json"
    said = configuration(folder / LAYER)
    for key, kind in (("in_features", "count"), ("out_features", "count"), ("bias", "flag")):
        typed(str(file), key, said.get(key), kind)
    function = said.get("activation_function")
    if function not in ACTIVATIONS:
        raise UsageError(
            f"{file}: activation_function={shown(function)} is not known; expected one of "
            f"{', '.join(ACTIVATIONS)}"
        )
    known = {"in_features", "out_features", "bias", "activation_function"}
    for key, value in said.items():
        if key not in known and value not in (None, False, PLAIN.get(key)):
            raise UsageError(f"{file}: {key}={shown(value)} is not understood")
    made = {
        "out_dim": said["out_features"], "bias": said["bias"],
        "activation": ACTIVATIONS[function],
    }  # fmt: skip
    given = tensors_of(folder / LAYER)
    return made, {name.replace("linear.", "dense."): one for name, one in given.items()}
