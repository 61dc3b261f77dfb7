"""Word documents: order, tables, what is left out, properties, and what is not taken."""

import pytest

from telos.corpus.extract import Extract
from telos.corpus.sandbox import extracted
from telos.corpus.sources import RawDocument


def p(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def read(data: bytes, **settings: object) -> RawDocument:
    return extracted(data, "docx", Extract.parse(settings))


def test_paragraphs_runs_breaks_and_tables_in_their_order(documents: type) -> None:
    cells = "".join(f"<w:tr>{''.join(f'<w:tc>{p(c)}</w:tc>' for c in row)}</w:tr>" for row in (("姓名", "年龄"), ("李白", "61")))
    body = (p("床前明月光，") + "<w:p><w:r><w:t xml:space='preserve'>It was </w:t></w:r><w:r><w:t>the best</w:t>"
            "<w:tab/><w:t>of</w:t><w:br/><w:t>times.</w:t></w:r></w:p>" + f"<w:tbl>{cells}</w:tbl>"
            + p("") + p("疑是地上霜。"))  # fmt: skip
    properties = "<dc:title>静夜思</dc:title><dcterms:created>2020-03-04T05:06:07Z</dcterms:created>"
    found = read(documents.docx(body, properties=properties))
    assert found.text == "床前明月光，\nIt was the best\tof\ntimes.\n姓名\t年龄\n李白\t61\n疑是地上霜。"
    assert found.metadata == {"title": "静夜思", "date": "2020-03-04"}
    assert read(documents.docx(body), tables=False).text == "床前明月光，\nIt was the best\tof\ntimes.\n疑是地上霜。"


def test_what_is_left_out(documents: type) -> None:
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = (f"<w:p {space}><w:r><mc:AlternateContent><mc:Choice><w:txbxContent>{p('in a box')}</w:txbxContent></mc:Choice>"
           f"<mc:Fallback><w:pict>{p('in a box')}</w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>")  # fmt: skip
    body = (box + "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins></w:p>"
            "<w:p><w:r><w:instrText>HYPERLINK x</w:instrText></w:r><w:hyperlink><w:r><w:t>linked</w:t></w:r></w:hyperlink></w:p>"
            f"<w:sdt><w:sdtContent>{p('controlled')}</w:sdtContent></w:sdt>")  # fmt: skip
    assert read(documents.docx(body)).text == "in a box\nnew\nlinked\ncontrolled"


def test_the_main_part_elsewhere(documents: type) -> None:
    space = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    relation = '<Relationships><Relationship Type="http://x/officeDocument" Target="/other/main.xml"/></Relationships>'
    part = f'<w:document xmlns:w="{space}"><w:body>{p("月")}</w:body></w:document>'
    assert read(documents.zip({"_rels/.rels": relation, "other/main.xml": part})).text == "月"


@pytest.mark.parametrize("data", [b"PK\x03\x04 no more", b"plain", b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_what_is_no_word_document(documents: type, data: bytes) -> None:
    assert read(data).skipped == "extraction_failed"
    assert read(documents.zip({"a.txt": "x"})).skipped == "extraction_failed"
    assert read(documents.docx("<w:p>")).skipped == "extraction_failed"
    assert read(documents.docx(p(" "))).skipped == "no_text_found"
