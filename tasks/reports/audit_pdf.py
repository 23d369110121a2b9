"""The audit bundle as a PDF (fpdf2, in Python alone: no browser and no system library is needed)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, WrapMode
from fpdf.fonts import FontFace, TTFFont

from tasks.quality.ledger import canonical
from tasks.quality.wording import plural
from tasks.reports.audit import Audit, Section, facts, sections, title
from tasks.reports.escape import printable, visible

FONT, MONO = "DejaVu", "DejaVuMono"
INK, FAINT, LINE, SHADE = (28, 33, 40), (96, 104, 114), (208, 213, 219), (241, 243, 245)
TONES = {"holds": (20, 110, 60), "BROKEN": (180, 30, 30), "could not check": (150, 100, 0)}
SMALL, BODY, HEAD, TITLE = 6.5, 7.5, 11.0, 18.0
HASH_WIDTH, LEAST_WIDTH, MOST_WIDTH = 38, 9, 46
"""Widths of columns, in characters of text."""


def audit_pdf(audit: Audit) -> bytes:
    """The bundle as a PDF: A4, landscape, tables with their headings on every page, the ledger's head in the footer."""
    pdf = _document(audit)
    pdf.add_page()
    _first_page(pdf, audit)
    for section in sections(audit):
        _section(pdf, section)
    _ledger(pdf, audit)
    return bytes(pdf.output())


class Document(FPDF):
    """Pages that say whose they are, and prove it."""

    about = ""

    def footer(self) -> None:
        """Run, ledger head and page number."""
        self.set_y(-11)
        self.set_font(MONO, size=SMALL)
        self.set_text_color(*FAINT)
        self.cell(0, 5, f"{self.shown(self.about)} · page {self.page_no()} of {{nb}}", align="C")

    def shown(self, text: str) -> str:
        """The text with the code of each character that the font has not, so that nothing is left out."""
        font = self.fonts[FONT.lower()]
        known = font.cmap if isinstance(font, TTFFont) else {}
        return "".join(c if ord(c) in known or c == "\n" else f"[U+{ord(c):04X}]" for c in printable(text))


def _document(audit: Audit) -> Document:
    pdf = Document(orientation="landscape", format="A4")
    fonts = Path(str(find_spec("matplotlib").submodule_search_locations[0])) / "mpl-data/fonts/ttf"  # type: ignore[union-attr,index]
    for name, style, file in ((FONT, "", "DejaVuSans"), (FONT, "B", "DejaVuSans-Bold"), (MONO, "", "DejaVuSansMono")):
        pdf.add_font(name, style, fonts / f"{file}.ttf")
    pdf.set_margins(12, 12, 12)
    pdf.set_auto_page_break(True, margin=16)
    pdf.set_title(title(audit))
    pdf.about = f"{visible(audit.run, 80)} · ledger head {audit.head}"
    pdf.set_creator("gonogo")
    pdf.set_lang("en")
    return pdf


def _first_page(pdf: Document, audit: Audit) -> None:
    _say(pdf, title(audit), TITLE, bold=True)
    _say(pdf, f"Written {audit.generated}. All of it comes from the run's ledger and files.", BODY, FAINT)
    pdf.ln(2)
    rows = [(name, value) for name, value in facts(audit)]
    _table(pdf, rows, (18, 100), mono=frozenset())
    _say(pdf, f"To check it again: gonogo verify {audit.run} --head {audit.head}", SMALL, FAINT, mono=True)


def _section(pdf: Document, section: Section) -> None:
    if pdf.will_page_break(26):
        pdf.add_page()
    pdf.ln(4)
    pdf.start_section(section.title)
    _say(pdf, section.title, HEAD, bold=True)
    _say(pdf, section.note, BODY, FAINT)
    if not section.rows:
        _say(pdf, "None.", BODY, FAINT)
        return
    numeric = frozenset(i for i, name in enumerate(section.headings) if name in section.numeric)
    mono = frozenset(i for i, name in enumerate(section.headings) if name in section.hashes)
    _table(pdf, section.rows, _widths(section, mono), mono, numeric, section.headings)


def _widths(section: Section, mono: frozenset[int]) -> tuple[int, ...]:
    """How wide each column is, in proportion: by its longest word or text, within bounds."""
    columns = zip(section.headings, *section.rows, strict=True)
    return tuple(
        HASH_WIDTH if i in mono else min(max(*map(len, texts), LEAST_WIDTH), MOST_WIDTH)
        for i, texts in enumerate(columns)
    )


def _table(
    pdf: Document,
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    mono: frozenset[int],
    numeric: frozenset[int] = frozenset(),
    headings: Sequence[str] = (),
) -> None:
    pdf.set_font(FONT, size=BODY)
    pdf.set_text_color(*INK)
    pdf.set_draw_color(*LINE)
    aligned = tuple("RIGHT" if i in numeric else "LEFT" for i in range(len(widths)))
    head = FontFace(emphasis="BOLD", fill_color=SHADE)
    with pdf.table(
        col_widths=tuple(widths),
        text_align=aligned,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        first_row_as_headings=bool(headings),
        headings_style=head,
        line_height=4,
        padding=0.8,
        wrapmode=WrapMode.CHAR if mono else WrapMode.WORD,
    ) as table:
        for row in [*([headings] if headings else []), *rows]:
            line = table.row()
            for i, text in enumerate(row):
                line.cell(pdf.shown(text), style=_mono() if i in mono and row is not headings else _toned(text))


def _mono() -> FontFace:
    return FontFace(family=MONO, size_pt=SMALL)


def _toned(text: str) -> FontFace | None:
    return FontFace(color=TONES[text], emphasis="BOLD") if text in TONES else None


def _ledger(pdf: Document, audit: Audit) -> None:
    """Every entry in full."""
    pdf.add_page()
    pdf.start_section("Ledger")
    _say(pdf, "Ledger", HEAD, bold=True)
    note = "payloads as they are hashed; each entry carries the hash of the one before"
    _say(pdf, f"{plural(len(audit.entries), 'entry', 'entries')} in full, {note}", BODY, FAINT)
    for entry in audit.entries:
        pdf.ln(2)
        if pdf.will_page_break(14):
            pdf.add_page()
        who = f"{visible(entry.actor, 80)} ({visible(entry.method, 80)})"
        _say(pdf, f"{entry.seq} · {entry.key} · {entry.kind} · {who} · {entry.at}", BODY, bold=True)
        _say(pdf, f"hash {entry.hash}\nbefore {entry.previous}", SMALL, FAINT, mono=True)
        _lines(pdf, canonical(entry.payload))


def _lines(pdf: Document, text: str) -> None:
    """Long text in a type of fixed width, cut into lines here: the library takes half a minute for a ledger."""
    pdf.set_font(MONO, size=SMALL)
    pdf.set_text_color(*INK)
    most = int(pdf.epw / pdf.get_string_width("0")) - 1
    shown = pdf.shown(text)
    for start in range(0, len(shown), most):
        pdf.cell(0, SMALL * 0.45, shown[start : start + most], new_x="LMARGIN", new_y="NEXT")


def _say(
    pdf: Document, text: str, size: float, colour: tuple[int, int, int] = INK, *, bold: bool = False, mono: bool = False
) -> None:
    pdf.set_font(MONO if mono else FONT, "B" if bold else "", size)
    pdf.set_text_color(*colour)
    wrap = WrapMode.CHAR if mono else WrapMode.WORD
    pdf.multi_cell(0, size * 0.5, pdf.shown(text), align="LEFT", new_x="LMARGIN", new_y="NEXT", wrapmode=wrap)
