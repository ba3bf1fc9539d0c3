"""What became of members: no false rounding, and no small count that follows from others."""

from types import SimpleNamespace

import pandas as pd

from seglib.measuring import afterwards


def counted(cells):
    """Return a run of which a number of each segment's members converted: {segment: (yes, n)}."""
    labels = pd.Series([s for s, (_, n) in cells.items() for _ in range(n)], name="segment")
    came = [float(i < yes) for yes, n in cells.values() for i in range(n)]
    files = {"segments.parquet": labels.to_frame(), "outcomes.parquet": pd.DataFrame({"x": came})}
    study = SimpleNamespace(
        outcomes={"x": SimpleNamespace(label="converted")}, minimum_cell=10, customer="customer"
    )
    return SimpleNamespace(study=study, has=files.__contains__, read=files.__getitem__)


def test_a_small_share_of_many_is_not_said_to_be_none():
    run = counted({1: (3, 1000), 2: (11, 2000)})
    rows = afterwards.figures(run)
    said = afterwards.sentences(run, rows)[0]
    assert said.startswith("0.5% of the 3,000 customers converted (95% interval 0.3% to 0.8%)")
    assert rows.set_index("segment")["suppressed"].to_dict() == {0: False, 1: True, 2: True}


def test_what_hides_one_segment_hides_everyone_where_no_other_can():
    rows = afterwards.figures(counted({1: (3, 1000), 2: (0, 4)})).set_index("segment")
    assert rows["suppressed"].all()
    assert rows[["value", "others", "times"]].isna().all(axis=None)
