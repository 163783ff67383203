# SPDX-License-Identifier: Apache-2.0
"""Executes the tour of README.md: each ```sh block after `<!-- tour -->`, compared with the ```text block behind it.

`…` in a shown output stands for any text. `<!-- tour background -->` marks a command that keeps running, such as a server: it
runs until the tour ends, and the tour goes on once its output fits what is shown. Blocks run in one shell, in a folder that
looks like the repository, while the server of `./dev run` runs beside it. ./dev is a stand-in that runs the programs already
built; ports are free ones, shown as 7181 and 7182; data and /tmp/kinglet-tour lie in a temporary folder."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from kinglet_server import ROOT, binary

STEP_SECONDS = 300
FENCE = re.compile(r"^```(\w*)\s*$")


class TourError(Exception):
    pass


class Step:
    def __init__(self, line, command, background, output=None):
        self.line, self.command, self.background, self.output = line, command, background, output


def read_tour(text):
    """The steps of a README: [(command, expected output or None)]."""
    steps, marked, lines, i = [], None, text.split("\n"), 0
    can_show = False
    while i < len(lines):
        line = lines[i].strip()
        if marked is not None and line and not line.startswith("```"):
            raise TourError(f"line {i + 1}: <!-- tour --> is followed by a block of sh")
        if line in ("<!-- tour -->", "<!-- tour background -->"):
            marked, can_show = "background" in line, False
        elif line.startswith("<!-- tour"):
            raise TourError(f"line {i + 1}: the mark is <!-- tour --> or <!-- tour background -->, not {line}")
        elif match := FENCE.match(line):
            start, language, body = i + 1, match.group(1), []
            i += 1
            while i < len(lines) and lines[i].strip() != "```":
                body.append(lines[i])
                i += 1
            if i == len(lines):
                raise TourError(f"line {start}: the block is not closed")
            if marked is not None:
                if language != "sh":
                    raise TourError(f"line {start}: <!-- tour --> is followed by a block of sh, not of {language or 'nothing'}")
                steps.append(Step(start, "\n".join(body), marked))
                marked, can_show = None, True
            elif language == "text" and can_show:
                steps[-1].output = "\n".join(body)
                can_show = False
            else:
                can_show = False
        elif line.startswith("#"):
            can_show = False  # a text block of the next chapter belongs to nothing
        i += 1
    if marked is not None:
        raise TourError("the last <!-- tour --> has no block")
    return steps


def normal(text):
    """Without colours, carriage returns, and blanks at line ends or around the whole."""
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
    return "\n".join(line.split("\r")[-1].rstrip() for line in text.split("\n")).strip()


def fits(want, got, whole=True):
    parts = [re.escape(part) for part in normal(want).split("…")]
    pattern = ".*".join(parts)
    find = re.fullmatch if whole else re.search
    return find(pattern, normal(got), re.DOTALL) is not None


class Shell:
    """One bash that keeps its variables and folder from step to step."""

    def __init__(self, folder, environment):
        self.process = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=folder, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.lock, self.text, self.over = threading.Condition(), "", False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while chunk := self.process.stdout.read1(65536):
            with self.lock:
                self.text += chunk.decode(errors="replace")
                self.lock.notify_all()
        with self.lock:
            self.over = True
            self.lock.notify_all()

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, condition, seconds):
        """Waits until condition(text so far) is true; answers what it answered."""
        with self.lock:
            self.lock.wait_for(lambda: condition(self.text) or self.over, seconds)
            return condition(self.text)

    def run(self, command, seconds=STEP_SECONDS):
        """(output, status) of a command."""
        mark = f"tour-{time.monotonic_ns()}"
        with self.lock:
            self.text = ""
        self.send(f"{{\n{command}\n}} </dev/null\nprintf '\\n{mark} %s\\n' $?\n")
        end = self.wait(lambda text: re.search(rf"\n?{mark} (\d+)\n", text), seconds)
        if not end:
            raise TourError(f"the command did not end in {seconds} s; so far:\n{self.text}")
        return self.text[:end.start()], int(end.group(1))

    def stop(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.stdin.close()
            self.process.wait(30)
        except (ProcessLookupError, BrokenPipeError):
            pass
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cache():
    return pathlib.Path(os.environ.get("KINGLET_CACHE") or f"{os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')}/kinglet")


def demo_data():
    return cache() / "vega-datasets-3.2.1"


class Tour:
    def __init__(self, folder):
        self.folder = folder
        self.ports = {"7181": str(free_port()), "7182": str(free_port())}
        programs = binary().parent
        for name in ("demo", "README.md", "sdk", "docs"):
            if (ROOT / name).exists():
                (folder / name).symlink_to(ROOT / name)
        (folder / "build").mkdir()
        (folder / "build" / "bin").symlink_to(programs)
        dev = folder / "dev"
        dev.write_text("#!/bin/bash\n# Stands for ./dev, with the programs that are built already.\ncase \"$1\" in\n"
                       f"  run) shift; [ \"${{1:-}}\" = -- ] && shift; exec demo/run '{programs}' '{folder}/data' '{cache()}' \"$@\" ;;\n"
                       "  build|test) exit 0 ;;\n  *) echo \"the tour has no ./dev $1\"; exit 2 ;;\nesac\n")
        dev.chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", "TERM": "dumb", "KINGLET_CACHE": str(cache()),
            "KINGLET_PORT": self.ports["7181"], "KINGLET_CLICKHOUSE_PORT": self.ports["7182"],
            "KINGLET_HOST": f"http://127.0.0.1:{self.ports['7181']}"}
        if "KINGLET_LIBCHDB" in os.environ:
            self.environment["KINGLET_LIBCHDB"] = os.environ["KINGLET_LIBCHDB"]
        self.shells = []

    def here(self, text):
        for shown, real in self.ports.items():
            text = re.sub(rf"\b{shown}\b", real, text)
        return text.replace("/tmp/kinglet-tour", str(self.folder / "tour"))

    def shown(self, text):
        for shown, real in self.ports.items():
            text = re.sub(rf"\b{real}\b", shown, text)
        return text.replace(str(self.folder / "tour"), "/tmp/kinglet-tour")

    def shell(self):
        self.shells.append(Shell(self.folder, self.environment))
        return self.shells[-1]

    def run(self, steps):
        main = self.shell()
        for step in steps:
            command = self.here(step.command)
            if step.background:
                background = self.shell()
                background.send(f"exec {command} </dev/null\n")
                want = step.output or "…"
                done = background.wait(lambda text: fits(want, self.shown(text), whole=False), STEP_SECONDS)
                text = self.shown(background.text)
                if not done or not fits(want, text, whole=False):
                    raise TourError(f"README.md line {step.line}: `{step.command}` showed\n{text}\nwhere the README shows\n{want}")
                continue
            output, status = main.run(command)
            output = self.shown(output)
            if status != 0 and step.output is None:
                raise TourError(f"README.md line {step.line}: `{step.command}` ended with status {status}:\n{output}")
            if step.output is not None and not fits(step.output, output):
                raise TourError(f"README.md line {step.line}: `{step.command}` showed\n{normal(output)}\nwhere the README shows\n{normal(step.output)}")

    def stop(self):
        for shell in reversed(self.shells):
            shell.stop()


@pytest.fixture
def tour(tmp_path_factory):
    import tempfile
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tour-"))  # short: the server's sockets lie in it
    made = Tour(folder)
    yield made
    made.stop()
    shutil.rmtree(folder, ignore_errors=True)


# ---- the runner itself ---------------------------------------------------------------------------------------------


GOOD = """# Title

<!-- tour -->
```sh
x=41
cd /tmp
```

Prose.

<!-- tour -->

```sh
echo $((x + 1)); pwd
```

It prints:

```text
42
/t…
```

```sh
not run
```

```text
not compared
```
"""


def test_the_runner_reads_a_tour():
    steps = read_tour(GOOD)
    assert [(s.line, s.command, s.output, s.background) for s in steps] == [
        (4, "x=41\ncd /tmp", None, False), (13, "echo $((x + 1)); pwd", "42\n/t…", False)]


@pytest.mark.parametrize("text, message", [
    ("<!-- tour -->\nprose\n```sh\nx\n```\n", "line 2: <!-- tour --> is followed"),
    ("<!-- tour -->\n```python\nx\n```\n", "line 2: .* not of python"),
    ("<!-- tour -->\n```sh\nx\n", "line 2: the block is not closed"),
    ("<!-- tour -->\n", "has no block"),
    ("<!-- tours -->\n", "line 1: the mark is"),
])
def test_the_runner_refuses_a_broken_tour(text, message):
    with pytest.raises(TourError, match=message):
        read_tour(text)


@pytest.mark.parametrize("want, got, same", [
    ("a…c", "abc", True), ("a…c", "ac", True), ("a…c", "ab", False), ("a.c", "abc", False), ("x", "x  \n\n", True), ("…", "", True),
    ("1\n…\n3", "1\n2\n2\n3", True), ("ready", "\x1b[32mready\x1b[0m", True), ("100%", "10%\r50%\r100%", True), ("", "x", False),
])
def test_the_runner_compares_loosely(want, got, same):
    assert fits(want, got) == same


def test_the_runner_runs(tour):
    tour.run(read_tour(GOOD))
    with pytest.raises(TourError, match="line 4.*showed"):
        tour.run(read_tour(GOOD.replace("x=41\ncd /tmp\n```\n", "echo no\n```\n\n```text\nyes\n```\n")))
    with pytest.raises(TourError, match="status 3"):
        tour.run(read_tour("<!-- tour -->\n```sh\n(exit 3)\n```\n"))
    tour.run(read_tour("<!-- tour background -->\n```sh\nbash -c 'echo starting; echo ready at 7181; sleep 60'\n```\n\n```text\nready at 7181\n```\n"))
    with pytest.raises(TourError, match="where the README shows"):
        tour.run(read_tour("<!-- tour background -->\n```sh\necho over\n```\n\n```text\nready\n```\n"))


# ---- the README -------------------------------------------------------------------------------------------------------


def test_the_tour_of_the_readme(tour):
    readme = ROOT / "README.md"
    if not readme.exists():
        pytest.skip("there is no README.md")
    steps = read_tour(readme.read_text())
    assert steps, "README.md has no block marked <!-- tour -->"
    if "flights" in readme.read_text() and not demo_data().exists():
        pytest.skip("the demo's data is not fetched; ./dev run does")
    tour.run([Step(0, "./dev run", True, "Kinglet is ready.")] + steps)
