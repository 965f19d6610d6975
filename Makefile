# make test     run all checks of CI; an error if a test cannot run here, unless ALLOW_SKIPS=1
# make fuzz     run every fuzz target: its seeds, then mutations of them for SECONDS (10)
# make deny     check versions, licences and sources of the dependencies
# make advisories  check the dependencies against the advisory database of RustSec
# make demo     show the main task, end to end, in a bed
# make bench    measure against baselines, and print a table
# make soak     real services, faults and a storm of forks, a thousand times each; a steady load for an hour: four hours in all
# make build    build the programs into target/release
# make install  install the programs; never calls cargo

DESTDIR =
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
LIBEXECDIR = $(PREFIX)/libexec
SYSCONFDIR = /etc
UNITDIR = $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(PREFIX)/lib/tmpfiles.d
DBUSPOLICYDIR = $(SYSCONFDIR)/dbus-1/system.d
CATALOGDIR = $(PREFIX)/lib/systemd/catalog
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/polkit-service-agent
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d

# `no` builds without libduktape: `explain` and `check` then run no policy rules, and say so. The default is `yes` if the library
# can be linked.
DUKTAPE = $(shell echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null -lduktape 2>/dev/null && echo yes || echo no)

# The folder from which `install` copies the programs.
BUILT = $(or $(CARGO_TARGET_DIR),target)/release
# Where `build` puts the shell completions.
COMPLETIONS = $(BUILT)/completions
CARGO = cargo
INSTALL = install
SUDO = $(shell [ "$$(id -u)" = 0 ] || { command -v sudo >/dev/null && echo sudo -E; })
# For making the beds, for the linker, and the engine that runs policy rules.
PACKAGES = duktape-dev gcc g++ libc6-dev make mmdebstrap util-linux iproute2 ca-certificates
MANUALS = policy-gen/man/polkit-policy-gen.1 agent/man/agent.toml.5 policy-gen/man/policy.toml.5 \
	policy-gen/man/polkit-mechanisms.7 policy-gen/man/polkit-policy-gen-libvirt.7 policy-gen/man/polkit-policy-gen-verdicts.7 \
	agent/man/polkit-service-agent.8
# The programs that run the tests.
PROGRAMS = $(or $(CARGO_TARGET_DIR),target)/debug

all: build

build:
	$(if $(filter no,$(DUKTAPE)),@echo 'without libduktape (Debian: duktape-dev): explain and check will run no rules' >&2; \
		rm -f $(BUILT)/polkit-policy-gen-js)
	SYSCONFDIR='$(SYSCONFDIR)' LIBEXECDIR='$(LIBEXECDIR)' $(CARGO) build --release --locked -p polkit-service-agent -p polkit-policy-gen \
		-p polkit-completions $(if $(filter no,$(DUKTAPE)),--no-default-features)
	$(BUILT)/polkit-completions $(COMPLETIONS)

# Never changes an existing configuration: the sample goes to the documentation.
install:
	@grep -qF '$(LIBEXECDIR)/polkit-service-agent-hook' $(BUILT)/polkit-policy-gen || \
		{ echo 'the programs were built for another LIBEXECDIR: run make build with the same PREFIX or LIBEXECDIR' >&2; exit 1; }
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(LIBEXECDIR)' '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(DOCDIR)/examples'
	$(INSTALL) -d '$(DESTDIR)$(SYSCONFDIR)/polkit-service-agent/agent.d'
	$(INSTALL) -m 0755 $(BUILT)/polkit-service-agent $(BUILT)/polkit-policy-gen '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 0755 $(BUILT)/polkit-service-agent-hook '$(DESTDIR)$(LIBEXECDIR)'
	[ ! -e $(BUILT)/polkit-policy-gen-js ] || $(INSTALL) -m 0755 $(BUILT)/polkit-policy-gen-js '$(DESTDIR)$(LIBEXECDIR)'
	sed 's|@BINDIR@|$(BINDIR)|g' agent/dist/polkit-service-agent.service.in \
		> '$(DESTDIR)$(UNITDIR)/polkit-service-agent.service'
	chmod 0644 '$(DESTDIR)$(UNITDIR)/polkit-service-agent.service'
	$(INSTALL) -d '$(DESTDIR)$(SYSUSERSDIR)'
	$(INSTALL) -m 0644 agent/dist/polkit-service-agent.sysusers '$(DESTDIR)$(SYSUSERSDIR)/polkit-service-agent.conf'
	[ ! -e $(BUILT)/polkit-policy-gen-js ] || $(INSTALL) -m 0644 policy-gen/dist/polkit-policy-gen-js.sysusers \
		'$(DESTDIR)$(SYSUSERSDIR)/polkit-policy-gen-js.conf'
	$(INSTALL) -d '$(DESTDIR)$(CATALOGDIR)'
	$(INSTALL) -m 0644 agent/dist/polkit-service-agent.catalog '$(DESTDIR)$(CATALOGDIR)'
	$(INSTALL) -d '$(DESTDIR)$(DBUSPOLICYDIR)'
	$(INSTALL) -m 0644 agent/dist/io.github.polkit_service_agent.Agent1.conf '$(DESTDIR)$(DBUSPOLICYDIR)'
	$(INSTALL) -m 0644 agent/dist/agent.toml agent/dist/follow.conf agent/dist/sessions.conf '$(DESTDIR)$(DOCDIR)/examples'
	$(INSTALL) -m 0644 README.md SECURITY.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE '$(DESTDIR)$(DOCDIR)'
	$(INSTALL) -d '$(DESTDIR)$(MANDIR)/man1' '$(DESTDIR)$(MANDIR)/man5' '$(DESTDIR)$(MANDIR)/man7' '$(DESTDIR)$(MANDIR)/man8'
	for page in $(MANUALS); do \
		to='$(DESTDIR)$(MANDIR)'/man$${page##*.}/$${page##*/}; \
		sed -e 's|/usr/share/doc/polkit-service-agent|$(DOCDIR)|g' -e 's|/usr/libexec/polkit-|$(LIBEXECDIR)/polkit-|g' $$page > "$$to" && \
		chmod 0644 "$$to" || exit 1; done
	$(INSTALL) -d '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)' '$(DESTDIR)$(FISHDIR)'
	for name in polkit-service-agent polkit-policy-gen; do \
		$(INSTALL) -m 0644 $(COMPLETIONS)/$$name.bash "$(DESTDIR)$(BASHDIR)/$$name" && \
		$(INSTALL) -m 0644 $(COMPLETIONS)/_$$name '$(DESTDIR)$(ZSHDIR)' && \
		$(INSTALL) -m 0644 $(COMPLETIONS)/$$name.fish '$(DESTDIR)$(FISHDIR)' || exit 1; done

packages:
	@missing=; for package in $(PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing" >&2; \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -qq -y --no-install-recommends $$missing >/dev/null; fi

test: packages
	@./tests/all.sh '$(SUDO)' '$(CARGO)'

SECONDS = 10
fuzz: packages
	@./tests/fuzz.sh '$(SUDO)' '$(CARGO)' '$(SECONDS)'

# Built once, without optimization: its input is small.
DENY = $(or $(CARGO_TARGET_DIR),target)/tools
$(DENY)/bin/cargo-deny:
	CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0 \
		CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 $(CARGO) install --locked --quiet --root $(DENY) cargo-deny@0.20.2

deny: $(DENY)/bin/cargo-deny
	$(DENY)/bin/cargo-deny --locked check bans licenses sources

# Needs the advisory database of RustSec, so the public workflow runs it, and `make test` does not.
advisories: $(DENY)/bin/cargo-deny
	$(DENY)/bin/cargo-deny --locked check advisories

demo: packages
	@./tests/demo.sh '$(SUDO)' '$(CARGO)'

soak: packages
	$(CARGO) build --workspace --locked
	$(SUDO) $(PROGRAMS)/roots
	$(SUDO) $(PROGRAMS)/soak

bench: packages
	@./tests/bench.sh '$(SUDO)' '$(CARGO)'

.PHONY: all build install packages test fuzz deny advisories demo bench soak
