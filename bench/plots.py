# SPDX-License-Identifier: Apache-2.0
"""docs/performance/*.svg and the tables of docs/performance.md, from bench/results/*.json. --check: are both fresh?

SVG by hand: small files that follow the reader's light or dark scheme."""
import argparse
import html
import json
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS, PAGE, PLOTS = ROOT / "bench" / "results", ROOT / "docs" / "performance.md", ROOT / "docs" / "performance"
COLORS = ["#2f6fde", "#d97706", "#0f9d75"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 74, 16, 44, 46
STYLE = """<style>
.t{font:13px system-ui,sans-serif;fill:#1f2328}.s{font-size:11px;fill:#59636e}.g{stroke:#d1d9e0;stroke-width:1}.a{stroke:#59636e;stroke-width:1}
@media(prefers-color-scheme:dark){.t{fill:#f0f6fc}.s{fill:#9198a1}.g{stroke:#3d444d}.a{stroke:#9198a1}}
</style>"""


def short(value):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def ticks(low, high, logarithmic):
    if logarithmic:
        return [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) if low <= 10.0**e * 1.0001 and 10.0**e <= high * 1.0001]
    step = 10.0 ** math.floor(math.log10(high / 4)) if high else 1
    step *= next(m for m in (1, 2, 2.5, 5, 10) if high / (step * m) <= 5)
    return [step * i for i in range(int(high / step) + 1)]


def chart(title, x_name, y_name, series, log_x=True, log_y=False, few_x=False):
    """Lines over x; `series` is [(name, [(x, y)])]."""
    xs = [x for _, points in series for x, _ in points]
    ys = [y for _, points in series for _, y in points]
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = (min(ys) / 1.5, max(ys) * 1.5) if log_y else (0, max(ys) * 1.12)

    def place(value, low, high, logarithmic):
        if logarithmic:
            return (math.log10(value) - math.log10(low)) / ((math.log10(high) - math.log10(low)) or 1)
        return (value - low) / ((high - low) or 1)

    def x_at(value):
        return LEFT + place(value, x_low, x_high, log_x) * (WIDTH - LEFT - RIGHT)

    def y_at(value):
        return HEIGHT - BOTTOM - place(value, y_low, y_high, log_y) * (HEIGHT - TOP - BOTTOM)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(title)}">', STYLE,
           f'<text class="t" x="{LEFT}" y="18">{html.escape(title)}</text>']
    for value in ticks(y_low, y_high, log_y):
        out.append(f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_at(value):.1f}" y2="{y_at(value):.1f}"/>'
                   f'<text class="t s" x="{LEFT - 6}" y="{y_at(value) + 4:.1f}" text-anchor="end">{short(value)}</text>')
    for value in ticks(x_low, x_high, log_x) if few_x else sorted(set(xs)):
        out.append(f'<text class="t s" x="{x_at(value):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{short(value)}</text>')
    out.append(f'<line class="a" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    out.append(f'<text class="t s" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{html.escape(x_name)}</text>')
    out.append(f'<text class="t s" x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">{html.escape(y_name)}</text>')
    x = LEFT
    for (name, points), color in zip(series, COLORS):
        line = " ".join(f"{x_at(px):.1f},{y_at(py):.1f}" for px, py in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x_at(px):.1f}" cy="{y_at(py):.1f}" r="3" fill="{color}"/>' for px, py in points]
        out.append(f'<circle cx="{x + 4}" cy="31" r="4" fill="{color}"/><text class="t s" x="{x + 12}" y="35">{html.escape(name)}</text>')
        x += 24 + 7 * len(name)
    return "\n".join([*out, "</svg>", ""])


def bars(title, unit, rows):
    """Horizontal bars with the span from min to max; `rows` is [(name, median, min, max, which color)]."""
    height = TOP + 26 * len(rows) + 14
    left, high = 270, max(row[3] for row in rows) * 1.02
    scale = (WIDTH - left - 90) / high
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(title)}">', STYLE,
           f'<text class="t" x="16" y="20">{html.escape(title)}</text>']
    for i, (name, median, low, top, color) in enumerate(rows):
        y = TOP + 26 * i
        out.append(f'<text class="t s" x="{left - 8}" y="{y + 12}" text-anchor="end">{html.escape(name)}</text>'
                   f'<rect x="{left}" y="{y}" width="{median * scale:.1f}" height="16" rx="2" fill="{COLORS[color]}"/>'
                   f'<line class="a" x1="{left + low * scale:.1f}" x2="{left + top * scale:.1f}" y1="{y + 8}" y2="{y + 8}"/>'
                   f'<text class="t s" x="{left + top * scale + 8:.1f}" y="{y + 12}">{short(median)} {unit}</text>')
    return "\n".join([*out, "</svg>", ""])


def load(name):
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def line(key, points, value):
    return [(p[key], p[value]) for p in points if p[value] > 0]


def plots():
    """{file name: SVG}"""
    out = {}
    ingest, single, growth, stream = load("ingest"), load("single_events"), load("growth"), load("stream_in")
    if ingest:
        for goal in ("P1", "P2"):
            if goal not in ingest["figures"]:
                continue
            one = ingest["figures"][goal]
            rows = []
            for key, value in one.items():
                if key == "kinglet" or key.startswith("engine_"):
                    span = value["rows_per_second"]
                    name = "Kinglet, 10,000 rows a request" if key == "kinglet" else f"engine, {int(key.split('_')[1]):,} rows an insert, {key[-1]} stream{'s' if key[-1] != '1' else ''}"
                    rows.append((name, span["median"], span["min"], span["max"], 0 if key == "kinglet" else 1))
            out[f"{goal.lower()}.svg"] = bars(f"{goal}: rows/s stored, {one['columns']} columns, {one['bytes_a_row']:.0f} B a row (median, min to max)", "rows/s", rows)
    if single:
        rows = [(name, *(single["figures"][key]["requests_per_second"][k] for k in ("median", "min", "max")), color)
                for color, (key, name) in enumerate((("kinglet", "Kinglet, 202 after fsync"), ("nginx", "nginx, a constant")))]
        out["p3.svg"] = bars("P3: single-event requests/s, 64 connections (median, min to max)", "/s", rows)
    if growth:
        figures = growth["figures"]
        if figures["rows_a_request"]:
            out["rows.svg"] = chart("Rows a request", "rows a request", "rows/s stored", [("rows/s", line("rows_a_request", figures["rows_a_request"], "rows_per_second"))], log_y=True)
        if figures["columns"]:
            out["columns.svg"] = chart("Columns", "columns", "CPU ns a cell", [
                (name, [(p["columns"], p[f"{process}_cpu_us_a_row"] * 1000 / p["columns"]) for p in figures["columns"]])
                for name, process in (("kinglet", "kinglet"), ("kinglet-engine", "engine"))])
        if figures["connections"]:
            out["connections.svg"] = chart("Connections, one event a request", "connections", "requests/s", [("requests/s", line("connections", figures["connections"], "requests_per_second"))])
        if figures["data_sources"]:
            out["data_sources.svg"] = chart("Data sources, 10 rows a request in turn, 64 connections", "data sources", "rows/s", [
                ("accepted", line("data_sources", figures["data_sources"], "accepted_rows_per_second")), ("stored", line("data_sources", figures["data_sources"], "rows_per_second"))], log_y=True)
    if stream:
        out["memory.svg"] = chart("Memory of the gateway while one body streams in", "GB of text sent", "MB resident", [
            (name, [(seen[1] / 1000 * stream["figures"][name]["text_gb"] / max(0.001, stream["figures"][name]["sent_gb"]), seen[2])
                    for seen in stream["figures"][name]["samples"]["rows"]]) for name in ("chunked", "zstd")], log_x=False, few_x=True)
    return out


def verdict(met):
    return "met" if met else "**missed**"


def goals():
    """The rows of the table of goals."""
    rows = []

    def add(goal, what, figure, wanted, met, result):
        rows.append(f"| {goal} | {what} | {figure} | {wanted} | {verdict(met)} | {result['commit']}, {result['date']}: {result['machine']} |")

    ingest, single = load("ingest"), load("single_events")
    if ingest:
        for goal in ("P1", "P2"):
            one = ingest["figures"].get(goal)
            if not one:
                continue
            for key, text in (("ratio", "the engine's JSONEachRow, one insert a request"), ("ratio_to_large_inserts", "the same, one insert for ten requests")):
                if key in one:
                    add(goal, f"rows/s stored against {text}", f"{one[key]['median']}x ({one[key]['min']}-{one[key]['max']})", f"{one[key]['goal']}x", one[key]["met"], ingest)
        if one := ingest["figures"].get("conversion"):
            add("P1", "HTTP, read, check, convert, spool with fsync: rows/s and core", f"{one['rows_per_second_and_core']:,}", f"{one['goal']:,}", one["met"], ingest)
    if single:
        one = single["figures"]
        add("P3", "single events/s against nginx answering a constant", f"{one['ratio']['median']}x ({one['ratio']['min']}-{one['ratio']['max']})", f"{one['ratio']['goal']}x", one["ratio"]["met"], single)
        add("P3", "p99 of the same", f"{one['kinglet']['p99_ms']['median']} ms", f"{one['p99_goal_ms']} ms", one["p99_met"], single)
    stream, fairness = load("stream_in"), load("fairness")
    if stream:
        figures = stream["figures"]
        peak = max(figures[name]["gateway_mb"]["peak"] for name in ("chunked", "zstd"))
        add("P13", f"the gateway's memory while a body of {figures['chunked']['text_gb']} GB streams in", f"{peak:.0f} MB", f"{figures['goal']['gateway_mb_max']} MB", figures["met"], stream)
    if stream_out := load("stream_out"):
        figures = stream_out["figures"]
        forms = [name for name in figures if name not in ("goal", "met")]
        peak = max(figures[name]["gateway_mb_peak"] for name in forms)
        add("P13", f"the same while an answer of {min(figures[name]['received_gb'] for name in forms)} GB streams out ({', '.join(forms)}; its reader stops for some seconds)",
            f"{peak:.0f} MB", f"{figures['goal']['gateway_mb_max']} MB", figures["met"], stream_out)
    if fairness:
        grown = fairness["figures"]["p99_growth"]
        add("I13", "how much p99 of a well-behaved token grows beside one at ten times its limit", f"{grown['median']:.0%} ({grown['min']:.0%}-{grown['max']:.0%})", "20%",
            grown["median"] < 0.2, fairness)
    return rows


def table(figures, key, shown):
    names = [key, *shown]
    out = ["| " + " | ".join(n.replace("_", " ") for n in names) + " |", "| " + " | ".join("---:" for _ in names) + " |"]
    return out + ["| " + " | ".join(f"{p[n]:,}" for n in names) + " |" for p in figures]


def generated():
    """{marker: lines}"""
    out = {"goals": ["| Goal | What | Figure | Wanted | | Measured |", "| --- | --- | ---: | ---: | --- | --- |", *goals()]}
    ingest, single, growth = load("ingest"), load("single_events"), load("growth")
    if ingest:
        lines = ["| | rows/s stored | CPU us a row: kinglet | engine | load generator |", "| --- | ---: | ---: | ---: | ---: |"]
        for goal in ("P1", "P2"):
            for key, value in ingest["figures"].get(goal, {}).items():
                if key == "kinglet":
                    lines.append(f"| {goal} Kinglet | {value['rows_per_second']['median']:,.0f} | {value['kinglet_cpu_us']['median']} | {value['engine_cpu_us']['median']} | {value['load_cpu_us']['median']} |")
                elif key.startswith("engine_"):
                    lines.append(f"| {goal} engine alone, {int(key.split('_')[1]):,} rows an insert, {key[-1]} at a time | {value['rows_per_second']['median']:,.0f} | | {value['cpu_us']['median']} | |")
        out["ingest"] = lines
    if single:
        lines = ["| | requests/s | p50 ms | p99 ms | CPU us a request | load generator | fsyncs a request |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
        for name in ("kinglet", "nginx"):
            one = single["figures"][name]
            cells = [f"{one['requests_per_second']['median']:,.0f}", *(one[k]["median"] for k in ("p50_ms", "p99_ms", "cpu_us_a_request", "load_cpu_us_a_request")), one.get("syncs_a_request", {}).get("median", "")]
            lines.append(f"| {name} | " + " | ".join(map(str, cells)) + " |")
        out["single"] = lines
    if growth:
        for key in ("rows_a_request", "columns", "connections", "data_sources"):
            if growth["figures"][key]:
                out[key] = table(growth["figures"][key], key, ["rows_per_second", "requests_per_second", "p50_ms", "p99_ms", "kinglet_cpu_us_a_row", "engine_cpu_us_a_row", "drain_seconds"])
    drawn = plots()
    for name, files in {"ingest": ["p1", "p2"], "single": ["p3"], "rows_a_request": ["rows"], "columns": ["columns"], "connections": ["connections"],
                        "data_sources": ["data_sources"], "memory": ["memory"]}.items():
        pictures = [f"![{file.replace('_', ' ')}](performance/{file}.svg)" for file in files if f"{file}.svg" in drawn]
        if pictures:
            out[name] = [*pictures, *([""] + out[name] if name in out else [])]
    return out


def page(text):
    """The page with its generated parts, each between <!-- name --> and <!-- end -->, made anew."""
    out, skipping, parts = [], False, generated()
    for row in text.splitlines():
        if skipping and row == "<!-- end -->":
            skipping = False
        if skipping:
            continue
        out.append(row)
        name = row.removeprefix("<!-- ").removesuffix(" -->")
        if row == f"<!-- {name} -->" and name != "end":
            out += parts.get(name, ["Not measured yet."])
            skipping = True
    return "\n".join(out) + "\n"


def check():
    wrong = [] if page(PAGE.read_text()) == PAGE.read_text() else ["docs/performance.md"]
    wrong += [f"docs/performance/{name}" for name, text in plots().items() if not (PLOTS / name).exists() or (PLOTS / name).read_text() != text]
    return [f"{name} is not what bench/results says; bench/plots.py writes it" for name in wrong]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", help="ignored: ./dev bench passes it")
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        problems = check()
        print("\n".join(problems))
        sys.exit(bool(problems))
    PLOTS.mkdir(exist_ok=True)
    for name, text in plots().items():
        (PLOTS / name).write_text(text)
    PAGE.write_text(page(PAGE.read_text()))
    print(f"docs/performance.md and {len(plots())} plots")
