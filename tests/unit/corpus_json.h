/* tests/unit/corpus_json.h - the corpus' JSON: whole files and lines, with what jansson cannot hold put differently. */
#pragma once
#include "tests/unit/corpus.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/attr.h"
#include "base/json.h"
#include "base/str.h"

/* A code point that no text of the corpus has stands for NUL, which jansson refuses; corpus_bytes() puts it back. */
#define CORPUS_NUL      "\\ue000"
#define CORPUS_NUL_UTF8 "\xee\x80\x80"

/* Copies JSON. Numbers above INT64_MAX become strings (jansson has no unsigned 64 bit) and escaped NULs CORPUS_NUL. */
static UNUSED void corpus_tame(const char *text, size_t size, struct str *out)
{
    static const char limit[] = "9223372036854775807";
    bool quoted = false;
    for (size_t i = 0; i < size;) {
        size_t length = 1;
        if (quoted && text[i] == '\\' && i + 1 < size) {
            bool nul = size - i >= 6 && strncmp(text + i, "\\u0000", 6) == 0;
            length = nul ? 6 : 2;
            assert_int_equal(str_append_bytes(out, nul ? CORPUS_NUL : text + i, length), 0);
        } else if (!quoted && isdigit((unsigned char)text[i])) {
            while (i + length < size && isdigit((unsigned char)text[i + length])) length++;
            size_t digits = sizeof limit - 1;
            bool large = length > digits || (length == digits && strncmp(text + i, limit, digits) > 0);
            assert_int_equal(str_appendf(out, "%s%.*s%s", large ? "\"" : "", (int)length, text + i, large ? "\"" : ""),
                             0);
        } else {
            if (text[i] == '"') quoted = !quoted;
            assert_int_equal(str_append_char(out, text[i]), 0);
        }
        i += length;
    }
}

static UNUSED struct json_value *corpus_parse(const char *text, size_t size, const char *what)
{
    AUTO_STR struct str tame = STR_EMPTY;
    struct json_value *value = NULL;
    char *error = NULL;
    corpus_tame(text, size, &tame);
    if (json_parse(str_text(&tame), tame.length, &value, &error) < 0)
        fail_msg("%s: %s in %s", what, error ? error : "?", str_text(&tame));
    return value;
}

/* NULL when there is no such file. The caller frees. */
static UNUSED struct json_value *corpus_json(const char *path)
{
    size_t size = 0;
    char *data = corpus_read(path, &size);
    if (!data) return NULL;
    struct json_value *value = corpus_parse(data, size, path);
    free(data);
    return value;
}

/* Calls `each` for every line of a .jsonl file below the corpus; returns how many there were. */
static UNUSED size_t corpus_lines(const char *root, const char *file,
                                  void (*each)(const struct json_value *line, size_t number))
{
    AUTO_STR struct str path = STR_EMPTY;
    size_t size, number = 0;
    assert_int_equal(str_appendf(&path, "%s/%s", root, file), 0);
    char *data = corpus_read(str_text(&path), &size);
    assert_non_null(data);
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1) {
        AUTO(json_free) struct json_value *value = corpus_parse(line, (size_t)(end - line), file);
        each(value, ++number);
    }
    free(data);
    return number;
}

/* One printed form for equal values. The caller frees. */
static UNUSED char *corpus_print(const struct json_value *value)
{
    char *text = json_print(value, 0);
    assert_non_null(text);
    return text;
}

/* base64, without line breaks. */
static UNUSED void corpus_decode(const char *text, struct str *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned count = 0;
    for (const char *at; *text && (at = strchr(alphabet, *text)); text++) {
        bits = bits << 6 | (uint32_t)(at - alphabet);
        if ((count += 6) < 8) continue;
        count -= 8;
        assert_int_equal(str_append_char(out, (char)(unsigned char)(bits >> count & 0xff)), 0);
    }
}

/* The text of a unit: unit_base64 or unit_text. */
static UNUSED void corpus_bytes(const struct json_value *line, struct str *out)
{
    const char *text = json_get_string(line, "unit_text"), *encoded = json_get_string(line, "unit_base64");
    if (encoded) {
        corpus_decode(encoded, out);
        return;
    }
    assert_non_null(text);
    for (const char *nul; (nul = strstr(text, CORPUS_NUL_UTF8)); text = nul + sizeof CORPUS_NUL_UTF8 - 1) {
        assert_int_equal(str_append_bytes(out, text, (size_t)(nul - text)), 0);
        assert_int_equal(str_append_char(out, '\0'), 0);
    }
    assert_int_equal(str_append(out, text), 0);
}
