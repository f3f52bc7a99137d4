"""What was decided about the sounds of a folder: rates, channels, lengths, loudness."""

from collections import Counter
from collections.abc import Sequence

from cartograd.core.errors import UsageError
from cartograd.data.decode.sounds import Sound


def common(sounds: Sequence[Sound], /, *, rate: int | None, seconds: float | None) -> int:
    """The rate that all sounds have, or are brought to.

    Args:
        sounds: of the files.
        rate: that was asked for.
        seconds: length of an example that was asked for; without, all sounds must be equally long.

    Raises:
        UsageError: they differ, and nothing says what to do; what to give is said, all at once.
    """
    rates = Counter(one.rate for one in sounds)
    lengths = sorted(len(one.samples) / (rate or one.rate) for one in sounds)
    told, give = [], []
    if rate is None and len(rates) > 1:
        usual = rates.most_common(1)[0][0]
        told.append(f"in rate ({_counted(rates)} samples per second)")
        give.append(f"sample_rate={usual}")
    if seconds is None and lengths[0] != lengths[-1]:
        half = lengths[len(lengths) // 2]
        told.append(f"in length ({lengths[0]:.3g} to {lengths[-1]:.3g} s, half up to {half:.3g})")
        give.append(f"seconds={half:.3g}")
    if told:
        raise UsageError(
            f"the sounds differ {' and '.join(told)}; say what to bring them to, such as "
            f"{','.join(give)}"
        )
    return rate or next(iter(rates))


def decided(sounds: Sequence[Sound], rate: int, length: int, /) -> list[str]:
    """A line for each thing that was done to some of the sounds.

    Args:
        sounds: of the files, at the common rate.
        rate: samples per second of the examples.
        length: samples of an example.
    """
    count, lines, seconds = len(sounds), [], f"{length / rate:.3g} s"
    other = Counter(one.rate for one in sounds if one.rate != rate)
    if other:
        lines.append(
            f"{other.total()} of {count} sounds are brought to {rate} samples per second (they "
            f"have {_counted(other)})"
        )
    several = sum(one.channels > 1 for one in sounds)
    if several:
        lines.append(f"{several} of {count} sounds have several channels, which are averaged")
    sizes = [len(one.samples) for one in sounds]
    longer, shorter = sum(size > length for size in sizes), sum(size < length for size in sizes)
    if longer:
        lines.append(
            f"{longer} of {count} sounds are longer than {seconds}, up to {max(sizes) / rate:.3g} "
            "s: their beginning is taken"
        )
    if shorter:
        lines.append(
            f"{shorter} of {count} sounds are shorter than {seconds}, down to "
            f"{min(sizes) / rate:.3g} s: silence is put behind them"
        )
    loud = [one.peak for one in sounds if one.peak > 1]
    if loud:
        lines.append(
            f"{len(loud)} of {count} sounds have numbers beyond 1, up to {max(loud):g}, which are "
            "cut off: scale them to -1 to 1 if that is not meant"
        )
    return lines


def _counted(rates: Counter[int]) -> str:
    return ", ".join(f"{rate}: {count}" for rate, count in sorted(rates.items())[:8])
