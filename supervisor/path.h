/* supervisor/path.h - path units: start a unit when something is there, or changes.
 *
 * All of them share one inotify instance (supervisor/inotify_watch.h). What is looked at lies behind
 * supervisor/path_look.h, and a path that may not answer is looked at by a copy of PID 1.
 * Source: systemd.path(5), as systemd 252 to 257 do it: PathExists=, PathExistsGlob= and DirectoryNotEmpty= ask for a
 * state, which is looked at again whenever the triggered unit is down; PathChanged= and PathModified= for an event
 * while it is down. */
#pragma once
struct manager;

/* At the end, when no unit is left. */
void paths_free(struct manager *manager);
