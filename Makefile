# make demo    install, train on the built-in pen strokes, sample by code, draw a picture
# make test    install, run the tests (TSINFOGAN_DATA=FOLDER adds those on real data)
# make check   style and types, of the package as it is installed and of the benchmarks
# make docs    these pages and the API reference, as a site in build/site
# make notebooks runs docs/notebooks, a minute; their outputs are kept by docs/_site/notebooks.py --write
# make interop the tests with aeon, for which pip takes an older numpy and pandas: VENV=FOLDER gives it one of its own
# make fuzz    hostile and mutated data files through the readers, for two minutes
# make bench   the figures of docs/benchmarks.md
# make gpu     the tests and speeds of a GPU, eight minutes; DEVICE=cpu QUICK=--quick runs it where there is none
# make dist    wheel and sdist in dist/, each installed into a bare environment and used there
# make lowest  the tests on the lowest versions that pyproject.toml promises; as torch 2.6 brings CUDA, that takes 6 GB
# make letters trains the model of --pretrained letters anew, five minutes on a quiet core, and prints its checksums
# make clean   remove what these made

PYTHON ?= python3
VENV ?= .venv
DEMO_STEPS ?= 2600
DEVICE ?= cuda

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt
PACKAGE := build/package

.PHONY: demo test check docs notebooks interop fuzz bench gpu dist lowest letters clean

demo: $(VENV)/.installed
	$(BIN)/tsinfogan train --steps $(DEMO_STEPS)
	$(BIN)/tsinfogan sample --cat 3 -n 20 -o out.csv
	$(BIN)/tsinfogan sample --cat 0:19 -n 8 --format png -o out.png
	@echo "20 series of category 3: $(CURDIR)/out.csv"
	@echo "what each category writes: $(CURDIR)/out.png"

test: $(VENV)/.installed-test # one thread for each of the tests that run side by side
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

check: $(VENV)/.installed-test $(VENV)/.installed-check
	rm -rf build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(INSTALL) --no-deps --target $(PACKAGE) .
	cd $(PACKAGE) && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache -p tsinfogan
	cd $(PACKAGE) && $(abspath $(BIN))/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache $(CURDIR)/benchmarks/*.py

docs: $(VENV)/.installed-docs
	rm -rf build
	$(INSTALL) --no-deps --target $(PACKAGE) .
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "the documentation: $(CURDIR)/build/site/index.html"

notebooks: $(VENV)/.installed-notebooks
	OMP_NUM_THREADS=1 $(BIN)/python docs/_site/notebooks.py

interop: $(VENV)/.installed-test $(VENV)/.installed-interop
	$(BIN)/python -m pytest tests/estimators/test_interop.py tests/estimators/test_resampler.py

fuzz: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz_files.py

bench: $(VENV)/.installed
	for script in $(filter-out %/fuzz_files.py %/faults.py %/gpu.py %/outside_judges.py %/long_series.py,$(wildcard benchmarks/[a-z]*.py)); do $(BIN)/python $$script || exit 1; done

gpu: $(VENV)/.installed-test
	$(BIN)/python benchmarks/gpu.py --device $(DEVICE) $(QUICK)

dist: $(VENV)/.installed-dist # the wheel is built from the sdist
	rm -rf build dist
	$(BIN)/python -m build --outdir dist > /dev/null
	$(BIN)/twine check --strict dist/*
	test $$(cat dist/*.whl | wc -c) -le 3000000
	for file in dist/*; do PYTHON=$(PYTHON) tests/smoke.sh $$file || exit 1; done

lowest:
	$(PYTHON) -m venv --clear $(VENV)/lowest
	$(VENV)/lowest/bin/python -m pip install -qq --disable-pip-version-check -c constraints-lowest.txt -e ".[test]"
	OMP_NUM_THREADS=1 $(VENV)/lowest/bin/python -m pytest -n auto

letters: $(VENV)/.installed
	rm -rf build/letters
	OMP_NUM_THREADS=1 $(BIN)/tsinfogan train --width 16 --steps 9000 --set flow_steps=5000 --seed 0 --device cpu --precision float32 --runs build/letters
	$(BIN)/python -c "from pathlib import Path; from tsinfogan import find_run; from tsinfogan.sharing.pretrained import pack; \
	  pack(find_run(Path('build/letters')), Path('tsinfogan/sharing/letters'))"
	cat tsinfogan/sharing/letters/SHA256SUMS

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis out.csv out.png

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV) (a minute or two, once)"
	$(INSTALL) -e .
	@touch $@

$(VENV)/.installed-%: $(VENV)/.installed
	$(INSTALL) -e ".[$*]"
	@touch $@
