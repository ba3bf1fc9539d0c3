"""What to try, on which evidence, and the test that would show that it works."""

import math
import re

import numpy as np
import pandas as pd

from seglib import power, privacy
from seglib.personas.measures import WORDS as CLAIMS
from seglib.personas.measures import criteria, meaning, smallest
from seglib.personas.personas import trust
from seglib.personas.profile import label
from seglib.personas.targeting import answerable, outweighed, rank, weights
from seglib.personas.words import LEVERS as WORDS
from seglib.wording import amount, listing

TEXTS, FIGURES_OF = WORDS["texts"], CLAIMS["figures"]
STILL_HERE = 0.9  # segments of which more than this share still buys need no winning back
WORTH = {"value-high", "growth-up"}  # who is worth this and overlooked is underserved
ITEMS = {"need-high", "product-high", "need-low"}
ENOUGH = 0.02  # of the spend, theirs or that of others, from which an item is worth a test
AGAIN = 4  # tests of three months, one after another, that are worth proposing: a year
MEANT = 2  # possibilities that are named for a product segment
FIGURES = ["baseline", "detectable", "n_per_arm", "weeks", "months", "target", "enough"]
FIGURES += ["break_even"]
PLANNED = [*FIGURES, "unseen"]

# --- tests ----------------------------------------------------------------------------------------


def experiment(ev, segment: int, metric: str) -> dict:
    """Return the experiment that would show whether an action works in a segment.

    Half of the segment, drawn at random, is treated; `metric` is spend (adjusted for spend in the
    window before), active or outcome. `target` is the smallest effect worth finding, `detectable`
    the smallest that this segment shows with 80% power at the 5% level, `available` how many there
    are an arm; most or some effects that pay are `unseen`. Where the baseline would tell of few, or
    the target rounds to nothing, no plan.
    """
    plan, inside = _planned(ev, segment, metric), ev.inside(segment)
    if plan["baseline"] is None:
        return plan
    if ev.sizeless(segment):
        plan |= {key: privacy.coarse(plan[key]) for key in FIGURES}
    counted = next(iter(ev.run.study.outcomes)) if metric == "outcome" else None
    n = int(ev.customers.loc[inside, counted].count() if counted else inside.sum())
    share = plan["unit"] == "share" and n
    few = share and privacy.tells(plan["baseline"] * n, n, ev.minimum)
    nothing = share and plan["target"] < 0.005  # half a point
    if few or nothing or not re.search("[1-9]", gain(plan["target"], plan["unit"])):
        text = TEXTS["few"].format(metric=plan["metric"])
        return plan | dict.fromkeys(PLANNED) | {"metric": text, "enough": False}
    return plan


def _planned(ev, segment: int, metric: str) -> dict:
    """Return an experiment with all its figures, also those that may not be told."""
    inside, study, result = ev.inside(segment), ev.run.study, {}
    n, at_least = ev.count(segment, int(inside.sum()))
    plan = {"arms": list(TEXTS["arms"]), "metric": TEXTS["no_months"], "unit": ""}
    plan |= {"available": n // 2, "at_least": at_least, **dict.fromkeys(PLANNED)}
    if metric == "outcome":
        return plan | _outcome(ev, inside, n // 2)
    windows = ev.windows or (ev.visits if metric == "active" else None) or {}
    for months, (after, before) in windows.items():  # the shortest that is long enough
        if metric == "spend":
            about = {"money": study.economics, "days": power.DAYS[months], "half": n // 2}
            result = power.spend_test(after[inside], before[inside], **about)
        else:
            result = power.share_test(after[inside] > 0, n // 2)
        if enough := (result["n_per_arm"] or math.inf) <= n // 2:
            break
    if not windows:
        return plan
    who = {"who": study.customer, "did": "is active" if study.usage else "buys"}
    if not result["baseline"]:
        return plan | {"metric": TEXTS["nobody"].format(**who, **_time(months))}
    plan |= {key: result[key] for key in FIGURES if key in result} | {"enough": enough}
    unit = (study.currency or "money") if metric == "spend" else "share"
    plan |= {"weeks": power.WEEKS[months], "months": months, "unit": unit}
    if plan["break_even"] is not None and plan["detectable"] > plan["break_even"]:
        plan["unseen"] = "most" if plan["detectable"] > 2 * plan["break_even"] else "some"
    return plan | {"metric": TEXTS[metric].format(**who)}


def _outcome(ev, inside: np.ndarray, half: int) -> dict:
    """Return the test on the study's first outcome; how long it takes, the study does not say."""
    name, outcome = next(iter(ev.run.study.outcomes.items()))
    happened = ev.customers.loc[inside, name].dropna()
    words = {"metric": f"share that {outcome.label}", "unit": "share", "less": not outcome.wanted}
    test = power.share_test((happened == "yes").to_numpy(float), min(half, len(happened) // 2))
    return words | test | {"available": half, "enough": (test["n_per_arm"] or math.inf) <= half}


def testable(ev, segment: int, metric: str) -> bool:
    """Return whether a measure leaves room: where nearly all still buy, none need winning back."""
    return metric != "active" or (_planned(ev, segment, metric)["baseline"] or 0) <= STILL_HERE


def _time(number: int | None) -> dict[str, str]:
    """Return how long a test takes in words; of an outcome, whose time is not known, nothing."""
    months = "" if number is None else "month" if number == 1 else f"{number} months"
    return {"months": months, "span": "a month" if number == 1 else months}


def gain(value: float, unit: str, less: bool = False) -> str:
    """Return a change as text: '+8.0 points', '+$31'; of what is unwanted '−8.0 points'."""
    text = amount(100 * value, "points") if unit == "share" else amount(value, unit)
    return f"{'−' if less else '+'}{text}"


def _test(ev, segment: int, column: str, level: str) -> dict:
    """Return one figure of the test that a segment can carry; `level` is what it measures."""
    plan, study = experiment(ev, segment, level), ev.run.study
    if plan.get(column) is None or not math.isfinite(plan[column]):
        return {}
    n, there, active = int(ev.inside(segment).sum()), plan["available"], level == "active"
    did = f"of the {study.customer}s {'were active' if study.usage else 'bought'} at least once"
    words = {"target": gain(plan["target"], plan["unit"]), **_time(plan["months"])}
    words |= {"there": f"{'at least ' if plan['at_least'] else ''}{there:,}"}
    words |= {"customer": study.customer, "metric": did if active else f"spent a {study.customer}"}
    words |= {"measured": plan["metric"], "figure": FIGURES_OF[column]}
    if column == "detectable":
        words["value"] = gain(plan["detectable"], plan["unit"])
    cell = smallest(there, round(plan["baseline"] * n), n) if active else there
    unit = "count" if column == "n_per_arm" else plan["unit"]
    points = column == "detectable" and unit == "share"  # a change of a share is in points
    value, unit = (100 * plan[column], "points") if points else (plan[column], unit)
    result = {"n": n, "value": float(value), "inside": there, "words": words, "cell": cell}
    return result | {"unit": unit} | ({"table": "study.yaml"} if column == "break_even" else {})


# --- whom to target -------------------------------------------------------------------------------


def ranking(ev) -> pd.DataFrame:
    """Return the segments ranked by the study's weights, as `rank` does."""
    scores, objective = ev.once(criteria), ev.run.study.objective_figure
    weighting = weights(ev.run.study.targeting, scores)
    if objective and objective.prefer == "lower":
        scores = scores.assign(objective=-scores["objective"])
    return rank(scores, weighting, ev.run.seed)


def _rank(ev, segment: int, *_) -> dict:
    rows = ev.once(ranking).set_index("segment")
    if segment not in rows.index or len(rows) < 2:
        return {}
    row = rows.loc[segment]
    ends = {"value": float(row["rank"]), "low": float(row["best"]), "high": float(row["worst"])}
    words = {"rank": int(row["rank"]), "of": len(rows)}
    how = {"inside": amount(row["score"]), "outside": amount(row["first"], "share")}
    return {"n": int(ev.inside(segment).sum()), "confidence": 0.9, "words": words, **ends, **how}


MEASURES = {"ranks": _rank, "tests": _test}

# --- levers ---------------------------------------------------------------------------------------


def build(ev, claims: list[dict]) -> dict:
    """Return playbook.json from the claims: levers, targeting, what product segments may mean."""
    weighting = weights(ev.run.study.targeting, ev.once(criteria))
    rules = {s: {c["rule"] for c in claims if c["segment"] == s} for s in ev.segments}
    rows = ev.once(ranking).assign(name=lambda rows: rows["segment"].map(ev.names))
    keys = ["segment", "score", "rank", "first", "best", "worst", "name"]
    scores = [{"scores": row} for row in rows[[*weighting]].to_dict("records")]
    whom = {
        "weights": weighting,
        "equal": not ev.run.study.targeting,
        "ranking": [a | b for a, b in zip(rows[keys].to_dict("records"), scores, strict=True)],
        "underserved": [s for s, own in rules.items() if "overlooked" in own and own & WORTH],
        "meaning": {name: meaning(ev, name) for name in weighting},
    }
    return {"levers": levers(ev, claims), "targeting": whom, "range": assorted(ev, claims)}


def levers(ev, claims: list[dict]) -> list[dict]:
    """Return one row a segment and lever that its claims call for, as in playbook.json.

    `evidence` are ids of claims, `also` the names of other segments with the same action.
    """
    rows, study = [], ev.run.study
    for segment in ev.shown:
        own, taken = [c for c in claims if c["segment"] == segment], set()
        for row in WORDS["levers"]:
            metric = row.get("metric", "spend")
            evidence = [] if row["lever"] in taken else called_for(row, own)
            if not evidence or not testable(ev, segment, metric):
                continue
            taken.add(row["lever"])
            test = experiment(ev, segment, metric)
            columns = [c["source"]["column"] for c in evidence if c["rule"] in ITEMS]
            items = [label(ev.entries.get(c, {}).get("label", c)) for c in columns][:3]
            about = {"segment": segment, "name": ev.names[segment], "lever": row["lever"]}
            about |= {"action": row["action"].format(items=listing(items))}
            about |= {"evidence": [c["id"] for c in evidence], "effect": TEXTS["effect"]}
            if test.get("break_even") is not None:
                least = amount(test["break_even"], study.currency or "money")
                words = {"least": least, "who": study.customer, **_time(test["months"])}
                about["effect"] += f" {TEXTS['pays'].format(**words)}"
            able = metric == "spend" and not test["enough"] and testable(ev, segment, "active")
            other = experiment(ev, segment, "active") if able else {"enough": False}
            rows.append(about | {"experiment": test, "other": other if other["enough"] else None})
    for row in rows:
        row["also"] = [r["name"] for r in rows if r["action"] == row["action"] and r is not row]
        row["ways"] = ways(row, rows)
    return rows


def ways(row: dict, rows: list[dict]) -> list[dict]:
    """Return what would make a test of a lever tell enough, from its figures and those of others.

    `effect`: the smallest change that it shows as it is; `measure`: one for which there are enough;
    `again`: so many such tests, one after another with halves drawn anew; `together`: other
    segments that lack the same test, if there are enough in all.
    """
    test = row["experiment"]
    if test["enough"] or test["baseline"] is None or not math.isfinite(test["detectable"]):
        return []
    result = []
    if test["unit"] != "share" or test["baseline"] + test["detectable"] < 0.999:
        result.append({"way": "effect", "value": test["detectable"]})
    if test["at_least"]:  # how many there are is not told
        return result
    times = (test["n_per_arm"] or math.inf) / test["available"]
    own = [r["experiment"] for r in rows if r["segment"] == row["segment"]]
    for other in sorted((t for t in own if t["enough"]), key=lambda t: t["n_per_arm"])[:1]:
        about = {"there": other["available"], "needed": other["n_per_arm"]}
        result.append({"way": "measure", "metric": other["metric"]} | about)
    if test["months"] and times <= AGAIN:
        result.append({"way": "again", "value": math.ceil(times)})
    same = {r["segment"]: r for r in rows if _alike(r["experiment"], test)} | {row["segment"]: row}
    pool = _pooled([r["experiment"] for r in same.values()])
    if pool["needed"] and pool["needed"] <= pool["there"]:
        result.append(
            {"way": "together", "segments": sorted(same.keys() - {row["segment"]})} | pool
        )
    return result


def _alike(one: dict, other: dict) -> bool:
    """Return whether two tests that do not tell enough measure the same over the same time."""
    same = all(one[key] == other[key] for key in ("metric", "unit", "months"))
    small = one["baseline"] is not None and math.isfinite(one["detectable"]) and not one["enough"]
    return same and small and not one["at_least"]


def _pooled(tests: list[dict]) -> dict:
    # halves are drawn within each segment, so only what differs within them is noise
    n = np.array([test["available"] for test in tests])
    baseline = float(np.average([test["baseline"] for test in tests], weights=n))
    if tests[0]["unit"] == "share":
        needed = power.share_test([baseline], int(n.sum()))["n_per_arm"]
    else:
        noise = [test["detectable"] / power.smallest(test["available"]) for test in tests]
        target = max(tests[0]["break_even"] or 0.0, power.LOOKED_FOR * baseline)
        needed = power.needed(target / float(np.sqrt(np.average(np.square(noise), weights=n))))
    return {"there": int(n.sum()), "needed": needed}


def called_for(row: dict, own: list[dict]) -> list[dict]:
    """Return the claims of a segment that call for a lever, none unless every one of it does.

    What its {items} stand for must take enough of the spend, and differ by more than slightly.
    """

    def able(c: dict) -> bool:
        item = c["rule"] in ITEMS and "{items}" in row["action"]
        return not item or (max(c["inside"], c["outside"]) >= ENOUGH and c["word"] != "slightly")

    called = [[c for c in own if c["rule"] in w.split("|") and able(c)] for w in row["when"]]
    return [c for rules in called for c in rules] if all(called) else []


def assorted(ev, claims: list[dict]) -> list[dict]:
    """Return for each product segment its claims, who leans to it, and what it may mean."""
    goods, rows = ev.assortment, []
    affine = [c for c in claims if c["sections"] == ["affinity"]]
    for segment, name in goods.names.items() if goods else ():
        members = [c for c in claims if (c["of"], c["segment"]) == ("products", segment)]
        lean = [c["id"] for c in affine if c["source"]["column"] == name]
        own = {c["rule"]: c["id"] for c in members}
        means = [m for m in WORDS["meanings"] if set(m["when"]) <= set(own)][:MEANT]
        means = [{"text": m["text"], "evidence": [own[r] for r in m["when"]]} for m in means]
        about = {"segment": segment, "name": name, "claims": [c["id"] for c in members]}
        rows.append(about | {"lean": lean, "meanings": means})
    return rows


# --- what page 04 says of it ----------------------------------------------------------------------


def answer(ev, people: list[dict], book: dict) -> dict:
    """Return the words of the answer: whom there is, whom to look at first, and what to try."""
    first = book["targeting"]["ranking"][0]
    own = [row for row in book["levers"] if row["segment"] == first["segment"]]
    actions = [row["action"] for row in own if answerable(row)]
    about = trust(ev) | outweighed(book["targeting"])
    return about | {
        "people": [p for p in people if p["share"] is not None],
        "first": first["name"],
        "weights": "equal" if book["targeting"]["equal"] else "own",
        "action": actions[0] if actions else "",
        "waits": "yes" if own and not actions else "no",
    }


def tests(ev, book: dict) -> pd.DataFrame:
    """Return the experiment that each segment can carry, one row a segment and measure."""
    rows = {}
    for row, test in [(r, t) for r in book["levers"] for t in (r["experiment"], r["other"]) if t]:
        if test["baseline"] is None:
            continue
        segment, unit, less = row["segment"], test["unit"], test.get("less", False)
        rows[segment, test["metric"]] = {
            "segment": row["name"],
            "measure": test["metric"].partition(",")[0],
            "baseline": amount(test["baseline"], unit),
            "looked for": gain(test["target"], unit, less),
            "needed a half": test["n_per_arm"],
            "there are": test["available"] if segment in ev.sized else None,
            "months": test["months"],
            "smallest": gain(test["detectable"], unit, less),
            "break-even": amount(test["break_even"], unit) if test["break_even"] else None,
        }
    return pd.DataFrame(list(rows.values())).dropna(axis=1, how="all")
