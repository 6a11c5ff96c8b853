"""Which rows of a sample one file holds, so that several files joined in order are the file of all rows."""

from __future__ import annotations

from itertools import pairwise

from tsinfogan.errors import SettingError


def rows_from(first_row: int, n_rows: int) -> range:
    """The rows from ``first_row`` to the last of ``n_rows``; a SettingError if there is no such row."""
    if not 0 <= first_row < n_rows:
        raise SettingError(
            f"expected `first_row` from 0 to {n_rows - 1}, the last of {n_rows} series, got {first_row}; ask for more "
            "series, or begin earlier"
        )
    return range(first_row, n_rows)


def shard_rows(shard: int, n_shards: int, n_rows: int, pass_size: int) -> range:
    """The rows of the ``shard``-th piece, counted from 1, of ``n_shards`` of nearly equal size.

    Pieces end between passes of ``pass_size`` rows, so that no pass is computed twice, unless there are too few passes.

    Raises:
        SettingError: there is no such piece, or not a row for each.

    Example:
        >>> from tsinfogan.sampling.shards import shard_rows
        >>> [shard_rows(k, 3, n_rows=1000, pass_size=256) for k in (1, 2, 3)]
        [range(0, 256), range(256, 512), range(512, 1000)]
    """
    if not 1 <= shard <= n_shards:
        raise SettingError(f"expected a `shard` from 1/{n_shards} to {n_shards}/{n_shards}, got {shard}/{n_shards}")
    if n_shards > n_rows:
        raise SettingError(
            f"expected at most {n_rows} pieces in `shard`, one a series, got {n_shards}; ask for more series, or fewer "
            "pieces"
        )
    n_passes = -(-n_rows // pass_size)
    unit, n_units = (pass_size, n_passes) if n_passes >= n_shards else (1, n_rows)
    start, stop = ((k * n_units // n_shards) * unit for k in (shard - 1, shard))
    return range(start, min(stop, n_rows))


def cut(rows: range, part_size: int) -> list[range]:
    """The rows in parts that end at multiples of ``part_size``.

    Example:
        >>> from tsinfogan.sampling.shards import cut
        >>> cut(range(700, 2000), 1024)
        [range(700, 1024), range(1024, 2000)]
    """
    inner = range((rows.start // part_size + 1) * part_size, rows.stop, part_size)
    return [range(*ends) for ends in pairwise((rows.start, *inner, rows.stop))]
