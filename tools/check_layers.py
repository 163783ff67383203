#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: a file of src/ includes only its own module and those its module depends on in CMakeLists.txt.

Layers (design.md section 3) are kept by the order of the kinglet_module() lines: a module may depend only on earlier ones.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def read_modules(text):
    """{module: direct dependencies}, in file order."""
    modules = {}
    for name, rest in re.findall(r"^kinglet_(?:module)\((\S+)([^)]*)\)", text, re.M):
        deps = re.search(r"DEPS ((?:(?!LIBS|ASIO)[a-z_]+\s*)+)", rest)
        modules[name] = deps.group(1).split() if deps else []
    return modules


def closure(modules, name):
    seen, todo = set(), [name]
    while todo:
        module = todo.pop()
        if module not in seen:
            seen.add(module)
            todo += modules.get(module, [])
    return seen


def check(root=ROOT):
    modules = read_modules((root / "CMakeLists.txt").read_text())
    problems = []
    known = list(modules)
    for name, deps in modules.items():
        for dep in deps:
            if dep not in modules:
                problems.append(f"CMakeLists.txt: {name} depends on {dep}, which is no module")
            elif known.index(dep) > known.index(name):
                problems.append(f"CMakeLists.txt: {name} depends on {dep}, which stands in a higher layer")
    if problems:
        return problems
    allowed = {name: closure(modules, name) for name in modules}
    # main.cc of server/ is the executable `kinglet`: the server and the command line client in one.
    allowed["server/main.cc"] = closure(modules, "server") | closure(modules, "cli")
    # kinglet-engine is an executable of its own inside engine/.
    allowed["engine/embedded"] = closure(modules, "http") | {"engine"}
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        relative = path.relative_to(root / "src").as_posix()
        module = relative.split("/")[0]
        if module not in modules:
            problems.append(f"src/{relative}: {module}/ is no module of CMakeLists.txt")
            continue
        may = next((v for k, v in allowed.items() if "/" in k and relative.startswith(k)), allowed[module])
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match:
                continue
            target = match.group(1)
            if not (root / "src" / target).exists():
                if "/" not in target and (path.parent / target).exists():
                    problems.append(f'src/{relative}:{number}: write the include from src/: "{target}"')
                continue
            if target.split("/")[0] not in may:
                problems.append(f"src/{relative}:{number}: {module}/ may not include {target}")
    return problems


if __name__ == "__main__":
    found = check()
    print("\n".join(found) if found else "layers: as they should be")
    sys.exit(1 if found else 0)
