"""Small groups: point 17.

The tests attack what is published as a reader could: they add up, subtract, and look for the whole
numbers of customers that fit a percentage and its interval.
"""

import re

import exposed
import numpy as np
import pytest
from pages import tables
from scipy.stats import norm

MINIMUM = {"shop": 10, "exposed_shop": exposed.MINIMUM}  # minimum_cell, the first by default
PEOPLE = r"\b(n|customers|members|buyers|people|known|addressed)\b"
SHARE = re.compile(r"([\d.]+)% \(([\d.]+)% to ([\d.]+)%\)")


@pytest.fixture(scope="module", params=list(MINIMUM))
def case(request, finished):
    """A finished run and the smallest number of customers that it may show."""
    return finished(request.param), MINIMUM[request.param]


def whole(text):
    """Return a cell as a number if it is a whole one, else None."""
    digits = text.replace(",", "")
    return int(digits) if digits.isdigit() else None


# --- what is shown --------------------------------------------------------------------------------


@pytest.mark.point(17)
def test_no_table_counts_fewer_customers_than_the_minimum(case):
    run, minimum = case
    people = [t for t in tables(run) if "product" not in t.attrs["page"]]
    counts = [
        (table.attrs["page"], head, number)
        for table in people
        for head in table.columns
        if re.search(PEOPLE, head, re.I)
        for number in map(whole, table[head].iloc[:, 0] if table[head].ndim > 1 else table[head])
        if number is not None
    ]
    assert len({page for page, *_ in counts}) > 2
    assert [row for row in counts if row[-1] < minimum] == []


@pytest.mark.point(17)
def test_no_sentence_counts_fewer_customers_than_the_minimum(case):
    run, minimum = case
    pattern = (
        r"(?<!than )(?<!least )(?:\bn = (\d[\d,]*)|\b(\d[\d,]*) (?:customers|members|buyers)\b)"
    )
    text = run.text("*/0*.html") + run.text("index.html")
    counts = [int((a or b).replace(",", "")) for a, b in re.findall(pattern, text)]
    assert len(counts) > 20
    assert [n for n in counts if n < minimum] == []


def numbers(what, keys, key=""):
    """Yield every number in a document under one of the keys."""
    if isinstance(what, dict):
        for name, value in what.items():
            yield from numbers(value, keys, name)
    elif isinstance(what, list):
        for value in what:
            yield from numbers(value, keys, key)
    elif key in keys and what is not None:
        yield what


@pytest.mark.point(17)
@pytest.mark.parametrize("name", ["claims", "personas", "playbook", "measures"])
def test_no_shared_file_counts_fewer_customers_than_the_minimum(case, name):
    run, minimum = case
    assert [n for n in numbers(run.json(f"{name}.json"), {"n", "cell"}) if n < minimum] == []


# --- what can be worked out -----------------------------------------------------------------------


def sizes(run):
    """Return the sizes of the segments that any table shows, by number and by name."""
    found = {}
    for table in tables(run):
        heads = [h for h in table if re.fullmatch("n|customers|members", h)]
        if heads and table.index.name in {"segment", "members of"}:
            shown = table[heads[0]].map(whole).dropna()
            found |= {str(name): int(n) for name, n in shown.items()}
    return found


@pytest.mark.point(17)
def test_no_size_of_a_small_segment_follows_from_the_others_and_the_total(finished):
    run = finished("exposed_shop")
    true = run.frame("segments.parquet")["segment"].value_counts()
    assert true.min() < exposed.MINIMUM < true.max()
    names = run.frame("segments.csv").groupby("segment")["name"].first().astype(str)
    hidden = [s for s in true.index if not {str(s), names[s]} & set(sizes(run))]
    assert len(hidden) >= 2
    assert true[hidden].sum() - exposed.MINIMUM >= true[hidden].min()


def wilson(counts, n):
    """Return the lower and the upper end of Wilson's 95% interval of shares."""
    z = norm.ppf(0.975)
    share = counts / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def fitting(cell, n):
    """Return the numbers out of n that a share with its interval can be of, none if of no count."""
    found = SHARE.search(cell)
    if not found:
        return np.array([], int)
    counts = np.arange(n + 1)
    ends = (counts / n, *wilson(counts, n))
    near = [
        np.abs(100 * end - float(text)) <= 0.5 * 10.0 ** -len(text.partition(".")[2]) + 1e-9
        for end, text in zip(ends, found.groups(), strict=True)
    ]
    return counts[np.all(near, axis=0)]


def told(counts, n, minimum):
    """Return whether counts that fit a cell leave no doubt that few did, or that few did not."""
    few = (counts > 0) & (counts < minimum)
    rest = (counts < n) & (n - counts < minimum)
    return len(counts) > 0 and bool(few.all() or rest.all())


def test_the_attack_on_shares_succeeds_where_it_should():
    assert list(fitting("92% (82% to 96%)", 60)) == [55]
    assert told(fitting("92% (82% to 96%)", 60), 60, 10)  # five were not
    assert told(fitting("1.7% (0.3% to 8.9%)", 60), 60, 10)
    assert not told(fitting("28% (19% to 38%)", 80), 80, 10)
    assert not len(fitting("56% (47% to 64%)", 80))  # a share of money


@pytest.mark.point(17)
def test_no_share_of_a_segment_tells_of_fewer_customers_than_the_minimum(finished):
    run, minimum = finished("shop"), MINIMUM["shop"]
    known = sizes(run)
    assert len(known) >= 3
    cells = [
        (table.attrs["page"], head, name, cell)
        for table in tables(run)
        for head in table
        for name, cell in table[head].items()
        if name in known and told(fitting(str(cell), known[name]), known[name], minimum)
    ]
    assert cells == []


# --- shares in sentences, claims and tests --------------------------------------------------------

SAID = re.compile(r"([\d.]+)% of the ([\d,]+) \w+")  # of how many, in the same breath
THEM = re.compile(r"([\d.]+)% of (?:them|those)\b")


def rounded(percent, n):
    """Return the numbers out of n of which a share, without an interval, can be written so."""
    counts = np.arange(n + 1)
    half = 0.5 * 10.0 ** -len(percent.partition(".")[2]) + 1e-9
    return counts[np.abs(100 * counts / max(n, 1) - float(percent)) <= half]


def telling(text, minimum, pattern=SAID, n=None):
    """Return the shares in a text that tell of few, of numbers beside them or of `n`."""
    found = [(m[0], m[1], n or int(m[2].replace(",", ""))) for m in pattern.finditer(text)]
    return [said for said, part, of in found if told(rounded(part, of), of, minimum)]


def test_the_attack_on_sentences_succeeds_where_it_should():
    assert telling("98% of the 200 customers known before it ordered again.", 10)
    assert telling("90% of them buy it", 10, THEM, 60)
    assert telling("98% of those who meet it belong here", 10, THEM, 60)
    assert telling("3.6% of those", 10, THEM, 56)
    assert not telling("100% of those who meet it belong here", 10, THEM, 60)
    assert not telling("75% of the 200 customers", 10)


@pytest.mark.point(17)
def test_no_sentence_gives_a_share_that_tells_of_few(case):
    run, minimum = case
    assert telling(run.text("*/0*.html") + run.text("index.html"), minimum) == []


@pytest.mark.point(17)
def test_no_share_beside_how_many_are_known_tells_of_few(case):
    run, minimum = case
    rows = [
        (table.attrs["page"], name, row["share"], whole(row["known of"]))
        for table in tables(run)
        if {"share", "known of"} <= set(table)
        for name, row in table.iterrows()
    ]
    assert rows
    shares = [(*_, re.match(r"[\d.]+", share), n) for *_, share, n in rows if n]
    found = [
        row for row in shares if row[-2] and told(rounded(row[-2][0], row[-1]), row[-1], minimum)
    ]
    assert found == []


@pytest.mark.point(17)
def test_no_share_of_whom_a_column_is_known_tells_of_few(case):
    run, minimum = case
    n = len(run.frame("customers.parquet"))
    shares = [
        share for table in tables(run) if "known for" in table for share in table["known for"]
    ]
    assert len(shares) > 10
    counts = [rounded(share.rstrip("%"), n) for share in shares if share != "–"]
    assert not any(told(of, n, minimum) for of in counts)


@pytest.mark.point(17)
def test_no_claim_gives_a_share_that_tells_of_few(case):
    run, minimum = case
    known = sizes(run)
    found = [
        (c["id"], c["sentence"])
        for c in run.json("claims.json")
        for n in {c["n"], known.get(str(c["segment"]), c["n"])}
        if c["of"] == "customers"
        and (
            telling(c["sentence"], minimum, THEM, n)
            or (c["rule"] == "rule" and c["low"] is not None and few(c["value"], n, minimum))
            or (c["kind"] in {"lift", "difference"} and few(c["inside"], n, minimum))
        )
    ]
    assert found == []


def few(share, n, minimum):
    """Return whether a share, written in full, tells of few of n; one of other numbers does not."""
    count = round(share * n)
    exact = abs(count - share * n) < 1e-6
    return exact and any(0 < part < minimum for part in (count, n - count))


@pytest.mark.point(17)
def test_no_test_tells_of_few_who_did_or_did_not(case):
    run, minimum = case
    tests = [row | row["experiment"] for row in run.json("playbook.json")["levers"]]
    members = run.frame("segments.parquet")["segment"].value_counts()
    of_share = [t for t in tests if t["unit"] == "share" and t["baseline"] is not None]
    told_of = [t for t in of_share if few(t["baseline"], members[t["segment"]], minimum)]
    assert tests and told_of == []
    assert not re.search(r"[+−]0 points", run.text("*/0*.html") + run.text("index.html"))


@pytest.mark.point(17)
def test_of_a_segment_whose_size_is_hidden_only_the_minimum_is_told(case):
    run, minimum = case
    names = run.frame("segments.csv").groupby("segment")["name"].first().astype(str)
    hidden = {s for s, name in names.items() if not {str(s), name} & set(sizes(run))}
    claims = [c for c in run.json("claims.json") if c["of"] == "customers"]
    own = [c for c in claims if c["segment"] in hidden]
    assert bool(own) == bool(hidden)
    assert {(c["n"], c["at_least"]) for c in own} <= {(minimum, True)}
    levers = run.json("playbook.json")["levers"]
    tests = [row["experiment"] for row in levers if row["segment"] in hidden]
    assert {(t["available"], t["at_least"]) for t in tests} <= {(minimum // 2, True)}
    assert not hidden or f"n ≥ {minimum}" in run.text("*/04*.html")


@pytest.mark.point(17)
def test_no_figure_of_a_segment_tells_the_size_that_is_hidden(case):
    run, _ = case
    names = run.frame("segments.csv").groupby("segment")["name"].first().astype(str)
    hidden = [s for s, name in names.items() if not {str(s), name} & set(sizes(run))]
    claims = [c for c in run.json("claims.json") if c["of"] == "customers"]
    own = [c for c in claims if c["segment"] in hidden]
    assert [c["sentence"] for c in own if c["rule"] == "revenue"] == []  # ÷ mean spend: the size
    rows = own + [
        row["experiment"] for row in run.json("playbook.json")["levers"] if row["segment"] in hidden
    ]
    keys = {"value", "low", "high", "inside", "outside", "baseline", "detectable", "target"}
    figures = [x for x in numbers(rows, keys) if isinstance(x, float)]
    assert bool(figures) == bool(hidden)
    assert [x for x in figures if x != float(f"{x:.2g}")] == []  # in full, it is a fraction of n
    people = [p for p in run.json("personas.json") if p["segment"] in hidden]
    assert [p for p in people if {p["n"], p["share"], p["revenue_share"]} != {None}] == []


@pytest.mark.point(17)
@pytest.mark.parametrize(("study", "expected"), [("shop", False), ("trials", True)])
def test_a_question_that_stays_open_because_of_hidden_cells_is_said_to_be_open(
    finished, study, expected
):
    run = finished(study)
    kpis = run.json("measures.json")["kpis"]
    again = [k["value"] for k in kpis if k["metric"] == "retained" and k["segment"] > 0]
    hidden = len(again) > 1 and set(again) == {None}
    assert ("keep coming back stays unanswered" in run.text("index.html")) == hidden == expected


# --- shares of several tables ---------------------------------------------------------------------

HEADS = {  # the heading of a share → the group that is counted, and of which
    r"^active.*before": ("before", "all"),
    r"^active.*after": ("after", "all"),
    r"^retained": ("both", "before"),
    r"^reactivated": ("only after", "not before"),
}

GROUPS = {  # which of those active before and after, before only, after only, and neither
    "all": [0, 1, 2, 3], "before": [0, 1], "after": [0, 2], "both": [0], "only after": [2],
    "not before": [2, 3],
}  # fmt: skip


def shares(run):
    """Return, for each segment whose size is shown, the cells that `HEADS` names."""
    known, found = sizes(run), {}
    for table in tables(run):
        for head in table:
            which = [what for pattern, what in HEADS.items() if re.search(pattern, head, re.I)]
            for name, cell in table[head].items() if which else ():
                if name in known:
                    found.setdefault(name, {})[which[0]] = cell
    return {name: (known[name], cells) for name, cells in found.items()}


def possible(n, cells):
    """Return every way in which n customers can be divided that fits all cells shown.

    Columns are active before and after, before only, after only, and neither.
    """
    grid = np.indices([n + 1] * 3).reshape(3, -1)
    both, lost, won = grid[:, grid.sum(axis=0) <= n]
    ways = np.stack([both, lost, won, n - both - lost - won])
    for (part, of), cell in sorted(cells.items(), key=lambda item: item[0][1]):  # "all" first
        if SHARE.search(cell):
            some, whole = ways[GROUPS[part]].sum(axis=0), ways[GROUPS[of]].sum(axis=0)
            fit = {m: fitting(cell, m) for m in np.unique(whole) if m}
            ways = ways[:, [m > 0 and p in fit[m] for p, m in zip(some, whole, strict=True)]]
    return ways.T


@pytest.mark.point(17)
def test_pages_show_how_many_were_active_and_came_again(finished):
    found = shares(finished("shop"))
    assert len(found) == 3
    assert all(set(cells) == set(HEADS.values()) for _, cells in found.values())


@pytest.mark.point(17)
def test_nothing_hidden_follows_from_shares_of_several_tables(finished):
    minimum, solved = MINIMUM["shop"], []
    for name, (n, cells) in shares(finished("shop")).items():
        ways = possible(n, cells)
        assert len(ways)
        for group, least, most in zip(
            ("both", "before only", "after only", "neither"), ways.min(0), ways.max(0), strict=True
        ):
            if 0 < least <= most < minimum:
                solved.append((name, group, least, most))
    assert solved == []
