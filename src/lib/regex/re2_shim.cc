#include "lib/regex/re2_shim.h"

#include <re2/re2.h>

#include <cstring>
#include <new>

struct re2_program {
        RE2 re;

        re2_program(const re2::StringPiece &pattern, const RE2::Options &options) : re(pattern, options)
        {
        }
};

extern "C" enum re2_status re2_program_new(const char *pattern, size_t length, unsigned mode, int64_t max_memory,
        struct re2_program **ret, char *ret_argument, size_t size)
{
        try {
                RE2::Options options;
                options.set_log_errors(false);
                options.set_max_mem(max_memory);
                options.set_case_sensitive(!(mode & RE2_NOCASE));
                if (mode & RE2_LATIN1)
                        options.set_encoding(RE2::Options::EncodingLatin1);
                re2_program *program = new (std::nothrow) re2_program(re2::StringPiece(pattern, length), options);
                if (!program)
                        return RE2_NO_MEMORY;
                if (program->re.ok()) {
                        *ret = program;
                        return RE2_OK;
                }
                if (size > 0) {
                        const std::string &argument = program->re.error_arg();
                        size_t n = argument.size() < size - 1 ? argument.size() : size - 1;
                        memcpy(ret_argument, argument.data(), n);
                        ret_argument[n] = '\0';
                }
                RE2::ErrorCode code = program->re.error_code();
                delete program;
                if (code == RE2::ErrorBadCharRange)
                        return RE2_BAD_CHARACTER_RANGE;
                return code == RE2::ErrorPatternTooLarge ? RE2_TOO_LARGE : RE2_REFUSED;
        } catch (...) {
                return RE2_NO_MEMORY;
        }
}

extern "C" void re2_program_free(struct re2_program *program)
{
        delete program;
}

extern "C" int re2_program_search(const struct re2_program *program, const char *text, size_t length, size_t start,
        struct re2_span *spans, size_t count)
{
        re2::StringPiece groups[RE2_SPANS_MAX];
        if (count > RE2_SPANS_MAX)
                count = RE2_SPANS_MAX;
        try {
                if (!program->re.Match(re2::StringPiece(text, length), start, length, RE2::UNANCHORED, groups,
                            static_cast<int>(count)))
                        return 0;
        } catch (...) {
                return -1;
        }
        for (size_t i = 0; i < count; i++) {
                bool took_part = groups[i].data() != nullptr;
                spans[i].start = took_part ? static_cast<size_t>(groups[i].data() - text) : SIZE_MAX;
                spans[i].end = took_part ? spans[i].start + groups[i].size() : SIZE_MAX;
        }
        return 1;
}

extern "C" size_t re2_program_memory(const struct re2_program *program)
{
        const size_t instruction = 16; /* sizeof(re2::Prog::Inst), which the library does not export */
        int forward = program->re.ProgramSize();
        return sizeof(*program) + program->re.pattern().size() + (forward > 0 ? 2 * instruction * forward : 0);
}
