"""Experiments in a table of customers, and arms listed beside orders: read, checked, analysed."""

import numpy as np
import pandas as pd
import pytest
import yaml

from seglib import cli, study, wording
from seglib.collection import attributes, audit, tables
from seglib.measuring import campaigns, experiments, outcomes
from seglib.runs import Run

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
    loaded = study.load(path)
    clean, _ = audit.audit(loaded, tables.open_tables(loaded), loaded.as_of)
    run = Run(loaded, loaded.as_of, loaded.folder / loaded.as_of.isoformat(), 1)
    known = attributes.described(clean["customers"], loaded.tables.customers)
    run.write("customers.parquet", known)
    run.write("arms.parquet", attributes.arms(loaded, clean, known.index))
    labels = known["newbie"].astype(str).str[0].map({"0": 1, "1": 2})
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


def said(run, trial):
    """Return what page 06 says of an experiment, sentence by sentence."""
    words = {"who": "customer", "minimum": 10}
    blocks = campaigns.statements(trial, outcomes.names(run), "$")
    return [wording.plain("06_experiments", name, **words | row) for name, row in blocks]


def test_levels_effect_and_interval_are_said(planted):
    frame, run, _, trials, _ = planted
    text = " ".join(said(run, trials[0]))
    level = frame.loc[frame["segment"] == "Mens E-Mail", "visit"].mean()
    assert f"{level:.0%} visited with Mens E-Mail" in text and "with No E-Mail" in text
    assert "points (95% interval" in text and "within chance" in text and "how many visited" in text


def test_a_lost_control_is_not_believed(planted):
    run = planted[1]
    arms = run.read("arms.parquet")
    gone = arms.index[arms["arm"] == "No E-Mail"][::3]
    run.write("arms.parquet", arms.assign(arm=arms["arm"].mask(arms.index.isin(gone))))
    trials, _ = campaigns.trials(run, NONE)
    run.write("arms.parquet", arms)
    assert trials[0]["result"].overall["effect"].isna().all()
    assert campaigns.effects(trials, outcomes.names(run)).empty


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"attributes": {"arm": {}}}, "leakage"),
        ({"columns": {"customer": "id"}}, "expected columns.arm"),
        ({"outcomes": {"visit": {"label": "visited"}}}, "needs `happened`"),
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


def letters(**columns):
    """Return 400 customers of two equally large arms, what was known before in front of them."""
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"id": [f"P{i}" for i in range(400)], "age": rng.integers(18, 80, 400),
                          "past_spend": rng.gamma(2, 80, 400).round(2)})  # fmt: skip
    return frame.assign(**columns)


def test_an_outcome_with_blanks_written_as_decimals_is_no_attribute(tmp_path, monkeypatch):
    bought = np.resize([1.0, 0.0, 0.0, np.nan, 1.0], 400)
    frame = letters(group=np.resize(["control", "letter"], 400), purchased=bought)
    path, text = begun(tmp_path, frame, monkeypatch)
    raw = yaml.safe_load(text)["tables"]["customers"]
    assert "purchased" not in raw["attributes"]
    assert raw["outcomes"]["purchased"]["happened"] == "1.0"
    loaded = study.load(path)
    did = attributes.arms(loaded, tables.open_tables(loaded))["purchased"]
    assert (did.sum(), did.isna().sum()) == (160, 80)


@pytest.mark.parametrize("called", ["test", ""])
def test_a_list_of_arms_may_call_its_campaign_a_test_or_nothing(tmp_path, monkeypatch, called):
    days = pd.date_range("2024-01-01", periods=300).strftime("%Y-%m-%d")
    orders = pd.DataFrame({"customer": [f"K{i % 120}" for i in range(1200)],
                           "day": np.resize(days, 1200), "revenue": 10.5})  # fmt: skip
    orders["revenue"] += np.arange(1200) % 7
    listed = pd.DataFrame({"customer": [f"K{i}" for i in range(120)], "assigned_on": "2024-08-15",
                           "variant": np.resize(["A", "B"], 120)})  # fmt: skip
    if called:
        listed.insert(1, called, "autumn voucher")
    orders.to_csv(tmp_path / "orders.csv", index=False)
    listed.to_csv(tmp_path / "autumn.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["new", "orders.csv", "autumn.csv", "--name", "x"]) == 0
    loaded = study.load(tmp_path / "data/x/study.yaml")
    roles = loaded.tables.campaigns.columns
    assert str(loaded.as_of) == "2024-08-15"  # segments know nothing from the assignment on
    assert (roles.campaign, roles.arm) == (called or "<file>", "variant")
    assert (loaded.tables.campaigns.control, loaded.tables.campaigns.randomised) == ("A", True)
