"""Compile the C++ decoder with the user's own compiler, once per source, processor and compiler.

The library lies in `$XDG_CACHE_HOME/punchlist/native` (or `~/.cache/punchlist/native`) under a name that is a
hash of all it depends on, and is moved there whole, so two processes may build at once. It shares the OpenMP
runtime that torch ships: two pools of threads would fight for the processor.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from ..errors import NativeUnavailable

FLAGS = ("-O3", "-march=native", "-std=c++17", "-fopenmp", "-fPIC", "-ffp-contract=off", "-Wno-psabi")
_SOURCES = ("decoder.cpp", "attention.h", "matmul.h", "vectors.h")
_REMEDY = "Install g++ or clang++ with OpenMP, or name a compiler in CXX."
_LONGEST = 300.0  # seconds for one command of the compiler


def find_compiler() -> str:
    """The C++ compiler to use: `$CXX`, or the first of g++, c++ and clang++ on the path.

    Raises:
        NativeUnavailable: There is none.
    """
    named = os.environ.get("CXX")
    for name in [named] if named else ["g++", "c++", "clang++"]:
        if found := shutil.which(name):
            return found
    why = f"the compiler {named!r} that CXX names was not found" if named else "no C++ compiler was found"
    raise NativeUnavailable(why, _REMEDY)


def cache_folder() -> Path:
    """Where compiled libraries are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "punchlist" / "native"
    except RuntimeError as error:
        remedy = "Set XDG_CACHE_HOME to a folder that can be written to."
        raise NativeUnavailable(f"this user has no home folder ({error})", remedy) from error


@cache
def load_library(*extra_flags: str) -> ctypes.CDLL:
    """The decoder's library, compiled first where it is not in the cache yet (seconds).

    Args:
        extra_flags: Added to `FLAGS`, for example `-mno-avx512f` to leave out what a processor offers.

    Raises:
        NativeUnavailable: There is no compiler, it fails, or its result cannot be kept or loaded.
    """
    compiler = find_compiler()
    flags = [*FLAGS, *extra_flags]
    path = cache_folder() / f"{_fingerprint(compiler, flags)}.so"
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            _compile(compiler, flags, path)
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise NativeUnavailable(
            f"its library {str(path)!r} cannot be kept or loaded ({error})",
            "Make that folder writable, or set XDG_CACHE_HOME to one that is.",
        ) from error


def _compile(compiler: str, flags: list[str], path: Path) -> None:
    here = Path(__file__).parent
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        compiled, library = f"{folder}/decoder.o", f"{folder}/decoder.so"
        _run([compiler, *flags, "-c", str(here / "decoder.cpp"), "-o", compiled])
        openmp = _torch_openmp() if _is_gcc(compiler) else None
        _run([compiler, "-shared", compiled, openmp or "-fopenmp", "-o", library])
        os.replace(library, path)


def _torch_openmp() -> str | None:
    """The GNU OpenMP runtime that torch loads; None where it uses the system's."""
    import torch

    found = sorted((Path(torch.__file__).parent / "lib").glob("libgomp*.so*"))
    return str(found[0]) if found else None


def _fingerprint(compiler: str, flags: list[str]) -> str:
    here = Path(__file__).parent
    parts = [(here / name).read_bytes() for name in _SOURCES]
    parts += [_version(compiler).encode(), "\0".join(flags).encode(), _processor().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def _processor() -> str:
    """What decides which instructions `-march=native` takes."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    told = {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    return "\n".join([platform.machine(), platform.processor(), *sorted(told)])


def _version(compiler: str) -> str:
    return f"{compiler}\n{_run([compiler, '--version'])}"


def _is_gcc(compiler: str) -> bool:
    return "clang" not in _version(compiler).lower()


def _run(command: list[str]) -> str:
    """Output of a compiler's command; `NativeUnavailable` with its first complaint when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NativeUnavailable(f"{command[0]!r} could not be run ({error})", _REMEDY) from error
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise NativeUnavailable(f"{command[0]!r} failed: {(complaints or [done.stderr])[0][:300]}", _REMEDY)
    return done.stdout
