/* Prints a line of JSON for each process that the kernel kills for want of memory, "ready" before the first, until its
 * standard input ends; then what the reader counted. For tests/system/test_oom.py. */
#include "linux/kmsg.h"

#include <fcntl.h>
#include <jansson.h>
#include <poll.h>

static void print(const struct kmsg_oom *kill)
{
        json_t *object = json_object();
        json_object_set_new(object, "pid", json_integer(kill->pid));
        json_object_set_new(object, "uid", json_integer(kill->uid));
        json_object_set_new(object, "process", json_string(kill->process));
        json_object_set_new(object, "invoker", json_string(kill->invoker));
        json_object_set_new(object, "constraint", json_string(kill->constraint));
        json_object_set_new(object, "task_memcg", json_string(kill->task_memcg));
        json_object_set_new(object, "oom_memcg", json_string(kill->oom_memcg));
        json_object_set_new(object, "anon_rss", json_integer((json_int_t)kill->anon_rss));
        json_object_set_new(object, "total_vm", json_integer((json_int_t)kill->total_vm));
        json_object_set_new(object, "unix_ns", json_integer(kill->unix_ns));
        json_object_set_new(object, "group", json_boolean(kill->group));
        json_dumpf(object, stdout, JSON_SORT_KEYS);
        putchar('\n');
        json_decref(object);
}

int main(void)
{
        static struct kmsg_reader reader;
        struct error err;
        if (kmsg_open(AT_FDCWD, "/dev/kmsg", &reader, &err) < 0) {
                fprintf(stderr, "%s\n", err.message);
                return error_exit_status(err.code);
        }
        setvbuf(stdout, NULL, _IOLBF, 0);
        puts("ready");
        for (bool ended = false; !ended;) {
                struct pollfd fds[] = { { .fd = reader.fd, .events = POLLIN },
                        { .fd = STDIN_FILENO, .events = POLLIN } };
                if (poll(fds, 2, -1) < 0)
                        return 1;
                ended = fds[1].revents != 0;
                struct kmsg_oom kill;
                int verdict;
                while ((verdict = kmsg_read_oom(&reader, &kill, &err)) == 1)
                        print(&kill);
                if (verdict < 0) {
                        fprintf(stderr, "%s\n", err.message);
                        return error_exit_status(err.code);
                }
        }
        printf("{\"records\": %llu, \"lost\": %llu, \"overruns\": %llu, \"malformed\": %llu}\n",
                (unsigned long long)reader.records, (unsigned long long)reader.lost,
                (unsigned long long)reader.overruns, (unsigned long long)reader.malformed);
        kmsg_close(&reader);
        return 0;
}
