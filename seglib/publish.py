"""Files and folders that appear together or not at all: staged beside their places, then moved."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seglib.formats import StudyError

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

STAGING, REPLACED = ".staging-", ".replaced-"
JOURNAL = ".moves"  # beside the first place: the places to which what is staged is to be moved


@contextmanager
def staged(*places: Path) -> Iterator[list[Path]]:
    """Yield an empty folder beside each place, or for a name with an ending where to make a file.

    A place with an ending is a file, still to be made. Until a journal of the places is there,
    which takes one rename, a process that dies has changed nothing; from then on `recover` finishes
    what it began. Who else wants to stage something there meanwhile gets a StudyError; on Windows,
    which has no such locks, nothing hinders two runs of one study from replacing each other's.
    """
    folder, mark = places[0].parent, f"{STAGING}{os.getpid()}-"  # a kernel outlives a killed run
    new = [_beside(place, mark) for place in places]
    above = [p for place in places for p in (place.parent, place.parent.parent)]
    made = [each for each in above if not each.exists()]
    draft = folder / f"{STAGING}{JOURNAL}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, wait=False):
        _finish(folder)
        for place in places:
            _put_back(place.parent)
        try:
            for path in [old for one in new for old in one.parent.glob(f"{STAGING}*")]:
                _remove(path)
            for path in new:
                (path.parent if path.suffix else path).mkdir(parents=True, exist_ok=True)
            yield new
            _write_journal(draft, dict(zip(new, places, strict=True)))
            draft.rename(folder / JOURNAL)
        finally:
            _finish(folder)
            for path in [*new, draft]:
                _remove(path)
            for each in made:
                if each.is_dir() and not any(each.iterdir()):
                    each.rmdir()


def recover(folder: Path) -> None:
    """Finish the moves that a process which died has left in the folder of a first place."""
    if (folder / JOURNAL).exists() or _set_aside(folder):
        with locked(folder):
            _finish(folder)
            _put_back(folder)


def _set_aside(folder: Path) -> dict[Path, Path]:
    """Return the old places that a lost journal has left without a new one, and where they were."""
    old = {path: path.with_name(path.name[len(REPLACED) :]) for path in folder.glob(f"{REPLACED}*")}
    return {path: place for path, place in old.items() if not place.exists()}


def _put_back(folder: Path) -> None:
    for path, place in _set_aside(folder).items():
        path.rename(place)


def _write_journal(path: Path, moves: dict[Path, Path]) -> None:
    """Write a line for each move, onto the disk itself: from where, a tab, to where."""
    pairs = [(os.path.relpath(each, path.parent) for each in move) for move in moves.items()]
    with path.open("w", encoding="utf-8") as file:
        file.write("\n".join(map("\t".join, pairs)))
        file.flush()
        os.fsync(file.fileno())


def _finish(folder: Path) -> None:
    """Do what is left of the moves in the journal, if there is one."""
    journal = folder / JOURNAL
    if not journal.exists():
        return
    lines = [line.split("\t") for line in journal.read_text(encoding="utf-8").splitlines()]
    pairs = [[Path(os.path.normpath(folder / path)) for path in line] for line in lines]
    try:
        _move(dict(pairs))
    except OSError as error:
        raise StudyError(
            f"{error.filename} cannot be moved ({error.strerror}): close what has it open; the "
            f"next command for {folder.name} finishes the move"
        ) from None
    journal.unlink()


def _move(places: dict[Path, Path]) -> None:
    """Set aside all old places before a new one is moved in: never is old beside new."""
    moves = {new: place for new, place in places.items() if new.exists()}
    for place in moves.values():
        if place.exists():
            _remove(_beside(place, REPLACED))
            place.rename(_beside(place, REPLACED))
    for new, place in moves.items():
        new.rename(place)
    for place in places.values():
        _remove(_beside(place, REPLACED))


@contextmanager
def locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder for one process alone, but on Windows: wait for others, or refuse."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise StudyError(
                f"another run of {folder.name} is under way: wait for its end, then run it again"
            ) from None
        yield
    finally:
        os.close(handle)


def _beside(place: Path, mark: str) -> Path:
    return place.with_name(f"{mark}{place.name}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
