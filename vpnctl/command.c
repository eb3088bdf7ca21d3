/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>

#include "base/args.h"
#include "vpnctl/command.h"

#define SHOWS (COMMAND_JSON | COMMAND_WATCH)

const struct command command_rows[] = {
	{"status", "", 0, 0, SHOWS, show_status, "is the gateway well, and if not, why"},
	{"tunnels", "", 0, 0, SHOWS, show_tunnels, "every peer of every tunnel"},
	{"routes", "", 0, 0, SHOWS, show_routes, "every prefix, its way and its backup"},
	{"nat drain", "", 0, 0, 0, drain_begin, "let flows go on but none begin by the uplinks"},
	{"nat undrain", "", 0, 0, 0, drain_end, "let flows begin again"},
	{"nat", "", 0, 0, SHOWS, show_nat, "uplinks, subnets, flows and drops"},
	{"flows", "", 0, 0, COMMAND_JSON | COMMAND_FLOWS, flows_run,
		"what goes through the subnets now; sums of it; or end some of it"},
	{"events", "", 0, 0, COMMAND_JSON | COMMAND_EVENTS, events_run,
		"what happened to tunnels, prefixes and the rest, and why"},
	{"wait", "", 0, 0, COMMAND_FOR | COMMAND_TIMEOUT, wait_run,
		"return when a tunnel is up, a prefix reachable or NAT up"},
	{"reload", "[vpnd|natd]", 0, 1, COMMAND_JSON, reload_run,
		"have the daemons read their config again"},
	{"genkey", "", 0, 0, 0, keys_genkey, "print a new private key"},
	{"pubkey", "", 0, 0, 0, keys_pubkey, "read a private key, print its public key"},
	{"genpsk", "", 0, 0, 0, keys_genpsk, "print a new preshared key"},
	{"key ensure", "FILE", 1, 1, COMMAND_JSON, keys_ensure,
		"make FILE a private key unless it is one, print its public key"},
	{"import", "FILE", 1, 1, COMMAND_IMPORT, import_run,
		"turn a wg-quick file into a vpnd.conf and key files"},
	{"completion", "bash", 1, 1, 0, help_completion, "print a script that completes commands"},
};
const size_t command_n_rows = sizeof(command_rows) / sizeof(command_rows[0]);
static_assert(
	sizeof(command_rows) <= COMMAND_ROWS_MAX * sizeof(command_rows[0]), "raise the limit");

const struct command_option command_options[] = {
	{"json", NULL, COMMAND_JSON, "print JSON"},
	{"watch", NULL, COMMAND_WATCH, "print anew every second, with traffic as rates"},
	{"follow", NULL, COMMAND_EVENTS, "go on with those to come, until interrupted"},
	{"for", "WHAT", COMMAND_FOR, "tunnel=NAME, prefix=PREFIX or nat"},
	{"timeout", "SECONDS", COMMAND_TIMEOUT, "give up after this time (30)"},
	{"name", "NAME", COMMAND_IMPORT, "what to call the tunnel (as FILE is called)"},
	{"output", "FILE", COMMAND_IMPORT, "write the config there, and the key files"},
	{"keys", "DIR", COMMAND_IMPORT, "write the key files there (/etc/gatehouse/keys)"},
	{"from", "PREFIX", COMMAND_FLOWS, "flows that these addresses began"},
	{"to", "PREFIX", COMMAND_FLOWS, "flows to these addresses"},
	{"proto", "WORD", COMMAND_FLOWS, "flows of tcp, udp, icmp, or a number"},
	{"port", "NUMBER", COMMAND_FLOWS, "flows to this port"},
	{"state", "WORD", COMMAND_FLOWS, "flows in this state, such as established"},
	{"nat", "ADDRESS", COMMAND_FLOWS, "flows by this public address"},
	{"limit", "NUMBER", COMMAND_FLOWS, "no more than this many"},
	{"top", "WORD", COMMAND_FLOWS, "the most, by dest, source or bytes (10)"},
	{"kill", NULL, COMMAND_FLOWS, "end them; needs one of the filters above"},
	{"run-dir", "DIR", COMMAND_COMMON, "where the daemons' sockets are (" ARGS_RUN_DIR ")"},
	{"help", NULL, COMMAND_COMMON, "explain the command"},
	{"version", NULL, COMMAND_COMMON, "print the version"},
};
const size_t command_n_options = sizeof(command_options) / sizeof(command_options[0]);
static_assert(sizeof(command_options) <= COMMAND_OPTIONS_MAX * sizeof(command_options[0]),
	"raise the limit");
