"""What 04 says of targeting, tests and product segments."""

import planted
import pytest

from seglib.files import Run
from seglib.personas import ledger, playbook, sentences, story, targeting
from seglib.personas.called import names
from seglib.personas.grounds import Evidence
from seglib.report import cards
from seglib.study import StudyError


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    run = planted.add_purchases(planted.run(tmp_path_factory.mktemp("full"), 1))
    return planted.finished(run)


def told(found, letter, segment):
    return {c["rule"]: c for c in found if c["id"].startswith(f"{letter}-{segment}-")}


# --- product segments -----------------------------------------------------------------------------


def test_product_segments_are_told_by_what_was_planted(full):
    found = full[1]
    assert {"reach-high", "again-high"} <= set(told(found, "p", 1))
    assert "season-high" in told(found, "p", 3)
    assert not {"often-high", "often-low"} & set(told(found, "p", 2))  # alike everywhere
    assert told(found, "p", 2)["range-buyers"]["value"] == pytest.approx(2 / 3, abs=0.05)
    assert told(found, "p", 2)["range-own"]["value"] == pytest.approx(0.4, abs=0.05)


def test_a_product_segment_that_all_but_few_buy_hides_the_few(full, tmp_path):
    run = copied(full[0].run, tmp_path)
    bought = run.read("purchases.parquet")
    few = bought["customer"].unique()[:5]
    third = {f"thing {i}" for i in range(24, 35)} | {"tea"}
    run.write("purchases.parquet",
              bought[~(bought["customer"].isin(few) & bought["product"].isin(third))])  # fmt: skip
    found = ledger.claims(Evidence(run))
    assert "range-buyers" not in told(found, "p", 3)
    assert told(found, "p", 3)["range-revenue"]["cell"] <= len(full[0].labels) - 10


def test_revenue_of_the_product_segments_adds_up(full):
    shares = [told(full[1], "p", s)["range-revenue"]["value"] for s in (1, 2, 3)]
    assert sum(shares) == pytest.approx(1)


def test_what_a_product_segment_may_mean_is_a_test_and_rests_on_its_claims(full):
    _, found, _, book = full
    known = {c["id"]: c for c in found}
    assert [row["segment"] for row in book["range"]] == [1, 2, 3]
    for row in book["range"]:
        for meaning in row["meanings"]:
            assert "Test" in meaning["text"]
            cited = [known[i] for i in meaning["evidence"]]
            assert {(c["of"], c["segment"]) for c in cited} == {("products", row["segment"])}
    assert book["range"][0]["meanings"]


@pytest.mark.parametrize("meaning", sentences.MEANINGS, ids=lambda m: "+".join(m.when))
def test_no_meaning_is_worded_as_a_fact(meaning):
    first = meaning.text.partition(".")[0]
    assert "may" in first.split()
    assert "Test" in meaning.text
    assert set(meaning.when) <= {f.rule for f in sentences.RANGE}


def test_customer_segments_lean_to_product_segments_by_more_than_chance(full):
    leans = [c for c in full[1] if c["id"].startswith("a-")]
    tea = [c for c in leans if c["segment"] == 1 and c["direction"] == "higher"]
    assert [c["source"]["column"][0] for c in tea] == ["3"]  # the dozen that holds tea
    assert all(c["confidence"] >= 0.95 and c["comparisons"] == 9 for c in leans)


def test_products_are_counted_at_each_step(full, tmp_path):
    assert story.counted(full[0]) == "36 products were bought before 2024-07-01."
    run = copied(full[0].run, tmp_path)
    run.write("product_segments.parquet", run.read("product_segments.parquet").iloc[:30])
    assert "30 of them had at least 10 buyers" in story.counted(Evidence(run))
    assert "the other 6 are in none" in story.counted(Evidence(run))


def test_without_products_nothing_is_said_of_the_range(tmp_path):
    ev, found, _, book = planted.finished(planted.run(tmp_path, 1))
    assert book["range"] == []
    assert not [c for c in found if c["of"] == "products"]
    assert story.counted(ev).startswith("Without purchases by product")


# --- fit with the objective -----------------------------------------------------------------------


def aimed(folder, prefer, column="orders"):
    run = planted.add_purchases(
        planted.run(folder, 1, objective_figure={"column": column, "prefer": prefer})
    )
    return Evidence(run)


def test_an_objective_without_a_figure_is_left_out_and_said(full):
    table = targeting.criteria(full[0])
    assert "objective" not in table
    assert "study.yaml does not say" in story.compared(full[0], table, names(full[0]))["note"]


@pytest.mark.parametrize(("prefer", "best"), [("higher", 1), ("lower", 3)])
def test_segments_fit_the_objective_by_the_figure_that_the_study_names(tmp_path, prefer, best):
    ev = aimed(tmp_path, prefer)
    rows = targeting.ranking(ev).set_index("segment")
    assert rows["objective"].idxmax() == best
    assert rows["objective"].max() == 1
    shown = targeting.criteria(ev)["objective"]
    assert shown[1] > shown[3] > 0  # what is shown is the figure itself
    told = story.compared(ev, ev.once(targeting.criteria), names(ev))["note"]
    assert f"orders, mean; {prefer} fits the objective better, as study.yaml says" in told


def test_an_objective_that_chance_could_explain_does_not_rank(tmp_path):
    ev = aimed(tmp_path, "higher", "weekend_share")
    assert targeting.criteria(ev)["objective"].nunique() == 1


def test_an_objective_about_no_column_is_refused(tmp_path):
    ev = aimed(tmp_path, "higher", "ordres")
    with pytest.raises(StudyError, match=r"found 'ordres'.*did you mean 'orders'"):
        targeting.criteria(ev)


# --- tests ----------------------------------------------------------------------------------------


def test_the_claims_of_a_test_are_the_playbooks_numbers(full):
    ev, found, _, book = full
    row = next(r for r in book["levers"] if r["experiment"]["unit"] == "$")
    claims = told(found, "x", row["segment"])
    assert claims["test-needed"]["value"] == row["experiment"]["n_per_arm"]
    assert claims["test-detectable"]["value"] == row["experiment"]["detectable"]
    assert claims["test-baseline"]["value"] == row["experiment"]["baseline"]
    assert playbook.experiment(ev, row["segment"], "spend") == row["experiment"]


def test_lists_of_claims_say_how_many_they_show(full, capsys):
    assert cards.facts(full[1], "no such section") == 0
    shown = [c for c in full[1] if c["sections"] == ["targeting"]]
    assert cards.facts(full[1], "targeting", names(full[0]), "The figures") == len(shown) > 10


def copied(run: Run, folder) -> Run:
    for path in run.folder.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return Run(run.study, run.as_of, folder, run.seed)
