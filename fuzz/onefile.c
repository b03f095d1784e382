/* Replays corpus files through a fuzz target, one process for all: the regression half of fuzzing, in TAP. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path, int number)
{
        FILE *file = fopen(path, "rb");
        if (!file)
                return printf("not ok %d - %s cannot be read\n", number, path), 1;
        enum { MAX = 16 << 20 };
        uint8_t *data = malloc(MAX);
        size_t size = fread(data, 1, MAX, file);
        fclose(file);
        uint8_t *exact = malloc(size ? size : 1); /* so that a read past the end is seen */
        memcpy(exact, data, size);
        free(data);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
        printf("ok %d - %s\n", number, strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
        return 0;
}

int main(int argc, char **argv)
{
        int number = 0;
        int failed = 0;
        LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
        printf("ok %d - empty input\n", ++number);
        for (int i = 1; i < argc; i++) {
                DIR *dir = opendir(argv[i]);
                if (!dir) {
                        failed |= replay(argv[i], ++number);
                        continue;
                }
                for (struct dirent *entry; (entry = readdir(dir));) {
                        char path[4096];
                        if (entry->d_name[0] == '.')
                                continue;
                        snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
                        failed |= replay(path, ++number);
                }
                closedir(dir);
        }
        printf("1..%d\n", number);
        return failed;
}
