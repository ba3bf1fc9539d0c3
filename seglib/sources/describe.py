"""What the columns of an opened source hold, for who has to guess their roles."""

from __future__ import annotations

from seglib import reading
from seglib.reading import NUMBER, TIME, WHOLE, Reading
from seglib.sources.source import Source

SAMPLE = 100_000  # rows that are looked at


def describe(source: Source) -> list[dict]:
    """Return what each column of an opened source holds, from its first rows.

    Returns
    -------
    list of dict
        One a column: `name`; `kind` (integer, number, time, truth, text, other); `rows`, `filled`
        and `distinct` values; `least`, `most`, and up to five `examples` as text; for text that
        reads as numbers or dates, its `decimal` marks or `date` orders (several: nothing tells
        which is meant). Kinds of columns of text count only if every value can be read so, of
        times all but as few as a run bears; where
        only some can, `nearly` holds as what, by which mark, the share that cannot, and one of
        those, for dates before numbers.
    """
    table = source.table.limit(SAMPLE)
    kinds = table.schema()
    texts = [name for name, kind in kinds.items() if kind.is_string() or kind.is_json()]
    read = {
        what: reading.look(table, dict.fromkeys(texts, what), source.given)
        for what in (WHOLE, NUMBER, TIME)
    }
    found = []
    for name, kind in kinds.items():
        shown = reading.trimmed(table[name])
        counts = {"rows": table.count(), "filled": shown.count(), "distinct": shown.nunique()}
        ends = table.aggregate(least=shown.min(), most=shown.max()).to_pyarrow().to_pylist()[0]
        examples = table.select(value=shown).filter(shown.notnull()).distinct()
        examples = examples.order_by("value").limit(5).to_pyarrow()["value"].to_pylist()
        readings = {what: by[name] for what, by in read.items() if name in by}
        found.append(
            {"name": name, **reading.row(table, counts), **ends, "examples": examples}
            | _kind(kind, readings, source.typed)
        )
    return found


def _kind(kind, readings: dict[str, Reading], typed: bool) -> dict:
    """Return the kind of a column: that of its type, else that by which all its text is read."""
    types = {
        "truth": kind.is_boolean(), "integer": kind.is_integer(), "number": kind.is_numeric(),
        "time": kind.is_timestamp() or kind.is_date(), "text": kind.is_string(),
    }  # fmt: skip
    declared = next((name for name, is_it in types.items() if is_it), "other")
    full = [w for w, r in readings.items() if r.filled and not r.failed]
    if WHOLE in full and not typed:
        return {"kind": "integer"}
    if NUMBER in full and WHOLE not in full:
        return {"kind": "number", "decimal": readings[NUMBER].marks}
    parts = [readings[what] for what in (TIME, NUMBER) if what in readings]
    nearly = next((r for r in parts if r.marks and 0 < r.failed < r.filled), None)
    told = nearly and (nearly.what, nearly.marks[0], nearly.failed / nearly.filled, nearly.example)
    if TIME in full or (told and nearly.what == TIME and nearly.bearable):
        return {"kind": "time", "date": readings[TIME].marks, "nearly": told}
    return {"kind": declared, "nearly": told}
