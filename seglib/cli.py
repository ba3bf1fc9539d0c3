"""Words on the command line."""

from __future__ import annotations

import argparse
import sys

from seglib import __version__, run
from seglib.run import NotebookError
from seglib.study import StudyError


def main(words: list[str] | None = None) -> int:
    """Run a command; return 0 if done, 1 if a notebook failed, 2 if the user must act."""
    given = _parser().parse_args(words)
    try:
        given.command(given)
    except StudyError as error:
        print(f"seglib: {error}", file=sys.stderr)
        return 2
    except NotebookError as error:
        print(f"seglib: {error}", file=sys.stderr)
        return 1
    return 0


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
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="a parameter of every notebook that knows it; STEP.NAME for one alone",
    )  # fmt: skip
    study.set_defaults(command=_run)

    check = commands.add_parser("check", help="say what is wrong with a study.yaml")
    check.add_argument("study")
    check.set_defaults(command=_check)
    return parser


def _run(given) -> None:
    index = run.run(
        given.study,
        given.as_of,
        only=given.only,
        force=given.force,
        parameters=dict(given.parameters),
        say=lambda line: print(line, flush=True),
    )
    print(index)


def _check(given) -> None:
    study = run.check(given.study)
    print(f"{study.path} is sound: {study.title}, as of {study.as_of}")


if __name__ == "__main__":
    sys.exit(main())
