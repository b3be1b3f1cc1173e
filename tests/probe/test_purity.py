"""The probe runs without any compiled wheel: the standard library, pure Python, and our own native module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

IMPORT_EVERYTHING = """
import importlib, importlib.machinery, pkgutil, sys, sysconfig

STANDARD = (sysconfig.get_path("platstdlib") + "/lib-dynload/", sysconfig.get_path("stdlib") + "/lib-dynload/")

class NoCompiledWheels:
    refused = []

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
            return None
        if spec.origin.startswith(STANDARD) or name == "faultline.native._native":
            return None
        cls.refused.append(name)
        raise ImportError(f"a static probe cannot load the compiled module {name}")

sys.meta_path.insert(0, NoCompiledWheels)
import probe
imported = ["probe"]
for module in pkgutil.walk_packages(probe.__path__, "probe."):
    importlib.import_module(module.name)
    imported.append(module.name)
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        continue
    sys.exit(f"the test is blind: it let {name} in")
print(*imported, sep="\\n")
"""


def test_every_module_of_the_probe_imports_without_compiled_wheels() -> None:
    """A meta-path finder refuses every third-party extension module; all of the probe still imports, and numpy does not."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, "numpy", "pyarrow", "cryptography.x509"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "probe").rglob("*.py")}
    names = {name.removesuffix(".py").replace("/", ".").removesuffix(".__init__") for name in modules}
    assert set(done.stdout.split()) == names


def test_help_and_a_bad_path_start_without_the_heavy_parts() -> None:
    """Commands import what they need when they run: asking for help loads neither HTTP client nor capture nor sessions."""
    heavy = ("httpx", "scapy", "pyroute2", "yaml", "asyncio")
    program = f"import sys, probe.cli; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout.split() == []
