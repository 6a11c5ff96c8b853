"""``tsinfogan report``: what each code of a run turned out to mean."""

from __future__ import annotations

import json
from pathlib import Path

from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import PLAIN, Reading, found_run, reads_files, real_series
from tsinfogan.cli._options import option
from tsinfogan.cli._output import make_folder, say, say_notes, show, write_files
from tsinfogan.errors import SettingError

PAGE, PICTURE, FIGURES = "report.html", "report.png", "report.json"


@reads_files
def report(
    asked: Reading,
    name: str | None = shared.run_argument("Run to report on, a name or a path. Default: the newest."),
    runs: Path = shared.RUNS,
    out: Path | None = option("Where to write. Default: the run's own folder.", "--out", metavar="FOLDER"),
    data: Path | None = option("Real series to compare with. Default: what the run was trained on.", metavar="FILE"),
    device: str = shared.DEVICE,
) -> None:
    """Write code cards: samples of each category beside real ones, and the effect of each continuous code in words.

    Makes report.html, which needs no other file, report.png and report.json, in the run's folder.
    """
    from tsinfogan.devices import choose_device
    from tsinfogan.metrics.codes.context import CodeContext
    from tsinfogan.reports.codes.gathering import ReportContext, gather
    from tsinfogan.reports.codes.page import render
    from tsinfogan.reports.codes.pictures import draw_all

    if data is None and asked != PLAIN:
        raise SettingError("columns and windows say how a file is read; name the file with --data")
    run = found_run(runs, name, "" if out else "name another one with --out")
    model = run.load_model(choose_device(device))
    folder = run.path if out is None else out
    make_folder(folder)
    say("reading the real series")
    found = real_series(run, model, data, asked)
    say_notes(found.notes)
    subject = CodeContext(model, found.train, found.test)
    context = ReportContext(run.name, subject, found.notes)
    summary = gather(context, say)
    say("drawing")
    pictures = draw_all(context, summary)
    files = {
        PAGE: render(summary, pictures).encode(),
        PICTURE: pictures.sheet,
        FIGURES: json.dumps(summary.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode(),
    }
    write_files(folder, files)
    show(f"{summary.data}: {summary.headline}")
    for card in summary.continuous:
        show(card.sentence)
    for file in files:
        show(str(folder / file))
    shared.hint_for(run, runs, "explore")
