"""Samples made on a Ray cluster: one task for each part, which is a Parquet file and does not depend on the cluster."""

from __future__ import annotations

import copy
import io
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import islice
from typing import Any

import torch

from tsinfogan.errors import RunError, TsInfoGANError
from tsinfogan.formats import FORMATS
from tsinfogan.models.model import Model
from tsinfogan.sampling.request import CodeRequest
from tsinfogan.sampling.sampler import Passes, stream
from tsinfogan.sampling.shards import cut

NUMBERS_PER_PART = 2**21
"""Numbers in a part, about: a file of some megabytes, and a task of seconds, which is soon made again."""
MAX_RETRIES = 8
CONNECT_S, POLL_S = 10, 0.05
TASKS_PER_CORE = 2
"""Tasks that are running or waiting, for each core: none is idle, and finished parts do not pile up."""


def parts(
    model: Model, n: int, request: CodeRequest, seed: int = 0, rows: range | None = None
) -> Iterator[tuple[str, bytes]]:
    """Generates series on a Ray cluster: the one that the process is connected to, ``RAY_ADDRESS``, or a local one.

    A part whose worker or node dies is made again elsewhere. Each has one thread. Arguments are those of
    :func:`tsinfogan.sampling.sampler.stream`.

    Yields:
        Name and content of each file, as soon as it is there. In the order of their names they hold the rows.

    Raises:
        RunError: Ray is not installed, there is no such cluster, or a part failed ``MAX_RETRIES`` times.
    """
    passes = Passes(model, n, request, seed)
    part_size = passes.size * max(1, NUMBERS_PER_PART // (passes.size * passes.numbers))
    coming = enumerate(cut(rows or range(passes.n_rows), part_size))
    if model.device.type != "cpu":
        model = copy.deepcopy(model).to(torch.device("cpu"))
    with _connected() as ray:
        make = ray.remote(num_cpus=1, max_retries=MAX_RETRIES)(part_file)
        common = ray.put((model, n, request, seed))  # travels to each node once
        pending: dict[Any, str] = {}
        while True:
            n_wanted = max(1, int(TASKS_PER_CORE * ray.cluster_resources().get("CPU", 1)))  # nodes come and go
            for index, part in islice(coming, max(0, n_wanted - len(pending))):
                pending[make.remote(common, part)] = f"part-{index:06}.parquet"
            if not pending:
                return
            ready, _ = ray.wait([*pending], timeout=0)
            if not ready:
                time.sleep(POLL_S)  # and not in Ray, which gives a signal's SystemExit a code of its own
            for done in ready:
                yield pending.pop(done), ray.get(done)


def part_file(common: tuple[Model, int, CodeRequest, int], rows: range) -> bytes:
    """Content of the Parquet file of some rows; the other arguments of :func:`parts` come first."""
    model, n, request, seed = common
    file = io.BytesIO()
    writer = FORMATS.get("parquet").open_writer(file, first_case=rows.start)
    for part in stream(model, n, request, seed, rows, workers=1):
        writer.write(part.panel, part.columns)
    writer.close()
    return file.getvalue()


@contextmanager
def _connected() -> Iterator[Any]:
    """The module ``ray``, connected to a cluster; its errors become sentences."""
    try:
        ray = import_module("ray")
    except ImportError:
        raise RunError('a cluster needs ray: install it by pip install "tsinfogan[ray]"') from None
    is_own = not ray.is_initialized()
    if is_own:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a local cluster would report to its makers
        at_end = signal.getsignal(signal.SIGTERM)
        host, _, port = os.environ.get("RAY_ADDRESS", "").removeprefix("ray://").rpartition(":")
        try:
            if host and port.isdigit():  # where nobody listens, Ray would try for many minutes
                socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
            ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except (OSError, OverflowError, RuntimeError, ValueError) as error:
            raise RunError(f"cannot connect to a Ray cluster: {_first_line(error)}; check RAY_ADDRESS") from None
        if callable(at_end):  # Ray puts its own in the place of the program's
            signal.signal(signal.SIGTERM, at_end)
    try:
        yield ray
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, TsInfoGANError):
            raise error.cause from None
        raise RunError(f"a part could not be made: {_first_line(error.cause)}; is tsinfogan on every node?") from None
    except ray.exceptions.RayError as error:
        raise RunError(f"the Ray cluster gave up: {_first_line(error)}; check its nodes, and run it again") from None
    finally:
        if is_own:
            ray.shutdown()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
