# Faultline. `make` alone prints this help; every target sets up what it needs.
.DEFAULT_GOAL := help
.PHONY: help install demo test check format test-net test-e2e test-engines bench deep wheel probe docs pictures dashboards lock clean
SHELL := /bin/bash
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
ROOMS := faultline probe collector analyzer dashboards appliance
# Arguments for the demo: make demo ARGS="--fault delay --segment pe1-p1"
ARGS ?=

help: ## this list
	@printf 'Faultline: which part of the line is at fault, how sure, and why.\n\n'
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

install: ## .venv with the faultline command, native module in release mode
	@packaging/setup.sh python
	@echo "ready: .venv/bin/faultline --help"

demo: ## real packets, a real fault, a verdict (about 90 s); ARGS="--fault delay --keep"
	@packaging/setup.sh demo
	@.venv/bin/faultline demo $(ARGS)

test: ## everything quick, with real servers: units, one run in namespaces, a browser, influxd, a sample of the corpora
	@packaging/setup.sh test
	cargo test --manifest-path native/Cargo.toml --workspace --quiet
	$(PYTEST) -n 2 -m "sample or not (net or e2e or engines)"

check: ## formatting, lint, types, direction of imports
	@packaging/setup.sh python
	.venv/bin/ruff format --check --quiet .
	.venv/bin/ruff check --quiet .
	.venv/bin/mypy
	$(PY) -m mypy.stubtest --ignore-missing-stub faultline.native._native
	.venv/bin/lint-imports --no-cache >/dev/null || .venv/bin/lint-imports --no-cache
	.venv/bin/deptry . --extend-exclude '(tests|native|packaging|build|\.cache)/.*'
	.venv/bin/codespell $(ROOMS) native/*/src packaging tests docs README.md CHANGELOG.md CONTRIBUTING.md
	cargo fmt --manifest-path native/Cargo.toml --all --check
	cargo clippy --manifest-path native/Cargo.toml --workspace --all-targets --quiet -- -D warnings

format: ## what check would complain about and a tool can mend
	@packaging/setup.sh python
	.venv/bin/ruff format --quiet .
	.venv/bin/ruff check --fix --quiet . || true
	cargo fmt --manifest-path native/Cargo.toml --all

test-net: ## namespaces with real packets (root)
	@packaging/setup.sh test
	$(PYTEST) -m "net and not e2e and not sample"

test-e2e: ## whole processes, kill -9, whole corpora
	@packaging/setup.sh test
	$(PYTEST) -n 2 -m "e2e and not net and not sample"
	$(PYTEST) -m "e2e and net and not sample"

test-engines: ## chDB (ClickHouse) and Spark read the flow archive, LibreOffice writes lists of lines (fetches about 700 MB, once)
	@packaging/setup.sh python
	@packaging/setup.sh engines
	$(PYTEST) tests/engines

bench: ## tables of speed and accuracy, on standard output and under build/bench/
	@packaging/setup.sh test
	@mkdir -p build/bench
	@for bench in tests/benchmarks/bench_*.py; do name=$$(basename $$bench .py); echo "== $$name"; $(PY) $$bench | tee build/bench/$$name.txt; done

deep: ## long property runs
	@packaging/setup.sh test
	HYPOTHESIS_PROFILE=deep $(PYTEST) -n 2 -m "not net and not e2e and not browser and not influx and not engines" --timeout 3600

wheel: ## dist/faultline-*.whl
	@packaging/setup.sh python
	.venv/bin/maturin build --release --strip --out dist

probe: ## dist/faultline-probe-x86_64, the whole probe as one static file; or ARCH=aarch64
	@packaging/setup.sh python
	@packaging/static-probe/build.sh $(or $(ARCH),x86_64)

pictures: ## docs/pictures: README's verdict and pages, from a simulated run with a fixed seed
	@packaging/setup.sh test
	@$(PY) -m appliance.pictures

docs: ## generated reference pages under docs/reference/
	@packaging/setup.sh python
	$(PY) -m appliance.reference

dashboards: ## Grafana boards and provisioning files under dashboards/, checked
	@packaging/setup.sh python
	@.venv/bin/faultline dashboards build
	@.venv/bin/faultline dashboards check

lock: ## requirements.lock anew from pyproject.toml
	.venv/bin/uv pip compile --universal --python-version 3.11 --group dev --no-emit-index-url --generate-hashes --no-annotate --no-header pyproject.toml -o requirements.lock --quiet

clean: ## what was built (not .cache)
	rm -rf .venv build dist native/target faultline/native/_native*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
