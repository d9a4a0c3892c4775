#include "base/parse.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define BLANKS " \t\n\r"

struct name_value {
    const char *name;
    int value;
};

/* signal(7). Only one name per number, as in systemd: IOT, CLD and POLL are not known. */
static const char *const signal_names[] = {
    [SIGHUP] = "SIGHUP",   [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT", [SIGILL] = "SIGILL",
    [SIGTRAP] = "SIGTRAP", [SIGABRT] = "SIGABRT",     [SIGBUS] = "SIGBUS",   [SIGFPE] = "SIGFPE",
    [SIGKILL] = "SIGKILL", [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV", [SIGUSR2] = "SIGUSR2",
    [SIGPIPE] = "SIGPIPE", [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM", [SIGSTKFLT] = "SIGSTKFLT",
    [SIGCHLD] = "SIGCHLD", [SIGCONT] = "SIGCONT",     [SIGSTOP] = "SIGSTOP", [SIGTSTP] = "SIGTSTP",
    [SIGTTIN] = "SIGTTIN", [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",   [SIGXCPU] = "SIGXCPU",
    [SIGXFSZ] = "SIGXFSZ", [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGWINCH] = "SIGWINCH",
    [SIGIO] = "SIGIO",     [SIGPWR] = "SIGPWR",       [SIGSYS] = "SIGSYS",
};

/* By distance from SIGRTMIN, whose number is the C library's choice. */
static const char *const realtime_names[] = {
    "SIGRTMIN",    "SIGRTMIN+1",  "SIGRTMIN+2",  "SIGRTMIN+3",  "SIGRTMIN+4",  "SIGRTMIN+5",  "SIGRTMIN+6",
    "SIGRTMIN+7",  "SIGRTMIN+8",  "SIGRTMIN+9",  "SIGRTMIN+10", "SIGRTMIN+11", "SIGRTMIN+12", "SIGRTMIN+13",
    "SIGRTMIN+14", "SIGRTMIN+15", "SIGRTMIN+16", "SIGRTMIN+17", "SIGRTMIN+18", "SIGRTMIN+19", "SIGRTMIN+20",
    "SIGRTMIN+21", "SIGRTMIN+22", "SIGRTMIN+23", "SIGRTMIN+24", "SIGRTMIN+25", "SIGRTMIN+26", "SIGRTMIN+27",
    "SIGRTMIN+28", "SIGRTMIN+29", "SIGRTMIN+30", "SIGRTMIN+31", "SIGRTMIN+32",
};

/* systemd.exec(5), "PROCESS EXIT CODES": tables 7 to 10 without EXIT_ and EX_. systemd says APPARMOR for what the
 * manual calls EXIT_APPARMOR_PROFILE, and knows EXCEPTION, which the manual leaves out. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The digits at `text`, which the caller has checked to be there; *ret_end is what follows them. */
static int read_digits(const char *text, int base, const char **ret_end, uint64_t *ret)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, base);
    *ret_end = end;
    if (errno != 0) return -ERANGE;
    *ret = value;
    return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    if (text[0] == '\0' || text[strspn(text, DIGITS)] != '\0') return -EINVAL;
    uint64_t value = 0;
    const char *end;
    int r = read_digits(text, 10, &end, &value);
    if (r < 0) return r;
    if (value < min || value > max) return -ERANGE;
    *ret = value;
    return 0;
}

int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
    uint64_t value = 0;
    int r = parse_u64(text, min, max, &value);
    if (r < 0) return r;
    *ret = (uint32_t)value;
    return 0;
}

int parse_integer(const char *text, uint64_t max, uint64_t *ret)
{
    int base = 0;
    uint64_t value = 0;
    const char *end;
    text += strspn(text, " \t\n\r");
    if (text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) base = 2;
    if (text[0] == '0' && (text[1] == 'o' || text[1] == 'O')) base = 8;
    if (base != 0) text += 2;
    bool negative = text[0] == '-'; /* strtoull(3) would wrap it round */
    if (text[negative || text[0] == '+'] < '0' || text[negative || text[0] == '+'] > '9') return -EINVAL;
    int r = read_digits(text, base, &end, &value);
    if (*end != '\0') return -EINVAL;
    if (r < 0 || (negative && value != 0) || value > max) return -ERANGE;
    *ret = value;
    return 0;
}

int parse_i32(const char *text, int32_t min, int32_t max, int32_t *ret)
{
    bool negative = text[0] == '-';
    uint64_t magnitude = 0;
    int r = parse_u64(negative || text[0] == '+' ? text + 1 : text, 0, (uint64_t)INT32_MAX + 1, &magnitude);
    if (r < 0) return r;
    int64_t value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (value < min || value > max) return -ERANGE;
    *ret = (int32_t)value;
    return 0;
}

/* 0, or -EINVAL when digits of the base do not follow to the end. */
static int read_number(const char *text, bool *negative, uint64_t *ret)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    text += strspn(text, BLANKS);
    *negative = *text == '-';
    if (*text == '-' || *text == '+') text++;
    int base = *text == '0' ? 8 : 10;
    size_t prefix = 0;
    if (*text == '0' && (text[1] == 'x' || text[1] == 'X')) base = 16, prefix = 2;
    if (*text == '0' && text[1] == 'b') base = 2, prefix = 2;
    if (*text == '0' && text[1] == 'o') base = 8, prefix = 2;
    text += prefix;
    size_t known = base == 16 ? sizeof digits - 1 : (size_t)base, length = 0;
    while (text[length] != '\0' && memchr(digits, text[length], known)) length++;
    if (length == 0 || text[length] != '\0') return -EINVAL;
    const char *end;
    return read_digits(text, base, &end, ret);
}

int parse_unsigned(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
    bool negative;
    uint64_t value = 0;
    int r = read_number(text, &negative, &value);
    if (r < 0) return r;
    if (negative || value < min || value > max) return -ERANGE;
    *ret = value;
    return 0;
}

int parse_signed(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    bool negative;
    uint64_t magnitude = 0;
    int r = read_number(text, &negative, &magnitude);
    if (r < 0) return r;
    if (magnitude > (uint64_t)INT64_MAX + negative) return -ERANGE;
    int64_t value = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    if (negative && magnitude == 0) value = 0;
    if (value < min || value > max) return -ERANGE;
    *ret = value;
    return 0;
}

int parse_permyriad(const char *text, uint32_t *ret)
{
    static const struct {
        const char *sign;
        uint32_t decimals;
    } signs[] = { { "%", 2 }, { "\u2030", 1 }, { "\u2031", 0 } };
    if (*text == '-') return -ERANGE;
    text += *text == '+';
    size_t length = strspn(text, DIGITS), decimals = 0;
    if (length == 0) return -EINVAL;
    if (text[length] == '.') decimals = strspn(text + length + 1, DIGITS);
    const char *sign = text + length + (text[length] == '.') + decimals;
    if (text[length] == '.' && decimals == 0) return -EINVAL;
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (strcmp(sign, signs[i].sign) != 0) continue;
        if (decimals > signs[i].decimals) return -EINVAL;
        uint64_t value = 0;
        const char *end;
        if (length > 9) return -ERANGE;
        int r = read_digits(text, 10, &end, &value);
        if (r < 0) return r;
        for (size_t k = 0; k < signs[i].decimals; k++)
            value = value * 10 + (k < decimals ? (uint64_t)(text[length + 1 + k] - '0') : 0);
        if (value > INT32_MAX) return -ERANGE;
        *ret = (uint32_t)value;
        return 0;
    }
    return -EINVAL;
}

int parse_bool(const char *text, bool *ret)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        { "yes", true }, { "no", false },  { "true", true }, { "false", false }, { "1", true }, { "0", false },
        { "on", true },  { "off", false }, { "y", true },    { "n", false },     { "t", true }, { "f", false },
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcasecmp(text, words[i].word) != 0) continue;
        *ret = words[i].value;
        return 0;
    }
    return -EINVAL;
}

/* Skips the decimals at *next and gives what they are of `factor`, rounded down. Digits after the 18th are worth less
 * than a byte even of an exbibyte. */
static uint64_t read_fraction(const char **next, uint64_t factor)
{
    unsigned __int128 numerator = 0, denominator = 1;
    for (size_t i = 0; is_digit(**next); i++, (*next)++) {
        if (i >= 18) continue;
        numerator = numerator * 10 + (unsigned)(**next - '0');
        denominator *= 10;
    }
    return (uint64_t)(numerator * factor / denominator);
}

/* One "1.5G" of a size. *rank is the position of the last suffix seen: every further one must be smaller. */
static int parse_size_part(const char **next, uint64_t base, size_t *rank, uint64_t *total)
{
    static const char suffixes[] = "EPTGMKB";
    const char *p = *next, *decimals = NULL;
    if (!is_digit(*p)) return -EINVAL;
    uint64_t whole = 0;
    int range = read_digits(p, 10, &p, &whole);
    if (*p == '.') {
        decimals = ++p;
        p += strspn(p, DIGITS);
    }
    p += strspn(p, BLANKS);

    const char *suffix = *p != '\0' ? strchr(suffixes, *p) : NULL;
    size_t index = suffix ? (size_t)(suffix - suffixes) : sizeof suffixes - 1;
    if (index < *rank) return -EINVAL;
    *rank = index + 1;
    *next = suffix ? p + 1 : p;
    if (range < 0) return range;

    uint64_t factor = 1, part;
    for (size_t i = index; i < 6; i++) factor *= base;
    if (ckd_mul(&part, whole, factor) || ckd_add(total, *total, part)) return -ERANGE;
    if (decimals && ckd_add(total, *total, read_fraction(&decimals, factor))) return -ERANGE;
    return 0;
}

static int parse_size_base(const char *text, uint64_t base, uint64_t *ret)
{
    uint64_t total = 0;
    size_t rank = 0;
    do {
        int r = parse_size_part(&text, base, &rank, &total);
        if (r < 0) return r;
        text += strspn(text, BLANKS);
    } while (*text != '\0');
    *ret = total;
    return 0;
}

int parse_size(const char *text, uint64_t *ret)
{
    return parse_size_base(text, 1024, ret);
}

int parse_size_decimal(const char *text, uint64_t *ret)
{
    return parse_size_base(text, 1000, ret);
}

int parse_mode(const char *text, mode_t *ret)
{
    if (text[0] == '\0' || text[strspn(text, "01234567")] != '\0') return -EINVAL;
    uint64_t value = 0;
    const char *end;
    int r = read_digits(text, 8, &end, &value);
    if (r < 0) return r;
    if (value > 07777) return -ERANGE;
    *ret = (mode_t)value;
    return 0;
}

/* "RTMIN", "RTMIN+3", "RTMAX-1": *ret counts from SIGRTMIN. `anchor` is the name, `sign` what may follow it. */
static int parse_realtime(const char *text, const char *anchor, char sign, uint32_t *ret)
{
    size_t length = strlen(anchor);
    if (strncmp(text, anchor, length) != 0) return -EINVAL;
    uint32_t distance = 0, span = (uint32_t)(SIGRTMAX - SIGRTMIN);
    if (text[length] != '\0') {
        if (text[length] != sign) return -EINVAL;
        int r = parse_u32(text + length + 1, 0, span, &distance);
        if (r < 0) return r;
    }
    *ret = sign == '-' ? span - distance : distance;
    return 0;
}

int parse_signal(const char *text, int *ret)
{
    uint32_t number = 0;
    if (is_digit(text[0])) {
        int r = parse_u32(text, 1, (uint32_t)SIGRTMAX, &number);
        if (r < 0) return r;
        *ret = (int)number;
        return 0;
    }
    if (strncmp(text, "SIG", 3) == 0) text += 3;
    for (size_t i = 0; i < COUNT_OF(signal_names); i++) {
        if (!signal_names[i] || strcmp(text, signal_names[i] + 3) != 0) continue;
        *ret = (int)i;
        return 0;
    }
    int r = parse_realtime(text, "RTMIN", '+', &number);
    if (r == -EINVAL) r = parse_realtime(text, "RTMAX", '-', &number);
    if (r < 0) return r;
    *ret = SIGRTMIN + (int)number;
    return 0;
}

const char *signal_name(int signal)
{
    if (signal > 0 && (size_t)signal < COUNT_OF(signal_names) && signal_names[signal]) return signal_names[signal];
    if (signal >= SIGRTMIN && signal <= SIGRTMAX && (size_t)(signal - SIGRTMIN) < COUNT_OF(realtime_names))
        return realtime_names[signal - SIGRTMIN];
    return "SIG?";
}
