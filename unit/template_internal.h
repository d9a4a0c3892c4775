/* unit/template_internal.h - what the loader keeps of a template, and unit/template.c reads. */
#pragma once
#include "base/attr.h"
struct machine;

struct template_text {
    const char *path, *data;
    size_t size;
    bool native, is_dropin;
};
struct unit_template {
    const struct template_text *texts; /* the unit file, then its drop-ins in order */
    uint32_t n_texts;
    char *const *environment; /* borrowed from the options of the load */
    const char *hostname;
    struct machine *machine; /* the set's: what was asked for once is known */
};
