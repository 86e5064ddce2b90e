"""The KMS key of a stage: which changes of the template's `EncryptionKey` and `Encrypt` a stage that runs can take."""

from __future__ import annotations

from collections.abc import Mapping

from ops.stack.plan import Stack, Step, next_step

KEY = "EncryptionKey"
ENCRYPT = "Encrypt"
OWN = "own"
"""The value of `EncryptionKey` that has the stack make a key."""

PAGE = "docs/encryption.md"


def refuse_change(stack: Stack | None, given: Mapping[str, str]) -> str:
    """A sentence that refuses a change of the key; empty if it can be made. `given` are the parameters about to be set.

    - Another key, or none, would take from the functions the right to read what is stored.
    - CloudFormation changes the queues before the roles, which name them. So a stage that runs gets the rights first:
      else its functions could send and read no message for as long as the update takes.
    """
    if stack is None or next_step(stack["StackStatus"]) in (Step.CREATE, Step.DELETE_FIRST):
        return ""
    present = {each["ParameterKey"]: each.get("ParameterValue", "") for each in stack.get("Parameters", [])}
    was, will = present.get(KEY, ""), given.get(KEY, present.get(KEY, ""))
    if was and will != was:
        return (
            f"{KEY} is {was} and can't become {will or 'empty'}: the functions could no longer read what was encrypted "
            f"with that key. To encrypt nothing new with it, set {ENCRYPT}=false and leave {KEY} as it is ({PAGE})"
        )
    if will and not was and given.get(ENCRYPT, present.get(ENCRYPT, "true")) == "true":
        return (
            f"the stage runs, so its functions need the rights before anything is encrypted: run this command with "
            f"`--set {KEY}={will} --set {ENCRYPT}=false` first, and then with `--set {ENCRYPT}=true` ({PAGE})"
        )
    return ""
