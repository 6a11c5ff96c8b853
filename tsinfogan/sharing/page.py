"""The page in which codes are set by hand: what it is given, and its HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from torch import Tensor

from tsinfogan.data.panel import Panel, natural_order
from tsinfogan.data.plotting import draws_lines
from tsinfogan.errors import SettingError
from tsinfogan.formats.csv import CsvWriter
from tsinfogan.models.model import Model
from tsinfogan.reports.html import template_environment
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import draw_noise, generated, sample
from tsinfogan.sharing.packing import base64_of, packed, template
from tsinfogan.sharing.real import RealCases

N_STRIP = 16
N_ROWS, MAX_NUMBERS = 64, 2**17
"""Rows of noise that the page goes through: fewer, but enough for the strip, where they hold very many numbers."""
N_SCALE = 64
"""Samples that set the scale of drawings."""
SCRIPTS = ("format.js", "draw.js", "sources.js", "explore.js")


@dataclass(frozen=True)
class Exploration:
    """A model to be explored."""

    model: Model  # a trained model
    name: str  # of its run
    command: str  # a command line that samples it; the page appends codes
    opening: str  # lines of Python after which ``model`` is this model
    seed: int = 0  # the page shows what ``tsinfogan.sample`` gives for this seed
    can_rename: bool = True  # whether names of categories may be changed

    @cached_property
    def noise(self) -> tuple[Tensor, Tensor]:
        """Noise ``(n, noise_dim)`` and injected noise ``(n, injected_noise_dim)`` of the rows of the page."""
        width = max(1, self.model.settings.latent.noise_dim + self.model.injected_noise_dim)
        return draw_noise(self.model, min(N_ROWS, max(N_STRIP + 1, MAX_NUMBERS // width)), self.seed)

    def series(self, rows: Sequence[Any], codes: Sequence[Any]) -> bytes:
        """Some rows of a sample, counted from 0, with one value a code, packed.

        A SettingError if there is no such row, or a code cannot have such a value.
        """
        noise, injected_noise = self.noise
        if not rows or not all(type(row) is int and 0 <= row < len(noise) for row in rows):
            raise SettingError(f"expected rows of noise from 0 to {len(noise) - 1}, got {list(rows)[:9]}")
        are_categories = [code.is_categorical for code in self.model.settings.latent.codes]
        if len(codes) != len(are_categories):
            raise SettingError(f"expected {len(are_categories)} codes, got {len(codes)}")
        pairs = list(zip(are_categories, codes, strict=True))
        cat, cont = ([code for is_category, code in pairs if is_category is wanted] for wanted in (True, False))
        values = []
        request = CodeRequest.of(self.model, cat, cont)
        for is_category, asked in zip(are_categories, request.values, strict=True):
            if asked is None or len(asked) != 1:
                raise SettingError(f"expected a number for each code, got {list(codes)[:9]}")
            values.append(torch.full((len(rows),), asked[0], dtype=torch.int64 if is_category else torch.float32))
        return packed(*generated(self.model, noise[list(rows)], injected_noise[list(rows)], values))

    @cached_property
    def _of_data(self) -> dict[str, Any]:
        """Facts that never change."""
        card, fitted = self.model.card, self.model.preprocessor
        samples = sample(self.model, N_SCALE, seed=self.seed).panel
        grid = fitted.grid if fitted.lengths is None else (fitted.lengths[1],)
        return {
            "view": "image" if len(grid) == 2 else "lines" if draws_lines(samples) else "pen",
            "channels": card.channels,
            "kinds": card.kinds or ("real",) * len(card.channels),
            "offsets": card.offsets or (0.0,) * len(card.channels),
            "grid": grid,
            "timeStep": card.time_step,
            "timeUnit": card.time_unit,
            "hasDates": bool(card.time_frequency),
            "times": times(samples, grid[0]) if len(grid) == 1 else [],
            "scale": scale_of(samples),
        }

    def facts(self) -> dict[str, Any]:
        """What the page is given about the model, JSON-ready."""
        return {
            "data": self.model.card.name,
            "run": self.name,
            "seed": self.seed,
            "command": self.command,
            "opening": self.opening,
            "nRows": len(self.noise[0]),
            "nStrip": N_STRIP,
            "codes": [*self._codes()],
            **self._of_data,
        }

    def _codes(self) -> Iterator[dict[str, Any]]:
        latent = self.model.sampling_latent
        for column, code in zip(latent.columns, latent.codes, strict=True):
            if not code.is_categorical:
                yield {"column": column, "isCategory": False, "support": code.support}
                continue
            is_first = column == self.model.settings.category_column
            names = (self.model.category_names if is_first else ()) or (None,) * code.n_categories
            yield {
                "column": column,
                "isCategory": True,
                "names": names,
                "order": sorted(range(len(names)), key=lambda k: (names[k] is None, natural_order(names[k] or ""), k)),
                "shares": code.prior(torch.device("cpu")).tolist(),
                "canRename": is_first and self.can_rename and not self.model.settings.labelled,
            }


def times(panel: Panel, n_points: int) -> list[str]:
    """The column ``time`` of a CSV file with one series of so many timepoints."""
    of_time = {name: getattr(panel, name) for name in ("time_step", "time_origin", "time_frequency")}
    text = io.BytesIO()
    CsvWriter(text).write(Panel(np.zeros((1, 1, n_points), np.float32), ("value",), **of_time), {})
    return [row["time"] for row in csv.DictReader(io.StringIO(text.getvalue().decode()))]


def scale_of(panel: Panel) -> dict[str, Any]:
    """Usual ends of the values of each channel; of a pen also the usual extents of a path, and ends of its force."""
    axes = tuple(range(2, panel.values.ndim))
    low, high = np.nanmin(panel.values, axes), np.nanmax(panel.values, axes)  # (n, c)
    ends = np.quantile(low, 0.05, axis=0), np.quantile(high, 0.95, axis=0)
    scale: dict[str, Any] = {"low": ends[0].tolist(), "high": ends[1].tolist()}
    if panel.view == "pen" and panel.n_channels > 1:
        paths = [np.cumsum(panel.case(index)[:2] * panel.time_step, axis=1) for index in range(panel.n_cases)]
        extents = np.quantile([np.ptp(path, axis=1) for path in paths], 0.9, axis=0)  # across and up
        scale["size"] = np.where(extents > 0, extents, 1).tolist()
        force = panel.values[:, 2] if panel.n_channels > 2 else np.ones(1)
        scale["force"] = np.quantile(force[np.isfinite(force)], [0.02, 0.98]).tolist()
    return scale


def render(explored: Exploration, *, is_served: bool, real: RealCases | None = None) -> str:
    """The page. Where ``is_served``, it asks the server that it came from for series.

    Else it is a whole, which computes by itself and holds some ``real`` series; a SettingError if it cannot compute the
    model.
    """
    facts = {**explored.facts(), "isServed": is_served}
    data: dict[str, Any] = {"facts": facts}
    scripts = [("module", "\n".join(template(name).decode() for name in SCRIPTS))]
    if not is_served:
        from tsinfogan.sharing.browser import browser_program

        program = browser_program(explored.model)
        noise = np.concatenate([each.numpy() for each in explored.noise], axis=1)  # (n, both widths)
        data |= {
            "program": program.instructions,
            "weights": base64_of(program.weights),
            "product": base64_of(template("product.wasm")),
            "noise": base64_of(noise.astype("<f4").tobytes()),
            "real": None if real is None else real.embedded(),
        }
        facts["noiseDim"] = explored.model.settings.latent.noise_dim
        scripts.insert(0, ("text/javascript", template("runtime.js").decode()))
    style = template("explore.css").decode()
    policy = {
        "default-src": "'none'",
        "img-src": "data: blob:",
        "connect-src": "'self'" if is_served else "'none'",
        "style-src": _hash(style),
        "script-src": " ".join(["'wasm-unsafe-eval'", *(_hash(text) for _, text in scripts)]),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not any(end in text for _, text in scripts for end in ("</script", "<!-"))
    return (
        template_environment("tsinfogan.sharing")
        .get_template("explore.html.j2")
        .render(
            facts=facts,
            data=data,
            scripts=[(kind, Markup(text)) for kind, text in scripts],
            style=Markup(style),
            policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        )
    )


def _hash(text: str) -> str:
    """What allows a browser to run this text, and no other."""
    return f"'sha256-{base64_of(sha256(text.encode()).digest())}'"
