#include "unit/special.h"

#include <stdlib.h>
#include <string.h>

#include "unit/set.h"

/* Sorted by strcmp(3). Source: systemd.special(7), system and user manager. */
static const char *const targets[] = {
    "basic.target",
    "bluetooth.target",
    "boot-complete.target",
    "cryptsetup-pre.target",
    "cryptsetup.target",
    "ctrl-alt-del.target",
    "default.target",
    "emergency.target",
    "exit.target",
    "factory-reset.target",
    "final.target",
    "first-boot-complete.target",
    "getty-pre.target",
    "getty.target",
    "graphical-session-pre.target",
    "graphical-session.target",
    "graphical.target",
    "halt.target",
    "hibernate.target",
    "hybrid-sleep.target",
    "initrd-fs.target",
    "initrd-root-device.target",
    "initrd-root-fs.target",
    "initrd-switch-root.target",
    "initrd-usr-fs.target",
    "initrd.target",
    "integritysetup-pre.target",
    "integritysetup.target",
    "kbrequest.target",
    "kexec.target",
    "local-fs-pre.target",
    "local-fs.target",
    "machines.target",
    "multi-user.target",
    "network-online.target",
    "network-pre.target",
    "network.target",
    "nss-lookup.target",
    "nss-user-lookup.target",
    "paths.target",
    "poweroff.target",
    "printer.target",
    "reboot.target",
    "remote-cryptsetup.target",
    "remote-fs-pre.target",
    "remote-fs.target",
    "remote-veritysetup.target",
    "rescue.target",
    "rpcbind.target",
    "runlevel0.target",
    "runlevel1.target",
    "runlevel2.target",
    "runlevel3.target",
    "runlevel4.target",
    "runlevel5.target",
    "runlevel6.target",
    "shutdown.target",
    "sigpwr.target",
    "sleep.target",
    "slices.target",
    "smartcard.target",
    "sockets.target",
    "soft-reboot.target",
    "sound.target",
    "storage-target-mode.target",
    "suspend-then-hibernate.target",
    "suspend.target",
    "swap.target",
    "sysinit.target",
    "system-update-pre.target",
    "system-update.target",
    "time-set.target",
    "time-sync.target",
    "timers.target",
    "umount.target",
    "usb-gadget.target",
    "veritysetup-pre.target",
    "veritysetup.target",
    "xdg-desktop-autostart.target",
};

static int compare_name(const void *name, const void *target)
{
    return strcmp(name, *(const char *const *)target);
}

const char *special_target(const char *name)
{
    const char *const *found = bsearch(name, targets, COUNT_OF(targets), sizeof *targets, compare_name);
    return found ? *found : NULL;
}

const char *special_signal_target(size_t index)
{
    static const char *const names[] = { "kbrequest.target", "sigpwr.target", "rescue.target", "emergency.target" };
    return index < COUNT_OF(names) ? names[index] : NULL;
}

/* Sorted; also those that systemd has without default dependencies. */
static const char *const stops[] = {
    "exit.target",   "final.target",    "halt.target",        "kexec.target",  "poweroff.target",
    "reboot.target", "shutdown.target", "soft-reboot.target", "umount.target",
};

bool special_is_for_stop(const char *name)
{
    return bsearch(name, stops, COUNT_OF(stops), sizeof *stops, compare_name) != NULL;
}

const char *special_stop_of(const struct unit *unit, size_t index)
{
    const struct text_list *lists[] = { &unit->install->wanted_by, &unit->install->required_by };
    for (size_t k = 0; !unit->systemd && k < COUNT_OF(lists); k++)
        for (uint32_t i = 0; i < lists[k]->count; i++)
            if (special_is_for_stop(lists[k]->items[i]) && index-- == 0) return lists[k]->items[i];
    return NULL;
}

bool special_is_for_signal(const char *name)
{
    for (size_t i = 0; special_signal_target(i); i++)
        if (strcmp(special_signal_target(i), name) == 0) return true;
    return false;
}

bool special_allows_isolate(const char *name)
{
    static const char *const names[] = { DEFAULT_TARGET, DEFAULT_TARGET_FALLBACK, "graphical.target", "rescue.target",
                                         "emergency.target" };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static const struct {
    const char *target;
    enum unit_relation relation;
    const char *name;
} dependencies[] = {
    { "basic.target", UNIT_REQUIRES, "sysinit.target" },
    { "basic.target", UNIT_WANTS, "paths.target" },
    { "basic.target", UNIT_WANTS, "slices.target" },
    { "basic.target", UNIT_WANTS, "sockets.target" },
    { "basic.target", UNIT_WANTS, "timers.target" },
    { "graphical.target", UNIT_AFTER, "display-manager.service" },
    { "graphical.target", UNIT_REQUIRES, "multi-user.target" },
    { "graphical.target", UNIT_WANTS, "display-manager.service" },
    { "multi-user.target", UNIT_REQUIRES, "basic.target" },
    { "multi-user.target", UNIT_WANTS, "getty.target" },
    { "network-online.target", UNIT_AFTER, "network.target" },
    { "network.target", UNIT_AFTER, "network-pre.target" },
    { "remote-fs.target", UNIT_AFTER, "remote-fs-pre.target" },
    { "local-fs.target", UNIT_AFTER, "local-fs-pre.target" },
    { "sysinit.target", UNIT_WANTS, "local-fs.target" },
    { "sysinit.target", UNIT_WANTS, "swap.target" },
};

int special_target_dependencies(struct arena *arena, const char *name, struct unit_section *section)
{
    int r = 0;
    if (special_is_for_stop(name)) section->default_dependencies = false;
    for (size_t i = 0; r == 0 && i < COUNT_OF(dependencies); i++)
        if (strcmp(name, dependencies[i].target) == 0)
            r = unit_relation_add(arena, section, dependencies[i].relation, dependencies[i].name);
    return r;
}

static const struct {
    const char *name, *target;
} aliases[] = {
    { "ctrl-alt-del.target", "reboot.target" },  { "runlevel0.target", "poweroff.target" },
    { "runlevel1.target", "rescue.target" },     { "runlevel2.target", "multi-user.target" },
    { "runlevel3.target", "multi-user.target" }, { "runlevel4.target", "multi-user.target" },
    { "runlevel5.target", "graphical.target" },  { "runlevel6.target", "reboot.target" },
};

const char *special_alias(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(aliases); i++)
        if (strcmp(name, aliases[i].name) == 0) return aliases[i].target;
    return NULL;
}

const char *special_alias_get(size_t index)
{
    return index < COUNT_OF(aliases) ? aliases[index].name : NULL;
}
