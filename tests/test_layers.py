# SPDX-License-Identifier: Apache-2.0
"""The layers of the house: who includes whom (tools/check_layers.py), and that the check itself finds a breach."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402


def test_the_tree_keeps_its_layers():
    assert check_layers.check() == []


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_an_include_from_a_higher_layer_is_found(tmp_path):
    write(tmp_path, {
        "CMakeLists.txt": "kinglet_module(base LIBS fmt::fmt)\nkinglet_module(http DEPS base ASIO)\n",
        "src/base/a.h": '#include "http/server.h"\n',
        "src/http/server.h": '#include "base/a.h"\n',
    })
    assert check_layers.check(tmp_path) == ["src/base/a.h:1: base/ may not include http/server.h"]


def test_a_dependency_on_a_later_module_is_found(tmp_path):
    write(tmp_path, {"CMakeLists.txt": "kinglet_module(base DEPS http)\nkinglet_module(http)\n", "src/base/a.h": ""})
    assert check_layers.check(tmp_path) == ["CMakeLists.txt: base depends on http, which stands in a higher layer"]
