#include "schema/prompt.h"

#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/usage.h"

#include <termios.h>

enum { INTERRUPT = 3 }; /* what ^C types while signals are off */

struct prompt {
        FILE *in;
        FILE *out;
        struct error *err;
        unsigned tries;
        struct buf line; /* the last answer */
};

/* --- reading --- */

/* Echo and signal keys off; false when `in` is no terminal. */
static bool hide(FILE *in, struct termios *ret_before)
{
        int fd = fileno(in);
        if (fd < 0 || !isatty(fd) || tcgetattr(fd, ret_before) < 0)
                return false;
        struct termios hidden = *ret_before;
        hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
        return tcsetattr(fd, TCSAFLUSH, &hidden) == 0;
}

static bool is_bad_line(const struct buf *line)
{
        return line->failed || (line->len && memchr(line->data, '\0', line->len));
}

static int wrong(struct prompt *prompt, const char *why)
{
        fprintf(prompt->out, "  %s\n", why);
        if (++prompt->tries >= PROMPT_TRIES_MAX)
                return fail(prompt->err, E_INVALID, "%d wrong answers", PROMPT_TRIES_MAX);
        return 0;
}

/* One line without its end into prompt->line. */
static int read_line(struct prompt *prompt, const char *name, bool secret)
{
        struct termios before;
        fflush(prompt->out);
        bool hidden = secret && hide(prompt->in, &before);
        int c;
        buf_clear(&prompt->line);
        while ((c = getc(prompt->in)) != EOF && c != '\n')
                buf_putc(&prompt->line, (char)c);
        if (hidden) {
                tcsetattr(fileno(prompt->in), TCSAFLUSH, &before);
                fputc('\n', prompt->out);
                if (prompt->line.len && memchr(prompt->line.data, INTERRUPT, prompt->line.len))
                        return fail(prompt->err, E_STOPPED, "interrupted");
        }
        if (c == EOF && !prompt->line.len)
                return fail(prompt->err, E_INVALID, "the input ended at the question for %s", name);
        if (prompt->line.len && prompt->line.data[prompt->line.len - 1] == '\r')
                prompt->line.data[--prompt->line.len] = '\0';
        return 0;
}

static void explain(struct prompt *prompt, const struct field *field)
{
        struct buf type;
        buf_init(&type, 1 << 16);
        usage_field_type(&type, field);
        fprintf(prompt->out, "%s (%s%s)%s%s\n", field_json_name(field), buf_text(&type),
                field->required ? ", required" : "", field->help ? ": " : "", field->help ? field->help : "");
        buf_done(&type);
}

static const char *default_of(const struct field *field)
{
        return field->cli_def ? field->cli_def : field->def;
}

/* Asks until there is a line that is not a call for help. */
static int ask(struct prompt *prompt, const struct field *field, const char *question, const char *def)
{
        while (true) {
                if (def && *def && !field->secret)
                        fprintf(prompt->out, "%s [%s]: ", question, def);
                else
                        fprintf(prompt->out, "%s: ", question);
                if (read_line(prompt, field_json_name(field), field->secret) < 0)
                        return -1;
                if (is_bad_line(&prompt->line)) {
                        if (wrong(prompt, prompt->line.failed ? "the line is too long" : "a NUL byte is not allowed") <
                                0)
                                return -1;
                } else if (!strcmp(buf_text(&prompt->line), "help")) {
                        explain(prompt, field);
                } else {
                        if (!strcmp(buf_text(&prompt->line), "\\help"))
                                buf_consume(&prompt->line, 1);
                        return 0;
                }
        }
}

/* 1 yes, 0 no, -1 error. */
static int ask_yes(struct prompt *prompt, const struct field *field, const char *question)
{
        while (true) {
                if (ask(prompt, field, question, "y/N") < 0)
                        return -1;
                const char *answer = buf_text(&prompt->line);
                if (!strcasecmp(answer, "y") || !strcasecmp(answer, "yes"))
                        return 1;
                if (!*answer || !strcasecmp(answer, "n") || !strcasecmp(answer, "no"))
                        return 0;
                if (wrong(prompt, "please answer y or n") < 0)
                        return -1;
        }
}

/* --- values --- */

/* The JSON of one value, checked by the field's own rules; NULL and the reason in *why. */
static json_t *value_of(const struct field *field, const char *text, struct error *why)
{
        if (field->type == FIELD_TYPE_BOOL && text[0] && !text[1] && strchr("yYnN", text[0]))
                text = strchr("yY", text[0]) ? "true" : "false";
        json_t *value = field_json_from_text(field, text, why);
        if (!value)
                return NULL;
        struct field alone = *field;
        if (alone.container != FIELD_ONE)
                alone.min_length = 0; /* counts items there */
        alone.container = FIELD_ONE;
        alone.json = "value";
        cleanup(json_decref) json_t *object = json_pack("{s:O}", "value", value);
        if (record_check(&(struct record){ .fields = &alone, .count = 1 }, object, READ_STRICT, why) < 0) {
                json_decref(value);
                /* the path is what the user is looking at */
                if (!strncmp(why->message, "value: ", 7))
                        memmove(why->message, why->message + 7, strlen(why->message + 7) + 1);
                return NULL;
        }
        return value;
}

static int take_default(struct prompt *prompt, const struct field *field, json_t *object)
{
        struct error why;
        struct sv part;
        if (!field->cli_def) /* the reader fills in the other one */
                return 0;
        if (field->container == FIELD_ONE) {
                json_t *value = value_of(field, field->cli_def, &why);
                if (!value)
                        return fail(prompt->err, why.code, "default of %s: %s", field_json_name(field), why.message);
                json_object_set_new(object, field_json_name(field), value);
                return 0;
        }
        json_t *list = json_array();
        json_object_set_new(object, field_json_name(field), list);
        for (struct sv rest = sv_of(field->cli_def); field->container == FIELD_LIST && sv_split(&rest, ',', &part);) {
                cleanup(free) char *text = strndup(part.p, part.n);
                json_t *value = text ? value_of(field, text, &why) : NULL;
                if (!value)
                        return fail(prompt->err, E_INVALID, "the default of %s is wrong", field_json_name(field));
                json_array_append_new(list, value);
        }
        return 0;
}

static int ask_one(struct prompt *prompt, const struct field *field, json_t *object)
{
        struct error why;
        while (true) {
                if (ask(prompt, field, field_json_name(field), default_of(field)) < 0)
                        return -1;
                const char *text = buf_text(&prompt->line);
                if (!*text && (!field->required || default_of(field)))
                        return take_default(prompt, field, object);
                json_t *value = *text ? value_of(field, text, &why) : NULL;
                if (value) {
                        json_object_set_new(object, field_json_name(field), value);
                        return 0;
                }
                if (wrong(prompt, *text ? why.message : "a value is required") < 0)
                        return -1;
        }
}

/* One KEY=VALUE or one item into the container; a wrong one leaves the reason in *why. */
static int add_item(const struct field *field, const char *text, json_t *container, struct error *why)
{
        const char *equals = strchr(text, '=');
        bool list = field->container == FIELD_LIST;
        if (!list && (!equals || equals == text))
                return fail(why, E_INVALID, "please give KEY=VALUE");
        json_t *value = value_of(field, list ? text : equals + 1, why);
        if (!value)
                return -1;
        if (list)
                return json_array_append_new(container, value);
        cleanup(free) char *key = strndup(text, (size_t)(equals - text));
        json_t *target = container;
        if (key && field->container == FIELD_MAP_OF_LISTS) {
                target = json_object_get(container, key);
                if (!target && json_object_set_new(container, key, target = json_array()) < 0)
                        target = NULL;
                if (target)
                        return json_array_append_new(target, value);
        } else if (key && json_object_set_new(target, key, value) == 0) {
                return 0;
        } else {
                return fail(why, E_INVALID, "the key is not UTF-8");
        }
        json_decref(value);
        return fail(why, E_INVALID, "the key is not UTF-8");
}

static size_t container_size(const json_t *container)
{
        return json_is_array(container) ? json_array_size(container) : json_object_size(container);
}

static int ask_many(struct prompt *prompt, const struct field *field, json_t *object)
{
        struct error why;
        size_t most = field->max_items ? field->max_items : FIELD_ITEMS_MAX;
        size_t least = field->min_length ? field->min_length : field->required;
        cleanup(json_decref) json_t *container = field->container == FIELD_LIST ? json_array() : json_object();
        fprintf(prompt->out, "  one a line%s, an empty line ends\n",
                field->container == FIELD_LIST ? "" : ", as KEY=VALUE");
        while (container_size(container) < most) {
                bool none = container_size(container) == 0;
                if (ask(prompt, field, field_json_name(field), none ? default_of(field) : NULL) < 0)
                        return -1;
                const char *text = buf_text(&prompt->line);
                if (!*text && none && default_of(field))
                        return take_default(prompt, field, object);
                if (!*text && container_size(container) >= least)
                        break;
                if (*text && add_item(field, text, container, &why) == 0)
                        continue;
                if (wrong(prompt, *text ? why.message : "more values are required") < 0)
                        return -1;
        }
        if (container_size(container))
                json_object_set(object, field_json_name(field), container);
        return 0;
}

/* --- records --- */

static int ask_record(struct prompt *prompt, const struct record *record, json_t *object);

static int ask_records(struct prompt *prompt, const struct field *field, json_t *object)
{
        char question[160];
        cleanup(json_decref) json_t *list = json_array();
        size_t most = field->max_items ? field->max_items : FIELD_ITEMS_MAX;
        bool needed = field->required || field->min_length;
        while (json_array_size(list) < most) {
                size_t have = json_array_size(list);
                snprintf(question, sizeof(question), "%s%.100s", have ? "another of " : "add to ",
                        field_json_name(field));
                int more = needed && have < (field->min_length ? field->min_length : 1)
                                   ? 1
                                   : ask_yes(prompt, field, question);
                if (more < 0)
                        return -1;
                if (!more)
                        break;
                json_t *item = json_object();
                if (json_array_append_new(list, item) < 0 || ask_record(prompt, field->record, item) < 0)
                        return -1;
        }
        if (json_array_size(list))
                json_object_set(object, field_json_name(field), list);
        return 0;
}

static int ask_label(struct prompt *prompt, const struct field *field, const json_t *map, char **ret)
{
        char question[160];
        const char *def = json_object_size(map) ? NULL : field->entry;
        snprintf(question, sizeof(question), "label in %.100s", field_json_name(field));
        while (true) {
                if (ask(prompt, field, question, def) < 0)
                        return -1;
                const char *text = *buf_text(&prompt->line) ? buf_text(&prompt->line) : def;
                cleanup(json_decref) json_t *valid = text ? json_string(text) : NULL;
                if (text && valid && !json_object_get(map, text)) {
                        *ret = strdup(text);
                        return *ret ? 0 : fail(prompt->err, E_NO_MEMORY, "no memory for an answer");
                }
                if (wrong(prompt, !text   ? "a label is required"
                                  : valid ? "that label is there already"
                                          : "not UTF-8") < 0)
                        return -1;
        }
}

static int ask_record_map(struct prompt *prompt, const struct field *field, json_t *object)
{
        cleanup(json_decref) json_t *map = json_object();
        size_t most = field->max_items ? field->max_items : FIELD_ITEMS_MAX;
        bool needed = field->required || field->min_length || field->entry;
        char question[160];
        while (json_object_size(map) < most) {
                size_t have = json_object_size(map);
                snprintf(question, sizeof(question), "%s%.100s", have ? "another of " : "add to ",
                        field_json_name(field));
                int more = !have && needed ? 1 : ask_yes(prompt, field, question);
                if (more < 0)
                        return -1;
                if (!more)
                        break;
                cleanup(free) char *label = NULL;
                json_t *entry = json_object();
                if (ask_label(prompt, field, map, &label) < 0) {
                        json_decref(entry);
                        return -1;
                }
                if (json_object_set_new(map, label, entry) < 0 || ask_record(prompt, field->record, entry) < 0)
                        return -1;
        }
        if (json_object_size(map))
                json_object_set(object, field_json_name(field), map);
        return 0;
}

static int ask_record(struct prompt *prompt, const struct record *record, json_t *object)
{
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                int result;
                explain(prompt, field);
                if (field->type != FIELD_TYPE_RECORD) {
                        result = field->container == FIELD_ONE ? ask_one(prompt, field, object)
                                                               : ask_many(prompt, field, object);
                } else if (field->container == FIELD_LIST) {
                        result = ask_records(prompt, field, object);
                } else if (field->container != FIELD_ONE) {
                        result = ask_record_map(prompt, field, object);
                } else {
                        cleanup(json_decref) json_t *nested = json_object();
                        result = ask_record(prompt, field->record, nested);
                        if (result == 0 && json_object_size(nested))
                                json_object_set(object, field_json_name(field), nested);
                }
                if (result < 0)
                        return -1;
        }
        return 0;
}

json_t *record_prompt(const struct record *record, FILE *in, FILE *out, struct error *err)
{
        struct prompt prompt = { .in = in, .out = out, .err = err };
        json_t *object = json_object();
        buf_init(&prompt.line, PROMPT_LINE_MAX);
        if (ask_record(&prompt, record, object) < 0 || record_check(record, object, READ_STRICT, err) < 0) {
                json_decref(object);
                object = NULL;
        }
        fflush(out);
        if (prompt.line.data) /* a password may have stood there */
                explicit_bzero(prompt.line.data, prompt.line.capacity);
        buf_done(&prompt.line);
        return object;
}
