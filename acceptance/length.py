"""Row on a model that finds a needle in texts longer than those of its training."""

import time

import torch
import torch.nn.functional as F
from torch import Tensor

import cartograd as cg
from acceptance.session import Outcome, Session
from cartograd.architectures.decoding.streaming import room_for, streaming
from cartograd.architectures.transformer.llama import LLaMA
from cartograd.training.diagnosis.needle import Haystack, NeedleGrid

COMMAND = 'cg.build("needle:lengths=[60,252]")(model.decoder, haystack)  # in Python'
STEPS, RATE, BATCH = 2400, 3e-3, 32
AFTER = 3
"""The first seed: those before learned for half as many steps."""

TRAINED, BEYOND = 64, 252
"""The longest text of training, and the prompts that are asked beyond it."""

SINKS, WINDOW = 4, 56
WORDS, MARK, DIGITS = 32, 0, 10
"""The vocabulary: a mark, ten digits, and what tells nothing."""

WITHIN, HELD, LOST = 85.0, 70.0, 35.0
"""Percent of needles to find within the length of training, and beyond it where positions are
scaled or the needle stands in the window; and at most, where neither helps."""


def needle_beyond_training(session: Session, /) -> Outcome:
    """A needle at four times the length of training: plain, scaled, and by a window."""
    found, cpu, wall = [], [], []
    for seed in (AFTER + one for one in session.seeds):
        start = time.process_time(), time.perf_counter()
        found.append(figures(seed))
        cpu.append(time.process_time() - start[0])
        wall.append(time.perf_counter() - start[1])
    by = {name: [one[name] for one in found] for name in found[0]}
    low = min(by["scaled"]), min(by["window, needle inside"])
    high = max(by["beyond"]), max(by["window, needle outside"])
    return Outcome(
        claim="RoPE scaling finds a needle at four times the length of training, without tuning",
        command=COMMAND,
        measured=by["scaled"],
        unit="% of needles",
        asked=(
            f"three digits exact in prompts of {BEYOND} tokens, by a model trained on texts of at "
            f"most {TRAINED}: with YaRN at least {HELD:g} %, without at most {LOST:g} %, within "
            f"training at least {WITHIN:g} %; by a stream of {SINKS} sinks and a window of "
            f"{WINDOW} at least {HELD:g} % inside of it and at most {LOST:g} % outside"
        ),
        passed=min(by["within"]) >= WITHIN and min(low) >= HELD and max(high) <= LOST,
        beside={name: _listed(own) for name, own in by.items()},
        cpu=cpu,
        wall=wall,
        notes=[
            f"Two layers of 64 features, {STEPS} steps on texts of 16 to {TRAINED} random tokens "
            "with a mark and three digits among them and the mark again at the end. 64 prompts a "
            "depth, five depths; chance is one in a thousand. The stream reads in the memory of "
            f"{SINKS + WINDOW + WINDOW // 2} tokens; a needle at the very beginning is among its "
            "sinks and is not counted. Thresholds were set on seed 100, which is not among these: "
            "after 1,200 steps a model found 96 % within, 9 beyond, 100 and 0 by its stream; "
            "beyond, YaRN found 86 to 96 % there, linear scaling 58 and NTK 41, so YaRN is asked.",
            f"Seeds {AFTER} up, by the same thresholds: seeds 0 to 2 passed after 1,200 steps, one "
            "at the bound within training (85.0, 91.6 and 85.9 %; by YaRN 75.9, 81.6 and 72.5). "
            "After 2,400 steps seed 100 found 100 % within, 8 beyond, 98 by YaRN.",
        ],
    )


def figures(seed: int, /) -> dict[str, float]:
    """Percent of needles that a model of this seed finds, by how it reads."""
    plain, hay = trained(seed), haystack(seed)
    scaled = network(f"yarn:factor=4,context={TRAINED}")
    scaled.load_state_dict(plain.state_dict())
    short = _grid(plain, hay, TRAINED - 4).exact[0]
    long, yarn = (_grid(one, hay, BEYOND).exact[0] for one in (plain, scaled))
    kept = _grid(plain, hay, BEYOND, window=True).exact[0]
    parts = {
        "within": short, "beyond": long, "scaled": yarn, "window, needle inside": kept[-1:],
        "window, needle outside": kept[1:-1],
    }  # fmt: skip
    return {name: round(100 * sum(own) / len(own), 1) for name, own in parts.items()}


def network(scaling: str | None = None, /) -> LLaMA:
    """The model, with rotary positions of this scaling."""
    return LLaMA(
        vocabulary=WORDS, dim=64, depth=2, heads=2, ffn_dim=128, context=512, scaling=scaling
    )


def trained(seed: int, /) -> LLaMA:
    """A model that was taught to find three digits behind a mark."""
    torch.manual_seed(seed)
    generator, model = torch.Generator().manual_seed(seed), network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, (step + 1) / 50, (STEPS - step) / (0.3 * STEPS))
        length = (16, 24, 32, 48, TRAINED)[int(torch.randint(5, (), generator=generator))]
        text = texts(BATCH, length, generator)
        z = model(text[:, :-1])[:, -3:]
        loss = F.cross_entropy(z.flatten(0, 1), text[:, -3:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


def texts(rows: int, length: int, generator: torch.Generator, /) -> Tensor:
    """Random tokens with a mark and digits somewhere, and both again at the end."""
    text = torch.randint(DIGITS + 1, WORDS, (rows, length), generator=generator)
    digits = torch.randint(1, DIGITS + 1, (rows, 3), generator=generator)
    hidden = torch.cat([torch.full((rows, 1), MARK), digits], 1)
    lead = torch.randint(length - 7, (rows, 1), generator=generator)
    text.scatter_(1, lead + torch.arange(4), hidden)
    text[:, -4:] = hidden
    return text


def haystack(seed: int, /) -> Haystack:
    """Needles and filler that were not drawn for the training."""
    generator = torch.Generator().manual_seed(10_000 + seed)
    filler = torch.randint(DIGITS + 1, WORDS, (5000,), generator=generator).tolist()
    keys = torch.randint(1, DIGITS + 1, (100, 3), generator=generator).tolist()
    return Haystack(filler, [((MARK, *own), own) for own in keys], (MARK,))


def _grid(model: LLaMA, hay: Haystack, length: int, /, *, window: bool = False) -> NeedleGrid:
    def stream(rows: int, _: int) -> object:
        room = room_for(SINKS, WINDOW, model.context)
        return streaming(model.decoder(rows, room), sinks=SINKS, window=WINDOW)

    look = cg.build(f"needle:lengths=[{length}],trials=64,alternatives=2")
    return look(stream if window else model.decoder, hay)


def _listed(numbers: list[float]) -> str:
    return ", ".join(f"{number:.1f} %" for number in numbers)
