"""Graphs compute what sampling and encoding do, for every backbone and every kind of data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from _onnx import built, draws, flat, pictures, standardized, walking
from tsinfogan.data.panel import Panel
from tsinfogan.errors import SettingError
from tsinfogan.models.flow import paces
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.sharing.graph import EncodeGraph, SampleGraph

CASES = {
    "conv1d": (walking, {}),
    "conv1d, equal lengths": (flat, {}),
    "flow": (walking, {"flow": True}),
    "flow, equal lengths": (flat, {"flow": True}),
    "gru": (walking, {"backbone": "gru"}),
    "mlp": (flat, {"backbone": "mlp"}),
    "image": (pictures, {"backbone": "image"}),
    "mlp for images": (pictures, {"backbone": "mlp"}),
    "robust": (walking, {"scaling": "robust"}),
    "standardized": (standardized, {}),
    "quantile": (walking, {"scaling": "quantile"}),
    "no categories": (walking, {"n_categories": ()}),
    "two categories": (walking, {"n_categories": (3, 2)}),
    "labels": (walking, {"n_categories": None, "recipe": "acgan"}),
    "no noise": (flat, {"noise_dim": 0}),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Panel, Model]:
    panel_of, settings = CASES[request.param]
    panel = panel_of()
    return panel, built(panel, **settings)


def test_samples_are_those_of_sample(case: tuple[Panel, Model]) -> None:
    _, model = case
    expected = sample(model, 20, seed=3)
    with torch.no_grad():
        values, lengths = SampleGraph(model)(*draws(model, 20, seed=3).values())
    whole = [values.shape[-1]] * 20  # the width, of images
    assert lengths.tolist() == (whole if expected.panel.lengths is None else expected.panel.lengths.tolist())
    np.testing.assert_allclose(values, expected.panel.values, rtol=1e-4, atol=1e-4)


def test_codes_are_those_of_encode(case: tuple[Panel, Model]) -> None:
    panel, model = case
    expected = encode(model, panel)
    graph = EncodeGraph(model)
    inputs = [torch.from_numpy(panel.values)]
    inputs += [] if panel.lengths is None else [torch.from_numpy(panel.lengths)]
    with torch.no_grad():
        codes = dict(zip(graph.outputs, graph(*inputs), strict=True))
    for column in model.settings.latent.columns:
        np.testing.assert_allclose(codes[column], expected[column], rtol=1e-4, atol=1e-5)
    for column in model.settings.latent.categories:
        confidence = codes[f"{column}_probabilities"].amax(1)
        np.testing.assert_allclose(confidence, expected[f"{column}_confidence"], rtol=1e-4)


@pytest.mark.parametrize("panel_of", [walking, flat])
def test_parts_of_a_flow_together_are_the_whole(panel_of) -> None:
    whole = SampleGraph(built(panel_of(), flow=True))
    inputs = draws(whole.model, 8).values()
    with torch.no_grad():
        expected, lengths = whole(*inputs)
        values, slope, codes = whole.begin(*inputs)
        for pace in paces():
            values, slope = whole.generator.step(values, slope, pace, codes)
        got, got_lengths = whole.end(values)
    torch.testing.assert_close(got, expected, equal_nan=True, rtol=1e-5, atol=1e-5)
    assert torch.equal(got_lengths, lengths)


def test_models_whose_codes_cannot_be_read_are_refused() -> None:
    with pytest.raises(SettingError, match=r"Q was not trained to read categories: .* train with recipe infogan"):
        EncodeGraph(built(walking(), n_categories=None, recipe="cgan"))
    with pytest.raises(SettingError, match="no codes that could be read"):
        EncodeGraph(built(walking(), n_categories=(), n_continuous=0, recipe="gan"))
