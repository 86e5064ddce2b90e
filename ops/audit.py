"""`make audit`: are faults known of any package that a lock file names?

pip-audit asks PyPI, and npm asks its registry. Both answer only for what is in their databases, so a package that they
do not answer for is reported as not checked, never as sound. Exit code 0: all were checked, and nothing is known. 1: a
fault is known. 2: some could not be checked, and of the others nothing is known.

It runs with the Python of .local/tools, which has nothing but pip-audit and uv.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PYTHON_LOCKS = (
    "requirements.txt",
    "requirements-media.txt",
    "requirements-dev.txt",
    "ops/local/requirements.txt",
    "ops/tools/requirements.txt",
    "ops/demo/requirements.txt",
    "bench/requirements-build.txt",
    "bench/requirements.txt",
)
NPM_LOCKS = ("bench/package-lock.json", "tests/browser/package-lock.json")


@dataclass
class Finding:
    """The result for one lock file. `faults` are sentences. `unchecked` says what was not checked, and why."""

    lock: str
    checked: int = 0
    faults: list[str] = field(default_factory=list)
    unchecked: str = ""


def main() -> int:
    findings = []
    for finding in audit(ROOT):
        print("\n".join(lines(finding)), flush=True)
        findings.append(finding)
    if any(each.faults for each in findings):
        print(
            "audit: faults are known. Take the fixed versions into the *.in files or package.json, and run `make lock`."
        )
        return 1
    if any(each.unchecked for each in findings):
        print("audit: not all packages could be checked. Of the others nothing is known.")
        return 2
    print("audit: all packages were checked, and nothing is known.")
    return 0


def lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.lock}: {finding.checked} checked, {len(finding.faults)} faults known"
    yield from (f"  {fault}" for fault in finding.faults)
    if finding.unchecked:
        yield f"  NOT CHECKED: {finding.unchecked}"


def audit(root: Path) -> Iterator[Finding]:
    """Asks about one lock file after the other."""
    for lock in PYTHON_LOCKS:
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--requirement",
            str(root / lock),
            "--disable-pip",
            "--require-hashes",
        ]
        yield of_python(lock, *run([*command, "--format", "json", "--progress-spinner", "off"], root))
    for lock in NPM_LOCKS:
        yield of_npm(lock, *run(["npm", "audit", "--package-lock-only", "--json"], (root / lock).parent))


def run(command: Sequence[str], folder: Path) -> tuple[str, str]:
    """(output, errors). A command that is missing gives an error, too."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    except FileNotFoundError:
        return "", f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return "", "no answer within ten minutes"
    return done.stdout, done.stderr


def of_python(lock: str, output: str, errors: str) -> Finding:
    """Reads pip-audit's JSON: https://github.com/pypa/pip-audit#usage"""
    answer = parsed(output)
    if "dependencies" not in answer:
        return Finding(lock, unchecked=f"all of it, for pip-audit failed: {last_line(errors)}")
    packages = answer["dependencies"]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    finding = Finding(lock, checked=len(packages) - len(skipped))
    for each in packages:
        for fault in each.get("vulns", []):
            fixed = ", ".join(fault["fix_versions"]) or "no version yet"
            finding.faults.append(f"{each['name']} {each['version']}: {fault['id']}, fixed in {fixed}")
    if skipped:
        finding.unchecked = f"{listed(skipped)}: PyPI answered nothing about the locked version"
    return finding


def of_npm(lock: str, output: str, errors: str) -> Finding:
    """Reads `npm audit --json`: https://docs.npmjs.com/cli/commands/npm-audit"""
    answer = parsed(output)
    if "vulnerabilities" not in answer:
        reason = answer.get("message") or last_line(errors)
        return Finding(lock, unchecked=f"all of it, for npm's registry gave no advisories: {reason}")
    finding = Finding(lock, checked=answer["metadata"]["dependencies"]["total"])
    for name, found in answer["vulnerabilities"].items():
        titles = [via["title"] for via in found["via"] if isinstance(via, dict)]
        reason = "; ".join(titles) or f"through {', '.join(found['via'])}"
        finding.faults.append(f"{name} {found['range']}: {found['severity']}, {reason}")
    return finding


def parsed(output: str) -> dict[str, Any]:
    try:
        answer = json.loads(output)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def last_line(errors: str) -> str:
    return (errors.strip().splitlines() or ["it says nothing"])[-1]


if __name__ == "__main__":
    sys.exit(main())
