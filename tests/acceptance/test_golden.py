"""Five studies give the figures they gave: point 34.

`python tests/acceptance/golden.py --write` makes them anew.
"""

import copy
import json

import pytest
from golden import PATH, STUDIES, differences, figures

GOLDEN = json.loads(PATH.read_text())


@pytest.mark.point(34)
@pytest.mark.parametrize("study", STUDIES)
def test_the_figures_of_a_study_are_as_they_were(finished, study):
    assert differences(GOLDEN[study], figures(finished(study))) == []


@pytest.mark.point(34)
@pytest.mark.parametrize("study", STUDIES)
def test_main_effects_are_those_that_claims_publish(finished, study):
    run = finished(study)
    published = {}
    for claim in run.json("claims.json"):
        place = f"{claim['segment']} {claim['source']['column']}"
        published.setdefault(place, []).append(claim["value"])
    effects = figures(run)["effects"].items()
    effects = {name: value for name, value in effects if name.count(" ") == 1}  # but for levels
    there = {name: value for name, value in effects.items() if name in published}
    assert len(there) >= 0.6 * len(effects)
    for name, value in there.items():
        assert any(abs(each - value) < 0.005 for each in published[name] if each is not None), name


@pytest.mark.point(34)
def test_a_little_noise_passes():
    now = copy.deepcopy(GOLDEN["usage_log"])
    for kind in ("effects", "kpis"):
        now[kind] = {name: 1.01 * value for name, value in now[kind].items()}
    assert differences(GOLDEN["usage_log"], now) == []


MISTAKES = {
    "another number of segments": lambda f: f.update(k=f["k"] + 1),
    "another kind": lambda f: f.update(kind="none"),
    "two segments exchanged": lambda f: f["sizes"].update(
        {"1": f["sizes"]["3"], "3": f["sizes"]["1"]}
    ),
    "customers lost": lambda f: _lose(f["sizes"]),
    "an effect of another size": lambda f: _change(f["effects"], 0),
    "a measure of another size": lambda f: _change(f["kpis"], 0),
    "measures gone": lambda f: f.update(kpis={}),
}


def _lose(sizes):
    sizes["1"] -= round(0.1 * sum(sizes.values()))


def _change(values, place):
    name = sorted(values, key=lambda each: -abs(values[each]))[place]
    values[name] *= 1.06


@pytest.mark.point(34)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_does_not_pass(mistake):
    now = copy.deepcopy(GOLDEN["usage_log"])
    MISTAKES[mistake](now)
    assert differences(GOLDEN["usage_log"], now)
