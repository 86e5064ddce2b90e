"""The pure parts of a file's page, run by Node: geometry of zooming, trees of entries, tables, drafts, snippets."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

PARTS = Path(__file__).parents[2] / "console" / "parts" / "file"


def run(module: str, code: str) -> Any:
    """The JSON value that `code` returns; the module's exports are in `m`."""
    script = (
        f"import * as m from {json.dumps((PARTS / module).as_uri())}; console.log(JSON.stringify((() => {{{code}}})()))"
    )
    return output_of(script)


def output_of(script: str) -> Any:
    """The JSON that a script of Node's writes."""
    node = shutil.which("node")
    assert node, "The console's tests need Node.js, 20 or newer: apt-get install nodejs"
    done = subprocess.run(
        [node, "--no-warnings", "--input-type=module", "-e", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


DROPPED = (PARTS.parents[1] / "lib/dropped.js").as_uri()


def test_the_path_of_a_dropped_file_is_kept_and_bounded() -> None:
    script = rf"""
    import * as m from {json.dumps(DROPPED)}
    const file = (fullPath) => ({{ isFile: true, fullPath, file: (done) => done({{ name: fullPath }}) }})
    const folder = (...inside) => {{
      const rest = [inside, []]
      return {{ createReader: () => ({{ readEntries: (done) => done(rest.shift()) }}) }}
    }}
    const long = `/${{'d'.repeat(2000)}}/\ud83d\ude00.txt`
    const entries = [folder(file('/trip/a.txt'), file('/trip/2026/a.txt')), file('/alone.txt'), folder(file(long))]
    const items = [...entries, folder(file('/odd\u0007\ud800/x'))].map((entry) => (
      {{ kind: 'file', webkitGetAsEntry: () => entry }}
    ))
    const {{ files }} = await m.filesOf({{ items }})
    console.log(JSON.stringify(files.map(m.pathOf)))
    """
    found = output_of(script)
    assert sorted(each for each in found if each and len(each) < 20) == [
        "odd_\ufffd/x",
        "trip/2026/a.txt",
        "trip/a.txt",
    ]
    assert found.count(None) == 1
    (long,) = (each for each in found if each and len(each) > 20)
    assert long.endswith("/\U0001f600.txt") and len(long) <= 1024


FRAME = "const picture = {width: 2000, height: 1000}, frame = {width: 500, height: 500};"


def test_metadata_may_have_the_names_of_an_objects_own_methods() -> None:
    code = "return [m.mergePatch({toString: 1, a: 1}, {a: 1}), m.mergePatch({}, JSON.parse('{\"__proto__\": {}}'))]"
    removed, added = run("draft.js", code)
    assert removed == {"toString": None}
    assert added == {"__proto__": {}}


ROUTER = "globalThis.location = {hash: ''}; globalThis.addEventListener = () => {}; "


def test_no_route_leads_a_files_page_to_another_resource() -> None:
    router = json.dumps((PARTS.parents[1] / "lib/router.js").as_uri())
    hashes = ["#/files/file_01K", "#/files/..%2Fkeys%2F0f", "#/files/..", "#/files/a%3Fb", "#/webhooks/..%2Fkeys"]
    script = (
        f"{ROUTER} const m = await import({router});"
        f"console.log(JSON.stringify({json.dumps(hashes)}.map((each) => m.parse(each).name)))"
    )
    assert output_of(script) == ["file", None, None, None, None]


def test_a_zoom_keeps_the_point_under_the_pointer() -> None:
    found = run(
        "zoom.js",
        FRAME
        + """
        const point = {x: 100, y: 30}
        const before = m.zoomed(m.FIT, 4, {x: 0, y: 0}, picture, frame)
        const after = m.zoomed(before, 1.5, point, picture, frame)
        const under = (view) => [(point.x - view.x) / view.scale, (point.y - view.y) / view.scale]
        return [under(before), under(after)]""",
    )
    assert found[0] == [round(value, 9) for value in found[1]]


def test_a_picture_never_leaves_its_frame() -> None:
    views = "{scale: 2, x: 9999, y: 9999}, {scale: 0.1, x: 5, y: 5}"
    code = FRAME + f"return [{views}].map((view) => m.bounded(view, picture, frame))"
    moved, small = run("zoom.js", code)
    # Twice 500 x 250 in 500 x 500: 250 to either side, and no room above and below.
    assert moved == {"scale": 2, "x": 250, "y": 0}
    assert small == {"scale": 1, "x": 0, "y": 0}


def test_a_small_picture_is_not_enlarged() -> None:
    assert run("zoom.js", "return m.fitted({width: 64, height: 48}, {width: 800, height: 600})") == {
        "width": 64,
        "height": 48,
    }


def test_entries_become_folders_that_come_first() -> None:
    rows = run(
        "tree.js",
        """
        const names = ['z.txt', 'b/2.txt', 'b/10.txt', 'a/']
        const entries = names.map((name) => ({name, size: 5, directory: name.endsWith('/')}))
        const root = m.tree(entries)
        const shown = (open, words) => m.rows(root, new Set(open), words).map(({node, level}) => [node.name, level])
        return [shown([]), shown(['/b/']), shown([], '10'), root.files, root.size]""",
    )
    assert rows == [
        [["a", 1], ["b", 1], ["z.txt", 1]],
        [["a", 1], ["b", 1], ["2.txt", 2], ["10.txt", 2], ["z.txt", 1]],
        [["10.txt", 1]],
        3,
        15,
    ]


def test_names_that_lead_out_are_only_names() -> None:
    rows = run(
        "tree.js",
        """
        const names = ['../../etc/passwd', '/root', '__proto__/x', 'same', 'same', '///']
        const root = m.tree(names.map((name) => ({name, size: 1, directory: false})))
        return [root.files, m.rows(root, new Set()).map(({node}) => node.name)]""",
    )
    assert rows[0] == 6
    assert sorted(rows[1]) == sorted(["..", "root", "__proto__", "same", "same", "///"])


def test_ten_thousand_deep_entries_are_a_tree_at_once() -> None:
    code = """
        const name = (n) => Array.from({length: 400}, (_, level) => `d${level}`).join('/') + `/${n}.txt`
        const names = Array.from({length: 10000}, (_, n) => n % 10 ? `flat/${n}` : name(n))
        const entries = names.map((name) => ({name, size: 1, directory: false}))
        return m.tree(entries).files"""
    assert run("tree.js", code) == 10_000


def test_only_entries_that_the_api_gives_have_a_download() -> None:
    found = run(
        "tree.js",
        """
        const zip = {archive: {format: 'zip', flags: []}}
        const entry = {name: 'a', size: 1, directory: false, encrypted: false, flags: []}
        return [
            m.isSingle(entry, zip), m.isSingle(entry, {archive: {format: 'tar', flags: []}}),
            m.isSingle(entry, {archive: {format: 'zip', flags: ['overlap']}}),
            m.isSingle({...entry, flags: ['ratio']}, zip),
            m.isSingle({...entry, size: 100000001}, zip), m.isSingle({...entry, encrypted: true}, zip),
            m.isSingle({...entry, size: null}, {email: {}}), m.isSingle(entry, {email: {}}),
        ]""",
    )
    assert found == [True, False, False, False, False, False, False, True]


def test_a_table_is_read_as_rfc_4180_says() -> None:
    text = 'a;"b;""c"""\r\n"x\ny";2\n\n3'
    code = f"return m.parse({json.dumps(text)}, ';')"
    assert run("csv.js", code) == {"rows": [["a", 'b;"c"'], ["x\ny", "2"], ["3"]], "cut": False}


def test_a_long_table_is_cut_and_says_so() -> None:
    rows, cut = run("csv.js", "const {rows, cut} = m.parse('a,b\\n'.repeat(5000)); return [rows.length, cut]")
    assert (rows, cut) == (1000, True)


def test_a_sheet_that_has_other_lines_than_rows_is_not_guessed() -> None:
    sheets = "[{rows: 2, header: [{name: 'a'}]}, {rows: 1, header: []}]"
    assert run("csv.js", f"return m.ofSheets('a\\n1\\tx\\n9', {sheets})") == [[["1", "x"]], [["9"]]]
    assert run("csv.js", f"return m.ofSheets('a\\n1\\n2\\n9', {sheets})") is None


def test_bars_of_a_waveform_reach_from_nothing_to_one() -> None:
    assert run("waveform.js", "return m.bars({data: [-10, 20, 0, 0, -40, 5], bits: 8}, 3)") == [0.5, 0, 1]
    assert run("waveform.js", "return m.bars({data: [0, 0], bits: 8}, 10)") == [0]


RECORD = """const record = {filename: 'a.txt', tags: ['x'], visibility: 'private',
    metadata: {n: 1, o: {a: 1, b: 2}, gone: 'x'}, created_at: '2026-11-01T00:00:00.000Z',
    expires_after: null}; const draft = m.draftOf(record);"""


def test_a_draft_that_was_not_changed_changes_nothing() -> None:
    assert run("draft.js", RECORD + "return m.changesOf(record, draft)") == {}


def test_only_changed_fields_are_sent_and_metadata_is_a_merge_patch() -> None:
    code = """
        draft.metadata = [{name: 'n', type: 'number', value: '1'}, {name: 'o', type: 'JSON', value: '{"b": 3}'},
            {name: 'new', type: 'yes or no', value: 'no'}, {name: '', type: 'text', value: ''}]
        draft.tags = ['x', 'y']
        return m.changesOf(record, draft)"""
    assert run("draft.js", RECORD + code) == {
        "tags": ["x", "y"],
        "metadata": {"o": {"a": None, "b": 3}, "gone": None, "new": False},
    }


def test_a_draft_that_is_wrong_names_the_field() -> None:
    for change, field in (
        ("draft.filename = ' '", "filename"),
        ("draft.filename = 'a/b'", "filename"),
        ("draft.expires = '2001-01-01T00:00'", "expires_after"),
        ("draft.metadata = [{name: 'a', type: 'number', value: 'x'}]", "metadata"),
        ("draft.metadata = [{name: 'a', type: 'text', value: ''}, {name: 'a', type: 'text', value: ''}]", "metadata"),
    ):
        code = f"{change}; try {{ m.changesOf(record, draft) }} catch (error) {{ return error.field }}"
        assert run("draft.js", RECORD + code) == field


def test_the_end_of_a_file_counts_from_its_creation() -> None:
    code = """
        draft.expires = m.local('2026-11-03T00:00:00.000Z')
        return m.changesOf(record, draft, Date.parse('2026-11-02T00:00:00Z'))"""
    assert run("draft.js", RECORD + code) == {"expires_after": 2 * 86400}


def test_snippets_of_a_public_file_have_no_signature_and_no_grant() -> None:
    code = """
        const delivery = {picture: '<picture>p</picture>', srcset: {webp: 'x'}}
        const record = {id: 'file_1', filename: 'a.jpg', visibility: 'public', delivery}
        return m.snippets(record, 'https://f.example').map(({id, code}) => [id, code.includes('grant')])"""
    assert run("snippets.js", code) == [["picture", False], ["curl", False], ["python", False], ["javascript", False]]


def test_a_hostile_name_stays_one_word_of_the_shell() -> None:
    name = "a'; rm -rf ~ #$(x)`y`.jpg"
    code = f"""
        const record = {{id: 'file_1', filename: {json.dumps(name)}, visibility: 'private'}}
        return m.snippets(record, 'https://f.example').find((each) => each.id === 'curl').code"""
    command = run("snippets.js", code).splitlines()[-1]
    words = subprocess.run(
        ["sh", "-c", f"FILEMILL_KEY=k; curl() {{ printf '%s\\n' \"$@\"; }}; {command}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert words[-2:] == ["-o", name]
