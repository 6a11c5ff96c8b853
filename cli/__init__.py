"""The command line: one command a file. Each parses, calls the library and prints; torch is imported inside them."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from tsinfogan.cli._completion import VARIABLE
from tsinfogan.cli._errors import in_options, lacks_memory
from tsinfogan.cli._output import printable
from tsinfogan.cli._signals import discard, end_at_signals
from tsinfogan.cli.augment_study import augment_study
from tsinfogan.cli.datasets import datasets_app
from tsinfogan.cli.encode import encode
from tsinfogan.cli.evaluate import evaluate
from tsinfogan.cli.explore import explore
from tsinfogan.cli.export import export
from tsinfogan.cli.name import name
from tsinfogan.cli.push import push
from tsinfogan.cli.report import report
from tsinfogan.cli.runs import runs_app
from tsinfogan.cli.sample import sample
from tsinfogan.cli.train import train
from tsinfogan.errors import TsInfoGANError

# Older typers build on the package click, newer ones carry a copy of it; their errors have this ancestor in common.
UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]

OLD_OPTIONS = {
    "--critic-rate": "--discriminator-rate",
    "--distort": "--augment",
    "--knob": "--cont-follows",
    "--made": "--synthetic",
}
OLD_VALUES = {
    "--method": {
        "distort": "classical",
        "distort_own": "classical_own",
        "tsinfogan_distorted": "tsinfogan_classical",
    },
    "--recognition": {"watching": "detached"},
}
"""Options and their values by names that this version still takes, and the names of today."""

EXAMPLES = """\
tsinfogan train --data mine.csv            learns from columns case,time,…

tsinfogan report                           what each code does, on one page

tsinfogan explore                          a page with sliders, which the series follow

tsinfogan name --cat 3 "fast s"            calls a category by a name

tsinfogan sample --label "fast s" -n 20    new series of that category

tsinfogan encode mine.csv -o codes.csv     the codes of real series

tsinfogan evaluate --quick                 generated beside real series

tsinfogan COMMAND --help                   all that can be set
"""
"""Paragraphs of one line, as some typers join the lines of a paragraph."""

app = typer.Typer(
    name="tsinfogan",
    help="InfoGAN for time series: finds the categories and the continuous features of your series without labels, and "
    "generates new series with the category and the features that you ask for.",
    epilog=EXAMPLES,
    pretty_exceptions_enable=False,
)
for command in (train, sample, encode, name, report, explore, evaluate, augment_study, export, push):
    app.command()(command)
app.add_typer(datasets_app)
app.add_typer(runs_app)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"tsinfogan {version('tsinfogan')}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Options before any command."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and exits: 0 done, 2 with one sentence on stderr, 129, 130 and 143 when stopped.

    An error that no user can mend keeps its traceback: it is a bug. As a program, without ``arguments``, it leaves
    without the destructors of C++ libraries: a reading thread of Arrow that is still alive would make them abort.
    """
    if arguments is not None:
        sys.exit(_guarded(list(arguments)))
    code = 1
    try:
        code = _guarded(sys.argv[1:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _guarded(arguments: list[str]) -> int:
    """The exit code; output that cannot be written is a sentence."""
    end_at_signals()
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has enough
        code = 0
        discard(sys.stdout.fileno())
    except OSError as error:
        reason = (error.strerror or "").lower()
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            code = _complain(f"cannot write the output: {reason}; make room and run it again")
            discard(sys.stdout.fileno())  # or else Python's own flush at exit fails again
        elif error.filename is not None:  # such as a name that is too long for the file system
            code = _complain(f"cannot use {str(error.filename)[:80]!r}: {reason}; give another file or directory")
        else:
            raise
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        code = _complain(
            "there is not enough memory; use fewer or shorter series, and in training a smaller --batch-size or --width"
        )
    return code


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    if os.environ.get(VARIABLE):
        command(prog_name="tsinfogan")  # prints what could follow, and exits
    arguments = under_new_names(arguments)
    try:
        with command.make_context("tsinfogan", arguments or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT
    except TsInfoGANError as error:
        return _complain(in_options(str(error)))
    except UsageProblem as error:
        return _complain(error.format_message().rstrip("."))  # type: ignore[attr-defined]
    return 0


def under_new_names(arguments: list[str]) -> list[str]:
    """``arguments`` with old names replaced by those of today; one line on stderr says which."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    renamed, option = [], ""
    for word in arguments[:end]:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            option = OLD_OPTIONS.get(option, option)
            renamed.append(option + equals + _new_value(option, value))
        else:
            renamed.append(_new_value(option, word))
            option = ""
    changed = dict.fromkeys(f"{old} is now {new}" for old, new in zip(arguments, renamed, strict=False) if old != new)
    if changed:
        print(f"note: {', '.join(changed)}; the old names still work in this version", file=sys.stderr)
    return renamed + arguments[end:]


def _new_value(option: str, value: str) -> str:
    if option != "--set":
        return OLD_VALUES.get(option, {}).get(value, value)
    from tsinfogan.training.upgrade import RENAMED

    name, equals, text = value.partition("=")
    name = RENAMED.get(name, name)
    return name + equals + OLD_VALUES.get(f"--{name}", {}).get(text, text)


def _complain(sentence: str) -> int:
    with contextlib.suppress(OSError):
        print(f"error: {printable(' '.join(sentence.split()))}", file=sys.stderr)
    return 2
