#include "modules/host/elf_row.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "linux/elf/gobuild.h"

#include <elf.h>

static char *text_of(struct arena *arena, struct sv text)
{
        return text.p ? arena_strndup(arena, text.p, text.n) : NULL;
}

/* The name of a number, else the number itself. */
static char *name_of(struct arena *arena, const char *name, uint64_t number)
{
        return name ? arena_strdup(arena, name) : arena_printf(arena, "0x%llx", (unsigned long long)number);
}

static char *address_of(struct arena *arena, uint64_t address)
{
        return arena_printf(arena, "%llx", (unsigned long long)address);
}

static int no_memory(struct error *err)
{
        return fail(err, E_NO_MEMORY, "the file needs more memory than a row may have");
}

static void add_text(struct arena *arena, struct string_list *list, struct sv text)
{
        char *copy = text_of(arena, text);
        if (copy)
                list->items[list->count++] = copy;
}

static int copy_texts(struct arena *arena, const struct sv *texts, size_t count, struct string_list *ret)
{
        ret->items = arena_array(arena, count, sizeof(char *));
        for (size_t i = 0; ret->items && i < count; i++)
                add_text(arena, ret, texts[i]);
        return ret->items ? 0 : -1;
}

static void path_words(struct arena *arena, bool present, uint32_t bits, struct string_list *ret)
{
        static const char *const words[] = { "origin", "relative", "empty", "writable", "absolute", "suspicious" };
        enum { WORDS = sizeof(words) / sizeof(words[0]) };
        ret->items = present ? arena_array(arena, WORDS, sizeof(char *)) : NULL;
        for (unsigned i = 0; ret->items && i < WORDS; i++)
                if (bits & (1U << i))
                        add_text(arena, ret, sv_of(words[i]));
}

static int fill_checksec(const struct elf *elf, const struct elf_params *params, struct arena *arena,
        struct elf_checksec_row *ret, struct error *err)
{
        struct elf_checksec found;
        if (elf_checksec(elf, arena, &found, err) < 0)
                return -1;
        ret->kind = arena_strdup(arena, elf_kind_name(found.kind));
        ret->relro = arena_strdup(arena, elf_relro_name(found.relro));
        ret->canary = arena_strdup(arena, elf_verdict_name(found.canary));
        ret->nx = arena_strdup(arena, elf_verdict_name(found.nx));
        ret->fortify = arena_strdup(arena, elf_verdict_name(found.fortify));
        ret->wx = arena_strdup(arena, elf_verdict_name(found.wx));
        ret->separate_code = arena_strdup(arena, elf_verdict_name(found.separate_code));
        path_words(arena, found.has_rpath, found.rpath, &ret->rpath);
        path_words(arena, found.has_runpath, found.runpath, &ret->runpath);
        ret->symbols = found.symbols;
        ret->fortified = found.fortified;
        ret->fortifiable = found.fortifiable;
        ret->static_linked = found.static_linked;
        ret->text_relocations = found.text_relocations;
        ret->debug = found.debug;
        ret->debuglink = found.debuglink;
        ret->go = found.go;
        ret->cfi = found.cfi;
        ret->safestack = found.safestack;
        ret->asan = found.asan;
        ret->ubsan = found.ubsan;
        ret->msan = found.msan;
        ret->tsan = found.tsan;
        ret->ibt = found.ibt;
        ret->shstk = found.shstk;
        ret->bti = found.bti;
        ret->pac = found.pac;
        ret->gcs = found.gcs;
        if (params->fortify &&
                (copy_texts(arena, found.fortified_names, found.fortified_name_count, &ret->fortified_names) < 0 ||
                        copy_texts(arena, found.unfortified_names, found.unfortified_name_count,
                                &ret->unfortified_names) < 0))
                return no_memory(err);
        return 0;
}

struct symbol_list {
        struct arena *arena;
        struct elf_row *row;
        struct elf_part *part;
        const char *table;
        uint64_t index; /* of the symbol that comes, over both tables */
        size_t bytes;   /* of JSON, at most */
};

/* Is this symbol for the row? 1 ends the walk: the row is full. */
static int place_symbol(struct symbol_list *list, size_t cost)
{
        uint64_t index = list->index++;
        if (index < list->part->first)
                return -1;
        list->bytes += cost;
        bool room = list->bytes <= ELF_ROW_SYMBOLS && index - list->part->first < ELF_ROW_SYMBOLS_MAX;
        if (room || index == list->part->first)
                return 0;
        list->part->next = index;
        list->part->more = true;
        return 1;
}

/* Bytes as a JSON string: what is not plain ASCII takes up to six. */
static size_t json_cost(struct sv text)
{
        size_t cost = text.n;
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] < ' ' || text.p[i] == '"' || text.p[i] == '\\' || text.p[i] == 0x7f)
                        cost += 5;
        return cost;
}

enum { NAME_COST = 4, SYMBOL_COST = 256 };

static size_t symbols_max(const struct elf_part *part, uint64_t count)
{
        uint64_t rest = count > part->first ? count - part->first : 0;
        return rest < ELF_ROW_SYMBOLS_MAX ? (size_t)rest : ELF_ROW_SYMBOLS_MAX;
}

static int add_name(const struct elf_symbol *symbol, void *cookie)
{
        struct symbol_list *list = cookie;
        int placed = place_symbol(list, NAME_COST + json_cost(symbol->name));
        if (placed == 0)
                add_text(list->arena, &list->row->dump.symbols, symbol->name);
        return placed > 0;
}

static int fill_dump(const struct elf *elf, struct elf_part *part, struct arena *arena, struct elf_row *row)
{
        enum elf_table table = elf_symbol_count(elf, ELF_TABLE_SYMTAB) ? ELF_TABLE_SYMTAB : ELF_TABLE_DYNSYM;
        struct symbol_list list = { .arena = arena, .row = row, .part = part };
        struct elf_dump_row *dump = &row->dump;
        dump->dyn_strings.items = arena_array(arena, elf->needed_count + 3, sizeof(char *));
        dump->symbols.items = arena_array(arena, symbols_max(part, elf_symbol_count(elf, table)), sizeof(char *));
        if (!dump->dyn_strings.items || !dump->symbols.items)
                return -1;
        for (size_t i = 0; i < elf->needed_count && part->number == 0; i++)
                add_text(arena, &dump->dyn_strings, elf->needed[i]);
        if (part->number == 0) {
                add_text(arena, &dump->dyn_strings, elf->soname);
                add_text(arena, &dump->dyn_strings, elf->rpath);
                add_text(arena, &dump->dyn_strings, elf->runpath);
        }
        elf_each_symbol(elf, table, add_name, &list);
        row->has_dump = true;
        return 0;
}

static int add_symbol(const struct elf_symbol *symbol, void *cookie)
{
        struct symbol_list *list = cookie;
        struct arena *arena = list->arena;
        size_t texts = json_cost(symbol->name) + json_cost(symbol->version) + json_cost(symbol->library);
        int placed = place_symbol(list, SYMBOL_COST + texts);
        if (placed != 0)
                return placed > 0;
        list->row->symbols.items[list->row->symbols.count++] = (struct elf_symbol_row){
                .table = arena_strdup(arena, list->table),
                .name = text_of(arena, symbol->name),
                .version = text_of(arena, symbol->version),
                .library = text_of(arena, symbol->library),
                .type = name_of(arena, elf_symbol_type_name(symbol->type), symbol->type),
                .binding = name_of(arena, elf_symbol_binding_name(symbol->binding), symbol->binding),
                .visibility = name_of(arena, elf_symbol_visibility_name(symbol->visibility), symbol->visibility),
                .value = address_of(arena, symbol->value),
                .size = symbol->size,
                .imported = symbol->section == SHN_UNDEF,
        };
        return 0;
}

static int fill_symbols(const struct elf *elf, struct elf_part *part, struct arena *arena, struct elf_row *row)
{
        uint64_t count = elf_symbol_count(elf, ELF_TABLE_SYMTAB) + elf_symbol_count(elf, ELF_TABLE_DYNSYM);
        struct symbol_list list = { .arena = arena, .row = row, .part = part, .table = "dynsym" };
        row->symbols.items = arena_array(arena, symbols_max(part, count), sizeof(struct elf_symbol_row));
        if (!row->symbols.items)
                return -1;
        if (elf_each_symbol(elf, ELF_TABLE_DYNSYM, add_symbol, &list) == 0) {
                list.table = "symtab";
                elf_each_symbol(elf, ELF_TABLE_SYMTAB, add_symbol, &list);
        }
        return 0;
}

static int fill_segments(const struct elf *elf, struct arena *arena, struct elf_row *row)
{
        row->segments.items = arena_array(arena, elf->segment_count, sizeof(struct elf_segment_row));
        for (size_t i = 0; row->segments.items && i < elf->segment_count; i++) {
                const struct elf_segment *segment = &elf->segments[i];
                row->segments.items[row->segments.count++] = (struct elf_segment_row){
                        .type = name_of(arena, elf_segment_type_name(segment->type), segment->type),
                        .flags = arena_printf(arena, "%s%s%s", segment->flags & PF_R ? "R" : "",
                                segment->flags & PF_W ? "W" : "", segment->flags & PF_X ? "E" : ""),
                        .address = address_of(arena, segment->vaddr),
                        .offset = segment->offset,
                        .file_size = segment->file_size,
                        .memory_size = segment->memory_size,
                        .align = segment->align,
                };
        }
        return row->segments.items ? 0 : -1;
}

static int fill_sections(const struct elf *elf, struct arena *arena, struct elf_row *row)
{
        row->sections.items = arena_array(arena, elf->section_count, sizeof(struct elf_section_row));
        for (size_t i = 0; row->sections.items && i < elf->section_count; i++) {
                const struct elf_section *section = &elf->sections[i];
                row->sections.items[row->sections.count++] = (struct elf_section_row){
                        .name = text_of(arena, section->name),
                        .type = name_of(arena, elf_section_type_name(section->type), section->type),
                        .address = address_of(arena, section->address),
                        .offset = section->offset,
                        .size = section->size,
                        .flags = section->flags,
                        .align = section->align,
                };
        }
        return row->sections.items ? 0 : -1;
}

static int fill_dynamic(const struct elf *elf, struct arena *arena, struct elf_row *row)
{
        row->dynamic.items = arena_array(arena, elf->dynamic_count, sizeof(struct elf_dynamic_row));
        for (size_t i = 0; row->dynamic.items && i < elf->dynamic_count; i++) {
                const struct elf_dynamic *entry = &elf->dynamic[i];
                row->dynamic.items[row->dynamic.count++] = (struct elf_dynamic_row){
                        .tag = name_of(arena, elf_dynamic_tag_name(entry->tag), (uint64_t)entry->tag),
                        .text = text_of(arena, entry->text),
                        .value = entry->value,
                };
        }
        return row->dynamic.items ? 0 : -1;
}

static char *hex_of(struct arena *arena, struct sv bytes, size_t max)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 2 * max);
        hex_encode(bytes.p, bytes.n < max ? bytes.n : max, &text);
        return arena_strdup(arena, buf_text(&text));
}

static int fill_notes(const struct elf *elf, struct arena *arena, struct elf_row *row)
{
        enum { SHOWN = 64 };
        row->notes.items = arena_array(arena, elf->note_count, sizeof(struct elf_note_row));
        for (size_t i = 0; row->notes.items && i < elf->note_count; i++) {
                const struct elf_note *note = &elf->notes[i];
                row->notes.items[row->notes.count++] = (struct elf_note_row){
                        .owner = text_of(arena, note->owner),
                        .hex = hex_of(arena, note->desc, SHOWN),
                        .type = note->type,
                        .size = note->desc.n,
                };
        }
        return row->notes.items ? 0 : -1;
}

static struct elf_module_row module_of(struct arena *arena, const struct gobuild_module *module)
{
        bool replaced = module->replace_path.n > 0;
        return (struct elf_module_row){
                .path = text_of(arena, module->path),
                .version = text_of(arena, module->version),
                .sum = text_of(arena, module->sum),
                .replaced_by = replaced ? arena_printf(arena, "%.*s %.*s", SV_ARG(module->replace_path),
                                                  SV_ARG(module->replace_version))
                                        : NULL,
        };
}

static int fill_go(const struct elf *elf, struct arena *arena, struct elf_row *row)
{
        struct gobuild build;
        struct error seen;
        if (gobuild_parse(elf, arena, &build, &seen) < 0)
                return seen.code == E_NO_MEMORY ? -1 : 0;
        struct elf_go_row *go = &row->go;
        row->has_go = true;
        row->refused += build.refused;
        go->version = text_of(arena, build.version);
        go->path = text_of(arena, build.path);
        go->main = module_of(arena, &build.main);
        go->modules.items = arena_array(arena, build.module_count, sizeof(struct elf_module_row));
        go->settings.items = arena_array(arena, build.setting_count, sizeof(struct elf_setting_row));
        if (!go->modules.items || !go->settings.items)
                return -1;
        for (size_t i = 0; i < build.module_count; i++)
                go->modules.items[go->modules.count++] = module_of(arena, &build.modules[i]);
        for (size_t i = 0; i < build.setting_count; i++)
                go->settings.items[go->settings.count++] =
                        (struct elf_setting_row){ text_of(arena, build.settings[i].key),
                                text_of(arena, build.settings[i].value) };
        return 0;
}

static int fill_general(const struct elf *elf, struct arena *arena, struct elf_row *ret)
{
        enum { BUILD_ID_SHOWN = 64 };
        ret->type = name_of(arena, elf_type_name(elf->header.type), elf->header.type);
        ret->machine = name_of(arena, elf_machine_name(elf->header.machine), elf->header.machine);
        ret->bits = elf->header.is64 ? 64 : 32;
        ret->byte_order = arena_strdup(arena, elf->header.big_endian ? "big" : "little");
        ret->interpreter = text_of(arena, elf->interpreter);
        ret->soname = text_of(arena, elf->soname);
        ret->rpath = text_of(arena, elf->rpath);
        ret->runpath = text_of(arena, elf->runpath);
        ret->package = text_of(arena, elf->package);
        ret->build_id = elf->build_id.p ? hex_of(arena, elf->build_id, BUILD_ID_SHOWN) : NULL;
        return copy_texts(arena, elf->needed, elf->needed_count, &ret->needed);
}

static void fill_header(const struct elf *elf, struct arena *arena, struct elf_row *row)
{
        const struct elf_header *header = &elf->header;
        row->has_header = true;
        row->header = (struct elf_header_row){
                .osabi = name_of(arena, elf_osabi_name(header->osabi), header->osabi),
                .entry = address_of(arena, header->entry),
                .abi_version = header->abi_version,
                .flags = header->flags,
                .segments = header->segment_count,
                .sections = header->section_count,
        };
}

/* What only the first row of a file has. */
static int fill_parts(const struct elf *elf, const struct elf_params *params, struct arena *arena, struct elf_row *ret)
{
        if (params->headers)
                fill_header(elf, arena, ret);
        bool failed = (params->segments && fill_segments(elf, arena, ret) < 0) ||
                      (params->sections && fill_sections(elf, arena, ret) < 0) ||
                      (params->dynamic && fill_dynamic(elf, arena, ret) < 0) ||
                      (params->notes && fill_notes(elf, arena, ret) < 0) ||
                      (params->go && fill_go(elf, arena, ret) < 0);
        return failed ? -1 : 0;
}

int elf_fill(struct sv image, const struct elf_params *params, struct elf_part *part, struct arena *arena,
        struct elf_row *ret, struct error *err)
{
        struct elf elf;
        part->more = false;
        ret->part = part->number;
        if (elf_parse(image, arena, &elf, err) < 0 || fill_checksec(&elf, params, arena, &ret->checksec, err) < 0)
                return -1;
        ret->refused = elf.refused;
        bool failed = fill_general(&elf, arena, ret) < 0 ||
                      (part->number == 0 && fill_parts(&elf, params, arena, ret) < 0) ||
                      (params->dump && fill_dump(&elf, part, arena, ret) < 0) ||
                      (params->symbols && !params->dump && fill_symbols(&elf, part, arena, ret) < 0);
        return failed || arena->refused ? no_memory(err) : 0;
}
