/* Checks: file systems and disks. Nothing on the network is asked: a dead server would hold the run. */
#include "modules/report/checks/bounded.h"

#include <fcntl.h>

/* A mount of this host's own space, seen once: not hidden below another, not the same device again. */
static bool counts(const struct look *look, size_t index)
{
        const struct mount *mount = &look->mounts.rows[index];
        enum mount_class class = mount_classify(sv_of(mount->type));
        if ((class != MOUNT_DISK && class != MOUNT_MEMORY) || mounts_find(&look->mounts, sv_of(mount->point)) != mount)
                return false;
        if (strcmp(mount->type, "overlay") == 0) /* a container's: the space is that of the disk below */
                return false;
        for (size_t i = 0; i < index; i++) {
                const struct mount *other = &look->mounts.rows[i];
                if (other->major == mount->major && other->minor == mount->minor &&
                        mounts_find(&look->mounts, sv_of(other->point)) == other)
                        return false;
        }
        return true;
}

static bool need_mounts(const struct look *look, struct finding *finding)
{
        if (!look->has_mounts)
                finding_blind(finding, "/proc/self/mountinfo", "not readable");
        return look->has_mounts;
}

/* Where the mount is, below the root. */
static const char *below_root(const char *point)
{
        while (*point == '/')
                point++;
        return *point ? point : ".";
}

/* Percent alone alarms on large disks, bytes alone on small ones: so both. */
static enum report_severity judge_space(const struct filesystem_usage *usage, double percent)
{
        if (usage->available == 0 || (percent >= 99 && usage->available < GIB))
                return REPORT_CRITICAL;
        if (percent >= 95 && usage->available < 10 * GIB)
                return REPORT_HIGH;
        if (percent >= 90 && usage->available < 20 * GIB)
                return REPORT_MEDIUM;
        return REPORT_OK;
}

static void check_space(struct look *look, struct finding *finding)
{
        unsigned full = 0, asked = 0;
        for (size_t i = 0; need_mounts(look, finding) && i < look->mounts.count; i++) {
                const struct mount *mount = &look->mounts.rows[i];
                struct filesystem_usage usage;
                if (!counts(look, i))
                        continue;
                if (look_usage(look, below_root(mount->point), &usage) < 0) {
                        finding_blind(finding, mount->point, look_why(errno));
                        continue;
                }
                uint64_t used = usage.total > usage.free ? usage.total - usage.free : 0;
                if (usage.read_only || usage.total == 0 || used + usage.available == 0)
                        continue;
                asked++;
                double percent = (double)used * 100 / (double)(used + usage.available);
                enum report_severity severity = judge_space(&usage, percent);
                bool memory = mount_classify(sv_of(mount->type)) == MOUNT_MEMORY;
                if (memory && severity == REPORT_CRITICAL) /* what lives there comes back with the next boot */
                        severity = REPORT_HIGH;
                if (severity == REPORT_OK)
                        continue;
                char left[TIME_TEXT_MAX], total[TIME_TEXT_MAX];
                size_format(usage.available, left);
                size_format(usage.total, total);
                full++;
                finding_show(finding, severity, "%s: %.1f %% used, %s of %s left (%s, %s)", mount->point, percent, left,
                        total, mount->source, mount->type);
        }
        if (full)
                finding_say(finding, REPORT_MEDIUM, "%u of %u file systems %s full or nearly full", full, asked,
                        full == 1 ? "is" : "are");
}

static void check_inodes(struct look *look, struct finding *finding)
{
        unsigned full = 0;
        for (size_t i = 0; need_mounts(look, finding) && i < look->mounts.count; i++) {
                const struct mount *mount = &look->mounts.rows[i];
                struct filesystem_usage usage;
                if (!counts(look, i) || look_usage(look, below_root(mount->point), &usage) < 0 || usage.read_only ||
                        usage.inodes == 0)
                        continue;
                uint64_t used = usage.inodes > usage.inodes_free ? usage.inodes - usage.inodes_free : 0;
                double percent = (double)used * 100 / (double)usage.inodes;
                if (percent < 90)
                        continue;
                full++;
                finding_show(finding,
                        percent >= 99.5 ? REPORT_CRITICAL
                        : percent >= 95 ? REPORT_HIGH
                                        : REPORT_MEDIUM,
                        "%s: %.1f %% of %llu inodes used (%s)", mount->point, percent, (unsigned long long)usage.inodes,
                        mount->type);
        }
        if (full)
                finding_say(finding, REPORT_MEDIUM, "%u file %s hardly any inodes left for new files", full,
                        full == 1 ? "system has" : "systems have");
}

/* Does etc/fstab want this mount point read-only, or not tell? */
static bool wanted_read_only(struct sv fstab, const char *point)
{
        struct sv line, device, where, type, options, option;
        while (fstab.n && sv_line(&fstab, &line)) {
                line = look_strip(line, '#');
                if (!sv_word(&line, &device) || !sv_word(&line, &where) || !sv_word(&line, &type) ||
                        !sv_word(&line, &options) || !sv_eq(where, sv_of(point)))
                        continue;
                while (sv_split(&options, ',', &option))
                        if (sv_eq(option, SV("ro")))
                                return true;
                return false;
        }
        return true;
}

static void check_read_only(struct look *look, struct finding *finding)
{
        struct sv fstab;
        unsigned count = 0;
        look_file(look, finding, "etc/fstab", REPORT_TEXT_MAX, &fstab);
        for (size_t i = 0; need_mounts(look, finding) && i < look->mounts.count; i++) {
                const struct mount *mount = &look->mounts.rows[i];
                if (mount_classify(sv_of(mount->type)) != MOUNT_DISK || !counts(look, i))
                        continue;
                /* the file system itself turned, not this mount of it; "emergency_ro" is ext4's word for it */
                bool emergency = mount_has_option(mount->super_options, "emergency_ro") ||
                                 mount_has_option(mount->super_options, "shutdown");
                bool turned = mount_has_option(mount->super_options, "ro") && !wanted_read_only(fstab, mount->point);
                if (!emergency && !turned)
                        continue;
                count++;
                finding_show(finding, REPORT_HIGH, "%s: %s on %s, %s", mount->point, mount->type, mount->source,
                        mount->super_options);
        }
        if (count)
                finding_say(finding, REPORT_HIGH,
                        "%u file %s read-only against etc/fstab: mostly after errors of a disk", count,
                        count == 1 ? "system is" : "systems are");
}

static void show_count(struct look *look, struct finding *finding, const char *path, const char *what)
{
        uint64_t errors;
        if (look_number(look, path, &errors) && errors > 0)
                finding_show(finding, REPORT_HIGH, "%s: %llu", what, (unsigned long long)errors);
}

static void check_filesystem_errors(struct look *look, struct finding *finding)
{
        struct string_list ext4 = look_names(look, finding, "sys/fs/ext4");
        struct string_list btrfs = look_names(look, finding, "sys/fs/btrfs");
        list_foreach (name, &ext4) /* Documentation/ABI/testing/sysfs-fs-ext4 */
                show_count(look, finding, look_text(look, "sys/fs/ext4/%s/errors_count", *name),
                        look_text(look, "errors of ext4 on %s", *name));
        list_foreach (name, &btrfs) {
                const char *directory = look_text(look, "sys/fs/btrfs/%s/devinfo", *name);
                struct string_list devices = look_names(look, finding, directory);
                list_foreach (device, &devices) {
                        struct sv text, line, word, value;
                        uint64_t errors;
                        if (look_file(look, finding, look_text(look, "%s/%s/error_stats", directory, *device), 8192,
                                    &text) != LOOK_READ)
                                continue;
                        while (text.n && sv_line(&text, &line))
                                if (sv_word(&line, &word) && sv_word(&line, &value) &&
                                        sv_parse_u64(value, 10, &errors) && errors > 0)
                                        finding_show(finding, REPORT_HIGH, "%.*s of btrfs %s device %s: %llu",
                                                SV_ARG(word), *name, *device, (unsigned long long)errors);
                }
        }
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_HIGH, "A file system found errors in itself or on its disk");
}

static void check_busy(struct look *look, struct finding *finding)
{
        int64_t span_ms = (look->after.at_ns - look->before.at_ns) / MILLISECOND;
        unsigned busy = 0;
        if (look->after.disk_count == 0) {
                finding_absent(finding);
                return;
        }
        for (size_t i = 0; span_ms > 0 && i < look->after.disk_count && i < look->before.disk_count; i++) {
                const struct report_disk *before = &look->before.disks[i], *after = &look->after.disks[i];
                if (strcmp(before->name, after->name) != 0 || after->io_time_ms < before->io_time_ms ||
                        strncmp(after->name, "loop", 4) == 0)
                        continue;
                double percent = (double)(after->io_time_ms - before->io_time_ms) * 100 / (double)span_ms;
                if (percent < 95)
                        continue;
                busy++;
                /* busy is what a disk is for, and one that works in parallel has room left; io-pressure tells harm */
                finding_show(finding, REPORT_INFO, "%s: %.0f %% of %lld ms", after->name, percent > 100 ? 100 : percent,
                        (long long)span_ms);
        }
        if (busy)
                finding_say(
                        finding, REPORT_INFO, "%u %s busy all the time", busy, busy == 1 ? "disk was" : "disks were");
}

static void check_disk_state(struct look *look, struct finding *finding)
{
        struct string_list disks = look_names(look, finding, "sys/block");
        list_foreach (name, &disks) {
                /* SCSI and ATA: "running", "offline", "blocked", "transport-offline"; NVMe: "live", "dead" */
                struct sv state = look_line(look, look_text(look, "sys/block/%s/device/state", *name));
                if (sv_eq(state, SV("offline")) || sv_eq(state, SV("dead")) || sv_eq(state, SV("transport-offline")) ||
                        sv_eq(state, SV("blocked")))
                        finding_show(finding, REPORT_HIGH, "%s is %.*s", *name, SV_ARG(state));
        }
        if (disks.count == 0)
                finding_absent(finding);
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_HIGH, "A disk does not answer");
}

/* "      1046528 blocks super 1.2 [2/1] [U_]": a place that is '_' has no working member (drivers/md/md.c). */
static bool is_degraded(struct sv line)
{
        struct sv word;
        while (sv_word(&line, &word))
                if (word.n > 2 && word.p[0] == '[' && word.p[word.n - 1] == ']' &&
                        strspn(word.p + 1, "U_") == word.n - 2 && sv_find(word, '_') < word.n)
                        return true;
        return false;
}

static void check_raid(struct look *look, struct finding *finding)
{
        struct sv text, line, name = SV("");
        unsigned arrays = 0;
        if (look_file(look, finding, "proc/mdstat", REPORT_TEXT_MAX, &text) != LOOK_READ) {
                if (finding->blind_count == 0)
                        finding_absent(finding);
                return;
        }
        while (text.n && sv_line(&text, &line)) {
                struct sv rest = line, word;
                if (sv_starts(line, SV("md")) && sv_word(&rest, &name)) {
                        arrays++;
                        if (sv_word(&rest, &word) && sv_word(&rest, &word) && sv_eq(word, SV("inactive")))
                                finding_show(finding, REPORT_HIGH, "%.*s is inactive", SV_ARG(name));
                } else if (is_degraded(line)) {
                        line = sv_trim(line);
                        finding_show(finding, REPORT_HIGH, "%.*s: %.*s", SV_ARG(name), SV_ARG(line));
                }
        }
        if (arrays == 0)
                finding_absent(finding);
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_HIGH, "A RAID array has lost a member: another loss may cost its data");
}

const struct report_check report_storage_checks[] = {
        { "filesystem-space", AREA_FILESYSTEM, check_space, "Every file system has room", "tarsier disk", false },
        { "filesystem-inodes", AREA_FILESYSTEM, check_inodes, "Every file system has room for more files",
                "tarsier disk", false },
        { "filesystem-read-only", AREA_FILESYSTEM, check_read_only, "No file system turned read-only", "tarsier disk",
                false },
        { "filesystem-errors", AREA_FILESYSTEM, check_filesystem_errors, "No file system found errors",
                "tarsier disk --all", false },
        { "disk-busy", AREA_DISK, check_busy, "No disk is busy all the time", "tarsier disk", true },
        { "disk-state", AREA_DISK, check_disk_state, "Every disk answers", "tarsier disk --all", false },
        { "raid", AREA_DISK, check_raid, "Every RAID array is complete", "tarsier disk --all", false },
        { 0 },
};
