# SPDX-License-Identifier: Apache-2.0
"""Prints the score of the corpus at the end."""
from corpus import projects, test_corpus


def pytest_terminal_summary(terminalreporter):
    if test_corpus.SCORES:
        terminalreporter.section("corpus")
        for line in projects.summary(test_corpus.SCORES):
            terminalreporter.write_line(line)
