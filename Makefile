# SPDX-License-Identifier: GPL-2.0-only
#
# make help lists the targets. Everything is built in build/, with a folder for each kernel.

override BUILD := $(abspath $(or $(BUILD),build))
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
PREFIX ?= /usr/local
UDEVDIR ?= $(PREFIX)/lib/udev/rules.d
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DOCDIR ?= $(PREFIX)/share/doc/framepool
MODULEINCLUDEDIR ?= $(PREFIX)/include/framepool-kernel
SOURCEDIR ?= /usr/src
DKMSTREE ?= /var/lib/dkms
KERNEL ?= 6.12
lab := scripts/lab
KERNELS := $(shell awk '$$2 == "check" { print $$1 }' $(lab)/cache/kernels)
MATRIX := $(shell awk '!/^\#/ { print $$1 }' $(lab)/cache/kernels)
# The labs' modules are built with Kbuild's own warnings, for which kernel-doc must be able to run.
W ?= 1
export BUILD

submake = $(MAKE) --no-print-directory
release = $(shell sed -n 's/^.define UTS_RELEASE "\(.*\)"/\1/p' \
	$(KDIR)/include/generated/utsrelease.h 2>/dev/null)

all: module userspace simulate ## module and programs, for the running kernel (or KVER=, KDIR=)

# The sources are linked into a build folder of the kernel, so that no objects are written beside
# them. The folder is emptied when KDIR changes: Kbuild does not notice other headers of the same
# release.
module: out = $(BUILD)/kernel-$(release)
module: ## the modules only: build/kernel-RELEASE/framepool.ko, framepool_configfs.ko
	@[ -n "$(release)" ] || { \
		echo "make: there are no kernel headers in $(KDIR)." >&2; \
		echo "  Install those of the running kernel (Debian: linux-headers-$(KVER))," >&2; \
		echo "  or name others with KVER= or KDIR=." >&2; \
		echo "  make check and make demo need none." >&2; exit 1; }
	@mkdir -p $(out)
	@[ "$$(cat $(out)/kdir 2>/dev/null)" = "$$(realpath $(KDIR))" ] || rm -rf $(out)/*
	@cp -rsf $(CURDIR)/Kbuild $(CURDIR)/module $(out)/
	@realpath $(KDIR) > $(out)/kdir
	+@$(submake) -C $(KDIR) M=$(out) modules

userspace: ## the library and the command line: build/userspace
	+@$(submake) -C userspace O=$(BUILD)/userspace

simulate: ## the program behind framepool replay --simulate: build/simulate
	+@$(submake) -C selftests/simulate O=$(BUILD)/simulate

# Installs the module's sources instead of the module: DKMS builds it for each kernel.
version = $(shell sed -n 's/^VERSION := //p' userspace/Makefile)
sources = $(DESTDIR)$(SOURCEDIR)/framepool-$(version)
examples = $(DESTDIR)$(DOCDIR)/module
monitoring = $(DESTDIR)$(DOCDIR)/monitoring

install: simulate ## installs all but the module to PREFIX (/usr/local), and its sources for DKMS
	+@$(submake) -C userspace O=$(BUILD)/userspace PREFIX=$(PREFIX) install
	install -d $(DESTDIR)$(UDEVDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(MODULEINCLUDEDIR) \
		$(examples) $(monitoring) $(sources)
	install -m 755 $(BUILD)/simulate/framepool-simulate $(DESTDIR)$(PREFIX)/bin
	install -m 644 scripts/install/60-framepool.rules $(DESTDIR)$(UDEVDIR)
	install -m 644 scripts/install/sysusers.conf $(DESTDIR)$(SYSUSERSDIR)/framepool.conf
	install -m 644 scripts/install/modprobe.conf scripts/install/modules-load.conf \
		scripts/install/framepool.conf scripts/install/framepool.service \
		$(DESTDIR)$(DOCDIR)
	install -m 644 module/kernel/framepool_kernel.h $(DESTDIR)$(MODULEINCLUDEDIR)
	install -m 644 module/examples/Kbuild module/examples/example.c $(examples)
	install -m 644 userspace/monitoring/* $(monitoring)
	install -m 644 Kbuild $(sources)
	for file in $(filter-out module/examples/%,$(wildcard module/*.[ch] module/*/*.[ch])); do \
		install -D -m 644 $$file $(sources)/$$file || exit; done
	sed 's/@VERSION@/$(version)/' scripts/install/dkms.conf > $(sources)/dkms.conf
	install -m 755 scripts/install/keep-symbols $(sources)

# DKMS must forget sources before they go. Otherwise it complains about them at each new kernel, and
# nothing but deleting its files by hand helps.
dkms_source = $(shell realpath -q $(DKMSTREE)/framepool/$(version)/source)

uninstall: ## removes what make install installed with the same PREFIX and DESTDIR, also from DKMS
	$(if $(DESTDIR),,$(if $(filter $(shell realpath -q $(sources)),$(dkms_source)),\
		! command -v dkms > /dev/null || \
		dkms remove --dkmstree $(DKMSTREE) framepool/$(version) --all))
	+@$(submake) -C userspace O=$(BUILD)/userspace PREFIX=$(PREFIX) uninstall
	rm -f $(DESTDIR)$(PREFIX)/bin/framepool-simulate
	rm -f $(DESTDIR)$(UDEVDIR)/60-framepool.rules $(DESTDIR)$(SYSUSERSDIR)/framepool.conf
	rm -rf $(DESTDIR)$(MODULEINCLUDEDIR) $(DESTDIR)$(DOCDIR) $(sources)

static: ## the command line as a static program, for the labs: build/static
	+@$(submake) -C userspace O=$(BUILD)/static STATIC=1

tests: static ## the kselftests: build/selftests
	+@$(submake) -C userspace O=$(BUILD)/static STATIC=1 examples
	+@source=$$($(lab)/cache/source) && $(submake) -C selftests O=$(BUILD)/selftests \
		KSELFTEST=$$source/tools/testing/selftests USERSPACE_O=$(BUILD)/static

lab-%: static ## what a lab needs (lab-KERNEL; KERNEL=debug, kcsan or in scripts/lab/cache/kernels)
	+@kernel=$$($(lab)/cache/kernel $*) && $(lab)/cache/within $$kernel \
		$(submake) module test-module KDIR=$$kernel/build W=$(W)

# The tests' module and the example, which use symbols of framepool.ko. They are linked again when
# the exported symbols change: Kbuild does not notice.
test-module: out = $(BUILD)/tests-$(release)
test-module: exports = $(BUILD)/kernel-$(release)/Module.symvers
test-module: module
	@[ "$$(cat $(out)/kdir 2>/dev/null)" = "$$(realpath $(KDIR))" ] || rm -rf $(out)
	@mkdir -p $(out)/selftests
	@cp -rsf $(CURDIR)/module $(out)/
	@cp -rsf $(CURDIR)/selftests/kernel $(out)/selftests/
	@realpath $(KDIR) > $(out)/kdir
	@for folder in $(out)/selftests/kernel $(out)/module/examples; do \
		[ $$folder/Module.symvers -nt $(exports) ] || rm -f $$folder/Module.symvers; done
	+@$(submake) -C $(KDIR) M=$(out)/selftests/kernel KBUILD_EXTRA_SYMBOLS=$(exports) modules
	+@$(submake) -C $(KDIR) M=$(out)/module/examples KBUILD_EXTRA_SYMBOLS=$(exports) modules

bench: setup-bench ## compares framepool with other allocators: build/bench, docs/benchmarks.md
	@scripts/bench

# The benchmarks' module, for a kernel of the lab. It has objects of the core of its own, which are
# not those of framepool.ko.
bench-module: out = $(BUILD)/bench-$(release)
bench-module:
	@[ "$$(cat $(out)/kdir 2>/dev/null)" = "$$(realpath $(KDIR))" ] || rm -rf $(out)
	@mkdir -p $(out)/selftests
	@cp -rsf $(CURDIR)/module $(out)/
	@cp -rsf $(CURDIR)/selftests/bench $(out)/selftests/
	@realpath $(KDIR) > $(out)/kdir
	+@$(submake) -C $(KDIR) M=$(out)/selftests/bench modules

bench-uml: ## what the lab uml of make bench needs
	+@kernel=$$($(lab)/cache/kernel uml) && \
		$(submake) bench-module KDIR=$$kernel/build ARCH=um W=$(W)

bench-%: ## what the lab vm of make bench needs (bench-6.12)
	+@kernel=$$($(lab)/cache/kernel $*) && $(lab)/cache/within $$kernel \
		$(submake) module bench-module KDIR=$$kernel/build W=$(W)
	+@$(submake) -C selftests/bench O=$(BUILD)/bench/guest bench_guest

check: setup-check ## all tests on the host and the stock kernels, and make lint; ends with the sum
	@scripts/check host lint $(KERNELS)

check-host: setup-check-host ## the tests that need no kernel
	@scripts/check host

fuzz: setup-fuzz ## random operations on the core for T=60 seconds; a crash is in build/host/fuzzer
	+@$(submake) -C selftests/host O=$(BUILD)/host T=$(or $(T),60) fuzz

fuzz-kernel: setup-fuzz-kernel ## random operations on the device in a VM (KERNEL=, T=60, SEED=)
	@scripts/fuzz-kernel $(KERNEL) $(or $(T),60) $(or $(SEED),$(shell date +%s))

soak: setup-soak lab-$(KERNEL) tests ## N=10000000 operations and kills in a VM (KERNEL=, SEED=)
	@$(lab)/run --live --timeout=36000 $(KERNEL) $(lab)/guest/job-fuzz soak \
		$(or $(N),10000000) $(or $(SEED),$(shell date +%s))

check-vm: setup-check-vm ## the kselftests on the stock kernels, in virtual machines
	@scripts/check $(KERNELS)

check-matrix: setup-check-matrix ## the kselftests on every stock kernel, PREEMPT_RT included
	@scripts/check $(MATRIX)

check-debug: setup-check-debug ## the kselftests on a kernel with KASAN, lockdep and DEBUG_VM
	@scripts/check debug

check-kcsan: setup-check-kcsan ## the kselftests with threads on a kernel that finds data races
	@scripts/check kcsan

coverage: setup-coverage ## which lines of the module the kselftests run, on the debugging kernel
	@scripts/coverage

demo: setup-demo ## shows what framepool does, in a virtual machine
	@scripts/demo

shell: setup-shell lab-$(KERNEL) ## a shell in a virtual machine with the module (KERNEL=)
	@$(lab)/run --interactive $(KERNEL) $(lab)/guest/job-shell

lint: setup-lint ## static checks, such as style, locks, layers and comments: see scripts/linters
	@scripts/check lint

setup: ## installs the Debian packages that all of the above need, if any is missing
	@scripts/setup

setup-%: ## the same for one target: setup-demo
	@scripts/setup $* $(filter debug kcsan,$(KERNEL))

clean: ## removes build/ (not the kernels in ~/.cache/framepool)
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z%-]*\):[^#]*## /\1\t/p' Makefile | expand -t 14

.PHONY: all module userspace simulate install uninstall static tests check check-host check-vm \
	check-matrix check-debug check-kcsan coverage fuzz fuzz-kernel soak bench bench-module \
	test-module demo shell lint setup clean help
