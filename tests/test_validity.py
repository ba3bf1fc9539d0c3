"""The measures by hand, the rule on made-up evidence, and planted answers in small tables."""

import numpy as np
import pandas as pd
import pytest

from seglib.clustering import Encoder, NullModel, density, mixture, validity


def search(frame, k_max=4, seed=0):
    frame = pd.DataFrame(frame).rename(columns=str)
    null = NullModel(random_state=seed).fit(frame, Encoder().fit(frame))
    return validity.search(null, k_max)


# --- measures -----------------------------------------------------------------------------------


def test_a_valley_is_deep_between_blobs_and_absent_within_one():
    rng = np.random.default_rng(0)
    apart = np.r_[rng.normal(0, 1, 500), rng.normal(6, 1, 500)][:, None]
    one = rng.normal(0, 1, 1000)[:, None]
    halves = (one[:, 0] > 0).astype(int)
    assert density.valley(apart, np.repeat([0, 1], 500), np.array([[0.0], [6.0]])) > 1
    assert density.valley(one, halves, np.array([[-0.8], [0.8]])) < 0.1


def test_blurring_fills_the_gap_between_the_steps_of_a_scale():
    x = np.array([[1.0], [2.0], [2.0], [4.0]])
    fuzzy = density.blurring(x)(np.repeat(x, 500, axis=0), np.random.default_rng(0))
    assert fuzzy[:500].min() >= 0.5 and fuzzy[:500].max() <= 1.5
    assert 1.5 <= fuzzy[500:1500].min() < fuzzy[500:1500].max() <= 3.0
    assert fuzzy[1500:].max() <= 5.0


# --- the rule -----------------------------------------------------------------------------------


def measures(dispersion, stability, valley):
    return np.array([[0.0, *dispersion], [1.0, *stability], [0.0, *valley]])


def null(n=20):
    rng = np.random.default_rng(0)
    return [measures(rng.normal(0, 0.01, 2), [0.5, 0.4], [0.05, 0.05]) for _ in range(n)]


@pytest.mark.parametrize(
    ("dispersion", "stability", "k", "kind"),
    [
        ([-0.2, -0.3], [0.76, 0.98], 3, "reproducible"),
        ([-0.3, -0.2], [0.98, 0.76], 2, "reproducible"),  # more support
        ([-0.1, -0.3], [0.6, 0.45], 2, "reproducible"),  # 3 do not come back
        ([-0.1, -0.3], [0.5, 0.45], 1, "none"),  # neither do 2
        ([0.0, 0.0], [0.99, 0.99], 1, "none"),  # stable, yet no structure
    ],
)
def test_where_no_groups_stand_apart_segments_are_at_most_reproducible(
    dispersion, stability, k, kind
):
    evidence = validity.compare(measures(dispersion, stability, [1.0, 1.0]), null())
    found = validity.decide(evidence)
    assert (found.k, found.kind, found.apart, found.method()) == (k, kind, 1, "auto")


def test_a_bend_is_seen_where_columns_follow_a_curve_and_not_in_a_cloud():
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, 400)
    arc = np.column_stack([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.1, (400, 2))
    cloud = rng.normal(size=(400, 2)) @ [[1, 0.5], [0, 0.6]]
    assert [search(x).curved for x in (arc, cloud)] == [True, False]


@pytest.mark.parametrize(
    ("k", "by_bic", "apart", "kind"),
    [
        (3, 3, 3, "natural"),
        (3, 4, 3, "reproducible"),  # two criteria differ
        (3, 3, 2, "reproducible"),  # two of the groups shade into each other
        (2, 2, 2, "reproducible"),  # three k-means segments have larger support
    ],
)
def test_groups_are_natural_where_every_look_gives_their_number(k, by_bic, apart, kind):
    table = pd.DataFrame({"bic": [3.0, 2, 1], "icl": [3.0, 2, 1]}, pd.RangeIndex(1, 4, name="k"))
    evidence = validity.compare(measures([-0.2, -0.3], [0.8, 0.9], [0.1, 0.1]), null())
    found = validity.decide(evidence, mixture.Count(k, by_bic, apart, 1.2, table))
    assert (found.k, found.kind, found.apart) == (k, kind, apart)
    assert (found.method(), found.method("kmeans")) == ("gmm", "kmeans")
    assert found.evidence.loc[k, "separation"] == 1.2
    assert found.evidence["separation_p"].isna().tolist() == [j in {1, k} for j in (1, 2, 3)]


def test_each_figure_of_the_evidence_has_its_p_value_from_the_tables_without_groups():
    """Of four tables, two are as stable at 2 segments and none at 3, one is as compact at 2."""
    tables = [measures([d, 0.0], [s, 0.4], [0.1, 0.0]) for d, s in
              [(-0.3, 0.5), (0.1, 0.7), (0.0, 0.6), (0.2, 0.2)]]  # fmt: skip
    evidence = validity.compare(measures([-0.2, -0.1], [0.6, 0.9], [0.0, 0.1]), tables)
    assert evidence["stability_p"].loc[2:].tolist() == [3 / 5, 1 / 5]
    assert evidence["dispersion_p"].loc[2:].tolist() == [2 / 5, 1 / 5]
    assert evidence["separation_p"].loc[2:].tolist() == [1.0, 1 / 5]
    assert evidence.loc[1, ["stability_p", "dispersion_p", "separation_p"]].isna().all()
    assert evidence.loc[2, "stability_null"] == pytest.approx(0.5)


def test_another_number_than_that_found_has_a_kind_of_its_own():
    found = validity.decide(
        validity.compare(measures([-0.3, -0.2], [0.98, 0.7], [1.0, 0.1]), null())
    )
    assert [found.kind_at(k) for k in (1, 2, 3, 9)] == [
        "none",
        "reproducible",
        "reproducible",
        "none",
    ]


# --- planted answers ----------------------------------------------------------------------------


def test_of_four_groups_that_shade_into_each_other_in_pairs_two_stand_apart():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 600)
    centres = np.array([[0, 0, 0], [2.8, 0, 0], [0, 9, 0], [0, 9, 2.8]])
    found = search(centres[truth] + rng.normal(size=(600, 3)), 5)
    assert (found.apart, found.kind) == (2, "reproducible") or found.k == found.apart == 2


def test_the_arithmetic_of_spend_and_shares_is_no_group():
    rng = np.random.default_rng(9)
    frame = pd.DataFrame({"orders": rng.gamma(2, 3, 200) + 1, "value": rng.lognormal(3, 0.5, 200)})
    assert search(frame.assign(spend=frame["orders"] * frame["value"]), seed=1).kind == "none"
    cloud = np.random.default_rng(1002).dirichlet(rng.uniform(0.5, 3, 5), 400)
    assert search(cloud, seed=1).kind == "none"
