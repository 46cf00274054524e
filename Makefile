# Two commands matter: `make demo` and `make test`. Both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

GITEA := code.gitea.io/gitea@v1.26.0

.PHONY: demo test check unit fault bench docs gitea venv lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

demo: $(STAMP) ## show a whole release on this machine, from push to index
	@$(BIN)/releasd demo

# Else each worker, daemon and command of the tests would compile its modules anew: a quarter of their time.
unexport PYTHONDONTWRITEBYTECODE

test: check ## all checks and all tests
	$(BIN)/pytest tests -n 3 --dist worksteal

venv: $(STAMP) ## only set up .venv

check: $(STAMP) ## style, types and architecture
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(STAMP) ## the pure tests: seconds
	$(BIN)/pytest tests/unit

fault: $(STAMP) ## the tests that kill the daemon everywhere
	$(BIN)/pytest tests/fault -n 2

bench: $(STAMP) ## every figure of DESIGN's table, with the peers' beside it
	$(BIN)/python -m benchmarks

docs: $(STAMP) ## write the documents that are made of tables in the source
	$(BIN)/python -c 'from releasd.core.troubleshooting import document; print(document(), end="")' > docs/troubleshooting.md

gitea: ## build a real Gitea for the tests that ask for one: needs go 1.26, a C compiler, a quarter of an hour
	folder=$$(go mod download -json $(GITEA) | sed -n 's/^.*"Dir": "\(.*\)".*$$/\1/p') && test -n "$$folder" && rm -rf build/gitea && mkdir -p build && cp -R "$$folder" build/gitea && chmod -R u+w build/gitea
	cd build/gitea && nice go build -buildvcs=false -tags 'sqlite sqlite_unlock_notify' -ldflags '-X main.Version=$(lastword $(subst @v, ,$(GITEA)))' -o gitea .
	@echo 'RELEASD_GITEA=$(CURDIR)/build/gitea/gitea $(BIN)/pytest tests/contracts/test_gitea.py tests/end_to_end/test_gitea.py'

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "releasd needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python lacks its venv module: sudo apt-get install python3-venv"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## resolve the pins again, hashed, without download addresses
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --output-file requirements/runtime.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header pyproject.toml --group dev --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --group pyproject.toml:tools --output-file requirements/tools.txt

clean: ## remove what the commands above made
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
