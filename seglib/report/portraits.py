"""What draws a segment: its fingerprint, its figures and its months, from the files of a run."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from seglib import stats, wording
from seglib.personas.profile import level_label

# How many measures a fingerprint shows, and the rank correlation above which one says it all.
MEASURES, COLLINEAR = 6, 0.8
PARTS = "value", "low", "high"


def portraits(folder: Path, dictionary: dict, minimum: int, people=()) -> dict[int, dict]:
    """Return of each segment its `fingerprint` and its `tiles`, from the files of a run.

    A row of a fingerprint: the chance that a member has more than one of the others, minus the
    chance of less, from -1 to 1, with its 95% interval. A tile: a median or share (`what`) inside
    and among others, as text. The segments were made of these columns, so this tests nothing.
    What the names of `people`, the personas, are made of comes first.
    """
    paths = folder / "customers.parquet", folder / "segments.parquet"
    if not all(path.is_file() for path in paths):
        return {}
    segment = pd.read_parquet(paths[1])["segment"].astype(int)
    customers = pd.read_parquet(paths[0]).loc[segment.index]
    entries = [row for row in dictionary.get("customers", []) if row["name"] in customers]
    frame, writers, labels = _measures(customers, entries)
    sizes = segment.value_counts().sort_index()
    groups = sizes.index[(sizes >= minimum) & (len(sizes) > 1)]
    frame = frame[[name for name in frame if _countable(frame[name], segment, groups, minimum)]]
    effects = {
        (name, s): stats.superiority(frame.loc[segment == s, name], frame.loc[segment != s, name])
        for name in frame
        for s in groups
    }
    named = {p["segment"]: _named(p, labels, frame) for p in people}
    shared, result = (
        _strongest(frame, effects, groups, {n for own in named.values() for n in own}),
        {},
    )
    for s in groups:
        own = [name for name in shared if name in named.get(s, [])]
        wanted = (own + [name for name in shared if name not in own])[: max(MEASURES, len(own))]
        chosen = [name for name in shared if name in wanted]
        result[int(s)] = {
            "fingerprint": [_row(name, effects[name, s]) for name in chosen],
            "tiles": _tiles(frame, writers, segment == s, _by_size(chosen, effects, s)),
        }
    return result


def _named(person: dict, labels: dict, frame: pd.DataFrame) -> list[str]:
    """Return the measures that the name of a segment is made of."""
    sources = [(row["column"], row["level"]) for row in person.get("named_for", ())]
    found = (labels.get(key, labels.get((key[0], ""))) for key in sources)
    return [label for label in found if label in frame]


def _row(name: str, effect) -> dict:
    """Return a line of a fingerprint: an effect of 0 to 1 as a difference of chances."""
    return {"label": name} | {part: round(2 * getattr(effect, part) - 1, 2) for part in PARTS}


def _by_size(chosen: list[str], effects: dict, segment: int) -> list[str]:
    """Return the measures in which a segment differs beyond chance, the largest first."""
    own = {name: effects[name, segment] for name in chosen}
    clear = [name for name, e in own.items() if not e.low <= 0.5 <= e.high]
    return sorted(clear, key=lambda name: -abs(own[name].value - 0.5))


def _tiles(frame: pd.DataFrame, writers: dict, inside: pd.Series, names: list[str]) -> list[dict]:
    """Return the middle of each measure inside and outside, where they read differently."""
    pairs = {
        name: [writers[name][1](frame.loc[rows, name]) for rows in (inside, ~inside)]
        for name in names
    }
    return [
        {"label": name, "what": writers[name][0], "value": own, "others": others}
        for name, (own, others) in pairs.items()
        if own != others
    ]


def _strongest(frame: pd.DataFrame, effects: dict, groups: pd.Index, named: set[str]) -> list[str]:
    """Return the measures of names, and up to `MEASURES` that differ most and say something else.

    Those that differ most come first.
    """
    largest = {n: max((abs(effects[n, s].value - 0.5) for s in groups), default=0) for n in frame}
    largest = pd.Series(largest, dtype=float).dropna().sort_values(ascending=False, kind="stable")
    alike = frame[largest.index].corr("spearman").abs()
    chosen = [name for name in largest.index if name in named]
    for name in largest.index.difference(chosen, sort=False):
        if len(chosen) < MEASURES and not (alike.loc[name, chosen] > COLLINEAR).any():
            chosen.append(name)
    return [name for name in largest.index if name in chosen]


def _measures(customers: pd.DataFrame, entries: list[dict]) -> tuple[pd.DataFrame, dict, dict]:
    """Return what can be more or less, by label; what sums it up and writes it; labels by column.

    Numbers are as they are, ordered levels their places, other levels 0 and 1. The labels are by
    column and level; that of a whole column, or of the one level that stands for it, is under "".
    """
    columns, writers, labels = {}, {}, {}
    for row in entries:
        values, label = customers[row["name"]], row["label"]
        labels[row["name"], ""] = label
        if isinstance(values.dtype, pd.CategoricalDtype) and values.dtype.ordered:
            columns[label] = values.cat.codes.where(values.notna()).astype(float)
            levels = list(values.cat.categories)
            writers[label] = "median", lambda v, at=levels: wording.of_level(v.median(), at)
        elif pd.api.types.is_numeric_dtype(values):
            unit = row.get("unit", "")
            columns[label] = values.astype(float)
            writers[label] = "median", lambda v, unit=unit: wording.amount(v.median(), unit)
        else:
            levels = sorted(values.dropna().unique(), key=str)
            for level in levels[-1:] if len(levels) == 2 else levels:
                name = level_label({"base": ""} | row, level, values)
                columns[name] = values.eq(level).where(values.notna()).astype(float)
                writers[name] = "share of them", lambda v: wording.amount(v.mean(), "share")
                labels[row["name"], str(level)] = labels[row["name"], ""] = name
    return pd.DataFrame(columns, customers.index), writers, labels


def _countable(values: pd.Series, segment: pd.Series, groups: pd.Index, minimum: int) -> bool:
    """Return whether a measure is known of enough, and tells of no small group as a share."""
    counts = values.groupby(segment).count()
    if counts[counts.index.isin(groups)].min() < minimum:
        return False
    if not values.dropna().isin([0, 1]).all():
        return True
    cells = pd.crosstab(segment, values)
    return not ((cells > 0) & (cells < minimum)).any(axis=None)


def by_month(kpis: list[dict]) -> dict[int, dict]:
    """Return each segment's months of spend, or share active, and the periods before and after."""
    spent = [row for row in kpis if row["metric"] == "spend" and row["value"] is not None]
    metric = "spend" if spent else "active"
    result: dict[int, dict] = {}
    for row in sorted(kpis, key=lambda row: str(row["period"])):
        if row["metric"] == metric:
            own = result.setdefault(row["segment"], {"metric": metric, "points": []})
            if row["period"] in {"before", "after"}:
                own[row["period"]] = row["value"]
            else:
                counts = row["value"] is not None
                own["points"].append((row["period"], {"value": row["value"]} if counts else {}))
    drawable = (s for s, own in result.items() if sum(bool(v) for _, v in own["points"]) > 2)
    return {s: result[s] for s in drawable}
