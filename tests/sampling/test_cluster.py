"""A sample made on a real Ray cluster of two nodes, one of which is killed at work."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from _trainers import random_model, walks
from tsinfogan.errors import RunError
from tsinfogan.sampling import cluster
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import ROWS_PER_PASS

LONGEST_WAIT_S = 60
QUICK_TO_SEE_A_DEATH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster in processes, of which ``RAY_ADDRESS`` tells: a head with one core."""
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    utils = pytest.importorskip("ray.cluster_utils", reason="needs the extra ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")  # by default, every other test goes first
    settings = {"num_cpus": 1, "include_dashboard": False, "_system_config": QUICK_TO_SEE_A_DEATH}
    try:
        nodes = utils.Cluster(initialize_head=True, head_node_args=settings)
    except Exception as error:  # such as a sandbox without sockets or shared memory
        pytest.skip(f"Ray starts no cluster on this machine: {error}")
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def test_a_node_dies_and_the_rows_are_the_same(nodes, command, trained, tmp_path: Path, monkeypatch) -> None:
    """The second node begins a part and never finishes it; the first waits for that, so that luck has no part."""
    begun, folder, whole = tmp_path / "begun", tmp_path / "parts", tmp_path / "whole.parquet"
    begun.mkdir()
    second = nodes.add_node(num_cpus=1)
    asked = ("sample", "--runs", trained, "-n", 5 * ROWS_PER_PASS + 9, "--shard", "2/2", "--seed", 3)
    assert command(*asked, "-o", whole).code == 0
    doomed, make, parts = second.node_id, cluster.part_file, cluster.parts

    def part_file(common: Any, rows: range) -> bytes:
        import ray

        node = ray.get_runtime_context().get_node_id()
        (begun / f"{rows.start}-{node}").touch()
        end = time.monotonic() + LONGEST_WAIT_S
        while (node == doomed or not [*begun.glob(f"*-{doomed}")]) and time.monotonic() < end:
            time.sleep(0.02)
        return make(common, rows)

    damaged = random_model(walks(12), n_categories=(3,))
    damaged.generator.apply(lambda layer: [weight.data.fill_(torch.nan) for weight in layer.parameters()])

    def with_a_death(*arguments: Any) -> Iterator[tuple[str, bytes]]:
        for index, part in enumerate(parts(*arguments)):
            if index == 0:
                with pytest.raises(RunError, match=r"^the generator gives numbers .* the model is damaged; .*again$"):
                    list(parts(damaged, 3, CodeRequest.of(damaged)))  # here, as another connection begins slowly
                nodes.remove_node(second, allow_graceful=False)
            yield part

    monkeypatch.setattr(cluster, "NUMBERS_PER_PART", 1)  # a pass a part
    monkeypatch.setattr(cluster, "part_file", part_file)
    monkeypatch.setattr(cluster, "parts", with_a_death)
    done = command(*asked, "--ray", "-o", folder)
    assert done.code == 0, done.err
    assert sorted(path.name for path in folder.iterdir()) == [f"part-00000{k}.parquet" for k in range(3)]
    assert pq.read_table(folder).equals(pq.read_table(whole))
    starts = [path.name.split("-")[0] for path in begun.iterdir()]
    assert sorted(map(starts.count, {*starts} - {"0"})) == [1, 1, 2], "one part was made again"


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1:1", "ray://127.0.0.1:1"])
def test_no_cluster(address: str, command, trained, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    sentence = command("sample", "--runs", trained, "--ray", "-o", tmp_path / "parts").sentence
    assert "cannot connect to a Ray cluster: " in sentence
    assert not list(tmp_path.iterdir())


def test_no_ray(command, trained, tmp_path: Path, monkeypatch) -> None:
    def lacking(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(cluster, "import_module", lacking)
    sentence = command("sample", "--runs", trained, "--ray", "-o", tmp_path / "parts").sentence
    assert 'pip install "tsinfogan[ray]"' in sentence
    assert not list(tmp_path.iterdir())
