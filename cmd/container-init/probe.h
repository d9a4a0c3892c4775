/* cmd/container-init/probe.h - `container-init __probe`: one look at what ReadyWhen= or HealthCheck= names.
 *
 * Run by PID 1 in the unit's cgroup, as its user, below a deadline that kills it; so everything here may wait. Without
 * arguments it does nothing and succeeds (S06). */
#pragma once

/* argv[0] is "__probe". "tcp HOST:PORT", "unix PATH", "path PATH", "http URL", "log COUNT REGEX" (lines on standard
 * input, until COUNT of them match). The exit status: 0, or what probe_status_words() explains. */
int probe_main(int argc, char **argv);
