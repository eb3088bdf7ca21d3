# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build vpnd, natd and vpnctl into build/
# make deps       install what is missing, with the distribution's package manager
# make check      everything a change must pass
# make demo       the main job end to end, in network namespaces
# make install DESTDIR= PREFIX=/usr
# make bench      how fast, beside the best other userspace implementation
# make fuzz       every fuzz target for FUZZ_SECONDS each
# make deb        a Debian package into build/
# make sanitize   check once more, built with the address and undefined behaviour sanitizers
# make sanitize-threads   what has threads, built with the thread sanitizer
# make unit | net | lint    parts of check
# V=1 shows the commands of the build
#
# A room (a directory of sources) becomes one static library; programs and tests link the rooms that
# they may include (scripts/check-includes holds the same rule for headers).

BUILD    ?= build
PREFIX   ?= /usr
DESTDIR  ?=
VERSION  := 0.1.0
ifeq ($(origin CC),default)
CC       := gcc
endif
PYTHON   := /usr/bin/python3

PKGS     := libsodium libb2 libnl-3.0 libnftables libconfig jansson libsystemd libcap-ng libseccomp libmnl
WARN     := -Wall -Wextra -Werror -Wshadow -Wcast-qual -Wmissing-prototypes -Wstrict-prototypes -Wvla \
	    -Wpointer-arith -Wwrite-strings -Wformat=2 -Wno-format-nonliteral
HARDEN   := -fstack-protector-strong -fPIE -fstack-clash-protection
OPT      ?= -O2 -g
ifdef SANITIZE
SAN      := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined -DSANITIZED
else
HARDEN   += -D_FORTIFY_SOURCE=2
endif
# Asked for lazily, so that `make deps` works on a machine that has no pkg-config yet.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
# -iquote, not -I: our room netlink/ must not stand in for libnl's <netlink/...>.
CPPFLAGS += -iquote . -D_GNU_SOURCE -DGATEHOUSE_VERSION='"$(VERSION)"'
CFLAGS   = -std=gnu11 $(OPT) $(WARN) $(HARDEN) $(SAN) $(PKG_CFLAGS)
LDFLAGS  += -pie -Wl,-z,relro,-z,now,--as-needed $(SAN)

ROOMS    := base netlink vpnd/proto vpnd/data vpnd/engine vpnd/monitor vpnd natd vpnctl
PROGRAMS := vpnd natd vpnctl
MAINS    := vpnd/main.c natd/main.c vpnctl/main.c

OBJ      := $(BUILD)/obj
lib      = $(OBJ)/lib$(subst /,-,$(1)).a
srcs     = $(filter-out $(MAINS) $(AEAD_OTHER),$(wildcard $(1)/*.c))
objs     = $(patsubst %.c,$(OBJ)/%.o,$(1))

BASE_LIBS    := -lsodium -lconfig -ljansson -lsystemd -lcap-ng -lseccomp
NETLINK_LIBS := -lnl-3 -lnftables -lmnl

# Who computes the AEAD of transport messages: the file vpnd/proto/aead_$(AEAD).c (see aead.h).
AEAD     ?= $(if $(filter x86_64-%,$(shell $(CC) -dumpmachine)),ipsec_mb,openssl)
AEAD_LIBS_ipsec_mb := -lIPSec_MB
AEAD_LIBS_openssl  := -lcrypto
AEAD_OTHER := $(filter-out vpnd/proto/aead_$(AEAD).c,$(wildcard vpnd/proto/aead_*.c))
# The one that this build does not take is tested as well, unless no other CPU has it.
AEAD_OTHER_TESTED := $(filter vpnd/proto/aead_openssl.c,$(AEAD_OTHER))
PROTO_LIBS := -lb2 $(AEAD_LIBS_$(AEAD))

# What each room links, itself first: the walls of the house, as the linker sees them.
link_base         := $(call lib,base) $(BASE_LIBS)
link_netlink      := $(call lib,netlink) $(link_base) $(NETLINK_LIBS)
link_vpnd-proto   := $(call lib,vpnd/proto) $(link_base) $(PROTO_LIBS)
link_vpnd-data    := $(call lib,vpnd/data) $(link_vpnd-proto)
link_vpnd-engine  := $(call lib,vpnd/engine) $(call lib,vpnd) $(link_vpnd-data)
link_vpnd-monitor := $(call lib,vpnd/monitor) $(call lib,vpnd) $(link_netlink)
link_vpnd         := $(call lib,vpnd/monitor) $(call lib,vpnd/engine) $(call lib,vpnd) $(call lib,vpnd/data) \
		     $(call lib,vpnd/proto) $(link_netlink) $(PROTO_LIBS)
link_natd         := $(call lib,natd) $(link_netlink)
link_vpnctl       := $(call lib,vpnctl) $(link_base)

UNIT_SRC  := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN  := $(patsubst %.c,$(BUILD)/%,$(UNIT_SRC)) $(if $(AEAD_OTHER_TESTED),$(BUILD)/tests/unit/proto/test_aead_other)
SIM_SRC   := $(wildcard tests/sim/test_*.c)
SIM_BIN   := $(patsubst %.c,$(BUILD)/%,$(SIM_SRC))
SIM_PARTS := $(filter-out $(SIM_SRC),$(wildcard tests/sim/*.c))
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN  := $(patsubst %.c,$(BUILD)/%,$(FUZZ_SRC))
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_BIN := $(patsubst %.c,$(BUILD)/%,$(BENCH_SRC))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps install check check-all sanitize sanitize-threads thread-tests demo bench bench-programs fuzz fuzz-programs deb unit net lint clean

# What a command does, and where to; the command itself if V is set.
run = $(if $(V),,@echo '  $(1)  $(2)' && )

all: $(addprefix $(BUILD)/,$(PROGRAMS))

# --- rooms ----------------------------------------------------------------------------------------
$(OBJ)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call run,CC,$@)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define room
$(call lib,$(1)): $(call objs,$(call srcs,$(1)))
	@rm -f $$@
	$$(call run,AR,$$@)ar rcs $$@ $$^
-include $(patsubst %.o,%.d,$(call objs,$(call srcs,$(1))))
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

# --- programs -------------------------------------------------------------------------------------
define program
$(BUILD)/$(1): $(OBJ)/$(1)/main.o $(filter %.a,$(link_$(1)))
	$$(call run,LD,$$@)$$(CC) $$(LDFLAGS) -o $$@ $$< $(link_$(1))
-include $(OBJ)/$(1)/main.d
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# --- what several kinds of test hold the program against --------------------------------------------
$(eval $(call room,tests/oracle))
ORACLE := $(call lib,tests/oracle)

# --- unit tests: tests/unit/ROOM/test_*.c, each one program linked with its room --------------------
# The rooms of vpnd go by their last name: tests/unit/proto links vpnd/proto.
unit_link = $(or $(link_vpnd-$(1)),$(link_$(1)))

define unit_room
$(BUILD)/tests/unit/$(1)/%: $(OBJ)/tests/unit/$(1)/%.o $(ORACLE) $(filter %.a,$(call unit_link,$(1)))
	@mkdir -p $$(@D)
	$$(call run,LD,$$@)$$(CC) $$(LDFLAGS) -o $$@ $$< $(ORACLE) $(call unit_link,$(1)) -lcmocka
endef
$(foreach d,$(sort $(notdir $(patsubst %/,%,$(dir $(UNIT_SRC))))),$(eval $(call unit_room,$(d))))
# Its object comes before the archive, which then has nothing to add for the same names.
$(BUILD)/tests/unit/proto/test_aead_other: $(OBJ)/tests/unit/proto/test_aead.o $(call objs,$(AEAD_OTHER_TESTED)) \
		$(ORACLE) $(filter %.a,$(link_vpnd-proto))
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(ORACLE) $(link_vpnd-proto) \
		$(AEAD_LIBS_openssl) -lcmocka
# A kernel that refuses is made of the test itself.
$(BUILD)/tests/unit/data/test_refusals: LDFLAGS += -Wl,--wrap=sendmsg -Wl,--wrap=sendmmsg
-include $(patsubst %.c,$(OBJ)/%.d,$(UNIT_SRC) $(AEAD_OTHER_TESTED))

# --- simulations: tests/sim/test_*.c, the protocol core on a fake clock ------------------------------
$(BUILD)/tests/sim/%: $(OBJ)/tests/sim/%.o $(call objs,$(SIM_PARTS)) $(ORACLE) $(filter %.a,$(link_vpnd-proto))
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) $(LDFLAGS) -o $@ $< $(call objs,$(SIM_PARTS)) $(ORACLE) $(link_vpnd-proto) -lcmocka
-include $(patsubst %.c,$(OBJ)/%.d,$(SIM_SRC) $(SIM_PARTS))

# --- checks ---------------------------------------------------------------------------------------
# Tools of ours learn from the environment which build they are to use.
export BUILD

deps:
	@scripts/deps

# Not as prerequisites of one make: nothing can be compiled before deps is done.
check: deps
	@$(MAKE) --no-print-directory -j$$(nproc) check-all

check-all: all bench-programs $(UNIT_BIN) $(SIM_BIN)
	@scripts/check $(UNIT_BIN) $(SIM_BIN)

# The same once more with the sanitizers, which need some minutes longer.
sanitize: deps
	@SANITIZED=1 $(MAKE) --no-print-directory -j$$(nproc) BUILD=$(BUILD)/sanitized \
		SANITIZE=address,undefined check-all

# Its run-time library wants its own layout of the address space, hence setarch.
sanitize-threads: deps
	@$(MAKE) --no-print-directory -j$$(nproc) BUILD=$(BUILD)/threads SANITIZE=thread thread-tests

THREADED := $(BUILD)/tests/unit/data/test_crew $(BUILD)/tests/unit/data/test_lanes $(BUILD)/tests/sim/test_parts

thread-tests: all $(THREADED)
	@for test in $(THREADED); do setarch -R $$test || exit; done
	@setarch -R scripts/enclosed $(PYTHON) -B -m pytest -p no:cacheprovider -q tests/net/test_lanes.py

lint:
	@scripts/check-includes
	@scripts/check-tree

unit: $(UNIT_BIN) $(SIM_BIN)
	@set -e; for t in $^; do echo "== $$t"; $$t; done

# One of them: make net TESTS="-k rekey"
net: all bench-programs
	@$(PYTHON) -B -m pytest -p no:cacheprovider tests/tree tests/net $(TESTS)

demo: deps
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@scripts/demo

# One thing in a minute: make bench BENCH="--only vpnd,wireguard-go --figures tcp --rounds 1"
bench: deps
	@$(MAKE) --no-print-directory -j$$(nproc) all bench-programs
	@scripts/bench $(BENCH)

bench-programs: $(BENCH_BIN)

# tests/bench/*.c, each one program: generators of load, and what is measured without a network.
$(BUILD)/tests/bench/%: $(OBJ)/tests/bench/%.o $(filter %.a,$(link_vpnd-data))
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) $(LDFLAGS) -o $@ $< $(link_vpnd-data)
# aead.c measures each library that is installed: MACRO:package, where pkg-config knows it.
AEAD_MEASURED = $(foreach m,GCRYPT:libgcrypt OPENSSL:libcrypto,$(shell \
		pkg-config --exists $(lastword $(subst :, ,$(m))) && echo $(m)))
AEAD_IPSEC_MB = $(wildcard /usr/include/intel-ipsec-mb.h)

$(OBJ)/tests/bench/aead.o: CPPFLAGS += $(foreach m,$(AEAD_MEASURED),-DHAVE_$(firstword $(subst :, ,$(m)))) \
		$(if $(AEAD_IPSEC_MB),-DHAVE_IPSEC_MB)
$(BUILD)/tests/bench/aead: $(OBJ)/tests/bench/aead.o
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) $(LDFLAGS) -o $@ $< -lsodium $(if $(AEAD_IPSEC_MB),-lIPSec_MB) \
		$(foreach m,$(AEAD_MEASURED),$(shell pkg-config --libs $(lastword $(subst :, ,$(m)))))
# It counts how often the core computes X25519.
$(BUILD)/tests/bench/handshakes: LDFLAGS += -Wl,--wrap=crypto_scalarmult_curve25519 \
	-Wl,--wrap=crypto_scalarmult_curve25519_base
-include $(patsubst %.c,$(OBJ)/%.d,$(BENCH_SRC))

# --- fuzzing: tests/fuzz/fuzz_*.c, all rooms built once more by clang with its instruments ------------
# A target may use any room: an archive gives only what is asked of it.
FUZZ_SECONDS ?= 60
FUZZ_BUILD   := $(BUILD)/fuzz
FUZZ_LIBS    := $(call lib,natd) $(call lib,vpnctl) $(link_vpnd)

fuzz: deps
	@$(MAKE) --no-print-directory -j$$(nproc) BUILD=$(FUZZ_BUILD) CC=clang-14 OPT="-O1 -g" \
		SANITIZE=fuzzer-no-link,address,undefined fuzz-programs
	@scripts/fuzz $(FUZZ_SECONDS) $(FUZZ_BUILD) $(FUZZ_SRC)

fuzz-programs: $(FUZZ_BIN)

$(BUILD)/tests/fuzz/%: $(OBJ)/tests/fuzz/%.o $(ORACLE) $(filter %.a,$(FUZZ_LIBS))
	@mkdir -p $(@D)
	$(call run,LD,$@)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(ORACLE) $(FUZZ_LIBS)
-include $(patsubst %.c,$(OBJ)/%.d,$(FUZZ_SRC))

# --- installing and packing -----------------------------------------------------------------------
SBIN   := $(DESTDIR)$(PREFIX)/sbin
BIN    := $(DESTDIR)$(PREFIX)/bin
LIBDIR := $(DESTDIR)$(PREFIX)/lib
MAN    := $(DESTDIR)$(PREFIX)/share/man
DOC    := $(DESTDIR)$(PREFIX)/share/doc/gatehouse

install: all
	install -d $(SBIN) $(BIN) $(LIBDIR)/systemd/system $(LIBDIR)/sysusers.d $(LIBDIR)/tmpfiles.d \
		$(LIBDIR)/sysctl.d $(MAN)/man5 $(MAN)/man8 $(DOC)/examples
	install -m 755 $(BUILD)/vpnd $(BUILD)/natd $(SBIN)
	install -m 755 $(BUILD)/vpnctl $(BIN)
	for unit in configs/systemd/*.service; do \
		sed 's,@PREFIX@,$(PREFIX),g' $$unit >$(LIBDIR)/systemd/system/$${unit##*/}; done
	chmod 644 $(LIBDIR)/systemd/system/*.service
	install -m 644 configs/sysusers.d/gatehouse.conf $(LIBDIR)/sysusers.d
	install -m 644 configs/tmpfiles.d/gatehouse.conf $(LIBDIR)/tmpfiles.d
	install -m 644 configs/sysctl.d/50-gatehouse.conf $(LIBDIR)/sysctl.d
	for page in $(wildcard vpnd/*.[58] natd/*.[58] vpnctl/*.[58]); do \
		install -m 644 $$page $(MAN)/man$${page##*.}; done
	for example in $(wildcard configs/*.conf configs/*.example); do \
		install -m 644 $$example $(DOC)/examples; done

deb: deps
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@scripts/deb $(VERSION)

clean:
	rm -rf $(BUILD)
