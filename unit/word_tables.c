/* The words that directives of a fixed vocabulary take, for value_word and property_word: declared beside the settings
 * that hold their index. The first word is index 0; the default is unit_settings_default's. */
#include "unit/settings.h"

const char *const words_protect_home[] = { "no", "yes", "read-only", "tmpfs", NULL };

/* ---- [Unit] ---- */
const char *const words_action[] = { "none",
                                     "reboot",
                                     "reboot-force",
                                     "reboot-immediate",
                                     "poweroff",
                                     "poweroff-force",
                                     "poweroff-immediate",
                                     "exit",
                                     "exit-force",
                                     NULL };
const char *const words_job_mode[] = {
    "fail",       "replace", "replace-irreversibly", "isolate", "flush", "ignore-dependencies", "ignore-requirements",
    "triggering", NULL
};
const char *const words_collect_mode[] = { "inactive", "inactive-or-failed", NULL };

/* ---- [Service] ---- */
const char *const words_exit_type[] = { "main", "cgroup", NULL };
const char *const words_notify_access[] = { "none", "main", "exec", "all", NULL };
const char *const words_oom_policy[] = { "continue", "stop", "kill", NULL };
const char *const words_failure_mode[] = { "terminate", "abort", "kill", NULL };
const char *const words_restart_mode[] = { "normal", "direct", "debug", NULL };
const char *const words_fd_store_preserve[] = { "no", "yes", "restart", NULL };
const char *const words_service_type[] = { "simple", "exec",          "forking", "oneshot", "dbus",
                                           "notify", "notify-reload", "idle",    NULL };
const char *const words_restart[] = { "no",       "on-success",  "on-failure", "on-abnormal",
                                      "on-abort", "on-watchdog", "always",     NULL };
const char *const words_open_file[] = { "read-only", "append", "truncate", "graceful", NULL };

/* ---- [Socket] ---- */
const char *const words_bind_ipv6_only[] = { "default", "both", "ipv6-only", NULL };
const char *const words_timestamping[] = { "off", "us", "ns", NULL };
const char *const words_defer_trigger[] = { "no", "yes", "patient", NULL };
const char *const words_ip_tos[] = { "low-cost", "reliability", "throughput", "low-delay", NULL };
/* By number: linux/netlink.h. */
const char *const words_netlink[] = { "route",          "",          "",          "firewall",      "inet-diag",
                                      "nflog",          "xfrm",      "selinux",   "iscsi",         "audit",
                                      "fib-lookup",     "connector", "netfilter", "ip6-fw",        "dnrtmsg",
                                      "kobject-uevent", "generic",   "",          "scsitransport", "ecryptfs",
                                      "rdma",           NULL };

/* ---- systemd.resource-control(5) ---- */
const char *const words_device_policy[] = { "auto", "closed", "strict", NULL };
const char *const words_managed_oom[] = { "auto", "kill", NULL };
const char *const words_oom_preference[] = { "none", "avoid", "omit", NULL };
const char *const words_pressure_watch[] = { "auto", "no", "yes", "skip", NULL };
const char *const words_controllers[] = { "cpu",
                                          "cpuacct",
                                          "cpuset",
                                          "io",
                                          "blkio",
                                          "memory",
                                          "devices",
                                          "pids",
                                          "bpf-firewall",
                                          "bpf-devices",
                                          "bpf-foreign",
                                          "bpf-socket-bind",
                                          "bpf-restrict-network-interfaces",
                                          NULL };
const char *const words_bpf_attach[] = { "ingress",    "egress",     "sock_create", "sock_ops", "device",
                                         "bind4",      "bind6",      "connect4",    "connect6", "post_bind4",
                                         "post_bind6", "sendmsg4",   "sendmsg6",    "sysctl",   "recvmsg4",
                                         "recvmsg6",   "getsockopt", "setsockopt",  NULL };
