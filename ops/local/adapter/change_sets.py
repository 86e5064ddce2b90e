"""CloudFormation: a change set sees that a condition has changed.

CloudFormation compares what a template comes to, with its conditions. MiniStack compares the resolved properties; where
it can't resolve all of them, because a function takes apart the address of another resource, it compares the text of
both templates, and so misses what a parameter changes. Then a distribution kept an origin whose function was gone.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

RELIED_ON = {
    "ministack.services.cloudformation.changesets:_resolve_props_for_diff": (
        "(template, params, stack_name, stack_id)"
    ),
    "ministack.services.cloudformation.changesets:_evaluate_conditions": "(template: dict, params: dict) -> dict",
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


def apply() -> None:
    see_conditions()


def see_conditions() -> None:
    """Adds the values of all conditions to properties that were not resolved."""
    from ministack.services.cloudformation import changesets

    resolve = changesets._resolve_props_for_diff

    def with_conditions(template, params, stack_name, stack_id):
        resolved = resolve(template, params, stack_name, stack_id)
        if not resolved:
            return resolved
        conditions = changesets._evaluate_conditions(template, params)
        for name, resource in resolved["Resources"].items():
            raw = template["Resources"][name].get("Properties", {})
            if resource["Properties"] is raw and "Fn::If" in str(raw):
                resource["Properties"] = {key: (value, conditions) for key, value in raw.items()}
        return resolved

    changesets._resolve_props_for_diff = with_conditions
