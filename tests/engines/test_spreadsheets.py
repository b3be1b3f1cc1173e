"""Lists of lines as LibreOffice writes them, in workbooks and text tables: whatever it makes of one, the lines are the same."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer.planning.lists import plain
from analyzer.planning.lists.columns import Profile
from analyzer.planning.lists.importing import run_import
from faultline import inventory
from faultline.records.terms import LineCode

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]

TITLES = ("电路编号", "客户名称", "等级", "业务类型", "带宽", "A端", "A端网段", "Z端", "Z端网段", "线路组", "可用率")
ROWS = (
    ("甬沪0017", "宁波银行", "3A", "数字电路", "100M", "宁波", "10.1.1.0/24、10.1.2.0/24", "上海", "10.9.0.5", "柜面", "99.95%"),
    ("0042", "宁波银行", "普通", "MPLS VPN", "2M", "杭州, 西湖", "10.2.0.0/24", '上海 "浦东"', "10.9.1.0/24", "柜面", ""),
    ("202611250001234567", "第一银行", "AA", "互联网专线", "1.5G", "Köln", "10.3.0.0/24", "上海", "10.9.2.0/24", "", "100%"),
)
TEXTS = "/".join(f"{column}/{2 if column < len(TITLES) else 1}" for column in range(1, len(TITLES) + 1))
"""How LibreOffice is to take the columns of a text table: as texts, but for the last, which it makes a number of."""
UTF_8, MS_936 = 76, 61
"""LibreOffice's numbers of encodings; MS 936 is GBK."""
TEXT_TABLE = "csv:Text - txt - csv (StarCalc):{separator},34,{encoding},1"
Convert = Callable[[str], Path]


@pytest.fixture(scope="module")
def convert(tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """Has LibreOffice open the list as an office would and save it as something else."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("no soffice: packaging/setup.sh engines installs LibreOffice where it may")
    folder = tmp_path_factory.mktemp("office")
    source = folder / "lines.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("专线清单",), (), TITLES, *ROWS])

    def run(kind: str) -> Path:
        out = folder / str(len(list(folder.iterdir())))
        command = [
            *(str(program), "--headless", f"-env:UserInstallation=file://{folder}/profile"),
            *(f"--infilter=CSV:44,34,{UTF_8},1,{TEXTS}", "--convert-to", kind, "--outdir", str(out), str(source)),
        ]
        environment = os.environ | {"HOME": str(folder)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        (made,) = out.iterdir()
        return made

    return run


@pytest.mark.parametrize(
    "kind",
    [
        "xlsx",
        "xls",
        "ods",
        TEXT_TABLE.format(separator=44, encoding=UTF_8),
        TEXT_TABLE.format(separator=59, encoding=UTF_8),
        TEXT_TABLE.format(separator=9, encoding=UTF_8),
    ],
)
def test_every_format_gives_the_same_lines(convert: Convert, kind: str) -> None:
    """Workbooks and text tables, with a heading above the titles and percent as a number."""
    found = run_import([convert(kind)], plain.empty(), profile=Profile())
    assert found.problems == []
    known = inventory.parse(found.document, "imported")
    assert list(known.lines) == [row[0] for row in ROWS]
    first, second, third = known.lines.values()
    assert (first.cir_bps, second.cir_bps, third.cir_bps) == (100_000_000, 2_000_000, 1_500_000_000)
    assert first.a_end.prefixes == ("10.1.1.0/24", "10.1.2.0/24")
    assert (second.a_end.name, second.z_end.name, third.a_end.name) == ("杭州, 西湖", '上海 "浦东"', "Köln")
    assert [line.contract.availability_ratio for line in (first, second, third)] == [0.9995, None, 1.0]
    assert known.groups["柜面"].lines == (first.code, second.code)


def test_gbk_text_tables_are_understood(convert: Convert) -> None:
    """What GBK lacks (an umlaut) is a question mark before we see it; everything else is as it was."""
    path = convert(TEXT_TABLE.format(separator=44, encoding=MS_936))
    with pytest.raises(UnicodeDecodeError):
        path.read_text(encoding="utf-8")
    found = run_import([path], plain.empty(), profile=Profile())
    assert found.problems == []
    lines = inventory.parse(found.document, "imported").lines
    assert list(lines) == [row[0] for row in ROWS]
    assert lines[LineCode("0042")].a_end.name == "杭州, 西湖"
