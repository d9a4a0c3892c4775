#include "unit/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "unit/fragment.h"
#include "unit/set.h"
#include "unit/template_internal.h"

/* As unit/load_unit.c reads a file and its drop-ins; what follows for relations is the prototype's. */
static int read_texts(const struct unit_template *template, struct arena *arena, const char *name,
                      struct unit_settings *settings, struct diag_sink *diags)
{
    struct fragment_context context = {
        .unit_name = name,
        .kind = UNIT_KIND_SERVICE,
        .environment = template->environment,
        .hostname = template->hostname,
        .main_path = template->texts[0].path,
        .machine = template->machine,
    };
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < template->n_texts; i++) {
        const struct template_text *text = &template->texts[i];
        context.native = text->native;
        context.is_dropin = text->is_dropin;
        r = fragment_parse(arena, text->path, text->data, text->size, &context, settings, diags);
    }
    context.native = template->texts[0].native;
    context.is_dropin = false;
    if (r == 0) r = fragment_finish(arena, context.main_path, &context, settings, diags);
    return r > 0 ? -EINVAL : r;
}

int unit_template_instantiate(const struct unit *prototype, const char *instance, struct diag_sink *diags,
                              struct unit_instance **ret_instance)
{
    AUTO(arena_free) struct arena *arena = arena_new();
    struct unit_instance *made = arena ? arena_alloc(arena, sizeof *made) : NULL;
    if (!made) return -ENOMEM;
    struct unit_name_parts of = unit_name_split(prototype->name);
    const char *name = arena_printf(arena, "%.*s@%s%s", (int)of.prefix_length, of.prefix, instance, of.suffix);
    if (!name) return -ENOMEM;
    if (unit_name_form(name) != UNIT_NAME_INSTANCE) return -EINVAL;
    struct unit_settings settings = unit_settings_default;
    int r = read_texts(prototype->template, arena, name, &settings, diags);
    if (r < 0) return r;
    made->unit = *prototype;
    made->unit.name = name;
    made->unit.template = NULL;
    r = unit_take_groups(arena, &made->unit, &settings);
    if (r < 0) return r;
    made->arena = TAKE(arena);
    *ret_instance = made;
    return 0;
}

void unit_instance_free(struct unit_instance *instance)
{
    if (instance) arena_free(instance->arena);
}
