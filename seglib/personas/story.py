"""What notebook 04 says beside its pictures: sentences and tables, all from computed results."""

from __future__ import annotations

import pandas as pd

from seglib.personas import naming
from seglib.personas.columns import label
from seglib.personas.figures import gain
from seglib.personas.grounds import Evidence
from seglib.personas.persona import SAY, common
from seglib.personas.playbook import advice
from seglib.personas.targeting import CRITERIA, meaning, units
from seglib.wording import amount, listing, share

VIEWS = """\
- **Customer segments** say whom to address, when, and through what. Look here when you plan
  campaigns, service or loyalty.
- **Product segments** say what to stock, promote or drop. Look here when you plan the range, space
  or prices.
- **Both together** say what to offer to whom. Look here before a product is dropped: who lives on
  it? And before a segment is won: what would it come for?
"""
ALONE = "There is one group, and nobody to compare it with."
UNSURE = {"doubtful", "distrust"}


def usable(ev: Evidence) -> bool:
    """Return whether there are segments that the verdict supports."""
    return len(ev.segments) > 1 and ev.verdict.get("kind") != "none"


def trust(ev: Evidence) -> str:
    """Return the verdict, and the warning where it found no segments."""
    text = f"> {ev.verdict['headline']}"
    if usable(ev):
        return f"{text}\n\n{doubts(ev.verdict.get('segments', []))}".strip()
    return (
        f"{text}\n\n**No segments should be used.** What follows describes all "
        f"{ev.run.study.customer}s as one group, or groups that the data do not support: treat "
        "everyone alike until there is more to go on."
    )


def doubts(segments: list[dict]) -> str:
    """Return how many of the verdict's segments are doubtful, and which."""
    if not any(row.get("stable") for row in segments):
        return ""
    poor = [str(row["segment"]) for row in segments if row.get("stable") in UNSURE]
    if not poor:
        return f"None of the {len(segments)} segments is doubtful by itself."
    one = len(poor) == 1
    return (
        f"**{len(poor)} of {len(segments)} segments {'is' if one else 'are'} doubtful**: "
        f"{'number' if one else 'numbers'} {listing(poor)} {'comes' if one else 'come'} back only "
        f"in part when the analysis is repeated. What is said of {'it' if one else 'them'} is a "
        "guess until a test confirms it."
    )


def strongest(ev: Evidence, most: int = 14) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the effects of the features that differ most, label × segment, and which mark it."""
    table = ev.markers.assign(size=ev.markers["effect"].abs())
    chosen = table.groupby("label")["size"].max().nlargest(most).index
    wide = table.pivot(index="label", columns="segment", values="effect").loc[chosen]
    return wide, wide.abs() >= SAY


def marks(ev: Evidence, names: dict[int, str]) -> str:
    """Return what marks each segment most, and how not to read it."""
    if len(ev.segments) < 2:
        return ALONE
    more = ev.markers["level"].eq("") | ev.markers["effect"].gt(0)  # a rarer level mirrors another
    top = ev.markers[more].assign(size=ev.markers["effect"].abs())
    top = top.sort_values("size", ascending=False, kind="stable")
    said = [
        f"{names[row.segment]}: {label(row.label)} "
        f"({'more often' if row.level else 'higher' if row.effect > 0 else 'lower'})"
        for row in top.groupby("segment").head(1).sort_values("segment").itertuples()
    ]
    return (
        f"What marks each most: {'; '.join(said)}. These features *formed* the segments, so that "
        "they differ is no discovery, and no test of significance is shown: read the sizes of the "
        "differences."
    )


def lifts(ev: Evidence, most: int = 16) -> pd.DataFrame:
    """Return the attributes that are clearly more or less common in a segment, largest first."""
    rows = ev.descriptors
    rows = rows[rows["selected"].astype(bool) & (rows["statistic"] == "lift")]
    rows = rows[(rows["level"] != "no") | ~rows["name"].isin(ev.run.study.outcomes)]
    if rows.empty:
        return rows
    rows = rows.assign(apart=(rows["inside"] - rows["outside"]).abs()).nlargest(most, "apart")
    rows = rows.sort_values(["segment", "value"])
    rows.index = rows["label"] + " · segment " + rows["segment"].astype(str)
    return rows


def described(ev: Evidence) -> str:
    """Return how many descriptors differ, and for whom they are known."""
    if len(ev.segments) < 2:
        return ALONE
    who, rows = ev.run.study.customer, ev.descriptors
    if rows.empty:
        return f"This study has no further attributes of {who}s that can be compared."
    known = ev.customers[ev.described].notna().any(axis=1)
    text = f"{int(rows['selected'].sum())} of {len(rows)} comparisons differ by more than chance. "
    if known.all():
        return text
    return text + (
        f"Attributes are known for {known.sum():,} of {len(known):,} {who}s: what differs among "
        "these need not differ among the rest."
    )


def questions(people: list[dict]) -> pd.DataFrame:
    """Return what the data leave open for every segment, why, and what to ask."""
    asked = common(people)
    return pd.DataFrame(
        [{"open": gap["topic"], "because": gap["why"], "ask": " ".join(gap["questions"])}
         for gap in people[0]["unknown"] if gap["topic"] in asked]
    )  # fmt: skip


def affinities(index: pd.DataFrame, minimum: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the affinities, segment × product group, and whether each is beyond chance."""
    shown = index[index[["buyers", "others"]].min(axis=1) >= minimum]
    wide = shown.pivot(index="segment", columns="group", values="index")
    clear = shown.pivot(index="segment", columns="group", values="selected").eq(True)
    return wide, clear


def counted(ev: Evidence) -> str:
    """Return how many products there are at each step towards the product segments, in order."""
    groups = naming.products(ev.run)
    if groups is None:
        return "Without purchases by product, in groups, the two views cannot be put together."
    rows = ev.run.scan("purchases.parquet")
    bought = rows["product"].nunique(where=rows.orders > 0).execute()
    text = f"{bought:,} products were bought before {ev.run.as_of}."
    if bought > len(groups):
        text += (
            f" {len(groups):,} of them had at least {ev.minimum} buyers and are in a group; the "
            f"other {bought - len(groups):,} are in none, and are left out here."
        )
    return text


def compared(ev: Evidence, criteria: pd.DataFrame, names: dict[int, str]) -> dict:
    """Return frame, formats and note of the table of targeting criteria."""
    unit = units(ev)
    formats = {"size": ".0%", "growth": ".0%", "reach": ".0%", "stability": ".2f",
               "contacts": ".1f", "value": lambda v: amount(v, unit["value"]),
               "objective": lambda v: amount(v, unit["objective"])}  # fmt: skip
    notes = [f"{name}: {meaning(ev, name)}" for name in CRITERIA if name in criteria]
    if "growth" not in criteria and not ev.run.study.snapshot:
        notes.append(
            "growth is left out: it is not recorded, or the recent trend formed the segments, so "
            "that one that grew was chosen for having grown"
        )
    if "objective" not in criteria:
        notes.append(
            "fit with the objective is left out: study.yaml does not say, by objective_figure, "
            "which figure the objective is about"
        )
    note = "; ".join(notes)
    criteria = criteria.copy()
    criteria.loc[~criteria.index.isin(ev.sized), ["n", "size"]] = None
    return {
        "frame": criteria.rename(index=names),
        "formats": {k: v for k, v in formats.items() if k in criteria},
        "note": f"{note[0].upper()}{note[1:]}. What chance could explain of growth, reach and the "
        "objective's figure is set to everyone's. A dash: unknown, or it rests on too few to be "
        "shown; not scored.",
    }


def ranked(book: dict) -> str:
    """Return who comes first, how firmly, and who is underserved."""
    rows, weights = book["targeting"]["ranking"], book["targeting"]["weights"]
    names = {row["segment"]: row["name"] for row in rows}
    kind = "Weights (equal, as the study gives none)" if book["targeting"]["equal"] else "Weights"
    firm = max(rows, key=lambda row: row["first"])
    text = (
        f"{kind}: {', '.join(f'{c} {w:.0%}' for c, w in weights.items())}. **{rows[0]['name']}** "
        f"comes first, and does so under {rows[0]['first']:.0%} of random weightings. "
    )
    if firm["segment"] != rows[0]["segment"]:
        text += f"Most often first under random weights: {firm['name']} ({firm['first']:.0%}). "
    poor = [names[s] for s in book["targeting"]["underserved"]]
    if poor:
        return text + (
            "Underserved, that is worth more than the others or keeping its spend better, yet "
            f"getting fewer campaigns: **{listing(poor)}**."
        )
    if not any("reach" in row["scores"] for row in rows):
        return text
    return text + (
        "The data show no segment that is worth more than the others, or keeps its spend better, "
        "and still gets fewer campaigns."
    )


def tried(book: dict, found: list[dict]) -> pd.DataFrame:
    """Return the playbook as a table: segment, lever, what to try, because."""
    sentence = {claim["id"]: claim["sentence"] for claim in found}
    return pd.DataFrame(
        [{"segment": row["name"], "lever": row["lever"], "what to try": advice(row),
          "because": " ".join(sentence[i] for i in row["evidence"])} for row in book["levers"]],
        columns=["segment", "lever", "what to try", "because"],
    )  # fmt: skip


def tests(book: dict, sized: list[int]) -> pd.DataFrame:
    """Return the experiment that each segment can carry, one row a segment and measure.

    How many there are is shown of the segments in `sized` alone.
    """
    rows = {}
    for row in book["levers"]:
        test = row["experiment"]
        if test["baseline"] is None:
            continue
        unit, less = test["unit"], test.get("less", False)
        rows[row["segment"], test["metric"]] = {
            "segment": row["name"], "measure": test["metric"].partition(",")[0],
            "baseline": amount(test["baseline"], unit),
            "looked for": gain(test["target"], unit, less),
            "needed a half": test["n_per_arm"],
            "there are": test["available"] if row["segment"] in sized else None,
            "weeks": test["weeks"],
            "smallest": gain(test["detectable"], unit, less),
            "pays from": amount(test["break_even"], unit) if test["break_even"] else None,
        }  # fmt: skip
    table = pd.DataFrame(list(rows.values()))
    return table.dropna(axis=1, how="all")


def test_note(book: dict) -> str:
    """Return what the columns of the table of tests mean."""
    timed = any(row["experiment"]["weeks"] for row in book["levers"])
    baseline = "as many weeks before the cut-off date" if timed else "what happened so far"
    pays = any(row["experiment"]["break_even"] for row in book["levers"])
    return (
        f"Baseline: {baseline}. Needed: in each half, to find the effect looked for in 4 of 5 "
        "tests at the 5% level. Smallest: the effect that this segment, halved, shows as often."
    ) + " Pays from: on the study's own costs and margin." * pays


def feasible(book: dict) -> str:
    """Return which segments can carry the test, and what no test here can say."""
    if not any(row["experiment"]["baseline"] is not None for row in book["levers"]):
        return "Without a record of spend by month, or without levers, no test can be planned here."
    big = dict.fromkeys(row["name"] for row in book["levers"] if row["experiment"]["enough"])
    text = (
        f"Large enough for the effect looked for: {listing(big)}. "
        if big
        else "No segment is large enough for the effect looked for: test on all of it, and for "
        "longer, or look for a larger effect. "
    )
    return text + (
        "The size of every effect is unknown until tested: what customers did so far shows who "
        "they are, not what they would do if treated differently. Levers tried together cannot be "
        "told apart: test one at a time, or draw the halves anew for each."
    )


def answer(ev: Evidence, people: list[dict], book: dict) -> str:
    """Return the answer at the top of the page."""
    who = ev.run.study.customer
    if not usable(ev):
        return f"No segments should be used. {ev.verdict['headline']}"
    told = "; ".join(
        f"**{p['name']}** ({p['share']:.0%} of {who}s"
        + (f", {share(p['revenue_share'])} of revenue)" if p["revenue_share"] is not None else ")")
        for p in people
        if p["share"] is not None
    )
    first = book["targeting"]["ranking"][0]
    do = next((r["action"] for r in book["levers"] if r["segment"] == first["segment"]), "")
    by = "With equal weights" if book["targeting"]["equal"] else "By the weights of the study"
    text = f"{told}. {by}, look first at **{first['name']}**."
    return text + (f" To be tried first: {do[0].lower()}{do[1:]}" if do else "")
