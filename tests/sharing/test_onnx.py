"""Files of ONNX compute what sampling and encoding do, without this library; and what cannot be exported is refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from _onnx import built, draws, flat, pictures, recorded, standardized, walking
from tsinfogan.data.panel import Panel
from tsinfogan.errors import RunError, SettingError, UnknownNameError
from tsinfogan.models.model import Model
from tsinfogan.sampling.inference import encode
from tsinfogan.sampling.sampler import sample
from tsinfogan.sharing import onnx as module
from tsinfogan.sharing.onnx import TOLERANCE, Precision, export_onnx
from tsinfogan.training.run import list_runs

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason="needs the extra onnx")
if torch.__version__ < module.MIN_TORCH:
    pytest.skip(f"needs torch {module.MIN_TORCH}", allow_module_level=True)

ROOT = Path(__file__).resolve().parents[2]
Session = Any


def opened(path: Path) -> Session:
    from onnxruntime import InferenceSession

    return InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def model() -> Model:
    """A flow generator for series of unequal lengths, of a channel with heavy tails and one of whole numbers."""
    return built(walking(kinds=("real", "integer")), flow=True, scaling={"x": "robust", "y": "quantile"})


@pytest.fixture(scope="module")
def generator(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    difference = export_onnx(model, path)
    assert difference is not None
    assert difference < TOLERANCE
    return path


@pytest.mark.parametrize("n", [1, 3, 256])
def test_any_number_of_rows_gives_the_series_of_sample(n: int, model: Model, generator: Path) -> None:
    expected = sample(model, n).panel
    values, lengths = opened(generator).run(None, {name: each.numpy() for name, each in draws(model, n).items()})
    np.testing.assert_array_equal(lengths, expected.case_lengths)
    np.testing.assert_allclose(values[:, 0], expected.values[:, 0], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(values[:, 1], expected.values[:, 1])
    assert set(np.unique(values[:, 1][np.isfinite(values[:, 1])] % 1)) == {0}


def test_the_network_of_the_steps_is_held_once(model: Model, generator: Path) -> None:
    n_bytes = sum(tensor.nbytes for tensor in model.generator.state_dict().values())
    assert generator.stat().st_size < 2 * n_bytes


def test_a_file_says_what_it_is_for_and_not_where_it_was_made(model: Model, generator: Path) -> None:
    about = {name: json.loads(text) for name, text in opened(generator).get_modelmeta().custom_metadata_map.items()}
    assert about["channels"] == ["x", "y"]
    assert (about["part"], about["lengths"], about["time_step"]) == ("generator", list(model.preprocessor.lengths), 1)
    assert about["codes"]["cat"]["n_categories"] == 3
    assert about["codes"]["cont0"]["range"] == [-1, 1]
    assert about["tsinfogan"]
    content = generator.read_bytes()
    assert not re.search(rb"\.py\b|site-packages|sharing|/tmp|principal_components", content)


def test_the_example_of_the_docs_runs_without_this_library(generator: Path) -> None:
    (example,) = re.findall(r"^```py\n(.*?)^```$", (ROOT / "docs" / "onnx.md").read_text(), re.MULTILINE | re.DOTALL)
    assert sum(map(bool, example.splitlines())) <= 10
    blocked = "import sys; sys.modules.update(dict.fromkeys(['tsinfogan', 'torch', 'onnx', 'scipy', 'pandas']))\n"
    words = [sys.executable, "-c", blocked + example]
    done = subprocess.run(words, cwd=generator.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("['x', 'y'] [[")
    assert "nan" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("panel", "settings"),
    [
        (flat(5), {"backbone": "gru"}),
        (flat(), {"backbone": "conv1d", "n_categories": (3, 2)}),
        (pictures(), {"backbone": "image"}),
        (standardized(), {}),
        (recorded(), {"flow": True}),
    ],
    ids=["gru", "conv1d", "image", "standardized", "windows"],
)
def test_generators_of_other_backbones(panel: Panel, settings: dict[str, Any], tmp_path: Path) -> None:
    model = built(panel, **settings)
    assert export_onnx(model, tmp_path / "model.onnx") < TOLERANCE
    session = opened(tmp_path / "model.onnx")
    values, _ = session.run(None, {name: each.numpy() for name, each in draws(model, 5).items()})
    np.testing.assert_allclose(values, sample(model, 5).panel.values, rtol=1e-4, atol=1e-4)
    assert [given.name for given in session.get_inputs()][2:] == [*model.settings.latent.columns]


def test_images_are_encoded(tmp_path: Path) -> None:
    panel = pictures()
    model = built(panel, backbone="image")
    assert export_onnx(model, tmp_path / "encoder.onnx", "encoder") < TOLERANCE
    session, expected = opened(tmp_path / "encoder.onnx"), encode(model, panel)
    cat, probabilities, *continuous = session.run(None, {"values": panel.values})
    np.testing.assert_array_equal(cat, expected["cat"])
    np.testing.assert_allclose(probabilities.max(1), expected["cat_confidence"], rtol=1e-5)
    np.testing.assert_allclose(continuous, [expected["cont0"], expected["cont1"]], rtol=1e-4, atol=1e-5)


# ---- the command


def test_an_encoder_by_the_command(command, trained, small_csv, tmp_path) -> None:
    from tsinfogan.formats import read_panel

    run, out = list_runs(trained)[-1], tmp_path / "encoder.onnx"
    outcome = command("export", run.path, "--what", "encoder", "-o", out)
    assert (outcome.code, outcome.out.decode()) == (0, f"{out}\n"), outcome.err
    assert re.fullmatch(r"checked with onnxruntime: .* from torch is \d\.\de-\d\d of a channel's scale\n", outcome.err)
    panel, session = read_panel(small_csv), opened(out)
    for rows in (slice(1), slice(None)):
        some = panel.subset(rows)
        values = np.full((some.n_cases, 2, run.preprocessor.lengths[1]), np.nan, np.float32)
        values[:, :, : some.values.shape[2]] = some.values
        names = [each.name for each in session.get_outputs()]
        given = dict(zip(names, session.run(None, {"values": values, "lengths": some.case_lengths}), strict=True))
        expected = encode(run.load_model(), some)
        np.testing.assert_array_equal(given["cat"], expected["cat"])
        np.testing.assert_allclose(given["cat_probabilities"].max(1), expected["cat_confidence"], rtol=1e-4)
        np.testing.assert_allclose(given["cont1"], expected["cont1"], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-o", "model.pt"], "expected a file whose name ends in .onnx, got 'model.pt'"),
        (["-o", "model.onnx", "--what", "critic"], "unknown part 'critic': choose from encoder, generator"),
        (["-o", "no/such/folder/model.onnx"], "no such file or directory; name another file"),
        (["nothing", "-o", "model.onnx"], "unknown run 'nothing'"),
        ([], "Missing option"),
    ],
)
def test_mistakes_with_the_command(arguments, expected, command, trained, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in command("export", *arguments, "--runs", trained).sentence
    assert [*tmp_path.iterdir()] == []


# ---- what is refused


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch, generator: Path) -> None:
    """The exporter gives what it gave before."""
    import onnx

    monkeypatch.setattr(module, "looped_model", lambda *_: onnx.load(generator))


def test_a_file_that_differs_from_torch_is_not_kept(fast: None, tmp_path: Path) -> None:
    other = built(walking(kinds=("real", "integer")), flow=True, noise_dim=3, scaling={"x": "robust", "y": "quantile"})
    other.generator.velocity_network.out.bias.data += 0.01
    path = tmp_path / "model.onnx"
    path.write_bytes(b"before")
    with pytest.raises(RunError, match=r"gives other (values|lengths) than torch: expected .* at most 0\.0001, got"):
        export_onnx(other, path)
    assert path.read_bytes() == b"before"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("name", ["onnx", "onnxscript"])
def test_without_the_extra(name: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match=rf'needs {name}: install it by pip install "tsinfogan\[onnx\]"'):
        export_onnx(model, tmp_path / "model.onnx")


def test_with_an_old_torch(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "__version__", type(torch.__version__)("2.7.1+cpu"))
    with pytest.raises(RunError, match=r"needs torch 2\.8 or newer, got 2\.7\.1\+cpu: install it by pip install"):
        export_onnx(model, tmp_path / "model.onnx")


def test_without_the_runtime_nothing_is_checked(
    fast: None, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert export_onnx(model, tmp_path / "model.onnx") is None
    assert (tmp_path / "model.onnx").exists()


def test_a_network_that_torch_cannot_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = built(flat(), backbone="mlp")
    monkeypatch.setattr(model.generator.inner, "forward", lambda latent, noise: latent.numpy())
    with pytest.raises(RunError, match="torch cannot export the model to ONNX: "):
        export_onnx(model, tmp_path / "model.onnx")
    assert [*tmp_path.iterdir()] == []


def test_what_cannot_be_asked_for(fast: None, model: Model, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown part 'critic'"):
        export_onnx(model, tmp_path / "model.onnx", "critic")
    unreadable = built(walking(), n_categories=None, recipe="cgan")
    with pytest.raises(SettingError, match="Q was not trained to read categories"):
        export_onnx(unreadable, tmp_path / "model.onnx", "encoder")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(RunError, match=r"cannot write .*: is a directory; name another file"):
        export_onnx(model, tmp_path / "folder.onnx")


@pytest.mark.parametrize(
    ("given", "precision", "fits"),
    [
        ([1.0, 2.0, np.nan], Precision(), True),
        ([1.0 + 1.5e-4, 2.0, np.nan], Precision(), True),  # the unit is 1 + 1
        ([1.0 + 3e-4, 2.0, np.nan], Precision(), False),
        ([1.0 + 3e-4, 2.0, np.nan], Precision(scale=9.0), True),
        ([1.0, 2.0, 3.0], Precision(), False),
        ([1.0, np.nan, np.nan], Precision(step=np.inf), False),
        ([2.0, 3.0, np.nan], Precision(step=1.0), False),  # all are a step apart
    ],
)
def test_how_far_an_output_may_be_from_torch(given: list[float], precision: Precision, fits: bool) -> None:
    wanted = np.array([1.0, 2.0, np.nan])
    if fits:
        assert module._difference("values", precision, wanted, np.array(given)) < TOLERANCE
    else:
        with pytest.raises(RunError, match="gives other values than torch"):
            module._difference("values", precision, wanted, np.array(given))


def test_one_rounded_number_in_twenty_may_be_a_step_apart() -> None:
    wanted = np.zeros(40)
    given = np.where(np.arange(40) < 2, 1.0, 0.0)
    assert module._difference("lengths", Precision(step=1.0), wanted, given) == 0
    with pytest.raises(RunError, match="got 2"):
        module._difference("lengths", Precision(step=1.0), wanted, 2 * given)
