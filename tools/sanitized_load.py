#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""./dev test tsan-load [SECONDS], asan-load [SECONDS]: the whole write path of a server built with a sanitizer, under load.

Clients of tests/durability send events (small and large bodies, keys, wait=true, bad rows, gzip); meanwhile files are imported by URL,
projects deployed, endpoints and quarantines read, the engine killed, the server stopped and killed. The engine itself is of the dev
build: it loads libchdb, which sanitizers cannot. A report of the sanitizer, a wrong exit status or a row that is not where it belongs
fails the run."""
import argparse
import functools
import http.server
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PHASE_SECONDS = 20  # between two restarts of the server
# Numbers of requests: events from 0, large bodies, imports.
BIG_FROM, IMPORTS_FROM, IMPORT_ROWS = 3_000_000, 5_000_000, 2_000


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Side:
    """Work beside the events, on a thread of its own, until the phase ends. An answer that is not expected is a fault; a connection that
    breaks is not: the server is being stopped."""

    def __init__(self, work):
        self.work, self.done, self.fault, self.ended = work, 0, None, threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while not self.ended.is_set():
            try:
                self.work(self.done)
                self.done += 1
            except OSError:  # requests' errors are of this kind
                time.sleep(0.1)  # sleep: between two attempts
            except Exception as error:
                self.fault = repr(error)
                return

    def stop(self):
        self.ended.set()
        self.thread.join()
        return self.done


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("preset", choices=["tsan", "asan"])
    parser.add_argument("seconds", nargs="?", type=int, default=300)
    parser.add_argument("--engine-bin", type=pathlib.Path, default=ROOT / "build" / "bin")
    options = parser.parse_args()
    os.environ["KINGLET_BIN_DIR"] = str(ROOT / "build" / options.preset / "bin")
    sys.path.insert(0, str(ROOT / "tests"))
    from durability.checker import violations
    from durability.history import EVERYTHING, WIDE_PROJECT, History, Mix
    from durability.load import Load, at_new_address, wait_until_stored, workspace_of
    from durability.nemesis import kill_engines
    from kinglet_server import Server

    folder = pathlib.Path(tempfile.mkdtemp(prefix="kinglet-load-"))
    (folder / "files").mkdir()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder / "files")))
    threading.Thread(target=web.serve_forever, daemon=True).start()
    environment = {"TSAN_OPTIONS": f"log_path={folder}/report second_deadlock_stack=1 exitcode=66",
                   "ASAN_OPTIONS": f"log_path={folder}/report exitcode=66 detect_leaks=1",
                   "UBSAN_OPTIONS": f"log_path={folder}/report print_stacktrace=1 halt_on_error=1"}
    server = Server(folder=folder, environment=environment, flags=[
        "--engine-binary", str(options.engine_bin / "kinglet-engine"), "--flush-interval-ms", "100", "--import-private-addresses"])
    ws, history, choose = workspace_of(server, WIDE_PROJECT), History(4711), random.Random(4711)
    counts = {"restarts by SIGTERM": 0, "restarts by kill -9": 0, "kills of the engine": 0, "imports": 0, "deployments": 0, "reads": 0}
    faults, begun, phase = [], time.monotonic(), 0
    imports = []  # the state of each job; `checked` once its rows were counted

    def deploy(number):
        extra = {f"pipes/extra_{number % 3}.pipe": f"NODE n\nSQL >\n    SELECT {number} AS n, count() AS c FROM events\nTYPE endpoint\n",
                 f"datasources/extra_{number % 2}.datasource": WIDE_PROJECT["datasources/lines.datasource"]}
        reply = ws.build({**WIDE_PROJECT, **extra})
        assert reply.status_code in (200, 503, 409), reply.text

    def read(number):
        for path in ("/v0/pipes/answer.json", "/v0/datasources", "/metrics", "/health"):
            assert ws.get(path).status_code in (200, 408, 503)
        reply = ws.sql("SELECT count() AS c FROM events_quarantine FORMAT JSON")
        assert reply.status_code in (200, 408, 503), reply.text

    def import_file(number):
        """Rows of a number space of their own in `lines`; only whole jobs are counted."""
        mine = len(imports)
        imports.append("unknown")
        name = f"{mine}.{'csv' if number % 2 else 'ndjson'}"
        rows = [(7, IMPORTS_FROM + mine, n, "b", 1) for n in range(IMPORT_ROWS)]
        keys = ("client", "request", "n", "bucket", "value")
        if number % 2:
            text = ",".join(keys) + "\n" + "".join(",".join(map(str, r)) + "\n" for r in rows)
        else:
            text = "".join('{"client":%d,"request":%d,"n":%d,"bucket":"%s","value":%d}\n' % r for r in rows)
        (folder / "files" / name).write_text(text)
        arguments = {"format": name.rpartition(".")[2]}
        reply = ws.post("/v0/datasources", form={"url": f"http://127.0.0.1:{web.server_port}/{name}"}, name="lines", mode="append", **arguments)
        if reply.status_code != 503:
            imports[mine] = ws.job(reply, 60)["status"]

    try:
        while time.monotonic() - begun < options.seconds and not faults:
            loads = [Load(ws, mix=EVERYTHING, connections=6, first=phase * 20_000, history=history),
                     Load(ws, mix=Mix(rows=(5_000, 30_000), sources=("events", "orders"), bad=0.1, packed=0.5), connections=1,
                          first=BIG_FROM + phase * 1000, history=history)]
            sides = {"imports": Side(import_file), "deployments": Side(deploy), "reads": Side(read)}
            end = time.monotonic() + PHASE_SECONDS
            while time.monotonic() < end:
                time.sleep(choose.random() * PHASE_SECONDS / 3)  # sleep: the moment of death varies
                counts["kills of the engine"] += kill_engines(server)
            kill = choose.random() < 0.5
            if kill:
                server.kill()
                counts["restarts by kill -9"] += 1
            else:
                server.running = False
                server.process.send_signal(signal.SIGTERM)
                status = server.process.wait(120)
                counts["restarts by SIGTERM"] += 1
                if status != 0:
                    faults.append(f"exit status {status} after SIGTERM")
            for name, side in sides.items():
                counts[name] += side.stop()
                if side.fault:
                    faults.append(f"{name}: {side.fault}")
            server.start()
            at_new_address(ws)
            for load in loads:
                load.stop()
                load.join()
            wait_until_stored(server, 300)
            phase += 1
            for mine, status in enumerate(imports):
                if status == "done":
                    stored = ws.rows(f"SELECT toUInt32(count()) AS c, toUInt32(uniqExact(n)) AS d FROM lines "
                                     f"WHERE request = {IMPORTS_FROM + mine} FORMAT JSON")
                    imports[mine] = "checked"
                    if stored != [[IMPORT_ROWS, IMPORT_ROWS]]:
                        faults.append(f"import {mine}: {stored}")
        # Rows of imports are in `lines` beside the history's.
        faults += [v for v in violations(ws, history) if not v.startswith("never sent") or "request 5" not in v]
    except AssertionError as error:
        faults.append(str(error))
    finally:
        if server.stop() != 0:
            faults.append(f"exit status {server.process.returncode} at the end")
        web.shutdown()
    reports = sorted(folder.glob("report*"))
    print(f"{options.preset}: {time.monotonic() - begun:.0f} s, {len(history.requests)} requests, {history.acknowledged_rows} rows acknowledged, "
          f"{IMPORT_ROWS * imports.count('checked')} rows imported, {history.retries} retries, {history.duplicates} repeats; "
          + ", ".join(f"{v} {k}" for k, v in counts.items()))
    for report in reports:
        print(f"--- {report.name}\n{report.read_text(errors='replace')[:20_000]}")
    for fault in faults[:10]:
        print(f"fault: {fault[:4000]}")
    failed = len(reports) + len(faults)
    if failed:
        print(f"the server's log: {folder}/server.log")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{0 if failed else 1} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
