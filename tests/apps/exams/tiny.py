"""A tiny LLaMA in a folder as transformers writes it, always the same, for exams in tests."""

import json
from pathlib import Path

import torch

from tests.reference import Reference

transformers = Reference("transformers")
tokenizers = Reference("tokenizers")

ITEMS = Path(__file__).with_name("tasks") / "items.jsonl"


def texts() -> list[str]:
    """All that the items hold."""
    lines = ITEMS.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [f"Question: {row['question']} {' '.join(row['choices'])} {row['text']}" for row in rows]


def folder(path: Path, /, *, seed: int = 0) -> Path:
    """Write model and tokenizer; other seeds give other weights."""
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    inner.train_from_iterator(
        texts(),
        tokenizers.trainers.BpeTrainer(
            vocab_size=320,
            special_tokens=["<s>", "</s>"],
            initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        ),
    )
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>"
    )
    made.save_pretrained(path)
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(made), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        initializer_range=0.3, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    return path
