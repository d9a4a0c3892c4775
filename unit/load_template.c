/* Accept=yes: the template that each connection has an instance of. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "unit/load_internal.h"
#include "unit/template.h"

static int report_missing(struct loader *loader, const struct unit *socket, const char *template)
{
    struct origin at = socket->socket->accept_origin;
    struct diag_about about = { { at.file ? at.file : socket->path, at.line, at.column }, "Socket", "Accept" };
    diag_sink_set_mode(loader->diags, socket->systemd ? DIAG_WARNING : DIAG_ERROR, false);
    diag_report(loader->diags, DIAG_ERROR, about, "missing-template", NULL,
                "template %s not found; %s has nothing to start for a connection", template, socket->name);
    diag_sink_set_mode(loader->diags, DIAG_ERROR, false);
    return unit_set_add_absent(loader->set, template, UNIT_REFUSED);
}

/* The name in the end may be another one: links lead from template to template. */
static int find_template(struct loader *loader, const struct unit *socket, const char *template)
{
    struct arena *arena = unit_set_arena(loader->set);
    struct unit_name_parts of = unit_name_split(template);
    const struct search_file *file = NULL;
    const char *name = arena_printf(arena, "%.*s@" TEMPLATE_INSTANCE ".service", (int)of.prefix_length, of.prefix);
    int r = name ? load_resolve(loader, name, &name, &file) : -ENOMEM;
    if (r == -ELOOP) file = NULL;
    if (r < 0 && r != -ELOOP) return r;
    struct unit_name_parts own = unit_name_split(name);
    if (!file || !own.instance || unit_kind_of_name(name) != UNIT_KIND_SERVICE)
        return report_missing(loader, socket, template);
    const char *target = arena_printf(arena, "%.*s@.service", (int)own.prefix_length, own.prefix);
    if (!target) return -ENOMEM;
    if (!unit_set_has_name(loader->set, target)) {
        r = vec_push(&loader->instantiated, file);
        if (r == 0) r = load_add_prototype(loader, file, name, target);
    } else {
        r = 0;
    }
    if (r < 0 || unit_set_has_name(loader->set, template)) return r;
    return unit_set_add_alias(loader->set, template, target);
}

int load_template(struct loader *loader, struct unit *socket)
{
    struct arena *arena = unit_set_arena(loader->set);
    struct unit_name_parts of = unit_name_split(socket->name);
    struct socket_section *copy = arena_memdup(arena, socket->socket, sizeof *copy);
    if (!copy) return -ENOMEM;
    copy->service = arena_printf(arena, "%.*s@.service", (int)of.prefix_length, of.prefix);
    if (!copy->service) return -ENOMEM;
    socket->socket = copy;
    return unit_set_has_name(loader->set, copy->service) ? 0 : find_template(loader, socket, copy->service);
}
