#include "base/version.h"

#include <fnmatch.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *skip_separators(const char *text)
{
    while (*text && !is_digit(*text) && !is_letter(*text) && !strchr("-.~^", *text)) text++;
    return text;
}

static int order_of(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

/* The runs of digits or letters that both begin with; moves both behind them. */
static int compare_runs(const char **a, const char **b)
{
    bool digits = is_digit(**a) || is_digit(**b);
    const char *begin[] = { *a, *b }, *end[2];
    for (int i = 0; i < 2; i++) {
        const char *p = begin[i];
        while (digits ? is_digit(*p) : is_letter(*p)) p++;
        end[i] = p;
    }
    *a = end[0], *b = end[1];
    if (digits) {
        int order = order_of(end[0] != begin[0], end[1] != begin[1]);
        if (order != 0) return order;
        for (int i = 0; i < 2; i++)
            while (begin[i] < end[i] && *begin[i] == '0') begin[i]++;
    }
    size_t length[] = { (size_t)(end[0] - begin[0]), (size_t)(end[1] - begin[1]) };
    int longer = order_of(length[0], length[1]);
    if (digits && longer != 0) return longer;
    int order = memcmp(begin[0], begin[1], MIN_OF(length[0], length[1]));
    return order != 0 ? order : longer;
}

int version_compare(const char *a, const char *b)
{
    /* In this order: "~" is older than the end, the end older than the rest, and "-", "^", "." than what is left. */
    static const char marks[] = { '~', '\0', '-', '^', '.' };
    for (;;) {
        a = skip_separators(a), b = skip_separators(b);
        for (size_t i = 0; i < sizeof marks; i++) {
            if (marks[i] == '\0') {
                if (!*a || !*b) return (*a != '\0') - (*b != '\0');
                continue;
            }
            int order = (*a != marks[i]) - (*b != marks[i]);
            if (order != 0) return order;
            if (*a == marks[i]) a++, b++;
        }
        int order = compare_runs(&a, &b);
        if (order != 0) return order;
    }
}

enum compare compare_read(const char **text, bool textual)
{
    static const struct {
        char text[4];
        uint8_t compare, textual;
    } operators[] = {
        /* A longer one before those it begins with. */
        { "!$=", COMPARE_NONE, COMPARE_NO_MATCH },  { "$=", COMPARE_NONE, COMPARE_MATCH },
        { "<>", COMPARE_UNEQUAL, COMPARE_UNEQUAL }, { "<=", COMPARE_LOWER_OR_EQUAL, COMPARE_LOWER_OR_EQUAL },
        { "<", COMPARE_LOWER, COMPARE_LOWER },      { "==", COMPARE_EQUAL, COMPARE_EQUAL },
        { "=", COMPARE_EQUAL, COMPARE_SAME_TEXT },  { ">=", COMPARE_GREATER_OR_EQUAL, COMPARE_GREATER_OR_EQUAL },
        { ">", COMPARE_GREATER, COMPARE_GREATER },  { "!=", COMPARE_UNEQUAL, COMPARE_OTHER_TEXT },
    };
    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        size_t length = strlen(operators[i].text);
        if (strncmp(*text, operators[i].text, length) != 0) continue;
        uint8_t found = textual ? operators[i].textual : operators[i].compare;
        if (found != COMPARE_NONE) *text += length;
        return (enum compare)found;
    }
    return COMPARE_NONE;
}

bool compare_order(enum compare op, int order)
{
    switch (op) {
    case COMPARE_LOWER:
        return order < 0;
    case COMPARE_LOWER_OR_EQUAL:
        return order <= 0;
    case COMPARE_EQUAL:
        return order == 0;
    case COMPARE_UNEQUAL:
        return order != 0;
    case COMPARE_GREATER_OR_EQUAL:
        return order >= 0;
    case COMPARE_GREATER:
        return order > 0;
    case COMPARE_NONE:
    case COMPARE_SAME_TEXT:
    case COMPARE_OTHER_TEXT:
    case COMPARE_MATCH:
    case COMPARE_NO_MATCH:
        break;
    }
    return false;
}

bool compare_versions(enum compare op, const char *have, const char *want)
{
    switch (op) {
    case COMPARE_SAME_TEXT:
        return strcmp(have, want) == 0;
    case COMPARE_OTHER_TEXT:
        return strcmp(have, want) != 0;
    case COMPARE_MATCH:
        return fnmatch(want, have, 0) == 0;
    case COMPARE_NO_MATCH:
        return fnmatch(want, have, 0) != 0;
    case COMPARE_NONE:
    case COMPARE_LOWER:
    case COMPARE_LOWER_OR_EQUAL:
    case COMPARE_EQUAL:
    case COMPARE_UNEQUAL:
    case COMPARE_GREATER_OR_EQUAL:
    case COMPARE_GREATER:
        break;
    }
    return compare_order(op, version_compare(have, want));
}
