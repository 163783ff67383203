# SPDX-License-Identifier: Apache-2.0
"""How rows in grow with rows a request, columns, connections and data sources: one curve each, accepted and stored, CPU of each process.

Theory says: the cost of a row falls with the rows of a request until the request's own cost is small, then stays; the cost of a cell does
not depend on the columns; requests/s rise with the connections until one fsync serves many of them, then stay; the number of data
sources adds only their inserts."""
import argparse
import pathlib
import tempfile
import time

import ingest_rows
from kinglet_bench import ROOT, Server, load_generator, print_table, record, run_load

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/release/bin")
parser.add_argument("--seconds", type=float, default=3, help="of each point")
parser.add_argument("--cores", default="0")
parser.add_argument("--load-cores", default="1")
parser.add_argument("--rows", type=int, nargs="*", default=[1, 10, 100, 1000, 10_000, 100_000])
parser.add_argument("--columns", type=int, nargs="*", default=[3, 10, 30, 100, 250, 500])
parser.add_argument("--connections", type=int, nargs="*", default=[1, 4, 16, 64, 256, 1000])
parser.add_argument("--data-sources", type=int, nargs="*", default=[1, 10, 100, 1000, 10_000])
parser.add_argument("--no-record", action="store_true")
options = parser.parse_args()
DRAIN_SECONDS_MAX = 300


def point(server, targets, body, rows, connections):
    """Sends for some seconds, waits until all is stored."""
    cpu, landed, begun = server.cpu(), server.metrics()["kinglet_spool_landed_rows_total"], time.monotonic()
    said = run_load(load, server.url, targets, cores=options.load_cores, bodies=[body], connections=connections, seconds=options.seconds,
                    headers=[f"Authorization: Bearer {server.token}"])
    sending = time.monotonic() - begun
    refused = {k: v for k, v in said["statuses"].items() if k != "202"}
    if set(refused) - {"429", "503"}:
        raise SystemExit(f"refused: {refused}")
    accepted = said["statuses"].get("202", 0) * rows
    while True:
        looked = time.monotonic()
        if (stored := server.metrics()["kinglet_spool_landed_rows_total"] - landed) >= accepted:
            break
        if time.monotonic() - begun > options.seconds + DRAIN_SECONDS_MAX:
            break  # told by `left`
        time.sleep(max(0.01, 5 * (time.monotonic() - looked)))  # sleep: between two looks; of many data sources one costs the server something
    took = time.monotonic() - begun
    used = [after - before for after, before in zip(server.cpu(), cpu)]
    return {"requests_per_second": round(said["requests_per_second"], 1), "rows_per_second": round(stored / took), "left": round(accepted - stored),
            "accepted_rows_per_second": round(accepted / sending), "p50_ms": said["p50_ms"], "p99_ms": said["p99_ms"],
            "drain_seconds": round(took - sending, 2), "kinglet_cpu_us_a_row": round(used[0] / accepted * 1e6, 3),
            "engine_cpu_us_a_row": round(used[1] / accepted * 1e6, 3), "refused": sum(refused.values())}


def curve(name, values, prepare):
    out = []
    for value in values:
        with Server(options.bin, cores=options.cores, flags=["--flush-interval-ms", "200"]) as server:
            begun = time.monotonic()
            targets, body, rows, connections, more = prepare(server, value)
            prepared = round(time.monotonic() - begun, 2)
            point(server, targets[:1], body, rows, 1) if name == "rows a request" else None
            out.append({name.replace(" ", "_"): value, "prepare_seconds": prepared, **more, **point(server, targets, body, rows, connections)})
        print(f"  {name} {value:,}: {out[-1]['rows_per_second']:,} rows/s, {out[-1]['requests_per_second']:,} requests/s, p99 {out[-1]['p99_ms']} ms", flush=True)
    return out


def written(text):
    path = pathlib.Path(folder) / "body.ndjson"
    path.write_text(text)
    return path


def rows_a_request(server, rows):
    server.deploy({"datasources/events.datasource": ingest_rows.data_source(ingest_rows.NARROW, "kind, time")})
    return ["/v0/events?name=events"], written(ingest_rows.narrow_body(rows)), rows, 16, {}


def columns(server, count):
    wide = ingest_rows.wide(count)
    server.deploy({"datasources/events.datasource": ingest_rows.data_source(wide, "field_000")})
    rows = max(100, 100_000 // count)
    return ["/v0/events?name=events"], written(ingest_rows.wide_body(wide, rows)), rows, 8, {"cells_a_row": count}


def connections(server, count):
    server.deploy({"datasources/events.datasource": ingest_rows.data_source(ingest_rows.NARROW, "kind, time")})
    return ["/v0/events?name=events"], written(ingest_rows.narrow_body(1)), 1, count, {}


def data_sources(server, count):
    server.deploy({f"datasources/events_{i}.datasource": ingest_rows.data_source(ingest_rows.NARROW, "kind, time") for i in range(count)})
    return [f"/v0/events?name=events_{i}" for i in range(count)], written(ingest_rows.narrow_body(10)), 10, 64, {}


load = load_generator(options.bin)
with tempfile.TemporaryDirectory(prefix="kinglet-bench-") as folder:
    figures = {"cores": options.cores, "load_cores": options.load_cores, "seconds_a_point": options.seconds,
               "rows_a_request": curve("rows a request", options.rows, rows_a_request),
               "columns": curve("columns", options.columns, columns),
               "connections": curve("connections", options.connections, connections),
               "data_sources": curve("data sources", options.data_sources, data_sources)}
if not options.no_record:
    record("growth", figures)
for name in ("rows_a_request", "columns", "connections", "data_sources"):
    if figures[name]:
        print_table(name.replace("_", " "), [name.replace("_", " "), "rows/s stored", "requests/s", "p50 ms", "p99 ms", "kinglet us/row", "engine us/row", "drain s", "left", "deploy s"],
                    [[f"{p[name]:,}", f"{p['rows_per_second']:,}", p["requests_per_second"], p["p50_ms"], p["p99_ms"], p["kinglet_cpu_us_a_row"],
                      p["engine_cpu_us_a_row"], p["drain_seconds"], p["left"], p["prepare_seconds"]] for p in figures[name]])
