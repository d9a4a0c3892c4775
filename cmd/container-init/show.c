/* container-init show: the properties of units, as systemctl show prints them. */
#include "cmd/container-init/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cmd/container-init/commands.h"
#include "cmd/container-init/place.h"
#include "unit/name.h"
#include "unit/property.h"

struct request {
    struct place place;
    struct strlist properties; /* none: all */
    bool value, all, json, pretty, printed;
    FILE *out, *err;
};

static void request_done(struct request *request)
{
    place_done(&request->place);
    strlist_done(&request->properties);
}

/* ---- the command line ---- */

/* Nobody is left to tell when standard error is closed. */
static int refuse(const struct request *request, const char *what, const char *word)
{
    (void)fprintf(request->err, "container-init: show: %s: %s\nTry 'container-init --help'.\n", what, word);
    return -EINVAL;
}

static int add_properties(struct request *request, const char *list)
{
    int r = 0;
    while (r == 0 && *list) {
        size_t length = strcspn(list, ",");
        if (length > 0) r = strlist_add_bytes(&request->properties, list, length);
        list += length + (list[length] == ',');
    }
    return r;
}

/* "-pNAME", "-p NAME", "--property=NAME", "--property NAME"; and the same with -P, which implies --value. 1 taken, 0
 * another word. */
static int take_property(struct request *request, int argc, char **argv, int *index)
{
    static const char name[] = "--property";
    const char *word = argv[*index], *value = NULL;
    bool is_long = strncmp(word, name, sizeof name - 1) == 0 && strchr("=", word[sizeof name - 1]);
    bool is_short = word[0] == '-' && (word[1] == 'p' || word[1] == 'P');
    if (!is_long && !is_short) return 0;
    if (word[1] == 'P') request->value = true;
    if (is_long && word[sizeof name - 1] == '=') value = word + sizeof name;
    if (is_short && word[2]) value = word + 2;
    if (!value && *index + 1 == argc) return refuse(request, "this option needs an argument", word);
    int r = add_properties(request, value ? value : argv[++*index]);
    return r < 0 ? r : 1;
}

static int take_switch(struct request *request, const char *word)
{
    if (strcmp(word, "--value") == 0)
        request->value = true;
    else if (strcmp(word, "--all") == 0 || strcmp(word, "-a") == 0)
        request->all = true;
    else if (strcmp(word, "--json") == 0)
        request->json = true;
    else if (strcmp(word, "--json=pretty") == 0)
        request->json = request->pretty = true;
    else
        return refuse(request, "unknown option", word);
    return 0;
}

static int request_parse(struct request *request, int argc, char **argv)
{
    bool only_names = false;
    int r = 0;
    for (int i = 1; r >= 0 && i < argc; i++) {
        if (only_names || argv[i][0] != '-' || !argv[i][1]) {
            r = strlist_add(&request->place.names, argv[i]);
            continue;
        }
        only_names = strcmp(argv[i], "--") == 0;
        if (only_names) continue;
        r = take_property(request, argc, argv, &i);
        if (r == 0) r = options_take_place(argc, argv, &i, &request->place.options);
        if (r == 0) r = take_switch(request, argv[i]);
    }
    return r < 0 ? r : 0;
}

static bool is_wanted(const struct request *request, const struct property *property)
{
    return request->properties.count == 0 || strlist_contains(&request->properties, property_name(property));
}

/* ---- text ---- */

/* Where nobody asks for it by name, what is not set is left out. */
static bool is_hidden(const struct request *request, const struct property *property, const char *text)
{
    if (*text == '\0' && property_is_lines(property)) return true;
    if (request->all || request->properties.count > 0) return false;
    return *text == '\0' || (strcmp(text, "[not set]") == 0 && str_suffix(property_name(property), "ExitStatus"));
}

/* A failed write shows when the stream is flushed, here and below. */
static void print_line(const struct request *request, const char *name, const char *text, size_t length)
{
    if (!request->value) (void)fprintf(request->out, "%s=", name);
    (void)fwrite(text, 1, length, request->out);
    (void)fputc('\n', request->out);
}

static int print_text(const struct request *request, const struct property_context *context)
{
    AUTO_STR struct str text = STR_EMPTY;
    const struct property *property;
    for (size_t i = 0; (property = property_get(context->unit->kind, i)); i++) {
        if (!is_wanted(request, property)) continue;
        str_clear(&text);
        int r = property_text(property, context, &text);
        if (r < 0) return r;
        const char *line = str_text(&text);
        if (is_hidden(request, property, line)) continue;
        for (const char *end; (end = strchr(line, PROPERTY_NEXT_LINE)); line = end + 1)
            print_line(request, property_name(property), line, (size_t)(end - line));
        print_line(request, property_name(property), line, strlen(line));
    }
    return 0;
}

/* ---- JSON: one object per unit, one line each unless it is to be pretty ---- */

static int compare_properties(const void *a, const void *b)
{
    return strcmp(property_name(*(const struct property *const *)a), property_name(*(const struct property *const *)b));
}

static int print_members(const struct request *request, const struct property_context *context,
                         const struct property **properties, size_t count)
{
    AUTO_STR struct str text = STR_EMPTY;
    const char *separator = "";
    (void)fputs(request->pretty ? "{\n" : "{", request->out);
    for (size_t i = 0; i < count; i++) {
        str_clear(&text);
        int r = json_write_string(&text, property_name(properties[i]), strlen(property_name(properties[i])));
        if (r == 0) r = str_append(&text, ": ");
        if (r == 0) r = property_json(properties[i], context, &text);
        if (r < 0) return r;
        (void)fprintf(request->out, "%s%s%s", separator, request->pretty ? "  " : "", str_text(&text));
        separator = request->pretty ? ",\n" : ", ";
    }
    (void)fputs(request->pretty ? "\n}\n" : "}\n", request->out);
    return 0;
}

static int print_json(const struct request *request, const struct property_context *context)
{
    size_t total = property_count(context->unit->kind), count = 0;
    const struct property **properties = calloc(total + 1, sizeof(void *));
    if (!properties) return -ENOMEM;
    for (size_t i = 0; i < total; i++) {
        const struct property *property = property_get(context->unit->kind, i);
        if (is_wanted(request, property)) properties[count++] = property;
    }
    qsort(properties, count, sizeof(void *), compare_properties);
    int r = print_members(request, context, properties, count);
    free(properties);
    return r;
}

/* ---- units ---- */

static int print_unit(struct request *request, const struct unit *unit)
{
    struct property_context context = { .unit = unit, .set = request->place.set, .root = request->place.options.root };
    if (request->json) return print_json(request, &context);
    if (request->printed) (void)fputc('\n', request->out);
    request->printed = true;
    return print_text(request, &context);
}

/* Patterns and no names at all: in the order of the set. Names: in their own order. */
static int print_units(struct request *request)
{
    const struct place *place = &request->place;
    int r = 0;
    if (place->names.count == 0 || place->globs) {
        for (uint32_t id = 0; r == 0 && id < unit_set_count(place->set); id++)
            if (place_asks_for(place, unit_set_get(place->set, id)))
                r = print_unit(request, unit_set_get(place->set, id));
        return r;
    }
    for (size_t i = 0; r == 0 && i < place->units.count; i++) {
        const char *name = place->units.items[i];
        const struct unit *unit = unit_set_find(place->set, name);
        if (!unit || unit_name_form(name) == UNIT_NAME_TEMPLATE) {
            (void)fprintf(request->err, "Failed to get properties: Unit name %s is missing the instance name.\n", name);
            return -ENOENT;
        }
        r = print_unit(request, unit);
    }
    return r;
}

int show_main(FILE *out, FILE *err, int argc, char **argv)
{
    __attribute__((cleanup(request_done))) struct request request = { .out = out, .err = err };
    int r = request_parse(&request, argc, argv);
    if (r == -EINVAL) return EXIT_USAGE;
    if (r == 0) r = place_load(&request.place, err);
    if (r == 0) r = print_units(&request);
    if (r == 0 && fflush(out) != 0) r = -errno;
    if (r < 0 && r != -EINVAL && r != -ENOENT) (void)fprintf(err, "container-init: show: %s\n", strerror(-r));
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int cmd_show(int argc, char **argv)
{
    return show_main(stdout, stderr, argc, argv);
}
