# SPDX-License-Identifier: Apache-2.0
"""The part of Helm's template language that our chart keeps to, so that the manifest can be made,
and the chart tested, without Helm: if, else if, else, with, range over a table, pipelines of the
functions below, and trimmed markers. What is beyond it is an error."""
import json
import re

MARK = re.compile(r"\{\{(-?)\s*(.*?)\s*(-?)\}\}", re.DOTALL)
WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\||[^\s|]+')
PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9._/-]*")
NOT_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class TemplateError(Exception):
    pass


def _text(value):
    """As Go prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _scalar(value):
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NOT_TEXT:
        return value
    return json.dumps(value)


def to_yaml(value):
    """Block style, keys sorted, lists at the depth of their key, as Helm's toYaml writes it."""
    if isinstance(value, dict) and value:
        lines = []
        for key, item in sorted(value.items()):
            nested = isinstance(item, (dict, list)) and item
            pad = "  " if isinstance(item, dict) else ""
            lines.append(f"{_scalar(key)}:" + ("" if nested else f" {to_yaml(item)}"))
            lines += [pad + line for line in to_yaml(item).splitlines()] if nested else []
        return "\n".join(lines)
    if isinstance(value, list) and value:
        return "\n".join("- " + to_yaml(item).replace("\n", "\n  ") for item in value)
    return _scalar(value)


def _indent(width, text):
    return "\n".join(" " * width + line for line in text.split("\n"))


# The last argument is what a pipeline hands over, as in Go.
FUNCTIONS = {
    "quote": lambda value: json.dumps(_text(value), ensure_ascii=False),
    "toYaml": to_yaml,
    # Go sorts the keys and leaves no blanks.
    "toJson": lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")),
    "indent": _indent,
    "default": lambda otherwise, value: value or otherwise,
    "join": lambda between, values: between.join(_text(value) for value in values),
    "not": lambda value: not value,
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "dict": lambda *pairs: dict(zip(pairs[::2], pairs[1::2])),
}


class Scope:
    def __init__(self, root, dot, names):
        self.root, self.dot, self.names = root, dot, names

    def term(self, word):
        if word[0] == '"':
            return json.loads(word)
        if re.fullmatch(r"-?[0-9]+", word):
            return int(word)
        if word in ("true", "false"):
            return word == "true"
        if word == ".":
            return self.dot
        head, *fields = word.split(".")
        if head not in self.names and head != "":
            raise TemplateError(f"what is {word}?")
        value = self.dot if head == "" else self.names[head]
        for field in fields:
            if not isinstance(value, dict) or field not in value:
                raise TemplateError(f"there is no {word}")
            value = value[field]
        return value

    def value(self, pipeline):
        """Of the words of a pipeline."""
        stages, handed = [[]], []
        for word in WORD.findall(pipeline):
            if word == "|":
                stages.append([])
            else:
                stages[-1].append(word)
        for stage in stages:
            if not stage:
                raise TemplateError(f"an empty stage in {pipeline}")
            if stage[0] in FUNCTIONS:
                arguments = [self.term(word) for word in stage[1:]] + handed
                handed = [FUNCTIONS[stage[0]](*arguments)]
            elif len(stage) == 1 and not handed:
                handed = [self.term(stage[0])]
            else:
                raise TemplateError(f"unknown function {stage[0]}")
        return handed[0]

    def inside(self, dot, names=None):
        return Scope(self.root, dot, {**self.names, **(names or {})})


def _pieces(source):
    """Text and ("mark", words), with the white space that a marker's dash eats taken out."""
    pieces, at, eat = [], 0, False
    for mark in MARK.finditer(source):
        text = source[at:mark.start()]
        text = text.lstrip() if eat else text
        pieces.append(text.rstrip() if mark[1] else text)
        if not mark[2].startswith("/*"):
            pieces.append(("mark", mark[2]))
        at, eat = mark.end(), bool(mark[3])
    pieces.append(source[at:].lstrip() if eat else source[at:])
    return pieces


def _block(pieces, ends):
    """A list of nodes up to a marker among `ends`, which is handed back."""
    nodes = []
    while pieces:
        piece = pieces.pop(0)
        if isinstance(piece, str):
            nodes.append(piece)
            continue
        verb, _, rest = piece[1].partition(" ")
        if piece[1] in ends:
            return nodes, piece[1]
        if verb == "else" and rest.startswith("if ") and "else" in ends:
            # As if it were an `if` inside `else`; both end at the one marker.
            pieces.insert(0, ("mark", rest))
            return nodes, "else if"
        if verb in ("if", "with", "range"):
            body, end = _block(pieces, ("else", "end"))
            otherwise = _otherwise(pieces, end)
            nodes.append((verb, rest, body, otherwise))
        else:
            nodes.append(("print", piece[1]))
    if ends:
        raise TemplateError(f"{' or '.join(ends)} is missing")
    return nodes, ""


def _otherwise(pieces, end):
    """The nodes of an else that ended a block by the marker `end`."""
    if end == "else":
        return _block(pieces, ("end",))[0]
    if end == "else if":
        condition = pieces.pop(0)[1].partition(" ")[2]
        body, end = _block(pieces, ("else", "end"))
        return [("if", condition, body, _otherwise(pieces, end))]
    return []


def _run_range(node, scope):
    names, _, subject = node[1].partition(":=")
    key, value = (name.strip() for name in names.split(","))
    table = scope.value(subject)
    return "".join(_run(node[2], scope.inside(item, {key: name, value: item}))
                   for name, item in sorted(table.items()))


def _run(nodes, scope):
    out = []
    for node in nodes:
        if isinstance(node, str):
            out.append(node)
        elif node[0] == "print":
            out.append(_text(scope.value(node[1])))
        elif node[0] == "range":
            out.append(_run_range(node, scope))
        else:
            value = scope.value(node[1])
            inner = scope.inside(value) if node[0] == "with" and value else scope
            out.append(_run(node[2] if value else node[3], inner))
    return "".join(out)


def render(source, root):
    """The text that Helm would make of the template, with `root` as the dot."""
    return _run(_block(_pieces(source), ())[0], Scope(root, root, {"$": root}))
