"""The documents of the demo. Each is written by a library that people use to write such files."""

from __future__ import annotations

import csv
import mimetypes
import zipfile
from email.message import EmailMessage
from pathlib import Path

import docx
import pptx
import xlsxwriter
from docx.shared import Cm
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Image, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table

from ops.demo.pictures import PACKAGES

MEASURES = PACKAGES / "sklearn/datasets/data/iris.csv"
HEADER = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)", "species")
TEXT = (
    "Three people set out with a camera, a notebook and too much coffee. This report says what they saw, and how long "
    "it took them to agree about it. The measures of the flowers are Ronald Fisher's, from 1936. Everything else is "
    "made up, so that there is a document to look at."
)


def measures() -> list[list[str]]:
    """Fisher's 150 irises: four lengths in centimetres, and the species."""
    with MEASURES.open(encoding="utf-8", newline="") as file:
        (_, _, *species), *rows = csv.reader(file)
    return [[*row[:4], species[int(row[4])]] for row in rows]


def table(path: Path) -> None:
    """A CSV with a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *measures()])


def sheet(path: Path) -> None:
    """A workbook of two sheets: the measures with a chart, and their means by species."""
    rows = measures()
    with xlsxwriter.Workbook(str(path)) as book:
        book.set_properties({"title": "Irises", "author": "Filemill demo"})
        bold = book.add_format({"bold": True})
        page = book.add_worksheet("Measures")
        page.write_row(0, 0, HEADER, bold)
        for number, row in enumerate(rows, 1):
            page.write_row(number, 0, [*map(float, row[:4]), row[4]])
        page.set_column(0, 4, 18)
        chart = book.add_chart({"type": "scatter"})
        chart.add_series({"categories": ["Measures", 1, 2, 150, 2], "values": ["Measures", 1, 3, 150, 3]})
        chart.set_title({"name": "Petals"})
        page.insert_chart("G2", chart)
        means = book.add_worksheet("Means")
        means.write_row(0, 0, ["species", "petal length (cm)"], bold)
        for number, species in enumerate(sorted({row[4] for row in rows}), 1):
            lengths = [float(row[2]) for row in rows if row[4] == species]
            means.write_row(number, 0, [species, sum(lengths) / len(lengths)])


def report(path: Path, folder: Path) -> None:
    """A PDF of three pages, with pictures and a table."""
    styles = getSampleStyleSheet()
    document = SimpleDocTemplate(str(path), pagesize=A4, title="A field report", author="Filemill demo")
    flow = [
        Paragraph("A field report", styles["Title"]),
        Paragraph(TEXT, styles["BodyText"]),
        Spacer(1, 12),
        Image(str(folder / "flower.jpg"), 400, 267),
        PageBreak(),
        Paragraph("The measures", styles["Heading1"]),
        Table([HEADER, *measures()[:24]]),
        PageBreak(),
        Paragraph("The way home", styles["Heading1"]),
        Image(str(folder / "temple.jpg"), 400, 267),
        Spacer(1, 12),
        Paragraph(TEXT, styles["BodyText"]),
    ]
    document.build(flow)


def letter(path: Path, folder: Path) -> None:
    """A Word document with a heading, a picture and a table."""
    document = docx.Document()
    document.core_properties.title = "An invitation"
    document.core_properties.author = "Filemill demo"
    document.add_heading("An invitation", 0)
    document.add_paragraph(
        "Come and see the cat. It has been photographed, resized and indexed, and it is unimpressed."
    )
    document.add_picture(str(folder / "cat.png"), width=Cm(12))
    plan = document.add_table(rows=1, cols=2, style="Light Grid Accent 1")
    plan.rows[0].cells[0].text, plan.rows[0].cells[1].text = "When", "What"
    for when, what in (("16:00", "Coffee"), ("17:00", "The cat"), ("18:00", "More coffee")):
        cells = plan.add_row().cells
        cells[0].text, cells[1].text = when, what
    document.save(str(path))


def slides(path: Path, folder: Path) -> None:
    """A presentation of three slides."""
    deck = pptx.Presentation()
    deck.core_properties.title = "Up"
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = "Up", "From the pad to the galaxies"
    for title, name in (("The launch", "launch.jpg"), ("The view", "galaxies.jpg")):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = title
        slide.shapes.add_picture(str(folder / name), Inches(1.5), Inches(1.6), height=Inches(5))
    deck.save(str(path))


def mail(path: Path, attached: list[Path]) -> None:
    """An e-mail with attachments."""
    message = EmailMessage()
    message["From"], message["To"] = "Ada <ada@example.com>", "Grace <grace@example.com>"
    message["Subject"], message["Date"] = "The report, and the cat", "Thu, 26 Nov 2026 09:30:00 +0000"
    message.set_content("Dear Grace,\n\nattached are the report and the cat. The cat says hello.\n\nAda\n")
    for file in attached:
        main, sub = (mimetypes.guess_type(file.name)[0] or "application/octet-stream").split("/")
        message.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
    path.write_bytes(message.as_bytes())


def archive(path: Path, packed: list[Path]) -> None:
    """A zip archive with a folder in it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for file in packed:
            made.write(file, f"everything/{file.name}")
