import subprocess
import sys

LIGHT = "import sys, seglib.cli; print({'pandas', 'sklearn', 'papermill'} & set(sys.modules))"


def test_help_loads_no_heavy_library():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
