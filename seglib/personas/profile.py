"""What a segment is: its markers, descriptors, typical customer and a short rule to know it by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import stats
from seglib.personas.columns import entries, kind, levels_of, numbers, of_level, reply
from seglib.personas.rules import rules

__all__ = ["MARKER", "descriptors", "markers", "rules", "sizes", "typical"]

MARKER = 0.33  # |effect| from which a feature is a marker: "medium" (Romano et al. 2006)


def sizes(labels: pd.Series, value: pd.Series | None = None) -> pd.DataFrame:
    """Return n, share and, with a value per row, the share and the mean of the value.

    Parameters
    ----------
    labels : Series
        Segment of each row.
    value : Series, optional
        Such as spend, same index.
    """
    n = labels.value_counts().sort_index()
    table = pd.DataFrame({"n": n, "share": n / n.sum()}).rename_axis("segment")
    if value is not None:
        worth = value.reindex(labels.index).fillna(0).groupby(labels)
        whole = worth.sum().sum()
        table["value_share"] = worth.sum() / (whole if whole > 0 else np.nan)
        table["value_mean"] = worth.mean()
    return table


def markers(frame: pd.DataFrame, labels: pd.Series, dictionary=()) -> pd.DataFrame:
    """Return how each segment differs from everyone else in each column, largest first.

    Parameters
    ----------
    frame : DataFrame
        One row per customer or product; numeric, ordered and nominal columns, missing allowed.
    labels : Series
        Segment of each row, same index.
    dictionary : list of dict, optional
        Labels and units of the columns.

    Returns
    -------
    DataFrame
        segment, name, label, level, unit, kind, column (its label), base, reply (yes or no, where
        the level means it), n (rows known inside), mean, overall (means; of a nominal level its
        shares; of ordered levels their positions), inside, outside (medians or shares), effect,
        low, high.

        `effect` is Cliff's delta: the chance that a row inside has more than one outside, minus
        the chance that it has less, from -1 to 1; of a nominal level the difference of shares,
        which is the same thing for a yes or no. No p-values: the segments were made to differ.
    """
    known, labels = entries(dictionary, frame), labels.reindex(frame.index)
    rows = []
    for segment in sorted(labels.dropna().unique()):
        inside = (labels == segment).to_numpy()
        for name, entry in known.items():
            compare = _compare_levels if kind(frame[name]) == "nominal" else _compare_values
            rows += [{"segment": int(segment), **r} for r in compare(frame[name], inside, entry)]
    table = pd.DataFrame(rows)
    order = table.assign(size=-table["effect"].abs().fillna(-1))
    return table.loc[order.sort_values(["segment", "size"], kind="stable").index].reset_index(
        drop=True
    )


def _row(entry: dict, values: pd.Series, level: str = "") -> dict:
    label = of_level(entry, level, values) if level else entry["label"]
    unit = "share" if level else entry["unit"]
    said = reply(level, levels_of(values).dropna().unique(), entry["base"]) if level else ""
    return {"name": entry["name"], "label": label, "level": level, "unit": unit,
            "kind": kind(values), "column": entry["label"], "base": entry["base"],
            "reply": said}  # fmt: skip


def _compare_values(values: pd.Series, inside: np.ndarray, entry: dict) -> list[dict]:
    x = numbers(values)
    a, b = x[inside].dropna(), x[~inside].dropna()
    found = stats.superiority(a, b)
    return [
        _row(entry, values)
        | {"n": len(a), "mean": a.mean(), "overall": x.mean(), "inside": a.median(),
           "outside": b.median(), "effect": 2 * found.value - 1, "low": 2 * found.low - 1,
           "high": 2 * found.high - 1}
    ]  # fmt: skip


def _compare_levels(values: pd.Series, inside: np.ndarray, entry: dict) -> list[dict]:
    text = levels_of(values)
    known = text.notna().to_numpy()
    n, others = int((known & inside).sum()), int((known & ~inside).sum())
    rows = []
    for level in sorted(text.dropna().unique()):
        has = (text == level).to_numpy(dtype=bool, na_value=False)
        a, b = int((has & inside).sum()), int((has & ~inside).sum())
        found = stats.difference(a, n, b, others)
        here, there = (a / n if n else np.nan), (b / others if others else np.nan)
        rows.append(
            _row(entry, values, level)
            | {"n": n, "mean": here, "overall": (a + b) / max(n + others, 1), "inside": here,
               "outside": there, "effect": found.value, "low": found.low, "high": found.high}
        )  # fmt: skip
    return rows


# --- descriptors: what did not form the segments --------------------------------------------------


def descriptors(
    frame: pd.DataFrame, labels: pd.Series, dictionary=(), minimum: int = 10, alpha: float = 0.05
) -> pd.DataFrame:
    """Return how far each segment differs in columns that did not form it, corrected for the many.

    Parameters
    ----------
    minimum : int
        Levels held by fewer rows of the segment, or by fewer elsewhere, are left out.
    alpha : float
        False discoveries allowed among those selected.

    Returns
    -------
    DataFrame
        segment, name, label, level, unit, kind, statistic (`lift` of a level's share against
        everyone else, or `superiority` of a number or ordered level), value, low, high, n (known
        inside), count (with the level), others (with the level, elsewhere), inside, outside, p, q,
        selected, confidence (of the interval).

    Notes
    -----
    Benjamini & Hochberg (1995) over the whole table; intervals at the level 1 - R alpha / m for R
    selected of m (Benjamini & Yekutieli 2005), so that those selected leave out no difference.
    """
    known, labels = entries(dictionary, frame), labels.reindex(frame.index)
    cells = [
        (int(segment), entry, level)
        for segment in sorted(labels.dropna().unique())
        for name, entry in known.items()
        for level in _tested(frame[name])
    ]
    first = [_describe(frame, labels == s, entry, level, alpha) for s, entry, level in cells]
    kept = [i for i, row in enumerate(first) if _shown(row, minimum)]
    if not kept:
        return pd.DataFrame(columns=[*_COLUMNS])
    p = [first[i]["p"] for i in kept]
    q = stats.adjust(p, "fdr_bh")
    selected = q <= alpha
    level_of = max(int(selected.sum()), 1) * alpha / len(p)
    rows = [
        {"segment": cells[i][0], **_describe(frame, labels == cells[i][0], *cells[i][1:], level_of),
         "p": first[i]["p"], "q": q_one, "selected": bool(chosen), "confidence": 1 - level_of}
        for i, q_one, chosen in zip(kept, q, selected, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)[[*_COLUMNS]]


_COLUMNS = (
    "segment", "name", "label", "level", "unit", "kind", "statistic", "value", "low", "high", "n",
    "count", "others", "inside", "outside", "p", "q", "selected", "confidence",
)  # fmt: skip


def _tested(values: pd.Series) -> list[str]:
    """Return the levels to compare; the empty text stands for the column as a whole."""
    if kind(values) == "numeric":
        return [""]
    levels = sorted(levels_of(values).dropna().unique())
    return levels if kind(values) == "nominal" else ["", *levels]


def _describe(frame, inside, entry: dict, level: str, alpha: float) -> dict:
    values, inside = frame[entry["name"]], inside.to_numpy(dtype=bool)
    row = _row(entry, values, level)
    if not level:
        x = numbers(values)
        a, b = x[inside].dropna(), x[~inside].dropna()
        found = stats.superiority(a, b, alpha)
        return row | {"statistic": "superiority", **found._asdict(), "n": len(a), "count": len(a),
                      "others": len(b), "inside": a.median(),
                      "outside": b.median()}  # fmt: skip
    text = levels_of(values)
    has = (text == level).to_numpy(dtype=bool, na_value=False)
    known = text.notna().to_numpy()
    table = [int(v.sum()) for v in (has & inside, known & inside, has & ~inside, known & ~inside)]
    found = stats.lift(*table, alpha)
    return row | {"statistic": "lift", **found._asdict(), "n": table[1], "count": table[0],
                  "others": table[2], "inside": table[0] / max(table[1], 1),
                  "outside": table[2] / max(table[3], 1)}  # fmt: skip


def _shown(row: dict, minimum: int) -> bool:
    return min(row["count"], row["others"]) >= minimum and np.isfinite(row["p"])


# --- the typical member ---------------------------------------------------------------------------


def typical(
    frame: pd.DataFrame, labels: pd.Series, dictionary=(), members: int = 10, digits: int = 2
) -> pd.DataFrame:
    """Return a typical member of each segment that is nobody in particular.

    It is the mean (of levels, the most frequent) of the `members` rows nearest to the medoid, the
    medoid among them, rounded: microaggregation (Domingo-Ferrer & Mateo-Sanz 2002), so that no
    single customer can be read from it.

    Returns
    -------
    DataFrame
        segment, name, label, unit, kind, value (float or level).
    """
    known, labels = entries(dictionary, frame), labels.reindex(frame.index)
    scaled = _scaled(frame)
    rows = []
    for segment in sorted(labels.dropna().unique()):
        inside = np.flatnonzero(labels == segment)
        near = frame.iloc[inside[_around_medoid(scaled[inside], members)]]
        for name, entry in known.items():
            rows.append(
                {"segment": int(segment), **_row(entry, frame[name]),
                 "value": _middle(near[name], digits)}
            )  # fmt: skip
    return pd.DataFrame(rows).drop(columns="level")


def _scaled(frame: pd.DataFrame) -> np.ndarray:
    """Return ranks from 0 to 1 of numbers and levels, missing in the middle; nominal left out."""
    columns = [numbers(frame[c]) for c in frame if kind(frame[c]) != "nominal"]
    ranks = [c.rank(pct=True).fillna(0.5).to_numpy() for c in columns]
    return np.column_stack(ranks) if ranks else np.zeros((len(frame), 1))


def _around_medoid(points: np.ndarray, members: int) -> np.ndarray:
    """Return the positions of the point with least distance to all others and its neighbours."""
    sample = points[np.linspace(0, len(points) - 1, min(len(points), 1000)).astype(int)]
    total = np.zeros(len(points))
    for point in sample:
        total += np.abs(points - point).sum(axis=1)
    away = np.abs(points - points[int(total.argmin())]).sum(axis=1)
    return np.argsort(away, kind="stable")[:members]


def _middle(values: pd.Series, digits: int):
    if kind(values) == "numeric":
        mean = values.mean()
        return float(f"{mean:.{digits}g}") if np.isfinite(mean) else None
    found = levels_of(values).mode()
    return str(found.iloc[0]) if len(found) else None
