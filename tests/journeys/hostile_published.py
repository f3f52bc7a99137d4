"""Published folders and files of weights that Cartograd reads (see `hostile.py`)."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from cartograd.apps.verbs.generate import generate
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained.hf import hf
from cartograd.architectures.pretrained.timm import timm
from cartograd.architectures.pretrained.torchvision import torchvision
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.journeys.hostile import Kind

SIDE = ("*.json", "*/*.json", "*.safetensors", "*.txt", "*.jinja")
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WRITES = {"max_new_tokens": 4, "do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 5}


def published(kind: str) -> Callable[[Path], None]:
    """A folder of a family, with the files beside it that say how it is used."""

    def make(folder: Path) -> None:
        from tests.architectures.pretrained.published_folders import write

        with warnings.catch_warnings(action="ignore"):
            write(kind, folder)
        if kind in ("llama", "gpt2", "t5", "qwen2", "mistral"):
            beside = folder / "generation_config.json"
            said = json.loads(beside.read_text()) if beside.is_file() else {}
            beside.write_text(json.dumps(said | WRITES))
        if kind == "llama":
            (folder / "chat_template.jinja").write_text(CHAT)

    return make


def sharded(folder: Path) -> None:
    """Weights in two files with an index."""
    published("gpt2")(folder)
    whole = folder / "model.safetensors"
    weights = load_file(whole)
    whole.unlink()
    places: dict[str, str] = {}
    for number in range(2):
        name = f"model-0000{number + 1}-of-00002.safetensors"
        part = {key: weights[key] for key in list(weights)[number::2]}
        save_file(part, folder / name, metadata={"format": "pt"})
        places |= dict.fromkeys(part, name)
    size = sum(weight.nbytes for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def sentences(folder: Path) -> None:
    """A folder of sentence-transformers: a BERT, a pooling and a normalisation."""
    from tests.architectures.pretrained.published_folders import BERT, transformers, words

    tokenizer = words()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(**BERT, vocab_size=len(tokenizer), pad_token_id=0)
    transformers.BertModel(config).save_pretrained(folder)
    parts = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(parts)
    ]
    for _, path in parts[1:]:
        (folder / path).mkdir()
    said = {
        "modules.json": modules,
        "1_Pooling/config.json": {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True},
        "sentence_bert_config.json": {"max_seq_length": 16, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {}, "similarity_fn_name": "cosine"},
    }
    for name, value in said.items():
        (folder / name).write_text(json.dumps(value))


def read_published(folder: Path) -> None:
    """Read it and use it."""
    model = hf(folder)
    if model.signature.input.kind == "image":
        shape = [size if isinstance(size, int) else 8 for size in model.signature.input.dims]
        if max(shape) <= 64:
            predict(model, torch.rand(1, *shape))
    elif model.tokenizer is not None and len(model.signature.inputs) == 1:
        mask = " [MASK]" if model.signature.task.name == "masked-token" else ""
        predict(model, [f"the cat{mask}", f"a{mask}"])
        if model.signature.task.name in ("next-token", "translate"):
            generate(model, "the cat", length=3)


def networks(folder: Path) -> None:
    """Files of the two libraries of networks, in both formats."""
    torch.manual_seed(0)
    weights = build("efficientnet_b0", classes=4).state_dict()
    save_file(weights, folder / "efficientnet_b0.safetensors")
    torch.save(weights, folder / "efficientnet_b0.pth")


def read_networks(folder: Path) -> None:
    """Each by both readers; what does not fit is refused."""
    for file in sorted(folder.iterdir()):
        for reader in (torchvision, timm):
            try:
                reader(file)
            except UsageError:
                continue


FAMILIES = ("bert", "bert masked", "bert tags", "gpt2", "gpt2 classes", "openai-gpt", "llama",
            "llama classes", "mistral", "qwen2", "t5", "t5 classes", "mt5", "bart", "bart classes",
            "roberta", "distilbert", "electra", "deberta-v2", "modernbert", "qwen3", "qwen3_moe",
            "gemma2", "gemma3_text", "phi3", "smollm3", "olmo2", "mixtral", "gpt_oss", "vit",
            "whisper")  # fmt: skip
KINDS = {name: Kind(published(name), SIDE, read_published) for name in FAMILIES} | {
    "sharded": Kind(sharded, SIDE, read_published),
    "sentences": Kind(sentences, SIDE, read_published),
    "networks": Kind(networks, ("*",), read_networks),
}
"""Every reader of published weights."""
