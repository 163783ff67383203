# SPDX-License-Identifier: Apache-2.0
"""What the scenarios share: a server of their own, its processes' memory and CPU, the load generator, the engine alone as
what is compared with, and the record of a run."""
import http.client
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


def until(condition, what, seconds=60, pause=0.005):
    """Polls until `condition()` is true and answers its value; a scenario that waits longer ends, with `what` was waited for."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise SystemExit(f"after {seconds} s: {what}")
        time.sleep(pause)  # sleep: between two looks
    return value


class Server:
    """A server on a data folder; ends with the `with` block."""

    def __init__(self, bin_dir, data=None, flags=(), cores=None):
        """`cores` as taskset writes them: both processes run on these alone."""
        self.pin = ["taskset", "-c", cores] if cores else []
        self.bin = pathlib.Path(bin_dir).resolve()
        self.own = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="kinglet-bench-"))
        self.flags = list(flags)

    def __enter__(self):
        ready = self.data / "bench-ready.json"
        ready.unlink(missing_ok=True)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [*self.pin, self.bin / "kinglet", "serve", "--data", self.data, "--port", "0", "--clickhouse-port", "0", "--ready-file", ready,
             "--log-level", "warning", *self.flags], stderr=subprocess.DEVNULL)
        until(lambda: self.process.poll() is not None or (ready.exists() and ready.stat().st_size), "the server is not ready", pause=0.002)
        if self.process.poll() is not None:
            raise SystemExit("the server did not start")
        state = json.loads(ready.read_text())
        self.url, self.engine_pid = state["url"], state["engine_pid"]
        self.token = json.loads(urllib.request.urlopen(self.url + "/tokens").read())["workspace_admin_token"]
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": "Bearer " + self.token})
        return urllib.request.urlopen(request).read()

    def cli(self, *arguments):
        environment = dict(os.environ, KINGLET_HOST=self.url, KINGLET_TOKEN=self.token)
        done = subprocess.run([self.bin / "kinglet", *map(str, arguments)], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"kinglet {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def deploy(self, files):
        """{path: text} as a project, live at once."""
        with tempfile.TemporaryDirectory(prefix="kinglet-bench-") as folder:
            for name, text in files.items():
                path = pathlib.Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            self.cli("deploy", folder)

    def source_id(self, name):
        return json.loads(self.get(f"/v0/datasources/{name}"))["id"]

    def engine(self, sql, **parameters):
        """A statement straight to the engine's socket; the text of its answer."""
        connection = http.client.HTTPConnection("engine", timeout=120)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.data / "run" / "store.sock"))
        connection.request("POST", "/?" + urllib.parse.urlencode({"readonly": 0, **parameters}), sql.encode())
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"the engine refused {sql[:200]}: {text}")
        return text

    def table(self, name):
        """`database`.`table` of a data source."""
        found = self.engine(f"SELECT database, name FROM system.tables WHERE name = '{self.source_id(name)}'").strip().split("\t")
        return f"`{found[0]}`.`{found[1]}`"

    def metrics(self):
        """{name with labels: value} of /metrics."""
        out = {}
        for line in urllib.request.urlopen(self.url + "/metrics").read().decode().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                out[name] = float(value)
        return out

    def pids(self):
        return [self.process.pid, self.engine_pid]

    def cpu(self):
        """CPU seconds of (kinglet, kinglet-engine) since their start."""
        return [cpu_seconds(p) for p in self.pids()]


class EngineAlone:
    """libchdb in a process of its own (bench/engine_insert.py): what the engine does by itself, without us."""

    def __init__(self, cores=None):
        self.pin = ["taskset", "-c", cores] if cores else []

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="kinglet-bench-engine-")
        self.process = subprocess.Popen([*self.pin, "/usr/bin/python3", ROOT / "bench/engine_insert.py", self.folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench/engine_insert.py ended")
        answer = json.loads(line)
        if "error" in answer:
            raise SystemExit("the engine: " + answer["error"])
        return answer


def load_generator(bin_dir):
    """The program of bench/load.cc, built."""
    build = pathlib.Path(bin_dir).resolve().parent
    subprocess.run(["ninja", "-C", build, "bench_load"], check=True, stdout=subprocess.DEVNULL)
    return build / "bin" / "bench_load"


def run_load(program, url, targets, *, cores=None, headers=(), bodies=(), connections=1, requests=0, seconds=0, warm_seconds=0):
    """One run of bench/load.cc; what it prints. Refused requests (429, 503) are sent again and stand in `statuses`."""
    host, port = url.split("//")[1].split(":")
    command = [*(["taskset", "-c", cores] if cores else []), program, "--host", host, "--port", port, "--connections", str(connections)]
    for name, values in (("--target", targets), ("--header", headers), ("--body", bodies)):
        for value in values:
            command += [name, str(value)]
    for name, value in (("--requests", requests), ("--seconds", seconds), ("--warm-seconds", warm_seconds)):
        if value:
            command += [name, str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rounded(values, digits=3):
    """spread() of what is worth showing."""
    return {k: round(v, digits) for k, v in spread(values).items()}


def print_table(title, head, rows):
    """Aligned columns; the last word on a run."""
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    print("\n" + title)
    for number, row in enumerate(rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number == 0:
            print("  " + "  ".join("-" * width for width in widths))


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class MemoryWatch:
    """Memory of both processes, seen ten times a second while it runs; `moved` is a list with the bytes that came or went so far."""

    def __init__(self, server, moved):
        self.server, self.moved, self.seen, self.stopped = server, moved, [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.started = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()

    def run(self):
        while not self.stopped.is_set():
            gateway, engine = (resident_mb(pid) for pid in self.server.pids())
            self.seen.append([round(time.monotonic() - self.started, 2), round(self.moved[0] / 1e6), round(gateway, 1), round(engine, 1)])
            self.stopped.wait(0.1)


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


def record(name, figures):
    name += os.environ.get("KINGLET_BENCH_SUFFIX", "")  # of another kernel than the machine's: bench/own_kernel
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    result = {"scenario": name, "date": time.strftime("%Y-%m-%d"), "commit": commit,
              "machine": f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", "figures": figures}
    path = ROOT / "bench" / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    print(f"recorded in {path.relative_to(ROOT)}")
    subprocess.run(["/usr/bin/python3", ROOT / "bench" / "plots.py"], check=True)
