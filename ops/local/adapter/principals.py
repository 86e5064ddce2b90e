"""IAM: who asks, in a policy's conditions.

For a caller with a role, `aws:PrincipalArn` is the ARN of the role. MiniStack gives that of the role's session:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
"""

import re

RELIED_ON = {
    "ministack.core.iam_evaluator:_resolve_condition_key": (
        "(key: str, ctx: ministack.core.iam_evaluator.EvalContext) -> Any"
    ),
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""

SESSION = re.compile(r"arn:[\w-]+:sts::([0-9]{12}):assumed-role/([^/]+)/.+")


def apply() -> None:
    tell_the_role()


def tell_the_role() -> None:
    """Makes `aws:PrincipalArn` the role's ARN."""
    from ministack.core import iam_evaluator
    from ministack.services import iam

    resolve = iam_evaluator._resolve_condition_key

    def with_role(key, ctx):
        value = resolve(key, ctx)
        session = SESSION.fullmatch(value) if key.lower() == "aws:principalarn" and isinstance(value, str) else None
        role = iam._roles.get_scoped(session[1], None, session[2]) if session else None
        return role["Arn"] if role else value

    iam_evaluator._resolve_condition_key = with_role
