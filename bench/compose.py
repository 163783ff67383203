# SPDX-License-Identifier: Apache-2.0
"""What a call costs before the engine is asked, and how long a project takes to read (limits.md P7: < 20 µs, < 200 ms).

CPU time of one thread, interleaved repetitions, medians: the machine may be shared."""
import argparse
import json
import pathlib
import statistics
import subprocess

from kinglet_bench import ROOT, record, spread

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--runs", type=int, default=9)
parser.add_argument("--no-build", action="store_true", help="run datafile_bench as it is")
options = parser.parse_args()

build = pathlib.Path(options.bin).resolve().parent
if not options.no_build:
    subprocess.run(["ninja", "-C", build, "datafile_bench"], check=True, stdout=subprocess.DEVNULL)
reply = subprocess.run([build / "bin/datafile_bench", "--benchmark_format=json", f"--benchmark_repetitions={options.runs}",
                        "--benchmark_enable_random_interleaving=true", "--benchmark_min_time=0.1"],
                       check=True, capture_output=True, text=True).stdout

times, sizes = {}, {}
for run in json.loads(reply)["benchmarks"]:
    if run.get("run_type") == "aggregate":
        continue
    if run.get("error_occurred"):
        raise SystemExit(f"{run['name']}: {run['error_message']}")
    unit = {"ns": 1e-3, "ms": 1.0}[run["time_unit"]]  # µs, ms
    times.setdefault(run["name"], []).append(run["cpu_time"] * unit)
    sizes.update({k: int(run[k]) for k in ("template_bytes", "parameters", "sql_bytes", "files", "bytes") if k in run})

rounded = {name: {k: round(v, 2) for k, v in spread(values).items()} for name, values in times.items()}
record("compose", {
    "template_bytes": sizes["template_bytes"],
    "parameters": sizes["parameters"],
    "render_and_resolve_us": rounded["render_and_resolve"],
    "of_which_us": {name: rounded[name]["median"] for name in ("render", "tokenize_only", "parse_only")},
    "project_files": sizes["files"],
    "project_bytes": sizes["bytes"],
    "parse_project_ms": rounded["parse_project_of_500_files"],
    "parse_and_check_project_ms": rounded["check_project_of_500_files"],
    "goals": {"render_and_resolve_us": 20, "parse_project_ms": 200},
    "met": {"render_and_resolve": statistics.median(times["render_and_resolve"]) < 20,
            "parse_project": statistics.median(times["check_project_of_500_files"]) < 200},
})
