"""What the world does to a process that writes below a folder; tests put this on PYTHONPATH.

FAULT=full        every file opened for writing below BELOW meets a full disk
FAULT=small       no file can become larger than 100 kB; who writes on is told so, but not where
FAULT=read-only   and nothing can be made there either, for want of permission
FAULT=kill        before each step that moves or removes something below BELOW, and at some of those
                  that open a file, all of BELOW is copied below KEEP: what a kill then would leave
"""

import errno
import os
import random
import resource
import shutil
import sys
import time

FAULT, BELOW = os.environ.get("FAULT"), os.environ.get("BELOW", "")
MOVES = {"os.rename", "os.link", "os.symlink", "shutil.rmtree"}
MAKES = {"os.mkdir", "os.rename"}
SOME = 0.7  # of the files that are opened
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def below(path):
    return isinstance(path, str | os.PathLike) and os.path.abspath(path).startswith(BELOW + os.sep)


def fail(number, path):
    raise OSError(number, os.strerror(number), os.fspath(path))


def keep(wanted):
    if wanted:
        shutil.copytree(BELOW, os.path.join(os.environ["KEEP"], str(time.time_ns())), symlinks=True)


def hook(event, about):
    if event == "open" and below(about[0]) and (about[2] or 0) & WRITES:
        if FAULT == "kill":
            keep(random.random() < SOME)
        else:
            fail(errno.ENOSPC if FAULT == "full" else errno.EACCES, about[0])
    elif FAULT == "read-only" and event in MAKES and below(about[0]):
        fail(errno.EACCES, about[0])
    elif FAULT == "kill" and event in MOVES and any(below(path) for path in about[:2]):
        keep(True)


if FAULT == "small":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
elif FAULT:
    sys.addaudithook(hook)
