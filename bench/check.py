# SPDX-License-Identifier: Apache-2.0
"""`kinglet check` of 2,000 resources without a server: 1,000 data sources, 1,000 pipes of 3 nodes (issue 4: under 1 s)."""
import argparse
import json
import pathlib
import resource
import subprocess
import tempfile
import time

from kinglet_bench import ROOT, record, spread

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--bin", default=ROOT / "build/bin")
parser.add_argument("--runs", type=int, default=9)
parser.add_argument("--resources", type=int, default=2000)
options = parser.parse_args()

SOURCE = """DESCRIPTION >
    Orders of shop {n}

SCHEMA >
    `id` UUID `json:$.id`,
    `day` Date `json:$.day`,
    `at` DateTime64(3) `json:$.at`,
    `kind` LowCardinality(String) `json:$.kind`,
    `amount` Float64 `json:$.amount` DEFAULT 0,
    `units` UInt32 `json:$.units`,
    `tags` Array(String) `json:$.tags[:]`,
    `country` FixedString(2) `json:$.country`,
    `note` Nullable(String) `json:$.note`

ENGINE "MergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(day)"
ENGINE_SORTING_KEY "kind, day"
ENGINE_TTL "day + INTERVAL 90 DAY"
"""
PIPE = """DESCRIPTION >
    What is sold most

TOKEN "reader" READ

NODE filtered
SQL >
    %
    SELECT day, kind, amount, units, country
    FROM shop_{n}
    WHERE day >= {{{{Date(since, '2026-01-01', description='first day')}}}}
    {{% if defined(kind) %}} AND kind = {{{{String(kind, required=False)}}}} {{% end %}}
    {{% if defined(countries) %}} AND country IN {{{{Array(countries, 'String')}}}} {{% end %}}

NODE with_before
SQL >
    SELECT f.day, f.kind, f.amount AS amount, f.units AS units, b.total AS before
    FROM filtered AS f
    LEFT JOIN (SELECT kind, sum(amount) AS total FROM shop_{m} GROUP BY kind) AS b ON b.kind = f.kind

NODE top
SQL >
    %
    SELECT kind, toStartOfWeek(day) AS week, sum(amount) AS total, sum(units) AS sold,
      if(max(before) > 0, total / max(before), 0) AS growth, uniqExact(day) AS days
    FROM with_before
    GROUP BY kind, week
    HAVING total > 0
    ORDER BY total DESC
    LIMIT {{{{Int32(page_size, 100)}}}} OFFSET {{{{Int32(page, 0) * Int32(page_size, 100)}}}}

TYPE endpoint
"""


def generate(folder, resources):
    half = resources // 2
    for part in ("datasources", "endpoints"):
        (folder / part).mkdir()
    for n in range(half):
        (folder / "datasources" / f"shop_{n}.datasource").write_text(SOURCE.format(n=n))
        (folder / "endpoints" / f"top_{n}.pipe").write_text(PIPE.format(n=n, m=(n + 1) % half))


def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check(folder):
    began, before = time.monotonic(), cpu()
    told = subprocess.run([pathlib.Path(options.bin) / "kinglet", "--output", "json", "check", folder], capture_output=True, text=True)
    took = time.monotonic() - began, cpu() - before
    answer = json.loads(told.stdout)
    if answer["errors"] or answer["warnings"]:
        raise SystemExit(f"the project should be without fault: {answer['diagnostics'][:3]}")
    return took


with tempfile.TemporaryDirectory(prefix="kinglet-bench-") as made:
    folder = pathlib.Path(made)
    generate(folder, options.resources)
    sizes = [f.stat().st_size for f in folder.glob("*/*.*")]
    check(folder)
    times = [check(folder) for _ in range(options.runs)]

record("check", {
    "resources": options.resources,
    "nodes": options.resources // 2 * 3,
    "bytes": sum(sizes),
    "seconds": {k: round(v, 3) for k, v in spread([wall for wall, _ in times]).items()},
    "cpu_seconds": {k: round(v, 3) for k, v in spread([used for _, used in times]).items()},
})
