"""`show neighbours`: the words nearest in a trained model."""

from cartograd.apps.verbs.train import train
from cartograd.data.sources.words import words


def test_neighbours_of_a_run(cli_run, tmp_path):
    for i in range(40):
        pair = "sun moon" if i % 2 else "salt pepper"
        (tmp_path / f"{i:02}.txt").write_text(f"{pair} " * (20 + i))
    data = words(tmp_path, sample=0.0)
    train("word2vec:dim=8", data, folder=tmp_path / "run", epochs=20, batch_size=128,
          optimizer="adamw:lr=0.02", progress=False)  # fmt: skip
    found = cli_run("show", "neighbours", "sun", "--data", str(tmp_path / "run"), "--json").json
    assert [one["word"] for one in found["neighbours"]][:1] == ["moon"]
    text = cli_run("show", "neighbours", "salt - sun + moon", "--data", str(tmp_path / "run")).out
    assert "pepper" in text
    done = cli_run("show", "neighbours", "mars", "--data", str(tmp_path / "run"))
    assert done.code == 2
    assert "unknown word 'mars'" in done.err
    assert cli_run("show", "neighbours").code == 2
