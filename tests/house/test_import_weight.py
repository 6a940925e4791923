"""`import punchlist` and `punchlist --help` are for people who wait: they load nothing heavy."""

import json

import pytest

HEAVY = {"torch", "chromadb", "playwright", "sentence_transformers", "transformers", "onnxruntime", "onnx"}

REPORT = """
import json, os, resource, sys
used = resource.getrusage(resource.RUSAGE_SELF)
loaded = sorted({name.partition(".")[0] for name in sys.modules})
with open(os.environ["REPORT_TO"], "w") as report:
    json.dump({"modules": loaded, "cpu": used.ru_utime + used.ru_stime}, report)
"""
WHAT_IS_RUN = {
    "import punchlist": "import punchlist\n",
    "punchlist --help": """
import sys
sys.argv = ["punchlist", "--help"]
from punchlist.agents.cli import main
try:
    code = main()
except SystemExit as end:
    code = end.code
assert not code, code
""",
    **{
        f"import punchlist.{front}": f"import punchlist.{front}\n"
        for front in ("protocols", "core_model", "memory", "tools", "tools.browser", "agents")
    },
}


def cost(run_python, code, folder):
    """Top-level modules loaded, and CPU seconds (user and system) of the cheapest of three runs of `code`."""
    seconds, modules = [], set()
    for number in range(3):
        report = folder / f"{number}.json"
        run_python("-c", code + REPORT, cwd=folder, env={"REPORT_TO": str(report)})
        seen = json.loads(report.read_text())
        seconds.append(seen["cpu"])
        modules |= set(seen["modules"])
    return modules, min(seconds)


@pytest.mark.parametrize("what", WHAT_IS_RUN)
def test_it_loads_no_heavy_library(what, run_python, tmp_path):
    modules, _ = cost(run_python, WHAT_IS_RUN[what], tmp_path)

    assert modules & HEAVY == set()


@pytest.mark.parametrize("what", ["import punchlist", "punchlist --help"])
def test_it_takes_under_three_tenths_of_a_second_of_cpu(what, run_python, tmp_path):
    _, seconds = cost(run_python, WHAT_IS_RUN[what], tmp_path)

    assert seconds < 0.3
