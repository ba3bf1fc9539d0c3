"""Files and folders that appear together or not at all: staged beside their places, then moved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STAGING, REPLACED = ".staging-", ".replaced-"


@contextmanager
def staged(*places: Path) -> Iterator[list[Path]]:
    """Yield an empty folder beside each place, or for a name with an ending where to make a file.

    A place with an ending is a file, still to be made. All old places are set aside before the
    first new one is moved in, so a process that dies in between leaves old ones, new ones or none,
    and never old beside new; `recover` puts the old ones back if not all the new ones had arrived.
    """
    recover(*places)
    above = [p for place in places for p in (place.parent, place.parent.parent)]
    made = [folder for folder in above if not folder.exists()]
    new = [place.parent / f"{STAGING}{os.getpid()}-{place.name}" for place in places]
    try:
        for path in new:
            _remove(path)
            (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
        yield new
        for place in places:
            if place.exists():
                place.rename(_aside(place))
        for path, place in zip(new, places, strict=True):
            path.rename(place)
    finally:
        recover(*places)
        for path in new:
            _remove(path)
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def recover(*places: Path) -> None:
    """Tidy up after `staged`: put back places set aside, remove what dead processes staged."""
    complete = all(place.exists() for place in places)
    for place in places:
        if _aside(place).exists():
            if not complete:
                _remove(place)
                _aside(place).rename(place)
            _remove(_aside(place))
        for path in place.parent.glob(f"{STAGING}*"):
            pid = path.name.removeprefix(STAGING).partition("-")[0]
            if not (pid.isdigit() and _alive(int(pid))):
                _remove(path)


def _aside(place: Path) -> Path:
    return place.parent / f"{REPLACED}{place.name}"


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
