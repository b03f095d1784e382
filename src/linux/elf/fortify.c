/* Functions of glibc that have a variant which knows the destination's size (__NAME_chk, _FORTIFY_SOURCE). The names
 * are those that libc.so.6 exports (glibc 2.36, and what later releases added). Sorted: found by bisection. */
#include "linux/elf/checksec.h"

static const char *const fortifiable[] = {
        "asprintf",
        "confstr",
        "dprintf",
        "explicit_bzero",
        "fdelt",
        "fgets",
        "fgets_unlocked",
        "fgetws",
        "fgetws_unlocked",
        "fprintf",
        "fread",
        "fread_unlocked",
        "fwprintf",
        "getcwd",
        "getdomainname",
        "getgroups",
        "gethostname",
        "getlogin_r",
        "gets",
        "getwd",
        "inet_ntop",
        "inet_pton",
        "longjmp",
        "mbsnrtowcs",
        "mbsrtowcs",
        "mbstowcs",
        "memcpy",
        "memmove",
        "mempcpy",
        "memset",
        "obstack_printf",
        "obstack_vprintf",
        "poll",
        "ppoll",
        "pread",
        "pread64",
        "printf",
        "ptsname_r",
        "read",
        "readlink",
        "readlinkat",
        "realpath",
        "recv",
        "recvfrom",
        "snprintf",
        "sprintf",
        "stpcpy",
        "stpncpy",
        "strcat",
        "strcpy",
        "strlcat",
        "strlcpy",
        "strncat",
        "strncpy",
        "swprintf",
        "syslog",
        "ttyname_r",
        "vasprintf",
        "vdprintf",
        "vfprintf",
        "vfwprintf",
        "vprintf",
        "vsnprintf",
        "vsprintf",
        "vswprintf",
        "vsyslog",
        "vwprintf",
        "wcpcpy",
        "wcpncpy",
        "wcrtomb",
        "wcscat",
        "wcscpy",
        "wcslcat",
        "wcslcpy",
        "wcsncat",
        "wcsncpy",
        "wcsnrtombs",
        "wcsrtombs",
        "wcstombs",
        "wctomb",
        "wmemcpy",
        "wmemmove",
        "wmempcpy",
        "wmemset",
        "wprintf",
};

bool elf_fortifiable(struct sv name)
{
        size_t low = 0;
        size_t high = sizeof(fortifiable) / sizeof(fortifiable[0]);
        while (low < high) {
                size_t middle = (low + high) / 2;
                struct sv at = sv_of(fortifiable[middle]);
                int order = memcmp(name.p, at.p, name.n < at.n ? name.n : at.n);
                if (order == 0 && name.n == at.n)
                        return true;
                if (order < 0 || (order == 0 && name.n < at.n))
                        high = middle;
                else
                        low = middle + 1;
        }
        return false;
}
