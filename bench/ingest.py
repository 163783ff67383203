# SPDX-License-Identifier: Apache-2.0
"""Rows in (limits.md P1, P2): NDJSON requests of 10,000 rows through Kinglet (HTTP, token, checks, spool with fsync, stored in
MergeTree until all rows are visible) against the engine's own JSONEachRow streaming insert of the same bytes into the same table.

Both run on the same cores (`--cores`), one after the other in turn; the load generator has `--load-cores` for itself. The engine is
given one insert for each request, and one for every ten of them; with one and with two streams at a time, and the better counts. It
does not look for duplicates."""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import ingest_rows
from kinglet_bench import ROOT, EngineAlone, Server, load_generator, print_table, record, rounded, run_load

ROWS = 10_000  # in a request
GOALS = {"P1": (3.0, 2.0), "P2": (2.0, None)}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--cores", default="0", help="of the server and its engine, and of the engine alone")
parser.add_argument("--load-cores", default="1", help="of the load generator")
parser.add_argument("--connections", type=int, default=4)
parser.add_argument("--narrow-requests", type=int, default=150, help="a run of P1")
parser.add_argument("--wide-requests", type=int, default=10, help="a run of P2")
parser.add_argument("--only", choices=("P1", "P2"))
parser.add_argument("--no-record", action="store_true")
options = parser.parse_args()


def visible(server, table, rows):
    """Waits until the table has `rows` rows."""
    while True:
        found = int(server.engine(f"SELECT count() FROM {table}"))
        if found >= rows:
            return found
        time.sleep(0.005)


def through_kinglet(server, load, name, bodies, requests):
    table = server.table(name)
    before, metrics, begun = server.cpu(), server.metrics(), time.monotonic()
    said = run_load(load, server.url, [f"/v0/events?name={name}"], cores=options.load_cores, bodies=bodies, connections=options.connections,
                    requests=requests, headers=[f"Authorization: Bearer {server.token}"])
    accepted = time.monotonic() - begun
    found = visible(server, table, requests * ROWS)
    took = time.monotonic() - begun
    cpu = [after - earlier for after, earlier in zip(server.cpu(), before)]
    if set(said["statuses"]) - {"202", "429", "503"} or found != requests * ROWS:
        raise SystemExit(f"{found} of {requests * ROWS} rows: {said}")
    later = server.metrics()

    def grown(metric):
        return int(sum(v - metrics.get(k, 0) for k, v in later.items() if k.split("{")[0] == metric))

    return {"rows_per_second": requests * ROWS / took, "accepted_per_second": requests * ROWS / accepted,
            "kinglet_cpu_us": cpu[0] / (requests * ROWS) * 1e6, "engine_cpu_us": cpu[1] / (requests * ROWS) * 1e6,
            "load_cpu_us": said["cpu_seconds"] / (requests * ROWS) * 1e6, "p99_ms": said["p99_ms"],
            "rows_an_insert": requests * ROWS / max(1, grown("kinglet_spool_landed_parts_total")),
            "refused": sum(v for k, v in said["statuses"].items() if k != "202")}


def by_the_engine(engine, create, columns, body, requests, streams):
    engine.ask(sql="DROP TABLE IF EXISTS bench SYNC")
    engine.ask(sql=create)
    rows = requests * ROWS
    said = engine.ask(insert=f"INSERT INTO bench ({', '.join(f'`{name}`' for name, _ in columns)}) SETTINGS async_insert=0, deduplicate_insert='disable'", format="JSONEachRow",
                      bodies=[str(body)], inserts=rows // body_rows(body), streams=streams)
    found = int(engine.ask(sql="SELECT count() FROM bench")["text"])
    if found != rows:
        raise SystemExit(f"the engine alone stored {found} of {rows} rows")
    return {"rows_per_second": rows / said["seconds"], "cpu_us": said["cpu_seconds"] / rows * 1e6}


def body_rows(body):
    return int(body.stem.split("_")[1])


def own_create(server, name):
    """The table that Kinglet made, as text for the engine alone."""
    create = json.loads(server.engine(f"SHOW CREATE TABLE {server.table(name)} FORMAT JSONEachRow"))["statement"]
    return "CREATE TABLE bench " + create[create.index("\n("):]


def scenario(goal, server, engine, load, folder, columns, text, requests):
    small, large = folder / f"{goal}_{ROWS}.ndjson", folder / f"{goal}_{10 * ROWS}.ndjson"
    small.write_text(text)
    large.write_text(text * 10)
    create = own_create(server, f"{goal.lower()}_0")
    runs = {"kinglet": [], **{f"engine_{rows}_x{streams}": [] for rows in (ROWS, 10 * ROWS) for streams in (1, 2)}}
    through_kinglet(server, load, f"{goal.lower()}_warm", [small], max(2, requests // 10))
    for run in range(options.runs):
        runs["kinglet"].append(through_kinglet(server, load, f"{goal.lower()}_{run}", [small], requests))
        for body in (small, large):
            for streams in (1, 2):
                runs[f"engine_{body_rows(body)}_x{streams}"].append(by_the_engine(engine, create, columns, body, requests, streams))
        print(f"  {goal} run {run + 1}: " + ", ".join(f"{k} {v[-1]['rows_per_second']:,.0f}" for k, v in runs.items()) + " rows/s", flush=True)
    out = {"bytes_a_row": round(len(text) / ROWS, 1), "columns": len(columns), "rows_a_request": ROWS, "requests_a_run": requests}
    for name, values in runs.items():
        out[name] = {key: rounded([value[key] for value in values], 2) for key in values[0]}
    ours = out["kinglet"]["rows_per_second"]["median"]
    for rows, key, wanted in ((ROWS, "ratio", GOALS[goal][0]), (10 * ROWS, "ratio_to_large_inserts", GOALS[goal][1])):
        best = max(out[f"engine_{rows}_x{streams}"]["rows_per_second"]["median"] for streams in (1, 2))
        # The ratio of each run, so that a slow minute of the machine counts on both sides.
        ratios = [k["rows_per_second"] / max(a["rows_per_second"], b["rows_per_second"]) for k, a, b in
                  zip(runs["kinglet"], runs[f"engine_{rows}_x1"], runs[f"engine_{rows}_x2"])]
        out[key] = {**rounded(ratios, 2), "of_medians": round(ours / best, 2)}
        if wanted:
            out[key] |= {"goal": wanted, "met": out[key]["median"] >= wanted}
    return out


def conversion():
    """Rows/s and core of read, check, convert, encode and spool: the micro-benchmarks of src/rows and src/spool."""
    build = pathlib.Path(options.bin).resolve().parent
    subprocess.run(["ninja", "-C", build, "rows_bench", "spool_bench"], check=True, stdout=subprocess.DEVNULL)
    told = json.loads(subprocess.run(["taskset", "-c", options.cores, build / "bin/rows_bench", "--benchmark_filter=^read_events$",
                                      "--benchmark_repetitions=9", "--benchmark_min_time=0.2", "--benchmark_format=json"],
                                     check=True, capture_output=True, text=True).stdout)
    per_row = [run["cpu_time"] * {"ns": 1e-3, "us": 1.0, "ms": 1e3}[run["time_unit"]] / ROWS
               for run in told["benchmarks"] if run.get("run_type") != "aggregate"]
    return {"convert_cpu_us": rounded(per_row), "rows_per_second_and_core": round(1e6 / sorted(per_row)[len(per_row) // 2])}


load = load_generator(options.bin)
figures = {"cores": options.cores, "load_cores": options.load_cores, "connections": options.connections}
with tempfile.TemporaryDirectory(prefix="kinglet-bench-") as made, Server(options.bin, cores=options.cores) as server, \
        EngineAlone(options.cores) as engine:
    folder = pathlib.Path(made)
    columns = {"P1": ingest_rows.NARROW, "P2": ingest_rows.wide(100)}
    keys = {"P1": "kind, time", "P2": "field_003, field_000"}
    project = {}
    for goal in columns:
        for run in [*range(options.runs), "warm"]:
            project[f"datasources/{goal.lower()}_{run}.datasource"] = ingest_rows.data_source(columns[goal], keys[goal])
    server.deploy(project)
    if options.only != "P2":
        figures["P1"] = scenario("P1", server, engine, load, folder, columns["P1"], ingest_rows.narrow_body(ROWS), options.narrow_requests)
    if options.only != "P1":
        figures["P2"] = scenario("P2", server, engine, load, folder, columns["P2"], ingest_rows.wide_body(columns["P2"], ROWS), options.wide_requests)
figures["conversion"] = conversion()
# What one row costs the server's own process from the socket to the spool, and back out of it to the engine.
if "P1" in figures:
    figures["conversion"]["kinglet_cpu_us_a_row"] = figures["P1"]["kinglet"]["kinglet_cpu_us"]["median"]
    figures["conversion"]["goal"] = 1_000_000
    figures["conversion"]["met"] = figures["conversion"]["rows_per_second_and_core"] >= 1_000_000

if not options.no_record:
    record("ingest", figures)
rows = []
for goal in ("P1", "P2"):
    for key, text in (("ratio", "one insert a request"), ("ratio_to_large_inserts", "one insert of ten requests")):
        if goal in figures:
            one = figures[goal][key]
            rows.append([goal, text, f"{one['median']}x ({one['min']}-{one['max']})", f">= {one['goal']}x" if "goal" in one else "-",
                         {True: "met", False: "MISSED", None: ""}[one.get("met")]])
one = figures["conversion"]
rows.append(["P1", "read + check + convert + encode", f"{one['rows_per_second_and_core']:,} rows/s a core", ">= 1,000,000", "met" if one.get("met") else "-"])
print_table("Kinglet against the engine's own JSONEachRow insert", ["id", "compared with", "figure", "goal", "verdict"], rows)
for goal in ("P1", "P2"):
    if goal in figures:
        one = figures[goal]
        print_table(f"{goal}: CPU microseconds a row ({one['bytes_a_row']} B, {one['columns']} columns)", ["", "rows/s", "kinglet", "engine", "load"],
                    [["kinglet", f"{one['kinglet']['rows_per_second']['median']:,.0f}", one["kinglet"]["kinglet_cpu_us"]["median"],
                      one["kinglet"]["engine_cpu_us"]["median"], one["kinglet"]["load_cpu_us"]["median"]]]
                    + [[k, f"{v['rows_per_second']['median']:,.0f}", "", v["cpu_us"]["median"], ""] for k, v in one.items() if k.startswith("engine_")])
