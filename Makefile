# SPDX-License-Identifier: GPL-2.0-only
#
# make help says what there is. Everything that is built goes to build/; each kernel has a folder of its own.

override BUILD := $(abspath $(or $(BUILD),build))
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
PREFIX ?= /usr/local
UDEVDIR ?= $(PREFIX)/lib/udev/rules.d
SOURCEDIR ?= /usr/src
KERNEL ?= 6.12
KERNELS := $(shell awk '$$2 == "check" { print $$1 }' scripts/lab/kernels)
MATRIX := $(shell awk '!/^\#/ { print $$1 }' scripts/lab/kernels)
export BUILD

release = $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h 2>/dev/null)

all: module userspace ## the module for the running kernel (or KVER=, KDIR=), the library and the CLI

# The sources are linked into the kernel's own build folder, so that no object lands beside them. What was
# built against other headers of the same release is thrown away: Kbuild would not notice.
module: out = $(BUILD)/kernel-$(release)
module: ## the module only: build/kernel-RELEASE/framepool.ko
	@[ -n "$(release)" ] || { \
		echo "make: there are no kernel headers in $(KDIR)." >&2; \
		echo "  For the running kernel install its headers (Debian: linux-headers-$(KVER))," >&2; \
		echo "  or name others by KVER= or KDIR=. make check and make demo need none." >&2; exit 1; }
	@mkdir -p $(out)
	@[ "$$(cat $(out)/kdir 2>/dev/null)" = "$$(realpath $(KDIR))" ] || rm -rf $(out)/*
	@cp -rsf $(CURDIR)/Kbuild $(CURDIR)/module $(out)/
	@realpath $(KDIR) > $(out)/kdir
	+@$(MAKE) --no-print-directory -C $(KDIR) M=$(out) W=1 modules

userspace: ## the library and the CLI: build/userspace
	@$(MAKE) --no-print-directory -C userspace O=$(BUILD)/userspace

# The module's sources are installed rather than the module, for DKMS to build for each kernel.
version = $(shell sed -n 's/^VERSION := //p' userspace/Makefile)
sources = $(DESTDIR)$(SOURCEDIR)/framepool-$(version)

install: ## to PREFIX (default: /usr/local), below DESTDIR: library, CLI, manual pages, udev rule; for DKMS the module's sources
	@$(MAKE) --no-print-directory -C userspace O=$(BUILD)/userspace PREFIX=$(PREFIX) install
	install -d $(DESTDIR)$(UDEVDIR) $(sources)
	install -m 644 scripts/60-framepool.rules $(DESTDIR)$(UDEVDIR)
	install -m 644 Kbuild $(sources)
	for file in $(filter-out module/examples/%,$(wildcard module/*.[ch] module/*/*.[ch])); do \
		install -D -m 644 $$file $(sources)/$$file || exit; done
	sed 's/@VERSION@/$(version)/' scripts/dkms.conf > $(sources)/dkms.conf

uninstall: ## takes away what make install put there, given the same PREFIX and DESTDIR
	@$(MAKE) --no-print-directory -C userspace O=$(BUILD)/userspace PREFIX=$(PREFIX) uninstall
	rm -f $(DESTDIR)$(UDEVDIR)/60-framepool.rules
	rm -rf $(sources)

static: ## the CLI as a static program, for the labs: build/static
	@$(MAKE) --no-print-directory -C userspace O=$(BUILD)/static STATIC=1

tests: static ## the kselftests: build/selftests
	@source=$$(scripts/lab/source) && $(MAKE) --no-print-directory -C selftests O=$(BUILD)/selftests \
		KSELFTEST=$$source/tools/testing/selftests USERSPACE_O=$(BUILD)/static

lab-%: static ## what a lab needs (lab-KERNEL; KERNEL=debug, kcsan or in scripts/lab/kernels)
	@kernel=$$(scripts/lab/kernel $*) && \
		scripts/lab/within $$kernel $(MAKE) --no-print-directory module test-module KDIR=$$kernel/build

# The module of the tests, and the example, which use the symbols that framepool.ko exports. That these have changed Kbuild
# does not notice.
test-module: out = $(BUILD)/tests-$(release)
test-module: exports = $(BUILD)/kernel-$(release)/Module.symvers
test-module: module
	@[ "$$(cat $(out)/kdir 2>/dev/null)" = "$$(realpath $(KDIR))" ] || rm -rf $(out)
	@mkdir -p $(out)/selftests
	@cp -rsf $(CURDIR)/module $(out)/
	@cp -rsf $(CURDIR)/selftests/kernel $(out)/selftests/
	@realpath $(KDIR) > $(out)/kdir
	@[ $(out)/selftests/kernel/Module.symvers -nt $(exports) ] || rm -f $(out)/selftests/kernel/Module.symvers
	+@$(MAKE) --no-print-directory -C $(KDIR) M=$(out)/selftests/kernel W=1 \
		KBUILD_EXTRA_SYMBOLS=$(exports) modules
	@[ $(out)/module/examples/Module.symvers -nt $(exports) ] || rm -f $(out)/module/examples/Module.symvers
	+@$(MAKE) --no-print-directory -C $(KDIR) M=$(out)/module/examples W=1 \
		KBUILD_EXTRA_SYMBOLS=$(exports) modules

bench: setup ## measures framepool against the kernel's allocators: a table, build/bench, docs/benchmarks.md
	@scripts/bench

# The module of the benchmarks, for a kernel of the lab. Objects of the core that are in it are not those of framepool.ko.
bench-module: out = $(BUILD)/bench-$(release)
bench-module:
	@[ "$$(cat $(out)/kdir 2>/dev/null)" = "$$(realpath $(KDIR))" ] || rm -rf $(out)
	@mkdir -p $(out)/selftests
	@cp -rsf $(CURDIR)/module $(out)/
	@cp -rsf $(CURDIR)/selftests/bench $(out)/selftests/
	@realpath $(KDIR) > $(out)/kdir
	+@$(MAKE) --no-print-directory -C $(KDIR) M=$(out)/selftests/bench W=1 modules

bench-uml: ## what the lab uml of make bench needs
	@kernel=$$(scripts/lab/kernel uml) && \
		$(MAKE) --no-print-directory bench-module KDIR=$$kernel/build ARCH=um

bench-%: ## what the lab vm of make bench needs (bench-6.12)
	@kernel=$$(scripts/lab/kernel $*) && \
		scripts/lab/within $$kernel $(MAKE) --no-print-directory module bench-module KDIR=$$kernel/build
	@$(MAKE) --no-print-directory -C selftests/bench O=$(BUILD)/bench/guest bench_guest

check: setup-lint ## all tests on the stock kernels and on the host, and make lint; ends with the sum
	@scripts/check host lint $(KERNELS)

check-host: setup ## the tests that need no kernel
	@scripts/check host

fuzz: setup ## random operations on the core, for T=60 seconds; a crash leaves a file in build/host/fuzzer
	@$(MAKE) --no-print-directory -C selftests/host O=$(BUILD)/host T=$(or $(T),60) fuzz

fuzz-kernel: setup ## random operations on the device in a virtual machine (KERNEL=), for T=60 seconds; SEED= repeats them
	@scripts/fuzz-kernel $(KERNEL) $(or $(T),60) $(or $(SEED),$(shell date +%s))

soak: setup lab-$(KERNEL) tests ## N=10000000 operations, and processes that are killed, in a virtual machine (KERNEL=, SEED=)
	@scripts/lab/run --live --timeout=36000 $(KERNEL) scripts/lab/job-fuzz soak $(or $(N),10000000) \
		$(or $(SEED),$(shell date +%s))

check-vm: setup ## the kselftests on the stock kernels, in virtual machines
	@scripts/check $(KERNELS)

check-matrix: setup ## the kselftests on every kernel of the lab, the PREEMPT_RT one included
	@scripts/check $(MATRIX)

check-debug: setup ## the kselftests on a kernel with KASAN, lockdep and DEBUG_VM (built once)
	@scripts/check debug

check-kcsan: setup ## the kselftests with threads on a kernel with KCSAN, which finds data races (built once)
	@scripts/check kcsan

coverage: setup ## which lines of the module the kselftests run, on the debugging kernel (a quarter of an hour)
	@scripts/coverage

demo: setup ## shows what framepool does, in a virtual machine
	@scripts/demo

shell: setup lab-$(KERNEL) ## a shell in a virtual machine with the module (KERNEL=, as for lab-KERNEL)
	@scripts/lab/run --interactive $(KERNEL) scripts/lab/job-shell

lint: setup-lint ## static checks: style, locks, layers, comments, and what analyzers find; scripts/lint says more
	@scripts/check lint

setup-lint:
	@scripts/setup lint

setup: ## installs the Debian packages that the above need, if any is missing
	@scripts/setup

clean: ## removes build/ (not the kernels in ~/.cache/framepool)
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z%-]*\):[^#]*## /\1\t/p' Makefile | expand -t 14

.PHONY: all module userspace install uninstall static tests check check-host check-vm check-matrix check-debug check-kcsan coverage fuzz fuzz-kernel soak bench bench-module test-module demo shell lint setup-lint setup clean help
