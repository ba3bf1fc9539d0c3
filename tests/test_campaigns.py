"""Experiments of a study and its campaigns: what is read, refused, estimated and said."""

import dataclasses
from datetime import date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from runs import known, shop_run
from worlds import shop_study, shop_tables, write_shop

from seglib import cli, runs, study, wording
from seglib.collection import activity, attributes
from seglib.measuring import campaigns, experiments, outcomes

START = datetime(2023, 8, 5)


def experiment_shop(folder, start=START):
    """Write a shop with one randomised campaign that makes the treated spend twice as much."""
    data, study = shop_tables(), shop_study()
    clients = data["customers"]["client"].to_numpy()
    treated = np.random.default_rng(3).permutation(len(clients)) < len(clients) // 2
    arm = np.where(treated, "letter", "none")
    data["campaigns"] = pd.DataFrame(
        {"client": clients, "mailing": "autumn", "day": start, "arm": arm}
    )
    data["responses"] = data["responses"].assign(mailing="autumn")
    sold = data["transactions"]
    sold["paid"] *= np.where(
        sold["client"].isin(clients[treated]) & (sold["at"] >= start), 2.0, 1.0
    )
    study["tables"]["campaigns"]["columns"]["arm"] = "arm"
    return write_shop(folder, data, study)


def read(run, sent, randomised=True, control="none"):
    """Return trials and notes, the study saying what its schema does not know yet."""
    spec = run.study.tables.campaigns
    object.__setattr__(spec, "randomised", randomised)
    object.__setattr__(spec, "control", control)
    return campaigns.trials(run, sent)


def said(run, trial):
    """Return what page 06 says of an experiment, sentence by sentence."""
    words = {"who": "customer", "minimum": 10}
    blocks = campaigns.statements(trial, outcomes.names(run), "")
    return [wording.plain("06_experiments", name, **words | row) for name, row in blocks]


@pytest.fixture(scope="module")
def shop_with_arms(tmp_path_factory):
    run = shop_run(experiment_shop(tmp_path_factory.mktemp("trial")))
    return run, campaigns.sent(run, outcomes.members(run)[0])


@pytest.fixture(scope="module")
def autumn(shop_with_arms):
    return shop_with_arms[0], *read(*shop_with_arms)


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"start": datetime(2023, 7, 1)}, "refused", "may be a result of the treatment"),
        ({"start": lambda rows: rows["start"].where(rows["customer"] > 50, datetime(2023, 8, 9))},
         "refused", "a campaign of its own"),
        ({"end": lambda rows: rows["start"] - pd.Timedelta(days=3)}, "refused",
         "it ends on 2023-08-02, before it begins"),
    ],
)  # fmt: skip
def test_what_cannot_be_analysed_is_refused_with_the_reason(shop_with_arms, change, kind, word):
    run, sent = shop_with_arms
    trials, notes = read(run, sent.assign(**change))
    assert trials == [] and notes[0]["kind"] == kind and word in notes[0]["error"]


def test_a_campaign_is_judged_to_its_last_day_or_says_how_many_are(shop_with_arms):
    run, sent = shop_with_arms
    whole = read(run, sent.assign(end=sent["start"] + pd.Timedelta(days=29)))[0][0]
    assert (whole["days"], whole["short"]) == (30, {})
    trial = read(run, sent.assign(end=sent["start"] + pd.Timedelta(days=199)))[0][0]
    last = outcomes.covered(run)[1] - timedelta(days=1)
    assert (
        f"It was still open when the data end; only the first {trial['days']} of 200 days are "
        f"judged, because the data end on {wording.day(str(last))}."
    ) in said(run, trial)


def test_what_is_undecided_or_pooled_is_said(autumn):
    run, trials, _ = autumn
    result = trials[0]["result"]
    rows = result.segments.assign(verdict="undecided", low=-1.0)
    whole = result.overall.assign(pooled=12, left_out=12)
    changed = dataclasses.replace(result, segments=rows, overall=whole)
    texts = said(run, trials[0] | {"result": changed})
    assert "neither that nor none can be ruled out" in texts[-1]
    assert any(text.startswith("12 customers of segments too small") for text in texts)


@pytest.mark.parametrize("sizes", [(60, 1), (1, 60), (1, 1)])
def test_one_customer_in_an_arm_gives_no_effect_and_a_sentence(autumn, sizes):
    rng = np.random.default_rng(1)
    side = np.repeat(["none", "letter"], sizes)
    units = pd.DataFrame({"segment": 1, "arm": side, "outcome": rng.gamma(2, 10, len(side)),
                          "before_outcome": rng.gamma(2, 10, len(side))})  # fmt: skip
    planned = {"none": sizes[0] / sum(sizes), "letter": sizes[1] / sum(sizes)}
    result = experiments.analyse(units, "none", planned=planned)
    assert result.overall["effect"].isna().all()
    assert set(result.segments["verdict"]) == {"not enough data"}
    about = {"outcomes": {"outcome": experiments.Outcome("money", label="spend")}, "result": result}
    texts = said(autumn[0], autumn[1][0] | about)
    assert "not enough data" in texts[-1] and "nan" not in " ".join(texts)


# --- experiments tables ---------------------------------------------------------------------------


NONE = pd.DataFrame(columns=["customer", "campaign", "segment"])
N = 4000


def mailing(effects, seed=1, id_column=True):
    """An e-mail test as such tables are: attributes, an arm, and what came of it."""
    rng = np.random.default_rng(seed)
    arms = ["No E-Mail", *effects]
    arm = rng.permutation(np.resize(arms, N))
    newbie = rng.integers(0, 2, N)
    chance = 0.3 + np.array([{"No E-Mail": 0.0, **effects}[a] for a in arm])
    visit = rng.random(N) < chance
    bought = visit & (rng.random(N) < 0.3)
    frame = pd.DataFrame(
        {
            "recency": rng.integers(1, 13, N), "history": rng.gamma(1.3, 180, N).round(2),
            "newbie": newbie, "channel": rng.choice(["Phone", "Web", "Multichannel"], N),
            "segment": arm, "visit": visit.astype(int), "conversion": bought.astype(int),
            "spend": np.where(bought, rng.gamma(2, 40, N), 0).round(2),
        }
    )  # fmt: skip
    if id_column:
        frame.insert(0, "customer_id", [f"C{i:05d}" for i in range(N)])
    return frame


def begun(folder, frame, monkeypatch, name="mailing"):
    """Return the study that `seglib new` writes of a table, and its text."""
    monkeypatch.chdir(folder)
    frame.to_csv(folder / f"{name}.csv", index=False)
    assert cli.main(["new", f"{name}.csv"]) == 0
    path = folder / "data" / name / "study.yaml"
    path.write_text(path.read_text().replace("randomised: false", "randomised: true"))
    return path, path.read_text()


def run_of(path, segments=None):
    """Return a run with the files that the experiment needs, segments by `newbie` or as given."""
    run, clean = runs.open_run(path), known(path).clean
    people = attributes.described(clean["customers"], run.study.tables.customers)
    run.write("customers.parquet", people)
    run.write("arms.parquet", attributes.arms(run.study, clean, people.index))
    labels = people["newbie"].astype(str).str[0].map({"0": 1, "1": 2})
    run.write("segments.parquet", pd.DataFrame({"segment": segments or labels}))
    return run


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A mailing whose first arm brings six points more visits and whose second brings none."""
    folder = tmp_path_factory.mktemp("planted")
    with pytest.MonkeyPatch.context() as patch:
        frame = mailing({"Mens E-Mail": 0.10, "Womens E-Mail": 0.0})
        path, text = begun(folder, frame, patch)
    run = run_of(path)
    trials, notes = campaigns.trials(run, NONE)
    return frame, run, text, trials, notes


def test_a_planted_effect_is_found_and_its_levels_are_those_of_the_table(planted):
    frame, _, _, trials, notes = planted
    rows = trials[0]["result"].overall.set_index(["outcome", "arm"])
    means = frame.groupby("segment")[["visit", "conversion", "spend"]].mean()
    assert notes == [] and trials[0]["result"].problems == []
    for outcome in means:
        for arm in ("Mens E-Mail", "Womens E-Mail"):
            row = rows.loc[(outcome, arm)]
            assert row["level"] == pytest.approx(means.loc[arm, outcome])
            assert row["baseline"] == pytest.approx(means.loc["No E-Mail", outcome])
            assert row["effect"] == pytest.approx(row["level"] - row["baseline"])
    found = rows.loc[("visit", "Mens E-Mail")]
    assert found["low"] < 0.10 < found["high"] and found["p_adjusted"] < 0.001
    null = rows.loc[("visit", "Womens E-Mail")]
    assert null["low"] < 0 < null["high"] and null["p_adjusted"] > 0.05


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"attributes": {"arm": {}}}, "leakage"),
        ({"columns": {"customer": "id"}}, "expected columns.arm"),
        ({"outcomes": {"visit": {"label": "visited"}}}, "needs `happened`"),
        ({"outcomes": {"visit": {"label": "visited", "happened": "1"}}}, "visit.wanted"),
        ({"control": None}, "`control` arm"),
    ],
)
def test_what_is_not_an_experiment_is_refused_in_a_sentence(more, said):
    table = {
        "source": "x.csv", "columns": {"customer": "id", "arm": "arm"}, "randomised": True,
        "control": "off", "attributes": {"age": {"kind": "numeric"}},
        "outcomes": {"spend": {"label": "spend", "kind": "money"}},
    }  # fmt: skip
    if "columns" in more:
        table |= {"randomised": False}
    raw = {"title": "T", "objective": "O", "as_of": "2024-01-01",
           "tables": {"customers": table | more},
           "segmentation": {"bases": ["demographic"]}}  # fmt: skip
    assert any(said in sentence for sentence in study.problems(raw))


def test_rare_answers_are_hidden_by_segment_and_everyone_is_shown():
    rng = np.random.default_rng(2)
    units = pd.DataFrame({"segment": np.repeat([1, 2, 3], [40, 900, 900]), "arm": ""})
    units["arm"] = rng.permutation(np.resize(["on", "off"], len(units)))
    units["did"] = (rng.random(len(units)) < 0.1).astype(float)
    result = experiments.analyse(units, "off", {"did": experiments.Outcome("yes/no")})
    rows = result.segments.set_index("segment")
    assert rows["effect"].isna().tolist().count(True) == 2 and np.isnan(rows.loc[1, "effect"])
    assert result.overall["effect"].notna().all()


def test_an_outcome_that_is_not_wanted_harms_when_it_rises():
    rng = np.random.default_rng(5)
    arm = rng.permutation(np.resize(["on", "off"], 2000))
    left = (rng.random(2000) < np.where(arm == "on", 0.4, 0.2)).astype(float)
    units = pd.DataFrame({"segment": 1, "arm": arm, "left": left})
    for wanted, verdict in ((True, "works"), (False, "harms")):
        given = {"left": experiments.Outcome("yes/no", wanted)}
        assert experiments.analyse(units, "off", given).segments["verdict"].tolist() == [verdict]


# --- campaigns ------------------------------------------------------------------------------------


AS_OF, UNTIL = date(2020, 4, 1), date(2020, 7, 1)
EXTENT = {"first": "2020-01-01", "last": "2020-06-30"}


def members():
    return pd.DataFrame({"segment": [1, 1, 1, 2, 2]}, index=pd.Index(range(1, 6), name="customer"))


def mailed(rows):
    columns = ["customer", "campaign", "start", "end", "redeemed"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(start=pd.to_datetime(frame["start"]), end=pd.to_datetime(frame["end"]))


ROWS = [
    (1, "a", "2020-02-01", "2020-03-01", True),
    (2, "a", "2020-02-01", "2020-03-01", False),
    (1, "b", "2020-05-01", "2020-06-01", False),
    (1, "c", "2020-05-10", "2020-06-01", True),
    (4, "b", "2020-05-01", "2020-06-01", False),
    (4, "d", "2020-06-15", "2020-08-01", True),  # still open when the data end
    (99, "b", "2020-05-01", "2020-06-01", True),  # no member
]


def sent_by(rows):
    """Return what was sent to the members, from a run with these campaigns."""
    files = {"campaigns.parquet": rows, "monthly.parquet": None, "extent.json": EXTENT}
    run = SimpleNamespace(has=files.__contains__, read=files.get, as_of=AS_OF, until=UNTIL)
    return campaigns.sent(run, members())


def described(rows=ROWS, minimum=1):
    sent = sent_by(mailed(rows))
    found = campaigns.reach(sent, members(), minimum=minimum)
    return sent, found.set_index(["metric", "period", "segment"])


def test_periods_follow_the_day_a_campaign_begins():
    sent, _ = described()
    assert sent.groupby("campaign")["period"].first().to_dict() == {
        "a": "before", "b": "after", "c": "after", "d": "after",
    }  # fmt: skip
    assert 99 not in set(sent["customer"])


def test_a_customer_addressed_twice_counts_once():
    _, rows = described()
    assert rows.loc[("reached", "after", 1), ["value", "n"]].tolist() == [1 / 3, 3]
    assert rows.loc[("converted", "after", 1), ["value", "n"]].tolist() == [1.0, 1]


def test_campaigns_still_open_when_the_data_end_do_not_count():
    sent, rows = described()
    assert not sent.loc[sent["campaign"] == "d", "whole"].any()
    assert rows.loc[("converted", "after", 2), "value"] == 0


def test_a_campaign_without_responses_has_reach_and_no_conversion():
    sent = sent_by(mailed(ROWS).drop(columns=["redeemed", "end"]))
    rows = campaigns.reach(sent, members(), minimum=1)
    assert set(rows["metric"]) == {"reached"}


def test_every_campaign_is_listed_and_few_who_were_addressed_are_not_counted():
    sent, _ = described()
    assert campaigns.each(sent, minimum=1).set_index("campaign")["n"].to_dict() == {
        "a": 2, "b": 2, "c": 1, "d": 1,
    }  # fmt: skip
    few = campaigns.each(sent, minimum=2).set_index("campaign")["n"].isna()
    assert few.to_dict() == {"a": False, "b": False, "c": True, "d": True}


@pytest.mark.parametrize(("end", "whole"), [("2020-06-30", True), ("2020-07-01", False)])
def test_a_campaign_is_whole_if_the_data_hold_its_last_day(end, whole):
    """The last day of the data is 30 June."""
    sent, _ = described([(1, "a", "2020-06-01", end, True)])
    assert sent["whole"].tolist() == [whole]


def test_nobody_who_was_answered_converted_with_an_interval():
    sent, _ = described([(i, "a", "2020-05-01", "2020-06-01", False) for i in range(1, 6)])
    row = campaigns.reach(sent, members(), minimum=1).set_index(["metric", "segment"])
    assert row.loc[("converted", 0), ["value", "low"]].tolist() == [0, 0]
    assert 0.3 < row.loc[("converted", 0), "high"] < 0.5


def test_a_response_before_its_campaign_does_not_count(shop):
    raw = shop.parent / "raw"
    mailed = pd.DataFrame({"client": [1, 2], "mailing": 9, "day": pd.Timestamp("2023-06-10")})
    answers = pd.DataFrame({"client": [1, 2], "mailing": 9,
                            "at": pd.to_datetime(["2023-06-01", "2023-06-12"])})  # fmt: skip
    mailed.to_parquet(raw / "campaigns.parquet")
    answers.to_parquet(raw / "responses.parquet")
    rows = activity.campaigns(known(shop).clean).execute().set_index("customer")
    assert rows["redeemed"].to_dict() == {1: False, 2: True}
    assert rows.loc[1, "redemptions"] == 0 and pd.isna(rows.loc[1, "first_response"])
