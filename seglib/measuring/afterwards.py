"""What became of the members of each segment, by the outcomes that the study knows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from seglib import privacy, stats
from seglib.files import Run
from seglib.measuring.findings import names, rate
from seglib.measuring.measure import EVERYONE, small_shares
from seglib.wording import listing

ALPHA = 0.05
BESIDE = ["others", "times", "times_low", "times_high"]
OUTCOME = {("converted", "after"): ("y", "n")}  # an outcome came true of a member, or did not
COLUMNS = ("outcome", "label", "segment", "name", "value", "low", "high", "n", "others", "times",
           "times_low", "times_high", "p_adjusted", "differs", "suppressed")  # fmt: skip


def figures(run: Run) -> pd.DataFrame:
    """Return of how many members each outcome came true, beside everyone else.

    Returns
    -------
    pandas.DataFrame
        One row an outcome and segment (0 = everyone): outcome, label, segment, name, value with
        its 95% interval (Wilson), n of whom it is known, the same share among the others, how many
        times it is theirs (`times`, with its 95% interval), p_adjusted (Holm's method, over all
        segments and outcomes), differs, suppressed (few members, or few of them or the others).
    """
    if not run.has("outcomes.parquet"):
        return pd.DataFrame(columns=[*COLUMNS]).astype({"suppressed": bool})
    found = run.read("outcomes.parquet")
    labels, called = run.read("segments.parquet")["segment"], names(run)
    rows = [
        {"outcome": name, "label": given.label, "name": called[segment],
         **_row(found[name].reindex(labels.index), labels, segment, run.study.minimum_cell)}
        for name, given in run.study.outcomes.items() for segment in called
    ]  # fmt: skip
    table = pd.DataFrame(rows).assign(metric="converted", period="after")
    for _, of in table.groupby("outcome"):
        hide = small_shares(of, OUTCOME, run.study.minimum_cell)
        table.loc[of.index, "suppressed"] |= hide
    whole = table[(table["segment"] == EVERYONE) & table["suppressed"]]
    table.loc[table["outcome"].isin(whole["outcome"]), [*BESIDE, "p"]] = np.nan
    table.loc[table["suppressed"], ["value", "low", "high", *BESIDE, "p"]] = np.nan
    table["n"] = _sizes(table, run.study.minimum_cell)
    table["p_adjusted"] = stats.adjust(table["p"])
    table["differs"] = table["p_adjusted"] <= ALPHA
    return table[[*COLUMNS]]


def _sizes(table: pd.DataFrame, minimum: int) -> pd.Series:
    """Return of how many an outcome is known; missing where subtraction too must not tell it."""
    own = table[table["segment"] != EVERYONE].groupby("outcome")["n"]
    shown = own.transform(lambda n: privacy.shown(n, minimum))
    return shown.reindex(table.index).fillna(table["n"].where(table["segment"] == EVERYONE))


def _row(happened: pd.Series, labels: pd.Series, segment: int, minimum: int) -> dict:
    known = happened.notna()
    inside = known & ((labels == segment) | (segment == EVERYONE))
    outside = known & ~inside
    a, n, b, m = (
        int(happened[inside].sum()), int(inside.sum()),
        int(happened[outside].sum()), int(outside.sum()),
    )  # fmt: skip
    row = {"segment": segment, "n": n, "suppressed": n < minimum, "p": np.nan}
    own = stats.share(a, n)
    row |= dict.fromkeys(BESIDE, np.nan) | {"value": own.value, "low": own.low, "high": own.high}
    if not m:
        return row
    against = stats.lift(a, n, b, m)
    return row | {"others": b / m, "times": against.value,
                  "times_low": against.low, "times_high": against.high,
                  "p": against.p}  # fmt: skip


def table(run: Run, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the figures as text, a row a segment, for one outcome."""
    shown = {
        row.name: [
            privacy.NOT_SHOWN if pd.isna(row.n) else f"{row.n:,.0f}",
            privacy.NOT_SHOWN if row.suppressed else _share(row),
            "–" if pd.isna(row.others) else rate(row.others),
            "–" if pd.isna(row.times) else _times(row),
            _p(row.p_adjusted),
        ]
        for row in rows.itertuples(index=False)
    }  # fmt: skip
    heads = ["known of", rows["label"].iloc[0], "of all others", "times as many",
             "p-value, corrected"]  # fmt: skip
    return pd.DataFrame(shown, heads).T.rename_axis("segment")


def _share(row) -> str:
    return f"{rate(row.value)} ({rate(row.low)} to {rate(row.high)})"


def _times(row) -> str:
    return f"{row.times:.2f} ({row.times_low:.2f} to {row.times_high:.2f})"


def _p(value: float) -> str:
    if pd.isna(value):
        return "–"
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def spoken(rows: pd.DataFrame) -> str:
    """Return what the picture of one outcome shows, by the names in the index."""
    return "; ".join(f"{name} {rate(value)}" for name, value in rows["value"].items())


def sentences(run: Run, rows: pd.DataFrame) -> list[str]:
    """Return for each outcome a sentence: how many of all, and which segments stand out."""
    told = []
    for label, of in rows.groupby("label", sort=False):
        whole = of[of["segment"] == EVERYONE].iloc[0]
        if whole["suppressed"]:
            told.append(f"How many {label} is not shown: too few did, or too few did not.")
            continue
        text = (
            f"{rate(whole['value'])} of the {whole['n']:,.0f} {run.study.customer}s {label} (95% "
            f"interval {rate(whole['low'])} to {rate(whole['high'])})"
        )
        own = of[(of["segment"] != EVERYONE) & of["differs"].astype(bool)]
        more = own[own["times"] > 1].sort_values("times", ascending=False)
        less = own[own["times"] < 1].sort_values("times")
        parts = [f"more of {_named(more)}"] if len(more) else []
        parts += [f"fewer of {_named(less)}"] if len(less) else []
        few = of[(of["segment"] != EVERYONE) & of["suppressed"]]
        alike = "; no segment differs beyond chance" if of["segment"].max() > 1 else ""
        text += f"; {' and '.join(parts)}." if parts else f"{alike}."
        if len(few):
            text += f" Too few to be shown, one way or the other: {listing([*few['name']])}."
        told.append(text)
    return told


def _named(rows: pd.DataFrame) -> str:
    pairs = zip(rows["name"], rows["value"], strict=True)
    return listing([f"{name} ({rate(value)})" for name, value in pairs])
