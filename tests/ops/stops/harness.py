"""Stops a deployment, or a deletion, at each of its calls of AWS, repeats it, and looks at what there is then."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from ops.errors import OpsError
from ops.stack import event_sources, gateway
from ops.stack.names import SOCKET_FUNCTIONS
from tests.ops.stops.account import Account
from tests.ops.stops.project import APP_FUNCTIONS, CHALICES, NAME, OUTPUTS, PRE_MADE, Project, World, provisioned

FUNCTIONS = {f"filemill-{NAME}" + ("" if function == "api_handler" else f"-{function}") for function in APP_FUNCTIONS}
TRIGGERS = {
    (f"filemill-{NAME}-process", OUTPUTS["IngestQueueArn"]),
    (f"filemill-{NAME}-fetch", OUTPUTS["ImportQueueArn"]),
    (f"filemill-{NAME}-index", OUTPUTS["TableStreamArn"]),
    (f"filemill-{NAME}-publish", OUTPUTS["TableStreamArn"]),
    (f"filemill-{NAME}-deliver", OUTPUTS["WebhookQueueArn"]),
}

# The ways to stop: Ctrl-C, and credentials that expire or an answer that is lost.
BEFORE, AFTER = "before", "after"
CTRL_C, ERROR = "Ctrl-C", "error"


@dataclass(frozen=True)
class Stop:
    """One way to stop: at which call (the first is 0), before or after AWS has applied it, and how."""

    call: int
    when: str
    how: str

    def __str__(self) -> str:
        return f"{self.how} {self.when} call {self.call + 1}"


@dataclass(frozen=True)
class Scenario:
    """A command that is stopped. `begin` makes the stage as it is before; `command` is stopped and then repeated."""

    name: str
    roles: str
    begin: Callable[[Project], None]
    command: Callable[[Project], None]
    look: Callable[[Project, Account], list[str]]


@dataclass
class Outcome:
    """The outcome of one scenario: its calls, and the complaints by stop."""

    scenario: Scenario
    calls: list[str]
    complaints: dict[Stop, list[str]] = field(default_factory=dict)

    @property
    def broken(self) -> dict[Stop, list[str]]:
        return {stop: found for stop, found in self.complaints.items() if found}


class Stopper:
    """Counts the calls of one run, and stops it for good at one of them."""

    def __init__(self, stop: Stop | None = None) -> None:
        self.stop, self.calls, self.stopped = stop, list[str](), False

    def before(self, service: str, operation: str) -> None:
        if self.stopped:
            self._raise(operation)  # an except clause may not go on with other calls
        self.calls.append(f"{service}:{operation}")
        if self.stop and (self.stop.call, self.stop.when) == (len(self.calls) - 1, BEFORE):
            self._raise(operation)

    def after(self, service: str, operation: str) -> None:
        if self.stop and (self.stop.call, self.stop.when) == (len(self.calls) - 1, AFTER):
            self._raise(operation)

    def _raise(self, operation: str) -> None:
        assert self.stop
        self.stopped = True
        if self.stop.how == CTRL_C:
            raise KeyboardInterrupt
        if self.stop.when == AFTER:
            raise ConnectionClosedError(endpoint_url="https://lost.example")
        raise ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "expired"}}, operation)


class Harness:
    """Runs scenarios in one world; each run has an account and a folder of its own."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self._begun: dict[str, tuple[Account, Path]] = {}

    def begin(self) -> Account:
        """An empty account in place of the present one."""
        self.world.account = Account()
        return self.world.account

    def calls(self, scenario: Scenario) -> list[str]:
        """The calls of a run that nobody stops. The stage must be right after it."""
        project = self._project(scenario)
        stopper = self._run(project, scenario.command, None)
        assert (found := scenario.look(project, self._begun[scenario.name][0])) == [], found
        return stopper.calls

    def examine(self, scenario: Scenario, stops: Iterable[Stop], calls: list[str]) -> Outcome:
        """Stops the command at each stop, repeats it, and notes the complaints about the stage."""
        outcome = Outcome(scenario, calls)
        for stop in stops:
            outcome.complaints[stop] = self._examine(scenario, stop)
        return outcome

    def _examine(self, scenario: Scenario, stop: Stop) -> list[str]:
        project = self._project(scenario)
        if not self._run(project, scenario.command, stop).stopped:
            return [f"{stop} was never reached"]
        try:
            self._run(project, scenario.command, None)
        except Exception as error:
            return [f"repeating it fails: {' '.join(str(error).split())}"]
        return scenario.look(project, self._begun[scenario.name][0])

    def _project(self, scenario: Scenario) -> Project:
        """The stage as it is before the command, made once and copied."""
        if scenario.name not in self._begun:
            provisioned(self.begin(), scenario.roles)
            folder = self.folder / f"begun-{len(self._begun)}"
            scenario.begin(Project(self.world, folder, scenario.roles))
            self.world.account.now += 3600
            self._begun[scenario.name] = self.world.account, folder
        account, folder = self._begun[scenario.name]
        shutil.rmtree(self.folder / "project", ignore_errors=True)
        shutil.copytree(folder, self.folder / "project")
        self.world.account = deepcopy(account)
        return Project(self.world, self.folder / "project", scenario.roles)

    def _run(self, project: Project, command: Callable[[Project], None], stop: Stop | None) -> Stopper:
        stopper = Stopper(stop)
        self.world.before, self.world.after = stopper.before, stopper.after
        try:
            command(project)
        except BaseException:
            if not stopper.stopped:
                raise
        finally:
            self.world.before = self.world.after = None
        return stopper


def every_stop(calls: list[str]) -> Iterator[Stop]:
    """Each stop of a run. A call that only reads is stopped by Ctrl-C alone, as it leaves nothing behind."""
    for number, name in enumerate(calls):
        for when in (BEFORE, AFTER):
            for how in (CTRL_C,) if _reads(name) else (CTRL_C, ERROR):
                yield Stop(number, when, how)


def spread(calls: list[str], count: int) -> list[Stop]:
    """A sample of the stops at calls that change something, spread evenly over the run, with every way to stop."""
    changing = [number for number, name in enumerate(calls) if not _reads(name)]
    ways = [(when, how) for when in (AFTER, BEFORE) for how in (CTRL_C, ERROR)]
    step = max(len(changing) / count, 1.0)
    chosen = [changing[int(i * step)] for i in range(min(count, len(changing)))]
    return [Stop(call, *ways[number % len(ways)]) for number, call in enumerate(chosen)]


def _reads(call: str) -> bool:
    return call.partition(":")[2].startswith(("Get", "List", "Describe"))


def deployed(project: Project, begun: Account) -> list[str]:
    """Complaints about a stage after `make deploy`; none if all is well."""
    account, found = project.world.account, list[str]()

    def wants(right: object, complaint: str) -> None:
        if not right:
            found.append(complaint)

    account.now += 3600
    account.lambda_list_event_source_mappings({})  # what is being deleted goes
    functions = {name: each for name, each in account.functions.items() if name in _own(account.functions)}
    wants(set(functions) == FUNCTIONS, f"functions {sorted(functions)}")
    triggers = [each["answer"] for each in account.mappings.values() if "-2-" not in each["answer"]["EventSourceArn"]]
    pairs = sorted((each["FunctionArn"].rpartition(":")[2], each["EventSourceArn"]) for each in triggers)
    wants(pairs == sorted(TRIGGERS), f"triggers {pairs}")
    for name, options in (("index", event_sources.INDEX), ("publish", event_sources.PUBLISH)):
        stream = [each for each in triggers if each["FunctionArn"].endswith(f"-{name}")]
        wants(all(each.get(k) == v for each in stream for k, v in options.items()), f"{name} has no filter")
    loops = sorted(name for name, each in functions.items() if each.get("recursion") == "Allow")
    wants(loops == [f"filemill-{NAME}-deliver"], f"functions that Lambda lets loop {loops}")
    versions = list(account.layers.get(f"filemill-{NAME}-managed-layer", {}).values())
    wants(len(versions) == 1, f"{len(versions)} versions of the layer")
    layers = {layer["Arn"] for each in functions.values() for layer in each["configuration"].get("Layers", [])}
    wants(layers == {version["LayerVersionArn"] for version in versions}, "functions with another layer")
    apis = [api for api in account.apis.values() if _calls(api, f":function:filemill-{NAME}/")]
    wants(len(apis) == 1, f"{len(apis)} REST APIs")
    wants(all(_works(api) for api in apis), "an API without a stage, or without our error answers")
    ids = {api["answer"]["id"] for api in apis}
    before = {i for i, api in begun.apis.items() if _calls(api, f":function:filemill-{NAME}/")}
    wants(ids == before or not before, "clients lost the API's address")
    front = {p["ParameterValue"].partition(".")[0] for p in account.stack["Parameters"]}
    wants(front == ids, "the distribution does not lead to the API")
    rule = account.rules.get(f"filemill-{NAME}-sweep-event", {"targets": {}, "answer": {}})
    targets = [target["Arn"].rpartition(":")[2] for target in rule["targets"].values()]
    wants(targets == [f"filemill-{NAME}-sweep"], f"the sweep's rule has the targets {targets}")
    permissions = sorted(
        (name, statement["Condition"]["ArnLike"]["AWS:SourceArn"].rpartition(":")[2].partition("/")[0])
        for name, each in functions.items()
        for statement in each["policy"]
    )
    sockets = _sockets(account)
    allowed = [(f"filemill-{NAME}", api_id) for api_id in ids] + [(f"filemill-{NAME}-sweep", "rule")]
    allowed += [(f"filemill-{NAME}-{function}", api_id) for api_id in sockets for function in SOCKET_FUNCTIONS]
    wants(permissions == sorted(allowed), f"permissions {permissions}")
    wants(len(sockets) == 1, f"{len(sockets)} WebSocket APIs")
    wants(all(_serves(api) for api in sockets.values()), "a WebSocket API without a stage, or without its routes")
    wants(not (known := _sockets(begun)) or set(sockets) == set(known), "clients lost the WebSocket API's address")
    made = _own(account.roles)
    wants(len(made) == (len(APP_FUNCTIONS) if project_roles(project) == CHALICES else 0), f"roles {sorted(made)}")
    differences = project.differences()
    wants(differences.unknown == [], f"the record lacks {differences.unknown}")
    wants(differences.gone == [], f"the record has {differences.gone}")
    return found + _untouched(account, begun)


def deleted(project: Project, begun: Account) -> list[str]:
    """Complaints about things that are left of a stage after it was taken down."""
    account, found = project.world.account, list[str]()
    account.now += 3600
    account.lambda_list_event_source_mappings({})
    account_left = [*_own(account.functions), *_own(account.rules), *_own(account.roles), *_own(account.log_groups)]
    left = project.differences()
    if account_left or left.record or left.spare:
        found.append(f"left over: {account_left} {left.record} {left.spare}")
    if account.layers.get(f"filemill-{NAME}-managed-layer"):
        found.append("layers are left over")
    if left_open := _sockets(account):
        found.append(f"WebSocket APIs are left over: {sorted(left_open)}")
    return found + _untouched(account, begun)


def project_roles(project: Project) -> str:
    return PRE_MADE if project.here().pre_made_roles else CHALICES


def _own(names: Iterable[str]) -> list[str]:
    """The names that are this stage's, without those of `test-2` and the stack's roles."""
    short = {name: name.removeprefix("/aws/lambda/") for name in names}
    return [
        name
        for name, each in short.items()
        if (each == f"filemill-{NAME}" or each.startswith(f"filemill-{NAME}-"))
        and not each.startswith(f"filemill-{NAME}-2")
        and not each.endswith("-of-the-stack")
    ]


def _calls(api: dict[str, Any], function: str) -> bool:
    uris = (
        method.get("x-amazon-apigateway-integration", {}).get("uri", "")
        for methods in api["document"]["paths"].values()
        for method in methods.values()
    )
    return any(function in uri for uri in uris)


def _works(api: dict[str, Any]) -> bool:
    stage = api["stages"].get("api")
    return bool(stage) and set(api["deployments"][stage["deploymentId"]]["responses"]) == set(gateway.RESPONSES)


def _sockets(account: Account) -> dict[str, dict[str, Any]]:
    """The WebSocket APIs of the stage's name that call no stranger's function."""
    return {
        api_id: api
        for api_id, api in account.sockets.items()
        if api["answer"]["Name"] == f"filemill-{NAME}-websocket-api"
        and all(f":function:filemill-{NAME}-" in each["IntegrationUri"] for each in api["integrations"].values())
    }


def _serves(api: dict[str, Any]) -> bool:
    """True if each route leads to its function, both in the API and in what the stage serves."""
    stage = api["stages"].get("api", {})
    deployment = api["deployments"].get(stage.get("DeploymentId"), {"routes": {}, "integrations": {}})
    wanted = dict(zip(("$connect", "$default", "$disconnect"), SOCKET_FUNCTIONS, strict=True))
    return all(_routes(each) == wanted and len(each["integrations"]) == len(wanted) for each in (api, deployment))


def _routes(api: dict[str, Any]) -> dict[str, str]:
    """The function that each route of a WebSocket API, or of a deployment of one, leads to."""
    found = {}
    for route in api["routes"].values():
        uri = api["integrations"].get(route["Target"].removeprefix("integrations/"), {}).get("IntegrationUri", "")
        found[route["RouteKey"]] = uri.partition(f":function:filemill-{NAME}-")[2].removesuffix("/invocations")
    return found


def _untouched(account: Account, begun: Account) -> list[str]:
    """Names the neighbours' things that have changed."""

    def others(there: Account) -> dict[str, Any]:
        kinds = ("functions", "mappings", "layers", "apis", "sockets", "rules", "roles")
        found = {(kind, key): value for kind in kinds for key, value in getattr(there, kind).items()}
        return {str(key): value for key, value in found.items() if f"filemill-{NAME}-2" in str((key, value))}

    before, after = others(begun), others(account)
    strangers = {i for i, api in begun.apis.items() if not _calls(api, f":function:filemill-{NAME}/")}
    touched = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    touched += sorted(strangers - set(account.apis)) + sorted(begun.log_groups - account.log_groups - OWN_LOGS)
    touched += sorted(set(begun.sockets) - set(_sockets(begun)) - set(account.sockets))
    return [f"others' things were touched: {touched}"] if touched else []


OWN_LOGS = {f"/aws/lambda/{name}" for name in FUNCTIONS}


def take_down(project: Project) -> None:
    """Does as `ops provision --delete` says: it names what is left and the command that removes it."""
    try:
        project.clear_app()
    except OpsError as refused:
        assert f"`chalice delete --stage {NAME}`" in str(refused), refused
        project.chalice_delete()
        project.clear_app()


def _without_record(project: Project) -> None:
    project.make_deploy()
    project.record.unlink()


SCENARIOS = [
    Scenario("first deployment", PRE_MADE, lambda _: None, Project.make_deploy, deployed),
    Scenario("second deployment", PRE_MADE, Project.make_deploy, Project.make_deploy, deployed),
    Scenario("deployment without the record", PRE_MADE, _without_record, Project.make_deploy, deployed),
    Scenario("first deployment, Chalice's roles", CHALICES, lambda _: None, Project.make_deploy, deployed),
    Scenario("second deployment, Chalice's roles", CHALICES, Project.make_deploy, Project.make_deploy, deployed),
    Scenario("deletion", PRE_MADE, Project.make_deploy, take_down, deleted),
    Scenario("deletion, Chalice's roles", CHALICES, Project.make_deploy, take_down, deleted),
]
