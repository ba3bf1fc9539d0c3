"""Every kind of claim: a number changed, in claims.json or in a table, stops the build."""

import json

import numpy as np
import pandas as pd
import planted
import pytest

from seglib.collection import attributes
from seglib.files import Run
from seglib.personas import claims, figures, ledger, statistic
from seglib.study import StudyError

KINDS = sorted(statistic.MEASURES | figures.MEASURES)  # a new one is tried without a change here
MONEY = {"economics": {"margin": 0.25, "cost_per_customer": 1.0},
         "objective_figure": {"column": "orders", "prefer": "higher"}}  # fmt: skip


OUTCOMES = {"customers": {"source": "x.csv", "columns": {"customer": "id"}, "outcomes": {
    "left": {"label": "left", "happened": "yes"},
    "renewed": {"label": "renewed", "happened": "yes", "wanted": True},
}}}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs that state every kind of claim between them: evidence and claims of each."""
    whole = planted.add_purchases(planted.run(tmp_path_factory.mktemp("whole"), 1, **MONEY))
    labels = planted.customers(1)[1]
    alone = planted.run(tmp_path_factory.mktemp("alone"), 1, labels * 0 + 1)
    mixed = planted.run(tmp_path_factory.mktemp("mixed"), 1)
    verdict = mixed.read("verdict.json")
    mixed.write("verdict.json", verdict | {"columns": [*verdict["columns"], "member"]})
    after = with_outcomes(planted.run(tmp_path_factory.mktemp("after"), 1, tables=OUTCOMES))
    return [planted.finished(made)[:2] for made in (whole, alone, mixed, after)]


def with_outcomes(made: Run) -> Run:
    """Let most of the largest segment leave and renew, and few of the others."""
    labels = made.read("segments.parquet")["segment"]
    chance = np.where(labels == labels.mode()[0], 0.7, 0.2)
    happened = np.random.default_rng(3).random((len(labels), 2)) < chance[:, None]
    made.write("outcomes.parquet", pd.DataFrame(happened * 1.0, labels.index, ["left", "renewed"]))
    lines = made.read("dictionary.json")
    made.write("dictionary.json", lines | {"outcomes": attributes.outcome_rows(made.study)})
    return made


def stated(runs, kind):
    """Return the evidence, and of each rule of a kind the claim with the smallest value."""
    tables = {f.rule: f.table for f in claims.RULES.values()}
    for ev, found in runs:
        rows = sorted(found, key=lambda c: -c["value"])
        if own := {c["rule"]: c for c in rows if tables[c["rule"]] == kind}:
            return ev, list(own.values())
    pytest.fail(f"no claim of kind {kind!r} is stated by any run here: add a run that states one")


def copied(run: Run, folder) -> Run:
    for path in run.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return Run(run.study, run.as_of, folder, run.seed)


@pytest.mark.parametrize("key", ["value", "low", "n", "cell", "inside", "sentence", "source", "of"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_change_in_claims_json_stops_the_build_and_names_the_claim(runs, kind, key):
    ev, found = stated(runs, kind)
    for claim in found:
        spoilt = json.loads(json.dumps(claims.plain(claim)))
        if spoilt.get(key) is None:
            continue
        more = 1 if key in {"n", "cell"} else 1e-3
        words = isinstance(spoilt[key], (str, dict))
        spoilt[key] = {"table": "x", "column": "x", "level": ""} if key == "source" else (
            "x" if words else spoilt[key] + more)  # fmt: skip
        with pytest.raises(StudyError, match=claim["id"]):
            claims.verify([spoilt], ev)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_in_its_table_stops_the_build_and_names_the_claim(runs, kind, tmp_path):
    ev, found = stated(runs, kind)
    for i, claim in enumerate(found):
        folder = tmp_path / str(i)
        folder.mkdir()
        spoilt = spoil(copied(ev.run, folder), claim)
        with pytest.raises(StudyError, match=claim["id"]):
            claims.verify([json.loads(json.dumps(claims.plain(claim)))], spoilt)


def spoil(run: Run, claim) -> Run:
    """Change the table that a claim names as its source."""
    name, rng = claim["source"]["table"], np.random.default_rng(0)
    if name == "study.yaml":
        dear = run.study.economics.model_copy(update={"cost_per_customer": 2.0})
        study = run.study.model_copy(update={"economics": dear})
        return Run(study, run.as_of, run.folder, run.seed)
    if name == "verdict.json":
        verdict = run.read(name)
        verdict["segments"] = [row | {"jaccard": 0.4} for row in verdict["segments"]]
        run.write(name, verdict)
        return run
    if name == "the tables of the criteria":
        name = "customers.parquet"
    table = run.read(name)
    if "segments" in name:  # move some members, so that sizes change
        table.loc[table.index[:5], "segment"] = table["segment"].max()
        table.loc[table.index[-20:], "segment"] = table["segment"].min()
    elif name in {"purchases.parquet", "campaigns.parquet"}:
        gone = rng.permutation(table["customer"].unique())[:300]
        table = table[~table["customer"].isin(gone)]
    else:  # mix the rows of every column, and make numbers larger
        keys = {"customer", "month"} & set(table)
        for column in [c for c in table if c not in keys]:
            values = table[column].to_numpy()[rng.permutation(len(table))]
            numeric = pd.api.types.is_numeric_dtype(table[column])
            table[column] = values * 1.2 if numeric else pd.Series(values, table.index)
    run.write(name, table)
    return run


@pytest.mark.parametrize("kind", KINDS)
def test_a_claim_about_too_few_is_refused(runs, kind):
    ev, found = stated(runs, kind)
    for claim in found:
        for key in ("n", "cell"):
            assert "fewer than 10" in claims.fault(claim | {key: 9}, ev.minimum)


@pytest.mark.parametrize("kind", sorted(statistic.NO_DIFFERENCE))
def test_a_claim_whose_interval_includes_no_difference_is_refused(runs, kind):
    directed = [c for _, found in runs for c in found if c["kind"] == kind and c["direction"]]
    assert directed
    null = statistic.NO_DIFFERENCE[kind]
    for claim in directed:
        spoilt = claim | {"low": null - 0.1, "high": null + 0.1}
        assert "includes no difference" in claims.fault(spoilt, 10)


# --- the personas and the playbook that rest on them ----------------------------------------------


def test_all_holds_when_read_back(runs):
    for ev, found in runs:
        assert ledger.check(ev.run) == len(found)


def leaves(what, place=()):
    """Yield the place of every number and text in a document."""
    if isinstance(what, (dict, list)):
        for key, value in what.items() if isinstance(what, dict) else enumerate(what):
            yield from leaves(value, (*place, key))
    elif what is not None:
        yield place


@pytest.mark.parametrize("name", ["personas.json", "playbook.json"])
def test_every_change_in_personas_and_playbook_stops_the_build(runs, name):
    """The same check reads claims.json, and would name its claim first: here that is sound."""
    ev, found = runs[0]
    said = ev.run.read(name)
    again = {"personas.json": lambda: claims.plain(ledger.persona.personas(ev, found)),
             "playbook.json": lambda: claims.plain(ledger.build(ev, found))}[name]()  # fmt: skip
    assert ledger.differs(said, again) == ""
    for place in leaves(said):
        spoilt = json.loads(json.dumps(said))
        *way, last = place
        holder = spoilt
        for key in way:
            holder = holder[key]
        holder[last] = "x" if isinstance(holder[last], str) else holder[last] + 1
        assert str(last) in ledger.differs(spoilt, again)


def test_a_changed_file_stops_the_check(runs, tmp_path):
    run = copied(runs[0][0].run, tmp_path)
    people = run.read("personas.json")
    people[1]["share"] += 0.01
    run.write("personas.json", people)
    with pytest.raises(StudyError, match=r"personas.json does not hold: \[1\].share is 0.34"):
        ledger.check(run)
