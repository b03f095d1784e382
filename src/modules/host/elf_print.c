/* The lines of elf for people. */
#include "modules/host/elf_row.h"

#include "module/lines.h"

static const char *or_empty(const char *text)
{
        return text ? text : "";
}

static void print_dump(struct line_printer *printer, const struct elf_row *row)
{
        if (row->part == 0)
                print_line(printer, "DynStrings:");
        list_foreach (text, &row->dump.dyn_strings)
                print_line(printer, "%s", *text);
        if (row->part == 0)
                print_line(printer, "Symbols:");
        list_foreach (name, &row->dump.symbols)
                print_line(printer, "%s", *name);
}

static void print_checksec(struct line_printer *printer, const struct elf_row *row)
{
        const struct elf_checksec_row *checksec = &row->checksec;
        print_line(printer,
                "relro %-7s canary %-7s nx %-3s %-10s rpath %-3s runpath %-3s symbols %-5llu fortify %-7s "
                "%3llu/%-3llu %s",
                checksec->relro, checksec->canary, checksec->nx, checksec->kind, row->rpath ? "yes" : "no",
                row->runpath ? "yes" : "no", (unsigned long long)checksec->symbols, checksec->fortify,
                (unsigned long long)checksec->fortified, (unsigned long long)checksec->fortifiable, row->path);
        list_foreach (name, &checksec->unfortified_names)
                print_line(printer, "  not fortified: %s", *name);
        list_foreach (name, &checksec->fortified_names)
                print_line(printer, "  fortified: %s", *name);
}

static void print_header(struct line_printer *printer, const struct elf_row *row)
{
        print_line(printer, "  header: %s %s, %d bit, %s endian, %s, entry 0x%s, %llu segments, %llu sections",
                row->type, row->machine, row->bits, row->byte_order, row->header.osabi, row->header.entry,
                (unsigned long long)row->header.segments, (unsigned long long)row->header.sections);
}

static void print_parts(struct line_printer *printer, const struct elf_row *row)
{
        list_foreach (segment, &row->segments)
                print_line(printer, "  segment %-12s %-3s offset 0x%llx address 0x%s file 0x%llx memory 0x%llx",
                        segment->type, segment->flags, (unsigned long long)segment->offset, segment->address,
                        (unsigned long long)segment->file_size, (unsigned long long)segment->memory_size);
        list_foreach (section, &row->sections)
                print_line(printer, "  section %-24s %-12s offset 0x%llx address 0x%s size 0x%llx",
                        or_empty(section->name), section->type, (unsigned long long)section->offset, section->address,
                        (unsigned long long)section->size);
        list_foreach (entry, &row->dynamic)
                print_line(printer, "  dynamic %-16s 0x%llx %s", entry->tag, (unsigned long long)entry->value,
                        or_empty(entry->text));
        list_foreach (note, &row->notes)
                print_line(printer, "  note %-8s type %llu, %llu bytes: %s", or_empty(note->owner),
                        (unsigned long long)note->type, (unsigned long long)note->size, note->hex);
        list_foreach (symbol, &row->symbols) {
                bool versioned = symbol->version && *symbol->version;
                bool library = symbol->library && *symbol->library;
                print_line(printer, "  %s %s %8llu %-7s %-6s %-9s %s%s%s%s%s%s", symbol->table, symbol->value,
                        (unsigned long long)symbol->size, symbol->type, symbol->binding, symbol->visibility,
                        or_empty(symbol->name), versioned ? "@" : "", or_empty(symbol->version), library ? " (" : "",
                        or_empty(symbol->library), library ? ")" : "");
        }
}

static void print_module(struct line_printer *printer, const char *word, const struct elf_module_row *module)
{
        bool replaced = module->replaced_by && *module->replaced_by;
        print_line(printer, "  %s %s %s %s%s%s", word, or_empty(module->path), or_empty(module->version),
                or_empty(module->sum), replaced ? " => " : "", or_empty(module->replaced_by));
}

static void print_go(struct line_printer *printer, const struct elf_go_row *go)
{
        print_line(printer, "  go %s", or_empty(go->version));
        print_line(printer, "  path %s", or_empty(go->path));
        if (go->main.path && *go->main.path)
                print_module(printer, "mod", &go->main);
        list_foreach (module, &go->modules)
                print_module(printer, "dep", module);
        list_foreach (setting, &go->settings)
                print_line(printer, "  build %s=%s", setting->key, setting->value);
}

void elf_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct elf_row *file = row;
        (void)group;
        (void)label;
        if (file->has_dump) {
                print_dump(printer, file);
                return;
        }
        if (file->part == 0)
                print_checksec(printer, file);
        if (file->has_header)
                print_header(printer, file);
        print_parts(printer, file);
        if (file->has_go)
                print_go(printer, &file->go);
}
