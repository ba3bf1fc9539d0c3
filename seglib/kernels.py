"""Notebooks run in kernels that begin with their libraries loaded: these took half of the time.

On Linux one process imports what all notebooks need, and each kernel is a fork of it (Python's
`forkserver`); elsewhere, where forks of such a process are not safe, kernels start as always.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
from importlib import import_module
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from traitlets.config import Config

for unused in ("rfc3987_syntax", "debugpy"):  # jsonschema and each kernel would load them
    sys.modules.setdefault(unused, None)
LIBRARIES = [
    "seglib.kernels",
    "ipykernel.kernelapp",
    "ibis.backends.duckdb",
    "seaborn",
    "sklearn.cluster",
    "statsmodels.stats.multitest",
    "seglib.collection.features",
    "seglib.clustering",
    "seglib.personas.claims",
    "seglib.report.cards",
]
PAGES = "seglib.measuring.monitoring", "seglib.report.cards", "seglib.report.summary"
FORKING = sys.platform == "linux"
logging.getLogger("papermill").setLevel(logging.CRITICAL)  # errors are raised too
ONE = threading.Lock()  # two kernels may start at once, and the environment is everyone's


def start() -> None:
    """Begin to load the libraries, where kernels can be forks of a process that has them.

    Meanwhile this process loads what it makes pages with.
    """
    threading.Thread(target=lambda: [*map(import_module, PAGES)], daemon=True).start()
    if FORKING:
        _context()


def parameters(notebook: Path) -> dict[str, dict]:
    """Return the parameters of a notebook as papermill knows them."""
    import papermill

    return papermill.inspect_notebook(str(notebook))


def execute(notebook: Path, executed: Path, parameters: dict, name: str) -> Exception | None:
    """Run a notebook by papermill; return the error that ended it, None if it was done.

    Its kernel talks through files, where there are such sockets, not through ports of the network.
    These, and all else that it leaves in the folder of temporary files, are removed with it.
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    with tempfile.TemporaryDirectory(dir=get_temp_dir(), ignore_cleanup_errors=True) as folder:
        about = {"connection_file": f"{folder}/kernel.json"}
        if os.name == "posix":
            about |= {"transport": "ipc", "ip": f"{folder}/kernel"}
        try:
            papermill.execute_notebook(
                str(notebook),
                str(executed),
                parameters=parameters,
                progress_bar={"desc": name, "leave": False, "disable": None},  # on a terminal
                request_save_on_cell_execute=False,  # written once: each save writes all figures
                config=Config({"KernelManager": about}),
                extra_arguments=["--log-level=50"],  # it logs its own end as an error
                kernel_manager_class=KernelManager,
            )
        except PapermillExecutionError as error:
            return error
    return None


class ForkedKernel:
    """A forked process that answers like the `subprocess.Popen` which jupyter_client expects."""

    stdin = stdout = stderr = None

    def __init__(self, process: multiprocessing.process.BaseProcess):
        self.process, self.pid = process, process.pid

    def poll(self) -> int | None:
        """Return the exit code, None while the kernel runs."""
        return self.process.exitcode

    def wait(self) -> int | None:
        """Wait for the end of the kernel and return its exit code."""
        self.process.join()
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal, if the kernel still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End the kernel at once."""
        self.process.kill()

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.process.terminate()


class ForkingProvisioner(LocalProvisioner):
    """Starts a kernel as a fork of the process that has the libraries loaded."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict:
        """Start the kernel that a command line asks for, and return how to reach it."""
        arguments = cmd[cmd.index("ipykernel_launcher") + 1 :]
        where = kwargs.get("cwd") or os.getcwd()
        process = _context().Process(
            target=_serve, args=(arguments, dict(kwargs["env"]), str(where)), daemon=True
        )
        process.start()
        self.process = ForkedKernel(process)
        self.pid = self.pgid = process.pid  # _serve begins a group of its own
        self.cwd = where
        return self.connection_info


class KernelManager(AsyncKernelManager):
    """Manages a kernel that begins with its libraries loaded."""

    async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict[str, Any]]:
        folder = str(Path(self.connection_file).parent)  # of all its temporary files
        kwargs["env"] = {**(kwargs.get("env") or os.environ), "TMPDIR": folder}
        if FORKING and self.provisioner is None:
            self.provisioner = ForkingProvisioner(
                parent=self, kernel_id=self.kernel_id or "", kernel_spec=self.kernel_spec
            )
        return await super()._async_pre_start_kernel(**kwargs)


def _context() -> multiprocessing.context.ForkServerContext:
    """Return the context whose processes are forks of the one with the libraries."""
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LIBRARIES)
    with ONE:
        backend = os.environ.get("MPLBACKEND")
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # read when loaded
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is for the runner
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            os.environ.pop("MPLBACKEND")
            if backend is not None:
                os.environ["MPLBACKEND"] = backend
    return context


def _serve(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Be a kernel, until it is shut down or the runner is gone."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ.clear()
    os.environ.update(environment | {"JPY_PARENT_PID": str(os.getppid())})
    os.chdir(folder)
    tempfile.tempdir = None  # what a library has asked for before is another
    threading.Thread(target=_end_with_runner, daemon=True).start()

    from ipykernel import kernelapp

    kernelapp.launch_new_instance(argv=arguments)


def _end_with_runner() -> None:
    """Wait for the end of the runner; remove its temporary files when nobody writes any more."""
    folder = get_temp_dir()  # the runner's, which Python has made and each process inherits
    multiprocessing.parent_process().join()
    if os.fork():
        os._exit(1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
