"""Writing a text token by token at batch 1 with SmolLM2-135M, against transformers and llama.cpp.

Another family, Qwen3 (norms of queries and keys, heads wider than their share), stands beside it:
random weights of its published proportions, the same on both sides.

A step reads every weight once and hardly computes, so the bytes of the weights over the measured
bandwidth of memory are a limit; the last column says how many times that each side takes. The
weights are the published ones where they have been fetched (`cartograd data get smollm2`), unpacked
into floats and handed to all sides; else random ones of the same shape, and llama.cpp is left out.
One thread; the prompt is read within the time.
"""

import json
from collections.abc import Callable
from typing import Any

from benchmarks.case import Case, Timer, files
from benchmarks.decoding_files import prepare, prepare_qwen3

TOKENS, WARM, SURE = 64, 4, 6
"""Tokens that are timed; those before them; how many of the answer no rounding changes."""
FIRST = 4
"""Those that four bits do not change: `The cat sat on`, before `the mat` or `a mat`."""
ROWS = 8
"""Texts at once."""
WEIGHTS = 134_515_008
"""What a step reads: the embedding is the output's weight, too, and counts once."""
READ = 512
"""Tokens of the prompt that is only read."""
QWEN3_WEIGHTS = 28 * 512 * (2 * 8 * 128 + 2 * 4 * 128 + 3 * 1536) + 32_768 * 512


def _ours(precision: str, count: int, rows: int = 1) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import torch

        from cartograd.architectures.decoding.generate import generate
        from cartograd.architectures.pretrained.hf import hf
        from cartograd.practice.compression.fast_weights import inference_form

        prompt = torch.tensor([json.loads((files() / "prompt.json").read_text())] * rows)
        model = inference_form(hf(files()).model, precision)
        room = prompt.shape[1] + TOKENS
        generate(model.decoder(rows, room), prompt, length=WARM)
        with clock(rows * TOKENS):
            tokens = generate(model.decoder(rows, room), prompt, length=TOKENS)[0]
        return [float(token) for token in tokens[:count]]

    return side


def _transformers(dtype: str, count: int) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import torch
        from transformers import AutoModelForCausalLM

        prompt = torch.tensor([json.loads((files() / "prompt.json").read_text())])
        model = AutoModelForCausalLM.from_pretrained(files(), dtype=getattr(torch, dtype)).eval()
        model.generation_config.eos_token_id = None  # every side writes as many tokens

        def write(length: int) -> Any:
            return model.generate(
                prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                max_new_tokens=length, pad_token_id=2,
            )  # fmt: skip

        write(WARM)
        with clock(TOKENS):
            tokens = write(TOKENS)[0, prompt.shape[1] :]
        return [float(token) for token in tokens[:count]]

    return side


def _llama_cpp(kind: str, count: int) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import xllamacpp

        from cartograd.data.text.tokenizer import Tokenizer

        prompt = json.loads((files() / "prompt.json").read_text())
        chosen = xllamacpp.CommonParams()
        chosen.model.path = (files() / f"{kind}.txt").read_text()
        chosen.n_ctx, chosen.n_parallel = 512, 1
        chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = 1
        server = xllamacpp.Server(chosen)

        def write(length: int) -> str:
            answer = server.handle_completions({
                "prompt": prompt, "n_predict": length, "temperature": 0, "ignore_eos": True,
                "cache_prompt": False,
            })  # fmt: skip
            return answer["choices"][0]["text"]

        write(WARM)
        with clock(TOKENS):
            text = write(TOKENS)
        tokenizer = Tokenizer.from_json((files() / "tokenizer.json").read_text())
        return [float(token) for token in tokenizer.encode(text, special=False)[:count]]

    return side


def _reading() -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        from cartograd.architectures.pretrained.hf import hf
        from cartograd.practice.compression.fast_weights import inference_form

        prompt, model = _long(), inference_form(hf(files()).model)
        model.decoder(1, READ).read(prompt, last=True)
        with clock(READ):
            z = model.decoder(1, READ).read(prompt, last=True)
        return [float(z[0, -1].argmax())]

    return side


def _transformers_reading() -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        import torch
        from transformers import LlamaForCausalLM

        prompt = _long()
        model = LlamaForCausalLM.from_pretrained(files(), dtype=torch.float32).eval()
        with torch.inference_mode():
            model(prompt, use_cache=True, logits_to_keep=1)
            with clock(READ):
                z = model(prompt, use_cache=True, logits_to_keep=1).logits
        return [float(z[0, -1].argmax())]

    return side


def _long() -> Any:
    import torch

    tokens = json.loads((files() / "prompt.json").read_text())
    return torch.tensor([(tokens * READ)[:READ]])


def _flops() -> float:
    """Of a token that is read: a product for each weight but the scores', and attention."""
    layers, dim, vocabulary = 30, 576, 49_152
    return 2.0 * (WEIGHTS - vocabulary * dim) + 2 * 2 * READ / 2 * dim * layers


def _together(precision: str, asked: float | None) -> Case:
    return Case(
        name=f"{ROWS} texts at once, {precision}",
        what=f"A token of {ROWS} texts that are written side by side, and of one alone; all read "
        f"their own prompt. The first {FIRST} tokens must agree.",
        unit="token",
        sides={
            f"cartograd, {ROWS} texts": _ours(precision, FIRST, ROWS),
            "cartograd, one text": _ours(precision, FIRST),
        },
        asked={} if asked is None else {"cartograd, one text": asked},
        tolerance=0.0,
        prepare=prepare,
    )


CASES = (
    Case(
        name="float32",
        what=f"All in float32; all {TOKENS} tokens must be the same.",
        unit="token",
        sides={
            "cartograd": _ours("float32", TOKENS),
            "transformers": _transformers("float32", TOKENS),
        },
        asked={"transformers": 2.0},
        tolerance=0.0,
        prepare=prepare,
        moved={"cartograd": 4.0 * WEIGHTS, "transformers": 4.0 * WEIGHTS},
    ),
    Case(
        name="Qwen3, float32",
        what="A model of 127 million weights in the proportions of Qwen3, in float32; all "
        f"{TOKENS} tokens must be the same.",
        unit="token",
        sides={
            "cartograd": _ours("float32", TOKENS),
            "transformers": _transformers("float32", TOKENS),
        },
        asked={"transformers": 1.5},
        tolerance=0.0,
        prepare=prepare_qwen3,
        moved={"cartograd": 4.0 * QWEN3_WEIGHTS, "transformers": 4.0 * QWEN3_WEIGHTS},
    ),
    Case(
        name="number formats",
        what="Ours with weights in eight bits and in half precision (`--precision`), transformers "
        "in its two, llama.cpp with the published file (4 bits). Rounding changes what is said in "
        f"the end; the first {SURE} tokens of the answer must agree.",
        unit="token",
        sides={
            "cartograd, int8": _ours("int8", SURE),
            "cartograd, float16": _ours("float16", SURE),
            "cartograd, bf16": _ours("bf16", SURE),
            "transformers, float32": _transformers("float32", SURE),
            "transformers, bf16": _transformers("bfloat16", SURE),
            "llama.cpp, Q4_1": _llama_cpp("Q4_1", SURE),
        },
        asked={"transformers, float32": 2.0, "transformers, bf16": 2.0},
        tolerance=0.0,
        prepare=prepare,
        moved={
            "cartograd, int8": 1.0 * WEIGHTS,
            "cartograd, float16": 2.0 * WEIGHTS,
            "cartograd, bf16": 2.0 * WEIGHTS,
            "transformers, float32": 4.0 * WEIGHTS,
            "transformers, bf16": 2.0 * WEIGHTS,
            "llama.cpp, Q4_1": 0.625 * WEIGHTS,
        },
    ),
    Case(
        name="four bits",
        what="Ours with weights of four bits in groups (`--precision int4`), llama.cpp with the "
        "file that `cartograd export --to gguf:type=q4_0` writes, whose scores keep eight bits; "
        f"the first {FIRST} tokens of the answer must agree.",
        unit="token",
        sides={
            "cartograd, int4": _ours("int4", FIRST),
            "llama.cpp, Q4_0": _llama_cpp("Q4_0", FIRST),
        },
        asked={"llama.cpp, Q4_0": 1.0},
        tolerance=0.0,
        prepare=prepare,
        moved={"cartograd, int4": 0.53 * WEIGHTS, "llama.cpp, Q4_0": 0.67 * WEIGHTS},
    ),
    Case(
        name="reading",
        what=f"A prompt of {READ} tokens that is read before the first token is written, in "
        "float32; the token after it must be the same.",
        unit="token",
        sides={"cartograd": _reading(), "transformers": _transformers_reading()},
        asked={"transformers": 1.0},
        tolerance=0.0,
        prepare=prepare,
        flops=_flops,
    ),
    _together("float32", 4.0),
    _together("int8", None),
    _together("int4", None),
)
