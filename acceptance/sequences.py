"""Rows on sequences: pictures row by row, memory, parts of speech, and translation."""

import re
from collections import Counter
from typing import TYPE_CHECKING

from acceptance.session import Outcome, Ran, Session, percent

if TYPE_CHECKING:
    from cartograd.data.dataset import Dataset, Examples

ROWS_OF_PIXELS = "cartograd train {cell}:dim=64 --data fashion-mnist --epochs 1 --set seed=SEED"
GATED, VANILLA, BETWEEN = 82.0, 60.0, 5.0
"""Accuracies of an LSTM and a GRU, of a vanilla network, and points between them."""


def rows_of_pixels(session: Session, /) -> Outcome:
    """LSTM, GRU and vanilla network read pictures from top to bottom, one row a step."""
    runs = {
        cell: [session.train(ROWS_OF_PIXELS.format(cell=cell), seed) for seed in session.seeds]
        for cell in ("lstm", "gru", "rnn")
    }
    right = {cell: [percent(run.metric("accuracy")) for run in each] for cell, each in runs.items()}
    gated = min(right["lstm"] + right["gru"])
    gap = min(
        min(lstm, gru) - rnn
        for lstm, gru, rnn in zip(right["lstm"], right["gru"], right["rnn"], strict=True)
    )
    return Outcome(
        claim="LSTM, GRU and a vanilla RNN of 64 units read Fashion-MNIST row by row, one epoch",
        command=ROWS_OF_PIXELS.format(cell="lstm"),
        measured=right["lstm"],
        asked=f"LSTM and GRU >= {GATED:g} %, vanilla >= {VANILLA:g} % and {BETWEEN:g} points less",
        passed=gated >= GATED and min(right["rnn"]) >= VANILLA and gap >= BETWEEN,
        beside={"GRU": _shown(right["gru"]), "vanilla RNN": _shown(right["rnn"])},
        cpu=[run.cpu for run in runs["lstm"]],
        wall=[run.wall for run in runs["lstm"]],
    )


TIMES = 4.0


def memory(session: Session, /) -> Outcome:
    """Copying and adding at growing lags, by the claim's own experiment."""
    command = f"cartograd claim rnn-forgets --seeds {len(session.seeds)}"
    said, cpu, wall = session.run(f"{command} --json")
    figures = said["figures"]
    ratios = {task: figures[f"{task} LSTM/RNN"] for task in ("copying", "adding")}
    return Outcome(
        claim="An LSTM remembers at least four times as long as a vanilla RNN",
        command=command,
        measured=ratios["copying"],
        unit="times",
        asked=f"on every seed, copying and adding: >= {TIMES:g} times the vanilla network's lag",
        passed=min(min(one) for one in ratios.values()) >= TIMES,
        beside={
            "adding": ", ".join(f"{one:g} times" for one in ratios["adding"]),
            **{
                f"last lag solved, {name}": ", ".join(f"{one:g}" for one in figures[name])
                for name in figures
                if "/" not in name
            },
        },
        cpu=[cpu],
        wall=[wall],
    )


TAGGER = (
    "cartograd train {model}:dim=96,dropout=0.3 --data brown --epochs 5 "
    "--optimizer adamw:lr=5e-3 --set seed=SEED batch_size=64"
)


def tagging(session: Session, /) -> Outcome:
    """188 parts of speech: with tags chosen together, from both sides, from one, from the word."""
    runs = {
        model: [session.train(TAGGER.format(model=model), seed) for seed in session.seeds]
        for model in ("bilstm-crf", "bilstm-tagger", "lstm-tagger")
    }
    right = {
        model: [percent(run.metric("accuracy")) for run in each] for model, each in runs.items()
    }
    word = percent(_most_frequent_tag())
    ahead = min(
        crf - one for crf, one in zip(right["bilstm-crf"], right["lstm-tagger"], strict=True)
    )
    return Outcome(
        claim="Parts of speech of the Brown corpus: BiLSTM-CRF, one-way LSTM, the word alone",
        command=TAGGER.format(model="bilstm-crf"),
        measured=right["bilstm-crf"],
        asked="BiLSTM-CRF above the one-way LSTM on every seed, that above the word's usual tag",
        passed=ahead > 0 and min(right["lstm-tagger"]) > word,
        beside={
            "BiLSTM": _shown(right["bilstm-tagger"]),
            "one-way LSTM": _shown(right["lstm-tagger"]),
            "each word's most frequent tag": f"{word:.2f} %",
        },
        cpu=[run.cpu for run in runs["bilstm-crf"]],
        wall=[run.wall for run in runs["bilstm-crf"]],
    )


def _most_frequent_tag() -> float:
    """Test words that bear the tag they have most often in training; unknown ones the commonest."""
    import torch

    import cartograd as cg

    data = cg.dataset("brown")
    words, tags = data.train.inputs, data.train.targets
    known = tags >= 0
    counts = torch.zeros(int(words.max()) + 1, data.signature.output.dims[-1])
    counts.index_put_((words[known], tags[known]), torch.ones(int(known.sum())), accumulate=True)
    best = counts.argmax(1).where(counts.sum(1) > 0, counts.sum(0).argmax())
    words, tags = data.test.inputs, data.test.targets
    known = tags >= 0
    return float((best[words[known]] == tags[known]).float().mean())


BIBLE = "bible:vocabulary=3000"
TRANSLATOR = (
    "cartograd train {model}:cell=lstm,dim=128,dropout=0.1 --data " + BIBLE + " --epochs 6 "
    "--optimizer adamw:lr=3e-3 --set seed=SEED batch_size=32 clip=1.0"
)
VERSES = 400
"""Of the test part, that are translated."""
PAIRS = 6000
"""Of the training part, that the dictionary is made from."""


def translation(session: Session, /) -> Outcome:
    """English verses into Spanish: with attention, without, word by word, and left as they are."""
    import cartograd as cg

    data = cg.dataset(BIBLE)
    sources, expected = _texts(data.test, data, range(VERSES))
    runs = {
        model: [session.train(TRANSLATOR.format(model=model), seed) for seed in session.seeds]
        for model in ("seq2seq-luong", "seq2seq-plain")
    }
    written = {
        model: [_translated(run, data, VERSES) for run in each] for model, each in runs.items()
    }
    scores = {model: [_scores(one, expected) for one in each] for model, each in written.items()}
    words, copied = (_scores(one, expected) for one in (_word_by_word(data, sources), sources))
    beside = {
        "BLEU and chrF with attention": _both(scores["seq2seq-luong"]),
        "without": _both(scores["seq2seq-plain"]),
        "a dictionary, word by word": _both([words]),
        "the English as it is": _both([copied]),
        "chrF gained by attention, shorter and longer half": ", ".join(
            _gains(sources, expected, luong, plain)
            for luong, plain in zip(*written.values(), strict=True)
        ),
    }
    gains = [
        with_it[1] - without[1]
        for with_it, without in zip(scores["seq2seq-luong"], scores["seq2seq-plain"], strict=True)
    ]
    least = min(one[1] for one in scores["seq2seq-luong"])
    return Outcome(
        claim="Verses from English to Spanish: attention beats a plain encoder-decoder",
        command=TRANSLATOR.format(model="seq2seq-luong"),
        measured=[round(one[1], 2) for one in scores["seq2seq-luong"]],
        unit="chrF",
        asked="chrF above the plain model's on every seed, and above the English as it is",
        passed=min(gains) > 0 and least > copied[1],
        beside=beside,
        cpu=[run.cpu for run in runs["seq2seq-luong"]],
        wall=[run.wall for run in runs["seq2seq-luong"]],
        notes=[f"{VERSES} verses of the test part, by beam search with 4 beams."],
    )


def _texts(part: "Examples", data: "Dataset", rows: range, /) -> tuple[list[str], list[str]]:
    """Some verses of a part, in both languages."""
    some = part.select(rows)
    wanted = some.targets.where(some.targets >= 0, data.tokenizer.padding)
    sources, expected = (
        [data.tokenizer.decode(row.tolist()) for row in side] for side in (some.inputs, wanted)
    )
    return sources, expected


def _translated(run: Ran, data: "Dataset", count: int, /) -> list[str]:
    """The test verses by a trained model."""
    import torch

    import cartograd as cg
    from cartograd.architectures.decoding.beam import beam_search

    model, tokenizer = cg.load(run.folder).model.model, data.tokenizer
    part, found = data.test.select(range(count)), []
    with torch.inference_mode():
        for rows in part.inputs.split(50):
            decoder = model.decoder(rows, 81)
            begin = rows.new_full((len(rows), 1), tokenizer.begin)
            stop = (tokenizer.end,)
            answers = beam_search(decoder, begin, length=80, beams=4, stop=stop)
            found += [tokenizer.decode(row[0].tokens) for row in answers]
    return found


def _scores(written: list[str], expected: list[str]) -> tuple[float, float]:
    """BLEU and chrF in percent."""
    from cartograd.practice.metrics.bleu import bleu
    from cartograd.practice.metrics.chrf import chrf

    return 100 * bleu(written, expected), 100 * chrf(written, expected)


def _gains(sources: list[str], expected: list[str], luong: list[str], plain: list[str]) -> str:
    """ChrF gained on the shorter and on the longer half of the verses."""
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    shown = []
    for half in (order[: len(order) // 2], order[len(order) // 2 :]):
        wanted = [expected[i] for i in half]
        one, other = (_scores([each[i] for i in half], wanted)[1] for each in (luong, plain))
        shown.append(f"{one - other:+.1f}")
    return " and ".join(shown)


def _word_by_word(data: "Dataset", sources: list[str], /) -> list[str]:
    """Each word as the Spanish word that keeps closest company with it (Dice's coefficient)."""
    rows = range(0, len(data.train), max(len(data.train) // PAIRS, 1))
    pairs = zip(*_texts(data.train, data, rows), strict=True)
    left, right, both = Counter(), Counter(), Counter()
    for one, other in pairs:
        own, theirs = set(_words(one)), set(_words(other))
        left.update(own)
        right.update(theirs)
        both.update((a, b) for a in own for b in theirs)
    best: dict[str, tuple[float, str]] = {}
    for (a, b), count in both.items():
        best[a] = max(best.get(a, (0.0, a)), (2 * count / (left[a] + right[b]), b))
    return [" ".join(best.get(word, (0.0, word))[1] for word in _words(text)) for text in sources]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())


def _both(scores: list[tuple[float, float]]) -> str:
    return ", ".join(f"{one:.1f} / {other:.1f}" for one, other in scores)


def _shown(shares: list[float]) -> str:
    return ", ".join(f"{share:.2f} %" for share in shares)
