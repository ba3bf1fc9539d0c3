"""Whether there are groups, and what is said where there are none: points 22 and 23."""

import re

import numpy as np
import pandas as pd
import pytest

import seglib


def planted(seed):
    """Three groups of sixty in four columns, one of them skewed."""
    rng = np.random.default_rng(seed)
    centres = np.repeat([[0, 0, 0, 0], [5, 0, 5, 1], [0, 5, 5, 2]], 60, axis=0)
    frame = pd.DataFrame(rng.normal(centres, 1), columns=["a", "b", "c", "d"])
    return frame.assign(d=np.exp(frame["d"]))


STRUCTURELESS = {
    "correlated": lambda rng: rng.normal(size=(240, 3)) + rng.normal(size=(240, 1)),
    "skewed": lambda rng: rng.lognormal(2, 0.8, (240, 3)),
    "evenly filled": lambda rng: rng.uniform(size=(240, 3)),
}


@pytest.mark.point(22)
@pytest.mark.parametrize("seed", [1, 2])
def test_planted_groups_are_natural_and_their_members_are_together(seed):
    result = seglib.segment(planted(seed), k_max=4)
    assert (result.verdict.kind, result.verdict.k) == ("natural", 3)
    together = pd.crosstab(np.repeat([1, 2, 3], 60), result.labels.to_numpy())
    assert together.max(axis=1).sum() >= 175


@pytest.mark.point(22)
@pytest.mark.parametrize("kind", STRUCTURELESS)
def test_structureless_tables_are_not_natural(kind):
    frame = pd.DataFrame(STRUCTURELESS[kind](np.random.default_rng(3)), columns=["a", "b", "c"])
    assert seglib.segment(frame, k_max=4).verdict.kind != "natural"


@pytest.mark.point(23)
def test_one_segment_means_that_pages_say_not_to_segment(finished):
    run = finished("even")
    assert run.json("verdict.json")["k"] == 1
    advice = re.compile(r"do not segment|treat (everybody|everyone|all)\b|as one segment", re.I)
    for page in ("index.html", "*/03*.html", "*/04*.html"):
        assert advice.search(run.text(page)), page


@pytest.mark.point(23)
def test_one_segment_has_no_names_no_ranking_and_nothing_to_try(finished):
    run = finished("even")
    assert run.json("playbook.json")["levers"] == []
    assert run.frame("segments.csv")["segment"].unique().tolist() == [1]
    shown = run.text("index.html") + run.text()
    assert not re.search(r"Segment 2\b|segments in order of priority", shown, re.I)
