"""Rows on sounds and lines of text: published weights on recordings and on rendered text."""

import shlex
from itertools import combinations
from pathlib import Path
from typing import Any

from acceptance.session import Outcome, Session, percent

LEAST_SPEECH, MOST_NOISE = 80.0, 10.0
"""Mean probability of speech in announcements, and in noise as loud as them, in percent."""

MOST_CONFUSED = 5.0
"""Equal error rate of voices, in percent."""

MOST_WRONG = 8.0
"""Word error rate on announcements, in percent."""

WAVENET = (
    "cartograd train wavenet --data prompts:labels=[en],seconds=0.256,whole=true "
    "--epochs 1 --set seed=SEED batch_size=4"
)
MOST_BITS = 4.9
"""Of a sample of speech that was not heard in training."""

LINES = ("Hello World 2026", "deep learning map", "ResNet-50: 76.13%")
"""Rendered and read."""


def wavenet_speech(session: Session, /) -> Outcome:
    """English announcements, sample by sample; those of the test part were not heard before."""
    runs = [session.train(WAVENET, seed) for seed in session.seeds]
    measured = [round(run.metric("bits-per-dim"), 3) for run in runs]
    untrained = _untrained_bits(WAVENET.split("--data ")[1].split()[0])
    counted = _counted(WAVENET.split("--data ")[1].split()[0])
    sound = session.work / "drawn.wav"
    session.run(f"cartograd generate {runs[0].folder} --count 4 --out {sound} --json")
    return Outcome(
        claim="WaveNet on English telephone announcements",
        command=f"{WAVENET}\n$ cartograd generate RUN --count 4 --out x.wav",
        measured=measured,
        asked=f"at most {MOST_BITS:g} bits per sample (mu-law, 256 steps), below what counts of "
        "one and of two samples before need; untrained weights do not reach it",
        passed=max(measured) < min(MOST_BITS, *counted.values(), untrained) and sound.is_file(),
        unit="bits/sample",
        beside={name: f"{bits:.3f}" for name, bits in counted.items()}
        | {"the same, untrained": f"{untrained:.3f}"},
        cpu=[run.cpu for run in runs],
        wall=[run.wall for run in runs],
        notes=[
            "By seed 100, which is not counted: 4.84 bits. With batches of 8 sounds of 0.192 s and "
            "half as many steps, 5.02; told the loudness of the sample before as one number in "
            "the place of its step, the same to a hundredth. Before that the row had printed 1.6 "
            "bits, by a fault: sounds were standardised, and mu-law cut off what was loud."
        ],
    )


def _untrained_bits(spec: str) -> float:
    """Bits of a sample of the first hundred test examples with weights of the beginning."""
    import math

    import torch

    import cartograd as cg

    x = cg.dataset(spec).test.select(range(100)).inputs
    torch.manual_seed(0)
    model = cg.build("wavenet", features=x[0].numel())
    with torch.no_grad():
        return -model(x).mean().item() / x[0].numel() / math.log(2)


def _counted(spec: str) -> dict[str, float]:
    """Bits of a test sample by how often steps follow upon others in training."""
    import torch

    import cartograd as cg
    from cartograd.generative.autoregressive.mu_law import coded

    def steps(part: Any) -> Any:
        return coded(part.select(range(len(part))).inputs.flatten(1), 256)

    data = cg.dataset(spec)
    seen, heard, found = steps(data.train), steps(data.test), {}
    for before, fine in ((0, 1), (1, 1), (2, 4)):
        size = 256 // fine  # of what is remembered of a sample; 64 steps of two are enough
        tables = torch.full((size**before * 256,), 0.01, dtype=torch.double)

        def place(step: Any, before: int = before, fine: int = fine, size: int = size) -> Any:
            past = torch.nn.functional.pad(step, (before, 0), value=128) // fine
            mark = step
            for back in range(1, before + 1):
                mark = mark + past[:, before - back : -back] * 256 * size ** (back - 1)
            return mark

        tables += place(seen).flatten().bincount(minlength=len(tables))
        chance = tables.reshape(-1, 256)
        bits = -(chance / chance.sum(1, keepdim=True)).log2().flatten()
        found[f"counts of {before} before"] = bits[place(heard)].mean().item()
    return found


def voice_activity(session: Session, /) -> Outcome:
    """Silero VAD on announcements and on noise of the same loudness."""
    import numpy as np
    import soundfile

    draw, speech, noise = np.random.default_rng(0), [], []
    for number, (file, _) in enumerate(_long(seconds=3.0)[:60:2]):
        sound, rate = soundfile.read(file)
        path = session.work / f"noise-{number}.wav"
        soundfile.write(path, draw.normal(0, sound.std(), len(sound)).clip(-1, 1), rate)
        speech.append(file)
        noise.append(path)
    heard, cpu, wall = _predict(session, "silero-vad", speech)
    unheard, more, longer = _predict(session, "silero-vad", noise)
    there = sum(answer["means"]["speech"] for answer in heard) / len(heard)
    absent = sum(answer["means"]["speech"] for answer in unheard) / len(unheard)
    return Outcome(
        claim="Silero VAD hears speech in announcements and none in noise as loud",
        command="cartograd predict silero-vad FILE ...",
        measured=[percent(there)],
        asked=f"mean probability >= {LEAST_SPEECH:g} % in speech, <= {MOST_NOISE:g} % in noise",
        passed=percent(there) >= LEAST_SPEECH and percent(absent) <= MOST_NOISE,
        beside={"in noise": f"{percent(absent):.2f} %", "recordings": f"{len(speech)} of each"},
        cpu=[cpu + more],
        wall=[wall + longer],
    )


def voices(session: Session, /) -> Outcome:
    """Resemblyzer on five voices: pairs of one and of two speakers."""
    rate, beside, cpu, wall = _told_apart(session, 4, 12)
    short, _, more, longer = _told_apart(session, 2, 4)
    return Outcome(
        claim="Resemblyzer tells four speakers in five languages apart, over the telephone",
        command="cartograd predict resemblyzer FILE ...",
        measured=[rate],
        asked=f"equal error rate <= {MOST_CONFUSED:g} % for 4 to 12 s",
        passed=rate <= MOST_CONFUSED,
        beside={"for 2 to 4 s": f"{short:.2f} %", "chance": "50 %"} | beside,
        cpu=[cpu + more],
        wall=[wall + longer],
        notes=["English and Spanish are the same speaker: such pairs are left out of the rate."],
    )


def _told_apart(
    session: Session, least: float, most: float
) -> tuple[float, dict[str, str], float, float]:
    """The equal error rate on announcements that last so long, and what it is made of."""
    import torch

    from cartograd.practice.metrics.equal_error_rate import equal_error_rate

    chosen = [(who, file) for who, files in _voices(16, least, most).items() for file in files]
    answers, cpu, wall = _predict(session, "resemblyzer", [file for _, file in chosen])
    vectors = torch.tensor([answer["vector"] for answer in answers])
    near: dict[str, list[float]] = {"one voice": [], "two voices": [], "Allison": []}
    for i, j in combinations(range(len(chosen)), 2):
        one, two = chosen[i][0], chosen[j][0]
        pair = "Allison" if {one, two} == {"en", "es"} else "two voices"
        near["one voice" if one == two else pair].append(float(vectors[i] @ vectors[j]))
    scores = torch.tensor(near["one voice"] + near["two voices"])
    same = torch.arange(len(scores)) < len(near["one voice"])
    said = {
        f"similarity of {len(found)} pairs of {pair}": f"{sum(found) / len(found):.3f} on average"
        for pair, found in near.items()
    }
    said["similarity of English and Spanish Allison"] = said.pop(list(said)[-1])
    return percent(equal_error_rate(scores, same.long())), said, cpu, wall


def transcripts(session: Session, /) -> Outcome:
    """Whisper-base on every third announcement of five words or more, and an audio book."""
    from cartograd.practice.metrics import texts
    from cartograd.practice.metrics.word_error_rate import word_error_rate

    chosen = [pair for pair in _long(seconds=1.0) if len(pair[1].split()) >= 5][::3]
    answers, cpu, wall = _predict(session, "whisper-base", [file for file, _ in chosen])
    written, expected = [answer["text"] for answer in answers], [text for _, text in chosen]
    rate = percent(word_error_rate(written, expected))
    low, high = (percent(end) for end in texts.interval("word-error-rate", written, expected))
    book = _book()
    read, more, longer = _predict(session, "whisper-base", [file for file, _ in book])
    aloud = word_error_rate([one["text"] for one in read], [text for _, text in book])
    exact = sum(
        word_error_rate([one], [text]) == 0 for one, text in zip(written, expected, strict=True)
    )
    return Outcome(
        claim="Whisper-base transcribes telephone announcements by a human voice",
        command="cartograd predict whisper-base FILE ...",
        measured=[rate],
        asked=f"word error rate <= {MOST_WRONG:g} %",
        passed=rate <= MOST_WRONG,
        beside={
            "95 % interval": f"{low:.2f} to {high:.2f} %",
            "announcements": f"{len(chosen)}, {sum(len(t.split()) for t in expected)} words; "
            f"{exact} without a mistake",
            "five sentences of an audio book": f"{percent(aloud):.2f} %",
            "writing nothing": "100 %",
        },
        cpu=[cpu + more],
        wall=[wall + longer],
        notes=["8,000 samples per second, raised to 16,000; the language is found by the model."],
    )


def lines_of_text(session: Session, /) -> Outcome:
    """EasyOCR's CRNN on rendered lines."""
    files = [_rendered(session.work / f"line-{i}.png", text) for i, text in enumerate(LINES)]
    answers, cpu, wall = _predict(session, "easyocr", files)
    read = [answer["text"] for answer in answers]
    right = sum(a == b for a, b in zip(read, LINES, strict=True))
    return Outcome(
        claim="EasyOCR's CRNN with CTC reads rendered lines of text",
        command="cartograd predict easyocr FILE ...",
        measured=[percent(right / len(LINES))],
        asked="every character of every line",
        passed=read == list(LINES),
        beside={"read": "; ".join(map(repr, read))},
        cpu=[cpu],
        wall=[wall],
    )


def _predict(session: Session, name: str, files: list[Path]) -> tuple[list[Any], float, float]:
    listed = " ".join(shlex.quote(str(file)) for file in files)
    return session.answers(f"cartograd predict {name} {listed} --json")


def _long(*, seconds: float) -> list[tuple[Path, str]]:
    """English announcements that last so long, and their text."""
    import soundfile

    from cartograd.data.sources.prompts import announcements

    return [pair for pair in announcements() if soundfile.info(pair[0]).duration >= seconds]


def _voices(count: int, least: float, most: float) -> dict[str, list[Path]]:
    """Announcements that last so long, the same number of each voice."""
    import soundfile

    from cartograd.data.store import packages

    homes = {"en": packages.where("prompts")} | dict.fromkeys(
        ("es", "fr", "it", "ru"), packages.where("prompts-voices")
    )
    found = {}
    for language, home in homes.items():
        files = [
            file
            for file in sorted((home / language).glob("*.wav"))
            if file.stat().st_size > 1000 and least <= soundfile.info(file).duration <= most
        ]
        found[language] = files[:: len(files) // count][:count]
    return found


def _book() -> list[tuple[Path, str]]:
    """Five sentences of Sense and Sensibility."""
    from cartograd.data.store import packages

    folder = packages.where("librivox") / "librivox"
    lines = (folder / "transcription").read_text().splitlines()
    return [
        (folder / f"{line.split('(')[1].rstrip(')')}.wav", line.split("<s>")[1].split("</s>")[0])
        for line in lines
    ]


def _rendered(path: Path, text: str) -> Path:
    """A line of text in black on white, in the font that comes with matplotlib."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 40)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 20, int(bottom - top) + 20), 255)
    ImageDraw.Draw(image).text((10 - left, 10 - top), text, fill=0, font=font)
    image.save(path)
    return path
