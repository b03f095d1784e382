/* thermal_zone: /sys/class/thermal (Documentation/ABI/testing/sysfs-class-thermal). */
#include "modules/metrics/node/node_internal.h"

#include <fcntl.h>

struct thermal_walk {
        struct exposition_family *temperature, *current, *maximum;
};

static bool read_signed(int directory, const char *file, int64_t *ret)
{
        char into[NODE_SMALL_MAX];
        struct sv text;
        return node_read_small(directory, file, into, &text) == 0 && sv_parse_i64(text, ret);
}

static int take_zone(int directory, const char *name, void *cookie)
{
        static const char zone[] = "thermal_zone";
        static const char cooling[] = "cooling_device";
        struct thermal_walk *walk = cookie;
        bool is_zone = strncmp(name, zone, sizeof(zone) - 1) == 0;
        const char *number = name + (is_zone ? sizeof(zone) : sizeof(cooling)) - 1;
        if ((!is_zone && strncmp(name, cooling, sizeof(cooling) - 1) != 0) || *number < '0' || *number > '9')
                return 0;
        char into[NODE_SMALL_MAX];
        struct sv type;
        int64_t values[2];
        cleanup(fd_close) int device = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (device < 0 || node_read_small(device, "type", into, &type) < 0)
                return 0;
        if (is_zone) { /* EAGAIN, ENODATA, EINVAL: a sensor that has no answer now */
                if (read_signed(device, "temp", &values[0]))
                        node_add2(walk->temperature, "zone", number, "type", type.p, (double)values[0] / 1000.0);
                return 0;
        }
        if (!read_signed(device, "cur_state", &values[0]) || !read_signed(device, "max_state", &values[1]))
                return 0;
        node_add2(walk->current, "name", number, "type", type.p, (double)values[0]);
        node_add2(walk->maximum, "name", number, "type", type.p, (double)values[1]);
        return 0;
}

int node_collect_thermal_zone(struct node *node, struct exposition *out, struct error *err)
{
        struct thermal_walk walk = {
                node_gauge(out, "node_thermal_zone_temp", "Zone temperature in Celsius"),
                node_gauge(out, "node_cooling_device_cur_state", "Current throttle state of the cooling device"),
                node_gauge(out, "node_cooling_device_max_state", "Maximum throttle state of the cooling device"),
        };
        struct error one;
        int result = node_directory(node->options.sys, "class/thermal", take_zone, &walk, &one);
        if (result == 0 || one.code == E_NOT_FOUND) /* none to tell of is a success there */
                return 0;
        *err = one;
        return -1;
}
