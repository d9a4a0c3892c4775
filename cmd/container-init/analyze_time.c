/* container-init analyze timespan. */
#include "cmd/container-init/analyze.h"

#include "base/timespan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Stops at the first that is none, as systemd-analyze does. */
int analyze_timespan(const struct analyze_options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char text[TIMESPAN_TEXT_MAX];
        usec_t span;
        int r = timespan_parse(argv[i], USEC_PER_SEC, &span, NULL);
        if (r < 0) {
            analyze_complain(options, "Failed to parse time span '%s': %s", argv[i], strerror(-r));
            return EXIT_FAILURE;
        }
        analyze_cell(options, 9, "Original", argv[i]);
        (void)fprintf(options->out, "      \xce\xbcs: %" PRIu64 "\n", span);
        analyze_cell(options, 9, "Human", timespan_format(span, 1, text));
        if (i + 1 < argc) (void)fputc('\n', options->out);
    }
    return EXIT_SUCCESS;
}
