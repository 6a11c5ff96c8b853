"""A model in a browser computes what ``sample`` computes. Node stands for the browser: it has the same engine."""

from __future__ import annotations

import json
import shutil
import subprocess
from base64 import b64encode
from dataclasses import replace
from importlib import resources

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from _onnx import recorded, standardized
from _trainers import images, walks, waves
from tsinfogan import Panel, fit, sample
from tsinfogan.errors import SettingError
from tsinfogan.models.flow import FlowGenerator
from tsinfogan.sampling.sampler import draw_noise
from tsinfogan.sharing.browser import BrowserProgram, browser_program
from tsinfogan.sharing.graph import SampleGraph
from tsinfogan.sharing.packing import template

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="the page's script is run by node, which is not here")
N = 4

RUN = """
const { program, weights, wasm, rows } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const outcome = async (wasm) => {
  const runtime = await TsInfoGANRuntime.load(program, weights, wasm);
  const one = ([noise, injectedNoise, codes]) => {
    const { values, length } = runtime.run(Float32Array.from(noise), Float32Array.from(injectedNoise), codes);
    return [Array.from(values, (value) => (Number.isNaN(value) ? null : value)), length];
  };
  return { usesWasm: runtime.usesWasm, series: [...rows, rows[0]].map(one) };
};
(async () => console.log(JSON.stringify([await outcome(wasm), await outcome("")])))();
"""


def panel_of_kinds() -> Panel:
    """Series of unequal lengths with a channel of whole numbers and one on quarters."""
    rng = np.random.default_rng(0)
    cases = [np.cumsum(rng.normal(size=(3, length)), axis=1) for length in rng.integers(9, 21, 40)]
    cases = [np.stack([a, (3 * b).round(), (4 * c).round() / 4]) for a, b, c in cases]
    return Panel.from_cases(cases, channels=("x", "y", "z"), kinds=("real", "integer", "real"))


def many_channels() -> Panel:
    return Panel.from_arrays(np.random.default_rng(0).normal(size=(24, 9, 30)).cumsum(2))


def windows() -> Panel:
    """Series that differ most in their level."""
    rng = np.random.default_rng(0)
    return Panel.from_arrays(rng.normal(size=(40, 2, 1)) + 0.01 * rng.normal(size=(40, 2, 24)))


def fitted(panel, flow=False, **settings):
    """A model of few steps whose weights are large enough for every one to count."""
    steps = {"max_steps": 3 if flow else 2, "flow_steps": int(flow), "pretraining_steps": 0, "batch_size": 8}
    settings = {"width": 4, "noise_dim": 3, "n_categories": (3,), **settings}
    model = fit(panel, device="cpu", settings=steps, **settings)
    rng = torch.Generator().manual_seed(0)
    for parameter in model.generator.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=rng)
    for name, buffer in model.generator.named_buffers():
        if "running" in name:
            buffer += 0.5 * torch.rand(buffer.shape, generator=rng)
    return model


def in_browser(program: BrowserProgram, noise, injected_noise, codes):
    """Values and lengths, by WebAssembly and by the script."""
    rows = [[z.tolist(), e.tolist(), c] for z, e, c in zip(noise, injected_noise, codes, strict=True)]
    given = {
        "program": program.instructions,
        "weights": b64encode(program.weights).decode(),
        "wasm": b64encode(template("product.wasm")).decode(),
        "rows": rows,
    }
    done = subprocess.run(
        [NODE, "-e", template("runtime.js").decode() + RUN],
        input=json.dumps(given, allow_nan=False),
        capture_output=True,
        text=True,
        check=True,
    )
    fast, slow = json.loads(done.stdout)
    assert (fast["usesWasm"], slow["usesWasm"]) == (True, False)
    found = []
    for way in (fast, slow):
        assert way["series"].pop() == way["series"][0]  # nothing is left of the series between
        values = np.array([values for values, _ in way["series"]], dtype=float).reshape(-1, *program.shape)
        found.append((values, [length for _, length in way["series"]]))
    return found


def assert_near(values, expected):
    """Within 1e-4 of each channel's spread."""
    np.testing.assert_array_equal(np.isnan(values), np.isnan(expected))
    axes = (0, *range(2, expected.ndim))
    spread = np.nanstd(expected, axis=axes, keepdims=True)
    assert np.nanmax(np.abs(values - expected) / np.maximum(spread, 1e-6)) < 1e-4


CASES = {
    "conv1d with flow": lambda: fitted(walks(), flow=True),
    "conv1d": lambda: fitted(walks(), n_categories=(3, 2)),
    "conv1d, many channels": lambda: fitted(many_channels(), n_categories=()),
    "conv1d, windows": lambda: fitted(windows(), n_continuous=0),
    "conv1d, a recording with flow": lambda: fitted(recorded(), flow=True),
    "gru": lambda: fitted(walks(), backbone="gru"),
    "gru, many channels": lambda: fitted(many_channels(), backbone="gru"),
    "mlp": lambda: fitted(walks(), backbone="mlp"),
    "mlp, images": lambda: fitted(images(), backbone="mlp"),
    "image": lambda: fitted(images()),
    "kinds": lambda: fitted(panel_of_kinds()),
    "kinds, robust": lambda: fitted(panel_of_kinds(), scaling="robust"),
    "kinds, quantile": lambda: fitted(panel_of_kinds(), scaling="quantile"),
    "standardized": lambda: fitted(standardized()),
    "one timepoint": lambda: fitted(Panel.from_arrays(np.random.default_rng(0).normal(size=(30, 2, 1))), noise_dim=0),
}


@needs_node
@pytest.mark.parametrize("case", CASES)
def test_series_are_those_of_sample(case):
    model = CASES[case]()
    expected = sample(model, N, seed=1)
    codes = np.stack([expected.columns[name] for name in model.settings.latent.columns], axis=1).tolist()
    program = browser_program(model)
    for values, lengths in in_browser(program, *draw_noise(model, N, 1), codes):
        longest = expected.panel.values.shape[-1]
        assert_near(values[..., :longest], expected.panel.values)
        assert np.isnan(values[..., longest:]).all()
        assert lengths == ([longest] * N if expected.panel.lengths is None else expected.panel.lengths.tolist())


class Network(nn.Module):
    """A generator for ``waves`` that computes anything."""

    injected_noise_dim = 32

    def __init__(self, compute) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.compute = compute
        self.weight = nn.Parameter(torch.randn(8, 4, 3))
        self.square = nn.Parameter(torch.randn(32, 32))

    def forward(self, latent: Tensor, injected_noise: Tensor) -> Tensor:
        series: Tensor = self.compute(self, injected_noise.unflatten(1, (4, 8)))  # of (n, 4, 8)
        return series.reshape(len(latent), -1)[:, None, :32]


@pytest.fixture(scope="module")
def waves_model():
    return fitted(waves(), n_categories=(), n_continuous=0)


def grown_in_place(network, x):
    y = x * 2
    y += x
    y.clamp_(-1, 1).mul_(3)
    return F.relu(y, inplace=True) - x


NETWORKS = {
    "convolution": lambda net, x: F.conv1d(x, net.weight, stride=2, padding=3, dilation=2),
    "transposed": lambda net, x: F.conv_transpose1d(
        x[:, :, :5], net.weight[:4], stride=3, padding=1, output_padding=2, dilation=2
    ),
    "cropped": lambda net, x: F.conv_transpose1d(x, net.weight[:4], stride=2, padding=4),
    "interpolation": lambda net, x: (
        F.interpolate(x, 13, mode="linear") + F.interpolate(x, 13, mode="linear", align_corners=True)
    ),
    "norms": lambda net, x: F.layer_norm(x, (8,), net.square[0, :8], net.square[1, :8]) + F.group_norm(x, 2) ** 3,
    "computed matrices": lambda net, x: (
        torch.cat([x @ x.transpose(1, 2), torch.stack([x, x * x], 1).sum((1, 3))[:, :, None]], 2).flatten(1)
        @ net.square[:20]
    ),
    "deep": lambda net, x: (
        x.flatten(1).repeat(1, 40) @ net.square.flatten()[:1024].repeat(1280 * 32 // 1024).view(1280, 32)
    ),
    "in place": grown_in_place,
    "tables": lambda net, x: net.square.flatten()[(x.abs() * 9).long()] + x.gather(2, (x > 0).long() * 3).flip(2),
    "numbers": lambda net, x: (
        torch.where(x > 0.5, F.silu(300 * x), torch.rsub(x, 1, alpha=2)) + x.round() / 3 + (x * 4).floor().sign()
    ),
    "more numbers": lambda net, x: (
        x.abs().log1p().sqrt() * x.cos()
        + x.sigmoid().rsqrt()
        + x.exp().reciprocal()
        + F.pad(x[:, :, 1:-2], (2, 1), value=2.0)
    ),
}


@needs_node
@pytest.mark.parametrize("name", NETWORKS)
def test_operations_are_those_of_torch(waves_model, name):
    model = replace(waves_model, generator=Network(NETWORKS[name]).eval())
    noise, injected_noise = draw_noise(model, N)
    with torch.no_grad():
        expected, _ = SampleGraph(model)(noise, injected_noise)
    assert expected.std() > 0.01
    for values, _ in in_browser(browser_program(model), noise, injected_noise, [[]] * N):
        assert_near(values, expected.numpy())


def written_into(network, x):
    series = torch.zeros(1, 4, 8)
    series[:, :2] = x[:, :2]
    return series


def changed_below(network, x):
    y = x + 1
    view = y.view(1, 32)
    y *= 2
    return view


@pytest.mark.parametrize(
    ("compute", "name"),
    [
        (lambda net, x: x.cumsum(2), "cumsum"),
        (lambda net, x: x if x.sum() > 0 else -x, "_local_scalar_dense"),
        (lambda net, x: F.conv1d(x, net.weight[:4, :1], groups=4), "convolution of groups"),
        (lambda net, x: torch.div(x, 2, rounding_mode="floor"), "div"),
        (lambda net, x: F.batch_norm(x, None, None, training=True), "batch_norm"),
        (written_into, "copy in place"),
        (changed_below, "in place"),
    ],
)
def test_what_the_page_cannot_compute_is_named(waves_model, compute, name):
    model = replace(waves_model, generator=Network(compute).eval())
    with pytest.raises(
        SettingError,
        match=rf"^a page cannot compute .*{name}.* by itself; have `tsinfogan explore` serve it, without a file$",
    ):
        browser_program(model)


def test_weights_are_stored_once():
    """A network that is applied ten times, and a matrix that is needed transposed as well."""
    model = fitted(walks(), flow=True)
    assert isinstance(model.generator, FlowGenerator)
    weights = browser_program(model).weights
    network, basis = model.generator.velocity_network, model.generator.principal_components.basis
    n_used = sum(parameter.numel() for parameter in network.parameters()) + basis.numel()
    for matrix in (basis, network.of_codes.weight, network.finer[0].modulation.weight):
        assert weights.count(matrix.detach().numpy().tobytes()) == 1
    assert len(weights) < 1.3 * 4 * n_used


@needs_node
def test_the_script_defines_one_global_and_compiles_no_text():
    program = """
    const vm = require("vm");
    const context = vm.createContext({}, { codeGeneration: { strings: false } });
    vm.runInContext(require("fs").readFileSync(0, "utf8"), context);
    console.log(JSON.stringify(Object.keys(context)));
    """
    runtime = template("runtime.js").decode()
    done = subprocess.run([NODE, "-e", program], input=runtime, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["TsInfoGANRuntime"]


def test_the_module_is_made_of_its_source():
    wasmtime = pytest.importorskip("wasmtime", reason="an assembler of WebAssembly, the package wasmtime, is not here")
    source = resources.files("tsinfogan.sharing") / "templates" / "product.wat"
    assert bytes(wasmtime.wat2wasm(source.read_text(encoding="utf-8"))) == template("product.wasm")
