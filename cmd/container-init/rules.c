/* container-init rules [--json]: the words of diagnostics, and what they are about. */
#include "cmd/container-init/commands.h"

#include "base/log.h"
#include "unit/rules.h"

#include <stdlib.h>
#include <string.h>

int cmd_rules(int argc, char **argv)
{
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        log_error("rules: the only option is --json");
        return EXIT_USAGE;
    }
    return rules_print(stdout, json) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
