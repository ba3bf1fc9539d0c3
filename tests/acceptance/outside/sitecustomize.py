"""What the world does to a process that writes below a folder; tests put this on PYTHONPATH.

FAULT=full        every file opened for writing below BELOW meets a full disk
FAULT=read-only   and nothing can be made there either, for want of permission
FAULT=kill        before each step that moves or removes something below BELOW, all of BELOW is
                  copied below KEEP: what a kill at that step would leave
"""

import errno
import os
import shutil
import sys

FAULT, BELOW = os.environ.get("FAULT"), os.environ.get("BELOW", "")
MOVES = {"os.rename", "os.link", "os.symlink", "shutil.rmtree"}
MAKES = {"os.mkdir", "os.rename"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def below(path):
    return isinstance(path, str | os.PathLike) and os.path.abspath(path).startswith(BELOW + os.sep)


def fail(number, path):
    raise OSError(number, os.strerror(number), os.fspath(path))


def hook(event, about):
    if event == "open" and below(about[0]) and (about[2] or 0) & WRITES:
        if FAULT != "kill":
            fail(errno.ENOSPC if FAULT == "full" else errno.EACCES, about[0])
    elif FAULT == "read-only" and event in MAKES and below(about[0]):
        fail(errno.EACCES, about[0])
    elif FAULT == "kill" and event in MOVES and any(below(path) for path in about[:2]):
        count = len(os.listdir(os.environ["KEEP"]))
        shutil.copytree(BELOW, os.path.join(os.environ["KEEP"], f"{count:03d}"), symlinks=True)


if FAULT:
    sys.addaudithook(hook)
