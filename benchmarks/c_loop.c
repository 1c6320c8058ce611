/* The straightforward C loop of the rules, one write and one bit after the other.

   A core is only brought up to date when something reaches it, and once more at the end; cores are
   independent, so this is exact. Lines count from 0 (that is line 24). Times are ticks. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CORES = 17, LINES = 8, LEVELS = 3 };
enum { MASKED, COALESCED, DELIVERED, PENDING };
enum mode { BATCH, SINGLE, NESTED };

#define NEVER (-1)

struct writes {
    int64_t count;
    const int64_t *tick;
    const int16_t *cluster;
    const uint8_t *line; /* 24..31 */
    const uint32_t *value;
    const uint8_t *to_mask;
};

struct rules {
    int64_t delivery, entry, service[LINES];
    uint32_t cores;                /* of each cluster, as bits */
    int32_t clusters;
    uint32_t enabled;              /* lines, as bits */
    uint32_t level[LEVELS + 1];    /* the enabled lines of each level, as bits */
};

struct edges {
    uint8_t *fate;
    int64_t *enter, *exit;
};

/* An exception under way, of a core whose handlers nest. */
struct frame {
    int64_t until; /* when its handler starts or ends; while it is preempted: what is left of that time */
    int64_t edge;
    uint8_t line, level, entering;
};

struct core {
    int64_t free;        /* without nesting: when the last exception ends */
    int64_t edge[LINES]; /* of the pending request of a line */
    uint32_t ilr;        /* pending lines */
    int32_t depth;
    struct frame frame[LEVELS];
};

/* The line to take among those above a level: the highest level, of equals the lowest number; or -1. */
static inline int candidate(const struct rules *rules, uint32_t ilr, int above)
{
    for (int level = LEVELS; level > above; level--) {
        uint32_t lines = ilr & rules->level[level];
        if (lines)
            return __builtin_ctz(lines);
    }
    return -1;
}

/* Take all that may be taken up to `now`, if an exception runs from its take to its end undisturbed. */
static inline void advance_flat(struct core *core, const struct rules *rules, struct edges out,
                                enum mode mode, int64_t now)
{
    while (core->free <= now && core->ilr) {
        int line = candidate(rules, core->ilr, 0);
        if (line < 0)
            return;
        uint32_t lines = mode == BATCH ? core->ilr & rules->enabled : 1u << line;
        int64_t at = core->free + rules->entry;
        core->ilr &= ~lines;
        for (; lines; lines &= lines - 1) {
            line = __builtin_ctz(lines);
            int64_t edge = core->edge[line];
            out.fate[edge] = DELIVERED;
            out.enter[edge] = at;
            out.exit[edge] = at += rules->service[line];
        }
        core->free = at;
    }
}

static inline int take_nested(struct core *core, const struct rules *rules, int64_t now)
{
    struct frame *top = &core->frame[core->depth - 1];
    if (core->depth && top->entering)
        return 0;
    int above = core->depth ? top->level : 0;
    int line = candidate(rules, core->ilr, above);
    if (line < 0)
        return 0;
    if (core->depth)
        top->until -= now;
    core->ilr &= ~(1u << line);
    while (!(rules->level[++above] >> line & 1))
        ;
    core->frame[core->depth++] = (struct frame){now + rules->entry, core->edge[line], line, above, 1};
    return 1;
}

static inline void advance_nested(struct core *core, const struct rules *rules, struct edges out, int64_t now)
{
    while (core->depth) {
        struct frame *top = &core->frame[core->depth - 1];
        int64_t at = top->until;
        if (at > now)
            return;
        if (top->entering) {
            out.fate[top->edge] = DELIVERED;
            out.enter[top->edge] = at;
            top->until = at + rules->service[top->line];
            top->entering = 0;
        } else {
            out.exit[top->edge] = at;
            if (--core->depth)
                core->frame[core->depth - 1].until += at;
        }
        if (core->ilr)
            take_nested(core, rules, at);
    }
}

static inline void request(struct core *core, const struct rules *rules, struct edges out, enum mode mode,
                           int64_t now, int line, int64_t edge)
{
    if (mode == NESTED)
        advance_nested(core, rules, out, now);
    else
        advance_flat(core, rules, out, mode, now);
    if (core->ilr >> line & 1) {
        out.fate[edge] = COALESCED;
        return;
    }
    out.fate[edge] = PENDING;
    core->ilr |= 1u << line;
    core->edge[line] = edge;
    if (mode == NESTED) {
        take_nested(core, rules, now);
    } else if (core->free <= now) {
        core->free = now; /* it was idle until now, or has just become so */
        advance_flat(core, rules, out, mode, now);
    }
}

static inline __attribute__((always_inline)) int64_t
run(const struct writes *writes, const struct rules *rules, struct edges out, enum mode mode)
{
    int64_t count = (int64_t)rules->clusters * CORES, edge = 0;
    struct core *cores = calloc(count, sizeof *cores);
    uint32_t(*blocked)[LINES] = calloc(rules->clusters, sizeof *blocked);
    if (!cores || !blocked) {
        free(cores);
        free(blocked);
        return -1;
    }
    for (int64_t i = 0; i < writes->count; i++) {
        int line = writes->line[i] - 24, cluster = writes->cluster[i];
        if (writes->to_mask[i]) {
            blocked[cluster][line] = writes->value[i];
            continue;
        }
        int64_t now = writes->tick[i] + rules->delivery;
        uint32_t stopped = blocked[cluster][line];
        struct core *of = cores + (int64_t)cluster * CORES;
        for (uint32_t left = writes->value[i] & rules->cores; left; left &= left - 1, edge++) {
            int pid = __builtin_ctz(left);
            out.enter[edge] = out.exit[edge] = NEVER;
            if (stopped >> pid & 1)
                out.fate[edge] = MASKED;
            else
                request(of + pid, rules, out, mode, now, line, edge);
        }
    }
    for (int64_t i = 0; i < count; i++) {
        if (mode == NESTED)
            advance_nested(cores + i, rules, out, INT64_MAX);
        else
            advance_flat(cores + i, rules, out, mode, INT64_MAX);
    }
    free(cores);
    free(blocked);
    return edge;
}

/* The number of edges that the writes make. */
int64_t count_edges(const struct writes *writes, uint32_t cores)
{
    int64_t edges = 0;
    for (int64_t i = 0; i < writes->count; i++)
        if (!writes->to_mask[i])
            edges += __builtin_popcount(writes->value[i] & cores);
    return edges;
}

/* Each fills the edge table and returns the number of edges, or -1 without memory. */
int64_t run_batch(const struct writes *writes, const struct rules *rules, const struct edges *out)
{
    return run(writes, rules, *out, BATCH);
}

int64_t run_single(const struct writes *writes, const struct rules *rules, const struct edges *out)
{
    return run(writes, rules, *out, SINGLE);
}

int64_t run_nested(const struct writes *writes, const struct rules *rules, const struct edges *out)
{
    return run(writes, rules, *out, NESTED);
}

/* If nothing takes time and every line is taken at once, the masks decide alone. */
int64_t run_functional(const struct writes *writes, const struct rules *rules, const struct edges *out)
{
    uint32_t(*blocked)[LINES] = calloc(rules->clusters, sizeof *blocked);
    int64_t edge = 0;
    if (!blocked)
        return -1;
    for (int64_t i = 0; i < writes->count; i++) {
        int line = writes->line[i] - 24, cluster = writes->cluster[i];
        if (writes->to_mask[i]) {
            blocked[cluster][line] = writes->value[i];
            continue;
        }
        int64_t now = writes->tick[i];
        uint32_t stopped = blocked[cluster][line];
        for (uint32_t left = writes->value[i] & rules->cores; left; left &= left - 1, edge++) {
            int masked = (stopped & left & -left) != 0;
            out->fate[edge] = masked ? MASKED : DELIVERED;
            out->enter[edge] = out->exit[edge] = masked ? NEVER : now;
        }
    }
    free(blocked);
    return edge;
}
