"""Is the verdict right on tables that nobody has tuned it on? Run: make bench, or see `main`.

Every world is drawn at random: rows, columns and their kinds, groups and their sizes, distances
and shapes, columns that tell nothing, rounding, skew, zeros, missing values, curvature, columns
that are functions of others, styles of response. Worlds from 0 on are for development; the
examination is worlds from 10,000,000 on, and is run once, when the code is done (those from
1,000,000 to 9,000,000 on are spent).

Each world also says what an oracle could know: the share of its rows that a classifier puts into
the right group after it was told the groups of 8,000 other rows of the same world. Of groups that
even the oracle confuses, no clustering can find the number. And it says how well k-means or a
mixture of normal groups finds the groups when told their number: where neither comes near the
oracle, their number is right by luck.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
import time
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import confusion_matrix

EXAMINATION = 10_000_000  # the first seed of the next examination; those before are spent
TOLD = 8_000  # rows whose groups the oracle is told
K_MAX = 8
NEAR = 0.05  # share of rows by which a clustering may fall short of the oracle


@dataclass(frozen=True)
class World:
    """A table, the group of each row, and what sort of table it is."""

    frame: pd.DataFrame
    group: np.ndarray
    k: int
    sort: str  # grouped, plain, bent or tied
    oracle: float  # share of rows that it assigns rightly; 1 without groups
    smallest: int  # rows of the smallest group


# --- a world: what is drawn once, and rows drawn from it ------------------------------------------


def world(seed: int) -> World:
    """Return the world with this seed: 45 of 100 have no groups."""
    rng = np.random.default_rng([17, seed])
    n = int(np.exp(rng.uniform(np.log(150), np.log(2000))))
    sort = rng.choice(["grouped", "plain", "bent", "tied"], p=[0.55, 0.2, 0.12, 0.13])
    law = _law(rng, sort)
    frame, group = _rows(law, n, np.random.default_rng([18, seed]))
    if law["k"] == 1:
        return World(frame, group, 1, str(sort), 1.0, n)
    counts = np.bincount(group, minlength=law["k"])
    oracle = _oracle(law, frame, group, np.random.default_rng([19, seed]))
    return World(frame, group, law["k"], str(sort), oracle, int(counts.min()))


def _law(rng: np.random.Generator, sort: str) -> dict:
    """Return all that holds for every row of a world."""
    k = int(rng.choice([2, 3, 4, 5, 6], p=[0.3, 0.25, 0.2, 0.15, 0.1])) if sort == "grouped" else 1
    telling, noise = int(rng.integers(2, 9)), int(rng.choice([0, 0, 0, 1, 2, 4, 6]))
    p = telling + noise
    sizes = rng.dirichlet(np.full(k, rng.choice([1.5, 4.0, 20.0])))
    sizes = np.maximum(sizes, 0.04) / np.maximum(sizes, 0.04).sum()
    centres = np.zeros((k, p))
    if k > 1:
        centres[:, :telling] = rng.normal(size=(k, telling)) * (rng.random((k, telling)) < 0.75)
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[np.triu_indices(k, 1)]
        centres *= np.exp(rng.uniform(np.log(1.8), np.log(8))) / max(apart.min(), 0.05)
    mixings = [_mixing(rng, p, telling) for _ in range(k if rng.random() < 0.4 else 1)]
    return {
        "k": k, "sizes": sizes, "centres": np.clip(centres, -25, 25), "mixings": mixings,
        "tails": rng.choice([0, 0, 0, 4]), "bend": _bend(rng, sort, telling),
        "style": rng.choice([0, 0, 0, 0.5]), "columns": [_column(rng) for _ in range(p)],
        "likert": rng.random() < 0.3, "ties": _ties(rng, p, sort), "shift": rng.normal(size=p),
    }  # fmt: skip


def _mixing(rng: np.random.Generator, p: int, telling: int) -> np.ndarray:
    """Return what correlates and scales the columns within a group."""
    common = rng.choice([0, 0.5, 1.0])
    mixing = np.eye(p) + common * rng.normal(size=(p, p)) / np.sqrt(p)
    mixing[:telling, telling:] = mixing[telling:, :telling] = 0
    mixing /= np.sqrt((mixing**2).sum(axis=0))
    return mixing * rng.uniform(0.7, 1.4, p)


def _bend(rng: np.random.Generator, sort: str, telling: int) -> dict | None:
    """Return a curve along which rows lie evenly; in a grouped world, now and then, within."""
    if sort != "bent":
        return None
    return {
        "turn": rng.uniform(0.5, 1.6) * np.pi,
        "width": rng.uniform(0.05, 0.25),
        "law": rng.choice(["even", "normal"]),
        "plane": rng.permutation(telling)[:2],
    }


def _column(rng: np.random.Generator) -> dict:
    """Return how a column is written: its kind, and what is missing or zero of it."""
    kind = rng.choice(["number", "money", "count", "likert", "yes_no", "nominal"],
                      p=[0.4, 0.15, 0.15, 0.15, 0.1, 0.05])  # fmt: skip
    return {"kind": kind, "missing": rng.choice([0, 0, 0, 0.05, 0.15]),
            "zeros": rng.choice([0, 0, 0.3]), "cut": rng.uniform(-0.6, 0.6),
            "skew": rng.uniform(0.3, 0.9), "levels": int(rng.integers(3, 6))}  # fmt: skip


def _ties(rng: np.random.Generator, p: int, sort: str) -> list[dict]:
    """Return columns that are functions of others."""
    if sort != "tied" and rng.random() > 0.1:
        return []
    forms = ["product", "ratio", "square", "step", "gone"]
    return [{"form": rng.choice(forms), "of": rng.choice(p, 2, replace=False)}
            for _ in range(int(rng.integers(1, 3)))]  # fmt: skip


def _rows(law: dict, n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return n rows of a world, and the group of each."""
    group = rng.choice(law["k"], n, p=law["sizes"])
    p = law["centres"].shape[1]
    noise = rng.normal(size=(n, p))
    if law["tails"]:
        noise *= np.sqrt(law["tails"] / rng.chisquare(law["tails"], (n, 1)))
    mixings = np.stack([law["mixings"][g % len(law["mixings"])] for g in range(law["k"])])
    latent = law["centres"][group] + np.einsum("np,npq->nq", noise, mixings[group])
    if law["bend"]:
        latent[:, law["bend"]["plane"]] = _on_a_curve(law["bend"], n, rng)
    latent += law["style"] * rng.normal(size=(n, 1))
    centre, spread = law["centres"].T @ law["sizes"], np.sqrt(1 + law["centres"].var(axis=0))
    standard = (latent - centre) / spread
    frame = pd.DataFrame({
        f"c{j + 1}": _written(law, j, latent[:, j], standard[:, j], rng) for j in range(p)
    })  # fmt: skip
    for i, tie in enumerate(law["ties"]):
        frame[f"t{i + 1}"] = _tied(tie, frame)
    return frame, group


def _on_a_curve(bend: dict, n: int, rng: np.random.Generator) -> np.ndarray:
    along = (
        rng.uniform(-1, 1, n) if bend["law"] == "even" else rng.normal(0, 0.5, n).clip(-1.5, 1.5)
    )
    angle = along * bend["turn"] / 2
    arc = 3 * np.column_stack([np.sin(angle), np.cos(angle)])
    return arc + rng.normal(0, 3 * bend["width"], (n, 2))


def _written(law: dict, j: int, latent: np.ndarray, standard: np.ndarray, rng) -> pd.Series:
    """Return a latent column as a table would hold it."""
    how = law["columns"][j]
    kind = "likert" if law["likert"] else how["kind"]
    if kind == "number":
        values = pd.Series(latent)
    elif kind == "money":
        values = pd.Series(np.exp(3 + how["skew"] * standard.clip(-6, 6)).round(2))
        values = values.mask(rng.random(len(values)) < how["zeros"], 0.0)
    elif kind == "count":
        values = pd.Series(
            rng.poisson(np.exp(1 + how["skew"] * standard.clip(-6, 4))).astype(float)
        )
    elif kind == "likert":
        values = pd.Series(np.clip(np.round(3 + law["shift"][j] / 2 + 1.1 * standard), 1, 5))
    elif kind == "yes_no":
        values = pd.Series(np.where(standard > how["cut"], "yes", "no"), dtype="category")
    else:
        edges = norm.ppf(np.linspace(0, 1, how["levels"] + 1)[1:-1])
        order = np.random.default_rng(how["levels"]).permutation(how["levels"])
        letters = np.array(list("abcdef"))[order][np.searchsorted(edges, standard)]
        values = pd.Series(letters, dtype="category")
    return values.mask(rng.random(len(values)) < how["missing"])


def _tied(tie: dict, frame: pd.DataFrame) -> pd.Series:
    """Return a column that follows from two others."""
    numbers = [frame[f"c{j + 1}"] for j in tie["of"]]
    a, b = (pd.Series(x.cat.codes.astype(float)) if x.dtype == "category" else x for x in numbers)
    return {
        "product": lambda: a * b,
        "ratio": lambda: a / (b.abs() + 1),
        "square": lambda: a**2,
        "step": lambda: (a > a.median()).astype(float) * 2 + (b > b.median()),
        "gone": lambda: (a + b).where(a > a.quantile(0.4)),
    }[tie["form"]]()


def _oracle(law: dict, frame: pd.DataFrame, group: np.ndarray, rng: np.random.Generator) -> float:
    """Return the share of rows that a classifier taught on other rows assigns rightly."""
    other, known = _rows(law, TOLD, rng)
    kind = [name for name in frame if frame[name].dtype == "category"]
    for name in kind:
        levels = sorted({*frame[name].dropna(), *other[name].dropna()})
        for table in (frame, other):
            table[name] = pd.Categorical(table[name], levels)
    model = HistGradientBoostingClassifier(
        max_iter=60, max_leaf_nodes=15, categorical_features="from_dtype", random_state=0
    )
    told = other.columns[other.notna().any()]
    right = model.fit(other[told], known).score(frame[told], group)
    for name in kind:
        frame[name] = frame[name].cat.remove_unused_categories()
    return float(right)


# --- what the verdict says of it ------------------------------------------------------------------


def judged(seed: int) -> dict:
    """Return what is true of a world and what the verdict says of it."""
    from seglib import api  # noqa: PLC0415 - workers load it

    one = world(seed)
    row = {
        "seed": seed, "sort": one.sort, "true_k": one.k, "oracle": one.oracle,
        "smallest": one.smallest, "n": len(one.frame), "columns": one.frame.shape[1],
    }  # fmt: skip
    start = time.process_time()
    try:
        X = api.table(one.frame)
        encoder = api.Encoder().fit(X)
        verdict = api.decided(X, encoder, k_max=K_MAX, seed=seed)[1]
    except api.StudyError as error:
        return row | {"kind": "refused", "k": 0, "apart": 1, "said": str(error)}
    seconds = time.process_time() - start
    support = verdict.evidence["support"].get(verdict.k)
    return row | {"kind": verdict.kind, "k": verdict.k, "seconds": seconds, "apart": verdict.apart,
                  "support": support, "found": found(one, encoder, X)}  # fmt: skip


def found(one: World, encoder, X: pd.DataFrame) -> float:
    """Return the share of rows that the better of two clusterings told the number has right."""
    from seglib import api  # noqa: PLC0415 - workers load it

    if one.k == 1:
        return 1.0
    right = []
    for method in ("kmeans", "gmm"):
        segments = api.SegmentModel(encoder, one.k, method).fit(X).predict(X)["segment"]
        common = confusion_matrix(one.group, segments - 1)
        right.append(common[linear_sum_assignment(common, maximize=True)].sum() / len(X))
    return float(max(right))


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the shares that issue and docs ask for, with what they are of."""
    groups = rows[rows["sort"] == "grouped"]
    natural = rows["kind"] == "natural"
    right = rows["k"] == rows["true_k"]
    wrong, least = natural & ~right, rows["apart"] > 1
    fewer = rows["apart"] > rows["true_k"]
    plain, odd = rows["sort"] == "plain", rows["sort"].isin(["bent", "tied"])
    easy = (groups["oracle"] >= 0.95) & (groups["smallest"] >= 30)
    middling = groups["oracle"].between(0.8, 0.9) & (groups["smallest"] >= 30)
    near = groups["found"] >= groups["oracle"] - NEAR
    named = groups["kind"].isin(["natural", "reproducible"]) & right[groups.index]
    lines = [
        ("no groups, plain: called natural", natural[plain], "at most 1%"),
        ("no groups, plain: called reproducible", rows["kind"][plain].eq("reproducible"),
         "at most 5%"),
        ("no groups, bent or tied: called natural", natural[odd], "at most 2%"),
        ("no groups, bent or tied: called reproducible", rows["kind"][odd].eq("reproducible"), ""),
        ("all: natural, with another number", wrong, "at most 1%"),
        ("no group below 30 rows: natural, with another number", wrong[rows["smallest"] >= 30], ""),
        ("all: natural with too many groups", wrong & (rows["k"] > rows["true_k"]), ""),
        ("all: 'at least k groups' where there are fewer", least & fewer, "at most 1%"),
        ("'at least k groups' said: there are as many", ~fewer[least], "calibrated"),
        ("'at least k groups' said: there are more", rows["apart"][least] < rows["true_k"][least],
         ""),
        ("oracle 95% or more, smallest 30 or more: number right", named[easy], "at least 95%"),
        ("oracle 80 to 90%, smallest 30 or more: number right", named[middling], "at least 60%"),
        ("oracle 95% or more: found by a clustering told the number", near[easy], ""),
        ("oracle 95% or more, found so: number right", named[easy & near], ""),
        ("oracle 80 to 90%: found by a clustering told the number", near[middling], ""),
        ("oracle 80 to 90%, found so: number right", named[middling & near], ""),
        ("called natural: groups are there", rows["sort"][natural].eq("grouped"), "calibrated"),
        ("called reproducible: groups are there",
         rows["sort"][rows["kind"].eq("reproducible")].eq("grouped"), ""),
    ]  # fmt: skip
    return pd.DataFrame([
        {"what": what, "worlds": len(which), "count": int(which.sum()), "share": which.mean(),
         "target": target} for what, which, target in lines
    ])  # fmt: skip


def calibration(rows: pd.DataFrame) -> pd.DataFrame:
    """Of what has a kind, the share that is so, per bin of its support."""
    named = rows[rows["kind"].isin(["natural", "reproducible"])]
    edges = [-np.inf, 2, 4, 8, 16, np.inf]
    facts = pd.DataFrame({
        "kind": named["kind"], "support": pd.cut(named["support"], edges, right=False),
        "groups are there": named["sort"] == "grouped",
        "the number is right": named["k"] == named["true_k"],
    })  # fmt: skip
    by = facts.groupby(["kind", "support"], observed=True)
    return by.mean().assign(worlds=by.size()).reset_index()


def record(rows: pd.DataFrame) -> dict:
    """Return how often each answer was right: what pages say of it."""
    answer = rows["kind"].mask(rows["kind"].eq("reproducible") & (rows["apart"] > 1), "apart")
    grouped = rows["sort"] == "grouped"
    facts = pd.DataFrame({
        "groups": grouped, "least": rows["apart"] <= rows["true_k"],
        "number": rows["k"] == rows["true_k"], "oracle": rows["oracle"].where(grouped),
    })  # fmt: skip
    by = facts.groupby(answer)
    told = by.mean().round(2).join(by.size().rename("n"))
    first = {"all": {"worlds": len(rows), "prior": round(float(grouped.mean()), 2)}}
    return first | told.loc[["natural", "apart", "reproducible", "none"]].to_dict("index")


def main() -> None:
    """Judge worlds and print the table; the examination is written beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--examination", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rows", type=Path, help="a JSON file for a row a world")
    given = parser.parse_args()
    first = EXAMINATION if given.examination else given.first
    with Pool(given.processes) as pool:
        seeds = range(first, first + given.worlds)
        rows = pd.DataFrame(list(pool.imap_unordered(judged, seeds))).sort_values("seed")
    if given.rows:
        given.rows.write_text(json.dumps(rows.to_dict("records"), default=str, indent=0))
    shown = table(rows).to_string(index=False, float_format="{:.3f}".format)
    bins = calibration(rows).to_string(index=False, float_format="{:.2f}".format)
    print(shown, f"\n\n{bins}\n\n{rows['seconds'].median():.1f} s of CPU a world (median)")
    if given.examination:
        about = f"{given.worlds:,} random worlds, seeds from {EXAMINATION:,}; run once.\n\n"
        Path(__file__).with_suffix(".md").write_text(f"{about}{shown}\n\n{bins}\n")
        words = Path(__file__).parents[1] / "seglib" / "wording" / "examined.yaml"
        head = words.read_text().splitlines()[0]
        said = yaml.safe_dump(record(rows), sort_keys=False, default_flow_style=None)
        words.write_text(f"{head}\n{said}")


if __name__ == "__main__":
    main()
