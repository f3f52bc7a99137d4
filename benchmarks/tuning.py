"""A step of fine-tuning SmolLM2-135M by LoRA, and one of DPO, against peft and TRL.

Every side has the same weights, the same thin matrices at first, the same rows of unlike lengths in
the same order, padded to the longest of a step, and AdamW; LoRA of rank 8 stands beside all linear
layers of the blocks. The peers are the Trainer of transformers with peft's model, and TRL's
DPOTrainer, as their users set them up. 'As shipped' leaves the precision to each engine; 'packed'
reads the texts of a step in one row instead of filling them up (`label-tokens:packed=true`); of
preferences it always does. That ours tries a batch before its first step takes as long as one or
two steps of any training, and is not counted.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from benchmarks.case import Case, Timer, files
from benchmarks.decoding_files import prepare
from benchmarks.peers import declare_torchvision

ROWS, PAIRS, STEPS, WARM, RANK, LR = 4, 2, 4, 1, 8, 1e-3
IGNORED, END = -100, 2


def _tokens(count: int, seed: int) -> list[tuple[list[int], list[int], list[int]]]:
    """Prompts with two answers each, of unlike lengths."""
    import torch

    draw = torch.Generator().manual_seed(seed)

    def some(low: int, high: int) -> list[int]:
        length = int(torch.randint(low, high, (1,), generator=draw))
        return torch.randint(3, 49_152, (length,), generator=draw).tolist()

    return [(some(16, 48), some(16, 112), some(16, 112)) for _ in range(count)]


def _thin(modules: Sequence[Any]) -> None:
    """The same numbers in the first thin matrix of every side, whatever order its layers are in."""
    import torch

    for module in modules:
        shape = tuple(module.weight.shape)
        drawn = torch.randn(shape, generator=torch.Generator().manual_seed(shape[1]))
        module.weight.data.copy_(drawn / shape[1] ** 0.5)


class _Given:
    """Batches that are there already."""

    def __init__(self, batches: list[Any], begin: Callable[[], Any] = list):
        self.batches, self.begin = batches, begin

    def trial(self) -> Any:
        """What is tried before the first step."""
        return self.batches[0]

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Any]:
        """All of them, in order."""
        del number, seed
        self.begin()
        return iter(self.batches[start:])


def _filled(rows: list[list[int]], value: int) -> Any:
    import torch

    long = max(map(len, rows))
    return torch.tensor([row + [value] * (long - len(row)) for row in rows])


def _batches(steps: int, kind: str, begin: Callable[[], Any] = list) -> _Given:
    """Ours: inputs and next tokens; of preferences better, worse, and the next tokens of both."""
    import torch

    found, size = list[Any](), PAIRS if kind == "dpo" else ROWS
    for step in range(steps):
        drawn = _tokens(size, step)
        sides = []
        for place in (1, 2):
            texts = [one[0] + one[place] for one in drawn]
            labels = [
                [IGNORED] * (len(one[0]) - 1) + one[place] for one in drawn
            ]  # of the token before each
            sides.append((_filled([t[:-1] for t in texts], END), labels))
        (x, y), (x2, y2) = sides
        if kind == "lora":
            found.append((x, _filled(y, IGNORED)))
        else:
            both = _filled(y + y2, IGNORED)
            found.append((x, x2, torch.stack([both[:size], both[size:]], 1)))
    return _Given(found, begin)


def _ours(clock: Timer, kind: str, precision: str, packed: bool = False) -> list[float]:
    import cartograd as cg
    from cartograd.architectures.pretrained.hf import hf
    from cartograd.training.adapters.beside import changes
    from cartograd.training.adapters.lora import lora

    objective = "preference:loss=dpo,beta=0.1" if kind == "dpo" else f"label-tokens:packed={packed}"

    def made() -> Any:
        model = hf(files())
        lora(model, rank=RANK, match="*blocks*")
        _thin([change.down for _, _, change in changes(model)])
        return model

    def fit(model: Any, steps: int, begin: Callable[[], Any] = list) -> None:
        cg.fit(
            cg.build(objective, model=model), _batches(steps, kind, begin), epochs=1,
            precision=precision, optimizer=f"adamw:lr={LR},weight_decay=0",
        )  # fmt: skip

    fit(made(), WARM)
    model = made()
    with ExitStack() as timed:
        fit(model, STEPS, lambda: timed.enter_context(clock(STEPS)))
    return _sizes([change.up for _, _, change in changes(model)])


def _sizes(second: Sequence[Any]) -> list[float]:
    """Of the thin matrices that were zero, how large they became, in the order of that."""
    return sorted(float(one.detach().float().norm()) for one in second)


def _adapted() -> Any:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    base = LlamaForCausalLM.from_pretrained(files(), dtype="float32")
    config = LoraConfig(
        r=RANK, lora_alpha=RANK, target_modules="all-linear", task_type="CAUSAL_LM"
    )  # fmt: skip
    model = get_peft_model(base, config)
    _thin([part for name, part in model.named_modules() if name.endswith("lora_A.default")])
    return model


def _learned(model: Any) -> list[float]:
    return _sizes([one for name, one in model.named_parameters() if "lora_B.default" in name])


def _arguments(folder: str, batch: int) -> dict[str, Any]:
    return {
        "output_dir": folder, "per_device_train_batch_size": batch, "max_grad_norm": 0.0,
        "save_strategy": "no", "report_to": "none", "use_cpu": True, "num_train_epochs": 1,
        "dataloader_pin_memory": False, "learning_rate": LR, "lr_scheduler_type": "constant",
        "weight_decay": 0.0, "disable_tqdm": True, "logging_strategy": "no",
        "remove_unused_columns": False,
    }  # fmt: skip


def _in_order(trainer: type) -> type:
    """The same trainer, which takes its rows in order."""
    import torch

    class InOrder(trainer):  # a peer's class, as its users do it
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(self.train_dataset)

    return InOrder


def _peft(clock: Timer) -> list[float]:
    declare_torchvision()
    from transformers import Trainer, TrainingArguments

    def collate(rows: list[Any]) -> dict[str, Any]:
        texts = [row["text"] for row in rows]
        mask = [[1] * len(text) for text in texts]
        return {
            "input_ids": _filled(texts, END), "attention_mask": _filled(mask, 0),
            "labels": _filled([row["labels"] for row in rows], IGNORED),
        }  # fmt: skip

    def trainer(model: Any, steps: int, folder: str) -> Any:
        rows = [
            {"text": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}
            for step in range(steps)
            for prompt, answer, _ in _tokens(ROWS, step)
        ]
        return _in_order(Trainer)(
            model=model, args=TrainingArguments(**_arguments(folder, ROWS)), train_dataset=rows,
            data_collator=collate,
        )  # fmt: skip

    return _trained(clock, trainer)


def _trl(clock: Timer) -> list[float]:
    declare_torchvision()
    import pyarrow
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast
    from trl import DPOConfig, DPOTrainer

    class Given(_in_order(DPOTrainer)):
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset  # tokens already

    words = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<end>": END, "<no>": 0}, unk_token="<no>")),
        pad_token="<end>", eos_token="<end>",
    )  # fmt: skip

    def trainer(model: Any, steps: int, folder: str) -> Any:
        names = "prompt_ids", "chosen_ids", "rejected_ids"
        drawn = [one for step in range(steps) for one in _tokens(PAIRS, step)]
        columns = dict(zip(names, map(list, zip(*drawn, strict=True)), strict=True))
        rows = Dataset(pyarrow.table(columns), fingerprint="rows")
        chosen = DPOConfig(
            **_arguments(folder, PAIRS), beta=0.1, max_length=None, gradient_checkpointing=False
        )
        return Given(model=model, args=chosen, train_dataset=rows, processing_class=words)

    return _trained(clock, trainer)


def _trained(clock: Timer, trainer: Callable[[Any, int, str], Any]) -> list[float]:
    with tempfile.TemporaryDirectory() as folder:
        trainer(_adapted(), WARM, folder).train()
        model = _adapted()
        ready = trainer(model, STEPS, folder)
        with clock(STEPS):
            ready.train()
        return _learned(model)


def _case(kind: str, peer: str, side: Callable[[Timer], list[float]], asked: float) -> Case:
    what = {
        "lora": f"{ROWS} texts of 32 to 160 tokens, of which the answer counts.",
        "dpo": f"{PAIRS} pairs of answers; the reference is the model without the adapter.",
    }[kind]
    ours = {
        "cartograd, as shipped": partial(_ours, kind=kind, precision="auto"),
        "cartograd, float32": partial(_ours, kind=kind, precision="float32"),
    }
    if kind == "lora":
        ours["cartograd, packed"] = partial(_ours, kind=kind, precision="auto", packed=True)
    return Case(
        name={"lora": "LoRA", "dpo": "DPO with LoRA"}[kind],
        what=what,
        unit="step",
        sides={**ours, peer: side},
        asked={peer: asked},
        tolerance=0.1,
        torchvision=True,
        prepare=prepare,
    )


CASES = (
    _case("lora", "peft and transformers", _peft, 1.3),
    _case("dpo", "TRL", _trl, 1.5),
)
