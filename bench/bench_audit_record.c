/* The audit record parser: headers and whole SYSCALL records a second. */
#include "base/timefmt.h"
#include "lib/audit/interpret.h"

static const char syscall_text[] =
        "audit(1481077231.371:479): arch=c000003e syscall=59 success=yes exit=0 a0=55df1048ec88 a1=55df1048ec38 "
        "a2=55df1048ec58 a3=1 items=2 ppid=27851 pid=27854 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 "
        "sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"grep\" exe=\"/bin/grep\" "
        "subj=unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023 key=\"exec\"";

static void show(const char *what, uint64_t count, int64_t ns)
{
        printf("%-28s %8.1f ns  %6.2f M/s\n", what, (double)ns / (double)count, (double)count * 1e3 / (double)ns);
}

int main(void)
{
        const uint64_t rounds = 2000000;
        struct sv text = sv_of(syscall_text);
        struct audit_record record;
        uint64_t sum = 0;

        int64_t start = time_cpu_ns();
        for (uint64_t i = 0; i < rounds; i++) {
                __asm__ volatile("" : "+r"(text.p));
                sum += audit_record_parse(text, &record) ? record.serial : 0;
        }
        show("header", rounds, time_cpu_ns() - start);

        start = time_cpu_ns();
        for (uint64_t i = 0; i < rounds; i++) {
                struct audit_fields fields = audit_fields_of(record.body);
                struct audit_field field;
                __asm__ volatile("" : "+r"(fields.at));
                while (audit_fields_next(&fields, &field))
                        sum += audit_key_of(&field);
        }
        show("fields of SYSCALL, keys", rounds, time_cpu_ns() - start);

        struct buf out;
        buf_init(&out, 1 << 16);
        record.type = 1300;
        start = time_cpu_ns();
        for (uint64_t i = 0; i < rounds / 10; i++) {
                buf_clear(&out);
                audit_interpret_record(&record, &out);
                sum += out.len;
        }
        show("interpreted text of SYSCALL", rounds / 10, time_cpu_ns() - start);
        buf_done(&out);
        return sum == 0;
}
