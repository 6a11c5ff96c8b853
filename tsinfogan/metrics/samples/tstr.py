"""Whether made series teach a classifier what real ones would."""

from __future__ import annotations

from tsinfogan.metrics.classifier import STEPS, fit_classifier
from tsinfogan.metrics.samples import Comparison, Figure
from tsinfogan.metrics.samples.context import QUICK_STEPS, Sets
from tsinfogan.preprocessing.augmenter import Augmenter


def _compute(sets: Sets, seed: int) -> dict[str, float]:
    synthetic, held_out = sets.synthetic_labels >= 0, sets.reference_labels >= 0
    classifier = fit_classifier(
        sets.synthetic_values[synthetic],
        sets.synthetic_labels[synthetic],
        len(sets.real.seen.classes),
        Augmenter.build(sets.real.seen.augmentations, sets.preprocessor),
        seed=seed,
        device=sets.real.device,
        steps=QUICK_STEPS if sets.quick else STEPS,
    )
    told = classifier.predict(sets.reference_values[held_out])
    return {"tstr": float((told == sets.reference_labels[held_out]).mean())}


COMPARISON = Comparison(
    summary="a classifier taught by made series alone, tested on real ones",
    group="utility",
    figures={
        "tstr": Figure(
            "accuracy of a classifier taught by made series", "higher", 0.02, "they teach less than real ones"
        )
    },
    compute=_compute,
    quick_repeats=2,
    needs=frozenset({"labels"}),
)
