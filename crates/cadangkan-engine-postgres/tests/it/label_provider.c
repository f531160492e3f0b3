/* A provider of security labels that takes every label, for PostgreSQL 15: what a server's headers would say, in the few words it needs. */
struct magic {
    int length, version, most_arguments, most_keys, name_length, float8_by_value;
    char abi[32];
};

static const struct magic magic = {sizeof(struct magic), 1500, 100, 32, 64, 1, "PostgreSQL"};

const struct magic *Pg_magic_func(void) { return &magic; }

extern void register_label_provider(const char *name, void (*check)(const void *object, const char *label));

static void check(const void *object, const char *label) {
    (void)object;
    (void)label;
}

void _PG_init(void) { register_label_provider("cadangkan_labels", check); }
