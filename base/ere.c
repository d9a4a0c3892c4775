#include "base/ere.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/vec.h"

#define DEPTH_MAX  100 /* of groups in each other */
#define REPEAT_MAX 255 /* RE_DUP_MAX of POSIX */
#define NO_BOUND   (-1)

enum op { OP_BYTE, OP_ANY, OP_SET, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

/* Jumps are relative, so that a piece of program can be moved and repeated as it is. */
struct instruction {
    uint8_t op, byte;
    int16_t first, second; /* SPLIT: two ways on; JUMP: first; SET: number of the set in first */
};
struct byte_set {
    uint32_t bits[8];
};
/* The instructions that are waited at, each once, in the order they were reached. */
struct state_set {
    uint16_t *dense, *sparse;
    size_t count;
};
struct ere {
    VEC(struct instruction) program;
    VEC(struct byte_set) sets;
    struct state_set now, next;
    uint16_t *memory, *stack;
};

struct parser {
    struct ere *ere;
    const char *pattern, *at;
    unsigned depth;
    const char *why;
};

/* ---- the program ---- */

static int refuse(struct parser *p, const char *why)
{
    p->why = why;
    return -EINVAL;
}

static int emit(struct parser *p, struct instruction instruction)
{
    if (p->ere->program.count >= ERE_SIZE_MAX) return refuse(p, "is too long, or repeats too much");
    return vec_push(&p->ere->program, instruction);
}

/* Makes room for one instruction at `start`, before what was built behind it. */
static int insert(struct parser *p, size_t start, struct instruction instruction)
{
    int r = emit(p, instruction);
    if (r < 0) return r;
    struct instruction *items = p->ere->program.items;
    memmove(items + start + 1, items + start, (p->ere->program.count - 1 - start) * sizeof *items);
    items[start] = instruction;
    return 0;
}

static int emit_set(struct parser *p, const struct byte_set *set)
{
    size_t number = p->ere->sets.count;
    int r = vec_push(&p->ere->sets, *set); /* at most one for each byte of the pattern that was accepted so far */
    return r < 0 ? r : emit(p, (struct instruction){ .op = OP_SET, .first = (int16_t)number });
}

static void set_add(struct byte_set *set, unsigned byte)
{
    set->bits[byte / 32] |= UINT32_C(1) << byte % 32;
}

static bool set_has(const struct byte_set *set, unsigned byte)
{
    return set->bits[byte / 32] >> byte % 32 & 1;
}

static void set_invert(struct byte_set *set)
{
    for (size_t i = 0; i < COUNT_OF(set->bits); i++) set->bits[i] = ~set->bits[i];
}

/* ---- classes ---- */

static bool is_upper(unsigned c)
{
    return c >= 'A' && c <= 'Z';
}
static bool is_lower(unsigned c)
{
    return c >= 'a' && c <= 'z';
}
static bool is_digit(unsigned c)
{
    return c >= '0' && c <= '9';
}
static bool is_alnum(unsigned c)
{
    return is_upper(c) || is_lower(c) || is_digit(c);
}
static bool is_alpha(unsigned c)
{
    return is_upper(c) || is_lower(c);
}
static bool is_xdigit(unsigned c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
static bool is_blank(unsigned c)
{
    return c == ' ' || c == '\t';
}
static bool is_space(unsigned c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}
static bool is_control(unsigned c)
{
    return c < 0x20 || c == 0x7f;
}
static bool is_print(unsigned c)
{
    return c >= 0x20 && c < 0x7f;
}
static bool is_graph(unsigned c)
{
    return c > 0x20 && c < 0x7f;
}
static bool is_punctuation(unsigned c)
{
    return is_graph(c) && !is_alnum(c);
}
static bool is_word(unsigned c)
{
    return is_alnum(c) || c == '_';
}

static void set_add_class(struct byte_set *set, bool (*is_in)(unsigned))
{
    for (unsigned c = 0; c < 256; c++)
        if (is_in(c)) set_add(set, c);
}

static const struct {
    const char *name;
    bool (*is_in)(unsigned);
} classes[] = { { "alnum", is_alnum },       { "alpha", is_alpha }, { "blank", is_blank }, { "cntrl", is_control },
                { "digit", is_digit },       { "graph", is_graph }, { "lower", is_lower }, { "print", is_print },
                { "punct", is_punctuation }, { "space", is_space }, { "upper", is_upper }, { "xdigit", is_xdigit } };

/* "[:NAME:]" at p->at. */
static int parse_class(struct parser *p, struct byte_set *set)
{
    const char *name = p->at + 2, *end = strstr(name, ":]");
    size_t length = end ? (size_t)(end - name) : 0;
    for (size_t i = 0; end && i < COUNT_OF(classes); i++) {
        if (strlen(classes[i].name) != length || strncmp(classes[i].name, name, length) != 0) continue;
        set_add_class(set, classes[i].is_in);
        p->at = end + 2;
        bool is_range = p->at[0] == '-' && p->at[1] != ']';
        return is_range ? refuse(p, "has a range that is none") : 0;
    }
    return refuse(p, "names no class of characters");
}

/* One character of a bracket expression: itself, "[.x.]" or "[=x=]". */
static int parse_element(struct parser *p, unsigned *ret, bool *ret_is_set)
{
    const char *at = p->at;
    *ret_is_set = false;
    if (*at == '\0') return refuse(p, "has a '[' without its ']'");
    if ((unsigned char)*at >= 0x80) return refuse(p, "has a character beyond ASCII in brackets");
    if (at[0] == '[' && (at[1] == '.' || at[1] == '=')) {
        if (at[2] == '\0' || at[3] != at[1] || at[4] != ']') return refuse(p, "names a collating element");
        *ret_is_set = at[1] == '=';
        *ret = (unsigned char)at[2];
        p->at = at + 5;
        return 0;
    }
    *ret = (unsigned char)*at;
    p->at++;
    return 0;
}

static int parse_range(struct parser *p, struct byte_set *set)
{
    unsigned first, last;
    bool is_set = false, last_is_set = false;
    const char *start = p->at;
    int r = parse_element(p, &first, &is_set);
    if (r < 0) return r;
    last = first;
    if (p->at[0] == '-' && p->at[1] != ']' && p->at[1] != '\0') {
        p->at++;
        if (p->at[0] == '[' && p->at[1] == ':') is_set = true;
        r = parse_element(p, &last, &last_is_set);
        if (r < 0) return r;
        bool again = p->at[0] == '-' && p->at[1] != ']';
        if (last < first || is_set || last_is_set || again) {
            p->at = start;
            return refuse(p, "has a range that is none");
        }
    }
    for (unsigned c = first; c <= last; c++) set_add(set, c);
    return 0;
}

/* Behind "[". */
static int parse_bracket(struct parser *p)
{
    struct byte_set set = { { 0 } };
    bool inverted = *p->at == '^';
    if (inverted) p->at++;
    const char *first = p->at;
    while (*p->at != ']' || p->at == first) {
        bool is_class = p->at[0] == '[' && p->at[1] == ':';
        int r = is_class ? parse_class(p, &set) : parse_range(p, &set);
        if (r < 0) return r;
    }
    p->at++;
    if (inverted) set_invert(&set);
    return emit_set(p, &set);
}

/* ---- the grammar ---- */

static int parse_alternatives(struct parser *p);

/* Behind the backslash. */
static int parse_escape(struct parser *p)
{
    char c = *p->at;
    if (c == '\0') return refuse(p, "ends with a backslash");
    if (c == 'w' || c == 'W' || c == 's' || c == 'S') {
        struct byte_set set = { { 0 } };
        set_add_class(&set, c == 'w' || c == 'W' ? is_word : is_space);
        if (is_upper((unsigned char)c)) set_invert(&set);
        p->at++;
        return emit_set(p, &set);
    }
    if (is_digit((unsigned char)c)) return refuse(p, "has a back-reference, or a digit that needs no backslash");
    if (is_alpha((unsigned char)c) || strchr("`'<>", c))
        return refuse(p, "has an escape that POSIX does not know; classes are written [[:digit:]]");
    p->at++;
    return emit(p, (struct instruction){ .op = OP_BYTE, .byte = (uint8_t)c });
}

/* One thing that can be repeated, or an anchor, which cannot (*ret_anchor). */
static int parse_atom(struct parser *p, bool *ret_anchor)
{
    char c = *p->at;
    *ret_anchor = c == '^' || c == '$';
    if (strchr("*+?{", c)) return refuse(p, "repeats nothing");
    p->at++;
    switch (c) {
    case '^':
        return emit(p, (struct instruction){ .op = OP_BEGIN });
    case '$':
        return emit(p, (struct instruction){ .op = OP_END });
    case '.':
        return emit(p, (struct instruction){ .op = OP_ANY });
    case '[':
        return parse_bracket(p);
    case '\\':
        return parse_escape(p);
    case '(': {
        const char *open = p->at - 1;
        if (++p->depth > DEPTH_MAX) return refuse(p, "has too many groups in each other");
        int r = parse_alternatives(p);
        if (r < 0) return r;
        p->depth--;
        if (*p->at != ')') {
            p->at = open;
            return refuse(p, "has a '(' without its ')'");
        }
        p->at++;
        return 0;
    }
    default:
        return emit(p, (struct instruction){ .op = OP_BYTE, .byte = (uint8_t)c });
    }
}

static bool parse_count(struct parser *p, int *ret)
{
    if (!is_digit((unsigned char)*p->at)) return false;
    *ret = 0;
    for (; is_digit((unsigned char)*p->at); p->at++)
        if (*ret <= REPEAT_MAX) *ret = *ret * 10 + (*p->at - '0');
    return true;
}

/* The operator at p->at, of which there is one: "*", "+", "?", "{M}", "{M,}", "{M,N}" or, as in glibc, "{,N}". */
static int parse_repeat(struct parser *p, int *ret_min, int *ret_max)
{
    char c = *p->at++;
    *ret_min = c == '+' ? 1 : 0;
    *ret_max = c == '?' ? 1 : NO_BOUND;
    if (c != '{') return 0;
    const char *open = p->at - 1;
    bool has_min = parse_count(p, ret_min), has_max = false;
    *ret_max = *ret_min;
    if (*p->at == ',') {
        p->at++;
        *ret_max = NO_BOUND;
        has_max = parse_count(p, ret_max);
    }
    bool closed = *p->at == '}';
    if (closed) p->at++;
    if (closed && (has_min || has_max) && *ret_min <= REPEAT_MAX && *ret_max <= REPEAT_MAX &&
        (*ret_max == NO_BOUND || *ret_max >= *ret_min))
        return 0;
    p->at = open;
    return refuse(p, "has a repeat count that is none of {M}, {M,}, {M,N} up to 255");
}

/* Takes what was built from `start` on and builds it `min` times, and then as often as it may come again. */
static int apply_repeat(struct parser *p, size_t start, int min, int max)
{
    struct ere *ere = p->ere;
    size_t length = ere->program.count - start;
    int16_t span = (int16_t)length;
    struct instruction *block = malloc((length + 1) * sizeof *block);
    if (!block) return -ENOMEM;
    if (length > 0) memcpy(block, ere->program.items + start, length * sizeof *block);
    ere->program.count = start;
    int r = 0;
    bool loop = max == NO_BOUND;
    for (int i = 0; r == 0 && i < (loop ? MAX_OF(min, 1) : max); i++) {
        if (i >= min) {
            int16_t behind = (int16_t)(span + (loop ? 2 : 1));
            r = emit(p, (struct instruction){ .op = OP_SPLIT, .first = 1, .second = behind });
        }
        for (size_t k = 0; r == 0 && k < length; k++) r = emit(p, block[k]);
    }
    if (r == 0 && loop && min == 0)
        r = emit(p, (struct instruction){ .op = OP_JUMP, .first = (int16_t)(-span - 1) });
    else if (r == 0 && loop)
        r = emit(p, (struct instruction){ .op = OP_SPLIT, .first = (int16_t)-span, .second = 1 });
    free(block);
    return r;
}

static int parse_branch(struct parser *p)
{
    while (*p->at != '\0' && *p->at != '|' && *p->at != ')') {
        size_t start = p->ere->program.count;
        bool anchor = false;
        int r = parse_atom(p, &anchor), min, max;
        while (r == 0 && *p->at != '\0' && strchr("*+?{", *p->at)) {
            if (anchor) return refuse(p, "repeats an anchor");
            r = parse_repeat(p, &min, &max);
            if (r == 0) r = apply_repeat(p, start, min, max);
        }
        if (r < 0) return r;
    }
    return 0;
}

/* Each alternative but the last: SPLIT to it or the next one, it, JUMP to the end; the jumps are chained until then. */
static int parse_alternatives(struct parser *p)
{
    struct ere *ere = p->ere;
    int16_t last_jump = -1;
    for (;;) {
        size_t start = ere->program.count;
        int r = parse_branch(p);
        if (r < 0) return r;
        if (*p->at != '|') break;
        p->at++;
        int16_t behind = (int16_t)(ere->program.count - start + 2);
        r = insert(p, start, (struct instruction){ .op = OP_SPLIT, .first = 1, .second = behind });
        if (r == 0) r = emit(p, (struct instruction){ .op = OP_JUMP, .first = last_jump });
        if (r < 0) return r;
        last_jump = (int16_t)(ere->program.count - 1);
    }
    while (last_jump >= 0) {
        struct instruction *jump = &ere->program.items[last_jump];
        int16_t previous = jump->first;
        jump->first = (int16_t)((int)ere->program.count - last_jump);
        last_jump = previous;
    }
    return 0;
}

static int parse_all(struct parser *p)
{
    int r = parse_alternatives(p);
    if (r == 0 && *p->at == ')') r = refuse(p, "has a ')' without its '('");
    return r < 0 ? r : emit(p, (struct instruction){ .op = OP_MATCH });
}

int ere_new(const char *pattern, struct ere **ret_ere, size_t *ret_bad, const char **ret_why)
{
    *ret_ere = NULL;
    AUTO(ere_free) struct ere *ere = calloc(1, sizeof *ere);
    if (!ere) return -ENOMEM;
    struct parser p = { .ere = ere, .pattern = pattern, .at = pattern };
    int r = parse_all(&p);
    if (r < 0) {
        *ret_bad = (size_t)(p.at - pattern);
        *ret_why = p.why;
        return r;
    }
    size_t n = ere->program.count;
    ere->memory = calloc(5 * n, sizeof *ere->memory);
    if (!ere->memory) return -ENOMEM;
    ere->now = (struct state_set){ ere->memory, ere->memory + n, 0 };
    ere->next = (struct state_set){ ere->memory + 2 * n, ere->memory + 3 * n, 0 };
    ere->stack = ere->memory + 4 * n;
    *ret_ere = TAKE(ere);
    return 0;
}

void ere_free(struct ere *ere)
{
    if (!ere) return;
    vec_done(&ere->program);
    vec_done(&ere->sets);
    free(ere->memory);
    free(ere);
}

/* ---- matching ---- */

static bool state_add(struct state_set *set, size_t state)
{
    size_t place = set->sparse[state];
    if (place < set->count && set->dense[place] == state) return false;
    set->sparse[state] = (uint16_t)set->count;
    set->dense[set->count++] = (uint16_t)state;
    return true;
}

/* Reaches `state` and what can be reached from there without reading a byte. True when that is the end. */
static bool reach(struct ere *ere, struct state_set *set, size_t state, bool at_begin, bool at_end)
{
    size_t depth = 0;
    if (!state_add(set, state)) return false;
    ere->stack[depth++] = (uint16_t)state;
    while (depth > 0) {
        size_t at = ere->stack[--depth];
        const struct instruction *i = &ere->program.items[at];
        int ways[2] = { 0, 0 };
        switch ((enum op)i->op) {
        case OP_MATCH:
            return true;
        case OP_SPLIT:
            ways[1] = i->second;
            ways[0] = i->first;
            break;
        case OP_JUMP:
            ways[0] = i->first;
            break;
        case OP_BEGIN:
            ways[0] = at_begin;
            break;
        case OP_END:
            ways[0] = at_end;
            break;
        case OP_BYTE:
        case OP_ANY:
        case OP_SET:
            break;
        }
        for (int w = 0; w < 2; w++) {
            size_t to = (size_t)((ptrdiff_t)at + ways[w]);
            if (ways[w] != 0 && state_add(set, to)) ere->stack[depth++] = (uint16_t)to;
        }
    }
    return false;
}

static bool takes(const struct ere *ere, const struct instruction *i, unsigned char byte)
{
    return i->op == OP_ANY || (i->op == OP_BYTE && i->byte == byte) ||
           (i->op == OP_SET && set_has(&ere->sets.items[i->first], byte));
}

bool ere_matches(struct ere *ere, const char *text, size_t length)
{
    ere->now.count = 0;
    if (reach(ere, &ere->now, 0, true, length == 0)) return true;
    for (size_t at = 0; at < length; at++) {
        bool at_end = at + 1 == length;
        ere->next.count = 0;
        for (size_t s = 0; s < ere->now.count; s++) {
            size_t state = ere->now.dense[s];
            if (takes(ere, &ere->program.items[state], (unsigned char)text[at]) &&
                reach(ere, &ere->next, state + 1, false, at_end))
                return true;
        }
        if (reach(ere, &ere->next, 0, false, at_end)) return true; /* a match may begin anywhere */
        struct state_set spent = ere->now;
        ere->now = ere->next;
        ere->next = spent;
    }
    return false;
}
