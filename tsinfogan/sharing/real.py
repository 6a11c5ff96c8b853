"""Real series with the codes that Q reads in them: the page shows the one that is nearest to the codes that are set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsinfogan.data.panel import FloatArray, IntArray, Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sharing.packing import base64_of, packed

MAX_CASES = 4000
"""Series that Q reads at most, which takes seconds."""
PER_CATEGORY, MAX_NUMBERS = 4, 2**18
"""Series that one file holds: of each category, and numbers in all of them."""


@dataclass(frozen=True)
class RealCases:
    """Real series, and what Q reads in them."""

    panel: Panel  # the series, with the name of each case
    codes: FloatArray  # ``(n_cases, n_codes)``
    note: str  # which series these are

    @classmethod
    def of(cls, model: Model, panel: Panel) -> RealCases:
        """The series of a panel, or some spaced evenly if there are very many.

        Raises:
            SettingError: the model has no codes; the other errors are those of ``tsinfogan.encode``.
        """
        if not model.settings.latent.codes:
            raise SettingError("the model has no codes that could be read in real series")
        n = panel.n_cases
        names = np.arange(n) if panel.cases is None else panel.cases
        index = np.linspace(0, n - 1, min(n, MAX_CASES)).astype(np.int64)
        aligned = replace(panel.with_offsets(model.card.offsets), cases=np.asarray(names, dtype=object)).subset(index)
        read = encode(model, aligned)
        codes = np.stack([read[column] for column in model.settings.latent.columns], axis=1).astype(np.float32)
        kind = "images" if panel.values.ndim == 4 else "series"
        return cls(aligned, codes, f"{'' if len(index) == n else f'{len(index):,} of '}{n:,} real {kind}")

    def few(self, categorical: int | None, continuous: int | None) -> RealCases:
        """A few series of each category, spread over one continuous code: indices of codes, or None for none."""
        n = self.panel.n_cases
        category = np.zeros(n) if categorical is None else self.codes[:, categorical]
        order = np.arange(n) if continuous is None else np.argsort(self.codes[:, continuous], kind="stable")
        numbers = self.panel.n_channels * int(np.prod(self.panel.grid))
        each = max(1, min(PER_CATEGORY, MAX_NUMBERS // (numbers * len(np.unique(category)))))
        chosen: list[IntArray] = []
        for value in np.unique(category):
            cases = order[category[order] == value]
            chosen.append(cases[np.linspace(0, len(cases) - 1, min(each, len(cases))).astype(np.int64)])
        index = np.concatenate(chosen)[: max(1, MAX_NUMBERS // numbers)]
        note = f"{len(index):,} of {self.note}, at most {each} of a category"
        return RealCases(self.panel.subset(index), self.codes[index], note)

    def facts(self) -> dict[str, Any]:
        """All but the series, JSON-ready."""
        classes = np.array([*self.panel.classes, ""], dtype=object)[self.panel.case_labels]
        names = zip(self.panel.cases if self.panel.cases is not None else (), classes, strict=True)
        titles = [f"case {case}{', ' if name else ''}{name}" for case, name in names]
        return {"codes": self.codes.astype(float).round(4).tolist(), "titles": titles, "note": self.note}

    def case(self, index: int) -> bytes:
        """One series, packed."""
        part = self.panel.subset(slice(index, index + 1))
        return packed(part.values, part.lengths)

    def embedded(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {**self.facts(), "series": base64_of(packed(self.panel.values, self.panel.lengths))}
