import os

import pytest

from seglib import publish


@pytest.fixture
def places(tmp_path):
    return tmp_path / "data" / "2020-01-01", tmp_path / "reports" / "2020-01-01"


def write(places, text):
    with publish.staged(*places) as folders:
        for folder in folders:
            (folder / "page.html").write_text(text)


def texts(places):
    return [(place / "page.html").read_text() for place in places]


def test_folders_appear_together(places):
    write(places, "one")
    assert texts(places) == ["one", "one"]


def test_new_replaces_old_and_nothing_else_is_left(places):
    write(places, "one")
    (places[0] / "old.json").write_text("{}")
    write(places, "two")
    assert texts(places) == ["two", "two"]
    assert [p.name for p in places[0].parent.iterdir()] == ["2020-01-01"]
    assert [p.name for p in places[0].iterdir()] == ["page.html"]


def test_a_failure_leaves_the_last_good_folders(places):
    write(places, "one")
    with pytest.raises(ValueError, match="half way"), publish.staged(*places) as folders:
        (folders[0] / "page.html").write_text("two")
        raise ValueError("half way")
    assert texts(places) == ["one", "one"]
    assert [p.name for p in places[1].parent.iterdir()] == ["2020-01-01"]


def test_a_first_failure_leaves_nothing(places):
    with pytest.raises(ValueError, match="x"), publish.staged(*places):
        raise ValueError("x")
    assert not places[0].parent.exists()
    assert not places[1].parent.exists()


def test_what_a_killed_run_left_is_removed(places):
    write(places, "one")
    abandoned = places[0].parent / f"{publish.STAGING}999999999-2020-01-01"
    abandoned.mkdir()
    publish.recover(*places)
    assert not abandoned.exists()


def test_the_staging_of_a_living_run_is_kept(places):
    write(places, "one")
    working = places[0].parent / f"{publish.STAGING}{os.getppid()}-2020-01-01"
    working.mkdir()
    publish.recover(*places)
    assert working.exists()


def test_a_folder_set_aside_by_a_killed_run_is_put_back(places):
    write(places, "one")
    places[0].rename(places[0].parent / f"{publish.REPLACED}2020-01-01")
    publish.recover(*places)
    assert texts(places) == ["one", "one"]
