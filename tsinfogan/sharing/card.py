"""The model card of a run on a hub: what its own says, with metadata, figures, limits and the licence of the data."""

from __future__ import annotations

import json
from typing import Any

from tsinfogan.datasets import Dataset, get_dataset
from tsinfogan.errors import TsInfoGANError
from tsinfogan.models.model import Model
from tsinfogan.training.files import read_json, read_text
from tsinfogan.training.run import Run
from tsinfogan.training.session import PICTURE, model_summary

LICENCES = {"CC BY 4.0": "cc-by-4.0", "CC BY-SA 3.0": "cc-by-sa-3.0", "Apache-2.0": "apache-2.0"}
"""What hubs call the licences of datasets."""
TAGS = ("tsinfogan", "infogan", "time-series", "synthetic-data", "generative")
REPORT = "report.json"
MEASURED = {
    "accuracy": "real series whose category, as Q reads it, is that of their class",
    "purity": "generated series of a category that are of one class",
}
"""Figures of a report, in words."""


def hub_card(run: Run, model: Model, address: str) -> str:
    """The card in Markdown of a run and its model at ``hf://user/name``, headed by the metadata that hubs read."""
    source = _dataset(run)
    if source is None:
        data = "Its licence is not known here: whoever uploaded this model has to state it."
    else:
        data = f"{source.source}\n\nLicence of the data: {source.licence}. {source.citation}"
    return f"""---
{_metadata(model, source)}
---
{model_summary(run, model, address)}
![samples of each category]({PICTURE})

## In Python

    pip install "tsinfogan[hub]"

```python
from tsinfogan import sample
from tsinfogan.sharing.pretrained import load_pretrained

synthetic = sample(load_pretrained({json.dumps(address)}), 100, seed=1)
synthetic.panel.values  # 100 cases of {len(model.card.channels)} channels, in raw units
```

## Figures

{_figures(run)}
## Limits

- The networks imitate the training data, including its gaps and biases; check samples before relying on them.
- A sample may nearly equal a training series. `tsinfogan sample --min-distance auto` prevents that where the data is.
- What a code means was found without being told, and may be another thing than you wish.

## Training data

{model.card.name}, {run.data.get("n_cases", "?")} cases. {data}
"""


def _metadata(model: Model, source: Dataset | None) -> str:
    """YAML, of which JSON is a part."""
    # No task of a hub is the generation of series.
    task = "unconditional-image-generation" if model.card.view == "image" else "other"
    fields: dict[str, Any] = {"library_name": "tsinfogan", "tags": TAGS, "pipeline_tag": task}
    if source is not None and source.licence in LICENCES:
        fields["license"] = LICENCES[source.licence]
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in fields.items())


def _dataset(run: Run) -> Dataset | None:
    """Where the training data is from; None of a user's file, or of a dataset that is not installed here."""
    try:
        return get_dataset(str(run.data["dataset"]))
    except (KeyError, TsInfoGANError):
        return None


def _figures(run: Run) -> str:
    """The last bound of each code and, where `tsinfogan report` was run, what it found."""
    bounds = {k.removeprefix("bound_"): v for k, v in (run.metrics() or [{}])[-1].items() if k.startswith("bound_")}
    rows = [f"| bound on I({column}; x), nats | {value:.3f} |" for column, value in bounds.items()]
    try:
        found = read_json(read_text(run.path / REPORT))
        measured = {text: found["figures"][name] for name, text in MEASURED.items() if name in found["figures"]}
        rows += [f"| {text} | {value:.3f} |" for text, value in measured.items()]
        rows += ["", *(f"- {code['sentence']}" for code in found["continuous"])]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # there is no report, or a damaged one
    return "\n".join(["| figure | value |", "|---|---|", *rows, ""])
