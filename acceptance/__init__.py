"""What the library promises of models trained on real data, put to the test.

`python -m acceptance` runs every row, `python -m acceptance lenet5-digits` one. A row is the
documented command run for each seed, with a threshold that the worst seed must reach and the
baselines beside it. Each row's result is a file in `docs/results/rows`, and all of them are the
pages `docs/results/acceptance.md` and `generative.md`, which `python -m acceptance --pages` writes
again. The exit code is 1 if a row failed.
"""
