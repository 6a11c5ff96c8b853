"""Every use of random numbers has a stream of its own, and streams that training and sampling use keep their number."""

from __future__ import annotations

import ast

import numpy as np
import pytest

from tests.test_structure import MODULES
from tsinfogan.seeding import Stream, derived_seed, generator_at


def test_no_two_streams_are_equal() -> None:
    assert len(Stream) == len({int(stream) for stream in Stream.__members__.values()}) == len(Stream.__members__)


def test_streams_of_training_and_sampling_keep_their_numbers() -> None:
    """Another number would train another model, or draw another sample, for the same seed."""
    kept = {"NETWORKS": 0, "DATA": 1, "STEP": 2, "SAMPLE": 3, "PRETRAINING": 4, "VIEWS": 5, "LABELS": 6, "BATCH": 7}
    kept |= {"REAL": 8, "REDRAW": 22}
    assert {name: int(Stream[name]) for name in kept} == kept


def test_a_stream_counts_as_its_number() -> None:
    assert derived_seed(5, Stream.SAMPLE, 1) == derived_seed(5, 3, 1) != derived_seed(5, Stream.STEP, 1)
    assert derived_seed(0, Stream.SAMPLE) == int(np.random.SeedSequence((0, 3)).generate_state(1, np.uint64)[0]) >> 1
    assert generator_at("cpu", 5, Stream.SAMPLE).initial_seed() == derived_seed(5, 3)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_streams_are_named_in_one_place(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert not [constant for constant in names if constant.endswith("_STREAM")]
