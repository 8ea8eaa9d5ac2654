"""Figures of alternating runs, their targets, and the tables made of them."""

import json
import pathlib
import statistics


class Target:
    """At most `factor` times what `base` has (a server's name, several: the best of them, or 'text': our own figure of a named
    row), or an absolute."""

    def __init__(self, factor, base=None, row=None):
        self.factor, self.base, self.row = factor, base, row

    def limit(self, rows, row):
        if self.base is None:
            return self.factor
        source = rows.get(self.row, {}) if self.row else row
        bases = ["logmemcached"] if self.base == "text" else self.base.split(",")
        medians = [statistics.median(source[base]) for base in bases if source.get(base)]
        return self.factor * min(medians) if medians else None

    def __str__(self):
        if self.base is None:
            return f"{self.factor:g}"
        base = f"ours in '{self.row}'" if self.base == "text" else self.base
        return f"{self.factor:g} x {base}"


def spread(figures):
    return (max(figures) - min(figures)) / 2


class Table:
    """Rows of figures per server. Smaller is better where there is a target."""

    def __init__(self, title, unit, servers, about=""):
        self.title, self.unit, self.servers, self.about = title, unit, list(servers), about
        self.rows = {}
        self.targets = {}
        self.notes = {}

    def add(self, row, server, figure):
        self.rows.setdefault(row, {}).setdefault(server, []).append(figure)

    def median(self, row, server):
        return statistics.median(self.rows[row][server])

    def set_target(self, row, target):
        self.targets[row] = target

    def note(self, row, text):
        notes = self.notes.setdefault(row, [])
        if text not in notes:
            notes.append(text)

    def verdict(self, row):
        """'met', 'MISSED' or '' when there is nothing to judge by."""
        target, figures = self.targets.get(row), self.rows[row].get("logmemcached")
        limit = target.limit(self.rows, self.rows[row]) if target and figures else None
        if limit is None:
            return "", None
        ours = statistics.median(figures)
        return ("met" if ours <= limit else "MISSED"), ours / limit if limit else None

    def markdown(self):
        lines = [f"### {self.title}", "", f"{self.unit}; median ± half the range of the runs. {self.about}".strip(), ""]
        lines.append("| | " + " | ".join(self.servers) + " | target: at most | |")
        lines.append("|---" * (len(self.servers) + 3) + "|")
        for row, figures in self.rows.items():
            cells = [f"{statistics.median(figures[s]):.4g} ± {spread(figures[s]):.2g}" if figures.get(s) else ""
                     for s in self.servers]
            target = self.targets.get(row)
            limit = target.limit(self.rows, self.rows[row]) if target else None
            wanted = "" if target is None else str(target) + (f" = {limit:.4g}" if limit is not None and target.base else "")
            word, share = self.verdict(row)
            judged = f"{word} ({share:.2f})" if share is not None else word
            lines.append(f"| {row} | " + " | ".join(cells) + f" | {wanted} | {judged} |")
        for row, notes in self.notes.items():
            lines += [f"- {row}: {note}" for note in notes]
        return "\n".join(lines) + "\n"

    def as_json(self):
        rows = {}
        for row, figures in self.rows.items():
            word, share = self.verdict(row)
            rows[row] = {
                "figures": figures,
                "median": {name: statistics.median(values) for name, values in figures.items()},
                "target": str(self.targets[row]) if row in self.targets else None,
                "verdict": word,
                "share_of_target": share,
                "notes": self.notes.get(row, []),
            }
        return {"title": self.title, "unit": self.unit, "rows": rows}


def write_results(directory, name, facts, tables):
    """NAME.json and NAME.md in `directory`. Called again as tables are added: a part that is cut off has written what it
    has."""
    target = pathlib.Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    text = f"## {name}\n\n" + "\n".join(table.markdown() for table in tables)
    text += "\nMachine: " + "; ".join(f"{key} {value}" for key, value in facts.items()) + "\n"
    (target / f"{name}.md").write_text(text)
    document = {"machine": facts, "tables": [table.as_json() for table in tables]}
    (target / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")
