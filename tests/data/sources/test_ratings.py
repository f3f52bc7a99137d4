"""Ratings: found by usual names, split as time went on, mistakes named by their line."""

import random

import pytest

from cartograd.apps.check.check import data_check
from cartograd.apps.report.cells import decoded
from cartograd.core.errors import UsageError
from cartograd.data.decode.rating_columns import NAMES
from cartograd.data.sources.movielens import movielens
from cartograd.data.sources.ratings import ratings
from cartograd.data.store import packages

ROWS = [(i % 8, i // 8, 1 + (i * 7) % 5, 1000 + (i * 37) % 96) for i in range(96)]


def write(path, rows, header="userId,movieId,rating,timestamp"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.mark.law("ratings")
def test_the_last_rating_of_each_user_is_tested_on(tmp_path):
    data = ratings(write(tmp_path / "a.csv", ROWS))
    for user in range(8):
        own = sorted(row for row in ROWS if row[0] == user)
        own.sort(key=lambda row: row[3])
        for part, row in (("test", own[-1]), ("valid", own[-2])):
            split = getattr(data, part)
            assert split.table.rows.count([str(user), str(row[1])]) == 1
    assert (len(data.train), len(data.valid), len(data.test)) == (80, 8, 8)
    rows = list(ROWS)
    random.Random(0).shuffle(rows)
    again = ratings(write(tmp_path / "b.csv", rows))
    for part in ("train", "valid", "test"):
        one, two = (getattr(x, part) for x in (data, again))
        assert sorted(one.table.rows) == sorted(two.table.rows)


@pytest.mark.parametrize("name", ["userId", "user_id", "User ID", "uid", "customer"])
def test_columns_are_found_by_their_usual_names_and_told(tmp_path, name):
    path = write(tmp_path / "a.csv", ROWS, f"{name},product_id,Stars,Date")
    data = ratings(path)
    assert [column.name for column in data.signature.input.columns] == [name, "product_id"]
    assert f"(columns {name}, product_id, Stars, Date)" in data.told[0]
    sizes = data.signature.sizes()
    assert (sizes["users"], sizes["items"]) == (8, 12)
    assert set(NAMES) == {"user", "item", "rating", "time"}


def test_other_forms_and_dates(tmp_path):
    lines = [f'{{"user": "u{u}", "item": "i{i}", "score": {r}}}' for u, i, r, _ in ROWS]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert "no times: the last by a hash" in ratings(tmp_path / "a.jsonl").told[1]
    tabs = [f"{u}\t{i}\t{r}\t2020-01-{1 + t % 28:02}" for u, i, r, t in ROWS]
    (tmp_path / "a.tsv").write_text("\n".join(["user\titem\tstars\ttime", *tabs]))
    assert "(by time)" in ratings(tmp_path / "a.tsv").told[1]
    some = ratings(tmp_path / "a.tsv", split="random", valid=0.2, test=0.3)
    assert len(some.test) > 15


@pytest.mark.law("ratings")
def test_a_history_is_what_the_user_took_before(tmp_path):
    path = write(tmp_path / "a.csv", ROWS)
    data = ratings(path, task="rank", liked=3, history=4)
    assert data.signature.sizes() == {"classes": 12, "features": 5, "users": 8, "history": 4}
    names = data.signature.input.columns[1].categories
    liked = sorted((row for row in ROWS if row[2] >= 3), key=lambda row: row[3])
    for part in (data.train, data.valid, data.test):
        for i in range(len(part)):
            user, cell = part.table.rows[i]
            item = names[part.targets[i]]
            own = [str(row[1]) for row in liked if str(row[0]) == user]
            before = own[: own.index(item)][-4:]
            assert cell == "|".join(before)
            numbers = [names.index(one) for one in before[::-1]]
            assert part.inputs[i, 1:].long().tolist() == numbers + [12] * (4 - len(before))
    assert decoded(data.signature.input, data.test.inputs)[0]["taken before"] == cell_of(data)
    found = data_check(f"ratings:{path},task=rank,liked=3,history=4").findings
    odd = [one for one in found if one.what == "unseen categories" and "taken before" in one.said]
    assert [one.examples for one in odd] == [("7",)]  # one by one, not whole histories
    with pytest.raises(UsageError, match="history=4 is for task=rank and split=last"):
        ratings(path, task="rank", split="random", history=4)
    odd = write(tmp_path / "b.csv", [(u, f"{i}|x", r, t) for u, i, r, t in ROWS])
    with pytest.raises(UsageError, match=r"the item '0\|x' has a '\|' in it"):
        ratings(odd, task="rank", liked=3, history=4)


def cell_of(data):
    return data.test.table.rows[0][1]


@pytest.mark.parametrize(
    ("row", "header", "said"),
    [
        ((1, 2, 3, 4), "who,movieId,rating,time", "no column of users that is known"),
        ((1, 2, 3, 4), "user,movieId,liked,time", r"name it: rating=NAME"),
        ((9, 9, "good", 4), None, "line 98: 'good' in the numeric column 'rating'"),
        ((9, 9, "", 4), None, "line 98: the rating 'rating' is missing"),
        (("", 9, 3, 4), None, "line 98: 'userId' is empty"),
        ((3, 0, 5, 4), None, "line 98: userId 3 rates movieId 0 again, after line 5"),
        ((9, 9, 5, ""), None, "line 98: the time 'timestamp' is missing"),
    ],
)
def test_mistakes_are_named(tmp_path, row, header, said):
    rows = [*ROWS, row]
    path = write(tmp_path / "a.csv", rows, header or "userId,movieId,rating,timestamp")
    with pytest.raises(UsageError, match=said):
        ratings(path)


def test_one_user_or_too_few_ratings_are_refused(tmp_path):
    path = write(tmp_path / "a.csv", [(1, i, 3, i) for i in range(12)])
    with pytest.raises(UsageError, match="all ratings are of one userId"):
        ratings(path)
    path = write(tmp_path / "b.csv", [(i, i % 2, 3, i) for i in range(12)])
    with pytest.raises(UsageError, match="no user has 3 ratings"):
        ratings(path)
    path = write(tmp_path / "c.csv", ROWS, "user,movie,stars,note")
    with pytest.raises(UsageError, match="unknown column"):
        ratings(path, time="when")


@pytest.mark.law("ratings")
def test_clicks_are_ratings_of_four_and_more_or_the_ones_of_a_column_of_zeros_and_ones(tmp_path):
    data = ratings(write(tmp_path / "a.csv", ROWS), task="click")
    whole = [(int(a), int(b), int(y)) for part in (data.train, data.valid, data.test)
             for (a, b), y in zip(part.table.rows, part.targets, strict=True)]  # fmt: skip
    assert sorted(whole) == sorted((u, i, int(r >= 4)) for u, i, r, _ in ROWS)
    assert data.signature.output.labels == ("not taken", "taken")
    seen = [(u, i, int(r >= 4), t) for u, i, r, t in ROWS]
    shown = write(tmp_path / "b.csv", [*seen, (0, 0, 1, 9999)], "user,item,clicked,time")
    log = ratings(shown, task="click")  # the first pair was shown again
    assert int(sum(part.targets.sum() for part in (log.train, log.valid, log.test))) == 1 + sum(
        row[2] for row in seen
    )
    assert "are 1 or more and count as taken (a click)" in log.told[2]
    with pytest.raises(UsageError, match=r"every rating is 1 or more.*rows of both kinds"):
        ratings(write(tmp_path / "c.csv", ROWS), task="click", liked=1.0)
    with pytest.raises(UsageError, match="no rating is 9 or more"):
        ratings(tmp_path / "c.csv", task="click", liked=9.0)


@pytest.mark.paper("movielens")
def test_movielens_is_as_it_was_published():
    if packages.show("movielens").path is None:
        pytest.skip("not there: cartograd data get movielens")
    data = movielens()
    sizes = data.signature.sizes()
    assert (sizes["users"], sizes["items"]) == (671, 9066)
    assert len(data.train) + len(data.valid) + len(data.test) == 100_004
    assert len(data.test) == len(data.valid) == 671
    assert data.train.targets.unique().tolist() == [x / 2 for x in range(1, 11)]
    assert data.signature.output.mean == pytest.approx((3.5418,), abs=1e-3)
    assert any("no redistribution" in line for line in data.told)
