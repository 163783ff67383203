# SPDX-License-Identifier: Apache-2.0
"""Start with data to the first 200, and what an idle server costs (limits.md P9: < 1 s, < 300 MB, < 1 % of a core)."""
import argparse
import pathlib
import time
import os

from kinglet_bench import ROOT, Server, cpu_seconds, record, resident_mb, spread

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/bin")
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--idle-seconds", type=int, default=60)
parser.add_argument("--cache", default=os.environ.get("KINGLET_CACHE", pathlib.Path.home() / ".cache/kinglet"))
options = parser.parse_args()

with Server(options.bin) as server:
    server.own = False
    data = server.data
    server.cli("deploy", ROOT / "demo")
    begun = time.monotonic()
    server.cli("datasource", "append", "flights", pathlib.Path(options.cache) / "vega-datasets-3.2.1/package/data/flights-3m.parquet")
    load_seconds = time.monotonic() - begun

first = []
for _ in range(options.runs):
    with Server(options.bin, data) as server:
        server.get("/v0/pipes/delays_by_airport.json?limit=1")
        first.append(time.monotonic() - server.started)

with Server(options.bin, data) as server:
    server.get("/v0/pipes/delays_by_airport.json?limit=1")
    time.sleep(10)  # sleep: what a start leaves to do is done, so that the next seconds are idle ones
    before = [cpu_seconds(p) for p in server.pids()]
    time.sleep(options.idle_seconds)  # sleep: idleness is what is measured
    cpu = [(cpu_seconds(p) - b) / options.idle_seconds * 100 for p, b in zip(server.pids(), before)]
    memory = [resident_mb(p) for p in server.pids()]

record("start", {
    "load_3m_flights_seconds": round(load_seconds, 2),
    "start_to_first_200_seconds": {k: round(v, 3) for k, v in spread(first).items()},
    "idle_resident_mb": {"kinglet": round(memory[0], 1), "kinglet-engine": round(memory[1], 1), "both": round(sum(memory), 1)},
    "idle_cpu_percent_of_a_core": {"kinglet": round(cpu[0], 3), "kinglet-engine": round(cpu[1], 3), "both": round(sum(cpu), 3)},
})
