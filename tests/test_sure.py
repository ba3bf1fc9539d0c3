"""Where membership is soft, descriptors are shown with that doubt counted in."""

import numpy as np
import pandas as pd
import planted
import pytest

from seglib import clustering
from seglib.personas import persona, sure
from seglib.personas.grounds import Evidence


@pytest.fixture(scope="module", params=["gmm", "kmeans"])
def made(request, tmp_path_factory):
    """Two overlapping groups, found again; 60% and 20% of them say yes."""
    rng = np.random.default_rng(2)
    truth = np.repeat([1, 2], 600)
    index = pd.Index(np.arange(1200) + 90_000, name="customer")
    shift = np.where(truth == 1, 1.0, -1.0)[:, None]
    columns = ["orders", "basket_value", "evening_share"]
    frame = pd.DataFrame(rng.normal(size=(1200, 3)) + 0.75 * shift, index, columns)
    found = clustering.segment(frame, k=2, method=request.param, seed=1)
    run = planted.run(tmp_path_factory.mktemp(request.param), 1, found.members["segment"])
    yes = rng.random(1200) < np.where(truth == 1, 0.6, 0.2)
    frame["member"] = pd.Categorical(np.where(yes, "yes", "no"))
    run.write("customers.parquet", frame)
    run.write("segments.parquet", found.members)
    run.write("model.json", found.model)
    run.write("verdict.json", run.read("verdict.json") | {"columns": columns})
    return request.param, Evidence(run), truth


def test_soft_segments_get_figures_nearer_to_what_was_planted_and_hard_ones_a_sentence(made):
    method, ev, truth = made
    names = persona.names(ev)
    table = sure.corrected(ev, names)
    if method == "kmeans":
        assert table.empty
        assert "membership is taken as sure" in sure.said(ev)
        return
    assert "corrected" in sure.said(ev)
    assert list(table) == ["segment", "attribute", "plain", "corrected", "from", "to"]
    assert set(table["segment"]) <= set(names.values())
    assert sure.chances(ev).sum(axis=1).to_numpy() == pytest.approx(1.0)
    many = ev.labels[truth == 1].mode().iloc[0]
    rows = sure.corrected(ev, {many: "first"}).query("segment == 'first'")
    row = rows.set_index("attribute").loc["Member"]
    assert row["plain"] < row["corrected"]
    assert row["from"] <= 3.0 <= row["to"]
    assert abs(row["corrected"] - 3.0) < abs(row["plain"] - 3.0)


def test_without_a_model_nothing_is_said(tmp_path):
    ev = Evidence(planted.run(tmp_path, 1))
    assert sure.said(ev) == ""
    assert sure.corrected(ev, {}).empty
