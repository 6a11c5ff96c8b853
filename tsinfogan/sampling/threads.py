"""Passes computed side by side with one thread of torch each, as the threads of one pass would wait for another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")


def in_threads(make: Callable[..., Result], calls: Iterable[tuple[Any, ...]], n_threads: int) -> Iterator[Result]:
    """What ``make`` gives for the arguments of each call, in order; so many calls run at a time, and few wait."""
    n_torch_threads = torch.get_num_threads()
    ahead: deque[Future[Result]] = deque()
    try:
        with ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for call in calls:
                ahead.append(pool.submit(make, *call))
                if len(ahead) > n_threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
    finally:
        torch.set_num_threads(n_torch_threads)  # what a thread sets for itself reaches others of some libraries
