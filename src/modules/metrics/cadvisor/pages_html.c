/* What all pages are made of. */
#include "modules/metrics/cadvisor/pages_internal.h"

void page_text(struct buf *out, const char *text)
{
        for (const char *at = text ? text : ""; *at; at++) {
                switch (*at) {
                case '&':
                        buf_puts(out, "&amp;");
                        break;
                case '<':
                        buf_puts(out, "&lt;");
                        break;
                case '>':
                        buf_puts(out, "&gt;");
                        break;
                case '"':
                        buf_puts(out, "&quot;");
                        break;
                case '\'':
                        buf_puts(out, "&#39;");
                        break;
                default: /* controls would be parse errors, and could hide what follows */
                        buf_putc(out, (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at);
                }
        }
}

void page_address(struct page *page, const char *address)
{
        page_text(page->out, page->prefix);
        for (const char *at = address; *at; at++) {
                unsigned char c = (unsigned char)*at;
                bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
                if (letter || strchr("-_.~/:@", c))
                        buf_putc(page->out, (char)c);
                else
                        buf_printf(page->out, "%%%02X", c);
        }
}

void page_link(struct page *page, const char *address, const char *text)
{
        buf_puts(page->out, "<a href=\"");
        page_address(page, address);
        buf_puts(page->out, "\">");
        page_text(page->out, text);
        buf_puts(page->out, "</a>");
}

void page_size(struct buf *out, uint64_t bytes)
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        if (bytes > UINT64_C(1) << 62) {
                buf_puts(out, "unlimited");
                return;
        }
        double value = (double)bytes;
        size_t unit = 0;
        for (; value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
                value /= 1024;
        buf_printf(out, unit ? "%.2f %s" : "%.0f %s", value, units[unit]);
}

static const char style[] =
        "body{font:14px/1.4 system-ui,sans-serif;max-width:1100px;margin:1em auto;padding:0 1em;color:#222;"
        "background:#fff}h1{font-size:1.5em;overflow-wrap:anywhere}h2{font-size:1.15em;border-bottom:1px solid #ccc;"
        "margin-top:1.6em}h3{font-size:1em}table{border-collapse:collapse}td,th{padding:2px 8px;text-align:left;"
        "border-bottom:1px solid #eee;overflow-wrap:anywhere}td.n{text-align:right}svg{max-width:100%;display:block}"
        ".gauges{display:flex;flex-wrap:wrap;gap:1em}.names{columns:22em}.names a{display:block;overflow-wrap:anywhere}"
        "nav,.quiet{color:#666}@media(prefers-color-scheme:dark){body{color:#ddd;background:#16181b}a{color:#8ab4f8}"
        "td,th,h2{border-color:#444}nav,.quiet{color:#999}svg text{fill:#ddd}}";

void page_begin(struct page *page, const char *title)
{
        buf_puts(page->out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                            "content=\"width=device-width\"><title>cAdvisor - ");
        page_text(page->out, title);
        buf_printf(page->out, "</title><style>%s</style></head><body><h1>", style);
        page_text(page->out, title);
        buf_puts(page->out, "</h1>\n");
}

/* live: what stands in #live is fetched again every two seconds while the page is seen. */
void page_end(struct page *page, bool live)
{
        if (live)
                buf_puts(page->out,
                        "<script>setInterval(async()=>{if(document.hidden)return;try{const r=await "
                        "fetch(location.href);if(!r.ok)return;const d=new DOMParser().parseFromString(await "
                        "r.text(),'text/html').getElementById('live');if(d)document.getElementById('live')"
                        ".replaceWith(d)}catch(e){}},2000)</script>");
        buf_puts(page->out, "</body></html>\n");
}

void page_section(struct page *page, const char *title)
{
        buf_printf(page->out, "<h2>%s</h2>\n", title);
}

void page_row(struct page *page, const char *name, const char *format, ...)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 64 * 1024);
        va_list args;
        va_start(args, format);
        buf_vprintf(&text, format, args);
        va_end(args);
        buf_printf(page->out, "<tr><th>%s</th><td>", name);
        page_text(page->out, buf_text(&text));
        buf_puts(page->out, "</td></tr>\n");
}

size_t page_number(const struct page *page, const char *key, size_t fallback, size_t max)
{
        cleanup(buf_done) struct buf scratch;
        buf_init(&scratch, API_NAME_MAX);
        const char *text = api_query(page->query, key, &scratch);
        int64_t value;
        if (!text || !api_int_parse(text, &value) || value < 1)
                return fallback;
        return (uint64_t)value > max ? max : (size_t)value;
}
