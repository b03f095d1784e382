/* The verdict on an event, from its text; and globs. */
#include "modules/watch/event/event_text.h"
#include "modules/watch/event/filter_internal.h"

/* One character of the text against one of the pattern at *at, which moves on. */
static bool glob_one(struct sv pattern, size_t *at, char c)
{
        size_t here = *at;
        char p = pattern.p[here];
        *at = here + 1;
        if (p == '?')
                return c != '/';
        if (p == '\\' && here + 1 < pattern.n) {
                *at = here + 2;
                return pattern.p[here + 1] == c;
        }
        if (p != '[')
                return p == c;
        size_t i = here + 1;
        bool negated = i < pattern.n && (pattern.p[i] == '!' || pattern.p[i] == '^');
        bool found = false;
        i += negated;
        for (size_t first = i; i < pattern.n && (pattern.p[i] != ']' || i == first); i++) {
                unsigned char low = (unsigned char)pattern.p[i];
                unsigned char high = low;
                if (i + 2 < pattern.n && pattern.p[i + 1] == '-' && pattern.p[i + 2] != ']') {
                        high = (unsigned char)pattern.p[i + 2];
                        i += 2;
                }
                found = found || ((unsigned char)c >= low && (unsigned char)c <= high);
        }
        if (i >= pattern.n) /* never closed: an ordinary bracket */
                return c == '[';
        *at = i + 1;
        return found != negated && (!negated || c != '/');
}

/* Where a star stood that can take one character more. Of each kind only the last is ever tried again: what an earlier
 * one took can stay as it is. */
struct star {
        size_t pattern, text; /* behind the star; where the text goes on; pattern SIZE_MAX: none */
};

bool glob_match(struct sv pattern, struct sv text)
{
        struct star one = { SIZE_MAX, 0 }; /* *, within a part of the path */
        struct star two = { SIZE_MAX, 0 }; /* **, across slashes */
        size_t p = 0;
        size_t t = 0;
        while (t < text.n || p < pattern.n) {
                bool star = p < pattern.n && pattern.p[p] == '*';
                if (star && p + 1 < pattern.n && pattern.p[p + 1] == '*') {
                        two = (struct star){ p += 2, t };
                        one.pattern = SIZE_MAX;
                        continue;
                }
                if (star) {
                        one = (struct star){ ++p, t };
                        continue;
                }
                size_t next = p;
                if (p < pattern.n && t < text.n && glob_one(pattern, &next, text.p[t])) {
                        p = next;
                        t++;
                } else if (one.pattern != SIZE_MAX && one.text < text.n && text.p[one.text] != '/') {
                        p = one.pattern;
                        t = ++one.text;
                } else if (two.pattern != SIZE_MAX && two.text < text.n) {
                        one.pattern = SIZE_MAX;
                        p = two.pattern;
                        t = ++two.text;
                } else {
                        return false;
                }
        }
        return true;
}

static bool word_is(const struct word *word, struct sv value, struct buf *scratch)
{
        if (!value.p)
                return false;
        return word->glob ? glob_match(word->text, json_text_view(value, scratch))
                          : json_text_equals(value, word->text);
}

static bool word_is_path(const struct word *word, struct sv value, struct buf *scratch)
{
        if (!value.p)
                return false;
        struct sv path = json_text_view(value, scratch);
        if (!word->whole) /* what stands behind the last slash */
                for (size_t i = path.n; i > 0; i--)
                        if (path.p[i - 1] == '/') {
                                path = sv_n(path.p + i, path.n - i);
                                break;
                        }
        return word->glob ? glob_match(word->text, path) : sv_eq(path, word->text);
}

typedef bool word_test_fn(const struct word *word, struct sv value, struct buf *scratch);

static bool any_word(struct event_filter *filter, const struct words *words, struct sv value, word_test_fn *test)
{
        for (size_t i = 0; i < words->count; i++)
                if (test(&words->items[i], value, &filter->scratch))
                        return true;
        return words->count == 0;
}

static bool any_tag(struct event_filter *filter, struct sv tags)
{
        struct sv tag;
        if (filter->tag.count == 0)
                return true;
        while (json_text_item(&tags, &tag))
                if (any_word(filter, &filter->tag, tag, word_is))
                        return true;
        return false;
}

static bool is_ancestor(struct event_filter *filter, const struct word *word, const struct ancestor_text *ancestor)
{
        struct buf *scratch = &filter->scratch;
        uint64_t number;
        return word_is_path(word, ancestor->exe, scratch) || word_is(word, ancestor->comm, scratch) ||
               word_is(word, ancestor->exec_id, scratch) ||
               (ancestor_number(word->text, &number) && sv_eq(ancestor->pid, word->text));
}

static bool any_ancestor(struct event_filter *filter, struct sv ancestors)
{
        struct sv object;
        struct ancestor_text ancestor;
        if (filter->ancestor.count == 0)
                return true;
        while (json_text_item(&ancestors, &object)) {
                if (!ancestor_text_read(object, &ancestor))
                        return false;
                for (size_t i = 0; i < filter->ancestor.count; i++)
                        if (is_ancestor(filter, &filter->ancestor.items[i], &ancestor))
                                return true;
        }
        return false;
}

static bool is_container(
        struct event_filter *filter, const struct container_word *container, const struct event_text *text)
{
        struct buf *scratch = &filter->scratch;
        bool inside = text->container_id.p || text->engine.p;
        if (container->kind != CONTAINER_WORD)
                return inside == (container->kind == CONTAINER_ANY);
        return word_is(&container->word, text->container_name, scratch) ||
               word_is(&container->word, text->container_id, scratch) ||
               word_is(&container->word, text->engine, scratch) ||
               (container->mask && text->container_id.p &&
                       sv_starts(json_text_view(text->container_id, scratch), container->word.text));
}

static bool any_container(struct event_filter *filter, const struct event_text *text)
{
        list_foreach (container, &filter->container)
                if (is_container(filter, container, text))
                        return true;
        return filter->container.count == 0;
}

static bool any_regex(struct event_filter *filter, struct sv argv)
{
        struct sv item;
        if (filter->argv.count == 0)
                return true;
        if (!argv.p)
                return false;
        buf_clear(&filter->joined);
        for (struct sv rest = argv; json_text_item(&rest, &item);) {
                struct sv argument = json_text_view(item, &filter->scratch);
                list_foreach (regex, &filter->argv)
                        if (regex_match(*regex, argument))
                                return true;
                if (filter->joined.len)
                        buf_putc(&filter->joined, ' ');
                buf_append(&filter->joined, argument.p, argument.n);
        }
        struct sv joined = sv_n(buf_text(&filter->joined), filter->joined.len);
        list_foreach (regex, &filter->argv)
                if (regex_match(*regex, joined))
                        return true;
        return false;
}

static bool any_text(const struct event_filter *filter, struct sv json)
{
        for (size_t i = 0; i < filter->text.count; i++)
                if (memmem(json.p, json.n, filter->text.items[i].text.p, filter->text.items[i].text.n))
                        return true;
        return filter->text.count == 0;
}

static uint32_t wanted_members(const struct event_filter *filter)
{
        return (filter->exe.count ? EVENT_TEXT(exe) : 0) | (filter->comm.count ? EVENT_TEXT(comm) : 0) |
               (filter->ancestor.count ? EVENT_TEXT(ancestors) : 0) |
               (filter->exec_id.count ? EVENT_TEXT(exec_id) : 0) | (filter->path.count ? EVENT_TEXT(path) : 0) |
               (filter->key.count ? EVENT_TEXT(key) : 0) | (filter->tag.count ? EVENT_TEXT(tags) : 0) |
               (filter->container.count ? EVENT_TEXT(engine) | EVENT_TEXT(container_id) | EVENT_TEXT(container_name)
                                        : 0) |
               (filter->argv.count ? EVENT_TEXT(argv) : 0);
}

bool event_filter_match(struct event_filter *filter, const struct event_head *head, struct sv json)
{
        struct event_text text;
        if (!filter)
                return true;
        if (!event_filter_head(filter, head) || !any_text(filter, json))
                return false;
        uint32_t wanted = wanted_members(filter);
        if (wanted == 0)
                return true;
        return event_text_read(json, wanted, &text) && any_word(filter, &filter->exe, text.exe, word_is_path) &&
               any_word(filter, &filter->comm, text.comm, word_is) &&
               any_word(filter, &filter->exec_id, text.exec_id, word_is) &&
               any_word(filter, &filter->key, text.key, word_is) &&
               any_word(filter, &filter->path, text.path, word_is_path) && any_container(filter, &text) &&
               any_tag(filter, text.tags) && any_ancestor(filter, text.ancestors) && any_regex(filter, text.argv);
}
