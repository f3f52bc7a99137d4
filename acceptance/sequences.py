"""Rows on sequences: pictures row by row, memory, and parts of speech."""

from acceptance.session import Outcome, Session, percent

ROWS_OF_PIXELS = (
    "cartograd train {cell}:dim=64 --data fashion-mnist --epochs 1 --set seed=SEED decay=all"
)
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
    "--optimizer adamw:lr=5e-3 --set seed=SEED decay=all batch_size=64"
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


def _shown(shares: list[float]) -> str:
    return ", ".join(f"{share:.2f} %" for share in shares)
