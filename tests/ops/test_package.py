"""`chalice package` of a recorded stage: what would be deployed, as a template and as the zips that go with it."""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from cfnlint.api import lint_file  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from bench.layer import GOAL
from ops import botocore_data, config
from ops import package as packing
from ops.errors import OpsError
from ops.stack import media_layer, recording
from ops.stack.names import FUNCTIONS, role_id

ROOT = Path(__file__).parents[2]
SOURCES = ("app.py", "chalicelib", "requirements.txt", "console", "edge")

slow = pytest.mark.e2e  # it has pip fetch what each Lambda gets, for Lambda's platform
UNCHECKED, CHECKED = 0b01, 0b11  # flags in a .pyc: https://peps.python.org/pep-0552/

VARIABLES = {
    "FILEMILL_STAGE": "prod",
    "FILEMILL_ORIGINALS_BUCKET": "filemill-prod-originals-123456789012-eu-west-1",
    "FILEMILL_DERIVED_BUCKET": "filemill-prod-derived-123456789012-eu-west-1",
    "FILEMILL_TABLE": "filemill-prod-Table-1",
    "FILEMILL_TABLE_STREAM_ARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/filemill-prod-Table-1/stream/1",
    "FILEMILL_INGEST_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:filemill-prod-IngestQueue-1",
    "FILEMILL_INGEST_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/filemill-prod-IngestQueue-1",
    "FILEMILL_IMPORT_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:filemill-prod-ImportQueue-1",
    "FILEMILL_IMPORT_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/filemill-prod-ImportQueue-1",
    "FILEMILL_WEBHOOK_QUEUE_ARN": "arn:aws:sqs:eu-west-1:123456789012:filemill-prod-WebhookQueue-1",
    "FILEMILL_WEBHOOK_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/filemill-prod-WebhookQueue-1",
    "FILEMILL_EVENT_BUS": "filemill-prod",
    "FILEMILL_DISTRIBUTION_ID": "E1",
    "FILEMILL_FRONT_DOOR": "https://d1.cloudfront.net",
    "FILEMILL_CDN_KEY_ID": "K1",
    "FILEMILL_CDN_KEY_PARAMETER": "/filemill/prod/cdn-signing-key",
    "FILEMILL_SECRET_PARAMETER": "/filemill/prod/secret",
}

ELF_MACHINE_AARCH64 = (
    183  # e_machine, two bytes at 18: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `chalice package` made: sam.json and the archives."""
    project = tmp_path_factory.mktemp("project")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, project / name)
    (project / ".chalice").mkdir()
    shutil.copy2(ROOT / ".chalice" / "config.json", project / ".chalice" / "config.json")
    roles = {function: f"arn:aws:iam::123456789012:role/filemill-prod-{role_id(function)}-1" for function in FUNCTIONS}
    recording.record(project, "prod", VARIABLES, roles, {}, None, lambda _: None)
    assert config.load_stage(project, "prod") == VARIABLES
    packing.write(project, "arm64", lambda _: None)
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("FILEMILL_", "AWS_"))}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "chalice"), "package", "--stage", "prod", "out"],
        cwd=project,
        env={**outside, "AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # Where a wheel is missing Chalice prints so, and goes on without it.
    assert "Could not install" not in done.stdout + done.stderr
    return project / "out"


@pytest.fixture(scope="module")
def resources(package: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((package / "sam.json").read_text())["Resources"]
    return found


def functions(resources: dict[str, Any]) -> dict[str, Any]:
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::Serverless::Function"}


@slow
def test_cfn_lint_finds_nothing_in_the_template(package: Path) -> None:
    assert lint_file(package / "sam.json", config=ManualArgs(include_checks=["I"])) == []


@slow
def test_the_archives_hold_a_pillow_that_lambda_can_load(package: Path) -> None:
    """A manylinux wheel brings its libraries in `pillow.libs/`; one compiled here would not, and fail at import."""
    names = [name for archive in package.glob("*.zip") for name in zipfile.ZipFile(archive).namelist()]
    assert any("pillow.libs/" in name for name in names)
    python = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    assert any(name.endswith(f"PIL/_imaging.{python}-aarch64-linux-gnu.so") for name in names)


@slow
def test_everything_compiled_is_for_the_functions_architecture(package: Path) -> None:
    machines = {}
    for archive in map(zipfile.ZipFile, package.glob("*.zip")):
        for name in archive.namelist():
            with archive.open(name) as file:
                header = file.read(20)
            if header.startswith(b"\x7fELF"):
                machines[name] = int.from_bytes(header[18:20], "little")
    assert len(machines) > 10
    assert {name for name, machine in machines.items() if machine != ELF_MACHINE_AARCH64} == set()


@slow
def test_the_app_and_the_layer_are_apart_so_that_an_edit_is_deployed_in_a_second(package: Path) -> None:
    (app,) = [z for z in package.glob("*.zip") if "app.py" in zipfile.ZipFile(z).namelist()]
    # Bytes. The viewer of /docs has 1.0 MB, the font of drawn pages 0.3 MB, the code of films 0.2 MB,
    # and that of access (keys, sign-in tokens, quotas, audit) 0.3 MB.
    assert app.stat().st_size < 3_700_000
    assert not any("PIL" in name for name in zipfile.ZipFile(app).namelist())


@slow
def test_what_is_unpacked_fits_a_lambda(package: Path) -> None:
    """250 MB, layers included: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

    The layer with FFmpeg may have the rest.
    """
    size = sum(i.file_size for archive in package.glob("*.zip") for i in zipfile.ZipFile(archive).infolist())
    assert size < media_layer.REST


@slow
def test_the_layer_is_small_enough_for_one_request(package: Path) -> None:
    """50 MB, in which Chalice sends it; tests/bench/test_layer.py looks at the other architecture."""
    (layer,) = (each for each in package.glob("*.zip") if "app.py" not in zipfile.ZipFile(each).namelist())
    assert 20_000_000 < layer.stat().st_size < GOAL * 1000**2


@slow
def test_each_function_has_its_memory_time_and_a_role_of_its_own(resources: dict[str, Any]) -> None:
    found = functions(resources)
    assert {name: (f["MemorySize"], f["Timeout"]) for name, f in found.items()} == {
        "APIHandler": (1769, 29),
        "Process": (1769, 900),
        "Fetch": (512, 900),
        "Index": (512, 60),
        "Render": (1769, 28),
        "Sweep": (512, 300),
        "Publish": (512, 60),
        "Deliver": (512, 120),
        "WebsocketConnect": (512, 20),
        "WebsocketMessage": (512, 29),
        "WebsocketDisconnect": (512, 20),
    }
    roles = {json.dumps(f["Role"]) for f in found.values()}
    assert len(roles) == len(found)
    assert {tuple(f["Architectures"]) for f in found.values()} == {("arm64",)}


@slow
@pytest.mark.parametrize(("queue", "function"), [("INGEST", "Process"), ("IMPORT", "Fetch"), ("WEBHOOK", "Deliver")])
def test_a_queue_wakes_its_function_one_message_at_a_time(resources: dict[str, Any], queue: str, function: str) -> None:
    (event,) = functions(resources)[function]["Events"].values()
    assert event["Properties"]["Queue"] == VARIABLES[f"FILEMILL_{queue}_QUEUE_ARN"]
    assert event["Properties"]["BatchSize"] == 1


@slow
@pytest.mark.parametrize("function", ["Index", "Publish"])
def test_the_tables_stream_wakes_its_readers_from_its_beginning(resources: dict[str, Any], function: str) -> None:
    (event,) = functions(resources)[function]["Events"].values()
    assert event["Properties"]["Stream"] == VARIABLES["FILEMILL_TABLE_STREAM_ARN"]
    assert (event["Properties"]["StartingPosition"], event["Properties"]["BatchSize"]) == ("TRIM_HORIZON", 100)


@slow
def test_the_archives_hold_bytecode_of_all_that_they_hold(package: Path) -> None:
    """All but what Chalice adds by itself, and the commands that jmespath brings as data."""
    own = {"app.py", "chalice/app.py", "chalice/__init__.py"}  # the second's is in chalicelib
    magic = importlib.util.MAGIC_NUMBER
    for archive in map(zipfile.ZipFile, package.glob("*.zip")):
        names = archive.namelist()
        assert len(names) == len(set(names))
        routers = {n for n in names if n == "chalice/app.py"}
        for name in {n for n in names if n.endswith(".py") and ".data/" not in n} - own | routers:
            folder, _, file = name.rpartition("/")
            folder, file = ("chalicelib", "chalice.app.py") if name in routers else (folder, file)
            compiled = archive.read(f"{folder}/__pycache__/{file[:-3]}.{sys.implementation.cache_tag}.pyc")
            flags = int.from_bytes(compiled[4:8], "little")
            assert compiled[:4] == magic and flags in (CHECKED, UNCHECKED), name
            assert flags == CHECKED or "chalicelib" not in name
            if name.partition("site-packages/")[2] in packing.SAME_CODE:
                assert flags == UNCHECKED and _code(marshal.loads(compiled[16:])) == _code(
                    compile(archive.read(name), name, "exec", dont_inherit=True)
                )
            else:
                assert compiled[8:16] == importlib.util.source_hash(archive.read(name)), name


def _code(module: CodeType) -> tuple[object, ...]:
    """The code of a module without its docstring, which is its first constant, and without places in the source."""
    constants = [_code(each) if isinstance(each, CodeType) else each for each in module.co_consts]
    return module.co_code, module.co_names, tuple(constants[1:])


@slow
def test_the_layer_brings_a_botocore_with_the_models_of_what_the_functions_call_only(package: Path) -> None:
    names = [name for archive in package.glob("*.zip") for name in zipfile.ZipFile(archive).namelist()]
    models = {m[1] for name in names if (m := re.search(r"/botocore/data/([^/]+)/.*/service-2\.json$", name))}
    assert models == set(botocore_data.OPERATIONS)
    assert sum("/botocore/__init__.py" in name for name in names) == 1
    assert not any(f"/{name}/__init__.py" in each for name in ("boto3", "s3transfer") for each in names)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose `vendor` is written."""
    project = tmp_path_factory.mktemp("written")
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copyfile(ROOT / name, project / name)
    packing.write(project, "arm64", lambda _: None)
    return project


def run_there(project: Path, code: str, **variables: str) -> None:
    environment = {**os.environ, **VARIABLES, **variables, "AWS_DEFAULT_REGION": "eu-west-1"}
    environment["PYTHONPATH"] = f"{project}{os.pathsep}{project / 'vendor'}"
    subprocess.run([sys.executable, "-c", code], cwd=project, env=environment, check=True, timeout=60)


def test_every_client_of_the_code_is_made_from_the_trimmed_models(written: Path) -> None:
    run_there(
        written,
        "import botocore; assert 'vendor' in botocore.__file__\n"
        "from chalicelib import aws\n"
        f"for name in {[*botocore_data.OPERATIONS]}:\n"
        "    make = getattr(aws, {'lambda': 'functions', 'apigatewaymanagementapi': 'connections'}.get(name, name))\n"
        "    made = make('https://example.com/api') if name == 'apigatewaymanagementapi' else make()\n"
        "    assert made.meta.service_model.service_name == name",
    )


def test_an_address_is_signed_and_errors_have_names_by_the_trimmed_models(written: Path) -> None:
    run_there(
        written,
        "import botocore; assert 'vendor' in botocore.__file__\n"
        "from chalicelib import aws\n"
        "names = {'Bucket': 'originals', 'Key': 'a b'}\n"
        "signed = aws.s3().generate_presigned_url('get_object', Params=names)\n"
        "assert signed.startswith('https://originals.s3.eu-west-1.amazonaws.com/a%20b?'), signed\n"
        "form = aws.s3().generate_presigned_post('originals', 'a b')\n"
        "assert form['url'] == 'https://originals.s3.eu-west-1.amazonaws.com/', form\n"
        "assert aws.s3().get_paginator('list_parts') and aws.dynamodb().get_paginator('scan')\n"
        "assert aws.dynamodb().exceptions.TransactionCanceledException\n"
        "assert aws.ssm().exceptions.ParameterNotFound\n",
    )


def test_the_code_asks_for_no_client_whose_model_is_not_packed() -> None:
    asked = re.findall(r'create_client\("(\w+)"', (ROOT / "chalicelib" / "aws.py").read_text())
    assert sorted(asked) == sorted(botocore_data.OPERATIONS)
    others = [f for f in (ROOT / "chalicelib").rglob("*.py") if "boto3.client" in f.read_text()]
    assert others == []


def test_addresses_are_those_of_the_whole_models(written: Path) -> None:
    code = (
        "import json, sys\n"
        "from botocore.session import Session\n"
        "regions = ('eu-west-1', 'us-east-1', 'cn-north-1', 'us-gov-west-1')\n"
        f"pairs = [(service, region) for service in {[*botocore_data.OPERATIONS]} for region in regions]\n"
        "json.dump([Session().create_client(s, region_name=r).meta.endpoint_url for s, r in pairs], sys.stdout)"
    )
    outside = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    whole, trimmed = (
        subprocess.run([sys.executable, "-c", code], env=outside | more, stdout=subprocess.PIPE, check=True, timeout=60)
        for more in ({}, {"PYTHONPATH": str(written / "vendor")})
    )
    assert json.loads(trimmed.stdout) == json.loads(whole.stdout)


def test_the_api_function_never_imports_pillow(written: Path) -> None:
    run_there(
        written,
        "import app, sys; from chalicelib import aws; aws.s3(); aws.dynamodb(); assert 'PIL' not in sys.modules",
        AWS_LAMBDA_FUNCTION_NAME="filemill-prod",
    )


def test_the_same_inputs_are_packed_to_the_same_bytes_once(written: Path, tmp_path: Path) -> None:
    shutil.copytree(written / "chalicelib", tmp_path / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(written / "requirements.txt", tmp_path / "requirements.txt")
    said: list[str] = []
    packing.write(tmp_path, "arm64", said.append)
    assert packing.digest(tmp_path / "vendor") == packing.digest(written / "vendor")
    packing.write(tmp_path, "arm64", said.append)
    assert len(said) == 1
    next((tmp_path / "vendor").rglob("*.pyc")).unlink()
    packing.write(tmp_path, "arm64", said.append)
    assert len(said) == 2
    assert packing.digest(tmp_path / "vendor") == packing.digest(written / "vendor")


def test_a_vendor_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "mine.py").touch()
    with pytest.raises(OpsError, match="Move them"):
        packing.write(tmp_path, "arm64", lambda _: None)
    assert (tmp_path / "vendor" / "mine.py").exists()


def test_bytecode_of_the_code_itself_follows_an_edit(tmp_path: Path) -> None:
    """Same size, same time: only a hash tells."""
    (tmp_path / "chalicelib").mkdir()
    source = tmp_path / "chalicelib" / "__init__.py"
    source.write_text("A = 1\n")
    then = source.stat()
    packing.write(tmp_path, "arm64", lambda _: None)
    source.write_text("A = 2\n")
    os.utime(source, ns=(then.st_atime_ns, then.st_mtime_ns))
    run_there(tmp_path, "import chalicelib; assert chalicelib.A == 2")


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="it goes with functions of its kind"
)
def test_the_resizer_goes_with_functions_that_can_run_it(tmp_path: Path) -> None:
    """Only there, for the engine is part of every rendition's address."""
    shutil.copytree(ROOT / "chalicelib", tmp_path / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "requirements.txt", tmp_path / "requirements.txt")
    where = "from chalicelib.renditions import engine; import os, importlib.util as u; "
    for architecture, there in (("x86_64", True), ("arm64", False)):
        packing.write(tmp_path, architecture, lambda _: None)
        assert bool(list((tmp_path / "vendor").glob("cykooz_resizer/*.so"))) is there
    packing.write(tmp_path, "x86_64", lambda _: None)
    run_there(
        tmp_path,
        where + "assert 'vendor' in u.find_spec('cykooz_resizer').origin; assert 'resizer' in engine.ENGINE_VERSION\n"
        "from chalicelib.processing.image import resize; from PIL import Image\n"
        "assert resize.resized(Image.new('RGB', (64, 64)), (8, 8)).size == (8, 8)",
    )


def test_api_gateway_sends_pictures_as_bytes(resources: dict[str, Any]) -> None:
    (api,) = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Serverless::Api"]
    kinds = api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]
    assert {"image/avif", "image/webp", "image/jpeg"} <= {*kinds}
    assert "*/*" not in kinds, "it would turn every body into Base64"
