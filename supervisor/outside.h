/* supervisor/outside.h - mounts, automounts, swaps and devices: the container runtime's business, and looked at here.
 *
 * Nothing is mounted, swapped to or plugged in. Such a unit is active while what it names is there: from the beginning,
 * or once the mount table says so; its start fails when it is not. Its stop takes nothing away.
 * Differs: systemd.mount(5), systemd.automount(5), systemd.swap(5), systemd.device(5). */
#pragma once
struct manager;

/* Says once which units are left to the container runtime. */
void outside_report(const struct manager *manager);
