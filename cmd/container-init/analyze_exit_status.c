/* container-init analyze exit-status: the table of exit statuses, or the rows of some of them. */
#include "cmd/container-init/analyze.h"

#include "unit/exit_status.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *name;
    int status;
    const char *class;
};

static void print_rows(const struct analyze_options *options, const struct row *rows, size_t count)
{
    size_t width = strlen("NAME");
    for (size_t i = 0; i < count; i++) width = MAX_OF(width, strlen(rows[i].name));
    /* Standard output is checked once, at the end. */
    (void)fprintf(options->out, "%-*s STATUS CLASS\n", (int)width, "NAME");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(options->out, "%-*s %6d %s\n", (int)width, rows[i].name, rows[i].status, rows[i].class);
}

static struct row row_of(int status)
{
    const char *name = exit_status_name(status), *class = exit_status_class(status);
    return (struct row){ name ? name : "-", status, class ? class : "-" };
}

int analyze_exit_status(const struct analyze_options *options, int argc, char **argv)
{
    size_t count = 0;
    struct row *rows = calloc((size_t)MAX_OF(argc, EXIT_STATUS_MAX + 1), sizeof *rows);
    if (!rows) {
        analyze_complain(options, "Out of memory.");
        return EXIT_FAILURE;
    }
    for (int status = 0; argc == 1 && status <= EXIT_STATUS_MAX; status++)
        if (exit_status_name(status)) rows[count++] = row_of(status);
    int r = 0;
    for (int i = 1; i < argc && r == 0; i++) {
        int status = 0;
        r = exit_status_parse(argv[i], &status);
        rows[count++] = row_of(status);
        if (r < 0) analyze_complain(options, "Invalid exit status \"%s\".", argv[i]);
    }
    if (r == 0) print_rows(options, rows, count);
    free(rows);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
