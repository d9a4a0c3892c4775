/* container-init.unit(5): its template, and the directive table where the template says so. */
#include "tests/docs/pages.h"

#include "unit/directive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MARK "@DIRECTIVES@\n"

/* scdoc(5) gives these bytes a meaning. */
static void print_plain(const char *text)
{
    for (; *text; text++) {
        if (strchr("*_\\#~`", *text)) putchar('\\');
        putchar(*text);
    }
}

/* 0, or 1 when a row says nothing. */
static int print_group(enum section section, enum support support, const char *heading)
{
    int status = 0;
    bool first = true;
    for (size_t i = 0; i < directive_count(section); i++) {
        const struct directive *d = directive_get(section, i);
        const char *text = directive_text(d, section);
        if (directive_support(d, section) != support) continue;
        if (first && *heading) printf("%s\n\n", heading);
        first = false;
        printf("*%s=*\n\t", d->name);
        print_plain(text);
        printf("%s (%s)\n\n", *text && text[strlen(text) - 1] == '.' ? "" : ".", d->man);
        if (strlen(text) < sizeof "a word" || !strchr(d->man, '(')) status = 1;
    }
    return status;
}

static int print_directives(void)
{
    int status = 0;
    for (enum section section = 0; section < SECTION_COUNT; section++) {
        if (directive_count(section) == 0) continue;
        printf("## [%s]\n\n", section_name(section));
        status |= print_group(section, SUPPORT_FULL, "");
        status |= print_group(section, SUPPORT_EXTENSION, "Extensions:");
        status |= print_group(section, SUPPORT_ACCEPTED, "Accepted, without effect:");
        status |= print_group(section, SUPPORT_UNSUPPORTED, "Not supported:");
    }
    return status;
}

int print_unit_page(const char *template)
{
    char line[4096];
    int status = 0;
    bool found = false;
    FILE *file = fopen(template, "re");
    if (!file) {
        (void)fprintf(stderr, "%s: %s\n", template, strerror(errno));
        return 1;
    }
    while (fgets(line, sizeof line, file)) {
        if (strcmp(line, MARK) != 0) {
            (void)fputs(line, stdout);
            continue;
        }
        found = true;
        status |= print_directives();
    }
    (void)fclose(file);
    return found ? status : 1;
}
