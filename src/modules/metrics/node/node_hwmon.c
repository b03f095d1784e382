/* hwmon: sensors below /sys/class/hwmon (Documentation/hwmon/sysfs-interface.rst). */
#include "modules/metrics/node/node_internal.h"
#include "modules/metrics/node/node_parse.h"

#include <fcntl.h>
#include <limits.h>

enum { CHIPS_MAX = 256, ATTRIBUTES_MAX = 1024, CHIP_NAME_MAX = 256 };

struct chip {
        const char *directory; /* "hwmon3" */
        const char *name;      /* of its device, or its own */
        const char *human;     /* of its file "name"; "" for none */
};

struct attribute {
        struct sv type;
        const char *sensor, *property, *value; /* "temp1", "crit_alarm", "0" */
};

struct hwmon_walk {
        struct node *node;
        struct exposition *out;
        struct chip chips[CHIPS_MAX];
        size_t chip_count;
        struct attribute attributes[ATTRIBUTES_MAX]; /* of the chip that is read now */
        size_t attribute_count;
};

/* Small letters, digits, ':' and '_'; others are '_', none of them at the ends. */
static const char *clean_name(struct node *node, struct sv text)
{
        char *copy = arena_strndup(&node->arena, text.n ? text.p : "", text.n);
        if (!copy) {
                node->refused++;
                return "";
        }
        size_t n = text.n;
        for (size_t i = 0; i < n; i++) {
                char c = copy[i];
                if (c >= 'A' && c <= 'Z')
                        copy[i] = (char)(c - 'A' + 'a');
                else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':'))
                        copy[i] = '_';
        }
        while (n > 0 && copy[n - 1] == '_')
                copy[--n] = '\0';
        return copy + strspn(copy, "_");
}

/* Where a directory really is, by the kernel's own name of it. */
static bool real_path(int fd, char *ret, size_t size)
{
        char link[48];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlinkat(AT_FDCWD, link, ret, size - 1);
        if (n <= 0)
                return false;
        ret[n] = '\0';
        return true;
}

/* The numbers of hwmon directories depend on the order of loading; the place of the device does not:
 * "platform_coretemp_0". Else the file "name", else the directory. */
static const char *chip_name(struct node *node, int chip, const char *directory, const char *human)
{
        char path[PATH_MAX];
        cleanup(fd_close) int device = openat(chip, "device", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (device >= 0 && real_path(device, path, sizeof(path))) {
                char *last = strrchr(path, '/');
                const char *name = last ? clean_name(node, sv_of(last + 1)) : "";
                if (last)
                        *last = '\0';
                const char *before = last ? strrchr(path, '/') : NULL;
                const char *type = before ? clean_name(node, sv_of(before + 1)) : "";
                const char *joined = *type ? arena_printf(&node->arena, "%s_%s", type, name) : name;
                if (*name && joined)
                        return joined;
        }
        return *human ? human : clean_name(node, sv_of(directory));
}

static int take_chip(int directory, const char *name, void *cookie)
{
        struct hwmon_walk *walk = cookie;
        struct node *node = walk->node;
        char into[NODE_SMALL_MAX];
        struct sv text;
        cleanup(fd_close) int chip = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (chip < 0)
                return 0;
        if (walk->chip_count == CHIPS_MAX) {
                node->refused++;
                return 0;
        }
        const char *human = node_read_small(chip, "name", into, &text) == 0 ? clean_name(node, text) : "";
        const char *copy = node_copy(node, sv_of(name));
        if (copy)
                walk->chips[walk->chip_count++] = (struct chip){ copy, chip_name(node, chip, name, human), human };
        return 0;
}

static bool is_sensor_type(struct sv type)
{
        static const char *const types[] = { "vrm", "beep_enable", "update_interval", "in", "cpu", "fan", "pwm", "temp",
                "curr", "power", "energy", "humidity", "intrusion", "freq" };
        for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
                if (sv_eq(type, sv_of(types[i])))
                        return true;
        return false;
}

static struct attribute *find_attribute(struct hwmon_walk *walk, const char *sensor, const char *property)
{
        for (size_t i = 0; i < walk->attribute_count; i++)
                if (strcmp(walk->attributes[i].sensor, sensor) == 0 &&
                        strcmp(walk->attributes[i].property, property) == 0)
                        return &walk->attributes[i];
        return NULL;
}

static int take_attribute(int directory, const char *name, void *cookie)
{
        enum { SENSOR_MAX = 280 };
        struct hwmon_walk *walk = cookie;
        struct node *node = walk->node;
        char into[NODE_SMALL_MAX];
        char sensor[SENSOR_MAX];
        struct sv type;
        struct sv property;
        struct sv value;
        uint32_t number;
        if (!hwmon_name_parse(sv_of(name), &type, &number, &property) || !is_sensor_type(type) ||
                node_read_small(directory, name, into, &value) < 0)
                return 0;
        snprintf(sensor, sizeof(sensor), "%.*s%u", SV_ARG(type), number);
        const char *property_copy = node_copy(node, property);
        const char *value_copy = node_copy(node, value);
        const char *sensor_copy = node_copy(node, sv_of(sensor));
        if (!property_copy || !value_copy || !sensor_copy)
                return 0;
        struct attribute *attribute = find_attribute(walk, sensor, property_copy);
        if (!attribute) {
                if (walk->attribute_count == ATTRIBUTES_MAX) {
                        node->refused++;
                        return 0;
                }
                attribute = &walk->attributes[walk->attribute_count++];
        }
        *attribute = (struct attribute){ sv_n(sensor_copy, type.n), sensor_copy, property_copy, value_copy };
        return 0;
}

static void add(struct hwmon_walk *walk, const struct chip *chip, const char *sensor, enum exposition_type type,
        const char *name, const char *help, double value)
{
        node_add2(exposition_family(walk->out, name, type, help), "chip", chip->name, "sensor", sensor, value);
}

static bool one_of(const char *text, const char *a, const char *b, const char *c)
{
        return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

/* What the unit of an attribute makes of its name, help and value; formats take the property. */
struct unit {
        const char *type;
        const char *suffix, *help;
        double factor;
        bool counter;
        bool divide; /* by factor: the last digit of a quotient is not that of a product */
};

static const struct unit units[] = {
        { "in", "_volts", "Hardware monitor for voltage (%s)", 0.001, false, false },
        { "cpu", "_volts", "Hardware monitor for voltage (%s)", 0.001, false, false },
        { "temp", "_celsius", "Hardware monitor for temperature (%s)", 0.001, false, false },
        { "curr", "_amps", "Hardware monitor for current (%s)", 0.001, false, false },
        { "energy", "_joule_total", "Hardware monitor for joules used so far (%s)", 1e6, true, true },
        { "power", "_watt", "Hardware monitor for power usage in watts (%s)", 1e6, false, true },
        { "humidity", "",
                "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage) "
                "(%s)",
                1e6, false, true },
        { "fan", "_rpm", "Hardware monitor for fan revolutions per minute (%s)", 1, false, false },
};

static const struct unit power_accuracy = { "power", "", "Hardware monitor power meter accuracy, as a ratio", 1e6,
        false, true };
static const struct unit power_interval = { "power", "_seconds", "Hardware monitor power usage update interval (%s)",
        0.001, false, false };

static const struct unit *unit_of(struct sv type, const char *property)
{
        if (sv_eq(type, SV("power")) && strcmp(property, "accuracy") == 0)
                return &power_accuracy;
        if (sv_eq(type, SV("power")) &&
                one_of(property, "average_interval", "average_interval_min", "average_interval_max"))
                return &power_interval;
        if ((sv_eq(type, SV("temp")) && strcmp(property, "type") == 0) ||
                (sv_eq(type, SV("fan")) && !one_of(property, "input", "min", "max") && strcmp(property, "target") != 0))
                return NULL;
        for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
                if (sv_eq(type, sv_of(units[i].type)))
                        return &units[i];
        return NULL;
}

/* help has at most one %s. */
static const char *help_text(struct node *node, const char *help, const char *property)
{
        const char *place = strstr(help, "%s");
        const char *text =
                place ? arena_printf(&node->arena, "%.*s%s%s", (int)(place - help), help, property, place + 2) : help;
        return text ? text : "";
}

static void add_attribute(struct hwmon_walk *walk, const struct chip *chip, const struct attribute *attribute)
{
        struct node *node = walk->node;
        const char *property = attribute->property;
        double value;
        if (strcmp(property, "label") == 0 || !node_parse_double(sv_of(attribute->value), &value))
                return;
        bool is_input = strcmp(property, "input") == 0; /* the value itself */
        const char *element = *property && !is_input ? clean_name(node, sv_of(property)) : NULL;
        if (is_input && find_attribute(walk, attribute->sensor, ""))
                element = "input";
        const char *name = arena_printf(&node->arena, "node_hwmon_%.*s%s%s", SV_ARG(attribute->type),
                element ? "_" : "", element ? element : "");
        const char *help = NULL;
        const char *sensor = attribute->sensor;
        const char *suffix = "";
        enum exposition_type type = EXPOSITION_GAUGE;
        const struct unit *unit = unit_of(attribute->type, property);
        if (strcmp(property, "fault") == 0 || strcmp(property, "alarm") == 0) {
                help = arena_printf(
                        &node->arena, "Hardware sensor %s status (%.*s)", property, SV_ARG(attribute->type));
        } else if (strcmp(property, "beep") == 0) {
                suffix = "_enabled";
                help = "Hardware monitor sensor has beeping enabled";
        } else if (sv_eq(attribute->type, SV("freq")) && is_input) {
                const struct attribute *label = find_attribute(walk, sensor, "label");
                if (!label)
                        return;
                sensor = clean_name(node, sv_of(label->value));
                suffix = "_freq_mhz";
                help = "Hardware monitor for GPU frequency in MHz";
                value /= 1e6;
        } else if (unit) {
                bool plain = sv_eq(attribute->type, SV("temp")) && !*property;
                suffix = unit->suffix;
                help = help_text(node, unit->help, plain ? "input" : property);
                value = unit->divide ? value / unit->factor : value * unit->factor;
                type = unit->counter ? EXPOSITION_COUNTER : EXPOSITION_GAUGE;
        } else {
                help = arena_printf(
                        &node->arena, "Hardware monitor %.*s element %s", SV_ARG(attribute->type), property);
        }
        name = name ? arena_printf(&node->arena, "%s%s", name, suffix) : NULL;
        if (name && help)
                add(walk, chip, sensor, type, name, help, value);
        else
                node->refused++;
}

/* Attributes of a whole chip, which have no unit. False when it is none. */
static bool add_general(struct hwmon_walk *walk, const struct chip *chip, const struct attribute *attribute)
{
        bool beep = sv_eq(attribute->type, SV("beep_enable"));
        bool vrm = sv_eq(attribute->type, SV("vrm"));
        double value;
        if (!beep && !vrm && !sv_eq(attribute->type, SV("update_interval")))
                return false;
        if (*attribute->property)
                return true;
        if (beep) {
                add(walk, chip, attribute->sensor, EXPOSITION_GAUGE, "node_hwmon_beep_enabled", "Hardware beep enabled",
                        strcmp(attribute->value, "1") == 0);
        } else if (node_parse_double(sv_of(attribute->value), &value)) {
                if (vrm)
                        add(walk, chip, attribute->sensor, EXPOSITION_GAUGE, "node_hwmon_voltage_regulator_version",
                                "Hardware voltage regulator", value);
                else
                        add(walk, chip, attribute->sensor, EXPOSITION_GAUGE, "node_hwmon_update_interval_seconds",
                                "Hardware monitor update interval", value * 0.001);
        }
        return true;
}

static void add_label(struct hwmon_walk *walk, const struct chip *chip, const struct attribute *attribute)
{
        const struct exposition_label labels[] = { { "chip", chip->name }, { "sensor", attribute->sensor },
                { "label", attribute->value } };
        exposition_add(node_gauge(walk->out, "node_hwmon_sensor_label", "Label for given chip and sensor"), labels, 3,
                1, EXPOSITION_NO_TIME);
}

static void collect_chip(struct hwmon_walk *walk, int directory, const struct chip *chip)
{
        char path[300];
        if (node_ignored(&walk->node->chips, sv_of(chip->name)))
                return;
        walk->attribute_count = 0;
        node_directory(directory, chip->directory, take_attribute, walk, NULL);
        snprintf(path, sizeof(path), "%s/device", chip->directory); /* drivers of old keep them there */
        node_directory(directory, path, take_attribute, walk, NULL);
        if (*chip->human)
                node_add2(node_gauge(walk->out, "node_hwmon_chip_names",
                                  "Annotation metric for human-readable chip names"),
                        "chip", chip->name, "chip_name", chip->human, 1);
        for (size_t i = 0; i < walk->attribute_count; i++) {
                const struct attribute *attribute = &walk->attributes[i];
                char whole[CHIP_NAME_MAX + 300];
                snprintf(whole, sizeof(whole), "%s;%s", chip->name, attribute->sensor);
                if (node_ignored(&walk->node->sensors, sv_of(whole)))
                        continue;
                if (strcmp(attribute->property, "label") == 0)
                        add_label(walk, chip, attribute);
                else if (!add_general(walk, chip, attribute))
                        add_attribute(walk, chip, attribute);
        }
}

/* Several chips of one device would be one series: the file "name" tells them apart. */
static void tell_apart(struct hwmon_walk *walk)
{
        const char *names[CHIPS_MAX];
        for (size_t i = 0; i < walk->chip_count; i++) {
                const struct chip *chip = &walk->chips[i];
                bool shared = false;
                for (size_t j = 0; j < walk->chip_count && !shared; j++)
                        shared = j != i && strcmp(walk->chips[j].name, chip->name) == 0;
                const char *own = *chip->human ? chip->human : chip->directory;
                const char *joined = shared ? arena_printf(&walk->node->arena, "%s_%s", chip->name, own) : chip->name;
                names[i] = joined ? joined : chip->name;
        }
        for (size_t i = 0; i < walk->chip_count; i++)
                walk->chips[i].name = names[i];
}

int node_collect_hwmon(struct node *node, struct exposition *out, struct error *err)
{
        struct hwmon_walk *walk = arena_new(&node->arena, struct hwmon_walk);
        if (!walk)
                return fail(err, E_NO_MEMORY, "no memory for sensors");
        walk->node = node;
        walk->out = out;
        if (node_directory(node->options.sys, "class/hwmon", take_chip, walk, err) < 0)
                return -1;
        tell_apart(walk);
        cleanup(fd_close) int directory = openat(node->options.sys, "class/hwmon", O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; directory >= 0 && i < walk->chip_count; i++)
                collect_chip(walk, directory, &walk->chips[i]);
        return 0;
}
