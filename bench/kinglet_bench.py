# SPDX-License-Identifier: Apache-2.0
"""What the scenarios share: a server of their own, its processes' memory and CPU, and the record of a run."""
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Server:
    """A server on a data folder; ends with the `with` block."""

    def __init__(self, bin_dir, data=None, flags=()):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.own = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="kinglet-bench-"))
        self.flags = list(flags)

    def __enter__(self):
        ready = self.data / "bench-ready.json"
        ready.unlink(missing_ok=True)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [self.bin / "kinglet", "serve", "--data", self.data, "--port", "0", "--clickhouse-port", "0", "--ready-file", ready,
             "--log-level", "warning", *self.flags], stderr=subprocess.DEVNULL)
        while not (ready.exists() and ready.stat().st_size):
            if self.process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.002)
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
        return subprocess.run([self.bin / "kinglet", *map(str, arguments)], env=environment, capture_output=True, text=True, check=True).stdout

    def pids(self):
        return [self.process.pid, self.engine_pid]


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


def record(name, figures):
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    model = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), platform.machine())
    result = {"scenario": name, "date": time.strftime("%Y-%m-%d"), "commit": commit,
              "machine": f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", "figures": figures}
    path = ROOT / "bench" / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    print(f"recorded in {path.relative_to(ROOT)}")
