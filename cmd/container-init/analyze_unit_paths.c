/* container-init analyze unit-paths: where --systemd looks for unit files. */
#include "cmd/container-init/analyze.h"

#include "unit/unit_paths.h"

#include <stdlib.h>

int analyze_unit_paths(const struct analyze_options *options, int argc, char **argv UNUSED)
{
    if (argc > 1) {
        analyze_complain(options, "Too many arguments.");
        return EXIT_FAILURE;
    }
    if (options->user || options->global) {
        analyze_complain(options, "There is no user mode: only the units of the system are read.");
        return EXIT_FAILURE;
    }
    for (size_t i = 0; unit_paths_system[i]; i++)
        (void)fprintf(options->out, "%s\n", unit_paths_system[i]); /* checked once, at the end */
    return EXIT_SUCCESS;
}
