"""The command line: a file per verb, none of which is imported before its verb is called.

Exit codes: 0, 1 (a check failed, or a bug with its traceback), 2 (the user's mistake, one line on
stderr and nothing written), 130 (stopped, with the checkpoint saved).
"""

import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, Parameter

from cartograd import __version__
from cartograd.apps.cli import output
from cartograd.core.errors import UsageError

COMMANDS = {
    "A model's life": {
        "train": "Train a model on data; writes a run folder.",
        "evaluate": "Measure a trained model on data, with intervals.",
        "predict": "Apply a trained model to images, a table or numbers.",
        "explain": "Show which parts of an input a prediction rests on.",
        "attack": "Measure accuracy on inputs changed to mislead the model.",
        "export": "Write a trained model as ONNX, and compare the two.",
        "serve": "Answer predictions over HTTP.",
        "tour": "All of it on real digits, ending in a table and a report.",
    },
    "The map": {
        "list": "The methods of the library, all or of one kind.",
        "show": "One method: its idea, arguments, presets, proofs and source.",
        "coverage": "The places of the map: what is there and what is not.",
        "trace": "A tiny network's forward and backward pass, step by step.",
        "data": "The data sources and the packages that some are fetched from.",
    },
    "This installation": {
        "doctor": "Versions, devices, caches and optional packages.",
        "version": "The version.",
    },
}
"""Every command and its one line of help, by group. `NAME` lives in the file `NAME_.py`."""


def application() -> App:
    """The command line as an object; builds no command."""
    app = App(
        name="cartograd",
        help="A map of deep learning on which every place runs.",
        version=__version__,
        help_format="plaintext",
        default_parameter=Parameter(negative=(), show_default=True),
        suppress_keyboard_interrupt=False,
        group_commands=Group("Options", sort_key=len(COMMANDS)),
    )
    for rank, (title, commands) in enumerate(COMMANDS.items()):
        group = Group(title, sort_key=rank)
        for order, (name, line) in enumerate(commands.items()):
            home = f"cartograd.apps.cli.{name}_:{name}_"
            app.command(home, name=name, help=line, group=group, sort_key=order)
    app.register_install_completion_command()
    return app


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    words = list(sys.argv[1:] if tokens is None else tokens)
    try:
        code = application()(
            words, exit_on_error=False, print_error=False, result_action="return_value"
        )
        sys.stdout.flush()
    except (UsageError, CycloptsError) as error:
        output.mistake(error, as_json="--json" in words)
        return 2
    except KeyboardInterrupt:
        output.note("stopped")
        return 130
    except BrokenPipeError:  # the reader of our output (`| head`) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0
