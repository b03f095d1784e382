#include "lib/regex/hyperscan.h"

#include <dlfcn.h>
#include <pthread.h>

/* From the Hyperscan developer reference, "API Reference: Constants"; the ABI of libhs.so.5. */
enum {
        HS_SUCCESS = 0,
        HS_SCAN_TERMINATED = -3,
        HS_MODE_BLOCK = 1,
        HS_FLAG_MULTILINE = 4,
        HS_FLAG_ALLOWEMPTY = 16,
        HS_FLAG_PREFILTER = 128,
};

typedef int hs_match_callback(
        unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context);

/* The process's one copy of the library: filled once, never unloaded. */
static struct {
        pthread_once_t once;
        bool loaded;
        int (*valid_platform)(void);
        int (*compile)(const char *expression, unsigned flags, unsigned mode, const void *platform, void **ret_database,
                void **ret_error);
        int (*free_compile_error)(void *error);
        int (*free_database)(void *database);
        int (*alloc_scratch)(const void *database, void **scratch);
        int (*free_scratch)(void *scratch);
        int (*scan)(const void *database, const char *bytes, unsigned length, unsigned flags, void *scratch,
                hs_match_callback *on_match, void *context);
} library = { .once = PTHREAD_ONCE_INIT };

struct hyperscan {
        void *database;
};

struct hyperscan_scratch {
        void *scratch;
};

static void load(void)
{
        void *handle = dlopen("libhs.so.5", RTLD_NOW | RTLD_LOCAL);
        if (!handle)
                return;
        *(void **)&library.valid_platform = dlsym(handle, "hs_valid_platform");
        *(void **)&library.compile = dlsym(handle, "hs_compile");
        *(void **)&library.free_compile_error = dlsym(handle, "hs_free_compile_error");
        *(void **)&library.free_database = dlsym(handle, "hs_free_database");
        *(void **)&library.alloc_scratch = dlsym(handle, "hs_alloc_scratch");
        *(void **)&library.free_scratch = dlsym(handle, "hs_free_scratch");
        *(void **)&library.scan = dlsym(handle, "hs_scan");
        library.loaded = library.valid_platform && library.compile && library.free_compile_error &&
                         library.free_database && library.alloc_scratch && library.free_scratch && library.scan &&
                         library.valid_platform() == HS_SUCCESS;
}

bool hyperscan_available(void)
{
        pthread_once(&library.once, load);
        return library.loaded;
}

struct hyperscan *hyperscan_new(const char *approximation, struct hyperscan_scratch **scratch)
{
        if (!hyperscan_available() || strlen(approximation) > HYPERSCAN_PATTERN_MAX)
                return NULL;
        if (!*scratch && !(*scratch = calloc(1, sizeof(**scratch))))
                return NULL;
        struct hyperscan *hyperscan = calloc(1, sizeof(*hyperscan));
        if (!hyperscan)
                return NULL;
        void *error = NULL;
        if (library.compile(approximation, HS_FLAG_MULTILINE | HS_FLAG_ALLOWEMPTY | HS_FLAG_PREFILTER, HS_MODE_BLOCK,
                    NULL, &hyperscan->database, &error) != HS_SUCCESS) {
                library.free_compile_error(error);
                free(hyperscan);
                return NULL;
        }
        if (library.alloc_scratch(hyperscan->database, &(*scratch)->scratch) != HS_SUCCESS) {
                hyperscan_free(hyperscan);
                return NULL;
        }
        return hyperscan;
}

void hyperscan_free(struct hyperscan *hyperscan)
{
        if (!hyperscan)
                return;
        library.free_database(hyperscan->database);
        free(hyperscan);
}

void hyperscan_scratch_free(struct hyperscan_scratch *scratch)
{
        if (!scratch)
                return;
        if (scratch->scratch)
                library.free_scratch(scratch->scratch);
        free(scratch);
}

/* Matches are reported in the order of their ends, so the first one is enough. */
static int stop_at_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context)
{
        (void)id;
        (void)from;
        (void)flags;
        *(size_t *)context = (size_t)to;
        return 1;
}

int hyperscan_next(
        const struct hyperscan *hyperscan, struct hyperscan_scratch *scratch, struct sv text, size_t *ret_end)
{
        if (text.n > UINT32_MAX)
                return -1;
        int status = library.scan(
                hyperscan->database, text.p, (unsigned)text.n, 0, scratch->scratch, stop_at_match, ret_end);
        if (status == HS_SCAN_TERMINATED)
                return 1;
        return status == HS_SUCCESS ? 0 : -1;
}
