"""What rows learn by the functions behind a command: all of it, or nothing."""

import json
import signal

import pytest

from acceptance.behind import learned
from cartograd.core.interrupt import Stopped

COMMAND = (
    "cartograd train llama:dim=16,depth=1,heads=2,ffn_dim=32,context=64 "
    "--data preferences:asked.jsonl,vocabulary=280,context=64 --epochs 1 --optimizer adamw:lr=1e-3 "
    "--set objective=grpo:reward=letter-s,generations=2,length=2 batch_size=8"
)


@pytest.fixture
def work(tmp_path):
    rows = [{"prompt": f"Is {i} odd?", "chosen": "Yes.", "rejected": "Who?"} for i in range(20)]
    (tmp_path / "asked.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_a_run_that_is_told_to_end_gives_no_model(work) -> None:
    asked = []

    def rewarded(texts: list[str]) -> list[float]:
        asked.append(len(texts))
        if told and len(asked) == 1:
            signal.raise_signal(signal.SIGTERM)
        return [0.0] * len(texts)

    told = False
    assert learned(COMMAND, work, reward=rewarded).cpu > 0
    whole, told = len(asked), True
    asked.clear()
    with pytest.raises(Stopped, match="SIGTERM"):
        learned(COMMAND, work, reward=rewarded)
    assert 0 < len(asked) < whole
