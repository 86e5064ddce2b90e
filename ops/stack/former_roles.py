"""Roles in IAM that a stage no longer uses: found, and deleted when no invocation can still run with them.

Two kinds stay behind. Chalice made the functions' roles before the stack did, as APP-STAGE-FUNCTION. And the stack's
own roles are retained when they leave the template (another path, or the checkout of an older version), because the
functions still run with them until the next `chalice deploy`.

IAM has no regions, and neither kind of name tells the region. The ARNs in a role's policy do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.errors import OpsError
from ops.stack import regions
from ops.stack.names import FUNCTIONS, chalice_role, function_name, is_stack_role
from ops.stack.removal import delete_role

# An invocation runs for 15 minutes at most, and keeps the credentials of the role with which it began.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LONGEST_INVOCATION = timedelta(minutes=15)


@dataclass(frozen=True)
class FormerRoles:
    """The roles of one stage in one region. `iam` and `functions` are clients of IAM and Lambda."""

    iam: Any
    functions: Any
    app: str
    stage: str
    region: str

    def check_chalice(self, managed: Collection[str]) -> None:
        """Refuses a stage whose functions would take over the roles of another region.

        `managed` are the functions whose roles Chalice manages, because the operator wants that.

        Raises
        ------
        OpsError
            Such a role has a policy with another region's ARNs: the stage of that name is in that region, too.
        """
        for function in managed:
            role = chalice_role(self.app, self.stage, function)
            if elsewhere := self._regions(role) - {self.region}:
                raise OpsError(
                    f"The role {role} belongs to a stage {self.stage!r} in {', '.join(sorted(elsewhere))}, because its "
                    f"policy names that region, and `chalice deploy` would take it over. Choose another stage name, or "
                    f"let the stack make the role: remove `iam_policy_file` and `manage_iam_role` of {function} from "
                    ".chalice/config.json."
                )

    def remove_unused(self, kept: Collection[str], now: datetime | None = None) -> tuple[list[str], list[str]]:
        """Deletes the stage's roles in this region that no function can still run with, but for those in `kept`.

        `kept` are ARNs or names.

        Returns
        -------
        tuple
            The names of the roles that were deleted, and of those that a later run may delete.
        """
        names = {role.rpartition("/")[2] for role in kept}
        candidates = [role for role in self._all() if role not in names and self._is_here(role)]
        if not candidates:
            return [], []
        used, changed = self._in_use()
        settled = changed is None or (now or datetime.now(UTC)) - changed > LONGEST_INVOCATION
        deleted = [role for role in candidates if settled and role not in used]
        for role in deleted:
            delete_role(self.iam, role)
        return deleted, [role for role in candidates if role not in deleted]

    def remove_all(self) -> list[str]:
        """Deletes all roles of the stage in this region, and returns their names. The functions must be gone."""
        used, _ = self._in_use()
        roles = [role for role in self._all() if role not in used and self._is_here(role)]
        for role in roles:
            delete_role(self.iam, role)
        return roles

    def _all(self) -> list[str]:
        """Names of all roles that Chalice or CloudFormation may have made for a stage of this name, in any region."""
        chalices = {chalice_role(self.app, self.stage, function) for function in FUNCTIONS}
        pages = self.iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1000})
        names = [role["RoleName"] for page in pages for role in page["Roles"]]
        return [
            name
            for name in names
            if name in chalices or any(is_stack_role(self.stage, function, name) for function in FUNCTIONS)
        ]

    def _in_use(self) -> tuple[set[str], datetime | None]:
        """Names of the roles that the stage's functions have now, and when the last of the functions was changed."""
        used, changed = set(), None
        for function in FUNCTIONS:
            name = function_name(self.app, self.stage, function)
            try:
                found = self.functions.get_function_configuration(FunctionName=name)
            except self.functions.exceptions.ResourceNotFoundException:
                continue
            used.add(found["Role"].rpartition("/")[2])
            time = datetime.strptime(found["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")
            changed = max(changed or time, time)
        return used, changed

    def _is_here(self, role: str) -> bool:
        """True if a role's policies name this region alone.

        Also if it has no policy of any kind: a deletion was stopped half-way, and nobody can do anything with the role.
        A policy that names no region is an operator's own, so that role is left alone.
        """
        return self._regions(role) == {self.region} or not (any(self._policies(role)) or any(self._attached(role)))

    def _regions(self, role: str) -> set[str]:
        """The regions that the ARNs of a role's own policies name. Empty when there is no such role."""
        return regions.named_in([policy for _, policy in self._policies(role)])

    def _policies(self, role: str) -> Iterator[tuple[str, Any]]:
        try:
            for page in self.iam.get_paginator("list_role_policies").paginate(RoleName=role):
                for name in page["PolicyNames"]:
                    yield name, self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        except self.iam.exceptions.NoSuchEntityException:
            return

    def _attached(self, role: str) -> Iterator[str]:
        """ARNs of the managed policies of a role."""
        for page in self.iam.get_paginator("list_attached_role_policies").paginate(RoleName=role):
            yield from (policy["PolicyArn"] for policy in page["AttachedPolicies"])
