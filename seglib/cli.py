"""Words on the command line; each command imports what it needs when it is called."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Iterator

from seglib import __version__

# A disk that is full or read-only, a file too large for it or closed to us.
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


def main(words: list[str] | None = None) -> int:
    """Run a command; return 0 if done, 1 if a notebook failed, 2 if the user must act."""
    options = _parser().parse_args(words)
    try:
        options.command(options)
    except KeyboardInterrupt:
        whole = "the files and pages are those of the last run, or of this one if it was done"
        return _stopped(f"interrupted; {whole}", 130)
    except OSError as error:
        place = error.filename2 or error.filename
        if not place and error.errno not in DISK:
            raise
        place = place or getattr(options, "study", "the output")
        return _stopped(f"{place}: {error.strerror}; the last run is as it was", 2)
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryException":
            return _stopped("DuckDB needs more memory: raise SEGLIB_MEMORY, or free some", 2)
        if not hasattr(error, "exit_code"):
            raise
        return _stopped(str(error), error.exit_code)
    return 0


@contextlib.contextmanager
def _printing() -> Iterator[None]:
    """Print as long as somebody reads: `head` has enough at some time, and the rest is dropped."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(line: object) -> None:
    with _printing():
        print(line)


def _stopped(why: str, code: int) -> int:
    print(f"seglib: {why}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="seglib", description="Customer segmentation that says how far it can be trusted."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    study = commands.add_parser("run", help="all notebooks of a study, then the pages")
    study.add_argument("study", help="name below data/, or path, of a study")
    study.add_argument("--as-of", default="", metavar="D", help="cut-off date, YYYY-MM-DD")
    study.add_argument(
        "--only",
        default="",
        metavar="03",
        help="run again only these notebooks, and what depends on them",
    )
    study.add_argument("--force", action="store_true", help="run again what has not changed")
    study.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of every notebook that knows it, but k, method and labels only of the "
        "segments of customers; STEP.NAME for one alone",
    )
    study.set_defaults(command=_run)

    begin = commands.add_parser("new", help="write a study.yaml by looking at files")
    begin.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="CSV, Parquet, JSON lines, BOOK.xlsx#SHEET, FILE.duckdb#TABLE, ${VARIABLE}#TABLE",
    )
    begin.add_argument("--name", default="", help="the study's name")
    begin.set_defaults(command=_new)

    _add_score(commands)
    check = commands.add_parser("check", help="what is wrong, and what each page will say")
    check.add_argument("study")
    check.set_defaults(command=_check)
    return parser


def _add_score(commands) -> None:
    one = commands.add_parser("score", help="segments for customers never seen, or at another date")
    one.add_argument("model", help="folder of a run, data/STUDY/DATE, or its model.json")
    one.add_argument(
        "table",
        help="Parquet or CSV file of customers with the rule's columns, such "
        "as the customers.parquet of a run",
    )
    one.add_argument(
        "-o",
        dest="out",
        default="",
        metavar="OUT",
        help=".csv or .parquet file to write; without it CSV is printed",
    )
    who = "who a row is; else customer; '<row>' numbers the rows"
    one.add_argument("--id", default="", metavar="COLUMN", help=who)
    one.set_defaults(command=_score)


def _new(options) -> None:
    from seglib.collection import draft as drafts

    draft = drafts.new(options.files, options.name)
    _say(f"{draft.path} is written.")
    for sentence in draft.unsure:
        _say(f"  unsure: {sentence}")
    name = draft.path.parent.name
    _say(f"Look at it, then: seglib check {name}; seglib run {name}")


def _run(options) -> None:
    from seglib import runner

    index = runner.run(
        options.study,
        options.as_of,
        only=options.only,
        force=options.force,
        parameters=dict(options.parameters),
        say=_say,
    )
    _say(index)


def _score(options) -> None:
    from seglib import formats
    from seglib.clustering import scoring

    if options.out:
        scoring.check(options.out, options.model, options.table)
    result = scoring.score(options.model, options.table, options.id)
    counts = result.members.groupby(["segment", "name"], dropna=False).size()
    for (segment, name), count in counts.items():
        called = f"{segment} {name}" if isinstance(name, str) else f"Segment {segment}"
        print(f"{called}: {count:,} ({count / len(result.members):.0%})", file=sys.stderr)
    for note in result.notes:
        print(note, file=sys.stderr)
    if options.out:
        _say(scoring.write(result.members, options.out))
        return
    with _printing():
        formats.write_csv(result.members.reset_index(), sys.stdout)


def _check(options) -> None:
    from seglib import plan

    study = plan.check(options.study, read=False)
    parts = plan.outlook(study)
    _say(f"{study.path} is sound: {study.title}, as of {study.as_of}")
    for heading, lines in parts.items():
        _say("\n".join([f"\n{heading}", *(f"  {line}" for line in lines or ["nothing"])]))


if __name__ == "__main__":
    sys.exit(main())
