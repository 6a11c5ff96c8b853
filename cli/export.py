"""``tsinfogan export``: a model as a file that other programs run."""

from __future__ import annotations

from pathlib import Path

from tsinfogan.cli import _options as shared
from tsinfogan.cli._files import found_run
from tsinfogan.cli._options import option
from tsinfogan.cli._output import say, show


def export(
    name: str | None = shared.run_argument("Run to export, a name or a path. Default: the newest."),
    out: Path = option("File to write, ending in .onnx.", "-o", "--out", default=..., metavar="FILE"),
    what: str = option("generator, from codes to series, or encoder, from series to codes.", default="generator"),
    runs: Path = shared.RUNS,
) -> None:
    """Write a model as a file of ONNX, which runs without tsinfogan: tsinfogan export -o model.onnx.

    Preprocessing is part of it: series are in raw units. Needs onnx, onnxscript and onnxruntime, the extra onnx.
    """
    from tsinfogan.sharing.onnx import export_onnx

    run = found_run(runs, name)
    difference = export_onnx(run.load_model(), out, what)
    if difference is None:
        say('note: not checked, as onnxruntime is not installed; install it by pip install "tsinfogan[onnx]"')
    else:
        say(f"checked with onnxruntime: the greatest difference from torch is {difference:.1e} of a channel's scale")
    show(str(out))
