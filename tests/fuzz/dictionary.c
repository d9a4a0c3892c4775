/* tests/fuzz/dictionary.c - prints the words of the unit language as a libFuzzer dictionary, from the tables of
 * directives and rules. */
#include "unit/directive.h"
#include "unit/rules.h"

#include <stdio.h>

int main(void)
{
    /* clang-format off */
    static const char *const words[] = {
        "\\\"\\\"", "\\\\\\x0a", "${HOME:-", "$$", "%%", "%i", "infinity", "5min", "yes", "oneshot", "forking", "native",
        "proxy", "0600", "SIGTERM", "# container-init: disable=", "WantedBy=", "\\xef\\xbb\\xbf", " \\x0a",
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT_OF(words); i++) (void)printf("\"%s\"\n", words[i]);
    for (size_t i = 0; i < rule_count(); i++) (void)printf("\"%s\"\n", rule_get(i)->code);
    for (enum section s = 0; s < SECTION_COUNT; s++) {
        (void)printf("\"[%s]\"\n", section_name(s));
        for (size_t i = 0; i < directive_count(s); i++) {
            const struct directive *d = directive_get(s, i);
            if (d->support == SUPPORT_FULL || d->support == SUPPORT_EXTENSION) (void)printf("\"%s=\"\n", d->name);
        }
    }
    return 0;
}
