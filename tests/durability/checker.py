# SPDX-License-Identifier: Apache-2.0
"""Compares a history with what the engine holds, and tells every difference with the history of its request.

acknowledged, stored   each good row once in the table, in its view and in the view over the view; each bad row once in the quarantine
unanswered             the same, or nothing at all: in the table, the quarantine and the views alike
refused                nothing"""
from .history import VIEWS
from .load import at_new_address, failed_folder

SHOWN_MAX = 10


def physical_tables(ws, names, ask):
    """`database`.`table` in the engine for each data source, and for its quarantine."""
    tables = {}
    for name in names:
        source = ws.get(f"/v0/datasources/{name}").json()["id"]
        found = sorted(ask(f"SELECT concat('`', database, '`.`', name, '`') FROM system.tables WHERE startsWith(name, '{source}') "
                           "ORDER BY length(name)").text.split())
        assert len(found) == 2, f"tables of {name}: {found}"
        tables[name] = tuple(sorted(found, key=len))
    return tables


def _read(ask, sql):
    reply = ask(sql)
    assert reply.status == 200, reply.text
    return [tuple(int(v) for v in line.split("\t")) for line in reply.text.splitlines()]


def _by_request(rows):
    return {row[0]: row[1:] for row in rows}


def violations(ws, history, first=0, ask=None):
    """All differences for requests from number `first` on, as texts. Nothing may be on its way. `ask` runs a statement in the engine."""
    ask = ask or ws.server.engine
    at_new_address(ws)
    with history.lock:
        requests = {n: r for n, r in history.requests.items() if n >= first}
    sources = sorted({r.source for r in requests.values()} or {"events"})
    names = sources + sorted({v for s in sources for v in VIEWS[s]})
    tables = physical_tables(ws, names, ask)
    found = []

    def tell(kind, number, text):
        request = requests.get(number)
        found.append(f"{kind}: {text}\n    {request or f'request {number} was never sent'}")

    for source in sources:
        mine = {n: r for n, r in requests.items() if r.source == source}
        rows = _by_request(_read(ask, f"SELECT request, count(), uniqExact(n), sum(value) FROM {tables[source][0]} "
                                     f"WHERE request >= {first} GROUP BY request"))
        bad = _by_request(_read(ask, "SELECT toUInt32(request) AS r, count(), uniqExact(n), sum(toUInt32(n)) "
                                    f"FROM {tables[source][1]} WHERE r >= {first} GROUP BY r"))
        nothing = (0, 0, 0)
        for number, request in mine.items():
            wanted, wanted_bad = request.expected
            have, have_bad = rows.pop(number, nothing), bad.pop(number, nothing)
            if (have, have_bad) == (wanted, wanted_bad):
                if request.state == "refused":
                    tell("refused and yet stored", number, f"{have[0]} rows in {source}, {have_bad[0]} in its quarantine")
            elif (have, have_bad) == (nothing, nothing):
                if request.state in ("acknowledged", "stored"):
                    tell("lost", number, f"an acknowledged request is not in {source}")
            else:
                for place, is_, must, label in ((source, have, wanted, "sum of values"),
                                                (source + "_quarantine", have_bad, wanted_bad, "sum of n")):
                    if is_ != must:
                        kind = "repeated" if is_[0] > is_[1] else "lost in part" if is_[0] < must[0] else "changed"
                        tell(kind, number, f"{place} has {is_[0]} rows ({is_[1]} distinct, {label} {is_[2]}), must be {must[0]} "
                                           f"({label} {must[2]})")
            # The views follow the table, whatever is in it.
            mine[number] = (have[0], have[2])
        for number, extra in {**rows, **bad}.items():
            tell("never sent", number, f"{extra[0]} rows in {source} or its quarantine")
        for view in VIEWS[source]:
            which = f" AND source = '{source}'" if view == "chained" else ""
            sums = _by_request(_read(ask, f"SELECT request, sum(rows), sum(total) FROM {tables[view][0]} "
                                         f"WHERE request >= {first}{which} GROUP BY request"))
            for number, in_table in mine.items():
                in_view = sums.pop(number, (0, 0))
                if in_view != in_table:
                    tell("the view differs", number, f"{view} has {in_view[0]} rows (total {in_view[1]}), {source} has {in_table[0]} "
                                                     f"({in_table[1]})")
            for number, extra in sums.items():
                tell("never sent", number, f"{extra[0]} rows in {view}")
    return found


def assert_holds(ws, history, first=0, set_aside=False, ask=None):
    """Every row as the answers say. `set_aside`: batches in failed/ are what the test wants."""
    found = violations(ws, history, first, ask)
    kept = [f.name for f in failed_folder(ws.server).iterdir()]
    if not set_aside and kept:
        found.insert(0, f"batches were set aside: {kept}")
    assert not found, f"{len(found)} violations:\n  " + "\n  ".join(found[:SHOWN_MAX])


def assert_books(ws, sources):
    """accepted = stored + quarantined + deduplicated + …, and stored and quarantined are what the engine has. Nothing may be on its way."""
    tables = physical_tables(at_new_address(ws), sources, ws.server.engine)
    for name in sources:
        books = ws.get(f"/v0/datasources/{name}").json()["rows"]
        assert books["accepted"] == sum(v for k, v in books.items() if k != "accepted"), (name, books)
        assert books["waiting"] == 0, (name, books)
        for table, counted in zip(tables[name], ("stored", "quarantined")):
            found = _read(ws.server.engine, f"SELECT count() FROM {table}")[0][0]
            assert found == books[counted], f"{name}: {found} rows in the engine, {counted} by the books: {books}"
