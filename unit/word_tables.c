/* The words that directives of a fixed vocabulary take, for value_word and property_word: declared beside the settings
 * that hold their index. The first word is index 0; the default is unit_settings_default's. */
#include "unit/values_exec.h"

const char *const words_keyring_mode[] = { "private", "inherit", "shared", NULL };
const char *const words_streams[STD_COUNT + 7] = {
    [STD_INHERIT] = "inherit",
    [STD_NULL] = "null",
    [STD_LOG] = "journal",
    [STD_FILE] = "file",
    [STD_FILE_APPEND] = "append",
    [STD_FILE_TRUNCATE] = "truncate",
    [STD_TTY] = "tty",
    [STD_RAW] = "raw",
    [STD_SOCKET] = "socket",
    [STD_FD] = "fd",
    [STD_DATA] = "data",
    [STD_COUNT] = "tty-force",
    [STD_COUNT + 1] = "tty-fail",
    [STD_COUNT + 2] = "journal+console",
    [STD_COUNT + 3] = "kmsg",
    [STD_COUNT + 4] = "kmsg+console",
};
const char *const words_mount_flags[] = { "", "shared", "slave", "private", NULL };
const char *const words_numa_policy[] = { "n/a", "default", "preferred", "bind", "interleave", "local", NULL };
const char *const words_proc_subset[] = { "all", "pid", NULL };
const char *const words_protect_home[] = { "no", "yes", "read-only", "tmpfs", NULL };

/* ---- [Unit] ---- */
const char *const words_action[] = { "none",        "reboot",         "reboot-force",       "reboot-immediate",
                                     "poweroff",    "poweroff-force", "poweroff-immediate", "exit",
                                     "exit-force",  "soft-reboot",    "soft-reboot-force",  "kexec",
                                     "kexec-force", "halt",           "halt-force",         "halt-immediate",
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
const char *const words_health_action[] = { "restart", "fail", "exit-container", "none", NULL };
const char *const words_open_file[] = { "read-only", "append", "truncate", "graceful", NULL };

/* ---- [Socket] ---- */
const char *const words_bind_ipv6_only[] = { "default", "both", "ipv6-only", NULL };
const char *const words_activation_mode[] = { "native", "proxy", NULL };
const char *const words_proxy_protocol[] = { "no", "v1", "v2", NULL };
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
const char *const words_implied_devices[] = { "/dev/loop-control",   "/dev/mapper/control",
                                              "block-loop",          "block-blkext",
                                              "block-device-mapper", "char-rtc",
                                              "/dev/tpmrm0",         NULL };
const char *const words_bpf_attach[] = { "ingress",    "egress",     "sock_create", "sock_ops", "device",
                                         "bind4",      "bind6",      "connect4",    "connect6", "post_bind4",
                                         "post_bind6", "sendmsg4",   "sendmsg6",    "sysctl",   "recvmsg4",
                                         "recvmsg6",   "getsockopt", "setsockopt",  NULL };
const char *const words_protect_proc[] = { "default", "noaccess", "invisible", "ptraceable", NULL };
const char *const words_protect_system[] = { "no", "yes", "full", "strict", NULL };
const char *const words_utmp_mode[] = { "init", "login", "user", NULL };
const char *const words_kill_mode[] = { "control-group", "mixed", "process", "none", NULL };
const char *const words_preserve[] = { "no", "yes", "restart", NULL };

/* ---- values_exec*.c, values_sandbox*.c: the index is the number that the kernel or syslog(3) has for it ---- */

const char *const words_cpu_policy[] = { "other", "fifo", "rr", "batch", "-", "idle", NULL };
const char *const words_io_class[] = { "none", "realtime", "best-effort", "idle", NULL };
const char *const words_log_level[] = { "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", NULL };
const char *const words_log_facility[] = { "kern",   "user",   "mail",   "daemon",   "auth",   "syslog", "lpr",
                                           "news",   "uucp",   "cron",   "authpriv", "ftp",    "-",      "-",
                                           "-",      "-",      "local0", "local1",   "local2", "local3", "local4",
                                           "local5", "local6", "local7", NULL };
const char *const words_coredump_filter[] = {
    "private-anonymous", "shared-anonymous", "private-file-backed", "shared-file-backed", "elf-headers",
    "private-huge",      "shared-huge",      "private-dax",         "shared-dax",         NULL
};
const char *const words_secure_bits[] = {
    "noroot", "noroot-locked", "no-setuid-fixup", "no-setuid-fixup-locked", "keep-caps", "keep-caps-locked", NULL
};
/* capabilities(7) */
const char *const words_capabilities[] = { "cap_chown",
                                           "cap_dac_override",
                                           "cap_dac_read_search",
                                           "cap_fowner",
                                           "cap_fsetid",
                                           "cap_kill",
                                           "cap_setgid",
                                           "cap_setuid",
                                           "cap_setpcap",
                                           "cap_linux_immutable",
                                           "cap_net_bind_service",
                                           "cap_net_broadcast",
                                           "cap_net_admin",
                                           "cap_net_raw",
                                           "cap_ipc_lock",
                                           "cap_ipc_owner",
                                           "cap_sys_module",
                                           "cap_sys_rawio",
                                           "cap_sys_chroot",
                                           "cap_sys_ptrace",
                                           "cap_sys_pacct",
                                           "cap_sys_admin",
                                           "cap_sys_boot",
                                           "cap_sys_nice",
                                           "cap_sys_resource",
                                           "cap_sys_time",
                                           "cap_sys_tty_config",
                                           "cap_mknod",
                                           "cap_lease",
                                           "cap_audit_write",
                                           "cap_audit_control",
                                           "cap_setfcap",
                                           "cap_mac_override",
                                           "cap_mac_admin",
                                           "cap_syslog",
                                           "cap_wake_alarm",
                                           "cap_block_suspend",
                                           "cap_audit_read",
                                           "cap_perfmon",
                                           "cap_bpf",
                                           "cap_checkpoint_restore",
                                           NULL };
/* address_families(7), by their number; "-" where Linux has none. */
const char *const words_address_families[] = {
    "-",           "AF_UNIX",       "AF_INET",    "AF_AX25",      "AF_IPX",     "AF_APPLETALK", "AF_NETROM",
    "AF_BRIDGE",   "AF_ATMPVC",     "AF_X25",     "AF_INET6",     "AF_ROSE",    "AF_DECnet",    "AF_NETBEUI",
    "AF_SECURITY", "AF_KEY",        "AF_NETLINK", "AF_PACKET",    "AF_ASH",     "AF_ECONET",    "AF_ATMSVC",
    "AF_RDS",      "AF_SNA",        "AF_IRDA",    "AF_PPPOX",     "AF_WANPIPE", "AF_LLC",       "AF_IB",
    "AF_MPLS",     "AF_CAN",        "AF_TIPC",    "AF_BLUETOOTH", "AF_IUCV",    "AF_RXRPC",     "AF_ISDN",
    "AF_PHONET",   "AF_IEEE802154", "AF_CAIF",    "AF_ALG",       "AF_NFC",     "AF_VSOCK",     "AF_KCM",
    "AF_QIPCRTR",  "AF_SMC",        "AF_XDP",     "AF_MCTP",      NULL
};
/* Sorted. */
const char *const words_architectures[] = { "arm",       "arm64",         "mips",       "mips-le",  "mips64",
                                            "mips64-le", "mips64-le-n32", "mips64-n32", "native",   "parisc",
                                            "parisc64",  "ppc",           "ppc64",      "ppc64-le", "riscv64",
                                            "s390",      "s390x",         "x32",        "x86",      "x86-64",
                                            NULL };
const char *const words_personality[] = {
#if defined(__x86_64__)
    "x86-64", "x86",
#elif defined(__aarch64__)
    "arm64", "arm",
#endif
    NULL
};
const char *const words_partitions[] = { "root",
                                         "root-secondary",
                                         "root-other",
                                         "usr",
                                         "usr-secondary",
                                         "usr-other",
                                         "home",
                                         "srv",
                                         "esp",
                                         "xbootldr",
                                         "swap",
                                         "root-verity",
                                         "root-secondary-verity",
                                         "root-other-verity",
                                         "usr-verity",
                                         "usr-secondary-verity",
                                         "usr-other-verity",
                                         "root-verity-sig",
                                         "root-secondary-verity-sig",
                                         "root-other-verity-sig",
                                         "usr-verity-sig",
                                         "usr-secondary-verity-sig",
                                         "usr-other-verity-sig",
                                         "tmp",
                                         "var",
                                         NULL };
const char *const words_file_system_groups[] = { "basic-api",    "auxiliary-api",
                                                 "common-block", "historical-block",
                                                 "network",      "privileged-api",
                                                 "security",     "temporary",
                                                 "known",        NULL };
