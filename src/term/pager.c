#include "term/pager.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "term/width.h"

#include <fcntl.h>
#include <sys/wait.h>

enum { WORDS_MAX = 16, COMMAND_MAX = 1024 };

size_t pager_lines(const struct term *term, struct sv text)
{
        size_t lines = 0;
        struct sv line;
        while (text.n && sv_line(&text, &line)) {
                size_t columns = term->width ? term_width(line) : 0;
                lines += columns > term->width ? (columns + term->width - 1) / term->width : 1;
        }
        return lines;
}

/* The words of the pager's command in ret, NULL-terminated; false: none is wanted. text is cut in place. */
static bool pager_words(char *text, char **ret)
{
        struct sv rest = sv_of(text), word;
        char *ends[WORDS_MAX];
        size_t count = 0;
        while (count < WORDS_MAX && sv_word(&rest, &word)) {
                ret[count] = text + (word.p - text);
                ends[count] = ret[count] + word.n;
                count++;
        }
        for (size_t i = 0; i < count; i++)
                *ends[i] = '\0';
        ret[count] = NULL;
        return count && strcmp(ret[0], "cat") != 0;
}

/* Is there such a program? Asked before the fork, so that a missing one costs no text. */
static bool is_program(const char *name)
{
        char path[COMMAND_MAX];
        struct sv dirs = sv_of(getenv("PATH")), dir;
        if (strchr(name, '/'))
                return access(name, X_OK) == 0;
        while (dirs.n && sv_split(&dirs, ':', &dir)) {
                int n = snprintf(path, sizeof(path), "%.*s/%s", SV_ARG(dir), name);
                if (dir.n && n > 0 && (size_t)n < sizeof(path) && access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

static void become_pager(int input, int output, char **words)
{
        dup2(input, STDIN_FILENO);
        dup2(output, STDOUT_FILENO);
        signal(SIGPIPE, SIG_DFL);
        setenv("LESS", "FRX", 0);
        execvp(words[0], words);
        _exit(127);
}

int pager_show(const struct term *term, struct sv text, struct error *err)
{
        char command[COMMAND_MAX];
        char *words[WORDS_MAX + 1];
        int ends[2];
        const char *wanted = getenv("TARSIER_PAGER");
        wanted = wanted ? wanted : getenv("PAGER");
        snprintf(command, sizeof(command), "%s", wanted ? wanted : "less -FRX");
        if (!term->tty || pager_lines(term, text) < term->height || !pager_words(command, words) ||
                !is_program(words[0]) || pipe2(ends, O_CLOEXEC) < 0)
                return write_all(term->fd, text.p, text.n, err);
        pid_t pid = fork();
        if (pid == 0)
                become_pager(ends[0], term->fd, words);
        close(ends[0]);
        cleanup(fd_close) int to = ends[1];
        if (pid < 0)
                return write_all(term->fd, text.p, text.n, err);
        /* the pager has the terminal: an interrupt is for it; and it may end before it has read everything */
        void (*interrupt)(int) = signal(SIGINT, SIG_IGN);
        void (*broken)(int) = signal(SIGPIPE, SIG_IGN);
        write_all(to, text.p, text.n, NULL);
        fd_close(&to);
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        signal(SIGINT, interrupt);
        signal(SIGPIPE, broken);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                return write_all(term->fd, text.p, text.n, err);
        return 0;
}
