"""A folder of Hugging Face: the model as transformers loads it, with equal answers.

A trained BERT, GPT, LLaMA, T5, ViT or Whisper becomes config.json, model.safetensors and, where
there are texts, the tokenizer's files. Names of tensors and settings go by the same tables as the
way in (`hf:FOLDER`), turned round, and what was said is read back before a byte is written: a
setting that config.json cannot say is refused by its name.

    hf(huggingface(model)) = model, weight for weight

Departures: none; of what stands around a model, pictures' standardisation, names of classes, and
where texts end go along. transformers brings a picture of another shape to size by stretching it,
which is told where ours crops.

References:
    Thomas Wolf et al. Transformers: state-of-the-art natural language processing. EMNLP 2020.
    https://arxiv.org/abs/1910.03771

>>> from tempfile import TemporaryDirectory
>>> from cartograd.architectures.pretrained.hf import hf
>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> text = Port("text", "text", ("t",), "int64", (0, 10))
>>> signature = Signature((text,), (Port("next", "label", ("t", 11), task="next-token"),))
>>> model = build("llama:dim=8,depth=1,heads=2,ffn_dim=12,context=16", signature=signature)
>>> with TemporaryDirectory() as folder:
...     again = hf(huggingface(model, f"{folder}/llama"))
>>> bool((again.model.norm.weight == model.model.norm.weight).all())
True
"""

import json
import warnings
from pathlib import Path
from typing import Any

from torch import nn

from cartograd.architectures.pretrained import published_pictures
from cartograd.architectures.pretrained.published_back import folder_of
from cartograd.core.card import Card
from cartograd.core.files import write_folder
from cartograd.core.ports import Port
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.data.text.published_files import files_of
from cartograd.engine.files.tensor_files import write_tensors

CARD = Card(
    name="huggingface",
    kind="exporter",
    entry="huggingface",
    aliases=("hf",),
    nodes=("deploy/export",),
    title="Folder of Hugging Face",
    zh="导出为 Hugging Face 文件夹",
    paper="transformers",
    year=2020,
    url="https://arxiv.org/abs/1910.03771",
    proofs=(
        "oracle: transformers loads folders of ten families and heads: the same answers to 1e-5",
        "law: read back, settings, ports, weights and tokenizer are those that were written",
    ),
)


def huggingface(model: nn.Module, path: str | Path, /) -> Path:
    """Write a model as a folder that transformers loads.

    The folder is written whole or not at all, and the model is left as it is.

    Args:
        model: made by name, with a signature.
        path: the folder to make.

    Raises:
        UsageError: the model has no signature, no family has its architecture, one of its settings
            cannot be said, or the folder exists or cannot be written.
    """
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    made = folder_of(signed)
    files: dict[str, dict[str, Any]] = {"config.json": dict(made.config)}
    if signed.tokenizer is not None:
        files |= files_of(signed.tokenizer)
    port = signed.signature.input
    if port.kind in ("image", "audio"):
        files[published_pictures.FILE] = (
            published_pictures.said(port) if port.kind == "image" else _heard(made.config, port)
        )
    with write_folder(path) as folder:
        for name, content in files.items():
            text = json.dumps(content, indent=1, ensure_ascii=False)
            (folder / name).write_text(text + "\n", encoding="utf-8")
        write_tensors(folder / "model.safetensors", made.tensors, about={"format": "pt"})
    if port.kind == "image" and port.fit != "stretch":
        warnings.warn(
            f"{path}: transformers stretches a picture of another shape; this model was made for "
            f"fit={port.fit}: bring pictures to {port.dims[1]}x{port.dims[2]} the same way",
            stacklevel=2,
        )
    return Path(path)


def _heard(config: Any, port: Port) -> dict[str, Any]:
    """How a sound becomes what Whisper hears."""
    frames = 2 * config["max_source_positions"]
    seconds = frames // 100
    return {
        "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": config["num_mel_bins"],
        "sampling_rate": port.rate, "hop_length": 160, "n_fft": 400, "chunk_length": seconds,
        "n_samples": seconds * (port.rate or 0), "nb_max_frames": frames,
        "padding_side": "right", "padding_value": 0.0, "return_attention_mask": False,
    }  # fmt: skip
