# SPDX-License-Identifier: Apache-2.0
"""The part of Markdown that our pages use, as man(7): headings, paragraphs, lists, tables, code
blocks; code, strong text and links within a line."""
import re

INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]*)\]\([^)]*\)")

# What a line begins with that does not go on with the one before.
STARTS = re.compile(r"[-*] |\d+\. |#|\||```")


def escape(text):
    for mark, escaped in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("^", "\\(ha"),
                          ("~", "\\(ti")):
        text = text.replace(mark, escaped)
    return text


def inline(text):
    """Code and strong text are bold; of a link its text stays."""
    out, at = [], 0
    for mark in INLINE.finditer(text):
        out.append(escape(text[at:mark.start()]))
        code, strong, link = mark.groups()
        out.append(inline(link) if link is not None else
                   f"\\fB{inline(strong) if strong else escape(code)}\\fR")
        at = mark.end()
    return "".join(out) + escape(text[at:])


def line(text):
    """A line of text that roff does not take for a request."""
    text = inline(text.strip())
    return "\\&" + text if text.startswith((".", "\\(aq")) else text


def _cells(row):
    return [cell.strip().replace("\0", "|") for cell in
            row.strip().strip("|").replace("\\|", "\0").split("|")]


def table(rows):
    """Each row a tagged paragraph: its first cell, then the others, with their column's heading
    where it says more than that this is the meaning."""
    heading, _, *body = [_cells(row) for row in rows]
    out = []
    for first, *rest in body:
        texts = []
        for name, cell in zip(heading[1:], rest):
            plain = len(rest) == 1 or name in ("", "meaning", "what it does")
            if cell:
                texts.append(cell if plain else f"{name}: {cell}.")
        out += [".TP", line(first) or "\\&", line(" ".join(texts)) or "\\&"]
    return out + [".PP"]


def convert(markdown):
    """Body of a page: all but its title line."""
    lines, out, at = markdown.splitlines(), [], 0
    while at < len(lines):
        text = lines[at]
        if text.startswith("```"):
            end = next(i for i in range(at + 1, len(lines)) if lines[i].startswith("```"))
            out += [".PP", ".in +4n", ".nf"] + [_verbatim(t) for t in lines[at + 1:end]] + \
                [".fi", ".in"]
            at = end
        elif text.startswith("    ") and not (at and lines[at - 1].strip()):
            out += [".PP", ".in +4n", ".nf", _verbatim(text[4:]), ".fi", ".in"]
        elif text.startswith("#"):
            level, title = len(text) - len(text.lstrip("#")), text.lstrip("# ")
            if level > 1:
                out.append(f".SH {inline(title.upper())}" if level == 2 else f".SS {inline(title)}")
        elif text.startswith("|"):
            end = next((i for i in range(at, len(lines)) if not lines[i].startswith("|")),
                       len(lines))
            out += table(lines[at:end])
            at = end - 1
        elif re.match(r"[-*] |\d+\. ", text):
            at, text = _paragraph(lines, at)
            mark, rest = text.split(" ", 1)
            bullet = "\\(bu" if mark in "-*" else mark
            out += [f".IP {bullet} 4", line(rest)]
        elif not text.strip():
            out.append(".PP")
        else:
            at, text = _paragraph(lines, at)
            out.append(line(text))
        at += 1
    return _tidy(out)


def _paragraph(lines, at):
    """The last line of what begins at `at`, and all of it as one: marks may span lines."""
    end = at + 1
    while end < len(lines) and lines[end].strip() and not STARTS.match(lines[end]):
        end += 1
    return end - 1, " ".join(text.strip() for text in lines[at:end])


def _verbatim(text):
    escaped = escape(text)
    return "\\&" + escaped if escaped.startswith((".", "\\(aq")) else escaped


def _tidy(lines):
    """No empty paragraphs, which man pages warn of."""
    out = []
    for index, text in enumerate(lines):
        after = next((later for later in lines[index + 1:] if later != ".PP"), ".SH")
        if text == ".PP" and (not out or out[-1].startswith((".SH", ".SS", ".PP"))
                              or after.startswith((".SH", ".SS", ".TP", ".IP"))
                              or lines[index + 1:index + 2] == [".PP"]):
            continue
        out.append(text)
    return "\n".join(out) + "\n"
