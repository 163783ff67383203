# SPDX-License-Identifier: Apache-2.0
"""Rows in (limits.md P1, P2): NDJSON requests of 10,000 rows through Kinglet (HTTP, token, checks, spool with fsync, stored in
MergeTree until all rows are visible) against the engine's own JSONEachRow streaming insert of the same bytes into the same table.

Both run on the same cores (`--cores`), one after the other in turn; the load generator has `--load-cores` for itself. The engine is
given one insert for each request, and one for every ten of them; with one and with two streams at a time, and the better counts. It
neither syncs its files nor looks for duplicates."""
import argparse
import json
import os
import pathlib
import signal
import statistics
import tempfile
import time

import ingest_rows
from kinglet_bench import ROOT, EngineAlone, Server, load_generator, print_table, record, rounded, run_load, until

ROWS = 10_000  # in a request
CONVERSION_GOAL = 1_000_000
GOALS = {"P1": (3.0, 2.0), "P2": (2.0, None)}

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--cores", default="0", help="of the server and its engine, and of the engine alone")
parser.add_argument("--load-cores", default="1", help="of the load generator")
parser.add_argument("--connections", type=int, default=4)
parser.add_argument("--flush-interval-ms", default="200")
parser.add_argument("--narrow-requests", type=int, default=300, help="a run of P1")
parser.add_argument("--wide-requests", type=int, default=20, help="a run of P2")
parser.add_argument("--only", choices=("P1", "P2"))
parser.add_argument("--no-record", action="store_true")
options = parser.parse_args()


def visible(server, table, rows, before):
    """Waits until `rows` more rows have landed, and counts them: asking the engine again and again would cost it more than the rows do."""
    until(lambda: server.metrics()["kinglet_spool_landed_rows_total"] - before >= rows, f"fewer than {rows} rows have landed", seconds=600)
    return int(server.engine(f"SELECT count() FROM {table}"))


def through_kinglet(server, load, name, bodies, requests):
    table = server.table(name)
    before, metrics, begun = server.cpu(), server.metrics(), time.monotonic()
    said = run_load(load, server.url, [f"/v0/events?name={name}"], cores=options.load_cores, bodies=bodies, connections=options.connections,
                    requests=requests, headers=[f"Authorization: Bearer {server.token}"])
    accepted = time.monotonic() - begun
    found = visible(server, table, requests * ROWS, metrics["kinglet_spool_landed_rows_total"])
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
            "rows_an_insert": requests * ROWS / max(1, grown("kinglet_spool_inserts_total")),
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
    """The table that Kinglet made, as text for the engine alone, without what makes an insert durable and exactly once there."""
    create = json.loads(server.engine(f"SHOW CREATE TABLE {server.table(name)} FORMAT JSONEachRow"))["statement"]
    ours = ("non_replicated_deduplication_window", "fsync_after_insert", "fsync_part_directory")
    head, settings = create[create.index("\n("):].split("\nSETTINGS ")
    return f"CREATE TABLE bench {head}\nSETTINGS " + ", ".join(one for one in settings.split(", ") if one.split(" = ")[0] not in ours)


def scenario(goal, server, engine, load, folder, columns, text, requests):
    requests += -requests % 10  # whole large inserts
    small, large = folder / f"{goal}_{ROWS}.ndjson", folder / f"{goal}_{10 * ROWS}.ndjson"
    small.write_text(text)
    large.write_text(text * 10)
    bodies = [small, large] if GOALS[goal][1] else [small]
    create = own_create(server, f"{goal.lower()}_0")
    runs = {"kinglet": [], **{f"engine_{rows}_x{streams}": [] for rows in map(body_rows, bodies) for streams in (1, 2)}}
    through_kinglet(server, load, f"{goal.lower()}_warm", [small], max(2, requests // 10))
    for run in range(options.runs):
        runs["kinglet"].append(through_kinglet(server, load, f"{goal.lower()}_{run}", [small], requests))
        for body in bodies:
            for streams in (1, 2):
                runs[f"engine_{body_rows(body)}_x{streams}"].append(by_the_engine(engine, create, columns, body, requests, streams))
        print(f"  {goal} run {run + 1}: " + ", ".join(f"{k} {v[-1]['rows_per_second']:,.0f}" for k, v in runs.items()) + " rows/s", flush=True)
    out = {"bytes_a_row": round(len(text) / ROWS, 1), "columns": len(columns), "rows_a_request": ROWS, "requests_a_run": requests}
    for name, values in runs.items():
        out[name] = {key: rounded([value[key] for value in values], 2) for key in values[0]}
    ours = out["kinglet"]["rows_per_second"]["median"]
    for rows, key, wanted in ((ROWS, "ratio", GOALS[goal][0]), (10 * ROWS, "ratio_to_large_inserts", GOALS[goal][1])):
        if not wanted:
            continue
        best = max(out[f"engine_{rows}_x{streams}"]["rows_per_second"]["median"] for streams in (1, 2))
        # The ratio of each run, so that a slow minute of the machine counts on both sides.
        ratios = [k["rows_per_second"] / max(a["rows_per_second"], b["rows_per_second"]) for k, a, b in
                  zip(runs["kinglet"], runs[f"engine_{rows}_x1"], runs[f"engine_{rows}_x2"])]
        out[key] = {**rounded(ratios, 2), "of_medians": round(ours / best, 2)}
        out[key] |= {"goal": wanted, "met": out[key]["median"] >= wanted}
    return out


def conversion(load, text):
    """CPU of the server alone from the socket to the spool, while its engine is stopped: read, check, convert, write, fsync."""
    requests, costs = max(10, options.narrow_requests // 3), []
    with tempfile.TemporaryDirectory(prefix="kinglet-bench-") as made:
        body = pathlib.Path(made) / "body.ndjson"
        body.write_text(text)
        for _ in range(options.runs):
            with Server(options.bin, cores=options.cores) as server:
                server.deploy({"datasources/events.datasource": ingest_rows.data_source(ingest_rows.NARROW, "kind, time")})
                headers = [f"Authorization: Bearer {server.token}"]
                sent = {"cores": options.load_cores, "bodies": [body], "connections": options.connections, "headers": headers}
                run_load(load, server.url, ["/v0/events?name=events"], requests=10, **sent)
                visible(server, server.table("events"), 10 * ROWS, 0)
                os.kill(server.engine_pid, signal.SIGSTOP)
                before = server.cpu()[0]
                said = run_load(load, server.url, ["/v0/events?name=events"], requests=requests, **sent)
                costs.append((server.cpu()[0] - before) / (requests * ROWS) * 1e6)
                os.kill(server.engine_pid, signal.SIGCONT)
                if said["statuses"] != {"202": requests}:
                    raise SystemExit(f"refused: {said['statuses']}")
    rate = round(1e6 / statistics.median(costs))
    return {"cpu_us_a_row": rounded(costs), "rows_per_second_and_core": rate, "goal": CONVERSION_GOAL, "met": rate >= CONVERSION_GOAL}


load = load_generator(options.bin)
figures = {"cores": options.cores, "load_cores": options.load_cores, "connections": options.connections, "flush_interval_ms": int(options.flush_interval_ms)}
with tempfile.TemporaryDirectory(prefix="kinglet-bench-") as made, Server(options.bin, cores=options.cores, flags=["--flush-interval-ms", options.flush_interval_ms]) as server, \
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
if options.only != "P2":
    figures["conversion"] = conversion(load, ingest_rows.narrow_body(ROWS))

if not options.no_record:
    record("ingest", figures)
rows = []
for goal in ("P1", "P2"):
    for key, text in (("ratio", "one insert a request"), ("ratio_to_large_inserts", "one insert of ten requests")):
        if key in figures.get(goal, {}):
            one = figures[goal][key]
            rows.append([goal, text, f"{one['median']}x ({one['min']}-{one['max']})", f">= {one['goal']}x", "met" if one["met"] else "MISSED"])
if one := figures.get("conversion"):
    rows.append(["P1", "HTTP + read + check + convert + spool", f"{one['rows_per_second_and_core']:,} rows/s a core", f">= {one['goal']:,}", "met" if one["met"] else "MISSED"])
print_table("Kinglet against the engine's own JSONEachRow insert", ["id", "compared with", "figure", "goal", "verdict"], rows)
for goal in ("P1", "P2"):
    if goal in figures:
        one = figures[goal]
        print_table(f"{goal}: CPU microseconds a row ({one['bytes_a_row']} B, {one['columns']} columns)", ["", "rows/s", "kinglet", "engine", "load"],
                    [["kinglet", f"{one['kinglet']['rows_per_second']['median']:,.0f}", one["kinglet"]["kinglet_cpu_us"]["median"],
                      one["kinglet"]["engine_cpu_us"]["median"], one["kinglet"]["load_cpu_us"]["median"]]]
                    + [[k, f"{v['rows_per_second']['median']:,.0f}", "", v["cpu_us"]["median"], ""] for k, v in one.items() if k.startswith("engine_")])
