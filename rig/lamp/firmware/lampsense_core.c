/* See lampsense_core.h. */
#include "lampsense_core.h"

#include <string.h>

enum fault {
    E_CHECKSUM = 1,
    E_TOO_LONG = 2,
    E_COMMAND = 3,
    E_ARGUMENT = 4,
    E_BUSY = 5
};

/* ---- lines to the host ------------------------------------------------------------------- */

static void begin(struct ls_core *core, char kind)
{
    core->out[0] = kind;
    core->out_length = 1;
}

static void put(struct ls_core *core, char c)
{
    /* Four octets are kept for the checksum and the line end. */
    if (core->out_length < LS_LINE - 4) {
        core->out[core->out_length++] = c;
    }
}

static void put_text(struct ls_core *core, const char *text)
{
    while (*text) {
        put(core, *text++);
    }
}

static void put_number(struct ls_core *core, uint32_t value)
{
    char digits[10];
    uint8_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count) {
        put(core, digits[--count]);
    }
}

static void put_field(struct ls_core *core, uint32_t value)
{
    put(core, ' ');
    put_number(core, value);
}

static char hex_digit(uint8_t value)
{
    return (char)(value < 10 ? '0' + value : 'a' + value - 10);
}

static uint8_t checksum(const char *text, uint8_t length)
{
    uint8_t sum = 0;
    while (length--) {
        sum ^= (uint8_t)*text++;
    }
    return sum;
}

/* Queues the line whole or not at all. */
static bool send(struct ls_core *core)
{
    uint8_t length = core->out_length;
    uint8_t sum = checksum(core->out, length);
    core->out[length++] = '*';
    core->out[length++] = hex_digit(sum >> 4);
    core->out[length++] = hex_digit(sum & 15);
    core->out[length++] = '\n';
    uint8_t room = (uint8_t)(core->tail - core->head - 1);
    if (room < length) {
        if (core->lost < UINT16_MAX) {
            core->lost++;
        }
        return false;
    }
    uint8_t head = core->head;
    for (uint8_t i = 0; i < length; i++) {
        core->queue[head++] = core->out[i];
    }
    core->head = head;
    return true;
}

int16_t ls_next_octet(struct ls_core *core)
{
    uint8_t tail = core->tail;
    if (tail == core->head) {
        return -1;
    }
    uint8_t octet = (uint8_t)core->queue[tail];
    core->tail = (uint8_t)(tail + 1);
    return octet;
}

static void complain(struct ls_core *core, enum fault code, const char *text)
{
    begin(core, 'E');
    put_field(core, code);
    put(core, ' ');
    put_text(core, text);
    send(core);
}

static void put_levels(struct ls_core *core)
{
    put(core, ' ');
    for (uint8_t lamp = 0; lamp < LS_LAMPS; lamp++) {
        put(core, core->lamps[lamp].level);
    }
}

static void tell_relay(struct ls_core *core, uint8_t relay, char kind)
{
    begin(core, kind);
    put(core, (char)('0' + relay));
}

/* ---- lamps ------------------------------------------------------------------------------- */

static void forget_run(struct ls_lamp *lamp)
{
    lamp->pending = lamp->level;
    lamp->run = 0;
}

void ls_init(struct ls_core *core, const char *cause)
{
    memset(core, 0, sizeof *core);
    core->reference = -1;
    for (uint8_t lamp = 0; lamp < LS_LAMPS; lamp++) {
        core->lamps[lamp].level = LS_UNSET;
        forget_run(&core->lamps[lamp]);
    }
    begin(core, 'B');
    put_text(core, " lampsense");
    put_field(core, LS_PROTOCOL);
    put(core, ' ');
    put_text(core, cause);
    send(core);
}

/* The level without what the room light has added since the reference was taken. */
static int16_t without_room(const struct ls_core *core, uint8_t lamp, uint16_t raw)
{
    int16_t level = (int16_t)raw;
    if (core->reference >= 0 && core->reference != (int8_t)lamp) {
        level = (int16_t)(level + core->reference_base - core->lamps[core->reference].raw);
    }
    return level;
}

static char judge(const struct ls_core *core, uint8_t index, uint16_t raw)
{
    const struct ls_lamp *lamp = &core->lamps[index];
    if (raw <= LS_OPEN_MAX) {
        return LS_OPEN;
    }
    if (raw >= LS_SATURATED_MIN) {
        return LS_SATURATED;
    }
    if (!lamp->on) {
        return LS_UNSET;
    }
    int16_t level = without_room(core, index, raw);
    if (level >= (int16_t)lamp->on) {
        return LS_LIT;
    }
    if (level <= (int16_t)lamp->off) {
        return LS_DARK;
    }
    return lamp->level == LS_LIT || lamp->level == LS_DARK ? lamp->level : LS_UNSET;
}

void ls_sample(struct ls_core *core, uint8_t index, uint16_t raw, uint32_t at_ms)
{
    if (index >= LS_LAMPS) {
        return;
    }
    struct ls_lamp *lamp = &core->lamps[index];
    lamp->raw = raw;
    char seen = judge(core, index, raw);
    if (seen == lamp->level) {
        forget_run(lamp);
        return;
    }
    if (seen != lamp->pending || !lamp->run) {
        lamp->pending = seen;
        lamp->run = 0;
        lamp->pending_at = at_ms;
    }
    if (++lamp->run < LS_RUN) {
        return;
    }
    lamp->level = seen;
    forget_run(lamp);
    core->seq++;
    begin(core, 'L');
    put(core, (char)('0' + index));
    put(core, ' ');
    put(core, seen);
    put_field(core, lamp->pending_at);
    put_field(core, core->seq);
    send(core);
}

/* ---- relays ------------------------------------------------------------------------------ */

static void move_relay(struct ls_relay *relay, bool closed)
{
    relay->closed = closed;
    relay->disagreed = relay->told = false;
}

static void close_relay(struct ls_relay *relay, bool pulse, uint32_t limit, uint32_t now_ms)
{
    move_relay(relay, true);
    relay->pulse = pulse;
    relay->since = now_ms;
    relay->limit = limit;
}

static void check_limit(struct ls_core *core, uint8_t index, uint32_t now_ms)
{
    struct ls_relay *relay = &core->relays[index];
    uint32_t closed_ms = now_ms - relay->since;
    if (!relay->closed || closed_ms < relay->limit) {
        return;
    }
    move_relay(relay, false);
    if (relay->pulse) {
        tell_relay(core, index, 'P');
        put_text(core, " done");
        put_field(core, closed_ms);
    } else {
        tell_relay(core, index, 'R');
        put_text(core, " 0 timeout");
    }
    send(core);
}

static void check_feedback(struct ls_core *core, uint8_t index, uint32_t now_ms, bool contact)
{
    struct ls_relay *relay = &core->relays[index];
    if (!relay->feedback || contact == relay->closed) {
        relay->disagreed = relay->told = false;
        return;
    }
    if (!relay->disagreed) {
        relay->disagreed = true;
        relay->disagreed_at = now_ms;
    }
    if (!relay->told && now_ms - relay->disagreed_at >= LS_FEEDBACK_MS) {
        relay->told = true;
        tell_relay(core, index, 'R');
        put(core, ' ');
        put(core, contact ? '1' : '0');
        put_text(core, " stuck");
        send(core);
    }
}

uint8_t ls_relays(const struct ls_core *core)
{
    uint8_t mask = 0;
    for (uint8_t relay = 0; relay < LS_RELAYS; relay++) {
        if (core->relays[relay].closed) {
            mask |= (uint8_t)(1u << relay);
        }
    }
    return mask;
}

void ls_tick(struct ls_core *core, uint32_t now_ms, uint8_t feedback)
{
    for (uint8_t relay = 0; relay < LS_RELAYS; relay++) {
        check_limit(core, relay, now_ms);
        check_feedback(core, relay, now_ms, (feedback >> relay) & 1);
    }
    if (core->beat_ms && now_ms - core->beat_at >= core->beat_ms) {
        core->beat_at = now_ms;
        begin(core, 'H');
        put_field(core, now_ms);
        put_field(core, core->seq);
        put_levels(core);
        put_field(core, core->lost);
        put_field(core, core->bad);
        send(core);
    }
}

/* ---- lines from the host ----------------------------------------------------------------- */

/* Reads a decimal number of at most five digits and moves on behind it. */
static bool number(const char **text, uint16_t *value)
{
    const char *at = *text;
    uint32_t read = 0;
    uint8_t digits = 0;
    while (*at >= '0' && *at <= '9' && digits < 6) {
        read = read * 10 + (uint32_t)(*at++ - '0');
        digits++;
    }
    if (!digits || read > UINT16_MAX) {
        return false;
    }
    *text = at;
    *value = (uint16_t)read;
    return true;
}

/* Reads a blank and a number. */
static bool field(const char **text, uint16_t *value)
{
    if (**text != ' ') {
        return false;
    }
    (*text)++;
    return number(text, value);
}

static void agree(struct ls_core *core)
{
    begin(core, 'O');
    put_text(core, "K ");
    put_text(core, core->line);
    send(core);
}

static void set_thresholds(struct ls_core *core, uint8_t index, const char *rest)
{
    uint16_t on;
    uint16_t off;
    bool ok = field(&rest, &on) && field(&rest, &off) && !*rest;
    if (!ok || !((!on && !off) || (off > LS_OPEN_MAX && on > off && on < LS_SATURATED_MIN))) {
        complain(core, E_ARGUMENT, "expected T<n> <on> <off>, 7 < off < on < 1015");
        return;
    }
    struct ls_lamp *lamp = &core->lamps[index];
    lamp->on = on;
    lamp->off = off;
    lamp->level = LS_UNSET;
    forget_run(lamp);
    agree(core);
}

static void set_relay(struct ls_core *core, uint8_t index, const char *rest, uint32_t now_ms)
{
    uint16_t on;
    if (!field(&rest, &on) || *rest || on > 1) {
        complain(core, E_ARGUMENT, "expected R<n> 0 or R<n> 1");
        return;
    }
    if (on) {
        close_relay(&core->relays[index], false, LS_RELAY_LIMIT_MS, now_ms);
    } else {
        move_relay(&core->relays[index], false);
    }
    agree(core);
}

static void pulse(struct ls_core *core, uint8_t index, const char *rest, uint32_t now_ms)
{
    uint16_t ms;
    if (!field(&rest, &ms) || *rest || ms < 10 || ms > LS_RELAY_LIMIT_MS) {
        complain(core, E_ARGUMENT, "expected P<n> <ms>, 10 to 2000");
        return;
    }
    if (core->relays[index].closed) {
        complain(core, E_BUSY, "the relay is closed");
        return;
    }
    close_relay(&core->relays[index], true, ms, now_ms);
    agree(core);
}

static void set_feedback(struct ls_core *core, uint8_t index, const char *rest)
{
    uint16_t on;
    if (!field(&rest, &on) || *rest || on > 1) {
        complain(core, E_ARGUMENT, "expected F<n> 0 or F<n> 1");
        return;
    }
    core->relays[index].feedback = on;
    agree(core);
}

static void set_beat(struct ls_core *core, const char *rest, uint32_t now_ms)
{
    uint16_t ms;
    if (!field(&rest, &ms) || *rest || (ms && (ms < 100 || ms > 60000))) {
        complain(core, E_ARGUMENT, "expected H <ms>, 0 or 100 to 60000");
        return;
    }
    core->beat_ms = ms;
    core->beat_at = now_ms;
    agree(core);
}

static void set_reference(struct ls_core *core, const char *rest)
{
    uint16_t index;
    if (!strcmp(rest, "-")) {
        core->reference = -1;
    } else if (number(&rest, &index) && !*rest && index < LS_LAMPS) {
        core->reference = (int8_t)index;
        core->reference_base = core->lamps[index].raw;
    } else {
        complain(core, E_ARGUMENT, "expected G<n> or G-");
        return;
    }
    agree(core);
}

/* Questions, and what has no number. */
static bool plain(struct ls_core *core, uint32_t now_ms)
{
    const char *line = core->line;
    if (!strcmp(line, "V?")) {
        begin(core, 'V');
        put_text(core, " lampsense");
        put_field(core, LS_PROTOCOL);
        put_text(core, " atmega328p");
        put_field(core, LS_LAMPS);
        put_field(core, LS_RELAYS);
    } else if (!strcmp(line, "S?")) {
        begin(core, 'S');
        put_levels(core);
        put_field(core, now_ms);
        put_field(core, core->seq);
    } else if (!strcmp(line, "C?")) {
        begin(core, 'C');
        put_field(core, now_ms);
    } else if (!strcmp(line, "A?")) {
        begin(core, 'A');
        for (uint8_t lamp = 0; lamp < LS_LAMPS; lamp++) {
            put_field(core, core->lamps[lamp].raw);
        }
    } else if (!strcmp(line, "Z!")) {
        for (uint8_t relay = 0; relay < LS_RELAYS; relay++) {
            move_relay(&core->relays[relay], false);
        }
        agree(core);
        core->restart = true;
        return true;
    } else if (line[0] == 'H') {
        set_beat(core, line + 1, now_ms);
        return true;
    } else if (line[0] == 'G') {
        set_reference(core, line + 1);
        return true;
    } else {
        return false;
    }
    send(core);
    return true;
}

/* What begins with a letter and the number of a lamp or relay. */
static void numbered(struct ls_core *core, uint32_t now_ms)
{
    char kind = core->line[0];
    const char *rest = core->line + 1;
    uint16_t index;
    bool relay = kind == 'R' || kind == 'P' || kind == 'F';
    if (!relay && kind != 'T' && kind != 'A') {
        complain(core, E_COMMAND, "unknown command");
        return;
    }
    if (!number(&rest, &index) || index >= (relay ? LS_RELAYS : LS_LAMPS)) {
        complain(core, E_ARGUMENT, "no such lamp or relay");
        return;
    }
    uint8_t n = (uint8_t)index;
    if (kind == 'T') {
        set_thresholds(core, n, rest);
    } else if (kind == 'R') {
        set_relay(core, n, rest, now_ms);
    } else if (kind == 'P') {
        pulse(core, n, rest, now_ms);
    } else if (kind == 'F') {
        set_feedback(core, n, rest);
    } else if (!strcmp(rest, "?")) {
        begin(core, 'A');
        put_number(core, n);
        put_field(core, core->lamps[n].raw);
        send(core);
    } else {
        complain(core, E_ARGUMENT, "expected A<n>? or A?");
    }
}

static int8_t hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return (int8_t)(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return (int8_t)(c - 'a' + 10);
    }
    return -1;
}

static void refuse(struct ls_core *core, enum fault code, const char *text, uint32_t now_ms)
{
    if (core->bad < UINT16_MAX) {
        core->bad++;
    }
    if (core->complained && now_ms - core->complained_at < LS_COMPLAINT_MS) {
        return;
    }
    core->complained = true;
    core->complained_at = now_ms;
    complain(core, code, text);
}

static void obey(struct ls_core *core, uint32_t now_ms)
{
    uint8_t length = core->length;
    core->length = 0;
    if (!length) {
        return;
    }
    int8_t high = -1;
    int8_t low = -1;
    if (length > 3 && core->line[length - 3] == '*') {
        high = hex_value(core->line[length - 2]);
        low = hex_value(core->line[length - 1]);
        length = (uint8_t)(length - 3);
    }
    if (high < 0 || low < 0 || checksum(core->line, length) != (uint8_t)(high << 4 | low)) {
        refuse(core, E_CHECKSUM, "checksum", now_ms);
        return;
    }
    core->line[length] = 0;
    if (!plain(core, now_ms)) {
        numbered(core, now_ms);
    }
}

void ls_receive(struct ls_core *core, uint8_t octet, uint32_t now_ms)
{
    if (octet == '\n') {
        if (core->skipping) {
            core->skipping = false;
            core->length = 0;
            refuse(core, E_TOO_LONG, "line too long", now_ms);
            return;
        }
        obey(core, now_ms);
    } else if (octet != '\r' && !core->skipping) {
        /* One place is kept for the end of the string. */
        if (core->length >= LS_LINE - 1) {
            core->skipping = true;
            return;
        }
        core->line[core->length++] = (char)octet;
    }
}

void ls_overrun(struct ls_core *core)
{
    if (core->bad < UINT16_MAX) {
        core->bad++;
    }
}

bool ls_wants_restart(const struct ls_core *core)
{
    return core->restart && core->head == core->tail;
}

uint16_t ls_size(void)
{
    return (uint16_t)sizeof(struct ls_core);
}
