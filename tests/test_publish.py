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


@pytest.mark.parametrize("moved", [1, 2, 3])
def test_what_a_kill_set_aside_is_put_back_unless_all_is_new(places, moved):
    write(places, "one")
    aside = [place.parent / f"{publish.REPLACED}{place.name}" for place in places]
    for place, old in zip(places, aside, strict=True):
        place.rename(old)
    for place in places[: moved - 1]:
        place.mkdir()
        (place / "page.html").write_text("two")
    publish.recover(*places)
    assert texts(places) == (["two", "two"] if moved == 3 else ["one", "one"])
    assert not any(old.exists() for old in aside)


def test_a_file_is_published_with_the_folders(tmp_path):
    places = tmp_path / "pages", tmp_path / "index.html"
    for text in ("one", "two"):
        with publish.staged(*places) as (folder, file):
            (folder / "page.html").write_text(text)
            file.write_text(text)
        assert places[1].read_text() == text == (places[0] / "page.html").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index.html", "pages"]
