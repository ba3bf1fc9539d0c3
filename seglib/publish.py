"""Folders that appear whole or not at all: staged beside their place, then swapped in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAGING, REPLACED = ".staging-", ".replaced-"


@contextmanager
def staged(*places: Path) -> Iterator[list[Path]]:
    """Yield an empty folder beside each place; put them all in place if nothing fails.

    Parameters
    ----------
    places
        The folders to be written. Each may exist; it keeps its content until the end.

    Yields
    ------
    list of pathlib.Path
        Staging folders, one a place.

    Notes
    -----
    The old folder is set aside before the new one takes its place, so a reader sees one or the
    other. If the process dies in between, `recover` puts the old one back.
    """
    recover(*places)
    above = [p for place in places for p in (place.parent, place.parent.parent)]
    made = [folder for folder in above if not folder.exists()]
    folders = [place.parent / f"{STAGING}{os.getpid()}-{place.name}" for place in places]
    try:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        yield folders
        for folder, place in zip(folders, places, strict=True):
            _swap(folder, place)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        for folder in made:
            _drop_empty(folder)


def recover(*places: Path) -> None:
    """Tidy what a killed run left: restore a folder set aside, remove abandoned staging."""
    for place in places:
        aside = place.parent / f"{REPLACED}{place.name}"
        if aside.is_dir():
            if place.exists():
                shutil.rmtree(aside)
            else:
                aside.rename(place)
        for folder in place.parent.glob(f"{STAGING}*"):
            pid = folder.name.removeprefix(STAGING).partition("-")[0]
            if not (pid.isdigit() and _alive(int(pid))):
                shutil.rmtree(folder, ignore_errors=True)


def _swap(folder: Path, place: Path) -> None:
    aside = place.parent / f"{REPLACED}{place.name}"
    if place.exists():
        place.rename(aside)
    folder.rename(place)
    shutil.rmtree(aside, ignore_errors=True)


def _drop_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
