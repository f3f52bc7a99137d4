"""A row that was stopped goes on with the runs that are done, unless the library has changed."""

import pytest

from acceptance.session import FailedError, Session, workplace

COMMAND = "cartograd train lenet5 --data digits --set seed=SEED"


class Counting(Session):
    """Notes the commands instead of running them; `fails` ends like one that was stopped."""

    def __init__(self, work, /, *, fails=False):
        super().__init__(work)
        self.commands, self.fails = [], fails

    def run(self, command, /):
        self.commands.append(command)
        if self.fails:
            raise FailedError("stopped")
        return {"test": {"accuracy": {"value": 0.5}}}, 3.0, 4.0


def test_a_finished_run_is_not_repeated(tmp_path):
    first, again = Counting(tmp_path), Counting(tmp_path)
    runs = [session.train(COMMAND, 0) for session in (first, again)]
    assert len(first.commands) == 1
    assert not again.commands
    assert runs[0] == runs[1]
    assert runs[0].metric("accuracy") == 0.5
    assert again.train(COMMAND, 1).folder != runs[0].folder, "another seed is another run"


def test_a_stopped_run_begins_anew(tmp_path):
    with pytest.raises(FailedError):
        Counting(tmp_path, fails=True).train(COMMAND, 0)
    again = Counting(tmp_path)
    again.train(COMMAND, 0)
    assert len(again.commands) == 1


def test_another_source_is_another_place(tmp_path):
    (tmp_path / "src").mkdir()
    file = tmp_path / "src" / "a.py"
    file.write_text("a = 1")
    before = workplace(tmp_path, "row")
    assert workplace(tmp_path, "row") == before
    file.write_text("a = 2")
    after = workplace(tmp_path, "row")
    assert after != before
    assert not before.exists()
