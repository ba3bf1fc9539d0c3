"""What was measured, in sentences: each with its number, its interval and how many it rests on."""

from __future__ import annotations

import pandas as pd

from seglib import privacy
from seglib.files import Run
from seglib.measuring.change import COMPARED
from seglib.measuring.measure import EVERYONE, people, quiet_period
from seglib.wording import listing, share

MOSTLY = 0.5  # of the customers began lately: a fall is what follows first orders
NOUNS = {"spend": "spend", "orders": "orders", "active": "the share that is active"}


def names(run: Run) -> dict[int, str]:
    """Return segment number → name; 0 is everyone. Without personas they are Segment 1, 2, 3."""
    known = {int(s): f"Segment {s}" for s in run.read("segments.parquet")["segment"].unique()}
    if run.has("personas.json"):
        known |= {int(p["segment"]): p["name"] for p in run.read("personas.json")}
    return {EVERYONE: "Everyone"} | dict(sorted(known.items()))


def many(number: int, noun: str) -> str:
    """Return '1 campaign' or '2 campaigns'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def followed(run: Run, members: int, called: dict[int, str], notes: list[str]) -> str:
    """Return who is followed, from when to when, and what is left out."""
    asked = run.study
    who = f"{many(members, asked.customer)} in {many(len(called) - 1, 'segment')}"
    if asked.snapshot:
        return f"Followed: {who}, as they were {asked.known(run.as_of)}."
    return (
        f"Followed: {who}. *Before* means the {asked.holdout} days before {run.as_of}, *after* the "
        f"{asked.holdout} days from then, so that both are equally long.\n\n" + " ".join(notes)
    )


ALWAYS = "They describe the members at the cut-off date. New customers are a different question."
CHANCE = (
    "The intervals cover chance among customers. They do not cover a new offer, a new "
    "competitor or a mild winter, which touch all customers at once."
)
EXPERIMENT = "Only an experiment, with customers assigned at random, tells what an action brought."
OVER_TIME = (
    "Every member had been there at least once before the cut-off date, so some loss afterwards is "
    "built in for all segments alike.",
    "One period before and one after cannot tell a trend from a season.",
)
AMOUNTS = (
    "For amounts in a segment of fewer than 100 with a few very large spenders, the interval holds "
    "the true mean less often than 95 times in 100, down to about 85; for growth it keeps its "
    "promise."
)


def trusted(run: Run) -> str:
    """Return how far the figures of a study of this kind can be trusted, as a list."""
    sold = run.study.tables.transactions
    lines = [ALWAYS, *(OVER_TIME if sold else ()), CHANCE]
    lines += [AMOUNTS] * bool(sold and sold.columns.amount) + [EXPERIMENT]
    return "\n".join(f"- {line}" for line in lines)


def main_metric(changes: pd.DataFrame) -> str:
    """Return the metric that the headline speaks of: spend, else orders; empty if neither."""
    return next((m for m in ("spend", "orders") if m in set(changes["metric"])), "")


def headline(run: Run, changes: pd.DataFrame, called: dict[int, str], notes: list[str]) -> str:
    """Return one sentence for a manager: how everyone changed, and whose change stands out.

    Parameters
    ----------
    run
    changes
        From `change.changes`.
    called
        Segment → name.
    notes
        What is left out and why; the first says why there are no changes, if so.
    """
    customer, days = run.study.customer, run.study.holdout
    metric = main_metric(changes)
    if not metric:
        return f"How the segments changed cannot be said. {notes[0] if notes else ''}".strip()
    rows = changes[changes["metric"] == metric].set_index("segment")
    whole = rows.loc[EVERYONE]
    members = people(run)[0]
    if quiet := [text for p in ("before", "after") if (text := quiet_period(run, members, p))]:
        return " ".join(quiet)
    if pd.isna(whole["change"]):
        return f"There are too few {customer}s to say how {_noun(run, metric)} changed."
    went, how = moved(whole["change"]), bracketed(whole, "change", level="95% interval ")
    if whole["change_low"] <= 0 <= whole["change_high"]:
        went, how = "did not change beyond chance", how.replace("(", f"(it {went}; ", 1)
    out = _left_out(whole.get("newcomers", 0))
    begin = (
        f"In the {days} days from {run.as_of}, {_noun(run, metric)} per {customer} {went} against "
        f"the {days} days before{out}{how}"
    )
    told = f"{begin}; {_standing_out(rows.drop(index=EVERYONE), called)}."
    return f"{told} {_newcomers(run)}".strip()


def _left_out(newcomers: float) -> str:
    """Return which share is left out of a change; 'a few' where it is missing."""
    if pd.isna(newcomers):
        return ", without a few newcomers"
    if newcomers == 0:
        return ""
    return f", without the {share(newcomers)} who came for the first time in those"


def _newcomers(run: Run) -> str:
    """Return that most began within the period before, whose figures then hold first orders."""
    tenure = run.read("customers.parquet").get("tenure")
    new = 0.0 if tenure is None else float((tenure <= run.study.holdout).mean())
    if new < MOSTLY:
        return ""
    whom = "All" if new == 1 else f"{share(new)}"
    return (
        f"{whom} of the {run.study.customer}s came for the first time within those "
        f"{run.study.holdout} days before, so some fall was to be expected."
    )


def _noun(run: Run, metric: str) -> str:
    return run.study.words.get(metric, NOUNS[metric])


def _standing_out(rows: pd.DataFrame, called: dict[int, str]) -> str:
    judged = rows[rows["p_adjusted"].notna()]
    different = judged[judged["differs"]]
    if len(rows) == 1:
        return "there is only one segment, so there are no others to compare it with"
    if judged.empty:
        return "no segment's change can be judged against a fair comparison"
    than = (
        "than segments formed by the same rule one period earlier"
        if (judged["tested"] == "excess").any()
        else "than all others, which may be regression to the mean"
    )
    if len(different):
        parts = []
        for up, word in ((True, "better"), (False, "worse")):
            chosen = [called[s] for s, r in different.iterrows() if (r[r["tested"]] > 0) == up]
            parts += [f"{listing(chosen)} did {word}"] if chosen else []
        return f"{' and '.join(parts)} {than}"
    left = len(rows) - len(judged)
    lacking = f" ({left} of {len(rows)} had no comparable one)" if left else ""
    return f"beyond chance, no segment did better or worse {than}{lacking}"


def sentences(run: Run, changes: pd.DataFrame, kpis: pd.DataFrame, called: dict) -> list[dict]:
    """Return a few sentences on each segment, each with value, low, high and n."""
    metric = main_metric(changes)
    found = []
    for segment, name in called.items():
        of = changes[(changes["segment"] == segment) & (changes["metric"] == metric)]
        for _, row in of[of["change"].notna()].iterrows():
            text = _changed(run, row, name, metric)
            found.append(_said(segment, metric, text, row["change"], row, "change"))
        kept = kpis[(kpis["segment"] == segment) & (kpis["metric"] == "retained")]
        for _, row in kept[kept["value"].notna()].iterrows():
            who = "Of" if segment == EVERYONE else f"{name}: of"
            text = (
                f"{who} {row['n']:,.0f} {run.study.customer}s active before "
                f"{run.as_of}, {rate(row['value'])} {run.study.words['ordered']} again in the "
                f"{run.study.holdout} days after (95% interval {rate(row['low'])} to "
                f"{rate(row['high'])})."
            )
            found.append(_said(segment, "retained", text, row["value"], row))
    return found


def _said(segment, metric, text, value, row, part="") -> dict:
    low, high = (row[f"{part}_{end}".lstrip("_")] for end in ("low", "high"))
    n = None if pd.isna(row["n"]) else int(row["n"])
    return {"segment": int(segment), "metric": metric, "sentence": text, "value": value,
            "low": low, "high": high, "n": n}  # fmt: skip


def _changed(run: Run, row: pd.Series, name: str, metric: str) -> str:
    text = (
        f"{name}: {_noun(run, metric)} per {run.study.customer} {moved(row['change'])}"
        f"{bracketed(row, 'change', level='95% interval ')}"
    )
    if row["segment"] == EVERYONE or pd.isna(row["gap"]):
        return text + "."
    write = signed if COMPARED[metric] == "ratio" else points
    text += f"; against all others that is {write(row['gap'])}{bracketed(row, 'gap', write)}. "
    if row["tested"] == "excess":
        within = row["excess_low"] <= 0 <= row["excess_high"]
        chance = "within chance" if within else "within chance, as several segments are looked at"
        verdict = "more than chance explains" if row["differs"] else chance
        return text + (
            f"Formed again now and one period earlier, it moved by {write(row['again_gap'])} and "
            f"{write(row['placebo_gap'])} against all others; what lies between, "
            f"{write(row['excess'])}{bracketed(row, 'excess', write)}, is {verdict}."
        )
    towards = pd.notna(row["level"]) and (row["gap"] < 0) == (row["level"] > 1)
    why = "No comparable segment of one period earlier shows how much of this comes by itself"
    if towards:
        why += "; regression to the mean pulls in this direction"
    return f"{text}{why}."


def moved(change: float, metric: str = "spend") -> str:
    """Return 'rose 4%', 'fell 2.1%' or 'did not change'; points for a difference of shares."""
    size = share(abs(change)) if COMPARED[metric] == "ratio" else points(abs(change))[1:]
    if not size.strip("0.% points"):
        return "did not change"
    return f"{'rose' if change > 0 else 'fell'} {size}"


def points(value: float) -> str:
    """Return a difference of shares or growth rates as percentage points: '−19 points'."""
    size = 100 * abs(value)
    text = f"{size:.0f}" if size >= 9.95 else f"{size:.1f}"
    sign = "" if not text.strip("0.") else ("+" if value > 0 else "−")
    return f"{sign}{text} points"


def signed(value: float) -> str:
    """Return a relative difference as per cent with its sign: '+4.1%', '−19%'."""
    text = share(value)
    return f"+{text}" if value > 0 and text.strip("0.%") else text


def rate(value: float) -> str:
    """Return a rate as per cent that says 0% or 100% only of none or all."""
    if 0.995 <= value < 1:
        return "over 99%"
    return share(value)


def bracketed(row: pd.Series, part: str, write=share, level: str = "") -> str:
    """Return ' (−3% to 4%)', the interval as text in brackets; empty without width."""
    low, high = row[f"{part}_low"], row[f"{part}_high"]
    return "" if low == high else f" ({level}{write(low).removesuffix(' points')} to {write(high)})"


def measures(
    run: Run,
    called: dict[int, str],
    kpis: pd.DataFrame,
    changes: pd.DataFrame,
    campaigns: pd.DataFrame,
    notes: list[str],
    experiments: list[dict] | None = None,
    outcomes: pd.DataFrame | None = None,
    told: list[str] | None = None,
) -> dict:
    """Return the content of measures.json; what experiments show comes first in its headline."""
    known = outcomes is not None and len(outcomes)
    said = list(told or [])
    if main_metric(changes) or not said:
        said.append(headline(run, changes, called, notes))
    segments = run.read("segments.parquet")["segment"].value_counts()
    counts = {EVERYONE: segments.sum(), **privacy.shown(segments, run.study.minimum_cell)}
    counts = {s: None if pd.isna(n) else int(n) for s, n in counts.items()}
    return {
        "as_of": run.as_of,
        "until": run.until,
        "segments": [{"segment": s, "name": n, "n": counts[s]} for s, n in called.items()],
        "headline": " ".join(said),
        "words": run.study.words,
        "outcomes": records(outcomes) if known else [],
        "sentences": sentences(run, changes, kpis, called),
        "kpis": records(kpis),
        "changes": records(changes),
        "campaigns": records(campaigns),
        "experiments": experiments or [],
        "notes": notes,
    }


def records(frame: pd.DataFrame) -> list[dict]:
    """Return the rows of a frame as JSON-able objects: days as text, what is missing as None."""
    dated = frame.select_dtypes("datetime").columns
    plain = frame.assign(**{c: frame[c].dt.strftime("%Y-%m-%d") for c in dated})
    return plain.astype(object).where(plain.notna(), None).to_dict("records")
