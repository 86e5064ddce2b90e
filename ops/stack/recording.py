"""The record of a stage that `ops provision` writes for Chalice: its variables, its tags and the functions' roles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from chalicelib.settings import MAX_ENVIRONMENT, PREFIX, camel_to_variable, environment_bytes
from ops import config
from ops.errors import OpsError
from ops.stack import signing_key, tags
from ops.stack.names import FUNCTIONS, ROLE_IDS, chalice_role, is_stack_role, policy_file

Progress = Callable[[str], None]

# Variables of what a stage may leave out. An empty one is taken out of the record.
_OPTIONAL = tuple(f"{PREFIX}MEDIA_{name}" for name in ("QUEUE_ARN", "QUEUE_URL"))


def variables(stage: str, outputs: Mapping[str, str], key_id: str, front_door: str | None) -> dict[str, str]:
    """The functions' environment variables, made of the stack's outputs, but for the ARNs of the roles.

    `key_id` is CloudFront's id of the public key. `front_door` replaces the distribution's own address, if given.
    """
    roles = set(ROLE_IDS.values())
    absent = dict.fromkeys(_OPTIONAL, "")
    found = (
        absent
        | {camel_to_variable(name): value for name, value in outputs.items() if name not in roles}
        | {
            f"{PREFIX}STAGE": stage,
            f"{PREFIX}CDN_KEY_ID": key_id,
            f"{PREFIX}CDN_KEY_PARAMETER": signing_key.key_parameter(stage),
            f"{PREFIX}SECRET_PARAMETER": signing_key.secret_parameter(stage),
        }
    )
    if front_door:
        found[f"{PREFIX}FRONT_DOOR"] = front_door.rstrip("/")
    return found


def record(
    project_dir: Path,
    stage: str,
    variables: Mapping[str, str],
    roles: Mapping[str, str],
    given_tags: Mapping[str, str],
    architecture: str | None,
    progress: Progress,
    reserved: Mapping[str, int | None] | None = None,
    layers: Mapping[str, str] | None = None,
) -> None:
    """Writes the stage's entry in `.chalice/config.json`, as far as it has changed.

    `roles` are the ARNs of the stack's roles by function; a function with a role of the operator's keeps that.
    `reserved` is the reserved concurrency by function; None takes it away. `layers` are ARNs of our layers by function.
    Raises OpsError if a function would have more variables than Lambda takes; then nothing is written.

    Chalice must not know its own former roles any more: it would delete them with the next deployment, while
    invocations still run with them. They go from its record first. Should this be interrupted before the configuration
    is written, Chalice finds them in IAM by their names.
    """
    # Read again: creating a stack takes minutes, and a run for another stage may have written meanwhile.
    before = config.read_config(project_dir)
    chosen = stack_roles(before, stage, roles)
    after = entered(before, stage, variables, roles, given_tags, architecture, reserved, layers)
    if refusal := refuse_variables(after, stage):
        raise OpsError(refusal)
    forget_chalice_roles(project_dir, before, stage, chosen)
    changed = config.write_json(config.config_path(project_dir), after)
    if changed:
        progress(f"recorded stage {stage} in .chalice/config.json")
    for function in chosen:
        (project_dir / ".chalice" / policy_file(stage, function)).unlink(missing_ok=True)
    if changed and config.deployed_resources(project_dir, stage):
        progress(f"run `chalice deploy --stage {stage}` to give the functions these changes")


def entered(
    before: config.Config,
    stage: str,
    variables: Mapping[str, str],
    roles: Mapping[str, str],
    given_tags: Mapping[str, str],
    architecture: str | None,
    reserved: Mapping[str, int | None] | None = None,
    layers: Mapping[str, str] | None = None,
) -> config.Config:
    """The configuration as `record` writes it."""
    stage_tags = tags.own(before, tags.of_stage(before, stage, given_tags))
    chosen = stack_roles(before, stage, roles)
    return config.with_stage(before, stage, variables, chosen, architecture, stage_tags, reserved, layers)


def refuse_variables(recorded: config.Config, stage: str) -> str:
    """A sentence if a function would have more variables than Lambda takes; else an empty string."""
    for function in FUNCTIONS:
        found = config.stage_variables(recorded, stage, function)
        length = environment_bytes(found)
        if length > MAX_ENVIRONMENT:
            largest = sorted(found, key=lambda name: len(found[name]), reverse=True)[:3]
            return (
                f"The environment variables of {function} have {length} bytes, and Lambda takes {MAX_ENVIRONMENT}. "
                f"Shorten some in .chalice/config.json, and run this again. The longest are {', '.join(largest)}."
            )
    return ""


def stack_roles(recorded: config.Config, stage: str, roles: Mapping[str, str]) -> dict[str, str]:
    """The roles of those functions for which the operator did not choose another."""
    return {function: arn for function, arn in roles.items() if not has_own_role(recorded, stage, function)}


def has_own_role(recorded: config.Config, stage: str, function: str) -> bool:
    """True if the operator chose this function's role: an ARN or a policy file that is not ours, or Chalice's own role.

    `manage_iam_role: true` says that Chalice shall make the role. Then the operator keeps its policy up to date.
    """
    settings = config.function_settings(recorded, stage, function)
    arn, file = settings.get("iam_role_arn"), settings.get("iam_policy_file")
    if arn and not is_stack_role(stage, function, arn):
        return True
    if "manage_iam_role" in settings:
        return bool(settings["manage_iam_role"])
    return file not in (None, policy_file(stage, function))


def own_roles(recorded: config.Config, stage: str) -> tuple[list[str], list[str]]:
    """The roles that the operator chose: functions whose roles Chalice makes, and ARNs of roles that are theirs."""
    chosen = [function for function in FUNCTIONS if has_own_role(recorded, stage, function)]
    settings = {function: config.function_settings(recorded, stage, function) for function in chosen}
    managed = [function for function in chosen if settings[function].get("manage_iam_role") is not False]
    return managed, [settings[function]["iam_role_arn"] for function in chosen if function not in managed]


def forget_chalice_roles(project_dir: Path, recorded: config.Config, stage: str, functions: Iterable[str]) -> None:
    """Removes the roles of these functions from Chalice's record of what it has deployed."""
    names = {chalice_role(config.app_name(recorded), stage, function) for function in functions}
    deployed = config.deployed_resources(project_dir, stage) or []
    if former := [r for r in deployed if r.get("resource_type") == "iam_role" and r.get("role_name") in names]:
        config.forget_deployed(project_dir, stage, former)
