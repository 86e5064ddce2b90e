.PHONY: help venv run demo test costs films faults erase stops mutants soak check contract openapi browser lock audit deploy bench lighthouse clean

PYTHON := .venv/bin/python
PARALLEL := -n auto --maxprocesses 4
export V
# pytest keeps the tests as it has prepared them. Where nothing may be kept, each process prepares them anew: 20 seconds.
unexport PYTHONDONTWRITEBYTECODE

help: # what there is
	@sed -n 's/^\([a-z]*\):[^#]*# /  make \1  /p' Makefile

venv: # both virtual environments, as far as their requirement files changed
	@ops/setup.sh

# A computer that can't run Lambda's packages is told so before anything is installed, so these have no prerequisite.
run: # everything on this computer, at http://localhost:8000, until Ctrl-C (PORT=, EMULATOR_PORT=, ORIGIN=https://…, V=1: details)
	@ops/check_machine.sh "make run"
	@ops/setup.sh
	@exec $(PYTHON) -m ops local $(if $(V),--verbose) $(foreach origin,$(ORIGIN),--allow-origin '$(origin)') $(ARGS)

demo: # a dozen files of all kinds for the console to show, uploaded to what `make run` runs in another terminal
	@ops/check_machine.sh "make demo"
	@test -x $(PYTHON) || { echo 'Nothing runs yet: start `make run` in another terminal, then run this again.' >&2; exit 1; }
	@$(PYTHON) -m ops demo $(ARGS)

soak: venv # 2,000 files through the local stack while workers are killed and messages repeated (SOAK="--files 200"; SOAK="--attack": strangers)
	@$(PYTHON) -m tests.soak $(SOAK)

check: venv # format, lint, types, the template, and the quick tests of every room
	@$(PYTHON) -m ruff format --check -q .
	@$(PYTHON) -m ruff check -q .
	@$(PYTHON) -m mypy
	@cd client && ../$(PYTHON) -m mypy --cache-dir ../.mypy_cache/client
	@.venv/bin/cfn-lint .chalice/resources.yaml
	@$(PYTHON) -m pytest -q $(PARALLEL) -m 'pure and not e2e and not slow' $(addprefix --ignore=tests/,e2e browser console)

test: # everything: on mocks, and on the really deployed local stack with Chromium and npm (CONTRIBUTING.md says where from)
	@ops/check_machine.sh "make test"
	@ops/setup.sh
	@$(PYTHON) -m pytest $(PARALLEL)

films: venv # films of 27 origins, played to the end in both players by Chromium, 200 viewers and 10,000 requests at once
	@FILMS=1 $(PYTHON) -m pytest -q tests/browser/test_players.py tests/e2e/test_viewers.py
	@FILMS=1 $(PYTHON) -m pytest -q tests/processing/media/test_on_demand.py -k spike

faults: venv # every operation stopped before and after every AWS call it makes, and 500 programs of disorder
	@FAULTS=500 $(PYTHON) -m pytest -q tests/faults

erase: venv # a tenant with 2,000 files erased, killed again and again, beside tenants with similar names
	@FILEMILL_TEST_ERASE_FILES=2000 $(PYTHON) -m pytest -q tests/ops/erasure

stops: venv # a deployment stopped before and after each of its calls of AWS, and repeated (STOPS="--plant rest_api")
	@$(PYTHON) -m tests.ops.stops $(STOPS)

mutants: venv # small faults planted in a copy of the code: do the tests notice? (ROOM=catalog SAMPLE=10)
	@$(PYTHON) -m tests.mutants $(if $(ROOM),--room $(ROOM)) $(if $(SAMPLE),--sample $(SAMPLE))

contract: venv # thousands of generated requests against the app and the local stack, held to the OpenAPI document
	@CONTRACT_EXAMPLES=60 CONTRACT_DEPLOYED_EXAMPLES=25 $(PYTHON) -m pytest -q tests/api/test_contract.py tests/e2e/test_contract.py

openapi: venv # chalicelib/api/openapi.json and schemas/, anew from the routes and the models
	@$(PYTHON) -m ops openapi
	@$(PYTHON) -m ops schemas

browser: venv # browser/filemill.js from browser/src, and browser/openapi.d.ts from openapi.json; needs Node.js
	@$(PYTHON) -m ops browser

lock: # all lock files, anew from the *.in files: every package with its hashes (LOCK=--upgrade for the newest versions)
	@ops/setup.sh tools
	@ops/lock.sh $(LOCK)

audit: # are faults known of any locked package? It asks PyPI and npm
	@ops/setup.sh tools
	@.local/tools/bin/python ops/audit.py

# A stage that is missing or wrong is named before anything is installed, so this has no prerequisite.
deploy: # STAGE=dev: the stack, the functions, and a check of both; repeat it after every change
	@ops/check_stage.sh deploy
	@ops/setup.sh
	@$(PYTHON) -m ops preflight --stage $(STAGE)
	@$(PYTHON) -m ops provision --stage $(STAGE)
	@.venv/bin/chalice deploy --stage $(STAGE)
	@$(PYTHON) -m ops provision --stage $(STAGE)
	@$(PYTHON) -m ops doctor --stage $(STAGE)

costs: venv # every operation counted again on mocks of AWS, and docs/costs.md written anew (a minute or two)
	@$(PYTHON) -m ops costs

bench: venv # what operations cost, as counts and ratios
	@$(PYTHON) -m bench

lighthouse: venv # Lighthouse on the console's sign-in and gallery, on a local stack of its own; it needs Chromium and Node.js
	@$(PYTHON) -m bench.lighthouse

clean: # what make run kept, the virtual environments, packed libraries, all caches, and what stopped runs left in /tmp
	@rm -rf .local .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .chalice/deployments
	@rm -rf bench/node_modules tests/browser/node_modules
	@rm -rf client/.mypy_cache client/.ruff_cache client/.pytest_cache client/.hypothesis
	@rm -rf "$${TMPDIR:-/tmp}"/filemill-soak-* "$${TMPDIR:-/tmp}"/filemill-mutants-*
	@if [ -e vendor/filemill-package.json ]; then rm -rf vendor; fi # one that holds other files stays
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
