"""How fast and how exact a model is outside this library: on the page of ``explore``, and as ONNX.

    python benchmarks/sharing.py RUN

The page is timed in headless Chromium (package playwright), served and as one file: from moving a slider until the new
series is drawn. ONNX is timed on one core against torch, both by turns. Differences from ``sample`` are in units of a
channel's standard deviation.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from _shared import print_header
from tsinfogan import Model, Run, sample
from tsinfogan.errors import DataError
from tsinfogan.sampling.sampler import ROWS_PER_PASS, draw_noise
from tsinfogan.sharing.graph import SampleGraph
from tsinfogan.sharing.onnx import export_onnx
from tsinfogan.sharing.page import Exploration, render
from tsinfogan.sharing.server import PageServer

MOVES, COMPARED, ROUNDS = 60, 40, 9
MOVE = """async (value) => {
  const { shown } = window.tsinfogan, before = shown.count, slider = document.querySelector("input[type=range]");
  const started = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  while (shown.count === before) await new Promise((resolve) => setTimeout(resolve));
  return performance.now() - started;
}"""
SHOWN = "() => [window.tsinfogan.shown.codes, [...window.tsinfogan.shown.series.values]]"


def time_page(browser: Any, address: str, model: Model) -> None:
    """Prints the median time of a move, and the greatest difference of what is drawn."""
    page = browser.new_page(viewport={"width": 1360, "height": 900})
    page.goto(address)
    page.wait_for_function("() => window.tsinfogan?.shown.series")
    seconds: list[float] = []
    differences: list[float] = []
    for value in np.linspace(-1.9, 1.9, MOVES):
        seconds.append(page.evaluate(MOVE, round(float(value), 2)) / 1e3)
        if len(differences) < COMPARED:
            codes, drawn = page.evaluate(SHOWN)
            differences.append(difference(model, codes, np.array(drawn, float)))
    print(f"  slider to drawing: median {1e3 * median(seconds):.1f} ms; difference at most {max(differences):.1e}")
    page.close()


def difference(model: Model, codes: list[float], drawn: np.ndarray) -> float:
    """Of what the page draws for the first row of noise."""
    pairs = list(zip(model.settings.latent.codes, codes, strict=True))
    cat, cont = ([value for code, value in pairs if code.is_categorical is wanted] for wanted in (True, False))
    wanted = sample(model, 1, cat=[int(value) for value in cat], cont=cont).panel.case(0)
    spread = np.nanstd(sample(model, 64).panel.values, (0, 2))[:, None]
    drawn = drawn[np.isfinite(drawn)].reshape(wanted.shape)
    return float((abs(drawn - wanted) / spread).max())


def time_pages(run: Run, model: Model) -> None:
    """The page, served and as one file."""
    from playwright.sync_api import sync_playwright

    explored = Exploration(model, run.name, "tsinfogan sample", "model = ...")
    content = render(explored, is_served=False)
    print(f"page as one file: {len(content.encode()) / 1e6:.2f} MB without real series")

    def no_series() -> Any:
        raise DataError("no real series in a benchmark")

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        file = Path(folder) / "page.html"
        file.write_text(content)
        time_page(browser, file.as_uri(), model)
        print("page, served:")
        with PageServer(explored, no_series, lambda category, name: model.names) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            time_page(browser, server.address, model)
            server.shutdown()
        browser.close()


def time_onnx(model: Model) -> None:
    """The generator as ONNX against torch, one core each."""
    import onnxruntime

    torch.set_num_threads(1)
    noise = draw_noise(model, ROWS_PER_PASS)
    codes = model.sampling_latent.sample(ROWS_PER_PASS, torch.Generator().manual_seed(0))[1]
    with tempfile.TemporaryDirectory() as folder:
        file, started = Path(folder) / "model.onnx", time.perf_counter()
        apart = export_onnx(model, file)
        print(f"ONNX: exported in {time.perf_counter() - started:.0f} s, {file.stat().st_size / 1e6:.2f} MB, ", end="")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    graph, inputs = SampleGraph(model).eval(), (*noise, *codes)
    fed = {given.name: value.numpy() for given, value in zip(session.get_inputs(), inputs, strict=True)}
    computing: dict[str, Callable[[], object]] = {
        "torch": lambda: graph(*inputs),
        "onnx": lambda: session.run(None, fed),
    }
    seconds: dict[str, list[float]] = {name: [] for name in computing}
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for name, compute in computing.items():
                started = time.perf_counter()
                compute()
                seconds[name].append(time.perf_counter() - started)
    ratio = median(seconds["torch"]) / median(seconds["onnx"])
    print(f"difference at most {apart:.1e}; {ROWS_PER_PASS} series {ratio:.2f} times as fast as torch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, help="of a model; without, letters, which comes with tsinfogan")
    asked = parser.parse_args()
    print_header()
    from tsinfogan.sharing.pretrained import pretrained_run

    run = pretrained_run("letters") if asked.run is None else Run.open(asked.run)
    model = run.load_model("cpu")
    time_pages(run, model)
    time_onnx(model)


if __name__ == "__main__":
    main()
