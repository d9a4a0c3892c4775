/* container-init directives [--json]: the directive table. */
#include "cmd/container-init/commands.h"

#include "base/log.h"
#include "unit/reference.h"

#include <stdlib.h>
#include <string.h>

int cmd_directives(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        log_error("directives: the only option is --json");
        return EXIT_USAGE;
    }
    return reference_print(stdout, json) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
