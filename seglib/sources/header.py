"""Which row of a table holds the names of its columns: titles may stand above it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

BELOW = 200  # rows that are looked at


def at(rows: Sequence[Sequence[Any]]) -> int:
    """Return the place of the row of names: the first that names most of what is filled below.

    Parameters
    ----------
    rows
        Of cells; empty ones are None or text of blanks.

    Returns
    -------
    int
        0 if no row above others does.
    """
    filled = [{i for i, cell in enumerate(row) if str(cell or "").strip()} for row in rows]
    for place, named in enumerate(filled[:-1]):
        below = Counter(i for row in filled[place + 1 : place + BELOW] for i in row)
        covered = sum(below[i] for i in named)
        if 2 * covered > sum(below.values()) and (len(named) > 1 or len(below) == 1):
            return place
    return 0
