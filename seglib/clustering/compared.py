"""The comparison of bases as tables and sentences."""

import pandas as pd

from seglib.wording import listing, minus

BASES = {
    "behavioural": "what they do", "needs": "what they buy", "psychographic": "what they think",
    "demographic": "who they are", "geographic": "where they live", "plan": "what plan they have",
}  # fmt: skip
SAME = {0.75: "nearly the same", 0.4: "much the same", 0.1: "partly the same",
        -1: "hardly the same"}  # fmt: skip
KINDS = {
    "natural": "groups that stand apart", "reproducible": "regions that come back",
    "none": "no groups: the cut that comes back best",
}  # fmt: skip


def label(base: str) -> str:
    """Return a base as a manager would say it, with its technical name."""
    return f"{BASES[base]} ({base})" if base in BASES else base


def sentences(found: dict, known: bool, who: str = "customers") -> dict[str, str]:
    """Return what to say about ``who`` is compared, ``best``, ``overlap`` and ``combined``.

    Parameters
    ----------
    found : dict
        As :func:`seglib.clustering.bases.compare` returns it.
    known : bool
        Whether outcomes are given, by which the bases are judged.
    who : str
        What the customers are called.
    """
    out = {"who": _who(found, who), "best": "", "overlap": "", "combined": ""}
    if len(found["bases"]) < 2:
        return out
    out["overlap"] = "\n".join(f"- {_overlap(row)}" for row in found["overlap"])
    if not known:
        return {
            **out,
            "best": "None was judged by what happened afterwards, so none is called better.",
        }
    out["best"] = "\n".join(f"- {_best(row)}" for row in found["outcomes"])
    out["best"] = out["best"] or "What happened afterwards hardly varies, so no base can lead."
    return {**out, "combined": _combined(found)}


def _who(found: dict, who: str) -> str:
    left = [f"{label(row['base'])} is left out: {row['reason']}" for row in found["left_out"]]
    text = " ".join(f"{line[0].upper()}{line[1:].rstrip('.')}." for line in left)
    if len(found["bases"]) < 2:
        only = "Only one kind of columns can be segmented here, so there is nothing to compare."
        return f"{only} {text}".strip()
    share = found["share"]
    text += f" All kinds are compared on the {found['n']:,} {who} of whom each is known"
    if not share or share["of"] == found["n"]:
        return (text + ".").strip()
    text += f", out of {share['of']:,} whose later {share['outcome']} is known"
    if share["everyone"] <= 0:
        return (text + ".").strip()
    times = share["mean"] / share["everyone"]
    same = 0.95 < times < 1.05
    what = "about the same mean" if same else f"{times:.1f} times the mean"
    end = "" if same else ", so what holds for them need not hold for the rest"
    return f"{text}. They have {what} {share['outcome']} of everyone{end}.".strip()


def _best(row: dict) -> str:
    lead = next(b for b in row["bases"] if b["base"] == row["leader"])
    what = f"{row['outcome']} ({row['metric']}; {row['nothing']:g} is nothing)"
    if not lead["tells"]:
        return f"Of {what} no base tells anything certain."
    ahead = [b for b in row["behind"] if b["low"] > 0]
    near = [label(b["base"]) for b in row["behind"] if b["low"] <= 0]
    text = f"{label(row['leader'])} tells most about {what}: {span(lead['alone'])}"
    if ahead:
        text += ", certainly ahead of " + listing(
            [f"{label(b['base'])} (by {span(b)})" for b in ahead]
        )
    if near:
        text += f"{', but' if ahead else ','} not certainly ahead of {listing(near)}"
    return text[0].upper() + text[1:] + "." + _beside_used(row)


def _beside_used(row: dict) -> str:
    if not row["used"]:
        return ""
    gap = row["over_used"]
    word = "certainly behind it" if gap["low"] > 0 else "not certainly behind it"
    word = "certainly ahead of it" if gap["high"] < 0 else word
    return (
        f" The {row['k_used']} segments used reach {span(row['used'])}, {word} "
        f"(its {row['k']} segments lead by {span(gap)})."
    )


def _overlap(row: dict) -> str:
    word = next(word for least, word in SAME.items() if row["value"] >= least)
    end = "" if row["more_than_chance"] else ", no more than by chance"
    return (
        f"{label(row['first']).capitalize()} and {label(row['second'])} make {word} groups "
        f"(agreement {span(row)}{end})."
    )


def _combined(found: dict) -> str:
    tried, scheme = found["pairs"], found["combined"]
    if not tried:
        return "No two bases can be crossed into more groups than one of them has already."
    times = f"{len(tried)} crossing{'s' if len(tried) > 1 else ''}"
    if scheme is None:
        near = max(tried, key=lambda row: row["gain"]["value"])
        return (
            f"**Nothing is gained by combining two of them.** Of {times} tried (every pair for "
            "every outcome) none predicts "
            f"clearly better than its rivals. The one that comes closest, {_pair(near)} for "
            f"{near['outcome']}, changes {near['metric']} by {span(near['gain'])} against "
            f"{_rival(near)}."
        )
    row = next(r for r in tried if r["adds"] and all(
        r[key] == scheme[key] for key in ("first", "second", "outcome")
    ))  # fmt: skip
    return (
        f"**Combining adds something**: {_pair(row)}, {row['cells']} groups, predicts "
        f"{row['outcome']} with {row['metric']} {span(row['score'])}: "
        f"{span(row['over_single'])} more than the best single base, and {span(row['gain'])} more "
        f"than {_rival(row)}. It is the best of {times} tried (chance of this without "
        f"anything to find, corrected for all tried: {row['p_adjusted']:.3f}), so its gain is a "
        "little flattered."
    )


def _pair(row: dict) -> str:
    return f"{label(row['first'])} × {label(row['second'])}"


def _rival(row: dict) -> str:
    base, comma, _ = row["gain"]["over"].partition(",")
    if base not in BASES:
        return base
    return f"{label(base)} alone" + (f", cut into as many groups ({row['cells']})" if comma else "")


def table(found: dict) -> pd.DataFrame:
    """Return one row a base: of whom it is known, its segments, what it adds to the others."""
    rows = {
        label(base["base"]): {
            "known of": base["n"], "segments": base["k"], "what they are": KINDS[base["kind"]],
            **{f"adds to {row['outcome']} ({row['metric']})": span(own["adds"])
               for row in found["outcomes"] for own in row["bases"] if own["base"] == base["base"]},
        }
        for base in found["bases"]
    }  # fmt: skip
    return pd.DataFrame(rows.values(), index=pd.Index(rows, name="kind of columns"))


def scores(found: dict) -> dict[str, pd.DataFrame]:
    """Return per outcome what each base tells alone, the segments used, and all bases together."""
    out = {}
    for row in found["outcomes"]:
        rows = {f"{label(base['base'])}": base["alone"] for base in row["bases"]}
        rows |= {"the segments used": row["used"]} if row["used"] else {}
        rows |= {"all kinds together": row["all"]}
        out[f"{row['outcome']} ({row['metric']})"] = pd.DataFrame(rows).T[["value", "low", "high"]]
    return out


def cells(found: dict) -> pd.DataFrame:
    """Return one row a group of the combined scheme: its members and what they did afterwards."""
    scheme = found["combined"]
    rows = {
        " or ".join(f"{scheme['first']} {a} and {scheme['second']} {b}" for a, b in cell["parts"]):
        {"n": cell["n"], f"mean {scheme['outcome']}": span({**cell, "value": cell["mean"]})}
        for cell in scheme["cells"]
    }  # fmt: skip
    return pd.DataFrame(rows.values(), index=pd.Index(rows, name="group"))


def span(found: dict) -> str:
    """Return '0.35 (0.32 to 0.37)'."""
    value, low, high = (minus(f"{found[key]:z.2f}") for key in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
