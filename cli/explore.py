"""``tsinfogan explore``: a page on which the codes of a run are set by hand."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import found_run, real_series
from tsinfogan.cli._options import command_for, option
from tsinfogan.cli._output import opened_output, say, say_notes, show
from tsinfogan.errors import DataError, RunError, SettingError, TsInfoGANError

if TYPE_CHECKING:
    from tsinfogan.models.model import Model
    from tsinfogan.sharing.page import Exploration
    from tsinfogan.sharing.real import RealCases
    from tsinfogan.training.run import Run


def explore(
    name: str | None = shared.run_argument(shared.WHICH_RUN),
    out: Path | None = option(
        "Write the page as one file that computes by itself. Default: serve it.", "-o", "--out", metavar="FILE"
    ),
    port: int | None = option("Port of this machine. Default: one that is free.", min=1, max=65535),
    no_open: bool = option("Print the address only, and open no browser.", "--no-open", default=False),
    runs: Path = shared.RUNS,
    device: str = shared.DEVICE,
) -> None:
    """Open a page where you set the codes and the generated series follows: tsinfogan explore -o letters.html.

    The page is served to this machine alone until Ctrl-C. With -o it is one file, which works offline.
    """
    if out is not None and (port is not None or no_open):
        raise SettingError("--port and --no-open are about a page that is served; leave them out, or leave out -o")
    from tsinfogan.devices import choose_device

    run, source = _asked_run(runs, name)
    model = run.load_model("cpu" if out is not None else choose_device(device))
    explored = _exploration(run, model, source, runs, is_public=out is not None)
    if out is None:
        _serve(explored, run, port or 0, opens=not no_open and has_display())
    else:
        _write(explored, run, out)


def _asked_run(runs: Path, name: str | None) -> tuple[Run, str | None]:
    """The run that is asked for, or the model that comes with this package where there is none yet.

    And, of a run that is not the user's own, by what name the package or a hub has it.
    """
    from tsinfogan.sharing.pretrained import available_pretrained, pretrained_run

    try:
        return found_run(runs, name), name if name and "://" in name else None
    except RunError:
        if name is not None or not (known := available_pretrained()):
            raise
    say(f"note: there is no model in {runs}/ yet, so this is {known[0]}, which comes with tsinfogan")
    return pretrained_run(known[0]), known[0]


def _exploration(run: Run, model: Model, source: str | None, runs: Path, is_public: bool) -> Exploration:
    """What the page shows of a run, from a ``source`` or of the user's own; ``is_public`` names no folder of theirs."""
    from tsinfogan.sharing.page import Exploration

    if source is not None:
        option_of = "--model" if "://" in source else "--pretrained"
        imports = "from tsinfogan import sample\nfrom tsinfogan.sharing.pretrained import load_pretrained"
        opening = f"{imports}\n\nmodel = load_pretrained({source!r})"
        return Exploration(
            model, source, command_for(shared.DEFAULT_RUNS, "sample", option_of, source), opening, can_rename=False
        )
    path, folder = (shared.DEFAULT_RUNS / run.name, shared.DEFAULT_RUNS) if is_public else (run.path, runs)
    called = run.name if path.parent == folder else str(path)
    imports = "from pathlib import Path\n\nfrom tsinfogan import Run, sample"
    opening = f"{imports}\n\nmodel = Run.open(Path({str(path)!r})).load_model()"
    return Exploration(model, run.name, command_for(folder, "sample", "--model", called), opening)


def _write(explored: Exploration, run: Run, out: Path) -> None:
    """The page as one file."""
    from tsinfogan.sharing.page import render

    with opened_output(out, binary=False) as stream:
        latent = explored.model.settings.latent
        try:
            first = latent.first_category
            real = _real_cases(run, explored.model)
            few = real.few(first[0] if first else None, next(iter(latent.continuous.values()), None))
        except TsInfoGANError as error:
            say(f"note: the page holds no real series: {error}")
            few = None
        content = render(explored, is_served=False, real=few).encode()
        stream.write(content)
    say(f"a page of {len(content) / 1e6:.1f} MB, which a browser opens by a double click")
    show(str(out))


def _serve(explored: Exploration, run: Run, port: int, opens: bool) -> None:
    """The page until Ctrl-C."""
    import webbrowser

    from tsinfogan.sampling.naming import renamed
    from tsinfogan.sharing.server import PageServer

    def rename(category: int, name: str | None) -> tuple[str | None, ...]:
        explored.model.names = run.names  # which `tsinfogan name` may have changed
        names = renamed(explored.model, category, name)
        run.save_names(names)
        return names

    with PageServer(explored, lambda: _real_cases(run, explored.model), rename, port) as server:
        show(server.address)
        sys.stdout.flush()
        say("the page is there until Ctrl-C")
        if opens:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")


def _real_cases(run: Run, model: Model) -> RealCases:
    """The series that a run was trained on, with the codes that Q reads in them; an error says why there are none."""
    from tsinfogan.sharing.real import RealCases

    found = real_series(run, model)
    panel = found.test if found.train is None else found.train
    if panel is None:
        raise DataError("; ".join(found.notes))
    say_notes(found.notes)
    return RealCases.of(model, panel)


def has_display() -> bool:
    """Whether a window could be opened here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
