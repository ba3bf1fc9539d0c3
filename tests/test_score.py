"""The rule as SQL and for customers never seen gives the labels that Python gives."""

import json
import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest
from runs import by_sql, shop_run
from worlds import write_shop

from seglib import cli, clustering, publish
from seglib.clustering import Encoder, SegmentModel
from seglib.clustering import scoring as score
from seglib.study import StudyError

METHODS = ("kmeans", "mixed", "gmm", "latent_class")
LEVELS = ["it's", "b", 'say "x"', "ß"]


def planted(method, seed, n=450):
    """A table of all kinds of columns with three groups in it, and names that SQL knows too."""
    rng = np.random.default_rng(seed)
    group = rng.integers(3, size=n)
    frame = pd.DataFrame({
        "spend": np.exp(group + rng.normal(0, 0.5, n)) * 10,
        "x1": rng.normal(group, 0.5),
        "x0": rng.normal(-group, 0.7),
        "s1": rng.poisson(2 + 3 * group).astype(float),
        "select": rng.normal(size=n) * 1e6,
        "rating": pd.Categorical(np.clip(group + rng.integers(1, 4, n), 1, 5), [1, 2, 3, 4, 5],
                                 ordered=True),
    })  # fmt: skip
    if method != "kmeans":
        frame["plan"] = pd.Categorical(np.array(LEVELS)[(group + (rng.random(n) < 0.2)) % 4])
        frame["member"] = rng.random(n) < 0.2 + 0.3 * group
        frame["area code"] = pd.Categorical(100 + (group + rng.integers(2, size=n)) % 3)
    return frame.mask(pd.DataFrame(rng.random(frame.shape) < 0.08, columns=frame.columns))


def worse(frame, seed):
    """The same customers later: levels never seen, values far out, rows with nothing known."""
    rng = np.random.default_rng(seed)
    new = frame.sample(frac=1, random_state=seed, ignore_index=True).astype(
        {name: object for name in frame if not pd.api.types.is_float_dtype(frame[name])}
    )
    new.loc[::5, "rating"] = 9
    new.loc[1::6, "spend"] = 10.0 ** rng.integers(4, 300, len(new.loc[1::6]))
    new.loc[2::7, "spend"] = -5.0
    new.loc[3::9, "x1"] = -1e9
    if "plan" in new:
        new.loc[::4, "plan"] = "IT'S"
        new.loc[1::8, "area code"] = -1
    new.loc[7::50] = None
    return new


def fitted(frame, k, method="kmeans", **about):
    return SegmentModel(n_segments=k, method=method, **about).fit(frame).to_dict()


def agree(model, frame):
    model = json.loads(json.dumps(model, allow_nan=False))
    return int(
        (by_sql(model, frame) != clustering.assign(model, frame)["segment"].to_numpy()).sum()
    )


@pytest.mark.parametrize("seed", [5])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_the_same_labels(method, seed):
    frame = planted(method, seed)
    encoder = Encoder().fit(frame)
    for k in (1, 3):
        model = fitted(frame, k, method, encoder=encoder, random_state=seed)
        assert agree(model, frame) == 0
        assert agree(model, worse(frame, seed)) == 0


def scale(levels=5, columns=3):
    """Every combination of answers on scales from 1 to 5: half of the rows lie between centres."""
    grid = np.stack(np.meshgrid(*[np.arange(1.0, levels + 1)] * columns), -1).reshape(-1, columns)
    return pd.DataFrame(grid, columns=[f"q{i}" for i in range(columns)])


@pytest.mark.parametrize("turn", [False, True])
def test_a_row_as_near_to_two_centres_goes_to_the_first(turn):
    frame = scale()
    encoder = Encoder(near_scale=False).fit(frame)
    rules = encoder.rules_
    edge = encoder.transform(pd.DataFrame(
        [[1, 3, 3], [5, 3, 3], [3, 1, 3], [3, 5, 3], [3, 3, 1], [3, 3, 5]], columns=list(frame)
    ))  # fmt: skip
    angle = np.array([[0.8, 0.6, 0], [-0.6, 0.8, 0], [0, 0, 1.0]]) if turn else np.eye(3)
    params = {"method": "kmeans", "centres": (edge @ angle).tolist(), "softness": 0.3}
    params |= {"metric": angle.tolist()} if turn else {}
    model = {"method": "kmeans", "k": 6, "columns": rules, "parameters": params}
    away = ((encoder.transform(frame)[:, None] - edge) ** 2).sum(axis=2)
    first = (away <= away.min(axis=1, keepdims=True) + 1e-9).argmax(axis=1) + 1
    assert (np.sort(away, axis=1)[:, 1] - away.min(axis=1) < 1e-9).mean() > 0.3  # many ties
    assert (clustering.assign(model, frame)["segment"] == first).all()
    assert (by_sql(model, frame) == first).all()


def test_classes_that_answer_alike_tie_and_the_first_wins():
    frame = scale(3, 4).astype(int).astype(str)
    rules = Encoder().fit(frame.astype("category")).rules_
    up, down = [0.2, 0.3, 0.5], [0.5, 0.3, 0.2]
    tables = [[up] * 2 + [down] * 2, [down] * 2 + [up] * 2]
    params = {"method": "latent_class", "weights": [0.5, 0.5], "tables": tables, "levels": [3] * 4,
              "means": [[], []], "variances": [[], []]}  # fmt: skip
    model = {"method": "latent_class", "k": 2, "columns": rules, "parameters": params}
    assert agree(model, frame) == 0
    middle = frame.eq("2").all(axis=1)
    assert clustering.assign(model, frame)["segment"][middle].eq(1).all()


def test_not_a_number_and_infinity_count_as_missing():
    frame = planted("kmeans", 1)
    model = fitted(frame, 3, random_state=1)
    connection = duckdb.connect()
    connection.register("known", frame.astype({"rating": object}))
    for name in ("spend", "x1"):
        for odd in ("'nan'::DOUBLE", "'infinity'::DOUBLE", "'-infinity'::DOUBLE"):
            connection.execute(
                f"CREATE OR REPLACE VIEW customers AS SELECT row_number() OVER () AS customer, * "
                f"REPLACE ({odd} AS {name}) FROM known"
            )
            asked = clustering.to_sql(model, "customers", "customer")
            answer = connection.execute(f"{asked} ORDER BY 1").df()["segment"]
            missing = frame.assign(**{name: np.nan})
            assert (answer == clustering.assign(model, missing)["segment"]).all(), (name, odd)
            infinite = frame.assign(**{name: np.inf})
            assert (answer == clustering.assign(model, infinite)["segment"]).all(), (name, odd)


@pytest.mark.parametrize("key", ["customer", "x0", "s1", "segment", "Client Nr"])
def test_the_key_may_have_any_name(key):
    frame = planted("kmeans", 2)[["spend", "rating"]]
    model = fitted(frame, 3, random_state=1)
    connection = duckdb.connect()
    connection.register("people", frame.astype({"rating": object}).assign(**{key: range(450)}))
    answer = connection.execute(clustering.to_sql(model, "people", key)).df()
    assert (answer.sort_values(key).iloc[:, -1] == clustering.assign(model, frame)["segment"]).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_hundred_thousand_hostile_rows_have_no_mismatch(method):
    frame = planted(method, 9)
    model = fitted(frame, 4, method, random_state=9)
    many = pd.concat([worse(frame, seed) for seed in range(223)], ignore_index=True)
    noise = np.random.default_rng(0).normal(1, 0.2, len(many))
    many["x0"] = many["x0"].astype(float) * noise
    assert len(many) > 100_000
    assert agree(model, many) == 0


# --- score ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_shop(tmp_path_factory.mktemp("scored"))


@pytest.fixture(scope="module")
def run(path):
    made = shop_run(path)
    made.write("segments.sql", clustering.to_sql(made.read("model.json"), "customers", "customer"))
    made.write("personas.json", [{"segment": s, "name": f"Name {s}"} for s in (1, 2, 3)])
    return made


@pytest.fixture
def model(tmp_path):
    """A rule of all kinds of columns in a folder of its own, and the frame that made it."""
    frame = planted("mixed", 3).rename_axis("customer")
    rule = clustering.SegmentModel(n_segments=3, random_state=1).fit(frame).to_dict()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.json").write_text(json.dumps({**rule}))
    return tmp_path / "run", frame, rule


def test_rows_without_ids_are_called_by_their_number_if_that_is_wanted(model, tmp_path):
    folder, frame, rule = model
    frame.to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(StudyError, match="or --id '<row>' to number the rows"):
        score.score(folder, tmp_path / "new.csv")
    found = score.score(folder, tmp_path / "new.csv", "<row>").members
    assert list(found.index) == list(range(1, len(frame) + 1))
    assert found["segment"].tolist() == clustering.assign(rule, frame)["segment"].tolist()


def test_a_customer_s_key_keeps_its_leading_zeros(model, tmp_path):
    folder, frame, _ = model
    frame.head(3).rename_axis("client").set_axis(["007", "008", "1e5"]).rename_axis(
        "client"
    ).to_csv(tmp_path / "new.csv")
    found = score.score(folder, tmp_path / "new.csv", "client").members
    assert found.index.tolist() == ["007", "008", "1e5"]


@pytest.mark.parametrize("method", METHODS)
def test_a_value_outside_the_bounds_of_the_study_has_no_value_as_in_the_run(method, tmp_path):
    frame = planted(method, 4).rename_axis("customer")
    frame["s1"] = frame["s1"].clip(1, 7)
    encoder = Encoder(bounds={"s1": [1, 7]}).fit(frame)
    rule = fitted(frame, 3, method, encoder=encoder, random_state=1)
    (tmp_path / "model.json").write_text(json.dumps(rule))
    raw = frame.assign(s1=frame["s1"].mask(np.arange(len(frame)) % 9 == 0, 99))
    raw.to_csv(tmp_path / "raw.csv")
    found = score.score(tmp_path, tmp_path / "raw.csv")
    known = clustering.assign(rule, frame.assign(s1=raw["s1"].where(raw["s1"] < 8)))["segment"]
    assert found.members["segment"].tolist() == known.tolist()
    assert agree(rule, raw) == 0
    assert any("outside the bounds" in note and "s1 50" in note for note in found.notes)
    assert not any("limits of the rule" in note and "s1" in note for note in found.notes)
    assert next(r for r in rule["columns"] if r["name"] == "s1")["bounds"] == [1, 7]


# --- on the command line --------------------------------------------------------------------------


def refused(words, capsys):
    code = cli.main(["score", *map(str, words)])
    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (2, 1)
    assert "Traceback" not in said
    return said


def test_what_is_not_a_model_is_refused(run, tmp_path, capsys):
    table, out = run.folder / "customers.parquet", tmp_path / "out.csv"
    odd = tmp_path / "model.json"
    model = run.read("model.json")
    for text, words in [
        ("{", "is not JSON"),
        ("[1]", "is not a model"),
        (json.dumps({"version": 1}), "is not a model"),
        (
            json.dumps({**model, "version": 7}),
            "version 7: this seglib reads version 1; make it",
        ),
    ]:
        odd.write_text(text)
        assert words in refused([odd, table, "-o", out], capsys)
    assert "there is no" in refused([tmp_path / "none", table, "-o", out], capsys)
    assert not out.exists()


@pytest.mark.parametrize("inside", [False, True])
def test_scoring_finishes_what_a_killed_run_was_moving(run, tmp_path, monkeypatch, inside):
    members = score.score(run.folder, run.folder / "customers.parquet").members
    table = shutil.copy(run.folder / "customers.parquet", tmp_path / "customers.parquet")
    staging = run.folder.with_name(f"{publish.STAGING}{run.folder.name}")
    run.folder.rename(staging)
    staging.with_name(publish.JOURNAL).write_text(f"{staging.name}\t{run.folder.name}")
    monkeypatch.chdir(staging)
    again = score.score("model.json" if inside else run.folder / "model.json", table).members
    assert again.equals(members) and not staging.exists()


def test_what_is_not_a_table_of_customers_is_refused(run, tmp_path, capsys):
    frame, out = run.read("customers.parquet"), tmp_path / "out.csv"

    def said(table, *more):
        table.to_csv(tmp_path / "t.csv", index=table.index.name is not None)
        return refused([run.folder, tmp_path / "t.csv", "-o", out, *more], capsys)

    lacking = said(frame.rename(columns={"orders": "order"}).drop(columns="spend"))
    assert "lacks 2 columns" in lacking
    assert "'orders' (did you mean 'order'?)" in lacking
    assert "no column 'customer'" in said(frame.reset_index(drop=True))
    assert "has no rows" in said(frame.head(0))
    assert "repeat the customer" in said(pd.concat([frame, frame.head(2)]))
    assert "1 rows have no customer" in said(frame.rename(index={frame.index[0]: np.nan}))
    assert "no column 'clint'" in said(frame, "--id", "clint")
    (tmp_path / "t.parquet").write_text("no")
    assert "cannot be read" in refused([run.folder, tmp_path / "t.parquet"], capsys)
    assert "expected a .parquet or .csv" in refused([run.folder, tmp_path / "t.xlsx"], capsys)
    assert "there is no table" in refused([run.folder, tmp_path / "u.csv"], capsys)
    assert not out.exists()


def test_neither_the_table_nor_the_run_is_overwritten(run, tmp_path, capsys):
    table = tmp_path / "t.parquet"
    run.read("customers.parquet").to_parquet(table)
    before = table.read_bytes()
    assert "the table itself" in refused([run.folder, table, "-o", table], capsys)
    into = run.folder / "segments.csv"
    assert "folder of a run" in refused([run.folder, table, "-o", into], capsys)
    assert "does not exist" in refused([run.folder, table, "-o", tmp_path / "x" / "o.csv"], capsys)
    assert "ends in .csv" in refused([run.folder, table, "-o", tmp_path / "o.txt"], capsys)
    assert table.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.parquet"]


def test_a_table_seen_for_longer_than_the_rule_is_told(run, tmp_path):
    (tmp_path / "people.parquet").write_bytes((run.folder / "customers.parquet").read_bytes())
    extent = json.loads((run.folder / "extent.json").read_text())
    (tmp_path / "extent.json").write_text(json.dumps(extent))
    assert not any(
        "history" in n for n in score.score(run.folder, tmp_path / "people.parquet").notes
    )
    (tmp_path / "extent.json").write_text(json.dumps(extent | {"history": extent["history"] + 90}))
    assert any("history" in n for n in score.score(run.folder, tmp_path / "people.parquet").notes)


def test_a_key_named_as_the_result_is_refused(run, tmp_path):
    people = pd.read_parquet(run.folder / "customers.parquet")
    people.reset_index(names="segment").to_parquet(tmp_path / "people.parquet")
    with pytest.raises(StudyError, match="'segment' is also a column of the result"):
        score.score(run.folder, tmp_path / "people.parquet", "segment")


def test_only_a_column_that_is_spare_is_suggested(model, tmp_path):
    folder, frame, _ = model
    new = frame.drop(columns=["x1", "spend"]).assign(spent=1.0, x9="a")
    new.to_csv(tmp_path / "new.csv")
    with pytest.raises(StudyError) as caught:
        score.score(folder, tmp_path / "new.csv")
    assert "'spend' (did you mean 'spent'?)" in str(caught.value)
    assert "did you mean 'x0'" not in str(caught.value)
