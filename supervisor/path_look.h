/* supervisor/path_look.h - the part of a path unit that touches files: is what it waits for there, and what is to be
 * watched until it is.
 *
 * A path is walked as the kernel walks it, link by link. Each directory on the way is watched for the name that matters
 * in it, and the last thing that exists for what the unit waits for. The walk is done twice: the same inodes give the
 * same watches, so what was replaced between looking and watching shows. Done by PID 1 itself or in a copy of it.
 * Source: systemd.path(5), inotify(7), path_resolution(7). */
#pragma once
#include "base/attr.h"
#include "supervisor/inotify_watch.h"
#include "unit/settings.h"

struct file_answer;

struct path_question {
    const struct path_section *section;
    struct watches *watches;
    const struct watch_user *user;
    bool far; /* in a copy: what PID 1 knows of watches may have changed */
    bool make_directories;
};
/* Of one line of the unit, in order. */
struct path_sight {
    bool good;          /* of those that ask for a state: it is so */
    bool exists;        /* of the others; with device and inode */
    int32_t make_error; /* MakeDirectory= did not work */
    uint64_t device, inode;
};

/* A file_task_fn of a struct path_question. 0 or -errno: -ENOSPC: no more watches are to be had (inotify(7)). Nothing
 * is watched when a line is good. */
int path_look(void *question, struct file_answer *answer);
/* All lines can be looked at by PID 1 itself. */
bool path_look_is_local(const struct path_section *section);

/* An answer; points into it. */
struct path_seen {
    const struct path_sight *sights; /* as many as lines */
    const struct watch_place *places;
    uint32_t n_places;
    const char *trigger; /* of the first line that is good; "" without */
};
/* 0 or -EBADMSG. */
MUST_CHECK int path_look_read(const struct path_section *section, const struct file_answer *answer,
                              struct path_seen *ret);
